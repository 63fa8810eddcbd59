"""A randomly initialised DiffusionGemma of some 40,000 parameters: real code, no knowledge, milliseconds per pass."""

from __future__ import annotations

from typing import Any

import torch
from transformers import DiffusionGemmaConfig, DiffusionGemmaForBlockDiffusion


def tiny_model(
    *,
    vocab_size: int = 64,
    canvas_length: int = 16,
    seed: int = 0,
    scale: float = 0.1,
    sharpness: float = 1.0,
    sliding_window: int = 512,
    hidden_size: int = 32,
    head_size: int = 16,
    **generation: Any,
) -> Any:
    """
    The model with weights drawn under `seed`, in float32, on the CPU, in evaluation mode.

    `scale` is the standard deviation of the weights; logits are `sharpness` times larger than drawn. As drawn, every
    prediction is nearly uniform; at 30 the model copies most of its canvas, and so settles within some ten passes.
    `generation` are fields of its generation config (`eos_token_id=`, `pad_token_id=`, ...); no others are set.
    """
    text = {
        "vocab_size": vocab_size,
        "hidden_size": hidden_size,
        "intermediate_size": 32,
        "moe_intermediate_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "num_global_key_value_heads": 1,
        "head_dim": head_size,
        "global_head_dim": head_size,
        "num_experts": 2,
        "top_k_experts": 1,
        "sliding_window": sliding_window,
        "layer_types": ["sliding_attention", "full_attention"],
        "initializer_range": scale,
        "pad_token_id": 0,
    }
    vision = {
        "model_type": "gemma4_vision",
        "hidden_size": 8,
        "intermediate_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "num_key_value_heads": 1,
        "head_dim": 8,
        "position_embedding_size": 4,
        "patch_size": 2,
    }
    config = DiffusionGemmaConfig(
        text_config=text,
        vision_config=vision,
        canvas_length=canvas_length,
        initializer_range=scale,
        boi_token_id=vocab_size,  # images have no ids in this vocabulary
        eoi_token_id=vocab_size,
        image_token_id=vocab_size,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = DiffusionGemmaForBlockDiffusion(config).eval()  # type: ignore[no-untyped-call]  # as in torch
    with torch.no_grad():
        model.model.decoder.norm.weight.mul_(sharpness)
    for name, value in generation.items():
        setattr(model.generation_config, name, value)
    return model
