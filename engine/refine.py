"""The refine loop: a canvas of noise becomes text over a few passes, and canvas follows canvas until all is said.

There is one loop for all model families and all constraints. What varies stands behind three seams: the `Denoiser`
(how a family computes logits, accepts and renoises), the `Posterior` (what the constraint makes of the logits) and the
`StopRule`. Without a constraint it is the algorithm, and the arithmetic, of transformers' own `generate`.

In every pass one joint sample of the posterior is drawn and a subset of it accepted by the entropy bound of Ben-Hamu
et al., *Accelerated Sampling from Masked Diffusion Models via Entropy Bounded Unmasking* (arXiv 2505.24857): the
positions of least doubt, as long as they are nearly independent. A subset of a valid canvas can always be completed
to a valid canvas, so accepting needs no second check.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from constrain.engine.evidence import Keeping
from constrain.engine.masked_canvas import masked
from constrain.engine.seams import Canvas, Constraints, Denoiser, Posterior
from constrain.engine.stopping import REASONS, History, StopReason, StopRule
from constrain.errors import ConstrainError
from constrain.solving import Solution

__all__ = ["Draft", "decode", "refine"]


@dataclass(frozen=True, eq=False)
class Draft:
    """The output of a batch if it were to stop after this pass. Rows that have stopped stay as they were then.

    `refine` yields drafts of one canvas. `decode` yields drafts of everything written so far: their `tokens` run over
    all canvases, `log_z`, `passes` and `redecoded` are summed over them, `probability` is multiplied, `solutions` are
    listed; `entropy`, `reasons` and `errors` are those of the last canvas that a row took part in.
    """

    tokens: Tensor
    """int64 `[B, n L]`: the most probable valid canvas, after those that are settled."""
    log_z: Tensor
    """float64 `[B]`: log of the model's mass on valid canvases; 0 for one that took no pass."""
    probability: Tensor
    """float64 `[B]`: posterior probability of `tokens`."""
    entropy: Tensor
    """float32 `[B, L]`: constrained entropy of each position, in nats; 0 behind all text, if no pass had to look."""
    reasons: tuple[StopReason | None, ...]
    """Why each row has stopped; None while it has not."""
    passes: tuple[int, ...]
    """The number of passes each row took part in."""
    canvases: tuple[int, ...]
    """The number of canvases each row took part in."""
    redecoded: tuple[int, ...]
    """How many candidates for `tokens` a check on the text has refused, in the pass that decided."""
    errors: tuple[ConstrainError | None, ...]
    """Why the `tokens` of a row are not valid; None where they are."""
    solutions: tuple[tuple[Solution, ...], ...]
    """What a solver found that `tokens` are; empty where none was asked."""


@torch.no_grad()
def refine(
    denoiser: Denoiser,
    valid: Canvas,
    *,
    max_passes: int,
    stop: StopRule,
    generator: torch.Generator,
    every_pass: bool = True,
) -> Iterator[Draft]:
    """Refine one canvas and yield a valid draft after every pass; the last draft is the answer.

    Logits that the canvas has no use for are not computed, where that changes nothing (see `masked_canvas`). Without
    `every_pass`, a draft has no `solutions`, and a `log_z` of NaN, until the row stops: they may be all that needs the
    whole vocabulary.

    Rows stop independently: a row that has stopped keeps its answer, its canvas and its belief, and the loop ends with
    the last row. A row without a valid canvas (`Posterior.errors`) does not stop before the passes end. The device is
    synchronised once per pass, by the stop rule (and by a residual check, which reads the text). Drawing and renoising
    come before it, so that a seed consumes as many random numbers as in transformers' loop. A canvas that is known
    takes no pass.
    """
    if valid.known is not None:
        yield _forced(valid.known)
        return
    canvas = denoiser.noise(generator)
    belief: Tensor | None = None
    history = History(denoiser.rows, denoiser.device)
    answer: list[Tensor] = []
    reasons: list[StopReason | None] = [None] * denoiser.rows
    passes, redecoded = [0] * denoiser.rows, [0] * denoiser.rows
    errors: list[ConstrainError | None] = [None] * denoiser.rows
    solutions: list[tuple[Solution, ...]] = [()] * denoiser.rows
    stopped: Tensor | None = None  # bool [B], None while no row has
    unknown = torch.full((denoiser.rows,), torch.nan, dtype=torch.float64, device=denoiser.device)
    log_z = unknown
    part = masked(denoiser, valid, max_passes)

    for step in range(max_passes):
        posterior: Posterior | None = None if part is None else part.posterior(canvas, belief, step)
        tail_is_missing = part is not None and posterior is not None and not part.closed
        if posterior is None:
            if isinstance(denoiser, Keeping):
                valid.settle(denoiser.kept(canvas))
            posterior = valid.posterior(denoiser(canvas, belief, step, max_passes))
        if not tail_is_missing:
            noised = _renoised(denoiser, posterior, canvas, generator)

        best, probability = posterior.map(), posterior.probability()
        current = [best, probability, posterior.entropy]
        answer = [_keep(stopped, old, new) for old, new in zip(answer or current, current, strict=True)]

        history.add(best, probability)
        judged = stop.judge(posterior, history.unchanged, history.support)
        failed = [row for row, error in enumerate(posterior.errors) if error is not None]
        if failed:
            judged[failed] = 0
        stops = False
        for row, code in enumerate(judged.tolist()):
            if reasons[row] is None:
                passes[row] += 1
                redecoded[row], errors[row] = posterior.redecoded[row], posterior.errors[row]
                reasons[row] = REASONS[code] or ("budget" if step == max_passes - 1 else None)
                stops |= reasons[row] is not None
                if every_pass or reasons[row] is not None:
                    solution = posterior.solutions[row]
                    solutions[row] = () if solution is None else (solution,)
        log_z = _keep(stopped, log_z, posterior.log_z if every_pass or stops else unknown)
        tokens, probability, entropy = answer
        rows = (tuple(reasons), tuple(passes), (1,) * denoiser.rows, tuple(redecoded), tuple(errors), tuple(solutions))
        yield Draft(tokens, log_z, probability, entropy, *rows)
        if all(reasons):
            return

        if part is not None and tail_is_missing:  # no canvas comes after this one, and no draw but those of its passes
            posterior = part.whole(step)
            noised = _renoised(denoiser, posterior, canvas, generator)
        canvas, belief = _keep(stopped, canvas, noised), _keep(stopped, belief, posterior.shape(inplace=True))
        if any(reasons):
            stopped = judged > 0 if stopped is None else stopped | (judged > 0)


def _renoised(denoiser: Denoiser, posterior: Posterior, canvas: Tensor, generator: torch.Generator) -> Tensor:
    """The next pass's canvas."""
    if isinstance(denoiser, Keeping):
        draw, doubt = denoiser.choose(posterior, generator)
    else:
        draw, doubt = posterior.sample(generator), posterior.doubt
    return denoiser.renoise(canvas, draw, denoiser.accept(doubt), generator)


def _forced(tokens: Tensor) -> Draft:
    """The draft of a canvas on which there is nothing to choose."""
    rows = len(tokens)
    forced: StopReason = "forced"
    zeros = torch.zeros(rows, dtype=torch.float64, device=tokens.device)
    return Draft(
        tokens=tokens,
        log_z=zeros,
        probability=zeros.exp(),
        entropy=torch.zeros(tokens.shape, device=tokens.device),
        reasons=(forced,) * rows,
        passes=(0,) * rows,
        canvases=(1,) * rows,
        redecoded=(0,) * rows,
        errors=(None,) * rows,
        solutions=((),) * rows,
    )


def _keep(stopped: Tensor | None, old: Tensor | None, new: Tensor) -> Tensor:
    """`old` in the rows that have stopped, `new` in the others."""
    if stopped is None or old is None:
        return new
    return torch.where(stopped.view(-1, *[1] * (new.dim() - 1)), old, new)


@torch.no_grad()
def decode(
    denoiser: Denoiser,
    constraints: Constraints,
    *,
    max_new_tokens: int,
    max_passes: int,
    stop: StopRule,
    generator: torch.Generator,
    every_pass: bool = True,
) -> Iterator[Draft]:
    """Refine canvas after canvas until every row is complete or `max_new_tokens` are spent; yield every draft.

    A row that is complete takes no further canvases (its tokens there are padding), and its figures stay as they are.
    Nor does one that ends a canvas without having found a valid one. The model reads closed canvases only when it is
    asked for the next one. `every_pass` is as in `refine`.
    """
    length = denoiser.length
    settled = _blank(denoiser.rows, denoiser.device)
    finished = torch.zeros(denoiser.rows, dtype=torch.bool, device=denoiser.device)
    unread: list[Tensor] = []
    for budget in range(max_new_tokens, 0, -length):
        done: list[bool] = finished.tolist()
        if all(done):
            return
        valid = constraints.canvas(length, budget)
        if valid.known is None:
            for tokens in unread:
                denoiser.append(tokens)
            unread.clear()
        canvas = refine(denoiser, valid, max_passes=max_passes, stop=stop, generator=generator, every_pass=every_pass)
        for draft in canvas:
            total = _extend(settled, draft, denoiser.close(draft.tokens, finished), finished, done)
            yield total
        settled = total
        unread.append(settled.tokens[:, -length:])
        finished = finished | constraints.commit(draft.tokens)
        failed = [row for row, error in enumerate(settled.errors) if error is not None]
        if failed:
            finished[failed] = True


def _blank(rows: int, device: torch.device) -> Draft:
    """The draft of `rows` rows before their first canvas."""
    nothing = torch.empty((rows, 0), dtype=torch.int64, device=device)
    zeros = torch.zeros(rows, dtype=torch.float64, device=device)
    none = (None,) * rows
    counts = ((0,) * rows,) * 3
    return Draft(nothing, zeros, zeros.exp(), nothing.float(), none, *counts, none, ((),) * rows)


def _extend(settled: Draft, draft: Draft, tokens: Tensor, finished: Tensor, done: list[bool]) -> Draft:
    """`settled` and, in rows that are not `finished`, one more canvas. `done` is `finished` on the host."""
    rows = range(len(done))
    return Draft(
        tokens=torch.cat([settled.tokens, tokens], dim=1),
        log_z=settled.log_z + draft.log_z.masked_fill(finished, 0.0),
        probability=settled.probability * draft.probability.masked_fill(finished, 1.0),
        entropy=draft.entropy,
        reasons=tuple((settled if done[row] else draft).reasons[row] for row in rows),
        passes=tuple(settled.passes[row] + (not done[row]) * draft.passes[row] for row in rows),
        canvases=tuple(settled.canvases[row] + (not done[row]) for row in rows),
        redecoded=tuple(settled.redecoded[row] + (not done[row]) * draft.redecoded[row] for row in rows),
        errors=tuple((settled if done[row] else draft).errors[row] for row in rows),
        solutions=tuple(settled.solutions[row] + (() if done[row] else draft.solutions[row]) for row in rows),
    )
