"""Numbers as Python's decimals are bounded: by their digits, those behind the point, and what they are multiples of.

A text is among them only if `pydantic` reads the number that is spelled: what has a point goes through a double and its
shortest text, which gives back all decimals of up to 15 digits. Superfluous zeros, exponents, and more than 15 digits
beside a point or a step, are left out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import Final

from constrain.automaton import Automaton
from constrain.errors import UnsupportedError
from constrain.json_atoms import Decimals
from constrain.number_states import Row, crawl, row

__all__ = ["EXACT_DIGITS", "decimals"]

EXACT_DIGITS: Final = 15
"""Decimals of so many digits differ as doubles, and the shortest text of such a double is the decimal."""

MAX_NUMERATOR: Final = 125
"""A step p / 10^k needs p states for each number of digits."""


@lru_cache(maxsize=1024)
def decimals(rule: Decimals, *, negated: bool = False) -> Automaton:
    """The decimals of which the rule holds; with `negated` some of which it does not, written without zeros at the end.

    Raises `UnsupportedError` for a step whose numerator is above `MAX_NUMERATOR`.
    """
    numerator, places = _fraction(rule.step)
    if numerator > MAX_NUMERATOR:
        raise UnsupportedError(
            f"multiples of {rule.step} are not supported",
            keyword="multiple_of",
            hint=f"in lowest terms over a power of ten, the numerator may be up to {MAX_NUMERATOR}",
        )
    return crawl(_Sign(_Read(rule, numerator, places, negated)))


def _fraction(step: Decimal | None) -> tuple[int, int]:
    """`(p, k)` with step = p / 10^k in lowest terms; (1, 0) without a step."""
    if step is None:
        return 1, 0
    _, digits, exponent = step.normalize().as_tuple()
    numerator = int("".join(map(str, digits)))
    return (numerator * 10 ** int(exponent), 0) if int(exponent) >= 0 else (numerator, -int(exponent))


@dataclass(frozen=True, slots=True)
class _Sign:
    number: _Read

    def follow(self) -> tuple[bool, Row]:
        return False, row(self.number.follow()[1][:10], minus=self.number)


@dataclass(frozen=True, slots=True)
class _Read:
    """What has been read: `whole` digits (`leading`: the first of them is 0), and `places` behind the point, if there
    is one; all together are `residue` modulo the numerator of the step.
    """

    rule: Decimals
    numerator: int
    step_places: int
    negated: bool
    whole: int = 0
    leading: bool = False
    places: int | None = None
    residue: int = 0
    zero: bool = True
    ends_in_zero: bool = False

    def follow(self) -> tuple[bool, Row]:
        point = replace(self, places=0) if self.whole and self.places is None else None
        return self._accepts(), row([self._digit(digit) for digit in range(10)], point=point)

    def _digit(self, digit: int) -> _Read | None:
        if self.leading and self.places is None:
            return None
        most = max(EXACT_DIGITS, self.rule.max_digits or 0) + 1
        whole, places = self.whole, self.places
        if places is None:
            whole = min(whole + 1, most)
        elif whole + places >= EXACT_DIGITS:
            return None
        else:
            places += 1
            if not self.negated and places > self._most_places():
                return None
        return replace(
            self,
            whole=whole,
            leading=self.leading or (not self.whole and digit == 0),
            places=places,
            residue=(10 * self.residue + digit) % self.numerator,
            zero=self.zero and digit == 0,
            ends_in_zero=places is not None and digit == 0,
        )

    def _most_places(self) -> int:
        limits = (self.rule.max_digits, self.rule.places, None if self.rule.step is None else self.step_places)
        return min((limit for limit in limits if limit is not None), default=EXACT_DIGITS)

    def _accepts(self) -> bool:
        if not self.whole or self.places == 0 or (self.negated and self.ends_in_zero):
            return False
        if (self.rule.step is not None or self.negated) and self.whole > EXACT_DIGITS:
            return False
        return self._holds() != self.negated

    def _holds(self) -> bool:
        """Whether the rule holds, where zeros at the end count as digits, but not those of 0.00."""
        rule, places = self.rule, self.places or 0
        whole = 0 if self.leading and not self.zero else self.whole
        most = rule.max_digits
        if most is not None and whole + (0 if self.zero else places) > most:
            return False
        if rule.places is not None and places > rule.places:
            return False
        if most is not None and rule.places is not None and whole > max(most - rule.places, 0):
            return False
        if rule.step is None:
            return True
        return places <= self.step_places and self.residue * 10 ** (self.step_places - places) % self.numerator == 0
