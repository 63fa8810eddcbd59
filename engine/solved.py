"""Who decided what in a puzzle: the givens, propagation, search, or the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from constrain.relations import Value

__all__ = ["Solved"]


@dataclass(frozen=True)
class Solved:
    """How the variables of a puzzle came to their values. The first four counts add up to `variables`."""

    variables: int
    given: int
    """Variables that the puzzle itself fixes."""
    by_propagation: int
    """Those left with one value by reasoning rule by rule."""
    by_search: int
    """Those that have one value in all solutions, as only a search for solutions has shown."""
    by_model: int
    """Those where the model's preference counted: they have several values that solutions have, or may have where
    `complete_masks` is False."""
    unique: bool | None
    """Whether the puzzle has a single solution; None where time was up before that was known."""
    complete_masks: bool
    """Whether every value that the model could choose was in a solution, on every canvas so far. If not, time was up,
    and values may have been left that are in none: the model gave them weight, but no output has them."""
    optimal: bool
    """Whether each canvas was proven to be the most probable that can be completed; if not, time was up."""
    score: float
    """Log-probability that the model gives to the values it chose, in the pass that decided, summed over canvases."""
    bound: float
    """What no choice of values exceeds; `score` where `optimal`."""
    propagation_seconds: float
    solver_seconds: float
    """Time spent on propagation, and in the solver, over all passes of this row."""
    candidates: Mapping[str, tuple[Value, ...]]
    """The values that each variable may still have, after the canvases that are settled."""
