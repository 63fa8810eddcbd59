"""Given some tokens, the posterior equals brute force over the canvases that have them, and no float undoes them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from constrain.constraint import compile
from constrain.engine.posterior import TokenPosterior
from constrain.engine.search import Effort
from constrain.engine.token_canvas import TokenConstraints
from constrain.engine.unconstrained import Unconstrained
from constrain.errors import UnsatisfiableError
from constrain.lattice import Lattice
from constrain.specs import JsonSchema, Regex
from constrain.vocabulary import Vocabulary
from tests.engine.test_posterior import constraint_of, outcome, problems, random_logits
from tests.oracles import BruteForce

Log = NDArray[np.float64]


def evidence(problem: BruteForce, seed: int) -> NDArray[np.int64]:
    """Some tokens of some valid canvas, -1 elsewhere; behind its end of turn, tokens of any kind."""
    rng = np.random.default_rng(seed)
    outcomes = sorted(problem.outcomes())
    ids = outcomes[rng.integers(len(outcomes))]
    canvas = np.append(np.array(ids), rng.integers(len(problem.tokens), size=problem.length - len(ids)))
    return np.where(rng.random(problem.length) < rng.random(), canvas, -1).astype(np.int64)


def posterior_given(problem: BruteForce, logits: torch.Tensor, tokens: NDArray[np.int64]) -> TokenPosterior:
    canvas = TokenConstraints([constraint_of(problem)] * len(logits)).canvas(problem.length, problem.budget)
    canvas.settle(torch.from_numpy(tokens).expand(len(logits), -1))
    return canvas.posterior(logits.clone())


def certain(log_p: Log, tokens: NDArray[np.int64]) -> Log:
    """`log_p` with all the mass of a given position on its token."""
    out = log_p.copy()
    for position, token in enumerate(tokens):
        if token >= 0:
            out[position] = -np.inf
            out[position, token] = 0.0
    return out


@given(problems(), st.integers(0, 2**31))
@settings(max_examples=150, deadline=None)
def test_log_z_marginals_and_the_best_equal_brute_force(problem: BruteForce, seed: int) -> None:
    constraint_of(problem)
    logits, tokens = random_logits(problem, seed), evidence(problem, seed)
    log_p = certain(logits[0].double().log_softmax(-1).numpy(), tokens)
    posterior = posterior_given(problem, logits, tokens)
    weights = problem.weights(log_p)
    assert posterior.log_z.item() == pytest.approx(np.log(sum(weights.values())), abs=1e-4)
    expected = problem.marginals(log_p)
    assert np.allclose(posterior.shape()[0].double().softmax(-1).numpy(), expected, atol=1e-5)
    surprise = np.where(expected > 0, -expected * np.log(np.maximum(expected, 1e-300)), 0.0)
    assert np.allclose(posterior.entropy[0].numpy(), surprise.sum(-1), atol=1e-4)
    best = weights[outcome(problem, posterior.map()[0].tolist())]
    assert best == pytest.approx(max(weights.values()), rel=1e-5)
    assert posterior.probability().item() == pytest.approx(best / sum(weights.values()), rel=1e-3)


@given(problems(), st.integers(0, 2**31))
@settings(max_examples=150, deadline=None)
def test_masks_are_the_tokens_of_valid_canvases_that_have_what_is_given(problem: BruteForce, seed: int) -> None:
    tokens = constraint_of(problem).tokens
    given_ = evidence(problem, seed)
    fits = [ids for ids in problem.outcomes() if all(v < 0 or v == t for v, t in zip(given_, ids, strict=False))]
    expected = np.zeros((problem.length, len(problem.tokens)), np.bool_)
    for ids in fits:
        expected[range(len(ids)), ids] = True
        expected[len(ids) :] = True
    for position in np.flatnonzero(given_ >= 0):
        expected[position] = np.arange(len(problem.tokens)) == given_[position]
    words = Lattice(tokens, 0, problem.length, problem.budget, given_).masks()
    bits = np.unpackbits(words.view(np.uint8), axis=1, bitorder="little").astype(np.bool_)
    assert (bits[:, : len(problem.tokens)] == expected).all()


@pytest.mark.parametrize("poison", [float("-inf"), float("nan"), float("inf"), 1e38, -1e38])
@given(problem=problems(), seed=st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_whatever_the_floats_draws_are_valid_and_have_what_is_given(
    poison: float, problem: BruteForce, seed: int
) -> None:
    constraint_of(problem)
    logits, tokens = random_logits(problem, seed), evidence(problem, seed)
    generator = torch.Generator().manual_seed(seed)
    logits[torch.rand(logits.shape, generator=generator) < 0.6] = poison
    posterior = posterior_given(problem, logits, tokens)
    valid = set(problem.outcomes())
    for drawn in (posterior.map(), posterior.sample(generator)):
        ids = outcome(problem, drawn[0].tolist())
        assert ids in valid
        assert all(token in (-1, at) for token, at in zip(tokens, drawn[0].tolist(), strict=True))


def test_a_given_token_stands_though_the_model_would_rather_lose_it() -> None:
    """`aab` and `bba` lead to the same state: with `a` in the third place, the way of `aab` has to be cut itself."""
    vocabulary = Vocabulary([b"a", b"b", b"x", b"y", None], [4])
    canvas = TokenConstraints([compile(Regex("aabxx|bbaxx|aaayy"), vocabulary)]).canvas(5, 5)
    canvas.settle(torch.tensor([[-1, -1, 0, -1, -1]]))
    logits = torch.full((1, 5, 5), -torch.inf)
    logits[:, :2, 0] = logits[:, 3:, 2] = 0.0
    posterior = canvas.posterior(logits)
    for drawn in (posterior.map(), posterior.sample(torch.Generator().manual_seed(0))):
        assert drawn[0].tolist() in ([1, 1, 0, 2, 2], [0, 0, 0, 3, 3])


@given(problems(), st.integers(0, 2**31))
@settings(max_examples=60, deadline=None)
def test_any_part_of_a_draw_can_be_given_again_and_again(problem: BruteForce, seed: int) -> None:
    """As masked diffusion does: what is settled grows by parts of draws, each given all before."""
    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    canvas = TokenConstraints([constraint_of(problem)]).canvas(problem.length, problem.budget)
    tokens = torch.full((1, problem.length), -1)
    for _ in range(problem.length):
        canvas.settle(tokens)
        draw = canvas.posterior(random_logits(problem, seed)).sample(generator)
        kept = (tokens >= 0) | torch.from_numpy(rng.random(problem.length) < 0.4)
        assert torch.equal(draw[tokens >= 0], tokens[tokens >= 0])
        tokens = torch.where(kept, draw, -1)
    assert outcome(problem, draw[0].tolist()) in set(problem.outcomes())


def test_what_is_settled_is_replaced_not_added_to() -> None:
    vocabulary = Vocabulary([b"a", b"b", None], [2])
    canvas = TokenConstraints([compile(Regex("aa|bb"), vocabulary)]).canvas(2, 2)
    canvas.settle(torch.tensor([[0, -1]]))
    assert canvas.posterior(torch.zeros(1, 2, 3)).map().tolist() == [[0, 0]]
    canvas.settle(torch.tensor([[-1, 1]]))
    assert canvas.posterior(torch.zeros(1, 2, 3)).map().tolist() == [[1, 1]]
    assert not canvas.determined[0, 0] or canvas.lattices[0].options.tolist() == [1, 1]


def test_what_fits_nothing_valid_is_refused() -> None:
    lattice = Lattice(compile(Regex("aa|bb"), Vocabulary([b"a", b"b", None], [2])).tokens, 0, 2, 2)
    with pytest.raises(UnsatisfiableError, match="nothing valid has the given tokens"):
        replace(lattice, given=np.array([0, 1]))


def test_behind_the_end_of_turn_it_stands_again_where_tokens_may_be_settled() -> None:
    """A token that means nothing behind one end of turn would be text before another."""
    vocabulary = Vocabulary([b"a", b"b", None], [2])
    canvas = TokenConstraints([compile(Regex("a*"), vocabulary)] * 50).canvas(6, 6)
    canvas.settle(torch.full((50, 6), -1))
    for ids in canvas.posterior(torch.zeros(50, 6, 3)).sample(torch.Generator().manual_seed(0)).tolist():
        text = ids[: ids.index(2)] if 2 in ids else ids
        assert ids == text + [2] * (6 - len(text))


def test_a_search_for_what_passes_a_check_keeps_what_is_given() -> None:
    """Of arrays of three different digits, those that have a 3 in the middle."""
    vocabulary = Vocabulary([b"1", b"2", b"3", b"[", b",", b"]", None], [6])
    spec = JsonSchema(
        {"type": "array", "items": {"enum": [1, 2, 3]}, "uniqueItems": True, "minItems": 3, "maxItems": 3}
    )
    constraint = compile(JsonSchema(spec.schema, whitespace="compact"), vocabulary)
    canvas = TokenConstraints([constraint], effort=Effort(total=999)).canvas(8, 8)
    tokens = torch.tensor([[-1, -1, -1, 2, -1, -1, -1, -1]])
    logits = torch.zeros(1, 8, 7)
    logits[..., 2] = 5.0
    canvas.settle(tokens)
    posterior = canvas.posterior(logits)
    for drawn in (posterior.map(), posterior.sample(torch.Generator().manual_seed(0))):
        text = constraint.text(drawn[0].tolist())
        assert text in ("[1,3,2]", "[2,3,1]")


def test_without_a_constraint_only_the_open_positions_vary() -> None:
    canvas = Unconstrained([2], device=torch.device("cpu")).canvas(4, 4)
    canvas.settle(torch.tensor([[1, -1, 0, -1]]))
    posterior = canvas.posterior(torch.zeros(1, 4, 3))
    draws = torch.cat([posterior.sample(torch.Generator().manual_seed(seed)) for seed in range(20)])
    assert draws[:, 0].eq(1).all()
    assert draws[:, 2].eq(0).all()
    assert draws[:, 1].unique().tolist() == [0, 1, 2]
    assert posterior.entropy[0].tolist() == pytest.approx([0, np.log(3), 0, np.log(3)], abs=1e-6)
    assert canvas.canvas(4, 4).posterior(torch.zeros(1, 4, 3)).entropy.min() > 1
