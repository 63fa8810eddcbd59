"""A class bias is added to each of the class's logits; the kernel equals the reference."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from constrain.kernels import row_blocks
from constrain.kernels.shape_logits import shape_logits, shape_logits_reference, shape_logits_triton
from tests.kernels.conftest import Kernel

DTYPES = [torch.float32, torch.bfloat16, torch.float16]


def case(length: int, vocabulary: int, classes: int, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """Logits, a bias that rules some classes out, and classes at random."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn((length, vocabulary), generator=generator).to(dtype)
    bias = torch.randn((length, classes), generator=generator)
    bias[-1, -1] = -torch.inf
    logits[0, 0], logits[-1, -1] = -torch.inf, torch.nan
    return logits, bias, torch.randint(0, classes, (vocabulary,), generator=generator)


def assert_same(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=0.0, atol=0.0, equal_nan=True)


def assert_rounded_alike(found: Tensor, expected: Tensor) -> None:
    """The same, but for the last bit of a bfloat16: a GPU rounds to it, the interpreter cuts it off."""
    tolerance = torch.finfo(torch.bfloat16).eps if found.dtype == torch.bfloat16 else 0.0
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=0.0, equal_nan=True)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_logit_gets_the_bias_of_its_class(dtype: torch.dtype) -> None:
    logits, bias, class_of = case(3, 11, 4, dtype)
    expected = torch.stack(
        [torch.stack([logits[i, v] + bias[i, class_of[v]].to(dtype) for v in range(11)]) for i in range(3)]
    )
    assert_same(shape_logits(logits, bias, class_of), expected)
    out = torch.full_like(logits, torch.nan)
    shape_logits(logits, bias, class_of, out=out)
    assert_same(out, expected)
    shape_logits(logits, bias, class_of, out=logits)
    assert_same(logits, expected)


def test_rows_are_shared_out_among_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_blocks, "BLOCK", 100)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    logits, bias, class_of = case(9, 41, 5, torch.float32)
    assert_same(shape_logits(logits, bias, class_of), shape_logits_reference(logits, bias, class_of))


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_temperature_is_applied_before_the_bias(dtype: torch.dtype) -> None:
    logits, bias, class_of = case(3, 11, 4, dtype)
    expected = (logits.float() / 0.5 + bias[:, class_of]).to(dtype)
    assert_same(shape_logits(logits, bias, class_of, scale=torch.tensor(2.0)), expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 1, 1), (9, 70, 5), (3, 2050, 40)])
def test_the_kernel_equals_the_reference(kernel: Kernel, shape: tuple[int, int, int], dtype: torch.dtype) -> None:
    logits, bias, class_of = case(*shape, dtype)
    expected = shape_logits_reference(logits, bias, class_of)
    found, (after, *_) = kernel(shape_logits_triton, logits, bias, class_of)
    assert_rounded_alike(found, expected)
    assert_same(after, logits)
    _, (after, *_) = kernel(shape_in_place, logits, bias, class_of)
    assert_rounded_alike(after, expected)


def shape_in_place(logits: Tensor, bias: Tensor, class_of: Tensor) -> Tensor:
    return shape_logits_triton(logits, bias, class_of, out=logits)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_kernel_applies_a_temperature_as_the_reference(kernel: Kernel, dtype: torch.dtype) -> None:
    logits, bias, class_of = case(9, 70, 5, dtype)
    found, _ = kernel(shape_logits_triton, logits, bias, class_of, scale=torch.tensor(1.7))
    expected = shape_logits_reference(logits, bias, class_of, scale=torch.tensor(1.7))
    tolerance = torch.finfo(dtype).eps  # a compiler may add the product before that is rounded
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance, equal_nan=True)
