"""How JSON spells things (RFC 8259): white space, strings, fixed values, and the punctuation of arrays and objects.

There are two spellings of a character in a string. The *free* one is everything that JSON allows: the character
itself in UTF-8, its short escape, `\\u` and four hexadecimal digits in either case, a pair of these beyond U+FFFF, but
never half a pair. The *canonical* one is the character itself wherever JSON allows that, and any escape only where JSON
demands one (`"`, `\\` and the control characters). Text that is merely counted is free; text whose characters matter
is canonical.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TypeAlias

from constrain.automaton import Automaton
from constrain.codepoints import CodePoints, utf8
from constrain.expression import (
    EMPTY,
    Expression,
    byte_set,
    compile_expression,
    concat,
    literal,
    optional,
    repeat,
    union,
)
from constrain.json_lengths import Intervals, counted
from constrain.json_numbers import numbers

__all__ = [
    "ANY_SPACE",
    "NO_SPACE",
    "Json",
    "any_value",
    "canonical",
    "canonical_string",
    "canonical_text",
    "content",
    "free_content",
    "free_strings",
    "quoted",
]

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
"""A JSON value as `json.loads` returns it."""

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


_CANONICAL_CHARACTER = compile_expression(ANY_CHARACTER)
_FREE_CHARACTER = compile_expression(_free_character())
_FREE_CONTENT = compile_expression(repeat(_FREE_CHARACTER))


def quoted(text: Expression) -> Expression:
    return concat(_QUOTE, text, _QUOTE)


@lru_cache(maxsize=256)
def free_strings(lengths: Intervals = ((0, None),)) -> Automaton:
    """The strings with so many code points, quotes included, spelled freely."""
    return counted(_FREE_CHARACTER, lengths, quotes=True)


def free_content() -> Automaton:
    """The content (without quotes) of any string, spelled freely."""
    return _FREE_CONTENT


@lru_cache(maxsize=256)
def canonical_string(low: int = 0, high: int | None = None) -> Automaton:
    """The content of a string of `low` to `high` code points, spelled canonically."""
    return counted(_CANONICAL_CHARACTER, [(low, high)] if high is None or low <= high else [])


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


@lru_cache(maxsize=32)
def any_value(depth: int, space: Expression) -> Automaton:
    """Any JSON value with at most `depth` arrays and objects inside one another. States double with each level."""
    scalar = union(literal(b"null"), literal(b"false"), literal(b"true"), numbers(None, None), free_strings())
    value = compile_expression(scalar)
    comma = concat(space, literal(b","), space)
    for _ in range(depth):
        member = concat(free_strings(), space, literal(b":"), space, value)
        array, object_ = (
            concat(
                literal(opening), space, optional(concat(part, repeat(concat(comma, part)), space)), literal(closing)
            )
            for opening, part, closing in ((b"[", value, b"]"), (b"{", member, b"}"))
        )
        value = compile_expression(union(scalar, array, object_))
    return value
