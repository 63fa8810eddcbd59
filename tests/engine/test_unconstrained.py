"""No constraint: the model's own distribution, position by position."""

from __future__ import annotations

import torch

from constrain.engine.unconstrained import Unconstrained

CPU = torch.device("cpu")
LOGITS = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(0))


def test_all_mass_is_valid_nothing_is_forced_everything_is_undecided() -> None:
    posterior = Unconstrained([4], device=CPU).canvas(3, 3).posterior(LOGITS)
    assert posterior.log_z.tolist() == [0.0, 0.0]
    assert posterior.forced.tolist() == [False, False]
    assert posterior.undecided.all()
    assert posterior.shape() is LOGITS


def test_the_best_canvas_and_its_probability() -> None:
    posterior = Unconstrained([4], device=CPU).posterior(LOGITS)
    assert torch.equal(posterior.map(), LOGITS.argmax(-1))
    expected = LOGITS.double().softmax(-1).amax(-1).prod(-1)
    torch.testing.assert_close(posterior.probability(), expected, rtol=1e-6, atol=0)


def test_entropy_is_that_of_each_position() -> None:
    p = LOGITS.softmax(-1)
    expected = -(p * p.log()).sum(-1)
    torch.testing.assert_close(Unconstrained([4], device=CPU).posterior(LOGITS).entropy, expected)


def test_samples_follow_the_marginals() -> None:
    posterior = Unconstrained([4], device=CPU).posterior(LOGITS)
    generator = torch.Generator().manual_seed(0)
    draws = torch.stack([posterior.sample(generator) for _ in range(4000)])
    counts = torch.nn.functional.one_hot(draws, 5).sum(0)
    expected = 4000 * LOGITS.softmax(-1)
    chi_square = ((counts - expected) ** 2 / expected).sum()
    assert chi_square < 51.2  # 99.9% quantile at 2 * 3 * 4 degrees of freedom


def test_a_row_is_complete_when_it_ends_its_turn() -> None:
    constraints = Unconstrained([4, 2], device=CPU)
    assert constraints.commit(torch.tensor([[1, 2, 3], [0, 1, 3], [4, 4, 4]])).tolist() == [True, False, True]


def test_without_end_of_turn_ids_no_row_is_ever_complete() -> None:
    assert Unconstrained([], device=CPU).commit(torch.tensor([[1, 2, 3]])).tolist() == [False]
