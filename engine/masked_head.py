"""The language-model head of a DiffusionGemma, cut down to the logits that count; all results are as with the whole.

Two parts can be left out without changing a single result:

- positions behind the end of every text, as long as a pass may turn out to be the last: nothing but the next pass reads
  what the model says there;
- tokens that no row may write anywhere, on canvases that leave no room behind the end of turn. There the shaped logits
  put all mass on the others, and so self-conditioning reads no more rows of the embedding than the head has. All
  figures of a posterior are ratios, in which the normaliser over the vocabulary cancels, but for log Z.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module
from torch.nn.functional import linear

__all__ = ["Mask", "MaskedHead"]

_BLOCK = 1 << 21  # logits per temporary, while the normaliser is summed up


@dataclass(frozen=True, eq=False)
class Mask:
    """The logits that count: those of the first `positions`, for `tokens` (int64 `[U]`, ascending; None: for all)."""

    positions: int
    tokens: Tensor | None = None


class MaskedHead:
    """A DiffusionGemma whose passes compute what `mask` asks for; what is missing can be had afterwards.

    `inputs` are what the network is called with for a canvas and a belief, `temperature` what the logits of a pass are
    divided by, as in `DiffusionGemma`.
    """

    def __init__(
        self,
        network: Any,
        mask: Mask,
        inputs: Callable[[Tensor, Tensor | None], dict[str, Any]],
        temperature: Callable[[int, int], Tensor],
    ) -> None:
        self.mask = mask
        self._network, self._inputs, self._temperature = network, inputs, temperature
        self._model, self._rows = network.model, None
        self._hidden: Tensor
        if mask.tokens is not None:
            decoder = network.model.decoder
            embedding, head = decoder.embed_tokens.weight.detach(), network.lm_head.weight.detach()
            rows = embedding[mask.tokens]
            self._rows = rows if head.data_ptr() == embedding.data_ptr() else head[mask.tokens]
            self._model = _sharing(network.model, decoder=_sharing(decoder, embed_tokens=_Rows(decoder, rows)))

    @staticmethod
    def fits(network: Any) -> bool:
        """Whether the parts of `network` may be called one by one, and its weights read row by row.

        Not where they are compiled, or moved to the device on demand (both replace `forward`), quantised or sharded.
        """
        decoder = network.model.decoder
        own = [network, network.model, decoder, decoder.embed_tokens, network.lm_head]
        return all(
            "forward" not in vars(module) and getattr(module, "_compiled_call_impl", None) is None for module in own
        ) and all(
            type(each.weight) is torch.nn.Parameter and each.weight.is_floating_point() and not each.weight.is_meta
            for each in (decoder.embed_tokens, network.lm_head)
        )

    def __call__(self, canvas: Tensor, belief: Tensor | None, step: int, steps: int) -> Tensor:
        """float32 `[B, n, U]`: those logits of `DiffusionGemma.__call__` that count. `belief` is `[B, L, U]`."""
        self._hidden = self._model(**self._inputs(canvas, belief)).last_hidden_state
        return self._logits(self._hidden[:, : self.mask.positions], self._rows, self._temperature(step, steps))

    def whole(self, step: int, steps: int) -> Tensor:
        """float32 `[B, L, V]`: all logits of the pass last called for."""
        return self._logits(self._hidden, None, self._temperature(step, steps))

    def normalizer(self, step: int, steps: int) -> Tensor:
        """float32 `[B, n]`: the logsumexp over the vocabulary of the logits of the pass last called for."""
        hidden = self._hidden[:, : self.mask.positions]
        weight, temperature = self._network.lm_head.weight, self._temperature(step, steps)
        size = max(1, _BLOCK // (hidden.shape[0] * hidden.shape[1]))
        sums = [self._logits(hidden, rows, temperature).logsumexp(-1) for rows in weight.split(size)]
        return torch.stack(sums).logsumexp(0)

    def _logits(self, hidden: Tensor, rows: Tensor | None, temperature: Tensor) -> Tensor:
        """As in the forward of `DiffusionGemmaForBlockDiffusion`, over the head's `rows` `[U, H]`, or all of them."""
        cap = self._network.final_logit_softcapping
        logits = self._network.lm_head(hidden) if rows is None else linear(hidden, rows)
        return torch.tanh(logits.float() / cap).mul_(cap).div_(temperature)


class _Rows(Module):
    """The embedding of a decoder for tokens, but some of its rows for the product of self-conditioning."""

    def __init__(self, decoder: Any, rows: Tensor) -> None:
        super().__init__()
        self.weight = rows
        self.embed_scale: Tensor = decoder.embed_tokens.embed_scale
        self._embed = [decoder.embed_tokens]  # in a list: a child would be moved and counted twice

    def forward(self, ids: Tensor) -> Any:
        return self._embed[0](ids)


def _sharing(module: Module, **children: Module) -> Module:
    """`module` with some of its children exchanged; everything else is shared, weights included."""
    twin = copy.copy(module)
    twin._modules = {**module._modules, **children}
    return twin
