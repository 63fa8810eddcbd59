"""Whether a text is valid under a spec, and how much of the right value it has.

An unconstrained model owes nobody the spelling that a constraint would have chosen: a JSON text counts as valid if its
value has a valid spelling, whatever the order of its members and the space between them. Other texts are taken as they
are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from constrain.automaton import Automaton
from constrain.errors import SpecError
from constrain.puzzle import Puzzle
from constrain.spec import Spec
from constrain.specs import JsonSchema, PythonType

__all__ = ["Verdict", "found", "judged"]


@dataclass(frozen=True)
class Verdict:
    """What a text is worth beside the right value."""

    valid: bool
    correct: bool
    """Whether it is valid and stands for the right value."""
    right: int
    fields: int
    """`right` of `fields` leaves, of all that the text or the right value has, are there with the right content."""


def judged(spec: Spec, target: Any, text: str) -> Verdict:
    """The verdict on `text`. `target` is the right value as `Result.value` has it, or for a puzzle its text."""
    wanted = _plain(spec, target)
    expected = dict(_leaves(wanted))
    try:
        value = _value(spec, text)
    except SpecError:
        return Verdict(False, False, 0, len(expected))
    got = dict(_leaves(value))
    right = sum(name in expected and expected[name] == leaf for name, leaf in got.items())
    return Verdict(True, value == wanted, right, len(expected.keys() | got.keys()))


def _value(spec: Spec, text: str) -> Any:
    """What `text` stands for; `SpecError` where it is not valid."""
    if not isinstance(spec, JsonSchema):
        if not spec.accepts(text):
            raise SpecError(f"{text!r} is no text of {spec.describe()}")
        return spec.parse(text)
    if not spec.accepts(text):
        try:
            text = JsonSchema.dumps(spec, json.loads(text))  # of a Python type, too: from plain JSON
        except (ValueError, RecursionError) as error:
            raise SpecError(f"{text!r} is no text of {spec.describe()}: {error}") from error
    return _plain(spec, spec.parse(text))


def _plain(spec: Spec, value: Any) -> Any:
    """`value` in the form in which two are compared: of Python types, as JSON without members that are null."""
    if isinstance(spec, Puzzle) and isinstance(value, str):
        return spec.parse(value)
    if not isinstance(spec, PythonType):
        return value
    if isinstance(value, Mapping):
        value = spec.parse(json.dumps(value))
    return spec.adapter.dump_python(value, mode="json", by_alias=True, exclude_none=True)


def _leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """The values inside, by their paths; of a text of several lines, its characters that are not space."""
    if isinstance(value, str) and "\n" in value:
        value = [line.replace(" ", "") for line in value.split("\n")]
        yield from (((row, column), each) for row, line in enumerate(value) for column, each in enumerate(line))
    elif isinstance(value, Mapping) and value:
        for name, item in value.items():
            yield from _leaves(item, (*path, str(name)))
    elif isinstance(value, list | tuple) and value:
        for n, item in enumerate(value):
            yield from _leaves(item, (*path, n))
    else:
        yield path, value


def found(spec: Spec, text: str) -> str:
    """The first thing in `text` that has the shape of the spec's texts; `text` itself if nothing has.

    For JSON it is the first object or array, or where there is none, the first value. For others it is the first place
    where an accepted text stands, the longest one there, and no part of a longer word or number.
    """
    if isinstance(spec, JsonSchema):
        return _json_in(text) or text
    data = text.encode("utf-8", "surrogatepass")
    for begin in range(len(data)):
        if _splits(data, begin):
            end = _longest(spec.automaton, data, begin)
            if end is not None:
                return data[begin:end].decode("utf-8", "surrogatepass")
    return text


def _json_in(text: str) -> str | None:
    decoder = json.JSONDecoder()
    for openers in ("{[", None):
        for begin, character in enumerate(text):
            if (openers is None or character in openers) and not character.isspace():
                try:
                    end = decoder.raw_decode(text, begin)[1]
                except (ValueError, RecursionError):
                    continue
                return text[begin:end]
    return None


def _longest(automaton: Automaton, data: bytes, begin: int) -> int | None:
    """Where the longest accepted text that begins at `begin` ends, and no word or number goes on."""
    state, best = 0, None
    for end in range(begin, len(data) + 1):
        if automaton.accepting[state] and _splits(data, end):
            best = end
        state = -1 if end == len(data) else automaton.step(state, data[end : end + 1])
        if state < 0:
            break
    return best


def _splits(data: bytes, place: int) -> bool:
    """Whether no word or number goes on across `place`. Bytes outside ASCII count as parts of words."""
    around = data[max(place - 1, 0) : place + 1]
    return not (0 < place < len(data) and all(byte >= 0x80 or chr(byte).isalnum() for byte in around))
