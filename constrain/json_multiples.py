"""Multiples of a decimal, and the numbers that are none.

A multiple of p / 10^k is an integer N / 10^k with p dividing N, so what has been read counts modulo p. Residues from
which the same digits lead to multiples are one state: 1,000,000 needs 7 for whole parts and not a million.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from math import gcd
from typing import Final

from constrain.automaton import DEFAULT_MAX_STATES, Automaton
from constrain.errors import LimitError
from constrain.number_states import Exponent, Row, crawl, row
from constrain.number_texts import DOUBLES, PLACES, PRINTED_EXPONENTS, SHORT_PLACES, Intervals, texts

__all__ = ["multiple_of", "not_multiple_of"]

_EVERYTHING: Final[Intervals] = [(None, None)]
_ZERO: Final[Intervals] = [(Decimal(0), Decimal(0))]
_CHEAP_COFACTOR, _CHEAP_NUMERATOR = 120, 1_000  # there are so many residues for each of the 17 digits of a mantissa
_LEAST, _GREATEST = (end.adjusted() for end in DOUBLES)


@lru_cache(maxsize=1024)
def multiple_of(divisor: Decimal) -> Automaton:
    """The exact decimals that are multiples of the divisor, which is positive.

    With an exponent there are only those whose mantissa has at most 16 decimals and, beyond two decimals, whose
    exponent is one that Python prints or the divisor has more than four places; none if p without its factors 2 and 5
    is above 120, and if p is above 1,000 only those with enough zeros at the end for all its factors 2 and 5.
    """
    return _constrained(_Rule.of(divisor, negated=False)) | texts(_ZERO, _ZERO, _ZERO)


@lru_cache(maxsize=1024)
def not_multiple_of(divisor: Decimal) -> Automaton:
    """The exact decimals that are not multiples of the divisor, with the limits of `multiple_of`."""
    return _constrained(_Rule.of(divisor, negated=True))


def _constrained(rule: _Rule) -> Automaton:
    return crawl(_Start(rule, True)) & texts(_EVERYTHING, _EVERYTHING, _EVERYTHING)


@dataclass(frozen=True, eq=False)
class _Rule:
    """To be a multiple of `numerator` / 10^`places`, or if `negated` to be none."""

    numerator: int
    places: int
    negated: bool
    modulus: int
    zeros: tuple[int | None, ...]
    _known: dict[tuple[int | None, ...], int] = field(default_factory=dict)

    @staticmethod
    def of(divisor: Decimal, *, negated: bool) -> _Rule:
        numerator, denominator = divisor.as_integer_ratio()
        places = 0
        while 10**places % denominator:
            places += 1
        numerator *= 10**places // denominator
        cofactor = numerator
        while (common := gcd(cofactor, 10)) > 1:
            cofactor //= common
        states = cofactor * (places + 2)
        if states > DEFAULT_MAX_STATES:
            raise LimitError(
                f"the multiples of {divisor} need some {states:,} automaton states",
                limit=DEFAULT_MAX_STATES,
                given=states,
                hint="choose a divisor with fewer digits",
            )
        most = 0
        while 10**most * cofactor % numerator:
            most += 1
        if cofactor > _CHEAP_COFACTOR:
            zeros: list[int | None] = []
        elif numerator <= _CHEAP_NUMERATOR:
            zeros = [next((n for n in range(most + 1) if r * 10**n % numerator == 0), None) for r in range(numerator)]
        else:
            zeros = [most, *[None] * (cofactor - 1)]
        return _Rule(numerator, places, negated, len(zeros), tuple(zeros))

    def residue(self, number: int, places: int) -> int:
        """The first number met from which, with at least so many digits more, the same ones lead to a multiple."""
        number %= self.numerator
        missing: list[int | None] = [places]
        shift = 10**places
        while True:
            digits = -number * shift % self.numerator
            missing.append(digits if digits < shift else None)
            if shift >= self.numerator:
                return self._known.setdefault(tuple(missing), number)
            shift *= 10

    def mantissa(self, digit: int) -> _Mantissa | None:
        return _Mantissa(self, 0, self.mantissa_residue(digit), False) if self.zeros else None

    def mantissa_residue(self, number: int) -> int:
        return self.residue(number, 0) if self.modulus == self.numerator else number % self.modulus


@dataclass(frozen=True, slots=True)
class _Start:
    rule: _Rule
    signed: bool

    def follow(self) -> tuple[bool, Row]:
        digits = [
            _Integer(self.rule, self.rule.residue(n, self.rule.places), n == 0, self.rule.mantissa(n))
            for n in range(10)
        ]
        return False, row(digits, minus=_Start(self.rule, False) if self.signed else None)


@dataclass(frozen=True, slots=True)
class _Integer:
    """Within the whole part, which is `zero` or has the residue."""

    rule: _Rule
    residue: int
    zero: bool
    mantissa: _Mantissa | None

    def follow(self) -> tuple[bool, Row]:
        rule, shift = self.rule, 10**self.rule.places
        digits = [
            None if self.zero else _Integer(rule, rule.residue(self.residue * 10 + n, rule.places), False, None)
            for n in range(10)
        ]
        mantissa = None if self.zero else self.mantissa
        point = _Fraction.of(rule, rule.places, -self.residue * shift, False, mantissa)
        multiple = self.residue * shift % rule.numerator == 0
        return multiple != rule.negated, row(digits, point=point, e=mantissa.exponent() if mantissa else None)


@dataclass(frozen=True, slots=True)
class _Fraction:
    """Behind the point. The next `left` digits must be `missing`, modulo the numerator (None: no digits can do)."""

    rule: _Rule
    left: int
    missing: int | None
    begun: bool
    mantissa: _Mantissa | None

    @staticmethod
    def of(rule: _Rule, left: int, missing: int | None, begun: bool, mantissa: _Mantissa | None) -> _Fraction | None:
        if missing is not None:
            missing %= rule.numerator
        if missing is None or missing >= 10**left:
            left, missing = 0, None
        if missing is None and not rule.negated and mantissa is None:
            return None
        return _Fraction(rule, left, missing, begun, mantissa)

    def follow(self) -> tuple[bool, Row]:
        rule = self.rule
        mantissas = self.mantissa.follow() if self.mantissa else [None] * 10
        digits: list[_Fraction | None] = []
        for digit, mantissa in enumerate(mantissas):
            missing = self.missing
            if missing is not None and self.left:
                missing -= digit * 10 ** (self.left - 1)
            elif digit:
                missing = None
            digits.append(_Fraction.of(rule, max(self.left - 1, 0), missing, True, mantissa))
        multiple = self.missing == 0
        exponent = self.mantissa.exponent() if self.mantissa and self.begun else None
        return self.begun and multiple != rule.negated, row(digits, e=exponent)


@dataclass(frozen=True, slots=True)
class _Mantissa:
    """The digits of a mantissa as one integer: how many are decimals, its residue, and whether the last one is 0."""

    rule: _Rule
    decimals: int
    residue: int
    round: bool

    def follow(self) -> list[_Mantissa | None]:
        if self.decimals == PLACES:
            return [None] * 10
        return [
            _Mantissa(self.rule, self.decimals + 1, self.rule.mantissa_residue(self.residue * 10 + digit), not digit)
            for digit in range(10)
        ]

    def exponent(self) -> Exponent | None:
        """An exponent n makes the number that integer times 10^(n - decimals)."""
        rule, zeros = self.rule, self.rule.zeros[self.residue]
        integral = self.decimals - rule.places  # from here on it is an integer / 10^places
        if not rule.negated:
            ranges = [] if zeros is None else [(integral + zeros, _GREATEST)]
        else:
            exactly = rule.modulus == rule.numerator
            never = _GREATEST if zeros is None else integral + zeros - 1 if exactly else integral - 1
            ranges = [(_LEAST, -rule.places - 1)]  # less than 1 / 10^places
            ranges += [(-rule.places, integral - 1)] if not self.round else []
            ranges += [(integral, never)]
        if self.decimals > SHORT_PLACES and rule.places <= 4:
            ranges = [(max(low, least), min(high, most)) for low, high in ranges for least, most in PRINTED_EXPONENTS]
        return Exponent.among((max(low, _LEAST), high) for low, high in ranges)
