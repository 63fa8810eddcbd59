"""Packed masks equal numpy's bits and Python's sets; the kernels equal the references bit by bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from constrain.kernels import bitmask
from tests.kernels.conftest import Kernel

WIDTHS = [1, 31, 32, 33, 64, 200, 4097]


def random_mask(rows: int, vocabulary: int, share: float = 0.5) -> Tensor:
    mask = torch.rand((rows, vocabulary), generator=torch.Generator().manual_seed(vocabulary)) < share
    mask[0] = True
    mask[-1, : vocabulary // 2] = False
    return mask


def random_logits(rows: int, vocabulary: int, dtype: torch.dtype) -> Tensor:
    logits = torch.randn((rows, vocabulary), generator=torch.Generator().manual_seed(1)).to(dtype)
    logits[0, 0], logits[-1, -1] = -torch.inf, torch.nan
    return logits


@pytest.mark.parametrize("vocabulary", WIDTHS)
def test_token_t_is_bit_t_mod_32_of_word_t_div_32(vocabulary: int) -> None:
    mask = random_mask(3, vocabulary)
    packed = bitmask.pack(mask)
    padded = np.pad(mask.numpy(), ((0, 0), (0, -vocabulary % 32)))
    assert np.array_equal(packed.numpy(), np.packbits(padded, axis=1, bitorder="little").view("<i4"))
    for row, words in zip(mask.tolist(), packed.tolist(), strict=True):
        number = sum((word & 0xFFFFFFFF) << (32 * i) for i, word in enumerate(words))
        assert [bool(number >> t & 1) for t in range(32 * len(words))] == row + [False] * (-vocabulary % 32)


@pytest.mark.parametrize("vocabulary", WIDTHS)
def test_the_count_is_the_number_of_tokens(vocabulary: int) -> None:
    mask = random_mask(5, vocabulary)
    assert torch.equal(bitmask.count(bitmask.pack(mask)), mask.sum(-1))
    assert torch.equal(bitmask.count(bitmask.pack(mask)[None]), mask.sum(-1)[None])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_tokens_outside_the_set_get_minus_infinity(dtype: torch.dtype) -> None:
    mask, logits = random_mask(4, 70), random_logits(4, 70, dtype)
    expected = logits.masked_fill(~mask, -torch.inf)
    same = {"rtol": 0.0, "atol": 0.0, "equal_nan": True}
    before = logits.clone()
    torch.testing.assert_close(bitmask.apply(logits, bitmask.pack(mask)), expected, **same)
    torch.testing.assert_close(logits, before, **same)
    assert bitmask.apply(logits, bitmask.pack(mask), out=logits) is logits
    torch.testing.assert_close(logits, expected, **same)


def test_ids_without_a_bit_are_ruled_out_and_bits_without_an_id_do_not_matter() -> None:
    bits = bitmask.pack(torch.ones((2, 32), dtype=torch.bool))
    assert bitmask.apply(torch.zeros((2, 40)), bits).tolist() == [[0.0] * 32 + [-torch.inf] * 8] * 2
    assert bitmask.apply(torch.zeros((2, 40)), bits.new_zeros((2, 0))).isneginf().all()
    assert bitmask.apply(torch.zeros((2, 5)), bits).tolist() == [[0.0] * 5] * 2


@pytest.mark.parametrize("vocabulary", WIDTHS)
def test_the_kernels_pack_and_count_as_the_references(kernel: Kernel, vocabulary: int) -> None:
    mask = random_mask(3, vocabulary)
    packed, _ = kernel(bitmask.pack_triton, mask)
    assert torch.equal(packed, bitmask.pack_reference(mask))
    counted, _ = kernel(bitmask.count_triton, packed)
    assert torch.equal(counted, bitmask.count_reference(packed))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize(("vocabulary", "bits"), [(1, 1), (70, 70), (70, 32), (5, 64), (4100, 4100)])
def test_the_kernel_applies_as_the_reference(kernel: Kernel, dtype: torch.dtype, vocabulary: int, bits: int) -> None:
    logits, packed = random_logits(3, vocabulary, dtype), bitmask.pack(random_mask(3, bits))
    expected = bitmask.apply_reference(logits, packed)
    same = {"rtol": 0.0, "atol": 0.0, "equal_nan": True}
    found, (after, *_) = kernel(bitmask.apply_triton, logits, packed)
    torch.testing.assert_close(found, expected, **same)
    torch.testing.assert_close(after, logits, **same)
    _, (after, *_) = kernel(apply_in_place, logits, packed)
    torch.testing.assert_close(after, expected, **same)


def apply_in_place(logits: Tensor, bits: Tensor) -> Tensor:
    return bitmask.apply_triton(logits, bits, out=logits)
