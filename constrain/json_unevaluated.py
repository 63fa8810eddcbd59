"""`unevaluatedProperties` and `unevaluatedItems`: what no other keyword in the same place has looked at.

Which members and items the others look at is known up to conditions: those in a branch of `anyOf` count only if the
branch holds. So each of them is a *term* (what is evaluated, and the formula under which it is), and "every member that
is not evaluated satisfies S" is a formula: for each set of names, one of its terms' conditions, or S for all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from itertools import combinations, product
from typing import TYPE_CHECKING, Any, Final

from constrain.errors import LimitError
from constrain.json_atoms import Has, ItemIs, ItemsAre, Matches, MemberIs, MembersAre, Subschema, TextAmong, typed
from constrain.json_formula import TRUE, Formula, all_of, any_of, atom
from constrain.json_references import Site
from constrain.json_strings import holds_text

if TYPE_CHECKING:
    from constrain.json_reader import Reader

__all__ = ["unevaluated"]

MAX_CONDITIONS = 6
"""How many conditional sets of names, or conditional `contains`, one keyword may depend on: each doubles the cases."""


@dataclass(frozen=True)
class _Names:
    """These names (a formula over string atoms; one name where it is known) are evaluated if `condition` holds."""

    names: Formula
    condition: Formula
    name: str | None = None


@dataclass(frozen=True)
class _Items:
    """The first `count` items (None: all; 0: only those that satisfy `schema`) are evaluated if `condition` holds."""

    count: int | None
    condition: Formula
    schema: Subschema | None = None


_Term = _Names | _Items


def unevaluated(reader: Reader, site: Site, has: Mapping[str, Any]) -> Iterator[Formula]:
    """The formulas of the `unevaluated...` keywords of one schema."""
    wanted = [keyword for keyword in ("unevaluatedProperties", "unevaluatedItems") if keyword in has]
    if not wanted:
        return
    terms = list(_Terms(reader).of(site, frozenset(wanted)))
    for keyword in wanted:
        schema = reader.subschema(site.child(keyword))
        if keyword == "unevaluatedProperties":
            names = [term for term in terms if isinstance(term, _Names)]
            yield typed("object", _members(names, schema, site.pointer_to(keyword)))
        else:
            items = [term for term in terms if isinstance(term, _Items)]
            yield typed("array", _items(items, schema, site.pointer_to(keyword)))


class _Terms:
    """What the keywords of a schema, and of those applied in its place, evaluate."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    def of(self, site: Site, without: frozenset[str] = frozenset()) -> Iterator[_Term]:
        if isinstance(site.schema, bool):
            return
        has = {keyword: value for keyword, value in self.reader.active(site).items() if keyword not in without}
        yield from self._own(site, has)
        for keyword in has:
            for below, condition in self._applied(site, has, keyword):
                for term in self.of(below):
                    both = condition & term.condition
                    yield (
                        _Names(term.names, both, term.name)
                        if isinstance(term, _Names)
                        else _Items(term.count, both, term.schema)
                    )

    def _applied(self, site: Site, has: Mapping[str, Any], keyword: str) -> Iterator[tuple[Site, Formula]]:
        formula = self.reader.formula
        match keyword:
            case "$ref" | "$dynamicRef" | "$recursiveRef":
                yield site.refer(keyword), TRUE
            case "allOf":
                yield from ((site.child(keyword, index), TRUE) for index in range(len(has[keyword])))
            case "anyOf" | "oneOf":
                branches = [site.child(keyword, index) for index in range(len(has[keyword]))]
                yield from ((branch, formula(branch)) for branch in branches)
            case "if":
                condition = formula(site.child("if"), None)
                yield site.child("if"), condition
                yield from ((site.child(each), condition) for each in ("then",) if each in has)
                yield from ((site.child(each), ~condition) for each in ("else",) if each in has)
            case "dependentSchemas":
                yield from ((site.child(keyword, name), atom(Has(name))) for name in has[keyword])

    def _own(self, site: Site, has: Mapping[str, Any]) -> Iterator[_Term]:
        listed, patterns = has.get("properties", {}), has.get("patternProperties", {})
        yield from (_Names(atom(TextAmong(frozenset([name]))), TRUE, name) for name in listed)
        yield from (_Names(atom(Matches(pattern)), TRUE) for pattern in patterns)
        if has.keys() & {"additionalProperties", "unevaluatedProperties"}:
            yield _Names(TRUE, TRUE)
        leading = self.reader.leading(site, has)
        rest = "additionalItems" if isinstance(has.get("items"), list) else "items"
        if rest in has or "unevaluatedItems" in has:
            yield _Items(None, TRUE)
        elif leading:
            yield _Items(leading, TRUE)
        if "contains" in has and site.draft == "2020-12":
            yield _Items(0, TRUE, self.reader.subschema(site.child("contains")))


def _members(terms: list[_Names], schema: Subschema, pointer: str) -> Formula:
    single: Final = dict.fromkeys(term.name for term in terms if term.name is not None)
    wide: dict[Formula, list[Formula]] = {}
    for term in terms:
        if term.name is None:
            wide.setdefault(term.names, []).append(term.condition)
    _limit(len(wide), "sets of names", pointer)
    parts = []
    for name in single:
        conditions = [term.condition for term in terms if term.name == name]
        conditions += [any_of(each) for names, each in wide.items() if holds_text(names, name)]
        parts.append(any_of([*conditions, atom(MemberIs(name, schema))]))
    others = ~atom(TextAmong(frozenset(single))) if single else TRUE
    for inside in product((True, False), repeat=len(wide)):
        cell = all_of([others, *(names if is_in else ~names for names, is_in in zip(wide, inside, strict=True))])
        conditions = [any_of(each) for each, is_in in zip(wide.values(), inside, strict=True) if is_in]
        parts.append(any_of([*conditions, atom(MembersAre(cell, schema))]))
    return all_of(parts)


def _items(terms: list[_Items], schema: Subschema, pointer: str) -> Formula:
    everywhere = any_of(term.condition for term in terms if term.count is None)
    contained = [(term.schema, term.condition) for term in terms if term.schema is not None]
    _limit(len(contained), "contains", pointer)
    longest = max((term.count for term in terms if term.count is not None), default=0)
    parts = []
    for index in range(longest):
        here = any_of(term.condition for term in terms if term.count is not None and term.count > index)
        own = [condition & atom(ItemIs(index, inner)) for inner, condition in contained]
        parts.append(any_of([here, *own, atom(ItemIs(index, schema))]))
    rest = []
    for size in range(len(contained) + 1):
        for chosen in combinations(contained, size):
            either = reduce(_either, (inner for inner, _ in chosen), schema)
            rest.append(all_of([*(condition for _, condition in chosen), atom(ItemsAre(longest, either))]))
    return everywhere | all_of([*parts, any_of(rest)])


def _either(a: Subschema, b: Subschema) -> Subschema:
    return Subschema(f"{a.label} or {b.label}", lambda: a.formula | b.formula, lambda: (*a.names, *b.names))


def _limit(given: int, what: str, pointer: str) -> None:
    if given > MAX_CONDITIONS:
        raise LimitError(
            f"at {pointer}: {given} {what} may be evaluated elsewhere",
            limit=MAX_CONDITIONS,
            given=given,
            hint="use fewer of them in the branches",
        )
