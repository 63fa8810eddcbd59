"""Regular expressions over Unicode text, as written: trees over code point sets, with assertions in place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import inf
from typing import TypeAlias

from constrain.codepoints import CodePoints

__all__ = [
    "EMPTY",
    "NOTHING",
    "Alternate",
    "Anchor",
    "Chars",
    "Concat",
    "Look",
    "Node",
    "Repeat",
    "boundary",
    "widths",
]


@dataclass(frozen=True)
class Chars:
    """One code point of the set."""

    points: CodePoints


@dataclass(frozen=True)
class Concat:
    """All parts, one after the other."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Alternate:
    """Any one of the branches."""

    branches: tuple[Node, ...]


@dataclass(frozen=True)
class Repeat:
    """Between `low` and `high` copies of `part`, one after the other; `high` None means no upper bound.

    `lazy` says which of the matches is preferred: the language is the same.
    """

    part: Node
    low: int
    high: int | None
    lazy: bool = False


class Anchor(Enum):
    """The empty string, in certain places only."""

    START = "at the start of the text"
    END = "at the end of the text"
    LAST_LINE_END = "at the end of the text, or before a line feed that ends it"


@dataclass(frozen=True)
class Look:
    """The empty string where a word of `part` begins (`ahead`) or ends (behind); where none does, if `negative`."""

    part: Node
    ahead: bool
    negative: bool = False


Node: TypeAlias = Chars | Concat | Alternate | Repeat | Anchor | Look

EMPTY = Concat(())
NOTHING = Alternate(())


def boundary(word: CodePoints, *, negative: bool = False) -> Node:
    """The empty string between a character of `word` and one that is none, or an end of the text; elsewhere, if
    `negative`.
    """
    before, after = Look(Chars(word), ahead=False), Look(Chars(word), ahead=True)
    no_before, no_after = Look(Chars(word), ahead=False, negative=True), Look(Chars(word), ahead=True, negative=True)
    if negative:
        return Alternate((Concat((before, after)), Concat((no_before, no_after))))
    return Alternate((Concat((before, no_after)), Concat((no_before, after))))


def widths(node: Node) -> tuple[int, float]:
    """The least and the greatest number of characters that are read, whatever assertions say (`inf` for no bound)."""
    match node:
        case Chars():
            return 1, 1
        case Concat(parts):
            ends = [widths(part) for part in parts]
            return sum(low for low, _ in ends), sum(high for _, high in ends)
        case Alternate(branches):
            ends = [widths(branch) for branch in branches] or [(0, 0)]
            return min(low for low, _ in ends), max(high for _, high in ends)
        case Repeat(part, low, high):
            least, most = widths(part)
            return least * low, 0 if 0 in (most, high) else inf if high is None else most * high
    return 0, 0
