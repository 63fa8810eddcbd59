"""The terminals of Lark grammars as patterns: literals, ranges, and what is composed of them.

Lark makes one pattern of a terminal, as text: parts of a sequence are written one after the other *without* parentheses
(so `/a|b/ "c"` is `a|bc`), and alternatives are sorted: those that may be longer first, then those whose shortest texts
are longer, then those that are written longer. What texts such a pattern has is told by `lexemes`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from constrain.errors import LimitError, SpecError, UnsupportedError
from constrain.lark_language import as_token, as_tree, position_of
from constrain.regex import Node, parse
from constrain.regex_tree import widths

if TYPE_CHECKING:
    from lark import Token

    from constrain.lark_language import Tree

__all__ = ["Pattern", "Terminals", "counts_of"]

MAX_LENGTH = 100_000  # characters of a pattern, with all that it refers to written out

_ESCAPE = re.compile(r'\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(\\"|.))', re.DOTALL)
_CONTROL = {"n": "\n", "t": "\t", "r": "\r", "f": "\f"}


@dataclass(frozen=True)
class Pattern:
    """What `re` reads under `flags`; or, if `plain`, the characters of `value` themselves."""

    value: str
    flags: str = ""
    plain: bool = False

    @cached_property
    def text(self) -> str:
        """The pattern with its flags in it."""
        text = re.escape(self.value) if self.plain else self.value
        for flag in self.flags:
            text = f"(?{flag}:{text})"
        return text

    @cached_property
    def node(self) -> Node:
        return parse(self.text)

    @cached_property
    def rank(self) -> tuple[float, float, int]:
        """What sorts alternatives, the first ones having the smallest."""
        low, high = (len(self.value),) * 2 if self.plain else widths(self.node)
        return -high, -low, -len(self.value)

    def repeated(self, operator: str) -> Pattern:
        return Pattern(f"(?:{self.text}){operator}", self.flags)

    @staticmethod
    def sequence(parts: Sequence[Pattern]) -> Pattern:
        return parts[0] if len(parts) == 1 else Pattern("".join(part.text for part in parts), plain=not parts)

    @staticmethod
    def choice(parts: Sequence[Pattern]) -> Pattern:
        if len(parts) == 1:
            return parts[0]
        return Pattern(f"(?:{'|'.join(part.text for part in sorted(parts, key=lambda part: part.rank))})")


class Terminals:
    """Reads the trees of terminals in one source; `named` gives those that they refer to by name."""

    def __init__(self, source: str, named: Callable[[Token], Pattern]) -> None:
        self.source = source
        self.named = named

    def pattern(self, tree: Tree) -> Pattern:
        """The pattern that a tree denotes."""
        return self._read(self._pattern(tree), tree)

    def choice(self, trees: Sequence[Tree]) -> Pattern:
        """Any one of several patterns."""
        return Pattern.choice([self._read(self._pattern(tree), tree) for tree in trees])

    def _read(self, found: Pattern, tree: Tree) -> Pattern:
        """The pattern, once it is known that it can be read."""
        if len(found.text) > MAX_LENGTH:
            raise LimitError(
                f"the pattern of a terminal may have at most {MAX_LENGTH:,} characters",
                limit=MAX_LENGTH,
                given=len(found.text),
                hint="repeat or alternate in rules what is long",
            )
        try:
            found.node  # noqa: B018 - read now, so that errors have their place
        except SpecError as error:
            raise self._placed(error, position_of(tree), f"as a whole it is {found.text}") from None
        return found

    def _placed(self, error: SpecError, position: int, hint: str | None = None) -> SpecError:
        """An error of a pattern as one of this source."""
        kind = UnsupportedError if isinstance(error, UnsupportedError) else SpecError
        return kind(
            error.message, source=self.source, position=position, keyword=error.keyword, hint=error.hint or hint
        )

    def _pattern(self, tree: Tree) -> Pattern:
        match tree.data, tree.children:
            case "choice", parts:
                return self.choice(list(map(as_tree, parts)))
            case "sequence", parts:
                return Pattern.sequence([self._pattern(as_tree(part)) for part in parts])
            case "optional", (part,):
                return self._pattern(as_tree(part)).repeated("?")
            case "repeated", (part, operator, *rest):
                low, high = counts_of(self.source, tree)
                given = f"{{{low},{high}}}" if any(rest) else f"{{{low}}}" if high == low else str(operator)
                return self._pattern(as_tree(part)).repeated(given)
            case "symbol", (name,):
                token = as_token(as_tree(name).children[0])
                if not token.isupper():
                    raise self.error(f"`{token}` is a rule, and terminals consist of terminals", tree)
                return self.named(token)
            case "literal", (token,):
                return self.literal(str(token), position_of(token))
            case "range", (first, last):
                return self.range(str(first), str(last), tree)
            case "usage", _:
                raise self.error("templates make rules, and terminals consist of terminals", tree)
        raise self.error("only alternatives of rules can be given other names", tree)

    def literal(self, token: str, position: int) -> Pattern:
        """A string or a pattern with its quotes and flags."""
        quote = token[0]
        content, _, flags = token[1:].rpartition(quote)
        if not content:
            raise SpecError("a literal may not be empty", source=self.source, position=position)
        value = evaluated(content, is_pattern=quote == "/")
        if quote == '"':
            return Pattern(value, flags, plain=True)
        if "\n" in content and "x" not in flags:
            raise SpecError(
                "a pattern of several lines needs the flag x", source=self.source, position=position, keyword="x"
            )
        try:
            parse(value, flags=flags)
        except SpecError as error:
            inside = error.position if error.position is not None and value == content else -1
            raise self._placed(error, position + 1 + inside) from None
        return Pattern(value, flags)

    def range(self, first: str, last: str, tree: Tree) -> Pattern:
        """One character from `first` to `last`, strings with their quotes; of these, Lark makes a class as written."""
        ends = [evaluated(text[1:-1], is_pattern=False) for text in (first, last)]
        if any(len(end) != 1 for end in ends):
            raise self.error("a range goes from one character to another, without flags", tree)
        if ends[0] > ends[1]:
            raise self.error(f"the range {first}..{last} holds no character", tree)
        return Pattern(f"[{first[1:-1]}-{last[1:-1]}]")

    def error(self, message: str, tree: Tree) -> SpecError:
        return SpecError(message, source=self.source, position=position_of(tree))


def evaluated(content: str, *, is_pattern: bool) -> str:
    """The characters between the quotes, as Lark reads them: `\\n \\t \\r \\f \\x \\u \\U` stand for characters; other
    escapes are left to `re` in patterns, and are what they are in strings, but for quotes and backslashes.

    In patterns, Lark reads a doubled backslash before a quote as one that escapes it.
    """

    def one(match: re.Match[str]) -> str:
        digits = match[1] or match[2] or match[3]
        if digits:
            return chr(int(digits, 16))
        char = match[4]
        if char in ('"', '\\"'):
            return char
        if char == "\\":
            return "\\\\" if is_pattern else char
        return _CONTROL.get(char, "\\" + char)

    return _ESCAPE.sub(one, content)


def counts_of(source: str, repeated: Tree) -> tuple[int, int | None]:
    """How often a repeated part may stand."""
    operator, *rest = (str(child) for child in repeated.children[1:] if child is not None)
    if operator in "?*+":
        return int(operator == "+"), 1 if operator == "?" else None
    low, high = int(operator), int(rest[0] if rest else operator)
    if not 0 <= low <= high:
        raise SpecError(f"nothing is repeated {low} to {high} times", source=source, position=position_of(repeated))
    return low, high
