"""Reads square grids of numbers as people write them: text in many layouts, or lists of rows."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from numbers import Integral
from typing import Any, TypeAlias

from constrain.errors import SpecError

__all__ = ["Cells", "Grid", "read_grid", "read_regions"]

Grid: TypeAlias = "str | Sequence[Sequence[Any]]"
"""Text, lines of text, or rows of numbers, texts of a number, and None."""

Cells: TypeAlias = "tuple[tuple[int | None, ...], ...]"
"""Row by row, None for a blank."""

Symbol: TypeAlias = "tuple[str, int]"
"""What stands in a cell, and where it stands in the text."""

_BLANKS = ".0_*-?xX"
_RULE = re.compile(r"(?=.*[-+=|\u2500-\u257f])[-+=|\s\u2500-\u257f]*")
_APART = re.compile(r"[^\s,|\u2500-\u257f]+")
_ALONE = re.compile(r"[^\s,|\u2500-\u257f]")
_SPACED = re.compile(r"[^,|\u2500-\u257f]")
_LETTERED = range(10, 33)  # beyond, x would be a letter


def read_grid(grid: Grid, sizes: Collection[int]) -> Cells:
    """The cells of a grid whose size is one of `sizes`.

    Text is read in every way there is: characters or words as cells, spaces as cells or between them, lines of nothing
    but dashes and bars as lines or as rows of blanks. Exactly one grid may result. Raises `SpecError` with the place
    of what is wrong.
    """
    if isinstance(grid, str):
        return _from_text(grid, sizes)
    if not _is_sequence(grid) or not all(isinstance(line, str) or _is_sequence(line) for line in grid):
        raise SpecError(f"{grid!r} is no grid", hint="give text, or a list of rows")
    lines = [line for line in grid if isinstance(line, str)]
    if lines and len(lines) == len(grid):
        return _from_text("\n".join(lines), sizes)
    size = len(grid)
    if size not in sizes:
        raise SpecError(f"the grid has {size} rows", hint=_hint(sizes))
    for row, line in enumerate(grid, 1):
        if len(line) != size:
            raise SpecError(f"row {row} has {len(line)} cells, not {size}", keyword=f"row {row}")
    return tuple(
        tuple(_entry(entry, size, row, column) for column, entry in enumerate(line, 1))
        for row, line in enumerate(grid, 1)
    )


def read_regions(regions: str | Sequence[Sequence[Any]]) -> list[list[str]]:
    """A square grid of labels, each as often as there are rows: text, or rows of anything that has a `str`."""
    if isinstance(regions, str):
        text = "".join(regions.split())
        size = round(len(text) ** 0.5)
        rows = [list(text[begin : begin + size]) for begin in range(0, len(text), size or 1)]
    else:
        if not isinstance(regions, Iterable) or not all(isinstance(line, Iterable) for line in regions):
            raise SpecError(f"{regions!r} are no regions", keyword="regions", hint="give text, or a list of rows")
        rows = [[str(label) for label in line] for line in regions]
    if not rows or any(len(line) != len(rows) for line in rows):
        raise SpecError(
            f"the regions have rows of {', '.join(str(len(line)) for line in rows) or 'no'} labels, which is no square",
            keyword="regions",
            hint="give a label for every cell of the grid",
        )
    labels = [label for line in rows for label in line]
    for label in dict.fromkeys(labels):
        if labels.count(label) != len(rows):
            raise SpecError(f"region {label} has {labels.count(label)} cells, not {len(rows)}", keyword="regions")
    return rows


def _from_text(text: str, sizes: Collection[int]) -> Cells:
    shaped = [rows for reading in _readings(text) if (rows := _square(reading, sizes)) is not None]
    if not shaped:
        raise _misshapen(text, sizes)
    found: dict[Cells, None] = {}
    faults: list[SpecError] = []
    for rows in shaped:
        try:
            found[_numbers(rows, text)] = None
        except SpecError as fault:
            faults.append(fault)
    if not found:
        raise faults[0]
    if len(found) > 1:
        raise SpecError(
            f"the text can be read as {len(found)} different grids",
            source=text,
            position=0,
            hint="write blanks as dots",
        )
    return next(iter(found))


def _readings(text: str) -> Iterator[list[list[Symbol]]]:
    """The rows of symbols that the text may mean, the most likely first."""
    lines: list[tuple[str, int]] = []
    begin = 0
    for line in text.split("\n"):
        lines.append((line.rstrip("\r"), begin))
        begin += len(line) + 1
    without_rules = [line for line in lines if not _RULE.fullmatch(line[0])]
    for kept in (without_rules, lines) if len(without_rules) < len(lines) else (lines,):
        for pattern in (_APART, _ALONE):
            rows = [[(each[0], begin + each.start()) for each in pattern.finditer(line)] for line, begin in kept]
            yield [row for row in rows if row]
        inner = list(kept)
        while inner and not inner[-1][0].strip() and len(inner) > 1:
            inner.pop()
        while inner and not inner[0][0] and len(inner) > 1:
            inner.pop(0)
        rows = [[(each[0], begin + each.start()) for each in _SPACED.finditer(line)] for line, begin in inner]
        signs = {sign for row in rows for sign, _ in row}
        if " " in signs and signs.isdisjoint(_BLANKS):
            yield [row + [(" ", 0)] * (len(rows) - len(row)) for row in rows]


def _square(rows: list[list[Symbol]], sizes: Collection[int]) -> list[list[Symbol]] | None:
    """The rows, if they are as many as each has symbols, or only one has all of them."""
    for size in sizes:
        if len(rows) == 1 and len(rows[0]) == size * size:
            return [rows[0][begin : begin + size] for begin in range(0, size * size, size)]
        if len(rows) == size and all(len(row) == size for row in rows):
            return rows
    return None


def _misshapen(text: str, sizes: Collection[int]) -> SpecError:
    apart, alone, *_ = _readings(text)
    rows = apart if all(len(row) > 1 for row in apart) else alone
    if len(rows) < 2:
        rows = rows or [[]]
        message, position = f"the grid has {len(rows[0])} cells", len(text)
    else:
        lengths = [len(row) for row in rows]
        usual = max(lengths, key=lengths.count)
        odd = next((row for row in rows if len(row) != usual), None)
        if odd is None:
            message, position = f"the grid has {len(rows)} rows of {usual} cells", 0
        else:
            message, position = f"this row has {len(odd)} cells, others have {usual}", odd[0][1]
    return SpecError(message, source=text, position=position, hint=_hint(sizes))


def _numbers(rows: list[list[Symbol]], text: str) -> Cells:
    size = len(rows)
    symbols = {symbol for row in rows for symbol, _ in row}
    if size > 9 and "0" in symbols and not symbols.isdisjoint(_BLANKS.replace("0", "")) and "10" not in symbols:
        place = next(place for row in rows for symbol, place in row if symbol == "0")
        raise SpecError(
            "0 beside another sign for blanks could be a blank or a hexadecimal digit",
            source=text,
            position=place,
            hint=f"write blanks in one way, and the numbers from 1 to {size}, with letters from A for 10",
        )
    numbers = []
    for row in rows:
        numbers.append([_number(symbol, size) for symbol, _ in row])
        for (symbol, place), value in zip(row, numbers[-1], strict=True):
            if value is None:
                raise SpecError(
                    f"{symbol!r} is no symbol of a grid of this size", source=text, position=place, hint=_symbols(size)
                )
    return tuple(tuple(value or None for value in row) for row in numbers)


def _number(symbol: str, size: int) -> int | None:
    """0 for a blank; None for what is no symbol."""
    if symbol.isascii() and symbol.isdecimal():
        return int(symbol) if int(symbol) <= size else None
    if symbol == " " or (symbol[0] in _BLANKS and symbol == symbol[0] * len(symbol)):
        return 0
    if size in _LETTERED and len(symbol) == 1 and symbol.isascii() and symbol.isalpha():
        value = ord(symbol.upper()) - ord("A") + 10
        return value if value <= size else None
    return None


def _entry(entry: Any, size: int, row: int, column: int) -> int | None:
    if entry is None or entry == "":
        return None
    number = None
    if isinstance(entry, str):
        number = _number(entry.strip() or " ", size)
    elif isinstance(entry, Integral) and not isinstance(entry, bool) and 0 <= int(entry) <= size:
        number = int(entry)
    if number is None:
        raise SpecError(
            f"{entry!r}, in row {row}, column {column}, is no symbol of a grid of this size",
            keyword=f"r{row}c{column}",
            hint=_symbols(size),
        )
    return number or None


def _is_sequence(value: Any) -> bool:
    return not isinstance(value, str | bytes | Mapping) and hasattr(value, "__len__") and hasattr(value, "__getitem__")


def _symbols(size: int) -> str:
    letters = ", or letters from A for 10" if size in _LETTERED else ""
    return f"the numbers 1 to {size}{letters}; blanks are . 0 _ * - ? x"


def _hint(sizes: Collection[int]) -> str:
    known = [f"{size}x{size}" for size in sizes]
    listed = known[0] if len(known) == 1 else f"{', '.join(known[:-1])} or {known[-1]}"
    return f"{listed} cells are needed, in one line or a line per row; box= and regions= make other sizes"
