"""How JSON spells things (RFC 8259): white space, strings, fixed values, and the punctuation of arrays and objects.

There are two spellings of a character in a string. The *free* one is everything that JSON allows: the character
itself in UTF-8, its short escape, `\\uXXXX` in either case, a pair of them beyond U+FFFF, but never half a pair. The
*canonical* one is the character itself wherever JSON allows that, and any escape only where JSON demands one (`"`,
`\\` and the control characters). Text that is merely counted is free; text whose characters matter is canonical.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TypeAlias

from constrain.automaton import Automaton
from constrain.codepoints import CodePoints, utf8
from constrain.errors import LimitError
from constrain.expression import (
    EMPTY,
    NOTHING,
    Expression,
    byte_set,
    compile_expression,
    concat,
    literal,
    optional,
    repeat,
    union,
)
from constrain.json_numbers import numbers

__all__ = [
    "ANY_SPACE",
    "NO_SPACE",
    "Json",
    "Slot",
    "any_value",
    "array",
    "canonical",
    "canonical_string",
    "canonical_text",
    "content",
    "fixed",
    "free_string",
    "member",
    "object_",
    "other_strings",
    "quoted",
]

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
"""A JSON value as `json.loads` returns it."""

Slot: TypeAlias = tuple[Expression, int, int | None]
"""An element, and how often it may occur in a row: at least, and at most (None: no limit)."""

MAX_LENGTH = 5_000  # as far as the default state budget reaches, at 20 states per character

ANY_SPACE = repeat(byte_set(b" \t\n\r"))
NO_SPACE = EMPTY

_QUOTE = literal(b'"')
_ESCAPED = CodePoints.range(0, 0x1F) | CodePoints.of('"\\')
_SHORT = {'"': b'"', "\\": b"\\", "\b": b"b", "\t": b"t", "\n": b"n", "\f": b"f", "\r": b"r"}
_HEX = "0123456789abcdef"


def _hex(digits: str) -> Expression:
    return byte_set((digits + digits.upper()).encode())


@lru_cache(maxsize=4096)
def canonical(points: CodePoints) -> Expression:
    """The canonical spellings of one character of the set."""
    raw, escaped = points - _ESCAPED, points & _ESCAPED
    if not escaped:
        return utf8(raw)
    characters = [chr(point) for low, high in escaped.ranges for point in range(low, high + 1)]
    short = byte_set(b"".join(_SHORT[character] for character in characters if character in _SHORT))
    lasts: dict[str, str] = {}
    for character in characters:
        digits = f"{ord(character):02x}"
        lasts[digits[0]] = lasts.get(digits[0], "") + digits[1]
    long = union(*(concat(_hex(first), _hex(last)) for first, last in lasts.items()))
    return union(utf8(raw), concat(literal(b"\\"), union(short, concat(literal(b"u00"), long))))


ANY_CHARACTER = canonical(CodePoints.ANY)
"""One character, in canonical spelling."""


def _free_character() -> Expression:
    three = repeat(_hex(_HEX), 3, 3)
    alone = union(concat(_hex("0123456789abcef"), three), concat(_hex("d"), _hex("01234567"), repeat(_hex(_HEX), 2, 2)))
    low_half = concat(_hex("d"), _hex("cdef"), repeat(_hex(_HEX), 2, 2))
    pair = concat(_hex("d"), _hex("89ab"), repeat(_hex(_HEX), 2, 2), literal(b"\\u"), low_half)
    escape = union(byte_set(b'"\\/bfnrt'), concat(literal(b"u"), union(alone, pair)))
    return union(utf8(CodePoints.ANY - _ESCAPED), concat(literal(b"\\"), escape))


_FREE_CHARACTER = compile_expression(_free_character())
_FREE_CONTENT = compile_expression(repeat(_FREE_CHARACTER))


def quoted(text: Expression) -> Expression:
    return concat(_QUOTE, text, _QUOTE)


@lru_cache(maxsize=256)
def free_string(low: int = 0, high: int | None = None) -> Expression:
    """A string of `low` to `high` code points, spelled freely."""
    return quoted(_counted(_FREE_CHARACTER, low, high))


def free_content() -> Automaton:
    """The content of any string, spelled freely."""
    return _FREE_CONTENT


@lru_cache(maxsize=256)
def canonical_string(low: int = 0, high: int | None = None) -> Expression:
    """The content (without quotes) of a string of `low` to `high` code points, spelled canonically."""
    return _counted(ANY_CHARACTER, low, high)


def _counted(character: Expression, low: int, high: int | None) -> Expression:
    if high is not None and low > high:
        return NOTHING
    longest = max(low, high or 0)
    if longest > MAX_LENGTH:
        raise LimitError(
            f"a string is to be counted up to {longest:,} characters",
            limit=MAX_LENGTH,
            given=longest,
            hint="lower the bound, or leave it out: a counter needs some 20 states per character",
        )
    return repeat(character, low, high)


def content(text: str) -> Expression:
    """The content of exactly this string, canonically: one spelling per character that needs no escape."""
    parts: list[Expression] = []
    plain = 0
    for index, character in enumerate(text):
        if character in _ESCAPED:
            parts += [literal(text[plain:index].encode()), canonical(CodePoints.of(character))]
            plain = index + 1
    return concat(*parts, literal(text[plain:].encode()))


def canonical_text(value: str | int | float | bool | None) -> bytes:
    """The shortest canonical spelling of a value that is neither array nor object."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


@lru_cache(maxsize=1024)
def _all_but(characters: str) -> Expression:
    return canonical(CodePoints.ANY - CodePoints.of(characters))


def other_strings(names: Iterable[str]) -> Expression:
    """All strings but `names`, canonically, with quotes.

    Reading along the trie of the names, a string is another one if it leaves the trie, or ends in it but not at a name.
    """
    ends = {""}
    children: dict[str, set[str]] = {}
    for name in names:
        for length in range(len(name)):
            children.setdefault(name[:length], set()).add(name[length])
            ends.add(name[: length + 1])
    known = set(names)
    leaving: dict[str, Expression] = {}
    ending: dict[str, Expression] = {}
    for prefix in sorted(ends, key=len, reverse=True):
        following = sorted(children.get(prefix, ()))
        steps = [(canonical(CodePoints.of(character)), prefix + character) for character in following]
        others = _all_but("".join(following))
        leaving[prefix] = union(others, *(concat(step, leaving[target]) for step, target in steps))
        inside = [concat(step, ending[target]) for step, target in steps]
        ending[prefix] = union(NOTHING if prefix in known else EMPTY, *inside)
    return quoted(union(ending[""], concat(leaving[""], canonical_string())))


def fixed(value: Json, space: Expression) -> Expression:
    """Exactly this value: its strings canonically, its numbers as `json.dumps` writes them, members in their order."""
    match value:
        case str():
            return quoted(content(value))
        case list():
            return array([fixed(item, space) for item in value], NOTHING, len(value), len(value), space)
        case dict():
            name_and_value = (member(quoted(content(name)), fixed(item, space), space) for name, item in value.items())
            return object_([(expression, 1, 1) for expression in name_and_value], space)
        case _:
            return literal(canonical_text(value))


def member(name: Expression, value: Expression, space: Expression) -> Expression:
    return concat(name, space, literal(b":"), space, value)


def array(places: Sequence[Expression], rest: Expression, low: int, high: int | None, space: Expression) -> Expression:
    """Arrays of `low` to `high` items: the first ones from `places`, in order, the others from `rest`.

    What is needed more than once is compiled first: copies of trees would double at every level of nesting.
    """
    if rest == NOTHING:
        high = min(len(places), len(places) if high is None else high)
    if high is not None and low > high:
        return NOTHING
    comma = concat(space, literal(b","), space)
    places = places[:high]
    if low < len(places):
        places = [compile_expression(place) for place in places]
    rest = compile_expression(rest)
    tail = repeat(concat(comma, rest), max(low - len(places), 0), None if high is None else high - len(places))
    if places:
        first, *others = places
        certain = [first, *(concat(comma, place) for place in others[: max(low - 1, 0)])]
        possible = [concat(comma, place) for place in others[max(low - 1, 0) :]]
        items = concat(*certain, _some_of_the_first([*possible, tail]) if possible else tail)
    else:
        items = NOTHING if high == 0 else _run((rest, low, high), comma)
    body = concat(space, items, space)
    return concat(literal(b"["), body if low else union(space, body), literal(b"]"))


def _some_of_the_first(parts: Sequence[Expression]) -> Expression:
    """The first k of the parts, for any k. Halving keeps n parts at n log n nodes."""
    if len(parts) == 1:
        return optional(parts[0])
    left, right = parts[: len(parts) // 2], parts[len(parts) // 2 :]
    return union(_some_of_the_first(left), concat(*left, _some_of_the_first(right)))


def object_(slots: Sequence[Slot], space: Expression) -> Expression:
    """Objects with the members of the slots, in order. Each slot is used at most twice, however many are optional."""
    return concat(literal(b"{"), _members([slot for slot in slots if slot[2] != 0], space), literal(b"}"))


def _members(slots: Sequence[Slot], space: Expression) -> Expression:
    comma = concat(space, literal(b","), space)
    required = next((index for index, (_, low, _) in enumerate(slots) if low), None)
    if required is not None:
        leading = (repeat(concat(e, comma), low, high) for e, low, high in slots[:required])
        trailing = (repeat(concat(comma, e), low, high) for e, low, high in slots[required + 1 :])
        return concat(space, *leading, _run(slots[required], comma), *trailing, space)
    if len(slots) < 2:
        return concat(space, optional(concat(_run(slots[0], comma), space)) if slots else EMPTY)
    # Whichever comes first has no comma. Give every member one, then take off the first of all.
    chain = (repeat(concat(literal(b","), space, e, space), low, high) for e, low, high in slots)
    return union(space, _without_prefix(compile_expression(concat(*chain)), b","))


def _run(slot: Slot, comma: Expression) -> Expression:
    """At least one element, and commas between them."""
    element, low, high = slot
    return concat(element, repeat(concat(comma, element), max(low - 1, 0), None if high is None else high - 1))


def _without_prefix(automaton: Automaton, prefix: bytes) -> Expression:
    """`{w : prefix w is accepted}`."""
    start = automaton.step(0, prefix)
    if start < 0:
        return NOTHING
    return Automaton.from_table(automaton.table, automaton.byte_class, automaton.accepting, start)


@lru_cache(maxsize=32)
def any_value(depth: int, space: Expression) -> Automaton:
    """Any JSON value with at most `depth` arrays and objects inside one another. States double with each level."""
    scalar = union(literal(b"null"), literal(b"false"), literal(b"true"), numbers(None, None), free_string())
    value = compile_expression(scalar)
    for _ in range(depth):
        members = member(free_string(), value, space)
        value = compile_expression(
            union(scalar, array([], value, 0, None, space), object_([(members, 0, None)], space))
        )
    return value
