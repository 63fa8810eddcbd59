"""From what a schema says of numbers, a formula over number atoms, to the language of their spellings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache, reduce
from operator import and_, or_

from constrain.automaton import Automaton
from constrain.expression import compile_expression, union
from constrain.json_atoms import AtLeast, AtMost, Decimals, MultipleOf, NumberAmong, Whole
from constrain.json_formula import TRUE, Formula
from constrain.json_numbers import (
    ANY_NUMBER,
    interval,
    multiple_of,
    not_multiple_of,
    not_whole,
    one_of,
    unequal_to,
)
from constrain.number_decimals import decimals
from constrain.number_texts import Form

__all__ = ["number_language"]


@lru_cache(maxsize=1024)
def number_language(formula: Formula) -> Automaton:
    """The spellings of the numbers of which the formula holds: all that JSON has where nothing is asked."""
    if formula is TRUE:
        return ANY_NUMBER
    if formula.kind == "any":
        return reduce(or_, map(number_language, formula.parts), compile_expression(union()))
    return _conjunction(formula.parts or (formula,))


@dataclass(frozen=True)
class _Range:
    """The numbers between two bounds (None: no bound), strictly or not, or only the integers (of a form) among them."""

    low: Decimal | None = None
    low_strict: bool = False
    high: Decimal | None = None
    high_strict: bool = False
    form: Form = None

    def narrowed(self, literal: Formula) -> _Range | None:
        """The part of which the literal holds; None if it is of another kind."""
        match literal.atom, literal.positive:
            case (AtLeast(bound, strict), True) | (AtMost(bound, strict), False):
                strict = strict == literal.positive
                if self.low is None or (bound, strict) > (self.low, self.low_strict):
                    return replace(self, low=bound, low_strict=strict)
                return self
            case (AtMost(bound, strict), True) | (AtLeast(bound, strict), False):
                strict = strict == literal.positive
                if self.high is None or (-bound, strict) > (-self.high, self.high_strict):
                    return replace(self, high=bound, high_strict=strict)
                return self
            case Whole(fraction), True:
                return self if fraction and self.form else replace(self, form="fraction" if fraction else "plain")
        return None

    def holds(self, value: Decimal) -> bool:
        """Whether the value is among them, if it is spelled in the form."""
        return (
            (self.low is None or value > self.low or (value == self.low and not self.low_strict))
            and (self.high is None or value < self.high or (value == self.high and not self.high_strict))
            and (self.form is None or value == value.to_integral_value())
        )

    def language(self) -> Automaton:
        return interval(self.low, self.low_strict, self.high, self.high_strict, self.form)


def _conjunction(parts: Sequence[Formula]) -> Automaton:
    """What all of the formulas hold of, none of them TRUE: bounds together, listed values one by one, then the rest."""
    within, listed = _Range(), None
    languages = []
    for part in parts:
        narrowed = within.narrowed(part)
        if narrowed is not None:
            within = narrowed
        elif isinstance(part.atom, NumberAmong) and part.positive:
            listed = part.atom.values if listed is None else listed & part.atom.values
        else:
            languages.append(_literal(part) if part.kind == "atom" else number_language(part))
    if listed is not None:
        languages.append(one_of(filter(within.holds, listed)))
        within = _Range(form="plain") if within.form == "plain" else _Range()
    if within != _Range() or not languages:
        languages.append(within.language())
    return reduce(and_, languages)


def _literal(literal: Formula) -> Automaton:
    match literal.atom, literal.positive:
        case Whole(fraction), False:
            return not_whole(fraction=fraction)
        case MultipleOf(divisor), positive:
            return multiple_of(divisor) if positive else not_multiple_of(divisor)
        case Decimals() as rule, positive:
            return decimals(rule, negated=not positive)
        case NumberAmong(values), False:
            return unequal_to(values)
    raise AssertionError(literal)
