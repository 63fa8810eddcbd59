"""vLLM's sampler for DiffusionGemma, in which the slots of constrained requests are decoded under their constraints.

It is vLLM's own `DiffusionSampler`, and around it this. In every pass vLLM computes, position by position, a draw, the
argmax, the entropy and the softmax, and hands them to `_compiled_sample_step`, which accepts, renoises, decides whether
the canvas has settled, and emits. For constrained slots this puts the posterior's in their place (`Slots`): the joint
draw, the most probable valid canvas, its doubt, the softmax of the shaped logits. What a slot then holds,
emits and is conditioned on follows by vLLM's own code, and no other slot sees anything of it.

When a canvas has settled is the project's own stop rule. So vLLM's is kept from counting passes (`_NEVER`), and where
the rule holds, the slot's limit of passes is lowered to the pass at hand, for this pass.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from constrain.constraint import Constraint
from constrain.engine.drop_in_processor import decided
from constrain.engine.stopping import CERTAIN, LIKELY, StopRule
from constrain.engine.vllm_requests import KEY
from constrain.engine.vllm_slots import Admitted, Slots, Step

__all__ = ["ConstrainedSampler"]

_log = logging.getLogger(__name__)

_NEVER = -(1 << 30)  # canvases in the history by which vLLM tells that one is stable; it counts up from here
_STEP = "_compiled_sample_step"
_TEMPERATURE = "_denoise_temperature"


@cache
def _warn(message: str) -> None:
    """Once for every message."""
    _log.warning(message)


@dataclass(frozen=True)
class _Scheduled:
    """A constrained slot in a batch: its number, and which rows of the flat logits are its own."""

    slot: int
    begin: int
    rows: int


class ConstrainedSampler:
    """`inner`, a `DiffusionSampler`, with constraints. All else is asked of `inner`.

    `module` is where `inner` finds the functions of a pass. `compiled` starts compiling what a request asks for, and
    gives what waits for the result. `seed` is of the joint draws, the same on every rank.
    """

    def __init__(
        self,
        inner: Any,
        module: Any,
        compiled: Callable[[Mapping[str, Any]], Callable[[], Constraint]],
        *,
        max_model_len: int,
        seed: int,
    ) -> None:
        self.inner = inner
        self._module = module
        self._compiled = compiled
        self._max_model_len = max_model_len
        states = inner.diffusion_states
        stop = StopRule(
            certain=CERTAIN,
            likely=LIKELY,
            stability=states.stability_threshold - 1,
            confidence=inner.confidence_threshold,
        )
        generator = torch.Generator(states.device).manual_seed(seed)
        self.slots = Slots(device=states.device, stop=stop, generator=generator)
        self._prompts: dict[int, tuple[int, Sequence[int]]] = {}
        self._tells_logprobs: set[int] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def admit(self, slot: int, prompt_length: int, token_ids: Sequence[int]) -> None:
        """A request comes into `slot`; `token_ids` are its prompt, and what was written before it was interrupted."""
        self._prompts[slot] = prompt_length, token_ids[prompt_length:]

    def add_request(self, slot: int, sampling_params: Any) -> None:
        """As `DiffusionSampler.add_request`; comes after `admit`."""
        self.inner.add_request(slot, sampling_params)
        self.free(slot)
        prompt_length, written = self._prompts.pop(slot, (0, ()))
        extra = getattr(sampling_params, "extra_args", None) or {}
        asked = extra.get(KEY)
        if asked is None:
            return
        if sampling_params.top_k > 0 or sampling_params.top_p < 1:
            _warn("top_k and top_p, which servers may set by default, do not narrow the draws of constrained requests")
        states = self.inner.diffusion_states
        request = Admitted(
            self._compiled(asked["spec"]),
            budget=min(sampling_params.max_tokens, self._max_model_len - prompt_length),
            length=int(states.canvas_width_np[slot]),
            max_passes=min(extra.get("diffusion_max_steps") or states.max_denoising_steps, states.max_denoising_steps),
            refusal=asked["refusal"],
            written=written,
        )
        self.slots.admit(slot, request)
        if sampling_params.logprobs is not None or sampling_params.logprob_token_ids:
            self._tells_logprobs.add(slot)

    def free(self, slot: int) -> None:
        """The request in `slot` is gone."""
        self.slots.free(slot)
        self._tells_logprobs.discard(slot)

    def __call__(self, logits: Tensor, input_batch: Any, draft_logits: Tensor | None = None) -> Any:
        """As `DiffusionSampler.__call__`: one step of every request in the batch, some emitting, some refining."""
        scheduled = self._scheduled(input_batch)
        if not scheduled:
            return self.inner(logits, input_batch, draft_logits)
        states = self.inner.diffusion_states
        index = torch.tensor([each.slot for each in scheduled], device=logits.device)
        emits = states.is_encoder_phase[index].tolist()  # the one time that a pass waits for the device
        for each, committed in zip(scheduled, emits, strict=True):
            if committed:
                self.slots.commit(each.slot, states.argmax_canvas[each.slot, : each.rows].tolist())
        refined = [each for each, committed in zip(scheduled, emits, strict=True) if not committed]
        if not refined:
            return self.inner(logits, input_batch, draft_logits)

        chosen: dict[int, tuple[Step, int]] = {}
        for length, group in groupby(sorted(refined, key=self._length), self._length):
            members = list(group)
            step = self.slots.refine([each.slot for each in members], self._scaled(logits, members, length))
            chosen.update((each.slot, (step, n)) for n, each in enumerate(members))
        logits = self._reported(logits, refined, chosen)
        with self._limited(chosen), self._replaced(chosen):
            return self.inner(logits, input_batch, draft_logits)

    def _length(self, scheduled: _Scheduled) -> int:
        return self.slots.length(scheduled.slot)

    def _scheduled(self, input_batch: Any) -> list[_Scheduled]:
        """The constrained slots that have rows of logits in this batch."""
        if not self.slots or input_batch.num_draft_tokens == 0:
            return []
        count = input_batch.num_reqs
        begins = input_batch.cu_num_logits_np[: count + 1].tolist()
        slots = input_batch.idx_mapping_np[:count].tolist()
        rows = zip(slots, begins[:-1], begins[1:], strict=True)
        return [_Scheduled(slot, begin, end - begin) for slot, begin, end in rows if end > begin and slot in self.slots]

    def _temperature(self, scheduled: Sequence[_Scheduled]) -> Tensor:
        """The temperature of each slot's pass, as vLLM has it."""
        inner, states = self.inner, self.inner.diffusion_states
        slots = torch.tensor([each.slot for each in scheduled], device=states.device)
        steps = float(states.max_denoising_steps)
        found: Tensor = getattr(self._module, _TEMPERATURE)(states.step, slots, steps, inner.t_min, inner.t_max)
        return found.clamp(min=1e-10)

    def _scaled(self, logits: Tensor, scheduled: Sequence[_Scheduled], length: int) -> Tensor:
        """float32 `[N, L, V]`: their logits, divided by the temperature; those of positions that were left out are 0.

        Where a canvas was cut short, for one pass or because the model's context ends, vLLM does the same.
        """
        rows = [logits[each.begin : each.begin + each.rows].float() for each in scheduled]
        whole = torch.stack([pad(each, (0, 0, 0, length - len(each))) for each in rows])
        return whole.div_(self._temperature(scheduled)[:, None, None])

    def _reported(
        self, logits: Tensor, scheduled: Sequence[_Scheduled], chosen: Mapping[int, tuple[Step, int]]
    ) -> Tensor:
        """`logits`, or a copy: vLLM takes log-probabilities, and whose they are, from the logits of a pass.

        So where they are asked for, these are shaped, and have their argmax at the canvas that is emitted.
        """
        told = [each for each in scheduled if each.slot in self._tells_logprobs]
        if not told:
            return logits
        logits = logits.float().clone()
        for each, temperature in zip(told, self._temperature(told), strict=True):
            step, n = chosen[each.slot]
            settled = torch.zeros(1, dtype=torch.bool, device=logits.device)
            shaped = decided(step.shaped[n : n + 1].clone(), step.best[n : n + 1], settled)[0, : each.rows]
            logits[each.begin : each.begin + each.rows] = shaped * temperature
        return logits

    @contextmanager
    def _limited(self, chosen: Mapping[int, tuple[Step, int]]) -> Iterator[None]:
        """In this context, the slots whose canvas has settled may make no pass beyond this one; others may."""
        states = self.inner.diffusion_states
        slots = torch.tensor(list(chosen), device=states.device)
        stops = torch.stack([step.stops[n] for step, n in chosen.values()])
        limits = states.max_steps[slots]
        states.accepted_canvas_history_len[slots] = _NEVER
        states.max_steps[slots] = limits.masked_fill(stops, 0)
        try:
            yield
        finally:
            states.max_steps[slots] = limits

    @contextmanager
    def _replaced(self, chosen: Mapping[int, tuple[Step, int]]) -> Iterator[None]:
        """In this context, `_compiled_sample_step` gets what was `chosen`, in the rows of those slots."""
        original = getattr(self._module, _STEP)

        def step(
            new_tokens: Tensor,
            argmax_tokens: Tensor,
            token_entropy: Tensor,
            probs: Tensor | None,
            decode_slots: Tensor,
            *rest: Any,
            **options: Any,
        ) -> None:
            for row, slot in enumerate(decode_slots.tolist()):
                if slot in chosen:
                    found, n = chosen[slot]
                    new_tokens[row], argmax_tokens[row] = found.draw[n], found.best[n]
                    token_entropy[row] = found.doubt[n]
                    if probs is not None:
                        probs[row] = found.shaped[n].softmax(-1)
            original(new_tokens, argmax_tokens, token_entropy, probs, decode_slots, *rest, **options)

        setattr(self._module, _STEP, step)
        try:
            yield
        finally:
            setattr(self._module, _STEP, original)
