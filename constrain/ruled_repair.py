"""A text whose rules do not hold, with other values in the fields that they speak of, so that they do.

The text keeps its structure: which fields there are, how many items, what is null. The values are chosen together, by
CP-SAT (`solving`): values that were seen score by how often, all others of a field's domain alike, and less.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any, Final

from constrain.automaton import Automaton
from constrain.errors import LimitError, UnsatisfiableError
from constrain.relations import AllDifferent, Count, Equal, Linear, Problem, Relation, Rule, Table, Value
from constrain.ruled_checks import Bound, Filled, satisfies, says_something
from constrain.ruled_domains import MAX_WORDS, Gap, gaps
from constrain.ruled_trees import Place, Scalar, Spot
from constrain.ruled_values import Coding, encode
from constrain.solving import MAX_TUPLES, Conflict, Solver

__all__ = ["Contradiction", "Repair", "Seen", "UnknownError"]

Seen = Mapping["tuple[str | int, ...]", Mapping[Scalar, float]]
"""By the path of a field, how often values were seen in it."""

MAX_DECIMALS: Final = 6
MAX_ROUNDS: Final = 20
TIME_LIMIT: Final = 5.0
_SPARE = 16  # words of a field with endlessly many, beyond two for each field
_SMALL = 999  # the greatest number where spellings have to be short
_LONG = 50  # values of a range from which on it is better an integer than Booleans
_ALL = -1  # every bit


@dataclass(eq=False)
class _Variable:
    """A field that rules speak of. `gap` is None if its value stands."""

    name: str
    coding: Coding
    value: Scalar
    place: Place | None
    gap: Gap | None = None
    scores: Mapping[Scalar, float] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)
    spelled: dict[Value, bytes] = field(default_factory=dict)


class Contradiction(UnsatisfiableError):  # noqa: N818  # the mathematical word, and it is one
    """In this structure, some rules cannot hold together. `counts_items`: one of them goes over all items of a kind."""

    def __init__(self, conflict: Conflict, bounds: Sequence[Bound]) -> None:
        super().__init__(conflict.message, hint=conflict.hint)
        self.counts_items = any(None in path for bound in bounds for path in bound.placed.paths)


class UnknownError(LimitError):
    """It is not known whether the rules can hold in this structure: time was up, or not all values were tried."""


class Repair:
    """What can be made of `text`, of which the first `fixed` characters stand. `bounds` are its rules and fields.

    What is bounded: numbers that were not seen have up to `ruled_domains.MAX_DIGITS` digits before the point and
    `MAX_DECIMALS` behind it, times are whole seconds in UTC; of other values, up to `ruled_domains.MAX_WORDS` are tried
    besides those that were seen or that rules name, and fewer under a predicate over many fields. `short` prefers
    numbers of few digits.
    """

    def __init__(
        self,
        automaton: Automaton,
        text: str,
        fixed: int,
        bounds: Sequence[Bound],
        seen: Seen,
        *,
        short: bool = False,
    ) -> None:
        self.automaton = automaton
        self.text = text
        self.fixed = fixed
        self.bounds = [bound for bound in bounds if not isinstance(bound.placed.rule, Filled)]
        self.seen = seen
        self.short = short
        self.variables: dict[tuple[str | int, ...], _Variable] = {}
        self._tried: dict[str, tuple[Value, ...]] = {}
        self._collect()

    def _collect(self) -> None:
        spans: list[tuple[int, int, int, bool]] = []
        free: list[_Variable] = []
        for bound in self.bounds:
            for coding, default, spots in zip(bound.placed.codings, bound.placed.defaults, bound.spots, strict=True):
                for spot in spots:
                    value = default if spot.place is None else spot.value
                    if value is None:
                        continue
                    known = self.variables.get(spot.path)
                    if known is None:
                        known = self.variables[spot.path] = _Variable(_name(spot), coding, value, spot.place)
                        if spot.place is not None and self._is_free(spot.place):
                            free.append(known)
                            known.scores = {value: 1.0, **self.seen.get(spot.path, {})}
                            spans.append(self._span(spot.place))
                    known.rules.append(bound.placed.rule)
        for variable, gap in zip(free, gaps(self.automaton, self.text.encode(), spans), strict=True):
            variable.gap = gap

    def _is_free(self, place: Place) -> bool:
        goes_on = isinstance(place.value, int | Decimal) or not place.quoted
        return place.end > self.fixed or (goes_on and place.end == self.fixed)

    def _span(self, place: Place) -> tuple[int, int, int, bool]:
        begin, end = (len(self.text[:each].encode()) for each in (place.begin, place.end))
        written = self.text[place.begin : max(place.begin, self.fixed)]
        return begin, end, len(written.encode()), place.quoted

    @cached_property
    def decimals(self) -> dict[Coding, int]:
        """By coding, how many decimals values have at most. Raises `LimitError` where what stands has too many."""
        most: dict[Coding, int] = {}
        for variable in self.variables.values():
            stands = variable.gap is None
            seen = [] if stands or variable.coding != "number" else variable.scores
            for value in [variable.value, *seen] if stands or seen else ():
                places = _decimals(encode(variable.coding, value))
                if stands and places > MAX_DECIMALS:
                    raise LimitError(f"{variable.name} stands with {places} decimals", limit=MAX_DECIMALS, given=places)
                most[variable.coding] = max(most.get(variable.coding, 0), min(places, MAX_DECIMALS))
        return most

    def _coded(self, variable: _Variable, value: Scalar) -> Value | None:
        """What stands for a value in the problem; None if nothing does."""
        if variable.coding == "raw":
            return value if isinstance(value, str | int) else None
        number = encode(variable.coding, value)
        if number is None:
            return None
        units = number.scaleb(self.decimals.get(variable.coding, 0))
        return int(units) if units == units.to_integral_value() else None

    def _decoded(self, variable: _Variable, value: Value) -> Scalar:
        if variable.coding == "raw":
            return value
        decimals = self.decimals.get(variable.coding, 0)
        if variable.coding == "number":
            number = Decimal(value).scaleb(-decimals)
            return int(number) if number == number.to_integral_value() else number
        if variable.gap is None:
            return variable.value
        word = variable.gap.spell(variable.coding, value, decimals)
        return None if word is None else word.decode().strip('"')

    def _domain(self, variable: _Variable) -> Sequence[Value]:
        """The values of a field, best known first where they are listed."""
        if variable.gap is None:
            coded = self._coded(variable, variable.value)
            return () if coded is None else (coded,)
        if variable.coding != "raw" and not any(isinstance(rule, Relation) for rule in variable.rules):
            scale = variable.gap.scale(variable.coding, self.decimals.get(variable.coding, 0))
            if self.short and isinstance(scale, range):
                scale = _around_zero(scale, _SMALL * 10 ** self.decimals.get(variable.coding, 0))
            if len(scale):
                return scale
        return self._listed(variable)

    def _listed(self, variable: _Variable) -> Sequence[Value]:
        """Values that were seen or that rules name, then any others."""
        assert variable.gap is not None
        decimals = self.decimals.get(variable.coding, 0)
        wanted: dict[Value, None] = {}
        for value in [variable.value, *variable.scores, *self._named(variable)]:
            coded = self._coded(variable, value)
            if coded is not None:
                wanted[coded] = None
        for coded in wanted:
            word = variable.gap.spell(variable.coding, coded, decimals)
            if word is not None:
                variable.spelled[coded] = word
        limit = self._limit(variable)
        words, complete = variable.gap.words(limit)
        enough = limit if complete else len(wanted) + 2 * len(self.variables) + _SPARE
        for word in words:
            coded = self._coded(variable, _read(word, variable))
            if coded is not None and len(variable.spelled) < min(limit, enough):
                variable.spelled.setdefault(coded, word)
        if not complete or len(words) > len(variable.spelled):
            self._tried[variable.name] = tuple(variable.spelled)
        return tuple(variable.spelled)

    def _limit(self, variable: _Variable) -> int:
        wide = [len(rule.variables) for rule in variable.rules if isinstance(rule, Relation)]
        many = [
            sum(other.gap is not None and rule in other.rules for other in self.variables.values())
            for rule in variable.rules
            if isinstance(rule, Relation)
        ]
        width = max([*wide, *many], default=0)
        return MAX_WORDS if not width else max(2, min(MAX_WORDS, int(MAX_TUPLES ** (1 / width))))

    def _named(self, variable: _Variable) -> list[Scalar]:
        """Values that rules name, or that other fields of the same rules have."""
        found: list[Scalar] = []
        for rule in variable.rules:
            match rule:
                case Count():
                    found += rule.among
                case Table():
                    found += [value for row in sorted(rule.rows, key=repr) for value in row]
                case Equal() | Relation():
                    for other in self.variables.values():
                        if rule in other.rules:
                            found += [other.value, *other.scores]
        return found

    def solved(self, accepts: Callable[[str], bool]) -> str | None:
        """The text with the best values, None if there are none within the bounds of this search.

        Raises `Contradiction` where rules cannot hold together in this structure, `UnknownError` where that is not
        known, and `LimitError` for sums too large to solve for.
        """
        domains = {variable.name: self._domain(variable) for variable in self.variables.values()}
        empty = [name for name, domain in domains.items() if not len(domain)]
        if empty or not self.variables:
            return None
        stated = [(rule, bound) for bound in self.bounds if (rule := self._rule(bound)) is not None]
        rules = [rule for rule, _ in stated]
        scores = {variable.name: self._scores(variable, domains[variable.name]) for variable in self._free()}
        least = min((score for known in scores.values() for score in known.values()), default=0.0)
        for _ in range(MAX_ROUNDS):
            problem = Problem(domains, tuple(rules))
            full = tuple(_bits(domain) for domain in domains.values())
            solver = Solver(problem, full)
            try:
                chosen = solver.best(scores, default=least - 1.0, time_limit=TIME_LIMIT).values
            except LimitError as error:
                raise UnknownError(error.message, limit=error.limit, given=error.given, hint=error.hint) from error
            except Conflict as conflict:
                self._check_tried(conflict)
                raise Contradiction(conflict, [bound for rule, bound in stated if rule in conflict.rules]) from conflict
            wrong = [each for each in self._free() if self._word(each, chosen[each.name]) is None]
            if not wrong:
                text = self._spliced(chosen)
                if accepts(text):
                    return text
                wrong = [
                    each for each in self._free() if not accepts(self._spliced({each.name: chosen[each.name]}, each))
                ]
                if len(wrong) == len(self._free()):
                    return None
            if not wrong:
                return None
            for each in wrong:
                domain = domains[each.name]
                if isinstance(domain, range):
                    rules.append(Linear({each.name: 1}, "!=", int(chosen[each.name])))
                else:
                    domains[each.name] = [value for value in domain if value != chosen[each.name]]
                    scores[each.name] = self._scores(each, domains[each.name])
                    if not domains[each.name]:
                        return None
        return None

    def _check_tried(self, conflict: Conflict) -> None:
        """Raise `UnknownError` if other values than those that were tried might be right for a predicate."""
        for rule in conflict.rules:
            tried = [len(self._tried[name]) for name in rule.variables if name in self._tried]
            tried *= isinstance(rule, Relation)
            if tried:
                raise UnknownError(
                    f"{rule.describe()}: none of the {max(tried):,} values that were tried of a field will do",
                    limit=MAX_TUPLES,
                    given=max(tried),
                    hint="state it as a sum or a table, or over fields with fewer values",
                )

    def _free(self) -> list[_Variable]:
        return [variable for variable in self.variables.values() if variable.gap is not None]

    def _scores(self, variable: _Variable, domain: Sequence[Value]) -> dict[Value, float]:
        total = sum(variable.scores.values())
        coded = {self._coded(variable, value): count for value, count in variable.scores.items()}
        return {
            value: math.log(count / total) for value, count in coded.items() if value is not None and value in domain
        }

    def _word(self, variable: _Variable, value: Value) -> bytes | None:
        assert variable.gap is not None
        if value in variable.spelled:
            return variable.spelled[value]
        if self._coded(variable, variable.value) == value:
            assert variable.place is not None
            return self.text[variable.place.begin : variable.place.end].encode()
        return variable.gap.spell(variable.coding, value, self.decimals.get(variable.coding, 0))

    def _spliced(self, chosen: Mapping[str, Value], only: _Variable | None = None) -> str:
        text = self.text
        free = self._free() if only is None else [only]
        for variable in sorted(free, key=lambda each: each.place.begin if each.place else 0, reverse=True):
            word = self._word(variable, chosen[variable.name])
            assert word is not None and variable.place is not None  # noqa: PT018
            text = text[: variable.place.begin] + word.decode() + text[variable.place.end :]
        return text

    def _rule(self, bound: Bound) -> Rule | None:
        """The rule over the variables of this text; None if it says nothing here."""
        rule = bound.placed.rule
        present = [
            [
                self.variables.get(spot.path)
                if bound.placed.defaults[n] is not None or spot.value is not None
                else None
                for spot in spots
            ]
            for n, spots in enumerate(bound.spots)
        ]
        flat = [variable for each in present for variable in each]
        there = [variable for variable in flat if variable is not None]
        names = [variable.name for variable in there]
        match rule:
            case Linear():
                return self._linear(bound, rule, present) if there and says_something(bound) else None
            case AllDifferent():
                return AllDifferent(names, label=rule.label) if len(names) > 1 else None
            case Equal():
                return Equal(names, label=rule.label) if len(names) > 1 else None
            case Count():
                coded = [self._coded(variable, value) for variable in there for value in rule.among]
                among = {code for code in coded if code is not None}
                return Count(names, among, rule.low, rule.high, label=rule.label) if names else None
            case Table():
                codes = [[self._coded(v, value) for v, value in zip(there, row, strict=False)] for row in rule.rows]
                rows = [[code for code in row if code is not None] for row in codes]
                return Table(names, [row for row in rows if len(row) == len(flat)], label=rule.label)
        assert isinstance(rule, Relation)

        def holds(*values: Value) -> bool:
            given = iter(values)
            return satisfies(rule, [None if v is None else self._decoded(v, next(given)) for v in flat])

        return Relation(holds, names, label=rule.describe()) if names else None

    def _linear(self, bound: Bound, rule: Linear, present: list[list[_Variable | None]]) -> Linear | None:
        coding = bound.placed.codings[0]
        terms: dict[str, int] = {}
        for (_, factor), each in zip(rule.terms, present, strict=True):
            for variable in each:
                if variable is not None:
                    terms[variable.name] = terms.get(variable.name, 0) + factor
        return Linear(terms, rule.comparison, rule.bound * 10 ** self.decimals.get(coding, 0), label=rule.label)


def _around_zero(scale: range, reach: int) -> range:
    """The values of which the magnitude is at most `reach`; all if there are none."""
    begin = max(0, -((scale.start + reach) // scale.step))
    end = max(0, (reach - scale.start) // scale.step + 1)
    return scale[begin:end] or scale


def _decimals(number: Decimal | None) -> int:
    return 0 if number is None else max(0, -int(number.normalize().as_tuple().exponent))


def _bits(domain: Sequence[Value]) -> int:
    return _ALL if isinstance(domain, range) and len(domain) > _LONG else (1 << len(domain)) - 1


def _name(spot: Spot) -> str:
    return ".".join(map(str, spot.path))


def _read(word: bytes, variable: _Variable) -> Scalar:
    import json

    text = word.decode("utf-8", "replace")
    assert variable.gap is not None
    if variable.coding == "number":
        try:
            return Decimal(text)
        except ArithmeticError:
            return None
    if not variable.gap.quoted:
        return text
    try:
        value: Any = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, str | int) else None
