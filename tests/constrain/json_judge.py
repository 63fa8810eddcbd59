"""An outside opinion on JSON documents, and texts to ask it about."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from jsonschema import Draft202012Validator

from constrain.automaton import Automaton

__all__ = ["judge", "random_word"]


def judge(schema: Any) -> Callable[[str], bool]:
    """Whether `jsonschema` finds a text valid, under draft 2020-12 with formats asserted; it must be JSON at all."""
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return lambda text: validator.is_valid(json.loads(text))


def random_word(automaton: Automaton, rng: random.Random, length: int = 40) -> bytes:
    """An accepted string: `length` random steps (any byte that is allowed, edge first), then the shortest way out."""
    state, word = 0, bytearray()
    while True:
        if automaton.accepting[state] and (len(word) >= length or rng.random() < 0.1):
            return bytes(word)
        edges = automaton.edges[state]
        if len(word) >= length:
            edges = [edge for edge in edges if automaton.distance[edge[1]] < automaton.distance[state]]
        if not edges:
            return bytes(word)
        mask, state = rng.choice(edges)
        word.append(rng.choice([byte for byte in range(256) if mask >> byte & 1]))
