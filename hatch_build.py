"""Compiles the C files of `constrain` into one library there whenever a wheel is built, an editable one included.

The compiler is zig's, from PyPI: none has to be on the machine, and one that is there makes no difference.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from packaging.tags import platform_tags

LIBRARY = "libconstrain.so"  # on every platform
FLAGS = ["-std=c11", "-O2", "-s", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror"]
FLAGS += ["-mcpu=baseline"]  # the library may move to another machine, in an image or a wheel
if sys.platform == "linux":
    FLAGS += ["-rtlib=none", "-Wl,-z,defs"]  # in 1 s instead of 5: no runtime library, and an error if one is needed


class NativeHook(BuildHookInterface[Any]):
    """The wheel holds the library, and is one for this platform and for any Python."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        compile_library(Path(self.root, "constrain"))
        build_data["artifacts"].append(f"/constrain/{LIBRARY}")  # which git ignores
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{next(platform_tags())}"


def compile_library(package: Path) -> None:
    """Put the C files of a folder, compiled, at LIBRARY in it: at once, as a process may be loading it.

    SOURCES is the SHA-256 over them, in hex. Raises RuntimeError with what the compiler says where it fails.
    """
    texts = {file.name: file.read_bytes() for file in sorted(package.glob("*.[ch]"))}
    define = f'-DSOURCES="{sha256(b"".join(texts.values())).hexdigest()}"'
    with tempfile.TemporaryDirectory() as folder:
        for name, text in texts.items():  # copies: no edit comes between the digest and the compiler
            Path(folder, name).write_bytes(text)
        command = [sys.executable, "-m", "ziglang", "cc", *FLAGS, define, "-o", LIBRARY]
        done = subprocess.run(
            [*command, *(name for name in texts if name.endswith(".c"))],
            cwd=folder,
            # CC: zig would ask an installed compiler for its headers, and fail where it has none (gcc, no libc6-dev).
            env=os.environ | {"ZIG_GLOBAL_CACHE_DIR": folder, "ZIG_LOCAL_CACHE_DIR": folder, "CC": "none"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{package} was not compiled (exit status {done.returncode}):\n{done.stderr}")
        beside = package / f"{LIBRARY}.{Path(folder).name}"
        shutil.copyfile(Path(folder, LIBRARY), beside)
        os.replace(beside, package / LIBRARY)
