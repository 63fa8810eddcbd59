"""The code point sets that regular expressions name: `\\d \\w \\s` of Python and of ECMA-262, Unicode general
categories, and the case partners of a set.

Everything derived from the Unicode tables is computed on first use and kept; each table takes 20 to 200 ms.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from functools import cache, lru_cache
from itertools import pairwise

import numpy as np

from constrain.codepoints import CodePoints

__all__ = ["all_text", "ecma_shorthand", "general_category", "ignore_case", "python_shorthand"]

_LETTERS = CodePoints.range("A", "Z") | CodePoints.range("a", "z")
_ASCII = {
    "d": CodePoints.range("0", "9"),
    "w": _LETTERS | CodePoints.range("0", "9") | CodePoints.of("_"),
    "s": CodePoints.of(" \t\n\r\f\v"),
}

# PropertyValueAliases.txt, property gc: names that ECMA-262 accepts besides the short ones.
_CATEGORY_NAMES = {
    "Other": "C", "Control": "Cc", "cntrl": "Cc", "Format": "Cf", "Unassigned": "Cn", "Private_Use": "Co",
    "Surrogate": "Cs", "Letter": "L", "Cased_Letter": "LC", "Lowercase_Letter": "Ll", "Modifier_Letter": "Lm",
    "Other_Letter": "Lo", "Titlecase_Letter": "Lt", "Uppercase_Letter": "Lu", "Mark": "M", "Combining_Mark": "M",
    "Spacing_Mark": "Mc", "Enclosing_Mark": "Me", "Nonspacing_Mark": "Mn", "Number": "N", "Decimal_Number": "Nd",
    "digit": "Nd", "Letter_Number": "Nl", "Other_Number": "No", "Punctuation": "P", "punct": "P",
    "Connector_Punctuation": "Pc", "Dash_Punctuation": "Pd", "Close_Punctuation": "Pe", "Final_Punctuation": "Pf",
    "Initial_Punctuation": "Pi", "Other_Punctuation": "Po", "Open_Punctuation": "Ps", "Symbol": "S",
    "Currency_Symbol": "Sc", "Modifier_Symbol": "Sk", "Math_Symbol": "Sm", "Other_Symbol": "So", "Separator": "Z",
    "Line_Separator": "Zl", "Paragraph_Separator": "Zp", "Space_Separator": "Zs",
}  # fmt: skip


def all_text() -> str:
    """Every code point in order, surrogates included, so that an index is a code point."""
    return np.arange(0x110000, dtype="<u4").tobytes().decode("utf-32-le", "surrogatepass")


@cache
def python_shorthand(letter: str, *, ascii_only: bool = False) -> CodePoints:
    """What `\\d`, `\\w` or `\\s` (`letter` d, w or s) matches in a `str` pattern of Python's `re`.

    In Unicode mode that is `str.isdecimal`, `str.isalnum` or `_`, and `str.isspace`; `re` itself is asked.
    """
    if ascii_only:
        return _ASCII[letter]
    runs = re.finditer(rf"\{letter}+", all_text())
    return CodePoints.of_ranges((run.start(), run.end() - 1) for run in runs)


@cache
def ecma_shorthand(letter: str) -> CodePoints:
    """What `\\d`, `\\w` or `\\s` matches in ECMA-262: digits and word characters are ASCII, white space is not."""
    if letter != "s":
        return _ASCII[letter]
    spaces = "".join(chr(point) for low, high in python_shorthand("s").ranges for point in range(low, high + 1))
    separators = "".join(char for char in spaces if unicodedata.category(char) == "Zs")
    return CodePoints.of("\t\n\v\f\r\u2028\u2029\ufeff" + separators)


def general_category(name: str) -> CodePoints | None:
    """The code points of a general category, or of a group of them, by short or long name; None if it is neither."""
    short = _CATEGORY_NAMES.get(name, name)
    if short not in _CATEGORY_NAMES.values():
        return None
    kinds = ("Ll", "Lt", "Lu") if short == "LC" else (short,)
    return CodePoints.of_ranges(
        pair for kind, points in _categories().items() if kind.startswith(kinds) for pair in points.ranges
    )


@cache
def _categories() -> dict[str, CodePoints]:
    kinds = "".join(map(unicodedata.category, all_text())).encode()
    pairs = np.frombuffer(kinds, "<u2")
    starts = [0, *(np.flatnonzero(pairs[1:] != pairs[:-1]) + 1).tolist(), len(pairs)]
    ranges: dict[str, list[tuple[int, int]]] = {}
    for start, end in pairwise(starts):
        ranges.setdefault(kinds[2 * start : 2 * start + 2].decode(), []).append((start, end - 1))
    return {kind: CodePoints.of_ranges(found) for kind, found in ranges.items()}


@lru_cache(maxsize=1024)
def ignore_case(points: CodePoints, *, ascii_only: bool = False) -> CodePoints:
    """`points` and all their case partners: what Python's `re` matches for them under IGNORECASE.

    c and d are partners when upper(first(lower(c))) = upper(first(lower(d))); `first` matters for U+0130 only, whose
    lower case is two characters. In ASCII mode only a-z and A-Z have partners.
    """
    chars, groups = _ascii_partners() if ascii_only else _unicode_partners()
    found = (groups[bisect_left(chars, lo) : bisect_right(chars, hi)] for lo, hi in points.ranges)
    return points | CodePoints.of("".join(group for some in found for group in some))


@cache
def _ascii_partners() -> tuple[list[int], list[str]]:
    """The code points that have a case, ascending, and beside them their partners."""
    chars = [chr(point) for lo, hi in _LETTERS.ranges for point in range(lo, hi + 1)]
    return [ord(char) for char in chars], [char.swapcase() for char in chars]


@cache
def _unicode_partners() -> tuple[list[int], list[str]]:
    text = all_text()
    blocks = (text[start : start + 256] for start in range(0, len(text), 256))  # most have no case at all
    candidates = "".join(block for block in blocks if block.lower() != block or block.upper() != block)
    cased = [char for char in candidates if char.lower() != char or char.upper() != char]
    groups: dict[str, str] = {}
    for char in cased:
        key = _folded(char)
        groups[key] = groups.get(key, "") + char
    return [ord(char) for char in cased], [groups[_folded(char)] for char in cased]


def _folded(char: str) -> str:
    return char.lower()[0].upper()
