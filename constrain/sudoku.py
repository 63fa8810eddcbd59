"""Sudoku of any size, with its variants, as a puzzle whose variables are the cells."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, TypeAlias, TypeVar

from constrain.errors import SpecError
from constrain.puzzle import Puzzle
from constrain.relations import AllDifferent, Less, Rule, Sum, Table, Value
from constrain.sudoku_board import drawn, pencilled
from constrain.sudoku_grid import Grid, read_grid, read_regions

__all__ = ["BOXES", "Cell", "Sudoku"]

T = TypeVar("T")

BOXES = {4: (2, 2), 6: (2, 3), 9: (3, 3), 16: (4, 4)}
"""Rows and columns of a box, by the size of the grid."""

Cell: TypeAlias = "tuple[int, int]"
"""Row and column, both counted from 1."""


class Sudoku(Puzzle):
    """The solutions of a Sudoku: grids with every number from 1 to n once in every row, column and box.

    `grid` is the givens: text in any layout, or rows as lists. Blanks are any of `. 0 _ * - ? x` and the space, None in
    lists; lines of `|`, `+` and `-` are ignored. n is 4, 6, 9 or 16, or another one for which `box` says the rows and
    columns of a box, or `regions` replaces boxes. Where n is greater than 9, text has numbers that are set apart, or
    one character for each cell, with letters from A for 10.

    Cells are named by row and column, both counted from 1. Variants, in any combination:

        diagonal      every number once in both diagonals, too
        cages         [(sum, [cell, ...]), ...]: the numbers in a cage are different and have this sum
        regions       a grid of labels, n cells each, that have every number once; there are no boxes then
        even, odd     cells with such numbers
        thermometers  [[cell, ...], ...]: numbers increase from each cell to the next

    The value is the rows, as lists of integers. In text, a line is a row of digits, or where n is greater than 9, of
    numbers with leading zeros and spaces between. `check`, `dumps` and `board` take a grid in any form that is read
    here; a violation that `check` finds names the rule and the cells, as in `row 3: r3c1 = 5, r3c7 = 5`.

    Raises `SpecError`, with the place, for another shape, unknown symbols, cells outside, and givens that break a rule
    on their own.
    """

    def __init__(
        self,
        grid: Grid,
        *,
        diagonal: bool = False,
        cages: Iterable[tuple[int, Iterable[Cell]]] | None = None,
        regions: str | Sequence[Sequence[Any]] | None = None,
        even: Iterable[Cell] | None = None,
        odd: Iterable[Cell] | None = None,
        thermometers: Iterable[Iterable[Cell]] | None = None,
        box: tuple[int, int] | None = None,
    ) -> None:
        cages, thermometers = _listed(cages, "cages"), _listed(thermometers, "thermometers")
        even, odd = _listed(even, "even"), _listed(odd, "odd")
        if regions is not None and box is not None:
            raise SpecError(
                "regions replace the boxes, so there is no box", keyword="box", hint="leave one of them out"
            )
        labels = None if regions is None else read_regions(regions)
        size, self.box = _shape(box, None if labels is None else len(labels))
        self.given_grid = read_grid(grid, [size] if size else list(BOXES))
        self.size = size or len(self.given_grid)
        self.names = self.cells(self.size, self.size)
        if labels is None:
            self.box = self.box or BOXES[self.size]
            labels = _boxes(self.size, *self.box)
            named = {label: f"box {label}" for line in labels for label in line}
        else:
            named = {label: f"region {label}" for line in labels for label in line}
        self.regions = labels
        rules = [
            *self._latin(),
            *(AllDifferent(self._labelled(label), label=name) for label, name in named.items()),
            *(self._diagonals() if diagonal else ()),
            *self._cages(cages),
            *self._parity("even", even, 0),
            *self._parity("odd", odd, 1),
            *self._thermometers(thermometers),
        ]
        self.variants = tuple(
            name
            for name, option in (
                ("diagonal", diagonal),
                ("cages", cages),
                ("regions", regions is not None),
                ("even", even),
                ("odd", odd),
                ("thermometers", thermometers),
            )
            if option
        )
        width = len(str(self.size))
        texts = {number: f"{number:0{width}}" for number in range(1, self.size + 1)}
        layout = "\n".join((" " if width > 1 else "").join(f"{{{name}}}" for name in line) for line in self.names)
        super().__init__(
            layout,
            {name: texts for line in self.names for name in line},
            rules,
            self._assignment(self.given_grid),
        )

    def _latin(self) -> Iterator[Rule]:
        for number, (row, column) in enumerate(zip(self.names, zip(*self.names, strict=True), strict=True), 1):
            yield AllDifferent(row, label=f"row {number}")
            yield AllDifferent(column, label=f"column {number}")

    def _labelled(self, label: str) -> list[str]:
        return [
            name
            for names, labels in zip(self.names, self.regions, strict=True)
            for name, each in zip(names, labels, strict=True)
            if each == label
        ]

    def _diagonals(self) -> Iterator[Rule]:
        yield AllDifferent([row[n] for n, row in enumerate(self.names)], label="diagonal")
        yield AllDifferent([row[-1 - n] for n, row in enumerate(self.names)], label="antidiagonal")

    def _cages(self, cages: Iterable[tuple[int, Iterable[Cell]]]) -> Iterator[Rule]:
        for cage in cages:
            match cage:
                case (int(total), cells):
                    names = self._named(cells, "cage", at_least=1)
                case _:
                    raise SpecError(f"{cage!r} is no cage", keyword="cages", hint="give its sum and its cells")
            label = f"cage of {total} at {names[0]}"
            yield AllDifferent(names, label=label)
            yield Sum(names, "==", total, label=label)

    def _parity(self, word: str, cells: Iterable[Cell], rest: int) -> Iterator[Rule]:
        numbers = [(number,) for number in range(1, self.size + 1) if number % 2 == rest]
        for name in self._named(cells, word):
            yield Table([name], numbers, label=f"{word} {name}")

    def _thermometers(self, thermometers: Iterable[Iterable[Cell]]) -> Iterator[Rule]:
        for cells in thermometers:
            names = self._named(cells, "thermometer", at_least=2)
            for lower, upper in pairwise(names):
                yield Less(lower, upper, label=f"thermometer at {names[0]}")

    def _named(self, cells: Iterable[Cell], what: str, at_least: int = 0) -> list[str]:
        names: list[str] = []
        for cell in _listed(cells, what):
            match cell:
                case (int(row), int(column)) if 1 <= row <= self.size and 1 <= column <= self.size:
                    names.append(self.names[row - 1][column - 1])
                case _:
                    raise SpecError(
                        f"{cell!r}, of {what}, is no cell",
                        keyword=what,
                        hint=f"give its row and its column, from 1 to {self.size}",
                    )
        for name in names:
            if names.count(name) > 1:
                raise SpecError(f"{what} has the cell {name} twice", keyword=what)
        if len(names) < at_least:
            raise SpecError(f"{what} has {len(names)} cells, which is too few", keyword=what)
        return names

    def _assignment(self, value: Any) -> dict[str, Value]:
        if isinstance(value, Mapping):
            return super()._assignment(value)
        return {
            name: number
            for names, line in zip(self.names, read_grid(value, [self.size]), strict=True)
            for name, number in zip(names, line, strict=True)
            if number is not None
        }

    def value_of(self, assignment: Mapping[str, Value]) -> list[list[int]]:
        return [[int(assignment[name]) for name in row] for row in self.names]

    def board(self, value: Any) -> str:
        """The grid with lines between its boxes, for people to look at; blanks are dots."""
        return self.draw(value)

    def draw(self, value: Any, candidates: Mapping[str, Iterable[Value]] | None = None) -> str:
        """The same; with `candidates`, cells without a value are small grids of the numbers that they may have."""
        assignment = self._assignment(value) if value is not None else {}
        return drawn([[self._cell(name, assignment, candidates) for name in row] for row in self.names], self.regions)

    def _cell(
        self, name: str, assignment: Mapping[str, Value], candidates: Mapping[str, Iterable[Value]] | None
    ) -> list[str]:
        texts = self.texts[name]
        left = (
            [texts[assignment[name]]]
            if name in assignment
            else [texts[each] for each in (candidates or {}).get(name, ())]
        )
        if candidates is not None:
            columns = self.box[1] if self.box else math.isqrt(self.size - 1) + 1
            return pencilled(left, list(texts.values()), columns)
        return [left[0] if left else ".".rjust(len(str(self.size)))]

    def describe(self) -> str:
        variants = f", with {', '.join(self.variants)}" if self.variants else ""
        return f"{self.size}x{self.size} Sudoku with {len(self.given)} given numbers{variants}"


def _listed(option: Iterable[T] | None, what: str) -> list[T]:
    if option is not None and not isinstance(option, Iterable):
        raise SpecError(f"{option!r} is no list, which {what} needs", keyword=what, hint="give a list")
    return [] if option is None else list(option)


def _shape(box: tuple[int, int] | None, size: int | None) -> tuple[int | None, tuple[int, int] | None]:
    """The size of the grid where it does not follow from the grid, and the box."""
    if box is None:
        return size, None
    match box:
        case (int(rows), int(columns)) if rows > 0 and columns > 0:
            return rows * columns, (rows, columns)
    raise SpecError(f"{box!r} is no box", keyword="box", hint="give its rows and its columns, as box=(2, 3)")


def _boxes(size: int, rows: int, columns: int) -> list[list[str]]:
    """The number of each cell's box, from 1, row by row."""
    across = size // columns
    return [[str(row // rows * across + column // columns + 1) for column in range(size)] for row in range(size)]
