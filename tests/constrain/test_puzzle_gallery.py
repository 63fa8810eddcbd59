"""Puzzles of many kinds, stated as users would and solved without a model; each is judged in plain Python."""

from __future__ import annotations

from itertools import combinations, pairwise
from typing import Any

import pytest

from constrain import (
    AllDifferent,
    Count,
    Greater,
    InSequence,
    Less,
    Linear,
    NotEqual,
    Puzzle,
    Regex,
    Relation,
    Sum,
    Table,
    UnsatisfiableError,
)
from constrain.solving import Solver


def solved(puzzle: Puzzle) -> dict[str, Any]:
    values = Solver(puzzle.problem, puzzle.domains_given).best({}).values
    text = puzzle.write(values)
    assert puzzle.accepts(text)
    assert puzzle.parse(text) == values
    assert {name: values[name] for name in puzzle.given} == puzzle.given
    return values


def is_only(puzzle: Puzzle, values: dict[str, Any]) -> bool:
    return Solver(puzzle.problem, puzzle.domains_given).another(values) is None


def grid_of(values: dict[str, Any], cells: list[list[str]]) -> list[list[Any]]:
    return [[values[name] for name in row] for row in cells]


def test_latin_square() -> None:
    cells = Puzzle.cells(5, 5)
    lines = [*cells, *zip(*cells, strict=True)]
    puzzle = Puzzle.grid("ABCDE", (5, 5), [AllDifferent(line) for line in lines], given={"r1c1": "C", "r2c2": "C"})
    grid = grid_of(solved(puzzle), cells)
    assert all(set(line) == set("ABCDE") for line in [*grid, *zip(*grid, strict=True)])


def test_magic_square() -> None:
    cells = Puzzle.cells(4, 4)
    lines = [*cells, *zip(*cells, strict=True)]
    lines += [[cells[n][n] for n in range(4)], [cells[n][3 - n] for n in range(4)]]
    rules = [AllDifferent(*cells), *(Sum(line, "==", 34) for line in lines)]
    puzzle = Puzzle.grid(range(1, 17), (4, 4), rules, given={"r4c2": 15, "r4c3": 14})  # Dürer's, of 1514
    grid = grid_of(solved(puzzle), cells)
    assert sorted(number for row in grid for number in row) == list(range(1, 17))
    assert {sum(row) for row in grid} | {sum(column) for column in zip(*grid, strict=True)} == {34}
    assert sum(grid[n][n] for n in range(4)) == sum(grid[n][3 - n] for n in range(4)) == 34


def test_futoshiki() -> None:
    cells = Puzzle.cells(4, 4)
    lines = [*cells, *zip(*cells, strict=True)]
    signs = [("r1c1", "r1c2"), ("r2c1", "r1c1"), ("r3c4", "r4c4"), ("r2c3", "r3c3")]
    rules = [*(AllDifferent(line) for line in lines), *(Greater(*sign) for sign in signs)]
    values = solved(Puzzle.grid(range(1, 5), (4, 4), rules))
    grid = grid_of(values, cells)
    assert all(set(line) == {1, 2, 3, 4} for line in [*grid, *zip(*grid, strict=True)])
    assert all(values[larger] > values[smaller] for larger, smaller in signs)


def test_kakuro() -> None:
    """Across 3, 13 and 9; down 16, 6 and 3."""
    layout = "{a}{b}\n{c}{d}{e}\n{f}{g}"
    across, down = [(3, "ab"), (13, "cde"), (9, "fg")], [(16, "cf"), (6, "adg"), (3, "be")]
    rules = [rule for total, run in across + down for rule in (AllDifferent(*run), Sum([*run], "==", total))]
    values = solved(Puzzle(layout, dict.fromkeys("abcdefg", range(1, 10)), rules))
    for total, run in across + down:
        assert sum(values[name] for name in run) == total
        assert len({values[name] for name in run}) == len(run)


@pytest.mark.parametrize("size", [4, 8])
def test_queens(size: int) -> None:
    cells = Puzzle.cells(size, size)
    where = {cells[r][c]: (r, c) for r in range(size) for c in range(size)}
    diagonals = [
        [name for name, (r, c) in where.items() if r + sign * c == k]
        for sign in (1, -1)
        for k in range(-size, 2 * size)
    ]
    rules = [Count(line, 1, 1) for line in [*cells, *zip(*cells, strict=True)]]
    rules += [Count(line, 1, 0, 1) for line in diagonals if len(line) > 1]
    values = solved(Puzzle.grid({0: ".", 1: "Q"}, (size, size), rules))
    queens = [where[name] for name, value in values.items() if value]
    assert len(queens) == size
    for (r, c), (y, x) in combinations(queens, 2):
        assert r != y
        assert c != x
        assert abs(r - y) != abs(c - x)


def test_cryptarithm() -> None:
    """Dudeney, 1924; it has one solution."""
    letters = "SENDMORY"
    worth = {"SEND": 1, "MORE": 1, "MONEY": -1}
    terms = dict.fromkeys(letters, 0)
    for word, sign in worth.items():
        for power, letter in enumerate(reversed(word)):
            terms[letter] += sign * 10**power
    domains = {letter: range(letter in "SM", 10) for letter in letters}
    puzzle = Puzzle(
        ", ".join(f"{letter}={{{letter}}}" for letter in letters),
        domains,
        [AllDifferent(*letters), Linear(terms, "==", 0)],
    )
    values = solved(puzzle)
    send, more, money = (int("".join(str(values[letter]) for letter in word)) for word in worth)
    assert send + more == money
    assert (send, more, money) == (9567, 1085, 10652)
    assert is_only(puzzle, values)


def test_crossword() -> None:
    words = ["CAR", "OLE", "BED", "COB", "ALE", "RED", "ARC", "ODE", "BOB"]
    cells = Puzzle.cells(3, 3)
    rows = [tuple(word) for word in words]
    lines = [*cells, *zip(*cells, strict=True)]
    puzzle = Puzzle.grid(sorted(set("".join(words))), (3, 3), [Table(line, rows) for line in lines], {"r1c1": "C"})
    grid = grid_of(solved(puzzle), cells)
    assert all("".join(line) in words for line in [*grid, *zip(*grid, strict=True)])


def test_words_across_and_letters_at_crossings() -> None:
    words = {"a": ["lamp", "desk", "sofa"], "b": ["oven", "plum", "kiwi"]}
    cross = Relation(lambda a, b: a[3] == b[0], ["a", "b"])
    assert solved(Puzzle("{a}/{b}", words, [cross], {"b": "plum"})) == {"a": "lamp", "b": "plum"}


def test_graph_colouring() -> None:
    borders = ["WA NT", "WA SA", "NT SA", "NT Q", "SA Q", "SA NSW", "SA V", "Q NSW", "NSW V"]
    edges = [tuple(border.split()) for border in borders]
    states = sorted({state for edge in edges for state in edge})
    layout = "\n".join(f"{state}: {{{state}}}" for state in states)
    colours = dict.fromkeys(states, ("red", "green", "blue"))
    puzzle = Puzzle(layout, colours, [NotEqual(*edge) for edge in edges], given={"SA": "blue"})
    values = solved(puzzle)
    assert all(values[one] != values[other] for one, other in edges)
    two = dict.fromkeys(states, ("red", "green"))
    with pytest.raises(UnsatisfiableError):
        solved(Puzzle(layout, two, [NotEqual(*edge) for edge in edges]))


def test_nonogram_lines_by_regular_expressions() -> None:
    clues = [[2], [1, 1], [3]], [[3], [1, 1], [2]]  # rows, columns
    cells = Puzzle.cells(3, 3)
    rules = [
        InSequence(line, Regex("0*" + "0+".join(f"1{{{length}}}" for length in clue) + "0*"))
        for lines, clue_of in zip((cells, list(zip(*cells, strict=True))), clues, strict=True)
        for line, clue in zip(lines, clue_of, strict=True)
    ]
    grid = grid_of(solved(Puzzle.grid("01", (3, 3), rules)), cells)
    for lines, clue_of in zip((grid, list(zip(*grid, strict=True))), clues, strict=True):
        assert [[len(run) for run in "".join(line).split("0") if run] for line in lines] == clue_of


def test_a_seating_in_order_of_age() -> None:
    people = ["ada", "bob", "cyd", "dan"]
    rules = [AllDifferent(*people), *(Less(one, other) for one, other in pairwise(people[:3]))]
    values = solved(
        Puzzle(" ".join(f"{{{name}}}" for name in people), dict.fromkeys(people, range(4)), rules, {"dan": 1})
    )
    assert values == {"ada": 0, "bob": 2, "cyd": 3, "dan": 1}
