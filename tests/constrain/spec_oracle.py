"""What combined specs mean, by definition: every division of a text is tried. Texts are short, over `a` and `b`."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from constrain.algebra import both, complement, either, joined, maybe, repetition
from constrain.automaton import Automaton
from constrain.spec import Spec
from constrain.specs import Choice, Regex

__all__ = ["TEXTS", "CheckedText", "divisions", "means", "readings", "trees"]

TEXTS = ["".join(letters) for size in range(7) for letters in itertools.product("ab", repeat=size)]
ENDLESS = 7  # copies: more than any text here can have that are not empty


@dataclass(frozen=True)
class CheckedText(Spec):
    """Words over `a` and `b` with a rule that is only checked on the text.

    `even`: they are even in number, so that no beginning is ever wrong. `apart`: without `bb`, which is wrong for good.
    """

    rule: str

    def _language(self) -> Automaton:
        return Regex("[ab]*").automaton

    @property
    def residual(self) -> bool:
        return True

    def fault(self, text: str, *, complete: bool = True) -> tuple[int, int] | None:
        if self.rule == "even":
            return (0, len(text)) if complete and len(text) % 2 else None
        place = text.find("bb")
        return None if place < 0 else (place, place + 2)

    def holds(self, text: str) -> bool:
        return len(text) % 2 == 0 if self.rule == "even" else "bb" not in text

    def parse(self, text: str) -> str:
        return text

    def dumps(self, value: Any) -> str:
        return self._checked(value, str(value))

    def describe(self) -> str:
        return f"{self.rule} text"


Tree = tuple[Any, ...]
"""The name of an operation, and its operands."""


def leaves(*, checked: bool) -> st.SearchStrategy[Tree]:
    plain = [Regex("a"), Regex("a*"), Regex("ab|b"), Choice(["", "ba"]), Regex("[ab]b"), Choice(["a", "aab", "b"])]
    return st.sampled_from([("leaf", spec) for spec in [*plain, *map(CheckedText, ("even", "apart") * checked)]])


def trees(*, checked: bool = False) -> st.SearchStrategy[Tree]:
    """Trees of operations; with `checked`, with residual checks and without complements."""

    def grown(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
        names = ("|", "&", "+")
        pairs = st.one_of(*(st.tuples(st.just(name), inner, inner) for name in names))
        counts = st.sampled_from([(0, None), (1, None), (2, None), (0, 2), (1, 2), (2, 3), (3, 3)])
        repeats = st.tuples(st.just("repeat"), inner, counts)
        maybes = st.tuples(st.just("optional"), inner)
        complements = st.tuples(st.just("~"), inner)
        return st.one_of(pairs, repeats, maybes, *([] if checked else [complements]))

    return st.recursive(leaves(checked=checked), grown, max_leaves=4)


def spec_of(tree: Tree) -> Spec:
    match tree:
        case ("leaf", spec):
            return spec  # type: ignore[no-any-return]  # trees are made of specs
        case ("|", a, b):
            return either(spec_of(a), spec_of(b))
        case ("&", a, b):
            return both(spec_of(a), spec_of(b))
        case ("+", a, b):
            return joined(spec_of(a), spec_of(b))
        case ("~", a):
            return complement(spec_of(a))
        case ("optional", a):
            return maybe(spec_of(a))
        case ("repeat", a, (low, high)):
            return repetition(spec_of(a), low, high)
    raise AssertionError(tree)


def means(tree: Tree, text: str, known: dict[tuple[int, str], bool]) -> bool:
    """Whether `text` is in the language of `tree`, by definition. `known` remembers."""
    key = id(tree), text
    if key not in known:
        known[key] = _means(tree, text, known)
    return known[key]


def _means(tree: Tree, text: str, known: dict[tuple[int, str], bool]) -> bool:
    match tree:
        case ("leaf", CheckedText() as spec):
            return spec.holds(text)
        case ("leaf", spec):
            return bool(spec.automaton.accepts(text.encode()))
        case ("|", a, b):
            return means(a, text, known) or means(b, text, known)
        case ("&", a, b):
            return means(a, text, known) and means(b, text, known)
        case ("~", a):
            return not means(a, text, known)
        case ("optional", a):
            return not text or means(a, text, known)
        case ("+", _, _):
            return any(True for _ in readings(tree, text, known))
        case ("repeat", a, (low, high)):
            most = max(ENDLESS, low) if high is None else high
            return any(
                all(means(a, piece, known) for piece in pieces)
                for count in range(low, most + 1)
                for pieces in divisions(text, count)
            )
    raise AssertionError(tree)


def operands(tree: Tree) -> list[Tree]:
    """The parts of a sum, those of sums in it included."""
    return [tree] if tree[0] != "+" else [part for operand in tree[1:] for part in operands(operand)]


def readings(tree: Tree, text: str, known: dict[tuple[int, str], bool]) -> Iterator[tuple[str, ...]]:
    """All ways in which `text` divides into texts of the parts of a sum: the first part shortest first, and so on."""
    parts = operands(tree)
    for pieces in divisions(text, len(parts)):
        if all(means(part, piece, known) for part, piece in zip(parts, pieces, strict=True)):
            yield pieces


def divisions(text: str, count: int) -> Iterator[tuple[str, ...]]:
    """All ways to divide `text` into `count` pieces, the first one shortest first, then the second, and so on."""
    if count == 0:
        if not text:
            yield ()
        return
    for end in range(len(text) + 1):
        for rest in divisions(text[end:], count - 1):
            yield (text[:end], *rest)
