"""Regular expressions as nondeterministic programs that read code points (Thompson's construction).

A state has *moves*, which read one code point of a labelled set, and *silent* edges, which read nothing and may be
guarded: by the start of the text, by what follows (`Ahead`) or by what came before (`Behind`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from typing import Literal, TypeAlias

from constrain.codepoints import CodePoints
from constrain.errors import LimitError
from constrain.regex_tree import Alternate, Anchor, Chars, Concat, Look, Node, Repeat

__all__ = ["ALL", "FINISH", "Ahead", "Behind", "Guard", "Program", "partition", "search_size"]

MAX_POSITIONS = 100_000  # states before any reading; about 0.2 s
MAX_CLASSES = 2_000  # of characters; about 1 s to spell

FINISH = 0  # accepts the end of the text and nothing else
ALL = 1  # accepts whatever follows


@dataclass(frozen=True)
class Ahead:
    """Holds where the rest of the text is accepted from state `start`; where it is not, if `negative`."""

    start: int
    negative: bool


@dataclass(frozen=True)
class Behind:
    """Holds where tracker number `tracker` stands at its end; where it does not, if `negative`."""

    tracker: int
    negative: bool


Guard: TypeAlias = Literal[Anchor.START] | Ahead | Behind


class Program:
    """The states of one or more patterns, which share their labels, look-aheads and trackers.

    A *tracker* (start, end) runs along with the text from its first character and is at `end` wherever a look-behind
    holds; its guards use trackers of smaller numbers only.
    """

    def __init__(self) -> None:
        self.labels: dict[CodePoints, int] = {}
        self.moves: list[list[tuple[int, int]]] = []
        self.silent: list[list[tuple[Guard | None, int]]] = []
        self.trackers: list[tuple[int, int]] = []
        self._aheads: dict[Node, int] = {}
        self._behinds: dict[Node, int] = {}
        self._state(), self._state()
        self.moves[ALL].append((self._label(CodePoints.ANY), ALL))
        last_line_end = self._state()
        self.silent[last_line_end].append((None, FINISH))
        self.moves[last_line_end].append((self._label(CodePoints.of("\n")), FINISH))
        self._ends = {Anchor.END: Ahead(FINISH, False), Anchor.LAST_LINE_END: Ahead(last_line_end, False)}

    def full(self, node: Node) -> int:
        """A state that accepts the texts that `node` matches as a whole."""
        return self._body(node, FINISH)

    def search(self, node: Node) -> int:
        """A state that accepts the texts in which `node` matches anywhere, if the text starts there."""
        return self._body(Concat((_ANYTHING, _searched(node))), ALL)

    def landings(self) -> list[int | None]:
        """Per state, the one to go on from when a move ends there: ALL where that is reached silently, the next state
        where there is no choice, None where nothing can be accepted any more.
        """
        states = range(len(self.moves))
        incoming: list[list[int]] = [[] for _ in states]
        unguarded: list[list[int]] = [[] for _ in states]
        for state in states:
            for _, target in self.moves[state]:
                incoming[target].append(state)
            for guard, target in self.silent[state]:
                if guard != Anchor.START:
                    incoming[target].append(state)
                if guard is None:
                    unguarded[target].append(state)
        useful = _closure([FINISH, ALL, *(end for _, end in self.trackers)], incoming)
        free = _closure([ALL], unguarded)
        landing: list[int | None] = [ALL if free[state] else state if useful[state] else None for state in states]
        for state in states:
            seen = state
            while landing[state] == seen and not self.moves[seen] and len(self.silent[seen]) == 1:
                guard, target = self.silent[seen][0]
                if guard is not None:
                    break
                seen, landing[state] = target, target
        return landing

    def _body(self, node: Node, final: int) -> int:
        size = _size(node)
        if size > MAX_POSITIONS:
            raise LimitError(
                f"the pattern has {size:,} characters and repetitions when its counts are written out",
                limit=MAX_POSITIONS,
                given=size,
                hint="lower the counts, or leave them open",
            )
        start = self._state()
        self.silent[self._add(node, start)].append((None, final))
        return start

    def _state(self) -> int:
        self.moves.append([])
        self.silent.append([])
        return len(self.moves) - 1

    def _label(self, points: CodePoints) -> int:
        return self.labels.setdefault(points, len(self.labels))

    def _join(self, ends: Iterable[int]) -> int:
        end = self._state()
        for state in ends:
            self.silent[state].append((None, end))
        return end

    def _add(self, node: Node, start: int) -> int:
        """Give `start` new outgoing edges, never incoming ones; the state in which `node` has been read."""
        match node:
            case Chars(points):
                end = self._state()
                if points:
                    self.moves[start].append((self._label(points), end))
                return end
            case Concat(parts):
                for part in parts:
                    start = self._add(part, start)
                return start
            case Alternate(branches):
                return self._join(self._branches(branches, start))
            case Repeat():
                return self._repeat(_flat(node), start)
            case Look(part, ahead, negative):
                return self._guarded(self._ahead(part, negative) if ahead else self._behind(part, negative), start)
            case Anchor.START:
                return self._guarded(Anchor.START, start)
            case Anchor.END | Anchor.LAST_LINE_END:
                return self._guarded(self._ends[node], start)

    def _branches(self, branches: Sequence[Node], start: int) -> list[int]:
        """The ends of all branches, which share the characters that they begin with: a trie."""
        child: dict[tuple[int, CodePoints], int] = {}
        single = CodePoints.of_ranges(
            pair for node in branches if isinstance(node, Chars) for pair in node.points.ranges
        )
        ends = [self._add(Chars(single), start)]
        for branch in branches:
            if isinstance(branch, Chars):
                continue
            parts = branch.parts if isinstance(branch, Concat) else (branch,)
            state = start
            for index, part in enumerate(parts):
                if not isinstance(part, Chars):
                    state = self._add(Concat(parts[index:]), state)
                    break
                known = child.get((state, part.points))
                if known is None:
                    known = child[state, part.points] = self._add(part, state)
                state = known
            ends.append(state)
        return ends

    def _repeat(self, node: Repeat, start: int) -> int:
        part, low, high = node.part, node.low, node.high
        for _ in range(low):
            start = self._add(part, start)
        if high is None:
            loop = self._join([start])
            self.silent[self._add(part, loop)].append((None, loop))
            return self._join([loop])
        exits = [start]
        for _ in range(high - low):
            start = self._add(part, start)
            exits.append(start)
        return self._join(exits)

    def _guarded(self, guard: Guard, start: int) -> int:
        end = self._state()
        self.silent[start].append((guard, end))
        return end

    def _ahead(self, part: Node, negative: bool) -> Ahead:
        if part not in self._aheads:
            self._aheads[part] = self._body(_needed(part, last=True), ALL)
        return Ahead(self._aheads[part], negative)

    def _behind(self, part: Node, negative: bool) -> Behind:
        if part not in self._behinds:
            start, end = self._state(), self._state()
            self.silent[self._add(Concat((_ANYTHING, _needed(part, last=False))), start)].append((None, end))
            self._behinds[part] = len(self.trackers)
            self.trackers.append((start, end))
        return Behind(self._behinds[part], negative)


_ANYTHING = Repeat(Chars(CodePoints.ANY), 0, None)


def search_size(node: Node) -> int:
    """How many states the program has that searches for `node`, roughly."""
    return _size(_searched(node))


def _size(node: Node) -> int:
    """How many states the program has for `node`, roughly."""
    match node:
        case Concat(parts) | Alternate(parts):
            return 1 + sum(_size(part) for part in parts)
        case Repeat():
            flat = _flat(node)
            return 1 + max(flat.low, flat.high or 0, 1) * _size(flat.part)
        case Look(part, _, _):
            return 1 + _size(part)
        case _:
            return 1


def _flat(node: Repeat) -> Repeat:
    """The same language without repetitions of repetitions, where the counts have no gaps: (e{l,m}){L,M} = e{lL,mM}
    if already L copies may be as long as the shortest L + 1 copies, or one short of it.
    """
    while isinstance(node.part, Repeat):
        inner = _flat(node.part)
        longest = inf if inner.high is None and node.low else (inner.high or 0) * node.low
        if inner.low * (node.low + 1) > longest + 1:
            break
        high = 0 if 0 in (inner.high, node.high) else None
        if inner.high is not None and node.high is not None:
            high = inner.high * node.high
        node = Repeat(inner.part, inner.low * node.low, high)
    return node


def _searched(node: Node) -> Node:
    return _needed(_needed(node, last=True), last=False)


def _needed(node: Node, *, last: bool) -> Node:
    """A smaller L with L ANY* = `node` ANY* (if `last`; ANY* L = ANY* `node` otherwise), wherever it stands.

    With anything to come, the first `low` copies of a repetition are a match where more of them are.
    """
    match node:
        case Concat(parts):
            kept = list(parts)
            end = -1 if last else 0
            while kept:
                kept[end] = _needed(kept[end], last=last)
                if kept[end] != Concat(()):
                    break
                kept.pop(end)
            return Concat(tuple(kept))
        case Alternate(branches):
            return Alternate(tuple(dict.fromkeys(_needed(branch, last=last) for branch in branches)))
        case Repeat():
            part, low = _flat(node).part, _flat(node).low
            if low <= 1:
                return _needed(part, last=last) if low else Concat(())
            others, one = Repeat(part, low - 1, low - 1), _needed(part, last=last)
            return Concat((others, one) if last else (one, others))
        case _:
            return node


def _closure(seeds: list[int], neighbours: list[list[int]]) -> list[bool]:
    seen = [False] * len(neighbours)
    stack = list(seeds)
    while stack:
        state = stack.pop()
        if not seen[state]:
            seen[state] = True
            stack += neighbours[state]
    return seen


def partition(sets: Sequence[CodePoints]) -> tuple[list[CodePoints], list[list[int]]]:
    """The coarsest classes of code points such that every set is a union of them, and the classes of each set.

    The classes are not empty; together they are all code points.
    """
    changes: dict[int, list[int]] = {0: [], 0x110000: []}
    for index, points in enumerate(sets):
        for low, high in points.ranges:
            changes.setdefault(low, []).append(index)
            changes.setdefault(high + 1, []).append(index)
    bounds = sorted(changes)
    inside: set[int] = set()
    found: dict[frozenset[int], list[tuple[int, int]]] = {}
    for low, end in pairwise(bounds):
        inside.symmetric_difference_update(changes[low])
        found.setdefault(frozenset(inside), []).append((low, end - 1))
    if len(found) > MAX_CLASSES:
        raise LimitError(
            f"the pattern distinguishes {len(found):,} kinds of characters",
            limit=MAX_CLASSES,
            given=len(found),
            hint="write the values as an enumeration",
        )
    classes: list[CodePoints] = []
    members: list[list[int]] = [[] for _ in sets]
    for owners, ranges in found.items():
        if points := CodePoints.of_ranges(ranges):
            for index in owners:
                members[index].append(len(classes))
            classes.append(points)
    return classes, members
