"""The compiled loops take only what they can read, say when memory runs out, and belong to the C files beside them."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from constrain import native

CONSTRAIN = Path(native.__file__).parent


@pytest.mark.parametrize(
    "table",
    [np.zeros((2, 2), np.int64), np.zeros((2, 4), np.int32)[:, ::2], np.zeros(4, np.int32), [[0, 0], [0, 0]]],
    ids=["another type", "rows apart", "one dimension", "no array"],
)
def test_an_array_of_another_type_or_layout_is_not_taken(table: object) -> None:
    with pytest.raises((TypeError, ctypes.ArgumentError)):
        native._LIBRARY.useful(table, 2, 2, np.ones(2, np.bool_), 0, np.zeros(2, np.bool_))


LITTLE_MEMORY = """
import resource
import numpy as np
from constrain import native
states = 4_000_000
table, ending = np.full((states, 1), -1, np.int32), np.ones(states, np.bool_)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 60_000_000, -1))
try:
    native.useful(table, ending, 0)
except MemoryError as error:
    print(type(error).__name__)
resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
print(native.useful(table, ending, 0).sum())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="measures its memory in /proc")
def test_too_little_memory_is_an_error_and_nothing_is_lost() -> None:
    done = subprocess.run([sys.executable, "-c", LITTLE_MEMORY], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["MemoryError", "1"], done.stderr


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
