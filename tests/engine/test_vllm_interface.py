"""vLLM has what the plugin asks of it, under the names and in the order in which it asks.

Its sources are read, not run: those of the vLLM that is installed, if one is, and those in the folders that the
environment variable VLLM_SOURCES names, each of which has a folder `vllm` (an unpacked wheel). Where there are none of
either, these tests ask nothing; `VLLM_SOURCES=0.32:0.33 python -m pytest tests/engine/test_vllm_interface.py` is how
they are run on several versions.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest


def _roots() -> Iterator[Path]:
    installed = find_spec("vllm")
    if installed is not None and installed.origin is not None:
        yield Path(installed.origin).parent
    for folder in filter(None, os.environ.get("VLLM_SOURCES", "").split(os.pathsep)):
        yield Path(folder) / "vllm"


ROOTS = [*_roots()]
MODEL = "model_executor/models/diffusion_gemma.py"
CHAT = "entrypoints/openai/chat_completion/protocol.py"
RESPONSES = "entrypoints/openai/responses/protocol.py"


def defined(root: Path, file: str, *names: str) -> ast.AST:
    """What is defined in a file under these names, the later inside the earlier."""
    found: ast.AST = ast.parse((root / file).read_text())
    for name in names:
        kinds = ast.ClassDef | ast.FunctionDef
        inside = [node for node in ast.iter_child_nodes(found) if isinstance(node, kinds) and node.name == name]
        assert inside, f"{root / file} does not define {name}"
        found = inside[-1]
    return found


def parameters(root: Path, file: str, *names: str) -> list[str]:
    function = defined(root, file, *names)
    assert isinstance(function, ast.FunctionDef)
    return [argument.arg for argument in function.args.args if argument.arg != "self"]


def fields(root: Path, file: str, name: str) -> set[str]:
    """What a class declares, defines, and what its constructor gives to instances."""
    kind = defined(root, file, name)
    assert isinstance(kind, ast.ClassDef)
    declared = {
        each.target.id for each in kind.body if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
    }
    methods = {each.name for each in kind.body if isinstance(each, ast.FunctionDef)}
    given = {
        each.attr for each in ast.walk(kind) if isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store)
    }
    return declared | methods | given


def calls(node: ast.AST, name: str) -> list[ast.Call]:
    return [each for each in ast.walk(node) if isinstance(each, ast.Call) and ast.unparse(each.func) == name]


def test_the_step_takes_first_what_is_replaced() -> None:
    for root in ROOTS:
        step = parameters(root, MODEL, "_compiled_sample_step")
        assert step[:5] == ["new_tokens", "argmax_tokens", "token_entropy", "probs", "decode_slots"]
        called = calls(defined(root, MODEL, "DiffusionSampler", "__call__"), "_compiled_sample_step")
        assert len(called) == 1, "the module's function, looked up where it is called"
        assert [ast.unparse(each) for each in called[0].args[3:5]] == ["probs", "tile_slots"]


def test_the_temperature_is_asked_for_as_the_sampler_does() -> None:
    for root in ROOTS:
        assert len(parameters(root, MODEL, "_denoise_temperature")) == 5
        (call,) = calls(defined(root, MODEL, "DiffusionSampler", "__call__"), "_denoise_temperature")
        arguments = ["states.step", "tile_slots", "float(states.max_denoising_steps)", "self.t_min", "self.t_max"]
        assert [ast.unparse(each) for each in call.args] == arguments


@pytest.mark.parametrize(
    ("file", "name", "needed"),
    [
        (MODEL, "DiffusionSampler", "diffusion_states confidence_threshold t_min t_max add_request __call__"),
        (
            MODEL,
            "DiffusionGemmaRequestStates",
            "device stability_threshold max_denoising_steps is_encoder_phase argmax_canvas step max_steps "
            "accepted_canvas_history_len canvas_width_np",
        ),
        (MODEL, "DiffusionGemmaModelState", "custom_sampler add_request remove_request _req_id_to_index gen_config"),
        (MODEL, "DiffusionGemmaForConditionalGeneration", "get_model_state_cls"),
        (
            "sampling_params.py",
            "SamplingParams",
            "structured_outputs extra_args stop stop_token_ids ignore_eos repetition_detection thinking_token_budget "
            "max_tokens logprobs logprob_token_ids top_k top_p _validate_structured_outputs",
        ),
        (
            "sampling_params.py",
            "StructuredOutputsParams",
            "json json_object regex choice grammar structural_tag disable_any_whitespace disable_additional_properties "
            "whitespace_pattern",
        ),
        (
            "config/structured_outputs.py",
            "StructuredOutputsConfig",
            "disable_any_whitespace disable_additional_properties",
        ),
        ("v1/worker/gpu/input_batch.py", "InputBatch", "num_reqs num_draft_tokens idx_mapping_np cu_num_logits_np"),
        ("v1/core/sched/output.py", "NewRequestData", "req_id prompt_len prefill_token_ids sampling_params"),
        ("config/model.py", "ModelConfig", "is_diffusion architectures max_model_len seed get_vocab_size"),
        ("config/model.py", "ModelConfig", "try_get_generation_config"),
        (CHAT, "ChatCompletionRequest", "tools tool_choice response_format to_sampling_params"),
        (CHAT, "ChatCompletionNamedToolChoiceParam", "function type"),
        (CHAT, "ChatCompletionNamedFunction", "name"),
        (RESPONSES, "ResponsesRequest", "tools tool_choice to_sampling_params"),
    ],
)
def test_objects_have_what_is_read_and_written(file: str, name: str, needed: str) -> None:
    for root in ROOTS:
        assert {*needed.split()} <= fields(root, file, name), root


@pytest.mark.parametrize(
    ("file", "names", "expected"),
    [
        (MODEL, "DiffusionSampler __call__", "logits input_batch draft_logits"),
        (MODEL, "DiffusionSampler add_request", "req_idx sampling_params"),
        (MODEL, "DiffusionGemmaModelState custom_sampler", "sampler"),
        (MODEL, "DiffusionGemmaModelState add_request", "req_index new_req_data"),
        (MODEL, "DiffusionGemmaModelState remove_request", "req_id"),
        (
            "sampling_params.py",
            "SamplingParams _validate_structured_outputs",
            "model_config structured_outputs_config tokenizer",
        ),
        ("v1/structured_output/__init__.py", "StructuredOutputManager accept_tokens", "request new_token_ids"),
        ("tokenizers/registry.py", "cached_tokenizer_from_config", "model_config"),
    ],
)
def test_functions_that_are_replaced_or_extended_take_what_they_are_given(file: str, names: str, expected: str) -> None:
    for root in ROOTS:
        assert parameters(root, file, *names.split()) == expected.split(), root


def test_the_model_is_told_of_a_request_before_the_sampler() -> None:
    for root in ROOTS:
        body = ast.unparse(defined(root, "v1/worker/gpu/model_runner.py", "GPUModelRunner", "add_requests"))
        assert 0 < body.index("self.model_state.add_request(") < body.index("self.sampler.add_request("), root


def test_what_is_wrong_with_a_request_is_told_by_parameter() -> None:
    for root in ROOTS:
        error = defined(root, "exceptions.py", "VLLMValidationError", "__init__")
        assert isinstance(error, ast.FunctionDef)
        assert "parameter" in {each.arg for each in error.args.kwonlyargs}, root


def test_requests_become_parameters_with_all_that_their_tools_state() -> None:
    for root in ROOTS:
        for file, name in (CHAT, "ChatCompletionRequest"), (RESPONSES, "ResponsesRequest"):
            made = defined(root, file, name, "to_sampling_params")
            (call,) = calls(made, "SamplingParams.from_optional")
            given = {each.arg: ast.unparse(each.value) for each in call.keywords}
            assert given["structured_outputs"] == "self.extract_structured_outputs()", root


def test_what_states_a_forced_call_clears_the_format_of_the_reply() -> None:
    places = (
        ("parser/abstract_parser.py", "DelegatingParser", "_apply_structural_tag"),
        ("tool_parsers/abstract_tool_parser.py", "ToolParser", "adjust_request"),
    )
    for root in ROOTS:
        for file, *names in places:
            body = ast.unparse(defined(root, file, *names))
            assert body.count("request.structured_outputs = ") == body.count("request.response_format = None") == 1, (
                root
            )


def test_parameters_are_checked_before_they_are_copied_for_the_engine() -> None:
    """The guard clears a field and adds one: the copy has to be made of what it leaves."""
    for root in ROOTS:
        body = ast.unparse(defined(root, "v1/engine/input_processor.py", "InputProcessor", "process_inputs"))
        assert 0 < body.index("self._validate_params(") < body.index("params.clone()"), root
