"""DiffusionGemma as a `Denoiser`, on top of the public `transformers.DiffusionGemmaForBlockDiffusion`.

A causal encoder reads the prompt and every closed canvas into a key-value cache; a bidirectional decoder reads the
cache and refines the canvas behind it, conditioned on its previous logits. Tensors, dtypes and the order of random
draws are those of transformers' own `generate`, so that the same seed gives the same tokens.

Where the generation config asks for a static cache, the decoder's passes are compiled as they are there, unless it says
`disable_compile`. The encoder, which reads once per canvas, is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers import DynamicCache

from constrain.engine.masked_head import Mask, MaskedHead
from constrain.engine.static_cache import borrowed, reserve, within
from constrain.engine.stopping import StopRule
from constrain.errors import UnsupportedError
from constrain.kernels.accept import accept

__all__ = ["CHANNEL", "DiffusionGemma", "Settings"]

CHANNEL = ("<|channel>", "thought\n", "<channel|>")
"""How a turn begins in which the model thinks: a special token, a title, the thought, another special token. As the
chat template of google/diffusiongemma-26B-A4B-it writes it. What ends the turn, the generation config says."""


@dataclass(frozen=True)
class Settings:
    """What a checkpoint's generation config says, with transformers' defaults for what it leaves open."""

    max_new_tokens: int
    max_length: int | None
    max_passes: int
    t_min: float
    t_max: float
    entropy_bound: float
    stability: int
    confidence: float
    end_of_turn: tuple[int, ...]
    pad: int | None
    static: bool = False
    """Whether the cache is static."""
    compiled: bool = False
    """Whether the passes of the decoder are compiled."""

    @classmethod
    def of(cls, network: Any) -> Settings:
        """Raises `UnsupportedError` for a cache that is neither dynamic nor static."""
        config = network.generation_config
        cache = config.cache_implementation or "dynamic"
        if cache not in ("dynamic", "static"):
            raise UnsupportedError(
                f"the generation config asks for a cache that is {cache!r}",
                hint='set network.generation_config.cache_implementation to "static", or None',
            )
        merged = dict(config._get_default_generation_params())  # not public, but the only place where they are written
        merged |= {name: value for name in merged if (value := getattr(config, name)) is not None}
        ends = config.eos_token_id
        return cls(
            max_new_tokens=merged["max_new_tokens"],
            max_length=config.max_length,
            max_passes=merged["max_denoising_steps"],
            t_min=merged["t_min"],
            t_max=merged["t_max"],
            entropy_bound=merged["sampler_config"].entropy_bound,
            stability=merged["stability_threshold"],
            confidence=merged["confidence_threshold"],
            end_of_turn=() if ends is None else (ends,) if isinstance(ends, int) else tuple(ends),
            pad=config.pad_token_id,
            static=cache == "static",
            compiled=cache == "static" and not config.disable_compile,
        )

    def stop_rule(self, *, certain: float | None = None, likely: float | None = None) -> StopRule:
        """The checkpoint's own rule, which knows `stable` by entropy only, and more if asked for."""
        return StopRule(certain=certain, stability=self.stability, confidence=self.confidence, likely=likely)


class DiffusionGemma:
    """A batch of prompts, read by the encoder: int64 `[B, P]`, padded on the left where `attention_mask` is 0."""

    @torch.no_grad()
    def __init__(self, network: Any, input_ids: Tensor, attention_mask: Tensor, settings: Settings) -> None:
        self.network = network
        self.settings = settings
        self.length: int = network.config.canvas_length
        self.vocab_size: int = network.config.text_config.vocab_size
        self.rows, self.device = len(input_ids), input_ids.device
        self._seen = attention_mask.bool()
        self._cache: Any = (
            borrowed(self, network, self.rows)
            if settings.static
            else DynamicCache(config=network.config.get_text_config(decoder=True))
        )
        self._ends = torch.tensor(settings.end_of_turn, dtype=torch.int64, device=self.device)
        self._encode(input_ids)

    def noise(self, generator: torch.Generator) -> Tensor:
        """Uniform over the whole vocabulary."""
        return torch.randint(self.vocab_size, (self.rows, self.length), generator=generator, device=self.device)

    def __call__(self, canvas: Tensor, belief: Tensor | None, step: int, steps: int) -> Tensor:
        """float32 `[B, L, V]`; the temperature falls linearly from `t_max`, towards `t_min`."""
        inputs, temperature = self._inputs(canvas, belief), self._temperature(step, steps)
        if not self.settings.compiled:
            logits: Tensor = self.network(**inputs).logits
            return logits.div_(temperature)
        torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        fixed: Tensor = _compiled(self.network)(**inputs).logits
        return fixed / temperature  # not in place: the next pass writes to a CUDA graph's own memory, and reads these

    def masked(self, mask: Mask) -> MaskedHead | None:
        """The same passes, on this canvas, with no more than `mask` of the logits; None if the network is not open.

        None, too, where passes are compiled: that is the whole network, its head included.
        """
        fits = not self.settings.compiled and MaskedHead.fits(self.network)
        return MaskedHead(self.network, mask, self._inputs, self._temperature) if fits else None

    def _inputs(self, canvas: Tensor, belief: Tensor | None) -> dict[str, Any]:
        embeddings = self.network.model.decoder.embed_tokens.weight
        return {
            "decoder_input_ids": canvas,
            "self_conditioning_logits": None if belief is None else belief.to(embeddings.dtype),
            "decoder_attention_mask": self._decoder_masks,
            "decoder_position_ids": self._positions,
            "past_key_values": self._cache,
        }

    def _temperature(self, step: int, steps: int) -> Tensor:
        left = torch.full((), steps - step, dtype=torch.int32, device=self.device)  # on the device: same rounding
        return self.settings.t_min + (self.settings.t_max - self.settings.t_min) * (left / steps)

    def accept(self, entropy: Tensor) -> Tensor:
        """By the entropy bound (arXiv 2505.24857)."""
        return accept(entropy, self.settings.entropy_bound)

    def renoise(self, canvas: Tensor, draw: Tensor, accepted: Tensor, generator: torch.Generator) -> Tensor:
        """Nothing of the old canvas stays: a position accepted earlier has to be accepted again."""
        return torch.where(accepted, draw, self.noise(generator))

    def close(self, tokens: Tensor, finished: Tensor) -> Tensor:
        if self.settings.pad is None:
            return tokens
        ends = torch.isin(tokens, self._ends)
        behind = ends.cumsum(-1) - ends.long() > 0
        return tokens.masked_fill(behind | finished[:, None], self.settings.pad)

    @torch.no_grad()
    def append(self, tokens: Tensor) -> None:
        self._seen = pad(self._seen, (0, self.length), value=True)
        self._encode(tokens)

    def _encode(self, ids: Tensor) -> None:
        """Put `ids` into the cache and prepare the canvas behind them. Positions count padding, too."""
        model, config = self.network.model, self.network.config
        end = self._seen.shape[1]
        positions = self._range(end - ids.shape[1], end)
        if self.settings.static:
            reserve(self._cache, end - ids.shape[1], end + self.length)  # some stay free: no pass goes without a mask
        masks = model.encoder.create_masks_for_generate(
            config=config,
            inputs_embeds=self._embeddings_like(ids.shape[1]),
            attention_mask=self._seen,
            past_key_values=self._cache,
            position_ids=positions,
        )
        model.encoder(input_ids=ids, attention_mask=masks, past_key_values=self._cache, position_ids=positions)
        self._positions = self._range(end, end + self.length)
        self._decoder_masks = self._masks(self._seen)
        if self.settings.static:
            near = self._masks(within(config.text_config.sliding_window, self._seen))
            self._decoder_masks = near | {"full_attention": self._decoder_masks["full_attention"]}

    def _masks(self, seen: Tensor) -> dict[str, Tensor | None]:
        """What the decoder may attend to, by kind of layer: the canvas, and before it what is `seen`."""
        masks: dict[str, Tensor | None] = self.network.model.decoder.create_diffusion_decoder_attention_mask(
            config=self.network.config,
            inputs_embeds=self._embeddings_like(self.length),
            past_key_values=self._cache,
            decoder_attention_mask=pad(seen, (0, self.length), value=True),
        )
        return masks

    def _range(self, begin: int, end: int) -> Tensor:
        return torch.arange(begin, end, dtype=torch.int32, device=self.device)[None]

    def _embeddings_like(self, length: int) -> Tensor:
        """What the mask builders read a batch's shape, dtype and device from."""
        return torch.empty((self.rows, length, 0), dtype=self.network.dtype, device=self.device)


def _compiled(network: Any) -> Any:
    """The forward of `network` as its `generate` compiles and keeps it."""
    if not hasattr(network, "_compiled_decoder_forward"):
        network._compiled_decoder_forward = torch.compile(network.forward, mode="reduce-overhead", fullgraph=True)
    return network._compiled_decoder_forward
