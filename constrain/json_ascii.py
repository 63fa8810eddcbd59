"""JSON texts without characters beyond ASCII: where such a character stands, its escape instead.

Beyond ASCII a JSON text has characters only inside strings, where `\\u` and four hexadecimal digits, in either case and
as a pair of surrogates beyond U+FFFF, mean the same. So the ASCII texts of a language are the images of its texts, and
their automaton is the old one in which every walk along the bytes of such a character is replaced by walks along its
escapes:

    q --C3 A9--> t     becomes     q --\\--> --u--> --0--> --0--> --e,E--> --9--> t

From one state, the replacements for all characters make a tree of hexadecimal digits, whose form depends only on which
characters lead to the same state: few forms are built, and copied. Where the old automaton reads other escapes, it and
the tree are walked side by side (the subset construction); where it reads all of these already, no tree is needed.
U+007F, which is ASCII, may be escaped: Python's `json` does so.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from constrain.automaton import Automaton, distinct_columns
from constrain.json_escapes import MEANT, NOWHERE, EscapeTree, Ranges, append_shifted, escape_tree

__all__ = ["escaped"]

_LEADS: Final = ((0x7F, 0x80, 0), (0xC2, 0xE0, 1), (0xE0, 0xF0, 2), (0xF0, 0xF5, 3))
"""The bytes with which characters begin that are escaped, and how many continuation bytes follow."""


def escaped(automaton: Automaton) -> Automaton:
    """`{text with its characters beyond ASCII escaped, and U+007F escaped or not : text in the language}`.

    The language has to be one of JSON texts, or of parts of them.
    """
    return _Escaping(automaton).result()


class _Escaping:
    """States are numbered: those of the automaton, then nodes of trees and sets of states, in `extra`."""

    def __init__(self, automaton: Automaton) -> None:
        self.automaton = automaton
        self.states = automaton.states
        special = np.array([MEANT.find(chr(byte)) for byte in range(128)])
        labels = np.column_stack([automaton.byte_class[:128], special])
        first, classes = distinct_columns(labels.T)
        self.leads = [(self._runs(first, end), follow) for first, end, follow in _LEADS]
        self.continuations = self._runs(0x80, 0xC0)
        self.byte_class = np.append(classes, np.full(128, len(first), np.uint8))
        self.table = np.full((self.states, len(first) + 1), -1, np.int32)
        self.table[:, :-1] = automaton.table[:, automaton.byte_class[:128][first]]
        self.position = {character: int(classes[ord(character)]) for character in MEANT}
        self.meant = np.array(list(self.position.values()))
        self.extra: list[NDArray[np.int32]] = []
        self.sets: dict[frozenset[int], int] = {}
        self.members: dict[int, frozenset[int]] = {}
        self.waiting: list[int] = []
        self.tails: dict[tuple[int, int], Ranges] = {}

    def result(self) -> Automaton:
        backslash = self.position["\\"]
        behind = self.table[:, backslash].tolist()
        for state in self._gates():
            tree, ends = self._tree(state)
            if not self._reads(behind[state], tree, ends):
                behind[state] = self._union([behind[state], self._planted(tree, ends)])
        self.table[:, backslash] = behind
        for number in self.waiting:
            self.extra[number - self.states] = self._row(self.members[number])
        table = np.concatenate([self.table, np.array(self.extra, np.int32).reshape(-1, self.table.shape[1])])
        accepting = np.append(self.automaton.accepting, np.zeros(len(self.extra), np.bool_))
        for number, members in self.members.items():
            accepting[number] = any(accepting[each] for each in members)
        return Automaton.from_table(table, self.byte_class, accepting)

    def _runs(self, first: int, end: int) -> list[tuple[int, int, int]]:
        """Neighbouring bytes of one class: the first and the last, without the bits that say how long a spelling is."""
        bits = 0x7F if first < 0x80 else 0x3F if first < 0xC0 else 0x1F if first < 0xE0 else 0x0F
        found: list[tuple[int, int, int]] = []
        for byte in range(first, end):
            append_shifted(found, byte & bits, ((0, 0, int(self.automaton.byte_class[byte])),))
        return found

    def _gates(self) -> list[int]:
        """The states in which a character that is escaped may begin."""
        leads = [byte for first, end, _ in _LEADS for byte in range(first, end)]
        begins: NDArray[np.bool_] = self.automaton.table[:, np.unique(self.automaton.byte_class[leads])] >= 0
        gates: list[int] = np.flatnonzero(begins.any(axis=1)).tolist()
        return gates

    def _tree(self, state: int) -> tuple[EscapeTree, list[int]]:
        """The tree of the characters that are escaped, and what its ends stand for."""
        found = [each for runs, follow in self.leads for each in self._numbers(state, runs, follow)]
        ends = list(dict.fromkeys(target for _, _, target in found))
        number = {target: index for index, target in enumerate(ends)}
        return escape_tree(tuple((low, high, number[target]) for low, high, target in found)), ends

    def _numbers(self, state: int, runs: list[tuple[int, int, int]], follow: int) -> Ranges:
        """Where the numbers lead that begin with a byte of the runs, with so many continuation bytes behind it."""
        row = self.automaton.table[state].tolist()
        size = 1 << 6 * follow
        found: list[tuple[int, int, int]] = []
        for first, last, symbol in runs:
            if row[symbol] < 0:
                continue
            tail = self._tail(row[symbol], follow)
            if tail[0][:2] == (0, size - 1):
                append_shifted(found, 0, ((first * size, (last + 1) * size - 1, tail[0][2]),))
            else:
                for digit in range(first, last + 1):
                    append_shifted(found, digit * size, tail)
        return tuple(found)

    def _tail(self, state: int, follow: int) -> Ranges:
        """Where the numbers lead that so many continuation bytes spell."""
        if not follow:
            return ((0, 0, state),)
        key = (state, follow)
        if key not in self.tails:
            self.tails[key] = self._numbers(state, self.continuations, follow - 1)
        return self.tails[key]

    def _reads(self, behind: int, tree: EscapeTree, ends: list[int]) -> bool:
        """Whether the automaton reads all escapes of the tree, and comes to the same ends."""
        seen, stack = {(behind, 0)}, [(behind, 0)]
        while stack:
            state, node = stack.pop()
            if state < 0:
                return False
            row = self.table[state].tolist()
            for character, targets in tree.moves[node].items():
                for target in targets:
                    reached = row[self.position[character]]
                    if target < 0 and reached != ends[-1 - target]:
                        return False
                    if target >= 0 and (reached, target) not in seen:
                        seen.add((reached, target))
                        stack.append((reached, target))
        return True

    def _planted(self, tree: EscapeTree, ends: list[int]) -> int:
        """The root of a copy of the tree."""
        base = self.states + len(self.extra)
        rows = np.full((len(tree.table), self.table.shape[1]), -1, np.int32)
        reached = np.where(tree.table >= 0, tree.table + base, -1)
        ending = (tree.table < 0) & (tree.table != NOWHERE)
        reached[ending] = np.array(ends)[-1 - tree.table[ending]]
        rows[:, self.meant] = reached
        self.extra += list(rows)
        for node, character, targets in tree.forks:
            both = [base + target if target >= 0 else ends[-1 - target] for target in targets]
            rows[node, self.position[character]] = self._union(both)
        return base

    def _union(self, numbers: Iterable[int]) -> int:
        """The state of being in all of these at once."""
        single = {number for number in numbers if number >= 0}
        if len(single) < 2:
            return single.pop() if single else -1
        key = frozenset(each for number in single for each in self.members.get(number, (number,)))
        known = self.sets.get(key)
        if known is None:
            known = self.sets[key] = self.states + len(self.extra)
            self.members[known] = key
            self.waiting.append(known)
            self.extra.append(self.table[0])  # until it is its turn
        return known

    def _row(self, members: frozenset[int]) -> NDArray[np.int32]:
        rows = np.array(
            [self.table[each] if each < self.states else self.extra[each - self.states] for each in members]
        )
        row: NDArray[np.int32] = rows.max(axis=0)
        for column in np.flatnonzero(np.any((rows >= 0) & (rows != row), axis=0)).tolist():
            row[column] = self._union(rows[:, column].tolist())
        return row
