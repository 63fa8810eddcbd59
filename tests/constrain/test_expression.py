"""Trees with `separated` and one-or-more, judged by `re`; the other nodes are tested with `Automaton`."""

from __future__ import annotations

import re
from itertools import product

import pytest

from constrain.expression import (
    EMPTY,
    NOTHING,
    Expression,
    compile_expression,
    concat,
    literal,
    optional,
    repeat,
    separated,
    union,
)

A, B, C = (literal(letter) for letter in (b"a", b"b", b"c"))
LEAF = compile_expression(repeat(concat(A, optional(B)), 1))  # an automaton, with edges from where it accepts

TREES: dict[str, Expression] = {
    "a(ca)*": separated(A, C),
    "a?(ba?)*": separated(optional(A), B),
    "a(b?a)*": separated(A, optional(B)),
    "a?(b?a?)*": separated(optional(A), optional(B)),
    "(ab?)+(c(ab?)+)*": separated(LEAF, C),
    "a(ba)*b": concat(separated(A, B), B),
    "(ab?)+((ab?)+(ab?)+)*": separated(LEAF, LEAF),
    "(ab?)+((ab?)*(ab?)+)*b": concat(separated(LEAF, optional(LEAF)), B),
    "a(ba)*(ca(ba)*)*": separated(separated(A, B), C),
    "a(c(ac)*a)*": separated(A, separated(C, A)),
    "(a(ca)*)*b": concat(repeat(separated(A, C)), B),
    "(a(ca)*){2,3}": repeat(separated(A, C), 2, 3),
    "(a?(ca?)*){2}b": concat(repeat(separated(optional(A), C), 2, 2), B),
    "(c|a(ba)*|cb)+": repeat(union(C, separated(A, B), literal(b"cb")), 1),
    "a(bca|ba)*": separated(A, union(literal(b"bc"), B)),
    "a*": separated(EMPTY, A),
    "a": separated(A, NOTHING),
    "(ab?){3,}": repeat(concat(A, optional(B)), 3),
    "(a|b)*a(a|b)+": concat(repeat(union(A, B)), A, repeat(union(A, B), 1)),
}


@pytest.mark.parametrize("pattern", TREES)
def test_trees_denote_what_re_matches(pattern: str) -> None:
    found = {word.decode() for word in compile_expression(TREES[pattern]).words(6)}
    texts = {"".join(letters) for size in range(7) for letters in product("abc", repeat=size)}
    assert found == {text for text in texts if re.fullmatch(pattern, text)}
