"""Texts by their length: characters as `len` counts them, words as `str.split` does, lines as `str.splitlines` does.

Each count alone is a small counter over bytes, and several are intersected, so that exact counts of all three multiply:
280 characters need 2,521 states, 50 words 1,158, and 280 characters in 50 words 210,727. None of these is too many: one
is left after each prefix that can be completed, by its characters, its words, and how far it is in a character.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias

from constrain.automaton import Automaton
from constrain.character_classes import python_shorthand
from constrain.codepoints import CodePoints, utf8
from constrain.combined import intersection
from constrain.errors import LimitError, SpecError
from constrain.expression import EMPTY, Expression, compile_expression, concat, optional, repeat, union
from constrain.json_lengths import counted
from constrain.token_lengths import Window, Windowed

__all__ = ["CHARACTERS", "LINE_BREAKS", "Count", "Text"]

Count: TypeAlias = "int | tuple[int, int | None]"
"""An exact number, or the least and the greatest (None: no limit)."""

LINE_BREAKS: Final = CodePoints.of("\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029")
"""Where `str.splitlines` divides."""

_CONTROLS: Final = CodePoints.range(0, 0x1F) | CodePoints.range(0x7F, 0x9F)
CHARACTERS: Final = (CodePoints.ANY - _CONTROLS) | CodePoints.of("\n\t")
"""What texts are made of: everything but control characters, of which only the line feed and the tab are left."""


@dataclass(frozen=True, init=False)
class Text(Windowed):
    """Texts with so many tokens, characters, words and lines; each may be left open.

    Each is an exact number or a pair of the least and the greatest, which may be None. A text is judged by Python:
    `len(text)` characters, `len(text.split())` words, `len(text.splitlines())` lines. It has any characters but control
    characters, of which it may have line feeds and tabs. `Regex(...) & Text(chars=280)` is a pattern of a given length.

    `tokens` counts the model's tokens, the end of turn not among them. No text has a number of tokens by itself, so
    `accepts` says nothing about it; only what is compiled for a vocabulary does, and outputs have that many.
    """

    tokens: tuple[int, int | None] | None
    chars: tuple[int, int | None] | None
    words: tuple[int, int | None] | None
    lines: tuple[int, int | None] | None

    def __init__(
        self,
        *,
        tokens: Count | None = None,
        chars: Count | None = None,
        words: Count | None = None,
        lines: Count | None = None,
    ) -> None:
        for name, count in (("tokens", tokens), ("chars", chars), ("words", words), ("lines", lines)):
            object.__setattr__(self, name, None if count is None else _span(name, count))

    def _language(self) -> Automaton:
        counts: tuple[tuple[tuple[int, int | None] | None, Callable[[int, int | None], Automaton]], ...] = (
            (self.chars, _characters),
            (self.words, _words),
            (self.lines, _lines),
        )
        try:
            languages = [language(*span) for span, language in counts if span is not None]
            return intersection(languages or [_characters(0, None)])
        except LimitError as error:
            raise LimitError(
                f"{self.describe()}: {error.message}",
                limit=error.limit,
                given=error.given,
                hint="lower the numbers, or count one thing less: the states of the counters are multiplied",
            ) from error

    @property
    def counts_tokens(self) -> bool:
        return self.tokens is not None

    @property
    def windows(self) -> tuple[Window, ...]:
        return (Window(self.automaton, *(self.tokens or (0, None))),)

    def parse(self, text: str) -> str:
        return text

    def dumps(self, value: Any) -> str:
        return self._checked(value, str(value))

    def describe(self) -> str:
        spans = (("tokens", self.tokens), ("characters", self.chars), ("words", self.words), ("lines", self.lines))
        counts = [f"{_shown(*span)} {name}" for name, span in spans if span is not None]
        return f"text of {', '.join(counts)}" if counts else "any text"


def _span(name: str, count: Any) -> tuple[int, int | None]:
    low, high = count if isinstance(count, tuple) and len(count) == 2 else (count, count)
    for bound in (low, high):
        if not (isinstance(bound, int) and not isinstance(bound, bool)) and not (bound is None and bound is not low):
            raise SpecError(
                f"{name}={count!r} is no count",
                keyword=name,
                hint=f"give a number, as {name}=5, or the least and the greatest, as {name}=(0, 5) or {name}=(5, None)",
            )
    if low < 0 or (high is not None and high < low):
        raise SpecError(
            f"{name}={count!r} holds for no text", keyword=name, hint="give the least first, and nothing below 0"
        )
    return low, high


def _shown(low: int, high: int | None) -> str:
    if high is None:
        return f"at least {low:,}" if low else "any number of"
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


@lru_cache(maxsize=64)
def _characters(low: int, high: int | None) -> Automaton:
    return counted(compile_expression(utf8(CHARACTERS)), [(low, high)])


@lru_cache(maxsize=64)
def _words(low: int, high: int | None) -> Automaton:
    """`s* (w+ (s+ w+)*)? s*` with so many runs of w."""
    spaces = CHARACTERS & python_shorthand("s")
    space = compile_expression(utf8(spaces))
    word = repeat(compile_expression(utf8(CHARACTERS - spaces)), 1)
    return _counted(word, concat(repeat(space, 1), word), low, high, before=repeat(space), after=repeat(space))


@lru_cache(maxsize=64)
def _lines(low: int, high: int | None) -> Automaton:
    """Lines that end in a break, and a last one that need not, unless it is empty."""
    breaks = compile_expression(utf8(CHARACTERS & LINE_BREAKS))
    inner = compile_expression(utf8(CHARACTERS - LINE_BREAKS))
    ended = concat(repeat(inner), breaks)
    if high == 0:
        return compile_expression(EMPTY)
    some = concat(repeat(ended, max(low, 1) - 1, None if high is None else high - 1), union(ended, repeat(inner, 1)))
    return compile_expression(optional(some) if low == 0 else some)


def _counted(
    first: Expression, next_: Expression, low: int, high: int | None, *, before: Expression, after: Expression
) -> Automaton:
    if high == 0:
        return compile_expression(before)
    some = concat(first, repeat(next_, max(low, 1) - 1, None if high is None else high - 1))
    return compile_expression(concat(before, optional(some) if low == 0 else some, after))
