"""The patterns of training, read from `patterns/`, and the words that they are made of."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

__all__ = ["FILES", "carriers", "patterns"]

FILES = ("contact", "order", "event", "invoice", "trip", "basket", "meeting", "person")
"""The kinds of records that sentences are about."""
_DIRECTORY = Path(__file__).parent / "patterns"
_WORD = re.compile(r"(?<![{\w'])[a-z]{3,}(?![}\w'])")
_TELLING = frozenset(
    re.findall(
        r"\w+",
        "and for from into out via with not age city home street road lane square person item title name "
        "friend family colleague client small medium large economy business class host speaker guest",
    )
)
"""Words that say what a value is, or could be one."""


@cache
def patterns(name: str) -> tuple[str, ...]:
    """The lines of one file."""
    return tuple((_DIRECTORY / f"{name}.txt").read_text().splitlines())


@cache
def carriers() -> tuple[str, ...]:
    """The lower-case words of sentences that say nothing about values, sorted."""
    return tuple(sorted({word for file in FILES for line in patterns(file) for word in _WORD.findall(line)} - _TELLING))
