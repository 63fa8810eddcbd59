"""What is a regular expression. The judge is `re`, where it and ECMA-262 agree."""

from __future__ import annotations

import json
import random
import re
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constrain.ecma_syntax import is_regex
from constrain.formats import format_bound, format_content, is_right
from tests.constrain.json_judge import random_word


def written(text: str) -> bool:
    return format_content("regex").accepts(json.dumps(text, ensure_ascii=False)[1:-1].encode())


def is_python(text: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        try:
            return bool(re.compile(text)) or True
        except re.error:
            return False


@given(st.text("ab()|*?[^].-\\d", max_size=10))
@settings(max_examples=2000, deadline=None)
def test_patterns_are_those_of_python_where_these_agree(text: str) -> None:
    if re.search(r"\[\^?\]|\[[^]]*\[|\\[ab]|\(\?|\]-", text):  # empty classes, sets in sets, other escapes and groups
        assert written(text) <= is_regex(text)
    else:
        assert is_regex(text) == is_python(text)
        assert written(text) <= is_regex(text)


@given(st.integers(0, 120), st.none() | st.integers(0, 120), st.sampled_from(["", "?"]))
@settings(deadline=None)
def test_counts_go_up(low: int, high: int | None, lazy: str) -> None:
    text = f"a{{{low},{'' if high is None else high}}}{lazy}"
    assert is_regex(text) == is_python(text) == (high is None or low <= high)
    assert written(text) == (is_regex(text) and (low < 100 or high is None))


@given(st.characters(codec="utf-8"), st.characters(codec="utf-8"))
@settings(deadline=None)
def test_ranges_go_up(low: str, high: str) -> None:
    if low not in "\\]^-" and high not in "\\]-":
        text = f"[{low}-{high}]"
        assert is_regex(text) == (low <= high)
        assert written(text) <= (low <= high)
        assert is_regex(rf"[\u{{{ord(low):x}}}-\u{{{ord(high):x}}}]") == (low <= high)


@pytest.mark.parametrize("low", ["0", "5", "A", "M", "a", "z"])
def test_ranges_of_letters_and_digits_are_written(low: str) -> None:
    for high in map(chr, range(ord("0"), ord("z") + 1)):
        same = high.isdigit() == low.isdigit() and high.isupper() == low.isupper() and high.isalnum()
        assert written(f"[^{low}-{high}]") == (same and low <= high)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "|",
        "()",
        "(?:)",
        "([abc])+\\s+$",
        "^[A-Za-z_][\\w.-]*$",
        "(a(b(c)*)?){2,3}?",
        "(?=a+)b(?!c)(?<=a|bc)(?<!x*)",
        "\\bé\\B",
        "[]",
        "[^]",
        "[^^-]",
        "[-a-z-]",
        "[\\b\\-\\]]",
        "\\cA[\\cz]",
        "\\x41\\u00e9\\t",
        "(?<name>x)+y",
        "\\/\\.\\$",
        "a{0}b{3,}c{10,15}",
        "[[]",
        "\n\u2028",
    ],
)
def test_regular_expressions_that_are_written(text: str) -> None:
    assert is_right("regex", text)
    assert written(text)
    assert format_bound("regex").accepts(json.dumps(text, ensure_ascii=False)[1:-1].encode())


@pytest.mark.parametrize(
    "text",
    [
        "((((a))))",
        "(?=(a))",
        "((?=a))",
        "(a)\\1",
        "\\1(a)",
        "(?<n>a)\\k<n>",
        "\\k<n>(?<n>a)",
        "a(?<n>a)",
        "(?<é$1>a)",
        "\\p{L}\\P{Script=Greek}",
        "[\\p{L}]",
        "\\u{1F600}",
        "[\\u{41}-\\u{10ffff}]",
        "[\\0-\\x7f]",
        "[\\t-\\r]",
        "[\\cA-\\cZ]",
        "[!-~]",
        "\\0",
        "a{100,200}",
        "a{1000}",
        "a]",
        "}",
        "{",
        "\\-\\@",
        "[--a]",
    ],
)
def test_regular_expressions_that_are_not_written(text: str) -> None:
    assert is_right("regex", text)
    assert not written(text)
    assert format_bound("regex").accepts(json.dumps(text, ensure_ascii=False)[1:-1].encode())


@pytest.mark.parametrize(
    "text",
    [
        "^(abc]",
        "(",
        ")",
        "a)",
        "(()",
        "[",
        "[a",
        "[\\]",
        "\\",
        "*",
        "a**",
        "a*+",
        "a{1}{2}",
        "^*",
        "\\b?",
        "(?=a)*",
        "(|*)",
        "a{2,1}",
        "a{,3}",
        "{1}",
        "\\a",
        "\\_",
        "\\c1",
        "\\x4",
        "\\u41",
        "\\u{110000}",
        "\\00",
        "\\p{}",
        "\\1",
        "(?:a)\\1",
        "(a)\\2",
        "\\k<n>",
        "(?<n>a)(?<n>b)",
        "(?<1>a)",
        "(?P<n>a)",
        "(?P<n>a)(?P=n)",
        "(?#c)a",
        "(?i)a",
        "(?i:a)",
        "(?>a)",
        "[b-a]",
        "[\\d-x]",
        "[a-\\d]",
        "[z-\\x41]",
        "[\\a]",
        "[\\B]",
        "\\Z",
    ],
)
def test_not_regular_expressions(text: str) -> None:
    assert not is_right("regex", text)
    assert not written(text)


def test_every_word_is_one() -> None:
    rng = random.Random(0)
    for _ in range(500):
        text = json.loads(f'"{random_word(format_content("regex"), rng, rng.randrange(80)).decode()}"')
        assert is_regex(text), text


def test_what_cannot_be_one_begins_so() -> None:
    for text in ("*", "+a", "?", "){"):
        assert not format_bound("regex").accepts(text.encode())
        assert not is_regex(text)
