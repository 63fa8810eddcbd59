"""Multiples of a decimal, and the numbers that are none, as `jsonschema` has them of what `json` reads.

A multiple of p / 10^k is an integer N / 10^k with p dividing N, so what has been read counts modulo p. Residues from
which the same digits lead to multiples are one state: 1,000,000 needs 7 for whole parts and not a million.

`json` reads 5 as an integer, and 5.0 and 5e0 as doubles. If the divisor is an integer, all of them are divided exactly,
so these automata have the last word, and leave out doubles for which the decimal misleads: integers from 2^53 on unless
they have so few digits that no decimal is rounded (1e+21), and in `not_multiple_of` fractions that may round to an
integer. A divisor with a fraction is a double itself, and `jsonschema` asks whether the quotient as a double is an
integer (0.3 is no multiple of 0.1, and 1e+300 is one of 0.3). There the finished text is judged once more, and these
automata hold the decimals that are worth it: exact multiples and all from some power of ten on, or what is left beside
those, and what `jsonschema` may find to be none against all appearances.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

from constrain.automaton import Automaton
from constrain.number_multiples import Start
from constrain.number_residues import Rule
from constrain.number_states import crawl

__all__ = ["multiple_of", "not_multiple_of"]


@lru_cache(maxsize=1024)
def multiple_of(divisor: Decimal) -> Automaton:
    """The multiples of the divisor, which is positive.

    With an exponent there are only those whose mantissa has at most two decimals (16 if the divisor has more than four
    places, or where all numbers are multiples); none if p without its factors 2 and 5 is above 30, and if p is above
    1,000 only those with enough zeros at the end for all its factors 2 and 5. Beside more than 100 residues, whole
    parts with a point have fewer than 15 digits, but at least 4.
    """
    return crawl(Start(Rule.of(divisor, negated=False), True))


@lru_cache(maxsize=1024)
def not_multiple_of(divisor: Decimal) -> Automaton:
    """The numbers that are not multiples of the divisor, with the limits of `multiple_of`."""
    return crawl(Start(Rule.of(divisor, negated=True), True))
