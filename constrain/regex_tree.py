"""Regular expressions over Unicode text, as written: trees over code point sets, with anchors in place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from constrain.codepoints import CodePoints

__all__ = ["EMPTY", "NOTHING", "Alternate", "Anchor", "Chars", "Concat", "Node", "Repeat"]


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
    """Between `low` and `high` copies of `part`, one after the other; `high` None means no upper bound."""

    part: Node
    low: int
    high: int | None


class Anchor(Enum):
    """The empty string, in certain places only."""

    START = "at the start of the text"
    END = "at the end of the text"
    LAST_LINE_END = "at the end of the text, or before a line feed that ends it"


Node: TypeAlias = Chars | Concat | Alternate | Repeat | Anchor

EMPTY = Concat(())
NOTHING = Alternate(())
