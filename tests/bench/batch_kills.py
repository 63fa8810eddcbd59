"""`constrain batch`, killed five times at random moments (`kill -9`), and again with one of Ray's workers killed.

    python -m tests.bench.batch_kills [--ray] [--rows 500]

Afterwards every row has to be there exactly once, with the value that it has in a run without kills. With `--ray`,
kills of the job alternate with kills of its worker, after which the job has to write 20 more rows on its own.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parent.parent.parent
COMMAND = "from constrain.cli import main; main()"
PATTERN = "[0-9]{1,4} (red|blue|green) [a-z]{3,6}"
COLOURS = ("red", "blue", "green")
THINGS = ("cups", "lamps", "pens", "boxes", "chairs")


def start(folder: Path, out: str, *, ray: bool) -> subprocess.Popen[bytes]:
    """The job, in a process of its own."""
    arguments = ["batch", "in.jsonl", out, "--regex", PATTERN, "--batch-size", "4", "--max-passes", "2"]
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, *arguments, *(["--ray"] if ray else [])],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def lines(path: Path) -> int:
    """How many rows are settled."""
    return path.read_bytes().count(b"\n") if path.exists() else 0


def workers() -> Iterator[int]:
    """The processes of Ray's actors that hold a model."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if b"ray::MapWorker" in (entry / "cmdline").read_bytes():
                yield int(entry.name)
        except OSError:  # it has ended meanwhile
            continue


def kill(folder: Path, count: int, moments: random.Random, *, ray: bool, of_worker: bool) -> str:
    """Let the job write some rows, kill it or its worker, and say what happened."""
    out = folder / "out.jsonl"
    before = lines(out)
    process = start(folder, out.name, ray=ray)
    while process.poll() is None and lines(out) == before:
        time.sleep(0.01)
    time.sleep(moments.uniform(0.0, 2.0))
    killed = "the job"
    if of_worker:
        found = list(workers())
        for worker in found:
            os.kill(worker, 9)
        killed, at = f"{len(found)} worker", lines(out)
        while process.poll() is None and lines(out) < min(at + 20, count):
            time.sleep(0.01)
        killed += f" at {at} rows, and at {lines(out)} the job"
    process.kill()
    process.wait()
    torn = out.read_bytes().rpartition(b"\n")[2]
    return f"killed {killed}: {before} -> {lines(out)} rows settled, {len(torn)} bytes of a torn line"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ray", action="store_true")
    parser.add_argument("--reference", type=Path, help="Keep the run without kills here, and use it if it is there.")
    asked = parser.parse_args()
    moments = random.Random(asked.seed)
    with TemporaryDirectory() as name:
        folder = Path(name)
        rows = (
            {"id": n, "prompt": f"Please send to Ann {n * 7919 % 9973} {COLOURS[n % 3]} {THINGS[n % 5]}."}
            for n in range(asked.rows)
        )
        (folder / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        for turn in range(asked.kills):
            of_worker = asked.ray and turn % 2 == 1
            print(kill(folder, asked.rows, moments, ray=asked.ray, of_worker=of_worker), flush=True)
        assert start(folder, "out.jsonl", ray=asked.ray).wait() == 0
        written = [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]
        assert sorted(row["id"] for row in written) == list(range(asked.rows)), "every row exactly once"
        assert all(re.fullmatch(PATTERN, row["value"]) for row in written)
        different = len({row["value"] for row in written})
        print(f"{len(written)} rows, each exactly once and valid, {different} values", flush=True)
        assert asked.ray or written == ordered(written), "a single process keeps the order of the input"
        reference = asked.reference or folder / "reference.jsonl"
        if not reference.exists():
            assert start(folder, "whole.jsonl", ray=False).wait() == 0
            reference.write_bytes((folder / "whole.jsonl").read_bytes())
        assert ordered(written) == [json.loads(line) for line in reference.read_text().splitlines()]
        print("the values are those of a run without kills")


def ordered(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """By id."""
    return sorted(rows, key=lambda row: int(str(row["id"])))


if __name__ == "__main__":
    main()
