"""The bundled network, and its forward pass as training computes it.

`encode` and `decode` do the arithmetic of transformers' `DiffusionGemmaForBlockDiffusion` on that model's own
parameters, for the case trained here: one expert, no images, windows longer than any prompt. Matrix products may run in
bfloat16, where a CPU is almost three times as fast; sums, norms and attention weights stay in float32.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import DiffusionGemmaForBlockDiffusion
from transformers.models.diffusion_gemma.configuration_diffusion_gemma import DiffusionGemmaConfig
from transformers.models.diffusion_gemma.generation_diffusion_gemma import (
    DiffusionGemmaGenerationConfig,
    EntropyBoundSamplerConfig,
)

from constrain.engine.train_tokens import BOS, END_OF_TURN, EOS, PAD

__all__ = ["CANVAS_LENGTH", "ENTROPY_BOUND", "Cache", "build_model", "decode", "encode"]

CANVAS_LENGTH = 64
ENTROPY_BOUND = 0.1
_THETA = 1000.0
_HIDDEN = -1e9

Cache = list[tuple[Tensor, Tensor]]
"""Keys and values `[B, heads, P, d]` of the prompt, by layer."""


def build_model(
    vocab_size: int, *, width: int = 128, layers: int = 4, inner: int = 256, canvas: int = CANVAS_LENGTH
) -> DiffusionGemmaForBlockDiffusion:
    """A randomly initialised model with heads of 32, a single small expert and a vision tower in name only."""
    heads = width // 32
    rope = {"rope_type": "default", "rope_theta": _THETA}
    text = {
        "vocab_size": vocab_size,
        "hidden_size": width,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": heads,
        "head_dim": 32,
        "global_head_dim": 32,
        "num_global_key_value_heads": heads,
        "layer_types": ["sliding_attention"] * (layers - 1) + ["full_attention"],
        "rope_parameters": {"sliding_attention": rope, "full_attention": rope},
        "sliding_window": 2048,
        "max_position_embeddings": 2048,
        "num_experts": 1,
        "top_k_experts": 1,
        "moe_intermediate_size": 16,
        "initializer_range": 0.04,
        "pad_token_id": PAD,
        "eos_token_id": EOS,
        "bos_token_id": BOS,
    }
    vision = {
        "model_type": "gemma4_vision",
        "hidden_size": 8,
        "intermediate_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "num_key_value_heads": 1,
        "head_dim": 8,
        "global_head_dim": 8,
        "patch_size": 2,
        "pooling_kernel_size": 1,
        "position_embedding_size": 4,
        "standardize": False,
    }
    config = DiffusionGemmaConfig(
        text_config=text,
        vision_config=vision,
        canvas_length=canvas,
        image_token_id=vocab_size,
        boi_token_id=vocab_size + 1,
        eoi_token_id=vocab_size + 2,
        initializer_range=0.04,
    )
    model = DiffusionGemmaForBlockDiffusion(config)
    model.generation_config = DiffusionGemmaGenerationConfig(  # type: ignore[no-untyped-call]  # untyped there
        max_new_tokens=canvas,
        max_denoising_steps=16,
        sampler_config=EntropyBoundSamplerConfig(entropy_bound=ENTROPY_BOUND),
        t_min=0.4,
        t_max=0.8,
        stability_threshold=1,
        confidence_threshold=0.005,
        pad_token_id=PAD,
        bos_token_id=BOS,
        eos_token_id=[EOS, END_OF_TURN],
    )
    for layer in model.model.decoder.layers:
        # Scores are not scaled down by the head's width; ones would make attention all but hard from the start.
        layer.self_attn.q_norm.weight.data.fill_(0.5)
        layer.self_attn.k_norm.weight.data.fill_(0.5)
    return model


def encode(model: Any, ids: Tensor, seen: Tensor, dtype: torch.dtype) -> Cache:
    """Keys and values of prompts `[B, P]`, read causally; `seen` is False where they are padded."""
    decoder = model.model.decoder
    embedding = decoder.embed_tokens
    hidden = functional.embedding(ids, embedding.weight) * embedding.scalar_embed_scale
    place = torch.arange(ids.shape[1], device=ids.device)
    earlier = (place[:, None] > place) & seen[:, None, :] | (place[:, None] == place)
    mask = torch.where(earlier, 0.0, _HIDDEN)[:, None]
    rotation = _rotation(0, ids.shape[1], ids.device)
    cache: Cache = []
    for layer in decoder.layers:
        hidden, own = _layer(layer, hidden, rotation, mask, None, dtype)
        cache.append(own)
    return cache


def decode(model: Any, canvas: Tensor, belief: Tensor | None, cache: Cache, seen: Tensor, dtype: torch.dtype) -> Tensor:
    """Logits `[B, L, V]` of a canvas behind encoded prompts, given the logits of the pass before."""
    decoder = model.model.decoder
    embedding, conditioning = decoder.embed_tokens, decoder.self_conditioning
    prompt, length = seen.shape[1], canvas.shape[1]
    hidden = functional.embedding(canvas, embedding.weight) * embedding.scalar_embed_scale
    if belief is not None:
        soft = _linear(belief.softmax(-1), embedding.weight.T, dtype).float() * embedding.scalar_embed_scale
        hidden = hidden + _gated(conditioning, _normed(soft, conditioning.pre_norm.weight), dtype)
    hidden = _normed(hidden)
    visible = functional.pad(seen, (0, length), value=True)
    mask = torch.where(visible, 0.0, _HIDDEN)[:, None, None].expand(-1, 1, length, -1)
    rotation = _rotation(prompt, prompt + length, canvas.device)
    for layer, own in zip(decoder.layers, cache, strict=True):
        hidden, _ = _layer(layer, hidden, rotation, mask, own, dtype)
    logits = _linear(_normed(hidden, decoder.norm.weight), model.lm_head.weight, dtype).float()
    cap = model.final_logit_softcapping
    capped: Tensor = torch.tanh(logits / cap) * cap
    return capped


def _layer(
    layer: Any,
    hidden: Tensor,
    rotation: tuple[Tensor, Tensor],
    mask: Tensor,
    cached: tuple[Tensor, Tensor] | None,
    dtype: torch.dtype,
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """One layer `[B, T, D]`, and its own keys and values. `cached` are those of the prompt, which come first."""
    attention = layer.self_attn
    heads = (*hidden.shape[:2], -1, attention.head_dim)
    normed = _normed(hidden, layer.input_layernorm.weight)
    query = _linear(normed, attention.q_proj.weight, dtype).view(heads)
    keyed = _linear(normed, attention.k_proj.weight, dtype).view(heads)
    valued = keyed if attention.v_proj is None else _linear(normed, attention.v_proj.weight, dtype).view(heads)
    query = _rotated(_normed(query, attention.q_norm.weight), rotation).transpose(1, 2)
    key = _rotated(_normed(keyed, attention.k_norm.weight), rotation).transpose(1, 2)
    value = _normed(valued).transpose(1, 2)
    own = key, value
    if cached is not None:
        key, value = torch.cat((cached[0], key), 2), torch.cat((cached[1], value), 2)
    mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=1.0)
    mixed = _linear(mixed.transpose(1, 2).flatten(2), attention.o_proj.weight, dtype)
    hidden = hidden + _normed(mixed, layer.post_attention_layernorm.weight)

    dense = _gated(layer.mlp, _normed(hidden, layer.pre_feedforward_layernorm.weight), dtype)
    expert = _expert(layer, _normed(hidden, layer.pre_feedforward_layernorm_2.weight), dtype)
    both = _normed(dense, layer.post_feedforward_layernorm_1.weight)
    both = both + _normed(expert, layer.post_feedforward_layernorm_2.weight)
    return (hidden + _normed(both, layer.post_feedforward_layernorm.weight)) * layer.layer_scalar, own


def _expert(layer: Any, hidden: Tensor, dtype: torch.dtype) -> Tensor:
    """The only expert, which every token is routed to with weight 1."""
    gate, up = _linear(hidden, layer.experts.gate_up_proj[0], dtype).chunk(2, -1)
    inner = functional.gelu(gate, approximate="tanh") * up
    scaled: Tensor = _linear(inner, layer.experts.down_proj[0], dtype) * layer.router.per_expert_scale
    return scaled


def _gated(block: Any, hidden: Tensor, dtype: torch.dtype) -> Tensor:
    gate, up = _linear(hidden, block.gate_proj.weight, dtype), _linear(hidden, block.up_proj.weight, dtype)
    return _linear(functional.gelu(gate, approximate="tanh") * up, block.down_proj.weight, dtype)


def _linear(hidden: Tensor, weight: Tensor, dtype: torch.dtype) -> Tensor:
    return functional.linear(hidden.to(dtype), weight.to(dtype))


def _normed(hidden: Tensor, weight: Tensor | None = None) -> Tensor:
    """Divided by the root mean square, in float32."""
    wide = hidden.float()
    weight = wide.new_ones(wide.shape[-1]) if weight is None else weight
    normed: Tensor = _Norm.apply(wide, weight)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return normed


class _Norm(torch.autograd.Function):
    """`functional.rms_norm`, with a backward pass in half the time of the one that autograd composes."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor) -> Tensor:
        mean = torch.linalg.vector_norm(hidden, dim=-1, keepdim=True).square_().div_(hidden.shape[-1])
        scale = mean.add_(1e-6).rsqrt_()
        normed: Tensor = hidden * scale
        ctx.save_for_backward(normed, scale, weight)
        return normed * weight

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        normed, scale, weight = ctx.saved_tensors
        product = (gradient * normed).flatten(0, -2)
        along = torch.mv(product, weight).view(scale.shape).div_(-len(weight))
        return (gradient * weight).addcmul_(normed, along).mul_(scale), product.sum(0)


def _rotation(begin: int, end: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Cosines and sines `[T, 1, d]` of the rotary embedding of these positions."""
    frequency = 1.0 / _THETA ** (torch.arange(0, 32, 2, device=device).float() / 32)
    angle = torch.arange(begin, end, device=device).float()[:, None] * frequency
    angle = torch.cat((angle, angle), -1)[:, None]
    return angle.cos(), angle.sin()


def _rotated(heads: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    first, second = heads.chunk(2, -1)
    return heads * rotation[0] + torch.cat((-second, first), -1) * rotation[1]
