"""What may be said about a run, beside the prompt and the spec."""

from __future__ import annotations

from typing import TypedDict

from constrain.engine.stopping import StopRule

__all__ = ["Options"]


class Options(TypedDict, total=False):
    """The keywords of `Model.generate` and `Model.stream`. Leaving one out means its default."""

    max_passes: int | None
    """Passes per canvas, at most. Default: the checkpoint's own, 48 if it names none; for a masked diffusion model,
    `MaskedDiffusion.steps`."""
    max_new_tokens: int | None
    """Tokens of text, at most; a spec whose shortest output is longer is refused. Default: what the checkpoint allows
    (256 if it names nothing); for a spec, what its longest output needs or, if it has none, what the checkpoint allows
    or its shortest output needs, whichever is more; then up to 16 canvases, or what the checkpoint allows. For a
    puzzle, what it needs."""
    seed: int | None
    """Determines every random choice; 0 by default. None is an arbitrary seed."""
    max_redecoded: int | None
    """Where a spec has rules that no automaton expresses, how many outputs a check on the text may refuse, per pass and
    canvas. Default: 256. A row for which no pass finds anything better within it fails with `UnsatisfiableError`."""
    solver_time: float
    """For a puzzle, the seconds that the solver may take for a first solution, and then for the best ones of all passes
    together. Default: 30. What was cut short, `Result.relations` says."""
    thinking: bool | int
    """Whether the model may think first, in a channel of its own that no spec mentions: `Result.thinking`. A number is
    how many tokens that may take, its frame included (True: as many as the checkpoint allows an answer, 256 if it names
    nothing). They come on top of the default of `max_new_tokens`, and are among them if you pass your own."""
    stop: StopRule | None
    """When to stop a canvas before `max_passes`. Default: the checkpoint's thresholds and, under a constraint, a
    probability of 0.999."""
    trace: bool
    """Whether to record what happened in every pass: `Result.trace`, `Result.to_html`. All logits of a canvas are then
    computed and looked at, and every pass keeps 72 bytes per position of text."""
    progress: bool
    """Whether to show a bar that counts the finished rows: tqdm's, on standard error or in the notebook."""
