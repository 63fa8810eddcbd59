"""The texts of a terminal, as Lark's complete dynamic lexer finds them.

It takes what `re.match` prefers, of the rest of the text and then of everything shorter, so these are the texts that
`re.match` takes to their end (`first_match`). Assertions mean something by themselves only where they see no more than
the terminal's own text; what looks further around is none of this. One thing does and is common: look-aheads at the
start, which except keywords as in `(?!(if|else)\\b)[a-z]+`. They depend on what follows only if it begins with certain
bytes; as long as none of these can follow, the terminal is again a language.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from constrain.automaton import Automaton
from constrain.codepoints import CodePoints
from constrain.first_match import first_matches
from constrain.regex import to_expression
from constrain.regex_tree import EMPTY, Alternate, Anchor, Chars, Concat, Look, Node, Repeat, widths

__all__ = ["Lexemes", "lexemes"]

_ANYTHING = Repeat(Chars(CodePoints.ANY), 0, None)


@dataclass(frozen=True)
class Lexemes:
    """The texts of a terminal, where none of the bytes `excluded` follows."""

    automaton: Automaton
    excluded: frozenset[int]


@lru_cache(maxsize=1024)
def lexemes(node: Node) -> Lexemes | None:
    """The texts of a terminal; None where what stands around a text decides if it is one.

    Look-aheads that come first, as they do to except keywords, may see what follows where its first byte settles them.
    """
    conditions, rest = _split(node)
    parts = [condition.part for condition in conditions]
    if _sees(rest, 0, ahead=True) or any(_sees(part, 0, ahead=False) for part in (rest, *parts)):
        return None
    automaton = first_matches(rest)
    if not conditions:
        return Lexemes(automaton, frozenset())
    held = to_expression(Concat((*conditions, _ANYTHING)))
    return Lexemes(automaton & held, _unsettling(automaton, held))


def _split(node: Node) -> tuple[list[Look], Node]:
    """The look-aheads at the very start, and the rest."""
    if isinstance(node, Look) and node.ahead:
        return [node], EMPTY
    if not isinstance(node, Concat) or not node.parts:
        return [], node
    first, *others = node.parts
    conditions, rest = _split(first)
    if rest == EMPTY:
        more, rest = _split(Concat(tuple(others)))
        return conditions + more, rest
    return conditions, Concat((rest, *others))


def _unsettling(texts: Automaton, held: Automaton) -> frozenset[int]:
    """The bytes behind some of the texts with which a longer text may be in `held` if the text is not, or the reverse;
    `held` is about all that follows the start of the text.
    """
    anything = to_expression(_ANYTHING)
    ends = np.flatnonzero(held.accepting).tolist()
    whole = {
        state for state in ends if Automaton.from_table(held.table, held.byte_class, held.accepting, state) == anything
    }
    found: set[int] = set()
    pairs = {(0, 0): None}
    queue = [(0, 0)]
    for text, condition in queue:
        row = held.rows[condition]
        if texts.accepting[text] and held.accepting[condition]:
            found |= (
                {byte for byte, target in enumerate(row) if target not in whole} if condition not in whole else set()
            )
        elif texts.accepting[text]:
            found |= {byte for byte, target in enumerate(row) if target >= 0}
        for byte, target in enumerate(texts.rows[text]):
            if target >= 0 and row[byte] >= 0 and (target, row[byte]) not in pairs:
                pairs[target, row[byte]] = None
                queue.append((target, row[byte]))
    return frozenset(found)


def _sees(node: Node, room: int, *, ahead: bool) -> bool:
    """Whether an assertion may depend on what follows the text (`ahead`) or precedes it, where at least `room` more
    characters of the text stand on that side of the node.
    """
    match node:
        case Anchor():
            return True
        case Look(part):
            return (node.ahead == ahead and widths(part)[1] > room) or _asserts(part)
        case Alternate(parts):
            return any(_sees(part, room, ahead=ahead) for part in parts)
        case Repeat(part):
            return _sees(part, room, ahead=ahead)
        case Concat(parts):
            for part in reversed(parts) if ahead else parts:
                if _sees(part, room, ahead=ahead):
                    return True
                room += widths(part)[0]
    return False


def _asserts(node: Node) -> bool:
    match node:
        case Alternate(parts) | Concat(parts):
            return any(map(_asserts, parts))
        case Repeat(part):
            return _asserts(part)
        case Chars():
            return False
    return True
