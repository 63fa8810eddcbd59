"""What a vocabulary's tokens do to the states of a byte automaton: a walk down the byte trie that carries maps.

Every byte string acts on the states as a partial map (where does each state end up?). Maps are stored sparsely, as the
`(source, target)` pairs that exist: most strings are dead in most states.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from constrain.compressed_rows import Ints, ranges, slices
from constrain.letters import Reading
from constrain.trie import PLAIN

__all__ = ["Maps", "token_maps"]

_UNKNOWN = -1
_BATCH = 1 << 17  # pairs composed at once: temporaries of 1 MB each stay in the cache
_NARROW = 1 << 16  # states up to which both halves of a pair fit 32 bits, with which a lift takes a twentieth less

Pairs: TypeAlias = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Maps:
    """Distinct partial maps between states; map 0 is the one that leads nowhere.

    Map m is `pairs[offsets[m] : offsets[m + 1]]`, ascending numbers with the source in the upper half of their bits and
    the target in the lower: uint32 where that is enough, else int64. `of_token` is int32 `[V]`; every map but 0 is some
    token's.
    """

    offsets: Ints
    pairs: Pairs
    of_token: NDArray[np.int32]

    @property
    def ends(self) -> tuple[Pairs, Pairs]:
        """The sources and the targets of all pairs."""
        half = 4 * self.pairs.itemsize
        return self.pairs >> half, self.pairs & ((1 << half) - 1)

    @property
    def count(self) -> int:
        return len(self.offsets) - 1


def token_maps(reading: Reading, states: NDArray[np.int32]) -> Maps:
    """The maps of all tokens (of those without bytes: map 0), restricted to the sources `states`, which ascend.

    Level by level down the trie, every node gets the *number* of its prefix's map. Composition with a letter is
    memoised per (map, letter class), and what is not known yet is composed for the whole level at once. So the state
    table is read once per distinct map instead of once per trie node and state: the maps that occur are few (hundreds
    for tens of thousands of nodes), because most strings act alike. Where every letter below a node loops in all the
    states that its map leads to, all the tokens below have that map, and nobody goes there: in the midst of free text
    most nodes are such. Where only the plain ones loop, the walk leaps to the special ones below (`Trie.next_special`).
    """
    trie = reading.trie
    book = _MapBook(reading, states)
    nodes: NDArray[Any] = np.zeros(1, np.int64)
    numbers = np.ones(1, np.int32)
    map_from = np.full(len(trie.sequence) + 1, _UNKNOWN, np.int32)  # of the tokens in sequence, until the next is known
    map_from[0] = 1
    while True:
        loops = np.take(book.loops, numbers)
        open_ = np.flatnonzero(np.take(trie.sets, np.take(trie.below, nodes)) & ~loops)
        if not len(open_):
            break
        nodes, numbers = nodes[open_], numbers[open_]
        leaps = (loops[open_] & PLAIN) == PLAIN
        far, near = np.flatnonzero(leaps), np.flatnonzero(~leaps)
        begin, end = trie.next_special(nodes[far])
        special = trie.special[ranges(begin, end)]
        unchanged, after = np.repeat(numbers[far], end - begin), trie.end[special]
        inside = np.flatnonzero(after < np.repeat(trie.end[nodes[far]], end - begin))
        map_from[after[inside]] = unchanged[inside]
        begin, end = trie.first_child[nodes[near]], trie.first_child[nodes[near] + 1]
        nodes = np.concatenate([ranges(begin, end), special])
        numbers = np.concatenate([np.repeat(numbers[near], end - begin), unchanged])
        numbers = book.composition(numbers * np.int32(book.classes) + reading.letter_class[trie.byte[nodes]])
        map_from[trie.begin[nodes]] = numbers
    known = np.flatnonzero(map_from[:-1] != _UNKNOWN)
    numbers, offsets, pairs = book.used(map_from[known])
    length = np.diff(known, append=len(trie.sequence))
    in_sequence = np.repeat(np.append(numbers, np.int32(0)), np.append(length, 1))
    return Maps(offsets, pairs, np.take(in_sequence, trie.place, mode="wrap"))


class _MapBook:
    """All maps met so far, numbered; `composed[m * classes + c]` is the number of "m, then a letter of class c", and
    bit g of `loops[m]` says that no letter of group g changes m.

    Map 0 leads nowhere, map 1 is the identity on the given states.

    Most letters act alike in all the states that a map leads to: like those of the class `usual`, and only these are
    composed with it. The others are told by bit c % 64 of `unusual[c // 64, m]`. On average over 42 schemas of some
    1,000 states, that leaves 876 of 2,385 compositions.
    """

    def __init__(self, reading: Reading, states: NDArray[np.int32]) -> None:
        table = reading.table
        self.classes = table.shape[1]
        self.successor = table.ravel()
        self.dtype: type[Any] = np.uint32 if len(table) <= _NARROW else np.int64
        self.half = 4 * np.dtype(self.dtype).itemsize
        self.target = self.dtype((1 << self.half) - 1)  # the bits of a pair that are its target
        self.loops_in = reading.loops
        self.loops = np.array([~np.uint64(0), np.bitwise_and.reduce(self.loops_in[states])])
        self.usual = int(np.bincount(reading.letter_class[0x21:0x7F]).argmax())
        self.unusual_in = _words(table != table[:, [self.usual]])
        self.unusual = np.zeros((len(self.unusual_in), 2), np.uint64)
        self.unusual[:, 1] = np.bitwise_or.reduce(self.unusual_in[:, states], axis=1)
        self.offsets = np.array([0, 0, len(states)], np.int64)
        self.pairs = self.packed(states, states)  # with room for more behind `offsets[-1]`
        self.number = {b"": 0, self.pairs.tobytes(): 1}
        self.composed = np.full(64 * self.classes, _UNKNOWN, np.int32)
        self.composed[: self.classes] = 0
        after = np.ascontiguousarray(table[states].T)  # the letters' own maps
        exists = np.flatnonzero(after >= 0)
        ends = np.searchsorted(exists, len(states) * np.arange(1, self.classes + 1))
        pairs = np.take(self.packed(states, after), exists)
        self.fill(np.arange(self.classes, 2 * self.classes), pairs, ends)

    def composition(self, key: NDArray[np.int32]) -> NDArray[np.int32]:
        """The numbers of all the "m, then c" whose keys are given."""
        found = np.take(self.composed, key)
        unknown = np.flatnonzero(found == _UNKNOWN)
        if len(unknown):
            missing = key[unknown]
            keys = self.distinct(missing)
            alike = self.representative(keys)
            self.compose(self.distinct(alike[self.composed[alike] == _UNKNOWN]))
            self.composed[keys] = self.composed[alike]
            found[unknown] = np.take(self.composed, missing)
        return found

    def distinct(self, key: NDArray[Any]) -> Ints:
        """The keys in ascending order, each once: marked among all that there are, which beats sorting them."""
        is_key = np.zeros(len(self.composed), np.bool_)
        is_key[key] = True
        return np.flatnonzero(is_key)

    def representative(self, key: Ints) -> Ints:
        """The keys with the usual letter in place of those that act like it."""
        first, letter = np.divmod(key, self.classes)
        is_unusual = self.unusual[letter >> 6, first] >> (letter & 63).astype(np.uint64) & np.uint64(1)
        return np.where(is_unusual == 1, key, first * self.classes + self.usual)

    def compose(self, keys: Ints) -> None:
        """Fill in `composed` at the distinct `keys`."""
        first = keys // self.classes
        size = self.offsets[first + 1] - self.offsets[first]
        batch = np.cumsum(size) // _BATCH
        begin = np.flatnonzero(np.diff(batch)) + 1
        for low, high in pairwise([0, *begin.tolist(), len(keys)]):
            self._compose(keys[low:high])

    def _compose(self, keys: Ints) -> None:
        first, letter = np.divmod(keys, self.classes)
        size = self.offsets[first + 1] - self.offsets[first]
        pair = np.take(self.pairs, slices(self.offsets, first))
        cell = pair & self.target
        cell *= self.dtype(self.classes)
        cell += np.repeat(letter.astype(self.dtype), size)
        reached = np.take(self.successor, cell)
        exists = np.flatnonzero(reached >= 0)
        pairs = np.take(pair, exists)
        pairs &= ~self.target
        pairs |= np.take(reached, exists).astype(self.dtype)
        self.fill(keys, pairs, np.searchsorted(exists, np.cumsum(size)))

    def packed(self, source: NDArray[np.int32], target: NDArray[np.int32]) -> Pairs:
        pairs: Pairs = source.astype(self.dtype) << self.half | target.astype(self.dtype)
        return pairs

    def fill(self, keys: NDArray[Any], pairs: Pairs, ends: Ints) -> None:
        """Set `composed` at `keys` to the maps that are given one after the other, each up to its end."""
        data = pairs.tobytes()
        known, number = len(self.number), self.number
        fresh: list[int] = []
        numbers: list[int] = []
        low = 0
        for index, high in enumerate((ends * pairs.itemsize).tolist()):
            found = number.setdefault(data[low:high], known)
            if found == known:
                known += 1
                fresh.append(index)
            numbers.append(found)
            low = high
        while known * self.classes > len(self.composed):
            self.composed = np.concatenate([self.composed, np.full(len(self.composed), _UNKNOWN, np.int32)])
        self.composed[keys] = numbers
        if fresh:
            offsets = np.concatenate([[0], ends])
            self._append(np.take(pairs, slices(offsets, np.array(fresh))), np.diff(offsets)[fresh])

    def _append(self, pairs: Pairs, size: Ints) -> None:
        begin, end = int(self.offsets[-1]), int(self.offsets[-1]) + len(pairs)
        if end > len(self.pairs):
            self.pairs = np.concatenate([self.pairs[:begin], np.empty(2 * end - begin, self.dtype)])
        self.pairs[begin:end] = pairs
        target = pairs & self.target
        ends = np.cumsum(size)
        self.offsets = np.concatenate([self.offsets, begin + ends])
        starts = ends - size
        self.loops = np.append(self.loops, np.bitwise_and.reduceat(np.take(self.loops_in, target), starts))
        unusual = [np.bitwise_or.reduceat(np.take(word, target), starts) for word in self.unusual_in]
        self.unusual = np.column_stack([self.unusual, unusual])

    def used(self, numbers: NDArray[np.int32]) -> tuple[NDArray[np.int32], Ints, Pairs]:
        """The given maps numbered anew, in the order in which they were met, and the offsets and pairs of these."""
        is_used = np.bincount(numbers, minlength=len(self.number)) > 0
        is_used[0] = True
        maps = np.flatnonzero(is_used)
        renumbered = (np.cumsum(is_used) - 1).astype(np.int32)
        offsets = np.concatenate([[0], np.cumsum(np.diff(self.offsets)[maps])])
        return renumbered[numbers], offsets, np.take(self.pairs, slices(self.offsets, maps))


def _words(bits: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """uint64 `[W, S]`: bit b of word w of column s is `bits[s, 64 * w + b]`."""
    padded = np.zeros((len(bits), -(-bits.shape[1] // 64) * 64), np.bool_)
    padded[:, : bits.shape[1]] = bits
    return np.ascontiguousarray(np.packbits(padded, axis=1, bitorder="little").view("<u8").T.astype(np.uint64))
