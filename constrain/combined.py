"""Specs made of specs, and those of Boolean algebra: union, intersection, complement."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any, Final

import numpy as np

from constrain.automaton import Automaton, combine
from constrain.codepoints import CodePoints, utf8
from constrain.errors import SpecError, UnsatisfiableError, UnsupportedError
from constrain.expression import compile_expression, repeat
from constrain.spec import Spec
from constrain.token_lengths import Window, Windowed, windows_of

__all__ = ["MAX_STATES", "Both", "Combined", "Complement", "Either", "forbid_tokens", "intersection", "operand"]

MAX_STATES: Final = 300_000
"""Of an intersection, where counters multiply: 4 seconds and 0.9 GB with 131,072 tokens at 240,000 states."""


class Combined(Windowed):
    """A spec made of `parts`; of its text, nothing is checked but what is checked of theirs."""

    parts: tuple[Spec, ...]

    def __post_init__(self) -> None:
        for part in self.parts:
            if part.whole:
                raise UnsupportedError(
                    f"{part.describe()} cannot be a part of another specification: rules between its variables are"
                    " kept by choosing all of them at once",
                    hint="decode it on its own, and put the texts together afterwards",
                )

    @property
    def bounded(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(note for part in self.parts for note in part.bounded))

    @property
    def residual(self) -> bool:
        return any(part.residual for part in self.parts)

    @property
    def counts_tokens(self) -> bool:
        return any(isinstance(part, Windowed) and part.counts_tokens for part in self.parts)

    @cached_property
    def windows(self) -> tuple[Window, ...]:
        windows = self._windows()
        if not windows:
            raise UnsatisfiableError(
                f"no text of any number of tokens satisfies {self.describe()}", hint="its counts contradict each other"
            )
        return windows

    def _windows(self) -> tuple[Window, ...]:
        return (Window(self.automaton, 0, None),)

    def explain(self) -> str:
        """The same, and which parts are checked on the finished text."""
        checked = [part.describe() for part in self.parts if part.residual]
        return "\n".join([super().explain(), *(f"  checked on text: {part}" for part in checked)])

    def _not_written(self, value: Any) -> SpecError:
        return SpecError(f"no text of {self.describe()} stands for {value!r}")


@dataclass(frozen=True)
class Either(Combined):
    """The texts that at least one part accepts."""

    parts: tuple[Spec, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.counts_tokens and self.residual:
            raise UnsupportedError(
                f"a number of tokens as an alternative to what is checked on the text ({self.describe()}) is not"
                " supported",
                hint="give every alternative its own specification and decode them apart",
            )

    def _language(self) -> Automaton:
        return reduce(Automaton.__or__, (part.automaton for part in self.parts))

    def _windows(self) -> tuple[Window, ...]:
        return tuple(window for part in self.parts for window in windows_of(part))

    def fault(self, text: str, *, complete: bool = True) -> tuple[int, int] | None:
        """That of the part that gets furthest: before its end, all others are at fault already."""
        faults = [_fault(part, text, complete=complete) for part in self.parts]
        known = [fault for fault in faults if fault is not None]
        return max(known, key=lambda fault: fault[1]) if len(known) == len(faults) else None

    def _reader(self, text: str) -> Spec | None:
        return next((part for part in self.parts if part.accepts(text)), None)

    def parse(self, text: str) -> Any:
        reader = self._reader(text)
        if reader is None:
            raise SpecError(f"{text!r} does not satisfy {self.describe()}")
        return reader.parse(text)

    def dumps(self, value: Any) -> str:
        """The text that some part writes and that is read as an equal value of the same type, by whichever part.

        If there is none, one that is read by the part that wrote it.
        """
        written = [(part, text) for part in self.parts if (text := _written(part, value)) is not None]
        for _, text in written:
            found = self.parse(text)
            if type(found) is type(value) and found == value:
                return text
        for part, text in written:
            if self._reader(text) is part:
                return text
        raise self._not_written(value)

    def describe(self) -> str:
        return " | ".join(operand(part) for part in self.parts)


@dataclass(frozen=True)
class Both(Combined):
    """The texts that all parts accept. A value is written as the first part writes it, or not at all."""

    parts: tuple[Spec, ...]

    def _language(self) -> Automaton:
        return intersection(part.automaton for part in self.parts)

    def _windows(self) -> tuple[Window, ...]:
        found = windows_of(self.parts[0])
        for part in self.parts[1:]:
            found = tuple(both for one in found for other in windows_of(part) if not (both := one & other).is_empty)
        return found

    def fault(self, text: str, *, complete: bool = True) -> tuple[int, int] | None:
        faults = (part.fault(text, complete=complete) for part in self.parts if part.residual)
        return min((fault for fault in faults if fault is not None), key=lambda fault: fault[1], default=None)

    def parse(self, text: str) -> Any:
        return self.parts[0].parse(text)

    def dumps(self, value: Any) -> str:
        return self._checked(value, self.parts[0].dumps(value))

    def describe(self) -> str:
        return " & ".join(operand(part) for part in self.parts)


@dataclass(frozen=True)
class Complement(Combined):
    """The well-formed UTF-8 texts that `part` does not accept.

    Raises `UnsupportedError` where what it accepts is not known exactly to an automaton, or is less than was asked for.
    """

    part: Spec

    def __post_init__(self) -> None:
        super().__post_init__()
        forbid_tokens(self.part, "the complement of")
        reason = "part of it is checked on the text" if self.part.residual else "; ".join(self.part.bounded)
        if reason:
            raise UnsupportedError(
                f"the complement of {self.part.describe()} cannot be enforced exactly: {reason}", keyword="~"
            )

    @property
    def parts(self) -> tuple[Spec, ...]:  # type: ignore[override]  # the one part
        return (self.part,)

    def _language(self) -> Automaton:
        return compile_expression(repeat(utf8(CodePoints.ANY))) - self.part.automaton

    def parse(self, text: str) -> str:
        return text

    def dumps(self, value: Any) -> str:
        return self._checked(value, str(value))

    def describe(self) -> str:
        return f"~{operand(self.part)}"


def intersection(automata: Iterable[Automaton]) -> Automaton:
    """The language that all have in common. Raises `LimitError` beyond `MAX_STATES`."""
    smallest_first = sorted(automata, key=lambda automaton: automaton.states)
    return reduce(lambda a, b: combine(a, b, np.logical_and, max_states=MAX_STATES), smallest_first)


def operand(spec: Spec) -> str:
    return f"({spec.describe()})" if isinstance(spec, Combined) else spec.describe()


def forbid_tokens(spec: Spec, what: str) -> None:
    if isinstance(spec, Windowed) and spec.counts_tokens:
        raise UnsupportedError(
            f"{what} {spec.describe()} is not supported: tokens are counted of whole outputs",
            keyword="tokens",
            hint="intersect the whole with Text(tokens=...), or count characters or words",
        )


def _fault(part: Spec, text: str, *, complete: bool) -> tuple[int, int] | None:
    """What is wrong with `text`, the automaton's objections included."""
    state, rows = 0, part.automaton.rows
    for place, character in enumerate(text, 1):
        for byte in character.encode():
            if state >= 0:
                state = rows[state][byte]
        if state < 0:
            return 0, place
    if complete and not part.automaton.accepting[state]:
        return 0, len(text)
    return part.fault(text, complete=complete)


def _written(part: Spec, value: Any) -> str | None:
    try:
        return part.dumps(value)
    except SpecError:
        return None
