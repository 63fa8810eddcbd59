"""Where in a JSON text each value stands, also in a text that is cut off.

No recursion: texts may nest deeper than Python's stack.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from json import decoder
from json.scanner import NUMBER_RE
from typing import Any

__all__ = ["Node", "Reading", "read"]

_scan_string: Callable[[str, int], tuple[str, int]] = getattr(decoder, "scanstring")  # noqa: B009 # typeshed has none
_SPACE = re.compile(r"[ \t\n\r]*")
_LITERALS = {"true": True, "false": False, "null": None}
_CLOSING = ("]", "}")
_AFTER_NUMBER = frozenset(" \t\n\r,]}")


@dataclass(eq=False)
class Node:
    """A value and the span of its text; a container that is still open holds what is finished in it.

    `after` is where the text of the sibling before it ends, or that of the bracket that opens the container: what
    separates the two is chosen with the value, whose own text begins at `begin`. `comma` is where a comma before it
    ends, 0 if there is none. `end` is None while a container is open. The end of a number is that of the
    delimiter behind it, since without one it could go on.
    """

    value: Any
    after: int
    begin: int
    end: int | None = None
    comma: int = 0
    children: dict[str | int, Node] = field(default_factory=dict)


@dataclass(frozen=True)
class Reading:
    """What stands in a text: the value at its root (None: nothing is finished) and the first things wrong in it."""

    root: Node | None
    repeated: tuple[int, int] | None
    """The first member name that is its object's second of that name: the end of what precedes it, and its own end."""
    unreadable: tuple[int, int] | None
    """The same of the first number that Python does not read: an integer of too many digits, or beyond all doubles."""
    broken: bool
    """Whether the text could not be read as a document to its end, be it that it is cut off."""


class _CutError(Exception):
    """The text ends inside a value, or does not go on as JSON."""


def read(text: str) -> Reading:
    """Read as much of `text` as is JSON, up to the first repeated name or unreadable number."""
    reader = _Reader(text)
    try:
        reader.document()
        broken = reader.repeated is not None or reader.unreadable is not None
    except (_CutError, json.JSONDecodeError):
        broken = True
    return Reading(reader.root, reader.repeated, reader.unreadable, broken)


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.root: Node | None = None
        self.open: list[tuple[Node, Iterator[int] | None]] = []
        """The open containers, outermost first; arrays with their next indices."""
        self.repeated: tuple[int, int] | None = None
        self.unreadable: tuple[int, int] | None = None

    def document(self) -> None:
        """Value after value. `before` is the end of what precedes the next one: a sibling, or an opening bracket."""
        before = comma = 0
        while True:
            name = self._name(before)
            if self.repeated is not None:
                return
            node = self._value(before)
            if self.unreadable is not None:
                return
            node.comma = comma
            self._attach(node, name)
            before, comma = self.at, 0
            if node.end is None and self._peek() not in _CLOSING:
                continue
            while self.open and self._peek() in _CLOSING:
                self._close()
                before = self.at
            if not self.open:
                if self._peek():
                    raise _CutError
                return
            self._skip(",")
            comma = self.at

    def _peek(self) -> str:
        match = _SPACE.match(self.text, self.at)
        assert match is not None  # it matches the empty string
        self.at = match.end()
        return self.text[self.at : self.at + 1]

    def _skip(self, character: str) -> None:
        if self._peek() != character:
            raise _CutError
        self.at += 1

    def _name(self, before: int) -> str | int | None:
        """The name, or index, of the next value; None at the root."""
        if not self.open:
            return None
        parent, indices = self.open[-1]
        if indices is not None:
            return next(indices)
        self._skip('"')
        name, self.at = _scan_string(self.text, self.at)
        if name in parent.children:
            self.repeated = (before, self.at)
            return None
        self._skip(":")
        return name

    def _value(self, before: int) -> Node:
        first = self._peek()
        begin = self.at
        if first in ("[", "{"):
            self.at += 1
            return Node([] if first == "[" else {}, before, begin)
        if first == '"':
            value, self.at = _scan_string(self.text, self.at + 1)
            return Node(value, before, begin, self.at)
        for literal, constant in _LITERALS.items():
            if self.text.startswith(literal, self.at):
                self.at += len(literal)
                return Node(constant, before, begin, self.at)
        return self._number(before, begin)

    def _number(self, before: int, begin: int) -> Node:
        match = NUMBER_RE.match(self.text, begin)
        if match is None:
            raise _CutError
        self.at = match.end()
        delimiter = self.text[self.at : self.at + 1]
        goes_on = delimiter not in _AFTER_NUMBER if delimiter else bool(self.open)
        if goes_on:
            raise _CutError
        end = self.at + len(delimiter)
        integer, fraction, exponent = match.groups()
        if fraction or exponent:
            value = float(match[0])
            if math.isinf(value):
                self.unreadable = (before, end)
            return Node(value, before, begin, end)
        if 0 < sys.get_int_max_str_digits() < len(integer.lstrip("-")):
            self.unreadable = (before, end)
            return Node(None, before, begin, end)
        return Node(int(integer), before, begin, end)

    def _attach(self, node: Node, name: str | int | None) -> None:
        if not self.open:
            self.root = node
        else:
            parent = self.open[-1][0]
            assert name is not None  # only the root has none
            parent.children[name] = node
            if isinstance(parent.value, list):
                parent.value.append(node.value)
            else:
                parent.value[name] = node.value
        if node.end is None:
            self.open.append((node, iter(range(len(self.text))) if isinstance(node.value, list) else None))

    def _close(self) -> None:
        node, indices = self.open.pop()
        self._skip("}" if indices is None else "]")
        node.end = self.at
