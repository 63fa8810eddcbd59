"""Canvases of texts whose fields keep rules: what can still be completed, and what is written where nothing was found.

A canvas that is not the last is only as good as what can follow it. So each one that is chosen comes with a *plan*: a
whole text that begins with it, keeps all rules and fits the tokens that are left. The next canvas can always fall back
on its plan, so that what has been begun is never found to be impossible later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice

from torch import Tensor

from constrain.constraint import Constraint
from constrain.engine.paths import Paths
from constrain.engine.tables import Tables
from constrain.errors import LimitError, UnsatisfiableError
from constrain.expression import compile_expression, literal
from constrain.lattice import Lattice
from constrain.ruled import Rulebook
from constrain.ruled_checks import bounds_in
from constrain.ruled_repair import Contradiction, Seen, UnknownError
from constrain.ruled_trees import tree_of
from constrain.ruled_variants import ending, variants
from constrain.token_automaton import lift
from constrain.vocabulary import Vocabulary

__all__ = ["Planner"]

FEW = 2
"""How many structures are tried for what follows one candidate, besides the shortest."""

MOST_PLANS = 128
"""For how many candidates of a canvas a plan is looked for, in all passes; beyond that, canvases are repaired."""

MOST_UNKNOWN = 4
"""How often it may stay unknown whether the rules can hold, for a canvas of which no candidate was right."""

MANY = 24
"""How many structures with more or fewer items are tried for a canvas of which no candidate was right."""


@dataclass(eq=False)
class Planner:
    """Plans for one canvas of one row, whose earlier canvases spell `written`; `plan` is that of the one before.

    `left` tokens may follow this canvas. `reason` is the first contradiction between rules that was met.
    """

    constraint: Constraint
    rulebook: Rulebook
    written: bytes
    left: int
    plan: bytes | None = None
    plans: dict[bytes, bytes | None] = field(default_factory=dict)
    """By what is written at the end of the canvas, this canvas included; None where none was found."""
    reason: UnsatisfiableError | LimitError | None = None
    _is_hopeless: bool = False
    """Whether what was met last does not depend on how many items there are: a contradiction, or that it stays
    unknown."""
    _unknown: int = 0

    def completed(self, data: bytes) -> bytes | None:
        """A plan for what begins with `data`. None if there is none, or none is found among few structures, or
        `MOST_PLANS` have been looked for.
        """
        if data not in self.plans and len(self.plans) >= MOST_PLANS:
            return None
        if data not in self.plans:
            self.plans[data] = None
            self._is_hopeless = False
            for text in self._structures([data], len(data), FEW):
                self.plans[data] = self._fitting(text, data)
                if self.plans[data] is not None or self._is_hopeless:
                    break
        return self.plans[data]

    def _fitting(self, text: bytes, data: bytes) -> bytes | None:
        plan = self._repaired(text, data, {})
        if plan is not None and not self._fits(plan, data):
            plan = self._repaired(text, data, {}, short=True)
        return plan if plan is not None and self._fits(plan, data) else None

    def _fits(self, plan: bytes, data: bytes) -> bool:
        return fewest_tokens(self.constraint.vocabulary, plan[len(data) :]) <= self.left

    def _structures(self, beginnings: Sequence[bytes], fixed: int, count: int) -> Iterator[bytes]:
        """Texts of the automaton that have the first `fixed` bytes of each beginning, best first.

        The plan, if it has; the beginnings, each with a shortest ending; the shortest text of all; then others with
        more or fewer items, `count` of the first and of the last one.
        """
        automaton = self.constraint.spec.automaton
        stands = beginnings[0][:fixed]
        whole = [each + ending(automaton, automaton.step(0, each)) for each in [*beginnings, stands]]
        known = [self.plan] if self.plan is not None and self.plan.startswith(stands) else []
        first = known if fixed > len(self.written) else []
        yield from dict.fromkeys([*first, *whole])
        for text in dict.fromkeys([whole[0], whole[-1]]):
            yield from (each.encode() for each in islice(self._variants(text.decode(), _characters(stands)), count))
        yield from known

    def _variants(self, text: str, fixed: int) -> Iterator[str]:
        spec, book = self.rulebook.spec, self.rulebook
        root = tree_of(spec, text)
        if root is not None:
            yield from variants(spec, book.rules, self.constraint.spec.automaton, text, root, fixed)

    def _repaired(self, text: bytes, stands: bytes, seen: Seen, *, short: bool = False) -> bytes | None:
        spec = self.constraint.spec
        try:
            found = self.rulebook.repaired(
                text.decode(), _characters(stands), seen, spec.automaton, spec.accepts, short=short
            )
        except (UnsatisfiableError, LimitError) as error:
            self.reason = self.reason or error
            self._is_hopeless = (
                not error.counts_items if isinstance(error, Contradiction) else isinstance(error, UnknownError)
            )
            self._unknown += isinstance(error, UnknownError)
            return None
        return None if found is None else found.encode()

    def repair(
        self, beginnings: Sequence[bytes], head: Sequence[int], lattice: Lattice, logits: Tensor
    ) -> list[int] | None:
        """The tokens of a canvas that has a plan, made from what the candidates begin with, best first.

        They begin with `head`, tokens that spell nothing.

        The structure is that of the first that can be repaired, and the values are those seen in all of them as far as
        the rules admit. Of all ways to spell the plan, the tokens are the most probable under `logits` `[L, V]`.
        """
        seen = self._seen(beginnings)
        for text in self._structures(beginnings, len(self.written), MANY):
            for short in (False, True):
                if self._unknown >= MOST_UNKNOWN:
                    return None
                plan = self._repaired(text, self.written, seen, short=short)
                tokens = None if plan is None else self._spelled(plan, len(head), lattice, logits)
                if plan is not None and tokens is not None:
                    data = self.written + self.constraint.vocabulary.decode(tokens)
                    self.plans[data] = plan
                    return [*head, *tokens]
        return None

    def unsatisfiable(self) -> UnsatisfiableError:
        """That no canvas was found, and what stood in the way first."""
        assert self.reason is not None
        return UnsatisfiableError(
            f"no output of {self.constraint.spec.describe()} was found that keeps its rules ({self.rulebook.names});"
            f" what stood in the way first: {self.reason.message}",
            hint="loosen the rules, allow more values, or raise max_new_tokens",
        )

    def _seen(self, beginnings: Sequence[bytes]) -> Seen:
        automaton, found = self.constraint.spec.automaton, dict[tuple[str | int, ...], Counter[object]]()
        for data in beginnings:
            root = tree_of(self.rulebook.spec, (data + ending(automaton, automaton.step(0, data))).decode())
            for bound in () if root is None else bounds_in(self.rulebook.rules, root):
                for spot in (spot for spots in bound.spots for spot in spots if spot.value is not None):
                    if spot.place is not None and spot.place.begin < len(data):
                        found.setdefault(spot.path, Counter())[spot.value] += 1
        return found  # type: ignore[return-value]  # counts are floats as well

    def _spelled(self, plan: bytes, taken: int, lattice: Lattice, logits: Tensor) -> list[int] | None:
        """The most probable tokens for `plan` behind `taken` others; None if they do not fit."""
        vocabulary = self.constraint.vocabulary
        tokens = lift(compile_expression(literal(plan[len(self.written) :])), vocabulary)
        try:
            chain = Lattice(tokens, 0, lattice.length - taken, lattice.budget - taken)
        except UnsatisfiableError as error:
            self.reason = self.reason or error
            return None
        return Paths(chain, Tables.of(tokens, logits.device), logits[taken:]).first.tokens


def fewest_tokens(vocabulary: Vocabulary, data: bytes) -> float:
    """The fewest tokens that spell `data`; infinite if none do."""
    known, longest = _spellings(vocabulary)
    fewest = [0.0]
    for end in range(1, len(data) + 1):
        before = [fewest[begin] for begin in range(max(0, end - longest), end) if data[begin:end] in known]
        fewest.append(1 + min(before, default=float("inf")))
    return fewest[-1]


@lru_cache(maxsize=4)
def _spellings(vocabulary: Vocabulary) -> tuple[frozenset[bytes], int]:
    known = frozenset(token for token in vocabulary.tokens if token)
    return known, max(map(len, known))


def _characters(data: bytes) -> int:
    """How many characters begin in `data`."""
    return sum(byte & 0xC0 != 0x80 for byte in data)
