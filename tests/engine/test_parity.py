"""Without a constraint the loop is transformers' `generate`, token for token and pass for pass."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from transformers.models.diffusion_gemma.generation_diffusion_gemma import EntropyBoundSamplerConfig

from constrain.engine.diffusion_gemma import DiffusionGemma, Settings
from constrain.engine.refine import Draft, decode
from constrain.engine.unconstrained import Unconstrained
from tests.models import tiny_model

VOCAB = 64
CANVAS = 12

each_cache = pytest.mark.parametrize("cache", ["dynamic", "static"])
"""The cache of both, uncompiled; `test_static_cache` has what is compiled."""


def prompts(lengths: tuple[int, ...] = (9, 4, 6), seed: int = 5) -> tuple[Tensor, Tensor]:
    """Random prompts of these lengths, padded on the left, and their attention mask."""
    width = max(lengths)
    ids = torch.randint(1, VOCAB, (len(lengths), width), generator=torch.Generator().manual_seed(seed))
    mask = torch.arange(width) >= width - torch.tensor(lengths)[:, None]
    return ids * mask, mask.long()


def ours(model: Any, ids: Tensor, mask: Tensor, *, seed: int, tokens: int, passes: int) -> Draft:
    settings = Settings.of(model)
    *_, last = decode(
        DiffusionGemma(model, ids, mask, settings),
        Unconstrained(settings.end_of_turn, device=ids.device),
        max_new_tokens=tokens,
        max_passes=passes,
        stop=settings.stop_rule(),
        generator=torch.Generator().manual_seed(seed),
    )
    return last


def assert_same(
    model: Any, *, seed: int, tokens: int, passes: int, cache: str = "dynamic", theirs_has: str | None = None
) -> Draft:
    """Ours with this cache, and transformers' own with the same, unless it has another."""
    ids, mask = prompts()
    model.generation_config.cache_implementation = cache
    model.generation_config.disable_compile = True
    limits = {"max_new_tokens": tokens, "max_denoising_steps": passes}
    torch.manual_seed(seed)
    theirs = model.generate(ids, attention_mask=mask, cache_implementation=theirs_has or cache, **limits)
    draft = ours(model, ids, mask, seed=seed, tokens=tokens, passes=passes)
    written = theirs.sequences[:, ids.shape[1] :]
    assert torch.equal(draft.tokens, written)
    pad = model.generation_config.pad_token_id
    counted = torch.tensor(written.shape[1]) if pad is None else (written != pad).sum(-1)
    assert torch.equal(theirs.tokens_per_forward, counted / torch.tensor(draft.passes, dtype=torch.int32))
    return draft


def tiny(**options: Any) -> Any:
    return tiny_model(**{"vocab_size": VOCAB, "canvas_length": CANVAS, "pad_token_id": 0} | options)


def settling(**options: Any) -> Any:
    """A model that copies what it accepts and accepts everything: its best canvas is stable after some ten passes."""
    accept_all = EntropyBoundSamplerConfig(100.0)
    return tiny(**{"sharpness": 30.0, "confidence_threshold": 10.0, "sampler_config": accept_all} | options)


@each_cache
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("passes", [1, 2, 7])
def test_a_left_padded_batch_over_three_canvases(seed: int, passes: int, cache: str) -> None:
    model = tiny(seed=seed)
    draft = assert_same(model, seed=seed, tokens=3 * CANVAS - 1, passes=passes, cache=cache)
    assert draft.reasons == ("budget",) * 3
    assert draft.passes == (3 * passes,) * 3


@each_cache
@pytest.mark.parametrize("seed", range(4))
def test_rows_that_end_in_different_canvases(seed: int, cache: str) -> None:
    draft = assert_same(tiny(eos_token_id=[3, 9]), seed=seed, tokens=6 * CANVAS, passes=3, cache=cache)
    assert len(set(draft.canvases)) > 1


@each_cache
@pytest.mark.parametrize("seed", range(4))
def test_rows_that_stop_at_different_passes(seed: int, cache: str) -> None:
    draft = assert_same(settling(), seed=seed, tokens=2 * CANVAS, passes=30, cache=cache)
    assert draft.reasons == ("stable",) * 3
    assert len(set(draft.passes)) == 3


@each_cache
@pytest.mark.parametrize("seed", range(3))
def test_rows_that_end_and_stop_at_different_times(seed: int, cache: str) -> None:
    draft = assert_same(settling(eos_token_id=10), seed=seed, tokens=4 * CANVAS, passes=8, cache=cache)
    assert len(set(draft.canvases)) > 1
    assert len(set(draft.passes)) > 1
    assert "stable" in draft.reasons


@each_cache
@pytest.mark.parametrize(("stability", "confidence"), [(0, 3.3), (2, 10.0)])
def test_other_stop_thresholds(stability: int, confidence: float, cache: str) -> None:
    model = tiny(
        sharpness=3.0 if stability == 0 else 30.0,
        stability_threshold=stability,
        confidence_threshold=confidence,
    )
    draft = assert_same(model, seed=0, tokens=2 * CANVAS, passes=25, cache=cache)
    assert "stable" in draft.reasons


@each_cache
def test_without_a_pad_token_nothing_is_replaced(cache: str) -> None:
    assert_same(tiny(pad_token_id=None, eos_token_id=[3, 9]), seed=0, tokens=3 * CANVAS, passes=3, cache=cache)


@each_cache
@pytest.mark.parametrize("window", [5, 9, 20, 32])
def test_a_window_shorter_than_the_text(window: int, cache: str) -> None:
    assert_same(tiny(sliding_window=window), seed=1, tokens=3 * CANVAS, passes=3, cache=cache, theirs_has="dynamic")


@each_cache
def test_a_model_in_bfloat16(cache: str) -> None:
    draft = assert_same(settling().to(torch.bfloat16), seed=0, tokens=2 * CANVAS, passes=12, cache=cache)
    assert len(set(draft.passes)) > 1


@each_cache
def test_other_temperatures_and_bounds(cache: str) -> None:
    model = tiny(t_min=0.1, t_max=1.7, sampler_config=EntropyBoundSamplerConfig(3.0))
    assert_same(model, seed=2, tokens=2 * CANVAS, passes=5, cache=cache)
