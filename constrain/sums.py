"""Specs of texts one after the other: sums, options, repetitions. `splits` says where a text divides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from constrain.automaton import Automaton
from constrain.combined import Combined, forbid_tokens, operand
from constrain.errors import SpecError
from constrain.expression import EMPTY, compile_expression, concat, optional, repeat
from constrain.spec import Spec
from constrain.splits import Split, first_fault, repeated, sequence
from constrain.token_lengths import Window, windows_of

__all__ = ["Joined", "Maybe", "Repeated"]


@dataclass(frozen=True)
class Joined(Combined):
    """A text of each part, one after the other."""

    parts: tuple[Spec, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        for part in self.parts:
            forbid_tokens(part, "a sum with")

    def _language(self) -> Automaton:
        return compile_expression(concat(*(part.automaton for part in self.parts)))

    def fault(self, text: str, *, complete: bool = True) -> tuple[int, int] | None:
        for_good = first_fault(
            text,
            lambda i: self.parts[i] if i < len(self.parts) else None,
            is_whole=lambda i: i == len(self.parts),
            last=len(self.parts),
        )
        return for_good if for_good or not complete else _whole_fault(sequence(self.parts, text), text)

    def texts(self, text: str) -> list[str]:
        """The texts of the parts in `text`."""
        found = sequence(self.parts, text).texts
        if found is None:
            raise SpecError(f"{text!r} does not satisfy {self.describe()}")
        return found

    def parse(self, text: str) -> tuple[Any, ...]:
        return tuple(part.parse(each) for part, each in zip(self.parts, self.texts(text), strict=True))

    def dumps(self, value: Any) -> str:
        """The texts of the values in a row; `SpecError` if together they would be read otherwise."""
        if not isinstance(value, tuple | list) or len(value) != len(self.parts):
            raise SpecError(f"a tuple of {len(self.parts)} values is needed, not {value!r}")
        return _unmistakable(self, value, [part.dumps(each) for part, each in zip(self.parts, value, strict=True)])

    def describe(self) -> str:
        return " + ".join(operand(part) for part in self.parts)


@dataclass(frozen=True)
class Maybe(Combined):
    """The empty text, or a text of `part`."""

    part: Spec

    @property
    def parts(self) -> tuple[Spec, ...]:  # type: ignore[override]  # the one part
        return (self.part,)

    def _language(self) -> Automaton:
        return compile_expression(optional(self.part.automaton))

    def _windows(self) -> tuple[Window, ...]:
        return (Window(compile_expression(EMPTY), 0, None), *windows_of(self.part))

    def fault(self, text: str, *, complete: bool = True) -> tuple[int, int] | None:
        return self.part.fault(text, complete=complete) if text else None

    def parse(self, text: str) -> Any:
        return self.part.parse(text) if text else None

    def dumps(self, value: Any) -> str:
        text = "" if value is None else self.part.dumps(value)
        if value is not None and not text:
            raise self._not_written(value)
        return text

    def describe(self) -> str:
        return f"optional {operand(self.part)}"


@dataclass(frozen=True)
class Repeated(Combined):
    """Between `low` and `high` (None: no limit) texts of `part`, one after the other."""

    part: Spec
    low: int
    high: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        forbid_tokens(self.part, "a repetition of")
        bounds = [self.low] if self.high is None else [self.low, self.high]
        if not all(isinstance(bound, int) for bound in bounds) or not 0 <= bounds[0] <= bounds[-1]:
            raise SpecError(
                f"nothing is repeated between {self.low!r} and {self.high!r} times",
                hint="give the least number first, and none below 0",
            )

    @property
    def parts(self) -> tuple[Spec, ...]:  # type: ignore[override]  # the one part
        return (self.part,)

    def _language(self) -> Automaton:
        return compile_expression(repeat(self.part.automaton, self.low, self.high))

    def fault(self, text: str, *, complete: bool = True) -> tuple[int, int] | None:
        for_good = first_fault(
            text,
            lambda i: self.part if self.high is None or i < self.high else None,
            is_whole=lambda i: i >= self.low or self.part.accepts(""),
            last=self.low if self.high is None else self.high,
        )
        return for_good if for_good or not complete else _whole_fault(self._split(text), text)

    def _split(self, text: str) -> Split:
        return repeated(self.part, self.low, self.high, text)

    def texts(self, text: str) -> list[str]:
        """The texts that are repeated in `text`."""
        found = self._split(text).texts
        if found is None:
            raise SpecError(f"{text!r} does not satisfy {self.describe()}")
        return found

    def parse(self, text: str) -> list[Any]:
        return [self.part.parse(each) for each in self.texts(text)]

    def dumps(self, value: Any) -> str:
        """The texts of the values in a row; `SpecError` if together they would be read otherwise."""
        if not isinstance(value, tuple | list):
            raise SpecError(f"a list of values is needed, not {value!r}")
        texts = [self.part.dumps(each) for each in value]
        if not self.accepts("".join(texts)):
            raise self._not_written(value)
        return _unmistakable(self, value, texts)

    def describe(self) -> str:
        times = f"{self.low} or more" if self.high is None else f"{self.low} to {self.high}"
        return f"{times} times {operand(self.part)}"


def _whole_fault(split: Split, text: str) -> tuple[int, int] | None:
    """A text may be wrong as it stands although others that begin so are right."""
    return None if split.texts is not None else (split.fault[0], len(text))


def _unmistakable(spec: Joined | Repeated, value: Any, texts: list[str]) -> str:
    text = "".join(texts)
    if spec.texts(text) != texts:
        found = spec.parse(text)
        if list(found) != list(value):
            raise SpecError(f"no text stands for {value!r}: {text!r} is read as {found!r}")
    return text
