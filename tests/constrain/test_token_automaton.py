"""Lifting: every token takes every state where its bytes do, and tokens share a class when they always agree."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from constrain.automaton import Automaton
from constrain.expression import compile_expression
from constrain.regex import parse, to_expression
from constrain.token_automaton import UNREACHABLE, TokenAutomaton, lift
from constrain.vocabulary import Vocabulary

PATTERNS = ["(ab|ba)*c?", "a{2,5}b", "[abc]*aa[abc]*", "(a|bc){0,3}", "abcabc", "x", "", "(ab)*", "a*b*c*"]
token = st.text("abcx", min_size=1, max_size=4).map(str.encode)
vocabularies = st.lists(st.one_of(token, st.none()), min_size=1, max_size=12).map(
    lambda tokens: Vocabulary([*tokens, b"a", None, None], [len(tokens) + 1, len(tokens) + 2])
)
automata = st.sampled_from(PATTERNS).map(lambda pattern: compile_expression(to_expression(parse(pattern))))


def successor(tokens: TokenAutomaton, state: int, id_: int) -> int:
    edges = (tokens.source == state) & (tokens.label == tokens.class_of[id_])
    assert edges.sum() <= 1, "not deterministic"
    return int(tokens.target[edges][0]) if edges.any() else -1


@given(automata, vocabularies)
@settings(max_examples=150, deadline=None)
def test_tokens_act_as_their_bytes_do(automaton: Automaton, vocabulary: Vocabulary) -> None:
    tokens = lift(automaton, vocabulary)
    for q in range(automaton.states):
        for id_, data in enumerate(vocabulary.tokens):
            if id_ in vocabulary.end_of_turn:
                expected = tokens.done if automaton.accepting[q] else -1
            else:
                expected = -1 if data is None else automaton.step(q, data)
            assert successor(tokens, q, id_) == expected


@given(automata, vocabularies)
@settings(max_examples=150, deadline=None)
def test_classes_are_as_few_as_can_be(automaton: Automaton, vocabulary: Vocabulary) -> None:
    tokens = lift(automaton, vocabulary)
    maps = {
        tuple(automaton.step(q, data) for q in range(automaton.states))
        for data in vocabulary.tokens
        if data is not None
    }
    dead = tuple([-1] * automaton.states)
    assert tokens.classes == len(maps - {dead}) + 2
    assert all(
        tokens.class_of[id_] == 0
        for id_, data in enumerate(vocabulary.tokens)
        if id_ not in vocabulary.end_of_turn and data is None
    )
    assert (np.sort(tokens.order) == np.arange(len(vocabulary))).all()
    for k in range(tokens.classes):
        members = tokens.order[tokens.offsets[k] : tokens.offsets[k + 1]]
        assert (tokens.class_of[members] == k).all()


@given(automata, vocabularies)
@settings(max_examples=100, deadline=None)
def test_distances_and_longest_are_those_of_a_search_token_by_token(
    automaton: Automaton, vocabulary: Vocabulary
) -> None:
    tokens = lift(automaton, vocabulary)
    words = [data for data in vocabulary.tokens if data]
    depth = 30
    can_end = [set(np.flatnonzero(automaton.accepting).tolist())]
    for _ in range(depth):
        can_end.append({q for q in range(automaton.states) for w in words if automaton.step(q, w) in can_end[-1]})
    for q in range(automaton.states):
        expected = next((n for n, states in enumerate(can_end) if q in states), UNREACHABLE)
        assert tokens.distance[q] == expected
    lengths = [n for n, states in enumerate(can_end) if 0 in states]
    assert tokens.longest == (None if not lengths or max(lengths) == depth else max(lengths))
