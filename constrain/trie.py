"""A byte trie over a vocabulary, in the order of its prefixes: what begins alike is side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from constrain import native

__all__ = ["GROUPS", "PLAIN", "Trie"]


def _groups() -> NDArray[np.uint8]:
    """uint8 `[256]`: letters, digits, other controls, and the bytes of one kind in UTF-8 together, others alone."""
    group = np.full(256, -1)
    bounds = b"azAZ09\x00\x08\x0b\x0c\x0e\x1f\x80\x8f\x90\x9f\xa0\xbf\xc0\xc1\xc2\xdf\xe1\xec\xee\xef\xf1\xf3\xf5\xfe"
    for number, (low, high) in enumerate(zip(bounds[::2], bounds[1::2], strict=True)):
        group[low : high + 1] = number
    group[0x7F] = group[0]
    alone = np.flatnonzero(group < 0)
    group[alone] = group.max() + 1 + np.arange(len(alone))
    return group.astype(np.uint8)


GROUPS = _groups()
"""A group, less than 56, for every byte."""

_SPECIAL = np.ones(256, np.bool_)
_SPECIAL[[*range(0x20, 0x7F), 0xFF]] = False
_SPECIAL[[*b'"\\']] = True

PLAIN = sum(1 << group for group in {*GROUPS[~_SPECIAL].tolist()})
"""The groups, as bits, of printable ASCII without quotes and backslashes and of the letter that stands for a whole
character beyond it; all other bytes are *special*. In the midst of a JSON string no plain byte changes anything.
"""


@dataclass(frozen=True, eq=False)
class Trie:
    """The prefix tree of a set of byte strings: node n stands for a prefix, the root 0 for the empty one.

    Nodes are numbered in the order of their prefixes, so a node comes before all those below it, and these are side by
    side. With N nodes and V tokens:

    - `byte`, uint8 `[N]`, labels the edge into each node (0 at the root, where it means nothing);
    - `next`, int32 `[N]`: what is below n are the nodes from n + 1 to `next[n]`; its children are n + 1 and, while that
      is less, `next` of the child before, ascending by byte;
    - `sequence` int32: the tokens that have bytes, in the order of their bytes, then ids;
    - `begin`, int32 `[N + 1]`: the tokens that begin with n's prefix are those in `sequence` from `begin[n]` to
      `begin[next[n]]`, and those that end there come first, up to `begin[n + 1]`.

    Tokens with equal bytes share a node. The arrays are read-only.
    """

    byte: NDArray[np.uint8]
    next: NDArray[np.int32]
    begin: NDArray[np.int32]
    sequence: NDArray[np.int32]

    @property
    def nodes(self) -> int:
        """N, the root included."""
        return len(self.byte)

    @cached_property
    def packed(self) -> native.Nodes:
        """The nodes as `native.token_maps` takes them, with the groups of the bytes below and the special ones."""
        return native.trie_nodes(native.TrieArrays(self.byte, self.next, self.begin), GROUPS, _SPECIAL)

    @classmethod
    def build(cls, tokens: Sequence[bytes | None]) -> Trie:
        """The trie of all the tokens that have bytes. O(total bytes), after sorting them."""
        sequence = sorted((i for i, token in enumerate(tokens) if token), key=tokens.__getitem__)  # type: ignore[arg-type]
        spelled = [tokens[i] or b"" for i in sequence]
        start = np.zeros(len(spelled) + 1, np.int64)
        np.cumsum(np.fromiter(map(len, spelled), np.int64, len(spelled)), out=start[1:])
        arrays = native.trie(np.frombuffer(b"".join(spelled), np.uint8), start)
        trie = cls(*arrays, np.array(sequence, np.int32))
        for array in (*arrays, trie.sequence):
            array.setflags(write=False)
        return trie
