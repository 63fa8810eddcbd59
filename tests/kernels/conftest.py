"""Where a kernel runs in these tests: interpreted, in a process of its own, and compiled where there is a GPU.

Triton reads TRITON_INTERPRET when it is imported, so the process is started once and asked for every call. Around each
tensor that a kernel gets, and each that its wrapper allocates, lies poison that it may neither read nor write; what
is allocated is full of poison.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import Any

import pytest
import torch
from torch import Tensor

Kernel = Callable[..., Any]
"""`kernel(wrapper, *arguments, **options)` is what `wrapper` returns, and the arguments as they are then."""

MARGIN = 64  # elements on either side


def _start() -> None:
    os.environ["TRITON_INTERPRET"] = "1"
    torch.set_num_threads(1)


def _poison(tensor: Tensor) -> Tensor:
    """Fill with NaN, or with all bits."""
    return tensor.fill_(torch.nan if tensor.is_floating_point() else True if tensor.dtype == torch.bool else -1)


def _inside_poison(tensor: Tensor, device: str, rooms: list[Tensor]) -> Tensor:
    room = _poison(torch.zeros(tensor.numel() + 2 * MARGIN, dtype=tensor.dtype, device=device))
    rooms.append(room)
    return room[MARGIN:-MARGIN].view(tensor.shape).copy_(tensor)


def _mapped(change: Callable[[Tensor], Tensor], value: Any) -> Any:
    """`value` with every tensor in it changed, however deep in it."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, tuple | list):
        return type(value)(_mapped(change, each) for each in value)
    if isinstance(value, partial):
        return partial(value.func, *_mapped(change, value.args), **_mapped(change, value.keywords))
    if isinstance(value, dict):
        return {key: _mapped(change, each) for key, each in value.items()}
    if hasattr(value, "__dataclass_fields__"):
        return type(value)(**{name: _mapped(change, getattr(value, name)) for name in value.__dataclass_fields__})
    return value


def _call(request: bytes, device: str) -> bytes:
    rooms: list[Tensor] = []
    wrapper, arguments, options = _mapped(lambda tensor: _inside_poison(tensor, device, rooms), pickle.loads(request))
    empty, empty_like = torch.empty, torch.empty_like

    def poisoned(*shape: Any, **layout: Any) -> Tensor:
        return _inside_poison(_poison(empty(*shape, **layout)), device, rooms)

    def poisoned_like(*tensor: Any, **layout: Any) -> Tensor:
        return _inside_poison(_poison(empty_like(*tensor, **layout)), device, rooms)

    torch.empty, torch.empty_like = poisoned, poisoned_like
    try:
        result = wrapper(*arguments, **options)
    finally:
        torch.empty, torch.empty_like = empty, empty_like
    for room in rooms:
        for margin in (room[:MARGIN], room[-MARGIN:]):
            expected = _poison(margin.clone())
            assert torch.equal(margin.isnan(), expected.isnan()), "written outside"
            assert torch.equal(margin[~margin.isnan()], expected[~expected.isnan()]), "written outside"
    return pickle.dumps(_mapped(lambda tensor: tensor.clone().cpu(), (result, arguments)))


@pytest.fixture(scope="session")
def interpreter() -> Iterator[ProcessPoolExecutor]:
    pytest.importorskip("triton")
    with ProcessPoolExecutor(1, get_context("spawn"), _start) as executor:
        yield executor


@pytest.fixture(params=["interpreted", *["compiled"] * torch.cuda.is_available()])
def kernel(request: pytest.FixtureRequest) -> Kernel:
    compiled = request.param == "compiled"
    executor = None if compiled else request.getfixturevalue("interpreter")

    def call(wrapper: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        question = pickle.dumps((wrapper, arguments, options))
        answer = executor.submit(_call, question, "cpu").result() if executor else _call(question, "cuda")
        return pickle.loads(answer)

    return call
