"""vLLM's DiffusionGemma with a sampler that knows constraints. Imported by vLLM alone, once it needs the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from vllm.model_executor.models import diffusion_gemma
from vllm.tokenizers import cached_tokenizer_from_config

from constrain.constraint import Constraint
from constrain.engine.vllm_compiling import started, vocabulary_of
from constrain.engine.vllm_sampler import ConstrainedSampler

__all__ = ["ConstrainedDiffusionGemma", "ConstrainedModelState"]


class ConstrainedModelState(diffusion_gemma.DiffusionGemmaModelState):  # type: ignore[misc, unused-ignore]  # untyped
    """The state of the model's requests; on the ranks that sample, with a `ConstrainedSampler`."""

    constrained: ConstrainedSampler | None = None

    def custom_sampler(self, sampler: Any) -> tuple[Any, Any] | None:
        built: tuple[Any, Any] | None = super().custom_sampler(sampler)
        tokenizer = cached_tokenizer_from_config(self.model_config)
        if built is None or tokenizer is None:  # without a tokenizer the guard lets no constrained request in
            return built
        vocabulary = vocabulary_of(self.model_config, tokenizer)

        def compiled(stated: Mapping[str, Any]) -> Callable[[], Constraint]:
            return started(stated, vocabulary)

        compiled({"regex": "a"})  # builds the tables of the vocabulary, which all constraints need
        self.constrained = ConstrainedSampler(
            built[0],
            diffusion_gemma,
            compiled,
            max_model_len=self.model_config.max_model_len,
            seed=self.model_config.seed,
        )
        return self.constrained, built[1]

    def add_request(self, req_index: int, new_req_data: Any) -> None:
        super().add_request(req_index, new_req_data)
        if self.constrained is not None:
            self.constrained.admit(req_index, new_req_data.prompt_len, new_req_data.prefill_token_ids)

    def remove_request(self, req_id: str) -> None:
        slot = self._req_id_to_index.get(req_id)
        super().remove_request(req_id)
        if self.constrained is not None and slot is not None:
            self.constrained.free(slot)


class ConstrainedDiffusionGemma(
    diffusion_gemma.DiffusionGemmaForConditionalGeneration  # type: ignore[misc, unused-ignore]  # untyped
):
    """The model as it is, but for the state that it makes of requests."""

    @staticmethod
    def get_model_state_cls() -> type[ConstrainedModelState]:
        return ConstrainedModelState
