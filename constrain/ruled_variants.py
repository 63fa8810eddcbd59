"""Other structures for a text: more or fewer items where rules go over all of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from constrain.automaton import Automaton
from constrain.ruled_checks import Placed
from constrain.ruled_domains import Gap
from constrain.ruled_trees import Place, Spot, spots_at, tree_of
from constrain.spec import Spec
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
    text. A new member is a shortest one with a name that the object does not have; all that follows is shortest, too.
    """
    found = {text}
    for variant in _made(spec, rules, automaton, text, root, fixed):
        if variant not in found and variant[:fixed] == text[:fixed] and automaton.accepts(variant.encode()):
            found.add(variant)
            yield variant


def _made(
    spec: Spec, rules: Sequence[Placed], automaton: Automaton, text: str, root: Place, fixed: int
) -> Iterator[str]:
    spots = [
        (spot, spot.place)
        for path in dict.fromkeys(_many(rules))
        for spot in spots_at(root, path)[0]
        if spot.place is not None and spot.place.children is not None and spot.place.end >= fixed
    ]
    for count in range(1, MOST + 1):
        for spot, place in spots:
            items = _items(spot, place, root)
            if count <= len(items):
                left = len(items) - count
                before = items[left - 1][1] if left else items[0][0] if not place.quoted else place.begin + 1
                yield text[:before] + text[items[-1][1] :]
    grown: dict[int, str | None] = dict.fromkeys(range(len(spots)), text)
    for count in range(1, MOST + 1):
        for n, (spot, place) in enumerate(spots):
            known = grown[n]
            if not place.quoted:
                yield from _repeated(spec, text, place, _items(spot, place, root), count, str(spot.path[0]))
            elif known is not None:
                grown[n] = longer = _longer(spec, automaton, known, spot)
                if longer is not None:
                    yield longer


def _many(rules: Sequence[Placed]) -> Iterator[tuple[str | None, ...]]:
    """The paths of what `*` goes over."""
    for placed in rules:
        for path in placed.paths:
            whole = (*placed.at, *path)
            yield from (whole[:n] for n, step in enumerate(whole) if step is None)


def _items(spot: Spot, place: Place, root: Place) -> list[tuple[int, int]]:
    if not place.quoted:
        return root.parts.get(str(spot.path[0]), []) if spot.path else []
    assert place.children is not None
    return [(child.begin, child.end) for child in place.children.values()]


def _repeated(
    spec: Spec, text: str, place: Place, items: list[tuple[int, int]], count: int, name: str
) -> Iterator[str]:
    """A form with the section of the hole `name` repeated more often."""
    if items:
        begin, end = items[-1]
        yield text[:end] + count * text[begin:end] + text[end:]
    elif isinstance(spec, Form):
        section = next((each for each in spec.sections_around(name) if each.is_repeated), None)
        if section is not None:
            one = spec.section_form(section).automaton.shortest().decode()
            yield text[: place.begin] + count * one + text[place.begin :]


def _longer(spec: Spec, automaton: Automaton, text: str, spot: Spot) -> str | None:
    """A JSON text with one item or member more; None if there is none."""
    place = tree_of(spec, text)
    for key in spot.path:
        place = None if place is None or place.children is None else place.children.get(key)
    if place is None or place.children is None:
        return None
    last = next(reversed(place.children.values()), None)
    end = place.begin + 1 if last is None else last.end
    for separator in ("",) if last is None else (", ", ","):
        before = text[:end] + separator
        state = automaton.step(0, before.encode())
        if state < 0:
            continue
        if text[place.begin] == "{":
            found = _member(automaton, state, {str(name) for name in place.children})
        elif last is not None:
            found = (text[last.begin : last.end] + text[end:]).encode()
        else:
            row = automaton.rows[state]
            begun = [(int(automaton.distance[t]), b) for b, t in enumerate(row) if t >= 0 and b not in b"]" + _SPACE]
            found = bytes([min(begun)[1]]) if begun else None
            found = found and found + ending(automaton, automaton.step(state, found))
        if found is not None and automaton.accepts(before.encode() + found):
            return before + found.decode()
    return None


def _member(automaton: Automaton, state: int, names: set[str]) -> bytes | None:
    """A shortest member with another name, and all that follows."""
    colon = automaton.table[:, automaton.byte_class[ord(":")]]
    words, _ = Gap(automaton, state, np.append(colon >= 0, False), b"", True).words(len(names) + 1)
    for word in words:
        if json.loads(word) not in names:
            begun = word + b":"
            return begun + ending(automaton, automaton.step(state, begun))
    return None
