"""What users write: specifications of a text and of the Python value that the text stands for.

A `Spec` knows its language (an `Automaton` over UTF-8 bytes), how to read a value from an accepted text, and how to
write one. None of it needs a model or a tokenizer.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from constrain.automaton import Automaton
from constrain.errors import LimitError, SpecError, UnsatisfiableError
from constrain.expression import compile_expression, literal, union
from constrain.json_keywords import MAX_DEPTH, check_size

if TYPE_CHECKING:
    from pydantic import TypeAdapter

    from constrain.json_schema import SchemaLanguage

__all__ = ["Choice", "JsonSchema", "PythonType", "Regex", "Spec", "as_spec"]


class Spec(ABC):
    """A set of texts, each standing for a value."""

    @abstractmethod
    def _language(self) -> Automaton: ...

    @abstractmethod
    def parse(self, text: str) -> Any:
        """The value that an accepted `text` stands for."""

    @abstractmethod
    def dumps(self, value: Any) -> str:
        """An accepted text that stands for `value`; `SpecError` if there is none."""

    @abstractmethod
    def describe(self) -> str:
        """One line: what this is."""

    @property
    def bounded(self) -> tuple[str, ...]:
        """The bounds under which the language was built, in words; empty when it is the whole of what was asked."""
        return ()

    @cached_property
    def automaton(self) -> Automaton:
        """The language's minimal automaton. Raises `UnsatisfiableError` when no text satisfies the specification."""
        automaton = self._language()
        if automaton.is_empty():
            raise UnsatisfiableError(f"no text satisfies {self.describe()}", hint=self._contradiction())
        return automaton

    def _contradiction(self) -> str:
        return "its rules contradict each other"

    def accepts(self, text: str) -> bool:
        """Whether `text` is in the language, by the very automaton that decoding uses."""
        return self.automaton.accepts(text.encode("utf-8", "surrogatepass"))

    def explain(self) -> str:
        """What the language is and how large: states, shortest and longest text, bounds."""
        automaton = self.automaton
        longest = automaton.longest()
        lines = [
            self.describe(),
            f"  byte automaton: {automaton.states:,} states, {automaton.table.shape[1]} byte classes",
            f"  shortest text:  {_quote(automaton.shortest())}",
            f"  longest text:   {'unbounded' if longest is None else f'{longest:,} bytes'}",
        ]
        return "\n".join(lines + [f"  bounded:        {note}" for note in self.bounded])

    def _checked(self, value: Any, text: str) -> str:
        if not self.accepts(text):
            raise SpecError(f"{value!r} does not satisfy {self.describe()}")
        return text


def _quote(data: bytes, limit: int = 60) -> str:
    text = data.decode("utf-8", "backslashreplace")
    return repr(text if len(text) <= limit else text[: limit - 1] + "…")


@dataclass(frozen=True)
class Regex(Spec):
    """The strings that `re.fullmatch(pattern, text)` accepts, for the regular subset of Python's syntax.

    `flags` is any of the letters `i`, `s`, `x`, `a` as in an inline group. Raises `SpecError` for a malformed pattern
    and `UnsupportedError`, with a caret, for what is not regular (look-around, back-references, `\\b`).
    """

    pattern: str
    flags: str = ""

    def __post_init__(self) -> None:
        from constrain.regex import parse

        if not isinstance(self.pattern, str):
            raise SpecError(f"a regex is a string, not {self.pattern!r}", hint='give the pattern itself, as r"\\d+"')
        parse(self.pattern, flags=self.flags)

    def _language(self) -> Automaton:
        from constrain.regex import parse, to_expression

        return compile_expression(to_expression(parse(self.pattern, flags=self.flags)))

    def parse(self, text: str) -> str:
        return text

    def dumps(self, value: Any) -> str:
        return self._checked(value, str(value))

    def describe(self) -> str:
        return f"regex {self.pattern!r}" + (f" with flags {self.flags!r}" if self.flags else "")


@dataclass(frozen=True)
class Choice(Spec):
    """Exactly one of the given strings, bare (no quotes)."""

    options: tuple[str, ...]

    def __init__(self, options: Iterable[str]) -> None:
        object.__setattr__(self, "options", tuple(options))
        if not self.options:
            raise SpecError("a choice needs at least one option")
        for option in self.options:
            if not isinstance(option, str):
                raise SpecError(f"a choice is among strings, not {option!r}", hint="typing.Literal takes other values")
            if any("\ud800" <= character <= "\udfff" for character in option):
                raise SpecError(f"{option!r} has a lone surrogate, which no text holds", hint="remove it")

    def _language(self) -> Automaton:
        return compile_expression(union(*(literal(option.encode()) for option in self.options)))

    def parse(self, text: str) -> str:
        return text

    def dumps(self, value: Any) -> str:
        return self._checked(value, str(value))

    def describe(self) -> str:
        shown = ", ".join(repr(option) for option in self.options[:5])
        return f"choice of {shown}" + (f" and {len(self.options) - 5} more" if len(self.options) > 5 else "")


class JsonSchema(Spec):
    """JSON documents that are valid under a JSON schema (2020-12), members in schema order.

    `schema` is a mapping, a boolean, or JSON text. `whitespace` between tokens is `"any"` (JSON's own, the default),
    `"compact"` (none), or a regular expression over JSON white space. `additional_properties_default` is what an
    object schema without `additionalProperties` means: the specification says `True`. Every keyword is enforced,
    listed as an annotation by the specification, or refused by name with its JSON pointer, at once.
    """

    def __init__(
        self,
        schema: Mapping[str, Any] | bool | str,
        *,
        whitespace: str = "any",
        additional_properties_default: bool = True,
    ) -> None:
        from constrain.json_schema import schema_language

        self.schema: Any = _read(schema) if isinstance(schema, str) else schema
        self.whitespace = whitespace
        self.language: SchemaLanguage = schema_language(
            self.schema, whitespace=whitespace, additional_properties_default=additional_properties_default
        )

    def _language(self) -> Automaton:
        return compile_expression(self.language.expression)

    @property
    def bounded(self) -> tuple[str, ...]:
        return self.language.bounded

    def _contradiction(self) -> str:
        places = ", ".join(pointer or "the root" for pointer in self.language.contradictions)
        return f"no value satisfies {places}" if places else super()._contradiction()

    def parse(self, text: str) -> Any:
        return json.loads(text)

    def dumps(self, value: Any) -> str:
        separators = (",", ":") if self.whitespace == "compact" else (", ", ": ")
        return self._checked(value, self.language.dumps(value, separators))

    def describe(self) -> str:
        title = self.schema.get("title") if isinstance(self.schema, Mapping) else None
        return f"JSON schema {title!r}" if title else "JSON schema"


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise SpecError(f"the schema is not JSON: {error.msg}", source=error.doc, position=error.pos) from error
    except ValueError as error:
        raise SpecError(f"the schema cannot be read: {error}", hint="round its numbers") from error
    except RecursionError as error:
        raise LimitError(
            f"a schema may have {MAX_DEPTH:,} levels of nesting, and this one has more",
            limit=MAX_DEPTH,
            given=MAX_DEPTH + 1,
            hint="flatten the document",
        ) from error


class PythonType(JsonSchema):
    """Any type that `pydantic.TypeAdapter` knows, as the JSON that it reads; values come back validated as that type.

    Models, dataclasses and typed dictionaries have no members but their own, unless they say `extra="allow"`.
    What pydantic checks and no schema can say is refused (see `python_types`); only validators written in Python stay
    unseen: they run in `parse`, which passes a refusal on as `SpecError`.
    """

    def __init__(self, type_: Any, *, whitespace: str = "any") -> None:
        from pydantic import PydanticSchemaGenerationError, TypeAdapter
        from pydantic.errors import PydanticInvalidForJsonSchema, PydanticUserError

        from constrain.python_types import type_schema

        self.type = type_
        try:
            self.adapter: TypeAdapter[Any] = TypeAdapter(type_)
            schema = type_schema(self.adapter)
        except (PydanticSchemaGenerationError, PydanticInvalidForJsonSchema, PydanticUserError) as error:
            raise SpecError(
                f"{type_!r} has no JSON schema: {error.message}",
                hint="give a type that pydantic.TypeAdapter knows, or a Regex, Choice or JsonSchema",
            ) from error
        super().__init__(schema, whitespace=whitespace, additional_properties_default=False)

    def parse(self, text: str) -> Any:
        from pydantic import ValidationError

        try:
            return self.adapter.validate_json(text)
        except ValidationError as error:
            raise SpecError(
                f"{text!r} fits the schema, but {self.describe()} refuses it: {error}",
                hint="state the rule as a constraint that JSON schema knows, such as a pattern or a bound",
            ) from error

    def dumps(self, value: Any) -> str:
        from constrain.python_types import plain_value

        return super().dumps(plain_value(self.adapter, value))

    def describe(self) -> str:
        return f"Python type {getattr(self.type, '__name__', None) or self.type!r}"


def as_spec(spec: Any) -> Spec:
    """The `Spec` that `spec` means: itself, a JSON schema given as a mapping or boolean, or a Python type."""
    if isinstance(spec, Spec):
        return spec
    if isinstance(spec, bool | Mapping):
        check_size(spec)  # before anything recurses into it
        return _json_schema(json.dumps(spec))
    if spec is None or isinstance(spec, str | bytes | int | float):
        raise SpecError(
            f"{spec!r} is not a specification",
            hint="give a type, a JSON schema as a dict, or constrain.Regex, Choice or JsonSchema",
        )
    try:
        return _python_type(spec)
    except TypeError:  # unhashable, such as Annotated[...] with a list inside
        return PythonType(spec)


@lru_cache(maxsize=256)
def _json_schema(text: str) -> Spec:
    return JsonSchema(text)


@lru_cache(maxsize=256)
def _python_type(type_: Any) -> Spec:
    return PythonType(type_)
