"""How probable each of several options is: the exact posterior of a choice, option by option.

The model's product distribution gives an option the mass of all canvases that spell it, however its text is cut into
tokens and whatever stands behind the end of turn: log Z of the option's own constraint. Options have no text in common,
so the masses of all of them, on the same logits, add up to that of the choice; divided by it, they are the posterior.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import EnumType
from typing import Any, Literal, get_args, get_origin

import torch
from torch import Tensor

from constrain.constraint import Constraint, compile
from constrain.engine.masked_canvas import first_pass
from constrain.engine.posterior import TokenPosterior
from constrain.engine.refine import refine
from constrain.engine.seams import Denoiser
from constrain.engine.stopping import StopRule
from constrain.engine.token_canvas import TokenCanvas, TokenConstraints
from constrain.errors import ConstrainError, SpecError, UnsatisfiableError
from constrain.notebook import preformatted, table
from constrain.spec import Spec
from constrain.specs import Choice, as_spec
from constrain.vocabulary import Vocabulary

__all__ = ["Alternatives", "Ranking", "rank"]


@dataclass(frozen=True, eq=False)
class Ranking(Mapping[Any, float]):
    """From option to probability, the most probable first (equals in the order given); they add up to 1."""

    probabilities: Mapping[Any, float] = field(default_factory=dict)
    log_z: float = float("nan")
    """Log of the model's own mass on all options together. Very negative, it would rather have said something else."""
    passes: int = 0
    """Passes taken; the probabilities are those of the last."""
    error: ConstrainError | None = None
    """Why this row of a batch could not run. Reading the probabilities raises it."""

    @property
    def best(self) -> Any:
        """The most probable option."""
        return next(iter(self))

    @property
    def _known(self) -> Mapping[Any, float]:
        if self.error is not None:
            raise self.error
        return self.probabilities

    def _repr_html_(self) -> str:
        if self.error is not None:
            return table("no choice", [("error", preformatted(str(self.error)))])
        return table("choice", [(str(option), f"{share:.2%}") for option, share in self.items()])

    def __getitem__(self, option: Any) -> float:
        return self._known[option]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


@dataclass(frozen=True, eq=False)
class Alternatives:
    """Options with a constraint each, no two of which share a text, and `whole`, the constraint of their union."""

    options: tuple[Any, ...]
    constraints: tuple[Constraint, ...]
    whole: Constraint

    @classmethod
    def of(cls, options: Any, vocabulary: Vocabulary) -> Alternatives:
        """What `options` lists: strings (or a `Choice` of them), bare; a Literal or an enumeration, as JSON.

        Raises `SpecError` for what lists no options, for none and for the same one twice, `UnsatisfiableError` for one
        that the vocabulary cannot spell.
        """
        spec, listed = _listed(options)
        seen: dict[Any, Any] = {}
        for option, own in listed:
            for key in (own.automaton, option):
                if key in seen:
                    raise SpecError(
                        f"the options {seen[key]!r} and {option!r} cannot be told apart", hint="give each option once"
                    )
            seen |= {own.automaton: option, option: option}
        constraints = tuple(compile(own, vocabulary) for _, own in listed)
        return cls(tuple(option for option, _ in listed), constraints, compile(spec, vocabulary))

    def check_fit(self, available: int) -> None:
        """Raises `UnsatisfiableError` for an option that cannot be spelled in `available` tokens."""
        for option, constraint in zip(self.options, self.constraints, strict=True):
            if constraint.shortest > available:
                raise UnsatisfiableError(
                    f"the option {option!r} needs {constraint.shortest} tokens, and a canvas has room for {available}",
                    needed=constraint.shortest,
                    available=available,
                    hint="shorten it: options are compared within one canvas",
                )

    def reach(self, length: int) -> int:
        """How many of `length` positions the longest text and its end of turn need. The rest have no weight but 1."""
        return min((self.whole.longest or length) + 1, length)

    def masses(self, logits: Tensor, budget: int) -> Tensor:
        """float64 `[N]`: log of the mass of each option under `logits` `[L, V]`, in at most `budget` tokens of text."""
        length = self.reach(len(logits))
        canvas = TokenConstraints(self.constraints, device=logits.device).canvas(length, budget)
        return canvas.posterior(logits[:length].expand(len(self.options), -1, -1)).log_z


def _listed(options: Any) -> tuple[Spec, list[tuple[Any, Spec]]]:
    """The spec of a choice, and each of its options with its own."""
    if isinstance(options, Sequence) and not isinstance(options, str | bytes):
        options = Choice(options)
    if isinstance(options, Choice):
        return options, [(option, Choice([option])) for option in options.options]
    values = list(options) if isinstance(options, EnumType) else get_args(options)
    if not values or not (isinstance(options, EnumType) or get_origin(options) is Literal):
        raise SpecError(
            f"{options!r} lists no options", hint="give a list of strings, a Choice, a Literal, or an enumeration"
        )
    return as_spec(options), [(value, as_spec(Literal[value])) for value in values]


@torch.no_grad()
def rank(
    denoiser: Denoiser,
    alternatives: Alternatives,
    budgets: Sequence[int],
    *,
    max_passes: int,
    stop: StopRule,
    generator: torch.Generator,
) -> list[Ranking]:
    """Refine one canvas of a choice; each row's ranking is that of the pass in which it stops.

    Where there is one pass alone, what the model says behind the options is not even computed.
    """
    available = [min(budget, denoiser.length) for budget in budgets]
    if max_passes == 1:
        logits = first_pass(denoiser, alternatives.reach(denoiser.length), generator)
        pairs = zip(logits, available, strict=True)
        return [_ranking(alternatives.options, alternatives.masses(row, budget), 1) for row, budget in pairs]
    constraints = TokenConstraints([alternatives.whole] * len(budgets), budgets=budgets, device=denoiser.device)
    observed = _Observed(constraints.canvas(denoiser.length, denoiser.length))
    rankings: dict[int, Ranking] = {}
    for draft in refine(denoiser, observed, max_passes=max_passes, stop=stop, generator=generator):
        for row in (row for row, reason in enumerate(draft.reasons) if reason is not None and row not in rankings):
            mass = alternatives.masses(observed.logits[row], available[row])
            rankings[row] = _ranking(alternatives.options, mass, draft.passes[row])
    return [rankings[row] for row in range(len(budgets))]


class _Observed:
    """A canvas that remembers the logits of the last pass."""

    def __init__(self, canvas: TokenCanvas) -> None:
        self.canvas = canvas
        self.known = canvas.known
        self.logits: Tensor

    def settle(self, tokens: Tensor) -> None:
        self.canvas.settle(tokens)

    def posterior(self, logits: Tensor) -> TokenPosterior:
        self.logits = logits
        return self.canvas.posterior(logits)


def _ranking(options: Sequence[Any], mass: Tensor, passes: int) -> Ranking:
    probability = mass.softmax(0)
    order = probability.argsort(descending=True, stable=True).tolist()
    probabilities = {options[n]: float(probability[n]) for n in order}
    return Ranking(probabilities, log_z=float(mass.logsumexp(0)), passes=passes)
