"""Intervals, tests and calibration, against published values, enumeration and sums by hand."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constrain.engine.eval_statistics import calibration_error, mcnemar, wilson


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_intervals_are_those_of_newcombe(hits: int, count: int, low: float, high: float) -> None:
    """R. G. Newcombe, Two-sided confidence intervals for the single proportion (1998), table I, method 3."""
    assert wilson(hits, count) == pytest.approx((low, high), abs=6e-5)
    assert wilson(count - hits, count) == pytest.approx((1 - high, 1 - low), abs=6e-5)


def test_intervals_hold_the_share_itself() -> None:
    for count in range(1, 60):
        assert wilson(0, count)[0] == 0.0
        assert wilson(count, count)[1] == 1.0
        assert all(low < hits / count < high for hits in range(1, count) for low, high in [wilson(hits, count)])


@given(st.integers(0, 7), st.integers(0, 7))
@settings(deadline=None, max_examples=50)
def test_mcnemar_counts_the_tosses_that_are_as_uneven(better: int, worse: int) -> None:
    tosses = list(product((-1, 1), repeat=better + worse))
    uneven = [toss for toss in tosses if abs(sum(toss)) >= abs(better - worse)]
    assert mcnemar(better, worse) == pytest.approx(len(uneven) / len(tosses))


def test_mcnemar_takes_more_tosses_than_a_float_can_count() -> None:
    assert mcnemar(1000, 1000) == 1.0
    assert mcnemar(1500, 0) == pytest.approx(0.0)


def test_calibration_error_is_the_mean_distance_of_the_bins() -> None:
    assert calibration_error([(1.0, True), (0.0, False)]) == 0.0
    assert calibration_error([(0.95, True), (0.95, False)]) == pytest.approx(0.45)
    # in [0.5, 0.6): stated 0.55, true 1; in [0.9, 1]: stated 0.95, true 0.5
    mixed = [(0.52, True), (0.58, True), (0.9, False), (1.0, True)]
    assert calibration_error(mixed) == pytest.approx((2 * 0.45 + 2 * 0.45) / 4)
    assert calibration_error(mixed, bins=1) == pytest.approx(0.0)
