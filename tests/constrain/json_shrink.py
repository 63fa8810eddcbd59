"""The smallest JSON value that still shows a fault: what a failing sweep prints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["shrunk"]


def shrunk(value: Any, is_faulty: Callable[[Any], bool], *, attempts: int = 400) -> Any:
    """A faulty value from which nothing more can be taken away, reached from a faulty `value` one step at a time."""
    tried = 0
    while True:
        for smaller in steps(value):
            tried += 1
            if tried > attempts:
                return value
            if is_faulty(smaller):
                value = smaller
                break
        else:
            return value


def steps(value: Any) -> Iterator[Any]:
    """The value without one member or item, or with one of them in place of the whole, or one step smaller itself."""
    match value:
        case dict():
            for name in value:
                yield {other: item for other, item in value.items() if other != name}
            yield from (item for item in value.values() if isinstance(item, dict | list))
            for name, item in value.items():
                yield from ({**value, name: smaller} for smaller in steps(item))
        case list():
            yield from (item for item in value if isinstance(item, dict | list))
            for i, item in enumerate(value):
                yield [*value[:i], *value[i + 1 :]]
                yield from ([*value[:i], smaller, *value[i + 1 :]] for smaller in steps(item))
        case str() if len(value) > 1:
            yield value[1:]
            yield value[:-1]
        case int() if abs(value) > 1:
            yield value // 2
