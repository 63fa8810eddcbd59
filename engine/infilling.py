"""Text with gaps: an output of which some tokens are given, each gap as many tokens as it has masks.

The output has exactly the tokens of the text, so what is given is text and never behind its end. The rest is evidence
(see `evidence`): the canvas begins with it, and whatever else is kept is drawn given it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from constrain.constraint import Constraint, compile
from constrain.engine.rows import Row
from constrain.engine.windows import PuzzleConstraint
from constrain.errors import LimitError, SpecError, UnsupportedError
from constrain.lattice import Lattice
from constrain.text_lengths import Text
from constrain.vocabulary import Vocabulary

__all__ = ["Infill", "given_tensor"]


@dataclass(frozen=True)
class Infill:
    """In place of a spec, for masked diffusion models: `text` as it stands, but for its mask tokens, each of which
    becomes one token. If there is a `spec` (whatever a model takes as one), the whole is an output of it, too.
    """

    text: str
    spec: Any = None

    def tokens(self, tokenizer: Any, vocabulary: Vocabulary, *, mask: int | None, length: int) -> tuple[int, ...]:
        """The tokens of the text, -1 for each mask.

        Raises `UnsupportedError` for a model without masks, `SpecError` for text that holds other special tokens or
        nothing at all, `LimitError` for more than a canvas of `length`.
        """
        if mask is None:
            raise UnsupportedError(
                "this model has no mask token, so no text with gaps",
                hint="write the fixed text into a Template, whose holes it fills",
            )
        found = tokenizer.encode(self.text, add_special_tokens=False)
        ids = tuple(-1 if token == mask else token for token in found)
        if not ids:
            raise SpecError("the text is empty", hint="write a mask token for each token that is open")
        for token in ids:
            if token >= 0 and not vocabulary.tokens[token]:
                name = tokenizer.convert_ids_to_tokens(token)
                raise SpecError(f"the text has {name!r}, which no output can have", hint="what is open is a mask token")
        if len(ids) > length:
            raise LimitError(
                f"the text has {len(ids)} tokens, a canvas has {length}",
                limit=length,
                given=len(ids),
                hint="shorten it, or pass a family with a longer canvas",
            )
        return ids

    @staticmethod
    def constraint(
        inner: Constraint | PuzzleConstraint | None, ids: tuple[int, ...], vocabulary: Vocabulary, length: int
    ) -> Constraint:
        """`inner` on outputs of as many tokens as there are `ids`. Raises `UnsatisfiableError` where none has these."""
        if isinstance(inner, PuzzleConstraint):
            raise UnsupportedError("a puzzle takes no given text", hint="give its values to the puzzle")
        count = Text(tokens=len(ids))
        found = compile(count if inner is None else inner.spec & count, vocabulary)
        given = np.full(length, -1)
        given[: len(ids)] = ids
        Lattice(found.tokens, 0, length, len(ids), given)
        return found


def given_tensor(rows: Sequence[Row], length: int, device: torch.device) -> Tensor | None:
    """int64 `[B, L]`: what is given on the first canvas, -1 where nothing is; None if nothing is given at all."""
    if not any(row.given for row in rows):
        return None
    given = torch.full((len(rows), length), -1, device=device)
    for b, row in enumerate(rows):
        given[b, : len(row.given)] = torch.tensor(row.given, dtype=torch.int64, device=device)
    return given
