"""How a drop-in is used: calls one after the other and inside each other, threads, refusals, and what it relies on."""

from __future__ import annotations

import contextvars
import inspect
import re
import threading
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import (
    BertConfig,
    BertForMaskedLM,
    DiffusionGemmaForBlockDiffusion,
    GPT2Config,
    GPT2LMHeadModel,
    LogitsProcessorList,
)

import constrain
from constrain.constraint import compile
from constrain.engine.model import Model
from constrain.errors import SpecError, UnsatisfiableError, UnsupportedError, VocabularyError
from tests.engine.test_adversary import CANVAS, EOS, ROOM, random_model
from tests.engine.test_drop_in import WAYS, Drafts, prompts, upto_end, written


def test_a_processor_serves_call_after_call() -> None:
    some = random_model("gpt2")
    constraint = compile(constrain.Regex("(abc){20}"), some.vocabulary)
    processor = constrain.logits_processor(constraint, max_new_tokens=72)
    ids = prompts(2)
    for steps in (3, 1, 2):
        output = some.network.generate(ids, logits_processor=processor, max_new_tokens=72, max_denoising_steps=steps)
        assert {constraint.text(row) for row in output.sequences[:, ids.shape[1] :].tolist()} == {"abc" * 20}
        assert len(processor) == 2, "one temperature, one constraint"
        ids = output.sequences[:, : ids.shape[1] + CANVAS["gpt2"]]  # a prompt that looks like a canvas already settled


@pytest.mark.parametrize("how", WAYS)
def test_what_is_all_but_certain_stops(how: str) -> None:
    some = random_model("gpt2")
    streamer = Drafts()
    (ids,) = written(
        some,
        how,
        [compile(constrain.Choice(["only"]), some.vocabulary)],
        room=9,
        max_denoising_steps=9,
        streamer=streamer,
    )
    assert some.vocabulary.decode(ids) == b"only"
    assert len(streamer.drafts) == (1 if how == "context" else 2)  # transformers waits for the same canvas again


def test_processors_of_others_come_first() -> None:
    some = random_model("gpt2")
    seen: list[float] = []

    def other(input_ids: Tensor, scores: Tensor) -> Tensor:
        seen.append(float(scores.isinf().any()))
        return scores

    constraint = compile(constrain.Regex("[a-f]{3}"), some.vocabulary)
    processor = constrain.logits_processor(constraint)
    processor.append(other)
    options = {"max_denoising_steps": 2, "max_new_tokens": 8}
    outputs = [some.network.generate(prompts(1), logits_processor=processor, **options)]
    with constrain.constrained(some.network, constraint):
        outputs.append(some.network.generate(prompts(1), logits_processor=[other], **options))
    assert seen == [0.0] * 4
    assert all(re.fullmatch("[a-f]{3}", constraint.text(output.sequences[0, 4:].tolist())) for output in outputs)


def bits(network: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(network).items() if name in ("generate", "_denoising_step")}


def test_the_model_is_as_before_behind_every_context() -> None:
    some = random_model("gpt2")
    network = some.network
    first, second = (compile(constrain.Choice([text]), some.vocabulary) for text in ("ab", "cd"))

    def text() -> str:
        return first.text(
            network.generate(prompts(1), max_denoising_steps=1, max_new_tokens=8).sequences[0, 4:].tolist()
        )

    assert bits(network) == {}
    with constrain.constrained(network, first) as entered:
        assert entered is network
        assert text() == "ab"
        with constrain.constrained(network, second):
            assert text() == "cd"
        with pytest.raises(ZeroDivisionError), constrain.constrained(network, second):
            raise ZeroDivisionError
        with constrain.constrained(network, first):
            assert text() == "ab"
        with constrain.constrained(network, None):
            assert "generate" in bits(network)
        assert text() == "ab"
    assert bits(network) == {}


def test_what_the_model_had_of_its_own_comes_back() -> None:
    some = random_model("gemma")
    own = partial(DiffusionGemmaForBlockDiffusion.generate, some.network, max_denoising_steps=1)
    some.network.generate = own
    try:
        with constrain.constrained(some.network, compile(constrain.Choice(["ab"]), some.vocabulary)):
            output = some.network.generate(prompts(1), max_new_tokens=8)
        assert some.vocabulary.decode(upto_end(some, output.sequences[0, 4:].tolist())) == b"ab"
        assert some.network.generate is own
    finally:
        del some.network.generate


def test_a_call_inside_a_call_has_a_constraint_of_its_own() -> None:
    some = random_model("gpt2")
    outer, inner = (compile(constrain.Regex(pattern), some.vocabulary) for pattern in ("(ab){30}", "(cd){30}"))
    texts: list[str] = []

    class Nested(Drafts):
        def put_draft(self, value: Tensor) -> None:
            with constrain.constrained(some.network, inner):
                texts.append(inner.text(written_by(some.network)))

    def written_by(network: Any, **options: Any) -> list[int]:
        ids = network.generate(prompts(1), max_denoising_steps=1, max_new_tokens=60, **options).sequences
        return [int(token) for token in ids[0, 4:]]

    with constrain.constrained(some.network, outer):
        assert outer.text(written_by(some.network, streamer=Nested())) == "ab" * 30
    assert set(texts) == {"cd" * 30}


def test_threads_have_contexts_of_their_own() -> None:
    some = random_model("gpt2")
    barrier, found = threading.Barrier(2), dict[str, set[str]]()

    def work(text: str) -> None:
        constraint = compile(constrain.Choice([text]), some.vocabulary)
        barrier.wait()
        with constrain.constrained(some.network, constraint):
            barrier.wait()
            outputs = [
                some.network.generate(prompts(1), max_denoising_steps=3, max_new_tokens=30).sequences for _ in range(3)
            ]
            found[text] = {constraint.text(output[0, 4:].tolist()) for output in outputs}

    threads = [threading.Thread(target=work, args=(text,)) for text in ("first" * 5, "second" * 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {text: {text} for text in found}
    assert len(found) == 2
    assert bits(some.network) == {}


def test_a_thread_without_a_context_is_refused_and_one_that_takes_it_along_is_not() -> None:
    some = random_model("gpt2")
    outcome: list[Any] = []

    def work() -> None:
        try:
            outcome.append(some.network.generate(prompts(1), max_denoising_steps=1, max_new_tokens=8).sequences)
        except UnsupportedError as error:
            outcome.append(error)

    with constrain.constrained(some.network, compile(constrain.Choice(["ab"]), some.vocabulary)):
        for target in (work, partial(contextvars.copy_context().run, work)):
            thread = threading.Thread(target=target)
            thread.start()
            thread.join()
    assert "another thread" in str(outcome[0])
    assert some.vocabulary.decode(upto_end(some, outcome[1][0, 4:].tolist())) == b"ab"


def refusals() -> dict[str, tuple[type[Exception], str, Callable[[Model], object], dict[str, Any]]]:
    """What is wrong, how it is refused: the error, its words, the constraint, and what `generate` is given."""

    def a(pattern: str) -> Callable[[Model], object]:
        return lambda some: compile(constrain.Regex(pattern), some.vocabulary)

    foreign = constrain.Vocabulary([b"a", None], [1])
    return {
        "rows": (SpecError, "2 rows, but 3 constraints", lambda some: [a("a")(some)] * 3, {}),
        "vocabulary": (VocabularyError, "over 2 ids", lambda some: compile(constrain.Regex("a"), foreign), {}),
        "budget": (
            UnsatisfiableError,
            "needs 30 tokens, budget is 29",
            lambda some: compile(constrain.Text(tokens=30), some.vocabulary),
            {"max_new_tokens": 29},
        ),
        "no puzzle": (
            UnsatisfiableError,
            "cannot all hold",
            lambda some: compile(constrain.Sudoku("12..\n3...\n..1.\n4..3"), some.vocabulary),
            {"max_new_tokens": 60},
        ),
    }


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("name", refusals())
def test_what_cannot_be_is_refused_by_name(name: str, how: str) -> None:
    some = random_model("gpt2")
    error, words, constraint, options = refusals()[name]
    encoded: list[int] = []
    options = {"max_new_tokens": ROOM, "max_denoising_steps": 1, **options}

    def attempt() -> None:
        with ExitStack() as stack:
            if how == "context":
                stack.enter_context(constrain.constrained(some.network, constraint(some)))
            else:
                processor = constrain.logits_processor(constraint(some), max_new_tokens=options["max_new_tokens"])
                options["logits_processor"] = processor if how == "processor" else LogitsProcessorList([processor])
            some.network.generate(prompts(2), **options)

    hook = some.network.model.encoder.register_forward_pre_hook(lambda *_: encoded.append(1))
    with pytest.raises(error, match=words):
        attempt()
    hook.remove()
    assert not (encoded and (how == "context" or name == "budget")), "before any pass"
    assert bits(some.network) == {}


@pytest.mark.parametrize(
    ("limits", "available"),
    [
        ({"max_new_tokens": 10}, 10),
        ({"max_length": 14}, 10),
        ({"max_length": 14, "max_new_tokens": 50}, 24),
        ({"max_length": 3, "max_new_tokens": 50}, 24),
        ({"max_length": 3}, -1),
    ],
)
def test_the_budget_is_what_the_call_will_write(limits: dict[str, int], available: int) -> None:
    some = random_model("gpt2")
    constraint = compile(constrain.Text(tokens=100), some.vocabulary)
    with constrain.constrained(some.network, constraint), pytest.raises(UnsatisfiableError) as caught:
        some.network.generate(prompts(1), **limits)
    assert (caught.value.needed, caught.value.available) == (100, available)


def test_a_processor_that_is_not_told_of_more_tokens_ends_in_the_first_canvas() -> None:
    some = random_model("gpt2")
    constraint = compile(constrain.Regex("[a-f]*"), some.vocabulary)
    processor = constrain.logits_processor(constraint)
    output = some.network.generate(prompts(1), logits_processor=processor, max_new_tokens=72, max_denoising_steps=1)
    assert len(upto_end(some, output.sequences[0, 4:].tolist())) <= CANVAS["gpt2"]
    long = constrain.logits_processor(compile(constrain.Text(tokens=30), some.vocabulary))
    with pytest.raises(UnsatisfiableError, match="needs 30 tokens, budget is 24"):
        some.network.generate(prompts(1), logits_processor=long, max_new_tokens=72)


def test_what_is_not_compiled_is_refused() -> None:
    network = random_model("gpt2").network
    for wrong in (constrain.Regex("a"), [None, "a"], int):
        with pytest.raises(SpecError, match="no compiled constraint"):
            constrain.logits_processor(wrong)
        with pytest.raises(SpecError, match="no compiled constraint"), constrain.constrained(network, wrong):
            pass
    wrong_numbers = {"max_new_tokens": "at least 1", "max_redecoded": "at least 1", "solver_time": "more than 0"}
    for name, words in wrong_numbers.items():
        with pytest.raises(SpecError, match=f"{name} .*{words}"):
            constrain.logits_processor(None, **{name: 0})
    assert bits(network) == {}


def test_other_models_are_refused() -> None:
    some = random_model("gpt2")
    constraint = compile(constrain.Regex("a"), some.vocabulary)
    sizes: dict[str, Any] = {"vocab_size": some.vocabulary.size}
    gpt = GPT2LMHeadModel(GPT2Config(**sizes, n_embd=8, n_layer=1, n_head=1, n_positions=16))
    bert = BertForMaskedLM(
        BertConfig(**sizes, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)
    )
    for other in (gpt, bert):
        with (
            pytest.raises(UnsupportedError, match=f"not of {type(other).__name__}"),
            constrain.constrained(other, constraint),
        ):
            pass
    with pytest.raises(UnsupportedError, match="token by token"):
        gpt.generate(prompts(1), logits_processor=constrain.logits_processor(constraint), max_new_tokens=2)


def test_what_may_end_an_output_early_is_refused_in_a_context() -> None:
    some = random_model("gpt2")
    letters = next(i for i, token in enumerate(some.vocabulary.tokens) if token == b"a")
    with constrain.constrained(some.network, compile(constrain.Regex("a+"), some.vocabulary)):
        with pytest.raises(UnsupportedError, match="stopping_criteria"):
            some.network.generate(prompts(1), stopping_criteria=[lambda *_, **__: torch.tensor([True])])
        with pytest.raises(VocabularyError, match="which is text"):
            some.network.generate(prompts(1), eos_token_id=[EOS, letters])


@pytest.mark.parametrize("nested", [False, True])
def test_a_context_takes_no_second_constraint(nested: bool) -> None:
    some = random_model("gpt2")
    constraint = compile(constrain.Regex("a+"), some.vocabulary)
    processor = constrain.logits_processor(constraint)
    with (
        constrain.constrained(some.network, constraint),
        pytest.raises(UnsupportedError, match="no second constraint"),
    ):
        some.network.generate(prompts(1), logits_processor=[processor] if nested else processor)


def test_an_element_serves_one_call() -> None:
    some = random_model("gpt2")
    constraint = compile(constrain.Regex("(abc){20}"), some.vocabulary)
    processors = LogitsProcessorList([constrain.logits_processor(constraint, max_new_tokens=72)])
    some.network.generate(prompts(1), logits_processor=processors, max_new_tokens=72, max_denoising_steps=1)
    with pytest.raises(UnsupportedError, match="another call"):
        some.network.generate(prompts(1), logits_processor=processors, max_new_tokens=72, max_denoising_steps=1)


def test_a_processor_is_refused_to_a_second_call_at_the_same_time() -> None:
    some = random_model("gpt2")
    constraint = compile(constrain.Regex("(abc){20}"), some.vocabulary)
    processor = constrain.logits_processor(constraint, max_new_tokens=72)

    class Nested(Drafts):
        def put_draft(self, value: Tensor) -> None:
            if len(self.settled) == 2:
                some.network.generate(prompts(1, width=5), **options)

    options = {"logits_processor": processor, "max_new_tokens": 72, "max_denoising_steps": 2}
    with pytest.raises(UnsupportedError, match="another call"):
        some.network.generate(prompts(1), **options, streamer=Nested())

    class Threaded(Drafts):
        def put_draft(self, value: Tensor) -> None:
            thread = threading.Thread(target=partial(some.network.generate, prompts(1), **options))
            thread.start()
            thread.join()

    with pytest.raises(UnsupportedError, match="another call"):
        some.network.generate(prompts(1), **options, streamer=Threaded())


@pytest.mark.parametrize("how", WAYS)
def test_a_check_on_the_text_that_nothing_passes_is_raised(how: str) -> None:
    some = random_model("gpt2")
    spec = constrain.JsonSchema({"type": "array", "items": {"enum": ["é", "e"]}, "minItems": 3, "uniqueItems": True})
    with pytest.raises(UnsatisfiableError):
        written(some, how, [compile(spec, some.vocabulary)], room=ROOM, max_denoising_steps=2)


def test_transformers_is_as_the_drop_in_takes_it() -> None:
    """The parts of `generate` that are not public: whoever sees this fail has a version that was not tried."""
    kind = DiffusionGemmaForBlockDiffusion

    def names(function: Any) -> list[str]:
        return list(inspect.signature(function).parameters)

    assert names(kind.generate) == [
        *("self", "input_ids", "past_key_values", "streamer", "generation_config"),
        *("logits_processor", "stopping_criteria", "kwargs"),
    ]
    assert names(kind._denoising_step) == [
        *("self", "decoder_forward", "current_canvas", "argmax_canvas", "input_ids", "decoder_position_ids"),
        *("self_conditioning_logits", "mask_mapping", "past_key_values", "finished_denoising", "cur_step", "sampler"),
        *("logits_processor", "diffusion_stopping_criteria", "model_kwargs"),
    ]
    assert names(kind._prepare_generation_config) == ["self", "generation_config", "kwargs"]
    assert names(kind._prepare_generated_length) == ["self", "generation_config", "cur_len"]
    network = random_model("gpt2").network
    sampler = network._prepare_sampler(network._prepare_generation_config(None)[0])
    assert names(sampler.initialize_canvas) == ["batch_size", "device"]
    assert sampler.entropy_bound > 0
    with pytest.raises(TypeError, match="not callable"):  # whatever is in it: only a LogitsProcessorList will do
        network.generate(prompts(1), logits_processor=[lambda input_ids, scores: scores], max_denoising_steps=1)
