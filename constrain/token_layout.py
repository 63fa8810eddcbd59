"""The tokens of a puzzle: every variable at fixed positions, whatever its value is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from constrain.errors import SpecError, UnsupportedError
from constrain.layout import Slot
from constrain.puzzle import Puzzle
from constrain.relations import Value
from constrain.vocabulary import Vocabulary

__all__ = ["TokenLayout"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class TokenLayout:
    """Where the variables of `puzzle` stand in an output of n tokens, the end of turn not counted.

    `token` is int64 `[n]`: the token at a position of literal text, -1 elsewhere. `variable` is int64 `[n]`: the
    variable at a position, by its number in `puzzle.problem.domains`, -1 elsewhere; `offset` int64 `[n]` is which of
    its tokens that is (0 elsewhere). `spelling` has, per variable, int64 `[values, width]`: the tokens of its values,
    in the order of its domain.
    """

    puzzle: Puzzle
    token: Ints
    variable: Ints
    offset: Ints
    spelling: tuple[Ints, ...]

    @classmethod
    def of(cls, puzzle: Puzzle, vocabulary: Vocabulary) -> TokenLayout:
        """Literal text in the fewest tokens, each value of a variable in the fewest that all of them can be spelled in.

        Among spellings of so many tokens, the one whose first token is longest, then the second, and so on; of tokens
        that have the same bytes, the one with the least id. No token spans the border of a variable. Raises
        `UnsupportedError` where values of a variable have no number of tokens in common, or a text has none at all.
        """
        spell = _Speller(vocabulary)
        number = {name: n for n, name in enumerate(puzzle.problem.domains)}
        token: list[int] = []
        variable: list[int] = []
        offset: list[int] = []
        spelling = {}
        for part in puzzle.layout.parts:
            if isinstance(part, str):
                ids = spell.shortest(part)
                token += ids
                variable += [-1] * len(ids)
                offset += [0] * len(ids)
            else:
                spelling[part.name] = spell.equally(part)
                width = spelling[part.name].shape[1]
                token += [-1] * width
                variable += [number[part.name]] * width
                offset += range(width)
        return cls(
            puzzle,
            np.array(token, np.int64),
            np.array(variable, np.int64),
            np.array(offset, np.int64),
            tuple(spelling[name] for name in puzzle.problem.domains),
        )

    def __len__(self) -> int:
        return len(self.token)

    def width(self, variable: int) -> int:
        """How many tokens each value of the variable has."""
        return int(self.spelling[variable].shape[1])

    @cached_property
    def begin(self) -> Ints:
        """int64 `[variables]`: the position at which each variable begins."""
        begin = np.empty(len(self.spelling), np.int64)
        first = np.flatnonzero((self.variable >= 0) & (self.offset == 0))
        begin[self.variable[first]] = first
        return begin

    def tokens(self, assignment: Mapping[str, Value]) -> list[int]:
        """The tokens of an assignment of all variables, whether it keeps the rules or not."""
        ids = self.token.copy()
        for n, (name, domain) in enumerate(self.puzzle.problem.domains.items()):
            ids[self.begin[n] : self.begin[n] + self.width(n)] = self.spelling[n][domain.index(assignment[name])]
        return [int(each) for each in ids]

    def read(self, ids: Sequence[int]) -> dict[str, Value]:
        """The assignment that `tokens` writes so. Raises `SpecError` naming what `ids` do not spell."""
        given = np.asarray(ids, np.int64)
        if len(given) != len(self):
            raise SpecError(f"{len(given)} tokens are given for a puzzle of {len(self)}")
        wrong = np.flatnonzero((self.token >= 0) & (given != self.token))
        if len(wrong):
            raise SpecError(f"token {given[wrong[0]]} stands at position {wrong[0]}, where the layout has other text")
        assignment: dict[str, Value] = {}
        for n, (name, domain) in enumerate(self.puzzle.problem.domains.items()):
            found = given[self.begin[n] : self.begin[n] + self.width(n)]
            rows = np.flatnonzero((self.spelling[n] == found).all(axis=1))
            if not len(rows):
                raise SpecError(f"the tokens {found.tolist()} spell no value of {name!r}", keyword=name)
            assignment[name] = domain[int(rows[0])]
        return assignment


class _Speller:
    """Spells texts with the tokens of `vocabulary`."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.trie = vocabulary.trie
        self.children: dict[int, dict[int, int]] = {}
        self.known: dict[tuple[str, ...], Ints] = {}

    def equally(self, slot: Slot) -> Ints:
        """int64 `[texts, width]`: the texts of a slot in the same number of tokens each, the least there is."""
        if slot.texts not in self.known:
            self.known[slot.texts] = self._equally(slot)
        return self.known[slot.texts]

    def _equally(self, slot: Slot) -> Ints:
        counts = [self._counts(text.encode()) for text in slot.texts]
        common = -1
        for text, each in zip(slot.texts, counts, strict=True):
            self._demand(text, each[0])
            if not common & each[0]:
                raise UnsupportedError(
                    f"the values of {slot.name!r} cannot all be spelled in the same number of tokens: {text!r} in"
                    f" {_numbers(each[0])}, others in {_numbers(common)}",
                    keyword=slot.name,
                    hint="make the texts equally long, with leading zeros or spaces",
                )
            common &= each[0]
        width = (common & -common).bit_length() - 1
        rows = [self._spelled(text.encode(), each, width) for text, each in zip(slot.texts, counts, strict=True)]
        return np.array(rows, np.int64)

    def shortest(self, text: str) -> list[int]:
        """The fewest tokens."""
        counts = self._counts(text.encode())
        self._demand(text, counts[0])
        return self._spelled(text.encode(), counts, (counts[0] & -counts[0]).bit_length() - 1)

    def _demand(self, text: str, counts: int) -> None:
        if not counts:
            raise UnsupportedError(f"the vocabulary has no tokens to write {text!r} with", keyword=text)

    def _matches(self, data: bytes, begin: int) -> list[tuple[int, int]]:
        """The tokens that `data` has at `begin`, each with its end, the shortest first."""
        found = []
        node = 0
        for end in range(begin, len(data)):
            child = self._children(node).get(data[end])
            if child is None:
                break
            node = child
            first, last = self.trie.begin[node : node + 2].tolist()
            if first < last:  # the least id of those with the same bytes comes first
                found.append((int(self.trie.sequence[first]), end + 1))
        return found

    def _children(self, node: int) -> dict[int, int]:
        """The node after each byte."""
        if node not in self.children:
            self.children[node] = found = {}
            child, end = node + 1, int(self.trie.next[node])
            while child < end:
                found[int(self.trie.byte[child])] = child
                child = int(self.trie.next[child])
        return self.children[node]

    def _counts(self, data: bytes) -> list[int]:
        """Per place, in how many tokens the rest of `data` can be spelled: bit n is set for n."""
        counts = [0] * len(data) + [1]
        for begin in range(len(data) - 1, -1, -1):
            for _, end in self._matches(data, begin):
                counts[begin] |= counts[end] << 1
        return counts

    def _spelled(self, data: bytes, counts: list[int], width: int) -> list[int]:
        """The spelling in `width` tokens whose first is longest, then the second, and so on."""
        ids: list[int] = []
        place = 0
        for left in range(width - 1, -1, -1):
            token, place = next(match for match in reversed(self._matches(data, place)) if counts[match[1]] >> left & 1)
            ids.append(token)
        return ids


def _numbers(bits: int) -> str:
    return " or ".join(str(n) for n in range(bits.bit_length()) if bits >> n & 1)
