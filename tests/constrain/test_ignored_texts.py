"""What is skipped before terminals and before the end, against its definition on all short texts."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from constrain.errors import LimitError
from constrain.ignored_texts import Ignored
from constrain.regex import parse, to_expression
from tests.constrain.grammar_judge import short_texts

PATTERNS = ["a", "a+", "ab?", "a(ba)?", "b[ab]*c", "b[ab]*?c", "ac*", "(ab)+", "c+b?"]


def ignored(*patterns: str) -> Ignored:
    return Ignored(tuple(to_expression(parse(pattern)) for pattern in patterns))


def stops(text: str, patterns: list[str], at: int = 0) -> set[int]:
    """Where skipping may have led: from each place the longest text of a pattern is skipped."""
    found = {at}
    for pattern in patterns:
        ends = [end for end in range(at + 1, len(text) + 1) if re.compile(pattern).fullmatch(text, at, end)]
        if ends:
            found |= stops(text, patterns, ends[-1])
    return found


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=2), st.sampled_from(["a", "c", "ab", "b+", "[ab]c*"]))
def test_as_much_as_possible_is_skipped(patterns: list[str], terminal: str) -> None:
    automaton = ignored(*patterns).before(to_expression(parse(terminal)))
    assume(automaton is not None)
    assert automaton is not None
    for text in short_texts("abc", 5):
        for more in ("", "a", "b", "c", "ba"):  # which decides nothing
            expected = any(re.fullmatch(terminal, text[at:]) for at in stops(text + more, patterns) if at < len(text))
            assert automaton.accepts(text.encode()) == expected, (text, more)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=3))
def test_what_is_skipped_before_the_end(patterns: list[str]) -> None:
    automaton = ignored(*patterns).trailing
    for text in short_texts("abc", 5):
        assert automaton.accepts(text.encode()) == (len(text) in stops(text, patterns))


def test_what_more_than_the_terminal_decides() -> None:
    assert ignored("a.*a").before(to_expression(parse("b"))) is None
    assert ignored("a(bc)?").before(to_expression(parse("b"))) is None
    assert ignored("a(bc)?").before(to_expression(parse("b[ab]"))) is not None


def test_where_nothing_is_ignored() -> None:
    terminal = to_expression(parse("a+"))
    assert ignored().before(terminal) is terminal


def test_limits_are_named() -> None:
    with pytest.raises(LimitError, match="more than 10,000 automaton states") as caught:
        _ = ignored("a([ab]{0,20}c)?", "b").trailing
    assert caught.value.limit < caught.value.given
