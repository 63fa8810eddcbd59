"""Lifting: every token takes every state where its bytes do, and tokens share a class when they always agree."""

from __future__ import annotations

from string import ascii_letters, digits

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constrain import token_automaton
from constrain.automaton import Automaton
from constrain.expression import compile_expression
from constrain.regex import parse, to_expression
from constrain.token_automaton import UNREACHABLE, TokenAutomaton, lift
from constrain.vocabulary import Vocabulary

PATTERNS = ["(ab|ba)*c?", "a{2,5}b", "[abc]*aa[abc]*", "(a|bc){0,3}", "abcabc", "x", "", "(ab)*", "a*b*c*"]
PATTERNS += [".*b", "a[^a]{0,2}", "[^a]*a[^\u00e9]*", "(\u00e9|a)*\u20ac?", "[\u20ac-\U0001f600]*a"]
PATTERNS += ["".join(f"{letter}?" for letter in f"{ascii_letters}{digits}!%&,-")]  # more than 64 kinds of bytes
PATTERNS += ['"[^"]*"(,"[^"]*")*', r'("([^"\\]|\\[^a])*"|[ab]*)*', "[^a]*x?"]  # plain letters loop in strings
CHARACTERS = "abcx\u00e9\u20ac\U0001f600"
token = st.one_of(
    st.text("abcx", min_size=1, max_size=4).map(str.encode),
    st.text('ax",\\\n', min_size=1, max_size=6).map(str.encode),
    st.builds(
        lambda text, begin, end: text.encode()[begin : len(text.encode()) - end] or b"a",
        st.text(CHARACTERS, min_size=1, max_size=4),
        st.integers(0, 3),
        st.integers(0, 3),
    ),
    st.binary(min_size=1, max_size=3),
)
vocabularies = st.lists(st.one_of(token, st.none()), min_size=1, max_size=12).map(
    lambda tokens: Vocabulary([*tokens, b"a", None, None], [len(tokens) + 1, len(tokens) + 2])
)
automata = st.sampled_from(PATTERNS).map(lambda pattern: compile_expression(to_expression(parse(pattern))))


def successor(tokens: TokenAutomaton, state: int, id_: int) -> int:
    edges = (tokens.source == state) & (tokens.label == tokens.class_of[id_])
    assert edges.sum() <= 1, "not deterministic"
    following = int(tokens.target[edges][0]) if edges.any() else -1
    assert tokens.step(state, id_) == following
    return following


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
    depth = 2 * automaton.states  # of lengths without bound, some lie between one and two times the states
    can_end = [set(np.flatnonzero(automaton.accepting).tolist())]
    for _ in range(depth):
        can_end.append({q for q in range(automaton.states) for w in words if automaton.step(q, w) in can_end[-1]})
    for q in range(automaton.states):
        expected = next((n for n, states in enumerate(can_end) if q in states), UNREACHABLE)
        assert tokens.distance[q] == expected
    lengths = [n for n, states in enumerate(can_end) if 0 in states]
    assert tokens.longest == (None if not lengths or max(lengths) >= automaton.states else max(lengths))


@given(automata, vocabularies)
@settings(max_examples=100, deadline=None)
def test_links_are_the_edges_between_two_states_together(automaton: Automaton, vocabulary: Vocabulary) -> None:
    tokens = lift(automaton, vocabulary)
    links = tokens.links
    edges = list(zip(tokens.source.tolist(), tokens.label.tolist(), tokens.target.tolist(), strict=True))
    assert edges == sorted(edges)
    assert tokens.edges == len(edges)
    bundles = [links.member[links.offsets[n] : links.offsets[n + 1]].tolist() for n in range(links.bundles)]
    assert all(bundles), "no bundle is empty"
    assert bundles == [sorted(each) for each in bundles]
    assert len({tuple(each) for each in bundles}) == links.bundles, "no bundle is there twice"
    pairs = list(zip(links.source.tolist(), links.target.tolist(), strict=True))
    assert pairs == sorted({(source, target) for source, _, target in edges})
    for (source, target), bundle in zip(pairs, links.bundle.tolist(), strict=True):
        assert bundles[bundle] == [label for a, label, b in edges if (a, b) == (source, target)]
        assert len(range(*tokens.outgoing(source).indices(len(pairs)))) == sum(a == source for a, _ in pairs)


@given(automata, vocabularies, st.integers(2, 5))
@settings(max_examples=100, deadline=None)
def test_states_lifted_in_parts_give_the_same(automaton: Automaton, vocabulary: Vocabulary, parts: int) -> None:
    whole = lift(automaton, vocabulary)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(token_automaton, "_WHOLE", 0)
        patch.setattr(token_automaton, "_PART", 1)
        patch.setattr(token_automaton, "_PARTS", parts)
        split = lift(automaton, vocabulary)
    assert split.classes == whole.classes
    renamed = np.empty(whole.classes, np.int64)
    renamed[split.class_of] = whole.class_of
    assert (renamed[split.class_of] == whole.class_of).all()
    edges = zip(split.source.tolist(), renamed[split.label].tolist(), split.target.tolist(), strict=True)
    assert sorted(edges) == list(zip(whole.source.tolist(), whole.label.tolist(), whole.target.tolist(), strict=True))
    assert split.links.bundles == whole.links.bundles
    assert (split.distance == whole.distance).all()


def test_many_alike_states_share_their_bundles() -> None:
    """11,000 states (a long counter with a tail) are lifted in parts, and act as their bytes do at either end."""
    automaton = compile_expression(to_expression(parse("[a-y]{0,11000}(zab|zb)")))
    vocabulary = Vocabulary([b"a", b"bc", b"xyx", b"z", b"za", b"yzab", b"b", b"q" * 40, None], [8])
    tokens = lift(automaton, vocabulary)
    assert tokens.done == automaton.states > token_automaton._WHOLE
    for q in [*range(50), *range(automaton.states - 50, automaton.states)]:
        for id_, data in enumerate(vocabulary.tokens[:-1]):
            assert tokens.step(q, id_) == automaton.step(q, data or b"")
    assert tokens.links.bundles < 20
    assert tokens.longest == 11_003
    assert tokens.distance[0] == 1, "yzab is a token"
