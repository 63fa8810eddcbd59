"""Brute force, sharing no code with the package: every canvas is enumerated and judged by `re` on its text."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["BruteForce"]


@dataclass(frozen=True)
class BruteForce:
    """All outcomes of one canvas of `length` positions for the texts that `pattern` fully matches.

    An *outcome* is a token sequence up to and including the first end-of-turn token, or of the full length; what
    follows the end of turn is not part of it. `tokens` are the bytes per id (None: never allowed).
    """

    pattern: str
    tokens: Sequence[bytes | None]
    end_of_turn: Sequence[int]
    length: int
    budget: int

    def _matches(self, ids: Sequence[int]) -> bool:
        text = b"".join(self.tokens[i] or b"" for i in ids)
        return re.fullmatch(self.pattern.encode(), text) is not None

    def _completable(self, ids: tuple[int, ...], more: int) -> bool:
        ordinary = [i for i, token in enumerate(self.tokens) if token]
        return any(self._matches(ids + rest) for n in range(more + 1) for rest in itertools.product(ordinary, repeat=n))

    def outcomes(self) -> Iterator[tuple[int, ...]]:
        """Valid outcomes, each once."""
        ordinary = [i for i, token in enumerate(self.tokens) if token]
        for n in range(min(self.length, self.budget + 1)):
            for ids in itertools.product(ordinary, repeat=n):
                if self._matches(ids):
                    yield from ((*ids, end) for end in self.end_of_turn)
        if self.budget >= self.length:
            for ids in itertools.product(ordinary, repeat=self.length):
                if self._completable(ids, self.budget - self.length):
                    yield ids

    def weights(self, log_p: NDArray[np.float64]) -> dict[tuple[int, ...], float]:
        """Probability of every valid outcome under independent positions, `log_p` `[L, V]` normalised."""
        return {ids: math.exp(sum(log_p[i, t] for i, t in enumerate(ids))) for ids in self.outcomes()}

    def marginals(self, log_p: NDArray[np.float64]) -> NDArray[np.float64]:
        """`[L, V]`: each position's distribution given validity; behind the end of turn, the model's own."""
        out = np.zeros_like(log_p)
        for ids, weight in self.weights(log_p).items():
            for i, t in enumerate(ids):
                out[i, t] += weight
            out[len(ids) :] += weight * np.exp(log_p[len(ids) :])
        return out / out.sum(axis=1, keepdims=True)

    def mask(self) -> NDArray[np.bool_]:
        """`[L, V]`: tokens that occur at a position in some valid canvas."""
        out = np.zeros((self.length, len(self.tokens)), np.bool_)
        for ids in self.outcomes():
            for i, t in enumerate(ids):
                out[i, t] = True
            out[len(ids) :] = True
        return out
