"""A byte trie over a vocabulary, laid out level by level so that numpy can walk it one depth at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Trie"]


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

    @classmethod
    def build(cls, tokens: Sequence[bytes | None]) -> Trie:
        """The trie of all the tokens that have bytes. O(total bytes), one vectorised step per depth.

        At depth d a token that is longer than d moves from its node to the child under its byte d. The distinct
        pairs (node, byte), in order, are exactly the nodes of depth d + 1.
        """
        length = np.fromiter((len(token) if token else 0 for token in tokens), np.int64, len(tokens))
        data = np.frombuffer(b"".join(token for token in tokens if token), np.uint8)
        start = np.cumsum(length) - length
        node = np.where(length > 0, 0, -1)
        parents = [np.array([-1])]
        labels = [np.array([0])]
        level = [0, 1]
        alive = np.flatnonzero(length)
        while len(alive):
            depth = len(level) - 2
            edges, child = np.unique(node[alive] * 256 + data[start[alive] + depth], return_inverse=True)
            node[alive] = level[-1] + child
            parents.append(edges // 256)
            labels.append(edges % 256)
            level.append(level[-1] + len(edges))
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
