"""What users write most: regular expressions, choices, JSON schemas, Python types, and what may stand for them."""

from __future__ import annotations

import json
import marshal
from collections.abc import Callable, Hashable, Iterable, Mapping
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from constrain.automaton import Automaton
from constrain.errors import SpecError, UnsatisfiableError
from constrain.expression import compile_expression, literal, union
from constrain.json_keywords import check_size
from constrain.recent import Recent
from constrain.schema_cache import CACHE_BYTES, LEAST_BYTES, known_language, known_text, language_bytes, packed_bytes
from constrain.spec import Spec

if TYPE_CHECKING:
    from pydantic import TypeAdapter

    from constrain.field_paths import Path
    from constrain.json_schema import Options, SchemaLanguage
    from constrain.relations import Rule
    from constrain.ruled import Rulebook

__all__ = ["Choice", "JsonSchema", "PythonType", "Regex", "as_spec"]


@dataclass(frozen=True)
class Regex(Spec):
    """The strings that `re.fullmatch(pattern, text)` accepts, for the regular subset of Python's syntax.

    `flags` is any of the letters `i`, `s`, `x`, `a` as in an inline group. Raises `SpecError` for a malformed pattern
    and `UnsupportedError`, with a caret, for what is not regular (back-references).
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
    """JSON documents that are valid under a JSON schema, members in the order in which the schema names them.

    `schema` is a mapping, a boolean, or JSON text, of the draft that `$schema` says: 4, 6, 7, 2019-09, or 2020-12 (the
    default). Every keyword is enforced, or an annotation by the specification, or refused by name with its JSON
    pointer, at once. What no automaton decides is left to a check on the finished text: `residual` says so, and
    `explain` what.

    `whitespace` between tokens is `"any"` (JSON's own, the default), `"compact"` (none), or a regular expression over
    JSON white space. `additional_properties_default` is what a schema with `properties` but without
    `additionalProperties` means: the specification says `True`. `formats` are asserted, or with `"annotate"` are notes.
    `ensure_ascii` writes other characters as escapes. `member_order="any"` allows the listed members in any order, up
    to 8 of them. `max_depth` bounds recursion, and arrays and objects inside values of which nothing is said; by
    default it is chosen by what that costs, and `bounded` reports it. `documents` are other schemas by absolute URI,
    for references; nothing is ever fetched.
    """

    def __init__(
        self,
        schema: Mapping[str, Any] | bool | str,
        *,
        whitespace: str = "any",
        additional_properties_default: bool = True,
        formats: Literal["assert", "annotate"] = "assert",
        ensure_ascii: bool = False,
        member_order: Literal["schema", "any"] = "schema",
        max_depth: int | None = None,
        documents: Mapping[str, Any] | None = None,
    ) -> None:
        from constrain.json_schema import Options

        for name, value, known in (
            ("formats", formats, ("assert", "annotate")),
            ("member_order", member_order, ("schema", "any")),
        ):
            if value not in known:
                raise SpecError(f"{name} is {value!r}", keyword=name, hint=f"use {' or '.join(map(repr, known))}")
        self._prepare(
            schema,
            Options(
                whitespace=whitespace,
                additional_properties_default=additional_properties_default,
                formats=formats == "assert",
                ensure_ascii=ensure_ascii,
                any_order=member_order == "any",
                max_depth=max_depth,
            ),
            documents,
        )

    def _prepare(self, schema: Any, options: Options, documents: Mapping[str, Any] | None) -> None:
        packed = known_text(schema) if isinstance(schema, str) else packed_bytes(schema)
        others = packed_bytes(None if documents is None else dict(documents))
        self.options = options
        self.schema: Any
        self.language: SchemaLanguage
        if packed is None or others is None:
            from constrain.json_schema import schema_language

            self.schema, self.language = schema, schema_language(schema, options, documents)
        else:
            self.schema, self.language = known_language(packed, options, others)

    def with_schema(self, schema: Mapping[str, Any]) -> JsonSchema:
        """The same of another schema, read in the same way."""
        other = copy(self)
        other.__dict__.pop("automaton", None)
        other._prepare(schema, self.options, self.language.documents)
        return other

    def _language(self) -> Automaton:
        return self.language.automaton

    @property
    def bounded(self) -> tuple[str, ...]:
        return self.language.bounded

    @property
    def residual(self) -> bool:
        return self.language.residual is not None

    def fault(self, text: str, *, complete: bool = True) -> tuple[int, int] | None:
        check = self.language.residual
        return None if check is None else check.fault(text, complete=complete)

    def _unsatisfiable(self) -> UnsatisfiableError:
        from constrain.json_contradiction import contradictions

        found = contradictions(self.language)
        if not found:  # values that the bounds leave no room for
            return super()._unsatisfiable()
        return UnsatisfiableError(
            f"no text satisfies {self.describe()}: {found[0].reason}",
            pointer=found[0].pointer,
            hint="; besides, ".join(["change one of these", *(each.reason for each in found[1:])]),
        )

    def parse(self, text: str) -> Any:
        try:
            return json.loads(text)
        except ValueError as error:
            raise SpecError(f"this text cannot be read as JSON: {error}") from error

    def dumps(self, value: Any) -> str:
        separators = (",", ":") if self.options.whitespace == "compact" else (", ", ": ")
        text = self.language.dumps(value, separators)
        if text is None:
            raise SpecError(f"{_shown(value)} is not a value that the schema allows")
        return self._checked(value, text)

    def describe(self) -> str:
        title = self.schema.get("title") if isinstance(self.schema, Mapping) else None
        return f"JSON schema {title!r}" if title else "JSON schema"

    def explain(self) -> str:
        """The same, and how each keyword is enforced, by its JSON pointer."""
        from constrain.json_explain import explain

        return "\n".join([super().explain(), *explain(self.language)])


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except ValueError:  # Python prints no integer of more digits than `sys.set_int_max_str_digits` says
        return "what has an integer of too many digits"
    return text if len(text) <= 200 else text[:199] + "…"


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
        from constrain.ruled_models import rules_of

        self.type = type_
        try:
            self.adapter: TypeAdapter[Any] = TypeAdapter(type_)
            schema = type_schema(self.adapter)
        except (PydanticSchemaGenerationError, PydanticInvalidForJsonSchema, PydanticUserError) as error:
            raise SpecError(
                f"{type_!r} has no JSON schema: {error.message}",
                hint="give a type that pydantic.TypeAdapter knows, or a Regex, Choice or JsonSchema",
            ) from error
        from constrain.json_schema import Options

        options = Options(whitespace=whitespace, additional_properties_default=False, plain_integers=True)
        self.carried: tuple[tuple[Path, Rule], ...] = tuple(rules_of(type_))
        self._prepare(schema, options, None)
        self._book: Rulebook | None = None
        if self.carried:
            from constrain.ruled import Rulebook

            self._book = Rulebook(self, self.carried)
            self._prepare(self._book.with_presence(schema, closed=True), options, None)

    @property
    def rulebook(self) -> Rulebook | None:
        return self._book

    @property
    def residual(self) -> bool:
        return self._book is not None or super().residual

    @property
    def whole(self) -> bool:
        return self._book is not None

    def fault(self, text: str, *, complete: bool = True) -> tuple[int, int] | None:
        faults = [super().fault(text, complete=complete)]
        if self._book is not None:
            faults.append(self._book.fault(text, complete=complete))
        return min((fault for fault in faults if fault is not None), key=lambda fault: fault[1], default=None)

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

    def explain(self) -> str:
        """The same, and the rules that the type carries."""
        rules = [] if self._book is None else self._book.explained()
        return "\n".join([super().explain(), *rules])

    def describe(self) -> str:
        return f"Python type {getattr(self.type, '__name__', None) or self.type!r}"


def as_spec(spec: Any) -> Spec:
    """The `Spec` that `spec` means: itself, a JSON schema given as a mapping or boolean, or a Python type.

    The same object for the same type, and for schemas that are equal, the order of members included.
    """
    if isinstance(spec, Spec):
        return spec
    if isinstance(spec, bool | Mapping):
        packed = packed_bytes(spec)
        return _as_json(spec) if packed is None else _known_spec(packed, lambda: _as_json(marshal.loads(packed)))
    if spec is None or isinstance(spec, str | bytes | int | float):
        raise SpecError(
            f"{spec!r} is not a specification",
            hint="give a type, a JSON schema as a dict, or constrain.Regex, Choice or JsonSchema",
        )
    try:
        return _known_spec(spec, lambda: PythonType(spec))
    except TypeError:  # unhashable, such as Annotated[...] with a list inside
        return PythonType(spec)


def _as_json(schema: Any) -> Spec:
    check_size(schema)  # before anything recurses into it
    return JsonSchema(json.dumps(schema))


def _spec_bytes(spec: Spec) -> int:
    return language_bytes(spec.language) if isinstance(spec, JsonSchema) else LEAST_BYTES


_specs: Recent[Hashable, Spec] = Recent(CACHE_BYTES, _spec_bytes)


def _known_spec(key: Hashable, make: Callable[[], Spec]) -> Spec:
    return _specs.get(key) or _specs.add(key, make())
