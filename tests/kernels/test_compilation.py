"""Every kernel compiles to machine code for a GPU, which needs none: what the interpreter lets pass, ptxas may not.

Each wrapper is called on the CPU, and its launches are compiled for the types and constants that it passes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from constrain.kernels import accept, bitmask, class_reduce, philox, pieces, propagate, shape_logits, sweeps
from constrain.kernels.chain import Graph
from constrain.kernels.edge_index import EdgeIndex

triton = pytest.importorskip("triton")

TYPES = {
    torch.float64: "*fp64",
    torch.float32: "*fp32",
    torch.bfloat16: "*bf16",
    torch.float16: "*fp16",
    torch.int64: "*i64",
    torch.int32: "*i32",
    torch.int16: "*i16",
    torch.uint8: "*u8",
    torch.bool: "*i1",
}


class Compiled:
    """Stands in for a kernel: a launch compiles it and runs nothing."""

    def __init__(self, kernel: Any) -> None:
        self.kernel = kernel
        self.binaries: list[Any] = []

    def __getitem__(self, grid: tuple[int, ...]) -> Callable[..., None]:
        def launch(*arguments: object, num_warps: int = 4, **constants: object) -> None:
            values = dict(zip(self.kernel.arg_names, arguments, strict=False)) | constants
            signature = {name: self._type(name, values[name]) for name in self.kernel.arg_names}
            constexprs = {name: values[name] for name, kind in signature.items() if kind == "constexpr"}
            source = triton.compiler.ASTSource(self.kernel, signature, constexprs)
            target = triton.backends.compiler.GPUTarget("cuda", 90, 32)
            self.binaries.append(triton.compile(source, target=target, options={"num_warps": num_warps}))

        return launch

    def _type(self, name: str, value: object) -> str:
        """Triton's; a size of 1 is a constant, as in a launch."""
        if (type(value) is int and value == 1) or name in {
            parameter.name for parameter in self.kernel.params if parameter.is_constexpr
        }:
            return "constexpr"
        return TYPES[value.dtype] if isinstance(value, Tensor) else "fp32" if isinstance(value, float) else "i32"


def compiled(monkeypatch: pytest.MonkeyPatch, module: Any, names: list[str], call: Callable[[], object]) -> list[Any]:
    """The binaries of the launches of the kernels `names` of `module` in `call()`."""
    stand_ins = {name: Compiled(getattr(module, name)) for name in names}
    for name, stand_in in stand_ins.items():
        monkeypatch.setattr(module, name, stand_in)
    call()
    binaries = [binary for stand_in in stand_ins.values() for binary in stand_in.binaries]
    assert all("cubin" in binary.asm for binary in binaries)
    return binaries


LOGITS = [torch.zeros(shape, dtype=dtype) for shape in [(3, 70), (1, 1)] for dtype in (torch.bfloat16, torch.float32)]


@pytest.mark.parametrize("logits", LOGITS)
def test_class_reduce(monkeypatch: pytest.MonkeyPatch, logits: Tensor) -> None:
    vocabulary = logits.shape[1]
    order, offsets, seed = torch.arange(vocabulary), torch.tensor([0, vocabulary]), torch.tensor(0)
    own = pieces.Pieces.of(order, offsets)

    def call() -> None:
        class_reduce.class_reduce_triton(logits, order, offsets)
        class_reduce.class_reduce_triton(logits, order, offsets, pieces=own, seed=seed, scale=torch.tensor(1.0))

    kernels = Compiled(pieces._pieces_kernel)
    monkeypatch.setattr(pieces, "_pieces_kernel", kernels)
    assert len(compiled(monkeypatch, class_reduce, ["_classes_kernel"], call)) == len(kernels.binaries) == 2


@pytest.mark.parametrize("logits", LOGITS)
def test_shape_logits(monkeypatch: pytest.MonkeyPatch, logits: Tensor) -> None:
    bias, class_of = torch.zeros((len(logits), 1)), torch.zeros(logits.shape[1], dtype=torch.int64)

    def call() -> None:
        shape_logits.shape_logits_triton(logits, bias, class_of)
        shape_logits.shape_logits_triton(logits, bias, class_of, scale=torch.tensor(1.0))

    assert len(compiled(monkeypatch, shape_logits, ["_shape_kernel"], call)) == 2


@pytest.mark.parametrize("logits", LOGITS)
def test_bitmask(monkeypatch: pytest.MonkeyPatch, logits: Tensor) -> None:
    bits = torch.zeros((len(logits), 1), dtype=torch.int32)

    def call() -> None:
        bitmask.pack_triton(logits == 0)
        bitmask.count_triton(bits)
        bitmask.apply_triton(logits, bits)
        bitmask.apply_triton(logits, bits, logits)

    assert len(compiled(monkeypatch, bitmask, ["_pack_kernel", "_count_kernel", "_apply_kernel"], call)) == 4


@pytest.mark.parametrize("length", [1, 40])
def test_accept(monkeypatch: pytest.MonkeyPatch, length: int) -> None:
    entropy = torch.zeros((2, length))
    assert compiled(monkeypatch, accept, ["_accept_kernel"], lambda: accept.accept_triton(entropy, 0.1))


@pytest.mark.parametrize("length", [1, 5])
def test_sweep(monkeypatch: pytest.MonkeyPatch, length: int) -> None:
    zero = torch.zeros(1, dtype=torch.int64)
    graph = Graph(zero, zero, zero, torch.ones((length + 1, 1), dtype=torch.bool), zero)
    index, scores = EdgeIndex.of(graph, zero, 1), torch.zeros((length, 1))

    def call() -> None:
        sweeps.sweep_triton(graph, index, scores, scores, torch.tensor(0))

    assert len(compiled(monkeypatch, sweeps, ["_sweeps_kernel", "_marginals_kernel"], call)) == 2


def test_philox(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = torch.zeros((4, 9), dtype=torch.int64)
    assert compiled(monkeypatch, philox, ["_philox_kernel"], lambda: philox.philox_triton(torch.tensor(0), counter))


@pytest.mark.parametrize(("variables", "words"), [(1, 1), (9, 2)])
def test_propagate(monkeypatch: pytest.MonkeyPatch, variables: int, words: int) -> None:
    domains = torch.ones((2, variables, words), dtype=torch.int32)
    groups, required = torch.arange(variables)[None, None], torch.zeros((1, 1, words), dtype=torch.int32)

    def call() -> None:
        propagate.propagate_triton(domains, groups, required)

    assert compiled(monkeypatch, propagate, ["_propagate_kernel"], call)
