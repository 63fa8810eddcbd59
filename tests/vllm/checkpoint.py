"""The adversary as a checkpoint that vLLM loads: random weights, a byte-level tokenizer, a chat template.

A canvas has 32 tokens, so that most outputs span several, and is refined in at most 8 passes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.models import tiny_model
from tests.tokenizers import fast, small_tokenizer

__all__ = ["CANVAS_LENGTH", "MAX_LENGTH", "write_checkpoint"]

CANVAS_LENGTH = 32
MAX_LENGTH = 1024
PAD, EOS, _, END_OF_TURN = range(4)

TEMPLATE = """\
{%- for tool in tools or [] %}{{ tool | tojson }}
{% endfor %}
{%- for message in messages %}{{ message.role }}: {{ message.content }}<turn|>
{% endfor %}
{%- if add_generation_prompt %}model: {% endif %}"""

GENERATION: dict[str, Any] = {
    "max_denoising_steps": 8,
    "t_min": 0.4,
    "t_max": 0.8,
    "stability_threshold": 1,
    "confidence_threshold": 0.005,
    "sampler_config": {"_cls_name": "EntropyBoundSamplerConfig", "entropy_bound": 0.1},
    "eos_token_id": [EOS, END_OF_TURN],
    "pad_token_id": PAD,
}
"""What vLLM reads from `generation_config.json`, under the names that `transformers` gives it."""


def write_checkpoint(folder: Path) -> None:
    """Write a DiffusionGemma of random weights, the same at every call, with all that a server needs beside them."""
    tokenizer = fast(small_tokenizer("gpt2"), chat_template=TEMPLATE, model_max_length=MAX_LENGTH)
    model = tiny_model(
        vocab_size=-(-len(tokenizer) // 64) * 64,
        canvas_length=CANVAS_LENGTH,
        hidden_size=64,
        head_size=32,  # the smallest that vLLM's attention on a CPU knows
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "generation_config.json").write_text(json.dumps(GENERATION))
