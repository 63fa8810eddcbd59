"""Which bytes may stand behind the texts of a terminal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from constrain.automaton import Automaton
from constrain.context_free import Body, Choice, Reference, Repetition, Rules, Sequenced, Terminal

__all__ = ["following"]


def following(rules: Rules) -> Mapping[str, frozenset[int]]:
    """For the label of every terminal: the first bytes of what may follow it, not counting the end."""
    search = _Search(rules)
    if rules.trailing is not None:
        search.behind_rule[rules.start] |= _first_bytes(rules.trailing)
    while search.changed:
        search.changed = False
        for name in rules.reachable:
            search.note(rules.bodies[name], frozenset(search.behind_rule[name]))
    return {label: frozenset(found) for label, found in search.behind_terminal.items()}


class _Search:
    """What follows rules and terminals, as far as it is known; the least solution when nothing changes any more."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.behind_rule: defaultdict[str, set[int]] = defaultdict(set)
        self.behind_terminal: defaultdict[str, set[int]] = defaultdict(set)
        self.first: dict[str, frozenset[int]] = dict.fromkeys(rules.bodies, frozenset())
        self.changed = True
        while self.changed:
            found = {name: self.first_bytes(body) for name, body in rules.bodies.items()}
            self.changed, self.first = found != self.first, found
        self.changed = True

    def first_bytes(self, body: Body) -> frozenset[int]:
        """The bytes that texts of the body begin with, as far as it is known for the rules in it."""
        match body:
            case Terminal(_, automaton):
                return _first_bytes(automaton)
            case Reference(rule):
                return self.first[rule]
            case Choice(parts):
                return frozenset().union(*map(self.first_bytes, parts))
            case Sequenced(parts):
                found: frozenset[int] = frozenset()
                for part in parts:
                    found |= self.first_bytes(part)
                    if not self.rules.is_nullable(part):
                        break
                return found
            case Repetition(part, _, high):
                return frozenset() if high == 0 else self.first_bytes(part)

    def note(self, body: Body, behind: frozenset[int]) -> None:
        """`behind` may follow the body."""
        match body:
            case Terminal(label, _):
                self._add(self.behind_terminal[label], behind)
            case Reference(rule):
                self._add(self.behind_rule[rule], behind)
            case Choice(parts):
                for part in parts:
                    self.note(part, behind)
            case Sequenced(parts):
                for part in reversed(parts):
                    self.note(part, behind)
                    behind = self.first_bytes(part) | (behind if self.rules.is_nullable(part) else frozenset())
            case Repetition(part, _, high):
                if high != 0:
                    self.note(part, behind if high == 1 else behind | self.first_bytes(part))

    def _add(self, known: set[int], more: frozenset[int]) -> None:
        self.changed |= not more <= known
        known |= more


def _first_bytes(automaton: Automaton) -> frozenset[int]:
    return frozenset(byte for byte, target in enumerate(automaton.rows[0]) if target >= 0)
