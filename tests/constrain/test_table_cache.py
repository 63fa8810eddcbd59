"""Tries that come from files are those that would be built, and no file, folder or other process can change that."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from constrain import table_cache, vocabulary
from constrain.letters import in_letters
from constrain.table_cache import cache_folder, kept_trie
from constrain.trie import Trie
from constrain.vocabulary import Vocabulary

TOKENS = [b"a", b"ab", None, "é漢".encode(), b"\xc3", b"ba", b"ab", None]
ARRAYS = [field.name for field in fields(Trie)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(vocabulary, "_LEAST_KEPT", 1)
    monkeypatch.setenv(table_cache.FOLDER_VARIABLE, str(tmp_path / "deep" / "cache"))
    return tmp_path / "deep" / "cache"


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """Counts the tries built."""
    counted = Mock(wraps=Trie.build)
    monkeypatch.setattr(vocabulary.Trie, "build", counted)
    return counted


def same(one: Trie, other: Trie) -> bool:
    pairs = [(getattr(one, name), getattr(other, name)) for name in ARRAYS]
    return all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in pairs)


def fresh() -> Vocabulary:
    return Vocabulary(TOKENS, [7])


def test_what_is_loaded_is_what_was_built(folder: Path, build: Mock) -> None:
    assert fresh().trie.nodes > fresh().letter_trie.nodes
    assert build.call_count == 2
    assert sorted(path.name for path in folder.iterdir()) == [
        f"{fresh().fingerprint}.{alphabet}.{table_cache.FORMAT}.trie" for alphabet in ("bytes", "letters")
    ]
    loaded = fresh()
    assert same(loaded.trie, Trie.build(TOKENS))
    assert same(loaded.letter_trie, Trie.build([token and in_letters(token) for token in TOKENS]))
    assert build.call_count == 4, "twice here"
    with pytest.raises(ValueError, match="read-only"):
        loaded.trie.byte[0] = 1


def test_another_vocabulary_has_files_of_its_own(folder: Path, build: Mock) -> None:
    assert fresh().trie.nodes
    other = [*TOKENS[:-1], b"abc", None]
    assert Vocabulary(other, [8]).trie.nodes == len({token[:n] for token in filter(None, other) for n in range(9)})
    assert build.call_count == len([*folder.iterdir()]) == 2


def test_no_bit_of_a_file_can_be_wrong(folder: Path) -> None:
    wanted = fresh().trie
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    damaged = [whole[:n] for n in range(0, len(whole), 61)] + [whole + b"\0"]
    for at in range(len(whole)):
        damaged.append(whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :])
    for data in damaged:
        path.write_bytes(data)
        assert table_cache._read(path) is None
    assert same(fresh().trie, wanted)
    assert path.read_bytes() == whole, "written anew"


def test_a_file_under_the_name_of_another_is_not_taken(folder: Path, build: Mock) -> None:
    assert fresh().trie.nodes
    (path,) = folder.iterdir()
    path.rename(path.with_name(path.name.replace("bytes", "letters")))
    assert fresh().letter_trie.nodes
    assert build.call_count == 2


def test_another_format_is_another_file(folder: Path, build: Mock, monkeypatch: pytest.MonkeyPatch) -> None:
    assert fresh().trie.nodes
    monkeypatch.setattr(table_cache, "FORMAT", table_cache.FORMAT + 1)
    assert fresh().trie.nodes
    assert build.call_count == len([*folder.iterdir()]) == 2


def test_format_goes_with_what_is_stored() -> None:
    """Not that the arrays are right (`test_trie` says that), but that readers of older files would find the same."""
    every = Vocabulary([*(bytes([byte]) for byte in range(256)), *TOKENS, "😀é\n".encode()], [258])
    digest = hashlib.sha256()
    for name in table_cache._STORED:
        for array in (getattr(every.trie, name), getattr(every.letter_trie, name)):
            digest.update(array.dtype.str.encode() + array.tobytes())
    known = {1: "d3676ef30cc81827", 2: "bf6586e724952d91", 3: "82c05e74c9fcb50d"}
    assert digest.hexdigest()[:16] == known[table_cache.FORMAT], "raise FORMAT, and note the new digest here"


def test_an_empty_variable_keeps_nothing(folder: Path, build: Mock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(table_cache.FOLDER_VARIABLE, "")
    assert same(fresh().trie, fresh().trie)
    assert build.call_count == 2
    assert not folder.exists()


def test_small_vocabularies_are_not_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocabulary, "_LEAST_KEPT", len(TOKENS) + 1)
    assert fresh().trie.nodes
    assert not folder.exists()


def test_where_files_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(table_cache.FOLDER_VARIABLE)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "constrain"
    for ignored in ("", "not/absolute"):
        monkeypatch.setenv("XDG_CACHE_HOME", ignored)
        assert cache_folder() == tmp_path / ".cache" / "constrain"
    monkeypatch.setattr(Path, "home", Mock(side_effect=RuntimeError))
    assert cache_folder() is None


def test_a_folder_that_cannot_be_made_or_written_is_no_error(
    folder: Path, build: Mock, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.parent.write_text("a file")  # root may write into any folder, but not into a file
    assert same(fresh().trie, Trie.build(TOKENS))
    folder.parent.unlink()
    monkeypatch.setattr(tempfile, "mkstemp", Mock(side_effect=PermissionError))
    assert same(fresh().trie, Trie.build(TOKENS))
    assert [*folder.iterdir()] == []


def test_a_disk_that_is_full_leaves_nothing_behind(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "replace", Mock(side_effect=OSError(28, "no space left on device")))
    assert same(fresh().trie, Trie.build(TOKENS))
    assert [*folder.iterdir()] == []


def test_threads_share_one_trie_that_is_built_once(folder: Path, build: Mock) -> None:
    shared = fresh()
    with ThreadPoolExecutor(8) as pool:
        tries = set(pool.map(lambda _: shared.trie, range(64)))
    assert len(tries) == build.call_count == 1


WRITER = """
import sys
from pathlib import Path
from constrain.table_cache import _read, _write
from constrain.trie import Trie
path, trie = Path(sys.argv[1]), Trie.build([b"%d" % n for n in range(20000)])
for _ in range(30):
    _write(path, trie)
    assert _read(path).begin.tolist() == trie.begin.tolist()
"""


def test_processes_that_write_at_once_never_read_half_a_file(folder: Path) -> None:
    path = folder / "shared.trie"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path)], env=dict(os.environ)) for _ in range(3)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    assert [*folder.iterdir()] == [path]
    assert kept_trie("unused", lambda: Trie.build(TOKENS)).nodes == Trie.build(TOKENS).nodes
