"""Twenty specifications as clients state them, and who judges the replies: `jsonschema`, `re` and Lark."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import lark
from jsonschema import Draft202012Validator

from tests.vllm.replies import Reply

__all__ = ["CASES", "TOOLS", "Case", "regex", "schema"]


@dataclass(frozen=True)
class Case:
    """Arguments of the client's call, and whether a reply is what they ask for."""

    name: str
    request: dict[str, Any]
    judge: Callable[[Reply], bool]
    chat_only: bool = False


def schema(name: str, stated: dict[str, Any]) -> Case:
    """Stated as `response_format`."""
    form = {"type": "json_schema", "json_schema": {"name": "reply", "schema": stated}}
    return Case(name, {"response_format": form}, lambda reply: _fits(stated, reply.text))


def regex(name: str, pattern: str) -> Case:
    return _structured(name, {"regex": pattern}, lambda text: re.fullmatch(pattern, text) is not None)


def _structured(name: str, stated: dict[str, Any], judge: Callable[[str], bool]) -> Case:
    return Case(name, {"extra_body": {"structured_outputs": stated}}, lambda reply: judge(reply.text))


def _fits(stated: Any, text: str) -> bool:
    """Whether `text` is JSON that is valid under the schema, formats asserted."""
    checker = Draft202012Validator.FORMAT_CHECKER
    try:
        value = json.loads(text)
    except ValueError:
        return False
    return Draft202012Validator(stated, format_checker=checker).is_valid(value)


def _grammar(name: str, text: str, judged_by: str | None = None) -> Case:
    """In Lark's language, or in another one together with the same grammar in Lark's."""
    parser = lark.Lark(judged_by or text, parser="earley", lexer="dynamic_complete")

    def parses(written: str) -> bool:
        try:
            parser.parse(written)
        except lark.exceptions.UnexpectedInput:
            return False
        return True

    return _structured(name, {"grammar": text}, parses)


def _closed(**properties: Any) -> dict[str, Any]:
    """An object of these members and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


PARAMETERS: dict[str, dict[str, Any]] = {
    "add": _closed(a={"type": "integer"}, b={"type": "integer", "minimum": 10, "maximum": 99}),
    "greet": _closed(name={"type": "string", "pattern": "^[A-Z][a-z]{1,6}$"}, loud={"type": "boolean"}),
}
TOOLS: list[dict[str, Any]] = [
    {"type": "function", "function": {"name": name, "parameters": stated, "strict": True}}
    for name, stated in PARAMETERS.items()
]


def _calls(*, named: str | None = None) -> Callable[[Reply], bool]:
    """Whether there are calls of tools, all of them (or one, `named`) with arguments that fit their parameters."""

    def judge(reply: Reply) -> bool:
        if not reply.calls or (named is not None and [name for name, _ in reply.calls] != [named]):
            return False
        return all(name in PARAMETERS and _fits(PARAMETERS[name], text) for name, text in reply.calls)

    return judge


PERSON = _closed(
    name={"type": "string", "minLength": 1, "maxLength": 12},
    age={"type": "integer", "minimum": 0, "maximum": 150},
)
ORDER = {
    "type": "array",
    "minItems": 2,
    "maxItems": 3,
    "items": _closed(sku={"type": "string", "pattern": "^[A-Z]{2}-[0-9]{3}$"}, paid={"type": "boolean"}),
}
SHAPE = {
    "oneOf": [
        _closed(kind={"const": "circle"}, radius={"type": "number", "exclusiveMinimum": 0, "maximum": 9}),
        _closed(kind={"const": "square"}, sides={"type": "array", "items": {"enum": [1, 2]}, "maxItems": 4}),
    ]
}
NEXT = {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/node"}]}
LIST = {"$ref": "#/$defs/node", "$defs": {"node": _closed(name={"enum": ["é", "漢字"]}, next=NEXT)}}
NUMBERS = _closed(number={"type": "integer", "minimum": 100, "maximum": 999}, even={"type": "boolean"})
EVENT = _closed(id={"type": "string", "format": "uuid"}, day={"type": "string", "format": "date"})
TEXT = {"type": "string", "minLength": 60, "maxLength": 70, "pattern": "^(?:[k-z][0-9])*$"}

SUMS = """
    start: sum
    sum: product ("+" product)*
    product: atom ("*" atom)*
    atom: /[0-9]/ | "(" sum ")"
"""
MAIL = """
    start: "Dear " NAME "," LINE+ "Yours, " NAME
    NAME: /[A-Z][a-z]{2,5}/
    LINE: /\\n[a-z]{3,20}[.]/
"""
MOVES = 'root ::= move (" " move){3,5}\nmove ::= [a-h] [1-8] "-" [a-h] [1-8] | "O-O"\n'
MOVES_IN_LARK = 'start: move (" " move)~3..5\nmove: /[a-h][1-8]-[a-h][1-8]/ | "O-O"\n'

LABELS = ["spam", "ham", "neither of them"]
PREFIXES = ["a", "ab", "abc", "naïve", "naïveté", "漢字", "👩‍💻"]

CASES = [
    schema("an object", PERSON),
    schema("an array of objects", ORDER),
    schema("exactly one of two objects", SHAPE),
    schema("a schema within itself", LIST),
    schema("formats", EVENT),
    schema("a long text", TEXT),
    _structured("a schema as text", {"json": json.dumps(PERSON)}, lambda text: _fits(PERSON, text)),
    _structured(
        "no white space",
        {"json": NUMBERS, "disable_any_whitespace": True},
        lambda text: _fits(NUMBERS, text) and not re.search(r"\s", text),
    ),
    Case(
        "any object",
        {"response_format": {"type": "json_object"}},
        lambda reply: _fits({"type": "object"}, reply.text),
    ),
    regex("a date", r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"),
    regex("an address", r"[a-z][a-z0-9.]{0,20}@(?:[a-z]{2,12}\.){1,3}(?:com|org)"),
    regex("groups over several canvases", r"(?:[0-9a-f]{7}[g-k]-){8}x"),
    _structured("labels", {"choice": LABELS}, LABELS.__contains__),
    _structured("options that begin alike", {"choice": PREFIXES}, PREFIXES.__contains__),
    _grammar("a grammar that nests", SUMS),
    _grammar("a grammar of lines", MAIL),
    _grammar("a grammar in GBNF", MOVES, MOVES_IN_LARK),
    Case("some tool", {"tools": TOOLS, "tool_choice": "required"}, _calls(), chat_only=True),
    Case(
        "one tool",
        {"tools": TOOLS, "tool_choice": "required", "parallel_tool_calls": False},
        lambda reply: len(reply.calls) == 1 and _calls()(reply),
        chat_only=True,
    ),
    Case(
        "the named tool",
        {"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "greet"}}},
        _calls(named="greet"),
        chat_only=True,
    ),
]
