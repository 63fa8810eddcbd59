"""Draws grids of cells with lines between regions, in ASCII."""

from __future__ import annotations

from collections.abc import Collection, Sequence

__all__ = ["drawn", "pencilled"]


def drawn(blocks: Sequence[Sequence[Sequence[str]]], regions: Sequence[Sequence[str]]) -> str:
    """A grid whose cells are `blocks`, all of the same height and width, with lines where `regions` change."""
    height, width = len(blocks[0][0]), len(blocks[0][0][0])
    columns = range(len(regions[0]) - 1)
    gap = " " if height == 1 else "  "
    is_divided = [any(row[c] != row[c + 1] for row in regions) for c in columns]
    lines: list[str] = []
    for r, row in enumerate(blocks):
        if r:
            lines += _rule(regions[r - 1], regions[r], is_divided, gap, width)
        for k in range(height):
            line = row[0][k]
            for c in columns:
                bar = "|" if regions[r][c] != regions[r][c + 1] else " "
                line += (f" {bar} " if is_divided[c] else gap) + row[c + 1][k]
            lines.append(line.rstrip())
    return "\n".join(lines)


def _rule(above: Sequence[str], below: Sequence[str], is_divided: Sequence[bool], gap: str, width: int) -> list[str]:
    """The line between two rows, if regions change there."""
    dashes = ["-" if one != other else " " for one, other in zip(above, below, strict=True)]
    if "-" not in dashes:
        return []
    line = dashes[0] * width
    for c, wide in enumerate(is_divided):
        left, right = dashes[c], dashes[c + 1]
        has_bar = above[c] != above[c + 1] or below[c] != below[c + 1]
        level = "-" if "-" in (left, right) else " "
        corner = {("-", True): "+", ("-", False): "-", (" ", True): "|", (" ", False): " "}[level, has_bar]
        line += (left + corner + right if wide else left * len(gap)) + right * width
    return [line.rstrip()]


def pencilled(candidates: Collection[str], symbols: Sequence[str], columns: int) -> list[str]:
    """A cell in which `symbols`, so many to a line, stand at their places if they are candidates, and dots if not.

    A single candidate stands alone in the middle.
    """
    width = len(symbols[0])
    rows = [symbols[begin : begin + columns] for begin in range(0, len(symbols), columns)]
    if len(candidates) == 1:
        lines = [" " * (width * columns)] * len(rows)
        lines[(len(rows) - 1) // 2] = next(iter(candidates)).center(width * columns)
        return lines
    dot = "\N{MIDDLE DOT}".rjust(width)
    return ["".join(each if each in candidates else dot for each in row).ljust(width * columns) for row in rows]
