"""Texts of numbers to ask automata about."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from itertools import product

from constrain.automaton import Automaton
from tests.constrain.json_judge import random_word

__all__ = ["accepted", "is_constrained", "short_texts", "walks"]

PLAIN = r"-?(0|[1-9]\d*)(\.\d+)?"
SCIENTIFIC = r"-?([1-9](\.\d+)?|0(\.0+)?)[eE][+-]?\d{1,3}"


def is_constrained(text: str) -> bool:
    """Whether the text is a constrained spelling of a finite number."""
    if re.fullmatch(PLAIN, text):
        return True
    if not re.fullmatch(SCIENTIFIC, text):
        return False
    return Decimal(text) == 0 or Decimal("3e-324") <= abs(Decimal(text)) <= Decimal("1.7976931348623157e308")


@lru_cache(maxsize=1)
def short_texts() -> list[str]:
    """All texts of up to five bytes over the symbols of numbers."""
    return ["".join(word) for length in range(1, 6) for word in product("0159.-e+", repeat=length)]


def accepted(automaton: Automaton) -> Iterator[str]:
    return (text for text in short_texts() if automaton.accepts(text.encode()))


def walks(automaton: Automaton, rng: random.Random) -> list[str]:
    if automaton.is_empty():
        return []
    return [random_word(automaton, rng, length).decode() for length in (0, 3, 8, 20, 30)]
