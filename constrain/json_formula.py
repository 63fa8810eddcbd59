"""Boolean formulas over statements about one JSON value, in negation normal form.

A schema says of a value something like "it is no object, or it has a member `a`". The statements are *atoms*, hashable
values that mean nothing here; a formula is TRUE, FALSE, a literal (an atom or its negation), or a conjunction or
disjunction of formulas. Formulas are interned: two that are built alike are one object, so they are compared by
identity, and everything computed from them can be kept in dictionaries.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Final
from weakref import WeakValueDictionary

__all__ = ["FALSE", "TRUE", "Formula", "all_of", "any_of", "atom", "atoms", "exactly_one", "rewrite"]


class Formula:
    """A formula; build with the functions below. `kind` is "atom", "all" or "any", `positive` the sign of a literal."""

    __slots__ = ("__weakref__", "_negation", "_subjects", "atom", "kind", "parts", "positive")

    def __init__(self, kind: str, atom: Hashable, positive: bool, parts: tuple[Formula, ...]) -> None:
        self.kind = kind
        self.atom = atom
        self.positive = positive
        self.parts = parts
        self._negation: Formula | None = None
        self._subjects: frozenset[Hashable] | None = None

    @property
    def subjects(self) -> frozenset[Hashable]:
        """What the atoms are about: their attribute `subject`, or their type if they have none."""
        if self._subjects is None:
            if self.kind == "atom":
                self._subjects = frozenset([getattr(self.atom, "subject", type(self.atom))])
            else:
                self._subjects = frozenset().union(*(part.subjects for part in self.parts))
        return self._subjects

    def __invert__(self) -> Formula:
        if self._negation is None:
            if self.kind == "atom":
                negation = _literal(self.atom, not self.positive)
            else:
                negation = (any_of if self.kind == "all" else all_of)(~part for part in self.parts)
            self._negation, negation._negation = negation, self
        return self._negation

    def __and__(self, other: Formula) -> Formula:
        return all_of((self, other))

    def __or__(self, other: Formula) -> Formula:
        return any_of((self, other))

    def __repr__(self) -> str:
        if self.kind == "atom":
            return f"{'' if self.positive else '~'}{self.atom!r}"
        return f"{self.kind}({', '.join(map(repr, self.parts))})"


_known: WeakValueDictionary[tuple[object, ...], Formula] = WeakValueDictionary()


def _interned(kind: str, atom: Hashable, positive: bool, parts: tuple[Formula, ...]) -> Formula:
    key = (kind, atom, positive) if kind == "atom" else (kind, frozenset(map(id, parts)))
    known = _known.get(key)
    if known is None:
        known = _known[key] = Formula(kind, atom, positive, parts)
    return known


TRUE: Final = _interned("all", None, True, ())
FALSE: Final = _interned("any", None, True, ())


def _literal(atom: Hashable, positive: bool) -> Formula:
    return _interned("atom", atom, positive, ())


def atom(value: Hashable) -> Formula:
    """The formula that says just this. Equal values have to be of one type (1 and True are not told apart)."""
    return _literal(value, True)


def all_of(formulas: Iterable[Formula]) -> Formula:
    """The conjunction, simplified: flat, without repetitions, FALSE where it holds a literal and its negation."""
    return _combined("all", FALSE, formulas)


def any_of(formulas: Iterable[Formula]) -> Formula:
    """The disjunction, simplified alike."""
    return _combined("any", TRUE, formulas)


def _combined(kind: str, absorbing: Formula, formulas: Iterable[Formula]) -> Formula:
    flat: dict[int, Formula] = {}
    for formula in formulas:
        for part in formula.parts if formula.kind == kind else (formula,):
            if part is absorbing:
                return absorbing
            flat[id(part)] = part
    for part in flat.values():
        if part._negation is not None and id(part._negation) in flat:
            return absorbing
    parts = tuple(flat.values())
    return parts[0] if len(parts) == 1 else _interned(kind, None, True, parts)


def exactly_one(formulas: Iterable[Formula]) -> Formula:
    """One of the formulas holds and no other. The tree over n of them has n nodes and log n levels."""

    def counted(parts: list[Formula]) -> tuple[Formula, Formula]:
        if len(parts) == 1:
            return ~parts[0], parts[0]
        (none, one), (others_none, others_one) = counted(parts[: len(parts) // 2]), counted(parts[len(parts) // 2 :])
        return none & others_none, (one & others_none) | (none & others_one)

    listed = list(formulas)
    return counted(listed)[1] if listed else FALSE


def atoms(formula: Formula, about: Iterable[Hashable] | None = None) -> Iterator[Hashable]:
    """The atoms of the formula, each once, in the order in which they stand; or those about some subjects alone."""
    wanted = None if about is None else frozenset(about)
    seen: set[int] = set()
    found: dict[Hashable, None] = {}

    def visit(part: Formula) -> None:
        if id(part) not in seen and (wanted is None or not wanted.isdisjoint(part.subjects)):
            seen.add(id(part))
            if part.kind == "atom":
                found.setdefault(part.atom)
            for inner in part.parts:
                visit(inner)

    visit(formula)
    return iter(found)


def rewrite(
    formula: Formula, change: Callable[[Hashable, bool], Formula | None], about: Iterable[Hashable] | None = None
) -> Formula:
    """The formula with each literal (an atom and its sign) replaced by what `change` gives; None keeps it. What is not
    about certain subjects is kept without a look, if they are given.
    """
    known: dict[int, Formula] = {}
    wanted = None if about is None else frozenset(about)

    def visit(part: Formula) -> Formula:
        if wanted is not None and wanted.isdisjoint(part.subjects):
            return part
        done = known.get(id(part))
        if done is None:
            if part.kind == "atom":
                done = change(part.atom, part.positive) or part
            elif not part.parts:
                done = part
            else:
                inner = [visit(each) for each in part.parts]
                done = part if all(a is b for a, b in zip(inner, part.parts, strict=True)) else None
                if done is None:
                    done = all_of(inner) if part.kind == "all" else any_of(inner)
            known[id(part)] = done
        return done

    return visit(formula)
