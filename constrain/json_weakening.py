"""What can be left out of a schema so that it admits more, never less; and the schema without it.

Under `not` and `if` less is more, so nothing is left out there. The schema of a member is not taken away but made to
admit everything, since `additionalProperties` would take its place; and so on for all that others depend on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from constrain.json_sites import REFERENCES

__all__ = ["Path", "Unit", "at", "units", "weakened"]

Path: TypeAlias = "tuple[str, ...]"
"""The tokens of a JSON pointer."""

_OPENED: Final = frozenset({
    "additionalProperties", "unevaluatedProperties", "items", "additionalItems", "unevaluatedItems", "then", "else",
})  # fmt: skip
"""Keywords with one subschema that is made to admit everything."""

_EACH_OPENED: Final = frozenset({"properties", "patternProperties", "prefixItems", "items", "allOf"})
_EACH_DELETED: Final = frozenset({"dependentSchemas", "dependentRequired", "dependencies"})
"""Keywords with several subschemas, of which each can be left out for itself."""

_DEEPER: Final = frozenset({"propertyNames", "contains", "anyOf"})
"""Keywords that are left out as a whole, or in whose subschemas something can be."""

_EVALUATING: Final = REFERENCES | {"allOf", "anyOf", "oneOf", "then", "else", "dependentSchemas", "contains"}
"""What `unevaluated...` depends on: without these it admits less."""

_NEVER: Final = frozenset({
    "$schema", "$id", "id", "$anchor", "$dynamicAnchor", "$recursiveAnchor", "$defs", "definitions", "if",
})  # fmt: skip


@dataclass(frozen=True)
class Unit:
    """Something that can be left out, and the subschemas inside it of which parts can be. `opened` ones are made to
    admit everything, the others are deleted.
    """

    path: Path
    inner: tuple[Path, ...] = ()
    opened: bool = False


def units(has: Mapping[str, Any], path: Path, *, is_evaluated: bool) -> Iterator[Unit]:
    """What can be left out of a schema whose active keywords are `has`. `is_evaluated` if `unevaluated...` counts on
    it.
    """
    for keyword, value in has.items():
        below = (*path, keyword)
        if keyword in _NEVER or (is_evaluated and keyword in _EVALUATING):
            continue
        if keyword in _EACH_OPENED and isinstance(value, list):
            yield from (Unit((*below, str(i)), ((*below, str(i)),), opened=True) for i in range(len(value)))
        elif keyword in _EACH_OPENED and keyword not in _OPENED:
            yield from (Unit((*below, name), ((*below, name),), opened=True) for name in value)
        elif keyword in _EACH_DELETED:
            for name, each in value.items():
                yield Unit((*below, name), () if isinstance(each, list) else ((*below, name),))
        elif keyword in _OPENED:
            yield Unit(below, (below,), opened=True)
        elif keyword == "minContains" and value <= 1:  # without it, one is needed
            continue
        elif keyword in _DEEPER and not (keyword == "contains" and "maxContains" in has):
            yield Unit(below, tuple((*below, str(i)) for i in range(len(value))) if keyword == "anyOf" else (below,))
        else:
            yield Unit(below)


def at(document: Any, path: Path) -> Any:
    for token in path:
        document = document[int(token) if isinstance(document, list) else token]
    return document


def weakened(document: Any, left_out: Iterable[Unit], softened: Iterable[Path] = ()) -> Any:
    """The document without some units, and with `anyOf` for the `oneOf` at some paths; what is unchanged is shared."""
    copies: dict[Path, Any] = {(): dict(document) if isinstance(document, Mapping) else document}

    def copy(path: Path) -> Any:
        if path not in copies:
            outer = copy(path[:-1])
            token = int(path[-1]) if isinstance(outer, list) else path[-1]
            copies[path] = outer[token] = type(outer[token])(outer[token])
        return copies[path]

    gone: set[Path] = set()
    for unit in sorted(left_out, key=lambda unit: len(unit.path)):
        if any(unit.path[:length] in gone for length in range(len(unit.path))):
            continue
        gone.add(unit.path)
        if not unit.path:
            return {}
        outer = copy(unit.path[:-1])
        token = int(unit.path[-1]) if isinstance(outer, list) else unit.path[-1]
        if unit.opened:
            outer[token] = {}
        else:
            del outer[token]
    for path in softened:
        if not any(path[:length] in gone for length in range(len(path) + 1)):
            outer = copy(path[:-1])
            outer["anyOf"] = outer.pop("oneOf")
    return copies[()]
