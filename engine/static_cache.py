"""A key-value cache whose tensors keep their shape and their place from pass to pass, as compiled passes need it.

It is transformers' `StaticCache` with roomier layers. There (5.17 to 5.23) a layer with a sliding window holds no more
than the window, and once the text is as long, the decoder writes its canvas over what is cached and reads slots that
nothing was written to. Here such a layer holds all text, as the others do, and the decoder's mask leaves out what is
behind the window (`within`).
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary, finalize

import torch
from torch import Tensor
from transformers import StaticCache

__all__ = ["borrowed", "reserve", "within"]

_idle: WeakKeyDictionary[Any, tuple[object, Any]] = WeakKeyDictionary()
"""The cache that was used last with a network, and what it fits, while nothing uses it."""


def borrowed(borrower: object, network: Any, rows: int) -> Any:
    """An empty `StaticCache` that is the borrower's alone for as long as it lives.

    A CUDA graph is recorded for tensors at one place, so the cache goes back to be used again, one for each network.
    """
    fits = (rows, network.dtype, network.device, torch.is_inference_mode_enabled())
    known, cache = _idle.pop(network, (None, None))
    if cache is not None and known == fits:
        cache.reset()
    else:
        cache = StaticCache(config=network.config.get_text_config(decoder=True), max_cache_len=0)
    finalize(borrower, _idle.__setitem__, network, (fits, cache)).atexit = False
    return cache


def reserve(cache: Any, held: int, slots: int) -> None:
    """Make room for so many tokens, of which `held` are there already.

    Sizes are powers of two: few shapes to compile for, and at most twice the memory.
    """
    if slots > cache.layers[0].max_cache_len:
        size = 1 << (slots - 1).bit_length()
        for i, layer in enumerate(cache.layers):
            cache.layers[i] = type(layer)(max_cache_len=size, sliding_window=size)
            if held:
                cache.layers[i].update(layer.keys[:, :, :held], layer.values[:, :, :held])


def within(window: int, seen: Tensor) -> Tensor:
    """bool `[B, P]`: the tokens of `seen` that a canvas behind them reads through a window, which counts itself."""
    near = seen.clone()
    near[:, : max(seen.shape[1] - window + 1, 0)] = False
    return near
