"""The compiled loops take only what they can read, say when memory runs out, and belong to the C files beside them."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from constrain import native
from constrain.trie import GROUPS, PLAIN, Trie

CONSTRAIN = Path(native.__file__).parent


@pytest.mark.parametrize(
    "table",
    [np.zeros((2, 2), np.int64), np.zeros((2, 4), np.int32)[:, ::2], np.zeros(4, np.int32), [[0, 0], [0, 0]]],
    ids=["another type", "rows apart", "one dimension", "no array"],
)
def test_an_array_of_another_type_or_layout_is_not_taken(table: object) -> None:
    with pytest.raises((TypeError, ctypes.ArgumentError)):
        native._LIBRARY.constrain_useful(table, 2, 2, np.ones(2, np.bool_), 0, np.zeros(2, np.bool_))


@pytest.mark.parametrize(
    ("entry", "flags", "start"), [(2, 2, 0), (-2, 2, 0), (1, 1, 0), (1, 3, 0), (1, 2, -1), (1, 2, 2)]
)
def test_a_table_that_leads_to_no_state_is_not_taken(entry: int, flags: int, start: int) -> None:
    table, ending = np.array([[0, entry], [-1, 1]], np.int32), np.ones(flags, np.bool_)
    with pytest.raises(
        ValueError, match=f"no table of 2 states, {flags} of them flagged or not, with the start {start}"
    ):
        native.useful(table, ending, start)
    with pytest.raises(ValueError, match="no table of 2 states"):
        native.minimal(table, ending, start, None)


def test_thousands_of_bundles_are_told_apart() -> None:
    """Each bundle is the set of maps that take a state to another; here most are different, and some are not."""
    rng = np.random.default_rng(0)
    states, maps = 1500, 12
    targets = [rng.integers(0, 2, states) for _ in range(maps)]
    sources = np.arange(states)
    pairs = np.concatenate([np.stack([sources, target], 1) for target in targets]).astype(np.uint32)
    found = native.bundled(np.arange(maps + 1) * states, pairs, states)
    expected: dict[tuple[int, int], tuple[int, ...]] = {}
    for state in range(states):
        for end in (0, 1):
            if members := tuple(m for m in range(maps) if targets[m][state] == end):
                expected[state, end] = members
    assert list(zip(found.source.tolist(), found.target.tolist(), strict=True)) == list(expected)
    rows = [tuple(found.member[begin:end].tolist()) for begin, end in pairwise(found.offsets.tolist())]
    assert [rows[bundle] for bundle in found.bundle.tolist()] == list(expected.values())
    assert rows == list(dict.fromkeys(expected.values()))
    assert 1024 < len(rows) < len(expected)


def test_weights_are_as_many_as_can_be_added_up() -> None:
    with pytest.raises(ValueError, match="2 weights for 2 classes"):
        native.minimal(np.zeros((1, 2), np.int32), np.ones(1, np.bool_), 0, np.zeros(2, np.uint64))


def test_tokens_of_more_bytes_than_nodes_have_numbers_are_not_taken() -> None:
    with pytest.raises(ValueError, match="tokens of 2147483647 bytes"):
        native.trie(np.zeros(2**31 - 1, np.uint8), np.array([0, 2**31 - 1]))


def test_where_memory_runs_out_an_error_says_so() -> None:
    """No machine has room for what so many states need, and arrays without entries can have so many."""
    with pytest.raises(MemoryError):
        native.bundled(np.zeros(1, np.int64), np.empty((0, 2), np.uint32), 2**60)
    letters, trie = np.zeros(256, np.uint8), Trie.build([b"a"])
    given = (np.empty((0, 2**57), np.int32), 0, np.zeros(1, np.int32), letters, GROUPS, PLAIN, trie.packed)
    with pytest.raises(MemoryError):
        native.token_maps(*given, trie.sequence, np.zeros(1, np.int32))


def loaded_from(folder: Path) -> str:
    """How importing the package from a copy of it ends."""
    code = f"import sys; sys.path.insert(0, {str(folder)!r}); from constrain import native; print('loaded')"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip().splitlines()[-1]


def test_a_library_that_is_missing_or_out_of_date_is_named(tmp_path: Path) -> None:
    package = tmp_path / "constrain"
    package.mkdir()
    for file in (*CONSTRAIN.glob("*.[ch]"), CONSTRAIN / "native.py", CONSTRAIN / native.LIBRARY):
        shutil.copy(file, package)
    (package / "__init__.py").touch()
    assert loaded_from(tmp_path) == "loaded"
    source = package / "graphs.c"
    source.write_text(source.read_text() + "\n")
    assert "compiled from other C files" in loaded_from(tmp_path)
    for file in package.glob("*.[ch]"):
        file.unlink()
    assert loaded_from(tmp_path) == "loaded", "where there are none, as in a wheel, the library is the right one"
    (package / native.LIBRARY).unlink()
    assert "ImportError: constrain has not been compiled" in loaded_from(tmp_path)
