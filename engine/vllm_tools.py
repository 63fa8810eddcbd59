"""Forced calls of tools that vLLM's tool parser does not state: refused, as nothing would hold the model to them.

Some parsers, that of Gemma 4 among them, hand on a request with `tool_choice` "required" or a named function without
structured outputs. The choice is known only where the HTTP request becomes `SamplingParams`, the model only where those
are checked: what is forced goes from the one to the other in `extra_args`, for requests of this kind alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from constrain.errors import UnsupportedError

__all__ = ["FORCED", "check_forced", "forget_forced", "with_forced"]

FORCED = "constrain_tool_choice"
"""Where `extra_args` have what is forced and stated by nothing, until the parameters are checked."""


def with_forced(original: Callable[..., Any]) -> Callable[..., Any]:
    """`to_sampling_params` of a request; its result has under `FORCED` the choice that no structured outputs state.

    A parser that states a choice clears `response_format` of chat: where one is left, the structured outputs are its.
    """

    @wraps(original)
    def to_sampling_params(request: Any, *args: Any, **named: Any) -> Any:
        params = original(request, *args, **named)
        forced = _forced(request)
        stated = params.structured_outputs is not None and getattr(request, "response_format", None) is None
        if forced is not None and not stated:
            params.extra_args = {**(params.extra_args or {}), FORCED: forced}
        return params

    return to_sampling_params


def check_forced(params: Any) -> None:
    """Raises `UnsupportedError` where a call is forced and nothing states it."""
    extra = params.extra_args or {}
    if FORCED in extra:
        raise UnsupportedError(
            f"tool_choice {extra[FORCED]!r} is not stated by this server's tool parser",
            keyword="tool_choice",
            hint="serve with --tool-call-parser hermes or another that states it (docs/vllm.md), "
            "or use tool_choice auto",
        )


def forget_forced(params: Any) -> None:
    """Take out what `with_forced` left; other parameters stay as they are."""
    extra = params.extra_args or {}
    if FORCED in extra:
        params.extra_args = {name: value for name, value in extra.items() if name != FORCED} or None


def _forced(request: Any) -> str | None:
    """The name of the function or custom tool to be called, "required" for any; None where the model may choose.

    Chat names a function one level deeper than responses do. Tools that the server calls by itself are not meant.
    """
    choice = request.tool_choice if request.tools else None
    if choice == "required" or getattr(choice, "mode", None) == "required":
        return "required"
    if choice is None or getattr(choice, "type", None) not in ("function", "custom"):
        return None
    return str(getattr(choice, "function", choice).name)
