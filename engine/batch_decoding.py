"""A batch job, batch by batch: the same rows give the same lines, in whatever process they are decoded.

A batch is decoded as a whole, under a seed that is made of the job's seed and the ids of all its rows. One that was
interrupted is decoded again, and what was written of it is left alone: the rest is what it would have been.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from constrain.engine.batch_files import BatchRow, Outcome
from constrain.errors import ConstrainError
from constrain.grammar import Grammar
from constrain.spec import Spec
from constrain.specs import JsonSchema, Regex

if TYPE_CHECKING:
    from constrain.engine.model import Model
    from constrain.engine.result import Result

__all__ = ["Job", "decoded", "seed_of"]

_SPACE = re.compile(r'("(?:[^"\\]|\\.)*")|[ \t\n\r]+')


@dataclass(frozen=True)
class Job:
    """What the values depend on beside the input. All of it is text and numbers, for files and other machines."""

    model: str | None = None
    """A name on the hub, or a directory; None: the bundled model."""
    kind: Literal["schema", "regex", "grammar"] | None = None
    """Of the specification; None if every row has its own schema."""
    text: str | None = None
    batch_size: int = 16
    seed: int = 0
    max_passes: int | None = None
    max_new_tokens: int | None = None

    def spec(self) -> Spec | None:
        """The specification of rows without a schema. Raises what its constructor does."""
        if self.kind is None or self.text is None:
            return None
        kinds: dict[str, Callable[[str], Spec]] = {"schema": JsonSchema, "regex": Regex, "grammar": Grammar}
        return kinds[self.kind](self.text)

    def settings(self) -> dict[str, Any]:
        """The fields, for `Ledger`."""
        return asdict(self)


def seed_of(seed: int, rows: Sequence[BatchRow]) -> int:
    """The seed of a batch: 63 bits of the SHA-256 of the job's seed and the ids."""
    named = json.dumps([seed, [row.id for row in rows]]).encode()
    return int.from_bytes(hashlib.sha256(named).digest()[:8]) >> 1


def decoded(model: Model, job: Job, spec: Spec | None, rows: Sequence[BatchRow]) -> list[Outcome]:
    """What the rows of a batch come to, in their order; `spec` is `job.spec()`.

    If decoding breaks off with an error that is none of ours, such as memory that does not suffice, the rows are
    decoded one at a time, and it is the outcome of those for which it happens again. Where that is every row, it is
    raised: then it is hardly the rows' fault.
    """
    try:
        return _together(model, job, spec, rows)
    except Exception as error:
        if len(rows) == 1:
            raise
        unexpected = error
    outcomes = []
    broken = 0
    for row in rows:
        try:
            outcomes += _together(model, job, spec, [row])
        except Exception as error:
            outcomes.append(_failure(row, error))
            broken += 1
    if broken == len(rows):
        raise unexpected
    return outcomes


def _together(model: Model, job: Job, spec: Spec | None, rows: Sequence[BatchRow]) -> list[Outcome]:
    specs = [spec if row.schema is None else row.schema for row in rows]
    results = model.generate(
        [row.prompt for row in rows],
        specs,
        max_passes=job.max_passes,
        max_new_tokens=job.max_new_tokens,
        seed=seed_of(job.seed, rows),
    )
    return [_outcome(row, result, spec) for row, result in zip(rows, results, strict=True)]


def _outcome(row: BatchRow, result: Result, spec: Spec | None) -> Outcome:
    if result.error is not None:
        return _failure(row, result.error)
    is_json = row.schema is not None or isinstance(spec, JsonSchema)
    value = _SPACE.sub(r"\1", result.text) if is_json else json.dumps(result.text, ensure_ascii=False)
    key = json.dumps(row.id, ensure_ascii=False)
    return Outcome(row.id, f'{{"id": {key}, "value": {value}}}')


def _failure(row: BatchRow, error: Exception) -> Outcome:
    kind = type(error).__name__
    message = str(error) if isinstance(error, ConstrainError) else repr(error)
    line = {"id": row.id, "line": row.number, "error": kind, "message": message}
    return Outcome(row.id, json.dumps(line), failed=True)
