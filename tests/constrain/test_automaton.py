"""Byte automata are an algebra of languages: every operation agrees with sets of strings, every result is minimal."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from constrain.automaton import Automaton, combine
from constrain.errors import LimitError, UnsatisfiableError
from constrain.expression import (
    EMPTY,
    NOTHING,
    Expression,
    byte_range,
    byte_set,
    compile_expression,
    concat,
    literal,
    optional,
    repeat,
    union,
)

LENGTH = 5
UNIVERSE = [bytes(w) for n in range(LENGTH + 1) for w in itertools.product(b"abc", repeat=n)]
Tree = tuple[Expression, frozenset[bytes]]


def short(words: set[bytes]) -> frozenset[bytes]:
    return frozenset(word for word in words if len(word) <= LENGTH)


def products(a: frozenset[bytes], b: frozenset[bytes]) -> frozenset[bytes]:
    return short({x + y for x in a for y in b})


def powers(a: frozenset[bytes], low: int, high: int | None) -> frozenset[bytes]:
    out: frozenset[bytes] = frozenset()
    layer: frozenset[bytes] = frozenset([b""])
    for n in range(low + LENGTH + 1 if high is None else high + 1):
        if n >= low:
            out |= layer
        layer = products(layer, a)
    return out


leaves: st.SearchStrategy[Tree] = st.one_of(
    st.text("abc", max_size=3).map(lambda w: (literal(w.encode()), frozenset([w.encode()]))),
    st.sets(st.sampled_from(list(b"abc")), min_size=1).map(lambda s: (byte_set(s), frozenset(bytes([b]) for b in s))),
    st.just((NOTHING, frozenset[bytes]())),
)


def grow(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    bounds = st.tuples(st.integers(0, 3), st.one_of(st.none(), st.integers(0, 3)))
    return st.one_of(
        st.tuples(inner, inner).map(lambda p: (concat(p[0][0], p[1][0]), products(p[0][1], p[1][1]))),
        st.tuples(inner, inner).map(lambda p: (union(p[0][0], p[1][0]), p[0][1] | p[1][1])),
        st.tuples(inner, bounds).map(
            lambda p: (
                repeat(p[0][0], p[1][0], None if p[1][1] is None else p[1][0] + p[1][1]),
                powers(p[0][1], p[1][0], None if p[1][1] is None else p[1][0] + p[1][1]),
            )
        ),
        inner.map(lambda p: (compile_expression(p[0]), p[1])),
    )


trees = st.recursive(leaves, grow, max_leaves=6)


def language(automaton: Automaton) -> frozenset[bytes]:
    return frozenset(word for word in UNIVERSE if automaton.accepts(word))


@given(trees)
@settings(max_examples=300, deadline=None)
def test_an_expression_denotes_its_set_of_strings(tree: Tree) -> None:
    automaton = compile_expression(tree[0])
    assert language(automaton) == tree[1]
    assert frozenset(automaton.words(LENGTH)) == tree[1]


@given(trees, trees)
@settings(max_examples=200, deadline=None)
def test_boolean_operations_are_those_of_sets(a: Tree, b: Tree) -> None:
    x, y = compile_expression(a[0]), compile_expression(b[0])
    assert language(x | y) == a[1] | b[1]
    assert language(x & y) == a[1] & b[1]
    assert language(x - y) == a[1] - b[1]
    assert language(~x) == frozenset(UNIVERSE) - a[1]
    assume(x.states <= 16)  # the states of two in a row may be exponentially many
    assert language(x + y) == products(a[1], b[1])
    assert language(x.repeat(0, 2)) == powers(a[1], 0, 2)
    assert language(x.optional()) == a[1] | {b""}


@given(trees, trees)
@settings(max_examples=200, deadline=None)
def test_equal_languages_are_equal_values(a: Tree, b: Tree) -> None:
    x, y = compile_expression(a[0]), compile_expression(b[0])
    assert (x | y) == (y | x)
    assert ~(x & y) == (~x | ~y)
    assert (x - y) == (x & ~y)
    assert ~~x == x
    assert hash(x | y) == hash(y | x)
    assert (x == y) == ((x - y).is_empty() and (y - x).is_empty())


@given(trees)
@settings(max_examples=200, deadline=None)
def test_automata_are_trimmed_and_have_no_two_equivalent_states(tree: Tree) -> None:
    automaton = compile_expression(tree[0])
    if automaton.is_empty():
        assert automaton.states == 1
        return
    suffixes = [
        tuple(
            (state := automaton.step(q, word)) >= 0 and bool(automaton.accepting[state])
            for word in UNIVERSE + [b"abcabcabc"[: LENGTH + n] for n in range(4)]
        )
        for q in range(automaton.states)
    ]
    if automaton.states <= LENGTH:  # distinguishing words are shorter than the number of states
        assert len(set(suffixes)) == automaton.states
    assert (automaton.distance < automaton.states).all()
    reached, queue = {0}, [0]
    for q in queue:
        fresh = {t for t in automaton.rows[q] if t >= 0} - reached
        reached |= fresh
        queue += sorted(fresh)
    assert len(reached) == automaton.states


@given(trees)
@settings(max_examples=200, deadline=None)
def test_shortest_longest_and_finiteness(tree: Tree) -> None:
    automaton, words = compile_expression(tree[0]), tree[1]
    assert automaton.is_empty() == (automaton.longest() is None and not automaton.accepting.any())
    if words:
        assert automaton.shortest() == min(words, key=lambda w: (len(w), w))
    longest = automaton.longest()
    assert automaton.is_finite() == (longest is not None)
    if longest is not None and longest <= LENGTH:
        assert longest == max(len(w) for w in words)


def test_the_empty_language_has_no_shortest_string() -> None:
    with pytest.raises(UnsatisfiableError, match="no shortest"):
        compile_expression(NOTHING).shortest()


def test_equality_with_other_types_is_false() -> None:
    assert compile_expression(EMPTY) != "nothing"


def test_a_counter_costs_the_counter_and_nothing_more() -> None:
    character = union(byte_range(0x20, 0x7E), concat(byte_range(0xC2, 0xDF), byte_range(0x80, 0xBF)))
    automaton = compile_expression(repeat(character, 0, 1000))
    assert automaton.states == 1000 + 1 + 1000  # after n characters, and inside each two-byte one
    assert automaton.longest() == 2000


def test_an_impossible_count_is_the_empty_language() -> None:
    assert compile_expression(repeat(literal(b"a"), 3, 2)).is_empty()


def test_optional_parts_repeated_stay_linear() -> None:
    assert compile_expression(repeat(optional(literal(b"ab")), 0, 500)).states == 1001
    assert compile_expression(repeat(repeat(literal(b"a")), 3, 9)).states == 1


def test_the_state_budget_is_an_error_with_both_numbers() -> None:
    with pytest.raises(LimitError, match="more than 100 automaton states") as caught:
        compile_expression(repeat(literal(b"a"), 0, 500), max_states=100)
    assert caught.value.limit == 100
    assert caught.value.given > 100


def test_a_hopeless_counter_is_refused_before_it_is_expanded() -> None:
    with pytest.raises(LimitError) as caught:
        compile_expression(repeat(literal(b"abc"), 0, 10**12))
    assert caught.value.given > 10**10


def test_subsets_that_grow_and_grow_have_a_budget() -> None:
    anything = repeat(byte_set(b"ab"))
    with pytest.raises(LimitError, match="more than 2,000 automaton states"):
        compile_expression(concat(anything, repeat(literal(b"a"), 1900, 1900)), max_states=2000)
    assert compile_expression(concat(anything, repeat(literal(b"a"), 9, 9))).states == 10


def test_optional_parts_in_a_row_have_the_same_budget() -> None:
    """Each state reaches all later parts silently: 5,000 parts would take 12 million references before any subset."""
    parts = [optional(literal(b"%04d" % number)) for number in range(5_000)]
    assert compile_expression(concat(*parts[:99])).states > 99
    with pytest.raises(LimitError, match="more than 20,000 automaton states") as caught:
        compile_expression(concat(*parts), max_states=20_000)
    assert caught.value.given > 20_000


def test_a_product_has_a_budget_too() -> None:
    a, b = (compile_expression(repeat(literal(b"a" * n))) for n in (97, 89))
    with pytest.raises(LimitError, match="combining two automata of 97 and 89 states"):
        combine(a, b, np.logical_or, max_states=1000)


def test_rows_are_the_table_byte_by_byte() -> None:
    automaton = compile_expression(repeat(literal(b"ab"), 0, 3))
    expected = automaton.table[:, automaton.byte_class].tolist()
    assert list(automaton.rows) == expected
    assert len(automaton.rows) == len(expected)
    assert automaton.rows[-1] == expected[-1]
    assert automaton.rows[1:3] == expected[1:3]


def test_a_large_automaton_is_walked_without_rows() -> None:
    automaton = compile_expression(repeat(literal(b"a"), 0, 20_000))
    assert automaton.accepts(b"a" * 20_000)
    assert not automaton.accepts(b"a" * 20_001)
    assert "rows" not in vars(automaton)
