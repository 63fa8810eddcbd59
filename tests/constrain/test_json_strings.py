"""The spellings of strings are those of which the formula holds; the judges are `re` and `jsonschema`'s formats."""

from __future__ import annotations

import json
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it ships no types

from constrain.automaton import Automaton
from constrain.json_atoms import HasFormat, IsKind, LengthFrom, Matches, TextAmong
from constrain.json_formula import FALSE, TRUE, Formula, all_of, any_of, atom, exactly_one
from constrain.json_strings import contents, holds_text, string_language
from tests.constrain.json_documents import PATTERNS
from tests.constrain.json_judge import random_word
from tests.constrain.json_meaning import STRINGS, holds

TEXTS = [*STRINGS, "aa", "ba", "c" * 5, "x", "\t", "\\", "\x7f", "abcabc", "2024-02-30", "1.2.3", "/"]


def formulas(leaves: st.SearchStrategy[object]) -> st.SearchStrategy[Formula]:
    def grow(inner: st.SearchStrategy[Formula]) -> st.SearchStrategy[Formula]:
        several = st.lists(inner, min_size=1, max_size=3)
        return several.map(all_of) | several.map(any_of) | several.map(exactly_one) | inner.map(lambda f: ~f)

    return st.recursive(leaves.map(atom), grow, max_leaves=6)


lengths = st.integers(1, 6).map(LengthFrom)
patterns = st.sampled_from([*PATTERNS]).map(Matches)
listed = st.frozensets(st.sampled_from(TEXTS), min_size=1, max_size=4).map(TextAmong)


def spelled(text: str) -> bytes:
    return json.dumps(text, ensure_ascii=False).encode()


def escaped(text: str) -> bytes:
    """Every character by its number."""
    units = text.encode("utf-16-be").hex()
    return ('"' + "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4)) + '"').encode()


@given(formulas(lengths | patterns | listed), st.randoms(use_true_random=False))
def test_a_string_is_spelled_exactly_when_the_formula_holds(formula: Formula, rng: Random) -> None:
    quoted, bare = string_language(formula), contents(formula)
    for text in TEXTS:
        expected = holds(formula, text)
        assert quoted.accepts(spelled(text)) == expected, text
        assert bare.accepts(spelled(text)[1:-1]) == expected, text
        assert holds_text(formula, text) == expected, text
    if not quoted.is_empty():
        word = random_word(quoted, rng, 8)
        assert holds(formula, json.loads(word)), word


@given(formulas(lengths))
def test_counted_strings_are_spelled_freely(formula: Formula) -> None:
    language = string_language(formula)
    for text in ["", "a", "é", "😀", "😀é", '"\\', "abc", "😀" * 4, "/////", "abcdef", "abcdefg"]:
        expected = holds(formula, text)
        assert language.accepts(spelled(text)) == language.accepts(escaped(text)) == expected, text


def test_strings_whose_characters_matter_are_spelled_canonically() -> None:
    for formula in (atom(Matches("a")), atom(TextAmong(frozenset("a"))), ~atom(TextAmong(frozenset("b")))):
        assert string_language(formula).accepts(b'"a"')
        assert not string_language(formula).accepts(escaped("a"))


def test_nothing_asked_and_nothing_possible() -> None:
    assert string_language(TRUE).accepts(escaped("any"))
    assert contents(TRUE).accepts(b"any")
    assert string_language(FALSE).is_empty()
    assert contents(FALSE).is_empty()
    assert string_language(atom(LengthFrom(3)) & ~atom(LengthFrom(2))).is_empty()


def test_readers_that_disagree_leave_a_string_out() -> None:
    """To ECMA-262 é is no word character, to Python it is."""
    for formula in (atom(Matches(r"^\W$")), ~atom(Matches(r"^\W$"))):
        assert not holds_text(formula, "é")
        assert not string_language(formula).accepts(spelled("é"))
    assert holds_text(atom(Matches(r"^\W$")), "-")


@pytest.mark.parametrize("name", ["date", "ipv4", "uuid"])
def test_formats_are_those_of_jsonschema(name: str) -> None:
    is_valid = Draft202012Validator({"format": name}, format_checker=Draft202012Validator.FORMAT_CHECKER).is_valid
    formula = atom(HasFormat(name, "2020-12"))
    for text in [*TEXTS, "2EB8AA08-aa98-11ea-b4aa-73b441d16380", "0.0.0.0", "1999-12-31"]:
        for literal, expected in ((formula, is_valid(text)), (~formula, not is_valid(text))):
            assert holds_text(literal, text) == expected, text
            assert string_language(literal).accepts(spelled(text)) == expected, text


def test_times_without_leap_seconds() -> None:
    for leap_seconds in (True, False):
        formula = atom(HasFormat("time", "2020-12", leap_seconds))
        assert holds_text(formula, "23:59:60Z") == leap_seconds
        assert holds_text(formula, "23:59:59Z")


def test_larger_lists_and_longer_lengths_cost_in_proportion() -> None:
    sizes = [string_language(~atom(LengthFrom(length))).states for length in (10, 20, 30)]
    assert len({later - earlier for earlier, later in pairwise(sizes)}) == 1
    words: Automaton = string_language(atom(TextAmong(frozenset(f"word {n:04}" for n in range(2_000)))))
    assert words.states < 100


def test_statements_about_other_values_are_no_language() -> None:
    with pytest.raises(AssertionError):
        contents(atom(IsKind("null")))
