"""Coarser letters than bytes, for automata that cannot tell the difference: tokens have far fewer spellings in them.

Most automata take every character beyond ASCII alike. For them such a character is one letter, `CHARACTER`, however
many bytes it has; bytes of characters that a token has only a part of are one letter where UTF-8 treats them alike. A
trie of 131,072 tokens then has 166,480 nodes instead of 266,313, and above all few that are about other scripts than
Latin: text that nothing is asked of is walked through in a few letters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from constrain.automaton import Automaton
from constrain.trie import Trie

if TYPE_CHECKING:
    from constrain.vocabulary import Vocabulary

__all__ = ["CHARACTER", "Reading", "in_letters", "reading"]

CHARACTER: Final = 0xFF
"""The letter of a whole character beyond ASCII; no text has this byte."""

_INVALID: Final = 0xC0  # the letter of all bytes that no text has
_RANGES: Final = ((0x80, 0x8F), (0x90, 0x9F), (0xA0, 0xBF), (0xC2, 0xDF), (0xE1, 0xEC), (0xEE, 0xEF), (0xF1, 0xF3))
_CHARACTERS: Final = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]"
    rb"|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]"
    rb"|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}"
)


def _letters() -> NDArray[np.uint8]:
    letter = np.arange(256, dtype=np.uint8)
    for low, high in _RANGES:
        letter[low : high + 1] = 0xE1 if low == 0xEE else low
    letter[[0xC1, *range(0xF5, 0x100)]] = _INVALID
    return letter


_LETTER: Final = _letters()
_TRANSLATION: Final = bytes([*_LETTER[:CHARACTER].tolist(), CHARACTER])


def in_letters(token: bytes) -> bytes:
    """The token with every character beyond ASCII, and every other byte, replaced by its letter."""
    if token.isascii():
        return token
    return _CHARACTERS.sub(b"\xff", token.replace(b"\xff", b"\xc0")).translate(_TRANSLATION)


@dataclass(frozen=True, eq=False)
class Reading:
    """A table, the class of each of 256 letters in it, and the trie and number of a vocabulary's tokens, in letters."""

    table: NDArray[np.int32]
    letter_class: NDArray[np.uint8]
    trie: Trie
    tokens: int


def reading(automaton: Automaton, vocabulary: Vocabulary) -> Reading:
    """The automaton over letters if it can be read so, and over bytes if it cannot."""
    after = _after_a_character(automaton)
    if after is None:
        return Reading(automaton.table, automaton.byte_class, vocabulary.trie, vocabulary.size)
    letter_class = automaton.byte_class.copy()
    letter_class[CHARACTER] = automaton.table.shape[1]
    return Reading(np.column_stack([automaton.table, after]), letter_class, vocabulary.letter_trie, vocabulary.size)


def _after_a_character(automaton: Automaton) -> NDArray[np.int32] | None:
    """int32 `[S]`: where every character beyond ASCII leads, or -1; None if letters are too coarse for it."""
    byte_class = automaton.byte_class
    if (byte_class != byte_class[_LETTER]).any() or automaton.table.shape[1] == 256:
        return None
    states = automaton.states
    dead, torn = states, states + 1  # nothing follows; or what follows depends on the character
    table = np.vstack([automaton.table, np.full((2, automaton.table.shape[1]), [[-1], [torn]], np.int32)])
    table[table < 0] = dead

    def on(letter: int) -> NDArray[np.int32]:
        return table[:, byte_class[letter]]

    def agreed(first: NDArray[np.int32], *others: NDArray[np.int32]) -> NDArray[np.int32]:
        return np.where(np.logical_and.reduce([first == each for each in others]), first, np.int32(torn))

    tail = agreed(on(0x80), on(0x90), on(0xA0))  # any continuation byte
    after = agreed(
        tail[on(0xC2)],
        tail[on(0xA0)[on(0xE0)]],
        tail[tail[on(0xE1)]],
        tail[agreed(on(0x80), on(0x90))[on(0xED)]],
        tail[tail[agreed(on(0x90), on(0xA0))[on(0xF0)]]],
        tail[tail[tail[on(0xF1)]]],
        tail[tail[on(0x80)[on(0xF4)]]],
    )[:states]
    return None if (after == torn).any() else np.where(after == dead, np.int32(-1), after)
