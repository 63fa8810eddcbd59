"""The patterns of training, read from `patterns/`, and how they are worn so that no single word of them is a clue."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from random import Random

from constrain.engine.tasks_words import invented

__all__ = ["KINDS", "continued", "patterns", "worn"]

KINDS = ("contact", "order", "event", "invoice", "trip", "basket", "meeting", "person")
"""The kinds of records that sentences are about, each with a file."""
_DIRECTORY = Path(__file__).parent / "patterns"
_CARRIER = re.compile(r"(?<![{\w'])(?!(?:from|into|with)\b)[A-Za-z][a-z]{3,}(?![}\w'])")
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
def _words() -> tuple[str, ...]:
    return tuple(sorted({word for kind in KINDS for line in patterns(kind) for word in _WORD.findall(line)} - _TELLING))


def worn(pattern: str, rng: Random) -> str:
    """The pattern, in one of five cases with longer words replaced, and with words put in that say nothing.

    What a verb means is then no clue, and order, prepositions and punctuation have to be; two cities are told apart by
    words, which stay. Not in what evaluations see.
    """
    if rng.random() < 0.8:
        return pattern
    if "{origin}" not in pattern:
        pattern = _CARRIER.sub(lambda match: _replaced(match[0], rng), pattern)
    pattern = re.sub("(?= )", lambda _: f" {rng.choice(_words())}" if rng.random() < 0.08 else "", pattern)
    if rng.random() < 0.2:
        pattern = f"{rng.choice(_words())} {continued(pattern)}"
    return pattern


def continued(clause: str) -> str:
    """The clause as it reads behind other words: its first word without a capital."""
    return clause[0].lower() + clause[1:] if re.match("[A-Z][a-z]|A ", clause) else clause


def _replaced(word: str, rng: Random) -> str:
    if rng.random() < 0.8:
        return word
    other = rng.choice(_words()) if rng.random() < 0.6 else invented(rng)
    return other.title() if word[0].isupper() else other
