"""Systems of equations between languages, solved exactly where recursion is at the ends.

The language of a rule is a union of *forms* L M R: a rule or nothing, a regular language, a rule or nothing. With left
ends only, the system is left-linear and Arden's lemma solves it: X = X M | N is N M*. With right ends only, likewise.
Both ends of one rule in its own forms, as in X = P X | X S | X I X | N, are operators: X = U (I U)* with U = P* N S*,
since grouping does not change the text. What else stands between two texts is cut out of the system: there the
language of the rule is taken from `inner`, and calling on these again and again approaches the solution from below.

Languages nest, so what takes one of its operands twice doubles at every depth. Lists part (separator part)* therefore
become one expression with one copy of their part, and so do operators.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TypeAlias

from constrain.context_free import Body, Choice, Reference, Repetition, Sequenced, Terminal, references
from constrain.expression import EMPTY, NOTHING, Expression, concat, repeat, separated, union

__all__ = ["Forms", "Linear", "copies"]

End: TypeAlias = str | None
Form: TypeAlias = tuple[End, Expression, End]


@dataclass(frozen=True)
class Forms:
    """A union: the empty text if `empty`, the `units` (a rule alone), and M between the ends, `others[L, R] = M`."""

    empty: bool = False
    units: frozenset[str] = frozenset()
    others: Mapping[tuple[End, End], Expression] = field(default_factory=dict)

    @staticmethod
    def of(language: Expression) -> Forms:
        """A language without rules at its ends."""
        if language == EMPTY:
            return Forms(empty=True)
        return Forms(others={} if _is_nothing(language) else {(None, None): language})

    def __or__(self, other: Forms) -> Forms:
        others = dict(self.others)
        for ends, middle in other.others.items():
            others[ends] = union(others[ends], middle) if ends in others else middle
        return Forms(self.empty or other.empty, self.units | other.units, others)

    def ends(self) -> set[str]:
        """The rules at either end."""
        return {*self.units, *(end for pair in self.others for end in pair if end is not None)}

    def without(self, rule: str) -> Forms:
        """All forms but those that begin or end with the rule."""
        others = {pair: middle for pair, middle in self.others.items() if rule not in pair}
        return Forms(self.empty, self.units - {rule}, others)

    def items(self) -> Iterator[Form]:
        """Each form; a unit has its rule at the left."""
        if self.empty:
            yield None, EMPTY, None
        for rule in self.units:
            yield rule, EMPTY, None
        for (left, right), middle in self.others.items():
            yield left, middle, right


@dataclass(frozen=True)
class Linear:
    """How bodies become forms: `members` are the rules of the system, `outer` and `inner` give languages.

    A member at an end stays, one between texts is what `inner` says; any other rule is what `outer` says. `nullable`
    tells whether a body derives the empty text.
    """

    members: frozenset[str]
    outer: Callable[[str], Expression]
    inner: Callable[[str], Expression]
    nullable: Callable[[Body], bool]

    def forms(self, body: Body) -> Forms:
        """What the body derives, as forms."""
        if not self._has_members(body):
            return Forms(empty=self.nullable(body)) | Forms.of(self.language(body))
        match body:
            case Reference(rule):
                return Forms(units=frozenset({rule}))
            case Choice(parts):
                return self._any(self.forms(part) for part in parts)
            case Sequenced(parts):
                found = Forms(empty=True)
                for has_members, run in groupby(parts, self._has_members):
                    pieces = tuple(run)
                    if not has_members:  # as one, since each that can be empty would double the number of forms
                        pieces = (Sequenced(pieces),)
                    found = self.concat(found, *map(self.forms, pieces))
                return found
            case Repetition(part, low, high):
                once = self.forms(part)
                found = once if low <= 1 and high != 0 else Forms()
                if high is None or high > 1:
                    between = Repetition(part, max(low - 2, 0), None if high is None else high - 2)
                    rest = Forms(empty=self.nullable(between)) | Forms.of(self.language(between))
                    found |= self.concat(once, rest, once)
                return found | Forms(empty=low == 0)
        raise AssertionError("a terminal has no members")

    def _has_members(self, body: Body) -> bool:
        return any(reference.rule in self.members for reference in references(body))

    def language(self, body: Body) -> Expression:
        """What the body derives, with the languages of `inner` for all members."""
        match body:
            case Terminal(_, automaton):
                return automaton
            case Reference(rule):
                return self.inner(rule) if rule in self.members else self.outer(rule)
            case Sequenced(parts):
                return _concat(
                    self.language(part) if by is None else _separated(self.language(part), self.language(by))
                    for part, by in _factored(parts)
                )
            case Choice(parts):
                return union(*(self.language(part) for part in parts))
            case Repetition(part, low, high):
                return repeat(self.language(part), low, high)

    def concat(self, *parts: Forms) -> Forms:
        """The forms of one text after the other."""
        found = Forms(empty=True)
        for part in parts:
            found = self._any(self._joined(found, part))
        return found

    def solved(self, rule: str, forms: Forms) -> Forms:
        """The forms of `rule` without itself at an end."""
        infix, pairs = forms.others.get((rule, rule)), forms.others.items()
        prefix = self._any(_single((left, middle, None)) for (left, right), middle in pairs if left != rule == right)
        suffix = self._any(_single((None, middle, right)) for (left, right), middle in pairs if left == rule != right)
        rest = forms.without(rule)
        if prefix.ends() or rest.ends() or suffix.ends():
            found = self.concat(self._any_number(prefix), rest, self._any_number(suffix))
        else:  # in one form, with one copy of each
            before, after = _any_number(self._closed(prefix)), _any_number(self._closed(suffix))
            found = Forms(rest.empty) | Forms.of(_concat([before, self._closed(rest), after]))
        if infix is None:
            return found
        operand = self._closed(found)
        if not found.ends():
            return Forms.of(_separated(operand, infix))
        return found | self.concat(found, Forms.of(_concat([infix, repeat(_concat([operand, infix]))])), found)

    def substituted(self, forms: Forms, rule: str, value: Forms) -> Forms:
        """The forms with `value` for the rule at any end."""
        return self._any(self._replaced(form, rule, value) for form in forms.items())

    def _replaced(self, form: Form, rule: str, value: Forms) -> Forms:
        left, middle, right = form
        if rule not in (left, right):
            return _single(form)
        return self.concat(
            value if left == rule else _single((left, EMPTY, None)),
            Forms(empty=True) if middle is EMPTY else Forms.of(middle),
            value if right == rule else _single((right, EMPTY, None)),
        )

    def _joined(self, first: Forms, second: Forms) -> Iterator[Forms]:
        for left, before, inner_left in first.items():
            for inner_right, after, right in second.items():
                if (left, before, inner_left) == (None, EMPTY, None):
                    yield _single((inner_right, after, right))
                elif (inner_right, after, right) == (None, EMPTY, None):
                    yield _single((left, before, inner_left))
                elif after is EMPTY and right is None:  # a unit, which becomes the right end
                    yield _single((left, _concat([before, *map(self.inner, _given(inner_left))]), inner_right))
                else:
                    middle = [before, *map(self.inner, _given(inner_left, inner_right)), after]
                    yield _single((left, _concat(middle), right))

    def _closed(self, forms: Forms) -> Expression:
        """The language, with what `inner` says of the rules at the ends."""
        return union(
            *(
                _concat([*map(self.inner, _given(left)), middle, *map(self.inner, _given(right))])
                for left, middle, right in forms.items()
            )
        )

    def _any_number(self, forms: Forms) -> Forms:
        """Any number of texts of the forms, one after the other."""
        closed = Forms(empty=True) | Forms.of(_any_number(self._closed(forms)))
        return self.concat(forms, closed, forms) | forms | Forms(empty=True) if forms.ends() else closed

    @staticmethod
    def _any(parts: Iterable[Forms]) -> Forms:
        found = Forms()
        for part in parts:
            found |= part
        return found


def copies(body: Body) -> Iterator[str]:
    """The rules of which `Linear.language` takes the language, as often as it does; twice stands for any more."""
    match body:
        case Reference(rule):
            yield rule
        case Choice(parts):
            for part in parts:
                yield from copies(part)
        case Sequenced(parts):
            for part, separator in _factored(parts):
                yield from copies(part)
                yield from () if separator is None else copies(separator)
        case Repetition(part, low, high):
            yield from [*copies(part)] * (2 if max(low, high or 0) > 1 else 1)


def _factored(parts: Sequence[Body]) -> Iterator[tuple[Body, Body | None]]:
    """The parts of a sequence, each with None, or with its separator in place of part (separator part)*."""
    found: list[tuple[Body, Body | None]] = []
    for part in parts:
        again: tuple[Body, ...] = ()
        if isinstance(part, Repetition) and (part.low, part.high) == (0, None):
            again = part.part.parts if isinstance(part.part, Sequenced) else (part.part,)
        size = 0
        while size < min(len(again), len(found)) and found[-1 - size] == (again[-1 - size], None):
            size += 1
        if size:
            found[-size:] = [(Sequenced(again[-size:]), Sequenced(again[:-size]))]
        else:
            found.append((part, None))
    yield from found


def _any_number(part: Expression) -> Expression:
    return EMPTY if _is_nothing(part) else repeat(part)


def _separated(part: Expression, separator: Expression) -> Expression:
    return part if _is_nothing(part) or _is_nothing(separator) else separated(part, separator)


def _single(form: Form) -> Forms:
    left, middle, right = form
    if middle is EMPTY and right is None:
        return Forms(empty=True) if left is None else Forms(units=frozenset({left}))
    return Forms(others={} if _is_nothing(middle) else {(left, right): middle})


def _given(*ends: End) -> list[str]:
    return [end for end in ends if end is not None]


def _is_nothing(language: Expression) -> bool:
    return language == NOTHING


def _concat(parts: Iterable[Expression]) -> Expression:
    parts = list(parts)
    return NOTHING if any(_is_nothing(part) for part in parts) else concat(*parts)
