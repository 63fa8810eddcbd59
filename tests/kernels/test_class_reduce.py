"""The class reduction equals one `log_softmax` and a loop over classes, whatever lies in unused memory."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from constrain.kernels import class_reduce as module
from constrain.kernels import row_blocks
from constrain.kernels.class_reduce import (
    FLOOR,
    ClassScores,
    class_reduce,
    class_reduce_reference,
    class_reduce_triton,
)
from constrain.kernels.pieces import Pieces
from tests.kernels.conftest import Kernel


def classes(vocabulary: int, count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A random `class_of` (class 1 is empty) with its `order` and `offsets`."""
    generator = torch.Generator().manual_seed(seed)
    class_of = torch.randint(0, count, (vocabulary,), generator=generator)
    class_of[class_of == 1] = 0
    order = torch.argsort(class_of, stable=True)
    offsets = torch.cat([torch.zeros(1, dtype=torch.int64), torch.bincount(class_of, minlength=count).cumsum(0)])
    return class_of, order, offsets


Reduce = Callable[..., ClassScores]


@pytest.fixture(params=[class_reduce, class_reduce_reference])
def reduce(request: pytest.FixtureRequest) -> Reduce:
    """What runs on a CPU, and the reference."""
    function: Reduce = request.param
    return function


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize(
    ("length", "vocabulary", "count", "block"), [(1, 1, 2, 64), (5, 97, 7, 64), (9, 301, 40, 1000)]
)
def test_every_figure_equals_the_naive_loop(
    reduce: Reduce,
    monkeypatch: pytest.MonkeyPatch,
    dtype: torch.dtype,
    length: int,
    vocabulary: int,
    count: int,
    block: int,
) -> None:
    monkeypatch.setattr(module, "_BLOCK", block)
    monkeypatch.setattr(row_blocks, "BLOCK", block)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    poisoned = torch.empty
    monkeypatch.setattr(torch, "empty", lambda *a, **k: poisoned(*a, **k).fill_(torch.nan))
    class_of, order, offsets = classes(vocabulary, count, seed=vocabulary)
    logits = (4 * torch.randn((length, vocabulary), generator=torch.Generator().manual_seed(1))).to(dtype)
    found = reduce(logits, order, offsets)
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


def test_what_the_model_rules_out_counts_as_the_floor(reduce: Reduce) -> None:
    logits = torch.tensor([[0.0, -math.inf, -1e30], [-math.inf, -math.inf, -math.inf]])
    found = reduce(logits, torch.arange(3), torch.arange(4))
    assert found.mass[0].tolist() == [0.0, FLOOR, FLOOR]
    assert torch.isfinite(found.mass).all()
    assert torch.isfinite(found.peak).all()


@pytest.mark.parametrize("poison", [math.nan, math.inf])
def test_a_poisoned_position_has_no_ranking_and_does_not_touch_its_neighbours(reduce: Reduce, poison: float) -> None:
    logits = torch.zeros((2, 4))
    logits[0, 2] = poison
    found = reduce(logits, torch.arange(4), torch.tensor([0, 2, 4]))
    assert (found.mass[0] == FLOOR).all()
    assert torch.allclose(found.mass[1].exp(), torch.tensor([0.5, 0.5]))


def test_the_logits_are_left_as_they_were(reduce: Reduce) -> None:
    logits = torch.randn((3, 8))
    before = logits.clone()
    reduce(logits, torch.arange(8), torch.tensor([0, 8]))
    assert torch.equal(logits, before)


def test_nothing_but_minus_infinity_leaves_no_ranking(reduce: Reduce) -> None:
    found = reduce(torch.full((1, 3), -math.inf), torch.arange(3), torch.arange(4))
    assert found.mass.tolist() == found.peak.tolist() == [[FLOOR] * 3]
    assert found.information.tolist() == [[0.0] * 3]


def test_a_temperature_divides_the_logits(reduce: Reduce) -> None:
    _, order, offsets = classes(97, 7, seed=3)
    logits = torch.randn((4, 97), generator=torch.Generator().manual_seed(3))
    found = reduce(logits, order, offsets, scale=torch.tensor(2.0))
    expected = reduce(logits / 0.5, order, offsets)
    assert torch.equal(found.mass, expected.mass)
    assert torch.equal(found.information, expected.information)
    assert torch.equal(found.normalizer, expected.normalizer)


def hostile(length: int, vocabulary: int, dtype: torch.dtype) -> Tensor:
    """Logits with ties and far apart; of the last four rows one is ruled out, one holds a NaN, one an infinity, and in
    one a single token is allowed.
    """
    logits = torch.randn((length, vocabulary), generator=torch.Generator().manual_seed(1))
    logits = (4 * logits).round() * torch.tensor([1.0, 1e3, 1e-3, 30.0]).repeat(length)[:length, None]
    logits[0, : vocabulary // 3] = -torch.inf
    if length > 4:
        logits[-4], logits[-3, 0], logits[-2, -1], logits[-1, 1:] = -torch.inf, torch.nan, torch.inf, -torch.inf
    return logits.to(dtype)


SHAPES = [(1, 1, 2, 16), (6, 64, 1, 16), (9, 301, 40, 128), (7, 2100, 3, 512)]
"""Positions, ids, classes (of several, class 1 is empty), span of a window: up to 5 windows and 1,053 pieces."""


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_kernel_equals_the_naive_loop(kernel: Kernel, shape: tuple[int, int, int, int], dtype: torch.dtype) -> None:
    length, vocabulary, count, span = shape
    class_of, order, offsets = classes(vocabulary, count, seed=vocabulary)
    logits, scale = hostile(length, vocabulary, dtype), torch.tensor(1.25)
    pieces = Pieces.of(order, offsets, span=span, width=2)
    found, _ = kernel(class_reduce_triton, logits, order, offsets, scale=scale, pieces=pieces)
    x = logits.float() * scale
    ranked = x.isfinite().any(1) & ~(x.isnan() | x.isposinf()).any(1)
    log_p = torch.where(ranked[:, None], x.double().log_softmax(-1), -torch.inf)
    assert torch.equal(found.normalizer.isfinite(), ranked)
    torch.testing.assert_close(
        found.normalizer[ranked].double(), x[ranked].double().logsumexp(-1), rtol=1e-5, atol=1e-5
    )
    for k in range(count):
        members = log_p[:, class_of == k]
        tokens = (class_of == k).nonzero()[:, 0]
        mass = members.logsumexp(-1).clamp(min=FLOOR)
        peak = torch.cat([members, torch.full((length, 1), FLOOR)], 1).amax(1).clamp(min=FLOOR)
        information = torch.special.entr(members.exp()).sum(-1).neg()
        torch.testing.assert_close(found.mass[:, k].double(), mass, rtol=1e-5, atol=2e-5)
        torch.testing.assert_close(found.peak[:, k].double(), peak, rtol=1e-5, atol=2e-5)
        torch.testing.assert_close(found.information[:, k].double(), information, rtol=1e-4, atol=2e-5)
        best = [first_best(x[i, tokens].tolist(), tokens.tolist()) for i in range(length)]
        assert found.best[:, k].tolist() == best
    assert found.drawn is None


def first_best(values: list[float], tokens: list[int]) -> int:
    """The first token of the largest value, of which NaN is none."""
    ranked = [(-(-math.inf if math.isnan(v) else v), token) for v, token in zip(values, tokens, strict=True)]
    return min(ranked)[1] if ranked else -1


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_kernel_equals_the_reference(kernel: Kernel, shape: tuple[int, int, int, int], dtype: torch.dtype) -> None:
    length, vocabulary, count, span = shape
    _, order, offsets = classes(vocabulary, count, seed=vocabulary)
    logits = hostile(length, vocabulary, dtype)
    logits[logits > 100] = 100.0  # the reference rounds masses under exp(-87) down to the peak
    pieces = Pieces.of(order, offsets, span=span, width=2)
    options = {"pieces": pieces, "seed": torch.tensor(5)}
    found, _ = kernel(class_reduce_triton, logits, order, offsets, **options)
    expected = class_reduce_reference(logits, order, offsets, **options)
    assert torch.equal(found.best, expected.best)
    assert torch.equal(found.drawn, expected.drawn)
    near = expected.mass > -80
    torch.testing.assert_close(found.mass[near], expected.mass[near], rtol=1e-5, atol=2e-5)
    assert torch.equal(found.mass == FLOOR, expected.mass == FLOOR)
    torch.testing.assert_close(found.peak, expected.peak, rtol=1e-5, atol=2e-5)
    torch.testing.assert_close(found.information, expected.information, rtol=1e-4, atol=2e-5)
    torch.testing.assert_close(found.normalizer, expected.normalizer, rtol=1e-5, atol=2e-5, equal_nan=True)


def test_without_pieces_no_tokens_are_chosen(kernel: Kernel) -> None:
    _, order, offsets = classes(50, 4, seed=0)
    logits = torch.randn((2, 50), generator=torch.Generator().manual_seed(0))
    found, _ = kernel(class_reduce_triton, logits, order, offsets)
    torch.testing.assert_close(found.mass, class_reduce(logits, order, offsets).mass, rtol=1e-5, atol=2e-5)
    assert found.best is None
    assert found.drawn is None


def test_draws_within_a_class_follow_the_softmax() -> None:
    """Over several pieces; the reference, which the kernel equals. 5 standard deviations of a binomial count."""
    draws = 2000
    class_of, order, offsets = classes(24, 3, seed=2)
    row = torch.randn(24, generator=torch.Generator().manual_seed(4))
    logits = row.expand(draws, -1).contiguous()
    pieces = Pieces.of(order, offsets, span=8, width=2)
    drawn = class_reduce(logits, order, offsets, pieces=pieces, seed=torch.tensor(9)).drawn
    assert drawn is not None
    assert (drawn[:, 1] == -1).all()
    for k in (0, 2):
        tokens = (class_of == k).nonzero()[:, 0]
        for token, share in zip(tokens.tolist(), row[tokens].softmax(0).tolist(), strict=True):
            count = int((drawn[:, k] == token).sum())
            assert abs(count - draws * share) <= 5 * math.sqrt(draws * share * (1 - share)) + 1


def test_a_seed_is_enough_for_draws() -> None:
    _, order, offsets = classes(24, 3, seed=2)
    logits = torch.randn((2, 24), generator=torch.Generator().manual_seed(4))
    found = class_reduce(logits, order, offsets, seed=torch.tensor(9))
    expected = class_reduce(logits, order, offsets, pieces=Pieces.of(order, offsets), seed=torch.tensor(9))
    assert found.drawn is not None
    assert expected.drawn is not None
    assert torch.equal(found.drawn, expected.drawn)


def test_where_the_model_rules_a_class_out_the_draw_is_its_first_token() -> None:
    order, offsets = torch.arange(6), torch.tensor([0, 2, 6])
    logits = torch.tensor([[0.0, 0.0, *[-math.inf] * 4], [math.nan, 1.0, 0.0, 3.0, 2.0, -1.0]])
    pieces = Pieces.of(order, offsets, width=2)
    found = class_reduce(logits, order, offsets, pieces=pieces, seed=torch.tensor(0))
    assert found.drawn is not None
    assert found.drawn[0, 1] == 2
    assert found.drawn[1].tolist() == [1, 3]
