"""The files of a batch job: every row exactly once, after kills at any moment, and no job goes on with another's."""

from __future__ import annotations

import errno
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constrain.engine.batch_files import BatchRow, Input, Ledger, LineError, Outcome
from constrain.errors import ConstrainError, SpecError, UnsupportedError

ROOT = Path(__file__).parent.parent.parent
SETTINGS = {"seed": 0, "text": "x"}


def written(folder: Path, count: int) -> Input:
    path = folder / "in.jsonl"
    path.write_text("".join(json.dumps({"id": n, "prompt": f"row {n}"}) + "\n" for n in range(count)))
    return Input.read(path)


def value(row: BatchRow | int, failed: bool = False) -> Outcome:
    key: Any = row if isinstance(row, int) else row.id
    return Outcome(key, json.dumps({"id": key, "value": f"of {key} " + "x" * 50}), failed)


def ids(path: Path) -> list[Any]:
    return [json.loads(line)["id"] for line in path.read_text().splitlines()] if path.exists() else []


def test_rows_are_read_with_the_numbers_of_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    chat = [{"role": "user", "content": "hi\u2028there"}]
    lines = [{"id": 1, "prompt": "a"}, {"id": "1", "prompt": chat, "schema": {"const": 2}}, {"id": -3, "prompt": ""}]
    path.write_text("\n \r\n".join(json.dumps(line, ensure_ascii=False) for line in lines), "utf-8")
    assert Input.read(path).rows == (
        BatchRow(1, "a", 1),
        BatchRow("1", chat, 3, {"const": 2}),
        BatchRow(-3, "", 5),
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{", "no JSON in UTF-8"),
        (b'{"id": 2, "prompt": "\xff"}', "no JSON in UTF-8"),
        (b'{"id": 2, "prompt": "\\ud800"}', "no JSON in UTF-8"),
        (b'{"id": 2, "id": 3, "prompt": ""}', "a member is there twice"),
        (b'{"id": 2, "prompt": "", "schema": {"const": NaN}}', "NaN is no number"),
        (b'{"id": 2, "prompt": "", "schema": {"const": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}", "nested too deep"),
        (b"[1]", "not a JSON object"),
        (b'{"prompt": ""}', "no id"),
        (b'{"id": true, "prompt": ""}', "no id"),
        (b'{"id": 1.0, "prompt": ""}', "no id"),
        (b'{"id": 2}', "no prompt"),
        (b'{"id": 2, "prompt": 7}', "no prompt"),
        (b'{"id": 2, "prompt": "", "schema": null}', "the schema is no JSON schema"),
        (b'{"id": 2, "prompt": "", "promtp": ""}', "'promtp' means nothing here"),
        (b'{"id": 1, "prompt": "again"}', "line 1 has the id 1, too"),
    ],
)
def test_what_is_no_row_is_refused_with_its_line(tmp_path: Path, line: bytes, message: str) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(b'{"id": 1, "prompt": ""}\n\n' + line + b"\n")
    with pytest.raises(LineError, match=f"line 3: .*{message}") as caught:
        Input.read(path)
    assert (caught.value.path, caught.value.number) == (path, 3)


def test_values_and_errors_have_files_of_their_own(tmp_path: Path) -> None:
    source = written(tmp_path, 5)
    with Ledger(tmp_path / "out.jsonl", source, SETTINGS) as ledger:
        ledger.settle([value(0), value(1, failed=True), value(2)])
        ledger.settle([value(2), value(1), value(3)])
        assert ledger.settled == {0, 1, 2, 3}
    assert ids(tmp_path / "out.jsonl") == [0, 2, 3]
    assert ids(tmp_path / "out.errors.jsonl") == [1]
    with Ledger(tmp_path / "out.jsonl", source, SETTINGS) as ledger:
        assert (ledger.settled, ledger.failed) == ({0, 1, 2, 3}, 1)


@given(st.integers(0, 10_000), st.booleans())
def test_wherever_a_file_breaks_off_its_complete_lines_count(cut: int, failed: bool) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        source, out = written(folder, 6), folder / "out.jsonl"
        rows = [value(row, failed) for row in source.rows]
        with Ledger(out, source, SETTINGS) as ledger:
            ledger.settle(rows)
            path = ledger.errors if failed else out
        whole = path.read_bytes()
        cut %= len(whole) + 1
        os.truncate(path, cut)
        with Ledger(out, source, SETTINGS) as ledger:
            assert ledger.settled == set(range(whole[:cut].count(b"\n")))
            ledger.settle(rows)
        assert path.read_bytes() == whole


def test_two_jobs_do_not_write_to_one_output(tmp_path: Path) -> None:
    source, out = written(tmp_path, 2), tmp_path / "out.jsonl"
    with Ledger(out, source, SETTINGS), pytest.raises(ConstrainError, match="another job is writing to"):
        Ledger(out, source, SETTINGS)
    Ledger(out, source, SETTINGS).close()


def test_an_input_may_grow_but_not_change(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    with Ledger(out, written(tmp_path, 2), SETTINGS) as ledger:
        ledger.settle([value(0)])
    for count in (4, 5):
        with Ledger(out, written(tmp_path, count), SETTINGS) as ledger:
            assert ledger.settled == {0}
    with pytest.raises(SpecError, match="has changed since"):
        Ledger(out, written(tmp_path, 3), SETTINGS)


def test_a_job_with_other_settings_is_refused_by_their_name(tmp_path: Path) -> None:
    source, out = written(tmp_path, 2), tmp_path / "out.jsonl"
    Ledger(out, source, {"seed": 7}).close()
    with Ledger(out, source, SETTINGS) as ledger:  # nothing was written
        ledger.settle([value(0, failed=True)])
    with pytest.raises(SpecError, match=r"out.jsonl was begun with seed 0, not 1") as caught:
        Ledger(out, source, {**SETTINGS, "seed": 1})
    assert caught.value.keyword == "seed"
    with pytest.raises(SpecError, match=r"with text x, not z{40}\.\.\."):
        Ledger(out, source, {**SETTINGS, "text": "z" * 100})


@pytest.mark.parametrize("name", ["out.jsonl", "out.errors.jsonl"])
def test_a_file_of_somebody_else_is_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("precious")
    with pytest.raises(SpecError, match="is not of a batch job"):
        Ledger(tmp_path / "out.jsonl", written(tmp_path, 2), SETTINGS)
    assert (tmp_path / name).read_text() == "precious"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ('{"id": 0}\n{"id": 0}\n', "line 2: the row 0 is there already"),
        ('{"id": 9}\n', "line 1: no row of the input has the id 9"),
        ('{"id": 0}\n[0]\n', "line 2: not written by this job"),
        ('{"id": [0]}\n', "line 1: not written by this job"),
        ("\0\0\n", "line 1: not written by this job"),
    ],
)
def test_a_line_that_the_job_cannot_have_written_is_named(tmp_path: Path, lines: str, message: str) -> None:
    source, out = written(tmp_path, 2), tmp_path / "out.jsonl"
    Ledger(out, source, SETTINGS).close()
    out.write_text(lines)
    with pytest.raises(LineError, match=message):
        Ledger(out, source, SETTINGS)
    out.write_text("")
    Ledger(out, source, SETTINGS).close()  # the lock was given back


def test_files_that_cannot_be_used_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = written(tmp_path, 2)
    with pytest.raises(SpecError, match=r"cannot read .*nothing\.jsonl"):
        Input.read(tmp_path / "nothing.jsonl")
    with pytest.raises(SpecError, match=r"is the input, too"):
        Ledger(source.path, source, SETTINGS)
    with pytest.raises(SpecError, match=r"cannot write .*No such file"):
        Ledger(tmp_path / "no" / "out.jsonl", source, SETTINGS)
    (tmp_path / "out.job.json").write_text("{}")
    (tmp_path / "out.jsonl").write_text("{")
    with pytest.raises(SpecError, match=r"out\.job\.json does not say what the job was"):
        Ledger(tmp_path / "out.jsonl", source, SETTINGS)
    with Ledger(tmp_path / "full.jsonl", source, SETTINGS) as ledger:

        def full(descriptor: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(ConstrainError, match=r"cannot write .*full\.jsonl: No space left"):
            ledger.settle([value(0)])
        assert not ledger.settled
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with pytest.raises(UnsupportedError, match="flock"):
        Ledger(tmp_path / "other.jsonl", source, SETTINGS)


WRITER = """
import json, sys, time
from pathlib import Path
from constrain.engine.batch_files import Input, Ledger, Outcome
source = Input.read(Path("in.jsonl"))
with Ledger(Path("out.jsonl"), source, {}) as ledger:
    print("ready", flush=True)
    for batch in source.batches(7):
        if any(row.id not in ledger.settled for row in batch):
            time.sleep(0.004)
            ledger.settle([
                Outcome(row.id, json.dumps({"id": row.id, "value": "x" * (row.id * 997 % 5000)}), row.id % 10 == 0)
                for row in batch
            ])
"""


def test_kill_9_at_random_moments_neither_loses_nor_doubles_a_row(tmp_path: Path) -> None:
    """500 rows, five kills; the job takes longer than the last of them."""
    written(tmp_path, 500)
    out, errors = tmp_path / "out.jsonl", tmp_path / "out.errors.jsonl"
    chance, before = random.Random(8), 0
    for kill in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        if kill < 5:
            time.sleep(chance.uniform(0.02, 0.06))
            process.kill()
        process.wait()
        process.stdout.close()
        settled = out.read_bytes().count(b"\n") + (errors.read_bytes().count(b"\n") if errors.exists() else 0)
        assert settled >= before, "nothing that was written is lost"
        assert kill == 5 or settled < 500, "it was killed before the end"
        before = settled
    assert process.returncode == 0
    assert ids(out) == [n for n in range(500) if n % 10]
    assert ids(errors) == [n for n in range(500) if n % 10 == 0]
