"""What stands where vLLM refuses structured outputs of diffusion models: it takes those that can be compiled.

A request is compiled before it is admitted, in the thread in which vLLM checks its parameters. Then what it states goes
with it in `extra_args`, and its own field is cleared, by which vLLM would set up a grammar for left-to-right decoding.
What is wrong with it becomes vLLM's own validation error, for a client HTTP 400 that says where and what to do.

A forced call of a tool that vLLM does not state is refused, too (see `vllm_tools`).

A worker that cannot go on with a request (see `vllm_slots`) emits its refusal; the scheduler ends it with an error.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from constrain.constraint import Constraint
from constrain.engine.vllm_compiling import compiled, refusal_of, vocabulary_of
from constrain.engine.vllm_requests import KEY, stated_of
from constrain.engine.vllm_tools import check_forced, forget_forced, with_forced
from constrain.errors import ConstrainError, SpecError, UnsatisfiableError, UnsupportedError

__all__ = ["admit", "install", "with_guard", "with_refusals"]

_MARK = "__constrain__"
_FIXES = "diffusion_pinned", "diffusion_read_only", "diffusion_constrained"


def install(architecture: str) -> None:
    """Put the guards in place, in this process, for models of `architecture`; where they are already, do nothing."""
    from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
    from vllm.entrypoints.openai.responses.protocol import ResponsesRequest
    from vllm.exceptions import VLLMValidationError
    from vllm.sampling_params import SamplingParams
    from vllm.v1.structured_output import StructuredOutputManager

    check, accept = SamplingParams._validate_structured_outputs, StructuredOutputManager.accept_tokens
    if not hasattr(check, _MARK):
        SamplingParams._validate_structured_outputs = with_guard(check, architecture, VLLMValidationError)
    if not hasattr(accept, _MARK):
        StructuredOutputManager.accept_tokens = with_refusals(accept)
    # `vllm.v1.structured_output` imports these requests in every process: they cost nothing more in workers.
    for request in ChatCompletionRequest, ResponsesRequest:
        if not hasattr(request.to_sampling_params, _MARK):
            request.to_sampling_params = with_forced(request.to_sampling_params)
            setattr(request.to_sampling_params, _MARK, True)


def with_guard(original: Callable[..., None], architecture: str, error_type: type[Exception]) -> Callable[..., None]:
    """`SamplingParams._validate_structured_outputs`, which admits what can be compiled; raises `error_type` else.

    Of models of another architecture it is the `original`, on the parameters as vLLM made them.
    """

    @wraps(original)
    def validate(params: Any, model_config: Any, structured_outputs_config: Any, tokenizer: Any) -> None:
        if not model_config.is_diffusion or architecture not in model_config.architectures:
            forget_forced(params)
            return original(params, model_config, structured_outputs_config, tokenizer)
        try:
            check_forced(params)
        except UnsupportedError as error:
            raise error_type(str(error), parameter="tool_choice") from error  # type: ignore[call-arg]
        try:
            admit(params, model_config, structured_outputs_config, tokenizer)
        except ConstrainError as error:
            raise error_type(str(error), parameter="structured_outputs") from error  # type: ignore[call-arg]
        return None

    setattr(validate, _MARK, True)
    return validate


def with_refusals(original: Callable[..., bool]) -> Callable[..., bool]:
    """`StructuredOutputManager.accept_tokens`, which does not accept the refusal of a constrained request."""

    @wraps(original)
    def accept_tokens(manager: Any, request: Any, new_token_ids: list[int]) -> bool:
        extra = getattr(request.sampling_params, "extra_args", None) or {}
        if KEY in extra and extra[KEY]["refusal"] in new_token_ids:
            return False
        return original(manager, request, new_token_ids)

    setattr(accept_tokens, _MARK, True)
    return accept_tokens


def admit(params: Any, model_config: Any, config: Any, tokenizer: Any) -> None:
    """Make of a request with structured outputs one that the sampler knows; `params` change, if it has any.

    Admitted again, it stays what it is. Raises `SpecError` and its kin for what is stated, `UnsupportedError` for what
    cannot be had along with it, `LimitError` and `UnsatisfiableError` where there is no room for it.
    """
    extra = params.extra_args or {}
    carried, asked = _carried(extra), params.structured_outputs
    stated = carried if asked is None else stated_of(asked, config)
    if stated is None:
        return
    if tokenizer is None:
        raise UnsupportedError(
            "structured outputs need the tokenizer of the model", hint="start vLLM without skip_tokenizer_init"
        )
    vocabulary = vocabulary_of(model_config, tokenizer)
    _check_alone(params, extra, vocabulary.end_of_turn)
    _check_room(params, compiled(stated, vocabulary))
    params.structured_outputs = None
    params.extra_args = {**extra, KEY: {"spec": stated, "refusal": refusal_of(vocabulary)}}


def _carried(extra: dict[str, Any]) -> dict[str, Any] | None:
    """What an admitted request states; None where there is nothing of ours. Raises `SpecError` where it is forged."""
    match extra.get(KEY):
        case None:
            return None
        case {"spec": dict() as stated}:
            return stated
    raise SpecError(f"{KEY!r} in extra_args is not for clients", keyword=KEY, hint="use structured_outputs")


def _check_room(params: Any, constraint: Constraint) -> None:
    needed = max(constraint.shortest, 1)
    if params.max_tokens is not None and needed > params.max_tokens:
        raise UnsatisfiableError(
            f"the shortest output needs {needed} tokens, max_tokens is {params.max_tokens}",
            needed=needed,
            available=params.max_tokens,
            hint=f"pass max_tokens={needed} or more",
        )


def _check_alone(params: Any, extra: dict[str, Any], ends: tuple[int, ...]) -> None:
    """Raises `UnsupportedError` where the request asks for something that would end or fix its output otherwise."""
    asked = {
        "stop": params.stop,
        "stop_token_ids": [each for each in params.stop_token_ids or () if each not in ends],
        "ignore_eos": params.ignore_eos,
        "repetition_detection": params.repetition_detection,
        "thinking_token_budget": params.thinking_token_budget,
        **{name: extra.get(name) for name in _FIXES},
    }
    for name, value in asked.items():
        if value:
            raise UnsupportedError(
                f"{name} cannot be had along with structured outputs",
                keyword=name,
                hint="a constrained output ends by itself, where it is complete; leave it out",
            )
