"""Calls of tools where vLLM states them as structural tags: the notation of the parser, arguments as in the schema."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.vllm.cases import CASES, TOOLS, Case
from tests.vllm.replies import chat
from tests.vllm.server import Server, serving


@pytest.fixture(scope="module")
def tags(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(checkpoint, tmp_path_factory.mktemp("tags") / "log", tool_parser="hermes") as started:
        yield started


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "in pieces"])
@pytest.mark.parametrize("case", [case for case in CASES if case.chat_only], ids=lambda case: case.name)
def test_a_call_between_tags(tags: Server, case: Case, stream: bool) -> None:
    reply = chat(tags.client, "Hello", stream=stream, **case.request)
    assert case.judge(reply), reply


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "in pieces"])
def test_a_reply_that_may_call_or_not(tags: Server, stream: bool) -> None:
    """A model that knows nothing never begins a call, and text that only looks like a call is not written."""
    for prompt in ("Hello", "Bye"):
        reply = chat(tags.client, prompt, stream=stream, tools=TOOLS, tool_choice="auto")
        assert "<tool_call>" not in reply.text
        assert not reply.calls


def test_parameters_that_are_no_schema(tags: Server) -> None:
    function = TOOLS[0]["function"] | {"parameters": {"type": "object", "properties": {"a": {"type": "strnig"}}}}
    with pytest.raises(openai.BadRequestError, match="/properties/a/type"):
        chat(tags.client, "Hello", tools=[{"type": "function", "function": function}], tool_choice="required")


@pytest.fixture(scope="module")
def native(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Whose tool parser reads the model's own notation, and states no forced call."""
    with serving(checkpoint, tmp_path_factory.mktemp("native") / "log", tool_parser="gemma4") as started:
        yield started


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "in pieces"])
@pytest.mark.parametrize(
    ("choice", "told"),
    [("required", "required"), ({"type": "function", "function": {"name": "greet"}}, "greet")],
    ids=["some tool", "the named tool"],
)
def test_a_forced_call_that_vllm_does_not_state(native: Server, choice: Any, told: str, stream: bool) -> None:
    """In a stream that has begun, vLLM's error is an event, which the client raises as an error of no status."""
    with pytest.raises(openai.APIError if stream else openai.BadRequestError, match=f"tool_choice '{told}' is not"):
        chat(native.client, "Hello", stream=stream, tools=TOOLS, tool_choice=choice)
    assert chat(native.client, "Hello", stream=stream, tools=TOOLS, tool_choice="auto").tokens
