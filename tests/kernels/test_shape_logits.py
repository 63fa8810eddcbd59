"""A class bias is added to each of the class's logits."""

from __future__ import annotations

import pytest
import torch

from constrain.kernels.shape_logits import shape_logits


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_every_logit_gets_the_bias_of_its_class(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn((3, 11), generator=generator).to(dtype)
    bias = torch.randn((3, 4), generator=generator)
    bias[1, 2] = -torch.inf
    class_of = torch.randint(0, 4, (11,), generator=generator)
    expected = torch.stack(
        [torch.stack([logits[i, v] + bias[i, class_of[v]].to(dtype) for v in range(11)]) for i in range(3)]
    )
    assert torch.equal(shape_logits(logits, bias, class_of), expected)
    out = torch.full_like(logits, torch.nan)
    shape_logits(logits, bias, class_of, out=out)
    assert torch.equal(out, expected)
