"""`constrain batch`: values that outsiders find valid, failures on their own, and nothing changed by interruptions."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from lark import Lark

from constrain import cli_batch
from constrain.engine.batch_decoding import Job, _outcome, decoded, seed_of
from constrain.engine.batch_files import BatchRow, Input, Ledger, Outcome
from constrain.engine.model import Model
from tests.test_cli import Run, run

__all__ = ["run"]  # a fixture

SCHEMA = {
    "type": "object",
    "properties": {"size": {"enum": ["small", "größer"]}, "n": {"type": "number", "minimum": 0, "maximum": 9}},
    "required": ["size", "n"],
    "additionalProperties": False,
}
QUICK = ("--max-passes", "1", "--max-new-tokens", "40")


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n")[:-1]] if path.exists() else []


@pytest.fixture
def job(run: Run, tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """Runs the command on so many rows, or on those given."""

    def go(source: int | Sequence[Any], *arguments: str, out: str = "out.jsonl") -> tuple[int, str]:
        if isinstance(source, int):
            source = [{"id": f"row {n}", "prompt": f"Ann wants {n} of the small ones."} for n in range(source)]
        path = tmp_path / "in.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in source))
        status, printed, err = run("batch", str(path), str(tmp_path / out), *arguments)
        assert printed == ""
        return status, err

    return go


def test_every_row_gets_a_valid_value_in_the_order_of_the_input(job: Any, tmp_path: Path) -> None:
    status, err = job(5, "--schema", json.dumps(SCHEMA), "--batch-size", "2", *QUICK)
    assert status == 0, err
    assert [row["id"] for row in rows(tmp_path / "out.jsonl")] == [f"row {n}" for n in range(5)]
    for row in rows(tmp_path / "out.jsonl"):
        assert set(row) == {"id", "value"}
        Draft202012Validator(SCHEMA).validate(row["value"])
    assert re.search(r"5 of 5 rows, 0 of them failed; 0 were there before; [\d.]+ rows/s", err)
    assert not (tmp_path / "out.errors.jsonl").exists()


def test_texts_come_from_patterns_and_grammars_and_a_row_may_have_its_own_schema(job: Any, tmp_path: Path) -> None:
    source = [{"id": 1, "prompt": "a"}, {"id": 2, "prompt": "b", "schema": {"const": {"a b": [1, "c  d\\"]}}}]
    grammar = 'start: "(" start ")" | "x"'
    (tmp_path / "g.lark").write_text(grammar)
    for n, arguments in enumerate((("--regex", '[ab"]{4}'), ("--grammar", str(tmp_path / "g.lark")))):
        status, err = job(source, *arguments, *QUICK, out=f"{n}.jsonl")
        assert status == 0, err
    pattern, own = rows(tmp_path / "0.jsonl")
    assert re.fullmatch('[ab"]{4}', pattern["value"])
    assert own == {"id": 2, "value": {"a b": [1, "c  d\\"]}}
    Lark(grammar, parser="earley").parse(rows(tmp_path / "1.jsonl")[0]["value"])


def test_numbers_are_written_as_they_stand_in_the_text(job: Any, tmp_path: Path) -> None:
    status, _ = job([{"id": 1, "prompt": "a", "schema": {"const": 1e300}}], *QUICK)
    assert status == 0
    assert rows(tmp_path / "out.jsonl")[0]["value"] == 1e300
    result: Any = type("R", (), {"error": None, "text": '{ "a\\" b" :\n[ 1e400, 0.10 ] }'})
    row = BatchRow("i", "", 1, {})
    assert _outcome(row, result, None) == Outcome("i", '{"id": "i", "value": {"a\\" b":[1e400,0.10]}}')


def test_rows_that_fail_go_to_a_file_of_their_own(job: Any, tmp_path: Path) -> None:
    source = [
        {"id": "a", "prompt": "fine"},
        {"id": "b", "prompt": ""},
        {"id": "c", "prompt": "fine", "schema": {"minLenght": 1}},
        {"id": "d", "prompt": "fine", "schema": {"const": "x" * 500}},
        {"id": "e", "prompt": [{"role": "user"}]},
        {"id": "f", "prompt": [{"role": "user", "content": "fine"}]},
    ]
    status, err = job(source, "--fields", "ok: bool", *QUICK)
    assert status == 1
    assert [row["id"] for row in rows(tmp_path / "out.jsonl")] == ["a", "f"]
    errors = {row["id"]: row for row in rows(tmp_path / "out.errors.jsonl")}
    assert {key: (row["line"], row["error"]) for key, row in errors.items()} == {
        "b": (2, "SpecError"),
        "c": (3, "UnsupportedError"),
        "d": (4, "UnsatisfiableError"),
        "e": (5, "SpecError"),
    }
    assert "minLenght" in errors["c"]["message"]
    assert "4 of them failed" in err
    before = (tmp_path / "out.jsonl").read_bytes()
    status, err = job(source, "--fields", "ok: bool", *QUICK)
    assert (status, (tmp_path / "out.jsonl").read_bytes()) == (1, before)
    (tmp_path / "out.errors.jsonl").unlink()
    job(source, "--fields", "ok: bool", *QUICK)
    assert {row["id"]: row for row in rows(tmp_path / "out.errors.jsonl")} == errors


class Breaking:
    """Stands for a model whose memory does not suffice for some prompts."""

    def __init__(self, *prompts: str) -> None:
        self.prompts = prompts

    def generate(self, prompts: list[str], specs: list[Any], **options: Any) -> list[Any]:
        if set(prompts) & set(self.prompts):
            raise MemoryError("too much")
        return [type("R", (), {"error": None, "text": prompt})() for prompt in prompts]


def test_an_unexpected_error_is_that_of_the_rows_that_raise_it_alone() -> None:
    batch = [BatchRow(n, prompt, n + 1) for n, prompt in enumerate("abc")]
    model: Any = Breaking("b")
    found = decoded(model, Job(), None, batch)
    assert [each.failed for each in found] == [False, True, False]
    assert json.loads(found[1].line) == {
        "id": 1,
        "line": 2,
        "error": "MemoryError",
        "message": "MemoryError('too much')",
    }
    model = Breaking("a", "b", "c")
    for every in (batch, batch[:1]):
        with pytest.raises(MemoryError):
            decoded(model, Job(), None, every)


def test_the_seed_of_a_batch_is_that_of_its_ids_and_the_jobs() -> None:
    batch = [BatchRow(1, "a", 1), BatchRow("1", "b", 2)]
    others = [seed_of(1, batch), seed_of(0, batch[:1]), seed_of(0, batch[1:]), seed_of(0, batch[::-1])]
    assert len({seed_of(0, batch), *others}) == 5
    assert seed_of(0, batch) == seed_of(0, [BatchRow(1, "c", 7), BatchRow("1", "d", 9)])
    assert all(0 <= seed < 2**63 for seed in others)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_job_behind_the_batch_and_the_rest_is_as_it_would_have_been(
    job: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    arguments = ("--schema", json.dumps(SCHEMA), "--batch-size", "2", "--max-passes", "2")
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    generate = Model.generate

    def interrupted(*args: Any, **options: Any) -> Any:
        results = generate(*args, **options)
        os.kill(os.getpid(), number)
        return results

    with monkeypatch.context() as patch:
        patch.setattr(Model, "generate", interrupted)
        status, err = job(5, *arguments)
    assert status == 128 + number
    assert f"stopped by {number.name}: 2 of 5 rows" in err
    assert [row["id"] for row in rows(tmp_path / "out.jsonl")] == ["row 0", "row 1"]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
    os.truncate(tmp_path / "out.jsonl", (tmp_path / "out.jsonl").stat().st_size - 3)  # as a kill would
    status, err = job(5, *arguments)
    assert status == 0, err
    assert "1 were there before" in err
    job(5, *arguments, out="whole.jsonl")
    assert (tmp_path / "out.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_a_second_signal_is_not_held_up() -> None:
    with cli_batch._signals() as caught:
        os.kill(os.getpid(), signal.SIGTERM)
        assert caught == [signal.SIGTERM]
        assert signal.getsignal(signal.SIGTERM) == signal.getsignal(signal.SIGINT) == signal.SIG_DFL


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "line 1: no schema"),
        (("--fields", "a", "--regex", "b"), "give one of --fields, --schema, --regex and --grammar"),
        (("--regex", "("), "line 1, column"),
        (("--schema", "/no/such/file.json"), "cannot read the schema"),
        (("--schema", '{"minLenght": 1}'), "minLenght"),
        (("--grammar", "klingon"), "klingon"),
        (("--regex", "a", "--seed", "1"), "was begun with seed 0, not 1"),
        (("--regex", "b"), "was begun with text a, not b"),
        (("--regex", "a", "--workers", "2"), "--workers and --worker-gpus are those of --ray"),
        (("--regex", "a", "--ray"), "--ray needs Ray"),
        (("--regex", "a", "--model", "/no/such/model"), "was begun with model none, not /no/such/model"),
        (("--regex", "a", "--device-map", "auto"), "--device-map needs accelerate"),
    ],
)
def test_faults_are_messages_and_change_nothing(
    job: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setattr(cli_batch, "find_spec", lambda name: None)
    settled = '{"id": "row 0", "value": "a"}\n'
    status, err = job(0, "--regex", "a")
    assert status == 0, err
    (tmp_path / "out.jsonl").write_text(settled)
    status, err = job(2, *arguments)
    assert status == 2
    assert message in err
    assert "Traceback" not in err
    assert (tmp_path / "out.jsonl").read_text() == settled


def test_a_text_that_is_none_and_an_output_in_use_are_refused(job: Any, tmp_path: Path) -> None:
    (tmp_path / "s.json").write_bytes(b"\xff")
    status, err = job(1, "--schema", str(tmp_path / "s.json"))
    assert (status, "no text in UTF-8" in err) == (2, True)
    job(0, "--regex", "a")
    source = Input.read(tmp_path / "in.jsonl")
    with Ledger(tmp_path / "out.jsonl", source, Job(kind="regex", text="a").settings()):
        status, err = job(0, "--regex", "a")
    assert (status, "another job is writing to" in err) == (2, True)


@pytest.mark.slow
@pytest.mark.parametrize("where", [(), *[("--ray",)] * (find_spec("ray") is not None)])
def test_kill_9_changes_nothing(where: tuple[str, ...]) -> None:
    """With the real model, and a real Ray where there is one."""
    command = [sys.executable, "-m", "tests.bench.batch_kills", "--rows", "100", "--kills", "2", *where]
    done = subprocess.run(command, cwd=Path(__file__).parent.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "100 rows, each exactly once and valid" in done.stdout
