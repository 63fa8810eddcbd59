"""From context-free rules to one automaton: exactly where that is possible, and to a depth where rules nest.

The rules are taken component by component, a component being rules that lead to one another. Within one, what stands at
the ends of rules is solved exactly (`linear_forms`); what stands inside is unrolled: with the languages X[d] of the
rules inside, the equations give X[d + 1], and X[0] has nothing inside. So the depth says how often a text of a
component may lie within another; X[0], X[1], ... approach the language from below. If X[d] and X[d + 1] are equal, all
that follow are, and the language is exact.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from constrain.automaton import DEFAULT_MAX_STATES, Automaton
from constrain.context_free import Rules, components, references
from constrain.errors import LimitError
from constrain.expression import EMPTY, NOTHING, Expression, compile_expression, concat, literal, union
from constrain.linear_forms import Forms, Linear, copies

__all__ = ["STATE_BUDGET", "Unrolled", "unroll"]

STATE_BUDGET = 4_000  # states up to which the depth grows by itself
LEAST_DEPTH = 2  # what is written mostly nests once or twice, so that so much is worth more states
LEAST_BUDGET = 16_000  # states up to which it grows to the least depth: 0.4 s with 131,072 tokens
MAX_DEPTH = 16  # to which it grows by itself
_SPARE = 8  # states of the subset construction per state of the budget

Languages = dict[str, Expression]


@dataclass(frozen=True, eq=False)
class Unrolled:
    """An automaton of the texts that nest at most `depth` deep; `depth` is None if these are all."""

    automaton: Automaton
    depth: int | None


def unroll(rules: Rules, max_depth: int | None = None) -> Unrolled:
    """The texts of `rules` to the depth `max_depth`, by default the largest that takes at most `STATE_BUDGET` states,
    or `LEAST_BUDGET` up to `LEAST_DEPTH`.

    Raises `LimitError` when the depth that was asked for, or no depth at all, fits into 100,000 states.
    """
    depths = _Depths(rules)
    best: Automaton | None = None
    reached = 0
    sizes: list[int] = []
    for depth in range(MAX_DEPTH + 1 if max_depth is None else max_depth + 1):
        grows = max_depth is None and best is not None and not best.is_empty()
        budget = STATE_BUDGET if depth > LEAST_DEPTH else LEAST_BUDGET
        if grows and _next(sizes) > budget:
            break
        try:
            found = depths.advance(min(budget * _SPARE, DEFAULT_MAX_STATES) if grows else DEFAULT_MAX_STATES)
        except LimitError as error:
            if grows:
                break
            nested = f"nested {depth} deep, " if depth else ""
            raise LimitError(
                f"{nested}the grammar needs more than {error.limit:,} automaton states",
                limit=error.limit,
                given=error.given,
                hint=f"{'give a smaller max_depth, or ' if nested else ''}write the grammar with fewer repeated parts",
            ) from error
        if grows and found.states > budget:
            break
        best, reached = found, depth
        sizes.append(found.states)
        if depths.exact:
            break
    assert best is not None, "there is a language at depth 0, or an error"
    return Unrolled(depths.within(best), None if depths.exact else reached)


def _next(sizes: list[int]) -> float:
    """What size comes next if growth goes on as it did, linear or exponential; 0 for too few to tell."""
    if len(sizes) < 3:
        return 0
    older, old, new = sizes[-3:]
    return new + (new - old) ** 2 / max(old - older, 1)


@dataclass(frozen=True, eq=False)
class _Component:
    """Rules that lead to one another, and `outer`, the other rules that they refer to.

    `groups` are those that lead to one another by their ends, each after what it needs. In a group, rules that stand at
    no or few ends come first: what is substituted for them may put others between texts.
    """

    members: frozenset[str]
    groups: tuple[tuple[str, ...], ...]
    outer: frozenset[str]


class _Depths:
    """The languages of all rules that the start leads to, one depth after the other."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.bodies = {name: rules.bodies[name] for name in rules.reachable}
        edges = {name: {each.rule for each in references(body)} for name, body in self.bodies.items()}
        self.components = [self._component(frozenset(members), edges) for members in components(edges)]
        alone = {name: group for component in self.components for group in component.groups for name in group}
        self.uses = Counter(
            rule for name, body in self.bodies.items() for rule in copies(body) if rule not in alone[name]
        )
        self.languages: Languages = {}
        self.settled: set[str] = set()
        self.limit = DEFAULT_MAX_STATES

    @property
    def exact(self) -> bool:
        """Whether greater depths add nothing."""
        return self.rules.start in self.settled

    def within(self, language: Automaton) -> Automaton:
        """The language with what may stand behind it."""
        trailing = self.rules.trailing
        return language if trailing is None else compile_expression(concat(language, trailing))

    def advance(self, limit: int) -> Automaton:
        """The language of the start, after those at one depth have become those at the next, none of which may need
        more than `limit` states.
        """
        self.limit = limit
        before, self.languages = self.languages, {}
        for component in self.components:
            if component.members <= self.settled:
                self.languages |= {name: before[name] for name in component.members}
                continue
            used: set[str] = set()
            found = self._solved(component, before, used)
            if component.outer <= self.settled and all(before.get(name) == found[name] for name in used):
                self.settled |= component.members
            self.languages |= found
        start = self._compile(self.languages[self.rules.start])
        self.languages[self.rules.start] = start
        return start

    def _solved(self, component: _Component, before: Languages, used: set[str]) -> Languages:
        """The languages of a component's rules, given those of outer rules, and `before` for its own where they lie
        inside and are not solved yet; these are noted in `used`.

        What is used once remains an expression, so that it is compiled as part of another language and not before.
        """
        found: Languages = {}

        def inner(name: str) -> Expression:
            if name in found:
                return found[name]
            used.add(name)
            before[name] = self._shared(before.get(name, NOTHING))
            return before[name]

        def outer(name: str) -> Expression:
            return inner(name) if name in component.members else self.languages[name]

        for group in component.groups:
            linear = self._linear(frozenset(group), outer, inner)
            forms = {name: linear.forms(self.bodies[name]) for name in group}
            for done, name in enumerate(group, 1):
                forms[name] = linear.solved(name, forms[name])
                if len(group) > 1:
                    forms[name] = self._compiled(forms[name])
                for other in group[done:]:
                    forms[other] = self._compiled(linear.substituted(forms[other], name, forms[name]))
            for name in reversed(group):
                closed = forms[name]
                for end in sorted(closed.ends()):
                    closed = linear.substituted(closed, end, Forms.of(found[end]))
                found[name] = union(*(middle for _, middle, _ in closed.items()))
                if len(group) > 1 or self.uses[name] > 1 or name in used:
                    found[name] = self._shared(found[name])
        return found | {name: self._shared(found[name]) for name in used}

    def _compiled(self, forms: Forms) -> Forms:
        """The same with an automaton for each middle, so that repeated substitution piles up no expressions."""
        others: dict[tuple[str | None, str | None], Expression] = {
            ends: middle if middle == EMPTY else self._compile(middle) for ends, middle in forms.others.items()
        }
        return Forms(forms.empty, forms.units, others)

    def _shared(self, expression: Expression) -> Expression:
        """The same as one automaton, of which many copies can be made; `NOTHING` remains that."""
        automaton = self._compile(expression)
        return NOTHING if automaton.is_empty() else automaton

    def _compile(self, expression: Expression) -> Automaton:
        return compile_expression(expression, max_states=self.limit)

    def _linear(
        self, members: frozenset[str], outer: Callable[[str], Expression], inner: Callable[[str], Expression]
    ) -> Linear:
        return Linear(members, outer, inner, self.rules.is_nullable)

    def _component(self, members: frozenset[str], edges: Mapping[str, set[str]]) -> _Component:
        """How rules depend on one another, whatever their languages are."""
        anything = literal(b"?")
        linear = self._linear(members, lambda _: anything, lambda _: anything)
        ends = {name: linear.forms(body).ends() for name, body in self.bodies.items() if name in members}
        uses = Counter(end for name in members for end in ends[name])
        groups = (sorted(group, key=lambda name: (name in ends[name], uses[name])) for group in components(ends))
        outer = frozenset(other for name in members for other in edges[name]) - members
        return _Component(members, tuple(map(tuple, groups)), outer)
