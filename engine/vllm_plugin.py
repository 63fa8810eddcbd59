"""The entry point by which vLLM takes constrained requests for DiffusionGemma; vLLM calls it in each of its processes.

It registers a subclass of vLLM's model under the same name, and puts a guard in the place of the check that refuses
such requests. Neither imports the model; called again, it does nothing new.
"""

from __future__ import annotations

import re

from constrain.engine import vllm_guard
from constrain.errors import UnsupportedError

__all__ = ["ARCHITECTURE", "check_version", "register"]

ARCHITECTURE = "DiffusionGemmaForBlockDiffusion"
OLDEST = 0, 32


def register() -> None:
    """Let vLLM serve constrained requests. Raises `UnsupportedError` for a vLLM that is too old."""
    import vllm
    from vllm.model_executor.models import ModelRegistry

    check_version(vllm.__version__)
    ModelRegistry.register_model(ARCHITECTURE, "constrain.engine.vllm_model:ConstrainedDiffusionGemma")
    vllm_guard.install(ARCHITECTURE)


def check_version(version: str) -> None:
    """Raises `UnsupportedError` for a version of vLLM before the first whose sampler is known, or for none at all."""
    read = re.match(r"(\d+)\.(\d+)", version)
    if read is None or (int(read[1]), int(read[2])) < OLDEST:
        raise UnsupportedError(
            f"constrained requests need vLLM {OLDEST[0]}.{OLDEST[1]} or later, and this is {version}",
            hint="upgrade vLLM, or name in VLLM_PLUGINS the plugins that it shall load, without constrain",
        )
