"""Puzzles: text with variables in it, a finite domain for each, and rules between them.

The texts that keep the rules are no regular language of any useful size, so the automaton of a puzzle knows only its
shape, with the givens in place; the rules are `residual`. Decoding chooses all values jointly, by `solving`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence, Sized
from functools import cached_property
from itertools import islice
from typing import Any, TypeAlias

from constrain.automaton import Automaton
from constrain.conflicts import conflicts
from constrain.errors import LimitError, SpecError, UnsupportedError
from constrain.expression import compile_expression, concat, literal, union
from constrain.layout import Layout, Placed, Slot
from constrain.relations import Problem, Rule, Table, Value, Violation
from constrain.spec import Spec
from constrain.template_syntax import Constant, Hole, parse_template

__all__ = ["MAX_VALUES", "Domain", "Puzzle"]

MAX_VALUES = 100_000
"""How many values a variable has at most."""

Domain: TypeAlias = "Iterable[Value] | Mapping[Value, str]"
"""Values, written as `str` writes them, or a mapping from the values to their texts."""


class Puzzle(Spec):
    """The texts made of `layout` by putting a value of its domain for every variable, such that all `rules` hold.

        Puzzle("{a}+{b}={c}", dict.fromkeys("abc", range(10)), [Linear({"a": 1, "b": 1, "c": -1}, "==", 0)])

    In `layout`, `{name}` stands for a variable, each exactly once; `{{` and `}}` are braces. `given` fixes variables.
    A text stands for the mapping from the names of the variables to their values.

    A model can write it if its vocabulary spells the values of each variable in equally many tokens, as it does digits,
    padded numbers, and most words of one length.

    Raises `SpecError` where a variable, a value or a given is unknown, where two values of a variable or two readings
    of the layout have the same text, and where givens break a rule on their own, naming it; `LimitError` for more than
    `MAX_VALUES` values of a variable. That a puzzle has no solution, or several, is only found by solving it.
    """

    def __init__(
        self,
        layout: str,
        domains: Mapping[str, Domain],
        rules: Iterable[Rule] = (),
        given: Mapping[str, Value] | None = None,
    ) -> None:
        for argument, kind in ((domains, Mapping), (rules, Iterable), (given or {}, Mapping)):
            if not isinstance(argument, kind):
                raise SpecError(f"{argument!r} is no {kind.__name__.lower()}", hint="give domains, rules, then givens")
        listed = {name: _listed_once(name, domain) for name, domain in domains.items()}
        self.problem = Problem(
            {name: domain if isinstance(domain, range) else tuple(domain) for name, domain in listed.items()},
            tuple(rules),
        )
        self.texts = {name: _texts(name, domain) for name, domain in listed.items()}
        self.layout = Layout(_parts(layout, self.texts))
        ambiguous = self.layout.ambiguity()
        if ambiguous is not None:
            raise SpecError(
                f"the value of {ambiguous!r} cannot be read back from the text: two ways to fill in the layout look"
                " the same",
                keyword=ambiguous,
                hint="separate the variables, or make their texts equally long",
            )
        self.given = {name: self._value(name, value) for name, value in (given or {}).items()}
        self._check_given()

    def _check_given(self) -> None:
        broken = [each for each in conflicts(self.problem, self.given) if each.values]
        if broken:
            raise SpecError(
                f"the givens contradict a rule: {broken[0]}",
                keyword=next(iter(broken[0].values)),
                hint="; besides, ".join(["change one of them", *map(str, broken[1:])]),
            )

    @staticmethod
    def cells(rows: int, columns: int) -> list[list[str]]:
        """The names of the variables of a `grid`, row by row; `r1c1` is at the top left."""
        return [[f"r{row}c{column}" for column in range(1, columns + 1)] for row in range(1, rows + 1)]

    @staticmethod
    def grid(
        values: Domain,
        shape: tuple[int, int],
        rules: Iterable[Rule] = (),
        given: Mapping[str, Value] | Sequence[Sequence[Value | None]] | None = None,
        *,
        separator: str | None = None,
    ) -> Puzzle:
        """A grid of variables (see `cells`) of `shape` rows and columns, all with the same values, a line per row.

        `given` may be a grid as well, with None for what is open. Values without a text of their own are aligned on
        the right. `separator` stands between the cells of a row: by default nothing if all texts are one character
        long, else a space.
        """
        match shape:
            case (int(rows), int(columns)) if rows > 0 and columns > 0:
                names = Puzzle.cells(rows, columns)
            case _:
                raise SpecError(f"{shape!r} is no shape of a grid", hint="give its rows and its columns, as (4, 4)")
        values = _listed_once("a cell", values)
        texts = dict(values) if isinstance(values, Mapping) else _aligned(values)
        if separator is None:
            separator = "" if all(len(text) == 1 for text in texts.values()) else " "
        between = "".join(sign if sign == '"' else f'{{"{sign}"}}' for sign in separator)
        layout = "\n".join(between.join(f"{{{name}}}" for name in line) for line in names)
        if given is not None and not isinstance(given, Mapping):
            given = _named(given, names)
        return Puzzle(layout, {name: texts for line in names for name in line}, rules, given)

    @cached_property
    def domains_given(self) -> tuple[int, ...]:
        """What the givens leave, per variable in the order of `problem.domains`: bit k is set for its k-th value."""
        return tuple(
            1 << domain.index(self.given[name]) if name in self.given else (1 << len(domain)) - 1
            for name, domain in self.problem.domains.items()
        )

    @property
    def whole(self) -> bool:
        return True

    @property
    def residual(self) -> bool:
        return bool(self.problem.rules)

    def _language(self) -> Automaton:
        """The shape, with the givens in place."""
        pieces = []
        for part in self.layout.parts:
            if isinstance(part, str):
                pieces.append(literal(part.encode()))
            elif part.name in self.given:
                pieces.append(literal(self.texts[part.name][self.given[part.name]].encode()))
            else:
                pieces.append(union(*(literal(text.encode()) for text in part.texts)))
        return compile_expression(concat(*pieces))

    def fault(self, text: str, *, complete: bool = True) -> tuple[int, int] | None:
        """The first variable whose value, with those before it, breaks a rule (see `conflicts`)."""
        known: dict[str, Value] = {}
        found = self.layout.read(text) if complete else self.layout.known(text)
        for n, placed in enumerate(found, 1):
            known[placed.name] = self.problem.domains[placed.name][placed.n]
            if conflicts(self.problem, known, self._rules_of.get(placed.name, ())):
                return placed.begin, self._certain(text, found[:n])
        return None

    def _certain(self, text: str, found: tuple[Placed, ...]) -> int:
        """How many characters of `text` tell that these values stand there: 1 might still become 12."""
        ends = range(found[-1].end, len(text))
        return next((end for end in ends if set(found) <= set(self.layout.known(text[:end]))), len(text))

    @cached_property
    def _rules_of(self) -> dict[str, list[Rule]]:
        found: dict[str, list[Rule]] = {}
        for rule in self.problem.rules:
            for name in rule.variables:
                found.setdefault(name, []).append(rule)
        return found

    def check(self, value: Any) -> list[Violation]:
        """The rules and givens that `value` breaks: an assignment, of some variables at least, or a text of the shape.

        Raises `SpecError` for other texts, unknown variables, and what is no value of a variable.
        """
        assignment = self._assignment(value)
        given = (Table((name,), [(fixed,)], label=f"given {name} = {fixed}") for name, fixed in self.given.items())
        return conflicts(self.problem, assignment, given) + conflicts(self.problem, assignment)

    def _read(self, text: str) -> dict[str, Value]:
        return {placed.name: self.problem.domains[placed.name][placed.n] for placed in self.layout.read(text)}

    def _assignment(self, value: Any) -> dict[str, Value]:
        if isinstance(value, str):
            return self._read(value)
        if not isinstance(value, Mapping):
            raise SpecError(f"a mapping from variables to values is needed, not {value!r}")
        return {name: self._value(name, each) for name, each in value.items()}

    def _value(self, name: str, value: Any) -> Value:
        """The one of the values of `name` that is equal to `value`."""
        if name not in self.texts:
            raise SpecError(
                f"there is no variable {name!r}", keyword=str(name), hint=f"there are {_listed(self.texts)}"
            )
        domain = self.problem.domains[name]
        if not isinstance(value, Hashable) or value not in domain:
            raise SpecError(
                f"{value!r} is no value of {name!r}", keyword=name, hint=f"its values are {_listed(domain)}"
            )
        return domain[domain.index(value)]

    def value_of(self, assignment: Mapping[str, Value]) -> Any:
        """What a text that assigns all variables so stands for."""
        return dict(assignment)

    def parse(self, text: str) -> Any:
        assignment = self._read(text)
        self._demand(assignment)
        return self.value_of(assignment)

    def dumps(self, value: Any) -> str:
        assignment = self._assignment(value)
        for name in self.texts:
            if name not in assignment:
                raise SpecError(f"no value is given for the variable {name!r}", keyword=name)
        self._demand(assignment)
        return self.write(assignment)

    def _demand(self, assignment: Mapping[str, Value]) -> None:
        violations = self.check(assignment)
        if violations:
            raise SpecError(
                f"a rule of {self.describe()} is broken: {violations[0]}",
                hint="; besides, ".join(["change one of these", *map(str, violations[1:])]),
            )

    def write(self, assignment: Mapping[str, Value]) -> str:
        """The text of an assignment of all variables, whether it keeps the rules or not."""
        return self.layout.write({name: texts[assignment[name]] for name, texts in self.texts.items()})

    def draw(self, value: Any, candidates: Mapping[str, Iterable[Value]] | None = None) -> str:
        """The layout for people to look at: variables without a value as `?`, or as their `candidates` in braces."""
        assignment = self._assignment(value or {})
        shown = {}
        for name, texts in self.texts.items():
            left = [texts[each] for each in (candidates or {}).get(name, ())]
            if name in assignment:
                left = [texts[assignment[name]]]
            shown[name] = left[0] if len(left) == 1 else f"{{{','.join(left)}}}" if left else "?"
        return self.layout.write(shown)

    def describe(self) -> str:
        return f"puzzle of {len(self.texts)} variables, {len(self.given)} given, and {len(self.problem.rules)} rules"

    def explain(self) -> str:
        """The same, and the rules, which the automaton knows nothing of."""
        rules = (f"  rule:           {rule.describe()}" for rule in self.problem.rules)
        return "\n".join([super().explain(), *rules])


def _parts(source: str, texts: Mapping[str, Mapping[Value, str]]) -> tuple[str | Slot, ...]:
    """The layout that `source` describes, once every variable is known to stand in it once."""
    if not isinstance(source, str):
        raise SpecError(f"a layout is a string, not {source!r}")
    if _has_lone_surrogate(source):
        raise SpecError(f"the layout {source!r} has a lone surrogate, which no text has")
    parts: list[str | Slot] = []
    seen: set[str] = set()
    for node in parse_template(source):
        match node:
            case Constant(text):
                parts.append(text)
            case Hole(name, position) if name not in texts:
                raise SpecError(f"the variable {name!r} has no domain", source=source, position=position, keyword=name)
            case Hole(name, position) if name in seen:
                raise SpecError(
                    f"the variable {name!r} stands in two places",
                    source=source,
                    position=position,
                    keyword=name,
                    hint="give it another name there, and a rule Equal(...)",
                )
            case Hole(name):
                seen.add(name)
                parts.append(Slot(name, tuple(texts[name].values())))
            case _:
                raise UnsupportedError(
                    "a layout has no sections that may be missing or repeated",
                    source=source,
                    position=node.position,
                    hint='write {"[?"} for these characters themselves',
                )
    for name in texts:
        if name not in seen:
            raise SpecError(
                f"the variable {name!r} has no place in the layout", keyword=name, hint=f"write {{{name}}} there"
            )
    return tuple(parts)


def _listed_once(name: str, domain: Domain) -> range | tuple[Value, ...] | Mapping[Value, str]:
    """The domain; what is no sequence is listed, as far as it may be long."""
    if not isinstance(domain, Iterable):
        raise SpecError(f"{domain!r} are no values of {name!r}", keyword=name, hint="give several, as range(1, 10)")
    listed = domain if isinstance(domain, range | Mapping) else tuple(islice(domain, MAX_VALUES + 1))
    if any(True for _ in islice(listed, MAX_VALUES, None)):
        raise LimitError(
            f"{name!r} has more than {MAX_VALUES:,} values",
            limit=MAX_VALUES,
            given=MAX_VALUES + 1,
            hint="make several variables of it, such as one per digit",
        )
    return listed


def _has_lone_surrogate(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def _texts(name: str, domain: Domain) -> dict[Value, str]:
    """The text of every value."""
    texts = dict(domain) if isinstance(domain, Mapping) else {value: str(value) for value in domain}
    for value, text in texts.items():
        if not isinstance(text, str) or not text or _has_lone_surrogate(text):
            raise SpecError(
                f"{text!r} cannot stand for {value!r}, a value of {name!r}",
                keyword=name,
                hint="give a string that is not empty, without lone surrogates",
            )
    if len(set(texts.values())) < len(texts):
        twice = next(text for text in texts.values() if [*texts.values()].count(text) > 1)
        raise SpecError(f"two values of {name!r} have the text {twice!r}", keyword=name, hint="give each its own")
    return texts


def _aligned(values: Iterable[Value]) -> dict[Value, str]:
    texts = {value: str(value) for value in values}
    width = max(map(len, texts.values()), default=0)
    return {value: text.rjust(width) for value, text in texts.items()}


def _named(grid: Sequence[Sequence[Value | None]], names: list[list[str]]) -> dict[str, Value]:
    """The cells of a grid that are not None, by name."""
    if not all(isinstance(line, Sized) for line in grid):
        raise SpecError(f"{grid!r} is no grid of givens", hint="give a list of rows, with None for what is open")
    if [len(line) for line in grid] != [len(line) for line in names]:
        raise SpecError(
            f"the givens have rows of {', '.join(str(len(line)) for line in grid)} cells, not {len(names)} rows of"
            f" {len(names[0])}",
            hint="write None for what is open",
        )
    cells = (pair for line, row in zip(names, grid, strict=True) for pair in zip(line, row, strict=True))
    return {name: value for name, value in cells if value is not None}


def _listed(values: Iterable[Value]) -> str:
    shown = [repr(value) for value in values]
    return ", ".join(shown) if len(shown) <= 20 else f"{', '.join(shown[:20])} and {len(shown) - 20} more"
