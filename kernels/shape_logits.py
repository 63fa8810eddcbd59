"""Adding one number per class to the logits: how a posterior goes back into the model.

On a GPU it reads and writes the logits once. The class ids, 8 bytes where a logit has 2, are loaded once for 8 rows;
what they cost then is half a read of the logits, out of the cache.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from constrain.kernels.row_blocks import share_rows

try:
    import triton  # type: ignore[import-untyped, unused-ignore]  # untyped where it is installed
    import triton.language as tl  # type: ignore[import-untyped, unused-ignore]
except ImportError:  # it exists for Linux alone; the reference runs everywhere
    triton = None

__all__ = ["shape_logits", "shape_logits_cpu", "shape_logits_reference", "shape_logits_triton"]


def shape_logits_reference(
    logits: Tensor, bias: Tensor, class_of: Tensor, out: Tensor | None = None, *, scale: Tensor | None = None
) -> Tensor:
    """Row by row; see `shape_logits`."""
    out = torch.empty_like(logits) if out is None else out
    for x, b, shaped in zip(logits, bias, out, strict=True):
        if scale is None:
            torch.add(x, b.to(x.dtype).index_select(0, class_of), out=shaped)
        else:
            shaped.copy_((x.float() * scale).add_(b.float().index_select(0, class_of)))
    return out


def shape_logits_cpu(logits: Tensor, bias: Tensor, class_of: Tensor, out: Tensor | None = None) -> Tensor:
    """For float32: in a buffer of a row per thread; see `shape_logits`."""
    out = torch.empty_like(logits) if out is None else out
    length, vocabulary = logits.shape
    x, b, k, shaped = logits.numpy(), bias.float().numpy(), class_of.numpy(), out.numpy()

    def work(blocks: Sequence[slice]) -> None:
        buffer = np.empty((blocks[0].stop - blocks[0].start, vocabulary), np.float32)
        for rows in blocks:
            own = np.take(b[rows], k, axis=1, out=buffer[: rows.stop - rows.start], mode="clip")
            with np.errstate(invalid="ignore"):  # infinity and its opposite: NaN, as torch has it
                np.add(x[rows], own, out=shaped[rows])

    share_rows(length, vocabulary, work)
    return out


if triton is not None:

    @triton.jit  # type: ignore[untyped-decorator]
    def _shape_kernel(  # type: ignore[no-untyped-def]  # traced by triton
        logits,  # [L, V]
        bias,  # [L, K]
        class_of,  # [V]
        scale,  # float32 [], where `scaled`
        out,  # [L, V]
        length,
        vocabulary,
        classes,
        scaled: tl.constexpr,
        rows: tl.constexpr,
        block: tl.constexpr,
    ):
        """`block` tokens of `rows` rows."""
        token = tl.program_id(1) * block + tl.arange(0, block)
        within = token < vocabulary
        label = tl.load(class_of + token, mask=within, other=0)
        first = tl.program_id(0).to(tl.int64) * rows
        for row in range(first, tl.minimum(first + rows, length)):
            address = row * vocabulary + token
            x = tl.load(logits + address, mask=within, other=0.0).to(tl.float32)
            if scaled:
                x *= tl.load(scale)
            x += tl.load(bias + row * classes + label, mask=within, other=0.0).to(tl.float32)
            tl.store(out + address, x.to(out.dtype.element_ty), mask=within)


def shape_logits_triton(
    logits: Tensor, bias: Tensor, class_of: Tensor, out: Tensor | None = None, *, scale: Tensor | None = None
) -> Tensor:
    """One program per 8 rows and 2,048 tokens; see `shape_logits`."""
    out = torch.empty_like(logits) if out is None else out
    assert logits.is_contiguous(), "rows of logits lie one behind the other"
    assert out.is_contiguous(), "rows of the result lie one behind the other"
    length, vocabulary = logits.shape
    grid = triton.cdiv(length, 8), triton.cdiv(vocabulary, 2048)
    bias = bias.to(logits.dtype if scale is None else torch.float32).contiguous()
    _shape_kernel[grid](
        logits,
        bias,
        class_of,
        bias if scale is None else scale,
        out,
        length,
        vocabulary,
        bias.shape[1],
        scaled=scale is not None,
        rows=8,
        block=2048,
        num_warps=8,
    )
    return out


def shape_logits(
    logits: Tensor, bias: Tensor, class_of: Tensor, out: Tensor | None = None, *, scale: Tensor | None = None
) -> Tensor:
    """`out[i, v] = logits[i, v] + bias[i, class_of[v]]` in the logits' dtype; with `scale`, of `scale * logits[i, v]`.

    `logits` `[L, V]`, `bias` `[L, K]` (0 and -inf make a hard mask), `class_of` int64 `[V]`; `out`
    may be `logits`. `scale`, float32 `[]` on their device, is the inverse of the temperature; the sum is rounded once.
    """
    if logits.is_cuda and triton is not None and logits.dtype != torch.float64:  # the kernel adds in float32
        return shape_logits_triton(logits, bias, class_of, out, scale=scale)
    if logits.device.type == "cpu" and logits.dtype == torch.float32 and scale is None:
        return shape_logits_cpu(logits, bias, class_of, out)
    return shape_logits_reference(logits, bias, class_of, out, scale=scale)
