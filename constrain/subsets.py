"""Nondeterministic automata over bytes, and the subset construction that makes them deterministic."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from constrain.automaton import Automaton, distinct_columns
from constrain.errors import LimitError

__all__ = ["Nfa", "determinize", "over_budget"]

_EDGES_PER_STATE = 32  # members of subsets visited per allowed DFA state: some seconds, where subsets grow and grow

Edge = tuple[int, int]


def over_budget(limit: int, given: int) -> LimitError:
    return LimitError(
        f"the specification needs more than {limit:,} automaton states",
        limit=limit,
        given=given,
        hint="shorten bounds and enumerations, or raise max_states",
    )


@dataclass(frozen=True)
class Nfa:
    """States 0, 1, ... with edges for bytes, and silent ones that read nothing; 0 is the start.

    An edge `(mask, target)` of state q leads to `target + offset[q]`, where bit b of `mask` is set for byte b. The
    offset is that of an automaton that q is a copied state of, whose edges are disjoint; 0 for all other states.
    """

    edges: list[list[Edge]] = field(default_factory=list)
    offset: list[int] = field(default_factory=list)
    silent: dict[int, list[int]] = field(default_factory=dict)

    def state(self) -> int:
        self.edges.append([])
        self.offset.append(0)
        return len(self.edges) - 1

    def link(self, source: int, target: int) -> None:
        """A silent edge."""
        self.silent.setdefault(source, []).append(target)

    def join(self, ends: Iterable[int]) -> int:
        """A new state to which silent edges lead from `ends`."""
        end = self.state()
        for state in ends:
            self.link(state, end)
        return end

    def embed(self, automaton: Automaton, start: int) -> int:
        """A copy of `automaton` that begins in `start`; the state in which it has been read."""
        first = len(self.edges)
        self.edges.extend(automaton.edges)
        self.offset.extend([first] * automaton.states)
        self.link(start, first)
        return self.join((first + np.flatnonzero(automaton.accepting)).tolist())


def determinize(nfa: Nfa, final: int, max_states: int) -> Automaton:
    """The minimal automaton of what leads from state 0 to `final`.

    The subset construction with symbolic edges: per subset, its outgoing masks are split into disjoint atoms. Subsets
    of one state with disjoint edges, which copied automata consist of for the most part, need no splitting.
    """
    closed = _ClosedEdges(nfa, final, max_states)
    number: dict[frozenset[int], int] = {}
    queue: list[frozenset[int]] = []

    def numbered(subset: frozenset[int]) -> int:
        there = number.setdefault(subset, len(queue))
        if there == len(queue):
            if there >= max_states:
                raise over_budget(max_states, there + 1)
            queue.append(subset)
        return there

    entered = [-1] * len(nfa.edges)  # the number of the subset that a state's edges and silent edges make
    source: list[int] = []
    masks: list[int] = []
    target: list[int] = []
    work, budget = 0, max_states * _EDGES_PER_STATE
    numbered(closed.closure(0))
    for here, subset in enumerate(queue):
        work += len(subset)
        if work > budget:
            raise over_budget(max_states, work // _EDGES_PER_STATE)
        before = len(target)
        state = next(iter(subset)) if len(subset) == 1 else -1
        if state >= 0 and ((offset := nfa.offset[state]) or len(nfa.edges[state]) == 1):
            for mask, following in nfa.edges[state]:
                there = entered[following + offset]
                if there < 0:
                    there = entered[following + offset] = numbered(closed.closure(following + offset))
                masks.append(mask)
                target.append(there)
        else:
            for mask, reached in _atoms([closed.of(state) for state in subset]):
                masks.append(mask)
                target.append(numbered(reached))
        source += [here] * (len(target) - before)
    label = {mask: index for index, mask in enumerate(dict.fromkeys(masks))}
    bits = b"".join(mask.to_bytes(32, "little") for mask in label)
    member = np.unpackbits(np.frombuffer(bits, np.uint8).reshape(-1, 32), axis=1, bitorder="little")  # [masks, 256]
    first, byte_class = distinct_columns(member)  # a byte's class is the set of masks that hold it
    table = np.full((len(queue), len(first)), -1, np.int32)
    edge, symbol = np.nonzero(member[:, first][np.fromiter(map(label.__getitem__, masks), np.int64, len(masks))])
    table[np.array(source, np.int64)[edge], symbol] = np.array(target, np.int64)[edge]
    accepting = np.array([final in subset for subset in queue])
    return Automaton.from_table(table, byte_class, accepting)


class _ClosedEdges:
    """An NFA without silent edges: each state's masks with all that they lead to, computed when first asked for.

    n optional parts in a row have closures of n^2 / 2 members in total, so these are budgeted like those of subsets.
    """

    def __init__(self, nfa: Nfa, final: int, max_states: int) -> None:
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
            silent = self.nfa.silent
            seen, stack = {state}, [state]
            while stack:
                for target in silent.get(stack.pop(), ()):
                    if target not in seen:
                        seen.add(target)
                        stack.append(target)
            self.work += len(seen)
            if self.work > self.max_states * _EDGES_PER_STATE:
                raise over_budget(self.max_states, self.work // _EDGES_PER_STATE)
            known = frozenset(s for s in seen if self.nfa.edges[s] or s == self.final)
            self.closures[state] = known
        return known

    def of(self, state: int) -> dict[int, frozenset[int]]:
        known = self.edges.get(state)
        if known is None:
            grouped: dict[int, set[int]] = {}
            offset = self.nfa.offset[state]
            for mask, target in self.nfa.edges[state]:
                grouped.setdefault(mask, set()).update(self.closure(target + offset))
            known = self.edges[state] = {mask: frozenset(reached) for mask, reached in grouped.items()}
        return known


def _atoms(edges: list[dict[int, frozenset[int]]]) -> Iterable[tuple[int, frozenset[int]]]:
    """Disjoint `(mask, successor subset)` pairs equivalent to the given, possibly overlapping, edges."""
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
    merged: dict[frozenset[int], int] = {}
    for mask, targets in atoms:
        subset = frozenset(targets)
        merged[subset] = merged.get(subset, 0) | mask
    return [(mask, subset) for subset, mask in merged.items()]
