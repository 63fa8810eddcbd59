"""Calls of functions as JSON: `{"name": ..., "arguments": {...}}`, for Python functions and OpenAI's definitions."""

from __future__ import annotations

import inspect
import json
import re
import typing
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, NamedTuple, NotRequired, TypeAlias

from constrain.automaton import Automaton
from constrain.combined import Combined
from constrain.errors import SpecError, UnsupportedError
from constrain.expression import compile_expression, union
from constrain.spec import Spec
from constrain.specs import JsonSchema, PythonType, Regex
from constrain.sums import Joined

__all__ = ["ToolCall", "ToolCalls"]

_Tool: TypeAlias = tuple[str, Callable[[str], Spec]]
"""A name, and the arguments given what white space is."""

_SPACE = {"any": r"[ \t\n\r]*", "compact": ""}


class ToolCall(NamedTuple):
    """A function's name and its arguments by name, validated; arguments that have defaults may be missing."""

    name: str
    arguments: dict[str, Any]


class ToolCalls(Combined):
    """One call of one of `tools`, as the JSON object `{"name": ..., "arguments": {...}}`; values are `ToolCall`s.

    A tool is a Python function, all of whose parameters are annotated and can be given by name, or one of OpenAI's
    definitions, `{"type": "function", "function": {"name": ..., "parameters": <JSON schema>}}` (or the same without the
    inner object). Arguments of a function are read as pydantic reads the annotated types, and it takes no others;
    those of a definition are what its schema says, so that others are admitted unless it forbids them.
    """

    def __init__(self, tools: Iterable[Callable[..., Any] | Mapping[str, Any]], *, whitespace: str = "any") -> None:
        if isinstance(tools, Mapping) or not isinstance(tools, Iterable):
            raise SpecError(f"a list of tools is needed, not {tools!r}", hint="write [tool] for a single one")
        self.arguments: dict[str, Spec] = {}
        """The arguments of each function, by its name."""
        for tool in tools:
            name, read = _defined(tool) if isinstance(tool, Mapping) else _function(tool)
            if name in self.arguments:
                raise SpecError(f"two tools have the name {name!r}", keyword="name", hint="rename one of them")
            try:
                self.arguments[name] = read(whitespace)
            except SpecError as error:
                error.message += f", in the parameters of {name!r}"
                raise
        if not self.arguments:
            raise SpecError("a tool call needs at least one tool")
        space = _SPACE.get(whitespace, f"(?:{whitespace})")
        self._calls = {name: _call(name, arguments, space) for name, arguments in self.arguments.items()}

    @property
    def parts(self) -> tuple[Spec, ...]:  # type: ignore[override]  # what the calls are made of
        return tuple(self._calls.values())

    def _language(self) -> Automaton:
        return compile_expression(union(*(call.automaton for call in self._calls.values())))

    @cached_property
    def _heads(self) -> dict[str, Automaton]:
        return {name: call.parts[0].automaton for name, call in self._calls.items()}

    def _called(self, text: str) -> str | None:
        """Whose call begins with `text`, or begins it; None if that is not yet to be seen."""
        data = text.encode()
        for name, head in self._heads.items():
            state = 0
            for byte in data:
                if state < 0 or head.accepting[state]:
                    break
                state = head.rows[state][byte]
            if state >= 0 and head.accepting[state]:
                return name
        return None

    def fault(self, text: str, *, complete: bool = True) -> tuple[int, int] | None:
        name = self._called(text)
        return None if name is None else self._calls[name].fault(text, complete=complete)

    def parse(self, text: str) -> ToolCall:
        name = self._called(text)
        if name is None:
            raise SpecError(f"{text!r} does not satisfy {self.describe()}")
        return ToolCall(name, self.arguments[name].parse(self._calls[name].texts(text)[1]))

    def dumps(self, value: Any) -> str:
        """The text of a `ToolCall`, or of any pair of a name and arguments."""
        match value:
            case (str(name), arguments) if name in self.arguments:
                pass
            case _:
                raise SpecError(f"{value!r} is no call of {', '.join(self.arguments)}")
        body = self.arguments[name].dumps(arguments)
        spaced, compact = (f'{{"name":{s}{_quoted(name)},{s}"arguments":{s}{body}}}' for s in (" ", ""))
        return spaced if self.accepts(spaced) else self._checked(value, compact)

    def describe(self) -> str:
        return f"call of {', '.join(self.arguments)}"


def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)


def _call(name: str, arguments: Spec, space: str) -> Joined:
    words = ("{", '"name"', ":", _quoted(name), ",", '"arguments"', ":")
    head = space.join(map(re.escape, words)) + space
    return Joined((Regex(head), arguments, Regex(space + re.escape("}"))))


def _defined(tool: Any) -> _Tool:
    """The name and the arguments of one of OpenAI's definitions."""
    inner = tool.get("function", tool)
    if tool.get("type") != "function" or not isinstance(inner, Mapping):
        raise SpecError(
            f"not the definition of a function: {dict(tool)!r}",
            keyword="type",
            hint='give {"type": "function", "function": {"name": ..., "parameters": {...}}}',
        )
    name = inner.get("name")
    if not isinstance(name, str) or not name:
        raise SpecError(f"the definition of a function has no name: {dict(tool)!r}", keyword="name")
    schema = inner.get("parameters")
    if schema is None:  # as OpenAI has it, a function without parameters
        schema = {"type": "object", "properties": {}, "additionalProperties": False}
    if not isinstance(schema, Mapping) or schema.get("type") != "object":
        raise SpecError(
            f"the parameters of {name!r} are not of the type object",
            pointer="/parameters/type",
            keyword="type",
            hint='begin the schema with "type": "object"',
        )
    return name, lambda whitespace: JsonSchema(schema, whitespace=whitespace)


def _function(tool: Any) -> _Tool:
    """The name and the arguments of a Python function, as a dictionary."""
    from typing_extensions import TypedDict

    name = getattr(tool, "__name__", None)
    if not callable(tool) or isinstance(tool, type) or not isinstance(name, str):
        raise SpecError(f"{tool!r} is neither a function nor a definition of one")
    if not name.isidentifier():
        raise SpecError(f"{name} is a function without a name", hint="define it with def")
    try:
        signature, hints = inspect.signature(tool), typing.get_type_hints(tool, include_extras=True)
    except (NameError, TypeError, ValueError) as error:
        raise SpecError(f"the parameters of {name!r} cannot be read: {error}") from error
    members: dict[str, Any] = {}
    for parameter in signature.parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise UnsupportedError(
                f"the parameter {parameter} of {name!r} cannot be given by name",
                keyword=parameter.name,
                hint="use parameters without *, ** and /",
            )
        if parameter.name not in hints:
            raise SpecError(
                f"the parameter {parameter.name!r} of {name!r} is not annotated",
                keyword=parameter.name,
                hint="annotate it with its type",
            )
        kind = hints[parameter.name]
        members[parameter.name] = kind if parameter.default is parameter.empty else NotRequired[kind]
    make: Any = TypedDict  # a type checker wants to see the names
    arguments = make(name, members)
    arguments.__pydantic_config__ = {"extra": "forbid"}
    return name, lambda whitespace: PythonType(arguments, whitespace=whitespace)
