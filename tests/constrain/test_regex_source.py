"""Trees written out for `re`: what is found is what the automaton of the tree finds."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constrain.regex import Search, parse
from constrain.regex_source import compiled

PATTERNS = [
    "a",
    "",
    "^a|b$",
    "^(a|b)*$",
    "^(ab){2,}$",
    "^(a{2}b){1,3}$",
    r"\bab?\b",
    r"^\W.$",
    r"[^\d\n]",
    "[^]",
    "[]",
    "(?=.b)a",
    "(?!a)b",
    "(?<=a)b",
    "(?<![ab])b",
    r"^\p{L}$",
    r"^[\]\-\\^]$",
    r"^\u{1F600}$",
]


@given(st.sampled_from(PATTERNS), st.text("ab1\n\r^]\\-ä😀", max_size=5))
@settings(max_examples=600, deadline=None)
def test_what_is_found_is_what_the_automaton_finds(pattern: str, text: str) -> None:
    node = parse(pattern, dialect="ecma")
    found = compiled(node)
    assert found is not None
    assert (found.search(text) is not None) == Search.of([node]).everywhere().accepts(text.encode())


@pytest.mark.parametrize("text", ["a", "a\n", "a\n\n", "b", ""])
def test_an_end_before_the_last_line_feed(text: str) -> None:
    found = compiled(parse("^a$"))
    assert found is not None
    assert (found.search(text) is not None) == (text in ("a", "a\n"))


@pytest.mark.parametrize(
    "pattern", ["(?<=a|bc)d", "^(a*)*$", "^(a|ab)+$", "^(a?b){2,}$", "(?=(a+)+b)", "^(x(a|bc)y)*$"]
)
def test_what_re_cannot_read_or_finds_too_slowly_is_not_written(pattern: str) -> None:
    assert compiled(parse(pattern, dialect="ecma")) is None
