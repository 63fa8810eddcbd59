"""The vocabulary of JSON Schema: which keyword asserts something in which draft, what is a note, and what is malformed.

Nothing here follows a reference or builds a language. `check_size` looks over the whole schema once, in linear time,
so that everything after it may recurse; `check_keywords` looks at one subschema without its children.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from constrain.errors import LimitError, SpecError, UnsupportedError

__all__ = ["DECIMAL", "KEYWORDS", "TYPES", "active", "check_keywords", "check_size", "is_schema", "join"]

MAX_VALUES = 100_000
MAX_CHARACTERS = 1_000_000
MAX_DEPTH = 256
MAX_INTEGER_BITS = 4_096

DECIMAL: Final = "x-decimal"
"""A note that `python_types` writes: the number is read as a `Decimal`, with such limits as pydantic has for these. To
any other schema it is a note like others.
"""

TYPES: Final = ("null", "boolean", "integer", "number", "string", "array", "object")


def join(pointer: str, *tokens: str | int) -> str:
    """The JSON pointer (RFC 6901) that goes on from `pointer`."""
    return pointer + "".join("/" + str(token).replace("~", "~0").replace("/", "~1") for token in tokens)


_Place: TypeAlias = "tuple[_Place, str | int] | None"


def check_size(schema: object) -> None:
    """Raise `LimitError` if the schema is too large or too deep, `SpecError` if it holds what JSON cannot."""
    values = characters = 0
    stack: list[tuple[object, int, _Place]] = [(schema, 0, None)]
    while stack:
        value, depth, place = stack.pop()
        values += 1
        match value:
            case str():
                characters += _length(value, place)
            case dict():
                for name, item in value.items():
                    if not isinstance(name, str):
                        raise _not_json(name, place)
                    characters += _length(name, place)
                    stack.append((item, depth + 1, (place, name)))
            case list():
                stack += ((item, depth + 1, (place, index)) for index, item in enumerate(value))
            case int():
                _limit("bits in one integer", value.bit_length(), MAX_INTEGER_BITS)
            case float() if not math.isfinite(value):
                raise _not_json(value, place)
            case float() | None:
                pass
            case _:
                raise _not_json(value, place)
        _limit("values", values + len(stack), MAX_VALUES)
        _limit("characters", characters, MAX_CHARACTERS)
        _limit("levels of nesting", depth, MAX_DEPTH)


def _length(text: str, place: _Place) -> int:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _not_json(text, place) from None
    return len(text)


def _limit(what: str, given: int, limit: int) -> None:
    if given > limit:
        raise LimitError(
            f"a schema may have {limit:,} {what}, and this one has at least {given:,}",
            limit=limit,
            given=given,
            hint="constrain a part of the document, or leave out what is not used",
        )


def _not_json(value: object, place: _Place) -> SpecError:
    tokens: list[str | int] = []
    while place is not None:
        place, token = place
        tokens.append(token)
    return SpecError(
        f"{value!r} has no place in a schema, which is JSON",
        pointer=join("", *reversed(tokens)),
        hint="names are strings without lone surrogates; values are dict, list, str, int, finite float, bool or None",
    )


def is_schema(value: object) -> bool:
    return isinstance(value, bool | Mapping)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return _is_number(value) and value >= 0 and value == int(value)


def _is_schemas(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(map(is_schema, value))


def _is_named_schemas(value: object) -> bool:
    return isinstance(value, Mapping) and all(map(is_schema, value.values()))


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _is_type(value: Any) -> bool:
    return value in TYPES if isinstance(value, str) else _is_names(value) and set(value) <= set(TYPES) and value != []


def _is_dependencies(value: Any) -> bool:
    return isinstance(value, Mapping) and all(is_schema(each) or _is_names(each) for each in value.values())


_TEXT = (lambda value: isinstance(value, str), "a string")
_FLAG = (lambda value: isinstance(value, bool), "a boolean")
_ANYTHING = (lambda value: True, "any value")
_COUNT = (_is_count, "a non-negative integer")
_NUMBER = (_is_number, "a number")
_POSITIVE = (lambda value: _is_number(value) and value > 0, "a number above 0")
_SCHEMA = (is_schema, "a schema, which is an object or a boolean")
_SCHEMAS = (_is_schemas, "a non-empty array of schemas")
_NAMED_SCHEMAS = (_is_named_schemas, "an object whose values are schemas")
_NAMES = (_is_names, "an array of strings")
_NAMED_NAMES = (
    lambda value: isinstance(value, Mapping) and all(map(_is_names, value.values())),
    "an object whose values are arrays of strings",
)

_DRAFTS: Final = ("4", "6", "7", "2019-09", "2020-12")


@dataclass(frozen=True)
class Keyword:
    """A keyword that asserts or applies something: what its value has to be, and in which drafts and vocabulary."""

    is_right: Callable[[Any], bool]
    description: str
    since: str = "4"
    until: str = "2020-12"
    vocabulary: str = "validation"

    def is_known(self, draft: str) -> bool:
        return _DRAFTS.index(self.since) <= _DRAFTS.index(draft) <= _DRAFTS.index(self.until)


def _applicator(rule: tuple[Callable[[Any], bool], str], since: str = "4", until: str = "2020-12") -> Keyword:
    return Keyword(*rule, since, until, "applicator")


def _core(rule: tuple[Callable[[Any], bool], str], since: str = "4", until: str = "2020-12") -> Keyword:
    return Keyword(*rule, since, until, "core")


KEYWORDS: Final[Mapping[str, Keyword]] = {
    "$schema": _core(_TEXT),
    "$id": _core(_TEXT, "6"),
    "id": _core(_TEXT, "4", "4"),
    "$ref": _core(_TEXT),
    "$anchor": _core(_TEXT, "2019-09"),
    "$dynamicRef": _core(_TEXT, "2020-12"),
    "$dynamicAnchor": _core(_TEXT, "2020-12"),
    "$recursiveRef": _core(_TEXT, "2019-09", "2019-09"),
    "$recursiveAnchor": _core(_FLAG, "2019-09", "2019-09"),
    "$defs": _core(_NAMED_SCHEMAS, "2019-09"),
    "definitions": _core(_NAMED_SCHEMAS),
    "type": Keyword(_is_type, f"one of {', '.join(TYPES)}, or a non-empty array of them"),
    "enum": Keyword(lambda value: isinstance(value, list), "an array"),
    "const": Keyword(*_ANYTHING, since="6"),
    "allOf": _applicator(_SCHEMAS),
    "anyOf": _applicator(_SCHEMAS),
    "oneOf": _applicator(_SCHEMAS),
    "not": _applicator(_SCHEMA),
    "if": _applicator(_SCHEMA, "7"),
    "then": _applicator(_SCHEMA, "7"),
    "else": _applicator(_SCHEMA, "7"),
    "properties": _applicator(_NAMED_SCHEMAS),
    "patternProperties": _applicator(_NAMED_SCHEMAS),
    "additionalProperties": _applicator(_SCHEMA),
    "propertyNames": _applicator(_SCHEMA, "6"),
    "dependentSchemas": _applicator(_NAMED_SCHEMAS, "2019-09"),
    "dependencies": _applicator((_is_dependencies, "an object of schemas and arrays of strings"), until="7"),
    "unevaluatedProperties": Keyword(*_SCHEMA, since="2019-09", vocabulary="unevaluated"),
    "unevaluatedItems": Keyword(*_SCHEMA, since="2019-09", vocabulary="unevaluated"),
    "required": Keyword(*_NAMES),
    "dependentRequired": Keyword(*_NAMED_NAMES, since="2019-09"),
    "minProperties": Keyword(*_COUNT),
    "maxProperties": Keyword(*_COUNT),
    "prefixItems": _applicator(_SCHEMAS, "2020-12"),
    "items": _applicator((is_schema, "a schema, which is an object or a boolean")),
    "additionalItems": _applicator(_SCHEMA, until="2019-09"),
    "contains": _applicator(_SCHEMA, "6"),
    "minContains": Keyword(*_COUNT, since="2019-09"),
    "maxContains": Keyword(*_COUNT, since="2019-09"),
    "minItems": Keyword(*_COUNT),
    "maxItems": Keyword(*_COUNT),
    "uniqueItems": Keyword(*_FLAG),
    "minLength": Keyword(*_COUNT),
    "maxLength": Keyword(*_COUNT),
    "pattern": Keyword(*_TEXT),
    "format": Keyword(*_TEXT, vocabulary="format"),
    "minimum": Keyword(*_NUMBER),
    "maximum": Keyword(*_NUMBER),
    "exclusiveMinimum": Keyword(*_NUMBER),
    "exclusiveMaximum": Keyword(*_NUMBER),
    "multipleOf": Keyword(*_POSITIVE),
}
"""All keywords that assert or apply something, with what their values have to be in the newest draft that has them."""

ANNOTATIONS: Final = frozenset({
    "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "$comment", "$vocabulary",
    "contentEncoding", "contentMediaType", "contentSchema", "discriminator",
    "example", "externalDocs", "nullable", "xml",
})  # fmt: skip
"""Asserting nothing, by the specification: of JSON Schema, or of OpenAPI for the last five."""

_SINCE_BOOLEAN: Final = {"exclusiveMinimum", "exclusiveMaximum"}
_REPLACED: Final = {"dependencies": "dependentRequired or dependentSchemas", "$recursiveRef": "$dynamicRef"}


def active(schema: Mapping[str, Any], draft: str, vocabularies: frozenset[str] | None = None) -> dict[str, Any]:
    """The keywords of a schema that assert or apply something under this draft and these vocabularies (None: all)."""
    return {
        keyword: value
        for keyword, value in schema.items()
        if (known := KEYWORDS.get(keyword)) is not None
        and known.is_known(draft)
        and (vocabularies is None or any(known.vocabulary in each for each in (*vocabularies, "core")))
    }


def check_keywords(schema: Mapping[str, Any], pointer: str, draft: str) -> None:
    """Raise `SpecError` for the first keyword of the schema that is malformed, `UnsupportedError` for what looks like a
    slip: a keyword that is almost another, or that this draft has given up. Other unknown names are notes, as the
    specification says.
    """
    for keyword, value in schema.items():
        known = KEYWORDS.get(keyword)
        if known is None:
            if keyword not in ANNOTATIONS and (meant := _almost(keyword, value)):
                raise UnsupportedError(
                    f"{keyword!r} is no keyword of JSON Schema",
                    pointer=join(pointer, keyword),
                    keyword=keyword,
                    hint=f"did you mean {meant!r}? Begin the names of your own notes with x-",
                )
        elif keyword in _REPLACED and not known.is_known(draft):
            raise UnsupportedError(
                f"{keyword} has no meaning in draft {draft}",
                pointer=join(pointer, keyword),
                keyword=keyword,
                hint=f"use {_REPLACED[keyword]}, or declare an older draft by $schema",
            )
        elif known.is_known(draft) and not _is_right(keyword, value, draft):
            raise SpecError(
                f"{keyword} must be {known.description}",
                pointer=join(pointer, keyword),
                keyword=keyword,
                hint=_advice(keyword, value),
            )


def _is_right(keyword: str, value: Any, draft: str) -> bool:
    """Whether the value of a known keyword is well-formed in this draft, where that differs from the newest one."""
    if draft == "4" and keyword in _SINCE_BOOLEAN:
        return isinstance(value, bool)
    if draft == "4" and keyword in ("additionalProperties", "additionalItems"):
        return is_schema(value)
    if draft != "2020-12" and keyword == "items" and isinstance(value, list):
        return all(map(is_schema, value))
    return KEYWORDS[keyword].is_right(value)


def _almost(keyword: str, value: object) -> str | None:
    """The keyword that this one can be taken for: it differs by one letter, or in the case of others than the first,
    is too long to be a word of its own (`cost` and `patterns` are), and the value is one that the keyword may have.
    """
    for known, rule in KEYWORDS.items():
        cased = keyword.lower() == known.lower() and keyword[0] == known[0]
        if (cased or (len(known) > 6 and _one_edit(keyword, known))) and rule.is_right(value):
            return None if keyword in _WORDS else known
    return None


_WORDS: Final = frozenset({"definition", "dependency", "patterns", "require", "requires", "formats"})
"""What people call notes of their own."""


def _one_edit(a: str, b: str) -> bool:
    """Whether one letter more, less, or other, or two exchanged, make `a` into `b`."""
    if abs(len(a) - len(b)) > 1:
        return False
    start = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    rest_a, rest_b = a[start:], b[start:]
    swapped = rest_a[:2] == rest_b[:2][::-1] and rest_a[2:] == rest_b[2:]
    return rest_a[1:] == rest_b[1:] or rest_a[1:] == rest_b or rest_a == rest_b[1:] or swapped


def _advice(keyword: str, value: object) -> str | None:
    if keyword == "type" and isinstance(value, str):
        similar = difflib.get_close_matches(value, TYPES, 1)
        return f"did you mean {similar[0]!r}?" if similar else None
    if keyword == "items" and isinstance(value, list):
        return (
            "in draft 2020-12 the schemas of the first items are called prefixItems; older drafts have to be declared"
        )
    if keyword.startswith("exclusive") and isinstance(value, bool):
        return "since draft 6 this is the bound itself; draft 4 has to be declared by $schema"
    if keyword == "required" and isinstance(value, bool):
        return "list the names of required members beside properties"
    return None
