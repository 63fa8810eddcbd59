"""Sudokus: how grids are read is told by cases, what their rules mean by a judge that shares no code with them."""

from __future__ import annotations

import tomllib
from itertools import chain, islice
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constrain.errors import SpecError
from constrain.sudoku import Sudoku
from tests.puzzles import VARIANTS, Made, counter_of, faults, nine, variant

CASES = tomllib.loads((Path(__file__).parents[1] / "cases" / "puzzles.toml").read_text())
EXAMPLE = "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79"
BLANKS = ".0_*-?x"


def named(cases: list[dict[str, Any]]) -> Any:
    return pytest.mark.parametrize("case", cases, ids=lambda case: case["name"])


def made_of(sudoku: Sudoku, options: dict[str, Any]) -> Made:
    givens = tuple(tuple(cell or 0 for cell in row) for row in sudoku.given_grid)
    return Made(givens, (), options)


def cells_of(sudoku: Sudoku) -> list[int]:
    return [cell or 0 for row in sudoku.given_grid for cell in row]


def rows_of(cells: list[int]) -> list[list[int]]:
    size = round(len(cells) ** 0.5)
    return [cells[begin : begin + size] for begin in range(0, len(cells), size)]


@named(CASES["puzzle"])
def test_a_puzzle_has_the_solutions_that_can_be_counted(case: dict[str, Any]) -> None:
    options = case.get("options", {})
    sudoku = Sudoku(case["grid"], **options)
    counter = counter_of(sudoku.size, options)
    found = list(islice(counter.solutions(counter.start(cells_of(sudoku))), 5))
    assert len(found) >= 2 if case["solutions"] == "several" else len(found) == (case["solutions"] == "one")
    for cells in found:
        grid = rows_of(cells)
        assert faults(grid, made_of(sudoku, options)) == set()
        assert sudoku.check(grid) == []
        text = sudoku.dumps(grid)
        assert sudoku.accepts(text)
        assert sudoku.parse(text) == grid


@named(CASES["layout"])
def test_a_grid_is_read_in_any_layout(case: dict[str, Any]) -> None:
    assert "".join(map(str, cells_of(Sudoku(case["text"])))) == case["cells"]


@named(CASES["wrong"])
def test_what_is_no_grid_is_refused_with_the_place(case: dict[str, Any]) -> None:
    with pytest.raises(SpecError) as caught:
        Sudoku(case["text"])
    assert case["says"] in caught.value.message
    assert (caught.value.line, caught.value.column) == (case["line"], case["column"])


@st.composite
def written_grids(draw: st.DrawFn) -> tuple[list[int], Any]:
    """Cells, 0 for blanks, and the same in some layout. The upper left one is given, so that no line is only dashes."""
    size = draw(st.sampled_from([4, 6, 9, 16]))
    cells = draw(st.lists(st.integers(0, size), min_size=size**2, max_size=size**2))
    for begin in range(0, size**2, size):
        cells[begin] = cells[begin] or 1
    blank = draw(st.sampled_from(BLANKS))
    if size > 9 and draw(st.booleans()):  # one character for each
        signs = [blank if not cell else "0123456789ABCDEFG"[cell] for cell in cells]
    else:
        width = draw(st.integers(1, 2)) if size > 9 else 1
        signs = [blank * width if not cell else str(cell).rjust(width, "0") for cell in cells]
    apart = any(len(sign) > 1 for sign in signs)
    between = draw(st.sampled_from([" ", ",", ", ", "|"] if apart else ["", " ", ",", "|"]))
    ending = draw(st.sampled_from(["\n", "\r\n", " ", "\n\n", "\n+--+--+\n", "\n-----\n"]))
    rows = [between.join(signs[begin : begin + size]) for begin in range(0, size**2, size)]
    return cells, ending.join(rows) + draw(st.sampled_from(["", ending]))


@settings(deadline=None, max_examples=150)
@given(written_grids())
def test_a_grid_is_read_however_it_is_written(written: tuple[list[int], str]) -> None:
    cells, text = written
    empty = Sudoku("." * len(cells))
    expected = {name: cell for name, cell in zip(chain(*empty.names), cells, strict=True) if cell}
    assert empty._assignment(text) == expected
    assert empty._assignment(empty.board(text)) == expected
    assert empty._assignment(rows_of(cells)) == expected


@pytest.mark.parametrize("blank", [0, None, "", " ", *BLANKS])
def test_lists_have_blanks_of_any_kind(blank: Any) -> None:
    rows = [[1, blank, "2", "03"], [blank] * 4, (blank,) * 4, [blank, blank, blank, np.int64(4)]]
    assert cells_of(Sudoku(rows)) == [1, 0, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4]
    assert cells_of(Sudoku(["1..2", "....", "....", "...4"]))[::3] == [1, 2, 0, 0, 0, 4]
    assert cells_of(Sudoku(np.zeros((9, 9), np.int64))) == [0] * 81


@pytest.mark.parametrize(
    ("grid", "message", "keyword"),
    [
        ([[0] * 9] * 8, "the grid has 8 rows", None),
        ([[0] * 9] * 8 + [[0] * 8], "row 9 has 8 cells, not 9", "row 9"),
        ([[0] * 4] * 3 + [[0, 5, 0, 0]], "5, in row 4, column 2", "r4c2"),
        ([[0] * 4] * 3 + [[0, True, 0, 0]], "True, in row 4, column 2", "r4c2"),
        ([[0] * 4] * 3 + [[0, "a", 0, 0]], "'a', in row 4, column 2", "r4c2"),
        ([[0] * 4] * 3 + [[0, 1.0, 0, 0]], "1.0, in row 4, column 2", "r4c2"),
        ([0] * 16, "is no grid", None),
        (16, "is no grid", None),
        ({"r1c1": 5}, "is no grid", None),
    ],
)
def test_lists_of_another_shape_are_refused_by_name(grid: Any, message: str, keyword: str | None) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        Sudoku(grid)
    assert caught.value.keyword == keyword


def test_text_that_is_two_grids_at_once_is_refused() -> None:
    with pytest.raises(SpecError, match="can be read as 2 different grids"):
        Sudoku("1 2 3 4 1 2 3 4 1 2 3 4 1 2 3 4     ")  # sixteen cells apart, or thirty-six in one line


@pytest.mark.parametrize("name", VARIANTS)
@settings(deadline=None, max_examples=8)
@given(seed=st.integers(0, 10**6))
def test_the_violated_rules_are_named_as_the_judge_names_them(name: str, seed: int) -> None:
    rng = Random(seed)
    made = variant(name, rng)
    sudoku = Sudoku(made.givens, **made.options)
    assert sudoku.check(made.solution) == []
    grid = [list(row) for row in made.solution]
    for _ in range(rng.randint(1, 3)):
        grid[rng.randrange(9)][rng.randrange(9)] = rng.randint(1, 9)
    found = sudoku.check(grid)
    assert {violation.rule.describe() for violation in found} == faults(grid, made)
    for violation in found:
        for cell, value in violation.values.items():
            assert f"{cell} = {value}" in str(violation)
            assert grid[int(cell[1]) - 1][int(cell[3]) - 1] == value


def test_a_violation_says_which_rule_and_which_cells() -> None:
    sudoku = Sudoku(EXAMPLE)
    assert [str(each) for each in sudoku.check("534678955" + "." * 72)] == [
        "row 1: r1c1 = 5, r1c8 = 5, r1c9 = 5",
        "box 3: r1c8 = 5, r1c9 = 5",
    ]
    assert [str(each) for each in sudoku.check("1" + "." * 80)] == ["given r1c1 = 5: r1c1 = 1"]
    assert sudoku.check("." * 81) == []


@pytest.mark.parametrize(
    ("grid", "options", "message"),
    [
        ("5...5" + "." * 76, {}, "row 1: r1c1 = 5, r1c5 = 5"),
        ("5" + "." * 35 + "5" + "." * 44, {}, "column 1: r1c1 = 5, r5c1 = 5"),
        ("5" + "." * 9 + "5" + "." * 70, {}, "box 1: r1c1 = 5, r2c2 = 5"),
        ("5" + "." * 39 + "5" + "." * 40, {"diagonal": True}, "diagonal: r1c1 = 5, r5c5 = 5"),
        ("...1 .... .... 1...", {"diagonal": True}, "antidiagonal: r1c4 = 1, r4c1 = 1"),
        ("34.." + "." * 12, {"cages": [(6, [(1, 1), (1, 2), (2, 1)])]}, "cage of 6 at r1c1: r1c1 = 3, r1c2 = 4"),
        ("3..." + "." * 12, {"even": [(1, 1)]}, "even r1c1: r1c1 = 3"),
        ("2..." + "." * 12, {"odd": [(1, 1)]}, "odd r1c1: r1c1 = 2"),
        ("1..1" + "." * 12, {"regions": ["AABB", "AABB", "CCDD", "CCDD"]}, "row 1: r1c1 = 1, r1c4 = 1"),
        ("1... ...1" + "." * 8, {"regions": ["AAAB", "CDBA", "CDBB", "CCDD"]}, "region A: r1c1 = 1, r2c4 = 1"),
        ("43.." + "." * 12, {"thermometers": [[(1, 1), (1, 2)]]}, "thermometer at r1c1: r1c1 = 4, r1c2 = 3"),
        ("4..." + "." * 12, {"thermometers": [[(1, 1), (2, 2)]]}, "thermometer at r1c1: r1c1 = 4"),
    ],
)
def test_givens_that_break_a_rule_are_refused_with_its_name_and_cells(
    grid: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(SpecError, match=f"the givens contradict a rule: {message}"):
        Sudoku(grid, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cages": [(3, [(0, 1), (1, 2)])]}, r"\(0, 1\), of cage, is no cell"),
        ({"cages": [(3, [(1, 5)])]}, r"\(1, 5\), of cage, is no cell"),
        ({"cages": [(3, [(1, 1), (1, 1)])]}, "cage has the cell r1c1 twice"),
        ({"cages": [(3, [])]}, "cage has 0 cells"),
        ({"cages": [("3", [(1, 1)])]}, "is no cage"),
        ({"cages": [3]}, "3 is no cage"),
        ({"cages": 3}, "3 is no list, which cages needs"),
        ({"cages": [(3, 1)]}, "1 is no list, which cage needs"),
        ({"thermometers": [1]}, "1 is no list, which thermometer needs"),
        ({"odd": 1}, "1 is no list, which odd needs"),
        ({"regions": 4}, "4 are no regions"),
        ({"regions": [1, 1, 2, 2]}, "are no regions"),
        ({"thermometers": [[(1, 1)]]}, "thermometer has 1 cells"),
        ({"even": [1]}, "1, of even, is no cell"),
        ({"odd": ["r1c1"]}, "'r1c1', of odd, is no cell"),
        ({"regions": "AABBAABBCCDDCCD"}, "no square"),
        ({"regions": ""}, "no square"),
        ({"regions": ["AABB", "AABB", "CCDD", "CCDA"]}, "region A has 5 cells, not 4"),
        ({"regions": ["AABB"] * 3}, "no square"),
        ({"regions": ["AABB", "AABB", "CCDD", "CCDD"], "box": (2, 2)}, "there is no box"),
        ({"box": (2, 0)}, r"\(2, 0\) is no box"),
        ({"box": 2}, "2 is no box"),
        ({"box": (2, 3)}, "the grid has 16 cells"),
    ],
)
def test_options_without_a_meaning_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        Sudoku("." * 16, **options)


def test_other_sizes_need_a_box_or_regions() -> None:
    assert Sudoku("." * 144, box=(3, 4)).size == 12
    assert Sudoku("." * 25, regions=["ABCDE"] * 5).size == 5
    with pytest.raises(SpecError, match="the grid has 25 cells"):
        Sudoku("." * 25)
    made = Sudoku("." * 64, box=(2, 4))
    grid = [[(4 * (r % 2) + r // 2 + c) % 8 + 1 for c in range(8)] for r in range(8)]
    assert made.check(grid) == []
    assert faults(grid, Made(tuple((0,) * 8 for _ in range(8)), (), {"box": (2, 4)})) == set()


def test_numbers_of_two_digits_have_leading_zeros_in_text() -> None:
    grid = [[(4 * (r % 4) + r // 4 + c) % 16 + 1 for c in range(16)] for r in range(16)]
    sudoku = Sudoku("." * 256)
    text = sudoku.dumps(grid)
    assert text.split("\n")[0] == "01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 16"
    assert sudoku.parse(text) == grid
    assert sudoku.dumps(text) == text
    assert not sudoku.accepts(text.replace("01 02", "02 01", 1))


def test_text_in_another_layout_or_against_a_rule_is_not_parsed() -> None:
    sudoku = Sudoku("1" + "." * 15)
    good = "1234\n3412\n2143\n4321"
    assert sudoku.parse(good) == [[1, 2, 3, 4], [3, 4, 1, 2], [2, 1, 4, 3], [4, 3, 2, 1]]
    with pytest.raises(SpecError, match="another form"):
        sudoku.parse(good.replace("\n", ""))
    with pytest.raises(SpecError, match="is broken: row 1: r1c3 = 4, r1c4 = 4"):
        sudoku.parse(good.replace("1234", "1244"))
    with pytest.raises(SpecError, match="is broken: given r1c1 = 1: r1c1 = 4"):
        sudoku.parse("4321\n2143\n3412\n1234")
    with pytest.raises(SpecError, match="no value is given for the variable 'r1c2'"):
        sudoku.dumps([[1, 0, 0, 0]] + [[0] * 4] * 3)


def test_generated_puzzles_have_their_givens_and_solution() -> None:
    for count in (17, 23, 30):
        made = nine(count, Random(count))
        sudoku = Sudoku(made.text)
        assert len(sudoku.given) == count
        assert sudoku.accepts(sudoku.dumps(made.solution))
        assert sudoku.describe() == f"9x9 Sudoku with {count} given numbers"


def test_a_board_has_lines_between_boxes_or_regions() -> None:
    assert Sudoku("." * 16).board("1234 34.. .... ....") == "1 2 | 3 4\n3 4 | . .\n----+----\n. . | . .\n. . | . ."
    jigsaw = Sudoku("." * 16, regions=["AAAB", "CABB", "CCDB", "CDDD"])
    assert jigsaw.board("1..." * 4).split("\n") == [
        "1   .   . | .",
        "--+   +---+",
        "1 | . | .   .",
        "  +---+---+",
        "1   . | . | .",
        "  +---+   +--",
        "1 | .   .   .",
    ]
    assert Sudoku("." * 256).board("16 " + ". " * 255).startswith("16  .  .  . |  .")


def test_a_board_with_candidates_shows_them_at_their_places() -> None:
    sudoku = Sudoku("1" + "." * 15)
    candidates = {name: [2, 3] for row in sudoku.names for name in row} | {"r1c1": [1], "r1c2": [4]}
    dot = "\N{MIDDLE DOT}"
    lines = sudoku.draw(None, candidates).replace(dot, ".").split("\n")
    assert lines[:5] == [
        "1   4  | .2  .2",
        "       | 3.  3.",
        ".2  .2 | .2  .2",
        "3.  3. | 3.  3.",
        "-------+-------",
    ]
    assert len(lines) == 9
    assert sudoku.draw([[1, 0, 0, 2]] + [[0] * 4] * 3, candidates).replace(dot, ".").startswith("1   4  | .2  2")


def test_explain_names_the_rules() -> None:
    text = Sudoku("." * 16, diagonal=True, cages=[(3, [(1, 1), (1, 2)])]).explain()
    assert text.startswith("4x4 Sudoku with 0 given numbers, with diagonal, cages")
    assert {"row 1", "column 4", "box 2", "diagonal", "antidiagonal", "cage of 3 at r1c1"} <= {
        line.partition("rule:")[2].strip() for line in text.split("\n")
    }
