"""Requests through the official client, and what came back, whole or in pieces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from openai import OpenAI

from tests.vllm.server import MODEL

__all__ = ["ENOUGH", "Reply", "chat", "complete"]

ENOUGH = 128
"""Tokens that a reply may have, four canvases."""


@dataclass(frozen=True)
class Reply:
    """A text, the calls of tools as names and arguments in JSON, why it ended, and of how many tokens it is."""

    text: str
    calls: tuple[tuple[str, str], ...]
    reason: str
    tokens: int
    pieces: int


def chat(client: OpenAI, prompt: str, *, stream: bool = False, **request: Any) -> Reply:
    """The reply to a message. `request` are further arguments of the client; raises what the client raises."""
    asked: dict[str, Any] = {"max_tokens": ENOUGH} | request
    messages = [{"role": "user", "content": prompt}]
    answer: Any = client.chat.completions.create(
        model=MODEL, messages=messages, stream=stream, **_usage(stream), **asked
    )
    if not stream:
        (choice,) = answer.choices
        calls = tuple((call.function.name, call.function.arguments) for call in choice.message.tool_calls or ())
        return Reply(choice.message.content or "", calls, choice.finish_reason, answer.usage.completion_tokens, 1)
    return _gathered(answer)


def complete(client: OpenAI, prompt: str, *, stream: bool = False, **request: Any) -> Reply:
    """As `chat`, of the endpoint that goes on with a text."""
    asked: dict[str, Any] = {"max_tokens": ENOUGH} | request
    answer: Any = client.completions.create(model=MODEL, prompt=prompt, stream=stream, **_usage(stream), **asked)
    if not stream:
        (choice,) = answer.choices
        return Reply(choice.text, (), choice.finish_reason, answer.usage.completion_tokens, 1)
    return _gathered(answer)


def _usage(stream: bool) -> dict[str, Any]:
    return {"stream_options": {"include_usage": True}} if stream else {}


def _gathered(chunks: Any) -> Reply:
    text, reason, tokens, pieces = "", "", 0, 0
    names: dict[int, str] = {}
    arguments: dict[int, str] = {}
    for chunk in chunks:
        if chunk.usage is not None:
            tokens = chunk.usage.completion_tokens
        for choice in chunk.choices:
            reason = choice.finish_reason or reason
            piece = choice.text if hasattr(choice, "text") else choice.delta.content
            text += piece or ""
            pieces += bool(piece)
            for call in getattr(getattr(choice, "delta", None), "tool_calls", None) or ():
                names[call.index] = names.get(call.index, "") + (call.function.name or "")
                arguments[call.index] = arguments.get(call.index, "") + (call.function.arguments or "")
    return Reply(text, tuple((names[i], arguments[i]) for i in sorted(names)), reason, tokens, pieces)
