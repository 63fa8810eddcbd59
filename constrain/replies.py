"""Replies with structure inside: free text, and values between tags.

    FreeText() + Tagged("<think>", FreeText(), "</think>") + Tagged("<call>", schema, "</call>") + FreeText()

Free text does not contain the tag that comes next, nor one that could have come before it (of what may be missing, or
go on), so that there is one way to read the reply.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, reduce
from typing import Any

import numpy as np

from constrain.automaton import Automaton
from constrain.codepoints import utf8
from constrain.combined import Both, Combined, Either
from constrain.errors import SpecError
from constrain.expression import compile_expression, repeat
from constrain.spec import Spec
from constrain.specs import Choice, as_spec
from constrain.sums import Joined, Maybe, Repeated
from constrain.text_lengths import CHARACTERS

__all__ = ["FreeText", "Tagged", "delimited"]


@dataclass(frozen=True, init=False)
class FreeText(Spec):
    """Any text, the empty one included, with no control characters but line feeds and tabs.

    It contains none of the texts `without`, and none of them begins inside it if one follows. In a sum, what a `Tagged`
    part behind it begins with is added to them, and what one before it begins with that is optional or repeated; inside
    a `Tagged`, what that ends with.
    """

    without: tuple[str, ...]

    def __init__(self, without: str | Iterable[str] = ()) -> None:
        if not isinstance(without, Iterable):
            raise SpecError(f"{without!r} are no tags", hint='give one, such as "<think>", or a list of them')
        tags = (without,) if isinstance(without, str) else tuple(dict.fromkeys(without))
        for tag in tags:
            _check_tag(tag)
        object.__setattr__(self, "without", tags)

    def _language(self) -> Automaton:
        return reduce(Automaton.__and__, map(_free_of, self.without), _any())

    def parse(self, text: str) -> str:
        return text

    def dumps(self, value: Any) -> str:
        return self._checked(value, str(value))

    def describe(self) -> str:
        return "free text" + (f" without {' or '.join(map(repr, self.without))}" if self.without else "")


@dataclass(frozen=True, init=False)
class Tagged(Combined):
    """A text of `spec` between the tags `begin` and `end`; its value is that of `spec`."""

    begin: str
    spec: Spec
    end: str

    def __init__(self, begin: str, spec: Any, end: str) -> None:
        for tag in (begin, end):
            _check_tag(tag)
        object.__setattr__(self, "begin", begin)
        object.__setattr__(self, "spec", _stopped(as_spec(spec), (end,)))
        object.__setattr__(self, "end", end)
        _ = self._whole

    @property
    def parts(self) -> tuple[Spec, ...]:  # type: ignore[override]  # the one part
        return (self.spec,)

    @cached_property
    def _whole(self) -> Joined:
        return Joined((Choice((self.begin,)), self.spec, Choice((self.end,))))

    def _language(self) -> Automaton:
        return self._whole.automaton

    def fault(self, text: str, *, complete: bool = True) -> tuple[int, int] | None:
        return self._whole.fault(text, complete=complete)

    def parse(self, text: str) -> Any:
        return self.spec.parse(self._whole.texts(text)[1])

    def dumps(self, value: Any) -> str:
        return self._whole.dumps((self.begin, value, self.end))

    def describe(self) -> str:
        return f"{self.begin!r} {self.spec.describe()} {self.end!r}"


def delimited(parts: Sequence[Spec]) -> tuple[Spec, ...]:
    """The parts of a sum, with free text in which no tag stands that could begin another part there instead.

    These are the tags that may come next, and those of parts before it that may be missing or go on.
    """
    found: list[Spec] = []
    going_on: tuple[str, ...] = ()
    for part in _followed(parts, ()):
        found.append(_started(part, going_on))
        going_on = _going_on(part) + (going_on if going_on and part.automaton.accepting[0] else ())
    return tuple(found)


def recurring(part: Spec) -> Spec:
    """What is repeated, with free text at its end that does not contain the tag with which the next one begins."""
    return _stopped(part, _openings(part))


def _followed(parts: Sequence[Spec], tags: tuple[str, ...]) -> tuple[Spec, ...]:
    """The parts of a sum, with free text that does not contain the tags that may come next, at last `tags`."""
    found: list[Spec] = []
    for part in reversed(parts):
        found.append(_stopped(part, tags))
        tags = _openings(part) + (tags if tags and part.automaton.accepting[0] else ())
    return tuple(reversed(found))


def _stopped(spec: Spec, tags: tuple[str, ...]) -> Spec:
    """`spec`, if free text may stand at its end, without `tags` in there."""
    if not tags:
        return spec
    match spec:
        case FreeText():
            return FreeText((*spec.without, *tags))
        case Joined():
            return Joined(_followed(spec.parts, tags))
        case Both() | Either():
            return type(spec)(tuple(_stopped(part, tags) for part in spec.parts))
        case Maybe():
            return Maybe(_stopped(spec.part, tags))
    return spec


def _openings(spec: Spec) -> tuple[str, ...]:
    """The tags with which a text of `spec` may begin."""
    match spec:
        case Tagged():
            return (spec.begin,)
        case Joined():
            found: tuple[str, ...] = ()
            for part in reversed(spec.parts):
                found = _openings(part) + (found if found and part.automaton.accepting[0] else ())
            return found
        case Both() | Either():
            return tuple(tag for part in spec.parts for tag in _openings(part))
        case Maybe() | Repeated():
            return _openings(spec.part)
    return ()


def _started(spec: Spec, tags: tuple[str, ...]) -> Spec:
    """`spec`, if free text may stand at its beginning, without `tags` in there."""
    if not tags:
        return spec
    match spec:
        case FreeText():
            return FreeText((*spec.without, *tags))
        case Joined():
            parts = list(spec.parts)
            for n, part in enumerate(parts):
                parts[n] = _started(part, tags)
                if not part.automaton.accepting[0]:
                    break
            return Joined(tuple(parts))
        case Both() | Either():
            return type(spec)(tuple(_started(part, tags) for part in spec.parts))
        case Maybe():
            return Maybe(_started(spec.part, tags))
        case Repeated():
            return Repeated(_started(spec.part, tags), spec.low, spec.high)
    return spec


def _going_on(spec: Spec) -> tuple[str, ...]:
    """The tags of what might stand behind a text of `spec` and still belong to `spec`."""
    match spec:
        case Joined():
            found: tuple[str, ...] = ()
            for part in spec.parts:
                found = _going_on(part) + (found if found and part.automaton.accepting[0] else ())
            return found
        case Both() | Either():
            first = _first_tags(spec)
            inside = tuple(tag for part in spec.parts for tag in _going_on(part))
            return inside + (first if first and spec.automaton.accepting[0] else ())
        case Maybe():
            return _going_on(spec.part) + _first_tags(spec.part)
        case Repeated():
            return _going_on(spec.part) + (_first_tags(spec.part) if spec.low != spec.high else ())
    return ()


def _first_tags(spec: Spec) -> tuple[str, ...]:
    """The tags of which one comes first in a text of `spec`, whatever stands before it."""
    match spec:
        case Tagged():
            return (spec.begin,)
        case Joined():
            found: tuple[str, ...] = ()
            for part in spec.parts:
                tags = _first_tags(part)
                found += tags
                if tags and not part.automaton.accepting[0]:
                    break
            return found
        case Both() | Either():
            return tuple(tag for part in spec.parts for tag in _first_tags(part))
        case Maybe() | Repeated():
            return _first_tags(spec.part)
    return ()


def _check_tag(tag: object) -> None:
    if not isinstance(tag, str) or not tag:
        raise SpecError(f"a tag is a text of at least one character, not {tag!r}", hint='give one, such as "<think>"')


@lru_cache(maxsize=1)
def _any() -> Automaton:
    return compile_expression(repeat(utf8(CHARACTERS)))


@lru_cache(maxsize=64)
def _free_of(tag: str) -> Automaton:
    """`{x : tag occurs in x + tag only at the end}`, by the automaton of Knuth, Morris and Pratt.

    Its state is the length of the longest end of what has been read with which the tag begins.
    """
    pattern = tag.encode()
    size = len(pattern)
    table = np.zeros((size, 256), np.int32)
    fallback = 0  # the state after pattern[1:state]
    for state, byte in enumerate(pattern):
        table[state] = table[fallback]
        table[state, byte] = state + 1
        if state:
            fallback = int(table[fallback, byte])
    accepting = np.ones(size, np.bool_)
    for start in range(1, size):
        state = start
        for byte in pattern[:-1]:
            state = int(table[state, byte])
            if state == size:
                accepting[start] = False
                break
    table[table == size] = -1
    return Automaton.from_table(table, np.arange(256, dtype=np.uint8), accepting)
