"""Regular expression patterns as languages; the meaning half of the regex front end.

Anchors are compiled away exactly. Every part of a pattern is split by what it demands of the text around it, into
`{(before, after): anchor-free tree}`; concatenation then settles the demands that neighbours can settle, e.g.
`a^b` demands that `a` be empty and so denotes nothing, and `(?:^|,)b` keeps one alternative of each kind.

Case-insensitive matching treats a character in a class as it treats the character alone. CPython does too, except
that it never matches a capital beyond U+FFFF (Deseret and the like) listed singly in a class of several.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import IntEnum
from functools import cache, reduce
from itertools import groupby
from math import inf
from typing import Literal, TypeAlias

from constrain import expression
from constrain.codepoints import CodePoints, utf8
from constrain.errors import LimitError
from constrain.expression import Expression
from constrain.regex_parser import Dialect, parse
from constrain.regex_tree import EMPTY, NOTHING, Alternate, Anchor, Chars, Concat, Node, Repeat

__all__ = ["Dialect", "Node", "parse", "search_expression", "to_expression"]

# How many nodes anchors may make of a pattern: so many for each node, or so many altogether. Patterns in use: below 5.
MAX_GROWTH = 20
FREE_GROWTH = 1_000
MAX_DEPTH = 300  # of those nodes; Python's recursion limit is 1000


class _Outside(IntEnum):
    """What the text before or after a match must be. Each demand implies the larger ones, so `min` is conjunction."""

    EMPTY = 0
    LINE_FEED = 1  # empty or one line feed; only ever demanded of the text after
    ANY = 2


_Split: TypeAlias = dict[tuple[_Outside, _Outside], Node]

_FREE = (_Outside.ANY, _Outside.ANY)
_ANYTHING = Repeat(Chars(CodePoints.ANY), 0, None)
_LINE_FEED = Chars(CodePoints.of("\n"))


def to_expression(node: Node, encode: Callable[[CodePoints], Expression] = utf8) -> Expression:
    """The strings that `re.fullmatch` accepts, each code point set of the tree being spelled by `encode`.

    Strings with surrogates are outside the language. Raises `LimitError` when anchors inside nested repetitions
    multiply beyond reason.
    """
    matches = _alternate(_split(node).values())  # nothing surrounds a full match, so every demand is met
    return _spell(matches, cache(encode))


def search_expression(node: Node, encode: Callable[[CodePoints], Expression] = utf8) -> Expression:
    """The strings in which `re.search` finds a match: what an unanchored `pattern` of JSON Schema accepts.

    Where the pattern is anchored nothing is added, so `^...$` costs what `to_expression` costs. Where it is not, only
    what a shortest match needs is kept at that end: `\\w{1,500}` is found wherever `\\w` is.
    """
    found: list[Node] = []
    for (before, after), core in _split(node).items():
        prefix: Node = EMPTY
        suffix: Node = EMPTY
        if before == _Outside.ANY:
            prefix, core = _ANYTHING, _needed(core, last=False)
        if after == _Outside.ANY:
            suffix, core = _ANYTHING, _needed(core, last=True)
        elif after == _Outside.LINE_FEED:
            suffix = Alternate((EMPTY, _LINE_FEED))
        found.append(_concat(prefix, core, suffix))
    return _spell(_alternate(found), cache(encode))


def _spell(node: Node, encode: Callable[[CodePoints], Expression]) -> Expression:
    """The anchor-free tree `node` over code points, as an expression over bytes."""
    assert not isinstance(node, Anchor)
    match node:
        case Chars(points):
            return encode(points)
        case Concat(parts):
            return expression.concat(*(_spell(part, encode) for part in parts))
        case Alternate(branches):
            return expression.union(*(_spell(branch, encode) for branch in branches))
        case Repeat(part, low, high):
            return expression.repeat(_spell(part, encode), low, high)


def _needed(node: Node, *, last: bool) -> Node:
    """A smaller L with L ANY* = `node` ANY* (if `last`; ANY* L = ANY* `node` otherwise)."""
    if _matches(node, ""):
        return EMPTY
    match node:
        case Concat(parts):
            kept = list(parts)
            end = -1 if last else 0
            while _matches(kept[end], ""):
                kept.pop(end)
            kept[end] = _needed(kept[end], last=last)
            return _concat(*kept)
        case Alternate(branches):
            return _alternate(_needed(branch, last=last) for branch in branches)
        case Repeat(part, low, _):
            others, one = _repeat(part, low - 1, low - 1), _needed(part, last=last)
            return _concat(others, one) if last else _concat(one, others)
        case _:
            return node


def _split(node: Node) -> _Split:
    match node:
        case Anchor.START:
            return {(_Outside.EMPTY, _Outside.ANY): EMPTY}
        case Anchor.END:
            return {(_Outside.ANY, _Outside.EMPTY): EMPTY}
        case Anchor.LAST_LINE_END:
            return {(_Outside.ANY, _Outside.LINE_FEED): EMPTY}
        case Chars():
            return {_FREE: node}
        case Concat(parts):
            return _join((_split(part) for part in parts), _growth_limit(node))
        case Alternate(branches):
            return _either(_split(branch) for branch in branches)
        case Repeat(part, low, high):
            return _measured(_times(_split(part), low, high), _growth_limit(node))


def _either(splits: Iterable[_Split]) -> _Split:
    """Union, demand by demand."""
    branches: dict[tuple[_Outside, _Outside], list[Node]] = {}
    for split in splits:
        for demands, node in split.items():
            branches.setdefault(demands, []).append(node)
    return {demands: _alternate(nodes) for demands, nodes in branches.items()}


def _join(splits: Iterable[_Split], limit: float = inf) -> _Split:
    """Concatenation. Runs of parts that demand nothing are joined first, so that plain text costs one step."""
    joined: _Split = {_FREE: EMPTY}
    for plain, run in groupby(splits, key=lambda split: split.keys() == {_FREE}):
        if plain:
            joined = _then(joined, {_FREE: _concat(*(split[_FREE] for split in run))})
        else:
            joined = reduce(lambda first, second: _measured(_then(first, second), limit), run, joined)
    return joined


def _then(first: _Split, second: _Split) -> _Split:
    """xy for x in `first` and y in `second`, where x is text before y and y is text after x."""
    joined: list[_Split] = []
    for (before, x_demands), x in first.items():
        for (y_demands, after), y in second.items():
            left = [(before, x)] if y_demands == _Outside.ANY else [(_Outside.EMPTY, EMPTY)] if _matches(x, "") else []
            if x_demands == _Outside.ANY:
                right = [(after, y)]
            else:
                right = [(min(x_demands, after), EMPTY)] if _matches(y, "") else []
                if x_demands == _Outside.LINE_FEED and _matches(y, "\n"):
                    right.append((_Outside.EMPTY, _LINE_FEED))
            joined += [{(start, end): _concat(u, v)} for start, u in left for end, v in right]
    return _either(joined)


def _times(part: _Split, low: int, high: int | None) -> _Split:
    """Repetition.

    Of the copies that are not empty, only the first can have empty text before it, and only the last can have empty
    text after it; a line feed alone can follow the last but one. So they spell, with `free` for the words of `part`
    that demand nothing and the others grouped by what they demand,

        (empty | before)  free*  (empty | after | after "\\n")    or    both (empty | "\\n")

    An empty copy can be left out, and its demands with it, unless `low` needs it. Then any number of copies comes from
    one place: if it demands emptiness before it stands first, else it may as well stand last.
    """
    free = part.get(_FREE, NOTHING)
    if part.keys() <= {_FREE}:
        return {_FREE: _repeat(free, low, high)}
    empty: _Split = {_FREE: EMPTY}
    line_feed: _Split = {demands: _LINE_FEED for demands, node in part.items() if _matches(node, "\n")}
    before: _Split = {(b, a): node for (b, a), node in part.items() if b != _Outside.ANY == a}
    after: _Split = {(b, a): node for (b, a), node in part.items() if b == _Outside.ANY != a}
    both: _Split = {(b, a): node for (b, a), node in part.items() if b != _Outside.ANY != a}
    heads = [empty, before]  # by number of copies
    tails = [empty, after, _then(after, line_feed)]

    def copies(low: int, high: int | None) -> _Split:
        if (low, high) == (0, None):
            options = [_join([_either(heads), {_FREE: _repeat(free, 0, None)}, _either(tails)])]
        else:
            options = [
                _join([head, {_FREE: _repeat(free, max(low - h - t, 0), None if high is None else high - h - t)}, tail])
                for h, head in enumerate(heads)
                for t, tail in enumerate(tails)
                if high is None or h + t <= high
            ]
        pairs = enumerate([both, _then(both, line_feed)], start=1)
        options += [pair for count, pair in pairs if low <= count and (high is None or count <= high)]
        return _either(options)

    options = [copies(low, high)]
    if low > 0:
        fewer = copies(0, None if high is None else high - 1)
        for demands, node in part.items():
            if _matches(node, ""):
                first = demands[0] == _Outside.EMPTY
                options.append(_then({demands: EMPTY}, fewer) if first else _then(fewer, {demands: EMPTY}))
    return _either(options)


def _measured(split: _Split, max_size: float) -> _Split:
    """`split` itself, unless anchors have made its trees too large or too deep."""
    if split.keys() <= {_FREE}:
        return split
    sizes, depths = zip(*map(_extent, split.values()), strict=True)
    for given, limit in ((sum(sizes), max_size), (max(depths), MAX_DEPTH)):
        if given > limit:
            raise LimitError(
                "anchors inside repeated or many consecutive groups multiply too far",
                limit=int(limit),
                given=given,
                hint="move ^ and $ to the ends of the pattern",
            )
    return split


def _growth_limit(node: Node) -> int:
    return max(FREE_GROWTH, MAX_GROWTH * _extent(node)[0])


def _extent(node: Node) -> tuple[int, int]:
    """How many nodes the tree has, and on its longest path."""
    match node:
        case Concat(parts) | Alternate(parts):
            below = [_extent(part) for part in parts]
            return 1 + sum(size for size, _ in below), 1 + max((depth for _, depth in below), default=0)
        case Repeat(part, _, _):
            size, depth = _extent(part)
            return 1 + size, 1 + depth
        case _:
            return 1, 1


def _matches(node: Node, text: Literal["", "\n"]) -> bool:
    """Is `text` in the language of this anchor-free tree?"""
    assert not isinstance(node, Anchor)
    match node:
        case Chars(points):
            return bool(text) and text in points
        case Concat(parts):
            if text:
                filled = [part for part in parts if not _matches(part, "")]
                return len(filled) <= 1 and any(_matches(part, text) for part in filled or parts)
            return all(_matches(part, "") for part in parts)
        case Alternate(branches):
            return any(_matches(branch, text) for branch in branches)
        case Repeat(part, low, high):
            if text:
                return high != 0 and _matches(part, text) and (low <= 1 or _matches(part, ""))
            return low == 0 or _matches(part, "")


def _concat(*parts: Node) -> Node:
    flat = [piece for part in parts for piece in (part.parts if isinstance(part, Concat) else (part,))]
    return flat[0] if len(flat) == 1 else NOTHING if NOTHING in flat else Concat(tuple(flat))


def _alternate(branches: Iterable[Node]) -> Node:
    flat = [piece for node in branches for piece in (node.branches if isinstance(node, Alternate) else (node,))]
    distinct = tuple(dict.fromkeys(flat))
    return distinct[0] if len(distinct) == 1 else Alternate(distinct)


def _repeat(part: Node, low: int, high: int | None) -> Node:
    if high == 0 or part == EMPTY or (part == NOTHING and low == 0):
        return EMPTY
    return part if part == NOTHING or (low, high) == (1, 1) else Repeat(part, low, high)
