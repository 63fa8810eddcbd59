"""Rules that Python types carry: `Annotated[..., constrain.rule(...)]` on a field, `__rules__` on a class.

Both speak of the fields of the class that carries them, by their Python names, wherever a value of it stands.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final, NotRequired, Required

from pydantic import AliasChoices, AliasPath, BaseModel, RootModel, TypeAdapter
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema
from typing_extensions import is_typeddict

from constrain.errors import SpecError, UnsupportedError
from constrain.field_paths import Path, path_text
from constrain.json_keywords import DECIMAL
from constrain.python_types import Generator
from constrain.relations import AllDifferent, Comparison, Linear, Rule

__all__ = ["CHANGED", "MADE", "RuleMark", "field_schema", "json_path", "rule", "rules_of"]

CHANGED: Final = "x-changed"
"""Noted of strings that are read as others than are written."""

MADE: Final = "x-made"
"""Noted of fields whose default no schema says."""

_ITEMS = (list, set, frozenset, tuple)


@dataclass(frozen=True)
class RuleMark:
    """What `rule` returns: a rule of the field that is annotated with it."""

    comparison: Comparison
    fields: tuple[str, ...]
    label: str | None = None

    def of(self, name: str) -> Linear:
        if name in self.fields:
            raise SpecError(f"the field {name!r} is compared with itself", keyword=name)
        return Linear({name: 1, **dict.fromkeys(self.fields, -1)}, self.comparison, 0, label=self.label)


def rule(comparison: Comparison, *fields: str, label: str | None = None) -> RuleMark:
    """A note for `Annotated`: the field, compared with the sum of the named ones of the same class.

    `total: Annotated[int, constrain.rule("==", "lines.*.amount", "shipping")]`. Raises `SpecError` for no field, or one
    that is named twice.
    """
    if not fields:
        raise SpecError("a rule on a field names the fields that it is compared with", hint='rule("==", "lines.*.net")')
    mark = RuleMark(comparison, AllDifferent(*fields).variables, label)
    mark.of("")
    return mark


def rules_of(type_: Any) -> list[tuple[Path, Rule]]:
    """The rules that a type and the types in it carry, and where the values are that each speaks of.

    A class has the rules of its bases and its own.

    Raises `UnsupportedError` where it cannot be said which values these are: in one of several alternatives, in a type
    that contains itself, in a container of another kind.
    """
    return list(_walk(type_, (), ()))


def _walk(type_: Any, at: Path, around: tuple[Any, ...]) -> Iterator[tuple[Path, Rule]]:
    type_, marks = _bare(type_)
    if marks:
        raise UnsupportedError(
            f"constrain.rule belongs to a field of a class, not to {type_!r}", hint="use constrain.as_spec(...).where"
        )
    origin, arguments = typing.get_origin(type_), typing.get_args(type_)
    if origin in (typing.Union, types.UnionType):
        options = [option for option in arguments if option is not type(None)]
        found = [each for option in options for each in _walk(option, at, around)]
        if found and len(options) > 1:
            raise _unclear("is one of several alternatives", type_, found[0][1])
        yield from found
    elif origin in _ITEMS and arguments:
        fixed = origin is tuple and arguments[-1] is not Ellipsis
        for n, argument in enumerate(arguments if fixed else arguments[:1]):
            yield from _walk(argument, (*at, str(n) if fixed else None), around)
    elif origin is dict:
        yield from _walk(arguments[1], (*at, None), around)
    elif isinstance(type_, type) and (fields := _fields(type_)) is not None:
        own = list(_own(type_, fields))
        if type_ in around:
            if own:
                raise _unclear("contains itself", type_, own[0])
            return
        yield from ((at, each) for each in own)
        for name, field_ in fields.items():
            inner = at if issubclass(type_, RootModel) else (*at, name)
            yield from _walk(_bare(field_)[0], inner, (*around, type_))
    else:
        for argument in (*arguments, getattr(type_, "__supertype__", None)):
            for _, each in (
                _walk(argument, at, around) if isinstance(argument, type) or typing.get_args(argument) else ()
            ):
                raise _unclear("is in a container of this kind", type_, each)


def _own(type_: Any, fields: dict[str, Any]) -> Iterator[Rule]:
    for name, field_ in fields.items():
        for mark in _bare(field_)[1]:
            yield mark.of(name)
    found: dict[Rule, None] = {}
    for class_ in reversed(type_.__mro__):
        rules = vars(class_).get("__rules__", ())
        for each in rules if isinstance(rules, list | tuple) else [rules]:
            if not isinstance(each, Rule):
                raise SpecError(
                    f"{each!r}, in __rules__ of {class_.__name__}, is no rule",
                    hint="constrain.Sum, Less, AllDifferent, Filled, ...",
                )
            found[each] = None
    yield from found


def _bare(type_: Any) -> tuple[Any, list[RuleMark]]:
    """A type, or the type of a field, and the rules that it is annotated with."""
    marks: list[RuleMark] = []
    if isinstance(type_, FieldInfo):
        marks += [note for note in type_.metadata if isinstance(note, RuleMark)]
        type_ = type_.annotation
    while typing.get_origin(type_) in (Annotated, NotRequired, Required):
        marks += [note for note in getattr(type_, "__metadata__", ()) if isinstance(note, RuleMark)]
        type_ = typing.get_args(type_)[0]
    return type_, marks


def _inner(type_: Any) -> Any:
    """The type that has the fields of a type: without notes, and what a root model holds."""
    type_ = _bare(type_)[0]
    while isinstance(type_, type) and issubclass(type_, RootModel):
        type_ = _bare(type_.model_fields["root"])[0]
    return type_


def _fields(type_: type) -> dict[str, Any] | None:
    """The fields of a model, dataclass, typed dictionary or named tuple."""
    if issubclass(type_, BaseModel):
        return dict(type_.model_fields)
    if dataclasses.is_dataclass(type_) or is_typeddict(type_) or hasattr(type_, "_fields"):
        hints = typing.get_type_hints(type_, include_extras=True)
        names = [each.name for each in dataclasses.fields(type_)] if dataclasses.is_dataclass(type_) else list(hints)
        return {name: hints[name] for name in names if name in hints}
    return None


def _unclear(what: str, type_: Any, rule: Rule) -> UnsupportedError:
    return UnsupportedError(
        f"{type_!r} {what}, so that it is not clear which values the rule is about: {rule.describe()}",
        hint="state it with constrain.as_spec(...).where, over the whole value",
    )


def json_path(type_: Any, path: Path) -> Path:
    """`path` with the names that fields have in JSON."""
    found: list[str | None] = []
    for n, step in enumerate(path):
        type_ = _inner(type_)
        if typing.get_origin(type_) in (typing.Union, types.UnionType):
            options = [each for each in typing.get_args(type_) if each is not type(None)]
            having = [each for each in options if _step(each, step) is not None] or options
            if len({json_path(each, path[n:]) for each in having}) > 1:
                raise UnsupportedError(f"{path_text(path)} has different names in alternatives of {type_!r}")
            type_ = having[0]
        following = _step(type_, step)
        if following is None:
            return (*found, *path[n:])
        found.append(following[0])
        type_ = following[1]
    return tuple(found)


def _step(type_: Any, step: str | None) -> tuple[str | None, Any] | None:
    """What a step is called in JSON, and the type it leads to."""
    type_ = _inner(type_)
    arguments = typing.get_args(type_)
    if isinstance(type_, type) and step is not None and not arguments:
        fields = _fields(type_) or {}
        if step not in fields:
            return None
        name = str([*fields].index(step)) if issubclass(type_, tuple) else _alias(step, fields[step]) or step
        return name, fields[step]
    if not arguments:
        return None
    if typing.get_origin(type_) is dict:
        return step, arguments[1]
    return step, arguments[min(int(step), len(arguments) - 1) if step and step.isdecimal() else 0]


def _alias(name: str, type_: Any) -> str | None:
    """What a field is called in JSON, if not by its name."""
    notes = [type_, *getattr(type_, "__metadata__", ())]
    aliases = [each.validation_alias or each.alias for each in notes if isinstance(each, FieldInfo)]
    alias = next((each for each in aliases if each is not None), None)
    if isinstance(alias, AliasPath | AliasChoices):
        raise UnsupportedError(f"the field {name!r} has several names, so rules over it are not supported")
    return alias


def field_schema(adapter: TypeAdapter[Any]) -> dict[str, Any]:
    """The schema of a type, with notes for rules: which numbers are decimals, and what is read as something else."""
    return adapter.json_schema(schema_generator=_Noting)


class _Noting(Generator):
    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        return {DECIMAL: {}, **super().decimal_schema(schema)}

    def str_schema(self, schema: core_schema.StringSchema) -> JsonSchemaValue:
        said = super().str_schema(schema)
        config: Any = self._config
        for name in ("strip_whitespace", "to_lower", "to_upper"):
            if schema.get(name) or getattr(config, f"str_{name}", False):
                said[CHANGED] = name
        return said

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        said = super().default_schema(schema)
        return {**said, MADE: True} if "default_factory" in schema else said
