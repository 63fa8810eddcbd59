"""The lattice's own errors and shapes; that its masks are exact is tested against brute force with the posterior."""

from __future__ import annotations

import numpy as np
import pytest

from constrain.constraint import compile
from constrain.errors import UnsatisfiableError
from constrain.lattice import Lattice
from constrain.specs import Regex
from constrain.token_automaton import lift
from constrain.vocabulary import Vocabulary

AB = Vocabulary([b"a", b"b", None], [2])


def test_a_text_that_needs_more_than_the_budget_is_refused_with_both_numbers() -> None:
    with pytest.raises(UnsatisfiableError, match="shortest match needs 5 tokens, budget is 4") as caught:
        Lattice(compile(Regex("a{5,9}"), AB).tokens, 0, 8, 4)
    assert (caught.value.needed, caught.value.available) == (5, 4)


def test_a_vocabulary_that_cannot_spell_the_text_is_refused() -> None:
    tokens = lift(Regex("c").automaton, AB)
    with pytest.raises(UnsatisfiableError, match="no sequence of this vocabulary's tokens"):
        Lattice(tokens, 0, 8, 8)


def test_dead_states_are_not_alive_and_a_fixed_point_fills_the_rest() -> None:
    lattice = Lattice(compile(Regex("(ab)*"), AB).tokens, 0, 6, 6)
    assert lattice.alive.shape == (7, lattice.tokens.done + 1)
    assert lattice.alive[0].sum() == 1
    assert lattice.alive[-1, lattice.tokens.done]
    short = Lattice(lattice.tokens, 0, 6, 2)
    assert short.alive[3:, :-1].sum() == 0, "two tokens of text, then only the tail"


def test_masks_of_wide_vocabularies_have_no_bits_past_the_end() -> None:
    vocabulary = Vocabulary([b"a"] * 40 + [None], [40])
    words = Lattice(compile(Regex("aa"), vocabulary).tokens, 0, 3, 3).masks()
    assert words.dtype == np.int32
    assert words.shape == (3, 2)
    bits = np.unpackbits(words.view(np.uint8), axis=1, bitorder="little")
    assert bits.sum(axis=1).tolist() == [40, 40, 1]


def test_options_count_tokens_and_the_end_once() -> None:
    vocabulary = Vocabulary([b"a", b"b", None, None], [2, 3])
    assert Lattice(compile(Regex("[ab]b?"), vocabulary).tokens, 0, 3, 3).options.tolist() == [2, 2, 2]
