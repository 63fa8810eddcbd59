"""Work in a process of its own, which may take too long, too much memory, or die."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, TypeAlias

__all__ = ["LostError", "Worker"]

Task: TypeAlias = Callable[[Any], Any]


class LostError(Exception):
    """There is no answer: the work took too long, or its process died."""


class Worker:
    """A forked process that answers each item with `prepare()(item)`; it is replaced when an answer is lost.

    Forking shares what the caller has loaded. What the work raises comes back as that exception.
    """

    def __init__(self, prepare: Callable[[], Task]) -> None:
        self._prepare = prepare
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("fork")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(self._prepare, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def ask(self, item: Any, patience: float) -> Any:
        """The answer; `LostError` if it takes more than `patience` seconds (starting the process not counted)."""
        try:
            self._ours.send(item)
            assert self._ours.recv() == "begin"
            if not self._ours.poll(patience):
                raise LostError(f"over {patience:g} s")
            answer = self._ours.recv()
        except (EOFError, ConnectionError, LostError) as error:
            self.stop()
            self._start()
            raise error if isinstance(error, LostError) else LostError("the process died") from error
        if isinstance(answer, Exception):
            raise answer
        return answer

    def stop(self) -> None:
        self._process.kill()
        self._process.join()
        self._ours.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def serve(prepare: Callable[[], Task], connection: Connection) -> None:
    task = prepare()
    while True:
        try:
            item = connection.recv()
        except EOFError:
            return
        connection.send("begin")
        try:
            answer = task(item)
        except Exception as error:
            answer = RuntimeError(f"{type(error).__name__}: {error}")
        connection.send(answer)
