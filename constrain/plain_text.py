"""Python types as plain text: what stands in a form, where JSON's quotes and escapes would be out of place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property
from typing import Any, Final, Literal

import numpy as np

from constrain.automaton import Automaton
from constrain.errors import SpecError
from constrain.expression import compile_expression
from constrain.regex import parse, to_expression
from constrain.spec import Spec
from constrain.specs import PythonType

__all__ = ["PlainType", "null_text"]

_LINE: Final = r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]"
_DECIMAL: Final = r"-?(?:0|[1-9]\d*)(?:\.\d+)?"
_ESCAPED: Final = (*range(0x20), *b'"\\')
_QUOTE: Final = b'"'


class PlainType(Spec):
    """A Python type, as text without JSON's spelling where that can be: values are those of `PythonType`.

    Types whose values are all strings in JSON (`str`, `date`, `UUID`, enumerations and literals of strings) are written
    as these strings; numbers as decimals without exponent; everything else as JSON. A string is one line without
    control characters, and not empty if the type is `str`; an enumeration or a literal is as it is given.
    """

    def __init__(self, type_: Any) -> None:
        self.json = PythonType(type_)

    @cached_property
    def _kind(self) -> Literal["string", "number", "json"]:
        automaton = self.json.automaton
        first = {byte for byte, target in enumerate(automaton.rows[0]) if target >= 0}
        if first == set(_QUOTE):
            return "string"
        return "number" if first <= set(b"-0123456789") else "json"

    def _language(self) -> Automaton:
        automaton = self.json.automaton
        match self._kind:
            case "string":
                automaton = _unquoted(automaton)
                if isinstance(self.json.schema, Mapping) and self.json.schema.keys() & {"enum", "const"}:
                    return automaton
                return automaton & _pattern(f"{_LINE}+" if self.json.type is str else f"{_LINE}*")
            case "number":
                return automaton & _pattern(_DECIMAL, "a")
        return automaton

    @property
    def bounded(self) -> tuple[str, ...]:
        return self.json.bounded

    @property
    def residual(self) -> bool:
        return self.json.residual

    @property
    def whole(self) -> bool:
        return self.json.whole

    def fault(self, text: str, *, complete: bool = True) -> tuple[int, int] | None:
        if self._kind != "string":
            return self.json.fault(text, complete=complete)
        spelled = [_spelled(character) for character in text]
        fault = self.json.fault(f'"{"".join(spelled)}{_QUOTE.decode() if complete else ""}', complete=complete)
        if fault is None:
            return None
        ends = (1 + np.cumsum([len(each) for each in spelled], dtype=np.int64)).tolist()
        begins = [1, *ends[:-1]]
        return sum(end <= fault[0] for end in ends), sum(begin < fault[1] for begin in begins) if ends else 0

    def parse(self, text: str) -> Any:
        match self._kind:
            case "string":
                return self.json.parse(json.dumps(text, ensure_ascii=False))
            case "number":
                exact = self._read_as_decimal(text)
                return self.json.parse(text) if exact is None else exact
        return self.json.parse(text)

    def _read_as_decimal(self, text: str) -> Decimal | None:
        """The value, if it is a decimal: pydantic reads JSON's numbers as floats first, but strings digit by digit."""
        try:
            value = self.json.adapter.validate_json(f'"{text}"')
        except ValueError:
            return None
        return value if isinstance(value, Decimal) else None

    def dumps(self, value: Any) -> str:
        match self._kind, value:
            case "string", _:
                text = str(json.loads(self.json.dumps(value)))
            case "number", int() | Decimal() if not isinstance(value, bool):
                text = format(Decimal(value), "f")
            case "number", float():
                text = format(Decimal(repr(value)), "f")
            case _:
                text = self.json.dumps(value)
        if not self.accepts(text):
            raise SpecError(f"{value!r} cannot be written as {self.describe()}")
        return text

    def describe(self) -> str:
        return f"plain text of {self.json.describe()}"


def null_text(spec: Spec) -> str | None:
    """The text of `spec` that stands for None, if one does."""
    try:
        text = spec.dumps(None)
    except SpecError:
        return None
    return text if spec.parse(text) is None else None


def _spelled(character: str) -> str:
    return json.dumps(character, ensure_ascii=False)[1:-1]


def _unquoted(automaton: Automaton) -> Automaton:
    """`{s : json.dumps(s) is accepted}`: what has to be escaped takes the way of its escape."""
    rows = automaton.table[:, automaton.byte_class]
    for byte in _ESCAPED:
        escape = _spelled(chr(byte)).encode()
        rows[:, byte] = [automaton.step(state, escape) for state in range(automaton.states)]
    ends = np.array([automaton.step(state, _QUOTE) for state in range(automaton.states)])
    accepting = (ends >= 0) & automaton.accepting[ends]
    return Automaton.from_table(rows, np.arange(256, dtype=np.uint8), accepting, automaton.step(0, _QUOTE))


def _pattern(pattern: str, flags: str = "") -> Automaton:
    return compile_expression(to_expression(parse(pattern, flags=flags)))
