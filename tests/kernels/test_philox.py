"""Philox has the answers that its authors publish, and the kernels draw what the reference does."""

from __future__ import annotations

import pytest
import torch

from constrain.kernels.philox import gumbel_of, philox, philox_triton, uniform_of
from tests.kernels.conftest import Kernel

KNOWN = [  # counter, key, words: `kat_vectors` of Random123, philox4x32 with 10 rounds
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


def seed_of(key: tuple[int, int]) -> torch.Tensor:
    word = key[0] | key[1] << 32
    return torch.tensor(word - (1 << 64) if word >> 63 else word)


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN)
def test_published_answers(counter: tuple[int, ...], key: tuple[int, int], words: tuple[int, ...]) -> None:
    a, b, c, d = (torch.tensor([word]) for word in counter)
    assert tuple(int(word) for word in philox(seed_of(key), (a, b, c, d))) == words


def test_numbers_lie_strictly_between_0_and_1_and_half_way_in_their_cells() -> None:
    words = torch.tensor([0, 511, 512, 0xFFFFFFFF])
    assert uniform_of(words).tolist() == [2**-24, 2**-24, 3 * 2**-24, 1 - 2**-24]
    assert gumbel_of(words).isfinite().all()


def test_gumbel_noise_has_its_mean_and_variance() -> None:
    zero = torch.zeros(100_000, dtype=torch.int64)
    noise = gumbel_of(philox(torch.tensor(1), (torch.arange(100_000), zero, zero, zero))[0]).double()
    assert noise.mean().item() == pytest.approx(0.5772, abs=5 * 1.2826 / 100_000**0.5)
    assert noise.var().item() == pytest.approx(1.6449, rel=0.05)


def test_the_kernel_draws_as_the_reference(kernel: Kernel) -> None:
    generator = torch.Generator().manual_seed(0)
    counter = torch.randint(0, 1 << 31, (4, 100), generator=generator)
    for seed in (torch.tensor(7), torch.tensor(1 << 62), torch.tensor(-3)):
        (words, uniform, gumbel), _ = kernel(philox_triton, seed, counter)
        expected = philox(seed, tuple(counter))  # type: ignore[arg-type]
        assert torch.equal(words, torch.stack(expected))
        assert torch.equal(uniform, uniform_of(expected[0]))
        torch.testing.assert_close(gumbel, gumbel_of(expected[0]), rtol=1e-5, atol=1e-5)
