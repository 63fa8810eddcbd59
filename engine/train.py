"""Regenerates the bundled model: synthetic data, tokenizer and weights, from one seed.

    python -m constrain.engine.train --out DIR

The model is a `DiffusionGemmaForBlockDiffusion` of about a million parameters. Training imitates decoding: a
canvas of pure noise (the first pass) or with a share of its tokens replaced by uniform noise; and, for half of
the batches, a canvas that one pass of the model has already accepted tokens on, conditioned on that pass's
logits as `generate` does. The loss is the cross entropy of every canvas position against the answer, its
end-of-turn token and the padding after it.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, cast

import torch
import typer
from rich.console import Console
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from torch.nn import functional
from transformers import DiffusionGemmaForBlockDiffusion, PreTrainedTokenizerFast
from transformers.models.diffusion_gemma.configuration_diffusion_gemma import DiffusionGemmaConfig
from transformers.models.diffusion_gemma.generation_diffusion_gemma import (
    DiffusionGemmaGenerationConfig,
    EntropyBoundSampler,
    EntropyBoundSamplerConfig,
)

from constrain.engine.tasks import Example, examples

VOCAB_SIZE = 512
CANVAS_LENGTH = 40
SPECIALS = ("<pad>", "<eos>", "<bos>", "<|turn>", "<turn|>")
PAD, EOS, BOS, _, END_OF_TURN = range(len(SPECIALS))
CHAT_TEMPLATE = (
    "{{ bos_token }}"
    "{% for message in messages %}"
    "<|turn>{{ 'model' if message['role'] == 'assistant' else message['role'] }}\n"
    "{{ message['content'] | trim }}<turn|>\n"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|turn>model\n{% endif %}"
)
TAIL_WEIGHT = 0.1
"""Weight of the padding after the answer in the loss: half of the canvas, and learned within a few hundred steps."""


@dataclass(frozen=True)
class Recipe:
    """Everything that determines the weights, besides the machine."""

    steps: int
    batch_size: int
    examples: int
    learning_rate: float
    warmup: int
    seed: int


@dataclass(frozen=True)
class Corpus:
    """Token ids of rendered prompts (of unequal length) and of canvases `[N, CANVAS_LENGTH]`."""

    prompts: list[list[int]]
    canvases: torch.Tensor

    def batches(self, size: int, generator: torch.Generator) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Endless shuffled batches of left-padded prompts `[B, P]` and canvases `[B, L]`.

        Prompts of similar length share a batch (sorted within pools of 32 batches), so that little is padded.
        """
        pool = 32 * size
        while True:
            order = torch.randperm(len(self.prompts), generator=generator)
            for start in range(0, len(order) - pool + 1, pool):
                rows = sorted(order[start : start + pool].tolist(), key=lambda row: len(self.prompts[row]))
                for cut in torch.randperm(32, generator=generator).tolist():
                    chosen = rows[cut * size : (cut + 1) * size]
                    width = len(self.prompts[chosen[-1]])
                    padded = [[PAD] * (width - len(self.prompts[row])) + self.prompts[row] for row in chosen]
                    yield torch.tensor(padded), self.canvases[chosen]


def render(prompt: str) -> str:
    """The chat text that the model reads for `prompt`, equal to what the chat template makes of it."""
    return f"<bos><|turn>user\n{prompt}<turn|>\n<|turn>model\n"


def build_tokenizer(sample: list[Example]) -> PreTrainedTokenizerFast:
    """Byte-level BPE over runs of letters, single digits and runs of anything else.

    Spaces never join a word: a name is cut into the same pieces in the sentence and in the JSON string, which is
    what makes copying learnable by a model this small.
    """
    tokenizer = Tokenizer(models.BPE())
    runs = pre_tokenizers.Split(Regex(r"\p{L}+|\p{N}|[^\p{L}\p{N}]+"), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [runs, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE,
        special_tokens=list(SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = (text for example in sample for text in (example.prompt, example.answer, "user", "model", "system"))
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]  # transformers leaves it untyped
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="<eos>",
        bos_token="<bos>",
        additional_special_tokens=["<|turn>", "<turn|>"],
        padding_side="left",
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
    )


def build_model() -> DiffusionGemmaForBlockDiffusion:
    """A randomly initialised model: four layers of width 128, two small experts, a vision tower in name only."""
    rope = {"rope_type": "default", "rope_theta": 1000.0}
    text = {
        "vocab_size": VOCAB_SIZE,
        "hidden_size": 128,
        "intermediate_size": 256,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "head_dim": 32,
        "global_head_dim": 32,
        "num_global_key_value_heads": 4,
        "layer_types": ["sliding_attention"] * 3 + ["full_attention"],
        "rope_parameters": {"sliding_attention": rope, "full_attention": rope},
        "sliding_window": 512,
        "max_position_embeddings": 2048,
        "num_experts": 2,
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
        canvas_length=CANVAS_LENGTH,
        image_token_id=VOCAB_SIZE,
        boi_token_id=VOCAB_SIZE + 1,
        eoi_token_id=VOCAB_SIZE + 2,
        initializer_range=0.04,
    )
    model = DiffusionGemmaForBlockDiffusion(config)
    model.generation_config = DiffusionGemmaGenerationConfig(  # type: ignore[no-untyped-call]  # untyped there
        max_new_tokens=CANVAS_LENGTH,
        max_denoising_steps=16,
        sampler_config=EntropyBoundSamplerConfig(entropy_bound=0.1),
        t_min=0.4,
        t_max=0.8,
        stability_threshold=1,
        confidence_threshold=0.005,
        pad_token_id=PAD,
        bos_token_id=BOS,
        eos_token_id=[EOS, END_OF_TURN],
    )
    return model


def encode(tokenizer: PreTrainedTokenizerFast, sample: list[Example]) -> Corpus:
    """Token ids of the examples whose answer and end of turn fit one canvas; the rest of the canvas is padding."""
    prompts = tokenizer([render(example.prompt) for example in sample], add_special_tokens=False).input_ids
    answers = tokenizer([example.answer for example in sample], add_special_tokens=False).input_ids
    kept = [row for row, answer in enumerate(answers) if len(answer) < CANVAS_LENGTH]
    canvases = torch.full((len(kept), CANVAS_LENGTH), PAD)
    for index, row in enumerate(kept):
        ids = [*answers[row], END_OF_TURN]
        canvases[index, : len(ids)] = torch.tensor(ids)
    return Corpus(prompts=[prompts[row] for row in kept], canvases=canvases)


def corrupt(canvas: torch.Tensor) -> torch.Tensor:
    """Each row's tokens replaced by uniform noise with a probability that is 1 for half of the rows, else U(0, 1)."""
    rate = torch.rand(len(canvas), 1, device=canvas.device) * 2
    replaced = torch.rand(canvas.shape, device=canvas.device) < rate
    return torch.where(replaced, torch.randint_like(canvas, VOCAB_SIZE), canvas)


def next_pass(logits: torch.Tensor, canvas: torch.Tensor) -> torch.Tensor:
    """The canvas that `generate` would decode next: tokens of low entropy accepted, the others noise."""
    sampler = EntropyBoundSampler(EntropyBoundSamplerConfig(0.1), CANVAS_LENGTH, VOCAB_SIZE, 1)
    draw = torch.multinomial(logits.softmax(dim=-1).flatten(0, 1), 1).view(canvas.shape)
    accepted = sampler.accept_canvas(cast(Any, canvas), cast(Any, draw), logits, 1)
    return sampler.renoise_canvas(accepted, 1)


def loss(model: DiffusionGemmaForBlockDiffusion, prompt: torch.Tensor, canvas: torch.Tensor) -> dict[str, torch.Tensor]:
    """Cross entropies of one batch: `total` to descend, `answer` and `tail` to look at.

    prompt: `[B, P]` left-padded; canvas: `[B, L]`. Half of the calls are self-conditioned, and of their rows half
    see the canvas that the first pass leads to, half a fresh corruption.
    """
    mask = prompt != PAD
    cache = model.model.encoder(input_ids=prompt, attention_mask=mask).past_key_values
    decode = {"past_key_values": cache, "decoder_attention_mask": functional.pad(mask, (0, CANVAS_LENGTH), value=True)}
    noisy = corrupt(canvas)
    belief = None
    if torch.rand(()) < 0.5:
        with torch.no_grad():
            temperature = torch.empty(len(canvas), 1, 1, device=canvas.device).uniform_(0.4, 0.8)
            belief = model(decoder_input_ids=noisy, **decode).logits / temperature
            follows = torch.rand(len(canvas), 1, device=canvas.device) < 0.5
            noisy = torch.where(follows, next_pass(belief, noisy), corrupt(canvas))
    logits = model(decoder_input_ids=noisy, self_conditioning_logits=belief, **decode).logits
    each = functional.cross_entropy(logits.flatten(0, 1), canvas.flatten(), reduction="none").view(canvas.shape)
    tail = canvas == PAD
    weight = torch.where(tail, TAIL_WEIGHT, 1.0)
    return {
        "total": (each * weight).sum() / weight.sum(),
        "answer": each[~tail].mean().detach(),
        "tail": each[tail].mean().detach(),
    }


def save(
    out: Path,
    model: DiffusionGemmaForBlockDiffusion,
    tokenizer: PreTrainedTokenizerFast,
    optimizer: torch.optim.Optimizer,
    report: dict[str, Any],
) -> None:
    """Writes a `from_pretrained` directory, `training.json`, and beside it what `--resume` needs."""
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    (out / "training.json").write_text(json.dumps(report, indent=2) + "\n")
    torch.save({"optimizer": optimizer.state_dict(), "report": report}, out.with_suffix(".resume.pt"))


def train(out: Path, recipe: Recipe, *, resume: bool, save_every: int, console: Console) -> None:
    """AdamW with linear warm-up and decay; a checkpoint every `save_every` steps and at the end."""
    torch.set_flush_denormal(True)  # 15% faster on a CPU: attention leaves many denormal gradients
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    sample = examples("train", recipe.examples, recipe.seed)
    if resume:
        tokenizer = PreTrainedTokenizerFast.from_pretrained(out)
        model = DiffusionGemmaForBlockDiffusion.from_pretrained(out)
    else:
        torch.manual_seed(recipe.seed)
        tokenizer, model = build_tokenizer(sample[:50_000]), build_model()
    torch.nn.Module.to(model, device).train()
    corpus = encode(tokenizer, sample)
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.learning_rate, betas=(0.9, 0.98), weight_decay=0.01)
    first, seconds = 0, 0.0
    if resume:
        state = torch.load(out.with_suffix(".resume.pt"), weights_only=True)
        optimizer.load_state_dict(state["optimizer"])
        first, seconds = state["report"]["step"], state["report"]["seconds"]
    torch.manual_seed(recipe.seed + first)
    report: dict[str, Any] = {
        **asdict(recipe),
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "hardware": torch.cuda.get_device_name() if device.type == "cuda" else platform.processor() or "CPU",
        "threads": torch.get_num_threads(),
        "torch": str(torch.__version__),
    }
    console.print(report)
    batches = corpus.batches(recipe.batch_size, torch.Generator().manual_seed(recipe.seed + first))
    started = time.monotonic() - seconds
    mean: dict[str, float] = {}
    for step in range(first + 1, recipe.steps + 1):
        rate = recipe.learning_rate * min(step / recipe.warmup, 1.0) * max(1 - step / recipe.steps, 0.01)
        for group in optimizer.param_groups:
            group["lr"] = rate
        prompt, canvas = next(batches)
        losses = loss(model, prompt.to(device), canvas.to(device))
        losses["total"].backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        for name, value in losses.items():
            mean[name] = 0.98 * mean.get(name, value.item()) + 0.02 * value.item()
        if step % 50 == 0 or step == recipe.steps:
            report |= {"step": step, "seconds": round(time.monotonic() - started), "losses": dict(mean)}
            figures = "  ".join(f"{name} {value:.4f}" for name, value in mean.items())
            console.print(f"step {step}  {report['seconds']} s  rate {rate:.2e}  {figures}", highlight=False)
        if step % save_every == 0 or step == recipe.steps:
            save(out, model, tokenizer, optimizer, report)


def main(
    out: Annotated[Path, typer.Option(help="Directory of the checkpoint.")],
    steps: Annotated[int, typer.Option(help="Optimiser steps in all, resumed ones included.")] = 6000,
    batch_size: Annotated[int, typer.Option(help="Examples per step.")] = 64,
    count: Annotated[int, typer.Option("--examples", help="Distinct training examples.")] = 300_000,
    learning_rate: Annotated[float, typer.Option(help="Peak of the schedule.")] = 2e-3,
    warmup: Annotated[int, typer.Option(help="Steps until the peak.")] = 200,
    seed: Annotated[int, typer.Option(help="Seed of data, initial weights and noise.")] = 0,
    save_every: Annotated[int, typer.Option(help="Steps between checkpoints.")] = 500,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint in --out.")] = False,
) -> None:
    """Train the bundled model and write it to --out."""
    recipe = Recipe(steps, batch_size, count, learning_rate, warmup, seed)
    train(out, recipe, resume=resume, save_every=save_every, console=Console(soft_wrap=True))


if __name__ == "__main__":
    typer.run(main)
