"""What a GPU computes, here with its kernels' references, is what a CPU computes, which brute force judges."""

from __future__ import annotations

import math
from collections import Counter

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from constrain.constraint import compile
from constrain.engine.launched import LaunchedPosterior
from constrain.engine.token_canvas import TokenConstraints
from constrain.specs import Regex
from constrain.vocabulary import Vocabulary
from tests.engine.test_posterior import constraint_of, outcome, problems, random_logits
from tests.oracles import BruteForce


@given(problems(), st.integers(0, 2**31), st.booleans())
@settings(max_examples=40, deadline=None)
def test_all_figures_are_those_of_a_cpu(problem: BruteForce, seed: int, drawn_first: bool) -> None:
    canvas = TokenConstraints([constraint_of(problem)]).canvas(problem.length, problem.budget)
    logits = random_logits(problem, seed)
    expected, found = canvas.posterior(logits), LaunchedPosterior(canvas, logits)
    if drawn_first:
        found.sample(torch.Generator().manual_seed(seed))
    torch.testing.assert_close(found.log_z, expected.log_z, rtol=0, atol=1e-4)
    torch.testing.assert_close(found.entropy, expected.entropy, rtol=0, atol=1e-4)
    torch.testing.assert_close(found.doubt, expected.doubt, rtol=0, atol=1e-4)
    torch.testing.assert_close(found.probability(), expected.probability(), rtol=1e-4, atol=0)
    assert torch.equal(found.map(), expected.map())
    assert torch.equal(found.undecided, expected.undecided)
    assert torch.equal(found.forced, expected.forced)
    torch.testing.assert_close(found.shape().softmax(-1), expected.shape().softmax(-1), rtol=0, atol=1e-5)


def test_draws_follow_the_posterior_also_when_asked_for_again() -> None:
    """In a batch of two specs; 5 standard deviations of a binomial count."""
    tokens, ends, times = [b"a", b"b", None, b"ab"], [2], 40
    problems = [BruteForce("(a|b)*", tokens, ends, 2, 3), BruteForce("ab?|b", tokens, ends, 2, 2)]
    constraints = [compile(Regex(each.pattern), Vocabulary(tokens, ends)) for each in problems]
    logits = torch.cat([random_logits(each, seed) for seed, each in enumerate(problems)])
    rows = torch.arange(20) % 2
    canvas = TokenConstraints([constraints[row] for row in rows.tolist()]).canvas(2, 3)
    posterior, generator = LaunchedPosterior(canvas, logits[rows]), torch.Generator().manual_seed(0)
    counts = [Counter[tuple[int, ...]](), Counter[tuple[int, ...]]()]
    for _ in range(times):
        for row, ids in zip(rows.tolist(), posterior.sample(generator).tolist(), strict=True):
            counts[row][outcome(problems[row], ids)] += 1
    for row, count in enumerate(counts):
        budget = BruteForce(problems[row].pattern, tokens, ends, 2, 3)
        weights = budget.weights(logits[row].double().log_softmax(-1).numpy())
        assert set(count) <= set(weights)
        draws, total = count.total(), sum(weights.values())
        for ids, weight in weights.items():
            share = weight / total
            assert abs(count[ids] - draws * share) <= 5 * math.sqrt(draws * share * (1 - share)) + 1
