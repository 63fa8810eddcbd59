"""Terminals and what is ignored between them, against `lark` on all short texts."""

from __future__ import annotations

import os
import re

import lark
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from constrain.errors import SpecError, UnsupportedError
from constrain.first_match import first_matches
from constrain.grammar import Grammar
from constrain.regex import parse
from tests.constrain.grammar_judge import accepts, parser, short_texts

CASES = {
    "the first alternative": ('start: A "c"?\nA: /a|ab/', "abc", 4),
    "no parentheses around parts": ('start: A\nA: /a|b/ "c"', "abc", 3),
    "strings are sorted": ('start: A "c"?\nA: "a" | "ab"', "abc", 4),
    "patterns are sorted by width": ("start: A\nA: /a|ab/ | /bc?/ | /b{2,3}/ | /c*?b/", "abc", 4),
    "then by the shortest": ("start: A\nA: /a?b?/ /c/ | /abb?/ | /[ab]c?/", "abc", 4),
    "then as they are written": ("start: A\nA: /(?:a|ab)/ | /[a][b]/ | /b[ab]/ | /(?:b|bb)/", "ab", 4),
    "groups are sorted too": ('start: A\nA: ("a" | "ab" | ("b" | "bb" "a"?))~2', "ab", 6),
    "terminals in terminals": ('start: A B?\nA: B "a" | C+\nB: "b" | C "a"\nC: "c" | "cb"', "abc", 5),
    "optional parts": ('start: A\nA: ["a"] ("ab")? ["b" "a"] "b"', "ab", 6),
    "what extends comes first": ('start: A\nA: /a.?/ | "bb"\n%extend A: /b|bc/ | "c"\n%extend A: /..b/', "abc", 3),
    "what overrides": ('start: A\nA: "a"\n%override A: "b" | "ba"', "ab", 3),
    "lazy": ('start: /a.*?b/ "b"? "c"*', "abc", 5),
    "lazy in the middle": ("start: A\nA: /(?:a|b)+?c(?:ab??)*c??/", "abc", 5),
    "lazy counts": ("start: /a{1,3}?b/ | /b{2}?a{1,}?/", "ab", 5),
    "a look-behind": ('start: TEXT "b"?\nTEXT: /".*?(?<!x)(xx)*?"/', '"bx', 6),
    "look-around inside": (r'start: A "b"?' + "\n" + r"A: /ab?(?=b)ba?/ | /b(?!ab)[ab]{2}a?/ | /a\b-/", "ab-", 5),
    "keywords are no names": ('start: NAME ("-" NAME)*\nNAME: /(?!(ab|ba)\\b)[ab]+/', "ab-", 6),
    "two conditions": (r'start: NAME "-"?' + "\n" + r"NAME: /(?!a\b)/ WORD" + "\n" + r"WORD: /(?!bb)[ab]+/", "ab-", 5),
    "flags": ('start: A | B | /b c/x | /./ "c"i\nA: "ab"i /c/\nB: /(?i)cb/ "a"', "aAbBcC", 3),
    "ranges": ('start: "a".."c" | A "b"\nA: "\\x63".."d" | "^".."b"', "abcde^-", 2),
    "escapes": (r'start: "\\" | "\"" | /\// | /\x61\u0062/ | A' + "\n" + r'A: "\n" | "a\tb" /\t/?', '\\"/ab\n\t', 4),
    "counts": ('start: "a"~2 "b"~0..1 A~1..2\nA: "c"~2..3 | "c" "b"~1', "abc", 8),
    "aliases and modifiers": ('!start.2: a -> x | "c"\n?a: "a" | "b" -> y\n_b: "b"\nA.3: "a"', "abc", 2),
    "templates": ('start: t{A, "b"}\nt{x, y}: x | y t{y, x}\nA: "a" | "ab"', "ab", 4),
    "as much as possible is ignored": ('start: "a" " b"\n%ignore / +/', "ab ", 6),
    "one at a time is ignored": ('start: "a" " b"\n%ignore " "', "ab ", 6),
    "a comment is ignored to its end": ('start: "a" "b" | "#" "b"\n%ignore /#[^\\n]*/', "ab#\n", 6),
    "a comment and space": ('start: "a" "b"*\n%ignore /#.*\\n/\n%ignore /[ \\n]/', "ab#\n ", 5),
    "ignored texts that overlap": ('start: "a" "x"* "b"\n%ignore /xy?/\n%ignore /y+x/', "abxy", 6),
    "what is ignored decides late": ('start: "a" "xxz" "b"?\n%ignore /x(xy)?/', "abxyz", 6),
    "terminals like what is ignored": ('start: ("a" "x")* X\nX: /x|xx/\n%ignore X', "ax", 6),
    "lazy texts are ignored": ('start: "a" "*" "b"\n%ignore /<.*?>/', "a*b<>", 6),
    "other quotes": ('start: A\nA: "\'" _STRING_ESC_INNER "\'"\n%import common._STRING_ESC_INNER', "'\\\na", 6),
    "quotes of two": ("start: A\nA: \"''\" _STRING_ESC_INNER \"''\"\n%import common._STRING_ESC_INNER", "'\\a", 7),
    "no escapes": ("start: A\nA: \"''\" _STRING_INNER \"''\"\n%import common._STRING_INNER", "'\\\na", 6),
    "ignored around nothing": ('start: "a"* | b\nb: b "b" |\n%ignore /x+?y/', "abxy", 5),
}


@pytest.mark.parametrize("name", CASES)
def test_every_short_text_is_judged_as_by_lark(name: str) -> None:
    text, letters, length = CASES[name]
    grammar = Grammar(text)
    for candidate in short_texts(letters, length):
        assert grammar.accepts(candidate) == accepts(text, candidate), candidate


def common_names() -> list[str]:
    source = os.path.join(os.path.dirname(lark.__file__), "grammars", "common.lark")
    with open(source, encoding="utf-8") as file:
        return re.findall(r"^([A-Z]\w*)\s*:", file.read(), re.MULTILINE)


@pytest.mark.parametrize("name", common_names())
def test_common_terminals_have_the_texts_of_larks(name: str) -> None:
    text = f"start: {name}\n%import common.{name}"
    pattern = parser(text).terminals[0].pattern.to_regexp()
    assert Grammar(text).automaton == first_matches(parse(pattern))


LITERALS = ["/a/", "/b/", "/a|b/", "/a|ab/", "/b*?/", "/a+/", "/(?:ba?)?/", "/.b/", '"a"', '"b"', '"ab"', '"bab"']
ASSERTIONS = [r"/(?!ab?\b)[ab]+/", "/(?=a)[ab]/", "/b(?<!ab)a/"]
PARTS = st.recursive(
    st.sampled_from(LITERALS + ASSERTIONS),
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(" | ".join).map("({})".format),
        st.lists(inner, min_size=2, max_size=3).map(" ".join),
        st.tuples(inner, st.sampled_from(["?", "*", "+", "~2", "~1..2"])).map(lambda pair: f"({pair[0]}){pair[1]}"),
        inner.map("[{}]".format),
    ),
    max_leaves=5,
)
TERMINALS = st.tuples(PARTS, st.sampled_from(["", '"a"', "/b|a/", "/.??b/"])).map(" ".join)
UNHURRIED = settings(deadline=None, suppress_health_check=list(HealthCheck))


def agree(text: str, letters: str, length: int) -> None:
    """If both read the grammar, all short texts are judged alike; where we refuse it, we say what we do not support."""
    try:
        parser(text)
    except lark.exceptions.LarkError:
        assume(False)
    try:
        grammar = Grammar(text)
    except UnsupportedError:
        assume(False)
    except SpecError as error:
        assume("matches no text" not in error.message)
        raise
    for candidate in short_texts(letters, length):
        assert grammar.accepts(candidate) == accepts(text, candidate), candidate


@settings(UNHURRIED, max_examples=40)
@given(TERMINALS, TERMINALS)
def test_random_terminals(first: str, second: str) -> None:
    agree(f'start: A ("-" B | B "-" B)?\nA: {first}\nB: {second} | "--" A', "ab-", 5)


@settings(UNHURRIED, max_examples=25)
@given(TERMINALS, TERMINALS, st.sampled_from(['"a"', "/ab|b/", '"c" "b"']))
def test_random_texts_to_ignore(first: str, second: str, between: str) -> None:
    agree(f'start: "c" ({between} "c")*\n%ignore {first}\n%ignore {second}', "abc", 5)


@pytest.mark.slow
@settings(UNHURRIED, max_examples=1500)
@given(TERMINALS, TERMINALS, st.sampled_from(['"a"', "/ab|b/", '"c" "b"']))
def test_many_random_terminals(first: str, second: str, between: str) -> None:
    agree(f'start: A ("-" B | B "-" B)?\nA: {first}\nB: {second} | "--" A', "ab-", 5)
    agree(f'start: "c" ({between} "c")*\n%ignore {first}\n%ignore {second}', "abc", 6)
