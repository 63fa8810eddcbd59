"""The regex front end. The judge is Python's `re` throughout; for ECMA-262, the standard's own examples and clauses."""

from __future__ import annotations

import re
import tomllib
import warnings
from functools import cache
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constrain.automaton import Automaton
from constrain.errors import SpecError
from constrain.expression import compile_expression
from constrain.regex import Dialect, parse, search_expression, to_expression

CASES = tomllib.loads((Path(__file__).parents[1] / "cases" / "regex.toml").read_text(encoding="utf-8"))

# re has no "fullmatch" for search semantics, and its "$" also means "before a final line feed" there
ALPHABET = "aAb1 \n"
SHORT_TEXTS = ["".join(chars) for length in range(4) for chars in product("ab\n", repeat=length)]


@cache
def full(pattern: str, flags: str = "", dialect: Dialect = "python") -> Automaton:
    return compile_expression(to_expression(parse(pattern, flags=flags, dialect=dialect)))


@cache
def found(pattern: str, flags: str = "", dialect: Dialect = "python") -> Automaton:
    return compile_expression(search_expression(parse(pattern, flags=flags, dialect=dialect)))


def compiled(pattern: str, flags: str = "") -> re.Pattern[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return re.compile(pattern, sum(re.RegexFlag[flag.upper()] for flag in flags))


# --- random patterns


def chars() -> st.SearchStrategy[str]:
    return st.sampled_from(
        [
            "a",
            "A",
            "b",
            "1",
            r"\n",
            r"\x61",
            r"\141",
            r"\N{LATIN SMALL LETTER B}",
            r"\ ",
            ".",
            r"\d",
            r"\D",
            r"\w",
            r"\W",
        ]
        + [
            r"\s",
            r"\S",
            "[ab]",
            "[^a]",
            "[a-b1]",
            r"[^\w\n]",
            r"[\s1]",
            "[]b]",
            "[^]b]",
            "[B-a]",
            r"[\D]",
            "[a-]",
            "{",
            "}",
        ]
    )


def anchors() -> st.SearchStrategy[str]:
    return st.sampled_from(["^", "$", r"\A", r"\Z"])


def groups(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    opening = st.sampled_from(["(", "(?:", "(?i:", "(?-i:", "(?s:", "(?-s:", "(?a:", "(?x:", "(?u:", "(?is-x:"])
    quantifier = st.sampled_from(
        ["", "?", "*", "+", "??", "*?", "+?", "{2}", "{,2}", "{1,}", "{0}", "{1,3}?", "{,}", "{3}"]
    )
    group = st.tuples(opening, inner, st.just(")")).map("".join)
    return st.one_of(
        st.tuples(st.one_of(group, chars()), quantifier).map("".join),
        st.lists(inner, min_size=2, max_size=4).map("".join),
        st.lists(inner, min_size=2, max_size=3).map("|".join),
        st.tuples(inner, st.sampled_from(["(?#note)", " ", ""]), inner).map("".join),
    )


patterns = st.recursive(st.one_of(chars(), anchors(), st.just("")), groups, max_leaves=8)
plain_patterns = st.recursive(st.one_of(chars(), st.just("")), groups, max_leaves=8)
flag_sets = st.sets(st.sampled_from("aisx")).map(sorted).map("".join)
texts = st.lists(st.text(st.sampled_from(ALPHABET), max_size=6), min_size=1, max_size=20)


def well_formed(pattern: str, flags: str) -> bool:
    try:
        compiled(pattern, flags)
    except re.error:
        return False
    return True


@settings(max_examples=4000, deadline=None)
@given(st.one_of(patterns, plain_patterns), flag_sets, texts)
def test_random_patterns_accept_what_re_fullmatches(pattern: str, flags: str, candidates: list[str]) -> None:
    if not well_formed(pattern, flags):  # joined pieces may read as a doubled quantifier
        with pytest.raises(SpecError):
            parse(pattern, flags=flags)
        return
    automaton, judge = full(pattern, flags), compiled(pattern, flags)
    for text in [*SHORT_TEXTS, *candidates]:
        assert automaton.accepts(text.encode()) == bool(judge.fullmatch(text)), (pattern, flags, text)


@settings(max_examples=4000, deadline=None)
@given(patterns, flag_sets, texts)
def test_random_patterns_are_found_where_re_searches(pattern: str, flags: str, candidates: list[str]) -> None:
    if not well_formed(pattern, flags):
        return
    automaton, judge = found(pattern, flags), compiled(pattern, flags)
    for text in [*SHORT_TEXTS, *candidates]:
        assert automaton.accepts(text.encode()) == bool(judge.search(text)), (pattern, flags, text)
