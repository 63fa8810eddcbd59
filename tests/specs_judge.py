"""What the specs of `cases/adversary_specs.toml` are written in, and what their outputs are judged with.

Lark for grammars, `jsonschema` for JSON, Python's `re`, `len` and `unicodedata` for all else.
"""

from __future__ import annotations

import json
import re
import tomllib
import unicodedata
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from jsonschema import Draft202012Validator
from pydantic import Field, TypeAdapter

import constrain
from constrain.spec import Spec
from tests.constrain.grammar_judge import MORE, accepts, shipped_text

__all__ = ["SpecCase", "spec_cases"]

TOOLS: dict[str, Any] = {
    "add": {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "number"}},
        "required": ["a", "b"],
        "additionalProperties": False,
    },
    "greet": {
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 8}, "loud": {"type": "boolean"}},
        "required": ["name"],
        "additionalProperties": False,
    },
}
"""Parameters of functions, by their names."""

CALLS: Any = {
    "type": "object",
    "properties": {"name": {}, "arguments": {}},
    "required": ["name", "arguments"],
    "additionalProperties": False,
    "oneOf": [{"properties": {"name": {"const": name}, "arguments": schema}} for name, schema in TOOLS.items()],
}
"""What a call of one of them is."""


def parses(name: str, text: str) -> bool:
    """Whether Lark parses `text` by the shipped grammar."""
    return accepts(shipped_text(name), text)


def fits(schema: Any, text: str) -> bool:
    """Whether `text` is JSON that is valid under `schema`."""
    return Draft202012Validator(schema).is_valid(json.loads(text))


def is_plain(text: str) -> bool:
    """Whether there are no control characters in `text` but line feeds and tabs."""
    return all(unicodedata.category(character) != "Cc" or character in "\n\t" for character in text)


JUDGES: dict[str, Any] = {
    "re": re,
    "json": json,
    "Decimal": Decimal,
    "date": date,
    "time": time,
    "TypeAdapter": TypeAdapter,
    "MORE": MORE,
    "CALLS": CALLS,
    "accepts": accepts,
    "parses": parses,
    "fits": fits,
    "is_plain": is_plain,
}
WORDS: dict[str, Any] = {
    **{name: getattr(constrain, name) for name in constrain.__all__},
    "MORE": MORE,
    "TOOLS": {
        name: {"type": "function", "function": {"name": name, "parameters": schema}} for name, schema in TOOLS.items()
    },
    "Annotated": Annotated,
    "Decimal": Decimal,
    "Field": Field,
    "Literal": Literal,
    "date": date,
    "time": time,
}


@dataclass(frozen=True)
class SpecCase:
    """A spec, what Python has to say about its outputs, and how many tokens these may have."""

    name: str
    source: str
    judge: str
    room: int
    quick: bool

    @cached_property
    def spec(self) -> Spec:
        found: Spec = eval(self.source, dict(WORDS))
        return found

    def holds(self, text: str, value: Any, tokens: int) -> bool:
        return bool(eval(self.judge, {**JUDGES, "text": text, "value": value, "tokens": tokens}))


@cache
def spec_cases() -> tuple[SpecCase, ...]:
    path = Path(__file__).parent / "cases" / "adversary_specs.toml"
    return tuple(
        SpecCase(each["name"], each["spec"], each["judge"], each.get("room", 60), "quick" in each)
        for each in tomllib.loads(path.read_text(encoding="utf-8"))["case"]
    )
