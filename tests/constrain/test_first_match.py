"""The texts that `re.match` takes to their end, against `re` itself on all short texts."""

from __future__ import annotations

import re
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constrain.errors import LimitError
from constrain.first_match import first_matches
from constrain.regex import parse, to_expression

TEXTS = ["".join(chars) for length in range(7) for chars in product("ab", repeat=length)]

REPEATS = ["*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{0,2}?", "{2,}", "{1,}?"]
PATTERNS = st.recursive(
    st.sampled_from(["a", "b", "", ".", "ab", "ba"]),
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"(?:{'|'.join(parts)})"),
        st.lists(inner, min_size=2, max_size=3).map("".join),
        st.tuples(inner, st.sampled_from(REPEATS)).map(lambda pair: f"(?:{pair[0]}){pair[1]}"),
    ),
    max_leaves=7,
)
ASSERTIONS = ["(?<!a)", "(?<=b)", "(?<!ba)", "(?<=ba|aa)", "(?!ab)", "(?=b)", "(?=.b|aa)", r"\b"]


def taken(pattern: str) -> list[str]:
    """The texts of which a match takes all."""
    compiled = re.compile(pattern)
    return [text for text in TEXTS if (match := compiled.match(text)) and match.end() == len(text)]


def accepted(pattern: str) -> list[str]:
    automaton = first_matches(parse(pattern))
    return [text for text in TEXTS if automaton.accepts(text.encode())]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("a|ab", ["a"]),
        ("ab|a", ["a", "ab"]),
        ("a*(?:ab)?", ["", *("a" * n for n in range(1, 7))]),
        ("a??b?", ["", "b"]),
        ("a.*?b", ["ab", "aab", "aaab", "aaaab", "aaaaab"]),
        ("(?:|a)*", [""]),
        ("(?:|a)+?b", ["b", *("a" * n + "b" for n in range(1, 6))]),
    ],
)
def test_what_is_preferred(pattern: str, expected: list[str]) -> None:
    assert accepted(pattern) == expected == taken(pattern)


@settings(deadline=None, max_examples=200)
@given(PATTERNS)
def test_random_patterns(pattern: str) -> None:
    assert accepted(pattern) == taken(pattern)


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_assertions_that_see_the_text_alone(data: st.DataObject) -> None:
    """Two characters stand on either side of all assertions."""
    assertion = st.sampled_from(ASSERTIONS)
    inner = data.draw(PATTERNS) + data.draw(assertion) + data.draw(PATTERNS) + data.draw(st.just("") | assertion)
    pattern = f".a?.(?:{inner}){data.draw(st.sampled_from(['', '?', '*', '*?', '+']))}..?."
    assert accepted(pattern) == taken(pattern)


@pytest.mark.slow
@settings(deadline=None, max_examples=20_000)
@given(st.data())
def test_many_random_patterns(data: st.DataObject) -> None:
    if data.draw(st.booleans()):
        test_random_patterns.hypothesis.inner_test(data.draw(PATTERNS))  # type: ignore[attr-defined]
    else:
        test_assertions_that_see_the_text_alone.hypothesis.inner_test(data)  # type: ignore[attr-defined]


@settings(deadline=None, max_examples=100)
@given(PATTERNS, st.text("ab", max_size=4))
def test_prefixes_of_a_text_are_what_is_matched_of_it_and_of_its_prefixes(pattern: str, text: str) -> None:
    """So a lexer that tries all truncations of a text finds the prefixes in the language, and no others."""
    automaton, compiled = first_matches(parse(pattern)), re.compile(pattern)
    prefixes = [text[:end] for end in range(len(text) + 1)]
    tried = {match[0] for prefix in prefixes if (match := compiled.match(prefix))}
    found = [prefix for prefix in prefixes if automaton.accepts(prefix.encode())]
    assert set(found) == tried
    assert (compiled.match(text) or [None])[0] == (found[-1] if found else None)


@pytest.mark.parametrize("pattern", ["é|éé", r"[^\x00-\x7f]+", "😀.", "[a-zé]+x"])
def test_characters_are_spelled_in_utf_8(pattern: str) -> None:
    automaton, compiled = first_matches(parse(pattern)), re.compile(pattern)
    for text in map("".join, product("éa😀x", repeat=2)):
        for candidate in (text, text[0]):
            match = compiled.match(candidate)
            assert automaton.accepts(candidate.encode()) == (match is not None and match[0] == candidate)


@pytest.mark.parametrize("pattern", [r"[a-z]+", "true|false|null", r"-?(?:0|[1-9]\d*)(?:\.\d+)?", r'"(?:[^"\\]|\\.)*"'])
def test_where_the_order_decides_nothing_it_is_the_plain_language(pattern: str) -> None:
    assert first_matches(parse(pattern)) == to_expression(parse(pattern))


def test_nothing_may_be_repeated_often() -> None:
    """`re` itself would do it, one by one."""
    assert first_matches(parse("(?:){999999999}a")) == first_matches(parse("a"))


@pytest.mark.parametrize("pattern", ["(?:a{0,300}){0,400}", "(?:(?:a|b)*a(?:a|b){0,16}?b){9}c", "(?:.{0,3000}a){0,9}b"])
def test_limits_are_named(pattern: str) -> None:
    with pytest.raises(LimitError) as caught:
        first_matches(parse(pattern))
    assert caught.value.limit < caught.value.given + 1
    assert "counts" in str(caught.value)
