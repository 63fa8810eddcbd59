"""What is left to the residual check: the statements that no small automaton decides.

Such a statement may hold or not as far as the automaton goes, so a formula is *weakened*: its doubtful literals become
true, and so do negated statements about parts whose own schema is doubtful. Statements about the members of some names
are made for fewer names, where the names are doubtful. What satisfies the schema satisfies the weakened formula; what
satisfies only the latter is found by the check on the finished text (`json_residual`).
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final, TypeAlias

from constrain.formats import INEXACT, NARROWED
from constrain.json_atoms import (
    Containing,
    CountFrom,
    Has,
    HasFormat,
    ItemIs,
    ItemsAre,
    LengthFrom,
    Matches,
    MemberIs,
    MembersAre,
    MultipleOf,
    SizeFrom,
    Subschema,
    Unique,
)
from constrain.json_formula import TRUE, Formula, atom, atoms, rewrite
from constrain.json_patterns import is_loose
from constrain.json_unique import counted_uniqueness

__all__ = ["LIMITS", "Doubts", "Limits"]

_AboutParts: TypeAlias = MemberIs | MembersAre | ItemIs | ItemsAre | Containing


@dataclass(frozen=True)
class Limits:
    """Up to where the automaton counts: the `length` of strings, also `beside_pattern` or a format, whose automata
    multiply with it; and how many `items` or members there may be. What there must be it always counts.
    """

    length: int
    beside_pattern: int
    items: int


LIMITS: Final = (Limits(1_024, 128, 256), Limits(64, 64, 64), Limits(64, 64, 8))
"""The first of them, unless the automaton grows too large with it."""


class Doubts:
    """Weakens formulas, and remembers why. `reasons` says in words what the residual check has to decide.

    `counted` is the largest number of items or members that the formulas still limit.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.reasons: dict[str, None] = {}
        self.counted = 0

    def weaken(self, formula: Formula) -> Formula:
        formula = counted_uniqueness(formula)
        is_matched = any(isinstance(each, Matches | HasFormat) for each in atoms(formula))
        longest = self.limits.beside_pattern if is_matched else self.limits.length
        most = self._most(formula)

        def change(each: Hashable, positive: bool) -> Formula | None:
            if reason := self._dropped(each, positive, longest, most):
                return self._left(reason)
            match each:
                case CountFrom(low) | SizeFrom(low) | Containing(_, low) if not positive:
                    self.counted = max(self.counted, low - 1)
                case HasFormat(name) if name in INEXACT or (name in NARROWED and not positive):
                    self._left(f"format {name!r}")
                    return None if positive else TRUE
                case Matches(pattern) if is_loose(pattern):
                    self._left("counts of a pattern")
                    return None if positive else TRUE
                case MultipleOf(divisor) if divisor != int(divisor):
                    self._left(f"multipleOf {divisor}, as floating-point numbers have it")
                case MembersAre(names, schema):
                    each = MembersAre(~self.weaken(~names) if positive else self.weaken(names), schema)
                    kept = None if each.names is names else atom(each)
                    return kept if positive else self._negated(each) or (kept and ~kept)
            return None if positive else self._negated(each)

        return rewrite(formula, change)

    def _dropped(self, each: Hashable, positive: bool, longest: int, most: int) -> str | None:
        """Why the automaton says nothing of this literal, where lengths above `longest` and counts above `most` are too
        large; None if it does.
        """
        match each:
            case Unique():
                return "uniqueItems"
            case LengthFrom(low) if not positive and low - 1 > longest:
                return f"lengths above {longest}"
            case CountFrom(low) if not positive and low - 1 > most:
                return f"maxItems above {self.limits.items}"
            case SizeFrom(low) if not positive and low - 1 > self.limits.items:
                return f"maxProperties above {self.limits.items}"
            case Containing(_, low) if not positive and low - 1 > self.limits.items:
                return f"maxContains above {self.limits.items}"
        return None

    def _most(self, formula: Formula) -> int:
        """Up to how many items are counted: as many at least as the formula tells apart in any case."""
        told = [self.limits.items]

        def look(each: Hashable, positive: bool) -> None:
            match each:
                case ItemIs(index):
                    told.append(index + 1)
                case ItemsAre(start):
                    told.append(start)
                case CountFrom(low) if positive:
                    told.append(low)

        rewrite(formula, look)
        return max(told)

    def _negated(self, each: Hashable) -> Formula | None:
        """The negation of a statement about parts, where that cannot be decided; None where it can."""
        if not isinstance(each, _AboutParts) or not self._is_doubtful(each.schema):
            return None
        self._left("the negation of what only the check decides")
        match each:
            case MemberIs(name):
                return atom(Has(name))
            case ItemIs(index):
                return atom(CountFrom(index + 1))
            case ItemsAre(start):
                return atom(CountFrom(start + 1))
        return TRUE

    def _is_doubtful(self, schema: Subschema) -> bool:
        """Whether anything in the schema, at any depth, may be weakened."""
        seen, stack = {schema}, [schema]
        while stack:
            formula = counted_uniqueness(stack.pop().raw)
            if self._is_weakened(formula):
                return True
            for each in atoms(formula):
                if isinstance(each, MembersAre) and (self._is_weakened(each.names) or self._is_weakened(~each.names)):
                    return True
                if isinstance(each, _AboutParts) and each.schema not in seen:
                    seen.add(each.schema)
                    stack.append(each.schema)
        return False

    def _is_weakened(self, formula: Formula) -> bool:
        """Whether the formula itself may be, the statements about parts apart."""
        longest, most = min(self.limits.length, self.limits.beside_pattern), self._most(formula)
        doubtful = False

        def look(each: Hashable, positive: bool) -> None:
            nonlocal doubtful
            match each:
                case HasFormat(name):
                    doubtful |= name in INEXACT or name in NARROWED
                case Matches(pattern):
                    doubtful |= is_loose(pattern)
                case _:
                    doubtful |= self._dropped(each, positive, longest, most) is not None

        rewrite(formula, look)
        return doubtful

    def _left(self, reason: str) -> Formula:
        self.reasons[reason] = None
        return TRUE
