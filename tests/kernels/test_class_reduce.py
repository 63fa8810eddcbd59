"""The class reduction equals one `log_softmax` and a loop over classes, whatever lies in unused memory."""

from __future__ import annotations

import math

import pytest
import torch

from constrain.kernels import class_reduce as module
from constrain.kernels.class_reduce import FLOOR, class_reduce


def classes(vocabulary: int, count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A random `class_of` (class 1 is empty) with its `order` and `offsets`."""
    generator = torch.Generator().manual_seed(seed)
    class_of = torch.randint(0, count, (vocabulary,), generator=generator)
    class_of[class_of == 1] = 0
    order = torch.argsort(class_of, stable=True)
    offsets = torch.cat([torch.zeros(1, dtype=torch.int64), torch.bincount(class_of, minlength=count).cumsum(0)])
    return class_of, order, offsets


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize(
    ("length", "vocabulary", "count", "block"), [(1, 1, 2, 64), (5, 97, 7, 64), (9, 301, 40, 1000)]
)
def test_every_figure_equals_the_naive_loop(
    monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype, length: int, vocabulary: int, count: int, block: int
) -> None:
    monkeypatch.setattr(module, "_BLOCK", block)
    poisoned = torch.empty
    monkeypatch.setattr(torch, "empty", lambda *a, **k: poisoned(*a, **k).fill_(torch.nan))
    class_of, order, offsets = classes(vocabulary, count, seed=vocabulary)
    logits = (4 * torch.randn((length, vocabulary), generator=torch.Generator().manual_seed(1))).to(dtype)
    found = class_reduce(logits, order, offsets)
    log_p = logits.double().log_softmax(-1)
    assert torch.allclose(found.normalizer.double(), logits.double().logsumexp(-1), atol=1e-5)
    for k in range(count):
        members = log_p[:, class_of == k]
        if members.shape[1] == 0:
            assert (found.mass[:, k] == FLOOR).all()
            assert (found.information[:, k] == 0).all()
            continue
        assert torch.allclose(found.mass[:, k].double(), members.logsumexp(-1), atol=1e-5)
        assert torch.allclose(found.peak[:, k].double(), members.amax(-1), atol=1e-5)
        assert torch.allclose(found.information[:, k].double(), (members.exp() * members).sum(-1), atol=1e-5)


def test_what_the_model_rules_out_counts_as_the_floor() -> None:
    logits = torch.tensor([[0.0, -math.inf, -1e30], [-math.inf, -math.inf, -math.inf]])
    found = class_reduce(logits, torch.arange(3), torch.arange(4))
    assert found.mass[0].tolist() == [0.0, FLOOR, FLOOR]
    assert torch.isfinite(found.mass).all()
    assert torch.isfinite(found.peak).all()


@pytest.mark.parametrize("poison", [math.nan, math.inf])
def test_a_poisoned_position_has_no_ranking_and_does_not_touch_its_neighbours(poison: float) -> None:
    logits = torch.zeros((2, 4))
    logits[0, 2] = poison
    found = class_reduce(logits, torch.arange(4), torch.tensor([0, 2, 4]))
    assert (found.mass[0] == FLOOR).all()
    assert torch.allclose(found.mass[1].exp(), torch.tensor([0.5, 0.5]))


def test_the_logits_are_left_as_they_were() -> None:
    logits = torch.randn((3, 8))
    before = logits.clone()
    class_reduce(logits, torch.arange(8), torch.tensor([0, 8]))
    assert torch.equal(logits, before)
