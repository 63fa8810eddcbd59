"""Masked diffusion models as a `Denoiser`: LLaDA, Dream, LLaDA2, and every masked language model of transformers.

A canvas begins as mask tokens behind the prompt, every pass predicts all of it, and the tokens that are doubted least
are kept for good: the low-confidence remasking of LLaDA (arXiv 2502.09992, section 2.4), which with blocks goes from
left to right (*semi-autoregressive*). Dream (arXiv 2508.15487) predicts a token at the position before it, and keeps by
entropy or margin, too; LLaDA2 (its technical report, and the sampler in its checkpoints) attends to a token's own block
and those before, and keeps all that is sure enough. A mask is never predicted and what is kept never changes (MDLM,
arXiv 2406.07524), so that all that is kept is part of one valid canvas, and the next one is drawn given it.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from constrain.engine.masked_options import MaskedDiffusion
from constrain.engine.seams import Posterior

__all__ = ["MaskedDenoiser", "counts_positions"]


def counts_positions(network: Any) -> bool:
    """Whether a network numbers tokens by itself, from the id of its padding on, as RoBERTa does."""
    name = "create_position_ids_from_input_ids"
    return any(hasattr(each, name) for each in (inspect.getmodule(type(network)), *network.modules()))


class MaskedDenoiser:
    """A batch of prompts, int64 `[B, P]`, padded on the left where `attention_mask` is 0.

    `ends` are the ids that end the turn, `filler` what closed canvases have behind them; `given`, int64 `[B, L]`, are
    tokens that stand on the first canvas already, -1 where none does.
    """

    def __init__(
        self,
        network: Any,
        input_ids: Tensor,
        attention_mask: Tensor,
        rule: MaskedDiffusion,
        *,
        ends: tuple[int, ...],
        filler: int,
        given: Tensor | None = None,
    ) -> None:
        assert rule.mask is not None, "whoever reads prompts knows the mask"
        self.network, self.rule, self.length, self.mask = network, rule, rule.length, rule.mask
        self.rows, self.device = len(input_ids), input_ids.device
        self._ids, self._seen, self._filler = input_ids, attention_mask.bool(), filler
        self._ends = torch.tensor(ends, dtype=torch.int64, device=self.device)
        self._first = torch.full((self.rows, self.length), -1, device=self.device) if given is None else given
        takes_positions = "position_ids" in inspect.signature(type(network).forward).parameters
        self._takes_positions = takes_positions and not counts_positions(network)
        self._last = getattr(network.config, "max_position_embeddings", None)

    def noise(self, generator: torch.Generator) -> Tensor:
        """Masks, but for what is given."""
        return torch.where(self._first < 0, self.mask, self._first)

    @torch.no_grad()
    def __call__(self, canvas: Tensor, belief: Tensor | None, step: int, steps: int) -> Tensor:
        """float32 `[B, L, V]`; nothing is remembered between passes, so `belief` is of no use."""
        self._open, self._due = canvas == self.mask, -(-self.length * (step + 1) // steps)
        ids = torch.cat([self._ids, canvas], 1)
        begin = ids.shape[1] - self.length - self.rule.shifted
        logits: Tensor = self.network(**self._inputs(ids)).logits[:, begin : begin + self.length].float()
        logits[..., self.mask] = -torch.inf
        return logits.div_(self.rule.temperature) if self.rule.temperature else logits

    def _inputs(self, ids: Tensor) -> dict[str, Tensor]:
        """What the network is called with. Positions count from the first token of a row that is no padding.

        No row reaches the last one before it is finished.
        """
        seen = pad(self._seen, (0, self.length), value=True)
        positions = (seen.cumsum(-1) - 1).clamp_(min=0, max=None if self._last is None else self._last - 1)
        blocks = positions // (self.rule.block_length or ids.shape[1])
        begins = 0 if self.rule.attention == "block" else positions[:, -self.length :][:, :1]
        self._blocks = (positions[:, -self.length :] - begins) // (self.rule.block_length or ids.shape[1])
        mask = seen.long()
        if self.rule.attention != "padding":
            visible = seen[:, None, None, :].expand(-1, 1, ids.shape[1], -1)
            if self.rule.attention == "block":
                visible = visible & (blocks[:, None, None, :] <= blocks[:, None, :, None])
            dtype = self.network.dtype
            mask = torch.zeros(visible.shape, dtype=dtype, device=self.device)
            mask.masked_fill_(~visible, torch.finfo(dtype).min)
        inputs = {"input_ids": ids, "attention_mask": mask}
        return inputs | {"position_ids": positions} if self._takes_positions else inputs

    def kept(self, canvas: Tensor) -> Tensor:
        return canvas.masked_fill(canvas == self.mask, -1)

    def choose(self, posterior: Posterior, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """A draw, or at temperature 0 the best canvas; in rows that have no valid one everything is in doubt."""
        draw = posterior.sample(generator) if self.rule.temperature else posterior.map()
        if self.rule.remasking == "entropy":
            doubt = posterior.entropy.clone()
        else:
            shaped = posterior.shape().float()
            normalizer = shaped.logsumexp(-1)
            if self.rule.remasking == "confidence":
                doubt = -(shaped.gather(-1, draw[..., None]).squeeze(-1) - normalizer).exp()
            else:
                first, second = (shaped.topk(2).values - normalizer[..., None]).exp().unbind(-1)
                doubt = second - first
        doubt.nan_to_num_(nan=torch.finfo(doubt.dtype).max)
        doubt[[row for row, error in enumerate(posterior.errors) if error is not None]] = torch.inf
        return draw, doubt

    def accept(self, entropy: Tensor) -> Tensor:
        """What is due after this pass, less what is kept: of the first open block, and those that are due, too.

        `entropy` is the doubt of `choose`.
        """
        first = self._open.long().argmax(-1, keepdim=True).clamp(min=self._due - 1)
        eligible = self._open & (self._blocks <= self._blocks.gather(-1, first)) & (entropy < torch.inf)
        rank = entropy.masked_fill(~eligible, torch.inf).argsort(dim=-1, stable=True).argsort(dim=-1)
        due = (self._due - (~self._open).sum(-1, keepdim=True)).clamp(min=1)
        accepted = rank < due
        if self.rule.threshold is not None:
            accepted |= entropy <= (1 if self.rule.remasking == "entropy" else -1) * self.rule.threshold
        return accepted & eligible

    def renoise(self, canvas: Tensor, draw: Tensor, accepted: Tensor, generator: torch.Generator) -> Tensor:
        """All that is kept is of this draw, which has what was kept before."""
        return torch.where(accepted | (canvas != self.mask), draw, self.mask)

    def close(self, tokens: Tensor, finished: Tensor) -> Tensor:
        ends = torch.isin(tokens, self._ends)
        behind = ends.cumsum(-1) - ends.long() > 0
        return tokens.masked_fill(behind | finished[:, None], self._filler)

    def append(self, tokens: Tensor) -> None:
        self._ids = torch.cat([self._ids, tokens], 1)
        self._seen = pad(self._seen, (0, self.length), value=True)
        self._first = torch.full_like(tokens, -1)
