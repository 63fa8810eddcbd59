"""What of a job on Ray can be tested without Ray: what a worker does, and how faults are told."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from types import SimpleNamespace
from typing import Any

import pytest

from constrain.engine.batch_decoding import Job, decoded
from constrain.engine.batch_files import BatchRow, Outcome
from constrain.engine.batch_ray import Worker, connect, decoded_on_ray
from constrain.engine.model import load
from constrain.errors import ConstrainError, UnsupportedError

ROWS = [BatchRow(1, "Ann, 12", 1), BatchRow("ö", [{"role": "user", "content": "Bob"}], 2, {"enum": ["a\nb", 2]})]


class RayError(Exception):
    pass


class Items:
    """Stands for a dataset: the calls of the user's class happen here, where they are asked for."""

    def __init__(self, items: list[Any], override_num_blocks: int) -> None:
        self.items = items
        assert override_num_blocks == len(items), "a batch that is finished waits for no other"

    def map(self, kind: Any, *, fn_constructor_args: Any, compute: Any, num_gpus: float, **_: Any) -> Any:
        self.worker = kind(*fn_constructor_args)
        assert (compute.size, num_gpus) == (3, 0.5)
        return self

    def iter_rows(self) -> Any:
        yield self.worker(self.items[0])
        raise RayError("Traceback:\n  here\nthe node is gone\n")


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> Any:
    data = SimpleNamespace(from_items=Items, ActorPoolStrategy=lambda size: SimpleNamespace(size=size))
    fake = SimpleNamespace(data=data, is_initialized=lambda: False)
    for name, module in (("ray", fake), ("ray.data", data), ("ray.exceptions", SimpleNamespace(RayError=RayError))):
        monkeypatch.setitem(sys.modules, name, module)
    return fake


def test_a_worker_finds_what_a_single_process_finds(ray: Any) -> None:
    job = Job(kind="regex", text="[ab]{3}", max_passes=1)
    found = decoded_on_ray(job, [ROWS, ROWS[:1]], workers=3, gpus=0.5, options={})
    first = next(found)
    assert first == decoded(load(), job, job.spec(), ROWS)
    assert [each.id for each in first] == [1, "ö"]
    with pytest.raises(ConstrainError, match=r"the workers cannot go on: the node is gone$"):
        next(found)


def test_what_a_worker_gets_and_gives_is_json(ray: Any) -> None:
    worker = Worker(Job(kind="regex", text="[ab]{3}", max_passes=1), {})
    given = worker({"rows": json.dumps([asdict(ROWS[0])])})
    (outcome,) = [Outcome(**each) for each in json.loads(given["outcomes"])]
    assert json.loads(outcome.line)["id"] == 1


def test_a_cluster_that_is_not_there_and_ray_that_is_not_installed_are_messages(
    ray: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def init(**options: Any) -> None:
        raise ConnectionError("nobody listens")

    ray.init = init
    with pytest.raises(ConstrainError, match="cannot join or start a Ray cluster: nobody listens"):
        connect()
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UnsupportedError, match="--ray needs Ray"):
        connect()
