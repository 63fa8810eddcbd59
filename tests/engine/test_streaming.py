"""Drafts on their way to somebody who watches: what is decided, patches that add up, and the asynchronous twin."""

from __future__ import annotations

import asyncio
import gc
import json
import re
import shutil
import subprocess
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from constrain.engine.model import Model
from constrain.engine.reading import Reader
from constrain.engine.refine import Draft
from constrain.engine.result import Result
from constrain.engine.rows import Row
from constrain.engine.streaming import SETTLED, State, difference, patched, pieces
from constrain.engine.unconstrained import Unconstrained
from constrain.errors import SpecError, UnsatisfiableError
from constrain.specs import Choice, Regex
from constrain.sudoku import Sudoku
from tests.engine.families import each_family, family_model
from tests.engine.test_model import NEVER, TOKENIZER, model, network

LONG = Regex("(?:[a-f]{3},){8}")
SUDOKU = Sudoku("1.3..........4.2")
PATIENCE = 60.0  # seconds, after which a test gives up


# What each token adds to the text


@given(st.lists(st.sampled_from([b"a", b"\xc3", b"\xa9", b"\xf0\x9f", b"\x98\x80", b"\xff", b"", "é".encode()])))
def test_pieces_add_up_to_the_text(spelled: list[bytes]) -> None:
    text = b"".join(spelled).decode("utf-8", "replace")
    found = pieces(spelled, text)
    assert len(found) == len(spelled)
    assert "".join(found) == text


def test_a_character_of_several_tokens_belongs_to_the_last() -> None:
    assert pieces([b"a\xc3", b"\xa9b"], "aéb") == ("a", "éb")


def test_where_a_tokenizer_reads_otherwise_the_first_piece_is_the_text() -> None:
    assert pieces([b" the", b" end"], "the end") == ("the end", "")


# What is decided


def written(draft: Draft, before: Result, *, budget: int = 100) -> Result:
    """`draft`, of one free row, read."""
    reader = Reader(model().vocabulary, TOKENIZER, None, [1])
    constraints = Unconstrained([1], device=torch.device("cpu"))
    return reader.read([before], {0: Row([5], None, budget)}, constraints, draft, None)[0]


def drafted(tokens: list[int], entropy: list[float], *, canvases: int = 1, reason: Any = None) -> Draft:
    one = torch.ones(1, dtype=torch.float64)
    rows: Any = ((reason,), (3,), (canvases,), (0,), (None,), ((),))
    return Draft(torch.tensor([tokens]), -one, one, torch.tensor([entropy]), *rows)


def test_a_place_is_decided_where_the_entropy_is_low() -> None:
    draft = drafted([20, 21, 22, 23], [0.0, SETTLED - 1e-3, SETTLED + 1e-3, 2.0])
    assert written(draft, Result()).decided == (True, True, False, False)


def test_what_is_on_a_finished_canvas_is_decided() -> None:
    draft = drafted([20, 21, 22, 23, 24, 25], [2.0, 0.0, 2.0], canvases=2)
    assert written(draft, Result()).decided == (True, True, True, False, True, False)
    assert written(drafted([20, 21], [2.0, 2.0], reason="budget"), Result()).decided == (True, True)


def test_nothing_is_said_of_places_behind_the_end_of_turn() -> None:
    assert written(drafted([20, 1, 22], [2.0, 0.0, 0.0]), Result()).decided == (False,)


@given(st.integers(0, 2**31), st.floats(0.5, 12))
def test_low_entropy_means_that_one_token_has_nine_tenths(seed: int, sharpness: float) -> None:
    p = np.random.default_rng(seed).dirichlet(np.full(5, 1 / sharpness))
    entropy = -(p * np.log(np.maximum(p, 1e-300))).sum()
    assert entropy > SETTLED or p.max() > 0.9


def test_what_the_constraint_leaves_no_choice_is_decided_from_the_first_pass_on() -> None:
    open_, closed = (next(model().stream("x", Choice(options), max_passes=3)) for options in (["12", "20"], ["00"]))
    assert not any(open_.decided), "a model that knows nothing has decided nothing"
    assert all(closed.decided)


# Patches


tokens = st.tuples(st.integers(0, 4), st.booleans(), st.sampled_from(["a", "bc", "", "é", "\n", "😀"]))
texts = st.lists(tokens, max_size=7)


def draft_of(items: list[tuple[int, bool, str]], before: Result | None, **figures: Any) -> Result:
    ids, decided, written = zip(*items, strict=True) if items else ((), (), ())
    return Result(
        text="".join(written),
        token_ids=ids,
        decided=decided,
        pieces=written,
        before=None if before is None else replace(before, before=None),
        **figures,
    )


def through_json(patch: Any) -> Any:
    return json.loads(json.dumps(patch, allow_nan=False))


def spliced(text: str, patch: Any) -> str:
    """`text` after the edits of a patch, by their spans in it alone."""
    for edit in reversed(patch["edits"]):
        begin, end = edit["text"]
        text = text[:begin] + "".join(edit["pieces"]) + text[end:]
    return text


def agrees(state: State | None, draft: Result) -> bool:
    assert state is not None
    return (state["text"], state["token_ids"], state["decided"], state["thinking"]) == (
        draft.text,
        list(draft.token_ids),
        list(draft.decided),
        draft.thinking,
    ) and (state["passes"], state["stop_reason"]) == (draft.passes, draft.stop_reason)


@given(st.lists(st.tuples(texts, st.none() | st.text(max_size=3)), max_size=6))
def test_patches_add_up_to_the_last_draft(steps: list[tuple[list[tuple[int, bool, str]], str | None]]) -> None:
    before, state, text = None, None, ""
    for number, (items, thought) in enumerate(steps):
        draft = draft_of(items, before, passes=number, thinking=thought)
        patch = through_json(draft.patch())
        state, text = patched(state, patch), spliced(text, patch)
        assert agrees(state, draft)
        assert text == draft.text
        before = draft


def test_a_patch_says_what_has_changed_and_no_more() -> None:
    first = draft_of([(1, False, "a"), (2, False, "bb"), (3, True, "c")], None)
    same = draft_of([(1, False, "a"), (2, False, "bb"), (3, True, "c")], first)
    other = draft_of([(1, False, "a"), (4, True, "d"), (3, True, "c")], same)
    longer = draft_of([(1, False, "a"), (4, True, "d"), (3, True, "c"), (5, True, "e")], other)
    assert same.patch()["edits"] == []
    assert other.patch()["edits"] == [
        {"tokens": [1, 2], "ids": [4], "decided": [True], "pieces": ["d"], "text": [1, 3]}
    ]
    assert [edit["tokens"] for edit in longer.patch()["edits"]] == [[3, 3]]


def test_figures_that_json_has_no_word_for_are_null() -> None:
    patch = Result(log_z=float("-inf"), error=SpecError("the prompt is empty")).patch()
    assert (patch["log_z"], patch["probability"]) == (None, None)
    assert patch["error"] is not None
    assert "the prompt is empty" in patch["error"]
    assert through_json(patch) == patch


@pytest.mark.parametrize("spec", [LONG, Choice(["the name", "in 2024"]), SUDOKU, None], ids=str)
@each_family
def test_the_patches_of_a_stream_give_its_last_draft(spec: Any, family: str) -> None:
    state, text = None, ""
    for draft in family_model(family).stream("the", spec, max_passes=3, max_new_tokens=40):
        patch = through_json(draft.patch())
        state, text = patched(state, patch), spliced(text, patch)
        assert agrees(state, draft)
        assert text == draft.text == "".join(draft.pieces)
        assert len(draft.decided) == len(draft.pieces) == len(draft.token_ids)
    assert all(draft.decided)


def test_rows_of_a_batch_have_patches_of_their_own() -> None:
    states: list[State | None] = [None] * 4
    specs = [LONG, None, SUDOKU, Choice(["12"])]
    for drafts in model().stream(["the", "", "in", "name"], specs, max_passes=3):
        states = [patched(state, draft.patch()) for state, draft in zip(states, drafts, strict=True)]
        assert all(agrees(state, draft) for state, draft in zip(states, drafts, strict=True))
    assert states[1] is not None
    assert states[1]["error"] is not None


def test_a_draft_knows_the_one_before_and_not_those_before_that() -> None:
    first, second, third = model().stream("the", Choice(["the name", "in 2024"]), max_passes=3, stop=NEVER)
    assert second.before == first
    assert third.before is not None
    assert third.before.before is None
    assert difference(None, third)["edits"][0]["tokens"] == [0, 0]


# The asynchronous twin


class Gate(Model):
    """Every pass counts itself, and waits until it may go on; `runs` are the denoisers that were made."""

    def __init__(self) -> None:
        super().__init__(network(), TOKENIZER)
        self.passes = 0
        self.begun, self.may_go_on = threading.Event(), threading.Event()
        self.runs: list[weakref.ref[Any]] = []
        forward = self.network.forward

        def gated(*arguments: Any, **options: Any) -> Any:
            self.passes += 1
            self.begun.set()
            assert self.may_go_on.wait(PATIENCE)
            return forward(*arguments, **options)

        self.network.forward = gated

    def _denoiser(self, *arguments: Any, **options: Any) -> Any:
        denoiser = super()._denoiser(*arguments, **options)
        self.runs.append(weakref.ref(denoiser))
        return denoiser


def eventually(holds: Callable[[], bool]) -> bool:
    until = time.monotonic() + PATIENCE
    while not holds() and time.monotonic() < until:
        time.sleep(0.01)
    return holds()


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """What is free afterwards was freed because nothing refers to it."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def collected(drafts: Any) -> list[Any]:
    return [draft async for draft in drafts]


def test_the_twin_yields_what_the_stream_yields() -> None:
    options: dict[str, Any] = {"max_passes": 3, "seed": 1}
    expected = list(model().stream("the", LONG, **options))
    assert asyncio.run(collected(model().astream("the", LONG, **options))) == expected
    batch = list(model().stream(["the", "in"], LONG, **options))
    assert asyncio.run(collected(model().astream(["the", "in"], LONG, **options))) == batch


def test_two_at_once_do_not_mix() -> None:
    async def both() -> list[list[Result]]:
        return await asyncio.gather(*(collected(model().astream("the", LONG, seed=seed)) for seed in (1, 2)))

    expected = [list(model().stream("the", LONG, seed=seed)) for seed in (1, 2)]
    assert asyncio.run(both()) == expected


def test_errors_are_raised_at_the_first_draft() -> None:
    drafts = model().astream("the", Regex("a{9}"), max_new_tokens=2)
    with pytest.raises(UnsatisfiableError, match="shortest match needs"):
        asyncio.run(collected(drafts))


def test_others_go_on_while_a_pass_runs() -> None:
    gate = Gate()

    async def watch() -> Result:
        drafts = gate.astream("the", LONG)
        first = asyncio.ensure_future(anext(drafts))
        while not gate.begun.is_set():
            await asyncio.sleep(0.001)
        assert not first.done()
        gate.may_go_on.set()
        draft = await first
        await drafts.aclose()
        return draft

    assert asyncio.run(watch()).passes == 1


def test_cancelling_ends_the_run_after_the_present_pass_and_frees_it() -> None:
    gate = Gate()

    async def watch() -> None:
        async for _ in gate.astream("the", LONG, max_passes=9):
            pass

    async def cancel() -> None:
        task = asyncio.ensure_future(watch())
        while not gate.begun.is_set():
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, PATIENCE)
        assert gate.passes == 1, "the pass is still under way, and nobody waits for it"
        gate.may_go_on.set()

    with without_garbage_collection():
        asyncio.run(cancel())
        (run,) = gate.runs
        assert eventually(lambda: run() is None)
    assert gate.passes == 1


@pytest.mark.parametrize("consumed", [1, 2])
def test_leaving_early_frees_the_run(consumed: int) -> None:
    gate = Gate()
    gate.may_go_on.set()

    async def leave() -> None:
        drafts = gate.astream("the", LONG, max_passes=9)
        for _ in range(consumed):
            await anext(drafts)
        await drafts.aclose()

    with without_garbage_collection():
        asyncio.run(leave())
        (run,) = gate.runs
        assert eventually(lambda: run() is None)
    assert gate.passes == consumed


def test_a_stream_that_is_closed_frees_its_run() -> None:
    gate = Gate()
    gate.may_go_on.set()
    with without_garbage_collection():
        drafts = gate.stream("the", LONG, max_passes=9)
        next(drafts)
        (run,) = gate.runs
        assert run() is not None
        del drafts
        assert run() is None


# What the documentation says about browsers

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "watching.md"
ENGINES = [name for name in ("node",) if shutil.which(name)]


@pytest.mark.parametrize("engine", ENGINES)
def test_the_function_for_browsers_applies_patches(engine: str) -> None:
    (function,) = re.findall(r"```js\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    drafts = list(model().stream("the", LONG, max_passes=3))
    program = (
        f"{function}\nconst tokens = {json.dumps([draft.patch() for draft in drafts])}.reduce(apply, []);\n"
        "console.log(JSON.stringify([tokens.map(t => t.piece).join(''), tokens.map(t => t.id)]));"
    )
    done = subprocess.run([engine, "-e", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [drafts[-1].text, list(drafts[-1].token_ids)]
