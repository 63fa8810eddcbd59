"""What a vocabulary's tokens do to the states of a byte automaton: a walk down the byte trie that carries maps.

Every byte string acts on the states as a partial map (where does each state end up?). Maps are stored sparsely, as the
`(source, target)` pairs that exist: most strings are dead in most states.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from constrain.compressed_rows import Ints, slices
from constrain.letters import Reading

__all__ = ["Maps", "token_maps"]

_UNKNOWN = -1
_LOW = 0xFFFFFFFF
_BATCH = 1 << 21  # pairs composed at once: some 100 MB of temporaries


@dataclass(frozen=True, eq=False)
class Maps:
    """Distinct partial maps between states; map 0 is the one that leads nowhere.

    Map m is `pairs[offsets[m] : offsets[m + 1]]`, int64 numbers that are `source << 32 | target`, ascending. `of_token`
    is int32 `[V]`; every map but 0 is some token's.
    """

    offsets: Ints
    pairs: NDArray[np.int64]
    of_token: NDArray[np.int32]

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
    most nodes are such.
    """
    trie = reading.trie
    book = _MapBook(reading, states)
    letter = reading.letter_class[trie.byte]
    nodes, numbers = np.zeros(1, np.int64), np.ones(1, np.int32)
    map_from = np.full(len(trie.sequence) + 1, _UNKNOWN, np.int32)  # of the tokens in sequence, until the next is known
    map_from[0] = 1
    while True:
        open_ = np.flatnonzero(trie.below[nodes] & ~book.loops[numbers])
        if not len(open_):
            break
        nodes, numbers = nodes[open_], numbers[open_]
        width = trie.first_child[nodes + 1] - trie.first_child[nodes]
        nodes = slices(trie.first_child, nodes)
        key = np.repeat(numbers * np.int32(book.classes), width)
        key += letter[nodes]
        numbers = book.composition(key)
        map_from[trie.begin[nodes]] = numbers
    known = np.flatnonzero(map_from[:-1] != _UNKNOWN)
    numbers, offsets, pairs = book.used(map_from[known])
    of_token = np.zeros(len(trie.node_of_token), np.int32)
    of_token[trie.sequence] = np.repeat(numbers, np.diff(known, append=len(trie.sequence)))
    return Maps(offsets, pairs, of_token)


class _MapBook:
    """All maps met so far, numbered; `composed[m * classes + c]` is the number of "m, then a letter of class c", and
    bit g of `loops[m]` says that no letter of group g changes m.

    Map 0 leads nowhere, map 1 is the identity on the given states.
    """

    def __init__(self, reading: Reading, states: NDArray[np.int32]) -> None:
        self.classes = reading.table.shape[1]
        self.successor = reading.table.ravel()
        self.loops_in = reading.loops
        self.loops = np.array([~np.uint64(0), np.bitwise_and.reduce(self.loops_in[states])])
        self.offsets = np.array([0, 0, len(states)], np.int64)
        self.pairs = _packed(states, states)  # with room for more behind `offsets[-1]`
        self.number = {b"": 0, self.pairs.tobytes(): 1}
        self.composed = np.full(64 * self.classes, _UNKNOWN, np.int32)
        self.composed[: self.classes] = 0

    def composition(self, key: NDArray[np.int32]) -> NDArray[np.int32]:
        """The numbers of all the "m, then c" whose keys are given."""
        found = np.take(self.composed, key)
        unknown = key[found == _UNKNOWN]
        if len(unknown):
            self.compose(np.unique(unknown))
            found = np.take(self.composed, key)
        return found

    def compose(self, keys: NDArray[np.int32]) -> None:
        """Fill in `composed` at the distinct `keys`."""
        first = keys // self.classes
        size = self.offsets[first + 1] - self.offsets[first]
        batch = np.cumsum(size) // _BATCH
        for part in np.split(keys, np.flatnonzero(np.diff(batch)) + 1):
            self._compose(part)

    def _compose(self, keys: NDArray[np.int32]) -> None:
        first, letter = keys // self.classes, keys % self.classes
        size = self.offsets[first + 1] - self.offsets[first]
        pairs = np.take(self.pairs, slices(self.offsets, first))
        where = pairs & _LOW
        where *= self.classes
        where += np.repeat(letter, size)
        reached = np.take(self.successor, where)
        exists = reached >= 0
        begin = np.cumsum(size) - size
        count = np.add.reduceat(exists, begin, dtype=np.int64)
        pairs = pairs[exists]
        pairs &= ~_LOW
        pairs |= reached[exists]
        data = pairs.tobytes()
        ends = np.cumsum(count)
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
            self._append(pairs[slices(np.concatenate([[0], ends]), np.array(fresh))], count[fresh])

    def _append(self, pairs: NDArray[np.int64], size: Ints) -> None:
        begin, end = int(self.offsets[-1]), int(self.offsets[-1]) + len(pairs)
        if end > len(self.pairs):
            larger = np.empty(2 * end, np.int64)
            larger[:begin] = self.pairs[:begin]
            self.pairs = larger
        self.pairs[begin:end] = pairs
        ends = np.cumsum(size)
        self.offsets = np.concatenate([self.offsets, begin + ends])
        loops = np.bitwise_and.reduceat(self.loops_in[pairs & _LOW], ends - size)
        self.loops = np.concatenate([self.loops, loops])

    def used(self, numbers: NDArray[np.int32]) -> tuple[NDArray[np.int32], Ints, NDArray[np.int64]]:
        """The given maps numbered anew, in the order in which they were met, and the offsets and pairs of these."""
        is_used = np.bincount(numbers, minlength=len(self.number)) > 0
        is_used[0] = True
        maps = np.flatnonzero(is_used)
        renumbered = (np.cumsum(is_used) - 1).astype(np.int32)
        offsets = np.concatenate([[0], np.cumsum(np.diff(self.offsets)[maps])])
        return renumbered[numbers], offsets, self.pairs[slices(self.offsets, maps)]


def _packed(source: NDArray[np.int32], target: NDArray[np.int32]) -> NDArray[np.int64]:
    return (source.astype(np.int64) << 32) | target
