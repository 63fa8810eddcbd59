"""Rows shared out among threads, for numpy: it computes in the thread that asks, and lets the others run meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch

__all__ = ["BLOCK", "share_rows"]

BLOCK = 1 << 18  # numbers in a block of rows: 1 MiB of float32, so that it stays in the cache of a core


def share_rows(rows: int, width: int, work: Callable[[Sequence[slice]], None]) -> None:
    """Call `work` with blocks of the rows, at most BLOCK numbers each, in as many threads as torch would use."""
    step = max(1, BLOCK // max(width, 1))
    blocks = [slice(first, min(first + step, rows)) for first in range(0, rows, step)]
    workers = min(torch.get_num_threads(), len(blocks))
    if workers <= 1:
        work(blocks)
        return
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(work, [blocks[worker::workers] for worker in range(workers)]))
