"""`constrain watch`: lines in a pipe, a canvas on a terminal, a page if asked for."""

from __future__ import annotations

import io
import os
import pty
import re
import select
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from constrain import cli
from constrain.cli_watch import frame, line
from constrain.engine.model import load
from constrain.engine.result import Result
from constrain.engine.trace import TOP, Pass, Trace, Word
from tests.test_cli import Run, run

__all__ = ["run"]

ORDER = ("Ann wants 12 small teapots, and quickly", "--fields", "piece, quantity: int, size: small|large")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def drafted(words: list[str], entropy: list[float], *, forced: list[bool] | None = None, passes: int = 1) -> Result:
    """A draft whose last pass has these tokens."""
    n = len(words)
    one = Pass(
        passes,
        1,
        tokens=np.arange(n, dtype=np.int32),
        entropy=np.array(entropy, np.float32),
        allowed=np.full(n, 9, np.int32),
        forced=np.array(forced or [False] * n),
        top=np.zeros((n, TOP), np.int32),
        chance=np.zeros((n, TOP), np.float32),
        own=np.zeros((n, TOP), np.float32),
        log_z=-1.5,
        probability=0.25,
        stop_reason=None,
    )
    trace = Trace((one,), {i: Word(word, silent=False) for i, word in enumerate(words)})
    return Result(text="".join(words), trace=trace)


def drawn(draft: Result, *, width: int = 100) -> str:
    console = Console(file=io.StringIO(), force_terminal=True, color_system="truecolor", width=width)
    console.print(frame(draft))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_pipe_gets_a_line_for_every_pass(run: Run) -> None:
    status, out, err = run("watch", *ORDER, "--max-passes", "3")
    lines = out.splitlines()
    assert status == 0
    assert [text.split()[1] for text in lines] == [str(n) for n in range(1, len(lines) + 1)]
    assert all(re.search(r"log Z +-\d.*decided +\d+/\d+.*\{.*\}$", text) for text in lines)
    assert re.search("stopped: (forced|certain|stable|budget)", lines[-1])
    assert "\x1b" not in out
    assert err == ""


@pytest.mark.parametrize(
    ("options", "pattern"),
    [
        (("--regex", "[ab]{3}"), "[ab]{3}"),
        (("--regex", "B{3}", "--flags", "i"), "[bB]{3}"),
        (("--choice", "spam", "--choice", "ham"), "spam|ham"),
        (("--schema", '{"enum": [7]}'), "7"),
        (("--type", "tests.test_cli:Pet"), r"\{.*\}"),
        ((), ".*"),
    ],
)
def test_it_takes_what_the_other_commands_take(run: Run, options: tuple[str, ...], pattern: str) -> None:
    status, out, _ = run("watch", "x", *options, "--max-passes", "1")
    assert status == 0
    assert re.search(rf"stopped: \w+ +{pattern}\n", out)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--fields", "a", "--regex", "b"), "give one of"),
        (("--fields", "", "--regex", "b"), "give one of"),
        (("--delay", "-1"), "--delay"),
        (("--fields", "a", "--flags", "i"), "--flags are those of --regex"),
        (("--regex", "a{9}", "--max-new-tokens", "2"), "shortest match needs"),
        (("--regex", "a", "--html", "/no/such/folder/replay.html"), "cannot write /no/such/folder/replay.html"),
        (("--model", "/no/such/model"), "cannot load"),
    ],
)
def test_faults_are_messages_not_tracebacks(run: Run, options: tuple[str, ...], message: str) -> None:
    status, _, err = run("watch", "x", *options)
    assert status == 2
    assert message in err
    assert "Traceback" not in err


def test_the_page_is_written_under_the_prompt(run: Run, tmp_path: Path) -> None:
    status, *_ = run("watch", *ORDER, "--max-passes", "2", "--html", str(tmp_path / "replay.html"))
    assert status == 0
    assert f"<title>{ORDER[0]}</title>" in (tmp_path / "replay.html").read_text("utf-8")


def test_colour_is_entropy_and_what_is_forced_is_underlined() -> None:
    shown = drawn(drafted(["sure", "open", "key"], [0.0, 3.0, 0.0], forced=[False, False, True]))
    before = {word: shown.split(word)[0] for word in ("sure", "open", "key")}
    styles = {word: text.rsplit("\x1b[", 1)[1].removesuffix("m").split(";") for word, text in before.items()}
    flags = {word: set(style[: style.index("38")]) for word, style in styles.items()}
    assert flags == {"sure": set(), "open": {"2", "3"}, "key": {"4"}}, "undecided is dim and italic"
    red = {word: int(style[-3]) for word, style in styles.items()}
    assert red["open"] > red["sure"] == red["key"]


def test_the_figures_stand_beside_the_canvas() -> None:
    shown = COLOUR.sub("", drawn(drafted(["text"], [0.5], passes=7)))
    figures = {"pass": "7", "log Z": "-1.500", "probability": "0.250", "mean entropy": "0.500", "stopped": "not yet"}
    for name, value in figures.items():
        assert re.search(f"{name} .* {re.escape(value)}", shown)


def test_a_terminal_is_never_sent_control_characters_of_the_text() -> None:
    draft = replace(drafted(["a\x1b]0;title\x07", "\x9b31m", "b\r\nc"], [0.0] * 3), spec=cli.Regex("[\x1b\x07]*"))
    assert not re.search(r"[\x00-\x1f\x7f-\x9f]", line(draft))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", COLOUR.sub("", drawn(draft)))


@cache
def bundled() -> Any:
    return load()


@pytest.mark.parametrize("width", [40, 200])
def test_drafts_of_several_canvases_and_of_nothing_are_shown(width: int) -> None:
    prompts = {"the": "(?:[a-f]{3},){15}", "x": "a?"}
    for prompt, pattern in prompts.items():
        for draft in bundled().stream(prompt, cli.Regex(pattern), max_passes=2, trace=True):
            lines = [re.findall("│ (.*?) *│", text) for text in COLOUR.sub("", drawn(draft, width=width)).splitlines()]
            shown = "".join(found[0] for found in lines if found)
            assert draft.text in shown.replace("<turn|>", "")


def test_a_real_terminal_shows_the_canvas_in_place() -> None:
    ours, theirs = pty.openpty()
    code = "from constrain.cli import main; main()"
    environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "COLUMNS": "100", "LINES": "24"}
    process = subprocess.Popen(
        [sys.executable, "-c", code, "watch", *ORDER, "--max-passes", "3", "--delay", "0"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
        cwd=Path(__file__).parent.parent,
    )
    os.close(theirs)
    received = b""
    while select.select([ours], [], [], 120)[0]:
        try:
            received += os.read(ours, 1 << 16)
        except OSError:  # how a terminal says that nobody writes any more
            break
    os.close(ours)
    assert process.wait(timeout=60) == 0
    shown = received.decode()
    assert "\x1b[4" in shown, "underlined"
    assert "\x1b[38;2;" in shown, "in colour"
    assert "\x1b[1A" in shown, "redrawn in place"
    assert re.search("stopped .*(certain|stable|budget)", COLOUR.sub("", shown))
