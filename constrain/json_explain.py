"""How each keyword of a schema is enforced, in words: by the automaton, on the finished text, or not at all, and why.

Every subschema that is reached from the root is listed once, by JSON pointer. Which keywords the automaton leaves to
the residual check is asked of `json_doubt`, by the very rule that weakens the formulas.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from constrain.formats import FORMATS
from constrain.json_atoms import Containing, HasFormat, ItemIs, ItemsAre, Matches, MemberIs, MembersAre, Subschema
from constrain.json_dialects import LEGACY
from constrain.json_doubt import Doubts, Limits
from constrain.json_formula import TRUE, Formula, all_of, atom, atoms, rewrite
from constrain.json_keywords import ANNOTATIONS, DECIMAL, KEYWORDS, active
from constrain.json_references import Site, root_site
from constrain.json_sites import IN_PLACE, PARTS, REFERENCES, applied, reachable

if TYPE_CHECKING:
    from constrain.json_schema import SchemaLanguage

__all__ = ["explain"]

AUTOMATON: Final = "automaton"

_NAMING: Final = frozenset({"$id", "id", "$anchor", "$dynamicAnchor", "$recursiveAnchor"})
_AboutParts: Final = MemberIs | MembersAre | ItemIs | ItemsAre | Containing
_DEFINITIONS: Final = ("$defs", "definitions")
_NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "if": ("then", "else"),
    "then": ("if",),
    "else": ("if",),
    "minContains": ("contains",),
    "maxContains": ("contains",),
}
"""Keywords that say nothing unless one of some others is beside them."""


def explain(language: SchemaLanguage) -> list[str]:
    """Lines for a terminal: per keyword its pointer and how it is enforced, and what the bounds apply to."""
    table = _Table(language)
    rows = list(table.rows())
    if not rows:
        return []
    width = min(60, max(len(pointer) for pointer, _ in rows))
    lines = ["  keywords:"]
    if language.graph.repeats_names:
        lines.append("    that no name occurs twice among additional members is checked on the finished text")
    return lines + [f"    {pointer:<{width}}  {how}" for pointer, how in rows]


class _Table:
    """Walks the schema. `how` is what is said of each keyword and subschema, by pointer."""

    def __init__(self, language: SchemaLanguage) -> None:
        self.language = language
        self.how: dict[str, str] = {}
        self.definitions: dict[str, None] = {}
        self.used: dict[str, dict[str, None]] = {}
        self.parts: dict[str, Site] = {language.root.pointer: language.root}
        self.left: dict[Subschema, _Left] = {}

    def rows(self) -> Iterator[tuple[str, str]]:
        self._walk()
        if self.language.doubts.reasons:
            for part in self.parts.values():
                self._doubt(part)
        bounded = _bounded(self.language)
        for pointer in dict.fromkeys([*self.how, *self.definitions]):
            notes = [self._definition(pointer)] if pointer in self.definitions else []
            if self.how.get(pointer):
                notes.append(self.how[pointer])
            if pointer in self.parts:
                notes += bounded.get(self.language.reader.subschema(self.parts[pointer]), ())
            if notes:
                yield pointer or "the root", "; ".join(notes)

    # --- what is there

    def _walk(self) -> None:
        """What is said of all that is applied; `parts` are applied to parts of a value, and the root to all of it."""
        for site in reachable(self.language.root, self.language.reader.active):
            self.how.setdefault(site.pointer, "")
            if isinstance(site.schema, bool):
                continue
            has = self._active(site)
            for keyword, value in site.schema.items():
                self.how[site.pointer_to(keyword)] = self._said(site, keyword)
                if keyword in _DEFINITIONS:
                    self.definitions |= dict.fromkeys(site.pointer_to(keyword, name) for name in value)
                elif keyword in REFERENCES and keyword in has:
                    self.used.setdefault(site.refer(keyword).pointer, {}).setdefault(site.pointer_to(keyword))
                elif keyword in PARTS and keyword in has:
                    self.parts |= {each.pointer: each for each in applied(site, keyword, value)}

    def _active(self, site: Site) -> Mapping[str, Any]:
        return self.language.reader.active(site)

    def _said(self, site: Site, keyword: str) -> str:
        """How a keyword is enforced, doubts apart."""
        assert isinstance(site.schema, Mapping)
        has = self._active(site)
        if keyword in _DEFINITIONS:
            return "definitions"
        if keyword == "$schema":
            return f"draft {site.draft}"
        if "$ref" in has and site.draft in LEGACY and keyword != "$ref":
            return "no effect beside $ref"
        known = KEYWORDS.get(keyword)
        if keyword == DECIMAL and self.language.options.plain_integers:
            return AUTOMATON
        if known is None:
            return "annotation" if keyword in ANNOTATIONS else "annotation: no keyword of JSON Schema"
        if not known.is_known(site.draft):
            return f"annotation: no keyword of draft {site.draft}"
        if keyword not in active(site.schema, site.draft, site.vocabularies):
            return "annotation: its vocabulary is not selected"
        if keyword in _NAMING:
            return "names this schema"
        if keyword in REFERENCES:
            return f"{AUTOMATON}, by {site.refer(keyword).pointer or 'the root'}"
        if keyword == "format":
            if not self.language.options.formats:
                return "annotation: formats are off"
            return AUTOMATON if has[keyword] in FORMATS else "annotation: unknown format"
        return _without_effect(keyword, has) or AUTOMATON

    def _definition(self, pointer: str) -> str:
        places = self.used.get(pointer)
        if places is None:
            inside = [place for target, some in self.used.items() if target.startswith(pointer + "/") for place in some]
            return f"definition, a part of it used at {_few(inside)}" if inside else "definition, never used"
        return f"definition, used at {_few([*places])}"

    # --- what the automaton leaves to the check

    def _doubt(self, owner: Site) -> None:
        """Says of the keywords that speak of one value what the automaton leaves open there."""
        schema = self.language.reader.subschema(owner)
        left = self.left.get(schema)
        if left is None:
            left = self.left[schema] = _Left(schema.raw, self.language.doubts.limits)
        if not left.reasons:
            return
        unexplained = dict(left.reasons)
        for site in self._in_place(owner):
            for keyword in self._active(site):
                mine = [each for each in left.reasons if each in self._atoms(site, keyword, left)]
                if mine:
                    self._say(site.pointer_to(keyword), left, mine)
                    unexplained = {each: why for each, why in unexplained.items() if each not in mine}
        if unexplained:  # what several keywords say together
            keywords = [keyword for keyword in self._active(owner) if keyword.startswith("unevaluated")]
            for pointer in [owner.pointer_to(keyword) for keyword in keywords] or [owner.pointer]:
                self._say(pointer, left, unexplained)

    def _say(self, pointer: str, left: _Left, mine: Iterable[Hashable]) -> None:
        reasons = ", ".join(dict.fromkeys(left.reasons[each] for each in mine))
        both = f"{AUTOMATON}, and " if left.kept.issuperset(mine) else ""
        self.how[pointer] = f"{both}checked on the finished text: {reasons}"

    def _in_place(self, owner: Site) -> Iterator[Site]:
        """The schemas that speak of the same value."""
        stack, seen = [owner], set()
        while stack:
            site = stack.pop()
            if site.key not in seen and not isinstance(site.schema, bool):
                seen.add(site.key)
                yield site
                for keyword, value in self._active(site).items():
                    if keyword in IN_PLACE | REFERENCES:
                        stack += applied(site, keyword, value)

    def _atoms(self, site: Site, keyword: str, left: _Left) -> set[Hashable]:
        """The doubtful statements that may be those of a keyword."""
        has = self._active(site)
        value = has[keyword]
        if keyword == "maxContains" and "contains" in has:
            return {Containing(self.language.reader.subschema(site.child("contains")), int(value) + 1)}
        if keyword in PARTS:
            schemas = {self.language.reader.subschema(inner) for inner in applied(site, keyword, value)}
            found = {each for each in left.reasons if isinstance(each, _AboutParts) and each.schema in schemas}
            return (
                found - self._atoms(site, "maxContains", left) if {"contains", "maxContains"} <= has.keys() else found
            )
        if KEYWORDS[keyword].vocabulary in ("validation", "format"):
            alone = root_site({keyword: value}, default_draft=site.draft)
            return set(atoms(self.language.reader.formula(alone)))
        return set()


class _Left:
    """What of a formula is left to the check: the reason for each such atom, and those that the automaton keeps too."""

    def __init__(self, formula: Formula, limits: Limits) -> None:
        self.reasons: dict[Hashable, str] = {}
        self.kept: set[Hashable] = set()
        whole = Doubts(limits)
        whole.weaken(formula)
        if not whole.reasons:
            return
        is_matched = any(isinstance(each, Matches | HasFormat) for each in atoms(formula))
        beside = atom(Matches("")) if is_matched else TRUE
        for each, positive in _literals(formula):
            alone = Doubts(limits)
            weakened = alone.weaken(all_of([beside, atom(each) if positive else ~atom(each)]))
            reasons = [reason for reason in alone.reasons if reason in whole.reasons]  # beside others it may be exact
            if reasons:
                self.reasons[each] = ", ".join(reasons)
                if each in set(atoms(weakened)):
                    self.kept.add(each)


def _literals(formula: Formula) -> list[tuple[Hashable, bool]]:
    found: dict[tuple[Hashable, bool], None] = {}

    def note(each: Hashable, positive: bool) -> None:
        found.setdefault((each, positive))

    rewrite(formula, note)
    return list(found)


def _without_effect(keyword: str, has: Mapping[str, Any]) -> str | None:
    if keyword in _NEEDS and not has.keys() & set(_NEEDS[keyword]):
        return f"no effect without {' or '.join(_NEEDS[keyword])}"
    if keyword == "additionalItems" and not isinstance(has.get("items"), list):
        return "no effect without an array of items"
    if isinstance(has[keyword], bool) and keyword in ("exclusiveMinimum", "exclusiveMaximum"):
        bound = keyword.removeprefix("exclusive").lower()
        return None if bound in has else f"no effect without {bound}"
    return None


def _bounded(language: SchemaLanguage) -> dict[Subschema, list[str]]:
    """What is bounded where a subschema stands."""
    found: dict[Subschema, list[str]] = {}
    for locations, note in (
        (language.graph.recursive, "recursion, to a bounded depth"),
        (language.graph.free, "any value, nested to a bounded depth"),
    ):
        for schema in dict.fromkeys(schema for location in locations for schema in location.place):
            found.setdefault(schema, []).append(note)
    return found


def _few(places: list[str]) -> str:
    return ", ".join(places[:2]) + (f" and {len(places) - 2} more" if len(places) > 2 else "")
