"""A static cache, and passes that are compiled, change no token: in the project's own loop and inside `generate`.

Mostly they are compiled by dynamo alone, which is all that is seen of the network's code; by inductor, and for many
shapes, with

    pytest -m slow tests/engine/test_static_cache.py
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import cache, partial
from typing import Any

import pytest
import torch
from torch import Tensor

import constrain
from constrain.constraint import Constraint, compile
from constrain.engine import model as face
from constrain.engine.diffusion_gemma import DiffusionGemma, Settings
from constrain.engine.masked_head import Mask
from constrain.engine.model import Model, from_transformers
from constrain.errors import UnsupportedError
from tests.engine.test_adversary import CANVAS, model, tokenizer
from tests.engine.test_drop_in import Drafts
from tests.engine.test_parity import ours, prompts, tiny

LENGTH = CANVAS["gpt2"]
WINDOW = 40  # tokens, and the longest text has more
ROOMY = 512
SPECS = [constrain.Text(tokens=2 * LENGTH + 5), None, constrain.Regex("[a-f]{3}"), constrain.Choice(["yes", "no"])]
PROMPTS = ["the name", "a prompt that is longer than the others, and that pads them", "name", "yes or no"]
LIMITS: dict[str, Any] = {"max_new_tokens": 3 * LENGTH, "max_passes": 3}

torch_compile = torch.compile


@pytest.fixture(scope="module")
def by_dynamo() -> Iterator[list[tuple[Any, dict[str, Any]]]]:
    """What is asked of `torch.compile`, which leaves inductor out."""
    asked: list[tuple[Any, dict[str, Any]]] = []

    def compiling(function: Any, **options: Any) -> Any:
        asked.append((function, options))
        return torch_compile(function, **options | {"backend": "eager"})

    torch.compiler.reset()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "compile", compiling)
        yield asked
    torch.compiler.reset()


@cache
def network(window: int = WINDOW) -> Any:
    return model("gpt2", sliding_window=window).network


def having(some: Any, kind: str | None, *, compiled: bool = False) -> Model:
    """The model around a network whose generation config asks for such a cache."""
    some.generation_config.cache_implementation = kind
    some.generation_config.disable_compile = not compiled
    return from_transformers(some, tokenizer("gpt2"))


def tokens(some: Model, specs: Sequence[Any] = SPECS, **options: Any) -> list[tuple[int, ...]]:
    results = some.generate(PROMPTS[: len(specs)], list(specs), **LIMITS | options)
    assert not [result.error for result in results if result.error is not None]
    return [result.token_ids for result in results]


@cache
def expected(window: int = WINDOW) -> list[tuple[int, ...]]:
    """With the cache that grows."""
    found = tokens(having(network(window), None))
    assert len(found[0]) == 2 * LENGTH + 5, "three canvases"
    return found


def test_an_uncompiled_static_cache_changes_no_token() -> None:
    assert tokens(having(network(), "static")) == expected()


def test_compiled_passes_change_no_token(by_dynamo: list[tuple[Any, dict[str, Any]]]) -> None:
    some, as_there = network(ROOMY), {"mode": "reduce-overhead", "fullgraph": True}
    alone, compiled = expected(ROOMY), having(some, "static", compiled=True)
    assert tokens(compiled) == tokens(compiled) == alone
    assert by_dynamo == [(some.forward, as_there)], "once, and no more than the decoder's forward"
    some.generate(torch.ones((4, 30), dtype=torch.int64), max_new_tokens=LENGTH, max_denoising_steps=2)
    assert len(by_dynamo) > 1
    assert by_dynamo.count((some.forward, as_there)) == 1, "transformers takes the same one"


def test_only_a_decoder_that_is_not_compiled_leaves_logits_out() -> None:
    for kind, compiled, open_ in ((None, True, True), ("static", False, True), ("static", True, False)):
        some = having(network(), kind, compiled=compiled)
        ids = torch.ones((1, 4), dtype=torch.int64)
        denoiser = DiffusionGemma(some.network, ids, ids, Settings.of(some.network))
        assert (denoiser.masked(Mask(3)) is not None) is open_


class Overwriting:
    """A `torch.compile` that writes to one place, as a CUDA graph does, and wipes it when the next pass may begin."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.places: dict[torch.Size, Tensor] = {}
        self.begun = False
        patch.setattr(torch, "compile", self._compile)
        patch.setattr(torch.compiler, "cudagraph_mark_step_begin", self._begin)

    def _begin(self) -> None:
        self.begun = True
        for place in self.places.values():
            place.fill_(torch.nan)

    def _compile(self, function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
        def replayed(**inputs: Any) -> Any:
            assert self.begun, "the step was not marked"
            self.begun = False
            output = function(**inputs)
            assert not output.logits.isnan().any()
            place = self.places.setdefault(output.logits.shape, torch.empty_like(output.logits))
            output.logits = place.copy_(output.logits)
            return output

        return replayed


@pytest.mark.parametrize("specs", [SPECS, [None, None]])
def test_a_pass_keeps_nothing_that_the_next_one_overwrites(specs: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    some = model("gpt2", sliding_window=WINDOW).network
    alone = tokens(having(some, None), specs)
    graphs = Overwriting(monkeypatch)
    assert tokens(having(some, "static", compiled=True), specs) == alone
    assert graphs.places


def test_a_cache_is_used_again_and_by_one_at_a_time() -> None:
    some = having(model("gpt2").network, "static")
    ids, mask = prompts()
    read = partial(DiffusionGemma, some.network, ids, mask, Settings.of(some.network))

    def keys(denoiser: DiffusionGemma) -> list[Tensor]:
        return [layer.keys for layer in denoiser._cache.layers]

    first = read()
    kept = keys(first)
    assert all(one is not other for one, other in zip(kept, keys(read()), strict=True)), "a second one at the same time"
    del first
    for _ in range(2):
        assert all(one is other for one, other in zip(kept, keys(read()), strict=True))
    other = DiffusionGemma(some.network, ids[:1], mask[:1], Settings.of(some.network))
    assert keys(other)[0].shape[0] == 1


def test_what_was_in_a_cache_is_forgotten() -> None:
    long, short = PROMPTS[1], PROMPTS[0]
    alone = having(network(), None).generate(short, **LIMITS).token_ids
    some = having(network(), "static")
    for _ in range(2):
        some.generate(long, **LIMITS)
        assert some.generate(short, **LIMITS).token_ids == alone


def test_a_cache_of_inference_mode_is_not_used_outside() -> None:
    some = having(model("gpt2").network, "static")
    with torch.inference_mode():
        inside = some.generate(PROMPTS[0], **LIMITS).token_ids
    assert some.generate(PROMPTS[0], **LIMITS).token_ids == inside


def test_drafts_of_two_streams_by_turns_are_those_of_each_alone() -> None:
    some = having(network(), "static")
    limits = {"max_passes": 3, "max_new_tokens": 2 * LENGTH}
    alone = [[draft.token_ids for draft in some.stream(prompt, **limits)] for prompt in PROMPTS[:2]]
    together = zip(*(some.stream(prompt, **limits) for prompt in PROMPTS[:2]), strict=True)
    assert [list(drafts) for drafts in zip(*alone, strict=True)] == [[a.token_ids, b.token_ids] for a, b in together]


def test_a_prompt_that_is_read_ahead_has_room_for_whatever_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    some, spec = having(network(), "static"), SPECS[0]
    reading, read = threading.Event(), Model._read

    def compiling(spec: Any, vocabulary: Any) -> Constraint:
        assert reading.wait(60), "nothing was read while this was compiled"
        return compile(spec, vocabulary)

    def noted(self: Model, rows: Any) -> Any:
        assert not reading.is_set(), "it is read once"
        reading.set()
        return read(self, rows)

    alone = some.generate(PROMPTS[0], spec, max_passes=2)
    monkeypatch.setattr(face, "compile", compiling)
    monkeypatch.setattr(Model, "_read", noted)
    assert some.generate(PROMPTS[0], spec, max_passes=2).token_ids == alone.token_ids
    assert len(alone.token_ids) == 2 * LENGTH + 5


@pytest.mark.parametrize("kind", ["offloaded", "offloaded_static", "quantized", "hybrid"])
def test_another_cache_is_refused_by_name(kind: str) -> None:
    some = tiny()
    some.generation_config.cache_implementation = kind
    with pytest.raises(UnsupportedError, match=f"a cache that is '{kind}'") as caught:
        Settings.of(some)
    assert '"static", or None' in str(caught.value)


def test_transformers_own_layers_lose_text_behind_the_window() -> None:
    """Whoever sees this fail has a version in which `static_cache` can do without layers of another size."""
    ids, mask = prompts()
    for window, right in ((LENGTH + 20, True), (5, False)):
        some = tiny(sliding_window=window)
        found = []
        for kind in ("dynamic", "static"):
            torch.manual_seed(0)
            options = {"cache_implementation": kind, "disable_compile": True}
            found.append(some.generate(ids, attention_mask=mask, max_new_tokens=24, max_denoising_steps=3, **options))
        assert torch.equal(found[0].sequences, found[1].sequences) is right


def dropped_in(how: str, kind: str, *, compiled: bool = False, constrained: bool = True) -> tuple[list[Any], Tensor]:
    """The drafts and the output of transformers' `generate`, for prompts that are padded."""
    some = network(ROOMY)
    ids, mask = prompts((9, 4, 6, 6))
    vocabulary = from_transformers(some, tokenizer("gpt2")).vocabulary
    constraints = [None if spec is None else compile(spec, vocabulary) for spec in SPECS]
    limits = {"max_new_tokens": LIMITS["max_new_tokens"], "max_denoising_steps": 3, "cache_implementation": kind}
    options: dict[str, Any] = {**limits, "disable_compile": not compiled, "streamer": Drafts()}
    torch.manual_seed(1)
    with ExitStack() as stack:
        if constrained and how == "context":
            stack.enter_context(constrain.constrained(some, constraints))
        elif constrained:
            room = LIMITS["max_new_tokens"]
            options["logits_processor"] = constrain.logits_processor(constraints, max_new_tokens=room)
        output = some.generate(ids, attention_mask=mask, **options).sequences[:, ids.shape[1] :]
    drafts = options["streamer"].drafts
    if constrained:
        for n, (spec, constraint) in enumerate(zip(SPECS, constraints, strict=True)):
            if spec is not None and constraint is not None:
                ends = constraint.vocabulary.end_of_turn
                row = output[n].tolist()
                assert spec.accepts(constraint.text(row[: next((i for i, t in enumerate(row) if t in ends), len(row))]))
    return [(count, draft.tolist()) for count, draft in drafts], output


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("how", ["context", "processor"])
def test_inside_generate_drafts_and_tokens_are_the_same(how: str, compiled: bool, by_dynamo: Any) -> None:
    drafts, output = dropped_in(how, "dynamic")
    found_drafts, found = dropped_in(how, "static", compiled=compiled)
    assert torch.equal(found, output)
    assert found_drafts == drafts
    assert len({count for count, _ in drafts}) == 3, "three canvases"
    assert not compiled or any(options["fullgraph"] for _, options in by_dynamo)


@pytest.mark.slow
def test_many_shapes_take_few_compilations(by_dynamo: Any) -> None:
    """Whole graphs that are compiled too often are an error of torch's: after 8 times for one function."""
    some = tiny(sliding_window=40)
    shapes = [(9,), (9, 9, 9), (9, 4, 6), (30, 1), (45, 5, 5, 5), (70,), (90, 80), (130,), (250, 4, 7, 8, 9), (500, 5)]
    for lengths in shapes:
        ids, mask = prompts(lengths)
        found = []
        for kind in ("dynamic", "static"):
            some.generation_config.cache_implementation = kind
            found.append(ours(some, ids, mask, seed=0, tokens=30, passes=3).tokens)
        assert torch.equal(*found)
    for lengths in shapes:  # transformers' own calls share what is compiled
        ids, mask = prompts(lengths)
        some.generate(ids, attention_mask=mask, max_new_tokens=30, max_denoising_steps=2)


@pytest.mark.slow
def test_inductor_changes_no_token() -> None:
    """Needs a C++ compiler: without one it fails, and says so."""
    torch.compiler.reset()
    alone = expected()
    some = model("gpt2", sliding_window=WINDOW).network
    assert tokens(having(some, "static", compiled=True)) == alone
    torch.compiler.reset()
