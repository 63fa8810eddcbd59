"""How JSON is spelled. The judge is Python's `json`."""

from __future__ import annotations

import json
import math
import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constrain.codepoints import CodePoints
from constrain.errors import LimitError
from constrain.expression import NOTHING, Expression, compile_expression, literal, optional
from constrain.json_text import (
    ANY_SPACE,
    NO_SPACE,
    Json,
    any_value,
    array,
    canonical,
    canonical_string,
    content,
    fixed,
    free_string,
    object_,
    other_strings,
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


FREE = compile_expression(free_string())
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


@given(st.integers(0, 4), st.integers(0, 4) | st.none(), text)
def test_lengths_count_code_points(low: int, high: int | None, value: str) -> None:
    automaton = compile_expression(free_string(low, high))
    expected = low <= len(value) and (high is None or len(value) <= high)
    for ensure_ascii in (True, False):
        assert automaton.accepts(json.dumps(value, ensure_ascii=ensure_ascii).encode()) == expected


def test_lengths_are_counted_so_far() -> None:
    for build in (free_string, canonical_string):
        with pytest.raises(LimitError, match="up to 5,001 characters") as caught:
            build(0, 5_001)
        assert (caught.value.limit, caught.value.given) == (5_000, 5_001)


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


@given(st.sets(st.text('ab"é', max_size=3), min_size=1, max_size=5), st.text('ab"éc', max_size=4))
def test_other_strings(names: set[str], other: str) -> None:
    automaton = compile_expression(other_strings(names))
    for name in {*names, other}:
        assert automaton.accepts(json.dumps(name, ensure_ascii=False).encode()) == (name not in names)
    assert not automaton.accepts(b'"\\u0061"')


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


@given(documents(3))
@settings(deadline=None)
def test_a_fixed_value_is_itself(value: Json) -> None:
    spaced, compact = (compile_expression(fixed(value, space)) for space in (ANY_SPACE, NO_SPACE))
    assert spaced.accepts(json.dumps(value, ensure_ascii=False, indent=1).encode())
    assert compact.accepts(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
    assert json.loads(spaced.shortest()) == json.loads(compact.shortest()) == value


def letters(count: int) -> list[Expression]:
    return [literal(bytes([ord("a") + index])) for index in range(count)]


@given(st.integers(0, 4), st.booleans(), st.integers(0, 6), st.integers(0, 6) | st.none())
@settings(max_examples=200, deadline=None)
def test_arrays_by_enumeration(places: int, more: bool, low: int, high: int | None) -> None:
    automaton = compile_expression(array(letters(places), literal(b"z") if more else NOTHING, low, high, NO_SPACE))
    for length in range(9):
        items = [chr(ord("a") + index) if index < places else "z" for index in range(length)]
        possible = length <= places or more
        expected = possible and low <= length and (high is None or length <= high)
        assert automaton.accepts(f"[{','.join(items)}]".encode()) == expected, items


@given(st.lists(st.tuples(st.integers(0, 1), st.sampled_from([1, 2, None])), max_size=4), st.booleans())
@settings(max_examples=200, deadline=None)
def test_objects_by_enumeration(counts: list[tuple[int, int | None]], spaced: bool) -> None:
    """Against the same lists, spelled out by `re`: every element followed by a comma, the last comma dropped."""
    space = optional(literal(b" ")) if spaced else NO_SPACE
    slots = [(letter, low, high) for letter, (low, high) in zip(letters(4), counts, strict=False)]
    automaton = compile_expression(object_(slots, space))
    pattern = "".join(
        f"(?:{chr(ord('a') + index)},){{{low},{'' if high is None else high}}}"
        for index, (low, high) in enumerate(counts)
    )
    rng = random.Random(len(counts))
    for _ in range(50):
        items = sorted(rng.choices("abcd", k=rng.randrange(6)))
        expected = re.fullmatch(pattern, "".join(f"{item}," for item in items)) is not None
        assert automaton.accepts(f"{{{','.join(items)}}}".encode()) == expected, items
        assert automaton.accepts(f"{{ {' , '.join(items)} }}".encode()) == (expected and spaced and bool(items))


def test_optional_members_cost_linearly() -> None:
    sizes = []
    for count in (50, 100):
        slots = [(literal(f'"member{index}":0'.encode()), 0, 1) for index in range(count)]
        sizes.append(compile_expression(object_(slots, ANY_SPACE)).states)
    assert sizes[1] < 2.2 * sizes[0]
