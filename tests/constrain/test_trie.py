from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constrain.trie import GROUPS, PLAIN, Trie

TOKENS = st.lists(st.none() | st.text("ab\u00e9", max_size=5).map(str.encode) | st.binary(max_size=3), max_size=30)


def naive(tokens: list[bytes | None]) -> tuple[list[tuple[int, int, int]], dict[bytes, int]]:
    """(parent, byte, depth) of each node in breadth-first order with bytes ascending, and the node of each prefix."""
    root: dict[int, Any] = {}
    for token in tokens:
        branch = root
        for byte in token or b"":
            branch = branch.setdefault(byte, {})
    nodes: list[tuple[int, int, int]] = []
    number: dict[bytes, int] = {}
    queue = deque([(root, -1, b"")])
    while queue:
        branch, parent, prefix = queue.popleft()
        number[prefix] = len(nodes)
        nodes.append((parent, prefix[-1] if prefix else 0, len(prefix)))
        queue.extend((branch[byte], number[prefix], prefix + bytes([byte])) for byte in sorted(branch))
    return nodes, number


@settings(deadline=None)
@given(TOKENS)
def test_is_the_naive_trie_numbered_breadth_first(tokens: list[bytes | None]) -> None:
    trie = Trie.build(tokens)
    nodes, number = naive(tokens)
    assert trie.nodes == len(nodes)
    assert list(zip(trie.parent.tolist(), trie.byte.tolist(), trie.depth.tolist(), strict=True)) == nodes
    assert trie.node_of_token.tolist() == [number[token] if token else -1 for token in tokens]
    assert trie.height == max(depth for _, _, depth in nodes)


@settings(deadline=None)
@given(TOKENS)
def test_children_and_levels_are_ranges(tokens: list[bytes | None]) -> None:
    trie = Trie.build(tokens)
    nodes = np.arange(trie.nodes)
    for n in nodes:
        children = range(trie.first_child[n], trie.first_child[n + 1])
        assert list(children) == np.flatnonzero(trie.parent == n).tolist()
        assert sorted(set(trie.byte[children.start : children.stop].tolist())) == trie.byte[children].tolist()
    for depth in range(trie.height + 1):
        assert list(range(trie.level[depth], trie.level[depth + 1])) == np.flatnonzero(trie.depth == depth).tolist()
    assert trie.level[-1] == trie.nodes


@settings(deadline=None)
@given(TOKENS)
def test_a_walk_down_the_levels_spells_every_token(tokens: list[bytes | None]) -> None:
    trie = Trie.build(tokens)
    spelled = np.full(trie.nodes, b"", dtype=object)
    for depth in range(1, trie.height + 1):
        nodes = slice(trie.level[depth], trie.level[depth + 1])
        spelled[nodes] = spelled[trie.parent[nodes]] + np.array([bytes([b]) for b in trie.byte[nodes]], dtype=object)
    assert [spelled[n] if n >= 0 else None for n in trie.node_of_token] == [token or None for token in tokens]


@settings(deadline=None)
@given(TOKENS)
def test_tokens_in_sequence_are_sorted_and_those_below_a_node_are_a_range(tokens: list[bytes | None]) -> None:
    trie = Trie.build(tokens)
    _, number = naive(tokens)
    assert trie.sequence.tolist() == sorted(
        (i for i, token in enumerate(tokens) if token), key=lambda i: tokens[i] or b""
    )
    assert trie.place.tolist() == [trie.sequence.tolist().index(i) if token else -1 for i, token in enumerate(tokens)]
    for prefix, node in number.items():
        inside = [i for i in trie.sequence.tolist() if (tokens[i] or b"").startswith(prefix)]
        assert trie.sequence[trie.begin[node] : trie.end[node]].tolist() == inside


@settings(deadline=None)
@given(TOKENS)
def test_groups_below_a_node_are_those_of_the_bytes_that_may_follow(tokens: list[bytes | None]) -> None:
    trie = Trie.build(tokens)
    _, number = naive(tokens)
    for prefix, node in number.items():
        following = {byte for token in tokens if token and token.startswith(prefix) for byte in token[len(prefix) :]}
        groups = {int(GROUPS[byte]) for byte in following}
        assert int(trie.sets[trie.below[node]]) == sum(1 << group for group in groups)


def is_plain(byte: int) -> bool:
    return byte == 0xFF or (0x20 <= byte < 0x7F and chr(byte) not in '"\\')


def test_plain_groups_are_those_of_plain_bytes() -> None:
    assert [int(PLAIN) >> int(GROUPS[byte]) & 1 for byte in range(256)] == [is_plain(byte) for byte in range(256)]


@settings(deadline=None)
@given(TOKENS | st.lists(st.text('a"\n', max_size=5).map(str.encode), max_size=30))
def test_next_special_nodes_are_those_behind_plain_bytes_alone(tokens: list[bytes | None]) -> None:
    trie = Trie.build(tokens)
    _, number = naive(tokens)
    begin, end = trie.next_special(np.arange(trie.nodes))
    for prefix, node in number.items():
        following = [other for other in number if len(other) > len(prefix) and other.startswith(prefix)]
        next_ = [o for o in following if not is_plain(o[-1]) and all(map(is_plain, o[len(prefix) : -1]))]
        assert sorted(trie.special[begin[node] : end[node]].tolist()) == sorted(number[other] for other in next_)


def test_types_are_as_documented_and_arrays_are_read_only() -> None:
    trie = Trie.build([b"ab", None, b"ab", b"\xff"])
    assert [a.dtype for a in (trie.first_child, trie.parent, trie.level, trie.node_of_token)] == [np.int32] * 4
    assert trie.byte.dtype == np.uint8
    assert trie.node_of_token[0] == trie.node_of_token[2]
    with pytest.raises(ValueError, match="read-only"):
        trie.byte[0] = 1
