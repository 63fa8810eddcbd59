"""The texts that a backtracking matcher matches to their end: what `re.match` prefers, as a language.

`re.match` tries alternatives as written, repeats greedily or lazily as told, and takes the first way that succeeds. The
texts w of which it so takes all, L'(p) = {w : re.match(p, w) ends at the end of w}, are regular: run all ways side by
side in the order of preference and, where one has matched, forget those behind it (a Pike machine); w is in L' if one
has just matched. The ordered lists of ways are the states of a deterministic automaton.

A way that succeeds on w succeeds on every w x too, and those before it can only match more of w x. So the texts that
are matched at the start of w x or of any prefix of it are the prefixes of w x that are in L', and the longest of them
is what is matched of w x itself. This holds with assertions too, if none depends on what stands around w.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import numpy as np

from constrain.automaton import Automaton
from constrain.codepoints import CodePoints, utf8
from constrain.errors import LimitError
from constrain.regex_program import partition
from constrain.regex_reading import Reading, spell
from constrain.regex_tree import Alternate, Anchor, Chars, Concat, Look, Node, Repeat, widths

__all__ = ["first_matches"]

MAX_POSITIONS = 100_000  # states before any reading
MAX_WORK = 1_000_000  # ways looked at, in all lists together; about 1.5 s and 200 MB

_MATCH = 0  # the state that has matched

Pending: TypeAlias = frozenset[tuple[bool, frozenset[int]]]  # look-aheads, negative or not, and where they are
Way: TypeAlias = tuple[int, Pending]
Position: TypeAlias = tuple[tuple[Way, ...], tuple[frozenset[int], ...]]  # all ways, and where look-behinds are


def first_matches(node: Node) -> Automaton:
    """L'(node), whose assertions see nothing beyond the ends of a text and stand in no other assertion.

    Raises `LimitError` where the counts are too large or the ways too many.
    """
    ways = _Ways(node)
    number: dict[Position, int] = {}
    queue: list[Position] = []

    def numbered(position: Position) -> int:
        known = number.setdefault(position if position[0] else ((), ()), len(queue))
        if known == len(queue):
            queue.append(position)
        return known

    numbered(ways.first())
    dead = numbered(((), ()))
    rows = []
    for position in queue:
        row = np.full(len(ways.classes), dead, np.int32)
        for char in ways.readable(position):
            row[char] = numbered(ways.after(position, char))
        rows.append(row)
    accepting = np.array([bool(found) and found[-1][0] == _MATCH for found, _ in queue], np.bool_)
    return spell(Reading(tuple(ways.classes), np.array(rows), accepting[:, None]), accepting, utf8)


class _Program:
    """States that read one character (`reads`), or lead on silently: to others in the order of preference (`splits`),
    by a look-around (`looks`), by marking (`marks`) or asking for (`asks`) a repetition that has read nothing yet.
    """

    def __init__(self) -> None:
        self.size = 1
        self.reads: dict[int, tuple[CodePoints, int]] = {}
        self.splits: dict[int, tuple[int, ...]] = {}
        self.looks: dict[int, tuple[Look, int]] = {}
        self.marks: dict[int, tuple[int, int]] = {}
        self.asks: dict[int, tuple[int, int, int]] = {}

    def add(self, node: Node, then: int) -> int:
        """The state from which `node` is read and then `then` is reached."""
        match node:
            case Chars(points):
                state = self._state()
                self.reads[state] = points, then
                return state
            case Concat(parts):
                for part in reversed(parts):
                    then = self.add(part, then)
                return then
            case Alternate(branches):
                return self._split(*(self.add(branch, then) for branch in branches))
            case Look():
                state = self._state()
                self.looks[state] = node, then
                return state
            case Repeat():
                return self._repeat(node, then)
            case Anchor():
                raise AssertionError("an anchor depends on what stands around a text")

    def _repeat(self, node: Repeat, then: int) -> int:
        """A repetition beyond the least count, having read nothing, is the last one (as `re` has it)."""
        part, low, high = node.part, node.low, node.high
        mark = self._state() if widths(part)[0] == 0 else None
        if high is None:
            again = self._split()
            entry = self.add(part, again if mark is None else self._asking(mark, then, again))
            self.splits[again] = self._choice(entry, then, mark, lazy=node.lazy)
            start = again
        else:
            start = then
            for _ in range(high - low):
                after = start if mark is None else self._asking(mark, then, start)
                start = self._split(*self._choice(self.add(part, after), then, mark, lazy=node.lazy))
        for _ in range(low):
            before, start = start, self.add(part, start)
            if start == before:  # a part that is nothing at all
                break
        return start

    def _choice(self, entry: int, then: int, mark: int | None, *, lazy: bool) -> tuple[int, ...]:
        if mark is not None:
            state = self._state()
            self.marks[state] = mark, entry
            entry = state
        return (then, entry) if lazy else (entry, then)

    def _asking(self, mark: int, marked: int, unmarked: int) -> int:
        state = self._state()
        self.asks[state] = mark, marked, unmarked
        return state

    def _split(self, *targets: int) -> int:
        state = self._state()
        self.splits[state] = targets
        return state

    def _state(self) -> int:
        if self.size >= MAX_POSITIONS:
            raise _over_budget("characters and repetitions when its counts are written out", MAX_POSITIONS, self.size)
        self.size += 1
        return self.size - 1


class _Ways:
    """The ways of reading a text, all at once."""

    def __init__(self, node: Node) -> None:
        self.program = _Program()
        self.start = self.program.add(node, _MATCH)
        self.entries: dict[Node, int] = {}
        for look, _ in list(self.program.looks.values()):
            if look.part not in self.entries:
                self.entries[look.part] = self.program.add(look.part, _MATCH)
        self.behind = list(dict.fromkeys(look.part for look, _ in self.program.looks.values() if not look.ahead))
        labels = list(dict.fromkeys(points for points, _ in self.program.reads.values()))
        self.classes, members = partition(labels)
        numbers = dict(zip(labels, map(frozenset, members), strict=True))
        self.reads = {state: (numbers[points], then) for state, (points, then) in self.program.reads.items()}
        self.known: dict[tuple[int, tuple[bool, ...]], tuple[Way, ...]] = {}
        self.work = 0

    def first(self) -> Position:
        """Before the first character."""
        trackers = tuple(self._starts(self.entries[part]) for part in self.behind)
        return self._cut([(self.start, frozenset())], trackers)

    def readable(self, position: Position) -> set[int]:
        """The classes of characters that some way goes on with."""
        return {char for state, _ in position[0] if state for char in self.reads[state][0]}

    def after(self, position: Position, char: int) -> Position:
        """After one more character of the class `char`."""
        ways, trackers = position
        going: list[Way] = []
        self.work += len(ways)
        for state, pending in ways:
            if state and char in self.reads[state][0]:
                rest = self._kept(pending, char)
                if rest is not None:
                    going.append((self.reads[state][1], rest))
        ends = zip(trackers, self.behind, strict=True)
        return self._cut(going, tuple(self._moved(at, char) | self._starts(self.entries[part]) for at, part in ends))

    def _cut(self, going: Iterable[Way], trackers: tuple[frozenset[int], ...]) -> Position:
        """The ways from these states on, without what comes after one that has matched."""
        truths = tuple(_MATCH in tracker for tracker in trackers)
        found: dict[Way, None] = {}
        for state, pending in going:
            reached = self._silently(state, truths)
            self.work += len(reached)
            if self.work > MAX_WORK:
                raise _over_budget("steps to order its ways of matching", MAX_WORK, self.work)
            for other, more in reached:
                found[other, pending | more] = None
                if other == _MATCH:
                    assert not pending | more, "a look-ahead that sees beyond the text"
                    return tuple(found), trackers
        return tuple(found), trackers

    def _silently(self, start: int, truths: tuple[bool, ...]) -> tuple[Way, ...]:
        """What is reached without reading, in the order of preference. `truths` is what the look-behinds say here."""
        if (start, truths) in self.known:
            return self.known[start, truths]
        program = self.program
        nothing: frozenset[int] = frozenset()
        found: dict[Way, None] = {}
        seen: set[tuple[int, frozenset[int], Pending]] = set()
        stack: list[tuple[int, frozenset[int], Pending]] = [(start, nothing, frozenset())]
        while stack:
            item = stack.pop()
            state, marks, pending = item
            if item in seen:
                continue
            seen.add(item)
            if state in program.splits:
                stack += [(target, marks, pending) for target in reversed(program.splits[state])]
            elif state in program.marks:
                mark, target = program.marks[state]
                stack.append((target, marks | {mark}, pending))
            elif state in program.asks:
                mark, marked, unmarked = program.asks[state]
                stack.append((marked if mark in marks else unmarked, marks, pending))
            elif state in program.looks:
                look, target = program.looks[state]
                if look.ahead:
                    begun = self._judged(look.negative, self._starts(self.entries[look.part]))
                    if begun is not None:
                        stack.append((target, marks, pending | begun))
                elif truths[self.behind.index(look.part)] != look.negative:
                    stack.append((target, marks, pending))
            else:
                found[state, pending] = None
        return self.known.setdefault((start, truths), tuple(found))

    def _starts(self, entry: int) -> frozenset[int]:
        """What is reached silently in the part of an assertion."""
        return frozenset(state for state, _ in self._silently(entry, ()))

    def _moved(self, states: frozenset[int], char: int) -> frozenset[int]:
        """All that is reached by a character, in the part of an assertion."""
        targets = [self.reads[state][1] for state in states if state and char in self.reads[state][0]]
        return frozenset().union(*map(self._starts, targets))

    def _kept(self, pending: Pending, char: int) -> Pending | None:
        """The look-aheads that are still undecided after a character; None if one has failed."""
        kept: Pending = frozenset()
        for negative, states in pending:
            judged = self._judged(negative, self._moved(states, char))
            if judged is None:
                return None
            kept |= judged
        return kept

    @staticmethod
    def _judged(negative: bool, states: frozenset[int]) -> Pending | None:
        """A look-ahead in these states: nothing once it holds, None once it has failed."""
        if _MATCH in states:
            return None if negative else frozenset()
        if not states:
            return frozenset() if negative else None
        return frozenset({(negative, states)})


def _over_budget(what: str, limit: int, given: int) -> LimitError:
    return LimitError(
        f"the pattern needs more than {limit:,} {what}",
        limit=limit,
        given=given,
        hint="lower its counts, or make its alternatives begin differently",
    )
