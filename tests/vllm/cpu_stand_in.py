"""What vLLM needs to run a diffusion model on a CPU: copied beside its packages, imported by every interpreter there.

vLLM takes Triton for present if its table of backends has an entry "cpu", and Triton's interpreter then runs the
kernels. torchvision's wheel on PyPI is built for CUDA and declares none of its operators beside a CPU-only torch, but
wants to describe two of them as it is imported. Each is put right when that package is first looked for.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib.abc import MetaPathFinder
from types import SimpleNamespace
from typing import Any

os.environ.setdefault("TRITON_INTERPRET", "1")
os.environ.setdefault("TORCHDYNAMO_DISABLE", "1")


class _Asked(MetaPathFinder):
    """Finds nothing, but is asked for every module before it is imported, in whatever process that is."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> None:
        prepare = _PREPARATIONS.pop(fullname, None)
        if prepare is not None:
            prepare()


def _add_backend() -> None:
    from triton.backends import backends

    driver = SimpleNamespace(is_active=lambda: True)
    backends.setdefault("cpu", SimpleNamespace(compiler=None, driver=driver))  # type: ignore[arg-type]


def _declare_operators() -> None:
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _KEPT.append(library)


_PREPARATIONS: dict[str, Callable[[], None]] = {"vllm": _add_backend, "torchvision": _declare_operators}
_KEPT: list[Any] = []
"""Declarations last as long as the library that made them."""

sys.meta_path.insert(0, _Asked())
