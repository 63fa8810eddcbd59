"""The smallest parts of a pattern: one character, escaped or not, and classes in brackets, in both dialects.

In ECMA-262 a range with a shorthand at one end, `[\\w-.]`, has three members without the `u` flag and no meaning with
it; schemas have such ranges, and they are read with three members.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Literal, NoReturn, TypeAlias

from constrain.character_classes import ecma_shorthand, ignore_case, python_shorthand
from constrain.codepoints import CodePoints
from constrain.errors import SpecError, UnsupportedError
from constrain.regex_properties import unicode_property
from constrain.regex_tree import Anchor, Chars, Concat, Look, Node, boundary

__all__ = ["Cursor", "Dialect"]

Dialect: TypeAlias = Literal["python", "ecma"]

_ESCAPE = {
    "python": re.compile(
        r"\\(?:x(?P<x>[0-9a-fA-F]{2})|u(?P<u>[0-9a-fA-F]{4})|U(?P<U>[0-9a-fA-F]{8})|N\{(?P<name>[^}]+)\}"
        r"|(?P<octal>[0-7]{3}|0[0-7]?)|(?P<char>.))",
        re.DOTALL,
    ),
    "ecma": re.compile(
        r"\\(?:x(?P<x>[0-9a-fA-F]{2})|u(?P<lead>[dD][89abAB][0-9a-fA-F]{2})\\u(?P<trail>[dD][c-fC-F][0-9a-fA-F]{2})"
        r"|u(?P<u>[0-9a-fA-F]{4})|u\{(?P<braced>[0-9a-fA-F]+)\}|(?P<octal>0)(?![0-9])|c(?P<control>[A-Za-z])"
        r"|(?P<property>[pP])\{(?P<value>[^}]*)\}|(?P<char>.))",
        re.DOTALL,
    ),
}
_CLASS_OCTAL = re.compile(r"\\(?P<octal>[0-7]{1,3})")  # inside a Python class a digit is never a back-reference
_CONTROL = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v"}
_HINTS = {
    "a back-reference": "a repeated value is not a regular language; enumerate the values instead",
    "an atomic group": "an ordinary group (?:...) has no hidden cuts",
    "a possessive quantifier": "the plain quantifier has no hidden cuts",
}
_EMPTY_TEXT_HAS_BOUNDARIES_ONLY = re.search(r"\B", "") is None  # until Python 3.13


class Cursor:
    """A place in `source`. Flags are an argument, since groups change them for their contents only."""

    def __init__(self, source: str, dialect: Dialect) -> None:
        self.source = source
        self.dialect = dialect
        self.python = dialect == "python"
        self.at = 0

    def error(self, message: str, position: int, hint: str | None = None) -> SpecError:
        return SpecError(f"malformed pattern: {message}", source=self.source, position=position, hint=hint)

    def refuse(self, what: str, keyword: str, position: int, hint: str | None = None) -> NoReturn:
        raise UnsupportedError(
            f"{what} {keyword} is not supported",
            source=self.source,
            position=position,
            keyword=keyword,
            hint=hint or _HINTS.get(what),
        )

    def take(self, text: str) -> bool:
        found = self.source.startswith(text, self.at)
        self.at += len(text) if found else 0
        return found

    def literal(self, point: int, flags: frozenset[str]) -> Node:
        return Chars(self.cased(_single(point), flags))

    def cased(self, points: CodePoints, flags: frozenset[str]) -> CodePoints:
        return ignore_case(points, ascii_only="a" in flags) if "i" in flags else points

    def shorthand(self, letter: str, flags: frozenset[str]) -> CodePoints:
        return python_shorthand(letter, ascii_only="a" in flags) if self.python else ecma_shorthand(letter)

    def char_class(self, flags: frozenset[str]) -> CodePoints:
        start = self.at
        self.at += 1
        negated = self.take("^")
        first = self.at
        explicit: list[tuple[int, int]] = []
        named: list[tuple[int, int]] = []  # shorthands do not take part in case folding
        while not (self.source.startswith("]", self.at) and (self.at > first or not self.python)):
            here = self.at
            items = [self.class_item(flags, start)]
            if self.source.startswith("-", self.at) and not self.source.startswith("-]", self.at):
                self.at += 1
                items.append(self.class_item(flags, start))
            match items:
                case [int(low), int(high)]:
                    if low > high:
                        raise self.error(f"bad character range {self.source[here : self.at]}", here)
                    explicit.append((low, high))
                    continue
                case [_, _]:
                    explicit.append((ord("-"), ord("-")))
            for item in items:
                if isinstance(item, int):
                    explicit.append((item, item))
                else:
                    named += item.ranges
        self.at += 1
        points = self.cased(CodePoints.of_ranges(explicit), flags) | CodePoints.of_ranges(named)
        return ~points if negated else points

    def class_item(self, flags: frozenset[str], start: int) -> int | CodePoints:
        if self.at == len(self.source):
            raise self.error("unterminated character set", start)
        if self.source[self.at] != "\\":
            self.at += 1
            return ord(self.source[self.at - 1])
        meaning = self.escape(flags, in_class=True)
        assert isinstance(meaning, int | Chars)
        return meaning.points if isinstance(meaning, Chars) else meaning

    def escape(self, flags: frozenset[str], *, in_class: bool) -> int | Node:
        """One escape: a code point, a set of them, or an assertion."""
        start = self.at
        match = (_CLASS_OCTAL.match(self.source, start) if self.python and in_class else None) or _ESCAPE[
            self.dialect
        ].match(self.source, start)
        if match is None:
            raise self.error("bad escape (end of pattern)", start)
        self.at = match.end()
        found = {name: text for name, text in match.groupdict().items() if text is not None}
        match found:
            case {"x": digits} | {"u": digits} | {"U": digits} | {"braced": digits} if int(digits, 16) <= 0x10FFFF:
                return int(digits, 16)
            case {"lead": lead, "trail": trail}:
                return 0x10000 + ((int(lead, 16) - 0xD800) << 10) + int(trail, 16) - 0xDC00
            case {"octal": digits}:
                return int(digits, 8)
            case {"name": name}:
                return ord(unicodedata.lookup(name))
            case {"control": letter}:
                return ord(letter) % 32
            case {"property": letter, "value": value}:
                points = unicode_property(value)
                if points is None:
                    hint = r"general categories such as \p{L} are; scripts and other properties with package regex"
                    self.refuse("the property", match[0], start, hint)
                return Chars(points if letter == "p" else ~points)
            case {"char": char}:
                return self.simple_escape(char, start, flags, in_class=in_class)
        raise self.error(f"bad escape {match[0]}", start)

    def simple_escape(self, char: str, start: int, flags: frozenset[str], *, in_class: bool) -> int | Node:
        """A backslash and one character."""
        letter = char.lower()
        if letter in "dws" and char.isascii():
            points = self.shorthand(letter, flags)
            return Chars(points if char == letter else ~points)
        if char in _CONTROL:
            return ord(_CONTROL[char])
        if char == "b" and in_class:
            return ord("\b")
        if char == "a" and self.python:
            return ord("\a")
        if not char.isascii() or not char.isalnum():
            return ord(char)
        if not in_class:
            if char in "123456789" or (char == "k" and not self.python):
                self.refuse("a back-reference", "\\" + char, start)
            if char in "bB":
                return self.boundary(char, flags)
            if char in "AZz" and self.python:
                return Anchor.START if char == "A" else Anchor.END
        hint = "ECMA-262 has ^ and $ for the ends of the text" if char in "AZz" else None
        raise self.error(f"bad escape \\{char}", start, hint)

    def boundary(self, char: str, flags: frozenset[str]) -> Node:
        between = boundary(self.shorthand("w", flags), negative=char == "B")
        if char == "B" and self.python and _EMPTY_TEXT_HAS_BOUNDARIES_ONLY:
            some_text = Look(Concat((Anchor.START, Anchor.END)), ahead=True, negative=True)
            return Concat((some_text, between))
        return between


@lru_cache(maxsize=4096)
def _single(point: int) -> CodePoints:
    return CodePoints.range(point, point)
