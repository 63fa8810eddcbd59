"""Random numbers that depend on a seed and a counter alone: every lane of a kernel draws its own, in any order.

Philox-4x32 with 10 rounds (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) turns a counter of
four 32-bit words into four random ones; triton has it built in. The first 23 bits of a word make a uniform number,
(n + 1/2) / 2^23, which float32 holds exactly and which is never 0 or 1. A choice among N candidates by such numbers has
a total variation distance of at most N / 2^23 from the exact one.
"""

from __future__ import annotations

import torch
from torch import Tensor

try:
    import triton  # type: ignore[import-untyped, unused-ignore]  # untyped where it is installed
    import triton.language as tl  # type: ignore[import-untyped, unused-ignore]
except ImportError:  # it exists for Linux alone; the reference runs everywhere
    triton = None

__all__ = ["gumbel_of", "philox", "uniform_of"]

_WORD = 0xFFFFFFFF


def philox(seed: Tensor, counter: tuple[Tensor, Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Four random words, int64 from 0 to 2^32 - 1, of `seed` int64 `[]` and the counter's words, int64 of one shape."""
    low, high = seed & _WORD, (seed >> 32) & _WORD
    a, b, c, d = counter
    for _ in range(10):
        left, right = 0xD2511F53 * a, 0xCD9E8D57 * c  # products modulo 2^64 have the right 64 bits
        a, b = ((right >> 32) & _WORD) ^ b ^ low, right & _WORD
        c, d = ((left >> 32) & _WORD) ^ d ^ high, left & _WORD
        low, high = (low + 0x9E3779B9) & _WORD, (high + 0xBB67AE85) & _WORD
    return a, b, c, d


def uniform_of(word: Tensor) -> Tensor:
    """float32 in (0, 1) of a random word."""
    return ((word >> 9).float() + 0.5) * 2.0**-23


def gumbel_of(word: Tensor) -> Tensor:
    """Gumbel noise, float32, of a random word: the largest of `log p + noise` is a draw from p."""
    return uniform_of(word).log().neg().log().neg()


if triton is not None:

    @triton.jit
    def random_words(seed, a, b, c, d):  # type: ignore[no-untyped-def]  # traced by triton
        """The words of `philox`, uint32, of int32 counters that share their shape."""
        return tl.philox(seed, a, b, c, d)

    @triton.jit
    def uniform_of_word(word):  # type: ignore[no-untyped-def]  # traced by triton
        """`uniform_of` a uint32."""
        return ((word >> 9).to(tl.int32).to(tl.float32) + 0.5) * 1.1920928955078125e-07

    @triton.jit
    def gumbel_of_word(word):  # type: ignore[no-untyped-def]  # traced by triton
        """`gumbel_of` a uint32."""
        return -tl.log(-tl.log(uniform_of_word(word)))

    @triton.jit  # type: ignore[untyped-decorator]
    def _philox_kernel(  # type: ignore[no-untyped-def]  # traced by triton
        seed,  # int64 []
        counter,  # int64 [4, N]
        words,  # int64 [4, N]
        uniform,  # float32 [N], of the first word
        gumbel,  # float32 [N], of the first word
        count,
        block: tl.constexpr,
    ):
        n = tl.program_id(0) * block + tl.arange(0, block)
        within = n < count
        a = tl.load(counter + n, mask=within, other=0).to(tl.int32)
        b = tl.load(counter + count + n, mask=within, other=0).to(tl.int32)
        c = tl.load(counter + 2 * count + n, mask=within, other=0).to(tl.int32)
        d = tl.load(counter + 3 * count + n, mask=within, other=0).to(tl.int32)
        a, b, c, d = random_words(tl.load(seed), a, b, c, d)
        tl.store(words + n, a.to(tl.int64), mask=within)
        tl.store(words + count + n, b.to(tl.int64), mask=within)
        tl.store(words + 2 * count + n, c.to(tl.int64), mask=within)
        tl.store(words + 3 * count + n, d.to(tl.int64), mask=within)
        tl.store(uniform + n, uniform_of_word(a), mask=within)
        tl.store(gumbel + n, gumbel_of_word(a), mask=within)


def philox_triton(seed: Tensor, counter: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What kernels draw: words int64 `[4, N]`, and uniform and Gumbel numbers `[N]` of the first of them."""
    words = torch.empty_like(counter)
    uniform, gumbel = (torch.empty(counter.shape[1], dtype=torch.float32, device=counter.device) for _ in range(2))
    _philox_kernel[(triton.cdiv(counter.shape[1], 64),)](
        seed, counter, words, uniform, gumbel, counter.shape[1], block=64
    )
    return words, uniform, gumbel
