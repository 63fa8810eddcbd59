"""A byte trie over a vocabulary, laid out level by level so that numpy can walk it one depth at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constrain.compressed_rows import distinct

__all__ = ["GROUPS", "PLAIN", "Trie"]


def _groups() -> NDArray[np.int64]:
    """int64 `[256]`: letters, digits, other controls, and the bytes of one kind in UTF-8 together, others alone."""
    group = np.full(256, -1)
    bounds = b"azAZ09\x00\x08\x0b\x0c\x0e\x1f\x80\x8f\x90\x9f\xa0\xbf\xc0\xc1\xc2\xdf\xe1\xec\xee\xef\xf1\xf3\xf5\xfe"
    for number, (low, high) in enumerate(zip(bounds[::2], bounds[1::2], strict=True)):
        group[low : high + 1] = number
    alone = np.flatnonzero(group < 0)
    group[alone] = group.max() + 1 + np.arange(len(alone))
    return group


GROUPS = _groups()
"""A group, less than 64, for every byte."""

_SPECIAL = np.ones(256, np.bool_)
_SPECIAL[[*range(0x20, 0x7F), 0xFF]] = False
_SPECIAL[[*b'"\\']] = True

PLAIN = np.bitwise_or.reduce(np.uint64(1) << np.unique(GROUPS[~_SPECIAL]).astype(np.uint64))
"""The groups, as bits, of printable ASCII without quotes and backslashes and of the letter that stands for a whole
character beyond it; all other bytes are *special*. In the midst of a JSON string no plain byte changes anything.
"""


@dataclass(frozen=True, eq=False)
class Trie:
    """The prefix tree of a set of byte strings: node n stands for a prefix, the root 0 for the empty one.

    Nodes are numbered breadth first and, within a depth, by (parent, byte). Therefore:

    - `parent[n] < n`, and `parent[0] == -1`;
    - the children of n are `range(first_child[n], first_child[n + 1])`, ascending by `byte`;
    - the nodes of depth d are `range(level[d], level[d + 1])`, for d = 0 .. `height`;
    - `byte[n]` labels the edge into n (0 at the root, where it means nothing).

    To carry a value down all the tokens at once, visit the levels in order: for the slice of one level every
    `parent` is already done.

        for d in range(1, trie.height + 1):
            nodes = slice(trie.level[d], trie.level[d + 1])
            value[nodes] = step(value[trie.parent[nodes]], trie.byte[nodes])

    Shapes, with N nodes and V tokens: `first_child` int32[N + 1], `byte` uint8[N], `parent` int32[N],
    `level` int32[height + 2], `node_of_token` int32[V] (the node a token ends at; -1 for a token without bytes).
    Tokens with equal bytes share a node. The arrays are read-only.
    """

    first_child: NDArray[np.int32]
    byte: NDArray[np.uint8]
    level: NDArray[np.int32]
    node_of_token: NDArray[np.int32]

    @property
    def nodes(self) -> int:
        """N, the root included."""
        return len(self.byte)

    @property
    def height(self) -> int:
        """The length of the longest token in bytes."""
        return len(self.level) - 2

    @property
    def depth(self) -> NDArray[np.int32]:
        """int32[N]: the length of each node's prefix in bytes."""
        return np.repeat(np.arange(self.height + 1, dtype=np.int32), np.diff(self.level))

    @cached_property
    def parent(self) -> NDArray[np.int32]:
        nodes = np.arange(-1, self.nodes, dtype=np.int32)
        return np.repeat(nodes, np.diff(self.first_child, prepend=0))

    @property
    def _levels(self) -> list[slice]:
        """The nodes of each depth but 0."""
        return [slice(*pair) for pair in pairwise(self.level[1:].tolist())]

    @cached_property
    def below(self) -> NDArray[np.unsignedinteger[Any]]:
        """`[N]`: bit g of `sets[below[n]]` is set where a byte of group g (of `GROUPS`) labels an edge below n."""
        return self._below[1]

    @cached_property
    def sets(self) -> NDArray[np.uint64]:
        """The different sets of groups below nodes: thousands for hundreds of thousands of nodes."""
        return self._below[0]

    @cached_property
    def _below(self) -> tuple[NDArray[np.uint64], NDArray[np.unsignedinteger[Any]]]:
        bits = np.uint64(1) << GROUPS.astype(np.uint64)
        below = np.zeros(self.nodes, np.uint64)
        for nodes in reversed(self._levels):
            parent = self.parent[nodes]
            first = np.flatnonzero(np.diff(parent, prepend=-1))
            below[parent[first]] = np.bitwise_or.reduceat(bits[self.byte[nodes]] | below[nodes], first)
        sets, kind = np.unique(below, return_inverse=True)
        return sets, kind.astype(np.min_scalar_type(len(sets)))

    @cached_property
    def _ending(self) -> NDArray[np.int64]:
        """int64 `[N]`: how many tokens end at each node."""
        return np.bincount(self.node_of_token + 1, minlength=self.nodes + 1)[1:]

    @cached_property
    def _size(self) -> NDArray[np.int64]:
        """int64 `[N]`: how many tokens begin with each node's prefix."""
        size = self._ending.copy()
        for nodes in reversed(self._levels):
            parent = self.parent[nodes]
            first = np.flatnonzero(np.diff(parent, prepend=-1))
            size[parent[first]] += np.add.reduceat(size[nodes], first)
        return size

    @cached_property
    def begin(self) -> NDArray[np.int32]:
        """int32 `[N]`: how many tokens come before all those that begin with the node's prefix, in `sequence`.

        These are next to one another, first the ones that end here, then those of the first child.
        """
        size = self._size
        begin = np.zeros(self.nodes, np.int64)
        for nodes in self._levels:
            parent = self.parent[nodes]
            before = np.cumsum(size[nodes]) - size[nodes]
            before -= before[self.first_child[parent] - nodes.start]
            begin[nodes] = begin[parent] + self._ending[parent] + before
        return begin.astype(np.int32)

    @cached_property
    def end(self) -> NDArray[np.int32]:
        """int32 `[N]`: how many tokens come before all those that come after the ones with the node's prefix."""
        return (self.begin + self._size).astype(np.int32)

    @cached_property
    def sequence(self) -> NDArray[np.int32]:
        """int32: the tokens that have bytes, in the order of their bytes."""
        tokens = np.flatnonzero(self.node_of_token >= 0).astype(np.int32)
        return tokens[np.argsort(self.begin[self.node_of_token[tokens]], kind="stable")]

    @cached_property
    def place(self) -> NDArray[np.int64]:
        """int64 `[V]`: where each token is in `sequence`; -1 for a token without bytes."""
        place = np.full(len(self.node_of_token), -1)
        place[self.sequence] = np.arange(len(self.sequence))
        return place

    @cached_property
    def specials(self) -> NDArray[np.unsignedinteger[Any]]:
        """`[N]`: how many special bytes (see `PLAIN`) each node's prefix has."""
        special = _SPECIAL[self.byte].astype(np.min_scalar_type(self.height))
        special[0] = 0
        for nodes in self._levels:
            special[nodes] += special[self.parent[nodes]]
        return special

    @cached_property
    def special(self) -> NDArray[np.int32]:
        """int32: the nodes whose last byte is special, by the number of special bytes in their prefix, then `begin`."""
        nodes = 1 + np.flatnonzero(_SPECIAL[self.byte[1:]])
        return nodes[np.argsort(self._rank(nodes), kind="stable")].astype(np.int32)

    @cached_property
    def _special_rank(self) -> NDArray[np.int64]:
        return self._rank(self.special)

    def _rank(self, nodes: NDArray[Any]) -> NDArray[np.int64]:
        rank: NDArray[np.int64] = self.specials[nodes].astype(np.int64) * len(self.sequence) + self.begin[nodes]
        return rank

    def next_special(self, nodes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where in `special` those nodes begin and end that are below each of `nodes`, with only plain bytes between.

        Nodes with equally many special bytes are side by side in the tree, never one below the other.
        """
        rank = (self.specials[nodes].astype(np.int64) + 1) * len(self.sequence)
        begin, end = (np.searchsorted(self._special_rank, rank + bound[nodes]) for bound in (self.begin, self.end))
        return begin, end

    @classmethod
    def build(cls, tokens: Sequence[bytes | None]) -> Trie:
        """The trie of all the tokens that have bytes. O(total bytes), one vectorised step per depth.

        At depth d a token that is longer than d moves from its node to the child under its byte d. The distinct
        pairs (node, byte), in order, are exactly the nodes of depth d + 1.
        """
        spelled = [token or b"" for token in tokens]
        length = np.fromiter(map(len, spelled), np.int64, len(spelled))
        data = np.frombuffer(b"".join(spelled), np.uint8)
        start = np.cumsum(length) - length
        node = np.where(length > 0, 0, -1)
        parents = [np.array([-1])]
        labels = [np.array([0])]
        level = [0, 1]
        alive = np.flatnonzero(length)
        while len(alive):
            depth = len(level) - 2
            edge = (node[alive] - level[-2]) * 256 + data[start[alive] + depth]
            first, child = distinct(edge, 256 * (level[-1] - level[-2]))
            node[alive] = level[-1] + child
            parents.append(level[-2] + edge[first] // 256)
            labels.append(edge[first] % 256)
            level.append(level[-1] + len(first))
            alive = alive[length[alive] > depth + 1]

        parent = np.concatenate(parents)
        first_child = np.concatenate([[1], 1 + np.cumsum(np.bincount(parent[1:], minlength=len(parent)))])
        trie = cls(
            first_child=first_child.astype(np.int32),
            byte=np.concatenate(labels).astype(np.uint8),
            level=np.array(level, dtype=np.int32),
            node_of_token=node.astype(np.int32),
        )
        for array in (trie.first_child, trie.byte, trie.level, trie.node_of_token):
            array.setflags(write=False)
        return trie
