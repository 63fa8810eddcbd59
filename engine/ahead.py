"""Prompts read while specs are compiled: the one is the device's work, the other the host's, and neither needs both.

Compiling goes to a thread, since the network belongs to the thread that calls: gradients, autocast and streams are set
there. Both run at once as far as torch and numpy let go of the interpreter's lock, which is while they compute.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from typing import TypeVar

from constrain.engine.seams import Denoiser

__all__ = ["PATIENCE", "Ahead", "meanwhile"]

T = TypeVar("T")
S = TypeVar("S")

PATIENCE = 0.002
"""Seconds. Specs that are known already are found in less, and so are most errors; then nothing is read ahead."""


@dataclass(frozen=True, eq=False)
class Ahead:
    """Prompts that were read before it was known which rows can run, and for these rows alone of any use."""

    ids: Sequence[list[int]]
    denoiser: Denoiser

    def of(self, ids: Sequence[list[int]]) -> Denoiser | None:
        """The denoiser of these very prompts, if they are the ones that were read."""
        return self.denoiser if list(ids) == list(self.ids) else None


def meanwhile(work: Callable[[], T], other: Callable[[], S], patience: float = PATIENCE) -> tuple[T, S | None]:
    """What `work` returns, from a thread, and what `other` does, which is called here if `work` takes longer.

    Raises what `work` raises. If `other` was not called or fails, there is None for it, and whoever calls it when its
    turn comes has its error then: so all errors come as if nothing were done ahead.
    """
    worker = ThreadPoolExecutor(1, thread_name_prefix="constrain-compile")
    try:
        done = worker.submit(copy_context().run, work)  # decimals have their precision from the context
        wait([done], patience)
        if done.done():
            return done.result(), None
        found: S | None = None
        with suppress(Exception):
            found = other()
        return done.result(), found
    finally:
        worker.shutdown(wait=False)  # whoever interrupts does not wait
