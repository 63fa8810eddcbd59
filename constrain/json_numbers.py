"""Sets of JSON numbers between two bounds, as small automata that compare digit by digit.

Unbounded numbers have the full grammar of RFC 8259. Bounded ones are spelled as plain decimals, without an exponent:
the automaton reads the digits of the number beside the digits of each bound and needs a handful of states per digit.
Integers have neither fraction nor exponent. A zero written as an integer or within bounds has no sign.
"""

from __future__ import annotations

import math
from decimal import Decimal
from functools import lru_cache
from typing import TypeAlias

import numpy as np

from constrain.automaton import Automaton
from constrain.errors import LimitError
from constrain.expression import (
    NOTHING,
    Expression,
    byte_range,
    byte_set,
    compile_expression,
    concat,
    literal,
    optional,
    repeat,
    union,
)

__all__ = ["MAX_DIGITS", "integers", "numbers"]

MAX_DIGITS = 1_000
"""How many digits a bound may have. The largest double has 309, the smallest 324 behind the point."""

_SYMBOLS = b"0123456789."
_DIGIT = byte_range(0x30, 0x39)
_WHOLE = union(literal(b"0"), concat(byte_range(0x31, 0x39), repeat(_DIGIT)))
_MINUS = literal(b"-")
_LEAST = Decimal("1e-20")
"""What counts as the number next to an exclusive bound of 0; the next double, 5e-324, would take 324 digits."""


@lru_cache(maxsize=1024)
def integers(low: int | None, high: int | None) -> Expression:
    """`{n : low <= n <= high}` without fraction, exponent or superfluous zeros; None stands for no bound."""
    if low is None and high is None:
        return union(literal(b"0"), concat(optional(_MINUS), byte_range(0x31, 0x39), repeat(_DIGIT)))
    lower, upper = (None if bound is None else Decimal(bound) for bound in (low, high))
    return _signed(lower, upper, whole=True)


@lru_cache(maxsize=1024)
def numbers(low: Decimal | None, high: Decimal | None, low_open: bool = False, high_open: bool = False) -> Expression:
    """`{x : low <= x <= high}`, strictly where the end is open; None stands for no bound.

    Every member is also within the bounds when a reader rounds it to a double: an open end therefore stops at the
    neighbouring double, and an open end at 0 stops at 1e-20.
    """
    if low is None and high is None:
        exponent = concat(byte_set(b"eE"), optional(byte_set(b"+-")), repeat(_DIGIT, 1))
        return concat(optional(_MINUS), _WHOLE, optional(concat(literal(b"."), repeat(_DIGIT, 1))), optional(exponent))
    lower = None if low is None else _closed_upper(low.copy_negate(), low_open).copy_negate()
    upper = None if high is None else _closed_upper(high, high_open)
    return _signed(lower, upper, whole=False)


def _closed_upper(bound: Decimal, is_open: bool) -> Decimal:
    """The largest u such that x <= u implies x <= bound, or x < bound if open, for x exact and for x as a double."""
    nearest = float(bound)
    is_double = bound in (Decimal(repr(nearest)), Decimal(nearest))
    if is_double and not is_open:
        return bound
    if is_double:
        return Decimal(repr(math.nextafter(nearest, -math.inf))) if bound else -_LEAST
    below = nearest if Decimal(nearest) < bound else math.nextafter(nearest, -math.inf)
    return Decimal(below)


def _signed(low: Decimal | None, high: Decimal | None, *, whole: bool) -> Expression:
    """Plain decimals between closed bounds: the magnitudes of both signs, zero among the unsigned ones."""
    if low is not None and high is not None and low > high:
        return NOTHING
    unsigned: Expression = NOTHING
    negative: Expression = NOTHING
    if high is None or high >= 0:
        unsigned = _magnitudes(max(low or Decimal(0), Decimal(0)), high, whole=whole)
    if low is None or low < 0:
        least = Decimal(0) if high is None or high >= 0 else high.copy_abs()
        most = None if low is None else low.copy_abs()
        negative = concat(_MINUS, _magnitudes(least, most, whole=whole, positive=True))
    return compile_expression(union(unsigned, negative))


_State: TypeAlias = tuple[str, int, int]
"""Phase, how many digits of the bound have been compared, and the sign of the comparison so far."""

_START: _State = ("start", 0, 0)


class _Comparison:
    """Reading a plain decimal beside a bound b >= 0: after each symbol, what is known of the sign of x - b.

    In the phases "zero" (a leading 0) and "whole", the number of digits read decides unless it is that of b's whole
    part. In "point" and "fraction" the sign is final unless 0; then as many digits equal those of b's fraction.
    """

    def __init__(self, bound: Decimal) -> None:
        digits = format(bound.copy_abs(), "f")
        if len(digits) > MAX_DIGITS:
            raise LimitError(
                f"a numeric bound has {len(digits):,} digits",
                limit=MAX_DIGITS,
                given=len(digits),
                hint="round the bound",
            )
        self.whole, _, fraction = digits.partition(".")
        self.fraction = fraction.rstrip("0")

    def follow(self, state: _State, symbol: str) -> _State | None:
        phase, index, sign = state
        if symbol == ".":
            return ("point", 0, self._whole_sign(index, sign)) if phase in ("zero", "whole") else None
        match phase:
            case "start":
                return ("zero" if symbol == "0" else "whole", 1, _sign(symbol, self.whole[0]))
            case "zero":
                return None
            case "whole" if index >= len(self.whole):
                return ("whole", index, 1) if index > len(self.whole) else ("whole", index + 1, 1)
            case "whole":
                return ("whole", index + 1, sign or _sign(symbol, self.whole[index]))
            case _ if sign:
                return ("fraction", 0, sign)
            case _ if index < len(self.fraction):
                sign = _sign(symbol, self.fraction[index])
                return ("fraction", 0 if sign else index + 1, sign)
            case _:
                return ("fraction", index, 0) if symbol == "0" else ("fraction", 0, 1)

    def outcome(self, state: _State) -> int | None:
        """The sign of x - b for the number read so far; None if it is not a number."""
        phase, index, sign = state
        if phase in ("start", "point"):
            return None
        if phase in ("zero", "whole"):
            index, sign = 0, self._whole_sign(index, sign)
        return sign or (-1 if index < len(self.fraction) else 0)

    def _whole_sign(self, digits: int, sign: int) -> int:
        return sign if digits == len(self.whole) else -1 if digits < len(self.whole) else 1


def _sign(a: str, b: str) -> int:
    return (a > b) - (a < b)


def _magnitudes(low: Decimal, high: Decimal | None, *, whole: bool, positive: bool = False) -> Automaton:
    """`{x : low <= x <= high, x >= 0}`, or x > 0 if `positive`, crawled over pairs of comparisons."""
    sides = [_Comparison(low), _Comparison(low if high is None else high)]
    symbols = _SYMBOLS[:-1] if whole else _SYMBOLS
    start = (_START, _START)
    number, queue = {start: 0}, [start]
    rows: list[list[int]] = []
    accepting: list[bool] = []
    for pair in queue:
        row = [-1] * len(_SYMBOLS)
        for column, symbol in enumerate(symbols.decode()):
            left, right = sides[0].follow(pair[0], symbol), sides[1].follow(pair[1], symbol)
            if left is not None and right is not None:
                row[column] = number.setdefault((left, right), len(number))
                if len(number) > len(queue):
                    queue.append((left, right))
        rows.append([*row, -1])
        above, below = sides[0].outcome(pair[0]), sides[1].outcome(pair[1])
        reached = above is not None and above >= (1 if positive and not low else 0)
        accepting.append(reached and (high is None or (below is not None and below <= 0)))
    byte_class = np.full(256, len(_SYMBOLS), np.uint8)
    byte_class[list(_SYMBOLS)] = range(len(_SYMBOLS))
    return Automaton.from_table(np.array(rows, np.int32), byte_class, np.array(accepting))
