"""What decides whether a number is a multiple of p / 10^k: residues modulo p, and with which exponents they do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from math import gcd
from typing import Final

from constrain.automaton import DEFAULT_MAX_STATES
from constrain.errors import LimitError
from constrain.number_states import Exponent
from constrain.number_texts import DOUBLES, PRINTED_EXPONENTS

__all__ = ["Rule"]

_CHEAP_COFACTOR, _CHEAP_NUMERATOR = 30, 1_000  # there are so many residues for each of the 17 digits of a mantissa
_LEAST, _GREATEST = (end.adjusted() for end in DOUBLES)
_EXACT: Final = 2**53  # up to here all integers are doubles
_EXACT_DIGITS: Final = 16  # integers of so many digits are, except those that begin with 9
_LEAST_ROOM, _MOST_COUNTED = 4, 1_500


@dataclass(frozen=True, eq=False)
class Rule:
    """To be a multiple of `numerator` / 10^`places`, or if `negated` to be none.

    The exponents of exact multiples are at most `greatest(decimals)`; all numbers from 10^`all_from` on are multiples.
    """

    numerator: int
    places: int
    negated: bool
    modulus: int
    zeros: tuple[int | None, ...]
    is_dyadic: bool
    all_from: int | None
    _known: dict[tuple[int | None, ...], int] = field(default_factory=dict)
    _residues: dict[tuple[int, int], int] = field(default_factory=dict)

    @staticmethod
    def of(divisor: Decimal, *, negated: bool) -> Rule:
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
        large = int(_EXACT * divisor)
        is_dyadic = not denominator & (denominator - 1)
        if not is_dyadic and not negated:
            large //= 2 * numerator  # quotients that are not integers begin to be rounded to such
        all_from = len(str(large)) if places or not numerator & (numerator - 1) else None
        return Rule(numerator, places, negated, len(zeros), tuple(zeros), is_dyadic, all_from)

    @property
    def is_near(self) -> bool:
        """Whether doubles may be multiples for `jsonschema` that are none as decimals."""
        return not self.is_dyadic and not self.negated

    @cached_property
    def is_rough(self) -> bool:
        """Whether integers that are multiples may be none for `jsonschema`, and are wanted: 99 as one of 1.1.

        The divisor's double is then further from it than a quarter of what the last bit of a quotient is worth.
        """
        divisor = Fraction(self.numerator, 10**self.places)
        return self.negated and self.places > 0 and abs(Fraction(float(divisor)) - divisor) * 2**54 > divisor

    @cached_property
    def room(self) -> int:
        """How many digits may stand before a point where multiples are exact."""
        if self.places and self.all_from is not None:
            return self.all_from
        found = [0]
        for number in found:
            fresh = {self.residue(number * 10 + digit, 0) for digit in range(10)}.difference(found)
            found += fresh
            if len(found) * _LEAST_ROOM > _MOST_COUNTED:
                break
        return max(_LEAST_ROOM, min(_EXACT_DIGITS, _MOST_COUNTED // len(found)))

    @cached_property
    def always(self) -> Sequence[tuple[int, int]]:
        """The exponents with which all mantissas make multiples, or numbers that are none."""
        if self.negated:
            return [(_LEAST + 1, -self.places - 2)]  # below 1 / 10^places, also when rounded
        return [] if self.all_from is None else [(self.all_from, _GREATEST - (not self.places))]

    @cached_property
    def long_exponents(self) -> Exponent | None:
        """Those of them that Python prints."""
        return Exponent.among(
            (max(low, least), min(high, most)) for low, high in self.always for least, most in PRINTED_EXPONENTS
        )

    def greatest(self, decimals: int) -> int:
        """The greatest exponent of a mantissa with so many decimals that makes no double unless it is exact."""
        if self.places:
            return self.room - 1
        if self.numerator > _EXACT:
            return _EXACT_DIGITS - 1
        fives, mantissas = 0, 10 ** (decimals + 1)
        while mantissas * 5 ** (fives + 1) <= _EXACT:  # the rest of a power of ten does not need digits
            fives += 1
        return decimals + fives

    def residue(self, number: int, places: int) -> int:
        """The first number met from which, with at least so many digits more, the same ones lead to a multiple."""
        number %= self.numerator
        known = self._residues.get((number, places))
        if known is None:
            known = self._residues[number, places] = self._residue(number, places)
        return known

    def _residue(self, number: int, places: int) -> int:
        missing: list[int | None] = [places]
        shift = 10**places
        while True:
            digits = -number * shift % self.numerator
            missing.append(digits if digits < shift else None)
            if shift >= self.numerator:
                return self._known.setdefault(tuple(missing), number)
            shift *= 10

    def mantissa_residue(self, number: int) -> int:
        return self.residue(number, 0) if self.modulus == self.numerator else number % self.modulus
