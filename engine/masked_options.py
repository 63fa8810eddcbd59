"""What a masked diffusion model's config does not say: how it predicts, and how it is sampled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from constrain.errors import SpecError

__all__ = ["KNOWN", "MaskedDiffusion"]

Remasking: TypeAlias = Literal["confidence", "margin", "entropy"]
Attention: TypeAlias = Literal["padding", "full", "block"]


@dataclass(frozen=True)
class MaskedDiffusion:
    """How a model of this family is read and sampled, as far as its config does not say."""

    length: int = 128
    """Tokens in one canvas."""
    mask: int | None = None
    """The mask token; None: what the config or the tokenizer names."""
    steps: int | None = None
    """Passes per canvas, over which its tokens are spread evenly; None: one for each."""
    block_length: int | None = None
    """Tokens are kept block by block of this length; None: anywhere."""
    remasking: Remasking = "confidence"
    """What is doubted: tokens of low probability, of little more than the second likeliest, or of high entropy."""
    threshold: float | None = None
    """Tokens this sure (for entropy, this little doubted) are kept beyond the schedule."""
    temperature: float = 0.0
    """Of the logits, for a joint draw in every pass; 0: the most probable canvas of the logits as they are."""
    shifted: bool = False
    """Whether the token at a position is predicted at the one before it."""
    attention: Attention = "padding"
    """What the model takes: `padding`, a mask `[B, N]`; or an additive one `[B, 1, N, N]`, `full` or by `block`."""

    def __post_init__(self) -> None:
        for name in ("length", "steps", "block_length"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise SpecError(f"{name} counts from 1, got {value}")
        if not self.temperature >= 0:
            raise SpecError(f"temperature is 0 or more, got {self.temperature}")
        for name, allowed in (("remasking", get_args(Remasking)), ("attention", get_args(Attention))):
            if getattr(self, name) not in allowed:
                raise SpecError(f"{name} is one of {', '.join(allowed)}, got {getattr(self, name)!r}")
        if self.attention == "block" and self.block_length is None:
            raise SpecError("attention by block needs a block_length")


KNOWN = {
    "llada": MaskedDiffusion(mask=126336, block_length=32),
    "Dream": MaskedDiffusion(mask=151666, remasking="entropy", shifted=True, attention="full"),
    "llada2_moe": MaskedDiffusion(mask=156895, block_length=32, threshold=0.95, attention="block"),
}
"""By the model type of a config, what the samplers that come with GSAI-ML/LLaDA-8B-Instruct (`generate.py`),
Dream-org/Dream-v0-Instruct-7B (`generation_utils.py`) and inclusionAI/LLaDA2.0-mini (`modeling_llada2_moe.py`) do."""
