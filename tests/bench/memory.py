"""Memory as the Linux kernel counts it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["peak_memory", "peak_of_process"]


def resident(field: str) -> int:
    """Bytes, of a line of /proc/self/status."""
    found = re.search(rf"^{field}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


def peak_of_process() -> int:
    """The most bytes that this process has held in memory, since it began or since `peak_memory` last was called."""
    return resident("VmHWM")


def peak_memory(work: Callable[[], Any]) -> tuple[Any, float]:
    """What `work` returns, and by how many MiB the resident set grew at most meanwhile."""
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts again from here
    before = resident("VmRSS")
    result = work()
    return result, (peak_of_process() - before) / 2**20
