"""The `pattern` keyword: which strings contain a match.

The specification leaves patterns to ECMA-262; validators written in Python use `re`. The two differ in what
`\\d \\w \\s \\b . $` mean, and in which patterns they can read. A pattern that only one can read is left to that one.
"""

from __future__ import annotations

import re
from functools import lru_cache

from constrain.automaton import Automaton
from constrain.errors import SpecError, UnsupportedError
from constrain.json_text import canonical
from constrain.regex import Node, Search, parse
from constrain.regex_tree import Alternate, Anchor, Chars, Concat, Look, Repeat

__all__ = ["pattern_content", "pattern_contents"]

_PAIR = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
"""An escaped surrogate pair, one character to ECMA-262. To `re` it is two, which are in no text at all."""


@lru_cache(maxsize=256)
def pattern_content(pattern: str) -> Automaton:
    """The content (without quotes, canonically spelled) of the strings in which ECMA-262 and `re` both find a match.

    Raises `SpecError` where neither can read the pattern, `UnsupportedError` where it is no regular language, and
    `LimitError` where it is too large.
    """
    ecma, python = _readers(pattern)
    if _implies(ecma, python):
        return _search(ecma).everywhere()
    return _search(ecma, python).everywhere()


@lru_cache(maxsize=256)
def pattern_contents(pattern: str) -> tuple[Automaton, Automaton]:
    """The contents in which both readers find a match, and those in which neither does; raises like `pattern_content`.

    The two are disjoint. Together they are all contents about which the readers agree.
    """
    ecma, python = _readers(pattern)
    if _implies(ecma, python):
        return pattern_content(pattern), _search(python).nowhere()
    search = _search(ecma, python)
    return search.everywhere(), search.nowhere()


@lru_cache(maxsize=32)
def _search(*nodes: Node) -> Search:
    return Search.of(nodes, canonical)


def _readers(pattern: str) -> tuple[Node, Node]:
    """The pattern as ECMA-262 and as Python reads it."""
    try:
        ecma = parse(pattern, dialect="ecma")
    except UnsupportedError:
        raise
    except SpecError as error:
        try:
            python = parse(pattern)
        except UnsupportedError:
            raise
        except SpecError:
            raise error from None
        return python, python
    if _PAIR.search(pattern):
        return ecma, ecma
    try:
        return ecma, parse(pattern)
    except SpecError:
        return ecma, ecma


def _implies(found: Node, other: Node) -> bool:
    """Is `other` found wherever `found` is, because it has the same shape and each part of it allows more?"""
    if found == other:
        return True
    match found, other:
        case Chars(points), Chars(more):
            return not points - more
        case (Concat(parts), Concat(others)) | (Alternate(parts), Alternate(others)):
            return len(parts) == len(others) and all(map(_implies, parts, others))
        case Repeat(part, low, high), Repeat(other_part, other_low, other_high):
            return (low, high) == (other_low, other_high) and _implies(part, other_part)
        case Look(part, ahead, negative), Look(other_part, other_ahead, other_negative):
            same = (ahead, negative) == (other_ahead, other_negative)
            return same and (_implies(other_part, part) if negative else _implies(part, other_part))
        case _:
            return (found, other) == (Anchor.END, Anchor.LAST_LINE_END)
