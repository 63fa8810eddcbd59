"""Stands for a vLLM worker: slots, batches and a sampler of the shapes that vLLM has, whose logits a test makes up.

`Sampler` does what `DiffusionSampler` does, in as few words as it takes: it finishes prefills, computes statistics of
each position, hands them to the step of its module, and gives what was emitted. That the names and the order of the
arguments are those of vLLM is checked where vLLM's sources are (`test_vllm_interface`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = ["Params", "Sampler", "Worker", "module"]

HIDDEN = 3


@dataclass
class Params:
    """The part of `SamplingParams` that is asked for."""

    max_tokens: int | None = 100
    extra_args: dict[str, Any] | None = None
    logprobs: int | None = None
    logprob_token_ids: list[int] | None = None
    structured_outputs: Any = None
    stop: list[str] = field(default_factory=list)
    stop_token_ids: list[int] = field(default_factory=list)
    ignore_eos: bool = False
    repetition_detection: Any = None
    thinking_token_budget: int | None = None
    top_k: int = 0
    top_p: float = 1.0


def _step(
    new_tokens: Tensor,
    argmax_tokens: Tensor,
    token_entropy: Tensor,
    probs: Tensor | None,
    decode_slots: Tensor,
    decode_idx: Tensor,
    lengths: Tensor,
    sampler: Sampler,
    width: int,
    sampled: Tensor,
    num_sampled: Tensor,
) -> None:
    states = sampler.diffusion_states
    noise = torch.randint(0, sampler.vocab_size, (len(decode_slots), width))
    for row, (slot, at) in enumerate(zip(decode_slots.tolist(), decode_idx.tolist(), strict=True)):
        commits = bool(states.is_encoder_phase[slot])
        if commits:
            states.step[slot] = states.accepted_canvas_history_len[slot] = 0
            states.canvas[slot, :width] = noise[row]
            states.is_encoder_phase[slot] = False
            sampled[at, :width] = states.argmax_canvas[slot, :width]
            num_sampled[at] = lengths[row]
        else:
            states.step[slot] += 1
            seen = states.accepted_canvas_history_len[slot]
            stable = bool((states.argmax_canvas[slot, :width] == argmax_tokens[row]).all()) and bool(seen > 0)
            states.accepted_canvas_history_len[slot] = seen + 1
            confident = bool(token_entropy[row].mean() < sampler.confidence_threshold)
            states.argmax_canvas[slot, :width] = argmax_tokens[row]
            settled = (stable and confident) or bool(states.step[slot] >= states.max_steps[slot])
            states.is_encoder_phase[slot] = settled
            kept = token_entropy[row].cumsum(0) <= sampler.entropy_bound
            states.canvas[slot, :width] = (
                argmax_tokens[row] if settled else torch.where(kept, new_tokens[row], noise[row])
            )
            assert probs is not None
            states.self_conditioning_embeds[slot, :width] = 0 if settled else probs[row] @ sampler.embed_weight
        sampler.req_states.draft_tokens[slot, :width] = states.canvas[slot, :width]


def module() -> Any:
    """The module in which a sampler finds its functions."""

    def temperature(step: Tensor, slots: Tensor, steps: float, t_min: float, t_max: float) -> Tensor:
        return t_min + (t_max - t_min) * (steps - step[slots].float()).clamp(min=1.0) / steps

    return SimpleNamespace(_compiled_sample_step=_step, _denoise_temperature=temperature)


class Sampler:
    """A `DiffusionSampler` for `slots` requests, canvases of `length` and a vocabulary of `size`."""

    def __init__(self, module: Any, *, slots: int, length: int, size: int, steps: int) -> None:
        self.module = module
        self.vocab_size = size
        self.confidence_threshold, self.entropy_bound, self.t_min, self.t_max = 0.005, 0.1, 0.4, 0.8
        self.embed_weight = torch.linspace(-1, 1, size * HIDDEN).view(size, HIDDEN)
        self.logits_seen: Tensor | None = None
        self.diffusion_states = SimpleNamespace(
            device=torch.device("cpu"),
            canvas_length=length,
            max_denoising_steps=steps,
            stability_threshold=2,
            is_encoder_phase=torch.zeros(slots, dtype=torch.bool),
            canvas=torch.zeros(slots, length, dtype=torch.int64),
            argmax_canvas=torch.zeros(slots, length, dtype=torch.int64),
            step=torch.zeros(slots, dtype=torch.int32),
            accepted_canvas_history_len=torch.zeros(slots, dtype=torch.int32),
            max_steps=torch.full((slots,), steps, dtype=torch.int32),
            self_conditioning_embeds=torch.zeros(slots, length, HIDDEN),
            canvas_width_np=np.full(slots, length, dtype=np.int32),
        )
        self.req_states = SimpleNamespace(draft_tokens=torch.zeros(slots, length, dtype=torch.int64))

    def add_request(self, slot: int, params: Any) -> None:
        states, extra = self.diffusion_states, params.extra_args or {}
        states.is_encoder_phase[slot] = True
        states.step[slot] = states.accepted_canvas_history_len[slot] = 0
        states.max_steps[slot] = extra.get("diffusion_max_steps") or states.max_denoising_steps
        states.canvas_width_np[slot] = extra.get("diffusion_canvas_length") or states.canvas_length

    def __call__(self, logits: Tensor, batch: Any, draft_logits: Tensor | None = None) -> Any:
        self.logits_seen = logits
        states = self.diffusion_states
        slots, begins = torch.from_numpy(batch.idx_mapping_np), batch.cu_num_logits_np
        rows = np.diff(begins)
        states.is_encoder_phase[slots[torch.from_numpy(rows == 0)]] = False  # prompts are read whole
        sampled = torch.zeros(len(rows), states.canvas_length, dtype=torch.int64)
        num_sampled = torch.zeros(len(rows), dtype=torch.int64)
        widths = states.canvas_width_np[batch.idx_mapping_np]
        for width in sorted(set(widths[rows > 0].tolist())):
            index = np.flatnonzero((rows > 0) & (widths == width))
            tile = torch.zeros(len(index), width, self.vocab_size)
            for n, at in enumerate(index):
                tile[n, : rows[at]] = logits[begins[at] : begins[at + 1]]
            at_work = slots[index]
            temperature = self.module._denoise_temperature(
                states.step, at_work, float(states.max_denoising_steps), self.t_min, self.t_max
            )
            scaled = tile / temperature[:, None, None]
            log_p = scaled.log_softmax(-1)
            noisy = log_p - torch.log(-torch.log(torch.rand_like(scaled).clamp(min=1e-20)))
            self.module._compiled_sample_step(
                noisy.argmax(-1),
                scaled.argmax(-1),
                -(log_p.exp() * log_p).sum(-1),
                log_p.exp(),
                at_work,
                torch.from_numpy(index),
                torch.from_numpy(rows[index]),
                self,
                width=width,
                sampled=sampled,
                num_sampled=num_sampled,
            )
        return SimpleNamespace(sampled_token_ids=sampled, num_sampled=num_sampled)


@dataclass
class Worker:
    """Drives a sampler: requests come into slots, and every step makes up their logits, `scale` times normal.

    The logits of a slot depend on nothing but `seed`, the slot, and how many steps it has made.
    """

    sampler: Any
    size: int
    length: int
    seed: int = 0
    scale: float = 3.0
    written: dict[int, list[int]] = field(default_factory=dict)
    ages: dict[int, int] = field(default_factory=dict)
    seen: list[dict[str, Tensor]] = field(default_factory=list)

    def come(self, slot: int, params: Params, prompt: int = 4, written: tuple[int, ...] = ()) -> None:
        """A request is admitted, and its prompt read."""
        if hasattr(self.sampler, "admit"):
            self.sampler.admit(slot, prompt, [0] * prompt + list(written))
        self.sampler.add_request(slot, params)
        self.written[slot], self.ages[slot] = list(written), 0
        self.sampler(torch.zeros(0, self.size), self._batch([slot], [0]))

    def logits(self, slot: int, rows: int) -> Tensor:
        key = (self.seed * 1_000 + slot) * 100_000 + self.ages[slot]
        return self.scale * torch.randn((rows, self.size), generator=torch.Generator().manual_seed(key))

    def step(self, *slots: int, rows: int | None = None) -> Any:
        """One step of these slots, with `rows` positions of their canvases."""
        states = self.sampler.diffusion_states
        counts = [min(rows or self.length, int(states.canvas_width_np[slot])) for slot in slots]
        logits = torch.cat([self.logits(slot, count) for slot, count in zip(slots, counts, strict=True)])
        output = self.sampler(logits, self._batch(list(slots), counts))
        for at, slot in enumerate(slots):
            self.ages[slot] += 1
            self.written[slot] += output.sampled_token_ids[at, : output.num_sampled[at]].tolist()
        names = "canvas", "argmax_canvas", "step", "is_encoder_phase", "max_steps", "self_conditioning_embeds"
        self.seen.append({name: getattr(states, name).clone() for name in names})
        self.seen[-1]["draft_tokens"] = self.sampler.req_states.draft_tokens.clone()
        return output

    def run(self, slot: int, *, until: int, steps: int = 500) -> list[int]:
        """Step until so many tokens are written."""
        for _ in range(steps):
            if len(self.written[slot]) >= until:
                break
            self.step(slot)
        return self.written[slot]

    def _batch(self, slots: list[int], counts: list[int]) -> Any:
        return SimpleNamespace(
            num_reqs=len(slots),
            num_draft_tokens=sum(counts),
            idx_mapping_np=np.array(slots, dtype=np.int64),
            cu_num_logits_np=np.cumsum([0, *counts], dtype=np.int32),
        )
