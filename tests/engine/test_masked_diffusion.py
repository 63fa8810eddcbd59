"""The adapter of masked diffusion against samplers written out as published, and what it does with what it is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from transformers import RobertaConfig, RobertaForMaskedLM

from constrain.engine.families import family_of, loader_of
from constrain.engine.masked_diffusion import MaskedDenoiser
from constrain.engine.masked_options import KNOWN, MaskedDiffusion
from constrain.engine.model import from_transformers, load
from constrain.engine.refine import refine
from constrain.engine.stopping import StopRule
from constrain.engine.unconstrained import Unconstrained
from constrain.errors import LimitError, SpecError, UnsatisfiableError, UnsupportedError, VocabularyError
from constrain.specs import Regex
from tests.engine.families import (
    EOS,
    FAMILIES,
    MASK,
    RULES,
    family_model,
    masked_model,
    masked_network,
    masked_tokenizer,
)
from tests.tokenizers import KINDS, fast

NEVER = StopRule(certain=None, confidence=None)
MASKED = FAMILIES[1:]
SIZE, LENGTH = 40, 12
MASK_ID = 39
PROMPT = (5, 6, 7, 8, 9)


def denoiser(family: str, prompts: Sequence[Sequence[int]] = (PROMPT,), **rule: Any) -> MaskedDenoiser:
    width = max(map(len, prompts))
    ids = torch.tensor([[0] * (width - len(prompt)) + list(prompt) for prompt in prompts])
    seen = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    options = MaskedDiffusion(**RULES[family] | {"temperature": 0.0, "length": LENGTH, "mask": MASK_ID} | rule)
    return MaskedDenoiser(masked_network(family, vocab_size=SIZE), ids, seen, options, ends=(3,), filler=0)


def half_open(seed: int = 0) -> Tensor:
    """A canvas of which about half is masked."""
    generator = torch.Generator().manual_seed(seed)
    canvas = torch.randint(4, MASK_ID, (1, LENGTH), generator=generator)
    return canvas.masked_fill(torch.rand(canvas.shape, generator=generator) < 0.5, MASK_ID)


def raw(family: str, ids: Tensor) -> Tensor:
    """The network's own logits where nothing is hidden, a mask never predicted."""
    network, full = masked_network(family, vocab_size=SIZE), torch.zeros(1, 1, ids.shape[1], ids.shape[1])
    with torch.no_grad():
        logits = network(input_ids=ids, attention_mask=None if family == "modernbert" else full).logits
    logits[..., MASK_ID] = -torch.inf
    return logits


def as_published(family: str, prompt: Sequence[int], *, steps: int, block: int, remasking: str) -> list[int]:
    """The loop of LLaDA's and Dream's samplers at temperature 0: block by block, the surest of a few more per step."""
    x = torch.tensor([[*prompt, *[MASK_ID] * LENGTH]])
    begin, each = len(prompt), steps // (LENGTH // block)
    for end in range(begin + block, begin + LENGTH + 1, block):
        for step in range(each):
            logits = raw(family, x)
            if RULES[family].get("shifted"):
                logits = torch.cat([logits[:, :1], logits[:, :-1]], dim=1)
            p = logits.double().softmax(-1)
            best, top = p.argmax(-1), p.sort(-1, descending=True).values
            confidence = {
                "confidence": top[..., 0],
                "margin": top[..., 0] - top[..., 1],
                "entropy": (p * (p + 1e-300).log()).sum(-1),
            }[remasking]
            confidence = confidence.masked_fill(x != MASK_ID, -torch.inf)
            confidence[:, end:] = -torch.inf
            chosen = confidence[0].topk(block // each + (step < block % each)).indices
            x[0, chosen] = best[0, chosen]
    return x[0, begin:].tolist()


@pytest.mark.parametrize("remasking", ["confidence", "margin", "entropy"])
@pytest.mark.parametrize(("steps", "block"), [(12, 4), (6, 4), (4, 12), (12, 12)])
@pytest.mark.parametrize("family", ["modernbert", "llada", "dream"])
def test_without_a_constraint_it_is_the_sampler_as_published(
    family: str, steps: int, block: int, remasking: str
) -> None:
    ours = denoiser(family, block_length=block, remasking=remasking)
    generator = torch.Generator()
    *_, last = refine(ours, Unconstrained([], device=ours.device), max_passes=steps, stop=NEVER, generator=generator)
    assert last.tokens[0].tolist() == as_published(family, PROMPT, steps=steps, block=block, remasking=remasking)


def test_dream_reads_a_token_at_the_position_before_it() -> None:
    canvas = half_open()
    logits = raw("dream", torch.cat([torch.tensor([PROMPT]), canvas], 1))
    published = torch.cat([logits[:, :1], logits[:, :-1]], 1)[:, len(PROMPT) :]
    torch.testing.assert_close(denoiser("dream")(canvas, None, 0, 1), published)


@pytest.mark.parametrize("family", ["modernbert", "llada", "dream"])
def test_attention_goes_both_ways(family: str) -> None:
    masked, canvas = denoiser(family), half_open()
    changed = torch.cat([canvas[:, :-1], canvas[:, -1:] % 9 + 20], 1)
    difference = (masked(canvas, None, 0, 1) - masked(changed, None, 0, 1)).nan_to_num().abs().amax(-1)
    assert (difference[0] > 0).all()


def test_llada2_sees_what_it_is_shown_when_later_blocks_do_not_exist_yet() -> None:
    """As published: the input ends with the block at work, and attention is full inside blocks and to earlier ones."""
    canvas, block = half_open(), 4
    whole = torch.cat([torch.tensor([PROMPT]), canvas], 1)
    logits = denoiser("llada2", block_length=block)(canvas, None, 0, 1)
    for end in range(8, whole.shape[1] + 1, block):
        place = torch.arange(end) // block
        hidden = torch.zeros(1, 1, end, end).masked_fill(place[:, None] < place, torch.finfo(torch.float32).min)
        with torch.no_grad():
            alone = masked_network("llada2", vocab_size=SIZE)(input_ids=whole[:, :end], attention_mask=hidden).logits
        alone[..., MASK_ID] = -torch.inf
        begin = max(end - block, len(PROMPT))
        torch.testing.assert_close(
            logits[:, begin - len(PROMPT) : end - len(PROMPT)], alone[:, begin:], rtol=1e-4, atol=1e-4
        )


@pytest.mark.parametrize("family", MASKED)
def test_padding_on_the_left_changes_nothing(family: str) -> None:
    prompts, canvas = (PROMPT, (9, 8)), half_open()
    together = denoiser(family, prompts)(canvas.expand(2, -1), None, 0, 1)
    for row, prompt in zip(together, prompts, strict=True):
        torch.testing.assert_close(row, denoiser(family, (prompt,))(canvas, None, 0, 1)[0], rtol=1e-4, atol=1e-4)


def test_a_network_that_numbers_its_tokens_from_the_padding_on_is_left_to_it() -> None:
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = RobertaConfig(vocab_size=SIZE, max_position_embeddings=32, pad_token_id=1, **sizes)
    network = RobertaForMaskedLM(config).eval()
    rule, canvas = MaskedDiffusion(length=LENGTH, mask=MASK_ID), half_open()
    padded, alone = (torch.tensor([[*pads, 9, 8, 7]]) for pads in ((1, 1), ()))
    ours = [MaskedDenoiser(network, ids, ids != 1, rule, ends=(3,), filler=1) for ids in (padded, alone)]
    with torch.no_grad():
        theirs = network(torch.cat([alone, canvas], 1)).logits[:, 3:]
    theirs[..., MASK_ID] = -torch.inf
    for each in ours:
        torch.testing.assert_close(each(canvas, None, 0, 1), theirs, rtol=1e-4, atol=1e-4)
    tokenizer = masked_tokenizer()
    assert family_of(network, tokenizer, replace(rule, mask=tokenizer.mask_token_id)).positions == 30


@pytest.mark.parametrize("family", MASKED)
def test_a_closed_canvas_is_read_like_a_longer_prompt(family: str) -> None:
    stepwise, written = denoiser(family), tuple(range(10, 10 + LENGTH))
    stepwise.append(torch.tensor([written]))
    canvas = stepwise.noise(torch.Generator())
    assert canvas.tolist() == [[MASK_ID] * LENGTH]
    at_once = denoiser(family, ((*PROMPT, *written),))
    torch.testing.assert_close(stepwise(canvas, None, 0, 1), at_once(canvas, None, 0, 1), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("family", MASKED)
def test_masks_are_never_predicted_and_logits_are_divided_by_the_temperature(family: str) -> None:
    canvas = half_open()
    cold, warm = (denoiser(family, temperature=each)(canvas, None, 0, 1) for each in (0.0, 0.5))
    assert (cold[..., MASK_ID] == -torch.inf).all()
    torch.testing.assert_close(warm, cold / 0.5)


def accepted_one_by_one(
    doubt: list[float], open_: list[bool], due: int, block: int, threshold: float | None
) -> set[int]:
    """The positions that `accept` keeps, as its docstring and those of the options say."""
    first = next(n for n, is_open in enumerate(open_) if is_open)
    end = (max(first, due - 1) // block + 1) * block
    eligible = [n for n in range(len(open_)) if open_[n] and n < end]
    count = max(due - open_.count(False), 1)
    surest = set(sorted(eligible, key=lambda n: doubt[n])[:count])
    return surest | {n for n in eligible if threshold is not None and doubt[n] <= -threshold}


@given(
    st.permutations(range(LENGTH)),
    st.lists(st.booleans(), min_size=LENGTH, max_size=LENGTH).filter(any),
    st.integers(1, 20),
    st.integers(0, 19),
    st.integers(1, LENGTH),
    st.none() | st.floats(0.1, 1.0),
)
@settings(max_examples=100, deadline=None)
def test_what_is_due_is_kept_block_by_block_and_the_surest_first(
    order: list[int], open_: list[bool], steps: int, step: int, block: int, threshold: float | None
) -> None:
    step = min(step, steps - 1)
    masked = denoiser("llada", block_length=block, threshold=threshold)
    canvas = torch.where(torch.tensor([open_]), MASK_ID, 4)
    masked(canvas, None, step, steps)
    doubt = [-(n + 1) / (LENGTH + 1) for n in order]
    accepted = masked.accept(torch.tensor([doubt], dtype=torch.float64))
    due = -(-LENGTH * (step + 1) // steps)
    assert set(accepted[0].nonzero().flatten().tolist()) == accepted_one_by_one(doubt, open_, due, block, threshold)


def test_nothing_is_kept_of_a_row_in_which_all_is_in_doubt() -> None:
    masked = denoiser("llada", threshold=0.1)
    masked(masked.noise(torch.Generator()), None, 3, 4)
    assert not masked.accept(torch.full((1, LENGTH), torch.inf)).any()


@pytest.mark.parametrize("family", MASKED)
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_what_is_kept_stays_and_all_of_it_is_one_valid_canvas(family: str, temperature: float) -> None:
    model = masked_model(family, length=LENGTH, temperature=temperature)
    shown: list[Tensor] = []
    forward = MaskedDenoiser.__call__

    def watched(self: MaskedDenoiser, canvas: Tensor, *rest: Any) -> Tensor:
        shown.append(canvas)
        return forward(self, canvas, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MaskedDenoiser, "__call__", watched)
        drafts = list(model.stream("the", Regex("(?:ab|ba)+c"), max_passes=6, stop=NEVER, max_new_tokens=LENGTH))
    mask = model.family.masked.mask if model.family.masked else None
    assert len(shown) == len(drafts) == 6
    for before, after in pairwise(shown):
        kept = before != mask
        assert torch.equal(before[kept], after[kept])
        assert (after != mask).sum() > kept.sum()
    for canvas, draft in zip(shown, drafts, strict=True):
        tokens = canvas[0].tolist()
        assert all(token in (mask, said) for token, said in zip(tokens, draft.token_ids, strict=False))


def test_the_best_canvas_is_kept_at_temperature_0_and_draws_above() -> None:
    cold, warm = (masked_model("llada", temperature=each) for each in (0.0, 3.0))
    assert len({cold.generate("the", Regex("[a-f]{9}"), seed=seed).text for seed in range(4)}) == 1
    assert len({warm.generate("the", Regex("[a-f]{9}"), seed=seed).text for seed in range(4)}) > 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"length": 0}, "length counts from 1, got 0"),
        ({"steps": 0}, "steps counts from 1, got 0"),
        ({"block_length": -1}, "block_length counts from 1"),
        ({"temperature": -0.1}, "temperature is 0 or more"),
        ({"remasking": "random"}, "remasking is one of confidence, margin, entropy, got 'random'"),
        ({"attention": "causal"}, "attention is one of padding, full, block"),
        ({"attention": "block"}, "attention by block needs a block_length"),
    ],
)
def test_a_rule_without_meaning_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        MaskedDiffusion(**options)


def test_classes_of_masked_language_models_are_recognised_and_others_need_to_be_told() -> None:
    tokenizer = masked_tokenizer()
    network = masked_network("modernbert", vocab_size=len(tokenizer))
    masked = from_transformers(network, tokenizer).family.masked
    assert masked == MaskedDiffusion(mask=tokenizer.mask_token_id)
    llama = masked_network("llada", vocab_size=len(tokenizer))
    with pytest.raises(UnsupportedError, match="no adapter for models of type 'llama'"):
        from_transformers(llama, tokenizer)
    llama.config.model_type, llama.config.mask_token_id = "Dream", tokenizer.mask_token_id
    assert family_of(llama, tokenizer).masked == replace(KNOWN["Dream"], mask=tokenizer.mask_token_id)
    assert family_of(llama, tokenizer, MaskedDiffusion(mask=EOS)).masked == MaskedDiffusion(mask=EOS)


def test_a_model_that_refines_noise_is_not_told_of_masks() -> None:
    with pytest.raises(UnsupportedError, match="DiffusionGemma is no masked diffusion model"):
        from_transformers(family_model("diffusion_gemma").network, masked_tokenizer(), family=MaskedDiffusion())


def test_the_mask_token_has_to_be_known_and_special() -> None:
    tokenizer = fast(KINDS["gpt2"]())
    network = masked_network("modernbert", vocab_size=len(tokenizer))
    with pytest.raises(VocabularyError, match="the mask token is not known"):
        from_transformers(network, tokenizer)
    with pytest.raises(VocabularyError, match="the mask token 40 is an ordinary one"):
        from_transformers(network, tokenizer, family=MaskedDiffusion(mask=40))
    assert from_transformers(network, tokenizer, family=MaskedDiffusion(mask=2, length=8))("the", Regex("a|b")) in "ab"


def test_a_tokenizer_without_an_end_of_turn_ends_with_its_separator() -> None:
    tokenizer = fast(KINDS["gpt2"](), mask_token=MASK, eos_token=None, sep_token="<eos>")
    network = masked_network("modernbert", vocab_size=len(tokenizer))
    assert from_transformers(network, tokenizer).settings.end_of_turn == (EOS,)


def test_prompt_and_canvases_keep_to_the_positions_of_the_model() -> None:
    model = masked_model("modernbert", length=16, positions=40)
    assert model("the", Regex("x{32}"), max_passes=1) == "x" * 32
    with pytest.raises(UnsatisfiableError, match="needs 33 tokens, budget is 32"):
        model("the", Regex("x{33}"))
    with pytest.raises(LimitError, match="take 49 positions, the model has 40") as caught:
        model("the", Regex("x{33}"), max_new_tokens=33)
    assert (caught.value.limit, caught.value.given) == (40, 49)


def test_a_checkpoint_of_a_masked_language_model_is_loaded(tmp_path: Path) -> None:
    tokenizer = masked_tokenizer()
    network = masked_network("modernbert", vocab_size=len(tokenizer))
    network.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    rule = MaskedDiffusion(length=16, steps=4)
    loaded = load(str(tmp_path), family=rule).generate("the", Regex("[a-f]{9}"))
    assert (
        loaded.token_ids
        == from_transformers(network, tokenizer, family=rule).generate("the", Regex("[a-f]{9}")).token_ids
    )


def test_checkpoints_are_loaded_with_the_class_that_they_bring() -> None:
    class Config:
        model_type = "llada"
        architectures = ("LLaDAModelLM",)

    assert loader_of(Config).__name__ == "AutoModel"
    Config.model_type = "llada2_moe"
    assert loader_of(Config).__name__ == "AutoModelForCausalLM"
    Config.model_type, Config.architectures = "roberta", ("RobertaForMaskedLM",)
    assert loader_of(Config).__name__ == "AutoModelForMaskedLM"
    Config.model_type, Config.architectures = "qwen3", ("Qwen3ForCausalLM",)
    assert loader_of(Config, MaskedDiffusion()).__name__ == "AutoModelForCausalLM"
    with pytest.raises(UnsupportedError, match="'qwen3'"):
        loader_of(Config)
