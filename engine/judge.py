"""What a spec says of a canvas beyond its automaton, in tokens: the residual check on decoded text."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from dataclasses import dataclass, field

from constrain.constraint import Constraint
from constrain.engine.repair import Planner

__all__ = ["Judge"]

_EXCERPT = 60  # characters


@dataclass(eq=False)
class Judge:
    """Judges candidates for one canvas of one row, whose earlier canvases spell `written` and lead to state `start`.

    On the `last` canvas every candidate must be a complete text; on others, one that has ended its turn, or that
    nothing may follow; and where there are rules across fields, any other must have a plan (`Planner`). What is found
    out is remembered: one judge serves all passes over a canvas.
    """

    constraint: Constraint
    start: int
    written: bytes
    last: bool
    planner: Planner | None = None
    kept: list[int] | None = None
    """The latest candidate, up to its end of turn, that there was nothing to say against."""
    example: str = ""
    """The offending part of the first candidate that there was something to say against; its end if it is long."""
    _right: set[tuple[bytes, bool]] = field(default_factory=set)
    _wrong: dict[bytes, int] = field(default_factory=dict)
    """Beginnings that nothing can make right, and where in them the offending part begins."""
    _wrong_as_a_whole: dict[bytes, int] = field(default_factory=dict)

    def fault(self, tokens: Sequence[int], state: int) -> tuple[int, int] | None:
        """The tokens at fault, from and to, in a candidate that ends in `state`; None if it is right.

        No candidate that begins with `tokens[:to]` is right. `tokens` are ordinary, but for a last one that may end the
        turn. Where what is written already is at fault, both are 0.
        """
        spelled = self.constraint.spelled(self.start, tokens)
        data = self.written + b"".join(spelled)
        complete = self.last or self.constraint.is_complete(state)
        found = self._in_bytes(data, complete)
        if found is None:
            if self.planner is not None and not complete and self.planner.completed(data) is None:
                self.example = self.example or data.decode("utf-8", "replace")[-_EXCERPT:]
                return 0, len(tokens)
            self.kept = list(tokens)
            return None
        begin, end = found
        ends = [len(self.written)]
        for each in spelled:
            ends.append(ends[-1] + len(each))
        whole = end > len(data)
        stop = len(tokens) if whole else next(n for n, length in enumerate(ends) if length >= end)
        start = sum(length <= begin for length in ends[1:])
        return min(start, max(stop - 1, 0)), stop

    def until_end(self, tokens: Sequence[int]) -> list[int]:
        """`tokens` of a canvas, up to their end of turn."""
        ends = (n for n, token in enumerate(tokens, 1) if token in self.constraint.vocabulary.end_of_turn)
        return list(tokens[: next(ends, len(tokens))])

    def passes(self, tokens: Sequence[int]) -> bool:
        """Whether there is nothing to say against a canvas, given up to its end of turn."""
        return self.fault(tokens, self.constraint.advance(self.start, list(tokens))) is None

    def _in_bytes(self, data: bytes, complete: bool) -> tuple[int, int] | None:
        """The bytes at fault; one past the end of `data` means that something might follow and make it right."""
        for end in {len(beginning) for beginning in self._wrong}:
            if data[:end] in self._wrong:
                return self._wrong[data[:end]], end
        if complete and data in self._wrong_as_a_whole:
            return self._wrong_as_a_whole[data], len(data) + 1
        if (data, complete) in self._right:
            return None
        text = codecs.getincrementaldecoder("utf-8")("replace").decode(data)  # without half a character at its end
        fault = self.constraint.spec.fault(text, complete=complete)
        if fault is None:
            self._right.add((data, complete))
            return None
        self.example = self.example or text[slice(*fault)][-_EXCERPT:]
        whole = complete and fault[1] >= len(text)
        for_good = self.constraint.spec.fault(text, complete=False) if whole else fault
        if for_good is None:
            self._wrong_as_a_whole[data] = begin = _bytes(text, fault[0])
            return begin, len(data) + 1
        begin, end = (_bytes(text, place) for place in for_good)
        self._wrong[data[:end]] = begin
        return begin, end


def _bytes(text: str, characters: int) -> int:
    return len(text[:characters].encode())
