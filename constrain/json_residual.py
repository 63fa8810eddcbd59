"""What no finite automaton decides about a JSON document, decided on its text: repeated names, `jsonschema`'s verdict.

The automaton admits too much where it cannot keep count (equal items, names used before, multiples of 0.1 as floats see
them). What it admits is read here and judged as a whole, and the verdict is traced back to a place in the text, so that
everything that begins like it can be forbidden at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from constrain.errors import UnsupportedError
from constrain.json_spans import Node, Reading, read

if TYPE_CHECKING:
    from constrain.json_validator import Validator

__all__ = ["Residual"]


class Residual:
    """The judge of finished documents, and of beginnings of documents, under `schema`.

    It objects to a member name that occurs twice in an object and, if `judged`, to whatever `jsonschema` objects to
    under `draft` ("4", "6", "7", "2019-09" or "2020-12"). `documents` are the schemas that may be
    referred to by absolute URI; nothing is ever fetched. `format_is_right(name, value)` decides
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
        repeated, and numbers that Python does not read, come first; of other faults the one that ends first. A
        complete text that is not JSON or too deep to judge is wrong as a whole.
        """
        reading = read(text)
        if not complete and reading.root is None:
            return None  # at most a number has been read, which may go on
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
            for error in self._validator.errors(reading.root.value):
                if (span := _span(error, reading.root)) is not None:
                    yield span
        except referencing.exceptions.Unresolvable as error:
            raise UnsupportedError(
                f"a document cannot be judged under this schema: {error}",
                hint="give every schema that is referred to",
            ) from error

    @cached_property
    def _validator(self) -> Validator:
        from constrain.json_validator import Validator  # it imports `jsonschema`, which takes a while

        return Validator(self.schema, self.draft, self.documents, self.format_is_right)


def _span(error: Any, around: Node) -> tuple[int, int] | None:
    """The smallest span at fault for an error of `jsonschema` in the value `around`; None if it may be righted."""
    node = around
    for step in error.relative_path:
        node = node.children[step]
    if error.validator == "uniqueItems" and (second := _second_of_equals(node)) is not None:
        return second.after, second.end or 0
    if error.validator in ("maxItems", "maxProperties") and node.children:
        return _one_too_many(node, int(error.validator_value))
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


def _one_too_many(container: Node, most: int) -> tuple[int, int]:
    """From behind the last part that there may be to the comma behind it, or if there may be none, into the first."""
    extra = list(container.children.values())[most]
    return extra.after, extra.comma or extra.begin + 1


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
