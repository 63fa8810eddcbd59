"""What no finite automaton decides about a JSON document, decided on its text: repeated names, `jsonschema`'s verdict.

The automaton admits too much where it cannot keep count (equal items, names used before, multiples of 0.1 as floats see
them). What it admits is read here and judged as a whole, and the verdict is traced back to a place in the text, so that
everything that begins like it can be forbidden at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any, Final

from constrain.errors import UnsupportedError
from constrain.json_spans import Node, Reading, read

__all__ = ["Residual"]

_DIALECTS: Final = {
    "4": "http://json-schema.org/draft-04/schema",
    "6": "http://json-schema.org/draft-06/schema",
    "7": "http://json-schema.org/draft-07/schema",
    "2019-09": "https://json-schema.org/draft/2019-09/schema",
    "2020-12": "https://json-schema.org/draft/2020-12/schema",
}


class Residual:
    """The judge of finished documents, and of beginnings of documents, under `schema`.

    It objects to a member name that occurs twice in an object and, if `judged`, to whatever `jsonschema` objects to
    under `draft` ("4", "6", "7", "2019-09" or "2020-12"), with OpenAPI's `nullable` beside `type`. `documents` are the
    schemas that may be referred to by absolute URI; nothing is ever fetched. `format_is_right(name, value)` decides
    `format`; without it formats assert nothing.
    """

    def __init__(
        self,
        schema: Mapping[str, Any] | bool,
        *,
        draft: str = "2020-12",
        documents: Mapping[str, Any] | None = None,
        format_is_right: Callable[[str, str], bool] | None = None,
        judged: bool = True,
    ) -> None:
        self.schema = schema
        self.draft = draft
        self.documents = documents or {}
        self.format_is_right = format_is_right
        self.judged = judged

    def objection(self, text: str, *, complete: bool = True) -> int | None:
        """The number of characters of the shortest prefix of `text` known to be wrong, None when nothing is."""
        fault = self.fault(text, complete=complete)
        return None if fault is None else fault[1]

    def fault(self, text: str, *, complete: bool = True) -> tuple[int, int] | None:
        """The span at fault, in characters, as in `Spec.fault`: it begins where the value before it ends.

        A value is at fault as soon as its text has ended (that of a number, with the delimiter behind it), if a rule
        applies to it whatever follows; otherwise the smallest value around it for which the rule does. Names that are
        repeated, and numbers with too many digits for `json`, come first; of other faults the one that ends first. A
        complete text that is not JSON or too deep to judge is wrong as a whole.
        """
        reading = read(text)
        if found := reading.repeated or reading.unreadable:
            return found
        if reading.broken and complete:
            return 0, len(text)
        if not self.judged or reading.root is None:
            return None
        if not complete and reading.root.end is not None and _is_number(reading.root.value):
            return None  # it may have more digits
        try:
            faults = list(self._faults(reading))
        except RecursionError:
            return (0, len(text)) if complete else None
        return _first(faults) if faults else None

    def _faults(self, reading: Reading) -> Iterator[tuple[int, int]]:
        """The spans of what `jsonschema` objects to, as far as it is wrong whatever follows."""
        import referencing.exceptions

        assert reading.root is not None  # `fault` has seen to it
        try:
            for error in self._validator.iter_errors(reading.root.value):
                if (span := _span(error, reading.root)) is not None:
                    yield span
        except (re.error, referencing.exceptions.Unresolvable) as error:
            raise UnsupportedError(
                f"a document cannot be judged under this schema: {error}",
                hint="write patterns that Python's re reads as well, and give every schema that is referred to",
            ) from error

    @cached_property
    def _validator(self) -> Any:
        from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]
        from referencing.jsonschema import specification_with

        dialect = _DIALECTS[self.draft]
        default = specification_with(dialect)
        resources = []
        for uri, document in self.documents.items():
            own = document.get("$schema") if isinstance(document, Mapping) else None
            specification = specification_with(own, default=default) if isinstance(own, str) else default
            resources.append((uri, specification.create_resource(_without(document, dialect))))
        return _validator_class(self.draft)(
            _without(self.schema, dialect),
            registry=REGISTRY.with_resources(resources),
            format_checker=None if self.format_is_right is None else _Formats(self.format_is_right),
        )


class _Formats:
    """What `jsonschema` calls a format checker."""

    def __init__(self, is_right: Callable[[str, str], bool]) -> None:
        self.is_right = is_right

    def check(self, instance: object, format: str) -> None:  # noqa: A002 # `jsonschema` passes it by position
        from jsonschema.exceptions import FormatError  # type: ignore[import-untyped]

        if isinstance(instance, str) and not self.is_right(format, instance):
            raise FormatError(f"{instance!r} is not a {format!r}")


def _without(schema: Any, dialect: str) -> Any:
    """`schema` without a `$schema` that says what is known, at which `jsonschema` would fall back to its own rules."""
    if isinstance(schema, Mapping) and isinstance(own := schema.get("$schema"), str) and own.rstrip("#") == dialect:
        return {keyword: value for keyword, value in schema.items() if keyword != "$schema"}
    return schema


@lru_cache
def _validator_class(draft: str) -> Any:
    """The validator of `jsonschema`, with errors where they belong.

    A rule that depends on other parts of an object or array (`if`, `dependentSchemas`) is at fault as a whole: what one
    of its consequences says of a member is no fault of a text that stops behind that member.
    """
    import jsonschema  # type: ignore[import-untyped]
    from jsonschema.exceptions import ValidationError

    base = getattr(jsonschema, f"Draft{draft.replace('-', '')}Validator")
    rules: Mapping[str, Callable[..., Any]] = base.VALIDATORS

    def as_a_whole(rule: Callable[..., Any]) -> Callable[..., Any]:
        def judge(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
            if context := list(rule(validator, value, instance, schema) or ()):
                yield ValidationError(context[0].message, context=context)

        return judge

    def type_or_null(validator: Any, types: Any, instance: Any, schema: Any) -> Any:
        if instance is None and schema.get("nullable") is True:
            return ()
        return rules["type"](validator, types, instance, schema)

    def multiple(validator: Any, divisor: Any, instance: Any, schema: Any) -> Iterator[Any]:
        try:
            yield from rules["multipleOf"](validator, divisor, instance, schema) or ()
        except OverflowError:  # an integer beyond floats, or infinity
            yield ValidationError(f"{instance!r} is too large to be divided by {divisor!r}")

    changed = {name: as_a_whole(rules[name]) for name in ("if", "dependencies", "dependentSchemas") if name in rules}
    return jsonschema.validators.extend(base, {**changed, "type": type_or_null, "multipleOf": multiple})


def _span(error: Any, around: Node) -> tuple[int, int] | None:
    """The smallest span at fault for an error of `jsonschema` in the value `around`; None if it may be righted."""
    node = around
    for step in error.relative_path:
        node = node.children[step]
    if error.validator == "uniqueItems" and (second := _second_of_equals(node)) is not None:
        return second.after, second.end or 0
    if error.validator in ("anyOf", "oneOf") and error.context:  # no branch holds: known when the last of them fails
        branches: dict[int, list[tuple[int, int]]] = {}
        for part in error.context:
            if part.relative_schema_path:  # a branch `false` has none, and never holds
                spans = branches.setdefault(part.relative_schema_path[0], [])
                spans += [span for span in (_span(part, node),) if span is not None]
        if branches and all(branches.values()):
            return max(map(_first, branches.values()), key=lambda span: span[1])
    if error.validator == "type" and isinstance(node.value, list | dict):
        return node.after, node.begin + 1
    return None if node.end is None else (node.after, node.end)


def _second_of_equals(array: Node) -> Node | None:
    """The first finished item of `array` that equals an earlier one."""
    seen = set()
    for item in array.children.values():
        if item.end is not None:
            key = _identity(item.value)
            if key in seen:
                return item
            seen.add(key)
    return None


def _identity(value: Any) -> Any:
    """Equal for values that JSON Schema calls equal: 1 is 1.0, but not true."""
    match value:
        case bool():
            return "boolean", value
        case list():
            return "array", *map(_identity, value)
        case dict():
            return "object", frozenset((name, _identity(item)) for name, item in value.items())
    return value


def _first(spans: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The span that ends first; of those that do, the shortest."""
    return min(spans, key=lambda span: (span[1], -span[0]))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
