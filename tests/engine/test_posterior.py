"""The posterior of a pass equals brute force: log Z, marginals, MAP, entropy, samples; and validity survives floats."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from constrain.constraint import Constraint, compile
from constrain.engine.token_canvas import TokenConstraints
from constrain.errors import UnsatisfiableError
from constrain.lattice import Lattice
from constrain.specs import Regex
from constrain.vocabulary import Vocabulary
from tests.oracles import BruteForce

atoms = st.sampled_from(["a", "b", "ab", "[ab]", "ba", "c?"])
patterns = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]}|{pair[1]})"),
        inner.map(lambda part: f"({part})*"),
        inner.map(lambda part: f"({part}){{1,2}}"),
    ),
    max_leaves=4,
)
VOCABULARIES = [
    ([b"a", b"b", None], [2]),
    ([b"a", b"ab", None, b"b", None], [4]),
    ([None, b"ba", b"a", b"b", None, b"a"], [0, 4]),
    ([b"c", b"b", b"a", None, b"bb"], [3]),
]


@st.composite
def problems(draw: st.DrawFn, shortest: int = 1, longest: int = 4) -> BruteForce:
    tokens, ends = draw(st.sampled_from(VOCABULARIES))
    length = draw(st.integers(shortest, longest))
    return BruteForce(draw(patterns), tokens, ends, length, draw(st.integers(0, length + 2)))


def constraint_of(problem: BruteForce) -> Constraint:
    try:
        constraint = compile(Regex(problem.pattern), Vocabulary(problem.tokens, problem.end_of_turn))
        Lattice(constraint.tokens, 0, problem.length, problem.budget)
    except UnsatisfiableError:
        assert next(iter(problem.outcomes()), None) is None
        assume(False)
        raise
    return constraint


def random_logits(problem: BruteForce, seed: int, rows: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 3 * torch.randn((rows, problem.length, len(problem.tokens)), generator=generator)


def outcome(problem: BruteForce, ids: list[int]) -> tuple[int, ...]:
    """`ids` without what follows the first end-of-turn token."""
    end = next((i + 1 for i, t in enumerate(ids) if t in problem.end_of_turn), len(ids))
    return tuple(ids[:end])


@given(problems(), st.integers(0, 2**31))
@settings(max_examples=150, deadline=None)
def test_log_z_marginals_and_entropy_equal_brute_force(problem: BruteForce, seed: int) -> None:
    constraint = constraint_of(problem)
    logits = random_logits(problem, seed)
    log_p = logits[0].double().log_softmax(-1).numpy()
    posterior = TokenConstraints([constraint]).canvas(problem.length, problem.budget).posterior(logits)
    assert posterior.log_z.item() == pytest.approx(np.log(sum(problem.weights(log_p).values())), abs=1e-4)
    expected = problem.marginals(log_p)
    assert np.allclose(posterior.shape()[0].double().softmax(-1).numpy(), expected, atol=1e-5)
    surprise = np.where(expected > 0, -expected * np.log(np.maximum(expected, 1e-300)), 0.0)
    assert np.allclose(posterior.entropy[0].numpy(), surprise.sum(-1), atol=1e-4)
    local = np.where(expected > 0, np.exp(log_p), 0.0)  # what may stand at a position, by the model alone
    local /= local.sum(-1, keepdims=True)
    surprise_alone = np.where(local > 0, -local * np.log(np.maximum(local, 1e-300)), 0.0)
    assert np.allclose(posterior.doubt[0].numpy(), np.maximum(surprise.sum(-1), surprise_alone.sum(-1)), atol=1e-4)


@given(problems(), st.integers(0, 2**31))
@settings(max_examples=100)
def test_a_model_that_is_certain_of_something_else_still_weighs_the_valid(problem: BruteForce, seed: int) -> None:
    """150 nats down, float32 sums over a class vanish: its likeliest token stands for it, off by a log of its size."""
    constraint = constraint_of(problem)
    logits = random_logits(problem, seed)
    logits[..., seed % len(problem.tokens)] += 150.0
    log_p = logits[0].double().log_softmax(-1).numpy()
    posterior = TokenConstraints([constraint]).canvas(problem.length, problem.budget).posterior(logits)
    expected = np.log(sum(problem.weights(log_p).values()))
    assert posterior.log_z.item() == pytest.approx(expected, abs=problem.length * np.log(len(problem.tokens)))


@given(problems(), st.integers(0, 2**31))
@settings(max_examples=150, deadline=None)
def test_map_is_the_most_probable_valid_canvas(problem: BruteForce, seed: int) -> None:
    constraint = constraint_of(problem)
    logits = random_logits(problem, seed)
    weights = problem.weights(logits[0].double().log_softmax(-1).numpy())
    posterior = TokenConstraints([constraint]).canvas(problem.length, problem.budget).posterior(logits)
    best = weights[outcome(problem, posterior.map()[0].tolist())]
    assert best == pytest.approx(max(weights.values()), rel=1e-5)
    assert posterior.probability().item() == pytest.approx(best / sum(weights.values()), rel=1e-3)


@given(problems())
@settings(max_examples=200, deadline=None)
def test_masks_are_exactly_the_tokens_of_valid_canvases(problem: BruteForce) -> None:
    constraint = constraint_of(problem)
    words = constraint.masks(problem.length, budget=problem.budget)
    bits = np.unpackbits(words.view(np.uint8), axis=1, bitorder="little").astype(np.bool_)
    assert (bits[:, : len(problem.tokens)] == problem.mask()).all()
    assert not bits[:, len(problem.tokens) :].any()


@pytest.mark.parametrize("seed", range(8))
def test_samples_follow_the_posterior(seed: int) -> None:
    """Chi-square over all outcomes at a level of 1e-4, bins with few expected counts pooled."""
    tokens, ends = VOCABULARIES[seed % len(VOCABULARIES)]
    problem = BruteForce(["(a|b)*", "a?b?a?", "(ab|ba)*b?", "(a|bb){1,3}"][seed // 2], tokens, ends, 3, 3 + seed % 2)
    constraint = compile(Regex(problem.pattern), Vocabulary(tokens, ends))
    logits = random_logits(problem, seed) / 2
    weights = problem.weights(logits[0].double().log_softmax(-1).numpy())
    posterior = (
        TokenConstraints([constraint] * 500)
        .canvas(problem.length, problem.budget)
        .posterior(logits.expand(500, -1, -1))
    )
    generator = torch.Generator().manual_seed(seed)
    counts = dict.fromkeys(weights, 0)
    draws = 0
    for _ in range(8):
        for ids in posterior.sample(generator).tolist():
            counts[outcome(problem, ids)] += 1
            draws += 1
    total = sum(weights.values())
    expected = np.array([weights[ids] / total * draws for ids in weights])
    observed = np.array([counts[ids] for ids in weights])
    rare = expected < 5
    expected = np.append(expected[~rare], expected[rare].sum())
    observed = np.append(observed[~rare], observed[rare].sum())
    kept = expected > 0
    statistic = (((observed - expected) ** 2)[kept] / expected[kept]).sum()
    freedom = int(kept.sum()) - 1
    # Wilson-Hilferty: (x / f) ** (1/3) is nearly normal; 3.72 standard deviations are 1e-4
    threshold = freedom * (1 - 2 / (9 * max(freedom, 1)) + 3.72 * (2 / (9 * max(freedom, 1))) ** 0.5) ** 3
    assert statistic <= max(threshold, 1e-9)


@given(st.lists(st.tuples(problems(3, 3), st.integers(0, 99)), min_size=2, max_size=3))
@settings(max_examples=40, deadline=None)
def test_rows_with_different_specs_do_not_touch_each_other(rows: list[tuple[BruteForce, int]]) -> None:
    rows = [(BruteForce(p.pattern, *VOCABULARIES[1], 3, 4), seed) for p, seed in rows]
    constraints = [constraint_of(problem) for problem, _ in rows]
    logits = torch.cat([random_logits(problem, seed) for problem, seed in rows])
    together = TokenConstraints(constraints).canvas(3, 4).posterior(logits)
    for row, constraint in enumerate(constraints):
        alone = TokenConstraints([constraint]).canvas(3, 4).posterior(logits[row : row + 1])
        assert torch.allclose(together.log_z[row], alone.log_z[0], atol=1e-9)
        assert torch.equal(together.map()[row], alone.map()[0])
        assert torch.allclose(together.entropy[row], alone.entropy[0], atol=1e-6)


@pytest.mark.parametrize("poison", [float("-inf"), float("nan"), float("inf"), 1e38, -1e38])
@given(problem=problems(), seed=st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_every_draw_is_valid_whatever_the_floats(poison: float, problem: BruteForce, seed: int) -> None:
    constraint = constraint_of(problem)
    logits = random_logits(problem, seed)
    generator = torch.Generator().manual_seed(seed)
    logits[torch.rand(logits.shape, generator=generator) < 0.6] = poison
    posterior = TokenConstraints([constraint]).canvas(problem.length, problem.budget).posterior(logits)
    valid = set(problem.outcomes())
    assert outcome(problem, posterior.map()[0].tolist()) in valid
    assert outcome(problem, posterior.sample(generator)[0].tolist()) in valid


@given(problems(1, 2), st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_a_text_over_several_canvases_is_complete_within_the_budget(problem: BruteForce, seed: int) -> None:
    constraint = constraint_of(problem)
    constraints = TokenConstraints([constraint])
    generator = torch.Generator().manual_seed(seed)
    ids: list[int] = []
    for begin in range(0, problem.budget + 1, problem.length):
        posterior = constraints.canvas(problem.length, problem.budget - begin).posterior(random_logits(problem, seed))
        draw = posterior.sample(generator)
        ids += outcome(problem, draw[0].tolist())
        if constraints.commit(draw).item():
            break
    text = [t for t in ids if t not in problem.end_of_turn]
    assert len(text) <= problem.budget
    assert constraint.spec.accepts(constraint.text(ids))


def test_forced_means_that_one_text_is_left() -> None:
    vocabulary = Vocabulary([b"a", b"b", b"ab", None], [3])
    for pattern, forced in [("ab", True), ("aab|aab", True), ("ab|b", False), ("a*", False), ("", True)]:
        canvas = TokenConstraints([compile(Regex(pattern), vocabulary)]).canvas(4, 4)
        assert canvas.posterior(torch.zeros((1, 4, 4))).forced.tolist() == [forced], pattern
