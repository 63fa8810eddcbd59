"""From what the loop drafts to what users read: tokens become texts, and everything is copied from the device."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from constrain.engine.refine import Draft
from constrain.engine.relational import RelationalConstraints
from constrain.engine.result import Result
from constrain.engine.rows import Row
from constrain.engine.seams import Constraints
from constrain.engine.streaming import SETTLED, pieces
from constrain.engine.thinking import Channel
from constrain.engine.trace import Trace, Word
from constrain.errors import ConstrainError
from constrain.vocabulary import Vocabulary

__all__ = ["Reader", "waiting"]


@dataclass(frozen=True, eq=False)
class Reader:
    """How the tokens of a model are read."""

    vocabulary: Vocabulary
    tokenizer: Any
    channel: Channel | None
    end_of_turn: Sequence[int]

    def read(
        self,
        results: Sequence[Result],
        group: Mapping[int, Row],
        constraints: Constraints,
        draft: Draft,
        traces: Sequence[Trace] | None,
    ) -> list[Result]:
        """`results` with those of `group` brought up to date; each knows the one that was there before."""
        updated = [replace(result, before=replace(result, before=None)) for result in results]
        tokens, log_z, probability = draft.tokens.tolist(), draft.log_z.tolist(), draft.probability.tolist()
        length = draft.entropy.shape[1]
        settled = (draft.entropy <= SETTLED).tolist()
        for b, (i, row) in enumerate(group.items()):
            ids = tokens[b][: draft.canvases[b] * length]
            ids = ids[: next((n for n, token in enumerate(ids) if token in self.end_of_turn), len(ids))]
            if row.constraint is None:
                ids = ids[: row.budget]
            decided = [True] * len(ids)
            if draft.reasons[b] is None:
                begin = (draft.canvases[b] - 1) * length
                decided[begin:] = settled[b][: max(len(ids) - begin, 0)]
            thought, ids = self.channel.read(self.vocabulary, ids) if self.channel and row.thinks else (None, ids)
            if row.constraint is None:
                text = self.tokenizer.decode(ids, skip_special_tokens=True)
            else:
                text = row.constraint.text(ids)
            relations = (
                constraints.solved(b, draft.solutions[b]) if isinstance(constraints, RelationalConstraints) else None
            )
            updated[i] = Result(
                text=text,
                token_ids=tuple(ids),
                pieces=pieces([self.vocabulary.tokens[token] or b"" for token in ids], text),
                decided=tuple(decided[len(decided) - len(ids) :]),
                thinking=thought,
                passes=draft.passes[b],
                canvases=draft.canvases[b],
                stop_reason=draft.reasons[b],
                log_z=log_z[b] if draft.passes[b] else math.nan,
                probability=probability[b],
                redecoded=draft.redecoded[b],
                relations=relations,
                spec=results[i].spec,
                error=draft.errors[b],
                trace=None if traces is None else traces[b],
                before=updated[i].before,
            )
        return updated

    def spell(self, token: int) -> Word:
        """The token, for people to read. Bytes that are no characters are written in hexadecimal."""
        written = self.vocabulary.tokens[token]
        if written is None:
            return Word(self.tokenizer.convert_ids_to_tokens(token) or f"<{token}>", silent=True)
        try:
            return Word(written.decode(), silent=False)
        except UnicodeDecodeError:
            return Word("".join(f"<{byte:02X}>" for byte in written), silent=False)


def waiting(row: Row | ConstrainError) -> Result:
    """The result of a row that has not begun, or cannot."""
    if isinstance(row, ConstrainError):
        return Result(error=row)
    return Result(spec=None if row.constraint is None else row.constraint.spec)
