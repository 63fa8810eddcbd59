"""Paths to the fields of a value, and what a JSON schema says of them.

A path is names with dots between them: `total`, `customer.age`, `lines.*.amount`. `*` is every item of an array, or
every member of an object; a number is one item of an array. A dot, star or backslash that belongs to a name follows a
backslash.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

from constrain.errors import SpecError, UnsupportedError
from constrain.json_keywords import DECIMAL

__all__ = ["Field", "Path", "find_field", "is_many", "names_at", "parse_path", "path_text"]

Path: TypeAlias = "tuple[str | None, ...]"
"""The names on the way; None is `*`."""

_STEP = re.compile(r"(?:[^.\\]|\\.)+", re.DOTALL)
_MAX_VARIANTS = 1_000
_COMBINING = ("allOf", "anyOf", "oneOf")
_TEMPORAL = ("date", "date-time", "time")


@dataclass(frozen=True)
class Field:
    """What a schema says of the values that a path leads to.

    `kinds` are those they may be of: null, boolean, integer, number (whose decimals are exact), float, string, date,
    date-time, time, array, object; none if nothing is said. `optional` says that the value may be missing, in which
    case it is `default`, or nothing. `notes` are keywords that begin with "x-".
    """

    kinds: frozenset[str]
    optional: bool = False
    default: Any = None
    notes: frozenset[str] = frozenset()


def parse_path(text: str) -> Path:
    """Raises `SpecError` for a path that is empty or has an empty name in it."""
    steps: list[str | None] = []
    position = 0
    while True:
        found = _STEP.match(text, position) if isinstance(text, str) else None
        if found is None:
            raise SpecError(
                f"{text!r} is no path to a field", keyword=str(text), hint=r"write customer.age, lines.*.amount, a\.b"
            )
        steps.append(None if found[0] == "*" else re.sub(r"\\(.)", r"\1", found[0], flags=re.DOTALL))
        if found.end() == len(text):
            return tuple(steps)
        position = found.end() + 1


def path_text(path: Sequence[str | int | None]) -> str:
    return ".".join("*" if step is None else re.sub(r"([.*\\])", r"\\\1", str(step)) for step in path)


def is_many(path: Path) -> bool:
    """Whether it may lead to several values."""
    return None in path


def find_field(schema: Any, path: Path) -> Field | None:
    """The field at `path` of the documents under `schema`; None if none is listed there."""
    optional, default = False, None
    places = _variants(schema, [schema])
    for step in path:
        parents = [each for each in places if isinstance(each, Mapping)]
        found = [child for each in parents for child in _children(each, step)]
        if not found:
            return None
        places = _variants(schema, found)
        optional |= step is not None and not any(step in each.get("required", ()) for each in parents)
        defaults = [each["default"] for each in places if isinstance(each, Mapping) and "default" in each]
        default = defaults[0] if defaults else None
    notes = {name for each in places if isinstance(each, Mapping) for name in each if name.startswith("x-")}
    return Field(frozenset(_kinds(places)), optional, default, frozenset(notes))


def names_at(schema: Any, path: Path) -> list[str]:
    """What may come next where `path` leads nowhere: the names behind its longest part that leads to something."""
    places = _variants(schema, [schema])
    for step in path:
        found = [child for each in places if isinstance(each, Mapping) for child in _children(each, step)]
        if not found:
            break
        places = _variants(schema, found)
    objects = [each for each in places if isinstance(each, Mapping)]
    names = [path_text([name]) for each in objects for name in each.get("properties", ())]
    return list(dict.fromkeys(names + ["*"] * any("items" in each for each in objects)))


def _children(schema: Mapping[str, Any], step: str | None) -> Iterator[Any]:
    if step is None:
        yield from (schema[name] for name in ("items", "additionalProperties") if isinstance(schema.get(name), Mapping))
        yield from schema.get("prefixItems", ())
        yield from schema.get("properties", {}).values()
        return
    if step in schema.get("properties", {}):
        yield schema["properties"][step]
    if step.isdecimal():
        listed = schema.get("prefixItems", ())
        if int(step) < len(listed):
            yield listed[int(step)]
        elif isinstance(schema.get("items"), Mapping):
            yield schema["items"]


def _variants(root: Any, schemas: Sequence[Any]) -> list[Any]:
    """The schemas and all that are combined in them, references resolved."""
    found: list[Any] = []
    waiting = list(schemas)
    seen: set[int] = set()
    while waiting:
        schema = waiting.pop(0)
        if id(schema) in seen:
            continue
        seen.add(id(schema))
        if len(seen) > _MAX_VARIANTS:
            raise UnsupportedError("rules over a schema with so many alternatives are not supported")
        found.append(schema)
        if not isinstance(schema, Mapping):
            continue
        reference = schema.get("$ref")
        if isinstance(reference, str) and reference.startswith("#"):
            waiting.append(_resolved(root, reference))
        for keyword in _COMBINING:
            waiting += schema.get(keyword, ())
        waiting += [schema[keyword] for keyword in ("then", "else") if keyword in schema]
    return found


def _resolved(root: Any, reference: str) -> Any:
    place = root
    for step in reference[1:].split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        place = place[int(name)] if isinstance(place, list) else place.get(name, {})
    return place


def _kinds(schemas: Sequence[Any]) -> set[str]:
    kinds: set[str] = set()
    for schema in schemas:
        if not isinstance(schema, Mapping):
            continue
        if "enum" in schema or "const" in schema:
            values = schema["enum"] if "enum" in schema else [schema["const"]]
            kinds |= {_kind_of(value) for value in values}
            continue
        given = schema.get("type", ())
        for kind in [given] if isinstance(given, str) else given:
            kinds.add(_narrowed(kind, schema))
        if schema.get("nullable") is True:
            kinds.add("null")
    return kinds


def _narrowed(kind: str, schema: Mapping[str, Any]) -> str:
    if kind == "string" and schema.get("format") in _TEMPORAL:
        return str(schema["format"])
    if kind == "number" and DECIMAL not in schema and "multipleOf" not in schema:
        return "float"
    return kind


def _kind_of(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float() | Decimal():
            return "integer" if value == int(value) else "number"
        case str():
            return "string"
    return "array" if isinstance(value, list) else "object"
