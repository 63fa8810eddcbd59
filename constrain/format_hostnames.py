"""Host names (RFC 1123), and internationalised ones (RFC 5890 to 5893).

A host name has at most 253 characters, in labels of at most 63. An automaton that counts both has 20,000 states; the
one here counts characters, and lets a label reach into no more than two blocks of 32: labels of up to 32 characters may
stand anywhere, longer ones where a block begins or soon after.

*U-labels*, with characters beyond ASCII, have the letters of some scripts, without combining marks, and lengths at
which their Punycode is no longer than 63 characters; what scripts demand of neighbouring characters (RFC 5892,
appendix A; RFC 5893) is built in. *A-labels*, which begin with `xn--`, have to be the Punycode of a U-label: that is
arithmetic, and left to code.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

import idna
import numpy as np

from constrain.automaton import Automaton

__all__ = ["ANY_HOSTNAME", "ANY_IDN_HOSTNAME", "IDN_HOSTNAME", "hostnames", "is_hostname", "is_idn_hostname"]

_MAX_LENGTH = 253
_BLOCK = 32
_LETTER_OR_DIGIT = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
ANY_HOSTNAME: Final = rf"{_LABEL}(?:\.{_LABEL})*"
"""Host names of any length."""

_DOT = "[.\u3002\uff0e\uff61]"
ANY_IDN_HOSTNAME: Final = r"[0-9A-Za-z\x80-\U0010ffff.-]+"
"""The characters of internationalised host names, in any order."""

_KANA_AND_HAN = r"\u3041-\u3096\u30a1-\u30fa\u3007\u4e00-\u9fff"
_GREEK = r"\u03ac-\u03ce"
_LETTER = (
    rf"a-z\u00df-\u00f6\u00f8-\u00ff{_GREEK}\u0430-\u045f\u0561-\u0586\u10d0-\u10fa"
    rf"\u0904-\u0939\u0f0b{_KANA_AND_HAN}\uac00-\ud7a3"
)
"""Latin, Greek, Cyrillic, Armenian, Georgian, Devanagari, Kana, Han and Hangul: lower case, no combining marks."""
_HEBREW = r"\u05d0-\u05ea"
_DUAL_JOINING = r"\u0628\u062a-\u062e\u0633-\u063a\u0641-\u0647\u064a"
_ARABIC = r"\u0620-\u063a\u0641-\u064a\u0679-\u06bf\u06fd\u06fe"
_ARABIC_DIGITS = r"\u0660-\u0669"

_IN_CONTEXT = (
    rf"l\u00b7l|[{_GREEK}]\u0375[{_GREEK}]|\u30fb[{_KANA_AND_HAN}]|[\u0915-\u0939]\u094d[\u200c\u200d][\u0915-\u0939]"
)
_IN_CONTEXT_LEFTWARDS = rf"[{_HEBREW}][\u05f3\u05f4][{_HEBREW}]|[{_DUAL_JOINING}]\u200c[{_DUAL_JOINING}]"
"""What some characters need beside them: RFC 5892, appendix A."""


def _some(characters: str, context: str, more: str) -> str:
    """A label of these characters, perhaps with something that depends on its context."""
    plain = rf"[{characters}](?:[{characters}{more}-]{{0,9}}[{characters}{more}])?"
    return rf"{plain}|[{characters}]{{0,3}}(?:{context})[{characters}]{{0,3}}"


_U_LABEL = _some(_LETTER, _IN_CONTEXT, "0-9")
_U_LABEL_LEFTWARDS = _some(_HEBREW + _ARABIC, _IN_CONTEXT_LEFTWARDS, _ARABIC_DIGITS)
_ANY_LABEL = rf"(?:{_LABEL}|{_U_LABEL}|{_U_LABEL_LEFTWARDS})"

IDN_HOSTNAME: Final = rf"{_ANY_LABEL}(?:{_DOT}{_ANY_LABEL}){{0,3}}"
"""Up to four labels in Unicode or ASCII.

U-labels begin with a letter, and so fit together whichever way they are written; labels in ASCII may begin with a digit
and do not fit beside those that are written leftwards, which is left to code.
"""


def hostnames() -> Automaton:
    """Host names in ASCII: characters are counted, and the block in which a label begins is remembered.

    A state is (characters read, whether the label began in an earlier block, kind of the last character).
    """
    dot, other, hyphen = range(3)
    stays, crossed = range(2)

    def number(length: int, began: int, last: int) -> int:
        return (length * 2 + began) * 3 + last

    table = np.full((number(_MAX_LENGTH, crossed, hyphen) + 1, 4), -1, np.int32)
    for length in range(_MAX_LENGTH):
        for began in (stays, crossed):
            for last in (dot, other, hyphen):
                source = number(length, began, last)
                if last == other:
                    table[source, 1 + dot] = number(length + 1, stays, dot)
                enters = length % _BLOCK == 0 and last != dot
                if enters and began == crossed:
                    continue
                here = crossed if enters else began
                if here == crossed and length % _BLOCK == _BLOCK - 1:
                    continue  # from the first character of the block before, this would be the 64th
                table[source, 1 + other] = number(length + 1, here, other)
                if last != dot:
                    table[source, 1 + hyphen] = number(length + 1, here, hyphen)
    byte_class = np.zeros(256, np.uint8)
    byte_class[ord(".")] = 1 + dot
    byte_class[list(_LETTER_OR_DIGIT)] = 1 + other
    byte_class[ord("-")] = 1 + hyphen
    accepting = np.arange(len(table)) % 3 == other
    return Automaton.from_table(table, byte_class, accepting)


def is_hostname(text: str, *, a_labels: bool) -> bool:
    """Whether `text` is a host name and, if `a_labels`, all its labels that begin with `xn--` are A-labels."""
    if len(text) > _MAX_LENGTH or not re.fullmatch(ANY_HOSTNAME, text):
        return False
    coded = [label for label in text.lower().split(".") if label.startswith("xn--")] if a_labels else []
    try:
        return [idna.alabel(idna.ulabel(label)).decode() for label in coded] == coded
    except ValueError:  # idna.IDNAError, or a character that Python's Unicode tables do not have
        return False


def is_idn_hostname(text: str) -> bool:
    """Whether all labels of `text` can be registered (RFC 5891, section 4), and fit together.

    The Bidi rule (RFC 5893) holds for every label as soon as one is written from right to left.
    """
    try:
        coded = [idna.alabel(label).lower() for label in re.split(_DOT, text)]
        labels = [idna.ulabel(label) for label in coded]
        if [idna.alabel(label) for label in labels] != coded or len(b".".join(coded)) > _MAX_LENGTH:
            return False
        leftwards = any(unicodedata.bidirectional(character) in ("R", "AL", "AN") for character in "".join(labels))
        return not leftwards or all(idna.check_bidi(label, True) for label in labels)
    except ValueError:
        return False
