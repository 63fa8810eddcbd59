"""Sets of code points against Python sets, and their UTF-8 against `str.encode` and strict decoding."""

from __future__ import annotations

from itertools import pairwise, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constrain.codepoints import CodePoints, utf8
from constrain.expression import NOTHING, compile_expression

BOUNDARIES = (0, 0x7F, 0x80, 0x7FF, 0x800, 0xFFF, 0x1000, 0xCFFF, 0xD000, 0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x3FFFF)
EDGES = sorted({min(max(edge + step, 0), 0x10FFFF) for edge in (*BOUNDARIES, 0x40000, 0x10FFFF) for step in (-1, 0, 1)})
SURROGATES = range(0xD800, 0xE000)

points = st.one_of(st.sampled_from(EDGES), st.integers(0, 0x10FFFF), st.integers(0, 40))
ranges = st.tuples(points, st.integers(0, 50)).map(lambda pair: (pair[0], min(pair[0] + pair[1], 0x10FFFF)))
range_lists = st.lists(ranges, max_size=6)


def members(pairs: list[tuple[int, int]]) -> set[int]:
    return {point for lo, hi in pairs for point in range(lo, hi + 1)} - set(SURROGATES)


def listed(points: CodePoints) -> set[int]:
    return members(list(points.ranges))


@given(range_lists, range_lists)
def test_algebra_is_that_of_python_sets(left: list[tuple[int, int]], right: list[tuple[int, int]]) -> None:
    a, b = CodePoints.of_ranges(left), CodePoints.of_ranges(right)
    assert listed(a) == members(left)
    assert listed(a | b) == members(left) | members(right)
    assert listed(a & b) == members(left) & members(right)
    assert listed(a - b) == members(left) - members(right)
    assert ~~a == a
    assert a | ~a == CodePoints.ANY
    assert a & ~a == CodePoints.NONE
    assert len(a) == len(members(left))
    assert bool(a) == bool(members(left))
    for point in {*EDGES, *members(left)}:
        assert (point in a) == (point in members(left))
        assert (point in ~a) == (point not in members(left) and point not in SURROGATES)


@given(range_lists)
def test_equal_sets_are_equal_values(pairs: list[tuple[int, int]]) -> None:
    singles = [(point, point) for point in members(pairs)]
    assert CodePoints.of_ranges(pairs) == CodePoints.of_ranges(singles)
    assert all(before[1] + 1 < after[0] for before, after in pairwise(CodePoints.of_ranges(pairs).ranges))


def test_constructors() -> None:
    assert CodePoints.of("cab").ranges == ((ord("a"), ord("c")),)
    assert CodePoints.range("a", 0x7A) == CodePoints.of("abcdefghijklmnopqrstuvwxyz")
    assert CodePoints.ANY.ranges == ((0, 0xD7FF), (0xE000, 0x10FFFF))
    assert CodePoints.range(0xD800, 0xDFFF) == CodePoints.NONE
    assert "é" in CodePoints.of("é")
    assert "e" not in CodePoints.of("é")


@pytest.mark.parametrize(
    "pairs",
    [((5, 4),), ((1, 2), (3, 4)), ((3, 4), (1, 2)), ((-1, 0),), ((0, 0x110000),), ((0xD7FF, 0xD800),), ((0, 0xFFFF),)],
)
def test_the_constructor_takes_canonical_ranges_only(pairs: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(ValueError, match="ranges must ascend"):
        CodePoints(pairs)


@settings(max_examples=60, deadline=None)
@given(range_lists)
def test_utf8_is_what_encode_gives(pairs: list[tuple[int, int]]) -> None:
    chosen = CodePoints.of_ranges(pairs)
    automaton = compile_expression(utf8(chosen))
    for point in {*EDGES, *members(pairs), *(min(hi + 1, 0x10FFFF) for _, hi in pairs)} - set(SURROGATES):
        assert automaton.accepts(chr(point).encode()) == (point in members(pairs))


def test_utf8_of_everything_is_what_strict_decoding_accepts() -> None:
    automaton = compile_expression(utf8(CodePoints.ANY))

    def one_character(data: bytes) -> bool:
        try:
            return len(data.decode("utf-8", "strict")) == 1
        except UnicodeDecodeError:
            return False

    edges = (0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF)
    leads = (0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF8, 0xFC, 0xFF)
    for length in range(6):
        # overlong forms, surrogates and 0x110000 show in the first two bytes; the others need fewer values
        values = [edges + leads, edges + leads, (0x7F, 0x80, 0xBF, 0xC0), (0x7F, 0x80, 0xBF, 0xC0), (0x41, 0x80)][
            :length
        ]
        for data in map(bytes, product(*values)):
            assert automaton.accepts(data) == one_character(data), data


def test_utf8_of_nothing_is_nothing() -> None:
    assert utf8(CodePoints.NONE) == NOTHING


@pytest.mark.parametrize(
    ("points", "states"), [(CodePoints.ANY, 9), (CodePoints.range(0, 0x7F), 2), (CodePoints.of("é"), 3)]
)
def test_utf8_is_small(points: CodePoints, states: int) -> None:
    assert compile_expression(utf8(points)).states == states
