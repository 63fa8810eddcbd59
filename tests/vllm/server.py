"""vLLM's OpenAI server as a process that lasts as long as a `with` block."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
from openai import OpenAI

from tests.vllm.checkpoint import MAX_LENGTH

__all__ = ["MODEL", "Server", "serving"]

MODEL = "adversary"
PATIENCE = 600.0
"""Seconds that a server may take to start, on a busy machine."""


@dataclass(frozen=True)
class Server:
    """A server that answers, and what it has printed so far."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def client(self) -> OpenAI:
        """The official client, which raises at once what the server refuses."""
        return OpenAI(base_url=f"{self.url}/v1", api_key="none", max_retries=0, timeout=PATIENCE)

    @property
    def alive(self) -> bool:
        return self.process.poll() is None


@contextmanager
def serving(checkpoint: Path, log: Path, *, plugin: bool = True, tool_parser: str = "internlm") -> Iterator[Server]:
    """Start a server on a free port, wait until it answers, and end it with all its processes."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = {
        "--model": str(checkpoint),
        "--served-model-name": MODEL,
        "--port": str(port),
        "--seed": "0",
        "--max-model-len": str(MAX_LENGTH),
        "--max-num-seqs": "8",
        "--limit-mm-per-prompt": '{"image": 0, "video": 0}',
        "--tool-call-parser": tool_parser,
    }
    flags = ["--enforce-eager", "--enable-auto-tool-choice"]
    arguments = [word for option in options.items() for word in option]
    # Servers of other tests may hold a part of the memory, of which vLLM would claim a share.
    environment = os.environ | {"VLLM_CPU_KVCACHE_SPACE": "1", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    if not plugin:
        environment["VLLM_PLUGINS"] = ""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "vllm.entrypoints.openai.api_server", *flags, *arguments],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    server = Server(f"http://127.0.0.1:{port}", process, log)
    try:
        _wait(server)
        yield server
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the server, then what it may have left behind."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(30)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _wait(server: Server) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        assert server.alive, server.log.read_text(errors="replace")[-4000:]
        try:
            if httpx.get(f"{server.url}/health").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.5)
    raise TimeoutError(f"no answer within {PATIENCE:.0f} s:\n{server.log.read_text(errors='replace')[-4000:]}")
