"""Letters: what an automaton cannot tell apart is spelled alike, and nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constrain.automaton import Automaton
from constrain.expression import compile_expression
from constrain.letters import CHARACTER, in_letters, reading
from constrain.regex import parse, to_expression
from constrain.vocabulary import Vocabulary


def compiled(pattern: str) -> Automaton:
    return compile_expression(to_expression(parse(pattern)))


VOCABULARY = Vocabulary([b"a", "\u00e9\u20ac".encode(), None], [2])


@pytest.mark.parametrize("pattern", ["[^a]*", "[^ab]{3}", "([^a]a)*", "abc"])
def test_automata_to_which_characters_beyond_ascii_are_alike_are_read_in_letters(pattern: str) -> None:
    assert reading(compiled(pattern), VOCABULARY).trie is VOCABULARY.letter_trie


@pytest.mark.parametrize("pattern", ["\u00e9", "[^\u20ac]*", "[\u0000-\uffff]*", "[a-\u07ff]", "\u00e9|\u20ac"])
def test_others_are_read_in_bytes(pattern: str) -> None:
    automaton = compiled(pattern)
    read = reading(automaton, VOCABULARY)
    assert read.trie is VOCABULARY.trie
    assert (read.table == automaton.table).all()


@given(
    st.sampled_from(["[^a]*", "[^ab]{3}", "([^a]a)*", "abc", "a?[^a]"]),
    st.binary(max_size=4) | st.text().map(str.encode),
)
@settings(max_examples=300, deadline=None)
def test_a_token_leads_where_its_letters_lead(pattern: str, token: bytes) -> None:
    automaton = compiled(pattern)
    read = reading(automaton, VOCABULARY)
    for state in range(automaton.states):
        after = state
        for letter in in_letters(token):
            after = int(read.table[after, read.letter_class[letter]]) if after >= 0 else -1
        assert after == automaton.step(state, token)


@given(st.text())
def test_every_character_beyond_ascii_is_one_letter(text: str) -> None:
    assert in_letters(text.encode()) == bytes(CHARACTER if ord(each) > 127 else ord(each) for each in text)
