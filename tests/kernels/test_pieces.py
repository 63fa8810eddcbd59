"""Pieces divide the vocabulary as they say, and the kernel reduces and draws on them as the reference does."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from constrain.kernels.pieces import Pieces, piece_reduce_reference, piece_reduce_triton
from tests.kernels.conftest import Kernel


def tables(labels: list[int], classes: int) -> tuple[Tensor, Tensor]:
    """`order` and `offsets` of the classes of ids 0, 1, ..."""
    class_of = torch.tensor(labels)
    count = torch.bincount(class_of, minlength=classes)
    return torch.argsort(class_of, stable=True), torch.cat([count.new_zeros(1), count.cumsum(0)])


def random_pieces(vocabulary: int, classes: int, span: int, width: int) -> Pieces:
    labels = torch.randint(0, classes, (vocabulary,), generator=torch.Generator().manual_seed(vocabulary)).tolist()
    return Pieces.of(*tables(labels, classes), span=span, width=width)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=40), st.sampled_from([1, 3, 8, 64]), st.sampled_from([1, 4]))
def test_every_token_is_in_one_piece_of_its_class_and_window(labels: list[int], span: int, width: int) -> None:
    pieces = Pieces.of(*tables(labels, 6), span=span, width=width)  # class 5 is empty
    contents = [[t for t in piece if t < len(labels)] for piece in pieces.tokens.tolist()]
    assert Counter(t for piece in contents for t in piece) == Counter(range(len(labels)))
    assert all(piece and piece == sorted(piece) for piece in contents)
    assert all(len({(labels[t], t // span) for t in piece}) == 1 for piece in contents)
    windows = [piece[0] // span for piece in contents]
    bounds = pieces.window.tolist()
    assert windows == [w for w, (a, b) in enumerate(pairwise(bounds)) for _ in range(b - a)]
    first, member = pieces.first.tolist(), pieces.member.tolist()
    for k in range(6):
        own = [t for p in member[first[k] : first[k + 1]] for t in contents[p]]
        assert own == [t for t, label in enumerate(labels) if label == k]
    assert pieces.count == len(member) == first[-1]


SHAPES = [(1, 1, 1, 8, 4), (3, 100, 1, 64, 16), (5, 301, 40, 128, 8), (2, 130, 7, 32, 64)]
"""Positions, ids, classes, span, width."""


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_kernel_equals_the_reference(
    kernel: Kernel, shape: tuple[int, int, int, int, int], dtype: torch.dtype
) -> None:
    length, vocabulary, *rest = shape
    pieces = random_pieces(vocabulary, *rest)
    logits = (4 * torch.randn((length, vocabulary), generator=torch.Generator().manual_seed(1))).to(dtype)
    logits[-1, : vocabulary // 2] = -torch.inf
    logits[-1, -1] = torch.nan
    logits[0, 0] = torch.inf
    options = {"scale": torch.tensor(1.25), "seed": torch.tensor(11)}
    found, _ = kernel(piece_reduce_triton, logits, pieces, **options)
    expected = piece_reduce_reference(logits, pieces, **options)
    assert torch.equal(found.top, expected.top)
    assert torch.equal(found.best, expected.best)
    assert torch.equal(found.drawn, expected.drawn)
    torch.testing.assert_close(found.total, expected.total, rtol=1e-5, atol=0.0, equal_nan=True)
    sound = expected.total.isfinite()
    assert not sound.all()
    torch.testing.assert_close(found.product[sound], expected.product[sound], rtol=1e-4, atol=1e-5)
    assert (found.drawn != found.best).any() or vocabulary == 1


def test_what_is_not_asked_for_is_not_computed(kernel: Kernel) -> None:
    pieces = random_pieces(20, 3, 8, 4)
    found, _ = kernel(piece_reduce_triton, torch.zeros((2, 20)), pieces, choose=False)
    assert found.best is None
    assert found.drawn is None
    assert torch.equal(found.total, piece_reduce_reference(torch.zeros((2, 20)), pieces).total)


def test_draws_follow_the_weights(kernel: Kernel) -> None:
    """One piece at many positions, each with random numbers of its own; 5 standard deviations of a binomial count."""
    draws, p = 6000, [0.5, 0.25, 0.2, 0.05, 0.0]
    pieces = Pieces.of(torch.arange(5), torch.tensor([0, 5]), width=8)
    logits = torch.tensor([[math.log(each) if each else -math.inf for each in p]]).expand(draws, -1).contiguous()
    expected = piece_reduce_reference(logits[:50], pieces, seed=torch.tensor(3)).drawn
    found = kernel(piece_reduce_triton, logits[:50], pieces, seed=torch.tensor(3))[0].drawn
    assert expected is not None
    assert torch.equal(found, expected)
    drawn = piece_reduce_reference(logits, pieces, seed=torch.tensor(3)).drawn
    assert drawn is not None
    count = Counter(drawn.flatten().tolist())
    for token, share in enumerate(p):
        assert abs(count[token] - draws * share) <= 5 * math.sqrt(draws * share * (1 - share))
