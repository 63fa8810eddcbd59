"""Which values can occur in a sum that is compared with a bound."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from operator import neg

from constrain.matching import members
from constrain.relations import Linear, Value, number

__all__ = ["MAX_SUMS", "LinearFilter"]

MAX_SUMS = 2**26
"""An equation is filtered by its partial sums if values times possible sums are up to so many: 4 ms at the limit."""

MAX_ROUNDS = 8
"""How often the bounds of an equation are drawn in: where no number divides right, they would meet one by one."""


@dataclass(frozen=True)
class Term:
    """What each value of a variable adds to the sum; `order` is 1 if ascending, -1 if descending, 0 if neither."""

    values: Sequence[int]
    order: int

    @classmethod
    def of(cls, factor: int, column: Sequence[Value]) -> Term:
        if isinstance(column, range):
            scaled = range(column.start * factor, column.stop * factor, column.step * factor)
            return cls(scaled, 1 if scaled.step > 0 else -1)
        values = [factor * number(value) for value in column]
        ascending = sorted(values)
        return cls(values, 1 if values == ascending else -1 if values == ascending[::-1] else 0)

    def least(self, domain: int) -> int:
        if self.order == 0:
            return min(self.values[k] for k in members(domain))
        return self.values[_lowest(domain) if self.order > 0 else domain.bit_length() - 1]

    def most(self, domain: int) -> int:
        if self.order == 0:
            return max(self.values[k] for k in members(domain))
        return self.values[_lowest(domain) if self.order < 0 else domain.bit_length() - 1]

    def up_to(self, domain: int, limit: int) -> int:
        """The part of `domain` that adds at most `limit`."""
        if self.order > 0:
            return domain & ((1 << bisect_right(self.values, limit)) - 1)
        if self.order < 0:
            first = bisect_left(self.values, -limit, key=neg)
            return domain >> first << first
        return sum(1 << k for k in members(domain) if self.values[k] <= limit)

    def adding(self, domain: int, amount: int) -> int:
        """The part of `domain` that adds exactly `amount`."""
        at_most = self.up_to(domain, amount)
        return at_most & ~self.up_to(at_most, amount - 1)


class LinearFilter:
    """Keeps the values that occur in a solution of one `Linear` rule.

    That is exact for inequalities and for `!=`, and for equations of up to `MAX_SUMS`. Of larger ones only values go
    that are too large or too small for the least and the largest of the others, in `MAX_ROUNDS` rounds.
    """

    def __init__(self, rule: Linear, columns: Sequence[Sequence[Value]]) -> None:
        flip = -1 if rule.comparison in (">", ">=") else 1
        strict = rule.comparison in ("<", ">")
        self.kind = rule.comparison if rule.comparison in ("==", "!=") else "<="
        self.bound = flip * rule.bound - strict
        factors = [flip * factor for _, factor in rule.terms]
        self.used = [index for index, factor in enumerate(factors) if factor]
        self.terms = [Term.of(factors[index], columns[index]) for index in self.used]

    def __call__(self, domains: list[int]) -> list[int]:
        chosen = [domains[index] for index in self.used]
        if self.kind == "!=":
            kept = self._unequal(chosen)
        elif self.kind == "<=":
            kept = self._bounded(chosen, upper=True)
        else:
            kept = self._equal(chosen)
        result = list(domains) if kept is not None else [0] * len(domains)
        for index, domain in zip(self.used, kept or (), strict=False):
            result[index] = domain
        return result

    def _bounded(self, domains: list[int], *, upper: bool) -> list[int] | None:
        """What agrees with the sum being at most, or at least, the bound; None if nothing does."""
        if upper:
            least = [term.least(domain) for term, domain in zip(self.terms, domains, strict=True)]
            slack = self.bound - sum(least)
            if slack < 0:
                return None
            return [t.up_to(d, a + slack) for t, d, a in zip(self.terms, domains, least, strict=True)]
        most = [term.most(domain) for term, domain in zip(self.terms, domains, strict=True)]
        slack = sum(most) - self.bound
        if slack < 0:
            return None
        return [d & ~t.up_to(d, a - slack - 1) for t, d, a in zip(self.terms, domains, most, strict=True)]

    def _unequal(self, domains: list[int]) -> list[int] | None:
        rest, loose = self.bound, -1
        for index, (term, domain) in enumerate(zip(self.terms, domains, strict=True)):
            least = term.least(domain)
            if least == term.most(domain):
                rest -= least
            elif loose >= 0:
                return domains
            else:
                loose = index
        if loose < 0:
            return None if rest == 0 else domains
        excluded = self.terms[loose].adding(domains[loose], rest)
        return [d & ~excluded if index == loose else d for index, d in enumerate(domains)]

    def _equal(self, domains: list[int]) -> list[int] | None:
        kept = domains
        for _ in range(MAX_ROUNDS):
            upper = self._bounded(kept, upper=True)
            both = None if upper is None else self._bounded(upper, upper=False)
            if both is None:
                return None
            if both == kept:
                break
            kept = both
        least = [term.least(domain) for term, domain in zip(self.terms, kept, strict=True)]
        most = [term.most(domain) for term, domain in zip(self.terms, kept, strict=True)]
        width = sum(most) - sum(least) + 1
        if width * sum(domain.bit_count() for domain in kept) > MAX_SUMS:
            return kept
        return self._by_sums(kept, least)

    def _by_sums(self, domains: list[int], least: list[int]) -> list[int] | None:
        """Bit s of a set of sums stands for s more than the least that its terms can add."""
        shifts = [
            [(k, term.values[k] - lowest) for k in members(domain)]
            for term, domain, lowest in zip(self.terms, domains, least, strict=True)
        ]
        needed = self.bound - sum(least)
        within = (1 << (needed + 1)) - 1
        before = [1]
        for pairs in shifts:
            sums = 0
            for shift in {shift for _, shift in pairs}:
                sums |= before[-1] << shift
            before.append(sums & within)
        if not before[-1] >> needed & 1:
            return None
        after = 1 << needed
        kept = []
        for pairs, sums in zip(reversed(shifts), reversed(before[:-1]), strict=True):
            domain = possible = 0
            for k, shift in pairs:
                possible |= after >> shift
                if after >> shift & sums:
                    domain |= 1 << k
            after = possible
            kept.append(domain)
        return kept[::-1]


def _lowest(domain: int) -> int:
    return (domain & -domain).bit_length() - 1
