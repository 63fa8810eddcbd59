"""The committed checkpoint, used the way any DiffusionGemma checkpoint is used: by transformers alone."""

import hashlib
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer, DiffusionGemmaForBlockDiffusion

from constrain.engine.tasks import TASKS, examples, splits
from constrain.engine.train_tokens import SPECIALS, render

BUNDLED = Path(str(files("constrain") / "engine" / "bundled"))
MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(BUNDLED)


@pytest.fixture(scope="module")
def model() -> Any:
    return DiffusionGemmaForBlockDiffusion.from_pretrained(BUNDLED).eval()


def generate(model: Any, tokenizer: Any, prompts: list[str], passes: int) -> list[str]:
    chats = [[{"role": "user", "content": prompt}] for prompt in prompts]
    encoded = tokenizer.apply_chat_template(
        chats, add_generation_prompt=True, padding=True, return_tensors="pt", return_dict=True
    )
    torch.manual_seed(0)
    output = model.generate(**encoded, max_denoising_steps=passes, max_new_tokens=model.config.canvas_length)
    texts = tokenizer.batch_decode(output.sequences[:, encoded["input_ids"].shape[1] :], skip_special_tokens=True)
    return [str(text) for text in texts]


def test_directory_is_small_and_complete() -> None:
    sizes = {path.name: path.stat().st_size for path in BUNDLED.iterdir()}
    assert sum(sizes.values()) <= 12 * MEGABYTE
    assert {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json"} <= sizes.keys()


def test_training_report_says_what_made_the_weights() -> None:
    report = json.loads((BUNDLED / "training.json").read_text())
    assert {"seed", "steps", "examples", "seconds", "hardware", "losses", "parameters", "start"} <= report.keys()
    weights = (BUNDLED / "model.safetensors").read_bytes()
    assert report["sha256"] == hashlib.sha256(weights).hexdigest()


def test_special_tokens_end_a_turn_and_pad_on_the_left(model: Any, tokenizer: Any) -> None:
    assert tokenizer.convert_tokens_to_ids(list(SPECIALS)) == list(range(len(SPECIALS)))
    assert model.generation_config.eos_token_id == tokenizer.convert_tokens_to_ids(["<eos>", "<turn|>"])
    assert model.generation_config.pad_token_id == tokenizer.pad_token_id
    assert tokenizer.padding_side == "left"
    assert len(tokenizer) == model.config.text_config.vocab_size


@pytest.mark.parametrize(
    "text", ["Ada Lovelace, 36, lives in London.", " \t\n", "Zoë 東京 \U0001f600 2024", "\x00<|turn|>"]
)
def test_any_text_survives_the_tokenizer(tokenizer: Any, text: str) -> None:
    ids = tokenizer(text, add_special_tokens=False).input_ids
    assert tokenizer.decode(ids) == text


def test_digits_stand_alone(tokenizer: Any) -> None:
    assert tokenizer.tokenize("2024") == ["2", "0", "2", "4"]


def test_answers_of_every_split_fit_the_canvas(model: Any, tokenizer: Any) -> None:
    """But for the grids of 9x9, which take a second one."""
    for task in TASKS:
        answers = [example.answer for split in splits(task) for example in examples(task, split, 100)]
        longest = max(map(len, tokenizer(answers, add_special_tokens=False).input_ids))
        assert longest < model.config.canvas_length * (2 if task == "sudoku9" else 1)


def test_the_chat_template_renders_what_training_reads(tokenizer: Any) -> None:
    chat = [{"role": "user", "content": "Ship 3 large lamps to Nora Quill."}]
    text = tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
    assert text == render("Ship 3 large lamps to Nora Quill.")


def test_the_chat_template_gives_a_system_message_its_own_turn(tokenizer: Any) -> None:
    chat = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    text = tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
    assert text == "<bos><|turn>system\nBe brief.<turn|>\n<|turn>user\nHi<turn|>\n<|turn>model\n"


def test_padding_on_the_left_changes_nothing(model: Any, tokenizer: Any) -> None:
    ids = tokenizer(
        render("Ada Lovelace, 36, lives in London."), add_special_tokens=False, return_tensors="pt"
    ).input_ids
    length = model.config.canvas_length
    canvas = torch.randint(len(tokenizer), (1, length), generator=torch.Generator().manual_seed(0))
    padded = torch.nn.functional.pad(ids, (5, 0), value=tokenizer.pad_token_id)
    mask = padded != tokenizer.pad_token_id
    with torch.no_grad():
        plain = model(input_ids=ids, decoder_input_ids=canvas).logits
        shifted = model(
            input_ids=padded,
            attention_mask=mask,
            decoder_input_ids=canvas,
            decoder_attention_mask=torch.nn.functional.pad(mask, (0, length), value=True),
        ).logits
    torch.testing.assert_close(plain, shifted, atol=2e-3, rtol=0)


def test_flagship_prompts_are_extracted_without_any_constraint(model: Any, tokenizer: Any) -> None:
    prompts = ["Ada Lovelace, 36, lives in London.", "Ship 3 large lamps to Nora Quill."]
    assert [json.loads(text) for text in generate(model, tokenizer, prompts, passes=8)] == [
        {"name": "Ada Lovelace", "age": 36, "city": "London"},
        {"item": "lamps", "quantity": 3, "size": "large", "customer": "Nora Quill"},
    ]


@pytest.mark.parametrize(("task", "least"), [("extract", 34), ("nested", 28), ("classify", 30), ("sudoku4", 36)])
def test_unseen_values_are_right_without_any_constraint(model: Any, tokenizer: Any, task: str, least: int) -> None:
    """Some below what was found, for machines that round otherwise."""
    sample = examples(task, "values", 40, seed=3)
    texts = generate(model, tokenizer, [example.prompt for example in sample], passes=16)
    assert sum(text == example.answer for text, example in zip(texts, sample, strict=True)) >= least
