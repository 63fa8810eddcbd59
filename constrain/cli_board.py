"""A Sudoku on a terminal, while it is being solved."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import groupby

from rich.text import Text

from constrain.relations import Value
from constrain.sudoku import Sudoku
from constrain.sudoku_board import drawn, pencilled

__all__ = ["board"]

_STYLES = {"g": "bold", "r": "green", "m": "cyan"}  # a given, what the rules leave, what the model prefers
_SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def board(
    puzzle: Sudoku,
    candidates: Mapping[str, Sequence[Value]],
    written: Mapping[str, Value] | None = None,
    *,
    height: int = 0,
) -> Text:
    """The grid: givens bold, what the rules leave one candidate for green, what else is `written` cyan, the rest dim.

    Open cells show their candidates, where `height`, in lines, is enough for that and there are no more than nine
    numbers; otherwise how many there are.
    """
    across = math.isqrt(puzzle.size - 1) + 1
    down = math.ceil(puzzle.size / across)
    tall = puzzle.size <= 9 and puzzle.size * (down + 1) <= height
    symbols = [str(number) for number in range(1, puzzle.size + 1)]
    contents: list[list[list[str]]] = []
    kinds: list[list[list[str]]] = []
    for row in puzzle.names:
        contents.append([])
        kinds.append([])
        for name in row:
            left = [str(each) for each in candidates[name]]
            value = (written or {}).get(name)
            kind = "g" if name in puzzle.given else "r" if len(left) == 1 else "d" if value is None else "m"
            if tall:
                cell = pencilled(left if value is None else [str(value)], symbols, across)
            else:
                alone = left[0] if len(left) == 1 else str(len(left)).translate(_SUPERSCRIPT)
                cell = [(alone if value is None else str(value)).rjust(len(symbols[-1]))]
            contents[-1].append(cell)
            kinds[-1].append([kind * len(line) for line in cell])
    lines = zip(drawn(contents, puzzle.regions).split("\n"), drawn(kinds, puzzle.regions).split("\n"), strict=True)
    text = Text()
    for content, line in lines:
        for kind, run in groupby(zip(line, content.ljust(len(line)), strict=True), key=lambda pair: pair[0]):
            text.append("".join(character for _, character in run), _STYLES.get(kind, "dim"))
        text.append("\n")
    text.rstrip()
    return text
