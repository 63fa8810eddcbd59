"""Other structures for a text: more or fewer items where rules go over all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from constrain.automaton import Automaton
from constrain.ruled_checks import Placed
from constrain.ruled_trees import Place, spots_at
from constrain.specs import Spec
from constrain.template import Form

__all__ = ["ending", "variants"]

MOST: Final = 8
"""How many items more, or fewer, are tried."""

_SPACE = b" \t\r\n"


def ending(automaton: Automaton, state: int) -> bytes:
    """A shortest way from `state` to an accepted text."""
    out = bytearray()
    while not automaton.accepting[state]:
        row = automaton.table[state, automaton.byte_class]
        out.append(int(np.where(row >= 0, automaton.distance[row], np.iinfo(np.int64).max).argmin()))
        state = int(row[out[-1]])
    return bytes(out)


def variants(
    spec: Spec, rules: Sequence[Placed], automaton: Automaton, text: str, root: Place, fixed: int
) -> Iterator[str]:
    """Texts of `automaton` like `text`, with fewer or more items in one place; the first `fixed` characters stay.

    A new item repeats the last one; where there is none, it is a shortest one, and so is all that follows in a JSON
    text. Members of objects are left as they are.
    """
    found = {text}
    for change in (*(-n for n in range(1, MOST + 1)), *range(1, MOST + 1)):
        for path in dict.fromkeys(_many(rules)):
            for spot in spots_at(root, path)[0]:
                place = spot.place
                if place is None or place.children is None or place.end < fixed:
                    continue
                name = str(spot.path[0]) if spot.path else ""
                items = _items(place, name, root)
                for variant in _changed(spec, automaton, text, place, items, change, name):
                    if variant not in found and variant[:fixed] == text[:fixed] and automaton.accepts(variant.encode()):
                        found.add(variant)
                        yield variant


def _many(rules: Sequence[Placed]) -> Iterator[tuple[str | None, ...]]:
    """The paths of what `*` goes over."""
    for placed in rules:
        for path in placed.paths:
            whole = (*placed.at, *path)
            yield from (whole[:n] for n, step in enumerate(whole) if step is None)


def _items(place: Place, name: str, root: Place) -> list[tuple[int, int]]:
    if not place.quoted:
        return root.parts.get(name, [])
    assert place.children is not None
    return [(child.begin, child.end) for key, child in place.children.items() if isinstance(key, int)]


def _changed(
    spec: Spec, automaton: Automaton, text: str, place: Place, items: list[tuple[int, int]], change: int, name: str
) -> Iterator[str]:
    if change < 0:
        if -change <= len(items):
            left = len(items) + change
            before = items[left - 1][1] if left else items[0][0] if not place.quoted else place.begin + 1
            yield text[:before] + text[items[-1][1] :]
    elif items:
        begin, end = items[-1]
        for separator in ("",) if not place.quoted else (", ", ","):
            yield text[:end] + change * (separator + text[begin:end]) + text[end:]
    elif not place.quoted and isinstance(spec, Form):
        section = next((each for each in spec.sections_around(name) if each.is_repeated), None)
        if section is not None:
            one = spec.section_form(section).automaton.shortest().decode()
            yield text[: place.begin] + change * one + text[place.begin :]
    elif change == 1:
        state = automaton.step(0, text[: place.begin + 1].encode())
        row = automaton.rows[state] if state >= 0 else []
        begun = [(int(automaton.distance[t]), b) for b, t in enumerate(row) if t >= 0 and b not in b"]}" + _SPACE]
        if begun:
            data = text[: place.begin + 1].encode() + bytes([min(begun)[1]])
            yield (data + ending(automaton, automaton.step(0, data))).decode()
