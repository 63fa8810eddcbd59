"""Where a schema without values contradicts itself: the deepest subschema without values, and which keywords clash.

Keywords are left out by turns, each time asking whether there are values then, until none of those that are left can be
spared (Junker's QuickXplain, AAAI 2004, section 4). What is said is what such a trial has shown.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

from constrain.errors import ConstrainError
from constrain.json_inhabited import is_inhabited
from constrain.json_keywords import join
from constrain.json_references import Site, root_site
from constrain.json_schema import Options, SchemaLanguage
from constrain.json_sites import REFERENCES
from constrain.json_weakening import Path, Unit, at, units, weakened

__all__ = ["Contradiction", "contradictions"]

MAX_TRIALS: Final = 500
MAX_SECONDS: Final = 2.0
"""How often, and for how long, changed schemas are read; then what has been found is told."""

MAX_FOUND: Final = 3


@dataclass(frozen=True)
class Contradiction:
    """The subschema at `pointer` has no values; the keywords at `keywords` together leave none. `reason` says so."""

    pointer: str
    keywords: tuple[str, ...]
    reason: str


def contradictions(language: SchemaLanguage) -> list[Contradiction]:
    """Why a schema without values has none. Without what the contradictions name it has some, unless there are more of
    them than are looked for; none at all is found if values are only nested too deep.
    """
    search = _Search(language)
    found: list[Contradiction] = []
    if is_inhabited(language.graph):
        return found
    try:
        while len(found) < MAX_FOUND and (not found or search.is_empty((), ())):
            found.append(search.locate((), frozenset()))
            search.settle()
    except _Spent:
        pass
    return found


class _Spent(Exception):  # noqa: N818 # it is no error, but the end of the search
    """The budget is used up."""


class _Search:
    """Trials on one document. All units that have come up are in `known`; a trial leaves out those that it does not
    keep, and `settled` ones for good.
    """

    def __init__(self, language: SchemaLanguage) -> None:
        self.language = language
        self.document = language.root.schema
        self.known: dict[Unit, None] = {}
        self.settled: set[Unit] = set()
        self.softened: set[Path] = set()
        self.blamed: list[Unit] = []
        self.whole = language.root
        self.trials = 0
        self.until = time.monotonic() + MAX_SECONDS

    def settle(self) -> None:
        """Leave out what has been blamed, to look for more."""
        self.settled |= set(self.blamed)
        self.known, self.softened, self.blamed = {}, set(), []
        self.whole = root_site(weakened(self.document, self.settled), self.language.documents)

    def is_empty(self, path: Path, kept: Collection[Unit]) -> bool:
        """Whether the subschema at `path` has no values, of all known units with those alone that are `kept`."""
        self.trials += 1
        if self.trials > MAX_TRIALS:
            raise _Spent
        left_out = self.known.keys() - set(kept)
        if not left_out and not self.softened:
            return self.has_none(self.whole.child(*path), self.language.options)
        document = weakened(self.document, {*left_out, *self.settled}, self.softened)
        return self.has_none(root_site(document, self.language.documents).child(*path), self.language.options)

    def has_none(self, site: Site, options: Options) -> bool:
        if time.monotonic() > self.until:
            raise _Spent
        try:
            return not is_inhabited(SchemaLanguage(site, options, self.language.documents).graph)
        except ConstrainError:  # what is left has grown too large, or no longer makes sense: nothing is known
            return False

    # --- where

    def locate(self, path: Path, outer: frozenset[Path]) -> Contradiction:
        """The contradiction of a subschema without values, inside those `outer` that contain it."""
        site = self.whole.child(*path)
        core: list[Unit] = []
        if isinstance(site.schema, bool):
            self.blamed = [Unit(path, opened=True)]
            return Contradiction(site.pointer, (site.pointer,), f"the schema at {site.pointer or 'the root'} is false")
        try:
            self.known = {}
            candidates = self.units(path, [])
            self.known = dict.fromkeys(candidates)
            core = self.minimal(path, [], self.suspects(path, candidates))
            for unit in core:
                for below in self.below(unit):
                    if below == path or below in outer:
                        return self.told(
                            path, core, "every value {} would contain another of its kind, without end: {}"
                        )
                    if self.is_alone_empty(below):
                        return self.locate(below, outer | {path})
            core = self.refined(path, core, outer)
        except _Spent:
            core = core or self.blamed
        return self.told(path, core, "{}, {} " + ("leaves no value" if len(core) == 1 else "together leave no value"))

    def suspects(self, path: Path, candidates: list[Unit]) -> list[Unit]:
        """The candidates without those whose subschemas have values, if that is where it lies; it saves trials."""
        empty = [unit for unit in candidates if not unit.inner or any(map(self.is_alone_empty, unit.inner))]
        return empty if len(empty) < len(candidates) and self.is_empty(path, empty) else candidates

    def is_alone_empty(self, path: Path) -> bool:
        site = self.whole.child(*path)
        return not isinstance(site.schema, bool) and self.has_none(site, self.language.options)

    def below(self, unit: Unit) -> list[Path]:
        """The one subschema that a unit applies; none if there are more."""
        if unit.path[-1] in REFERENCES and not unit.inner:
            pointer = self.whole.child(*unit.path[:-1]).refer(unit.path[-1]).pointer
            return [tuple(map(_unescaped, pointer.split("/")[1:]))] if not pointer or pointer[0] == "/" else []
        return list(unit.inner) if len(unit.inner) == 1 else []

    # --- which keywords

    def units(self, path: Path, kept: Sequence[Unit], root: Path | None = None) -> list[Unit]:
        """What can be left out of a subschema; of what `unevaluated...` counts on, nothing unless it is not needed."""
        site = self.whole.child(*path)
        if isinstance(site.schema, bool):
            return []
        has = self.language.reader.active(site)
        judging = [
            Unit((*path, keyword), ((*path, keyword),), opened=True) for keyword in has if "unevaluated" in keyword
        ]
        if judging:
            self.known |= dict.fromkeys(judging)
            if self.is_empty(path if root is None else root, kept):
                self.settled |= set(judging)
                return [unit for unit in units(has, path, is_evaluated=False) if unit not in judging]
        return list(units(has, path, is_evaluated=bool(judging)))

    def minimal(self, path: Path, kept: list[Unit], candidates: list[Unit]) -> list[Unit]:
        """A smallest part of the candidates which, with what is `kept`, leaves no values; together they leave none."""

        def search(background: list[Unit], has_grown: bool, rest: list[Unit]) -> list[Unit]:
            if has_grown and self.is_empty(path, background):
                return []
            if len(rest) == 1:
                return rest
            first, second = rest[: len(rest) // 2], rest[len(rest) // 2 :]
            of_second = search([*background, *first], True, second)
            of_first = search([*background, *of_second], bool(of_second), first)
            return of_first + of_second

        return search(kept, True, candidates) if candidates else []

    def refined(self, path: Path, core: list[Unit], outer: frozenset[Path]) -> list[Unit]:
        """The core with the parts of its units instead, as far as that goes."""
        kept = list(core)
        queue = list(core)
        seen = {path, *outer}
        for unit in queue:
            inner = [each for each in self.inner(path, unit, kept) if each not in seen]
            seen |= set(inner)
            parts = [part for each in inner for part in self.units(each, kept, path)]
            if not parts:
                continue
            self.known = {each: None for each in self.known if each != unit} | dict.fromkeys(parts)
            others = [each for each in kept if each != unit]
            chosen = self.minimal(path, others, parts)
            if chosen:
                kept = others + chosen
                queue += chosen
            else:
                self.known[unit] = None
        return kept

    def inner(self, path: Path, unit: Unit, kept: list[Unit]) -> Sequence[Path]:
        """The subschemas inside a unit of which parts can be left out."""
        if unit.path[-1] in REFERENCES:
            return self.below(unit)
        if unit.path[-1] != "oneOf":
            return unit.inner
        branches = at(self.document, unit.path)
        if "anyOf" in at(self.document, unit.path[:-1]):
            return ()
        self.softened.add(unit.path)
        if self.is_empty(path, kept):
            return [(*unit.path, str(index)) for index in range(len(branches))]
        self.softened.discard(unit.path)
        return ()

    # --- in words

    def told(self, path: Path, core: Sequence[Unit], words: str) -> Contradiction:
        """The contradiction of `core`. Of a choice that has been taken for `anyOf`, the whole is to blame."""
        whole = (next((Unit(path) for path in self.softened if unit.path[: len(path)] == path), unit) for unit in core)
        self.blamed = list(dict.fromkeys(whole))
        pointer = join("", *path)
        place = f"at {pointer or 'the root'}"
        reason = words.format(place, _listed([self.shown(path, unit) for unit in core]))
        if not core:
            reason = f"nothing is valid {place}"
        elif not self.language.options.additional_properties_default and not self.is_empty_open(path):
            reason += "; additional_properties_default=False closes the objects"
        return Contradiction(pointer, tuple(join("", *unit.path) for unit in self.blamed), reason)

    def is_empty_open(self, path: Path) -> bool:
        try:
            options = replace(self.language.options, additional_properties_default=True)
            return self.has_none(self.whole.child(*path), options)
        except _Spent:
            return True

    def shown(self, path: Path, unit: Unit) -> str:
        """A keyword, by the way to it from `path`, with its value if that is short."""
        is_inside = unit.path[: len(path)] == path
        name = "/".join(unit.path[len(path) :]) if is_inside else join("", *unit.path)
        value = at(self.document, unit.path)
        text = json.dumps(value, ensure_ascii=False)
        return f"{name} {text}" if len(text) <= 40 and not isinstance(value, dict) else name


def _listed(names: list[str], most: int = 6) -> str:
    if len(names) > most:
        names = [*names[: most - 1], f"{len(names) - most + 1} more"]
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def _unescaped(token: str) -> str:
    return token.replace("~1", "/").replace("~0", "~")
