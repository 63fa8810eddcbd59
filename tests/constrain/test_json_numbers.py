"""Numbers between bounds. The judges are Python's integers, `decimal.Decimal` and, for doubles, `float`."""

from __future__ import annotations

import json
import random
from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from constrain.automaton import Automaton
from constrain.errors import LimitError
from constrain.expression import compile_expression
from constrain.json_numbers import integers, numbers
from tests.constrain.json_judge import random_word

magnitudes = st.sampled_from(["0", "1", "2", "9", "10", "12", "99", "100", "105", "1000"])
fractions = st.sampled_from(["", ".0", ".5", ".25", ".50", ".05", ".99", ".250000001"])
plain = st.builds(lambda sign, whole, part: sign + whole + part, st.sampled_from(["", "-"]), magnitudes, fractions)
bounds = st.none() | plain.map(Decimal)


def compiled(*arguments: object) -> Automaton:
    return compile_expression(numbers(*arguments))  # type: ignore[arg-type]  # drawn by hypothesis


@settings(deadline=None)
@given(st.none() | st.integers(-120, 120), st.none() | st.integers(-120, 120))
def test_integers_between_bounds(low: int | None, high: int | None) -> None:
    automaton = compile_expression(integers(low, high))
    accepted = [n for n in range(-1200, 1200) if automaton.accepts(b"%d" % n)]
    assert accepted == [n for n in range(-1200, 1200) if (low is None or low <= n) and (high is None or n <= high)]


@pytest.mark.parametrize(("low", "high"), [(None, None), (0, None), (None, 0), (-5, 5)])
@pytest.mark.parametrize("text", ["-0", "00", "01", "-01", "+1", "1.0", "1e2", "", "-", " 1"])
def test_integers_have_one_spelling(low: int | None, high: int | None, text: str) -> None:
    assert not compile_expression(integers(low, high)).accepts(text.encode())


@given(bounds, bounds, st.booleans(), st.booleans(), st.lists(plain, max_size=20))
@settings(max_examples=200, deadline=None)
def test_plain_decimals_between_bounds(
    low: Decimal | None, high: Decimal | None, low_open: bool, high_open: bool, texts: list[str]
) -> None:
    if low is None and high is None:
        return
    automaton = compiled(low, high, low_open, high_open)
    for text in texts:
        value = Decimal(text)
        above = low is None or (value > low if low_open else value >= low)
        below = high is None or (value < high if high_open else value <= high)
        signed_zero = value == 0 and text.startswith("-")
        assert automaton.accepts(text.encode()) == (above and below and not signed_zero), text


@given(st.floats(-1e25, 1e25), st.booleans(), st.booleans(), st.randoms())
@example(1.7976931348623157e308, False, True, random.Random(0))
@example(5e-324, True, True, random.Random(0))
@example(0.3, True, True, random.Random(0))
@example(1e23, False, False, random.Random(0))
@example(9007199254740994.0, True, False, random.Random(0))
@settings(max_examples=50, deadline=None)
def test_numbers_that_are_read_as_doubles_keep_the_bounds(
    bound: float, is_open: bool, upper: bool, rng: random.Random
) -> None:
    exactly = Decimal(repr(bound)) if abs(bound) < 2**53 else Decimal(bound)
    arguments = (None, exactly, False, is_open) if upper else (exactly, None, is_open, False)
    automaton = compiled(*arguments)
    for length in (0, 10, 20, 30):
        value = json.loads(random_word(automaton, rng, length))
        assert (
            (value < bound or (value == bound and not is_open))
            if upper
            else (value > bound or (value == bound and not is_open))
        )


@settings(deadline=None)
@given(st.integers(2**52, 2**60), st.booleans(), st.randoms())
def test_large_integer_bounds_hold_for_numbers_read_as_doubles(bound: int, is_open: bool, rng: random.Random) -> None:
    automaton = compiled(None, Decimal(bound), False, is_open)
    for text in (f"{bound}", f"{bound}.0", f"{bound - 1}.9", random_word(automaton, rng, 20).decode()):
        value = json.loads(text)
        assert not automaton.accepts(text.encode()) or (value < bound if is_open else value <= bound)


@settings(deadline=None)
@given(st.floats(1e-4, 1e15), st.floats(1e-4, 1e15))
def test_every_double_is_compared_by_its_shortest_spelling(bound: float, value: float) -> None:
    for is_open in (False, True):
        automaton = compiled(Decimal(repr(bound)), None, is_open, False)
        assert automaton.accepts(repr(value).encode()) == (value > bound if is_open else value >= bound)


def test_unbounded_numbers_have_the_full_grammar() -> None:
    automaton = compiled(None, None)
    for text in ("0", "-0", "0.0", "-0.5e+10", "1E9", "12.340", "1e-7", "9" * 40):
        assert isinstance(json.loads(text), int | float)
        assert automaton.accepts(text.encode())
    for text in ("", "-", "01", ".5", "1.", "1e", "+1", "0x1", "NaN", "1.5.2", "--1"):
        assert not automaton.accepts(text.encode())


def test_next_to_an_exclusive_zero_stands_1e_20() -> None:
    automaton = compiled(Decimal(0), None, True, False)
    assert automaton.accepts(b"0.00000000000000000001")
    assert not automaton.accepts(b"0.000000000000000000009")


def test_long_bounds_need_few_states() -> None:
    assert compile_expression(integers(1, 2**63)).states < 60
    assert compiled(Decimal("-1e300"), Decimal("1e300"), True, True).states < 1_300


def test_empty_ranges() -> None:
    assert compile_expression(integers(3, 2)).is_empty()
    assert compiled(Decimal(3), Decimal(3), True, False).is_empty()


def test_endless_bounds_are_refused() -> None:
    with pytest.raises(LimitError, match="1,001 digits") as caught:
        integers(10**1_000, None)
    assert (caught.value.limit, caught.value.given) == (1_000, 1_001)
