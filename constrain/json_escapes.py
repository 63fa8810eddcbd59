"""The escapes of many characters at once, as a tree of hexadecimal digits: what may follow a backslash."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["MEANT", "NOWHERE", "EscapeTree", "Ranges", "append_shifted", "escape_tree"]

MEANT: Final = "\\u0123456789abcdefABCDEF"
"""The characters of escapes."""

NOWHERE: Final = np.iinfo(np.int32).min

Ranges: TypeAlias = "tuple[tuple[int, int, int], ...]"
"""Numbers from `low` to `high`, and what they lead to."""

_HIGH, _LOW, _PLANE = 0xD800, 0xDC00, 0x10000


@dataclass(frozen=True, eq=False)
class EscapeTree:
    """`moves[node][character]` are other nodes, or ends, the n-th of which is `-1 - n`; node 0 is behind a backslash.

    There is one of them, or two where half a surrogate pair may stand alone. `table` is int32 `[nodes, len(MEANT)]`:
    where there is one, that, otherwise `NOWHERE`; `forks` lists the others.
    """

    moves: list[dict[str, tuple[int, ...]]]
    table: NDArray[np.int32]
    forks: list[tuple[int, str, tuple[int, ...]]]

    @classmethod
    def of(cls, moves: list[dict[str, tuple[int, ...]]]) -> EscapeTree:
        table = np.full((len(moves), len(MEANT)), NOWHERE, np.int32)
        forks = []
        for node, row in enumerate(moves):
            for character, targets in row.items():
                if len(targets) == 1:
                    table[node, MEANT.index(character)] = targets[0]
                else:
                    forks.append((node, character, targets))
        return cls(moves, table, forks)


def append_shifted(found: list[tuple[int, int, int]], base: int, ranges: Ranges) -> None:
    """Ranges further up, joined to the last one where they go on with it."""
    for low, high, target in ranges:
        if found and found[-1][1] == base + low - 1 and found[-1][2] == target:
            found[-1] = (found[-1][0], base + high, target)
        else:
            found.append((base + low, base + high, target))


@lru_cache(maxsize=256)
def escape_tree(characters: Ranges) -> EscapeTree:
    """The escapes of characters, by the number of the end that they lead to. Node 0 stands behind the backslash."""
    tree: list[dict[str, tuple[int, ...]]] = [{"u": (1,)}, {}]
    known: dict[tuple[Ranges, int], int] = {}

    def units(ranges: Ranges, digits: int, node: int | None = None) -> int:
        """The node that reads so many digits of the numbers in `ranges`, which may overlap."""
        key = (ranges, digits)
        if node is None and key in known:
            return known[key]
        if node is None:
            node = known[key] = len(tree)
            tree.append({})
        step = 16 ** (digits - 1)
        for digit in range(16):
            start = digit * step
            inside = tuple(
                (max(low - start, 0), min(high - start, step - 1), target)
                for low, high, target in ranges
                if low < start + step and high >= start
            )
            if inside:
                targets = (
                    tuple(dict.fromkeys(each[2] for each in inside)) if digits == 1 else (units(inside, digits - 1),)
                )
                for character in {f"{digit:x}", f"{digit:X}"}:
                    tree[node][character] = targets
        return node

    def pair(lows: Ranges) -> int:
        """The node that reads the second half of a pair."""
        key = (lows, 0)
        if key not in known:
            known[key] = len(tree)
            tree.extend([{}, {}])
            tree[known[key]]["\\"] = (known[key] + 1,)
            tree[known[key] + 1]["u"] = (units(lows, 4),)
        return known[key]

    ends = [(low, high, -1 - target) for low, high, target in characters]
    alone = [(low, high, target) for low, high, target in ends if high < _PLANE]
    crossing = [(low, _PLANE - 1, target) for low, high, target in ends if low < _PLANE <= high]
    beyond = [(max(low, _PLANE) - _PLANE, high - _PLANE, target) for low, high, target in ends if high >= _PLANE]
    halves = [(_HIGH + low, _HIGH + high, pair(lows)) for low, high, lows in _halved(beyond)]
    units((*alone, *crossing, *halves), 4, 1)
    return EscapeTree.of(tree)


def _halved(ranges: Sequence[tuple[int, int, int]]) -> Iterable[tuple[int, int, Ranges]]:
    """Numbers of 20 bits by their first half: from `low` to `high`, what all second halves lead to."""
    cuts = sorted({cut for low, high, _ in ranges for half in (low >> 10, high >> 10) for cut in (half, half + 1)})
    for low, end in pairwise(cuts):
        start = low << 10
        lows = tuple(
            (_LOW + max(first - start, 0), _LOW + min(last - start, 0x3FF), target)
            for first, last, target in ranges
            if first < start + 0x400 and last >= start
        )
        if lows:
            yield low, end - 1, lows
