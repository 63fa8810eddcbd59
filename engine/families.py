"""Model families: which one a network belongs to, and what the face has to know of it.

`docs/families.md` says how to add one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from constrain.engine.diffusion_gemma import DiffusionGemma, Settings
from constrain.engine.masked_diffusion import MaskedDenoiser, counts_positions
from constrain.engine.masked_options import KNOWN, MaskedDiffusion
from constrain.engine.seams import Denoiser
from constrain.engine.stopping import StopRule
from constrain.errors import LimitError, UnsupportedError, VocabularyError

__all__ = ["Family", "MaskedSettings", "family_of", "loader_of"]

_LOADERS = {"llada": "AutoModel", "Dream": "AutoModel", "llada2_moe": "AutoModelForCausalLM"}
"""What these checkpoints, which bring their own code, call their model in `auto_map`."""


@dataclass(frozen=True)
class MaskedSettings:
    """As `Settings`, for masked diffusion: its checkpoints have no thresholds, so `stable` is as for DiffusionGemma.

    But not by `likely`: what is kept is kept for good, so that the best canvas hardly ever changes.
    """

    max_new_tokens: int
    max_passes: int
    end_of_turn: tuple[int, ...]
    pad: int | None
    max_length: int | None = None
    stability: int = 1
    confidence: float = 0.005

    def stop_rule(self, *, certain: float | None = None, likely: float | None = None) -> StopRule:
        return StopRule(certain=certain, stability=self.stability, confidence=self.confidence)


@dataclass(frozen=True)
class Family:
    """How a network is asked for a canvas of `length` tokens out of `vocab_size`; `masked` if by masked diffusion."""

    settings: Settings | MaskedSettings
    length: int
    vocab_size: int
    masked: MaskedDiffusion | None = None
    positions: int | None = None
    """How many tokens the network can read, prompt and canvases together; None: what the settings say, or any."""

    def room(self, prompt: int) -> int | None:
        """How many tokens may follow a prompt of so many; None: any number."""
        if self.positions is not None:
            return (self.positions - prompt) // self.length * self.length
        return None if self.settings.max_length is None else self.settings.max_length - prompt

    def check_room(self, prompt: int, budget: int) -> None:
        """Raises `LimitError` if the network has no positions for a prompt and the canvases of a budget."""
        needed = prompt + -(-budget // self.length) * self.length
        if self.positions is not None and needed > self.positions:
            raise LimitError(
                f"prompt and canvases take {needed} positions, the model has {self.positions}",
                limit=self.positions,
                given=needed,
                hint="shorten the prompt, or lower max_new_tokens or the length of a canvas",
            )

    def denoiser(
        self, network: Any, ids: Tensor, mask: Tensor, settings: Settings | MaskedSettings, given: Tensor | None
    ) -> Denoiser:
        """`network`, having read the prompts `ids`, int64 `[B, P]`, with padding on the left where `mask` is 0."""
        if isinstance(settings, Settings):
            return DiffusionGemma(network, ids, mask, settings)
        assert self.masked is not None, "these are the settings of masked diffusion"
        assert settings.pad is not None, "the face fills it in"
        ends = settings.end_of_turn
        return MaskedDenoiser(network, ids, mask, self.masked, ends=ends, filler=settings.pad, given=given)


def family_of(network: Any, tokenizer: Any, masked: MaskedDiffusion | None = None) -> Family:
    """The family of `network`, sampled as `masked` says if it is one of masked diffusion.

    Raises `UnsupportedError` for what is of no known family (unless `masked` says how to read it), and
    `VocabularyError` where nothing names the mask token or the tokenizer takes it for text.
    """
    config = network.config
    if config.model_type == "diffusion_gemma":
        if masked is not None:
            raise UnsupportedError("DiffusionGemma is no masked diffusion model", hint="leave family= out")
        return Family(Settings.of(network), config.canvas_length, config.text_config.vocab_size)
    if masked is None and not _predicts_masks(type(network).__name__) and config.model_type not in KNOWN:
        raise _no_adapter(config.model_type)
    asked = None if masked is None else masked.mask
    masked = masked or KNOWN.get(config.model_type, MaskedDiffusion())
    named = (asked, getattr(config, "mask_token_id", None), masked.mask, tokenizer.mask_token_id)
    mask = next((each for each in named if each is not None), None)
    special = (token for token, each in tokenizer.added_tokens_decoder.items() if each.special)
    if mask is None or mask not in {*tokenizer.all_special_ids, *special}:
        raise VocabularyError(
            "the mask token is not known" if mask is None else f"the mask token {mask} is an ordinary one",
            hint="pass family=MaskedDiffusion(mask=...), the id of a special token",
        )
    closing = tokenizer.sep_token_id if tokenizer.eos_token_id is None else None
    settings = MaskedSettings(
        max_new_tokens=masked.length,
        max_passes=masked.steps or masked.length,
        end_of_turn=() if closing is None else (closing,),
        pad=getattr(config, "pad_token_id", None),
    )
    positions = getattr(config, "max_position_embeddings", None)
    if positions is not None and counts_positions(network):
        positions -= config.pad_token_id + 1
    return Family(settings, masked.length, config.vocab_size, replace(masked, mask=mask), positions)


def loader_of(config: Any, masked: MaskedDiffusion | None = None) -> Any:
    """The class of transformers that loads checkpoints with this config. Raises `UnsupportedError` for others."""
    import transformers

    classes = getattr(config, "architectures", None) or []
    if config.model_type == "diffusion_gemma":
        return transformers.DiffusionGemmaForBlockDiffusion
    if config.model_type in KNOWN:
        return getattr(transformers, _LOADERS[config.model_type])
    if any(map(_predicts_masks, classes)):
        return transformers.AutoModelForMaskedLM
    if masked is None:
        raise _no_adapter(config.model_type)
    return transformers.AutoModelForCausalLM


def _predicts_masks(name: str) -> bool:
    """Whether a class is among those of `AutoModelForMaskedLM`; encoders with a decoder on top are not meant."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

    return name.endswith("ForMaskedLM") and name in MODEL_FOR_MASKED_LM_MAPPING_NAMES.values()


def _no_adapter(model_type: str) -> UnsupportedError:
    return UnsupportedError(
        f"there is no adapter for models of type {model_type!r}",
        hint="use DiffusionGemma, a masked language model, or say how to read it: family=MaskedDiffusion(...)",
    )
