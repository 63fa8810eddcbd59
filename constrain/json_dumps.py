"""One value written as its schema would have it: members in the order in which the automaton reads them."""

from __future__ import annotations

import json
from collections.abc import Sequence

from constrain.automaton import Automaton
from constrain.json_atoms import Whole, of_kind
from constrain.json_formula import atoms
from constrain.json_graph import Graph
from constrain.json_items import Items
from constrain.json_locations import Location
from constrain.json_members import Members
from constrain.json_numbers import spell
from constrain.json_text import Json

__all__ = ["dumps"]

MAX_NESTING = 200


def dumps(graph: Graph, value: Json, separators: tuple[str, str], *, ensure_ascii: bool = False) -> str | None:
    """The text of a value, None if the graph does not admit it. `separators` are the comma and the colon.

    Of infinity, what is no number, integers of more digits than Python reads or prints, and objects that JSON does not
    know there is no text.
    """
    try:
        return _Writer(graph, separators, ensure_ascii=ensure_ascii).write(graph.root, value, 0)
    except (TypeError, ValueError):  # of `json.dumps`
        return None


class _Writer:
    """Walks the graph along a value. What a part comes to at a location is worked out once."""

    def __init__(self, graph: Graph, separators: tuple[str, str], *, ensure_ascii: bool) -> None:
        self.graph = graph
        self.comma, self.colon = separators
        self.ensure_ascii = ensure_ascii
        self.known: dict[tuple[Location, int], str | None] = {}

    def write(self, location: Location, value: Json, depth: int) -> str | None:
        key = (location, id(value))
        if key not in self.known:
            self.known[key] = self._write(location, value, depth)
        return self.known[key]

    def _write(self, location: Location, value: Json, depth: int) -> str | None:
        shape = self.graph.shapes[location]
        if depth > MAX_NESTING:
            return None
        if shape.is_free:
            return self._plain(value)
        match value:
            case list():
                return None if shape.array is None else self._array(shape.array, value, depth)
            case dict():
                return None if shape.object is None else self._object(shape.object, value, depth)
            case bool() | None | str():
                text = self._plain(value)
                return text if any(_accepts(language, text) for language in shape.scalars) else None
            case _ if not isinstance(value, int | float):
                return None
        respell = not _tells_spellings_apart(location)
        spellings = (spell(value, language, respell=respell) for language in shape.scalars)
        return next((text for text in spellings if text is not None), None)

    def _plain(self, value: Json) -> str:
        return json.dumps(value, ensure_ascii=self.ensure_ascii, allow_nan=False, separators=(self.comma, self.colon))

    def _option(self, options: Sequence[tuple[Location, int]], value: Json, depth: int) -> tuple[str, int] | None:
        """The text of a value under the one option that admits it, and where that leads."""
        for location, target in options:
            text = self.write(location, value, depth + 1)
            if text is not None:
                return text, target
        return None

    def _array(self, items: Items, values: list[Json], depth: int) -> str | None:
        state, texts = 0, []
        for value in values:
            found = self._option(items.following[state], value, depth)
            if found is None:
                return None
            text, state = found
            texts.append(text)
        return f"[{self.comma.join(texts)}]" if items.accepting[state] else None

    def _object(self, members: Members, values: dict[str, Json], depth: int) -> str | None:
        left, state = dict(values), 0
        texts: list[str] = []
        while left:
            waiting = members.states[state]
            name, found = self._next(members, state, left, depth)
            if found is not None:
                text, state = found
                texts.append(f"{self._plain(name)}{self.colon}{text}")
                del left[name]
            elif waiting.otherwise >= 0:
                state = waiting.otherwise
            else:
                return None
        return f"{{{self.comma.join(texts)}}}" if members.states[state].accepting else None

    def _next(
        self, members: Members, state: int, left: dict[str, Json], depth: int
    ) -> tuple[str, tuple[str, int] | None]:
        """A member that may come in this state, and how."""
        waiting = members.states[state]
        for name, options in waiting.named:
            if name in left and (found := self._option(options, left[name], depth)) is not None:
                return name, found
        for name, value in left.items():
            content = json.dumps(name, ensure_ascii=False).encode("utf-8", "surrogatepass")[1:-1]
            for cell, options in waiting.others:
                if cell.names is None or cell.names.accepts(content):
                    return name, self._option(options, value, depth)
        return "", None


def _tells_spellings_apart(location: Location) -> bool:
    """Whether 1 and 1.0 are different values there: in draft 4, only the first is an integer."""
    said = atoms(of_kind("number", location.formula))
    return any(isinstance(each, Whole) and not each.fraction for each in said)


def _accepts(language: Automaton, text: str) -> bool:
    return language.accepts(text.encode("utf-8", "surrogatepass"))
