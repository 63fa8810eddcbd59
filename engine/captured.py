"""The posterior of a pass as one graph of launches: recorded in the first pass of a canvas, replayed in the others.

A pass launches more than a hundred kernels, most of which take the host longer to ask for than the device to run. A
CUDA graph asks for all of them at once. It reads and writes the same memory every time, so the logits of a pass are
copied to where the first ones were, and what it computes stands where the last pass's stood: what outlives a pass is
copied out, but for the shaped logits, which are good until the next pass.

What decides on the host cannot be recorded; `obstacle` names it, and then the pass is computed launch by launch.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from constrain.engine.launched import LaunchedPosterior, launches
from constrain.engine.posterior import TokenPosterior
from constrain.engine.token_canvas import TokenCanvas

__all__ = ["Captured", "CapturedCanvas", "CapturedPosterior", "DeviceGraph", "Figures", "Graph", "obstacle"]

_WARM = 2  # runs before recording, in which kernels are compiled and the tables of a canvas built, which waits


class Figures(NamedTuple):
    """What a pass asks a `TokenPosterior` for; `weight` is the log-probability of `best`, `shaped` is in place."""

    draw: Tensor
    best: Tensor
    weight: Tensor
    log_z: Tensor
    entropy: Tensor
    doubt: Tensor
    undecided: Tensor
    shaped: Tensor

    @classmethod
    def of(cls, posterior: LaunchedPosterior, generator: torch.Generator) -> Figures:
        """All of them, the draw first and last what takes the place of the logits."""
        draw, (best, weight, *_) = posterior.sample(generator), posterior._best
        known = posterior.log_z, posterior.entropy, posterior.doubt, posterior.undecided
        return cls(draw, best, weight, *known, posterior.shape(inplace=True))


class Graph(Protocol):
    """What records work for a device."""

    def record(self, work: Callable[[], Figures], generator: torch.Generator) -> Figures:
        """The tensors that every `replay` of `work` fills; they hold nothing yet. `generator` is as far as before."""
        ...

    def replay(self) -> None: ...


class DeviceGraph:
    """A `torch.cuda.CUDAGraph`."""

    def __init__(self) -> None:
        self._graph = torch.cuda.CUDAGraph()

    def record(self, work: Callable[[], Figures], generator: torch.Generator) -> Figures:
        state, current, side = generator.get_state(), torch.cuda.current_stream(), torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(current)
        with torch.cuda.stream(side):
            for _ in range(_WARM):
                work()
        current.wait_stream(side)
        generator.set_state(state)
        self._graph.register_generator_state(generator)
        with torch.cuda.graph(self._graph):
            return work()

    def replay(self) -> None:
        self._graph.replay()


def obstacle(canvas: TokenCanvas, logits: Tensor) -> str | None:
    """Why a pass over this canvas cannot be recorded for a GPU; None if it can."""
    if any(canvas.judges):
        return "a residual check reads the text"
    if canvas.settled is not None:
        return "tokens are settled from pass to pass"
    return None if launches(logits) else "the host computes it: launching takes a GPU, and Triton"


class Captured:
    """Recorded passes, for as many canvases, shapes and generators as `most`: the last ones that were asked for.

    Each keeps memory of the size of the logits. `graph` makes what records, `why` says what it cannot record.
    """

    def __init__(
        self,
        most: int = 2,
        *,
        graph: Callable[[], Graph] = DeviceGraph,
        why: Callable[[TokenCanvas, Tensor], str | None] = obstacle,
    ) -> None:
        self.most, self.graph, self.why = most, graph, why
        self._kept: OrderedDict[tuple[object, ...], tuple[Graph, Tensor, Figures]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def figures(self, canvas: TokenCanvas, logits: Tensor, generator: torch.Generator) -> Figures:
        """Those of a pass over `canvas`, in memory that the next call may write to."""
        key = (canvas, canvas.graph, generator, logits.shape, logits.dtype, logits.device)
        if key not in self._kept:
            static, graph = logits.clone(memory_format=torch.contiguous_format), self.graph()
            figures = graph.record(lambda: Figures.of(LaunchedPosterior(canvas, static), generator), generator)
            self._kept[key] = graph, static, figures
            while len(self._kept) > self.most:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        graph, static, figures = self._kept[key]
        static.copy_(logits)
        graph.replay()
        return figures


class CapturedPosterior(LaunchedPosterior):
    """A `LaunchedPosterior` that is replayed when its draw is asked for first."""

    def __init__(self, canvas: TokenCanvas, logits: Tensor, captured: Captured) -> None:
        super().__init__(canvas, logits)
        self.captured = captured
        self._shaped: Tensor | None = None

    def _sampled(self, generator: torch.Generator) -> Tensor:
        if self._started or self._shaped is not None:
            return super()._sampled(generator)
        *known, self._shaped = self.captured.figures(self.canvas, self.logits, generator)
        draw, best, weight, log_z, entropy, doubt, undecided = (each.clone() for each in known)
        passing = best, weight, [0] * len(best), [None] * len(best)
        vars(self).update(_best=passing, log_z=log_z, entropy=entropy, doubt=doubt, undecided=undecided)
        return draw

    def shape(self, *, inplace: bool = False) -> Tensor:
        """With `inplace`, the place is that of the recorded logits: good until the next pass."""
        if self._shaped is None:
            return super().shape(inplace=inplace)
        return self._shaped if inplace else self._shaped.clone()


class CapturedCanvas:
    """`canvas` with recorded passes: a `Canvas` for the refine loop."""

    def __init__(self, canvas: TokenCanvas, captured: Captured) -> None:
        self.canvas, self.captured = canvas, captured
        self.known, self.settle = canvas.known, canvas.settle

    def posterior(self, logits: Tensor) -> TokenPosterior:
        if self.captured.why(self.canvas, logits) is not None:
            return self.canvas.posterior(logits)
        return CapturedPosterior(self.canvas, logits, self.captured)
