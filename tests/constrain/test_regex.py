"""The regex front end. The judge is Python's `re`; the shared cases of ECMA-262 were checked with node."""

from __future__ import annotations

import re
import tomllib
import warnings
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constrain.automaton import Automaton
from constrain.codepoints import CodePoints, utf8
from constrain.errors import LimitError, SpecError, UnsupportedError
from constrain.expression import Expression, compile_expression, literal
from constrain.regex import Dialect, Search, parse, to_expression

DATA: dict[str, list[dict[str, Any]]] = tomllib.loads(
    (Path(__file__).parents[1] / "cases" / "regex.toml").read_text(encoding="utf-8")
)
ALPHABET = "aAb1 \n"
SHORT_TEXTS = ["".join(chars) for length in range(4) for chars in product("ab\n", repeat=length)]


@cache
def full(pattern: str, flags: str = "", dialect: Dialect = "python") -> Automaton:
    return compile_expression(to_expression(parse(pattern, flags=flags, dialect=dialect)))


@cache
def found(pattern: str, flags: str = "", dialect: Dialect = "python") -> Automaton:
    return compile_expression(Search.of([parse(pattern, flags=flags, dialect=dialect)]).everywhere())


def by_re(pattern: str, flags: str = "") -> re.Pattern[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return re.compile(pattern, sum(re.RegexFlag[flag.upper()] for flag in flags))


# --- the shared cases


def selected(kind: str, dialect: Dialect) -> list[Any]:
    rows = [row for row in DATA[kind] if row.get("dialect", "python") == dialect]
    return [pytest.param(row, id=row.get("name", row["pattern"])) for row in rows]


def expectations(case: dict[str, Any]) -> list[tuple[str, bool, bool]]:
    """`(text, whole text or anywhere in it, does it match)`"""
    kinds = [("matches", True, True), ("rejects", True, False), ("found", False, True), ("missed", False, False)]
    return [(text, whole, expected) for name, whole, expected in kinds for text in case.get(name, [])]


@pytest.mark.parametrize("case", selected("case", "python") + selected("case", "ecma"))
def test_shared_cases(case: dict[str, Any]) -> None:
    arguments = case["pattern"], case.get("flags", ""), case.get("dialect", "python")
    for text, whole, expected in expectations(case):
        automaton = full(*arguments) if whole else found(*arguments)
        assert automaton.accepts(text.encode()) == expected, (text, whole)


@pytest.mark.parametrize("case", selected("case", "python"))
def test_re_agrees_with_the_shared_cases(case: dict[str, Any]) -> None:
    judge = by_re(case["pattern"], case.get("flags", ""))
    for text, whole, expected in expectations(case):
        assert bool(judge.fullmatch(text) if whole else judge.search(text)) == expected, (text, whole)


@pytest.mark.parametrize("case", selected("refused", "python") + selected("refused", "ecma"))
def test_what_is_not_regular_is_refused_by_name(case: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedError) as caught:
        parse(case["pattern"], flags=case.get("flags", ""), dialect=case.get("dialect", "python"))
    error = caught.value
    assert (error.message, error.keyword, error.position) == (case["message"], case["keyword"], case["position"])
    assert str(error).split("\n")[1:3] == ["  " + case["pattern"], "  " + " " * case["position"] + "^"]


@pytest.mark.parametrize("case", selected("malformed", "python"))
def test_malformed_patterns_are_reported_as_re_reports_them(case: dict[str, Any]) -> None:
    with pytest.raises(re.error) as expected:
        by_re(case["pattern"])
    with pytest.raises(SpecError) as caught:
        parse(case["pattern"])
    assert caught.value.message == f"malformed pattern: {expected.value.msg}"
    assert caught.value.position == expected.value.pos
    assert not isinstance(caught.value, UnsupportedError)


@pytest.mark.parametrize("case", selected("malformed", "ecma"))
def test_malformed_ecma_patterns_are_reported_with_their_position(case: dict[str, Any]) -> None:
    with pytest.raises(SpecError) as caught:
        parse(case["pattern"], dialect="ecma")
    assert caught.value.message == f"malformed pattern: {case['message']}"
    assert caught.value.position == case["position"]


def test_a_refusal_draws_a_caret_and_says_what_to_do() -> None:
    with pytest.raises(UnsupportedError) as caught:
        parse(r"(\w+) \1")
    assert str(caught.value).split("\n") == [
        r"a back-reference \1 is not supported, line 1, column 7",
        r"  (\w+) \1",
        "        ^",
        "  hint: a repeated value is not a regular language; enumerate the values instead",
    ]


# --- arguments


@pytest.mark.parametrize(("dialect", "flag"), [("python", "L"), ("python", "g"), ("ecma", "i"), ("ecma", "v")])
def test_flags_that_the_dialect_lacks_are_refused(dialect: Dialect, flag: str) -> None:
    with pytest.raises(UnsupportedError, match=f"flag '{flag}' is not supported") as caught:
        parse("a", flags=flag, dialect=dialect)
    assert caught.value.keyword == flag


def test_flags_that_exclude_each_other_are_malformed() -> None:
    with pytest.raises(SpecError, match="ASCII and UNICODE flags are incompatible"):
        parse("a", flags="au")


def test_an_unknown_dialect_is_named() -> None:
    with pytest.raises(SpecError, match="unknown dialect 'perl'"):
        parse("a", dialect="perl")  # type: ignore[arg-type]


def test_warnings_of_re_do_not_leak() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parse("[[a]&&b--c]")


# --- limits


def test_nesting_up_to_the_limit_compiles() -> None:
    assert full("(" * 50 + "a" + "|b)*" * 50).accepts(b"abb")
    for deep in (51, 5000):
        with pytest.raises(LimitError, match="nested more than 50 deep") as caught:
            parse("(" * deep + "a" + ")*" * deep)
        assert (caught.value.limit, caught.value.given) == (50, deep)


@pytest.mark.parametrize("pattern", ["a{100000}", "(?:a{1000}){1000}", "[a-z]{0,999999999}", "(?:ab|cd){5,9999999}"])
def test_huge_counts_meet_the_state_budget(pattern: str) -> None:
    with pytest.raises(LimitError):
        full(pattern)


@pytest.mark.parametrize(("dialect", "count"), [("python", "9" * 11), ("ecma", "9" * 11), ("ecma", "9" * 5000)])
def test_absurd_counts_are_limits_already_in_the_pattern(dialect: Dialect, count: str) -> None:
    with pytest.raises(LimitError, match="repetition count must be below 1,000,000,000"):
        parse(f"a{{{count}}}", dialect=dialect)


@pytest.mark.parametrize(
    "pattern",
    [
        "(?:^|$|a?|\n)" * 30,
        "(?:^|ab)" * 200,
        "(?=" * 50 + "a" + ")" * 50,
        "(?!.*" * 49 + "a" + ")" * 49 + "b",
        "(?:(?=a)|(?=b)|(?=\n)|.)*b",
        "^" + "".join(f"(?!.*{char}{char})" for char in "abcdefghijklmnop") + "(?s:.)*$",
        "(?:a?){9}b",
        "((?:a{0,9}){0,9}){3}b$",
        "(?:a{2,3}){1,2}",
        "(?:a{3}){0,2}$",
        "(?:(?:a+)+)+b",
    ],
)
def test_patterns_that_other_engines_find_hard(pattern: str) -> None:
    automaton, judge = found(pattern), by_re(pattern)
    for text in SHORT_TEXTS:
        assert automaton.accepts(text.encode()) == bool(judge.search(text)), text


def test_words_by_the_thousand_are_found_anywhere() -> None:
    words = [f"w{number * 7919 % 1000}x{number}" for number in range(1000)]
    automaton = found("|".join(words))
    assert automaton.accepts(b"-" + words[500].encode() + b"-")
    assert not automaton.accepts(words[500][:-1].encode())


@pytest.mark.parametrize("pattern", ["a" * 100_001, "[" + "ab" * 500_000 + "]"])
def test_patterns_may_not_be_huge(pattern: str) -> None:
    with pytest.raises(LimitError, match="a pattern may have at most 100,000 characters") as caught:
        parse(pattern)
    assert (caught.value.limit, caught.value.given) == (100_000, len(pattern))


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("^(?:ab?){1,99999}$", "written out"),
        ("^(?:a|b)*a(?:a|b){20}$", "takes more than 1,000,000 steps"),
        ("(?<=a[ab]{20})c", "takes more than 1,000,000 steps"),
        ("^" + "".join(f"(?=.*{char})" for char in "abcdefghijklmnopqrst"), "takes more than 1,000,000 steps"),
        (r"^[^\W\d_]{1,999}$", "more than 100,000 automaton states"),
        ("|".join(map(chr, range(0x4E00, 0x5600))).replace("|", "a|"), "distinguishes 2,052 kinds of characters"),
    ],
)
def test_explosions_are_limits(pattern: str, message: str) -> None:
    with pytest.raises(LimitError, match=message) as caught:
        found(pattern)
    assert caught.value.given > caught.value.limit
    assert caught.value.hint


# --- encodings


def quoted(points: CodePoints) -> Expression:
    """An encoding in which every character is followed by a quote."""
    return compile_expression(utf8(points)) + compile_expression(literal(b"'"))


def test_the_encoding_of_characters_is_a_parameter() -> None:
    automaton = compile_expression(to_expression(parse("é{2}|[^x]b"), quoted))
    assert automaton.accepts("é'é'".encode())
    assert automaton.accepts(b"a'b'")
    assert not automaton.accepts(b"x'b'")
    assert not automaton.accepts(b"ab")
    anywhere = compile_expression(Search.of([parse("b+$")], quoted).everywhere())
    assert anywhere.accepts(b"a'b'b'\n'")
    assert not anywhere.accepts(b"b'a'")


def test_a_fully_anchored_search_costs_nothing() -> None:
    assert found(r"^[a-z]{3}\Z") == full("[a-z]{3}")
    assert found("^a.c$", dialect="ecma") == full("a.c", dialect="ecma")


def test_an_unanchored_search_keeps_only_what_a_match_needs() -> None:
    assert found("[a-z]{1,500}") == found("[a-z]")
    assert found(r"x?\d{3,8}y*") == found(r"\d{3}")
    assert found(r"(?:x{2,9}|y)\d?") == found("xx|y")
    assert found("(?:a?){1000}b") == found("b")
    assert found("(?:ab*){3}") == found("(?:ab*){2}a")


def test_patterns_are_searched_together() -> None:
    search = Search.of([parse("a+"), parse("b(?!c)")])
    both, neither = search.everywhere(), search.nowhere()
    for text in ["", "a", "b", "ab", "abc", "bca", "c", "bcba", "é"]:
        verdicts = [bool(by_re(pattern).search(text)) for pattern in ("a+", "b(?!c)")]
        assert both.accepts(text.encode()) == all(verdicts), text
        assert neither.accepts(text.encode()) == (not any(verdicts)), text
    assert not neither.accepts(b"\xff")


@pytest.mark.parametrize("count", [255, 256, 257, 600])
def test_hundreds_of_kinds_of_characters_are_told_apart(count: int) -> None:
    """With the rest, one kind more than there are characters, whose numbers need one byte or two."""
    pattern = "|".join(f"{chr(0x3400 + index)}{chr(0x3401 + index)}" for index in range(count - 1))
    judge, automaton = by_re(pattern), compile_expression(to_expression(parse(pattern)))
    for index in range(-2, count + 2):
        for other in (index - 1, index, index + 1, index + 2):
            text = chr(0x3400 + index) + chr(0x3400 + other)
            assert automaton.accepts(text.encode()) == bool(judge.fullmatch(text)), text


# --- random classes and patterns

flag_sets = st.sets(st.sampled_from("aisx")).map(sorted).map("".join)
code_points = st.one_of(st.integers(0, 0x24F), st.integers(0x370, 0xD7FF), st.integers(0xE000, 0x10FFFF))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(code_points, st.integers(0, 30)), min_size=1, max_size=4),
    st.sampled_from(["[", "[^"]),
    flag_sets,
)
def test_random_classes_hold_what_re_matches(starts: list[tuple[int, int]], opening: str, flags: str) -> None:
    ranges = [(lo, min(lo + width, 0x10FFFF)) for lo, width in starts]
    pattern = opening + "".join(rf"\U{lo:08x}-\U{hi:08x}" for lo, hi in ranges) + "]"
    inside = {chr(point) for lo, hi in ranges for point in range(lo, hi + 1)}
    near = {chr(max(lo - 1, 0)) for lo, _ in ranges} | {chr(min(hi + 1, 0x10FFFF)) for _, hi in ranges}
    cased = {variant for char in inside for variant in (char.lower(), char.upper(), char.lower().upper())}
    judge, automaton = by_re(pattern, flags), compile_expression(to_expression(parse(pattern, flags=flags)))
    for text in {text for text in inside | near | cased if text.isprintable()}:
        assert automaton.accepts(text.encode()) == bool(judge.fullmatch(text)), (pattern, flags, text)


def chars() -> st.SearchStrategy[str]:
    pieces = r"a A b 1 \n \x61 \141 . \d \D \w \W \s \S [ab] [^a] [a-b1] [^\w\n] [\s1] []b] [^]b] [B-a] [\D] [a-] { }"
    return st.sampled_from([*pieces.split(), r"\N{LATIN SMALL LETTER B}", r"\ ", "[ 1]"])


def anchors() -> st.SearchStrategy[str]:
    return st.sampled_from(["^", "$", r"\A", r"\Z", "(?m:^)", "(?m:$)", r"\b", r"\B", r"(?a:\b)"])


def behind() -> st.SearchStrategy[str]:
    """Look-behinds. Python wants them to have a fixed width."""
    inside = st.lists(st.one_of(st.sampled_from(["a", ".", "[^a]", r"\s", "(?=b)", "(?<!1)"]), anchors()), max_size=3)
    return st.tuples(st.sampled_from(["(?<=", "(?<!"]), inside.map("".join), st.just(")")).map("".join)


def groups(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    opening = st.sampled_from(["(", "(?:", "(?i:", "(?-i:", "(?s:", "(?-s:", "(?a:", "(?x:", "(?u:", "(?is-x:"])
    quantifier = st.sampled_from(
        ["", "?", "*", "+", "??", "*?", "+?", "{2}", "{,2}", "{1,}", "{0}", "{1,3}?", "{,}", "{3}"]
    )
    group = st.tuples(opening, inner, st.just(")")).map("".join)
    ahead = st.tuples(st.sampled_from(["(?=", "(?!"]), inner, st.just(")"), st.sampled_from(["", "", "*", "{2}"]))
    return st.one_of(
        ahead.map("".join),
        st.tuples(st.one_of(group, chars()), quantifier).map("".join),
        st.lists(inner, min_size=2, max_size=4).map("".join),
        st.lists(inner, min_size=2, max_size=3).map("|".join),
        st.tuples(inner, st.sampled_from(["(?#note)", " ", ""]), inner).map("".join),
    )


patterns = st.recursive(st.one_of(chars(), anchors(), behind(), st.just("")), groups, max_leaves=8)
plain_patterns = st.recursive(st.one_of(chars(), st.just("")), groups, max_leaves=8)
texts = st.lists(st.text(st.sampled_from(ALPHABET), max_size=6), min_size=1, max_size=20)


def well_formed(pattern: str, flags: str) -> bool:
    try:
        by_re(pattern, flags)
    except re.error:
        return False
    return True


@settings(max_examples=200, deadline=None)
@given(st.one_of(patterns, plain_patterns), flag_sets, texts)
def test_random_patterns_accept_what_re_fullmatches(pattern: str, flags: str, candidates: list[str]) -> None:
    if not well_formed(pattern, flags):  # joined pieces may read as a doubled quantifier
        with pytest.raises(SpecError):
            parse(pattern, flags=flags)
        return
    automaton, judge = full(pattern, flags), by_re(pattern, flags)
    for text in [*SHORT_TEXTS, *candidates]:
        assert automaton.accepts(text.encode()) == bool(judge.fullmatch(text)), (pattern, flags, text)


@settings(max_examples=200, deadline=None)
@given(patterns, flag_sets, texts)
def test_random_patterns_are_found_where_re_searches(pattern: str, flags: str, candidates: list[str]) -> None:
    if not well_formed(pattern, flags):
        return
    automaton, judge = found(pattern, flags), by_re(pattern, flags)
    for text in [*SHORT_TEXTS, *candidates]:
        assert automaton.accepts(text.encode()) == bool(judge.search(text)), (pattern, flags, text)
