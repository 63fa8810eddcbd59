"""Drafts on their way to somebody who watches: what is settled, what has changed since the last one, and asyncio."""

from __future__ import annotations

import asyncio
import codecs
import math
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from difflib import SequenceMatcher
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final, NotRequired, Protocol, TypedDict, TypeVar, Unpack, cast, overload

if TYPE_CHECKING:
    from constrain.engine.options import Options
    from constrain.engine.prompts import Batch, Prompt
    from constrain.engine.result import Result

__all__ = ["SETTLED", "AsyncStreaming", "Edit", "Patch", "State", "difference", "patched", "pieces"]

T = TypeVar("T")

SETTLED = 0.1
"""The constrained entropy, in nats, up to which a position is decided. Some token then has at least exp(-0.1), or 90%,
of its posterior; alone, such a position is always accepted under DiffusionGemma's own entropy bound."""

_END: Final = object()


class Edit(TypedDict):
    """Instead of the tokens from `tokens[0]` to `tokens[1]` (exclusive) of the draft before, these stand there."""

    tokens: list[int]
    ids: list[int]
    decided: list[bool]
    pieces: list[str]
    """What each of the new tokens adds to the text."""
    text: list[int]
    """Where the pieces of the replaced tokens began and ended in the text of the draft before, in code points."""


class Figures(TypedDict):
    """What a patch says anew each time; None for a number that is not known (or infinite)."""

    passes: int
    canvases: int
    stop_reason: str | None
    log_z: float | None
    probability: float | None
    error: str | None


class Patch(Figures):
    """What is new in a draft, in terms of JSON."""

    edits: list[Edit]
    """In ascending order. All positions are those of the draft before, so apply the last one first."""
    thinking: NotRequired[str | None]
    """The thought so far, where it has changed."""


class State(Figures):
    """What patches add up to."""

    token_ids: list[int]
    decided: list[bool]
    pieces: list[str]
    text: str
    thinking: str | None


def pieces(spelled: Iterable[bytes], text: str) -> tuple[str, ...]:
    """What each token adds to `text`, given its bytes; all of them together are `text`.

    A character that several tokens spell belongs to the last of them. If the tokenizer reads the tokens otherwise than
    one by one, so that `text` is not what the bytes say, the first piece is all of it.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    found = [decoder.decode(part) for part in spelled]
    if found:
        found[-1] += decoder.decode(b"", final=True)
        if "".join(found) != text:
            found = [text] + [""] * (len(found) - 1)
    return tuple(found)


def difference(before: Result | None, after: Result) -> Patch:
    """What has to be done to `before` (None: to nothing) to get `after`."""
    old = [] if before is None else _items(before)
    new = _items(after)
    begins = [0, *accumulate(len(piece) for _, _, piece in old)]
    edits: list[Edit] = [
        {
            "tokens": [low, high],
            "ids": [token for token, _, _ in new[begin:end]],
            "decided": [decided for _, decided, _ in new[begin:end]],
            "pieces": [piece for _, _, piece in new[begin:end]],
            "text": [begins[low], begins[high]],
        }
        for low, high, begin, end in _changes(old, new)
    ]
    patch: Patch = {
        "edits": edits,
        "passes": after.passes,
        "canvases": after.canvases,
        "stop_reason": after.stop_reason,
        "log_z": _number(after.log_z),
        "probability": _number(after.probability),
        "error": None if after.error is None else str(after.error),
    }
    if after.thinking != (None if before is None else before.thinking):
        patch["thinking"] = after.thinking
    return patch


def patched(state: State | None, patch: Patch) -> State:
    """`state` (None: before the first draft) after `patch`. All those of a stream, in order, give its last draft."""
    tokens = [] if state is None else list(zip(state["token_ids"], state["decided"], state["pieces"], strict=True))
    for edit in reversed(patch["edits"]):
        low, high = edit["tokens"]
        tokens[low:high] = zip(edit["ids"], edit["decided"], edit["pieces"], strict=True)
    return {
        "token_ids": [token for token, _, _ in tokens],
        "decided": [decided for _, decided, _ in tokens],
        "pieces": [piece for _, _, piece in tokens],
        "text": "".join(piece for _, _, piece in tokens),
        "thinking": patch.get("thinking", None if state is None else state["thinking"]),
        "passes": patch["passes"],
        "canvases": patch["canvases"],
        "stop_reason": patch["stop_reason"],
        "log_z": patch["log_z"],
        "probability": patch["probability"],
        "error": patch["error"],
    }


def _items(draft: Result) -> list[tuple[int, bool, str]]:
    return list(zip(draft.token_ids, draft.decided, draft.pieces, strict=True))


def _changes(old: Sequence[Any], new: Sequence[Any]) -> list[tuple[int, int, int, int]]:
    """Which stretch of `old` becomes which of `new`, in ascending order."""
    same = 0
    for one, other in zip(old, new, strict=False):
        if one != other:
            break
        same += 1
    matcher = SequenceMatcher(None, old[same:], new[same:], autojunk=False)
    return [
        (low + same, high + same, begin + same, end + same)
        for tag, low, high, begin, end in matcher.get_opcodes()
        if tag != "equal"
    ]


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


class _Streaming(Protocol):
    def stream(self, prompt: Any, spec: Any = None, **options: Unpack[Options]) -> Iterator[Any]: ...


class AsyncStreaming:
    """`Model.stream` for asyncio."""

    @overload
    def astream(
        self: _Streaming, prompt: Prompt, spec: Any = None, **options: Unpack[Options]
    ) -> AsyncGenerator[Result, None]: ...
    @overload
    def astream(
        self: _Streaming, prompt: Batch, spec: Any = None, **options: Unpack[Options]
    ) -> AsyncGenerator[list[Result], None]: ...
    def astream(
        self: _Streaming, prompt: Prompt | Batch, spec: Any = None, **options: Unpack[Options]
    ) -> AsyncGenerator[Any, None]:
        """What `stream` yields, computed in a thread of its own, a pass whenever one is asked for.

        Compiling and checking belong to the first draft, and that is where their errors are raised. Whoever is
        cancelled, or closes the generator, goes on at once: a pass that is under way is finished, no other begins, and
        everything that the run holds is released.
        """
        return _in_thread(lambda: self.stream(prompt, spec, **options))


async def _in_thread(begin: Callable[[], Iterator[T]]) -> AsyncGenerator[T, None]:
    """What the iterator yields; one thread begins it, steps it and, in the end, closes it."""
    opened: list[Iterator[T]] = []

    def step() -> T | object:
        if not opened:
            opened.append(begin())
        return next(opened[0], _END)

    worker = ThreadPoolExecutor(1, thread_name_prefix="constrain-stream")
    loop = asyncio.get_running_loop()
    try:
        while (item := await loop.run_in_executor(worker, step)) is not _END:
            yield cast(T, item)
    finally:
        worker.submit(opened.clear)  # after the pass that may be under way
        worker.shutdown(wait=False)
