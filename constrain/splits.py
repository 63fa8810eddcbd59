"""Where a text divides into parts, each a text of its own spec.

Of several ways, the one is taken in which the first part is shortest, then the second, and so on. Which places can be
cut is found from the end of the text to its beginning, for all states of a part's automaton at once, so that the walk
from the beginning never turns back, unless a part has a residual check (`Spec.fault`) that an automaton does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from constrain.automaton import Automaton
from constrain.spec import Spec

__all__ = ["Split", "first_fault", "repeated", "sequence"]

Node: TypeAlias = tuple[int, int]
"""How many parts lie behind, and where in the text the next one begins."""

Bools: TypeAlias = NDArray[np.bool_]


@dataclass
class Split:
    """How a text divides: its parts, None if it does not, and where the last residual check failed, in characters."""

    texts: list[str] | None = None
    fault: tuple[int, int] = (0, 0)


def sequence(parts: Sequence[Spec], text: str) -> Split:
    """The texts of `parts` in `text`, one for each."""
    data, split = text.encode(), Split()
    can_end = [np.zeros(len(data) + 1, np.bool_)]
    can_end[0][-1] = True
    for part in reversed(parts):
        can_end.append(_backward(part.automaton, data, can_end[-1]))
    can_end.reverse()  # can_end[i][p]: data[p:] divides among parts[i:]

    def follow(node: Node) -> Iterator[Node]:
        i, begin = node
        for end in _ends(parts[i].automaton, data, begin):
            if can_end[i + 1][end] and _is_right(parts[i], data, begin, end, split):
                yield i + 1, end

    if can_end[0][0]:
        split.texts = _texts(data, _path((0, 0), follow, lambda node: node[0] == len(parts)))
    return split


def repeated(part: Spec, low: int, high: int | None, text: str) -> Split:
    """The texts of between `low` and `high` copies of `part` in `text`.

    Empty ones are only there to make up the number, and come last.
    """
    data, split = text.encode(), Split()
    nullable = bool(part.automaton.accepting[0]) and _is_right(part, data, 0, 0, Split())
    last = low if high is None else min(high, len(data))
    counts = _counts(part.automaton, data, last, is_open=high is None)
    wanted = np.zeros(2 * last + 1, np.bool_)  # by the number of copies; if open, the last one stands for all above
    wanted[0 if nullable else low : None if high is None else high + 1] = True

    def follow(node: Node) -> Iterator[Node]:
        behind, begin = node
        after = min(behind + 1, last) if high is None else behind + 1
        for end in _ends(part.automaton, data, begin):
            fits = end > begin and after <= last and (counts[end] & wanted[after : after + last + 1]).any()
            if fits and _is_right(part, data, begin, end, split):
                yield after, end

    if (counts[0] & wanted[: last + 1]).any():
        split.texts = _texts(data, _path((0, 0), follow, lambda node: node[1] == len(data)))
    if split.texts is not None:
        split.texts += [""] * (low - len(split.texts))
    return split


def first_fault(
    text: str, parts: Callable[[int], Spec | None], *, is_whole: Callable[[int], bool], last: int
) -> tuple[int, int] | None:
    """What is wrong with `text` as the beginning of a sum of parts, for good, as in `Spec.fault`.

    `parts(i)` is the part behind i others, None if there is none; `is_whole(i)` says whether i of them are enough.
    From `last` on, all i are alike.
    """
    data = text.encode()
    queue, found = [(0, 0)], {(0, 0)}
    worst = (0, 0)
    for i, begin in queue:
        part = parts(i)
        if begin == len(data) and is_whole(i):
            return None
        if part is None:
            worst = max(worst, (begin, begin + 1), key=lambda fault: fault[1])
            continue
        fault = _open_fault(part, data, begin)
        if fault is None:
            return None
        worst = max(worst, fault, key=lambda fault: fault[1])
        for end in _ends(part.automaton, data, begin):
            node = min(i + 1, last), end
            if node not in found and _is_right(part, data, begin, end, Split()):
                found.add(node)
                queue.append(node)
    return len(data[: worst[0]].decode(errors="ignore")), _characters(data, worst[1])


def _characters(data: bytes, length: int) -> int:
    """How many characters begin in the first `length` bytes."""
    return sum(byte & 0xC0 != 0x80 for byte in data[:length])


def _open_fault(part: Spec, data: bytes, begin: int) -> tuple[int, int] | None:
    """What is wrong with `data[begin:]` as the beginning of a text of `part`, in bytes."""
    state, rows = 0, part.automaton.rows
    for place in range(begin, len(data)):
        state = rows[state][data[place]]
        if state < 0:
            return begin, place + 1
    if not part.residual:
        return None
    text = data[begin:].decode()
    fault = part.fault(text, complete=False)
    return None if fault is None else (begin + len(text[: fault[0]].encode()), begin + len(text[: fault[1]].encode()))


def _is_right(part: Spec, data: bytes, begin: int, end: int, split: Split) -> bool:
    """Whether the residual check of `part` passes `data[begin:end]`; where it does not is noted in `split`."""
    if not part.residual:
        return True
    fault = part.fault(data[begin:end].decode())
    if fault is not None:
        before = _characters(data, begin)
        split.fault = max(split.fault, (before + fault[0], before + fault[1]), key=lambda fault: fault[1])
    return fault is None


def _backward(automaton: Automaton, data: bytes, can_end: Bools) -> Bools:
    """bool `[n + 1]`: from which places some text of `automaton` leads to one where it can end."""
    table, kinds = _complete(automaton), automaton.byte_class[np.frombuffer(data, np.uint8)]
    state = np.zeros(len(table), np.bool_)  # from each state, what remains is right
    can_begin = np.zeros(len(data) + 1, np.bool_)
    for place in range(len(data), -1, -1):
        if place < len(data):
            state = state[table[:, kinds[place]]]
        if can_end[place]:
            state[:-1] |= automaton.accepting
        can_begin[place] = state[0]
    return can_begin


def _counts(automaton: Automaton, data: bytes, last: int, *, is_open: bool) -> Bools:
    """bool `[n + 1, last + 1]`: into how many texts of `automaton`, none of them empty, the rest from a place divides.

    If `is_open`, the last column stands for all greater numbers as well.
    """
    table, kinds = _complete(automaton), automaton.byte_class[np.frombuffer(data, np.uint8)]
    state = np.zeros((len(table), last + 1), np.bool_)  # inside a text, by state and the number of texts behind it
    counts = np.zeros((len(data) + 1, last + 1), np.bool_)
    counts[-1, 0] = True
    for place in range(len(data), -1, -1):
        if place < len(data):
            state = state[table[:, kinds[place]]]
            counts[place, 1:] = state[0, :-1]
            if is_open:
                counts[place, -1] |= state[0, -1]
        state[:-1][automaton.accepting] |= counts[place]
    return counts


def _complete(automaton: Automaton) -> NDArray[np.int32]:
    """The table with a dead state, the last."""
    dead = np.full((1, automaton.table.shape[1]), -1, np.int32)
    table: NDArray[np.int32] = np.vstack([automaton.table, dead])
    return np.where(table < 0, automaton.states, table)


def _ends(automaton: Automaton, data: bytes, begin: int) -> Iterator[int]:
    """The places where a text of `automaton` that begins at `begin` may end, ascending."""
    state, rows, accepting = 0, automaton.rows, automaton.accepting
    for place in range(begin, len(data) + 1):
        if accepting[state]:
            yield place
        if place == len(data):
            return
        state = rows[state][data[place]]
        if state < 0:
            return


def _path(start: Node, follow: Callable[[Node], Iterable[Node]], is_last: Callable[[Node], bool]) -> list[Node] | None:
    """The first path, depth first, from `start` to a last node; None if there is none."""
    path, waiting = [start], [iter(follow(start)) if not is_last(start) else iter(())]
    failed: set[Node] = set()
    while path and not is_last(path[-1]):
        node = next((node for node in waiting[-1] if node not in failed), None)
        if node is None:
            failed.add(path.pop())
            waiting.pop()
        else:
            path.append(node)
            waiting.append(iter(()) if is_last(node) else iter(follow(node)))
    return path or None


def _texts(data: bytes, path: list[Node] | None) -> list[str] | None:
    if path is None:
        return None
    places = [place for _, place in path]
    return [data[begin:end].decode() for begin, end in pairwise(places)]
