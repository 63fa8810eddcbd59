"""What the modes vary: masks admit what is invalid, draws and entropies come from where a mode says, noise is noise."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from constrain.constraint import compile
from constrain.engine.eval_masks import MaskPosterior, allowed_tokens
from constrain.engine.eval_modes import MODES, Mode, modes_named
from constrain.engine.eval_seams import NoisyDenoiser, ScoredTail, VariedConstraints, VariedDenoiser
from constrain.engine.refine import Draft, decode
from constrain.engine.seams import Canvas
from constrain.engine.stopping import StopRule
from constrain.engine.token_canvas import TokenConstraints
from constrain.errors import SpecError
from constrain.specs import Choice
from constrain.vocabulary import Vocabulary
from tests.engine.scripted import ScriptedDenoiser
from tests.engine.test_posterior import constraint_of, outcome, problems, random_logits
from tests.oracles import BruteForce

A, B, C, D, END = range(5)
VOCABULARY = Vocabulary([b"A", b"B", b"C", b"D", None], [END])
PAIRS = compile(Choice(["AB", "CD"]), VOCABULARY)
TORN = torch.tensor([[[4.0, 0, 3, 0, 0], [0, 3, 0, 4, 0], [0, 0, 0, 0, 9]]])  # "A", then "D", then the end
NEVER = StopRule(certain=None, confidence=None)


def mode(name: str) -> Mode:
    return modes_named([name])[0]


def emitted(logits: torch.Tensor, chosen: Mode, passes: int = 1) -> Draft:
    """The last draft of one canvas, the model saying `logits` in every pass."""
    constraints = VariedConstraints(TokenConstraints([PAIRS] * len(logits)), chosen, [END])
    denoiser = VariedDenoiser(ScriptedDenoiser([logits.clone() for _ in range(passes)]), constraints, chosen)
    generator = torch.Generator().manual_seed(0)
    drafts = decode(denoiser, constraints, max_new_tokens=2, max_passes=passes, stop=NEVER, generator=generator)
    return list(drafts)[-1]


def texts(draft: Draft) -> list[str]:
    return [PAIRS.text(ids) for ids in draft.tokens.tolist()]


def test_masks_admit_a_d_of_ab_and_cd() -> None:
    assert texts(emitted(TORN, mode("masks"))) == ["AD"]


@pytest.mark.parametrize(
    "chosen", [each for each in MODES if each.name.startswith("joint")], ids=lambda each: each.name
)
def test_joint_modes_do_not(chosen: Mode) -> None:
    for seed in range(20):
        logits = 4 * torch.randn(8, 3, 5, generator=torch.Generator().manual_seed(seed))
        assert set(texts(emitted(logits, chosen, passes=3))) <= {"AB", "CD"}


@given(problems(), st.integers(0, 2**31))
@settings(max_examples=100, deadline=None)
def test_masks_are_those_of_brute_force_and_positions_are_independent(problem: BruteForce, seed: int) -> None:
    canvas = TokenConstraints([constraint_of(problem)]).canvas(problem.length, problem.budget)
    allowed = allowed_tokens(canvas)
    assert np.array_equal(allowed[0].numpy(), problem.mask())
    logits = random_logits(problem, seed)
    posterior = MaskPosterior(logits, allowed, None)
    p = np.where(problem.mask(), logits[0].double().softmax(-1).numpy(), 0.0)
    mass = p.sum(1, keepdims=True)
    assert posterior.log_z.item() == pytest.approx(np.log(mass).sum(), abs=1e-4)
    assert np.allclose(posterior.shape()[0].double().exp().numpy(), p / mass, atol=1e-5)
    assert posterior.map()[0].tolist() == p.argmax(1).tolist()
    assert posterior.probability().item() == pytest.approx((p / mass).max(1).prod(), rel=1e-3)
    surprise = [-sum(q * math.log(q) for q in row if q > 0) for row in p / mass]
    assert np.allclose(posterior.entropy[0].numpy(), surprise, atol=1e-4)


def test_draws_under_masks_follow_the_masked_distribution() -> None:
    posterior = MaskPosterior(TORN, allowed_tokens(TokenConstraints([PAIRS]).canvas(3, 2)), None)
    generator = torch.Generator().manual_seed(0)
    draws = torch.cat([posterior.sample(generator) for _ in range(4000)])
    first = (draws[:, 0] == A).double().mean().item()
    assert set(draws[:, 0].tolist()) == {A, C}
    assert first == pytest.approx(math.e / (1 + math.e), abs=0.03)


def test_a_row_that_leaves_the_constraint_is_over_and_the_others_go_on() -> None:
    """Canvases of one token: after "A" the masks leave "B" alone, after what is no beginning, nothing follows."""
    chosen = mode("masks")
    constraints = VariedConstraints(TokenConstraints([PAIRS] * 2), chosen, [END])
    canvas = constraints.canvas(1, 2)
    canvas.posterior(TORN[:, :1].expand(2, -1, -1))
    assert constraints.commit(torch.tensor([[A], [B]])).tolist() == [False, True]
    following = constraints.canvas(1, 1)
    assert following.allowed[0, 0].tolist() == [False, True, False, False, False]
    posterior = following.posterior(TORN[:, :1].expand(2, -1, -1))
    assert posterior.forced.tolist() == [False, True]
    assert posterior.map()[0].tolist() == [B]
    assert constraints.commit(torch.tensor([[B], [A]])).tolist() == [True, True]


def test_raw_draws_come_from_the_model_and_what_is_emitted_does_not() -> None:
    sure = torch.full((1, 3, 5), -40.0).scatter(2, torch.tensor([[[A], [D], [END]]]), 40.0)
    for name in ("joint at emission", "joint at emission, sampled"):
        constraints = VariedConstraints(TokenConstraints([PAIRS]), mode(name), [END])
        posterior = constraints.canvas(3, 2).posterior(sure)
        draw = posterior.sample(torch.Generator().manual_seed(0))
        assert draw.tolist() == [[A, D, END]]
        assert PAIRS.text(posterior.map()[0].tolist()) in ("AB", "CD")
        assert posterior.shape() is sure


def test_sampled_modes_emit_draws_of_the_posterior() -> None:
    """AB has weight e^7, CD e^7 of the model above: as many of one as of the other."""
    rows = TORN.expand(2000, -1, -1)
    draft = emitted(rows, mode("joint, sampled"))
    share = texts(draft).count("AB") / len(rows)
    assert share == pytest.approx(0.5, abs=0.04)
    constraints = VariedConstraints(TokenConstraints([PAIRS]), mode("joint, sampled"), [END])
    posterior = constraints.canvas(3, 2).posterior(TORN)
    assert torch.equal(posterior.sample(torch.Generator().manual_seed(3)), posterior.map())


def test_constrained_feedback_is_shaped_and_raw_feedback_is_not() -> None:
    for name, shaped in (("joint", True), ("joint in acceptance", False)):
        constraints = VariedConstraints(TokenConstraints([PAIRS]), mode(name), [END])
        belief = constraints.canvas(3, 2).posterior(TORN.clone()).shape()
        assert torch.equal(belief, TORN) != shaped
        assert (belief[0, 0, B] == -torch.inf) == shaped


class Accepting(ScriptedDenoiser):
    """Accepts positions of an entropy below one nat."""

    def accept(self, entropy: torch.Tensor) -> torch.Tensor:
        return entropy < 1.0


def test_entropy_for_acceptance_is_the_models_own_or_the_constrained_one() -> None:
    """A flat distribution over five tokens has log 5 nats, over two allowed ones log 2."""
    flat = torch.zeros(1, 3, 5)
    accepted = {}
    for name in ("joint", "joint, constrained entropy", "joint, raw entropy"):
        chosen = mode(name)
        constraints = VariedConstraints(TokenConstraints([PAIRS]), chosen, [END])
        denoiser = VariedDenoiser(Accepting([flat]), constraints, chosen)
        logits = denoiser(torch.zeros(1, 3, dtype=torch.int64), None, 0, 1)
        posterior = constraints.canvas(3, 2).posterior(logits)
        accepted[name] = denoiser.accept(posterior.doubt).tolist()
    all_of_them, none = [[True, True, True]], [[False, False, False]]
    assert accepted == {
        "joint": all_of_them,
        "joint, constrained entropy": all_of_them,
        "joint, raw entropy": none,
    }


def test_noise_of_allowed_tokens_is_uniform_over_the_masks() -> None:
    chosen = mode("joint, noise of allowed tokens")
    constraints = VariedConstraints(TokenConstraints([PAIRS] * 500), chosen, [END])
    denoiser = VariedDenoiser(ScriptedDenoiser([TORN.expand(500, -1, -1)]), constraints, chosen)
    constraints.canvas(3, 2)
    generator = torch.Generator().manual_seed(0)
    canvas = denoiser.noise(generator)
    assert [set(column) for column in zip(*canvas.tolist(), strict=True)] == [{A, C}, {B, D}, {END}]
    assert (canvas[:, 0] == A).double().mean().item() == pytest.approx(0.5, abs=0.1)
    kept = torch.zeros(500, 3, dtype=torch.bool).index_fill(1, torch.tensor([1]), True)
    noised = denoiser.renoise(canvas, torch.full_like(canvas, END), kept, generator)
    assert [set(column) for column in zip(*noised.tolist(), strict=True)] == [{A, C}, {END}, {END}]


def test_noise_on_logits_has_the_stated_sigma_and_repeats() -> None:
    logits = torch.randn(4, 50, 100, generator=torch.Generator().manual_seed(1))
    blank = torch.zeros(4, 50, dtype=torch.int64)

    def passes(sigma: float, seed: int) -> list[torch.Tensor]:
        denoiser = NoisyDenoiser(ScriptedDenoiser([logits, logits]), sigma, seed)
        return [denoiser(blank, None, step, 2) - logits for step in range(2)]

    first, second = passes(4.0, 0)
    assert first.std().item() == pytest.approx(4.0, rel=0.02)
    assert first.mean().item() == pytest.approx(0.0, abs=0.1)
    correlation = torch.corrcoef(torch.stack([first.flatten(), second.flatten()]))[0, 1].item()
    assert correlation == pytest.approx(0.0, abs=0.03)
    assert all(torch.equal(*pair) for pair in zip(passes(4.0, 0), (first, second), strict=True))
    assert not torch.equal(passes(4.0, 1)[0], first)
    assert torch.allclose(passes(2.0, 0)[0], first / 2, atol=1e-5)


@given(problems(shortest=2), st.integers(0, 2**31))
@settings(max_examples=80, deadline=None)
def test_a_scored_tail_weighs_what_the_model_gives_to_padding(problem: BruteForce, seed: int) -> None:
    constraint = constraint_of(problem)
    padding = [*problem.end_of_turn, seed % len(problem.tokens)]
    logits = random_logits(problem, seed)
    log_p = logits[0].double().log_softmax(-1).numpy()
    tail = np.log(np.exp(log_p)[:, sorted(set(padding))].sum(1))
    canvas = TokenConstraints([constraint]).canvas(problem.length, problem.budget)
    posterior = ScoredTail(canvas, logits, sorted(set(padding)))
    weights = {ids: weight * math.exp(tail[len(ids) :].sum()) for ids, weight in problem.weights(log_p).items()}
    assert posterior.log_z.item() == pytest.approx(math.log(sum(weights.values())), abs=1e-4)
    best = weights[outcome(problem, posterior.map()[0].tolist())]
    assert best == pytest.approx(max(weights.values()), rel=1e-5)


def test_a_scored_tail_counts_in_its_mode_alone() -> None:
    def log_z(name: str) -> float:
        constraints = VariedConstraints(TokenConstraints([PAIRS]), mode(name), [END])
        canvas: Canvas = constraints.canvas(4, 4)
        return canvas.posterior(torch.zeros(1, 4, 5)).log_z.item()

    assert log_z("joint") == pytest.approx(math.log(2 / 5**3))
    assert log_z("joint, scored tail") == pytest.approx(math.log(2 / 5**4))


def test_unknown_modes_are_refused_by_name() -> None:
    with pytest.raises(SpecError, match="there is no mode 'jointly'"):
        modes_named(["joint", "jointly"])


def test_names_are_different_and_tell_what_is_constrained() -> None:
    names = [each.name for each in MODES]
    assert len(set(names)) == len(names)
    assert [each.name.startswith("joint") for each in MODES] == [each.constraint == "joint" for each in MODES]
    assert [each.name for each in MODES if not each.varied] == ["unconstrained", "unconstrained, parsed", "joint"]
