"""Every error that Constrain raises on purpose. Each carries its data and says what to do."""

from __future__ import annotations

from typing import Any

__all__ = [
    "ConstrainError",
    "LimitError",
    "SpecError",
    "UnsatisfiableError",
    "UnsupportedError",
    "VocabularyError",
]


class ConstrainError(Exception):
    """Root of the hierarchy. `message` is one sentence; `hint` says what to do about it."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[Any, ...]:
        """Copied with its data as it is, whatever arguments a subclass takes."""
        return _restored, (type(self), self.args), self.__dict__

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}\n  hint: {self.hint}"


def _restored(kind: type[ConstrainError], args: tuple[Any, ...]) -> ConstrainError:
    return kind.__new__(kind, *args)


class SpecError(ConstrainError, ValueError):
    """A specification that has no meaning: malformed, contradictory, or ill-typed.

    `pointer` is a JSON pointer into the schema, `keyword` the offending word. `source` and `position` (a code point
    offset into it) locate the fault in a text; `line` and `column` count from 1.
    """

    def __init__(
        self,
        message: str,
        *,
        pointer: str | None = None,
        source: str | None = None,
        position: int | None = None,
        keyword: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.pointer = pointer
        self.source = source
        self.position = position
        self.keyword = keyword

    @property
    def line(self) -> int | None:
        if self.source is None or self.position is None:
            return None
        return self.source.count("\n", 0, self.position) + 1

    @property
    def column(self) -> int | None:
        if self.source is None or self.position is None:
            return None
        return self.position - self.source.rfind("\n", 0, self.position)

    def __str__(self) -> str:
        parts = [self.message]
        if self.pointer is not None:
            parts[0] += f" (at {self.pointer or 'the root'})"
        if self.source is not None and self.line is not None and self.column is not None:
            excerpt = self.source.split("\n")[self.line - 1]
            parts[0] += f", line {self.line}, column {self.column}"
            parts += [f"  {excerpt}", "  " + " " * (self.column - 1) + "^"]
        if self.hint is not None:
            parts.append(f"  hint: {self.hint}")
        return "\n".join(parts)


class UnsupportedError(SpecError):
    """A meaningful specification that Constrain cannot enforce exactly, and therefore refuses by name."""


class UnsatisfiableError(ConstrainError):
    """No output can satisfy the specification, or none fits. `needed` and `available` are counts of tokens, `pointer`
    is the JSON pointer to the deepest subschema without values.
    """

    def __init__(
        self,
        message: str,
        *,
        needed: int | None = None,
        available: int | None = None,
        pointer: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.pointer = pointer
        self.needed = needed
        self.available = available


class LimitError(ConstrainError):
    """A budget was exceeded: `given` is what was asked for (at least), `limit` what is allowed."""

    def __init__(self, message: str, *, limit: int, given: int, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.limit = limit
        self.given = given


class VocabularyError(ConstrainError):
    """A tokenizer whose tokens cannot be read as bytes, or that does not belong to the model."""
