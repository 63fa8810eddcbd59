"""A byte trie over a vocabulary, laid out level by level so that numpy can walk it one depth at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from constrain.compressed_rows import distinct

__all__ = ["GROUPS", "Trie"]


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
    parent: NDArray[np.int32]
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
    def below(self) -> NDArray[np.uint64]:
        """uint64 `[N]`: bit g is set where a byte of group g (of `GROUPS`) labels an edge below the node."""
        bits = np.uint64(1) << GROUPS.astype(np.uint64)
        below = np.zeros(self.nodes, np.uint64)
        for begin, end in reversed([*zip(self.level[1:-1].tolist(), self.level[2:].tolist(), strict=True)]):
            parent = self.parent[begin:end]
            first = np.flatnonzero(np.diff(parent, prepend=-1))
            below[parent[first]] = np.bitwise_or.reduceat(bits[self.byte[begin:end]] | below[begin:end], first)
        return below

    @cached_property
    def begin(self) -> NDArray[np.int32]:
        """int32 `[N + 1]`: how many tokens come before all those that begin with the node's prefix, in `sequence`.

        These are next to one another, first the ones that end here, then those of the first child. The last entry is
        how many tokens have bytes.
        """
        ending = np.bincount(self.node_of_token + 1, minlength=self.nodes + 1)[1:]
        size = ending.copy()
        for begin, end in reversed([*zip(self.level[1:-1].tolist(), self.level[2:].tolist(), strict=True)]):
            parent = self.parent[begin:end]
            first = np.flatnonzero(np.diff(parent, prepend=-1))
            size[parent[first]] += np.add.reduceat(size[begin:end], first)
        place = np.zeros(self.nodes + 1, np.int64)
        place[-1] = size[0]
        for begin, end in zip(self.level[1:-1].tolist(), self.level[2:].tolist(), strict=True):
            parent = self.parent[begin:end]
            before = np.cumsum(size[begin:end]) - size[begin:end]
            place[begin:end] = place[parent] + ending[parent] + before - before[self.first_child[parent] - begin]
        return place.astype(np.int32)

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
            parent=parent.astype(np.int32),
            level=np.array(level, dtype=np.int32),
            node_of_token=node.astype(np.int32),
        )
        for array in (trie.first_child, trie.byte, trie.parent, trie.level, trie.node_of_token):
            array.setflags(write=False)
        return trie
