"""Sets of Unicode code points, and how UTF-8 spells them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from constrain.expression import Expression, byte_range, byte_set, concat, union

__all__ = ["CodePoints", "utf8"]

_LAST = 0x10FFFF
_SURROGATES = (0xD800, 0xDFFF)


@dataclass(frozen=True)
class CodePoints:
    """A set of Unicode scalar values: the code points 0..0x10FFFF without the surrogates 0xD800..0xDFFF.

    `ranges` holds inclusive `(lo, hi)` pairs, ascending and with a gap between any two, so that equal sets are equal
    values; `of`, `range` and `of_ranges` bring anything into that form and leave surrogates out. `|`, `&`, `-` and `~`
    are the set operations, `~` relative to `CodePoints.ANY`.
    """

    ranges: tuple[tuple[int, int], ...]

    ANY: ClassVar[CodePoints]
    NONE: ClassVar[CodePoints]

    def __post_init__(self) -> None:
        end = -2
        for lo, hi in self.ranges:
            meets_surrogates = lo <= _SURROGATES[1] and hi >= _SURROGATES[0]
            if not end + 1 < lo <= hi <= _LAST or meets_surrogates:
                raise ValueError(f"ranges must ascend, have gaps and hold scalar values only; got {lo:#x}..{hi:#x}")
            end = hi

    @classmethod
    def of(cls, text: str) -> CodePoints:
        """The set of the characters of `text`."""
        return cls.of_ranges((ord(char), ord(char)) for char in text)

    @classmethod
    def range(cls, lo: int | str, hi: int | str) -> CodePoints:
        """The code points from `lo` to `hi`, both included, each given as a number or as a character."""
        return cls.of_ranges([(lo if isinstance(lo, int) else ord(lo), hi if isinstance(hi, int) else ord(hi))])

    @classmethod
    def of_ranges(cls, ranges: Iterable[tuple[int, int]]) -> CodePoints:
        """The union of inclusive ranges, which may overlap and come in any order."""
        before, after = _SURROGATES[0] - 1, _SURROGATES[1] + 1
        merged: list[tuple[int, int]] = []
        for lo, hi in sorted(ranges):
            for low, high in ((lo, min(hi, before)), (max(lo, after), hi)) if hi > before else ((lo, hi),):
                if low > high:
                    continue
                if merged and low <= merged[-1][1] + 1:
                    merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
                else:
                    merged.append((low, high))
        return cls(tuple(merged))

    def __or__(self, other: CodePoints) -> CodePoints:
        return CodePoints.of_ranges(self.ranges + other.ranges)

    def __invert__(self) -> CodePoints:
        bounds = [-1, *(bound for pair in self.ranges for bound in pair), _LAST + 1]
        gaps = zip(bounds[::2], bounds[1::2], strict=True)
        return CodePoints.of_ranges((end + 1, start - 1) for end, start in gaps if end + 1 < start)

    def __and__(self, other: CodePoints) -> CodePoints:
        return ~(~self | ~other)

    def __sub__(self, other: CodePoints) -> CodePoints:
        return ~(~self | other)

    def __contains__(self, point: int | str) -> bool:
        number = point if isinstance(point, int) else ord(point)
        index = bisect_right(self.ranges, (number, _LAST))
        return index > 0 and number <= self.ranges[index - 1][1]

    def __bool__(self) -> bool:
        return bool(self.ranges)

    def __len__(self) -> int:
        return sum(hi - lo + 1 for lo, hi in self.ranges)


CodePoints.ANY = CodePoints.range(0, _LAST)
CodePoints.NONE = CodePoints(())


@lru_cache(maxsize=1024)
def utf8(points: CodePoints) -> Expression:
    """The byte strings `chr(p).encode()` for p in `points`: the shortest form, never a surrogate (RFC 3629).

    The expression is deterministic: alternatives differ in their first byte, and bytes with equal continuations share
    one alternative.
    """
    # (first, last, how many continuation bytes, base that the leading bits are added to)
    lengths = ((0, 0x7F, 0, 0x00), (0x80, 0x7FF, 1, 0xC0), (0x800, 0xFFFF, 2, 0xE0), (0x10000, _LAST, 3, 0xF0))
    return union(
        *(
            _spell(clipped, continuations, base)
            for first, last, continuations, base in lengths
            if (clipped := [(max(lo, first), min(hi, last)) for lo, hi in points.ranges if lo <= last and hi >= first])
        )
    )


def _spell(ranges: Iterable[tuple[int, int]], continuations: int, base: int) -> Expression:
    """The numbers in `ranges`, most significant digit first: a byte `base` + digit, then 6-bit continuation bytes."""
    shift = 6 * continuations
    remainders: dict[int, list[tuple[int, int]]] = {}
    for lo, hi in ranges:
        for digit in range(lo >> shift, (hi >> shift) + 1):
            start = digit << shift
            inside = (max(lo, start) - start, min(hi, start + (1 << shift) - 1) - start)
            remainders.setdefault(digit, []).append(inside)
    if not continuations:
        return byte_set(base + digit for digit in remainders)
    sharing: dict[tuple[tuple[int, int], ...], list[int]] = {}
    for digit, rest in remainders.items():
        sharing.setdefault(tuple(rest), []).append(base + digit)
    return union(*(concat(byte_set(lead), _rest(rest, continuations - 1)) for rest, lead in sharing.items()))


def _rest(ranges: tuple[tuple[int, int], ...], continuations: int) -> Expression:
    """The same of a digit and so many more, all of them in continuation bytes."""
    if ranges == ((0, (64 << 6 * continuations) - 1),):  # as behind most bytes
        return concat(*[byte_range(0x80, 0xBF)] * (continuations + 1))
    return _spell(ranges, continuations, 0x80)
