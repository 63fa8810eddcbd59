"""What the guard makes of a request before vLLM admits it, and what it refuses: on stand-ins for vLLM's objects."""

from __future__ import annotations

import multiprocessing
import re
import subprocess
import sys
import threading
import tomllib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from constrain.engine import vllm_compiling, vllm_plugin
from constrain.engine.vllm_compiling import compiled, refusal_of, started, vocabulary_of
from constrain.engine.vllm_guard import admit, with_guard, with_refusals
from constrain.engine.vllm_plugin import ARCHITECTURE, check_version
from constrain.engine.vllm_requests import KEY
from constrain.engine.vllm_tools import FORCED, with_forced
from constrain.errors import LimitError, SpecError, UnsatisfiableError, UnsupportedError, VocabularyError
from constrain.vocabulary import Vocabulary
from tests.engine.test_vllm_requests import Asked, Config
from tests.engine.vllm_stand_in import Params
from tests.tokenizers import fast, small_tokenizer

ROOT = Path(__file__).parents[2]
TOKENIZER = fast(small_tokenizer("gpt2"))
PAD, EOS, UNKNOWN, TURN = range(4)


class RefusedError(Exception):
    def __init__(self, message: str, *, parameter: str) -> None:
        super().__init__(message)
        self.parameter = parameter


def model(*, ends: Any = (TURN,), size: int = 600, diffusion: bool = True, architecture: str = ARCHITECTURE) -> Any:
    return SimpleNamespace(
        is_diffusion=diffusion,
        architectures=[architecture],
        try_get_generation_config=lambda: {"eos_token_id": ends},
        get_vocab_size=lambda: size,
    )


def asking(max_tokens: int | None = 100, **asked: Any) -> Params:
    return Params(max_tokens, structured_outputs=Asked(**asked))


def test_a_request_becomes_one_that_the_sampler_knows() -> None:
    params = asking(regex=r"\d+")
    params.extra_args = {"diffusion_max_steps": 4}
    admit(params, model(), Config(), TOKENIZER)
    assert params.structured_outputs is None, "vLLM would set up a grammar for left-to-right decoding"
    assert params.extra_args == {
        "diffusion_max_steps": 4,
        KEY: {"spec": {"regex": r"\d+"}, "refusal": PAD},
    }


def test_the_same_parameters_may_be_used_again() -> None:
    params = asking(choice=["a", "b"])
    admit(params, model(), Config(), TOKENIZER)
    first = params.extra_args
    admit(params, model(), Config(), TOKENIZER)
    assert params.extra_args == first


def test_requests_without_structured_outputs_are_left_alone() -> None:
    params = Params(stop=["x"], extra_args={"other": 1})
    admit(params, model(), Config(), None)
    assert params == Params(stop=["x"], extra_args={"other": 1})


@pytest.mark.parametrize("forged", [7, "x", ["regex"], {}, {"spec": 7}, {"spec": {"regex": "("}}])
def test_what_a_client_writes_in_our_name_is_refused(forged: Any) -> None:
    with pytest.raises(SpecError):
        admit(Params(extra_args={KEY: forged}), model(), Config(), TOKENIZER)


def test_what_a_client_writes_in_our_name_is_refused_beside_what_it_asks_for_too() -> None:
    params = asking(regex="a")
    params.extra_args = {KEY: "abc"}
    with pytest.raises(SpecError, match="not for clients"):
        admit(params, model(), Config(), TOKENIZER)


def test_parameters_that_were_admitted_may_ask_for_something_else() -> None:
    params = asking(regex="a")
    params.extra_args = {KEY: {"spec": {"regex": "b"}, "refusal": 77}}
    admit(params, model(), Config(), TOKENIZER)
    assert params.extra_args == {KEY: {"spec": {"regex": "a"}, "refusal": PAD}}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("stop", ["}"]),
        ("stop_token_ids", [17]),
        ("ignore_eos", True),
        ("repetition_detection", object()),
        ("thinking_token_budget", 5),
        ("diffusion_pinned", [0]),
        ("diffusion_read_only", 1),
        ("diffusion_constrained", 1),
    ],
)
def test_what_would_end_or_fix_the_output_otherwise_is_refused_by_name(name: str, value: Any) -> None:
    params = asking(regex="a")
    if name.startswith("diffusion_"):
        params.extra_args = {name: value}
    else:
        params = replace(params, **{name: value})
    with pytest.raises(UnsupportedError, match=f"^{name} cannot be had") as caught:
        admit(params, model(), Config(), TOKENIZER)
    assert caught.value.keyword == name
    assert params.structured_outputs is not None


def test_ids_that_end_the_turn_anyway_may_be_named() -> None:
    params = asking(regex="a")
    params.stop_token_ids = [TURN]
    admit(params, model(), Config(), TOKENIZER)
    assert params.structured_outputs is None


def test_too_few_tokens_are_refused_with_what_is_needed() -> None:
    with pytest.raises(UnsatisfiableError) as caught:
        admit(asking(3, regex="x{4}"), model(), Config(), TOKENIZER)
    assert (caught.value.needed, caught.value.available) == (4, 3)
    admit(asking(4, regex="x{4}"), model(), Config(), TOKENIZER)
    admit(asking(None, regex="x{4}"), model(), Config(), TOKENIZER)


def test_without_a_tokenizer_there_are_no_structured_outputs() -> None:
    with pytest.raises(UnsupportedError, match="tokenizer"):
        admit(asking(regex="a"), model(), Config(), None)


def guarded(calls: list[Any]) -> Any:
    return with_guard(lambda *args: calls.append(args), ARCHITECTURE, RefusedError)


def test_what_is_wrong_becomes_vllms_own_error_with_place_and_hint() -> None:
    calls: list[Any] = []
    with pytest.raises(RefusedError, match=r"(?s)at /properties/a/type.*hint") as caught:
        guarded(calls)(asking(json={"properties": {"a": {"type": "strin"}}}), model(), Config(), TOKENIZER)
    assert caught.value.parameter == "structured_outputs"
    assert calls == []


def test_other_models_keep_vllms_own_check() -> None:
    calls: list[Any] = []
    check, params = guarded(calls), asking(regex="(")
    others = model(diffusion=False), model(architecture="Other")
    for other in others:
        check(params, other, Config(), TOKENIZER)
    assert [each[1] for each in calls] == list(others)


REQUIRED = SimpleNamespace(tools=[{}], tool_choice="required")
CHAT_NAMED = SimpleNamespace(type="function", function=SimpleNamespace(name="greet"))
RESPONSES_NAMED = SimpleNamespace(type="function", name="greet")
CUSTOM = SimpleNamespace(type="custom", name="greet")
ONE_OF_SOME = SimpleNamespace(type="allowed_tools", mode="required")


def made(request: Any, params: Params) -> Params:
    """What vLLM checks of an HTTP request whose parameters it has made."""
    result = with_forced(lambda request, max_tokens, defaults: params)(request, 100, defaults={})
    assert isinstance(result, Params)
    return result


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ("required", "required"),
        (CHAT_NAMED, "greet"),
        (RESPONSES_NAMED, "greet"),
        (CUSTOM, "greet"),
        (ONE_OF_SOME, "required"),
    ],
)
@pytest.mark.parametrize("extra", [None, {}, {"other": 1}])
def test_a_forced_call_that_nothing_states_is_refused_by_name(choice: Any, told: str, extra: Any) -> None:
    calls: list[Any] = []
    given = None if extra is None else dict(extra)
    params = made(SimpleNamespace(tools=[{}], tool_choice=choice), Params(extra_args=given))
    for _ in range(2):
        with pytest.raises(
            RefusedError, match=f"(?s)^tool_choice '{told}' is not stated.*--tool-call-parser"
        ) as caught:
            guarded(calls)(params, model(), Config(), TOKENIZER)
        assert caught.value.parameter == "tool_choice"
        assert isinstance(caught.value.__cause__, UnsupportedError)
        assert caught.value.__cause__.keyword == "tool_choice"
    assert calls == []
    assert given == extra, "the client's own dictionary"


def test_a_forced_call_that_is_stated_is_admitted_as_any_other() -> None:
    params = made(REQUIRED, asking(regex="a"))
    guarded([])(params, model(), Config(), TOKENIZER)
    assert params.structured_outputs is None
    assert params.extra_args == {KEY: {"spec": {"regex": "a"}, "refusal": PAD}}
    guarded([])(params, model(), Config(), TOKENIZER)
    assert params.extra_args == {KEY: {"spec": {"regex": "a"}, "refusal": PAD}}


@pytest.mark.parametrize(("left", "admitted"), [(None, True), (SimpleNamespace(type="json_object"), False)])
def test_a_format_of_the_reply_does_not_state_a_forced_call(left: Any, admitted: bool) -> None:
    request = SimpleNamespace(tools=[{}], tool_choice="required", response_format=left)
    params = made(request, asking(json_object=True))
    if admitted:
        guarded([])(params, model(), Config(), TOKENIZER)
    else:
        with pytest.raises(RefusedError, match=r"^tool_choice 'required' is not stated"):
            guarded([])(params, model(), Config(), TOKENIZER)


@pytest.mark.parametrize("choice", [None, "none", "auto", SimpleNamespace(type="web_search_preview")])
def test_calls_that_are_not_forced_leave_the_parameters_alone(choice: Any) -> None:
    params = made(SimpleNamespace(tools=[{}], tool_choice=choice), Params(extra_args={"other": 1}))
    guarded([])(params, model(), Config(), TOKENIZER)
    assert params == Params(extra_args={"other": 1})
    without = made(SimpleNamespace(tools=None, tool_choice="required"), Params())
    guarded([])(without, model(), Config(), TOKENIZER)
    assert without == Params()


@pytest.mark.parametrize("extra", [None, {"other": 1}])
def test_other_models_do_not_see_what_is_forced(extra: Any) -> None:
    for other in (model(diffusion=False), model(architecture="Other")):
        calls: list[Any] = []
        params = made(REQUIRED, Params(extra_args=extra))
        assert FORCED in (params.extra_args or {})
        guarded(calls)(params, other, Config(), TOKENIZER)
        assert len(calls) == 1
        assert params == Params(extra_args=extra)


def test_the_scheduler_does_not_accept_a_refusal() -> None:
    accept = with_refusals(lambda manager, request, ids: True)

    def request(extra: Any) -> Any:
        return SimpleNamespace(sampling_params=SimpleNamespace(extra_args=extra))

    ours = request({KEY: {"spec": {}, "refusal": 9}})
    assert accept(None, ours, [1, 2])
    assert not accept(None, ours, [1, 9])
    assert accept(None, request(None), [9])
    assert accept(None, SimpleNamespace(sampling_params=None), [9])


def test_an_output_ends_where_vllm_ends_it() -> None:
    """vLLM ends at the ids of the generation config and at the tokenizer's own, whatever else looks like an end."""
    assert vocabulary_of(model(ends=[TURN]), TOKENIZER).end_of_turn == (EOS, TURN)
    assert vocabulary_of(model(ends=TURN), TOKENIZER).end_of_turn == (EOS, TURN)
    assert vocabulary_of(model(ends=None), TOKENIZER).end_of_turn == (EOS,)
    assert vocabulary_of(model(), TOKENIZER).size == 600
    assert vocabulary_of(model(), TOKENIZER) is vocabulary_of(model(), TOKENIZER)


def test_a_refusal_is_neither_text_nor_an_end() -> None:
    assert refusal_of(Vocabulary([b"a", None, None], [1])) == 2
    with pytest.raises(VocabularyError, match="neither"):
        refusal_of(Vocabulary([b"a", None], [1]))


def test_equal_requests_are_compiled_once() -> None:
    vocabulary = vocabulary_of(model(), TOKENIZER)
    first = compiled({"regex": "once{3}"}, vocabulary)
    assert compiled({"regex": "once{3}"}, vocabulary) is first
    assert started({"regex": "once{3}"}, vocabulary)() is first
    other = Vocabulary([b"o", b"n", b"c", b"e", None, None], [4])
    assert compiled({"regex": "once{3}"}, other).vocabulary == other


def test_what_takes_too_long_is_refused_and_there_the_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    go, vocabulary = threading.Event(), vocabulary_of(model(), TOKENIZER)
    read = vllm_compiling.spec_of
    monkeypatch.setattr(vllm_compiling, "spec_of", lambda stated: go.wait(60) and read(stated))
    with pytest.raises(LimitError, match="seconds to compile") as caught:
        compiled({"regex": "slow{3}"}, vocabulary, seconds=0.01)
    assert caught.value.limit < caught.value.given
    go.set()
    assert compiled({"regex": "slow{3}"}, vocabulary).spec.accepts("slowww")


def test_a_worker_that_was_forked_compiles_for_itself() -> None:
    vocabulary = vocabulary_of(model(), TOKENIZER)
    for n in range(3):
        compiled({"regex": f"parent{n}"}, vocabulary)
    child = multiprocessing.get_context("fork").Process(target=compiled, args=({"regex": "child"}, vocabulary))
    child.start()
    child.join(60)
    assert child.exitcode == 0


def test_errors_of_compiling_are_raised_where_they_are_waited_for() -> None:
    waiting = started({"regex": "("}, vocabulary_of(model(), TOKENIZER))
    with pytest.raises(SpecError):
        waiting()


@pytest.mark.parametrize("version", ["0.31.1", "0.9.0", "0.5.3.post1", "dev", "0.1.dev20+gabc"])
def test_versions_that_are_too_old_are_refused_by_name(version: str) -> None:
    with pytest.raises(UnsupportedError, match=f"this is {re.escape(version)}"):
        check_version(version)


@pytest.mark.parametrize("version", ["0.32.0", "0.32.0+cpu", "0.33.0rc1", "0.100.0", "1.0"])
def test_versions_that_are_known_and_later_ones_are_taken(version: str) -> None:
    check_version(version)


def test_vllm_may_call_the_entry_point_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    class SamplingParams:
        def _validate_structured_outputs(self, *args: Any) -> None: ...

    class StructuredOutputManager:
        def accept_tokens(self, *args: Any) -> bool:
            return True

    class ChatCompletionRequest:
        def to_sampling_params(self, *args: Any) -> None: ...

    class ResponsesRequest:
        def to_sampling_params(self, *args: Any) -> None: ...

    def replaced() -> list[Any]:
        return [
            SamplingParams._validate_structured_outputs,
            StructuredOutputManager.accept_tokens,
            ChatCompletionRequest.to_sampling_params,
            ResponsesRequest.to_sampling_params,
        ]

    registered: dict[str, str] = {}
    modules = {
        "vllm": SimpleNamespace(__version__="0.32.0"),
        "vllm.entrypoints.openai.chat_completion.protocol": SimpleNamespace(
            ChatCompletionRequest=ChatCompletionRequest
        ),
        "vllm.entrypoints.openai.responses.protocol": SimpleNamespace(ResponsesRequest=ResponsesRequest),
        "vllm.exceptions": SimpleNamespace(VLLMValidationError=RefusedError),
        "vllm.sampling_params": SimpleNamespace(SamplingParams=SamplingParams),
        "vllm.v1.structured_output": SimpleNamespace(StructuredOutputManager=StructuredOutputManager),
        "vllm.model_executor.models": SimpleNamespace(
            ModelRegistry=SimpleNamespace(register_model=registered.__setitem__)
        ),
    }
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    before = replaced()
    vllm_plugin.register()
    first = replaced()
    vllm_plugin.register()
    assert first == replaced()
    assert not set(first) & set(before)
    assert registered == {ARCHITECTURE: "constrain.engine.vllm_model:ConstrainedDiffusionGemma"}


def test_the_entry_point_is_declared_and_light() -> None:
    """It is loaded in every process of vLLM, before there is a model."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    assert declared == {"vllm.general_plugins": {"constrain": "constrain.engine.vllm_plugin:register"}}
    load = (
        "import sys, constrain.engine.vllm_plugin as it; it.register; print({'torch', 'transformers'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", load], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
