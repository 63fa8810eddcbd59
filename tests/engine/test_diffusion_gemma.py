"""The adapter, piece by piece, against the pieces of transformers' own generation code."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers.models.diffusion_gemma.generation_diffusion_gemma import (
    EntropyBoundSampler,
    EntropyBoundSamplerConfig,
    LinearTemperatureScheduleLogitsProcessor,
)

from constrain.engine.diffusion_gemma import DiffusionGemma, Settings
from constrain.engine.stopping import StopRule
from tests.models import tiny_model

VOCAB, LENGTH = 40, 12


def adapter(model: Any = None, prompt: tuple[int, ...] = (5, 6, 7)) -> DiffusionGemma:
    model = model or tiny_model(vocab_size=VOCAB, canvas_length=LENGTH, eos_token_id=[3, 9], pad_token_id=0)
    ids = torch.tensor([prompt])
    return DiffusionGemma(model, ids, torch.ones_like(ids), Settings.of(model))


def test_what_a_checkpoint_leaves_open_is_as_in_generate() -> None:
    settings = Settings.of(tiny_model())
    assert (settings.max_new_tokens, settings.max_length, settings.max_passes) == (256, None, 48)
    assert (settings.t_min, settings.t_max, settings.entropy_bound) == (0.4, 0.8, 0.1)
    assert settings.stop_rule() == StopRule(certain=None, stability=1, confidence=0.005)
    assert (settings.end_of_turn, settings.pad) == ((), None)


def test_what_a_checkpoint_says_counts() -> None:
    model = tiny_model(
        max_new_tokens=40,
        max_length=50,
        max_denoising_steps=7,
        t_min=0.1,
        t_max=0.2,
        sampler_config=EntropyBoundSamplerConfig(0.5),
        stability_threshold=0,
        confidence_threshold=0.3,
        eos_token_id=4,
        pad_token_id=2,
    )
    assert Settings.of(model) == Settings(
        max_new_tokens=40,
        max_length=50,
        max_passes=7,
        t_min=0.1,
        t_max=0.2,
        entropy_bound=0.5,
        stability=0,
        confidence=0.3,
        end_of_turn=(4,),
        pad=2,
    )


@pytest.mark.parametrize("bound", [0.01, 0.5, 3.0, 100.0])
def test_acceptance_is_the_entropy_bound_of_transformers(bound: float) -> None:
    logits = torch.randn(6, LENGTH, VOCAB, generator=torch.Generator().manual_seed(0)) * 4
    sampler: Any = EntropyBoundSampler(EntropyBoundSamplerConfig(bound), LENGTH, VOCAB, 48)
    canvas = torch.zeros(6, LENGTH, dtype=torch.int64)
    sampler.accept_canvas(canvas, canvas, logits, 1)
    model = tiny_model(vocab_size=VOCAB, canvas_length=LENGTH, sampler_config=EntropyBoundSamplerConfig(bound))
    entropy = torch.distributions.Categorical(logits=logits).entropy()  # type: ignore[no-untyped-call]  # as in torch
    accepted = adapter(model).accept(entropy)
    assert torch.equal(accepted, sampler.accepted_token_mask)
    assert accepted.any(-1).all()


def test_temperature_falls_linearly_as_in_transformers() -> None:
    model = tiny_model(vocab_size=VOCAB, canvas_length=LENGTH)
    denoiser = adapter(model)
    canvas = denoiser.noise(torch.Generator().manual_seed(0))
    schedule: Any = LinearTemperatureScheduleLogitsProcessor(0.4, 0.8, 5)
    with torch.no_grad():
        raw = denoiser(canvas, None, 0, 1) * torch.tensor(0.8)
        for step in range(5):
            theirs = schedule(canvas, raw, torch.tensor(5 - step))
            torch.testing.assert_close(denoiser(canvas, None, step, 5), theirs, rtol=1e-6, atol=1e-6)


def test_renoising_keeps_accepted_draws_and_nothing_else() -> None:
    denoiser = adapter()
    canvas, draw = torch.full((1, LENGTH), VOCAB), torch.full((1, LENGTH), VOCAB + 1)
    accepted = torch.arange(LENGTH)[None] < 5
    noised = denoiser.renoise(canvas, draw, accepted, torch.Generator().manual_seed(0))
    assert (noised[accepted] == VOCAB + 1).all()
    assert (noised[~accepted] < VOCAB).all()


def test_noise_is_uniform_over_the_whole_vocabulary() -> None:
    generator = torch.Generator().manual_seed(0)
    denoiser = adapter()
    counts = torch.stack([denoiser.noise(generator) for _ in range(400)]).flatten().bincount(minlength=VOCAB)
    expected = 400 * LENGTH / VOCAB
    chi_square = ((counts - expected) ** 2 / expected).sum()
    assert len(counts) == VOCAB
    assert chi_square < 72.1  # 99.9% quantile at 39 degrees of freedom


def test_closing_pads_behind_the_first_end_of_turn_and_whole_finished_rows() -> None:
    tokens = torch.tensor([[5, 3, 6, 9, 7], [5, 6, 7, 8, 5], [5, 6, 7, 8, 9], [9, 3, 3, 9, 9]])
    closed = adapter().close(tokens, torch.tensor([False, False, True, False]))
    assert closed.tolist() == [[5, 3, 0, 0, 0], [5, 6, 7, 8, 5], [0] * 5, [9, 0, 0, 0, 0]]


def test_closing_changes_nothing_without_a_pad_token() -> None:
    tokens = torch.tensor([[5, 3, 6, 9, 7]])
    model = tiny_model(vocab_size=VOCAB, canvas_length=LENGTH, eos_token_id=3)
    assert adapter(model).close(tokens, torch.tensor([True])) is tokens


def test_an_appended_canvas_is_read_like_a_longer_prompt() -> None:
    model = tiny_model(vocab_size=VOCAB, canvas_length=LENGTH)
    written = tuple(range(10, 10 + LENGTH))
    stepwise, at_once = adapter(model), adapter(model, (5, 6, 7, *written))
    stepwise.append(torch.tensor([written]))
    canvas = stepwise.noise(torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(stepwise(canvas, None, 0, 1), at_once(canvas, None, 0, 1), rtol=1e-4, atol=1e-4)


def test_the_belief_of_the_pass_before_changes_the_logits() -> None:
    denoiser = adapter()
    canvas = denoiser.noise(torch.Generator().manual_seed(0))
    with torch.no_grad():
        alone = denoiser(canvas, None, 0, 1)
        assert not torch.allclose(alone, denoiser(canvas, 100 * alone, 0, 1))
