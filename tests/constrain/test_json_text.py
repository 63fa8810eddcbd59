"""How JSON is spelled. The judge is Python's `json`."""

from __future__ import annotations

import json
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constrain.codepoints import CodePoints
from constrain.expression import compile_expression
from constrain.json_text import (
    ANY_SPACE,
    NO_SPACE,
    Json,
    any_value,
    canonical,
    canonical_string,
    content,
    free_content,
    free_strings,
    quoted,
)
from tests.constrain.json_judge import random_word

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text


def documents(depth: int) -> st.SearchStrategy[Json]:
    if not depth:
        return scalars
    inner = documents(depth - 1)
    return scalars | st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3)


FREE = free_strings()
CANONICAL = compile_expression(quoted(canonical_string()))
VALUE = any_value(2, ANY_SPACE)


@given(text)
def test_strings_of_every_writer_are_free_strings(value: str) -> None:
    for ensure_ascii in (True, False):
        assert FREE.accepts(json.dumps(value, ensure_ascii=ensure_ascii).encode())
    units = value.encode("utf-16-be").hex()
    for digits in (units, units.upper()):
        escaped = "".join(f"\\u{digits[i : i + 4]}" for i in range(0, len(digits), 4))
        assert json.loads(f'"{escaped}"') == value
        assert FREE.accepts(f'"{escaped}"'.encode())
    assert CANONICAL.accepts(json.dumps(value, ensure_ascii=False).encode())


def test_free_strings_are_what_json_reads() -> None:
    rng = random.Random(1)
    for length in range(400):
        word = random_word(FREE, rng, length % 40)
        json.loads(word).encode()  # a lone surrogate could not be encoded
        assert free_content().accepts(word[1:-1])


@pytest.mark.parametrize(
    "word",
    [
        r'"\ud800"',
        r'"\udc00"',
        r'"\ud800\ud800"',
        r'"\ud800a"',
        r'"\uDBFFx"',
        '"\n"',
        r'"\x"',
        r'"\u12"',
        '"',
        "a",
        '"""',
        r'"\udc00\ud800"',
        '"\x1f"',
    ],
)
def test_no_lone_surrogates_and_no_raw_control_characters(word: str) -> None:
    assert not FREE.accepts(word.encode())


@given(st.text(st.sampled_from('aé"\\\n\t\x00\x1f/\x7f😀'), max_size=3))
def test_fixed_strings_are_spelled_canonically(value: str) -> None:
    automaton = compile_expression(content(value))
    assert automaton.accepts(json.dumps(value, ensure_ascii=False)[1:-1].encode())
    words = list(automaton.words(len(value) * 6))
    assert {json.loads(b'"%b"' % word) for word in words} == {value}
    spellings = {'"': 2, "\\": 3, "\n": 3, "\t": 2, "\x1f": 2}  # \u005c, \u005C; \u000a, \u000A; \u001f, \u001F
    assert len(words) == math.prod(spellings.get(character, 1) for character in value)


def test_every_escape_of_a_character_that_needs_one() -> None:
    words = set(compile_expression(canonical(CodePoints.of("\n\x1a"))).words(6))
    assert words == {rb"\n", rb"\u000a", rb"\u000A", rb"\u001a", rb"\u001A"}


@given(documents(2), st.sampled_from([None, 0, 2]))
@settings(deadline=None)
def test_any_value_is_what_json_writes(value: Json, indent: int | None) -> None:
    assert VALUE.accepts(json.dumps(value, indent=indent).encode())
    assert VALUE.accepts(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def test_any_value_is_json_to_its_depth() -> None:
    rng = random.Random(2)
    for length in range(300):
        json.loads(random_word(VALUE, rng, length % 60))
    assert VALUE.accepts(b'[{"a": 1}]')
    assert not VALUE.accepts(b'[{"a": []}]')
    assert not any_value(0, ANY_SPACE).accepts(b"[]")
    assert not any_value(1, NO_SPACE).accepts(b"[ ]")
