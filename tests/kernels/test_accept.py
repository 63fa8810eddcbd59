"""Acceptance equals transformers' own sampler and a loop that takes positions one by one, ties and all."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from transformers.models.diffusion_gemma.generation_diffusion_gemma import (
    EntropyBoundSampler,
    EntropyBoundSamplerConfig,
)

from constrain.kernels.accept import accept, accept_reference, accept_triton
from tests.kernels.conftest import Kernel

STEP = 1 / 64
"""Entropies are multiples of it, so that no sum is rounded and every tie is one."""

entropies = st.lists(st.sampled_from([0, 1, 2, 3, 5, 8, 64, 700]), min_size=1, max_size=12)


def one_by_one(entropy: list[float], bound: float) -> list[bool]:
    accepted = [False] * len(entropy)
    total = 0.0
    for position in sorted(range(len(entropy)), key=lambda i: (math.isnan(entropy[i]), entropy[i], i)):
        accepted[position] = total <= bound and math.isfinite(entropy[position])
        total += entropy[position]
    return accepted


@given(entropies, st.integers(0, 40))
def test_positions_are_taken_in_order_of_entropy(units: list[int], limit: int) -> None:
    entropy = [STEP * unit for unit in units]
    assert accept(torch.tensor([entropy]), STEP * limit).tolist() == [one_by_one(entropy, STEP * limit)]


def test_the_reference_is_what_transformers_accepts() -> None:
    bound = 0.3
    logits = 3 * torch.randn((4, 50, 20), generator=torch.Generator().manual_seed(0))
    logits[:, ::7] = logits[:, ::7] * 9
    sampler = EntropyBoundSampler(EntropyBoundSamplerConfig(bound), 50, 20, 1)
    canvas = torch.zeros((4, 50), dtype=torch.int64)
    sampler.accept_canvas(canvas, canvas, logits, 1)
    entropy = torch.distributions.Categorical(logits=logits).entropy()
    assert torch.equal(accept(entropy, bound), sampler.accepted_token_mask)
    assert 0 < accept(entropy, bound).sum() < 200


def cases() -> list[tuple[Tensor, float]]:
    """Ties at the bound, no entropy at all, and what is not a number, in lengths that no block divides."""
    generator = torch.Generator().manual_seed(0)
    out = []
    for length in (1, 5, 32, 33, 150):
        units = torch.randint(0, 6, (4, length), generator=generator)
        units[1] = 0
        units[2] = 3
        out += [(STEP * units.float(), STEP * limit) for limit in (0, 3, 9)]
    odd = torch.tensor([[0.5, math.nan, 0.0, math.inf, 0.5, 0.25, math.nan, 0.0]])
    return [*out, (odd, 0.25), (odd, 100.0), (torch.full((1, 3), math.nan), 1.0)]


@pytest.mark.parametrize("case", cases())
def test_the_kernel_accepts_as_the_reference(kernel: Kernel, case: tuple[Tensor, float]) -> None:
    entropy, bound = case
    found, _ = kernel(accept_triton, entropy, bound)
    assert torch.equal(found, accept_reference(entropy, bound))
    assert found.tolist() == [one_by_one(row, bound) for row in entropy.tolist()]


def test_the_kernel_differs_from_the_reference_within_rounding_alone(kernel: Kernel) -> None:
    entropy = torch.rand((8, 100), generator=torch.Generator().manual_seed(2))
    for bound in (0.1, 1.0, 10.0):
        found, _ = kernel(accept_triton, entropy, bound)
        assert torch.equal(found, accept_reference(entropy, bound))
