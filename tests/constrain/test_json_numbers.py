"""Sets of JSON numbers. The judges are `Decimal`, and Python as a reader: integers exact, the rest as doubles."""

from __future__ import annotations

import json
import math
import operator
import random
import re
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from constrain import number_states
from constrain.automaton import Automaton
from constrain.errors import LimitError
from constrain.expression import compile_expression
from constrain.json_numbers import (
    ANY_NUMBER,
    at_least,
    at_most,
    exact,
    integers,
    interval,
    not_whole,
    numbers,
    one_of,
    spell,
    unequal_to,
    whole,
)
from tests.constrain.json_judge import random_word
from tests.constrain.json_numerals import accepted, is_constrained, short_texts, walks

Number = int | float
Literal = Callable[[Decimal], Automaton]

EDGES = [0, 1, -1, 0.0, 0.1, 9.5, 10, 99, 150, 1e16, 1e22, 1e23, -1e23, 2**53 + 1, 2.5e-7, 1e-20, 1e300, 5e-324, -0.3]

doubles = st.floats(allow_nan=False, allow_infinity=False) | st.floats(-1e4, 1e4) | st.integers(-99, 99).map(float)
python_numbers = doubles | st.integers(-(10**25), 10**25) | st.integers(-120, 120) | st.sampled_from(EDGES)


def python(text: str) -> Number:
    value: Number = json.loads(text)
    return value


def significant(text: str) -> int:
    return len(re.split("[eE]", text.lstrip("-"))[0].replace(".", "").strip("0"))


def neighbours(value: Number) -> list[str]:
    """Texts at and around the value, many of them closer than the next double."""
    if isinstance(value, float):
        near: list[Number] = [value, math.nextafter(value, math.inf), math.nextafter(value, -math.inf)]
        near = [number for number in near if math.isfinite(number)]
    else:
        near = [value, value - 1, value + 1]
    found = [json.dumps(number) for number in near]
    for number in near:
        decimal = exact(number)
        for scale in (0, 1, -1):
            moved = decimal + scale * abs(decimal).scaleb(-18)
            found += [format(moved, "f"), f"{moved:e}", f"{moved:.16e}", f"{moved:.18e}"]
            found += [f"{format(moved, 'f')}.0"] if moved == moved.to_integral_value() else []
    return [text for text in found if is_constrained(text) and len(text) < 1_000]


COMPARISONS = [
    (at_least, False, operator.ge),
    (at_least, True, operator.gt),
    (at_most, False, operator.le),
    (at_most, True, operator.lt),
]


@pytest.mark.parametrize(("literal", "strict", "compare"), COMPARISONS)
@pytest.mark.parametrize("bound", ["0", "1", "-1", "0.5", "-15", "10", "99.9", "1e5", "1.5e-5", "-5e9", "1e308"])
def test_short_texts_are_compared_exactly(
    literal: Callable[..., Automaton], strict: bool, compare: Callable[[Decimal, Decimal], bool], bound: str
) -> None:
    limit = Decimal(bound)
    expected = [text for text in short_texts() if is_constrained(text) and compare(Decimal(text), limit)]
    assert list(accepted(literal(limit, strict=strict))) == expected


@given(python_numbers, st.sampled_from(COMPARISONS), st.lists(python_numbers), st.randoms())
@example(5e-324, COMPARISONS[0], [0, 5e-324, -5e-324, 1e-323], random.Random(0))
@example(1.7976931348623157e308, COMPARISONS[3], [1e308, 1.7976931348623157e308], random.Random(0))
@example(1e23, COMPARISONS[2], [1e23, 10**23], random.Random(0))
@settings(max_examples=100, deadline=None)
def test_what_json_dumps_prints_is_compared_as_python_does(
    bound: Number,
    comparison: tuple[Callable[..., Automaton], bool, Callable[[Number, Number], bool]],
    values: list[Number],
    rng: random.Random,
) -> None:
    literal, strict, compare = comparison
    automaton = literal(exact(bound), strict=strict)
    near = [math.nextafter(bound, end) for end in (math.inf, -math.inf)] if isinstance(bound, float) else []
    for value in [*values, bound, *filter(math.isfinite, near)]:
        assert automaton.accepts(json.dumps(value).encode()) == compare(value, bound), value
    for text in [*neighbours(bound), *walks(automaton, rng)]:
        if automaton.accepts(text.encode()):
            assert is_constrained(text)
            assert compare(python(text), bound), text
            assert compare(Decimal(text), exact(bound)) or stands_for_a_double(text), text  # type: ignore[arg-type]


def stands_for_a_double(text: str) -> bool:
    """Whether the decimal lies between a double from 2^53 on and its shortest spelling."""
    double = python(text)
    if isinstance(double, int) or not 2**53 <= abs(double) < math.inf:
        return False
    low, high = sorted([exact(double), Decimal(repr(double))])
    return low <= Decimal(text) <= high


def side(number: Decimal, bound: Decimal) -> int:
    return (number > bound) - (number < bound)


def doubtful(text: str) -> bool:
    """Whether rounding may decide on which side of a bound the text is."""
    return significant(text) > 17 or ("e" not in text.lower() and 0 < abs(Decimal(text)) < Decimal("1e-20"))


@given(python_numbers, st.booleans(), st.randoms())
@settings(max_examples=100, deadline=None)
def test_a_bound_and_its_negation_share_nothing_and_leave_out_only_what_is_doubtful(
    bound: Number, strict: bool, rng: random.Random
) -> None:
    above, below = at_least(exact(bound), strict=strict), at_most(exact(bound), strict=not strict)
    assert (above & below).is_empty()
    assert (one_of([exact(bound)]) & unequal_to([exact(bound)])).is_empty()
    for text in [*neighbours(bound), *walks(interval(), rng)]:
        if side(exact(python(text)), exact(bound)) == side(Decimal(text), exact(bound)) and not doubtful(text):
            assert above.accepts(text.encode()) or below.accepts(text.encode()), text


@given(
    st.none() | python_numbers, st.booleans(), st.none() | python_numbers, st.booleans(),
    st.sampled_from([None, "fraction", "plain"]),
)  # fmt: skip
@settings(max_examples=100, deadline=None)
def test_an_interval_is_the_intersection_of_its_bounds(
    low: Number | None, low_strict: bool, high: Number | None, high_strict: bool, form: object
) -> None:
    ends = [None if end is None else exact(end) for end in (low, high)]
    expected = interval() if form is None else whole(fraction=form == "fraction")
    if ends[0] is not None:
        expected &= at_least(ends[0], strict=low_strict)
    if ends[1] is not None:
        expected &= at_most(ends[1], strict=high_strict)
    assert interval(ends[0], low_strict, ends[1], high_strict, form) == expected


def test_without_bounds_all_constrained_spellings_are_left() -> None:
    assert list(accepted(interval())) == [text for text in short_texts() if is_constrained(text)]
    assert (interval() - ANY_NUMBER).is_empty()


def test_unrestricted_numbers_have_the_full_grammar() -> None:
    grammar = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
    assert list(accepted(ANY_NUMBER)) == [text for text in short_texts() if grammar.fullmatch(text)]
    for text in ("NaN", " 1", "1e+00000", "123.4500E-0099"):
        assert ANY_NUMBER.accepts(text.encode()) == bool(grammar.fullmatch(text))


@given(st.lists(python_numbers, max_size=4), st.lists(python_numbers), st.randoms())
@settings(max_examples=60, deadline=None)
def test_listed_values_and_all_others(listed: list[Number], others: list[Number], rng: random.Random) -> None:
    among, unlike = one_of(map(exact, listed)), unequal_to(map(exact, listed))
    for value in [*listed, *others]:
        assert among.accepts(json.dumps(value).encode()) == (value in listed)
        assert unlike.accepts(json.dumps(value).encode()) == (value not in listed)
    for text in [*walks(among, rng), *(near for value in listed[:2] for near in neighbours(value))]:
        if among.accepts(text.encode()):
            assert python(text) in listed, text
        if unlike.accepts(text.encode()):
            assert python(text) not in listed, text
            assert Decimal(text) not in list(map(exact, listed)) or stands_for_a_double(text), text


@pytest.mark.parametrize("value", ["0", "1", "-15", "0.5", "150", "9e9", "1e-5"])
def test_every_short_spelling_of_a_value(value: str) -> None:
    exactly = [text for text in short_texts() if is_constrained(text) and Decimal(text) == Decimal(value)]
    others = [text for text in short_texts() if is_constrained(text) and Decimal(text) != Decimal(value)]
    assert list(accepted(one_of([Decimal(value)]))) == exactly
    assert list(accepted(unequal_to([Decimal(value)]))) == others


def test_integers_have_a_fraction_or_an_exponent_only_if_admitted() -> None:
    def small(text: str) -> bool:
        mantissa, _, exponent = text.partition("e")
        return not exponent or len(mantissa.partition(".")[2]) <= 2

    constrained = [text for text in short_texts() if is_constrained(text)]
    integral = [text for text in constrained if Decimal(text) == Decimal(text).to_integral_value()]
    assert list(accepted(whole())) == [text for text in integral if small(text)]
    assert list(accepted(whole(fraction=False))) == [text for text in integral if re.fullmatch("0|-?[1-9][0-9]*", text)]
    assert list(accepted(not_whole(fraction=False))) == [text for text in constrained if re.search("[.e]", text)]


def test_numbers_that_are_not_integers() -> None:
    for text in accepted(not_whole()):
        assert Decimal(text) != Decimal(text).to_integral_value()
    for text in short_texts():
        if is_constrained(text) and "e" not in text and Decimal(text) != Decimal(text).to_integral_value():
            assert not_whole().accepts(text.encode()), text


near_integers = st.builds(
    lambda n, steps: n + steps * math.ulp(n),
    st.integers(-(2**53), 2**53) | st.integers(-1000, 1000) | st.integers(0, 53).map(lambda power: 2**power),
    st.integers(-4, 4),
)


@given(doubles | near_integers)
@example(1.1 * 100)
@example(1.7976931348623157e308)
@example(5e-324)
@example(1e308)
@example(1.2345678901234567e19)
@example(9999999999999998.0)
@settings(max_examples=500, deadline=None)
def test_every_double_is_an_integer_or_not(value: float) -> None:
    text = json.dumps(value).encode()
    assert whole().accepts(text) == value.is_integer()
    assert not_whole().accepts(text) == (not value.is_integer())


@given(st.randoms(), st.integers(0, 60))
@settings(max_examples=100, deadline=None)
def test_integers_are_integers_for_readers_of_doubles(rng: random.Random, length: int) -> None:
    text = random_word(whole(), rng, length).decode()
    assert Decimal(text) == Decimal(text).to_integral_value()
    assert isinstance(python(text), int) or float(text).is_integer()
    text = random_word(not_whole(), rng, length).decode()
    assert Decimal(text) != Decimal(text).to_integral_value(), text
    assert not float(text).is_integer(), text


@pytest.mark.parametrize("text", ["1.0", "2.50e1", "1e2", "-0", "-0.0", "0e5", "1.0E10", "1e+22", "1.5e300"])
def test_spellings_of_integers(text: str) -> None:
    assert whole().accepts(text.encode())
    assert not whole(fraction=False).accepts(text.encode())
    assert not not_whole().accepts(text.encode())


def test_thousands_of_values_are_listed_in_a_second() -> None:
    values = [Decimal(7 * n) for n in range(5_000)]
    automaton = one_of(values)
    assert [n for n in range(40_000) if automaton.accepts(b"%d" % n)] == values


def test_sets_that_need_too_many_states_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(number_states, "DEFAULT_MAX_STATES", 100)
    with pytest.raises(LimitError, match="round its numbers") as caught:
        one_of(Decimal(n) ** 7 for n in range(1_000, 2_000))
    assert caught.value.given > caught.value.limit == 100


@given(python_numbers)
@settings(max_examples=100, deadline=None)
def test_a_value_is_spelled_as_json_dumps_does_if_that_is_allowed(value: Number) -> None:
    assert spell(value, interval()) == json.dumps(value)
    for language in (whole(), whole(fraction=False), not_whole(fraction=False), interval() - whole(fraction=False)):
        text = spell(value, language)
        if text is not None:
            assert language.accepts(text.encode())
            assert python(text) == value


def test_spellings_that_differ_from_json_dumps() -> None:
    assert spell(5.0, whole(fraction=False)) == "5"
    assert spell(1e22, whole(fraction=False)) == "10000000000000000000000"
    assert spell(5, not_whole(fraction=False)) == "5.0"
    assert spell(2.5, whole()) is None
    assert spell(math.inf, interval()) is None
    assert spell(10**400, not_whole(fraction=False)) is None


@given(st.none() | st.integers(-120, 120), st.none() | st.integers(-120, 120))
@settings(deadline=None)
def test_integers_between_bounds(low: int | None, high: int | None) -> None:
    expected = [n for n in range(-300, 300) if (low is None or low <= n) and (high is None or n <= high)]
    automaton = compile_expression(integers(low, high))
    assert [n for n in range(-300, 300) if automaton.accepts(b"%d" % n)] == expected


def test_bounds_need_few_states() -> None:
    assert interval(Decimal(1), False, Decimal(2**63), False, "plain").states < 60
    assert interval(Decimal(0), False, Decimal(150), False, "fraction").states < 60
    assert at_least(Decimal("0.1")).states < 90
    assert interval(Decimal("-1e300"), True, Decimal("1e300"), True).states < 1_500


def test_empty_ranges() -> None:
    assert interval(Decimal(3), False, Decimal(2)).is_empty()
    assert interval(Decimal(3), True, Decimal(3)).is_empty()
    assert interval(Decimal("0.1"), False, Decimal("0.9"), False, "fraction").is_empty()
    assert one_of([]).is_empty()
    assert unequal_to([]) == interval()
    assert numbers(None, None) == ANY_NUMBER


def test_endless_bounds_are_refused() -> None:
    with pytest.raises(LimitError, match="1,001 digits") as caught:
        at_least(Decimal(10**1_000))
    assert (caught.value.limit, caught.value.given) == (1_000, 1_001)
