"""What is left to the residual check: the statements that no small automaton decides.

Such a statement may hold or not as far as the automaton goes, so a formula is *weakened*: its doubtful literals become
true, and so do negated statements about parts whose own schema is doubtful. What satisfies the schema satisfies the
weakened formula; what satisfies only the latter is found by the check on the finished text (`json_residual`).
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

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
    Subschema,
    Unique,
)
from constrain.json_formula import TRUE, Formula, atom, atoms, rewrite

__all__ = ["Doubts"]

MAX_BESIDE_PATTERN: Final = 128
"""The longest length that is counted beside a pattern or a format: their automata multiply."""


class Doubts:
    """Weakens formulas, and remembers why. Lengths are counted up to `max_count`.

    `reasons` says in words what the residual check has to decide.
    """

    def __init__(self, max_count: int) -> None:
        self.max_count = max_count
        self.reasons: dict[str, None] = {}

    def weaken(self, formula: Formula) -> Formula:
        found = list(atoms(formula))
        longest = self.max_count
        if any(isinstance(each, Matches | HasFormat) for each in found):
            longest = min(longest, MAX_BESIDE_PATTERN)

        def change(each: Hashable, positive: bool) -> Formula | None:
            match each:
                case Unique():
                    return self._left("uniqueItems")
                case LengthFrom(low) if low > longest:
                    return self._left(f"lengths above {longest}")
                case HasFormat(name) if name in INEXACT or (name in NARROWED and not positive):
                    self._left(f"format {name!r}")
                    return None if positive else TRUE
                case MultipleOf(divisor) if divisor != int(divisor):
                    self._left(f"multipleOf {divisor}, as floating-point numbers have it")
            return None if positive else self._negated(each)

        return rewrite(formula, change)

    def _negated(self, each: Hashable) -> Formula | None:
        """The negation of a statement about parts, where that cannot be decided; None where it can."""
        if not isinstance(each, MemberIs | MembersAre | ItemIs | ItemsAre | Containing):
            return None
        if not self._is_doubtful(each.schema):
            return None
        self._left("a negation of such a rule")
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
            for each in atoms(stack.pop().raw):
                match each:
                    case Unique():
                        return True
                    case LengthFrom(low) if low > min(self.max_count, MAX_BESIDE_PATTERN):
                        return True
                    case HasFormat(name) if name in INEXACT or name in NARROWED:
                        return True
                    case MemberIs() | MembersAre() | ItemIs() | ItemsAre() | Containing():
                        if each.schema not in seen:
                            seen.add(each.schema)
                            stack.append(each.schema)
        return False

    def _left(self, reason: str) -> Formula:
        self.reasons[reason] = None
        return TRUE
