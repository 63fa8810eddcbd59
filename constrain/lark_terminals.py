"""The terminals of Lark grammars as regular expressions: literals, ranges, and what is composed of them.

Escapes are those of Lark, which evaluates some itself before `re` sees a pattern. A terminal is the set of its texts,
so one that looks at what is around it (`\\b` or a look-ahead at its end, `^`) means nothing by itself and is refused;
assertions within it see its own text. Lazy quantifiers are refused, since they choose among the texts of that set.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from constrain.automaton import Automaton
from constrain.codepoints import CodePoints
from constrain.errors import SpecError, UnsupportedError
from constrain.lark_language import as_token, as_tree, position_of
from constrain.regex import Node, parse, to_expression
from constrain.regex_tree import Alternate, Anchor, Chars, Concat, Look, Repeat

if TYPE_CHECKING:
    from lark import Token

    from constrain.lark_language import Tree

__all__ = ["Terminals", "automaton_of", "counts_of", "looks_out"]

_ESCAPE = re.compile(r'\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(\\"|.))', re.DOTALL)
_CONTROL = {"n": "\n", "t": "\t", "r": "\r", "f": "\f"}
_ATOMS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)  # escapes and classes, where signs mean nothing
_LAZY = re.compile(r"(?:[*+?]|\{[0-9]+,?[0-9]*\}|\{,[0-9]+\})\?")


class Terminals:
    """Reads the trees of terminals in one source; `named` gives those that they refer to by name."""

    def __init__(self, source: str, named: Callable[[Token], Node]) -> None:
        self.source = source
        self.named = named

    def node(self, tree: Tree) -> Node:
        """The regular expression that a tree denotes."""
        match tree.data, tree.children:
            case "choice", parts:
                return _one(Alternate, [self.node(as_tree(part)) for part in parts])
            case "sequence", parts:
                return _one(Concat, [self.node(as_tree(part)) for part in parts])
            case "optional", parts:
                return Repeat(self.node(as_tree(parts[0])), 0, 1)
            case "repeated", (part, *_):
                low, high = counts_of(self.source, tree)
                return Repeat(self.node(as_tree(part)), low, high)
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

    def literal(self, token: str, position: int) -> Node:
        """A string or a pattern with its quotes and flags."""
        quote = token[0]
        content, _, flags = token[1:].rpartition(quote)
        pattern = evaluated(content, is_pattern=quote == "/")
        if not content:
            raise SpecError("a literal may not be empty", source=self.source, position=position)
        if quote == '"':
            return parse(re.escape(pattern), flags=flags)
        if "\n" in content and "x" not in flags:
            raise SpecError(
                "a pattern of several lines needs the flag x", source=self.source, position=position, keyword="x"
            )
        if lazy := _LAZY.search(_ATOMS.sub("x", pattern)):
            raise UnsupportedError(
                f"{token} has a lazy quantifier, {lazy[0]}",
                source=self.source,
                position=position,
                keyword=lazy[0],
                hint='exclude what ends it, as in /"[^"]*"/: a terminal is the set of its texts, the shortest or not',
            )
        try:
            node = parse(pattern, flags=flags)
        except SpecError as error:
            inside = error.position if error.position is not None and pattern == content else -1
            kind = UnsupportedError if isinstance(error, UnsupportedError) else SpecError
            raise kind(
                error.message,
                source=self.source,
                position=position + 1 + inside,
                keyword=error.keyword,
                hint=error.hint,
            ) from None
        return node

    def range(self, first: str, last: str, tree: Tree) -> Node:
        """One character from `first` to `last`, strings with their quotes."""
        ends = [evaluated(text[1:-1], is_pattern=False) for text in (first, last)]
        if any(len(end) != 1 for end in ends):
            raise self.error("a range goes from one character to another, without flags", tree)
        points = CodePoints.range(*ends)
        if not points:
            raise self.error(f"the range {first}..{last} holds no character", tree)
        return Chars(points)

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


@lru_cache(maxsize=1024)
def automaton_of(node: Node) -> Automaton:
    """The texts of a terminal."""
    return to_expression(node)


def _one(kind: type[Alternate] | type[Concat], parts: list[Node]) -> Node:
    return parts[0] if len(parts) == 1 else kind(tuple(parts))


def looks_out(node: Node) -> bool:
    """Whether what stands around a text of a terminal decides if it is one."""
    return _looks_out(node, ahead=True) or _looks_out(node, ahead=False)


def _looks_out(node: Node, *, ahead: bool) -> bool:
    """Whether an assertion can stand where no character of the text follows (`ahead`) or precedes."""
    match node:
        case Chars():
            return False
        case Anchor():
            return True
        case Look():
            return node.ahead == ahead
        case Alternate(parts):
            return any(_looks_out(part, ahead=ahead) for part in parts)
        case Repeat(part, _, _):
            return _looks_out(part, ahead=ahead)
        case Concat(parts):
            for part in reversed(parts) if ahead else parts:
                if _looks_out(part, ahead=ahead):
                    return True
                if not _may_be_empty(part):
                    break
    return False


def _may_be_empty(node: Node) -> bool:
    match node:
        case Chars():
            return False
        case Alternate(parts):
            return any(map(_may_be_empty, parts))
        case Concat(parts):
            return all(map(_may_be_empty, parts))
        case Repeat(part, low, _):
            return low == 0 or _may_be_empty(part)
    return True
