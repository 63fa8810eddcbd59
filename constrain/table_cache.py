"""The tries of large vocabularies, kept in files between processes.

A file is named after the fingerprint of the vocabulary, which covers the bytes of every id, and after `FORMAT`. It
begins with a SHA-256 over its own name and all the rest, so that a table is taken only if it is whole and was written
for these very tokens: a damaged file, and one that was moved here under another name, is built anew and replaced.
Names of models, paths and times of change are never trusted. What is trusted is whoever may write into the folder:
someone who forges the digest as well can make outputs wrong, but nothing in a file is ever executed.

Files appear by renaming, so readers never see half of one, and processes that build the same table at once replace
each other's by equal ones. A folder that cannot be read or written is no error: tables are built then. Nothing is
deleted. A real vocabulary of 131,072 ids takes 5 MB.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from constrain.trie import Trie

__all__ = ["FOLDER_VARIABLE", "FORMAT", "cache_folder", "kept_trie"]

FORMAT: Final = 3
"""To be raised whenever a trie of the same tokens comes out different: other numbers, letters, groups or types."""

FOLDER_VARIABLE: Final = "CONSTRAIN_CACHE"

_STORED: Final = ("next", "begin", "sequence", "byte")
_DIGEST: Final = hashlib.sha256().digest_size
_ALIGNMENT: Final = 64


def cache_folder() -> Path | None:
    """`$CONSTRAIN_CACHE`, or None if that is empty: nothing is kept then. Where it is not set, `constrain` in
    `$XDG_CACHE_HOME`, which is `~/.cache` by default.
    """
    chosen = os.environ.get(FOLDER_VARIABLE)
    if chosen is not None:
        return Path(chosen) if chosen else None
    base = Path(os.environ.get("XDG_CACHE_HOME") or "")
    try:
        return (base if base.is_absolute() else Path.home() / ".cache") / "constrain"
    except RuntimeError:  # there is no home
        return None


def kept_trie(name: str, build: Callable[[], Trie]) -> Trie:
    """The trie that is kept under `name`, or else the one that is built, which is kept from then on."""
    folder = cache_folder()
    if folder is None:
        return build()
    path = folder / f"{name}.{FORMAT}.trie"
    trie = _read(path)
    if trie is None:
        trie = build()
        with suppress(OSError):
            _write(path, trie)
    return trie


def _read(path: Path) -> Trie | None:
    try:
        data = path.read_bytes()
    except OSError:
        return None
    if _digest(path, memoryview(data)[_DIGEST:]) != data[:_DIGEST]:
        return None
    end = data.index(b"\n", _DIGEST)
    arrays: dict[str, NDArray[Any]] = {}
    begin = end + 1
    for name, dtype, count in json.loads(data[_DIGEST:end]):
        begin += -begin % _ALIGNMENT
        arrays[name] = np.frombuffer(data, dtype, count, begin)
        begin += arrays[name].nbytes
    return Trie(**arrays)


def _write(path: Path, trie: Trie) -> None:
    arrays = {name: getattr(trie, name) for name in _STORED}
    body = bytearray(json.dumps([(name, array.dtype.str, len(array)) for name, array in arrays.items()]).encode())
    body += b"\n"
    for array in arrays.values():
        body += bytes(-(_DIGEST + len(body)) % _ALIGNMENT) + array.tobytes()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, unfinished = tempfile.mkstemp(dir=path.parent)
    try:
        with open(descriptor, "wb") as file:
            file.write(_digest(path, body))
            file.write(body)
        os.replace(unfinished, path)
    finally:
        Path(unfinished).unlink(missing_ok=True)


def _digest(path: Path, body: bytearray | memoryview) -> bytes:
    digest = hashlib.sha256(path.name.encode() + b"\n")
    digest.update(body)
    return digest.digest()
