"""How patterns of training are worn, so that no single word of them is a clue."""

from __future__ import annotations

import re
from random import Random

from constrain.engine.tasks_patterns import carriers
from constrain.engine.tasks_values import invented

__all__ = ["continued", "worn"]

_CARRIER = re.compile(r"(?<![{\w'])(?!(?:from|into|with)\b)[A-Za-z][a-z]{3,}(?![}\w'])")


def worn(pattern: str, rng: Random) -> str:
    """The pattern, in one of five cases with longer words replaced, and with words put in that say nothing.

    What a verb means is then no clue, and order, prepositions and punctuation have to be; two cities are told apart by
    words, which stay. Not in what evaluations see.
    """
    if rng.random() < 0.8:
        return pattern
    if "{origin}" not in pattern:
        pattern = _CARRIER.sub(lambda match: _replaced(match[0], rng), pattern)
    pattern = re.sub("(?= )", lambda _: f" {rng.choice(carriers())}" if rng.random() < 0.08 else "", pattern)
    if rng.random() < 0.2:
        pattern = f"{rng.choice(carriers())} {continued(pattern)}"
    return pattern


def continued(clause: str) -> str:
    """The clause as it reads behind other words: its first word without a capital."""
    return clause[0].lower() + clause[1:] if re.match("[A-Z][a-z]|A ", clause) else clause


def _replaced(word: str, rng: Random) -> str:
    if rng.random() < 0.8:
        return word
    other = rng.choice(carriers()) if rng.random() < 0.6 else invented(rng)
    return other.title() if word[0].isupper() else other
