"""The stop rule: what stops a row, which reason wins, and that it is transformers' own rule without a constraint."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from transformers.models.diffusion_gemma.generation_diffusion_gemma import StableAndConfidentStoppingCriteria

from constrain.engine.refine import refine
from constrain.engine.stopping import REASONS, History, StopReason, StopRule
from constrain.engine.unconstrained import Unconstrained
from constrain.errors import SpecError
from tests.engine.scripted import ScriptedDenoiser, conclusion

LOGITS = torch.zeros(1, 4, 3)


def reason(
    rule: StopRule, *, unchanged: int = 0, support: float = 0.0, certainty: float = 0.5, **figures: Any
) -> StopReason | None:
    posterior = conclusion(LOGITS, certainty=certainty)
    for name, value in figures.items():
        setattr(posterior, name, torch.tensor([value]))
    return REASONS[int(rule.judge(posterior, torch.tensor([unchanged]), torch.tensor([support])))]


def test_nothing_stops_an_open_question() -> None:
    assert reason(StopRule()) is None


def test_a_single_string_left_is_forced_before_anything_else() -> None:
    assert reason(StopRule(), forced=True, certainty=1.0, unchanged=9, entropy=[0.0] * 4) == "forced"


def test_certain_comes_before_stable() -> None:
    assert reason(StopRule(), certainty=0.9995, unchanged=9, entropy=[0.0] * 4) == "certain"


@pytest.mark.parametrize(("certainty", "expected"), [(0.899, None), (0.9, "certain")])
def test_certain_is_a_threshold_on_the_probability_of_the_best_canvas(certainty: float, expected: str | None) -> None:
    assert reason(StopRule(certain=0.9), certainty=certainty) == expected


def test_certain_can_be_switched_off() -> None:
    assert reason(StopRule(certain=None), certainty=1.0) is None


@pytest.mark.parametrize(("unchanged", "expected"), [(1, None), (2, "stable"), (3, "stable")])
def test_stable_needs_the_best_canvas_unchanged(unchanged: int, expected: str | None) -> None:
    assert reason(StopRule(stability=2), unchanged=unchanged, entropy=[0.0] * 4) == expected


def test_stable_averages_over_undecided_positions_only() -> None:
    figures: dict[str, Any] = {"entropy": [0.0, 9.0, 0.0, 3.0], "undecided": [True, False, True, True]}
    assert reason(StopRule(confidence=1.01), unchanged=1, **figures) == "stable"
    assert reason(StopRule(confidence=1.0), unchanged=1, **figures) is None


def test_no_undecided_position_counts_as_no_entropy() -> None:
    assert reason(StopRule(), unchanged=1, entropy=[9.0] * 4, undecided=[False] * 4) == "stable"


def test_stable_can_be_switched_off() -> None:
    assert reason(StopRule(confidence=None), unchanged=9, entropy=[0.0] * 4) is None


@pytest.mark.parametrize(("support", "expected"), [(0.9, "stable"), (0.89, None)])
def test_stable_is_also_what_has_enough_support(support: float, expected: str | None) -> None:
    assert reason(StopRule(likely=0.9), support=support, entropy=[1.0] * 4) == expected
    assert reason(StopRule(), support=support, entropy=[1.0] * 4) is None


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 2), st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])), min_size=3, max_size=3),
        min_size=1,
        max_size=8,
    )
)
def test_history_knows_the_passes_with_the_same_best(passes: list[list[tuple[int, float]]]) -> None:
    """Canvases of two tokens, of which the first is the same throughout; one row per list position."""
    history = History(3, torch.device("cpu"))
    for number, row in enumerate(passes):
        history.add(torch.tensor([[7, best] for best, _ in row]), torch.tensor([p for _, p in row], dtype=torch.double))
        for n, (best, probability) in enumerate(row):
            before = [earlier[n] for earlier in passes[:number]]
            run = next((m for m, (other, _) in enumerate(reversed(before)) if other != best), len(before))
            same = [p for other, p in before if other == best]
            assert history.unchanged[n] == run
            assert history.support[n] == (1 - math.prod(1 - p for p in [*same, probability]) if same else 0)


@pytest.mark.parametrize(("likely", "passes"), [(0.7, 3), (0.9, 3), (0.95, 5), (0.99, 6)])
def test_the_loop_stops_at_a_canvas_that_comes_back_often_enough(likely: float, passes: int) -> None:
    """One position, two tokens that take turns, each time with a probability of 3/4: support is 15/16, then 63/64."""
    script = [torch.tensor([[[3.0, 1.0]], [[1.0, 3.0]]][n % 2]).log()[None] for n in range(6)]
    *_, last = refine(
        ScriptedDenoiser(script),
        Unconstrained([], device=torch.device("cpu")),
        max_passes=6,
        stop=StopRule(certain=None, confidence=None, likely=likely),
        generator=torch.Generator().manual_seed(0),
    )
    assert last.passes == (passes,)


@pytest.mark.parametrize(
    "options", [{"certain": 0.0}, {"certain": 1.1}, {"likely": 0.0}, {"stability": -1}, {"confidence": -0.1}]
)
def test_a_rule_without_meaning_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match=f"{next(iter(options))} .* got {next(iter(options.values()))}"):
        StopRule(**options)


def logits_that_settle(generator: torch.Generator, passes: int, rows: int) -> list[Tensor]:
    """Logits over two tokens whose argmax changes ever more rarely and whose entropy falls unevenly."""
    signs = torch.ones(rows, 3)
    script = []
    for n in range(passes):
        flip = torch.rand((rows, 3), generator=generator) < 0.6 / (n + 1)
        signs = torch.where(flip, -signs, signs)
        size = torch.rand((rows, 1), generator=generator) * n
        script.append(torch.stack([signs * size, -signs * size], dim=-1))
    return script


@pytest.mark.parametrize("stability", [0, 1, 2, 3])
@pytest.mark.parametrize("confidence", [0.005, 0.1, 0.5])
def test_without_a_constraint_it_is_the_rule_of_transformers(stability: int, confidence: float) -> None:
    passes, rows = 20, 30
    script = logits_that_settle(torch.Generator().manual_seed(stability), passes, rows)
    theirs: Any = StableAndConfidentStoppingCriteria(stability, confidence)
    verdicts = torch.stack([theirs(logits.argmax(-1), logits) for logits in script])
    stops = [int(verdict.nonzero()[0]) + 1 if verdict.any() else passes for verdict in verdicts.T]
    *_, last = refine(
        ScriptedDenoiser(script),
        Unconstrained([], device=torch.device("cpu")),
        max_passes=passes,
        stop=StopRule(certain=None, stability=stability, confidence=confidence),
        generator=torch.Generator().manual_seed(0),
    )
    assert last.passes == tuple(stops)
    assert len(set(stops)) > 3
