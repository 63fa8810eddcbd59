"""The evaluation: tasks by modes by budgets by noise, each summed up in one row of figures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from constrain.engine.eval_judging import Verdict
from constrain.engine.eval_modes import Mode
from constrain.engine.eval_run import Answers, Case, answers, applies, rankings, verdicts
from constrain.engine.eval_statistics import calibration_error, mcnemar, wilson
from constrain.engine.model import Model
from constrain.errors import SpecError
from constrain.specs import Choice, as_spec

if TYPE_CHECKING:
    from constrain.engine.tasks_example import Example

__all__ = ["SHAPED", "Figures", "Grid", "Sample", "cells", "measure", "sample_of", "shaped"]

SHAPED = ", shape only"
"""What is put behind the name of a task whose rules are left out of the spec."""

_SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Sample:
    """Held-out cases of one task and split."""

    task: str
    split: str
    cases: tuple[Case, ...]


@dataclass(frozen=True)
class Grid:
    """What a sample is decoded with: all `modes`, with every budget at the first sigma, with every sigma at the last
    budget. Modes that emit a draw take the last budget alone.

    `budgets` are passes per canvas, `sigmas` standard deviations of the noise on the logits, `batch` cases decoded
    together. Raises `SpecError` where there is nothing to do, or a figure is out of range.
    """

    modes: tuple[Mode, ...]
    budgets: tuple[int, ...]
    sigmas: tuple[float, ...] = (0.0,)
    seed: int = 0
    batch: int = 16

    def __post_init__(self) -> None:
        for name, values in (("modes", self.modes), ("budgets", self.budgets), ("sigma", self.sigmas)):
            if not values:
                raise SpecError(f"{name} is empty", hint="name one at least")
        for name, figures, least in (
            ("budgets", self.budgets, 1),
            ("sigma", self.sigmas, 0),
            ("batch", (self.batch,), 1),
        ):
            for figure in figures:
                if not least <= figure < math.inf:
                    raise SpecError(f"{name} has {figure}", hint=f"{least} is the least")

    @property
    def settings(self) -> list[tuple[int, float]]:
        """The pairs of a budget and a sigma."""
        pairs = [(budget, self.sigmas[0]) for budget in self.budgets]
        return pairs + [(self.budgets[-1], sigma) for sigma in self.sigmas[1:]]


@dataclass(frozen=True)
class Figures:
    """How one mode did on one sample. Shares are from 0 to 1, intervals at 95%."""

    task: str
    split: str
    mode: str
    budget: int
    sigma: float
    count: int
    valid: float
    """The share of texts that are valid under the spec."""
    valid_interval: tuple[float, float]
    accuracy: float
    """The share of texts that stand for exactly the right value."""
    accuracy_interval: tuple[float, float]
    fields: float
    """The share of leaves that are right, of all that the text or the right value has."""
    passes: float
    """Passes taken, on average, over all canvases."""
    tokens_per_pass: float | None
    """Tokens of text per pass; None where no row took a pass."""
    milliseconds: float
    """Wall time per case, in batches."""
    log_z: float | None
    """Mean log of the model's own mass on valid outputs; None without a constraint, or where no row took a pass."""
    calibration_error: float | None
    """Of `choose` on the same cases; None but for labels in the mode `joint`."""
    p_value: float | None
    """Of the exact McNemar test against `unconstrained` on the same cases; None where that was not run."""
    worse: bool | None
    """Whether fewer are right than unconstrained, at a `p_value` below 0.05."""


def sample_of(task: str, split: str, examples: Sequence[Example]) -> Sample:
    """The sample of these examples."""
    return Sample(task, split, tuple(Case(each.prompt, as_spec(each.spec), each.target) for each in examples))


def shaped(task: str, split: str, examples: Sequence[Example]) -> Sample | None:
    """The same prompts with the shape of the answer as their spec; None where examples have no shape of their own."""
    cases = [Case(each.prompt, as_spec(each.shape), each.target) for each in examples if each.shape is not None]
    return Sample(task + SHAPED, split, tuple(cases)) if cases else None


def cells(model: Model, sample: Sample, grid: Grid) -> list[tuple[int, float, Mode]]:
    """What `measure` runs on the sample, in this order: unconstrained modes first, then others that mean anything."""
    modes = [mode for mode in grid.modes if all(applies(mode, model, case.spec) for case in sample.cases)]
    modes.sort(key=lambda mode: mode.constraint != "none")
    return [
        (budget, sigma, mode)
        for (budget, sigma), mode in product(grid.settings, modes)
        if mode.emission == "map" or budget == grid.budgets[-1]
    ]


def measure(model: Model, plan: Iterable[tuple[Sample, Grid]]) -> Iterator[Figures]:
    """The figures of every cell of every sample. What is unconstrained is decoded once for equal prompts.

    Every sample is decoded in one pass beforehand, so that what is computed once per spec counts for no mode.
    """
    free: dict[Any, Answers] = {}
    for sample, grid in plan:
        answers(model, Mode("joint"), sample.cases, budget=1, batch=grid.batch)
        prompts = tuple(case.prompt for case in sample.cases)
        baseline: dict[tuple[int, float], list[Verdict]] = {}
        for budget, sigma, mode in cells(model, sample, grid):
            key = (prompts, budget, sigma, grid.seed, grid.batch)
            given = free.get(key) if mode.constraint == "none" else None
            if given is None:
                given = answers(model, mode, sample.cases, budget=budget, sigma=sigma, seed=grid.seed, batch=grid.batch)
            if mode.constraint == "none":
                free[key] = given
            judged = verdicts(mode, sample.cases, given.results)
            if mode.name == "unconstrained":
                baseline[budget, sigma] = judged
            stated: list[tuple[float, bool]] = []
            if mode.name == "joint" and any(isinstance(case.spec, Choice) for case in sample.cases):
                stated = rankings(model, sample.cases, budget=budget, sigma=sigma, seed=grid.seed, batch=grid.batch)
            yield _figures(sample, mode, budget, sigma, given, judged, baseline.get((budget, sigma)), stated)


def _figures(
    sample: Sample,
    mode: Mode,
    budget: int,
    sigma: float,
    given: Answers,
    judged: Sequence[Verdict],
    baseline: Sequence[Verdict] | None,
    stated: Sequence[tuple[float, bool]],
) -> Figures:
    count, results = len(judged), given.results
    valid, correct = sum(each.valid for each in judged), sum(each.correct for each in judged)
    passes = sum(result.passes for result in results)
    masses = [result.log_z for result in results if mode.constraint != "none" and not math.isnan(result.log_z)]
    p_value = worse = None
    if baseline is not None and mode.name != "unconstrained":
        pairs = [(ours.correct, theirs.correct) for ours, theirs in zip(judged, baseline, strict=True)]
        gained, lost = pairs.count((True, False)), pairs.count((False, True))
        p_value = mcnemar(gained, lost)
        worse = lost > gained and p_value < _SIGNIFICANT
    return Figures(
        task=sample.task,
        split=sample.split,
        mode=mode.name,
        budget=budget,
        sigma=sigma,
        count=count,
        valid=valid / count,
        valid_interval=wilson(valid, count),
        accuracy=correct / count,
        accuracy_interval=wilson(correct, count),
        fields=sum(each.right for each in judged) / max(sum(each.fields for each in judged), 1),
        passes=passes / count,
        tokens_per_pass=sum(len(result.token_ids) for result in results) / passes if passes else None,
        milliseconds=1000 * given.seconds / count,
        log_z=sum(masses) / len(masses) if masses else None,
        calibration_error=calibration_error(stated) if stated else None,
        p_value=p_value,
        worse=worse,
    )
