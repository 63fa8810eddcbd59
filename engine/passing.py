"""The most probable canvas of one row that passes its residual check, where the most probable of all does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from constrain.engine.drawing import noisy
from constrain.engine.judge import Judge
from constrain.engine.paths import Paths
from constrain.engine.repair import Planner
from constrain.engine.search import Effort, Found, search
from constrain.engine.tables import Tables
from constrain.errors import UnsatisfiableError
from constrain.kernels.class_reduce import ClassScores
from constrain.lattice import Lattice

__all__ = ["best_passing"]

_PLANNED = 8  # candidates for a canvas that is not the last, each of which takes a solver to judge
_REMEDIES = 64  # the same where none of these is right, and none can be repaired


def best_passing(
    judge: Judge,
    ids: Sequence[int],
    lattice: Lattice,
    table: Tables,
    logits: Tensor,
    scores: ClassScores,
    effort: Effort,
    draws: Callable[[], Sequence[list[int]]],
) -> tuple[list[int], float, int]:
    """A canvas to which `judge` does not object, its log-probability, and how many candidates were refused.

    `ids` are the most probable canvas, refused already; `logits` are `[L, V]`, `draws` some canvases of the posterior.
    Where none is found, the one of an earlier pass stays. Raises `UnsatisfiableError` if there is none either.
    """
    paths = Paths(lattice, table, logits, scores)

    def look(effort: Effort) -> Found:
        return search(
            lambda noise: Paths(lattice, table, noisy(logits, noise)) if noise else paths,
            paths.candidate(ids),
            judge.fault,
            effort,
        )

    found = look(effort if judge.planner is None else effort.first(None if judge.last else _PLANNED))
    best = found.tokens
    if best is None and judge.planner is not None:
        best = _repaired(judge, judge.planner, list(ids), draws(), lattice, logits)
        if best is None and not found.exhausted:
            found = look(effort if judge.last else effort.limited(_REMEDIES))
            best = found.tokens
    best = judge.kept if best is None else best
    if best is None:
        if judge.planner is not None and judge.planner.reason is not None:
            raise judge.planner.unsatisfiable()
        tried = f"all {found.refused:,} outputs" if found.exhausted else f"the {found.refused:,} outputs tried"
        raise UnsatisfiableError(
            f"{tried} that fit {judge.constraint.spec.describe()} otherwise break a rule that is checked on the "
            f"text; the most probable does in {judge.example!r}",
            hint="loosen that rule, allow more tokens, or raise max_redecoded",
        )
    return best, paths.candidate(best).weights[-1], found.refused


def _repaired(
    judge: Judge, planner: Planner, ids: list[int], draws: Sequence[list[int]], lattice: Lattice, logits: Tensor
) -> list[int] | None:
    """A canvas that keeps rules across fields, made from the best one and from draws (see `Planner.repair`)."""
    spelled = judge.constraint.spelled(judge.start, ids)
    ends = judge.constraint.vocabulary.end_of_turn
    silent = (n for n, (token, each) in enumerate(zip(ids, spelled, strict=True)) if each or token in ends)
    head = ids[: next(silent, len(ids))]
    beginnings = [judge.written + b"".join(spelled)]
    for draw in draws:
        tokens = draw[: next((n for n, token in enumerate(draw) if token in ends), len(draw))]
        beginnings.append(judge.written + b"".join(judge.constraint.spelled(judge.start, tokens)))
    found = planner.repair(beginnings, head, lattice, logits)
    given = lattice.given_at.items()
    agrees = found is None or all(found[n] == token for n, token in given if n < len(found))
    return found if agrees else None
