"""Sudokus with one solution, made from a seed, and a judge of solved ones. Nothing here is of the package."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import Any

from tests.puzzle_counter import Counter, GaveUpError

__all__ = [
    "BOXES",
    "VARIANTS",
    "Made",
    "counter_of",
    "faults",
    "large",
    "nine",
    "opened",
    "small",
    "transformed",
    "variant",
]

BOXES = {4: (2, 2), 6: (2, 3), 9: (3, 3), 16: (4, 4)}

SEVENTEEN = (
    "000000010400000000020000000000050407008000300001090000300400200050100000000806000",
    "000000010400000000020000000000050604008000300001090000300400200050100000000807000",
    "000000012000035000000600070700000300000400800100000000000120000080000040050000600",
    "000000012003600000000007000410020000000500300700000600280000040000300500000000000",
    "000000012008030000000000040120500000000004700060000000507000300000620000000100000",
    "000000012040050000000009000070600400000100000000000050000087500601000300200000000",
    "000000012050400000000000030700600400001000000000080000920000800000510700000003000",
    "000000012300000060000040000900000500000001070020000000000350400001400800060000000",
)
"""Some of the grids with 17 givens and one solution that Gordon Royle collected (University of Western Australia)."""

Rows = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Made:
    """A puzzle: the givens (0: open), one grid that they leave, and the options of the variant (see `Sudoku`)."""

    givens: Rows
    solution: Rows
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return sum(given > 0 for row in self.givens for given in row)

    @property
    def text(self) -> str:
        return "\n".join(" ".join(str(given or ".") for given in row) for row in self.givens)


def faults(grid: Sequence[Sequence[int]], puzzle: Made) -> set[str]:
    """The rules that a full grid breaks, by the names that people give them."""
    size = len(puzzle.givens)
    if [len(row) for row in grid] != [size] * size:
        return {"shape"}
    options = puzzle.options
    groups: dict[str, list[int]] = {}
    height, width = options.get("box") or BOXES.get(size, (1, size))
    for r in range(size):
        for c in range(size):
            box = f"box {r // height * (size // width) + c // width + 1}"
            if "regions" in options:
                box = f"region {options['regions'][r][c]}"
            for name in (f"row {r + 1}", f"column {c + 1}", box):
                groups.setdefault(name, []).append(grid[r][c])
    if options.get("diagonal"):
        groups["diagonal"] = [grid[k][k] for k in range(size)]
        groups["antidiagonal"] = [grid[k][size - 1 - k] for k in range(size)]
    found = {name for name, group in groups.items() if set(group) != set(range(1, size + 1))}
    for total, cells in options.get("cages", ()):
        inside = [grid[r - 1][c - 1] for r, c in cells]
        if sum(inside) != total or len(set(inside)) < len(inside):
            found.add(f"cage of {total} at r{cells[0][0]}c{cells[0][1]}")
    for rest, word in enumerate(("even", "odd")):
        found |= {f"{word} r{r}c{c}" for r, c in options.get(word, ()) if grid[r - 1][c - 1] % 2 != rest}
    for line in options.get("thermometers", ()):
        inside = [grid[r - 1][c - 1] for r, c in line]
        if any(lower >= upper for lower, upper in pairwise(inside)):
            found.add(f"thermometer at r{line[0][0]}c{line[0][1]}")
    for r, row in enumerate(puzzle.givens):
        for c, given in enumerate(row):
            if given not in (0, grid[r][c]):
                found.add(f"given r{r + 1}c{c + 1} = {given}")
    return found


def counter_of(size: int, options: Mapping[str, Any]) -> Counter:
    groups: dict[Any, list[int]] = {}
    height, width = options.get("box") or BOXES.get(size, (1, size))
    for cell in range(size**2):
        r, c = divmod(cell, size)
        box = options["regions"][r][c] if "regions" in options else (r // height, c // width)
        for key in (("row", r), ("column", c), ("box", box)):
            groups.setdefault(key, []).append(cell)
    if options.get("diagonal"):
        groups["diagonal"] = [k * (size + 1) for k in range(size)]
        groups["other diagonal"] = [(k + 1) * (size - 1) for k in range(size)]

    def place(cell: tuple[int, int]) -> int:
        return (cell[0] - 1) * size + cell[1] - 1

    parity = [(word, frozenset(range(2 - rest, size + 1, 2))) for rest, word in enumerate(("even", "odd"))]
    return Counter(
        size,
        tuple(map(tuple, groups.values())),
        tuple((total, tuple(map(place, cells))) for total, cells in options.get("cages", ())),
        tuple(tuple(map(place, line)) for line in options.get("thermometers", ())),
        tuple((place(cell), numbers) for word, numbers in parity for cell in options.get(word, ())),
    )


def nine(count: int, rng: Random) -> Made:
    """A 9x9 puzzle with one solution and so many givens: 17 at least.

    Up to 22 givens, one of `SEVENTEEN` with more of its solution, turned into another by the symmetries of the rules.
    """
    if count <= 22:
        counter = counter_of(9, {})
        givens = [int(sign) for sign in rng.choice(SEVENTEEN)]
        solution = next(counter.solutions(counter.start(givens)))
        return transformed(_filled_up(givens, solution, count, rng), rng)
    while True:
        made = _dug(9, {}, rng, least=count)
        if made.count == count:
            return made


def large(rng: Random) -> Made:
    """A 16x16 puzzle with one solution and 100 to 130 givens."""
    return _dug(16, {}, rng, least=rng.randint(100, 130), tries=5)


def small(rng: Random) -> Made:
    """A 4x4 puzzle with one solution, none of whose givens could be spared."""
    return _dug(4, {}, rng)


def opened(puzzle: Made, count: int, rng: Random) -> Made:
    """The same with only so many of its givens, so that it may have many solutions."""
    size = len(puzzle.givens)
    given = [cell for cell in range(size**2) if puzzle.givens[cell // size][cell % size]]
    kept = set(rng.sample(given, count))
    rows = [
        [given if size * r + c in kept else 0 for c, given in enumerate(row)] for r, row in enumerate(puzzle.givens)
    ]
    return Made(tuple(map(tuple, rows)), puzzle.solution, puzzle.options)


def variant(name: str, rng: Random, size: int = 9) -> Made:
    """A puzzle with one solution whose rules include those of one of `VARIANTS`."""
    while True:
        try:
            return VARIANTS[name](size, rng)
        except GaveUpError:  # a random layout of regions may leave no grid, or hide it well
            continue


def _dug(size: int, options: Mapping[str, Any], rng: Random, *, least: int = 0, tries: int = 20) -> Made:
    """Takes givens away from a random grid while it stays the only one, down to `least` of them."""
    counter = counter_of(size, options)
    solution = next(counter.solutions(counter.start([0] * size**2), rng, 500), None)
    if solution is None:
        raise GaveUpError
    return _dug_from(solution, counter, options, rng, least=least, tries=tries)


def _dug_from(
    solution: list[int], counter: Counter, options: Mapping[str, Any], rng: Random, *, least: int = 0, tries: int = 20
) -> Made:
    givens = list(solution)
    cells = list(range(len(givens)))
    rng.shuffle(cells)
    for cell in cells:
        if len(givens) - givens.count(0) == least:
            break
        given, givens[cell] = givens[cell], 0
        if not _is_unique(counter, givens, tries):
            givens[cell] = given
    return Made(_rows(givens), _rows(solution), dict(options))


def _is_unique(counter: Counter, givens: list[int], tries: int) -> bool:
    try:
        return counter.is_unique(givens, tries)
    except GaveUpError:
        return False


def _filled_up(givens: list[int], solution: list[int], count: int, rng: Random) -> Made:
    open_ = [cell for cell, given in enumerate(givens) if not given]
    for cell in rng.sample(open_, count - (81 - len(open_))):
        givens[cell] = solution[cell]
    return Made(_rows(givens), _rows(solution))


def transformed(puzzle: Made, rng: Random) -> Made:
    """A 9x9 puzzle turned, with bands and stacks, the lines in them, and the numbers renamed."""
    lines = [[3 * band + line for band in rng.sample(range(3), 3) for line in rng.sample(range(3), 3)] for _ in "rc"]
    names = [0, *rng.sample(range(1, 10), 9)]
    is_turned = rng.random() < 0.5

    def turn(rows: Rows) -> Rows:
        moved = tuple(tuple(names[rows[r][c]] for c in lines[1]) for r in lines[0])
        return tuple(zip(*moved, strict=True)) if is_turned else moved

    return Made(turn(puzzle.givens), turn(puzzle.solution))


def _diagonal(size: int, rng: Random) -> Made:
    return _dug(size, {"diagonal": True}, rng)


def _jigsaw(size: int, rng: Random) -> Made:
    return _dug(size, {"regions": _random_regions(size, rng)}, rng)


def _killer(size: int, rng: Random) -> Made:
    """Cages of two to four cells next to one another, over some two thirds of the grid."""
    solution = _random_grid(size, rng)
    free = set(range(size**2))
    cages = []
    while len(free) > size**2 // 3:
        cage = [rng.choice(sorted(free))]
        for _ in range(rng.randint(1, 3)):
            around = {cell for inside in cage for cell in _neighbours(inside, size)} & free - set(cage)
            around = {cell for cell in around if solution[cell] not in {solution[inside] for inside in cage}}
            if around:
                cage.append(rng.choice(sorted(around)))
        free -= set(cage)
        cages.append((sum(solution[cell] for cell in cage), [_named(cell, size) for cell in cage]))
    options = {"cages": cages}
    return _dug_from(solution, counter_of(size, options), options, rng)


def _parity(size: int, rng: Random) -> Made:
    solution = _random_grid(size, rng)
    marked = rng.sample(range(size**2), size**2 // 4)
    options = {
        word: [_named(cell, size) for cell in sorted(marked) if solution[cell] % 2 == rest]
        for rest, word in enumerate(("even", "odd"))
    }
    return _dug_from(solution, counter_of(size, options), options, rng)


def _thermometers(size: int, rng: Random) -> Made:
    """Three to eight lines along which the grid happens to increase, each of three cells at least."""
    solution = _random_grid(size, rng)
    free = set(range(size**2))
    lines: list[list[tuple[int, int]]] = []
    for cell in rng.sample(range(size**2), size**2):
        line = [cell] if cell in free else []
        while line and (
            after := [c for c in _neighbours(line[-1], size) if c in free and solution[c] > solution[line[-1]]]
        ):
            line.append(rng.choice(after))
        if len(line) >= 3:
            free -= set(line)
            lines.append([_named(each, size) for each in line])
        if len(lines) == 8:
            break
    options = {"thermometers": lines}
    return _dug_from(solution, counter_of(size, options), options, rng)


VARIANTS: dict[str, Callable[[int, Random], Made]] = {
    "diagonal": _diagonal,
    "killer": _killer,
    "jigsaw": _jigsaw,
    "even/odd": _parity,
    "thermometer": _thermometers,
}


def _random_grid(size: int, rng: Random) -> list[int]:
    counter = counter_of(size, {})
    return next(counter.solutions(counter.start([0] * size**2), rng))


def _random_regions(size: int, rng: Random) -> list[str]:
    """The boxes, after many exchanges of two cells at a border that leave all regions connected."""
    height, width = BOXES[size]
    region = [r // height * (size // width) + c // width for r in range(size) for c in range(size)]
    exchanged = 0
    while exchanged < 6 * size:
        one = rng.randrange(size**2)
        here = region[one]
        there = region[rng.choice(_neighbours(one, size))]
        others = [
            c for c in range(size**2) if region[c] == there and any(region[d] == here for d in _neighbours(c, size))
        ]
        if here == there or not others:
            continue
        other = rng.choice(others)
        region[one], region[other] = there, here
        if _is_connected(region, here, size) and _is_connected(region, there, size):
            exchanged += 1
        else:
            region[one], region[other] = here, there
    labels = ["ABCDEFGHIJKLMNOP"[each] for each in region]
    return ["".join(labels[begin : begin + size]) for begin in range(0, size**2, size)]


def _is_connected(region: list[int], label: int, size: int) -> bool:
    cells = {cell for cell, each in enumerate(region) if each == label}
    reached = {min(cells)}
    while more := {n for cell in reached for n in _neighbours(cell, size)} & cells - reached:
        reached |= more
    return reached == cells


def _neighbours(cell: int, size: int) -> list[int]:
    r, c = divmod(cell, size)
    around = ((r - 1, c), (r + 1, c), (r, c - 1), (r, c + 1))
    return [y * size + x for y, x in around if 0 <= y < size and 0 <= x < size]


def _named(cell: int, size: int) -> tuple[int, int]:
    """Row and column, from 1."""
    r, c = divmod(cell, size)
    return r + 1, c + 1


def _rows(cells: Sequence[int]) -> Rows:
    size = round(len(cells) ** 0.5)
    return tuple(tuple(cells[begin : begin + size]) for begin in range(0, len(cells), size))
