"""The language of templates: text with holes and sections.

{name}       a hole
[? ... ?]    a section that may be missing
[* ... *]    a section that is there any number of times
[+ ... +]    a section that is there at least once
{{  }}       a brace
{"..."}      these characters as they stand, such as {"[?"}
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

from constrain.errors import LimitError, SpecError

__all__ = ["Constant", "Hole", "Node", "Section", "holes", "parse_template", "sections"]


MAX_NESTING = 50  # sections within sections


@dataclass(frozen=True)
class Constant:
    text: str


@dataclass(frozen=True)
class Hole:
    name: str
    position: int


@dataclass(frozen=True)
class Section:
    kind: Literal["?", "*", "+"]
    nodes: tuple[Node, ...]
    position: int

    @property
    def is_repeated(self) -> bool:
        return self.kind != "?"


Node: TypeAlias = Constant | Hole | Section

_TOKEN = re.compile(
    r'(?P<brace>\{\{|\}\})|\{"(?P<quoted>[^"]+)"\}|\{(?P<name>[^\W\d]\w*)\}'
    r"|\[(?P<open>[?*+])|(?P<close>[?*+])\]|(?P<stray>[{}])|(?P<text>[^{}\[?*+]+|.)",
    re.DOTALL,
)


def parse_template(source: str) -> tuple[Node, ...]:
    """The nodes of a template. Raises `SpecError` with the position of what is malformed, and `LimitError`."""
    stack: list[list[Node]] = [[]]
    opened: list[re.Match[str]] = []
    for token in _TOKEN.finditer(source):
        match token.lastgroup:
            case "brace" | "text" | "quoted":
                text = token[token.lastgroup]
                _append(stack[-1], text[0] if token["brace"] else text)
            case "name":
                stack[-1].append(Hole(token["name"], token.start()))
            case "open":
                opened.append(token)
                if len(opened) > MAX_NESTING:
                    raise LimitError(
                        f"sections are nested more than {MAX_NESTING} deep",
                        limit=MAX_NESTING,
                        given=len(opened),
                        hint="make a template of the inner ones and fill a hole with it",
                    )
                stack.append([])
            case "close":
                if not opened or opened[-1]["open"] != token["close"]:
                    raise _misplaced(source, token, "closes no section")
                begin, nodes = opened.pop(), tuple(stack.pop())
                kind = cast(Literal["?", "*", "+"], token["close"])
                stack[-1].append(Section(kind, nodes, begin.start()))
            case _:
                raise SpecError(
                    f"a lone {token[0]}",
                    source=source,
                    position=token.start(),
                    hint="write {name} for a hole, and {{ or }} for a brace",
                )
    if opened:
        raise _misplaced(source, opened[-1], "opens a section that is not closed")
    return tuple(stack[0])


def holes(nodes: tuple[Node, ...], *, inside_repeated: bool = True) -> Iterator[Hole]:
    """The holes among `nodes` and in their sections, in order; those in repeated ones only if asked for."""
    for node in nodes:
        if isinstance(node, Hole):
            yield node
        elif isinstance(node, Section) and (inside_repeated or not node.is_repeated):
            yield from holes(node.nodes, inside_repeated=inside_repeated)


def sections(nodes: tuple[Node, ...]) -> Iterator[Section]:
    """The sections among `nodes` and in their optional ones."""
    for node in nodes:
        if isinstance(node, Section):
            yield node
            if not node.is_repeated:
                yield from sections(node.nodes)


def _append(nodes: list[Node], text: str) -> None:
    if nodes and isinstance(nodes[-1], Constant):
        text = nodes.pop().text + text  # type: ignore[union-attr]  # it is a constant
    nodes.append(Constant(text))


def _misplaced(source: str, token: re.Match[str], what: str) -> SpecError:
    return SpecError(
        f"{token[0]} {what}",
        source=source,
        position=token.start(),
        hint=f'write {{"{token[0]}"}} for these characters themselves',
    )
