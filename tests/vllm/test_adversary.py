"""A model that knows nothing, asked over HTTP: whatever it prefers, constrained replies are valid and complete."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from tests.vllm.cases import CASES, Case
from tests.vllm.checkpoint import CANVAS_LENGTH
from tests.vllm.replies import Reply, chat, complete
from tests.vllm.server import Server

HALF = 4
"""Of 8 requests in flight, as many as the server takes at once."""


def invalid(cases: list[Case], ask: Callable[[Case], Reply]) -> dict[str, Reply]:
    """The replies that are not what was asked for, by the case's name, when all are asked at once."""
    with ThreadPoolExecutor(2 * HALF) as threads:
        replies = list(threads.map(ask, cases))
    return {case.name: reply for case, reply in zip(cases, replies, strict=True) if not case.judge(reply)}


def test_twenty_specifications_beside_unconstrained_requests(server: Server) -> None:
    finished = Event()

    def free(worker: int) -> list[Reply]:
        replies = []
        while not finished.is_set():
            replies.append(chat(server.client, f"Hello {worker}, {len(replies)}!", max_tokens=40))
        return replies

    with ThreadPoolExecutor(2 * HALF) as threads:
        unconstrained = [threads.submit(free, worker) for worker in range(HALF)]
        constrained = [threads.submit(chat, server.client, case.name, **case.request) for case in CASES]
        try:
            replies = [each.result() for each in constrained]
        finally:
            finished.set()
        others = [reply for each in unconstrained for reply in each.result()]

    assert not {case.name: reply for case, reply in zip(CASES, replies, strict=True) if not case.judge(reply)}
    assert len(CASES) == 20
    assert sum(reply.tokens > CANVAS_LENGTH for reply in replies) >= 3
    assert len(others) >= HALF
    assert all(reply.tokens == 40 or reply.reason == "stop" for reply in others)
    assert not [reply for reply in others for case in CASES if case.judge(reply)], "the model is no adversary"


def test_twenty_specifications_in_pieces(server: Server) -> None:
    assert not invalid(CASES, lambda case: chat(server.client, case.name, stream=True, **case.request))


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "in pieces"])
def test_texts_that_go_on(server: Server, stream: bool) -> None:
    def go_on(case: Case) -> Reply:
        form = case.request.get("response_format")
        request = case.request if form is None else {"extra_body": {"response_format": form}}
        return complete(server.client, case.name, stream=stream, **request)

    assert not invalid([case for case in CASES if not case.chat_only], go_on)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "in pieces"])
@pytest.mark.parametrize("name", ["a long text", "groups over several canvases"])
def test_a_reply_of_several_canvases(server: Server, name: str, stream: bool) -> None:
    (case,) = (case for case in CASES if case.name == name)
    reply = chat(server.client, "Hello", stream=stream, **case.request)
    assert case.judge(reply), reply
    assert reply.tokens > CANVAS_LENGTH
    assert reply.pieces >= 2 or not stream


def test_a_reply_that_just_fits(server: Server) -> None:
    """Of one canvas and a half: what is begun in the first has to end in what is left of the second."""
    pattern = "(?:[a-f][0-9]){24}|(?:[A-F][0-9]){400}"
    request = {"extra_body": {"structured_outputs": {"regex": pattern}}}
    tokens = chat(server.client, "Hello", **request).tokens
    for room in range(tokens, tokens + CANVAS_LENGTH, 7):
        reply = chat(server.client, "Hello", max_tokens=room, **request)
        assert len(reply.text) == 48, reply
