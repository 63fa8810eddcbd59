"""Sudoku as text: a grid with dots for blanks in, the solved grid out, and one solution only.

Grids come from a pattern by renaming the digits and by shuffling rows and columns within and among their bands. One
solution in seven, told by a checksum, is left out of training.
"""

from __future__ import annotations

from random import Random
from zlib import crc32

__all__ = ["BOXES", "puzzle", "solutions"]

BOXES = {4: (2, 2), 6: (2, 3), 9: (3, 3)}
"""Rows and columns of a box, by the size of the grid."""

_MOST_BLANKS = {4: 10, 6: 18, 9: 30}
_LEAST_BLANKS = {4: 5, 6: 5, 9: 6}

Grid = list[list[int]]


def _text(grid: Grid) -> str:
    return "\n".join("".join(str(digit) if digit else "." for digit in row) for row in grid)


def _shuffled(size: int, block: int, rng: Random) -> list[int]:
    """The indices of lines, shuffled within blocks of `block` lines, and the blocks among each other."""
    blocks = [rng.sample(range(start, start + block), block) for start in range(0, size, block)]
    return [line for lines in rng.sample(blocks, len(blocks)) for line in lines]


def _solved(size: int, rng: Random) -> Grid:
    rows, columns = BOXES[size]
    digits = rng.sample(range(1, size + 1), size)
    down, across = _shuffled(size, rows, rng), _shuffled(size, columns, rng)
    return [[digits[(columns * (r % rows) + r // rows + c) % size] for c in across] for r in down]


def solutions(grid: Grid, limit: int = 2) -> int:
    """How many solutions a grid with 0 for blanks has, counted up to `limit`, by backtracking."""
    size = len(grid)
    rows, columns = BOXES[size]
    best: tuple[int, int, set[int]] | None = None
    for r in range(size):
        for c in range(size):
            if grid[r][c]:
                continue
            top, left = r - r % rows, c - c % columns
            used = {*grid[r], *(line[c] for line in grid)}
            used |= {digit for line in grid[top : top + rows] for digit in line[left : left + columns]}
            free = set(range(1, size + 1)) - used
            if best is None or len(free) < len(best[2]):
                best = r, c, free
    if best is None:
        return 1
    r, c, free = best
    found = 0
    for digit in free:
        grid[r][c] = digit
        found += solutions(grid, limit - found)
        grid[r][c] = 0
        if found >= limit:
            break
    return found


def puzzle(size: int, rng: Random, *, unseen: bool) -> tuple[str, str]:
    """A puzzle with one solution, and the solution, as text."""
    while True:
        grid = _solved(size, rng)
        answer = _text(grid)
        if (crc32(answer.encode()) % 7 == 0) == unseen:
            break
    blanks = rng.randint(_LEAST_BLANKS[size], _MOST_BLANKS[size])
    removed = 0
    for cell in rng.sample(range(size * size), size * size):
        r, c = divmod(cell, size)
        kept, grid[r][c] = grid[r][c], 0
        if solutions(grid) > 1:
            grid[r][c] = kept
        elif (removed := removed + 1) == blanks:
            break
    return _text(grid), answer
