"""Counters of characters, and quotes around contents. The judges are `len`, and the general way by expressions."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constrain.automaton import Automaton
from constrain.errors import LimitError
from constrain.expression import NOTHING, compile_expression, concat, literal, repeat, union
from constrain.json_lengths import before_quote, between_quotes, counted
from constrain.json_text import canonical, canonical_string, free_strings
from constrain.regex import parse, to_expression

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@st.composite
def intervals(draw: st.DrawFn) -> list[tuple[int, int | None]]:
    """Ascending intervals of lengths, with gaps between them; the last may be open."""
    bounds = sorted(draw(st.sets(st.integers(0, 12), max_size=6)))
    found: list[tuple[int, int | None]] = [
        (low, high - 1) for low, high in zip(bounds[::2], bounds[1::2], strict=False)
    ]
    return [*found, (bounds[-1], None)] if len(bounds) % 2 else found


@settings(deadline=None)
@given(intervals(), text)
def test_lengths_count_code_points(lengths: list[tuple[int, int | None]], value: str) -> None:
    expected = any(low <= len(value) and (high is None or len(value) <= high) for low, high in lengths)
    automaton = free_strings(tuple(lengths))
    for ensure_ascii in (True, False):
        assert automaton.accepts(json.dumps(value, ensure_ascii=ensure_ascii).encode()) == expected
    for low, high in lengths:
        canonical_form = json.dumps(value, ensure_ascii=False)[1:-1].encode()
        inside = low <= len(value) and (high is None or len(value) <= high)
        assert canonical_string(low, high).accepts(canonical_form) == inside


CHARACTERS = {
    "one byte": literal(b"a"),
    "several bytes": union(literal(b"ab"), literal(b"b"), literal(b"ac")),
    "a quote inside": union(literal(b"a"), literal(b'b"')),
}


@settings(deadline=None)
@given(st.sampled_from(list(CHARACTERS)), intervals())
def test_counters_are_repetitions(kind: str, lengths: list[tuple[int, int | None]]) -> None:
    character = CHARACTERS[kind]
    expected = union(*(repeat(character, low, high) for low, high in lengths))
    built = compile_expression(character)
    assert counted(built, lengths) == compile_expression(expected)
    quoted = compile_expression(concat(literal(b'"'), expected, literal(b'"')))
    assert counted(built, lengths, quotes=True) == quoted


@pytest.mark.parametrize("pattern", ["", "a*", '"', r"[^\\\\]*", "é|😀|\n", "(?:ab){3,5}"])
def test_quotes_stand_around_contents(pattern: str) -> None:
    content = to_expression(parse(pattern), canonical)
    assert between_quotes(content) == compile_expression(concat(literal(b'"'), content, literal(b'"')))
    assert before_quote(content) == compile_expression(concat(content, literal(b'"')))


def test_no_content_between_quotes_is_no_string() -> None:
    nothing: Automaton = compile_expression(NOTHING)
    assert between_quotes(nothing) == before_quote(nothing) == nothing == free_strings(()) == canonical_string(2, 1)


def test_lengths_are_counted_so_far() -> None:
    for build in (lambda: free_strings(((0, 5_001),)), lambda: canonical_string(5_001)):
        with pytest.raises(LimitError, match="up to 5,001 characters") as caught:
            build()
        assert (caught.value.limit, caught.value.given) == (5_000, 5_001)
