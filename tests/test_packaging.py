"""What users install: one wheel, one top-level name, everything it needs inside."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return next(out.glob("*.whl"))


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
