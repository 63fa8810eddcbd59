"""Sets of JSON numbers as languages: comparisons, integers, multiples, and what they leave of each other.

Unrestricted numbers have the full grammar of RFC 8259. Every other set is one of *constrained* spellings: plain
decimals without superfluous zeros in front, and scientific ones with one digit, not 0, before the point and an exponent
of at most three digits, between 3e-324 and 1.7976931348623157e308; besides, 0 with any such exponent. What `json.dumps`
and `JSON.stringify` print is among them. With such a mantissa, order is that of (exponent, mantissa).

A text is in a set only if it belongs there for a reader who keeps decimals exact, and also for one who rounds what has
a point or an exponent to doubles and keeps other integers exact, as Python does. A set and its negation are therefore
disjoint and may both leave out what rounding makes doubtful: never what `json.dumps` prints, but decimals of more than
17 digits next to a bound, and those with a point below 1e-20 where 0 is the bound (they would need 324 states). From
2^53 on, decimals between a double and its shortest spelling stand for the double: 1e23 for 99999999999999991611392.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from decimal import ROUND_FLOOR, Context, Decimal
from functools import lru_cache
from typing import Final

from constrain.automaton import Automaton
from constrain.errors import LimitError
from constrain.expression import (
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
from constrain.json_multiples import multiple_of, not_multiple_of
from constrain.number_fractions import not_integers
from constrain.number_texts import Form, Intervals, texts

__all__ = [
    "ANY_NUMBER",
    "MAX_DIGITS",
    "at_least",
    "at_most",
    "exact",
    "integers",
    "interval",
    "multiple_of",
    "not_multiple_of",
    "not_whole",
    "numbers",
    "one_of",
    "spell",
    "unequal_to",
    "whole",
]

MAX_DIGITS: Final = 1_000
"""How many digits a bound may have, written without an exponent. The largest double has 309."""

_TINY: Final = Decimal("1e-20")
_ROUNDED: Final = Context(prec=20, rounding=ROUND_FLOOR)
_EXACT: Final = Context(prec=1_200)


def _any_number() -> Automaton:
    digit = byte_range(0x30, 0x39)
    whole = union(literal(b"0"), concat(byte_range(0x31, 0x39), repeat(digit)))
    exponent = concat(byte_set(b"eE"), optional(byte_set(b"+-")), repeat(digit, 1))
    fraction = concat(literal(b"."), repeat(digit, 1))
    return compile_expression(concat(optional(literal(b"-")), whole, optional(fraction), optional(exponent)))


ANY_NUMBER: Final = _any_number()
"""All numbers of RFC 8259."""


def exact(number: int | float) -> Decimal:
    """The decimal that a number in a schema denotes: 0.1 is one tenth.

    From 2^53 on a double is an integer, often not the one that its shortest spelling denotes, and it is compared with
    integers as that integer.
    """
    return Decimal(repr(number)) if isinstance(number, float) and abs(number) < 2**53 else Decimal(number)


@lru_cache(maxsize=1024)
def interval(
    low: Decimal | None = None,
    low_strict: bool = False,
    high: Decimal | None = None,
    high_strict: bool = False,
    form: Form = None,
) -> Automaton:
    """The numbers of the form (integers, say) above `low` and below `high`, strictly or not; None is no bound.

    The same automaton as the intersection of `at_least`, `at_most` and `whole`, and cheaper.
    """
    return texts(*_between(low, low_strict, high, high_strict), form)


def at_least(bound: Decimal, *, strict: bool = False) -> Automaton:
    """`{x : x >= bound}`, or above it."""
    return interval(bound, strict)


def at_most(bound: Decimal, *, strict: bool = False) -> Automaton:
    """`{x : x <= bound}`, or below it."""
    return interval(None, False, bound, strict)


def whole(*, fraction: bool = True) -> Automaton:
    """The integers: those without point, exponent and -0 unless `fraction`, which adds 1.0, 2.50e1 and 1e2.

    Those are integers for readers of doubles too. They have at most 16 digits before a point, and at most two decimals
    before an exponent below 16, at most 16 before a greater one: all that is printed.
    """
    return interval(form="fraction" if fraction else "plain")


def not_whole(*, fraction: bool = True) -> Automaton:
    """The numbers that are not integers, or unless `fraction` are not written as integers."""
    everything: Intervals = [(None, None)]
    return not_integers() if fraction else texts([], everything, everything)


def one_of(values: Iterable[Decimal]) -> Automaton:
    """Every spelling of the values."""
    return _one_of(frozenset(values))


def unequal_to(values: Iterable[Decimal]) -> Automaton:
    """The numbers that are not among the values."""
    return _unequal_to(frozenset(values))


def spell(value: int | float, language: Automaton, *, respell: bool = True) -> str | None:
    """A text of the value that is in the language, the one of `json.dumps` if it is; None if there is none.

    Unless `respell` it is the text of `json.dumps`, whose reader knows 1 from 1.0.
    """
    candidates = [json.dumps(value)]
    if respell and (isinstance(value, int) or math.isfinite(value)):
        nearest = float(Decimal(value))
        if value == int(value):
            candidates.append(str(int(value)))
        if nearest == value:
            shortest = Decimal(repr(nearest))
            plain = format(shortest, "f")
            candidates += [plain if "." in plain else f"{plain}.0", f"{shortest.normalize():e}"]
    return next((text for text in candidates if language.accepts(text.encode())), None)


@lru_cache(maxsize=1024)
def _one_of(values: frozenset[Decimal]) -> Automaton:
    whole: Intervals = [(value, value) for value in values if value == value.to_integral_value()]
    decimals = {spelling for value in values for spelling in _spellings(value)}
    scientific: Intervals = [(value, value) for value in decimals]
    plain: Intervals = [(value, value) for value in decimals if not 0 < abs(value) < _TINY]
    return texts(whole, plain, scientific)


@lru_cache(maxsize=1024)
def _unequal_to(values: frozenset[Decimal]) -> Automaton:
    ordered = sorted(values)
    gaps = [_between(low, True, high, True) for low, high in zip([None, *ordered], [*ordered, None], strict=True)]
    whole, plain, scientific = ([ends for gap in gaps for ends in gap[kind]] for kind in range(3))
    return texts(whole, plain, scientific)


def integers(low: int | None, high: int | None) -> Expression:
    """`{n : low <= n <= high}` in plain digits."""
    return interval(
        None if low is None else Decimal(low), False, None if high is None else Decimal(high), False, "plain"
    )


def numbers(low: Decimal | None, high: Decimal | None, low_open: bool = False, high_open: bool = False) -> Expression:
    """`{x : low <= x <= high}`, strictly where the end is open; None stands for no bound."""
    return ANY_NUMBER if low is None and high is None else interval(low, low_open, high, high_open)


def _between(
    low: Decimal | None, low_strict: bool, high: Decimal | None, high_strict: bool
) -> tuple[Intervals, Intervals, Intervals]:
    """The intervals for digits only, for digits with a point, and for those with an exponent: none where empty."""
    whole = _ceiling(low, low_strict), _floor(high, high_strict)
    scientific = _least(low, low_strict), _greatest(high, high_strict)
    plain = _not_tiny(scientific[0], 1), _not_tiny(scientific[1], -1)
    digits, points, exponents = (
        [] if ends[0] is not None and ends[1] is not None and ends[0] > ends[1] else [ends]
        for ends in (whole, plain, scientific)
    )
    return digits, points, exponents


def _floor(bound: Decimal | None, strict: bool) -> Decimal | None:
    """The greatest integer n <= bound, or n < bound."""
    if bound is None:
        return None
    integer = math.floor(_checked(bound))
    return Decimal(integer - (strict and integer == bound))


def _ceiling(bound: Decimal | None, strict: bool) -> Decimal | None:
    below = _floor(None if bound is None else bound.copy_negate(), strict)
    return None if below is None else below.copy_negate()


def _greatest(bound: Decimal | None, strict: bool) -> Decimal | None:
    """A decimal u such that x <= u implies x <= bound (or x < bound), also when x is rounded to a double.

    It is the greatest with 20 digits, or the bound itself.
    """
    if bound is None:
        return None
    below = float(_checked(bound))  # and then the greatest double within the bound
    if exact(below) > bound or (strict and exact(below) == bound):
        below = math.nextafter(below, -math.inf)
    spelled = Decimal(repr(below))
    if exact(below) == bound:
        return max(bound, spelled)
    middle = _EXACT.divide(_EXACT.add(_finite(below), _finite(math.nextafter(below, math.inf))), 2)
    rounded = _ROUNDED.plus(middle)
    if rounded == middle:  # a tie may be rounded up
        rounded = _ROUNDED.next_minus(middle)
    return max(min(rounded, _ROUNDED.next_minus(bound) if strict else bound), spelled)


def _least(bound: Decimal | None, strict: bool) -> Decimal | None:
    above = _greatest(None if bound is None else bound.copy_negate(), strict)
    return None if above is None else above.copy_negate()


def _finite(number: float) -> Decimal:
    """The decimal that a double is, with infinity as the double after the greatest."""
    return Decimal(number) if math.isfinite(number) else Decimal(2**1024).copy_sign(Decimal(number))


def _not_tiny(end: Decimal | None, inwards: int) -> Decimal | None:
    """The end, moved inwards (up: 1, down: -1) out of the numbers near 0 that would need hundreds of zeros."""
    if end is None or not 0 < abs(end) < _TINY:
        return end
    return inwards * _TINY if (end > 0) == (inwards > 0) else Decimal(0)


def _spellings(value: Decimal) -> set[Decimal]:
    """The decimals with a point or an exponent that are read as the value."""
    nearest = float(_checked(value))
    return {value, Decimal(repr(nearest))} if exact(nearest) == value else set()


def _checked(bound: Decimal) -> Decimal:
    digits = max(bound.adjusted() + 1, 1) + max(-int(bound.as_tuple().exponent), 0)
    if digits > MAX_DIGITS:
        raise LimitError(
            f"a numeric bound has {digits:,} digits", limit=MAX_DIGITS, given=digits, hint="round the bound"
        )
    return bound
