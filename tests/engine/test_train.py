"""Training, on a network of toy size: judged by transformers' own forward pass, by hand, and by killing it."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from torch.nn import functional
from transformers import AutoTokenizer, DiffusionGemmaForBlockDiffusion

from constrain.engine.tasks import LABELS
from constrain.engine.train import Recipe, Run, train
from constrain.engine.train_data import Data, Part
from constrain.engine.train_loss import losses
from constrain.engine.train_network import CANVAS_LENGTH, _Norm, build_model, decode, encode
from constrain.engine.train_start import begin_with
from constrain.engine.train_tokens import END_OF_TURN, PAD, VOCAB_SIZE, build_tokenizer, render

TINY = Recipe(
    rows=3,
    strata=2,
    width=32,
    layers=2,
    inner=32,
    early=16,
    sample=400,
    mixture={"extract": 0.5, "fields": 0.2, "sudoku4": 0.2, "sudoku9": 0.1},
)
QUIET = Console(quiet=True)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return Run(TINY).tokenizer


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    out = tmp_path_factory.mktemp("run")
    return out, train(out, TINY, steps=6, cooldown=3, save_every=1e9, console=QUIET)


def data(tokenizer: Any, **changed: Any) -> Data:
    given: dict[str, Any] = {"rows": 3, "strata": 2, "canvas": 64, "seed": 0}
    return Data(tokenizer, {"extract": 0.6, "sudoku9": 0.4}, **given | changed)


def rows_of(parts: list[Part]) -> list[tuple[list[int], list[int]]]:
    """Prompt and canvas of every row, without padding."""
    return [
        ([i for i in prompt.tolist() if i != PAD], [i for i in canvas.tolist() if i != PAD])
        for part in parts
        for prompt, canvas in zip(part.prompt, part.canvas, strict=True)
    ]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_forward_pass_is_that_of_transformers(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    model = build_model(VOCAB_SIZE, width=64, layers=3, inner=48).eval()
    for weight in model.parameters():
        weight.data.add_(0.02 * torch.randn_like(weight))
    ids = torch.randint(5, VOCAB_SIZE, (3, 20))
    ids[0, :7] = PAD
    seen, canvas = ids != PAD, torch.randint(VOCAB_SIZE, (3, CANVAS_LENGTH))
    with torch.no_grad():
        cached = model.model.encoder(input_ids=ids, attention_mask=seen).past_key_values
        whole = functional.pad(seen, (0, CANVAS_LENGTH), value=True)
        theirs = {"past_key_values": cached, "decoder_attention_mask": whole}
        first = model(decoder_input_ids=canvas, **theirs).logits
        second = model(decoder_input_ids=canvas, self_conditioning_logits=first, **theirs).logits
        ours = encode(model, ids, seen, dtype)
        close = {"atol": 1e-4 if dtype == torch.float32 else 0.15, "rtol": 0}
        torch.testing.assert_close(decode(model, canvas, None, ours, seen, dtype), first, **close)
        torch.testing.assert_close(decode(model, canvas, first, ours, seen, dtype), second, **close)
    assert (first - second).abs().max() > 0.1


def test_gradients_of_the_norm_are_those_of_finite_differences() -> None:
    torch.manual_seed(0)
    hidden = torch.randn(2, 3, 8, dtype=torch.float64, requires_grad=True)
    weight = torch.rand(8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(_Norm.apply, (hidden, weight))


def test_labels_are_single_tokens_and_blanks_of_a_grid_stand_alone(tokenizer: Any) -> None:
    assert all(len(tokenizer.tokenize(label)) == 1 for label in LABELS)
    assert tokenizer.tokenize("1..\n...") == ["1", ".", ".", "Ċ", ".", ".", "."]
    assert tokenizer.tokenize("2024") == ["2", "0", "2", "4"]


def test_a_name_is_cut_alike_in_the_sentence_and_in_the_object(tokenizer: Any) -> None:
    sentence, answer = tokenizer.tokenize("Ship it to Nora Quill, please."), tokenizer.tokenize('{"to": "Nora Quill"}')
    name = tokenizer.tokenize("Nora Quill")
    assert any(sentence[n : n + len(name)] == name for n in range(len(sentence)))
    assert any(answer[n : n + len(name)] == name for n in range(len(answer)))


def test_more_words_may_be_made_whole() -> None:
    assert build_tokenizer(["some text"], whole=["zyzzyva"]).tokenize("zyzzyva") == ["zyzzyva"]


def test_batches_are_a_function_of_seed_and_step(tokenizer: Any) -> None:
    one, other, third = data(tokenizer), data(tokenizer), data(tokenizer, seed=1)
    later = [rows_of(other.step(step)) for step in (17, 3)]
    assert [rows_of(one.step(step)) for step in (3, 17)] == later[::-1]
    assert rows_of(third.step(3)) != later[1]


def test_batches_hold_prompts_as_they_are_rendered_and_answers_with_their_end(tokenizer: Any) -> None:
    for prompt, canvas in rows_of(data(tokenizer).step(0)):
        text = tokenizer.decode(prompt)
        assert text.startswith("<bos><|turn>user\n")
        assert END_OF_TURN in canvas or len(canvas) == 64
        if "Solve" not in text:
            assert json.loads(tokenizer.decode(canvas[:-1]))


def test_an_answer_of_two_canvases_is_learned_canvas_by_canvas(tokenizer: Any) -> None:
    """The second canvas follows a prompt that the first stands behind."""
    continued, begun = 0, 0
    for step in range(16):
        for prompt, canvas in rows_of(data(tokenizer).step(step)):
            text = tokenizer.decode(prompt)
            if "Solve" not in text:
                continue
            grid, _, written = text.partition("<|turn>user\nSolve\n")[2].partition("<turn|>\n<|turn>model\n")
            solved = written + tokenizer.decode([i for i in canvas if i != END_OF_TURN])
            assert (
                prompt[: len(tokenizer(render(f"Solve\n{grid}")).input_ids)]
                == tokenizer(render(f"Solve\n{grid}")).input_ids
            )
            assert len(canvas) == (90 - 64 if written else 64)
            assert solved.startswith(grid.split("\n")[0].split(".")[0])
            continued, begun = continued + bool(written), begun + (not written)
    assert continued > 5
    assert begun > 5


def test_the_first_steps_have_short_examples_of_copying(tokenizer: Any) -> None:
    def mean(parts: Data) -> float:
        rows = [row for step in range(16) for row in rows_of(parts.step(step))]
        return sum(len(prompt) + len(canvas) for prompt, canvas in rows) / len(rows)

    early = data(tokenizer, copying=("extract",), early=16)
    assert mean(early) < 0.8 * mean(Data(tokenizer, {"extract": 1.0}, rows=3, strata=2, canvas=64, seed=0))
    assert {task for part in early.step(0) for task in part.tasks} == {"extract"}
    assert rows_of(early.step(16)) == rows_of(data(tokenizer).step(16))


def test_losses_of_an_untrained_network_are_those_of_guessing(tokenizer: Any) -> None:
    model = build_model(VOCAB_SIZE, width=32, layers=2, inner=32)
    part = data(tokenizer).step(0)[0]
    found = losses(model, part, torch.Generator().manual_seed(0), torch.float32)
    assert found.total.item() == pytest.approx(torch.tensor(VOCAB_SIZE).log().item(), abs=0.5)
    assert set(found.by_task) == set(part.tasks)


def test_a_run_is_a_function_of_its_seed(trained: tuple[Path, Run], tmp_path: Path) -> None:
    again = train(tmp_path, TINY, steps=6, cooldown=3, save_every=1e9, console=QUIET)
    assert again.log == trained[1].log
    other = train(
        tmp_path / "other", Recipe(**vars(TINY) | {"seed": 1}), steps=2, cooldown=0, save_every=1e9, console=QUIET
    )
    assert other.log != again.log


def test_a_run_that_was_interrupted_ends_like_one_that_was_not(trained: tuple[Path, Run], tmp_path: Path) -> None:
    train(tmp_path, TINY, steps=3, cooldown=0, save_every=1e9, console=QUIET)
    resumed = train(tmp_path, TINY, steps=6, cooldown=3, save_every=1e9, console=QUIET)
    assert resumed.log == trained[1].log
    for one, other in zip(resumed.mean.parameters(), trained[1].mean.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_checkpoint_of_another_recipe_is_refused(trained: tuple[Path, Run]) -> None:
    with pytest.raises(ValueError, match="made with another recipe"):
        train(trained[0], Recipe(**vars(TINY) | {"seed": 1}), steps=7, cooldown=0, save_every=1e9, console=QUIET)


def test_the_report_states_what_made_the_weights(trained: tuple[Path, Run]) -> None:
    out, run = trained
    report = json.loads((out / "model" / "training.json").read_text())
    weights = (out / "model" / "model.safetensors").read_bytes()
    assert report["sha256"] == hashlib.sha256(weights).hexdigest()
    assert report["steps"] == 6
    assert report["examples"] == 6 * TINY.rows * TINY.strata
    assert report["losses"].keys() == run.log.keys()
    assert {"seed", "seconds", "hardware", "threads", "mixture", "torch", "parameters"} <= report.keys()


def test_what_is_saved_is_a_model_that_transformers_loads(trained: tuple[Path, Run]) -> None:
    model = DiffusionGemmaForBlockDiffusion.from_pretrained(trained[0] / "model")
    tokenizer = AutoTokenizer.from_pretrained(trained[0] / "model")
    saved = dict(trained[1].mean.named_parameters())
    assert all(torch.equal(weight, saved[name]) for name, weight in model.named_parameters())
    chat = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Hi."}], add_generation_prompt=True, tokenize=False
    )
    assert chat == render("Hi.")


def test_a_run_may_begin_with_the_weights_of_an_earlier_model(trained: tuple[Path, Run], tmp_path: Path) -> None:
    earlier = trained[0] / "model"
    begun = train(tmp_path, TINY, steps=1, cooldown=0, save_every=1e9, console=QUIET, start=earlier)
    fresh = Run(TINY, earlier)
    for one, other in zip(fresh.model.parameters(), trained[1].mean.parameters(), strict=True):
        assert torch.equal(one, other)
    report = json.loads((tmp_path / "model" / "training.json").read_text())
    assert report["start"]["sha256"] == json.loads((earlier / "training.json").read_text())["sha256"]
    again = train(tmp_path, TINY, steps=2, cooldown=0, save_every=1e9, console=QUIET)
    assert again.start == begun.start


def test_tokens_that_an_earlier_model_has_not_begin_as_the_mean_of_their_pieces(trained: tuple[Path, Run]) -> None:
    run, pieces = trained[1], AutoTokenizer.from_pretrained(trained[0] / "model")
    other = build_tokenizer(["zyzzyva"], whole=["zyzzyva"])
    model = build_model(VOCAB_SIZE, width=32, layers=2, inner=32)
    begin_with(model, other, trained[0] / "model")
    old, new = run.mean.get_input_embeddings().weight, model.get_input_embeddings().weight
    ids = pieces("zyzzyva", add_special_tokens=False).input_ids
    assert len(ids) > 1
    torch.testing.assert_close(new[other.convert_tokens_to_ids("zyzzyva")], old[ids].mean(0))
    assert torch.equal(new[other.convert_tokens_to_ids("q")], old[pieces.convert_tokens_to_ids("q")])


def test_an_earlier_model_of_another_width_is_refused(trained: tuple[Path, Run]) -> None:
    model = build_model(VOCAB_SIZE, width=32, layers=2, inner=64)
    with pytest.raises(ValueError, match=r"mlp.gate_proj.weight of shape \(32, 32\), here it is \(64, 32\)"):
        begin_with(model, trained[1].tokenizer, trained[0] / "model")


def test_a_run_that_was_killed_goes_on_from_its_last_checkpoint(tmp_path: Path) -> None:
    """SIGKILL at any moment leaves a checkpoint that can be read, and no step of it is lost or done twice."""
    code = (
        "from tests.engine.test_train import *; import pathlib;"
        f"train(pathlib.Path({str(tmp_path)!r}), TINY, steps=100000, cooldown=0, save_every=0.0, console=QUIET)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[2])
    deadline = time.monotonic() + 120
    while not (tmp_path / "model" / "training.json").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    run = Run(TINY)
    run.load(tmp_path / "state.pt")
    reached = run.step
    assert reached > 0
    resumed = train(tmp_path, TINY, steps=reached + 1, cooldown=0, save_every=1e9, console=QUIET)
    straight = train(tmp_path / "straight", TINY, steps=reached + 1, cooldown=0, save_every=1e9, console=QUIET)
    assert resumed.log == straight.log
