"""Automata that read the text of a number and know, symbol by symbol, in which of some intervals it may still lie.

While the whole part is read, an interval is two strings of digits still to be compared, or only how many digits may
come; in a fraction the first digit that differs decides. What has been read of a mantissa says which exponents may
follow. A state is what is left of the intervals, not where it came from: equal futures meet in one state, and a bound
costs a handful of states per digit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal, TypeAlias

from constrain.automaton import Automaton
from constrain.number_states import ANY_EXPONENT, Exponent, Row, crawl, row

__all__ = [
    "DOUBLES",
    "PLACES",
    "PRINTED_EXPONENTS",
    "SHORT_PLACES",
    "Form",
    "Fraction",
    "Intervals",
    "Magnitude",
    "Number",
    "Part",
    "Whole",
    "mantissas",
    "part",
    "texts",
]

Form: TypeAlias = Literal["fraction", "plain"] | None
"""None: all numbers; else only integers, and if "plain" without a point, an exponent, or the sign of -0."""

Intervals: TypeAlias = list[tuple[Decimal | None, Decimal | None]]
"""Disjoint closed intervals; None stands for no end."""

DOUBLES: Final = (Decimal("3e-324"), Decimal("1.7976931348623157e308"))
"""Between these magnitudes a decimal is read as a finite double that is not 0."""

PLACES: Final = 16
"""The shortest text of a double has at most so many digits behind the point of its mantissa."""

SHORT_PLACES: Final = 2
"""With so many decimals all exponents are admitted (2.50e1); with more, only those of `PRINTED_EXPONENTS`."""

PRINTED_EXPONENTS: Final = ((-324, -5), (16, 308))
"""The exponents with which Python prints doubles. JavaScript begins later on both sides."""

_ZERO: Final = Decimal(0)
_ONE: Final = Decimal(1)
_INTEGER_DIGITS: Final = 16  # before ".0"; from 1e16 on doubles are printed with an exponent


def texts(whole: Intervals, plain: Intervals, scientific: Intervals, form: Form = None) -> Automaton:
    """The numbers of the form whose text is of one of three kinds and which lie in one of the intervals for it.

    The kinds are digits without a point, digits with a point, and a mantissa with an exponent of at most three digits:
    one digit, perhaps with decimals, not 0 unless the number is; its magnitude is within `DOUBLES`.
    """
    if form == "plain":
        plain = scientific = []
    positive = _magnitudes(whole, plain, scientific, form)
    negative = _magnitudes(_mirrored(whole), _mirrored(plain), _mirrored(scientific), form)
    if form == "plain":
        negative = Magnitude(None, negative.whole)
    return crawl(Number(positive, negative))


Fraction: TypeAlias = tuple[str, str | None, tuple[int, int] | None]
"""The digits from `low` to `high` (None: to the end), and the exponents for a mantissa of them."""

Part: TypeAlias = tuple[str | int, str | int | None, Fraction | None]
"""The whole parts between two ends, and the fractions that may follow; None: that none does.

An end is the digits that it still has, or the least or greatest number of digits to come (None: no greatest).
"""

_ALL: Final[Fraction] = ("", None, None)
_ZEROS: Final[Fraction] = ("", "", None)
_NONE: Final[frozenset[Fraction]] = frozenset()
_EVERY: Final = frozenset([_ALL])


@dataclass(frozen=True, slots=True)
class Number:
    positive: Magnitude
    negative: Magnitude

    def follow(self) -> tuple[bool, Row]:
        digits = self.positive.follow()[1][:10]
        return False, row(digits, minus=self.negative)


@dataclass(frozen=True, slots=True)
class Magnitude:
    """After the sign: what a first digit 0 leads to, and what is read if it is another."""

    zero: Whole | None
    whole: Whole

    def follow(self) -> tuple[bool, Row]:
        mantissas = self.whole.mantissa.follow(decimal=False) if self.whole.mantissa else [None] * 10
        return False, row([self.zero, *self.whole.digits(mantissas)[1:]])


@dataclass(frozen=True, slots=True)
class Whole:
    """Within the whole part. `room`: how many digits more an integer with a point may have; None: not only integers."""

    parts: frozenset[Part]
    mantissa: Mantissa | None
    room: int | None

    def follow(self) -> tuple[bool, Row]:
        inside = {label for low, _, label in self.parts if low == 0}
        fractions = frozenset(label for label in inside if label is not None)
        if self.room is not None:
            exactly = self.room >= 0 and any(low == "" for low, _, _ in fractions)
            fractions = frozenset([_ZEROS] if exactly else [])
        point = _Decimals(fractions, self.mantissa, False) if fractions or self.mantissa else None
        exponent = self.mantissa.exponent() if self.mantissa else None
        return None in inside, row(self.digits([None] * 10), point=point, e=exponent)

    def digits(self, mantissas: Sequence[Mantissa | None]) -> list[Whole | None]:
        """What each digit leads to; `mantissas` are those that have it as their first."""
        following: dict[int, list[Part]] = {}
        for low, high, label in self.parts:
            first, last = 0, 9
            if isinstance(low, str) and isinstance(high, str) and len(low) == len(high):
                first, last = int(low[0]), int(high[0])
            for digit in range(first, last + 1):
                least, most = _low_after(low, digit), _high_after(high, digit)
                if most is None or _length(least) <= _length(most):
                    following.setdefault(digit, []).append((least, most, label))
        room = None if self.room is None else max(self.room - 1, -1)
        made: dict[tuple[tuple[Part, ...], int], Whole | None] = {((), id(None)): None}  # most digits lead to one state
        digits = []
        for digit, mantissa in enumerate(mantissas):
            key = tuple(following.get(digit, ())), id(mantissa)
            if key not in made:
                made[key] = Whole(frozenset(key[0]), mantissa, room)
            digits.append(made[key])
        return digits


@dataclass(frozen=True, slots=True)
class _Decimals:
    """Behind the point; the text may not end before the first digit."""

    fractions: frozenset[Fraction]
    mantissa: Mantissa | None
    begun: bool = True

    def follow(self) -> tuple[bool, Row]:
        mantissas = self.mantissa.follow() if self.mantissa else [None] * 10
        made: dict[tuple[int, int], _Decimals | None] = {}
        digits = []
        for fractions, mantissa in zip(_after(self.fractions), mantissas, strict=True):
            key = id(fractions), id(mantissa)
            if key not in made:
                made[key] = _Decimals(fractions, mantissa) if fractions or mantissa else None
            digits.append(made[key])
        if not self.begun:
            return False, row(digits)
        exponent = self.mantissa.exponent() if self.mantissa else None
        return any(low == "" for low, _, _ in self.fractions), row(digits, e=exponent)


@dataclass(frozen=True, slots=True)
class Mantissa:
    """Within the digits of a mantissa. `places`: how many decimals it has, if it must make an integer, else None;
    `least`: the least exponent with which it does.
    """

    fractions: frozenset[Fraction]
    places: int | None = None
    least: int = ANY_EXPONENT[0]

    def follow(self, *, decimal: bool = True) -> list[Mantissa | None]:
        """What each digit leads to, which is behind the point or the one before it."""
        read = self.places if self.places is None or not decimal else self.places + 1
        if read is not None and read > PLACES:
            return [None] * 10
        following: list[Mantissa | None] = []
        made: dict[tuple[int, int], Mantissa | None] = {}  # most digits lead to one state
        for digit, fractions in enumerate(_after(self.fractions)):
            least = self.least
            if read is not None and decimal:
                least = PRINTED_EXPONENTS[1][0] if read > SHORT_PLACES else read if digit else least
            key = id(fractions), least
            if key not in made:
                possible = any(label is not None and label[1] >= least for _, _, label in fractions)
                made[key] = Mantissa(fractions, read, least) if possible else None
            following.append(made[key])
        return following

    def exponent(self) -> Exponent | None:
        labels = [label for low, _, label in self.fractions if low == "" and label]
        return Exponent.among((max(low, self.least), high) for low, high in labels if high >= self.least)


def _after(fractions: frozenset[Fraction]) -> list[frozenset[Fraction]]:
    """What is left of the fractions after each digit."""
    if _ALL in fractions:
        return [_EVERY] * 10
    following: dict[int, list[Fraction]] = {}
    for low, high, label in fractions:
        first = int(low[0]) if low else 0
        last = 9 if high is None else int(high[0]) if high else 0
        for digit in range(first, last + 1):
            rest = high[1:] if high is not None and digit == last else None
            following.setdefault(digit, []).append((low[1:] if digit == first else "", rest, label))
    made: dict[tuple[Fraction, ...], frozenset[Fraction]] = {(): _NONE}
    rows = (tuple(following.get(digit, ())) for digit in range(10))
    return [made[rest] if rest in made else made.setdefault(rest, frozenset(rest)) for rest in rows]


def _low_after(low: str | int, digit: int) -> str | int:
    if isinstance(low, int):
        return max(low - 1, 0)
    return _low_end(low[1:]) if digit == int(low[0]) else len(low) - (digit > int(low[0]))


def _high_after(high: str | int | None, digit: int) -> str | int | None:
    if not isinstance(high, str):
        return None if high is None else high - 1
    return _high_end(high[1:]) if digit == int(high[0]) else len(high) - 1 - (digit > int(high[0]))


def _low_end(digits: str) -> str | int:
    return digits if digits.strip("0") else len(digits)


def _high_end(digits: str) -> str | int:
    return digits if digits.strip("9") else len(digits)


def _length(end: str | int) -> int:
    return len(end) if isinstance(end, str) else end


def _mirrored(intervals: Intervals) -> Intervals:
    return [
        (None if high is None else high.copy_negate(), None if low is None else low.copy_negate())
        for low, high in intervals
    ]


def _magnitudes(whole: Intervals, plain: Intervals, scientific: Intervals, form: Form) -> Magnitude:
    """The numbers from 0 on; an interval that contains 0 has a zero of either sign."""
    zeros: set[Part] = set()
    parts: set[Part] = set()

    def add(low: int, high: int | None, label: Fraction | None) -> None:
        if not low:
            zeros.add((0, 0, label))
        low = max(low, 1)
        if high is None or low <= high:
            parts.add(part(low, high, label))

    for low, high in _unsigned(whole):
        add(int(low), None if high is None else int(high), None)
    for low, high in _unsigned(plain):
        least, above = _split(low)
        if high is None:
            most, below = None, ""
        else:
            most, below = _split(high)
            add(most, most, (above if least == most else "", below, None))
        if least != most and above:
            add(least, least, (above, None, None))
        first, last = least + bool(above), None if most is None else most - 1
        if last is None or first <= last:
            add(first, last, _ALL)
    integral = form == "fraction"
    zero = Mantissa(frozenset([("", "", ANY_EXPONENT)])) if any(low <= 0 for low, _ in _unsigned(scientific)) else None
    mantissa = mantissas(scientific, integral=integral)
    return Magnitude(
        Whole(frozenset(zeros), zero, 0 if integral else None) if zeros or zero else None,
        Whole(frozenset(parts), mantissa, _INTEGER_DIGITS if integral else None),
    )


def _unsigned(intervals: Intervals) -> list[tuple[Decimal, Decimal | None]]:
    return [(max(low or _ZERO, _ZERO), high) for low, high in intervals if high is None or high >= 0]


def _split(number: Decimal) -> tuple[int, str]:
    """The whole part, and the digits of the fraction."""
    digits, _, fraction = format(number, "f").partition(".")
    return int(digits), fraction.rstrip("0")


def part(low: int, high: int | None, label: Fraction | None) -> Part:
    """The positive whole parts from `low` to `high`."""
    return 1 if low == 1 else _low_end(str(low)), None if high is None else _high_end(str(high)), label


def mantissas(intervals: Intervals, *, integral: bool = False) -> Mantissa:
    """The magnitudes in the intervals, cut between exponents."""
    found: list[Fraction] = []
    for low, high in _unsigned(intervals):
        least, most = max(low, _ONE if integral else DOUBLES[0]), DOUBLES[1] if high is None else min(high, DOUBLES[1])
        if least > most:
            continue
        first, last = least.adjusted(), most.adjusted()
        above, below = ("".join(map(str, end.as_tuple().digits)).rstrip("0") for end in (least, most))
        if first == last:
            found.append((above, below, (first, first)))
        else:
            found += [(above, None, (first, first)), ("", below, (last, last))]
            found += [("", None, (first + 1, last - 1))] if last - first > 1 else []
    return Mantissa(frozenset(found), *((0, 0) if integral else ()))
