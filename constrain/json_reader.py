"""Reading schemas: from the keywords of a subschema and of those applied in its place to one formula over atoms.

Applicators that speak of the same value (`allOf`, `oneOf`, `if`, `$ref`, ...) become the connectives of the formula;
those that speak of its parts become atoms with a `Subschema`, read when a part is reached. So recursion through parts
is no recursion here, and recursion without parts is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from constrain.errors import LimitError, SpecError
from constrain.formats import FORMATS
from constrain.json_atoms import (
    AtLeast,
    AtMost,
    Containing,
    CountFrom,
    Decimals,
    Has,
    HasFormat,
    IsKind,
    ItemIs,
    ItemsAre,
    LengthFrom,
    Matches,
    MemberIs,
    MembersAre,
    MultipleOf,
    NumberAmong,
    SizeFrom,
    Subschema,
    TextAmong,
    Unique,
    Whole,
    of_kind,
    typed,
)
from constrain.json_formula import FALSE, TRUE, Formula, all_of, any_of, atom, exactly_one
from constrain.json_keywords import DECIMAL, active, check_keywords
from constrain.json_numbers import exact
from constrain.json_patterns import pattern_content
from constrain.json_references import Site
from constrain.json_text import Json
from constrain.json_unevaluated import unevaluated

__all__ = ["NEVER", "Reader"]

NEVER: Final = Subschema("false", lambda: FALSE)
_ALWAYS: Final = Subschema("true", lambda: TRUE)


class Reader:
    """Reads subschemas, each once. Pointers in errors lead to the keyword, in the place where the schema stands.

    `formats` says whether `format` asserts. Unless `open_objects`, a schema with `properties` that says nothing of
    additional members has none but those named in its place. `plain_integers` asks for what Python's types read:
    integers written as such, times without leap seconds, and the limits of decimals.
    """

    def __init__(
        self,
        *,
        formats: bool = True,
        open_objects: bool = True,
        plain_integers: bool = False,
        weaken: Callable[[Formula], Formula] = lambda formula: formula,
    ) -> None:
        self.formats = formats
        self.open_objects = open_objects
        self.plain_integers = plain_integers
        self.weaken = weaken
        self._formulas: dict[Hashable, Formula] = {}
        self._names: dict[Hashable, tuple[str, ...]] = {}
        self._subschemas: dict[Hashable, Subschema] = {}
        self._reading: dict[Hashable, str] = {}

    def subschema(self, site: Site) -> Subschema:
        """The schema at a site. One that is nothing but a reference is the schema that it refers to."""
        passed: set[Hashable] = set()
        while self.active(site).keys() == {"$ref"} and site.key not in passed:
            passed.add(site.key)
            assert isinstance(site.schema, Mapping)
            check_keywords(site.schema, site.pointer, site.draft)
            site = site.refer("$ref")
        if isinstance(site.schema, bool):
            return _ALWAYS if site.schema else NEVER
        known = self._subschemas.get(site.key)
        if known is None:
            known = self._subschemas[site.key] = Subschema(
                site.pointer or "the root", lambda: self.formula(site), lambda: self.names(site), self.weaken
            )
        return known

    # --- the value itself

    def formula(self, site: Site, outer: frozenset[str] | None = frozenset()) -> Formula:
        """What the schema says of a value. `outer` are names that schemas around it in the same place speak of, and
        None under `not` and `if`, where objects are never closed.
        """
        schema = site.schema
        if isinstance(schema, bool):
            return TRUE if schema else FALSE
        key = (site.key, None if self.open_objects else outer)
        known = self._formulas.get(key)
        if known is None:
            if key in self._reading:
                raise SpecError(
                    f"this reference leads back to itself, through {self._reading[key] or 'the root'}, without reading "
                    "any part of the value",
                    pointer=site.pointer,
                    keyword="$ref",
                    hint="refer to it from a member or an item",
                )
            check_keywords(schema, site.pointer, site.draft)
            self._reading[key] = site.pointer
            try:
                known = self._formulas[key] = all_of(self._keywords(site, outer))
            finally:
                del self._reading[key]
        return known

    def _keywords(self, site: Site, outer: frozenset[str] | None) -> Iterator[Formula]:
        has = self.active(site)
        inner = branch = outer
        if outer is not None and not self.open_objects:
            inner, branch = outer | set(self.names(site)), outer | set(self._direct_names(site))
        for keyword in ("$ref", "$dynamicRef", "$recursiveRef"):
            if keyword in has:
                yield self.formula(site.refer(keyword), inner)
        yield from self._types(site, has)
        yield from self._numbers(has)
        yield from self._decimals(site.schema)
        yield from self._strings(site, has)
        yield from self._items(site, has)
        yield from self._members(site, has, inner)
        for keyword, join in (("allOf", all_of), ("anyOf", any_of), ("oneOf", exactly_one)):
            if keyword in has:
                around = inner if keyword == "allOf" else branch
                yield join(self.formula(site.child(keyword, i), around) for i in range(len(has[keyword])))
        if "not" in has:
            yield ~self.formula(site.child("not"), None)
        if "if" in has:
            condition = self.formula(site.child("if"), None)
            then, otherwise = (
                self.formula(site.child(keyword), branch) if keyword in has else TRUE for keyword in ("then", "else")
            )
            yield (~condition | then) & (condition | otherwise)
        for keyword in ("dependentSchemas", "dependencies"):
            for name, value in has.get(keyword, {}).items():
                if not isinstance(value, list):
                    needed = self.formula(site.child(keyword, name), branch)
                    yield typed("object", ~atom(Has(name)) | needed)
        yield from unevaluated(self, site, has)

    def _types(self, site: Site, has: Mapping[str, Any]) -> Iterator[Formula]:
        def of_type(name: str) -> Formula:
            if name == "boolean":
                return atom(IsKind("false")) | atom(IsKind("true"))
            if name == "integer":
                whole = Whole(fraction=site.draft != "4" and not self.plain_integers)
                return atom(IsKind("number")) & atom(whole)
            return atom(IsKind(name))

        if "type" in has:
            yield any_of(map(of_type, [has["type"]] if isinstance(has["type"], str) else has["type"]))
        if "enum" in has:
            yield self.among(has["enum"])
        if "const" in has:
            yield self.among([has["const"]])

    def among(self, values: list[Json]) -> Formula:
        """The value equals one of these: 1 equals 1.0, and not true."""
        numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
        strings = [value for value in values if isinstance(value, str)]
        cases: list[Formula] = []
        if numbers:
            listed = atom(NumberAmong(frozenset(map(exact, numbers))))
            if self.plain_integers and all(isinstance(value, int) for value in numbers):
                listed &= atom(Whole(fraction=False))
            cases.append(atom(IsKind("number")) & listed)
        if strings:
            cases.append(atom(IsKind("string")) & atom(TextAmong(frozenset(strings))))
        for value in values:
            match value:
                case bool() | None:
                    cases.append(atom(IsKind("null" if value is None else "true" if value else "false")))
                case list():
                    items = (atom(ItemIs(index, self._equal(item))) for index, item in enumerate(value))
                    length = atom(CountFrom(len(value))) if value else TRUE
                    cases.append(all_of([atom(IsKind("array")), length, ~atom(CountFrom(len(value) + 1)), *items]))
                case dict():
                    members = (
                        atom(Has(name)) & atom(MemberIs(name, self._equal(item))) for name, item in value.items()
                    )
                    others = atom(MembersAre(~atom(TextAmong(frozenset(value))), NEVER))
                    cases.append(all_of([atom(IsKind("object")), *members, others]))
        return any_of(cases)

    def _equal(self, value: Json) -> Subschema:
        names = tuple(value) if isinstance(value, dict) else ()
        return Subschema("a value", lambda: self.among([value]), lambda: names)

    def _numbers(self, has: Mapping[str, Any]) -> Iterator[Formula]:
        for keyword, other, bound in (
            ("minimum", "exclusiveMinimum", AtLeast),
            ("maximum", "exclusiveMaximum", AtMost),
        ):
            strict = has.get(other)
            if keyword in has:
                yield typed("number", atom(bound(exact(has[keyword]), strict is True)))
            if other in has and not isinstance(strict, bool):
                yield typed("number", atom(bound(exact(has[other]), True)))
        if "multipleOf" in has:
            yield typed("number", atom(MultipleOf(exact(has["multipleOf"]))))

    def _decimals(self, schema: Mapping[str, Any] | bool) -> Iterator[Formula]:
        """What Python asks of decimals (see `python_types`), and no keyword says exactly."""
        limits = schema.get(DECIMAL) if isinstance(schema, Mapping) else None
        if self.plain_integers and isinstance(limits, Mapping):
            step = limits.get("multiple_of")
            rule = Decimals(
                limits.get("max_digits"), limits.get("decimal_places"), None if step is None else Decimal(step)
            )
            yield typed("number", atom(rule))

    def _strings(self, site: Site, has: Mapping[str, Any]) -> Iterator[Formula]:
        if has.get("minLength"):
            yield typed("string", atom(LengthFrom(int(has["minLength"]))))
        if "maxLength" in has:
            yield typed("string", ~atom(LengthFrom(int(has["maxLength"]) + 1)))
        if "pattern" in has:
            yield typed("string", atom(Matches(self._pattern(has["pattern"], site.pointer_to("pattern")))))
        if self.formats and has.get("format") in FORMATS:
            yield typed("string", atom(HasFormat(has["format"], site.draft, leap_seconds=not self.plain_integers)))

    def _pattern(self, pattern: str, pointer: str) -> str:
        """The pattern, after a look whether it can be read at all."""
        try:
            pattern_content(pattern)
        except (SpecError, LimitError) as error:
            if isinstance(error, LimitError):
                raise LimitError(
                    f"at {pointer}: {error.message}", limit=error.limit, given=error.given, hint=error.hint
                ) from None
            raise type(error)(
                error.message,
                pointer=pointer,
                source=error.source,
                position=error.position,
                keyword=pointer.rsplit("/", 1)[-1] if pointer.endswith("/pattern") else "patternProperties",
                hint=error.hint or "write the pattern without it",
            ) from None
        return pattern

    # --- items

    def _items(self, site: Site, has: Mapping[str, Any]) -> Iterator[Formula]:
        for index in range(self.leading(site, has)):
            keyword = "prefixItems" if site.draft == "2020-12" else "items"
            yield typed("array", atom(ItemIs(index, self.subschema(site.child(keyword, index)))))
        rest = "additionalItems" if isinstance(has.get("items"), list) else "items"
        if rest in has:
            yield typed("array", atom(ItemsAre(self.leading(site, has), self.subschema(site.child(rest)))))
        if has.get("minItems"):
            yield typed("array", atom(CountFrom(int(has["minItems"]))))
        if "maxItems" in has:
            yield typed("array", ~atom(CountFrom(int(has["maxItems"]) + 1)))
        if has.get("uniqueItems"):
            yield typed("array", atom(Unique()))
        if "contains" in has:
            schema = self.subschema(site.child("contains"))
            low = int(has.get("minContains", 1))
            if low:
                yield typed("array", atom(Containing(schema, low)))
            if "maxContains" in has:
                yield typed("array", ~atom(Containing(schema, int(has["maxContains"]) + 1)))

    # --- members

    def _members(self, site: Site, has: Mapping[str, Any], around: frozenset[str] | None) -> Iterator[Formula]:
        for name in has.get("properties", {}):
            yield typed("object", atom(MemberIs(name, self.subschema(site.child("properties", name)))))
        for pattern in has.get("patternProperties", {}):
            self._pattern(pattern, site.pointer_to("patternProperties", pattern))
            schema = self.subschema(site.child("patternProperties", pattern))
            yield typed("object", atom(MembersAre(atom(Matches(pattern)), schema)))
        others = all_of(~atom(Matches(pattern)) for pattern in has.get("patternProperties", ()))
        listed = frozenset(has.get("properties", ()))
        if "additionalProperties" in has:
            schema = self.subschema(site.child("additionalProperties"))
            yield typed("object", atom(MembersAre(others & _not_named(listed), schema)))
        elif around is not None and not self.open_objects and listed and "unevaluatedProperties" not in has:
            yield typed("object", atom(MembersAre(others & _not_named(around | listed), NEVER)))
        if "propertyNames" in has:
            wrong = ~of_kind("string", self.formula(site.child("propertyNames"), None))
            yield typed("object", atom(MembersAre(wrong, NEVER)))
        for name in has.get("required", ()):
            yield typed("object", atom(Has(name)))
        if has.get("minProperties"):
            yield typed("object", atom(SizeFrom(int(has["minProperties"]))))
        if "maxProperties" in has:
            yield typed("object", ~atom(SizeFrom(int(has["maxProperties"]) + 1)))
        for keyword in ("dependentRequired", "dependencies"):
            for name, needed in has.get(keyword, {}).items():
                if isinstance(needed, list):
                    yield typed("object", ~atom(Has(name)) | all_of(atom(Has(each)) for each in needed))

    # --- names

    def names(self, site: Site) -> tuple[str, ...]:
        """The members that the schema and those applied in its place mention, in the order of first appearance; names
        that are only required come last.
        """
        known = self._names.get(site.key)
        if known is None:
            self._names[site.key] = ()  # a schema that leads back to itself adds nothing
            known = self._names[site.key] = tuple(dict.fromkeys(self._mentioned(site, direct=False)))
        return known

    def _direct_names(self, site: Site) -> tuple[str, ...]:
        """Those that it mentions itself, or by `allOf` and references: not those of alternatives."""
        return tuple(self._mentioned(site, direct=True))

    def _mentioned(self, site: Site, *, direct: bool) -> Iterator[str]:
        has = self.active(site)
        for keyword, value in has.items():
            match keyword:
                case "properties":
                    yield from value
                case "const" if isinstance(value, dict):
                    yield from value
                case "enum":
                    yield from (name for each in value if isinstance(each, dict) for name in each)
            for below in self._in_place(site, keyword, value, direct=direct):
                yield from self._direct_names(below) if direct else self.names(below)
        yield from has.get("required", ())
        for keyword in ("dependentRequired", "dependencies"):
            for name, needed in has.get(keyword, {}).items():
                yield from (name, *(needed if isinstance(needed, list) else ()))

    def _in_place(self, site: Site, keyword: str, value: Any, *, direct: bool) -> Iterator[Site]:
        """The schemas that the keyword applies to the same value."""
        match keyword:
            case "$ref" | "$dynamicRef" | "$recursiveRef":
                yield site.refer(keyword)
            case "allOf":
                yield from (site.child(keyword, index) for index in range(len(value)))
            case "anyOf" | "oneOf" if not direct:
                yield from (site.child(keyword, index) for index in range(len(value)))
            case "if" | "then" | "else" | "not" if not direct:
                yield site.child(keyword)
            case "dependentSchemas" | "dependencies" if not direct:
                yield from (site.child(keyword, name) for name, each in value.items() if not isinstance(each, list))

    def active(self, site: Site) -> Mapping[str, Any]:
        """The keywords that count: in older drafts, `$ref` silences the others."""
        if isinstance(site.schema, bool):
            return {}
        has = active(site.schema, site.draft, site.vocabularies)
        return {"$ref": has["$ref"]} if "$ref" in has and site.draft in ("4", "6", "7") else has

    def leading(self, site: Site, has: Mapping[str, Any]) -> int:
        """How many of the first items have schemas of their own."""
        listed = has.get("prefixItems" if site.draft == "2020-12" else "items", ())
        return len(listed) if isinstance(listed, list) else 0


def _not_named(names: frozenset[str]) -> Formula:
    return ~atom(TextAmong(names)) if names else TRUE
