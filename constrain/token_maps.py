"""What a vocabulary's tokens do to the states of a byte automaton: a walk down the byte trie that carries maps.

Every byte string acts on the states as a partial map (where does each state end up?). Maps are stored sparsely, as the
`(source, target)` pairs that exist: most strings are dead in most states.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from constrain.automaton import Automaton
from constrain.compressed_rows import Ints, slices
from constrain.trie import Trie

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


def token_maps(automaton: Automaton, states: NDArray[np.int32], trie: Trie) -> Maps:
    """The maps of all tokens of `trie` (no bytes: map 0), restricted to the sources `states`, which ascend.

    Level by level down the trie, every node gets the *number* of its prefix's map. Composition with a byte is memoised
    per (map, byte class), and what is not known yet is composed for the whole level at once. So the state table is read
    once per distinct map instead of once per trie node and state: the maps that occur are few (hundreds for tens of
    thousands of nodes), because most strings act alike.
    """
    book = _MapBook(automaton, states)
    letter = automaton.byte_class[trie.byte]
    node_map = np.zeros(trie.nodes + 1, np.int32)  # the last one is that of tokens without bytes, whose node is -1
    node_map[0] = 1
    above = 0
    for begin, end in zip(trie.level[1:-1].tolist(), trie.level[2:].tolist(), strict=True):
        alive = above + np.flatnonzero(node_map[above:begin])
        above = begin
        if not len(alive):
            break
        width = trie.first_child[alive + 1] - trie.first_child[alive]
        if 2 * int(width.sum()) < end - begin:  # few nodes are alive: visit only these
            nodes: Ints | slice = slices(trie.first_child, alive)
            key = np.repeat(node_map[alive], width)
        else:
            nodes = slice(begin, end)
            key = np.take(node_map, trie.parent[nodes])
        key *= book.classes
        key += letter[nodes]
        node_map[nodes] = book.composition(key)
    return book.used(np.take(node_map, trie.node_of_token))


class _MapBook:
    """All maps met so far, numbered; `composed[m * classes + c]` is the number of "m, then a byte of class c".

    Map 0 leads nowhere, map 1 is the identity on the given states.
    """

    def __init__(self, automaton: Automaton, states: NDArray[np.int32]) -> None:
        self.classes = automaton.table.shape[1]
        self.successor = automaton.table.ravel()
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
        self.offsets = np.concatenate([self.offsets, begin + np.cumsum(size)])

    def used(self, of_token: NDArray[np.int32]) -> Maps:
        """The maps that some token has, numbered anew in the order in which they were met."""
        is_used = np.bincount(of_token, minlength=len(self.number)) > 0
        is_used[0] = True
        maps = np.flatnonzero(is_used)
        rows = slices(self.offsets, maps)
        size = np.diff(self.offsets)[maps]
        renumbered = (np.cumsum(is_used) - 1).astype(np.int32)
        return Maps(
            offsets=np.concatenate([[0], np.cumsum(size)]),
            pairs=self.pairs[rows],
            of_token=np.take(renumbered, of_token),
        )


def _packed(source: NDArray[np.int32], target: NDArray[np.int32]) -> NDArray[np.int64]:
    return (source.astype(np.int64) << 32) | target
