"""One small model of every family, with random weights: what is said of all of them is tested on all of them.

pytest -s tests/engine/test_families.py -k same_tests    # how many tests each family takes
"""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, ModernBertConfig, ModernBertForMaskedLM

from constrain.engine.masked_options import MaskedDiffusion
from constrain.engine.model import Model, from_transformers
from tests.models import tiny_model
from tests.tokenizers import KINDS, fast

__all__ = [
    "EOS",
    "FAMILIES",
    "MASK",
    "RULES",
    "each_family",
    "family_model",
    "masked_model",
    "masked_network",
    "masked_tokenizer",
]

PAD, EOS, _, END_OF_TURN = range(4)
MASK = "<mask>"

RULES = {
    "modernbert": {"remasking": "margin"},
    "llada": {"attention": "full", "block_length": 4},
    "dream": {"attention": "full", "remasking": "entropy", "shifted": True, "temperature": 1.0},
    "llada2": {"attention": "block", "block_length": 4, "threshold": 0.95},
}
"""How the masked families are read; LLaDA and its kin are a Llama whose attention nothing masks."""

FAMILIES = ("diffusion_gemma", *RULES)

each_family = pytest.mark.parametrize("family", FAMILIES)
"""For a test of what every family does: its argument `family` is what `family_model` takes."""


@cache
def masked_tokenizer(kind: str = "gpt2") -> Any:
    return fast(KINDS[kind](), mask_token=MASK)


def masked_network(family: str, *, vocab_size: int, sharpness: float = 1.0, positions: int = 2048) -> Any:
    """A network of a masked family in float32, on the CPU, in evaluation mode; `sharpness` is of its logits."""
    sizes: dict[str, Any] = {
        "vocab_size": vocab_size,
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": positions,
        "initializer_range": 0.1,
        "pad_token_id": PAD,
        "bos_token_id": None,
        "eos_token_id": EOS,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if family == "modernbert":
            specials = {"cls_token_id": EOS, "sep_token_id": EOS}
            network: Any = ModernBertForMaskedLM(ModernBertConfig(**sizes, **specials, initializer_cutoff_factor=2.0))
            norm = network.head.norm
        else:
            network = LlamaForCausalLM(LlamaConfig(**sizes))
            norm = network.model.norm
    with torch.no_grad():
        norm.weight.mul_(sharpness)
    return network.eval()


def masked_model(
    family: str, *, kind: str = "gpt2", length: int = 16, sharpness: float = 1.0, positions: int = 2048, **rule: Any
) -> Model:
    """The model of a masked family; its vocabulary goes beyond the tokenizer's, which has a mask token."""
    tokenizer = masked_tokenizer(kind)
    network = masked_network(family, vocab_size=len(tokenizer) + 5, sharpness=sharpness, positions=positions)
    return from_transformers(network, tokenizer, family=MaskedDiffusion(**RULES[family] | {"length": length} | rule))


@cache
def family_model(family: str, *, kind: str = "gpt2", length: int = 16, passes: int = 3) -> Model:
    """The model of a family: canvases of so many tokens, refined in so many passes."""
    if family != "diffusion_gemma":
        return masked_model(family, kind=kind, length=length, steps=passes)
    tokenizer = masked_tokenizer(kind)
    options = {"canvas_length": length, "max_denoising_steps": passes}
    network = tiny_model(
        vocab_size=len(tokenizer) + 5,
        eos_token_id=[EOS, END_OF_TURN],
        pad_token_id=PAD,
        **options,  # type: ignore[arg-type]
    )
    return from_transformers(network, tokenizer)
