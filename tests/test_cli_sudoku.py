"""`constrain sudoku`: the plain grid in a pipe, the board as it fills on a terminal, faults as messages."""

from __future__ import annotations

import io
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from constrain.cli_board import board
from constrain.cli_sudoku import read_box, read_givens, solve
from constrain.engine.model import load
from constrain.errors import SpecError, UnsatisfiableError
from constrain.propagation import propagate
from constrain.sudoku import Sudoku
from tests.puzzles import Made, faults
from tests.test_cli import Run

EASY = "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79"
HARD = "8..........36......7..9.2...5...7.......457.....1...3...1....68..85...1..9....4.."
"""Propagation decides nothing of it."""
SIX = "1....." + "." * 30
WIDE = "\n".join(
    " ".join("." if (r + c) % 3 == 0 else str((4 * (r % 4) + r // 4 + c) % 16 + 1) for c in range(16))
    for r in range(16)
)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("COLUMNS", "200")
    return Run(capsys, monkeypatch)


@cache
def bundled() -> Any:
    return load()


def made(text: str, **options: Any) -> Made:
    rows = (
        text.split("\n")
        if "\n" in text
        else [text[n : n + round(len(text) ** 0.5)] for n in range(0, len(text), round(len(text) ** 0.5))]
    )
    cells = [line.split() if " " in line else list(line) for line in rows]
    return Made(tuple(tuple(0 if sign == "." else int(sign) for sign in line) for line in cells), (), options)


def read(text: str) -> list[list[int]]:
    return [[int(sign) for sign in (line.split() if " " in line else line)] for line in text.strip().split("\n")]


def test_a_pipe_gets_the_plain_grid_and_who_decided_what(run: Run) -> None:
    status, out, err = run("sudoku", EASY)
    assert status == 0
    assert faults(read(out), made(EASY)) == set()
    assert err.strip() == (
        "30 given, 51 by propagation, 0 by search, 0 by the model in no pass; this is the only solution"
    )


@pytest.mark.parametrize("way", ["file", "stdin", "argument"])
def test_the_grid_comes_from_anywhere_and_may_be_large(way: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "grid.txt").write_text(WIDE)
    source = {"file": str(tmp_path / "grid.txt"), "stdin": "-", "argument": WIDE}[way]
    status, out, _ = run("sudoku", source, "--max-passes", "1", stdin=WIDE)
    assert status == 0
    assert faults(read(out), made(WIDE)) == set()


def test_variants_are_options_and_several_solutions_are_reported(run: Run) -> None:
    status, out, err = run("sudoku", SIX, "--box", "3x2", "--diagonal", "--max-passes", "1")
    assert status == 0
    assert faults(read(out), made(SIX, box=(3, 2), diagonal=True)) == set()
    assert re.search(r"1 given, .* by the model in 1 pass; there are several solutions", err)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("55" + "." * 79,), "row 1: r1c1 = 5, r1c2 = 5"),
        (("12345678." + "." * 17 + "9" + "." * 54,), "these rules cannot all hold: row 1; column 9"),
        (("12",), "error: "),
        ((EASY.replace("5", "q"),), "q"),
        ((SIX, "--box", "wide"), "'wide' is no box"),
        (("no/such/file.txt",), "error: "),
        ((EASY, "--model", "/no/such/model"), "cannot load '/no/such/model'"),
    ],
)
def test_faults_are_messages_not_tracebacks(run: Run, arguments: tuple[str, ...], message: str) -> None:
    status, out, err = run("sudoku", *arguments)
    assert status == 2
    assert out == ""
    assert message in err
    assert "Traceback" not in err


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_file_is_text_in_utf_8(mark: bytes, run: Run, tmp_path: Path) -> None:
    (tmp_path / "grid.txt").write_bytes(mark + EASY.encode() + b"\r\n")
    assert read_givens(str(tmp_path / "grid.txt")).strip() == EASY
    (tmp_path / "grid.txt").write_bytes(mark + b"\xff" + EASY.encode())
    status, out, err = run("sudoku", str(tmp_path / "grid.txt"))
    assert (status, out) == (2, "")
    assert "is no text in UTF-8" in err


def on_terminal(grid: str, *, height: int, **options: Any) -> str:
    """All that the terminal was sent."""
    screen = io.StringIO()
    console = Console(
        file=screen, force_terminal=True, width=100, height=height, highlight=False, color_system="standard"
    )
    solve(Sudoku(grid), bundled, max_passes=options.get("max_passes"), seed=0, console=console)
    return screen.getvalue()


BOLD, GREEN, CYAN = "\x1b[1m", "\x1b[32m", "\x1b[36m"


def test_a_terminal_sees_candidates_shrink(capsys: pytest.CaptureFixture[str]) -> None:
    sent = on_terminal(EASY.replace("7", ".").replace("8", "."), height=60, max_passes=1)
    steps = ["the givens", "after propagation", "pass 1"]
    places = [sent.index(step) for step in steps]
    assert places == sorted(places)
    frames = [sent[begin:end] for begin, end in zip([0, *places], places, strict=False)]
    plain = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", frame) for frame in frames]
    assert plain[0].count("123") > plain[1].count("123")
    assert GREEN not in frames[0]
    assert GREEN in frames[1]
    assert CYAN not in frames[1]
    assert CYAN in frames[2]
    assert all(BOLD in frame for frame in frames)
    assert "there are several solutions" in sent
    assert "\x1b[?25h" in sent, "the cursor is back"
    assert len(read(capsys.readouterr().out)) == 9


def test_what_search_has_decided_is_not_drawn_as_the_models_choice(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    on_terminal(HARD, height=24)
    drawn = capsys.readouterr().out
    assert GREEN in drawn
    assert CYAN not in drawn
    on_terminal(SIX, height=24, max_passes=1)
    assert CYAN in capsys.readouterr().out


def test_a_low_terminal_sees_how_many_candidates_there_are() -> None:
    sent = on_terminal(EASY, height=24)
    first = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", sent[: sent.index("the givens")])
    assert first.count("⁹") == 51
    assert len(first.splitlines()) == 11


def test_a_board_has_lines_between_regions_and_what_is_left_of_each_cell() -> None:
    puzzle = Sudoku("1..." + "." * 12)
    names = list(puzzle.problem.domains)
    left = propagate(puzzle.problem, puzzle.domains_given)
    candidates = {name: tuple(k + 1 for k in range(4) if bits >> k & 1) for name, bits in zip(names, left, strict=True)}
    drawn = board(puzzle, candidates, {"r4c4": 3})
    assert drawn.plain == "1 ³ | ³ ³\n³ ³ | ⁴ ⁴\n----+----\n³ ⁴ | ⁴ ⁴\n³ ⁴ | ⁴ 3"
    styles = {drawn.plain[span.start]: str(span.style) for span in drawn.spans}
    assert styles["1"] == "bold"
    assert styles["3"] == "cyan"
    assert styles["⁴"] == "dim"
    tall = board(puzzle, candidates, height=50).plain.split("\n")
    assert tall[:2] == ["1   ·2 | ·2  ·2", "    34 | 34  34"]
    assert len(tall) == 9


def test_what_is_not_a_file_is_a_grid(tmp_path: Path) -> None:
    assert read_givens("." * 256) == "." * 256
    assert read_givens(EASY) == EASY
    assert read_box("2x3") == (2, 3)
    with pytest.raises(SpecError, match="no box"):
        read_box("2 by 3")


def test_a_contradiction_takes_the_board_away(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UnsatisfiableError, match="row 1; column 9"):
        on_terminal("12345678." + "." * 17 + "9" + "." * 54, height=24)
    assert capsys.readouterr().out == ""
