"""Deterministic reading of a program: what the rest of the text has to fulfil, as a value (alternating automata).

After some text, the rest must take one of the program's states to acceptance *while* fulfilling what the look-aheads
passed on the way demand of it. A *goal* is that condition: a set of alternatives `(need, state)`, where a need is

    (all_of, none_of)   the rest fulfils every goal of `all_of`, and not the goal `none_of`

so that goals refer to the goals of the look-aheads inside them. Reading a character turns goals into goals,

    step(A or B) = step(A) or step(B)      step(need and state) = step(need) and (the states after it)

and a look-behind asks the *place*: the goals of the trackers, which read along from the first character. Goals and
places are numbered, equal ones once; without assertions a goal is the subset of the subset construction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from constrain.errors import LimitError
from constrain.regex_program import ALL, FINISH, Ahead, Guard, Program
from constrain.regex_tree import Anchor

__all__ = ["EVERYTHING", "NOTHING", "Goals", "Place"]

MAX_WORK = 1_000_000  # members of goals visited: about 1.3 s

Goal: TypeAlias = int
Need: TypeAlias = "tuple[frozenset[Goal], Goal]"

NOTHING: Goal = 0
EVERYTHING: Goal = 1
FREE: Need = (frozenset(), NOTHING)


@dataclass(eq=False)
class Place:
    """Where in the text a goal is asked for: at its start or not, and what the trackers stand at.

    `behind[i]` is what the rest must fulfil for tracker i to be at its end: EVERYTHING or NOTHING, unless there are
    look-aheads in the look-behind. Equal places are one object, which keeps what was found out there.
    """

    start: bool
    trackers: tuple[Goal, ...]
    behind: tuple[Goal, ...]
    rows: dict[Goal, dict[int, Goal]] = field(default_factory=dict)
    single_rows: dict[tuple[Need, int], dict[int, Goal]] = field(default_factory=dict)
    ends: dict[Goal, bool] = field(default_factory=dict)
    following: dict[int, Place] = field(default_factory=dict)


class Goals:
    """The goals and places of one program, over `classes` of characters: `classes[label]` are those of a label."""

    def __init__(self, program: Program, classes: list[list[int]]) -> None:
        self.program = program
        self.classes = classes
        self.landing = program.landings()
        self.ends = {FINISH, ALL, *(end for _, end in program.trackers)}
        self.work = 0
        self.alternatives: list[dict[Need, frozenset[int]]] = []
        self.number: dict[frozenset[tuple[Need, frozenset[int]]], Goal] = {}
        self.places: dict[tuple[Goal, ...], Place] = {}
        self.reached: dict[int, Goal] = {}
        self.closures: dict[tuple[int, bool, tuple[Goal, ...]], list[tuple[Need, int]]] = {}
        for states in (frozenset[int](), frozenset([ALL])):
            self._numbered({FREE: states} if states else {})
        self.first = self._place(True, tuple(self.reach(start) for start, _ in program.trackers))
        self.later = Place(False, (), ())  # where trackers do not matter

    def spend(self, amount: int) -> None:
        """Count steps, most of them members of goals visited; raises `LimitError` past the budget."""
        self.work += amount
        if self.work > MAX_WORK:
            raise LimitError(
                f"the pattern takes more than {MAX_WORK:,} steps to make deterministic",
                limit=MAX_WORK,
                given=self.work,
                hint="anchor it, lower its counts, or make its alternatives begin differently",
            )

    def reach(self, state: int) -> Goal:
        """The rest is accepted from this state."""
        goal = self.reached.get(state)
        if goal is None:
            goal = self.reached[state] = self._goal({FREE: {state}})
        return goal

    def unite(self, goals: Iterable[Goal]) -> Goal:
        """Any of the goals is fulfilled."""
        distinct = set(goals)
        if EVERYTHING in distinct:
            return EVERYTHING
        if len(distinct) == 1:
            return distinct.pop()
        merged: dict[Need, set[int]] = {}
        for goal in distinct:
            for need, states in self.alternatives[goal].items():
                self.spend(len(states))
                merged.setdefault(need, set()).update(states)
        return self._goal(merged)

    def row(self, goal: Goal, here: Place) -> dict[int, Goal]:
        """What the rest must fulfil after one more character, by class; classes without a future are left out."""
        row = here.rows.get(goal)
        if row is None:
            alternatives = self.alternatives[goal].items()
            parts = [self._single_row(need, state, here) for need, states in alternatives for state in states]
            parts.sort(key=len, reverse=True)  # most of a search is its first state, whose row is taken as it is
            row = dict(parts[0]) if parts else {}
            others: dict[int, list[Goal]] = {}
            for part in parts[1:]:
                self.spend(len(part))
                for char, target in part.items():
                    others.setdefault(char, [row[char]] if char in row else []).append(target)
            row |= {char: self.unite(targets) for char, targets in others.items()}
            self.spend(len(parts) + len(row) // 16)
            here.rows[goal] = row
        return row

    def next_place(self, here: Place, char: int) -> Place:
        if not self.program.trackers:
            return self.later
        place = here.following.get(char)
        if place is None:
            trackers = tuple(self.row(tracker, here).get(char, NOTHING) for tracker in here.trackers)
            place = self.places.get(trackers)
            if place is None:
                place = self.places[trackers] = self._place(False, trackers)
            here.following[char] = place
        return place

    def accepts_end(self, goal: Goal, here: Place) -> bool:
        """Does the end of the text, `here`, fulfil the goal?"""
        known = here.ends.get(goal)
        if known is None:
            known = here.ends[goal] = any(
                end in (FINISH, ALL) and self._allows_end(need, here) and self._allows_end(extra, here)
                for need, states in self.alternatives[goal].items()
                for state in states
                for extra, end in self._closure(state, here.start, here.behind)
            )
        return known

    def _allows_end(self, need: Need, here: Place) -> bool:
        if need == FREE:
            return True
        all_of, none_of = need
        return all(self.accepts_end(goal, here) for goal in all_of) and not self.accepts_end(none_of, here)

    def _goal(self, alternatives: dict[Need, set[int]]) -> Goal:
        """The number of a goal. Alternatives with a weaker need make those with a stronger one superfluous."""
        if ALL in alternatives.get(FREE, ()):
            return EVERYTHING
        if len(alternatives) > 1:
            self.spend(len(alternatives) ** 2)
            for strong in alternatives:
                for weak in alternatives:
                    if weak != strong and _implies(strong, weak):
                        alternatives[strong] = (
                            set() if ALL in alternatives[weak] else alternatives[strong] - alternatives[weak]
                        )
        return self._numbered(
            {need: frozenset([ALL] if ALL in states else states) for need, states in alternatives.items() if states}
        )

    def _numbered(self, alternatives: dict[Need, frozenset[int]]) -> Goal:
        goal = self.number.setdefault(frozenset(alternatives.items()), len(self.alternatives))
        if goal == len(self.alternatives):
            self.alternatives.append(alternatives)
        return goal

    def _single_row(self, need: Need, state: int, here: Place) -> dict[int, Goal]:
        row = here.single_rows.get((need, state))
        if row is None:
            row = {}
            several: dict[int, list[Goal]] = {}
            for extra, source in self._closure(state, here.start, here.behind):
                both = self._both(need, extra)
                if both is None:
                    continue
                for label, target in self.program.moves[source]:
                    landing = self.landing[target]
                    if landing is not None:
                        self.spend(1 + len(self.classes[label]) // 4)
                        for char, goal in self._after(both, landing, self.classes[label], here):
                            if char in row:
                                several.setdefault(char, [row[char]]).append(goal)
                            else:
                                row[char] = goal
            row |= {char: self.unite(goals) for char, goals in several.items()}
            here.single_rows[need, state] = row
        return row

    def _after(self, need: Need, state: int, chars: list[int], here: Place) -> list[tuple[int, Goal]]:
        """The goals after one of the characters, each of which leads to `state`."""
        if need == FREE:
            goal = self.reach(state)
            return [(char, goal) for char in chars]
        rows = [self.row(goal, here) for goal in need[0]]
        refused = self.row(need[1], here)
        found = []
        known: dict[tuple[Goal, ...], Goal] = {}  # many characters mean the same to the look-aheads
        for char in chars:
            key = (refused.get(char, NOTHING), *(row.get(char, NOTHING) for row in rows))
            if key not in known:
                after = self._need(key[1:], key[0])
                known[key] = NOTHING if after is None else self._goal({after: {state}})
            if known[key] != NOTHING:
                found.append((char, known[key]))
        return found

    def _need(self, all_of: Iterable[Goal], none_of: Goal) -> Need | None:
        """The need in shortest form; None if nothing can fulfil it."""
        demanded = frozenset(all_of) - {EVERYTHING}
        self.spend(len(demanded))
        return None if NOTHING in demanded or none_of in demanded or none_of == EVERYTHING else (demanded, none_of)

    def _both(self, first: Need, second: Need) -> Need | None:
        if first == FREE or second == FREE:
            return second if first == FREE else first
        return self._need(first[0] | second[0], self.unite((first[1], second[1])))

    def _closure(self, state: int, start: bool, behind: tuple[Goal, ...]) -> list[tuple[Need, int]]:
        """The states with moves, and the ends, that are reached without reading, and what each way there demands."""
        known = self.closures.get((state, start, behind))
        if known is None:
            if not self.program.silent[state]:
                known = self.closures[state, start, behind] = [(FREE, state)]
                return known
            seen = {(FREE, state)}
            queue = [(FREE, state)]
            for need, here in queue:
                for guard, target in self.program.silent[here]:
                    demand = self._demand(guard, start, behind)
                    both = demand and self._both(need, demand)
                    if both is not None and (both, target) not in seen:
                        seen.add((both, target))
                        queue.append((both, target))
            self.spend(2 * len(queue))
            known = [pair for pair in queue if self.program.moves[pair[1]] or pair[1] in self.ends]
            self.closures[state, start, behind] = known
        return known

    def _demand(self, guard: Guard | None, start: bool, behind: tuple[Goal, ...]) -> Need | None:
        """What the rest must fulfil for the guard to let pass here."""
        if guard is None:
            return FREE
        if guard is Anchor.START:
            return FREE if start else None
        assert not isinstance(guard, Anchor)
        goal = self.reach(guard.start) if isinstance(guard, Ahead) else behind[guard.tracker]
        return self._need((), goal) if guard.negative else self._need((goal,), NOTHING)

    def _place(self, start: bool, trackers: tuple[Goal, ...]) -> Place:
        """The place where the trackers stand at these goals; each is asked knowing those of smaller numbers."""
        self.spend(20)
        behind: tuple[Goal, ...] = ()
        for tracker, (_, end) in zip(trackers, self.program.trackers, strict=True):
            demands: dict[Need, set[int]] = {}
            for need, states in self.alternatives[tracker].items():
                for state in states:
                    for extra, reached in self._closure(state, start, behind):
                        if reached == end and (both := self._both(need, extra)):
                            demands[both] = {ALL}
            behind += (self._goal(demands),)
        return Place(start, trackers, behind)


def _implies(strong: Need, weak: Need) -> bool:
    return weak[0] <= strong[0] and weak[1] in (NOTHING, strong[1])
