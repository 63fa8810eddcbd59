"""A batch job on a Ray cluster: actors hold the model, Ray Data hands them batches, one process writes what they find.

Every item of the dataset is a whole batch, so that the values are those of a single process. A worker that dies is
replaced and its batch decoded again; nothing is written but by the process that called, which the `Ledger` protects.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from constrain.engine.batch_decoding import Job, decoded
from constrain.engine.batch_files import BatchRow, Outcome
from constrain.errors import ConstrainError, UnsupportedError

__all__ = ["connect", "decoded_on_ray"]


def connect() -> None:
    """Join the cluster that `RAY_ADDRESS` names or, without one, start one on this machine.

    Raises `UnsupportedError` where Ray is not installed.
    """
    try:
        import ray  # type: ignore[import-not-found,unused-ignore]  # it is an extra
        import ray.data  # type: ignore[import-not-found,unused-ignore]
    except ImportError as error:
        raise UnsupportedError("--ray needs Ray", hint="pip install 'constrain-diffusion[ray]'") from error
    if not ray.is_initialized():
        try:
            ray.init(log_to_driver=False, logging_level="CRITICAL")
        except Exception as error:  # Ray has no class of its own for this
            raise ConstrainError(f"cannot join or start a Ray cluster: {error}") from error
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # what it says of errors, the error says
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False


def decoded_on_ray(
    job: Job, batches: Sequence[Sequence[BatchRow]], *, workers: int, gpus: float, options: dict[str, Any]
) -> Iterator[list[Outcome]]:
    """What the rows of each batch come to, batch after batch, in the order in which they are finished.

    `workers` actors, with so many `gpus` each, load the model with `options` (those of `from_pretrained`). Raises
    `ConstrainError` when the rows cannot be decoded at all.
    """
    import ray.data  # type: ignore[import-not-found,unused-ignore]
    from ray.exceptions import RayError  # type: ignore[import-not-found,unused-ignore]

    items = [{"rows": json.dumps([asdict(row) for row in batch])} for batch in batches]
    tasks = ray.data.from_items(items, override_num_blocks=len(items)).map(
        Worker,
        fn_constructor_args=(job, options),
        compute=ray.data.ActorPoolStrategy(size=workers),
        num_gpus=gpus,
    )
    try:
        for done in tasks.iter_rows():
            yield [Outcome(**each) for each in json.loads(done["outcomes"])]
    except RayError as error:
        lines = [line for line in str(error).splitlines() if line.strip()]  # a traceback, and what was raised
        cause = lines[-1] if lines else repr(error)
        raise ConstrainError(f"the workers cannot go on: {cause}") from error


class Worker:
    """An actor with a model of its own."""

    def __init__(self, job: Job, options: dict[str, Any]) -> None:
        from constrain.engine.model import load

        self.job = job
        self.spec = job.spec()
        self.model = load(job.model, **options)

    def __call__(self, item: dict[str, str]) -> dict[str, str]:
        """The outcomes of a batch, in JSON."""
        rows = [BatchRow(**row) for row in json.loads(item["rows"])]
        return {"outcomes": json.dumps([asdict(each) for each in decoded(self.model, self.job, self.spec, rows)])}
