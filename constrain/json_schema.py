"""JSON Schema (draft 2020-12) as a language: the UTF-8 texts of the documents that a schema admits.

A schema is read into a `ValueSet` (what it means), and that is written as an `Expression` (how it is spelled). Every
keyword is enforced exactly, listed as an annotation by the specification, or refused by name with its JSON pointer.

Members come in the order in which `properties`, and the schemas applied in the same place, first name them; then names
that are only `required`; then additional ones. Each alternative of an `anyOf` or `oneOf` has an order of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from itertools import combinations
from operator import and_
from typing import Any
from urllib.parse import unquote

from constrain.errors import LimitError, SpecError, UnsupportedError
from constrain.expression import NOTHING as NO_TEXT
from constrain.expression import Expression, compile_expression
from constrain.formats import FORMATS, UNENFORCED, format_content
from constrain.json_keywords import DIALECT, check_keywords, check_size, dialect_of, is_schema, join
from constrain.json_patterns import pattern_content
from constrain.json_text import ANY_SPACE, NO_SPACE, Json
from constrain.json_values import (
    ANY,
    NOTHING,
    Array,
    Fixed,
    Number,
    Object,
    Shape,
    String,
    ValueSet,
    any_of,
    either,
    exact,
)
from constrain.json_writer import Writer, dumps
from constrain.regex import parse, to_expression

__all__ = ["SchemaLanguage", "schema_expression", "schema_language"]

MAX_NESTING = 64
DEFAULT_DEPTH = 2


@dataclass(frozen=True, eq=False)
class SchemaLanguage:
    """What a schema means (`values`) and how it is spelled (`expression`).

    `bounded` says in words where the language is smaller than the schema. `contradictions` holds the JSON pointers of
    subschemas that no value satisfies although each of their keywords can be satisfied; if the root admits nothing,
    they say why.
    """

    expression: Expression
    values: ValueSet
    bounded: tuple[str, ...]
    contradictions: tuple[str, ...]

    def dumps(self, value: Json, separators: tuple[str, str] = (", ", ": ")) -> str:
        """The text of a value, members in the order of the schema; `SpecError` if the schema does not admit it."""
        return dumps(self.values, value, separators)


def schema_expression(
    schema: Mapping[str, Any] | bool,
    *,
    whitespace: str = "any",
    additional_properties_default: bool = True,
    max_depth: int | None = None,
) -> Expression:
    """The texts of the documents that are valid under `schema`; see `schema_language`."""
    return schema_language(
        schema,
        whitespace=whitespace,
        additional_properties_default=additional_properties_default,
        max_depth=max_depth,
    ).expression


def schema_language(
    schema: Mapping[str, Any] | bool,
    *,
    whitespace: str = "any",
    additional_properties_default: bool = True,
    max_depth: int | None = None,
) -> SchemaLanguage:
    """The language `{text(v) : v is valid under schema}`, nothing around the document and `whitespace` inside it.

    `whitespace` between tokens is JSON's own (`"any"`), none (`"compact"`), or what a regular expression in Python
    syntax matches. `additional_properties_default` False means that an object schema with `properties` but without
    `additionalProperties` gets no members that no schema names (where the specification would allow them). Where a
    schema allows any value, arrays and objects are nested up to `max_depth` (default 2) deep; `bounded` says so.

    Raises `SpecError` for what is malformed or contradicts itself, `UnsupportedError` for what is not enforced, both
    with the JSON pointer of the keyword; `LimitError` for schemas that are too large, too deep or multiply too far.
    """
    check_size(schema)
    if not is_schema(schema):
        raise SpecError(f"a schema is an object or a boolean, not {schema!r}", pointer="", hint="give a dict")
    space = _space(whitespace)
    depth = DEFAULT_DEPTH if max_depth is None else max_depth
    if depth < 0:
        raise SpecError(f"max_depth must not be negative, and is {depth}", keyword="max_depth")
    reader = _Reader(schema, open_objects=additional_properties_default)
    values = reader.read(schema, "")
    writer = Writer(space, depth=depth, open_objects=additional_properties_default)
    expression = writer.expression(values) if values else NO_TEXT
    places = ", ".join(pointer or "the root" for pointer in reader.unconstrained[:3])
    more = len(reader.unconstrained) - 3
    note = f"any JSON value is nested at most {depth} deep (at {places}{f' and {more} more' if more > 0 else ''})"
    return SchemaLanguage(expression, values, (note,) if writer.reached_any else (), tuple(reader.contradictions))


def _space(whitespace: str) -> Expression:
    if whitespace in ("any", "compact"):
        return ANY_SPACE if whitespace == "any" else NO_SPACE
    automaton = compile_expression(to_expression(parse(whitespace)))
    outside = automaton - compile_expression(ANY_SPACE)
    if automaton.is_empty() or not outside.is_empty():
        raise SpecError(
            f"whitespace={whitespace!r} matches "
            + ("nothing" if automaton.is_empty() else f"{outside.shortest().decode()!r}, which JSON has no place for"),
            keyword="whitespace",
            hint=r'give "any", "compact", or a pattern over space, \t, \n and \r, such as " ?"',
        )
    return automaton


class _Reader:
    """Reads one schema. Pointers in errors lead to the keyword, in the place where the schema stands.

    `unconstrained` are the places where any value may be written, `contradictions` those where no value may.
    """

    def __init__(self, root: Mapping[str, Any] | bool, *, open_objects: bool) -> None:
        self.root = root
        self.open_objects = open_objects
        self.dialect = dialect_of(root) if isinstance(root, Mapping) else DIALECT
        self.known: dict[int, ValueSet] = {}
        self.reading: list[int] = []
        self.unconstrained: list[str] = []
        self.contradictions: list[str] = []

    def read(self, schema: Mapping[str, Any] | bool, at: str) -> ValueSet:
        if isinstance(schema, bool):
            return self.anything(at) if schema else NOTHING
        key = id(schema)
        if key not in self.known:
            self.reading.append(key)
            if len(self.reading) > MAX_NESTING:
                raise LimitError(
                    f"schemas are nested more than {MAX_NESTING} deep, references included",
                    limit=MAX_NESTING,
                    given=len(self.reading),
                    hint="flatten the document",
                )
            check_keywords(schema, at, self.dialect)
            self.known[key] = self.conjunction(schema, at)
            self.reading.pop()
        return self.known[key]

    def anything(self, at: str) -> ValueSet:
        self.unconstrained.append(at)
        return ANY

    def conjunction(self, schema: Mapping[str, Any], at: str) -> ValueSet:
        """All keywords of one schema together, in the order in which they name members."""
        parts: list[ValueSet] = []
        if "properties" not in schema:
            parts.append(self.own(schema, at))
        for keyword, value in schema.items():
            match keyword:
                case "properties":
                    parts.append(self.own(schema, at))
                case "enum":
                    parts.append(either([Fixed(tuple(value))]))
                case "const":
                    parts.append(either([Fixed((value,))]))
                case "$ref":
                    parts.append(self.reference(value, join(at, keyword)))
                case "allOf":
                    parts += self.each(value, join(at, keyword))
                case "anyOf":
                    parts.append(any_of(self.each(value, join(at, keyword))))
        values = reduce(and_, parts)
        if "oneOf" in schema:
            branches = self.each(schema["oneOf"], join(at, "oneOf"))
            parts.append(any_of(branches))
            values = _exactly_one([values & branch for branch in branches], join(at, "oneOf"))
        if not values and all(parts):
            if fixed := next((keyword for keyword in ("const", "enum") if keyword in schema), None):
                raise SpecError(
                    f"no value of {fixed} satisfies the keywords beside it",
                    pointer=join(at, fixed),
                    keyword=fixed,
                    hint="change one of them",
                )
            self.contradictions.append(at)
        return self.anything(at) if values is ANY else values

    def each(self, schemas: list[Any], at: str) -> list[ValueSet]:
        return [self.read(schema, join(at, index)) for index, schema in enumerate(schemas)]

    def reference(self, reference: str, at: str) -> ValueSet:
        def refuse(reason: str, hint: str) -> UnsupportedError:
            return UnsupportedError(f"$ref {reference!r} {reason}", pointer=at, keyword="$ref", hint=hint)

        base, _, fragment = reference.partition("#")
        own_base = self.root.get("$id", "") if isinstance(self.root, Mapping) else ""
        if base not in ("", own_base.partition("#")[0]):
            raise refuse("leads out of this schema", "nothing is fetched: copy the schema under $defs")
        if fragment and not fragment.startswith("/"):
            raise refuse("is a name and not a pointer", "refer to the place itself, as in #/$defs/name")
        target: Any = self.root
        tokens = [token.replace("~1", "/").replace("~0", "~") for token in unquote(fragment).split("/")[1:]]
        for token in tokens:
            if isinstance(target, list) and token.isdecimal() and int(token) < len(target):
                target = target[int(token)]
            elif isinstance(target, Mapping) and token in target:
                target = target[token]
            else:
                target = None
        if not is_schema(target):
            raise SpecError(
                f"$ref {reference!r} leads to no schema", pointer=at, keyword="$ref", hint="is the name right?"
            )
        if id(target) in self.reading:
            raise refuse("is recursive", "write the schema out to the depth you need")
        return self.read(target, join("", *tokens))

    def own(self, schema: Mapping[str, Any], at: str) -> ValueSet:
        """What the keywords that each concern one type say, and `type` itself."""
        types = schema.get("type")
        if types is None and not schema.keys() & _BY_TYPE:
            return ANY
        named = {types} if isinstance(types, str) else set(types or ())
        if schema.get("nullable"):
            named.add("null")

        known = len(self.contradictions)

        def possible(shape: Number | String | Array | Object, *keywords: str) -> Shape:
            if shape.is_empty and named and len(self.contradictions) == known:  # nothing inside is to blame
                keyword = next((keyword for keyword in keywords if keyword in schema), "type")
                raise SpecError(
                    f"no {type(shape).__name__.lower()} satisfies {keyword} and the keywords beside it",
                    pointer=join(at, keyword),
                    keyword=keyword,
                    hint="they contradict each other: change one of them",
                )
            return shape

        def shapes() -> Iterator[Shape]:
            if not named or "null" in named:
                yield Fixed((None,))
            if not named or "boolean" in named:
                yield Fixed((False, True))
            if not named or named & {"integer", "number"}:
                whole = bool(named) and "number" not in named
                yield possible(_number(schema, whole=whole), "minimum", "exclusiveMinimum")
            if not named or "string" in named:
                yield possible(_string(schema, at), "minLength", "pattern", "format")
            if not named or "array" in named:
                yield possible(self.array(schema, at), "minItems")
            if not named or "object" in named:
                yield possible(self.object(schema, at), "required")

        return either(shapes())

    def array(self, schema: Mapping[str, Any], at: str) -> Array:
        prefix = self.each(schema.get("prefixItems", []), join(at, "prefixItems"))
        high = _count(schema, "maxItems")
        closed = high is not None and high <= len(prefix)
        items = ANY if closed and "items" not in schema else self.read(schema.get("items", True), join(at, "items"))
        return Array(items, tuple(prefix), _count(schema, "minItems") or 0, high)

    def object(self, schema: Mapping[str, Any], at: str) -> Object:
        stated, lists = "additionalProperties" in schema, "properties" in schema
        place = join(at, "additionalProperties")
        if stated:
            additional = self.read(schema["additionalProperties"], place)
        else:
            additional = self.anything(place) if self.open_objects or not lists else ANY
        members = {
            name: self.read(each, join(at, "properties", name)) for name, each in schema.get("properties", {}).items()
        }
        required = schema.get("required", [])
        members |= {name: additional for name in required if name not in members}
        return Object(members, frozenset(required), additional, stated=stated, lists=lists)


_BY_TYPE = frozenset({
    "type", "properties", "required", "additionalProperties", "prefixItems", "items", "minItems", "maxItems",
    "minLength", "maxLength", "pattern", "format", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
})  # fmt: skip


def _count(schema: Mapping[str, Any], keyword: str) -> int | None:
    return int(schema[keyword]) if keyword in schema else None


def _number(schema: Mapping[str, Any], *, whole: bool) -> Number:
    low, high, above, below = (
        None if keyword not in schema else exact(schema[keyword])
        for keyword in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
    )
    return Number(whole, low, high) & Number(whole, above, below, low_open=True, high_open=True)


def _string(schema: Mapping[str, Any], at: str) -> String:
    string = String(_count(schema, "minLength") or 0, _count(schema, "maxLength"))
    if "pattern" in schema:
        try:
            string &= String(pattern=pattern_content(schema["pattern"]))
        except SpecError as error:
            raise type(error)(
                error.message,
                pointer=join(at, "pattern"),
                source=error.source,
                position=error.position,
                keyword="pattern",
                hint=error.hint or "write the pattern without it",
            ) from None
    name = schema.get("format")
    if name in FORMATS:
        string &= String(pattern=format_content(name))
    elif name in UNENFORCED:
        raise UnsupportedError(
            f"format {name!r} is not supported",
            pointer=join(at, "format"),
            keyword="format",
            hint=f"{', '.join(FORMATS)} are; or give a pattern",
        )
    return string


def _exactly_one(branches: list[ValueSet], at: str) -> ValueSet:
    """The union of the branches, provided that no value is in two of them."""
    for (i, first), (j, second) in combinations(enumerate(branches), 2):
        if first.meets(second):
            raise UnsupportedError(
                f"oneOf is not supported when a value can satisfy two branches, as here {i} and {j}",
                pointer=at,
                keyword="oneOf",
                hint="tell them apart by a required member with different const values, or use anyOf",
            )
    return any_of(branches)
