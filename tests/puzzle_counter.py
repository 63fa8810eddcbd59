"""Counts the solutions of Sudokus of all kinds: an oracle that shares no code with the package.

Possibilities are kept digit by digit, as the set of cells in which a digit may still stand: an integer with bit n for
the n-th cell, row by row. Cells with one digit and digits with one cell in a unit are followed to the end; what is left
is found by trying.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from random import Random

__all__ = ["Counter", "GaveUpError", "members"]


class GaveUpError(Exception):
    """More cells were tried than allowed."""


@dataclass(frozen=True)
class Counter:
    """Grids of `size` rows and columns with every number once in each of `units`, which are lists of n cells.

    `cages` are (sum, cells): different numbers with that sum. `rising` are lists of cells with increasing numbers.
    `allowed` is, per cell, the set of its numbers; cells that it does not name may have any.
    """

    size: int
    units: tuple[tuple[int, ...], ...]
    cages: tuple[tuple[int, tuple[int, ...]], ...] = ()
    rising: tuple[tuple[int, ...], ...] = ()
    allowed: tuple[tuple[int, frozenset[int]], ...] = ()

    @cached_property
    def masks(self) -> list[int]:
        return [sum(1 << cell for cell in unit) for unit in self.units]

    @cached_property
    def peers(self) -> list[int]:
        """Per cell, those that must have another number."""
        apart = self.masks + [sum(1 << cell for cell in cells) for _, cells in self.cages]
        cells = range(self.size**2)
        return [_union(mask for mask in apart if mask >> cell & 1) & ~(1 << cell) for cell in cells]

    def start(self, givens: Sequence[int]) -> list[int]:
        """Per number, the cells in which it may stand, by the givens alone (0: open)."""
        allowed = dict(self.allowed)
        planes = [0] * self.size
        for cell, given in enumerate(givens):
            for number in range(1, self.size + 1):
                if given in (0, number) and number in allowed.get(cell, (number,)):
                    planes[number - 1] |= 1 << cell
        return planes

    def solutions(self, planes: list[int], rng: Random | None = None, tries: int = 10**9) -> Iterator[list[int]]:
        """All grids, in random order if `rng` is given. Raises `GaveUpError` after so many tries."""
        left = [tries]
        yield from self._search(planes, 0, rng, left)

    def is_unique(self, givens: Sequence[int], tries: int = 10**9) -> bool:
        found = self.solutions(self.start(givens), None, tries)
        return next(found, None) is not None and next(found, None) is None

    def _search(self, planes: list[int], done: int, rng: Random | None, left: list[int]) -> Iterator[list[int]]:
        settled = self._settle(planes, done)
        if settled is None:
            return
        if settled == (1 << self.size**2) - 1:
            yield _grid(planes, self.size)
            return
        left[0] -= 1
        if left[0] < 0:
            raise GaveUpError
        cell = self._fewest(planes, settled, rng)
        numbers = [n for n, plane in enumerate(planes) if plane & cell]
        if rng is not None:
            rng.shuffle(numbers)
        for number in numbers:
            tried = [plane & ~cell for plane in planes]
            tried[number] |= cell
            yield from self._search(tried, settled, rng, left)

    def _fewest(self, planes: list[int], done: int, rng: Random | None) -> int:
        """The bit of an open cell with the fewest numbers."""
        at_least = [(1 << self.size**2) - 1 & ~done] + [0] * self.size  # [k]: cells with k numbers or more
        for plane in planes:
            for k in range(self.size, 0, -1):
                at_least[k] |= at_least[k - 1] & plane
        exactly = [more & ~still for more, still in zip(at_least[2:], [*at_least[3:], 0], strict=True)]
        few = next(cells for cells in exactly if cells)
        return rng.choice([1 << cell for cell in members(few)]) if rng else few & -few

    def _settle(self, planes: list[int], done: int) -> int | None:
        """Follow the givens to the end, in place: the cells that have one number, or None where none is left."""
        everything = (1 << self.size**2) - 1
        while True:
            once = twice = 0
            for plane in planes:
                twice |= once & plane
                once |= plane
            if once != everything:
                return None
            fresh = once & ~twice & ~done
            if fresh:
                for n in range(self.size):
                    for cell in members(planes[n] & fresh):
                        planes[n] &= ~self.peers[cell]
                done |= fresh
                continue
            changed = self._lone_cells(planes, done)
            if changed is None or not (changed or self._prune(planes)):
                return None if changed is None else done

    def _lone_cells(self, planes: list[int], done: int) -> bool | None:
        """Numbers that have one cell left in a unit get it; None where one has no cell."""
        changed = False
        for n in range(self.size):
            for mask in self.masks:
                cells = planes[n] & mask
                if not cells:
                    return None
                if not cells & (cells - 1) and not cells & done:
                    planes[:] = [plane & ~cells for plane in planes]
                    planes[n] |= cells
                    changed = True
        return changed

    def _prune(self, planes: list[int]) -> bool:
        """Takes away what cages and increasing lines exclude: whether there was something."""
        before = list(planes)
        for total, cells in self.cages:
            kept = _fitting(total, [self._numbers(planes, cell) for cell in cells])
            for cell, numbers in zip(cells, kept, strict=True):
                self._keep(planes, cell, numbers)
        for line in self.rising:
            least = 0
            for cell in line:
                numbers = {number for number in self._numbers(planes, cell) if number > least}
                self._keep(planes, cell, numbers)
                least = min(numbers, default=self.size)
            greatest = self.size + 1
            for cell in reversed(line):
                numbers = {number for number in self._numbers(planes, cell) if number < greatest}
                self._keep(planes, cell, numbers)
                greatest = max(numbers, default=0)
        return planes != before

    def _numbers(self, planes: list[int], cell: int) -> set[int]:
        return {n for n, plane in enumerate(planes, 1) if plane >> cell & 1}

    def _keep(self, planes: list[int], cell: int, numbers: set[int]) -> None:
        for n in range(self.size):
            if n + 1 not in numbers:
                planes[n] &= ~(1 << cell)


def members(cells: int) -> Iterator[int]:
    while cells:
        yield (cells & -cells).bit_length() - 1
        cells &= cells - 1


def _union(masks: Iterator[int]) -> int:
    found = 0
    for mask in masks:
        found |= mask
    return found


def _grid(planes: list[int], size: int) -> list[int]:
    grid = [0] * size**2
    for n, plane in enumerate(planes, 1):
        for cell in members(plane):
            grid[cell] = n
    return grid


def _fitting(total: int, numbers: list[set[int]]) -> list[set[int]]:
    """Per cell of a cage, the numbers of sets of different ones that have the sum and a number for every cell."""
    kept: list[set[int]] = [set() for _ in numbers]
    for chosen in combinations(sorted(set().union(*numbers)), len(numbers)):
        if sum(chosen) == total and all(each & set(chosen) for each in numbers):
            for found, each in zip(kept, numbers, strict=True):
                found |= each & set(chosen)
    return kept
