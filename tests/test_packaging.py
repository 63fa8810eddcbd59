"""What users install: one wheel, one top-level name, everything it needs inside."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LIBRARY = "constrain/libconstrain.so"


def built(source: Path, out: Path, *targets: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "build", *targets, "--no-isolation", "--outdir", str(out), str(source)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source distribution and the wheel of the checkout."""
    out = tmp_path_factory.mktemp("dist")
    done = built(ROOT, out, "--sdist", "--wheel")
    assert done.returncode == 0, done.stdout + done.stderr
    return out


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    return next(dist.glob("*.whl"))


@pytest.fixture
def unpacked(dist: Path, tmp_path: Path) -> Path:
    """The source distribution, in a folder of its own."""
    with tarfile.open(next(dist.glob("*.tar.gz"))) as archive:
        archive.extractall(tmp_path, filter="data")
    return next(tmp_path.iterdir())


def test_the_wheel_has_one_top_level_name(wheel: Path) -> None:
    names = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {name for name in names if not name.endswith(".dist-info")} == {"constrain"}


def test_the_wheel_holds_the_siblings_the_checkpoint_and_the_grammars(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for part in (
        "engine/refine.py",
        "engine/replay.html",
        "engine/bundled/model.safetensors",
        "engine/bundled/tokenizer.json",
        "engine/patterns/contact.txt",
        "kernels/chain.py",
        "grammars/README.md",
        "py.typed",
    ):
        assert f"constrain/{part}" in names


def test_the_wheel_is_for_one_platform_and_holds_the_compiled_library(wheel: Path) -> None:
    assert LIBRARY in zipfile.ZipFile(wheel).namelist()
    python, abi, platform = wheel.stem.split("-")[-3:]
    assert (python, abi) == ("py3", "none")
    assert platform != "any"


def test_the_source_distribution_is_enough_for_the_same_wheel(wheel: Path, unpacked: Path) -> None:
    def contents(path: Path) -> dict[str, int]:
        return {info.filename: info.CRC for info in zipfile.ZipFile(path).infolist()}

    assert (unpacked / "constrain" / "native.h").exists()
    assert not (unpacked / LIBRARY).exists()
    done = built(unpacked, unpacked / "dist", "--wheel")
    assert done.returncode == 0, done.stdout + done.stderr
    (again,) = (unpacked / "dist").iterdir()
    assert again.name == wheel.name
    assert contents(again) == contents(wheel)


def test_a_build_says_what_the_compiler_says_and_leaves_no_library(unpacked: Path) -> None:
    (unpacked / "constrain" / "wrong.c").write_text("int wrong(void) { return nothing; }\n")
    done = built(unpacked, unpacked / "dist", "--wheel")
    assert done.returncode != 0
    assert "use of undeclared identifier 'nothing'" in done.stdout + done.stderr
    assert not list(unpacked.glob(f"{LIBRARY}*"))


def run(code: str, path: Path) -> str:
    """What `code` prints with nothing of the checkout on its path."""
    program = f"import sys; sys.path.insert(0, {str(path)!r})\n{code}"
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, cwd=path, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_it_runs_from_the_wheel(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = "import constrain; print(constrain.__file__); print(constrain.load()('Ada', constrain.Regex('[a-c]{3}')))"
    file, text = run(code, tmp_path).splitlines()[-2:]
    assert file.startswith(str(tmp_path))
    assert re.fullmatch("[a-c]{3}", text)


def test_its_library_loads_without_a_checkout(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    file, name = run("from constrain import native\nprint(native.__file__, native.LIBRARY)", tmp_path).split()
    assert Path(file).with_name(name) == tmp_path / LIBRARY


def test_specs_need_neither_torch_nor_transformers() -> None:
    code = (
        "import constrain, json\n"
        "spec = constrain.JsonSchema({'type': 'array', 'items': {'type': 'integer'}})\n"
        "assert spec.accepts(spec.dumps([1, 2])) and spec.explain() and constrain.as_spec(int).accepts('1')\n"
        "constraint = constrain.compile(constrain.Regex('a+'), constrain.Vocabulary([b'a', None], [1]))\n"
        "constraint.masks(4)\n"
        "print(sorted({'torch', 'transformers', 'triton'} & set(sys.modules)))"
    )
    assert run(code, ROOT) == "[]"


def test_the_readme_runs_what_ci_runs() -> None:
    last = (ROOT / ".ci" / "run").read_text().strip().splitlines()[-1]
    assert last in (ROOT / "README.md").read_text()
