"""Sets of tokens as bits, in the layout of the autoregressive engines: 32 times smaller than a mask of booleans.

A mask over V tokens is W = ceil(V / 32) int32 words, token t being bit t % 32 of word t // 32; the bits of ids from V
on are 0. All three operations move memory and do nothing else: per position, `pack` reads V bytes and writes V / 8,
`count` reads V / 8, `apply` reads and writes the logits.
"""

from __future__ import annotations

import torch
from torch import Tensor

try:
    import triton  # type: ignore[import-untyped, unused-ignore]  # untyped where it is installed
    import triton.language as tl  # type: ignore[import-untyped, unused-ignore]
except ImportError:  # it exists for Linux alone; the reference runs everywhere
    triton = None

__all__ = [
    "apply",
    "apply_reference",
    "apply_triton",
    "count",
    "count_reference",
    "count_triton",
    "pack",
    "pack_reference",
    "pack_triton",
]


def pack_reference(mask: Tensor) -> Tensor:
    """Byte by byte, on a machine that is little-endian; see `pack`."""
    padded = torch.nn.functional.pad(mask.view(torch.uint8), (0, -mask.shape[-1] % 32))
    weight = 1 << torch.arange(8, dtype=torch.uint8, device=mask.device)
    bits = padded.view(*padded.shape[:-1], -1, 8) * weight
    return bits.sum(-1, dtype=torch.uint8).view(torch.int32)


def apply_reference(logits: Tensor, bits: Tensor, out: Tensor | None = None) -> Tensor:
    """One row of booleans at a time; see `apply`."""
    out = torch.empty_like(logits) if out is None else out
    bits = torch.nn.functional.pad(bits, (0, max(-(-logits.shape[1] // 32) - bits.shape[1], 0)))
    shift = torch.arange(32, device=logits.device)
    for row, words in enumerate(bits):
        forbidden = ((words[:, None] >> shift) & 1 == 0).flatten()[: logits.shape[1]]
        out[row].copy_(logits[row]).masked_fill_(forbidden, -torch.inf)
    return out


def count_reference(bits: Tensor) -> Tensor:
    """Adding bits in pairs, then pairs of pairs; see `count`."""
    x = bits.long() & 0xFFFFFFFF
    x = x - ((x >> 1) & 0x55555555)
    x = (x & 0x33333333) + ((x >> 2) & 0x33333333)
    x = (x + (x >> 4)) & 0x0F0F0F0F
    return ((x * 0x01010101 >> 24) & 0xFF).sum(-1)


if triton is not None:

    @triton.jit  # type: ignore[untyped-decorator]
    def _pack_kernel(  # type: ignore[no-untyped-def]  # traced by triton
        mask,  # uint8 [N, V], 0 or 1
        bits,  # int32 [N, W]
        vocabulary,
        words,
        block: tl.constexpr,
    ):
        """`block` words of one row."""
        row = tl.program_id(0).to(tl.int64)
        word = tl.program_id(1) * block + tl.arange(0, block)
        shift = tl.arange(0, 32)[None, :]
        token = word[:, None] * 32 + shift
        allowed = tl.load(mask + row * vocabulary + token, mask=token < vocabulary, other=0).to(tl.int32)
        tl.store(bits + row * words + word, tl.sum(allowed << shift, axis=1), mask=word < words)

    @triton.jit  # type: ignore[untyped-decorator]
    def _apply_kernel(  # type: ignore[no-untyped-def]  # traced by triton
        logits,  # [N, V]
        bits,  # int32 [N, W]
        out,  # [N, V]
        vocabulary,
        words,
        block: tl.constexpr,
    ):
        """`block` words of one row."""
        row = tl.program_id(0).to(tl.int64)
        word = tl.program_id(1) * block + tl.arange(0, block)[:, None]
        shift = tl.arange(0, 32)[None, :]
        token = word * 32 + shift
        allowed = (tl.load(bits + row * words + word, mask=word < words, other=0) >> shift) & 1
        x = tl.load(logits + row * vocabulary + token, mask=token < vocabulary, other=0.0)
        tl.store(out + row * vocabulary + token, tl.where(allowed != 0, x, -float("inf")), mask=token < vocabulary)

    @triton.jit  # type: ignore[untyped-decorator]
    def _count_kernel(  # type: ignore[no-untyped-def]  # traced by triton
        bits,  # int32 [N, W]
        counts,  # int64 [N]
        words,
        block: tl.constexpr,
    ):
        """One row, `block` words at a time."""
        row = tl.program_id(0).to(tl.int64)
        total = tl.zeros([block], tl.int32)
        for begin in range(0, words, block):
            word = begin + tl.arange(0, block)
            x = tl.load(bits + row * words + word, mask=word < words, other=0).to(tl.uint32, bitcast=True)
            x = x - ((x >> 1) & 0x55555555)
            x = (x & 0x33333333) + ((x >> 2) & 0x33333333)
            x = (x + (x >> 4)) & 0x0F0F0F0F
            x = x + (x >> 8)
            total += ((x + (x >> 16)) & 0xFF).to(tl.int32)
        tl.store(counts + row, tl.sum(total, axis=0).to(tl.int64))


def pack_triton(mask: Tensor) -> Tensor:
    """One program per row and 128 words; see `pack`."""
    rows = mask.contiguous().view(torch.uint8).view(-1, mask.shape[-1])
    words = -(-mask.shape[-1] // 32)
    out = torch.empty((*mask.shape[:-1], words), dtype=torch.int32, device=mask.device)
    _pack_kernel[len(rows), triton.cdiv(words, 128)](rows, out, mask.shape[-1], words, block=128)
    return out


def apply_triton(logits: Tensor, bits: Tensor, out: Tensor | None = None) -> Tensor:
    """One program per row and 4,096 tokens; see `apply`."""
    out = torch.empty_like(logits) if out is None else out
    assert logits.is_contiguous(), "rows of logits lie one behind the other"
    assert out.is_contiguous(), "rows of the result lie one behind the other"
    rows, vocabulary = logits.shape
    grid = rows, triton.cdiv(vocabulary, 32 * 128)
    _apply_kernel[grid](logits, bits.contiguous(), out, vocabulary, bits.shape[1], block=128)
    return out


def count_triton(bits: Tensor) -> Tensor:
    """One program per row; see `count`."""
    out = torch.empty(bits.shape[:-1], dtype=torch.int64, device=bits.device)
    _count_kernel[(out.numel(),)](bits.contiguous(), out, bits.shape[-1], block=1024)
    return out


def pack(mask: Tensor) -> Tensor:
    """int32 `[..., W]` of a contiguous bool `[..., V]`."""
    return pack_triton(mask) if mask.is_cuda and triton is not None else pack_reference(mask)


def apply(logits: Tensor, bits: Tensor, out: Tensor | None = None) -> Tensor:
    """`out[i, t] = logits[i, t]` where t is in the set `bits[i]`, -inf elsewhere; both `[N, V]`, `bits` int32 `[N, W]`.

    `out` may be `logits`. The vocabulary of the logits may be larger or smaller than that of the bits: ids that have
    no bit are ruled out.
    """
    if logits.is_cuda and triton is not None:
        return apply_triton(logits, bits, out)
    return apply_reference(logits, bits, out)


def count(bits: Tensor) -> Tensor:
    """int64 `[...]`: how many tokens are in each set, int32 `[..., W]`."""
    return count_triton(bits) if bits.is_cuda and triton is not None else count_reference(bits)
