"""What a client can get wrong: HTTP 400 with the place, and the server answers the next request."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from typing import Any

import httpx
import openai
import pytest

from tests.vllm.cases import TOOLS, regex
from tests.vllm.replies import chat
from tests.vllm.server import MODEL, Server

DATE = regex("a date", r"\d{4}-\d{2}-\d{2}")


def structured(**stated: Any) -> dict[str, Any]:
    return {"extra_body": {"structured_outputs": stated}}


def schema(stated: Any) -> dict[str, Any]:
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "reply", "schema": stated}}}


def members(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def tool(parameters: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "act", "parameters": parameters}}


def tagged(form: Any) -> dict[str, Any]:
    return structured(structural_tag=json.dumps({"type": "structural_tag", "format": form}))


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a type that is none": (schema(members(a={"type": "strnig"})), "/properties/a/type"),
    "a keyword with a slip": (schema(members(a={"type": "string", "minLenght": 3})), "/properties/a/minLenght"),
    "a keyword of an earlier draft": (schema({"anyOf": [{"dependencies": {"a": ["b"]}}]}), "/anyOf/0/dependencies"),
    "a reference to nowhere": (schema(members(a={"$ref": "#/$defs/b"})), "/properties/a"),
    "a contradiction": (schema(members(a={"type": "integer", "minimum": 3, "maximum": 2})), "/properties/a"),
    "a pattern in a schema": (schema(members(a={"pattern": "(b"})), "/properties/a/pattern"),
    "a schema as text": (structured(json='{"type": "object"'), "line 1, column 18"),
    "a schema that is a number": (structured(json="42"), "schema"),
    "a malformed regex": (structured(regex="a(b"), "line 1, column 2"),
    "a regex of two lines": (structured(regex="a\n[z-a]"), "line 2, column 2"),
    "a back-reference": (structured(regex=r"(a)\1"), "line 1, column 4"),
    "a regex too large": (structured(regex="(((a{1000}){1000}){1000}){1000}"), "counts"),
    "no options": (structured(choice=[]), "choice"),
    "an option that is a number": (structured(choice=["a", 3]), "choice"),
    "a malformed grammar": (structured(grammar='start: "a" |\n  ) "b"'), "line 2, column 3"),
    "a rule that is not there": (structured(grammar='start: "a" other'), "other"),
    "a grammar without a start": (structured(grammar='first: "a"'), "start"),
    "a malformed grammar in GBNF": (structured(grammar='root ::= "a'), "line 1"),
    "a format that is not read": (tagged({"type": "qwen_xml_parameter", "json_schema": {}}), "/format"),
    "a schema in a tag": (tagged({"type": "json_schema", "json_schema": {"minLenght": 3}}), "json_schema/minLenght"),
    "two kinds at once": (structured(regex="a", choice=["a"]), "one kind"),
    "parameters of a tool": (
        {"tools": [*TOOLS, tool(members(a={"type": "number", "multipleOf": 0}))], "tool_choice": "required"},
        "multipleOf",
    ),
    "a string to stop at": (structured(regex="a+") | {"stop": ["aa"]}, "stop"),
    "too few tokens": (structured(regex="[a-f]{30}") | {"max_tokens": 12}, "max_tokens"),
    "too few tokens in all": (structured(regex="[a-f]{2000}") | {"max_tokens": None}, "token"),
}


@pytest.mark.parametrize(("request_", "place"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_says_where_and_the_next_request_is_answered(
    server: Server, request_: dict[str, Any], place: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        chat(server.client, "Hello", **request_)
    assert place in caught.value.message
    assert DATE.judge(chat(server.client, "Hello", **DATE.request))


MALFORMED: list[Callable[[random.Random], dict[str, Any]]] = [
    lambda rng: {"structured_outputs": {"regex": letters(rng) + rng.choice(["(", "[", "a{3,2}", "**", "\\"])}},
    lambda rng: {"structured_outputs": {"json": nested({"type": letters(rng)}, rng)}},
    lambda rng: {"structured_outputs": {"json": nested({"minLength": rng.choice([-1, "3", None, 0.5])}, rng)}},
    lambda rng: {"structured_outputs": {"json": json.dumps(nested({}, rng))[: -rng.randint(1, 9)]}},
    lambda rng: {"structured_outputs": {"choice": rng.choice([[], [1], "a", [None], {"a": 1}])}},
    lambda rng: {"structured_outputs": {"grammar": f"start: {letters(rng)}"}},
    lambda rng: {"structured_outputs": {"grammar": rng.choice(["", " ", "{{{", "start:: a", 'root ::= ("b"'])}},
    lambda rng: {"structured_outputs": {"regex": "a" * rng.randint(2000, 4000)}},
    lambda rng: {"structured_outputs": {"structural_tag": rng.choice(["", "{}", "[]", "null", letters(rng)])}},
    lambda rng: {"structured_outputs": {rng.choice(["json", "regex", "choice", "grammar"]): rng.randint(0, 9)}},
    lambda rng: {"structured_outputs": {"regex": "a", "grammar": 'start: "a"'}},
    lambda rng: {"response_format": {"type": letters(rng)}},
    lambda rng: {"response_format": {"type": "json_schema"}},
    lambda rng: schema({"allOf": [nested({"enum": []}, rng), {"type": "array", "minItems": 1, "items": False}]}),
    lambda rng: {"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": letters(rng)}}},
    lambda rng: {"tools": [tool({"type": letters(rng)})], "tool_choice": "required"},
    lambda rng: {"structured_outputs": {"regex": "[a-z]+"}, "max_tokens": -rng.randint(0, 9)},
    lambda rng: {"vllm_xargs": {"constrain": letters(rng)}},
]


def letters(rng: random.Random) -> str:
    return "".join(rng.choices("abcdefg", k=rng.randint(3, 20)))


def nested(inner: Any, rng: random.Random) -> dict[str, Any]:
    """A schema with `inner` somewhere below."""
    for _ in range(rng.randint(0, 20)):
        inner = rng.choice([members(a=inner), {"type": "array", "items": inner, "minItems": 1}, {"anyOf": [inner]}])
    return dict(inner)


def test_two_hundred_malformed_requests_in_a_row(server: Server) -> None:
    rng = random.Random(0)
    message = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 64}
    statuses = []
    with httpx.Client(base_url=server.url, timeout=60) as client:
        for number in range(200):
            body = json.dumps(message | MALFORMED[number % len(MALFORMED)](rng))
            if number % 17 == 0:
                body = body[: rng.randint(1, len(body) - 1)]
            answer = client.post("/v1/chat/completions", content=body, headers={"content-type": "application/json"})
            statuses.append((answer.status_code, body, answer.text))
    assert not [each for each in statuses if each[0] != 400]
    assert server.alive
    assert DATE.judge(chat(server.client, "Hello", **DATE.request))


def test_a_refusal_leaves_no_trace_in_a_running_batch(server: Server) -> None:
    """A stream that is under way goes on beside requests that are refused."""
    pattern = "(?:[0-9a-f]{7}[g-k]-){9}x"
    stream = server.client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "Hello"}],
        max_tokens=128,
        stream=True,
        **structured(regex=pattern),
    )
    text = ""
    for chunk in stream:
        text += chunk.choices[0].delta.content or ""
        with pytest.raises(openai.BadRequestError):
            chat(server.client, "Hello", **structured(regex="("))
    assert re.fullmatch(pattern, text)
