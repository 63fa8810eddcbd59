"""The judge and the maker of puzzles, by what is known of Sudokus."""

from __future__ import annotations

from random import Random

import pytest

from tests.puzzle_counter import GaveUpError
from tests.puzzles import SEVENTEEN, VARIANTS, Made, counter_of, faults, large, nine, variant

FULL = ((1, 2, 3, 4), (3, 4, 1, 2), (2, 1, 4, 3), (4, 3, 2, 1))
OPEN = ((0,) * 4,) * 4


def cells(rows: tuple[tuple[int, ...], ...]) -> list[int]:
    return [cell for row in rows for cell in row]


@pytest.mark.parametrize(("options", "count"), [({}, 288), ({"diagonal": True}, 48)])
def test_4x4_grids_are_as_many_as_is_known(options: dict[str, bool], count: int) -> None:
    counter = counter_of(4, options)
    found = {tuple(grid) for grid in counter.solutions(counter.start([0] * 16))}
    assert len(found) == count
    rows = [tuple(grid[begin : begin + 4] for begin in range(0, 16, 4)) for grid in found]
    assert all(faults(grid, Made(OPEN, (), options)) == set() for grid in rows)


@pytest.mark.parametrize("text", SEVENTEEN)
def test_seventeen_givens_leave_one_grid_and_sixteen_do_not(text: str) -> None:
    counter = counter_of(9, {})
    givens = [int(sign) for sign in text]
    assert counter.is_unique(givens)
    assert len(givens) - givens.count(0) == 17
    givens[next(cell for cell, given in enumerate(givens) if given)] = 0
    assert not counter.is_unique(givens)


@pytest.mark.parametrize("count", range(17, 31))
def test_9x9_puzzles_have_as_many_givens_as_asked_for_and_one_solution(count: int) -> None:
    made = nine(count, Random(count))
    assert made.count == count
    assert faults(made.solution, made) == set()
    assert counter_of(9, {}).is_unique(cells(made.givens))


@pytest.mark.parametrize("name", VARIANTS)
def test_variants_have_one_solution_and_need_their_rules(name: str) -> None:
    made = variant(name, Random(1))
    assert faults(made.solution, made) == set()
    assert counter_of(9, made.options).is_unique(cells(made.givens))
    assert not counter_of(9, {}).is_unique(cells(made.givens))


def test_16x16_puzzles_have_a_solution() -> None:
    made = large(Random(0))
    assert 100 <= made.count <= 130
    assert faults(made.solution, made) == set()


def test_different_seeds_make_different_puzzles() -> None:
    assert nine(17, Random(1)).givens == nine(17, Random(1)).givens
    assert len({nine(count, Random(seed)).givens for seed in range(5) for count in (17, 25)}) == 10


@pytest.mark.parametrize(
    ("options", "row", "column", "names"),
    [
        ({}, 0, 0, {"row 1", "column 1", "box 1", "given r1c1 = 1"}),
        ({}, 3, 3, {"row 4", "column 4", "box 4"}),
        ({"diagonal": True}, 3, 3, {"row 4", "column 4", "box 4", "diagonal"}),
        ({"regions": ["ABCD"] * 4}, 3, 3, {"row 4", "column 4", "region D"}),
        ({"odd": [(4, 4)]}, 3, 3, {"row 4", "column 4", "box 4", "odd r4c4"}),
        ({"even": [(4, 3)]}, 3, 3, {"row 4", "column 4", "box 4"}),
        ({"cages": [(4, [(4, 4), (3, 4)])]}, 3, 3, {"row 4", "column 4", "box 4", "cage of 4 at r4c4"}),
        ({"thermometers": [[(4, 4), (3, 4)]]}, 3, 3, {"row 4", "column 4", "box 4", "thermometer at r4c4"}),
    ],
)
def test_the_judge_names_what_a_changed_cell_breaks(
    options: dict[str, object], row: int, column: int, names: set[str]
) -> None:
    grid = [list(line) for line in FULL]
    grid[row][column] = 4
    made = Made(((1, 0, 0, 0), *OPEN[1:]), (), options)
    broken = faults(grid, made)
    assert broken >= names
    assert broken - faults(FULL, made) <= names
    assert faults(FULL, Made(((1, 0, 0, 0), *OPEN[1:]), ())) == set()


def test_another_shape_is_wrong() -> None:
    assert faults([[1, 2, 3, 4]] * 3, Made(OPEN, ())) == {"shape"}


def test_counting_gives_up_when_told_to() -> None:
    counter = counter_of(9, {})
    with pytest.raises(GaveUpError):
        list(counter.solutions(counter.start([0] * 81), None, 10))
