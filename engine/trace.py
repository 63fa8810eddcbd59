"""What happened in every pass, position by position, for people to look at: recorded where `trace=True` asks for it.

A tracer stands between the loop and the constraints. It changes nothing but what is computed: all logits of a canvas,
also those that the constraint has no use for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from constrain.constraint import Constraint
from constrain.engine.refine import Draft
from constrain.engine.relational import RelationalCanvas
from constrain.engine.seams import Canvas, Constraints, Posterior
from constrain.engine.stopping import StopReason
from constrain.engine.streaming import SETTLED
from constrain.engine.token_canvas import TokenCanvas

__all__ = ["TOP", "Pass", "Trace", "Tracer", "Word"]

TOP = 5
"""How many likely tokens of each position are kept."""

_BLOCK = 1 << 22  # logits per temporary


@dataclass(frozen=True, eq=False)
class Pass:
    """One pass of one row: the best canvas and, for its N positions up to the first end of turn, what was believed.

    That takes 73 bytes per position. A canvas that took no pass (nothing was left to choose) is recorded as one, too.
    """

    number: int
    """Passes up to here, over all canvases."""
    canvas: int
    """The canvas that was refined, from 1."""
    tokens: NDArray[np.int32]
    """`[N]`: the most probable valid canvas."""
    entropy: NDArray[np.float32]
    """`[N]`: constrained, in nats."""
    allowed: NDArray[np.int32]
    """`[N]`: how many tokens the constraint lets stand there, whatever stands elsewhere. What ends the turn counts
    once, and so does everything that may stand behind the end of an even shorter text."""
    forced: NDArray[np.bool_]
    """`[N]`: what the token writes is all that the spec leaves, given the text before it. For a puzzle: the only token
    that its rules allow."""
    top: NDArray[np.int32]
    """`[N, TOP]`: the likeliest tokens of the posterior, -1 where fewer have any probability."""
    chance: NDArray[np.float32]
    """`[N, TOP]`: their posterior probabilities."""
    own: NDArray[np.float32]
    """`[N, TOP]`: what the model alone gives them, NaN if it was not asked."""
    log_z: float
    probability: float
    stop_reason: StopReason | None
    """These three as in `Result`."""

    @property
    def decided(self) -> NDArray[np.bool_]:
        """bool `[N]`, as in `Result`: one token has nearly all of the posterior, or refining has ended."""
        decided: NDArray[np.bool_] = (self.entropy <= SETTLED) | (self.stop_reason is not None)
        return decided


class Word(NamedTuple):
    """What a token writes or, if it is `silent`, its name."""

    text: str
    silent: bool


@dataclass(frozen=True, eq=False)
class Trace:
    """The passes of one row so far, and every token that they mention."""

    passes: tuple[Pass, ...] = ()
    words: Mapping[int, Word] = field(default_factory=dict, repr=False)


class Tracer:
    """`inner`, with an eye on every canvas; `record` is for every draft, before the loop goes on.

    `ends` are the ids that end the turn, `spell` knows the words.
    """

    def __init__(self, inner: Constraints, rows: int, ends: Collection[int], spell: Callable[[int], Word]) -> None:
        self.inner = inner
        self.traces = [Trace() for _ in range(rows)]
        self._ends, self._spell = ends, spell
        self._words: list[dict[int, Word]] = [{} for _ in range(rows)]
        self._watched: _Watched

    def canvas(self, length: int, budget: int) -> _Watched:
        self._watched = _Watched(self.inner.canvas(length, budget), length)
        return self._watched

    def commit(self, tokens: Tensor) -> Tensor:
        return self.inner.commit(tokens)

    @torch.no_grad()
    def record(self, draft: Draft) -> list[Trace]:
        """The traces of all rows, those that took part in the last pass one longer."""
        watched, length = self._watched, self._watched.length
        shaped = None if watched.last is None else watched.last.shape()
        log_z, probability = draft.log_z.tolist(), draft.probability.tolist()
        for row, trace in enumerate(self.traces):
            number, canvas = draft.passes[row], draft.canvases[row]
            if trace.passes and (trace.passes[-1].number, trace.passes[-1].canvas) == (number, canvas):
                continue
            begin = (canvas - 1) * length
            tokens = draft.tokens[row, begin : begin + length]
            n = min(sum(1 for _ in takewhile(lambda each: each not in self._ends, tokens.tolist())) + 1, length)
            likely = _known(tokens[:n]) if shaped is None else _likely(shaped[row, :n], watched.logits[row, :n])
            top, chance, own = (each.cpu().numpy() for each in likely)
            recorded = Pass(
                number,
                canvas,
                tokens=tokens[:n].cpu().numpy().astype(np.int32),
                entropy=draft.entropy[row, :n].cpu().numpy(),
                allowed=watched.allowed(row)[:n],
                forced=watched.forced(row, draft.tokens[row, : begin + n].tolist(), begin),
                top=top.astype(np.int32),
                chance=chance,
                own=own,
                log_z=log_z[row],
                probability=probability[row],
                stop_reason=draft.reasons[row],
            )
            words = self._words[row]
            for token in np.union1d(recorded.tokens, recorded.top).tolist():
                if token >= 0 and token not in words:
                    words[token] = self._spell(token)
            self.traces[row] = Trace((*trace.passes, recorded), words)
        return self.traces


class _Watched:
    """A canvas that remembers the posterior of its last pass."""

    def __init__(self, inner: Canvas, length: int) -> None:
        self.inner = inner
        self.length = length
        self.known = inner.known
        self.logits: Tensor
        self.last: Posterior | None = None

    def settle(self, tokens: Tensor) -> None:
        self.inner.settle(tokens)

    def posterior(self, logits: Tensor) -> Posterior:
        self.logits = logits
        self.last = self.inner.posterior(logits)
        return self.last

    def allowed(self, row: int) -> NDArray[np.int32]:
        """int32 `[L]`, see `Pass.allowed`."""
        match self.inner:
            case TokenCanvas():
                return self.inner.lattices[row].options.astype(np.int32)
            case RelationalCanvas():
                allowed = (self.inner.allowed[row] >= 0).sum(-1).masked_fill(self.inner.ends[row], 1)
                return allowed.cpu().numpy().astype(np.int32)
            case _:
                return np.full(self.length, self.logits.shape[-1], np.int32)

    def forced(self, row: int, ids: list[int], begin: int) -> NDArray[np.bool_]:
        """bool `[N]`, see `Pass.forced`; `ids` are all tokens of the row, of which the canvas begins at `begin`."""
        match self.inner:
            case TokenCanvas():
                return np.array(_forced(self.inner.constraints[row], ids)[begin:], np.bool_)
            case RelationalCanvas():
                single: NDArray[np.bool_] = self.allowed(row)[: len(ids) - begin] <= 1
                return single
            case _:
                return np.zeros(len(ids) - begin, np.bool_)


def _forced(constraint: Constraint, ids: list[int]) -> list[bool]:
    """Byte by byte: whether nothing else could be written where a token of `ids` is."""
    automaton, state = constraint.spec.automaton, 0
    forced = []
    for token, written in zip(ids, constraint.spelled(0, ids), strict=True):
        if token in constraint.vocabulary.end_of_turn:
            forced.append(max(automaton.rows[state]) < 0)
            state = 0
            continue
        alone = bool(written)
        for byte in written:
            row = automaton.rows[state]
            alone = alone and not automaton.accepting[state] and sum(target >= 0 for target in row) == 1
            state = row[byte]
        forced.append(alone)
    return forced


def _likely(shaped: Tensor, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """`Pass.top`, `chance` and `own` from shaped logits and those of the model, `[N, V]`."""
    found: list[tuple[Tensor, Tensor, Tensor]] = []
    rows = max(1, _BLOCK // shaped.shape[1])
    for begin in range(0, len(shaped), rows):
        ours, theirs = shaped[begin : begin + rows].float(), logits[begin : begin + rows].float()
        chance, top = ours.softmax(-1).nan_to_num_(nan=0.0).topk(min(TOP, ours.shape[1]))
        own = (theirs.gather(1, top) - theirs.logsumexp(1, keepdim=True)).exp()
        found.append((top.masked_fill(chance == 0, -1), chance, own))
    top, chance, own = (torch.cat(part) for part in zip(*found, strict=True))
    return _padded(top, chance, own)


def _known(tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The same for a canvas on which there was nothing to choose."""
    sure = torch.ones((len(tokens), 1), device=tokens.device)
    return _padded(tokens[:, None], sure, sure * torch.nan)


def _padded(top: Tensor, chance: Tensor, own: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    missing = (0, TOP - top.shape[1])
    return pad(top, missing, value=-1), pad(chance, missing), pad(own, missing, value=torch.nan)
