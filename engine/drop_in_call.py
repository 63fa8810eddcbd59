"""One call of transformers' `generate` under constraints: its passes, in place of `_denoising_step`.

A pass is that of `refine`: a joint draw of the posterior, the entropy bound on its doubt, the stop rule of constrained
decoding, self-conditioning on the shaped logits, and the most probable valid canvas as the draft and, in the end, the
output. Random numbers come from torch's own generator, in the same order: the same seed gives the same tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from constrain.engine.mixed_batch import MixedBatch, joined
from constrain.engine.stopping import CERTAIN, LIKELY, History, StopRule
from constrain.kernels.accept import accept

__all__ = ["Call"]


class Call:
    """One call of `generate`, and how far it has come."""

    def __init__(self, model: Any, batch: MixedBatch, stop: StopRule | None) -> None:
        self.model, self._batch, self._stop = model, batch, stop
        self._read = -1
        self._history: History

    def denoise(
        self,
        *,
        decoder_forward: Callable[..., Any],
        current_canvas: Tensor,
        argmax_canvas: Tensor,
        input_ids: Tensor,
        decoder_position_ids: Tensor,
        self_conditioning_logits: Tensor | None,
        mask_mapping: Any,
        past_key_values: Any,
        finished_denoising: Tensor,
        cur_step: int,
        sampler: Any,
        logits_processor: Callable[..., Tensor],
        diffusion_stopping_criteria: Any,
        **model_kwargs: Any,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The next canvas, the best one, the next belief, and which rows have stopped: as transformers' own method."""
        self._come_to(input_ids, current_canvas)
        torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        raw = decoder_forward(
            decoder_input_ids=current_canvas,
            self_conditioning_logits=self_conditioning_logits,
            decoder_attention_mask=mask_mapping,
            past_key_values=past_key_values,
            decoder_position_ids=decoder_position_ids,
            **model_kwargs,
        ).logits
        left = torch.tensor(cur_step, dtype=torch.int32, device=raw.device)
        parts = self._batch.parts(logits_processor(input_ids, raw, cur_step=left))
        generator = _default_generator(raw.device)

        draw = joined(parts, [part.posterior.sample(generator) for part in parts])
        accepted = accept(joined(parts, [part.posterior.doubt for part in parts]), sampler.entropy_bound)
        canvas = torch.where(accepted, draw, sampler.initialize_canvas(len(draw), draw.device))
        best = joined(parts, [part.map() for part in parts])
        self._history.add(best, joined(parts, [part.posterior.probability() for part in parts]))
        rules = [self._stop or _rule(diffusion_stopping_criteria, part.free) for part in parts]
        stopped = joined(parts, [part.may_stop(rule, self._history) for part, rule in zip(parts, rules, strict=True)])
        belief = joined(parts, [part.posterior.shape(inplace=True) for part in parts])
        belief = belief.to(self.model.model.decoder.embed_tokens.weight.dtype)

        if finished_denoising.any():
            assert self_conditioning_logits is not None, "a row stops in a pass at the earliest"
            before = finished_denoising[:, None]
            canvas, best = torch.where(before, current_canvas, canvas), torch.where(before, argmax_canvas, best)
            belief = torch.where(before[:, :, None], self_conditioning_logits, belief)
        return canvas, best, belief, finished_denoising | stopped

    def _come_to(self, input_ids: Tensor, canvas: Tensor) -> None:
        """Be at the canvas behind `input_ids`."""
        if input_ids.shape[1] == self._read:
            return
        length = canvas.shape[1]
        if self._read >= 0:
            self._batch.commit(input_ids[:, -length:])
        self._batch.begin(length)
        self._read = input_ids.shape[1]
        self._history = History(len(canvas), canvas.device)


def _rule(criteria: Any, free: bool) -> StopRule:
    """transformers' own rule and, under a constraint, that of what is certain, or likely and the best again."""
    return StopRule(
        certain=None if free else CERTAIN,
        likely=None if free else LIKELY,
        stability=criteria.stability_threshold,
        confidence=criteria.confidence_threshold,
    )


def _default_generator(device: torch.device) -> torch.Generator:
    """What torch draws from on `device` where it is given no generator."""
    if device.type == "cuda":
        return torch.cuda.default_generators[torch.cuda.current_device() if device.index is None else device.index]
    return torch.default_generator
