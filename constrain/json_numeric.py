"""From what a schema says of numbers, a formula over number atoms, to the language of their spellings."""

from __future__ import annotations

from functools import lru_cache, reduce
from operator import and_, or_

from constrain.automaton import Automaton
from constrain.expression import compile_expression, union
from constrain.json_atoms import AtLeast, AtMost, MultipleOf, NumberAmong, Whole
from constrain.json_formula import TRUE, Formula
from constrain.json_numbers import (
    ANY_NUMBER,
    at_least,
    at_most,
    multiple_of,
    not_multiple_of,
    not_whole,
    one_of,
    unequal_to,
    whole,
)

__all__ = ["number_language"]


@lru_cache(maxsize=1024)
def number_language(formula: Formula) -> Automaton:
    """The spellings of the numbers of which the formula holds: all that JSON has where nothing is asked."""
    if formula.kind == "atom":
        return _literal(formula)
    if not formula.parts:
        return ANY_NUMBER if formula is TRUE else compile_expression(union())
    return reduce(and_ if formula.kind == "all" else or_, map(number_language, formula.parts))


def _literal(formula: Formula) -> Automaton:
    match formula.atom, formula.positive:
        case (AtLeast(bound, strict), True) | (AtMost(bound, strict), False):
            return at_least(bound, strict=strict == formula.positive)
        case (AtMost(bound, strict), True) | (AtLeast(bound, strict), False):
            return at_most(bound, strict=strict == formula.positive)
        case Whole(fraction), positive:
            return whole(fraction=fraction) if positive else not_whole(fraction=fraction)
        case MultipleOf(divisor), positive:
            return multiple_of(divisor) if positive else not_multiple_of(divisor)
        case NumberAmong(values), positive:
            return one_of(values) if positive else unequal_to(values)
    raise AssertionError(formula)
