"""Automata that read the text of a number and know whether it is a multiple."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from constrain.number_residues import Rule
from constrain.number_states import ANY_EXPONENT, Exponent, Row, row
from constrain.number_texts import PLACES, SHORT_PLACES

__all__ = ["Start"]

_NEAR: Final = 7  # places in which a decimal is, for doubles, no multiple unless it is one or is just below one
_FEW_PLACES: Final = 4  # with so many, printed mantissas that have an exponent are too small or large to be divided


@dataclass(frozen=True, slots=True)
class Start:
    rule: Rule
    signed: bool

    def follow(self) -> tuple[bool, Row]:
        rule = self.rule
        nine = not rule.places
        digits = [
            _Integer(rule, rule.residue(n, rule.places), rule.room - 1 - (nine and n == 9), n == 0, _mantissa(rule, n))
            for n in range(10)
        ]
        return False, row(digits, minus=Start(rule, False) if self.signed else None)


@dataclass(frozen=True, slots=True)
class _Integer:
    """Within the whole part, which is `zero` or has the residue; with `room` digits more it may still have a point."""

    rule: Rule
    residue: int
    room: int
    zero: bool
    mantissa: _Scaled | None

    def follow(self) -> tuple[bool, Row]:
        rule = self.rule
        multiple = self.residue * 10**rule.places % rule.numerator == 0
        digits = [None if self.zero else self._after(digit) for digit in range(10)]
        exponent = self.mantissa.exponent() if self.mantissa else None
        right = multiple != rule.negated or rule.is_rough
        return right, row(digits, point=self._point(right), e=exponent)

    def _after(self, digit: int) -> _Integer | _Large | None:
        rule = self.rule
        if rule.places and not self.room:
            return None if rule.negated else _Large()
        return _Integer(rule, rule.residue(self.residue * 10 + digit, rule.places), max(self.room - 1, -1), False, None)

    def _point(self, whole: bool) -> _Fraction | _Decimals | None:
        rule = self.rule
        if self.room < 0:
            return None
        if not rule.negated or (rule.places and rule.is_dyadic):
            return _Fraction.of(rule, rule.places, -self.residue * 10**rule.places, False, self.mantissa)
        return _Decimals(None if rule.places else self.room + self.zero, "", whole, self.mantissa)


@dataclass(frozen=True, slots=True)
class _Large:
    """Within the whole part of a number that is a multiple whatever follows."""

    def follow(self) -> tuple[bool, Row]:
        return True, row([self] * 10, point=_Decimals(None, "", True, None))


@dataclass(frozen=True, slots=True)
class _Fraction:
    """Behind the point. The next `left` digits must be `missing`, modulo the numerator (None: no digits can do)."""

    rule: Rule
    left: int
    missing: int | None
    begun: bool
    mantissa: _Scaled | None

    @staticmethod
    def of(rule: Rule, left: int, missing: int | None, begun: bool, mantissa: _Scaled | None) -> _Fraction | None:
        if missing is not None:
            missing %= rule.numerator
            if missing >= 10**left and not (rule.is_near and (missing - 1) % rule.numerator < 10**left):
                missing = None
        if missing is None and not rule.negated and mantissa is None:
            return None
        return _Fraction(rule, 0 if missing is None else left, missing, begun, mantissa)

    def follow(self) -> tuple[bool, Row]:
        mantissas = self.mantissa.follow() if self.mantissa else [None] * 10
        digits = [self._after(digit, mantissa) for digit, mantissa in enumerate(mantissas)]
        exponent = self.mantissa.exponent() if self.mantissa and self.begun else None
        return self.begun and (self.missing == 0) != self.rule.negated, row(digits, e=exponent)

    def _after(self, digit: int, mantissa: _Scaled | None) -> _Fraction | _Run | None:
        rule, missing = self.rule, self.missing
        if missing is not None and self.left:
            missing -= digit * 10 ** (self.left - 1)
        elif missing is not None and rule.is_near:
            length = max(_NEAR - rule.places, 1)
            if (digit == 0 == missing) or (digit == 9 and (missing - 1) % rule.numerator == 0):
                return _Run(digit, length, mantissa)
            missing = None
        elif digit:
            missing = None
        return _Fraction.of(rule, max(self.left - 1, 0), missing, True, mantissa)


@dataclass(frozen=True, slots=True)
class _Run:
    """Behind all places of a multiple, or behind those of the decimal just below one: so many 0s or 9s, then anything.

    It is how doubles that are multiples may be printed: 4.35 * 3 as 13.049999999999999.
    """

    digit: int
    left: int
    mantissa: _Scaled | None

    def follow(self) -> tuple[bool, Row]:
        mantissas = self.mantissa.follow() if self.mantissa else [None] * 10
        digits: list[_Run | _Decimals | _Fraction | None] = []
        for digit, mantissa in enumerate(mantissas):
            if not self.left:
                digits.append(_Decimals(None, "x", True, mantissa))
            elif digit == self.digit:
                digits.append(_Run(digit, self.left - 1, mantissa))
            else:
                digits.append(_Decimals(None, "-", True, mantissa) if mantissa else None)
        return self.digit == 0, row(digits, e=self.mantissa.exponent() if self.mantissa else None)


@dataclass(frozen=True, slots=True)
class _Decimals:
    """Behind the point, where a fraction is right and none is if `whole`.

    `read` is "0" or "9" while all digits were, "x" once they differ, and "-" if the text must go on to an exponent. A
    fraction is none for readers of doubles unless within so many digits, `left`, it is neither of the first two (None:
    never mind). The distance to an integer is then at least the 16th digit, more than half of that between doubles.
    """

    left: int | None
    read: str
    whole: bool
    mantissa: _Scaled | None

    def follow(self) -> tuple[bool, Row]:
        mantissas = self.mantissa.follow() if self.mantissa else [None] * 10
        digits = [self._after(str(digit), mantissa) for digit, mantissa in enumerate(mantissas)]
        exponent = self.mantissa.exponent() if self.mantissa and self.read else None
        return self.read in ("9", "x") or (self.read == "0" and self.whole), row(digits, e=exponent)

    def _after(self, digit: str, mantissa: _Scaled | None) -> _Decimals | None:
        left, read = self.left, self.read
        if read in ("", "0", "9"):
            if digit == read == "0" or (digit == "0" and not read):
                read = "0"
            elif left == 0:
                read = "-"
            else:
                read = "9" if digit == "9" and left is not None and read != "0" else "x"
            left = None if left is None else max(left - 1, 0)
        if read in ("x", "-"):
            left = None
        return _Decimals(left, read, self.whole, mantissa) if read != "-" or mantissa else None


@dataclass(frozen=True, slots=True)
class _Mantissa:
    """The digits of a mantissa as one integer: how many are decimals, its residue, and whether the last one is 0."""

    rule: Rule
    decimals: int
    residue: int
    round: bool

    def follow(self) -> Sequence[_Scaled | None]:
        rule, decimals = self.rule, self.decimals + 1
        if decimals > (PLACES if rule.places > _FEW_PLACES else SHORT_PLACES):
            return [_Long(decimals, rule.long_exponents) if rule.long_exponents else None] * 10
        residues = (rule.mantissa_residue(self.residue * 10 + digit) for digit in range(10))
        return [_Mantissa(rule, decimals, residue, digit == 0) for digit, residue in enumerate(residues)]

    def exponent(self) -> Exponent | None:
        """An exponent n makes the number that integer times 10^(n - decimals)."""
        rule, zeros = self.rule, self.rule.zeros[self.residue]
        integral = self.decimals - rule.places  # from here on it is an integer / 10^places
        greatest = rule.greatest(self.decimals)
        ranges = [*rule.always]
        if not rule.negated:
            ranges += [] if zeros is None else [(integral + zeros, greatest)]
        else:
            exactly = rule.modulus == rule.numerator
            never = greatest if zeros is None else integral + zeros - 1 if exactly else integral - 1
            ranges += [] if self.round else [(-rule.places - 1, integral - 1)]
            ranges += [(integral, min(never, greatest))]
        return Exponent.among(ranges)


@dataclass(frozen=True, slots=True)
class _Long:
    """A mantissa with more decimals than are divided, whose exponent decides alone."""

    decimals: int
    exponents: Exponent

    def follow(self) -> Sequence[_Long | None]:
        return [_Long(self.decimals + 1, self.exponents) if self.decimals < PLACES else None] * 10

    def exponent(self) -> Exponent:
        return self.exponents


@dataclass(frozen=True, slots=True)
class _Zero:
    """The mantissa 0, whose exponent does not matter."""

    def follow(self) -> Sequence[_Zero | None]:
        return [self, *[None] * 9]

    def exponent(self) -> Exponent | None:
        return Exponent((ANY_EXPONENT,))


_Scaled: TypeAlias = _Mantissa | _Long | _Zero


def _mantissa(rule: Rule, digit: int) -> _Scaled | None:
    """The mantissa that begins with the digit."""
    if not digit:
        return None if rule.negated else _Zero()
    if rule.zeros:
        return _Mantissa(rule, 0, rule.mantissa_residue(digit), False)
    return _Long(0, rule.long_exponents) if rule.long_exponents else None
