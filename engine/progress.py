"""A bar that counts the finished rows of a batch: tqdm's, in the terminal or the notebook."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from tqdm.auto import tqdm  # type: ignore[import-untyped]

from constrain.engine.refine import Draft

__all__ = ["counted", "progress_bar"]


def progress_bar(rows: int, *, shown: bool) -> Any:
    """A bar for so many rows; a context manager, that shows nothing unless it is `shown`."""
    return tqdm(total=rows, unit="row", disable=not shown)


def counted(drafts: Iterator[Draft], bar: Any, budgets: Sequence[int], end_of_turn: Sequence[int]) -> Iterator[Draft]:
    """`drafts` of rows with such budgets, while `bar` counts those that are finished; in the end, all."""
    if bar.disable:
        yield from drafts
        return
    before = bar.n
    for draft in drafts:
        bar.n = before + _finished(draft, budgets, end_of_turn)
        bar.set_postfix(passes=max(draft.passes))
        yield draft
    bar.n = before + len(budgets)
    bar.refresh()


def _finished(draft: Draft, budgets: Sequence[int], end_of_turn: Sequence[int]) -> int:
    """The rows of which it is known that no canvas follows the one on which they have stopped."""
    latest, length = max(draft.canvases), draft.entropy.shape[1]
    ends = torch.tensor(list(end_of_turn), device=draft.tokens.device)
    ended = torch.isin(draft.tokens, ends).any(-1).tolist()
    rows = zip(draft.reasons, draft.canvases, budgets, ended, strict=True)
    return sum(
        reason is not None and (has_ended or canvas < latest or canvas * length >= budget)
        for reason, canvas, budget, has_ended in rows
    )
