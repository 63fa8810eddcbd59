"""Regular expression patterns as languages: parsing, and the two ways of matching, as a whole and anywhere.

Look-aheads, look-behinds, word boundaries and anchors are compiled away exactly, wherever they stand; see
`regex_goals` for how. Case-insensitive matching treats a character in a class as it treats the character alone.
CPython does too, except that it never matches a capital beyond U+FFFF (Deseret and the like) listed singly in a class
of several.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from constrain.automaton import Automaton
from constrain.codepoints import utf8
from constrain.regex_parser import Dialect, parse
from constrain.regex_program import Program
from constrain.regex_reading import Encode, Reading, read, spell
from constrain.regex_tree import Node

__all__ = ["Dialect", "Node", "Search", "parse", "to_expression"]


def to_expression(node: Node, encode: Encode = utf8) -> Automaton:
    """The strings that `re.fullmatch` accepts, each code point set of the tree being spelled by `encode`.

    `encode` gives a finite prefix code, in which different characters are spelled differently. Strings with surrogates
    are outside the language. Raises `LimitError` when the pattern needs too many states or steps.
    """
    program = Program()
    reading = read(program, [program.full(node)])
    return spell(reading, reading.accepting[:, 0], encode)


@dataclass(frozen=True)
class Search:
    """Several patterns searched for at once, in texts spelled by `encode`."""

    reading: Reading
    encode: Encode

    @classmethod
    def of(cls, nodes: Sequence[Node], encode: Encode = utf8) -> Search:
        program = Program()
        starts = [program.search(node) for node in nodes]
        return cls(read(program, starts), encode)

    def everywhere(self) -> Automaton:
        """The strings in which every pattern finds a match."""
        return spell(self.reading, np.all(self.reading.accepting, axis=1), self.encode)

    def nowhere(self) -> Automaton:
        """The strings in which no pattern finds a match."""
        return spell(self.reading, ~np.any(self.reading.accepting, axis=1), self.encode)
