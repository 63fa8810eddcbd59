"""Trees as patterns that Python's `re` reads: to look for a match where no automaton is small enough."""

from __future__ import annotations

import re

from constrain.codepoints import CodePoints
from constrain.regex_tree import Alternate, Anchor, Chars, Concat, Look, Node, Repeat

__all__ = ["compiled"]

_ANCHORS = {Anchor.START: r"\A", Anchor.END: r"\Z", Anchor.LAST_LINE_END: r"(?=\n?\Z)"}


def compiled(node: Node) -> re.Pattern[str] | None:
    """The pattern whose `search` finds a match of `node` wherever there is one.

    None where `re` cannot read it (look-behinds of several lengths) or could take exponential time: what is repeated an
    open number of times must be a sequence of characters, with no choice in it.
    """
    node = _merged(node)
    if not _is_tame(node):
        return None
    try:
        return re.compile(_source(node))
    except re.error:
        return None


def _merged(node: Node) -> Node:
    """The same with alternatives of one character each made one set."""
    match node:
        case Concat(parts):
            return Concat(tuple(map(_merged, parts)))
        case Alternate(branches):
            merged = tuple(map(_merged, branches))
            sets = [each.points for each in merged if isinstance(each, Chars)]
            if len(sets) == len(merged) and sets:
                return Chars(CodePoints.of_ranges(pair for points in sets for pair in points.ranges))
            return Alternate(merged)
        case Repeat(part, low, high):
            return Repeat(_merged(part), low, high)
        case Look(part, ahead, negative):
            return Look(_merged(part), ahead, negative)
        case _:
            return node


def _is_tame(node: Node, *, repeated: bool = False) -> bool:
    """Whether each open repetition repeats what is read in one way only."""
    match node:
        case Concat(parts):
            return all(_is_tame(part, repeated=repeated) for part in parts)
        case Alternate(branches):
            return not repeated and all(map(_is_tame, branches))
        case Repeat(part, low, high):
            is_choice = low != high
            is_loop = high is None or high > 1
            return not (repeated and is_choice) and _is_tame(part, repeated=repeated or is_loop)
        case Look(part, _, _):
            return _is_tame(part)
        case _:
            return True


def _source(node: Node) -> str:
    match node:
        case Chars(points):
            return f"[{''.join(map(_range, points.ranges))}]" if points else "(?!)"
        case Concat(parts):
            return "".join(map(_source, parts))
        case Alternate(branches):
            return f"(?:{'|'.join(map(_source, branches))})" if branches else "(?!)"
        case Repeat(part, low, high):
            return f"(?:{_source(part)}){{{low},{'' if high is None else high}}}"
        case Look(part, ahead, negative):
            return f"(?{'' if ahead else '<'}{'!' if negative else '='}{_source(part)})"
        case _:
            return _ANCHORS[node]


def _range(ends: tuple[int, int]) -> str:
    low, high = (f"\\U{point:08x}" for point in ends)
    return low if low == high else f"{low}-{high}"
