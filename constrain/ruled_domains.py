"""Which values a field may have in a given text: what its automaton accepts between what stands around it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import numpy as np
from numpy.typing import NDArray

from constrain.automaton import Automaton
from constrain.ruled_trees import Scalar
from constrain.ruled_values import Coding, spell_time

__all__ = ["MAX_DIGITS", "MAX_LENGTH", "MAX_WORDS", "Gap", "gaps"]

MAX_WORDS: Final = 200
"""How many words of a field without a scale are tried besides those that were seen."""

MAX_DIGITS: Final = 9
"""How many digits before the point numbers have that were not seen."""

MAX_LENGTH: Final = 64

_FRONTIER = 400  # beginnings of words that are kept; words that differ in their last letters are as good as any
_DAYS = range(-719_162, 2_932_897)  # from 0001-01-01 to 9999-12-31
_SECONDS = range(_DAYS.start * 86_400, _DAYS.stop * 86_400)
_DENSE = 1_000  # values that are asked one by one whether they are there, where some in between are not
_ORDINARY = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 -_.,:/@"
_LETTERS = bytes(dict.fromkeys(_ORDINARY + bytes(range(0x20, 0x7F)) + bytes(range(256))))
_OUTSIDE = b" \t\r\n,:[]{}"  # never in a single value of JSON, but for strings

_REMEMBERED = 256
_WORDS: Final[dict[tuple[object, ...], tuple[Automaton, tuple[list[bytes], bool]]]] = {}
"""The words of gaps, which many texts of one automaton share."""


@dataclass(frozen=True, eq=False)
class Gap:
    """The words between two places of a text: from state `start` into one of `ends`, bool `[S + 1]`, as `written`
    begins. `quoted` says that the field is spelled as JSON.
    """

    automaton: Automaton
    start: int
    ends: NDArray[np.bool_]
    written: bytes
    quoted: bool

    def accepts(self, word: bytes) -> bool:
        return word.startswith(self.written) and bool(self.ends[self.automaton.step(self.start, word)])

    def spell(self, coding: Coding, value: Scalar, decimals: int = 0) -> bytes | None:
        """The word for a value, None if there is none. Of a field with a coding, the value is the number of units of
        10^-decimals.
        """
        return next((word for word in self._spellings(coding, value, decimals) if self.accepts(word)), None)

    def _spellings(self, coding: Coding, value: Scalar, decimals: int) -> Iterator[bytes]:
        if coding == "raw":
            bare = isinstance(value, str) and not self.quoted
            yield (str(value) if bare else json.dumps(value, ensure_ascii=False)).encode("utf-8", "surrogatepass")
        elif coding == "number":
            exact = Decimal(value or 0).scaleb(-decimals)
            least = max(0, -int(exact.normalize().as_tuple().exponent))
            for places in dict.fromkeys([decimals, 2, *range(least, decimals)]):
                if places >= least:
                    yield f"{exact:.{places}f}".encode()
        elif int(value or 0) % 10**decimals == 0:
            text = spell_time(coding, int(value or 0) // 10**decimals)
            if text is not None:
                yield (f'"{text}"' if self.quoted else text).encode()

    def scale(self, coding: Coding, decimals: int) -> Sequence[int]:
        """The values of a field with a coding, in units of 10^-decimals; there may be some too many."""
        unit = 10**decimals
        if self.written:
            return ()
        if coding != "number":
            seconds = _DAYS if coding == "date" else _SECONDS if coding == "date-time" else range(86_400)
            return range(seconds.start * unit, (seconds.stop - 1) * unit + 1, unit)
        found = next((found for places in range(decimals, -1, -1) if (found := self._numbers(places))), None)
        if found is None:
            return ()
        places, count, low, high = found
        unit = 10 ** (decimals - places)
        if count >= high - low + 1:
            return range(low * unit, high * unit + 1, unit)
        if high - low <= _DENSE:
            return [n * unit for n in range(low, high + 1) if self.spell("number", n, places) is not None]
        step = (high - low) // (count - 1)
        regular = (high - low) % step == 0 and (high - low) // step + 1 == count
        step = step if regular else 1
        return range(low * unit, high * unit + 1, step * unit)

    def _numbers(self, places: int) -> tuple[int, int, int, int] | None:
        """Of the numbers with so many decimals: these, how many there are, the least and the greatest."""
        total, low, high = 0, 0, 0
        for sign in (1, -1):
            for count, least, most in self._magnitudes(b"" if sign > 0 else b"-", places):
                if sign < 0 and least == 0:  # -0.00 is the same number as 0.00
                    count -= 1
                    if not most:
                        continue
                a, b = sorted((sign * least, sign * most))
                low, high = (a, b) if not total else (min(a, low), max(b, high))
                total += count
        return (places, total, low, high) if total else None

    def _magnitudes(self, sign: bytes, places: int) -> Iterator[tuple[int, int, int]]:
        """By the number of digits: how many numbers there are, the least and the greatest."""
        start = self.automaton.step(self.start, sign)
        if start < 0:
            return
        zero = self._longer({start: (1, 0, 0)}, b"0")
        yield from self._finished(zero, places)
        layer = self._longer({start: (1, 0, 0)}, b"123456789")
        for _ in range(MAX_DIGITS):
            yield from self._finished(layer, places)
            layer = self._longer(layer, b"0123456789")

    def _finished(self, layer: dict[int, tuple[int, int, int]], places: int) -> Iterator[tuple[int, int, int]]:
        if places:
            layer = self._longer(layer, b".")
            for _ in range(places):
                layer = self._longer(layer, b"0123456789")
        found = [each for state, each in layer.items() if self.ends[state]]
        if found:
            yield sum(each[0] for each in found), min(each[1] for each in found), max(each[2] for each in found)

    def _longer(self, layer: dict[int, tuple[int, int, int]], symbols: bytes) -> dict[int, tuple[int, int, int]]:
        """By state, how many numbers lead there, the least and the greatest, after one of the digits, or the point."""
        longer: dict[int, tuple[int, int, int]] = {}
        for state, (count, least, most) in layer.items():
            row = self.automaton.rows[state]
            for symbol in symbols:
                target = row[symbol]
                if target >= 0:
                    unit, n = (1, 0) if symbol == ord(".") else (10, symbol - ord("0"))
                    low, high = unit * least + n, unit * most + n
                    known = longer.get(target, (0, low, high))
                    longer[target] = known[0] + count, min(known[1], low), max(known[2], high)
        return longer

    def words(self, limit: int = MAX_WORDS) -> tuple[list[bytes], bool]:
        """Some words, shortest first, and whether they are all. None is longer than `MAX_LENGTH` bytes more than what
        is written.
        """
        key = id(self.automaton), self.start, self.ends.tobytes(), self.written, self.quoted, limit
        known = _WORDS.get(key)
        if known is None or known[0] is not self.automaton:
            if len(_WORDS) >= _REMEMBERED:
                _WORDS.clear()
            known = _WORDS[key] = self.automaton, self._words(limit)
        return known[1]

    def _words(self, limit: int) -> tuple[list[bytes], bool]:
        start = self.automaton.step(self.start, self.written)
        frontier = [(self.written, start)] if start >= 0 else []
        found = [self.written] if start >= 0 and self.ends[start] and not self.quoted else []
        complete = True
        for _ in range(MAX_LENGTH):
            if not frontier or len(found) >= limit:
                break
            longer: list[tuple[bytes, int]] = []
            for word, state in frontier:
                if len(found) >= limit:
                    break
                letters = _LETTERS if len(longer) < _FRONTIER else b'"'
                for more, target in self._extended(word, state, letters):
                    closed = self.quoted and _is_closed(more)
                    if self.ends[target] and (closed or not self.quoted or not more.startswith(b'"')):
                        found.append(more)
                    if not closed:
                        longer.append((more, target))
                complete &= letters is _LETTERS
            frontier = longer
        return found[:limit], complete and not frontier and len(found) <= limit

    def _extended(self, word: bytes, state: int, letters: bytes) -> Iterator[tuple[bytes, int]]:
        row = self.automaton.rows[state]
        inside = not self.quoted or word.startswith(b'"')
        for byte in letters:
            if row[byte] >= 0 and (inside or byte not in _OUTSIDE):
                yield word + bytes([byte]), row[byte]


def _is_closed(word: bytes) -> bool:
    """Whether a JSON string has ended."""
    if len(word) < 2 or not (word.startswith(b'"') and word.endswith(b'"')):
        return False
    before = word[:-1]
    return (len(before) - len(before.rstrip(b"\\"))) % 2 == 0


def gaps(automaton: Automaton, data: bytes, spans: Sequence[tuple[int, int, int, bool]]) -> list[Gap]:
    """The gaps that open where the spans are cut out of an accepted text: (begin, end, written, quoted), in bytes.

    Each by itself: the others stay as they are. What is `written` of a field stands.
    """
    states = [0]
    for byte in data:
        states.append(automaton.rows[states[-1]][byte])
    ends: dict[int, NDArray[np.bool_]] = {}
    wanted = {end for _, end, _, _ in spans}
    table = np.vstack([automaton.table, np.full((1, automaton.table.shape[1]), -1, np.int32)])
    right = np.append(automaton.accepting, False)  # index -1 is the dead state
    for place in range(len(data), min(wanted, default=len(data)) - 1, -1):
        if place < len(data):
            right = right[table[:, automaton.byte_class[data[place]]]]
        if place in wanted:
            ends[place] = right
    return [
        Gap(automaton, states[begin], ends[end], data[begin : begin + written], quoted)
        for begin, end, written, quoted in spans
    ]
