"""Joined blocks against a naive simulation of all parts at once, parallel ones against unions, on all short texts."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

import pytest

from constrain import json_blocks
from constrain.automaton import Automaton
from constrain.errors import LimitError
from constrain.expression import NOTHING, byte_set, compile_expression, literal, repeat, union
from constrain.json_blocks import Block, Builder, labelled

INSIDE, BETWEEN = b"ab", b"cd"
"""Blocks are over the former, and what joins them over the latter: where they meet they have no byte in common."""

SPACE = compile_expression(repeat(byte_set(b" ")))
NONE = compile_expression(NOTHING)


def texts(alphabet: bytes, length: int) -> Iterator[bytes]:
    return (bytes(text) for n in range(length + 1) for text in itertools.product(alphabet, repeat=n))


def random_language(rng: Random) -> Automaton:
    """Finite or not, without the empty text."""
    words = [bytes(rng.choices(INSIDE, k=rng.randint(1, 4))) for _ in range(rng.randint(1, 4))]
    found = compile_expression(union(*map(literal, words)))
    return found if rng.random() < 0.5 else found.repeat(1)


def exit_of(block: Block, text: bytes) -> int:
    state = 0
    for byte in text:
        state = int(block.table[state, block.byte_class[byte]])
        if state < 0:
            return -1
    return int(block.exits[state])


@dataclass
class Naive:
    """What a builder is told, read as a machine with silent steps. A position is an own state, or (copy, state)."""

    edges: dict[tuple[int, int], int] = field(default_factory=dict)
    ends: set[int] = field(default_factory=set)
    copies: list[tuple[Block, list[int]]] = field(default_factory=list)
    entries: set[tuple[int, int]] = field(default_factory=set)

    def closed(self, positions: set[int | tuple[int, int]]) -> set[int | tuple[int, int]]:
        queue = list(positions)
        for position in queue:
            if isinstance(position, tuple):
                block, targets = self.copies[position[0]]
                exit_ = int(block.exits[position[1]])
                queue += [targets[exit_]] if exit_ >= 0 and targets[exit_] >= 0 else []
            else:
                queue += [(copy, 0) for source, copy in self.entries if source == position]
        return set(queue)

    def accepts(self, start: int, text: bytes) -> bool:
        positions = self.closed({start})
        for byte in text:
            following: set[int | tuple[int, int]] = set()
            for position in positions:
                if isinstance(position, tuple):
                    block = self.copies[position[0]][0]
                    state = int(block.table[position[1], block.byte_class[byte]])
                    following |= {(position[0], state)} if state >= 0 else set()
                elif (position, byte) in self.edges:
                    following.add(self.edges[position, byte])
            positions = self.closed(following)
        return any(position in self.ends for position in positions)


def random_parts(rng: Random) -> tuple[Builder, Naive]:
    """Own states 0 to 2, in which blocks begin, and others, to which their exits lead."""
    builder, naive = Builder(SPACE), Naive()
    for state in range(7):
        if rng.random() < 0.35:
            naive.ends.add(builder.end())
        else:
            builder.state()
        for byte in BETWEEN:
            if rng.random() < 0.6:
                naive.edges[state, byte] = target = rng.randrange(7)
                builder.edge(state, bytes([byte]), target)
    for source in range(3):
        if rng.random() < 0.9:
            block = labelled([Block.of(random_language(rng)) for _ in range(rng.randint(1, 3))])
            targets = [rng.choice([-1, 3, 4, 5, 6]) for _ in range(3)]
            sources = {source, rng.randrange(source + 1)} if rng.random() < 0.1 and not naive.entries else {source}
            naive.entries |= {(each, len(naive.copies)) for each in sources}
            naive.copies.append((block, targets))
            builder.insert(block, sorted(sources), targets)
    return builder, naive


@pytest.mark.parametrize("seed", range(150))
def test_a_builder_joins_blocks_where_one_ends_and_the_next_begins(seed: int) -> None:
    builder, naive = random_parts(Random(seed))
    block = builder.block()
    for text in texts(INSIDE + BETWEEN, 5):
        assert (exit_of(block, text) == 0) == naive.accepts(0, text), text


@pytest.mark.parametrize("seed", range(100))
def test_labelled_is_the_union_which_tells_the_first_block(seed: int) -> None:
    rng = Random(seed)
    languages = [rng.choice([random_language(rng), random_language(rng), NONE]) for _ in range(rng.randint(1, 4))]
    joined = labelled([Block.of(language) for language in languages])
    for text in texts(INSIDE + b"c", 6):
        holding = [number for number, language in enumerate(languages) if language.accepts(text)]
        assert exit_of(joined, text) == (holding[0] if holding else -1), text


def test_white_space_may_be_over_at_any_time() -> None:
    builder = Builder(SPACE)
    _, gates = builder.spaced()
    end = builder.end()
    for gate in gates:
        builder.edge(gate, b"]", end)
    block = builder.block()
    assert [exit_of(block, text) for text in (b"]", b"   ]", b" ", b"", b" ] ")] == [0, 0, -1, -1, -1]


def test_an_own_state_can_lead_into_the_middle_of_a_block() -> None:
    builder = Builder(SPACE)
    start, end = builder.state(), builder.end()
    copy = builder.copy(Block.of(compile_expression(literal(b"abc"))), [end])
    builder.into.append((start, ord("x"), copy, 1))
    builder.entries.append((start, copy, 2))
    block = builder.block()
    assert [exit_of(block, text) for text in (b"xbc", b"c", b"abc", b"bc", b"x")] == [0, 0, -1, -1, -1]


def test_what_accepts_nothing_leads_nowhere() -> None:
    builder = Builder(SPACE)
    start, other = builder.state(), builder.end()
    builder.edge(other, b"a", start)
    builder.insert(Block.of(NONE), [start], [other])
    assert not (builder.block().exits[0] >= 0)
    assert all(exit_of(builder.block(), text) == -1 for text in texts(INSIDE, 4))


def test_too_many_states() -> None:
    builder = Builder(SPACE)
    block = Block.of(compile_expression(repeat(literal(b"a"), 0, 3_999)))
    for _ in range(100):
        builder.copy(block, [-1])
    assert builder.block().states == 400_000
    builder.state()
    with pytest.raises(LimitError, match="more than 400,000 automaton states") as caught:
        builder.block()
    assert (caught.value.limit, caught.value.given) == (400_000, 400_001)
    assert caught.value.hint


def test_alternatives_that_take_too_many_states_to_be_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    cycles = [Block.of(compile_expression(repeat(literal(b"a" * length)))) for length in (11, 13)]
    assert labelled(cycles).states == 11 * 13
    monkeypatch.setattr(json_blocks, "MAX_STATES", 100)
    with pytest.raises(LimitError, match="more than 100 states to be told apart") as caught:
        labelled(cycles)
    assert (caught.value.limit, caught.value.given) == (100, 101)
    assert caught.value.hint
