"""transformers' own `generate` gives valid outputs, by a logits processor alone and in a `constrained` context.

The judges are those of the adversaries: `jsonschema`, `re`, pydantic, Lark, membership, and a check on solved grids.
The sweep takes some time:

    pytest -m slow tests/engine/test_drop_in.py
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import groupby
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from transformers import (
    LogitsProcessorList,
    TextDiffusionStreamer,
)
from transformers.generation.streamers import BaseStreamer

import constrain
from constrain.constraint import Constraint, compile
from constrain.engine.drop_in_processor import decided
from constrain.engine.model import Model
from tests.engine.test_adversary import BREAKS, CANVAS, ROOM, TIGHT, cases, few, model, random_model
from tests.specs_judge import spec_cases

WAYS = ("context", "processor", "element")
"""Inside `constrained`; with a processor as it is; with a processor in a list of the caller's."""

Judge = Callable[[str, Constraint, list[int]], bool]


def judged(entry: Any) -> tuple[Any, Judge, int]:
    """The spec of an adversary's case, what its judge says on a text and its tokens, and the room that it has."""
    if hasattr(entry, "judge") and callable(entry.judge):
        return entry.spec, lambda text, constraint, ids: entry.judge(text, constraint.spec.parse(text)), ROOM
    return (
        entry.spec,
        lambda text, constraint, ids: entry.holds(text, constraint.spec.parse(text), len(ids)),
        entry.room,
    )


def prompts(rows: int, width: int = 4) -> Tensor:
    return torch.randint(5, 50, (rows, width), generator=torch.Generator().manual_seed(rows))


def written(
    some: Model, how: str, constraints: Sequence[Constraint | None], *, room: int, seed: int = 0, **options: Any
) -> list[list[int]]:
    """The tokens of each row, up to the end of turn."""
    ids = prompts(len(constraints))
    options = {"max_new_tokens": room, **options}
    torch.manual_seed(seed)
    with ExitStack() as stack:
        if how == "context":
            stack.enter_context(constrain.constrained(some.network, list(constraints)))
        else:
            processor = constrain.logits_processor(list(constraints), max_new_tokens=room)
            options["logits_processor"] = processor if how == "processor" else LogitsProcessorList([processor])
        output = some.network.generate(ids, **options).sequences
    return [upto_end(some, row) for row in output[:, ids.shape[1] :].tolist()]


def upto_end(some: Model, ids: list[int]) -> list[int]:
    ends = some.vocabulary.end_of_turn
    return ids[: next((n for n, token in enumerate(ids) if token in ends), len(ids))]


def faults(entries: Sequence[Any], some: Model, how: str, **options: Any) -> Iterator[str]:
    """What is wrong with the output under each case, where something is."""
    known = [(entry, *judged(entry)) for entry in entries]
    for room, group in groupby(sorted(known, key=lambda each: each[3]), lambda each: each[3]):
        chosen = list(group)
        constraints = [compile(spec, some.vocabulary) for _, spec, _, _ in chosen]
        rows = written(some, how, constraints, **({"room": room} | options))
        for (entry, _, judge, _), constraint, ids in zip(chosen, constraints, rows, strict=True):
            text = constraint.text(ids)
            try:
                assert len(ids) <= options.get("room", room)
                assert judge(text, constraint, ids), "the judge says no"
            except Exception as error:  # whatever goes wrong is the finding
                yield f"{entry.name}: {text!r}: {type(error).__name__}: {error}"


def disturbed(kind: str, change: Callable[[Tensor], Tensor]) -> Model:
    """A random model with `change` made to its logits `[B, L, V]`. (`generate` passes hooks by.)"""
    some = model(kind)
    forward = some.network.forward

    def disturbed(**inputs: Any) -> Any:
        output = forward(**inputs)
        output.logits = change(output.logits)
        return output

    some.network.forward = disturbed
    return some


def favouring(text: bytes) -> Model:
    """A model for which one token is always all but certain, and the end of turn the least likely of all."""

    def change(logits: Tensor) -> Tensor:
        logits[..., random_model("gpt2").vocabulary.tokens.index(text)] += 1e3
        logits[..., list(random_model("gpt2").vocabulary.end_of_turn)] -= 1e3
        return logits

    return disturbed("gpt2", change)


def quick() -> list[Any]:
    return [*few(), *(case for case in spec_cases() if case.quick)]


@pytest.mark.parametrize("how", WAYS)
def test_outputs_are_valid(how: str) -> None:
    assert len(quick()) >= 30
    steps = 2 if how == "context" else 1
    assert not list(faults(quick(), random_model("gpt2"), how, max_denoising_steps=steps))


@pytest.mark.parametrize("how", WAYS)
def test_outputs_are_valid_after_many_passes(how: str) -> None:
    some = random_model("gpt2", sharpness=30.0)
    assert not list(faults(few()[1::6], some, how, room=50, max_denoising_steps=48))


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("favourite", [b'"', b"9"])
def test_outputs_of_a_model_that_insists_on_one_token_are_valid(favourite: bytes, how: str) -> None:
    assert not list(faults(few()[::4], favouring(favourite), how, room=TIGHT, max_denoising_steps=1))


@pytest.mark.parametrize("how", ["context", "processor"])
@pytest.mark.parametrize("broken", BREAKS)
def test_outputs_of_a_broken_model_are_valid(broken: str, how: str) -> None:
    some = disturbed("gemma", BREAKS[broken])
    assert not list(faults(few()[::5], some, how, room=TIGHT, max_denoising_steps=2))


THRESHOLDS: dict[str, dict[str, Any]] = {
    "stops at once": {"stability_threshold": 0, "confidence_threshold": 1e9},
    "stops when stable": {"stability_threshold": 2, "confidence_threshold": 1e9},
    "never stops": {"confidence_threshold": 1e-30},
    "hot": {"t_min": 1e6, "t_max": 1e7},
    "cold": {"t_min": 1e-6, "t_max": 2e-6},
}


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("name", THRESHOLDS)
def test_outputs_are_valid_whatever_the_thresholds(name: str, how: str) -> None:
    some = random_model("gpt2", sharpness=30.0)
    assert not list(faults(few()[::6], some, how, room=TIGHT, max_denoising_steps=4, **THRESHOLDS[name]))


@pytest.mark.parametrize("how", WAYS)
def test_rows_have_different_constraints_and_one_has_none(how: str) -> None:
    some = random_model("gpt2")
    patterns = ["[a-f]{3}", "[0-9]{30}", "(ab){26}"]
    constraints = [compile(constrain.Regex(pattern), some.vocabulary) for pattern in patterns]
    rows = written(some, how, [constraints[0], None, *constraints[1:]], room=ROOM, max_denoising_steps=2)
    texts = [some.vocabulary.decode(rows[n]).decode() for n in (0, 2, 3)]
    assert all(re.fullmatch(pattern, text) for pattern, text in zip(patterns, texts, strict=True))
    assert any(some.vocabulary.tokens[token] is None for token in rows[1]) or len(rows[1]) > CANVAS["gpt2"]


@pytest.mark.parametrize("how", WAYS)
def test_an_output_keeps_within_its_tokens_over_several_canvases(how: str) -> None:
    some = favouring(b"x")
    constraints = [compile(constrain.Regex("(<[^<>]*>)*"), some.vocabulary)]
    for room in (1, 25, CANVAS["gpt2"], 2 * CANVAS["gpt2"]):
        (ids,) = written(some, how, constraints, room=room, max_denoising_steps=2)
        assert re.fullmatch("(<[^<>]*>)*", constraints[0].text(ids))
        assert len(ids) == room or (len(ids) < room and room % CANVAS["gpt2"]), "what fills its canvases needs no end"


class Drafts(BaseStreamer):
    """What a streamer is given: the canvases as they are settled, and all drafts before."""

    def __init__(self) -> None:
        self.settled: list[Tensor] = []
        self.drafts: list[tuple[int, Tensor]] = []

    def put(self, value: Tensor) -> None:
        self.settled.append(value)

    def put_draft(self, value: Tensor) -> None:
        self.drafts.append((len(self.settled), value))

    def end(self) -> None: ...


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("kind", CANVAS)
def test_every_draft_is_valid(kind: str, how: str) -> None:
    some = random_model(kind, sharpness=30.0)
    chosen = [case for case in cases() if compile(case.spec, some.vocabulary).shortest <= CANVAS[kind]][::4]
    constraints = [compile(case.spec, some.vocabulary) for case in chosen]
    streamer = Drafts()
    written(some, how, constraints, room=CANVAS[kind], max_denoising_steps=4, streamer=streamer)
    assert len(streamer.drafts) == 4
    for _, draft in streamer.drafts:
        for case, constraint, row in zip(chosen, constraints, draft.tolist(), strict=True):
            ids = upto_end(some, row)
            assert all(token in some.vocabulary.end_of_turn for token in row[len(ids) :])
            assert case.judge(constraint.text(ids), constraint.spec.parse(constraint.text(ids)))


@pytest.mark.parametrize("how", WAYS)
def test_drafts_of_later_canvases_go_on_from_what_is_settled(how: str) -> None:
    some = random_model("gpt2", sharpness=30.0)
    streamer = Drafts()
    written(some, how, [compile(constrain.Regex("(abc){30}"), some.vocabulary)], room=90, streamer=streamer)
    assert len({count for count, _ in streamer.drafts}) > 1
    for count, draft in streamer.drafts:
        before = [token for canvas in streamer.settled[1:count] for token in canvas[0].tolist()]
        text = some.vocabulary.decode(upto_end(some, [*before, *draft[0].tolist()])).decode()
        assert ("abc" * 30).startswith(text)


@pytest.mark.parametrize("how", WAYS)
def test_a_text_diffusion_streamer_prints_valid_drafts(how: str, capsys: pytest.CaptureFixture[str]) -> None:
    some = random_model("gpt2", sharpness=30.0)
    streamer = TextDiffusionStreamer(some.tokenizer, skip_prompt=True, skip_special_tokens=True)
    constraint = compile(constrain.Regex("[a-f]{3,9}"), some.vocabulary)
    written(some, how, [constraint], room=CANVAS["gpt2"], max_denoising_steps=5, streamer=streamer)
    drafts = re.findall("\033\\[33m(.*?)\033\\[0m", capsys.readouterr().out, re.DOTALL)
    assert drafts
    assert all(re.fullmatch("[a-f]{3,9}", draft) for draft in drafts)


@pytest.mark.parametrize("kind", CANVAS)
@pytest.mark.parametrize(("sharpness", "steps"), [(1.0, 1), (30.0, 6)])
def test_a_seed_gives_the_tokens_and_passes_of_the_projects_own_loop(kind: str, sharpness: float, steps: int) -> None:
    some = random_model(kind, sharpness=sharpness)
    constraints = [compile(case.spec, some.vocabulary) for case in few()[::3]]
    ids = torch.tensor([some.tokenizer.encode("the name")] * len(constraints))
    results = some.generate(["the name"] * len(ids), constraints, max_passes=steps, max_new_tokens=TIGHT, seed=7)
    torch.manual_seed(7)
    with constrain.constrained(some.network, constraints):
        output = some.network.generate(ids, max_denoising_steps=steps, max_new_tokens=TIGHT)
    rows = output.sequences[:, ids.shape[1] :]
    assert [tuple(upto_end(some, row)) for row in rows.tolist()] == [result.token_ids for result in results]
    passes = (rows != some.network.generation_config.pad_token_id).sum(-1) / output.tokens_per_forward
    assert passes.round().int().tolist() == [result.passes for result in results]


@pytest.mark.parametrize("seed", range(2))
def test_without_a_constraint_the_output_is_the_same_with_and_without_the_drop_in(seed: int) -> None:
    network, ids = random_model("gpt2").network, prompts(3)

    def generate(**options: Any) -> Tensor:
        torch.manual_seed(seed)
        return network.generate(ids, max_new_tokens=2 * CANVAS["gpt2"], max_denoising_steps=3, **options).sequences

    plain = generate()
    for nothing in (None, [None] * 3):
        with constrain.constrained(network, nothing):
            assert torch.equal(generate(), plain)
        assert torch.equal(generate(logits_processor=constrain.logits_processor(nothing)), plain)
    assert torch.equal(generate(), plain)


@pytest.mark.parametrize("how", WAYS)
def test_puzzles_and_rules_hold(how: str) -> None:
    some = random_model("gemma")
    invoice = {
        "type": "object",
        "properties": {name: {"type": "integer", "minimum": 0, "maximum": 99} for name in "abc"},
        "required": list("abc"),
        "additionalProperties": False,
    }
    specs = [
        constrain.Sudoku("1...\n..3.\n....\n...2"),
        constrain.JsonSchema(invoice).where(constrain.Sum(["a", "b"], "==", "c")),
        constrain.Regex("[a-f]{50}"),
    ]
    constraints = [compile(spec, some.vocabulary) for spec in specs]
    rows = written(some, how, [constraints[0], None, *constraints[1:]], room=ROOM, max_denoising_steps=2)
    grid = constraints[0].spec.parse(constraints[0].text(rows[0]))
    blocks = [[grid[r + i][c + j] for i in (0, 1) for j in (0, 1)] for r in (0, 2) for c in (0, 2)]
    assert all(sorted(group) == [1, 2, 3, 4] for group in (*grid, *zip(*grid, strict=True), *blocks))
    assert (grid[0][0], grid[1][2], grid[3][3]) == (1, 3, 2)
    value = constraints[1].spec.parse(constraints[1].text(rows[2]))
    assert value["a"] + value["b"] == value["c"]
    assert re.fullmatch("[a-f]{50}", constraints[2].text(rows[3]))


FLOATS = st.floats(width=32) | st.sampled_from([0.0, 1.0, 1e38, -1e38, 1e-38])


@given(st.lists(FLOATS, min_size=2, max_size=6), st.data(), st.sampled_from([1e-3, 0.4, 1.0, 0.8, 3.0, 1e6]))
def test_the_best_token_stands_alone_at_the_top(values: list[float], data: st.DataObject, temperature: float) -> None:
    best = data.draw(st.integers(0, len(values) - 1))
    nothing = torch.tensor([False])
    out = decided(torch.tensor([[values]]), torch.tensor([[best]]), nothing) / torch.tensor(temperature)
    assert not (out.isnan() | out.isposinf()).any()
    rest = [value for n, value in enumerate(out[0, 0].tolist()) if n != best]
    assert out[0, 0, best] > max(rest)
    assert out.softmax(-1).isfinite().all()


@given(st.lists(st.floats(-50, 50, width=32), min_size=2, max_size=6, unique=True))
def test_where_the_best_token_is_likeliest_nothing_changes(values: list[float]) -> None:
    logits = torch.tensor([[values]])
    top = logits.argmax(-1)
    rest = logits.clone().scatter_(-1, top[..., None], -torch.inf).amax()
    if logits.max() - rest > 1e-3:
        assert torch.equal(decided(logits.clone(), top, torch.tensor([False])), logits)
    other = (top + 1) % len(values)
    assert (decided(logits.clone(), other, torch.tensor([False])) != logits).sum() == 1
    assert torch.equal(decided(logits.clone(), other, torch.tensor([True])).softmax(-1).argmax(-1), other)
    assert decided(logits.clone(), other, torch.tensor([True])).softmax(-1).amax() == 1


@pytest.mark.slow
@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("steps", [1, 2, 48])
@pytest.mark.parametrize("kind", CANVAS)
def test_sweep(kind: str, steps: int, how: str) -> None:
    some = model(kind, sharpness=30.0 if steps == 2 else 1.0)
    entries = [*cases(), *spec_cases()][:: 3 if steps == 48 else 1]
    assert len(entries) >= 30
    assert not list(faults(entries, some, how, max_denoising_steps=steps))
