"""What the plugin leaves alone: requests that ask for nothing of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from openai import OpenAI

from tests.vllm.checkpoint import CANVAS_LENGTH
from tests.vllm.replies import Reply, chat, complete
from tests.vllm.server import serving


def unconstrained(client: OpenAI) -> list[Reply]:
    """Replies to one request after the other: what each draws depends on how often all before it drew."""
    return [
        chat(client, "Hello", max_tokens=40),
        chat(client, "Hello again", max_tokens=3 * CANVAS_LENGTH, stream=True),
        complete(client, "Once upon a time", max_tokens=CANVAS_LENGTH),
        complete(client, "Once upon a time", max_tokens=2 * CANVAS_LENGTH, stream=True),
        chat(client, "Bye", max_tokens=5),
    ]


def test_unconstrained_replies_are_those_of_a_server_without_the_plugin(checkpoint: Path, tmp_path: Path) -> None:
    """Of servers that have just started from the same seed."""

    def replies(plugin: bool) -> list[Reply]:
        with serving(checkpoint, tmp_path / f"plugin {plugin}", plugin=plugin) as server:
            return unconstrained(server.client)

    with ThreadPoolExecutor(2) as threads:
        found, expected = threads.map(replies, (True, False))
    assert found == expected
    assert len({reply.text for reply in found}) == len(found)
