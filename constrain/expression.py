"""Regular expressions over bytes, as cheap immutable trees that are determinised once, as a whole.

Front ends build trees with `literal`, `byte_range`, `concat`, `union` and `repeat`; `compile_expression` turns a tree
into the minimal `Automaton`. An `Automaton` may itself be a leaf, which is how intersections and complements enter.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from constrain.automaton import DEFAULT_MAX_STATES, Automaton, distinct_columns
from constrain.errors import LimitError

__all__ = [
    "EMPTY",
    "NOTHING",
    "ByteSet",
    "Concat",
    "Expression",
    "Literal",
    "Repeat",
    "Union",
    "byte_range",
    "byte_set",
    "compile_expression",
    "concat",
    "literal",
    "optional",
    "repeat",
    "union",
]

_POSITIONS_PER_STATE = 16  # NFA positions allowed per allowed DFA state, so that hopeless inputs fail before expansion
_EDGES_PER_STATE = 32  # members of subsets visited per allowed DFA state: some seconds, where subsets grow and grow


@dataclass(frozen=True)
class Literal:
    """Exactly these bytes."""

    data: bytes


@dataclass(frozen=True)
class ByteSet:
    """One byte b with bit b set in the 256-bit `mask`."""

    mask: int


@dataclass(frozen=True)
class Concat:
    parts: tuple[Expression, ...]


@dataclass(frozen=True)
class Union:
    parts: tuple[Expression, ...]


@dataclass(frozen=True)
class Repeat:
    """Between `low` and `high` concatenated copies of `part`; `high` None means no upper bound."""

    part: Expression
    low: int
    high: int | None


Expression: TypeAlias = Literal | ByteSet | Concat | Union | Repeat | Automaton

EMPTY = Literal(b"")
NOTHING = Union(())


def literal(data: bytes) -> Expression:
    return Literal(data)


def byte_range(low: int, high: int) -> Expression:
    """One byte between `low` and `high`, both included."""
    return Literal(bytes([low])) if low == high else ByteSet((1 << (high + 1)) - (1 << low))


def byte_set(members: Iterable[int]) -> Expression:
    distinct = set(members)
    return Literal(bytes(distinct)) if len(distinct) == 1 else ByteSet(sum(1 << byte for byte in distinct))


def concat(*parts: Expression) -> Expression:
    flat: list[Expression] = []
    for part in parts:
        for piece in part.parts if isinstance(part, Concat) else (part,):
            if isinstance(piece, Literal) and flat and isinstance(flat[-1], Literal):
                flat[-1] = Literal(flat[-1].data + piece.data)
            elif piece != EMPTY:
                flat.append(piece)
    return flat[0] if len(flat) == 1 else Concat(tuple(flat)) if flat else EMPTY


def union(*parts: Expression) -> Expression:
    flat: list[Expression] = []
    for part in parts:
        flat += part.parts if isinstance(part, Union) else [part]
    return flat[0] if len(flat) == 1 else Union(tuple(flat))


def repeat(part: Expression, low: int = 0, high: int | None = None) -> Expression:
    """Between `low` and `high` copies of `part` (None: no limit); no string at all if that is impossible."""
    if high is not None and low > high:
        return NOTHING
    return part if (low, high) == (1, 1) else EMPTY if high == 0 else Repeat(part, low, high)


def optional(part: Expression) -> Expression:
    return union(EMPTY, part)


def compile_expression(expression: Expression, *, max_states: int = DEFAULT_MAX_STATES) -> Automaton:
    """The minimal automaton of the language that `expression` denotes.

    Raises `LimitError` when the subset construction passes `max_states`, or when the tree is so large that it must;
    the latter is decided by arithmetic, before anything is expanded.
    """
    if isinstance(expression, Automaton):
        return expression
    budget = max_states * _POSITIONS_PER_STATE
    size = _size(expression)
    if size > budget:
        raise _over_budget(max_states, size // _POSITIONS_PER_STATE)
    nfa = _Nfa(max_states)
    final = nfa.add(expression, nfa.state())
    return _determinize(nfa, final, max_states)


def _over_budget(limit: int, given: int) -> LimitError:
    return LimitError(
        f"the specification needs more than {limit:,} automaton states",
        limit=limit,
        given=given,
        hint="shorten bounds and enumerations, or raise max_states",
    )


def _size(expression: Expression) -> int:
    """How many NFA positions the expanded tree has, at most."""
    match expression:
        case Literal(data):
            return len(data)
        case ByteSet():
            return 1
        case Concat(parts) | Union(parts):
            return 1 + sum(_size(part) for part in parts)
        case Repeat(part, low, high):
            return 1 + max(low, high or 0, 1) * (1 + _size(part))
        case Automaton():
            return expression.states


def _nullable(expression: Expression) -> bool:
    match expression:
        case Literal(data):
            return not data
        case ByteSet():
            return False
        case Concat(parts):
            return all(_nullable(part) for part in parts)
        case Union(parts):
            return any(_nullable(part) for part in parts)
        case Repeat(part, low, _):
            return low == 0 or _nullable(part)
        case Automaton():
            return bool(expression.accepting[0])


class _Nfa:
    """Thompson's construction. `add(expression, start)` gives `start` new outgoing edges, never incoming ones, so
    alternatives may share their start; it returns the state in which the expression has been read.
    """

    def __init__(self, max_states: int) -> None:
        self.max_states = max_states
        self.silent: list[list[int]] = []
        self.edges: list[list[tuple[int, int]]] = []

    def state(self) -> int:
        self.silent.append([])
        self.edges.append([])
        return len(self.edges) - 1

    def join(self, ends: Iterable[int]) -> int:
        end = self.state()
        for state in ends:
            self.silent[state].append(end)
        return end

    def add(self, expression: Expression, start: int) -> int:
        match expression:
            case Literal(data):
                for byte in data:
                    end = self.state()
                    self.edges[start].append((1 << byte, end))
                    start = end
                return start
            case ByteSet(mask):
                end = self.state()
                if mask:
                    self.edges[start].append((mask, end))
                return end
            case Concat(parts):
                for part in parts:
                    start = self.add(part, start)
                return start
            case Union(parts):
                words = [part.data for part in parts if isinstance(part, Literal)]
                others = [part for part in parts if not isinstance(part, Literal)]
                return self.join([*self.add_words(words, start), *(self.add(part, start) for part in others)])
            case Repeat(part, low, high):
                return self.add_repeat(part, low, high, start)
            case Automaton():
                base = len(self.edges)
                for _ in range(expression.states):
                    self.state()
                for state, row in enumerate(expression.edges):
                    self.edges[base + state] += [(mask, base + target) for mask, target in row]
                self.silent[start].append(base)
                return self.join((base + np.flatnonzero(expression.accepting)).tolist())

    def add_words(self, words: list[bytes], start: int) -> list[int]:
        """The ends of all words, which share their beginnings: a trie."""
        child: dict[tuple[int, int], int] = {}
        ends = []
        for word in words:
            state = start
            for byte in word:
                following = child.get((state, byte))
                if following is None:
                    following = child[state, byte] = self.state()
                    self.edges[state].append((1 << byte, following))
                state = following
            ends.append(state)
        return ends

    def add_repeat(self, part: Expression, low: int, high: int | None, start: int) -> int:
        if high is not None and high > 1 and _nullable(part):
            # (e | empty){l, h} = (e - empty){0, h}: without this every copy could be skipped in h ways
            part = compile_expression(part, max_states=self.max_states) - compile_expression(EMPTY)
            low = 0
        for _ in range(low):
            start = self.add(part, start)
        if high is None:
            loop = self.join([start])
            self.silent[self.add(part, loop)].append(loop)
            return self.join([loop])
        exits = [start]
        for _ in range(high - low):
            start = self.add(part, start)
            exits.append(start)
        return self.join(exits)


def _determinize(nfa: _Nfa, final: int, max_states: int) -> Automaton:
    """The subset construction with symbolic edges: per subset, its outgoing masks are split into disjoint atoms."""
    edges = _ClosedEdges(nfa, final, max_states)
    start = edges.closure(0)
    number: dict[frozenset[int], int] = {start: 0}
    queue = [start]
    source: list[int] = []
    label: list[int] = []
    target: list[int] = []
    mask_number: dict[int, int] = {}
    work, budget = 0, max_states * _EDGES_PER_STATE
    for subset in queue:
        here = number[subset]
        work += len(subset)
        if work > budget:
            raise _over_budget(max_states, work // _EDGES_PER_STATE)
        for mask, reached in _atoms([edges.of(state) for state in subset]):
            there = number.get(reached)
            if there is None:
                there = number[reached] = len(queue)
                queue.append(reached)
                if there >= max_states:
                    raise _over_budget(max_states, there + 1)
            source.append(here)
            label.append(mask_number.setdefault(mask, len(mask_number)))
            target.append(there)
    bits = b"".join(mask.to_bytes(32, "little") for mask in mask_number)
    member = np.unpackbits(np.frombuffer(bits, np.uint8).reshape(-1, 32), axis=1, bitorder="little")  # [masks, 256]
    first, byte_class = distinct_columns(member)  # a byte's class is the set of masks that hold it
    table = np.full((len(queue), len(first)), -1, np.int32)
    labels = np.array(label, np.int64)
    edge, symbol = np.nonzero(member[:, first][labels])
    table[np.array(source, np.int64)[edge], symbol] = np.array(target, np.int64)[edge]
    accepting = np.array([final in subset for subset in queue])
    return Automaton.from_table(table, byte_class, accepting)


class _ClosedEdges:
    """An NFA without silent edges: each state's masks with all that they lead to, computed when first asked for.

    n optional parts in a row have closures of n^2 / 2 members in total, so these are budgeted like those of subsets.
    """

    def __init__(self, nfa: _Nfa, final: int, max_states: int) -> None:
        self.nfa = nfa
        self.final = final
        self.max_states = max_states
        self.work = 0
        self.closures: dict[int, frozenset[int]] = {}
        self.edges: dict[int, dict[int, frozenset[int]]] = {}

    def closure(self, state: int) -> frozenset[int]:
        """What `state` reaches silently; states without edges matter only as the final one."""
        known = self.closures.get(state)
        if known is None:
            if not self.nfa.silent[state]:  # as most states are
                known = frozenset((state,) if self.nfa.edges[state] or state == self.final else ())
                self.closures[state] = known
                self.work += 1
                return known
            seen, stack = {state}, [state]
            while stack:
                for target in self.nfa.silent[stack.pop()]:
                    if target not in seen:
                        seen.add(target)
                        stack.append(target)
            self.work += len(seen)
            if self.work > self.max_states * _EDGES_PER_STATE:
                raise _over_budget(self.max_states, self.work // _EDGES_PER_STATE)
            known = frozenset(s for s in seen if self.nfa.edges[s] or s == self.final)
            self.closures[state] = known
        return known

    def of(self, state: int) -> dict[int, frozenset[int]]:
        known = self.edges.get(state)
        if known is None:
            grouped: dict[int, set[int]] = {}
            for mask, target in self.nfa.edges[state]:
                grouped.setdefault(mask, set()).update(self.closure(target))
            known = self.edges[state] = {mask: frozenset(reached) for mask, reached in grouped.items()}
        return known


def _atoms(edges: list[dict[int, frozenset[int]]]) -> Iterable[tuple[int, frozenset[int]]]:
    """Disjoint `(mask, successor subset)` pairs equivalent to the given, possibly overlapping, edges."""
    merged: dict[frozenset[int], int] = {}
    if len(edges) == 1:  # as most subsets have one member, with disjoint edges
        covered = overlap = 0
        for mask, subset in edges[0].items():
            overlap |= covered & mask
            covered |= mask
            merged[subset] = merged.get(subset, 0) | mask
        if not overlap:
            return [(mask, subset) for subset, mask in merged.items()]
        merged.clear()
    by_mask: dict[int, set[int]] = {}
    for row in edges:
        for mask, reached in row.items():
            by_mask.setdefault(mask, set()).update(reached)
    atoms: list[tuple[int, set[int]]] = []
    covered = 0
    for mask, targets in by_mask.items():
        if mask & covered:
            split: list[tuple[int, set[int]]] = []
            for other, others in atoms:
                if shared := other & mask:
                    split.append((shared, others | targets))
                if own := other & ~mask:
                    split.append((own, others))
            atoms = split
        if fresh := mask & ~covered:
            atoms.append((fresh, targets))
        covered |= mask
    for mask, targets in atoms:
        subset = frozenset(targets)
        merged[subset] = merged.get(subset, 0) | mask
    return [(mask, subset) for subset, mask in merged.items()]
