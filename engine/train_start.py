"""Training that begins with what an earlier model of the same width has learned, whatever its tokenizer."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer, DiffusionGemmaForBlockDiffusion

__all__ = ["begin_with", "origin"]


@torch.no_grad()
def begin_with(model: Any, tokenizer: Any, directory: Path) -> None:
    """Take over the weights of an earlier model, in place.

    Tokens are matched by their text; one that the earlier tokenizer has not begins as the mean of the pieces it is cut
    into there. Of several experts the first is taken. Raises `ValueError` where shapes differ otherwise.
    """
    earlier: Any = DiffusionGemmaForBlockDiffusion.from_pretrained(directory)
    pieces = AutoTokenizer.from_pretrained(directory)
    known, given = pieces.get_vocab(), dict(earlier.named_parameters())
    embedding = model.get_input_embeddings().weight
    old = earlier.get_input_embeddings().weight
    for token, index in tokenizer.get_vocab().items():
        ids = (
            [known[token]] if token in known else pieces(tokenizer.decode([index]), add_special_tokens=False).input_ids
        )
        embedding[index] = old[ids].mean(0)
    for name, weight in model.named_parameters():
        if weight is embedding:
            continue
        found = given[name][: len(weight)] if "expert" in name or "router" in name else given[name]
        if found.shape != weight.shape:
            raise ValueError(f"{directory} has {name} of shape {tuple(found.shape)}, here it is {tuple(weight.shape)}")
        weight.copy_(found)


def origin(directory: Path) -> dict[str, Any]:
    """What the earlier model was: the checksum of its weights, and its own report."""
    weights = (directory / "model.safetensors").read_bytes()
    report: dict[str, Any] = json.loads((directory / "training.json").read_text())
    return {"sha256": hashlib.sha256(weights).hexdigest(), "report": report}
