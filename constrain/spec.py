"""What every specification can do: a set of texts, each standing for a value.

A `Spec` knows its language (an `Automaton` over UTF-8 bytes), how to read a value from an accepted text, and how to
write one. None of it needs a model or a tokenizer.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, Any

from constrain.automaton import Automaton
from constrain.errors import SpecError, UnsatisfiableError

if TYPE_CHECKING:
    from constrain.relations import Rule
    from constrain.ruled import Rulebook

__all__ = ["Spec"]


class Spec(ABC):
    """A set of texts, each standing for a value."""

    @abstractmethod
    def _language(self) -> Automaton: ...

    @abstractmethod
    def parse(self, text: str) -> Any:
        """The value that an accepted `text` stands for."""

    @abstractmethod
    def dumps(self, value: Any) -> str:
        """An accepted text that stands for `value`; `SpecError` if there is none."""

    @abstractmethod
    def describe(self) -> str:
        """One line: what this is."""

    @property
    def bounded(self) -> tuple[str, ...]:
        """The bounds under which the language was built, in words; empty when it is the whole of what was asked."""
        return ()

    @cached_property
    def automaton(self) -> Automaton:
        """The language's minimal automaton. Raises `UnsatisfiableError` when no text satisfies the specification."""
        automaton = self._language()
        if automaton.is_empty():
            raise self._unsatisfiable()
        return automaton

    def _unsatisfiable(self) -> UnsatisfiableError:
        return UnsatisfiableError(f"no text satisfies {self.describe()}", hint="its rules contradict each other")

    @property
    def residual(self) -> bool:
        """Whether there is more to the specification than the automaton decides, so that `fault` has to be asked."""
        return False

    @property
    def whole(self) -> bool:
        """Whether it is decoded by the rules between its parts, and so only as a whole, never inside another one."""
        return False

    def fault(self, text: str, *, complete: bool = True) -> tuple[int, int] | None:
        """What is wrong with `text` beyond the automaton: where the offending part begins and ends, in characters.

        None when nothing is. Nothing that begins with `text[:end]` is right, whatever follows; an end of `len(text)` in
        a complete text may also mean that this text alone is wrong. `begin` only says where to look for a remedy.
        Unless `complete`, `text` is the beginning of a document, cut anywhere, and wrong only if all that begin so are.
        """
        return None

    def objection(self, text: str, *, complete: bool = True) -> int | None:
        """The number of characters of the shortest prefix of `text` known to be wrong, None when nothing is."""
        fault = self.fault(text, complete=complete)
        return None if fault is None else fault[1]

    def accepts(self, text: str, *, residual: bool = True) -> bool:
        """Whether `text` is in the language, by the very automaton, and with `residual` the very check, of decoding."""
        if not self.automaton.accepts(text.encode("utf-8", "surrogatepass")):
            return False
        return not (residual and self.residual) or self.objection(text) is None

    def explain(self) -> str:
        """What the language is and how large: states, shortest and longest text, bounds."""
        automaton = self.automaton
        longest = automaton.longest()
        lines = [
            self.describe(),
            f"  byte automaton: {automaton.states:,} states, {automaton.table.shape[1]} byte classes",
            f"  shortest text:  {_quote(automaton.shortest())}",
            f"  longest text:   {'unbounded' if longest is None else f'{longest:,} bytes'}",
        ]
        return "\n".join(lines + [f"  bounded:        {note}" for note in self.bounded])

    def __repr__(self) -> str:
        return f"<{self.describe()}>"

    def __or__(self, other: Any) -> Spec:
        """The texts of either; the value is that of the first one that accepts the text."""
        from constrain.algebra import either

        return either(self, other)

    def __ror__(self, other: Any) -> Spec:
        from constrain.algebra import either

        return either(other, self)

    def __and__(self, other: Any) -> Spec:
        """The texts of both; the value is that of the left one."""
        from constrain.algebra import both

        return both(self, other)

    def __rand__(self, other: Any) -> Spec:
        from constrain.algebra import both

        return both(other, self)

    def __invert__(self) -> Spec:
        """The well-formed texts that this one does not accept."""
        from constrain.algebra import complement

        return complement(self)

    def __add__(self, other: Any) -> Spec:
        """A text of each, one after the other; the value is the tuple of all values."""
        from constrain.algebra import joined

        return joined(self, other)

    def __radd__(self, other: Any) -> Spec:
        from constrain.algebra import joined

        return joined(other, self)

    def optional(self) -> Spec:
        """The empty text, which stands for None, or a text of this."""
        from constrain.algebra import maybe

        return maybe(self)

    def repeat(self, low: int = 0, high: int | None = None) -> Spec:
        """Between `low` and `high` (None: no limit) texts of this, one after the other; the value is a list."""
        from constrain.algebra import repetition

        return repetition(self, low, high)

    def where(self, *rules: Rule) -> Spec:
        """The texts whose values keep `rules`, the variables of which are paths to fields: see `constrain.ruled`.

        `spec.where(constrain.Sum(["lines.*.amount"], "==", "total"), constrain.Less("start", "end"))`.
        """
        from constrain.ruled import Ruled

        return Ruled(self, rules)

    @property
    def rulebook(self) -> Rulebook | None:
        """The rules across fields, by which texts that break them can be repaired; None if there are none."""
        return None

    def _checked(self, value: Any, text: str) -> str:
        if not self.accepts(text):
            raise SpecError(f"{value!r} does not satisfy {self.describe()}")
        return text


def _quote(data: bytes, limit: int = 60) -> str:
    text = data.decode("utf-8", "backslashreplace")
    return repr(text if len(text) <= limit else text[: limit - 1] + "…")
