"""Numbers that are not integers, for readers of decimals and of doubles alike.

Between 2^m and 2^(m+1) a decimal is rounded to an integer if it is within 2^(m-53) of one, half the distance of two
doubles. With at most 17 digits, it is not if it is n units of the 17th digit away, n the least number for which that
is more. So the whole part decides between which two fractions the others lie; from 2^52 on there are none.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cache

from constrain.automaton import Automaton
from constrain.number_states import crawl
from constrain.number_texts import Fraction, Magnitude, Number, Part, Whole, mantissas, part

__all__ = ["not_integers"]

_DIGITS = 17
_NEAR_ZERO = 20  # places behind the point among which there is a digit that is not 0
_BELOW_ONE = "9" * 16 + "4"


@cache
def not_integers() -> Automaton:
    """The numbers that are not integers; with an exponent those below 1 only, as others are never printed so."""
    below_one: Fraction = ("0" * (_NEAR_ZERO - 1) + "1", _BELOW_ONE, None)
    zero = Whole(frozenset([(0, 0, below_one)]), None, None)
    mantissa = mantissas([(None, Decimal(f"0.{_BELOW_ONE}"))])
    magnitude = Magnitude(zero, Whole(frozenset(_parts()), mantissa, None))
    return crawl(Number(magnitude, magnitude))


def _parts() -> list[Part]:
    """The whole parts from 1 to 2^52 by number of digits and exponent of two, and the fractions behind them."""
    found = []
    for power in range(52):
        least, most = 2**power, 2 ** (power + 1) - 1
        for digits in {len(str(least)), len(str(most))}:
            places = _DIGITS - digits
            units = 10**places * least // 2**53 + 1
            low, high = (f"{fraction:0{places}}".rstrip("0") for fraction in (units, 10**places - units))
            found.append(part(max(least, 10 ** (digits - 1)), min(most, 10**digits - 1), (low, high, None)))
    return found
