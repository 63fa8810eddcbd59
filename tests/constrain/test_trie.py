"""Tries: a node for every prefix, in order, and what is below it side by side."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constrain.trie import GROUPS, PLAIN, Trie

TEXTS = st.text("ab\u00e9", max_size=5) | st.text('a"\n', max_size=5)
TOKENS = st.lists(st.none() | TEXTS.map(str.encode) | st.binary(max_size=3), max_size=30)


def prefixes(tokens: list[bytes | None]) -> list[bytes]:
    """All prefixes of the tokens that have bytes, in order: a node each."""
    return sorted({b"", *(token[:n] for token in tokens if token for n in range(len(token) + 1))})


@settings(deadline=None)
@given(TOKENS)
def test_nodes_are_the_prefixes_in_order_and_those_below_a_node_side_by_side(tokens: list[bytes | None]) -> None:
    trie = Trie.build(tokens)
    nodes = prefixes(tokens)
    assert trie.nodes == len(nodes)
    assert trie.byte.tolist() == [prefix[-1] if prefix else 0 for prefix in nodes]
    for node, prefix in enumerate(nodes):
        assert nodes[node : trie.next[node]] == [other for other in nodes if other.startswith(prefix)]


@settings(deadline=None)
@given(TOKENS)
def test_tokens_in_sequence_are_sorted_and_those_with_a_prefix_are_a_range(tokens: list[bytes | None]) -> None:
    trie = Trie.build(tokens)
    given_ = [i for i, token in enumerate(tokens) if token]
    assert trie.sequence.tolist() == sorted(given_, key=lambda i: (tokens[i] or b"", i))
    for node, prefix in enumerate(prefixes(tokens)):
        begin, after, end = trie.begin[[node, node + 1, trie.next[node]]].tolist()
        inside = [i for i in trie.sequence.tolist() if (tokens[i] or b"").startswith(prefix)]
        assert trie.sequence[begin:end].tolist() == inside
        assert trie.sequence[begin:after].tolist() == [i for i in given_ if tokens[i] == prefix]


@settings(deadline=None)
@given(TOKENS)
def test_packed_nodes_say_the_same_and_what_is_below_and_ahead(tokens: list[bytes | None]) -> None:
    trie = Trie.build(tokens)
    nodes = prefixes(tokens)
    packed, ahead = trie.packed
    assert packed["next"][:-1].tolist() == trie.next.tolist()
    assert packed["begin"].tolist() == trie.begin.tolist()
    special = [node for node, prefix in enumerate(nodes) if prefix and not is_plain(prefix[-1])] + [len(nodes)]
    assert ahead.tolist() == [min(s for s in special if s >= node) for node in range(len(nodes) + 1)]
    for prefix, letters in zip(nodes, packed["letters"].tolist(), strict=False):
        following = {byte for other in nodes if other.startswith(prefix) for byte in other[len(prefix) :]}
        below = sum(1 << group for group in {int(GROUPS[byte]) for byte in following})
        assert letters == (prefix[-1] if prefix else 0) << 56 | below


def test_groups_fit_beside_a_letter() -> None:
    assert GROUPS.max() < 56


def is_plain(byte: int) -> bool:
    return byte == 0xFF or (0x20 <= byte < 0x7F and chr(byte) not in '"\\')


def test_plain_groups_are_those_of_plain_bytes() -> None:
    assert [PLAIN >> int(GROUPS[byte]) & 1 for byte in range(256)] == [is_plain(byte) for byte in range(256)]


def test_a_token_may_be_a_million_bytes_long() -> None:
    trie = Trie.build([b"ab" * 500_000, b"aba"])
    assert trie.nodes == 1_000_001
    assert trie.sequence.tolist() == [1, 0]


def test_types_are_as_documented_and_arrays_are_read_only() -> None:
    trie = Trie.build([b"ab", None, b"ab", b"\xff"])
    assert [a.dtype for a in (trie.next, trie.begin, trie.sequence)] == [np.int32] * 3
    assert trie.byte.dtype == np.uint8
    assert trie.sequence.tolist() == [0, 2, 3]
    with pytest.raises(ValueError, match="read-only"):
        trie.byte[0] = 1
