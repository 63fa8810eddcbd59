"""The files of a batch job: rows in, values and errors out, each row exactly once, whatever happens in between.

A row is settled when its line, in the output or in the file of errors, ends with a line feed; whole batches of lines
are appended, and flushed to the disk, before the next ones. A process that is killed leaves at most a line without its
end, which the next one cuts off. Three files belong to an output `out.jsonl`: `out.errors.jsonl`, rows that failed;
`out.job.json`, what the job was asked for, so that none goes on with another's output; and the output itself, which is
locked (`flock`) as long as the process lives.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from constrain.errors import ConstrainError, SpecError, UnsupportedError

__all__ = ["BatchRow", "Input", "Ledger", "LineError", "Outcome"]

_MEMBERS = ("id", "prompt", "schema")


class LineError(SpecError):
    """A line that is no row, or not of this job. `path` and `number`, counted from 1, say where it is."""

    def __init__(self, path: Path, number: int, message: str, *, hint: str | None = None) -> None:
        super().__init__(f"{path}, line {number}: {message}", hint=hint)
        self.path = path
        self.number = number


@dataclass(frozen=True)
class BatchRow:
    """A line of the input: a prompt (a text, or a list of chat messages), and a JSON schema if it has its own."""

    id: str | int
    prompt: Any
    number: int
    schema: Any = None


@dataclass(frozen=True)
class Outcome:
    """What a row has come to: the JSON object, on one line, that is written for it."""

    id: str | int
    line: str
    failed: bool = False


@dataclass(frozen=True)
class Input:
    """The rows of a file, in its order, and what tells whether it is the same file later: it may have grown."""

    path: Path
    rows: tuple[BatchRow, ...]
    content: bytes

    @classmethod
    def read(cls, path: Path) -> Input:
        """All rows, kept in memory. Lines of white space are none.

        Raises `LineError` for a line that is no JSON object with an `id` (a text or an integer, unique) and a `prompt`,
        or that has other members than these and `schema`.
        """
        try:
            content = path.read_bytes()
        except OSError as error:
            raise SpecError(f"cannot read {path}: {error.strerror}") from error
        rows: list[BatchRow] = []
        lines: dict[str | int, int] = {}
        for number, line in enumerate(content.split(b"\n"), 1):
            if not line.strip():
                continue
            row = _row(path, number, line)
            if row.id in lines:
                raise LineError(path, number, f"line {lines[row.id]} has the id {row.id!r}, too")
            lines[row.id] = number
            rows.append(row)
        return cls(path, tuple(rows), content)

    def mark(self) -> dict[str, Any]:
        """The length in bytes, and the SHA-256."""
        return {"bytes": len(self.content), "sha256": hashlib.sha256(self.content).hexdigest()}

    def continues(self, mark: Mapping[str, Any]) -> bool:
        """Whether the file with that mark is this one, or its beginning."""
        begin = self.content[: mark["bytes"]]
        return {"bytes": len(begin), "sha256": hashlib.sha256(begin).hexdigest()} == mark

    def batches(self, size: int) -> list[tuple[BatchRow, ...]]:
        """The rows, `size` at a time. Which rows are together does not depend on which are settled."""
        return [self.rows[begin : begin + size] for begin in range(0, len(self.rows), size)]


def _row(path: Path, number: int, line: bytes) -> BatchRow:
    try:
        row = json.loads(line, object_pairs_hook=_distinct, parse_constant=_no_number)
        json.dumps(row, ensure_ascii=False).encode()
    except RecursionError as error:
        raise LineError(path, number, "nested too deep") from error
    except ValueError as error:  # no JSON, no UTF-8, or half of a surrogate pair
        raise LineError(path, number, f"no JSON in UTF-8: {error}") from error
    if not isinstance(row, dict):
        raise LineError(path, number, "not a JSON object", hint='write {"id": ..., "prompt": ...}')
    for name in row:
        if name not in _MEMBERS:
            raise LineError(path, number, f"{name!r} means nothing here", hint="a row has id, prompt, and maybe schema")
    if not isinstance(row.get("id"), str | int) or isinstance(row["id"], bool):
        raise LineError(path, number, "no id", hint="give a text or an integer that no other row has")
    if not isinstance(row.get("prompt"), str | list):
        raise LineError(path, number, "no prompt", hint="give a text, or a list of chat messages")
    if "schema" in row and not isinstance(row["schema"], dict | bool):
        raise LineError(path, number, "the schema is no JSON schema", hint="give an object, or leave it out")
    return BatchRow(row["id"], row["prompt"], number, row.get("schema"))


def _distinct(members: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(members)) < len(members):
        raise ValueError("a member is there twice")
    return found


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number")


class Ledger:
    """Which rows of a job are settled, and the place to settle the others. A context manager that holds the lock."""

    def __init__(self, out: Path, source: Input, settings: Mapping[str, Any]) -> None:
        """Begin the job, or go on with it: `settings` is, in JSON, whatever the values depend on beside the input.

        Raises `ConstrainError` while another process has the lock; `SpecError` for the output of another job, and for
        an input that has changed otherwise than by growing; `LineError` for a line that is not of this job.
        """
        self.out = out
        self.errors = out.with_name(f"{out.stem}.errors{out.suffix}")
        self.job = out.with_name(f"{out.stem}.job.json")
        self.settled: set[str | int] = set()
        try:
            if out.exists() and out.samefile(source.path):
                raise SpecError(f"{out} is the input, too", hint="give another output")
            self._lock = _locked(out)
        except OSError as error:
            raise SpecError(f"cannot write {out}: {error.strerror}") from error
        try:
            self._begin(source, settings)
            ids = {row.id for row in source.rows}
            self._recover(out, ids)
            self.failed = self._recover(self.errors, ids)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give the lock back."""
        os.close(self._lock)

    def settle(self, outcomes: Sequence[Outcome]) -> None:
        """Append the lines of those rows that are not settled; when this returns, they are on the disk."""
        for path, failed in ((self.out, False), (self.errors, True)):
            new = {each.id: each.line for each in outcomes if each.failed == failed and each.id not in self.settled}
            if new:
                _append(path, "".join(f"{line}\n" for line in new.values()).encode())
                self.settled.update(new)
                self.failed += failed * len(new)

    def _begin(self, source: Input, settings: Mapping[str, Any]) -> None:
        """Say what the job is; where something is written already, it has to be the same."""
        mark = source.mark()
        wrote = next((path for path in (self.out, self.errors) if path.exists() and path.stat().st_size), None)
        if wrote is not None:
            if not self.job.exists():
                raise SpecError(f"{wrote} is not of a batch job: there is no {self.job}", hint="give another output")
            try:
                before = json.loads(self.job.read_bytes())
                asked, same = before["settings"], source.continues(before["input"])
            except (OSError, ValueError, TypeError, KeyError) as error:
                raise SpecError(f"{self.job} does not say what the job was", hint="give another output") from error
            for name in sorted({*asked, *settings}):
                if asked.get(name) != settings.get(name):
                    raise SpecError(
                        f"{self.out} was begun with {name} {_shown(asked.get(name))}, not {_shown(settings.get(name))}",
                        keyword=name,
                        hint="give the same, or another output",
                    )
            if not same:
                raise SpecError(
                    f"{source.path} has changed since {self.out} was begun",
                    hint="rows may be appended; for other changes, give another output",
                )
        _replace(self.job, json.dumps({"settings": dict(settings), "input": mark}, indent=1).encode())

    def _recover(self, path: Path, ids: set[str | int]) -> int:
        """Read which rows are settled, cut off a last line that has no end, and count the others."""
        if not path.exists():
            return 0
        end, before = 0, len(self.settled)
        with path.open("r+b") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    file.truncate(end)
                    os.fsync(file.fileno())
                    break
                end += len(line)
                try:
                    key = json.loads(line)["id"]
                    is_known = key in ids
                except (ValueError, TypeError, KeyError) as error:
                    raise LineError(path, number, "not written by this job", hint="give another output") from error
                if not is_known:
                    raise LineError(path, number, f"no row of the input has the id {key!r}", hint="give another output")
                if key in self.settled:
                    raise LineError(path, number, f"the row {key!r} is there already", hint="remove one of them")
                self.settled.add(key)
        return len(self.settled) - before


def _shown(value: object) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 40 else f"{text[:40]}..."


def _locked(path: Path) -> int:
    """A descriptor that holds the lock until it is closed; only the process that has it may write."""
    try:
        import fcntl
    except ImportError as error:
        raise UnsupportedError("batch jobs lock their output with flock, which this system does not have") from error
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise ConstrainError(f"another job is writing to {path}", hint="wait for it, or give another output") from error
    return descriptor


def _append(path: Path, content: bytes) -> None:
    is_new = not path.exists()
    try:
        with path.open("ab") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            _sync_folder(path.parent)
    except OSError as error:
        raise ConstrainError(
            f"cannot write {path}: {error.strerror}", hint="nothing is lost: run the same command again"
        ) from error


def _replace(path: Path, content: bytes) -> None:
    """Write a file so that, at any moment, there is the old one or the new one."""
    other = path.with_name(f"{path.name}.new")
    with other.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    other.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """A new name is on the disk only once its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
