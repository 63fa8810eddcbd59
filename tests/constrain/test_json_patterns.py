"""The `pattern` keyword. The judges are `re.search`, and for ECMA-262 its own cases and front end."""

from __future__ import annotations

import json
import random
import re
import time
from functools import cache
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constrain.automaton import Automaton
from constrain.errors import LimitError, SpecError, UnsupportedError
from constrain.json_patterns import finds, is_loose, pattern_content, unmatched_content
from constrain.json_text import canonical_string
from constrain.regex import Search, parse
from tests.constrain.json_judge import random_word

PATTERNS = [
    "a",
    "^a",
    "a$",
    "^(a|bc)*$",
    "a.c",
    "^[^a]{2,3}$",
    "",
    "^$",
    "b|^c",
    r"\\",
    '"',
    r"^[\s\S]$",
    r"\S\s",
    r"\D\W",
    r"^\W+$",
    r"^[^\d]+$",
    r"^\S+$",
    r"^\s+$",
    r"[\W\d]",
    r"^[^\]\d]$",
    r"^\w{1,3}$",
    r"\ba",
    r"\B",
    "^.*$",
    "a(?!.)",
    r"(?!\S)c",
    r"(?<!\w)b",
    r"^(?!\s*$)..",
    r"^(?:(?!b).)+$",
    "a$|^(?=b$)",
    r"(?:^|\s)a(?=\s|$)",
]
ALPHABET = 'abc"\\\t\r\n é\x1d\u0660\ufeff\u2028'

# In schemas of public projects: names, passwords, hosts, versions, paths, expressions.
REAL = [
    r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
    r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$",
    r"^(?=.*[a-z])(?=.*[A-Z])(?=.*\d)(?=.*[@$!%*?&])[A-Za-z\d@$!%*?&]{8,}$",
    r"^(?!-)[A-Za-z0-9-]{1,63}(?<!-)$",
    r"^(?![0-9]+$)(?!-)[a-zA-Z0-9\.-]{0,63}(?<!-)$",
    r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-((?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?$",
    r"^P(?!$)(\d+(?:\.\d+)?Y)?(\d+(?:\.\d+)?M)?(\d+(?:\.\d+)?D)?(T(?=\d)(\d+H)?(\d+M)?(\d+S)?)?$",
    r"^((25[0-5]|(2[0-4]|1\d|[1-9]|)\d)\.?\b){4}$",
    r"^(?!.*\.\.)(?!\.)[^\s~^:?*\[\\]+(?<!\.lock)(?<!\/)$",
    r"^((?!-)(xn--)?[a-z0-9][a-z0-9-_]{0,61}[a-z0-9]?\.)+(xn--)?[a-z0-9-]{2,}$",
    r"^(?!/)(?!.*//)(?!.*/$).+$",
    r"^((?!mode)(?!Mode).)*$",
    r"\b\d{4}[- ]?\d{4}\b",
    r"^[\w\.\-\ ]+$",
    r"^\$\{\{.*\}\}$",
    r"^\w+([\.-]?\w+)*@\w+([\.-]?\w+)*(\.\w{2,3})+$",
    r"^[^\u0000-\u001f\u007f]*$",
    r"^(?:(?:https?|ftp):)?\/\/",
]


def content(text: str) -> bytes:
    return json.dumps(text, ensure_ascii=False)[1:-1].encode()


@cache
def by_ecma(pattern: str) -> Automaton:
    return Search.of([parse(pattern, dialect="ecma")]).everywhere()


def check(pattern: str, text: str) -> None:
    both, neither = pattern_content(pattern), unmatched_content(pattern)
    verdicts = [by_ecma(pattern).accepts(text.encode()), bool(re.search(pattern, text))]
    assert both.accepts(content(text)) == all(verdicts), (pattern, text, verdicts)
    assert neither.accepts(content(text)) == (not any(verdicts)), (pattern, text, verdicts)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_text_is_in_the_first_if_both_readers_find_a_match_and_in_the_second_if_neither_does(pattern: str) -> None:
    for length in range(4):
        for text in map("".join, product('ab"\\\n é\u0660\ufeff'[: 10 - 2 * length], repeat=length)):
            check(pattern, text)


@settings(deadline=None)
@given(st.sampled_from(PATTERNS), st.text(ALPHABET, max_size=5))
def test_random_texts_in_both_languages(pattern: str, text: str) -> None:
    check(pattern, text)


@pytest.mark.parametrize("pattern", [*PATTERNS, *REAL])
def test_words_of_both_languages(pattern: str) -> None:
    both, neither = pattern_content(pattern), unmatched_content(pattern)
    assert both == pattern_content(pattern)
    assert (both & neither).is_empty()
    assert ((both | neither) - canonical_string()).is_empty()
    rng = random.Random(0)
    for length in range(60):
        if not both.is_empty():
            word = json.loads(b'"%b"' % random_word(both, rng, length % 20))
            assert re.search(pattern, word), word
            assert by_ecma(pattern).accepts(word.encode()), word
        if not neither.is_empty():
            word = json.loads(b'"%b"' % random_word(neither, rng, length % 20))
            assert not re.search(pattern, word), word
            assert not by_ecma(pattern).accepts(word.encode()), word


@pytest.mark.parametrize(
    ("pattern", "inside", "outside"),
    [
        (r"^\p{L}+$", "éß", "1"),  # no reading by `re`
        (r"^[\w-.]$", "-", "é"),
        (r"^\u{e9}$", "é", "e"),
        (r"^\ud83d\ude00$", "\U0001f600", "a"),
        (r"^[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF]$", "\U0001f600", "\t"),
        ("(?i)^ab$", "aB", "b"),  # no reading by ECMA-262
        (r"\A\d\Z", "\u0660", "a"),
        ("^(?P<name>a)$", "a", "b"),
        ("^[a-z]{,2}$", "ab", "abc"),
    ],
)
def test_what_only_one_reader_can_read_is_left_to_that_one(pattern: str, inside: str, outside: str) -> None:
    both, neither = pattern_content(pattern), unmatched_content(pattern)
    assert both.accepts(content(inside))
    assert not neither.accepts(content(inside))
    assert neither.accepts(content(outside))
    assert not both.accepts(content(outside))


@pytest.mark.parametrize(
    ("pattern", "text"),
    [("^a$", "a\n"), (r"^\d$", "\u0660"), (r"\W", "é"), (r"\s", "\ufeff"), (r"\S", "\x1d"), ("a.b", "a\u2028b")],
)
def test_a_disputed_text_is_in_neither_language(pattern: str, text: str) -> None:
    both, neither = pattern_content(pattern), unmatched_content(pattern)
    if pattern in (r"\W", r"\S"):
        text = text * 2
    assert not both.accepts(content(text))
    assert not neither.accepts(content(text))


def test_counted_characters_compile_to_as_few_states_as_their_spelling_needs() -> None:
    assert pattern_content(r"^[\s\S]{0,4000}$").states == 15 * 4000 + 1
    assert pattern_content(r"^\w{1,64}$").states == 65
    assert pattern_content(".{1,1000}") == pattern_content(".")


@pytest.mark.parametrize("pattern", ["(", r"\A(", "[b-a]", r"\q", "a**"])
def test_what_no_reader_can_read_is_malformed(pattern: str) -> None:
    with pytest.raises(SpecError, match="malformed pattern") as caught:
        pattern_content(pattern)
    assert not isinstance(caught.value, UnsupportedError)


@pytest.mark.parametrize(("pattern", "keyword"), [(r"(a)\1", r"\1"), ("a*+b", "*+"), (r"\p{Elvish}", r"\p{Elvish}")])
def test_what_is_not_regular_or_unknown_is_refused_by_name(pattern: str, keyword: str) -> None:
    for function in (pattern_content, unmatched_content):
        with pytest.raises(UnsupportedError) as caught:
            function(pattern)
        assert caught.value.keyword == keyword


def test_explosions_are_limits_at_once_when_asked_again() -> None:
    explosion = r"^(?!(a|b)*a(a|b){20}$)"
    with pytest.raises(LimitError, match="takes more than") as first:
        pattern_content(explosion)
    before = time.perf_counter()
    for function in (pattern_content, unmatched_content, is_loose):
        with pytest.raises(LimitError) as caught:
            function(explosion)
        assert caught.value is not first.value
    assert time.perf_counter() - before < 0.1


LOOSE = [
    ("^.{0,65535}$", ["", "a", "a" * 65535], ["a" * 65536]),
    (r"^[\s\S]{100,20000}z$", ["\n" * 100 + "z"], ["a" * 99 + "z", "z", "a" * 101]),
    ("^(a|b)*a(a|b){20}$", ["a" + "b" * 20, "ba" + "ab" * 10], ["a" * 20, "b" * 21, "c"]),
    ("^(?=a).{3,9999}(x|yy)?$", ["abc", "abcyy"], ["ab", "b" * 5]),
    (r"^(\d{5000}-){2}$", [("1" * 5000 + "-") * 2], ["1" * 5000 + "-", ""]),
]


@pytest.mark.parametrize(("pattern", "right", "wrong"), LOOSE)
def test_counts_too_large_for_an_automaton_are_left_open_and_found_all_the_same(
    pattern: str, right: list[str], wrong: list[str]
) -> None:
    assert is_loose(pattern)
    assert pattern_content(pattern).states < 2_000
    assert (pattern_content(pattern) & unmatched_content(pattern)).is_empty()
    for text in right:
        assert re.search(pattern, text)
        assert finds(pattern, text) == (True, True)
        assert pattern_content(pattern).accepts(content(text))
        assert not unmatched_content(pattern).accepts(content(text))
    for text in wrong:
        assert not re.search(pattern, text)
        assert finds(pattern, text) == (False, False)
    assert finds("^.{0,65535}$", "a\r") == (False, True)


@pytest.mark.parametrize("pattern", ["^(?!.{1,20000}$)", "^(a{0,70000}b?)+$"])
def test_counts_are_left_open_only_where_re_finds_matches_in_good_time(pattern: str) -> None:
    with pytest.raises(LimitError):
        is_loose(pattern)


@given(st.sampled_from([r"^a.?$", r"\d", r"^\w\b", "^(?<=^)[^a]$", "a|^$"]), st.text('ab1\n\r٣ä"', max_size=3))
@settings(max_examples=300, deadline=None)
def test_each_reader_finds_what_it_finds(pattern: str, text: str) -> None:
    ecma, python = finds(pattern, text)
    assert python == (re.search(pattern, text) is not None)
    assert ecma == Search.of([parse(pattern, dialect="ecma")]).everywhere().accepts(text.encode())
