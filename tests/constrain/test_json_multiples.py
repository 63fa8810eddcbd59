"""Multiples and what is none. The judge is `jsonschema`, on what `json` reads."""

from __future__ import annotations

import json
import random
from functools import lru_cache

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it ships no types

from constrain.errors import LimitError
from constrain.json_multiples import multiple_of, not_multiple_of
from constrain.json_numbers import exact
from constrain.specs import JsonSchema
from tests.constrain.json_numerals import accepted, is_constrained, short_texts, walks

INTEGERS = [1, 2, 3, 5, 7, 10, 12, 64, 150, 365, 1_000_000, 86_400, 10**20]
DYADIC = [0.5, 0.25, 1.5, 2.5]
DECIMAL = [0.1, 0.01, 0.0001, 0.3, 1.1, 1e-8]


def is_multiple(text: str, divisor: float) -> bool:
    return Draft202012Validator({"multipleOf": divisor}).is_valid(json.loads(text))  # type: ignore[no-any-return]


@pytest.mark.parametrize("divisor", INTEGERS)
def test_short_texts_are_multiples_of_an_integer_or_not(divisor: int) -> None:
    multiples, others = (set(accepted(find(exact(divisor)))) for find in (multiple_of, not_multiple_of))
    for text in filter(is_constrained, short_texts()):
        belongs = is_multiple(text, divisor)
        assert text not in (others if belongs else multiples)
        short = divisor <= 150 and "0e" not in text and abs(float(text)) < 2**53
        if "e" not in text or short:
            assert text in (multiples if belongs else others), text
    assert all(map(is_constrained, multiples | others))


printed = (
    st.integers(-(10**25), 10**25)
    | st.integers(-999, 999)
    | st.integers(-(10**15) + 1, 10**15 - 1).map(float)
    | st.builds(round, st.floats(-1e9, 1e9), st.integers(1, 5))
    | st.floats(1e-300, 1e-5)
)


@given(st.sampled_from(INTEGERS[:9]), st.integers(-99, 99) | st.integers(), st.lists(printed), st.randoms())
@example(5, 1, [1e-5, 3.5, 5.0, 0.9999999999999999], random.Random(0))
@settings(max_examples=80, deadline=None)
def test_multiples_of_an_integer(divisor: int, factor: int, values: list[float], rng: random.Random) -> None:
    multiples, others = multiple_of(exact(divisor)), not_multiple_of(exact(divisor))
    for text in walks(multiples, rng):
        assert is_multiple(text, divisor), text
    for text in walks(others, rng):
        assert not is_multiple(text, divisor), text
    for text in map(json.dumps, [factor * divisor, *values]):
        assert multiples.accepts(text.encode()) == is_multiple(text, divisor), text
        assert others.accepts(text.encode()) != is_multiple(text, divisor), text


ROUNDED = ["9007199254740993.0", "4.04E96", "1E44", "1e+23", "1e400", "5.0000000000000000001", "9.9999999999999999e-1"]


@pytest.mark.parametrize("divisor", [3, 5, 10])
@pytest.mark.parametrize("text", [*ROUNDED, f"1{'0' * 400}.0", "9007199254740990.9999"])
def test_doubles_for_which_the_decimal_misleads_are_left_out(text: str, divisor: int) -> None:
    assert not multiple_of(exact(divisor)).accepts(text.encode())
    assert not not_multiple_of(exact(divisor)).accepts(text.encode())


@pytest.mark.parametrize("text", ["1e+21", "1E20", "1.5e+20", "5e21", "8000000000000005.0", "1" + "0" * 400])
def test_doubles_beyond_that_are_exact_are_kept(text: str) -> None:
    assert multiple_of(exact(5)).accepts(text.encode())


@pytest.mark.parametrize("text", ["1e+23", "1.7e300", "5.3862745183e+19"])
def test_all_large_doubles_are_multiples_of_powers_of_two(text: str) -> None:
    for divisor in (1, 2, 64):
        assert multiple_of(exact(divisor)).accepts(text.encode())
        assert not not_multiple_of(exact(divisor)).accepts(text.encode())


@lru_cache
def spec(divisor: float, negated: bool) -> JsonSchema:
    multiples = {"multipleOf": divisor}
    return JsonSchema({"type": "number", "not": multiples} if negated else {"type": "number", **multiples})


@given(
    st.sampled_from(DYADIC + DECIMAL),
    st.integers(-(10**6), 10**6) | st.integers(-99, 99),
    st.builds(round, st.floats(-1e6, 1e6), st.integers(0, 6)) | st.integers(-(10**30), 10**30),
)
@example(1.1, 3, 3.3)
@example(0.1, 3, 0.3)
@example(1.1, 1, 99)
@example(1e-5, 1, 1)
@example(0.01, 2**62, 0.35000000000000003)
@example(0.5, 2**1023, 1e308)
@example(0.3, 1, 1e300)
@settings(max_examples=200, deadline=None)
def test_multiples_of_a_fraction_are_those_of_doubles(divisor: float, factor: int, other: float) -> None:
    for value in (factor * divisor, other):
        is_near_the_edge = 2**51 <= abs(value) / divisor < 2**57  # from where on all quotients are integers
        if (abs(value) >= 1e-4 or not value) and not is_near_the_edge:  # with an exponent, only exact multiples
            text, belongs = json.dumps(value), is_multiple(json.dumps(value), divisor)
            assert spec(divisor, negated=False).accepts(text) == belongs, text
            assert spec(divisor, negated=True).accepts(text) != belongs, text


@given(st.sampled_from(DYADIC + DECIMAL), st.booleans(), st.randoms())
@settings(max_examples=60, deadline=None)
def test_what_is_accepted_is_what_doubles_say(divisor: float, negated: bool, rng: random.Random) -> None:
    asked = spec(divisor, negated)
    for text in walks(asked.automaton, rng):
        if asked.accepts(text):
            assert is_multiple(text, divisor) != negated, text


@pytest.mark.parametrize("divisor", [0.01, 0.1, 0.5, 2.5])
def test_exact_multiples_are_all_there(divisor: float) -> None:
    language = multiple_of(exact(divisor))
    for text in short_texts():
        if is_constrained(text) and "e" not in text and is_multiple(text, divisor):
            assert language.accepts(text.encode()), text


def test_overflow_is_no_multiple() -> None:
    for text in ("1e309", "-3e308", f"1{'0' * 400}.0"):
        assert not spec(0.5, negated=False).accepts(text)
        assert not spec(0.5, negated=True).accepts(text)


@pytest.mark.parametrize("divisor", ["123456789", "0.123456789", "1.000000007"])
def test_divisors_with_too_many_residues_are_refused(divisor: str) -> None:
    with pytest.raises(LimitError, match="automaton states") as caught:
        multiple_of(exact(json.loads(divisor)))
    assert caught.value.given > caught.value.limit


def test_common_divisors_need_few_states() -> None:
    assert multiple_of(exact(5)).states < 100
    assert multiple_of(exact(0.01)).states < 120
    assert multiple_of(exact(365)).states < 1_500
