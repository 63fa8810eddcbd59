"""The spellings of numbers are those of which the formula holds; the judge is arithmetic on what `json` writes."""

from __future__ import annotations

import json
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constrain.json_atoms import AtLeast, AtMost, LengthFrom, MultipleOf, NumberAmong, Whole, of_kind
from constrain.json_formula import FALSE, TRUE, Formula, all_of, any_of, atom, exactly_one
from constrain.json_numeric import number_language
from tests.constrain.json_judge import random_word
from tests.constrain.json_meaning import NUMBERS, holds

VALUES: list[Any] = [value for value in NUMBERS if value != 1e22] + [
    *(5, 7, 9, 11, 12, 60, 99, 100, -2, -12, 1e5, 0.1, 0.25, 2.4999, -0.5, 2.0, -3.0, 1e-7, 123456789),
]
bounds = st.sampled_from(["0", "1", "-3", "2.5", "10", "-1.25", "0.1", "12345"]).map(Decimal)
atoms: st.SearchStrategy[Any] = st.one_of(
    st.builds(AtLeast, bounds, st.booleans()),
    st.builds(AtMost, bounds, st.booleans()),
    st.builds(Whole, st.booleans()),
    st.sampled_from([2, 3, 5, 6, 12]).map(Decimal).map(MultipleOf),
    st.frozensets(bounds, min_size=1, max_size=4).map(NumberAmong),
)


def grow(inner: st.SearchStrategy[Formula]) -> st.SearchStrategy[Formula]:
    several = st.lists(inner, min_size=1, max_size=3)
    return several.map(all_of) | several.map(any_of) | several.map(exactly_one) | inner.map(lambda f: ~f)


formulas = st.recursive(atoms.map(atom), grow, max_leaves=5)


@given(formulas, st.integers(0, 10**6))
@settings(max_examples=60)
def test_a_number_is_spelled_exactly_when_the_formula_holds(formula: Formula, seed: int) -> None:
    language, rng = number_language(of_kind("number", formula)), Random(seed)
    for value in VALUES:
        assert language.accepts(json.dumps(value).encode()) == holds(formula, value), value
    for length in (0, 2, 6) if not language.is_empty() else ():
        word = random_word(language, rng, length)
        assert holds(formula, json.loads(word)), word


@given(formulas)
@settings(max_examples=30)
def test_a_formula_and_its_negation_share_no_spelling(formula: Formula) -> None:
    assert (number_language(of_kind("number", formula)) & number_language(of_kind("number", ~formula))).is_empty()


def test_nothing_asked_and_nothing_possible() -> None:
    for text in (b"0", b"-0", b"100e-1", b"1E+5", b"0.000", b"-12.5e300"):
        assert number_language(TRUE).accepts(text)
    for text in (b"01", b"+1", b".5", b"1.", b"1e", b"-", b"", b" 1", b"NaN"):
        assert not number_language(TRUE).accepts(text)
    assert number_language(FALSE).is_empty()
    assert number_language(atom(AtLeast(Decimal(3))) & atom(AtMost(Decimal(2)))).is_empty()
    assert number_language(atom(AtLeast(Decimal(3))) & atom(AtMost(Decimal(3), strict=True))).is_empty()


@pytest.mark.parametrize(("text", "admitted"), [(b"5", True), (b"5.0", False), (b"5e0", False), (b"-3", True)])
def test_integers_written_as_such(text: bytes, admitted: bool) -> None:
    assert number_language(atom(Whole())).accepts(text)
    assert number_language(atom(Whole(fraction=False))).accepts(text) == admitted
    assert number_language(~atom(Whole(fraction=False))).accepts(text) != admitted


def test_listed_numbers_within_bounds() -> None:
    values = atom(NumberAmong(frozenset(map(Decimal, ("1", "2.5", "4", "7")))))
    within = number_language(values & atom(AtLeast(Decimal(2))) & ~atom(AtLeast(Decimal(7))))
    texts = ("1", "2.5", "4", "4.0", "7", "3")
    assert [text for text in texts if within.accepts(text.encode())] == ["2.5", "4", "4.0"]
    whole = number_language(values & atom(Whole(fraction=False)))
    assert [text for text in texts if whole.accepts(text.encode())] == ["1", "4", "7"]


@pytest.mark.parametrize("formula", [atom(LengthFrom(1)), ~atom(LengthFrom(1)), atom(LengthFrom(1)) & atom(Whole())])
def test_statements_about_other_values_are_no_language(formula: Formula) -> None:
    with pytest.raises(AssertionError):
        number_language(formula)
