"""What counts out of a few hundred say about the model behind them."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["calibration_error", "mcnemar", "wilson"]


def wilson(hits: int, count: int, z: float = 1.959964) -> tuple[float, float]:
    """The interval of shares that `hits` of `count` independent trials are compatible with, at 95% by default.

    The score interval of E. B. Wilson (1927), without a correction for continuity.
    """
    share, weight = hits / count, z * z / count
    middle = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * math.sqrt(share * (1 - share) / count + weight / (4 * count))
    return (middle - half if hits else 0.0), (middle + half if hits < count else 1.0)


def mcnemar(better: int, worse: int) -> float:
    """How probable it is, if two ways of decoding are equally good, that they differ at least so much.

    Of the prompts that one of them got right and the other wrong, `better` went to the first and `worse` to the second.
    The exact two-sided test: under the hypothesis each of them is a toss of a coin.
    """
    tosses = better + worse
    tail = sum(math.comb(tosses, k) for k in range(min(better, worse) + 1))
    return min(tail / (1 << tosses) * 2, 1.0)


def calibration_error(predictions: Sequence[tuple[float, bool]], bins: int = 10) -> float:
    """How far stated probabilities are from the shares that came true: the expected calibration error.

    `predictions` are the probability of the best option and whether it was right. They are put into `bins` intervals of
    equal width; the result is the mean over predictions of the distance between the mean probability and the share of
    right ones in their interval (Guo et al., arXiv 1706.04599).
    """
    totals = [(0.0, 0)] * bins
    for probability, right in predictions:
        place = min(int(probability * bins), bins - 1)
        stated, hits = totals[place]
        totals[place] = stated + probability, hits + right
    return sum(abs(stated - hits) for stated, hits in totals) / len(predictions)
