"""The `pattern` keyword: which strings contain a match.

The specification leaves patterns to ECMA-262; validators written in Python use `re`. The two differ in what
`\\d \\w \\s \\b . $` mean, and in which patterns they can read. A pattern that only one can read is left to that one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final, TypeAlias

from constrain.automaton import Automaton
from constrain.errors import LimitError, SpecError, UnsupportedError
from constrain.json_text import canonical, canonical_text
from constrain.regex import Node, Search, parse
from constrain.regex_program import search_size
from constrain.regex_source import compiled
from constrain.regex_tree import Alternate, Anchor, Chars, Concat, Look, Repeat

__all__ = ["finds", "is_loose", "pattern_content", "unmatched_content"]

MAX_COUNTED: Final = 4_096
"""Characters of a pattern, with its counts written out, from which on large counts are left open."""

MAX_COUNTS: Final = (64, 4)
"""Counts above these are left open where the pattern as it stands is too large: in the first place, and in the last."""

_PAIR = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
"""An escaped surrogate pair, one character to ECMA-262. To `re` it is two, which are in no text at all."""

_Readers: TypeAlias = "tuple[Node, Node]"
"""The pattern as ECMA-262 and as Python reads it."""


@dataclass(frozen=True, eq=False)
class _Language:
    """What the automata of a pattern say, from what both `readers` read (or something looser), and `finders` of it in
    both readings if that is not all.
    """

    readers: _Readers
    finders: tuple[re.Pattern[str], re.Pattern[str]] | None

    @cached_property
    def matched(self) -> Automaton:
        ecma, python = self.readers
        return (_search(ecma) if _implies(ecma, python) else _search(ecma, python)).everywhere()

    @cached_property
    def unmatched(self) -> Automaton:
        ecma, python = self.readers
        return (_search(python) if _implies(ecma, python) else _search(ecma, python)).nowhere()


def pattern_content(pattern: str) -> Automaton:
    """The content (without quotes, canonically spelled) of the strings in which ECMA-262 and `re` both find a match;
    of more strings if the pattern `is_loose`.

    Raises `SpecError` where neither can read the pattern, `UnsupportedError` where it is no regular language, and
    `LimitError` where it is too large.
    """
    return _language(pattern).matched


def unmatched_content(pattern: str) -> Automaton:
    """The content of the strings in which neither of them finds a match; raises like `pattern_content`.

    Together with `pattern_content` these are all contents about which the two agree. If the pattern `is_loose` these
    are fewer strings.
    """
    return _language(pattern).unmatched


def is_loose(pattern: str) -> bool:
    """Whether the automata leave counts of the pattern open, which `finds` does not."""
    return _language(pattern).finders is not None


def finds(pattern: str, text: str) -> tuple[bool, bool]:
    """Whether ECMA-262 and whether `re` finds a match in a text without lone surrogates."""
    language = _language(pattern)
    if language.finders is not None:
        ecma, python = (finder.search(text) is not None for finder in language.finders)
        return ecma, python
    content = canonical_text(text)[1:-1]
    if language.matched.accepts(content):
        return True, True
    if language.unmatched.accepts(content):
        return False, False
    found = _search(_readers(pattern)[0]).everywhere().accepts(content)
    return found, not found


def _language(pattern: str) -> _Language:
    found = _attempt(pattern)
    if isinstance(found, LimitError):
        raise LimitError(found.message, limit=found.limit, given=found.given, hint=found.hint)
    return found


@lru_cache(maxsize=256)
def _attempt(pattern: str) -> _Language | LimitError:
    """The language; an error in size is remembered, since it takes long to find out."""
    readers = _readers(pattern)
    attempts = [_Language(readers, None)]
    looser = [each for each in (_loosened(readers, most) for most in MAX_COUNTS) if each != readers]
    if looser:
        ecma, python = map(compiled, readers)
        if ecma is not None and python is not None:
            attempts = [] if max(map(search_size, readers)) > MAX_COUNTED else attempts
            attempts += [_Language(each, (ecma, python)) for each in looser]
    failed: LimitError | None = None
    for language in attempts:
        try:
            language.matched  # noqa: B018 # it is known now, or known to be too large
        except LimitError as error:
            failed = failed or error
        else:
            return language
    assert failed is not None  # there is an attempt
    return failed


def _loosened(readers: _Readers, most: int) -> _Readers:
    ecma, python = (_open(node, most) for node in readers)
    return ecma, python


def _open(node: Node, most: int) -> Node:
    """What matches wherever `node` does, with no counts above `most`."""
    match node:
        case Concat(parts):
            return Concat(tuple(_open(part, most) for part in parts))
        case Alternate(branches):
            return Alternate(tuple(_open(branch, most) for branch in branches))
        case Repeat(part, low, high):
            is_large = max(low, high or 0) > most
            return Repeat(_open(part, most), min(low, most), None if is_large else high)
        case Look(part, ahead, False):
            return Look(_open(part, most), ahead)
        case _:
            return node


@lru_cache(maxsize=32)
def _search(*nodes: Node) -> Search:
    return Search.of(nodes, canonical)


@lru_cache(maxsize=256)
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
