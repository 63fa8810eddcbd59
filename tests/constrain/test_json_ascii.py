"""JSON texts in ASCII. The judges are Python's `json` and `jsonschema`, and the same language beyond ASCII."""

from __future__ import annotations

import json
import random
import re
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constrain.automaton import Automaton
from constrain.expression import compile_expression, literal, union
from constrain.json_ascii import escaped
from constrain.json_text import ANY_SPACE, any_value, canonical, canonical_string, free_content, free_strings
from constrain.regex import parse, to_expression
from constrain.specs import JsonSchema
from tests.constrain.json_judge import judge, random_word

EDGES = "\x7f\x80\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U000103ff\U00010400\U0010fc00\U0010ffff"
text = st.text(st.sampled_from('ab"\\\n/é߿ü中😀😁' + EDGES) | st.characters(exclude_categories=["Cs"]), max_size=6)

PATTERNS = [
    ".*",
    "é+",
    "[^é]*",
    "[à-ÿ]{2}|ü",
    r"\w+",
    "[\u0080-\u07ff]|[\uffff-\U00010000]",
    "[\U000103fe-\U00010401]x?",
    "[😀-😁]{1,3}[^😀]",
    "a|é|中|😀",
    '["\\\\\n]|[\x1f-\x80]',
]


@cache
def languages(name: str) -> tuple[Automaton, Automaton]:
    """A language of contents, and its image."""
    plain = free_content() if name == "free" else to_expression(parse(name, flags="s"), canonical)
    return plain, escaped(plain)


def spelled(value: str, rng: random.Random) -> bytes:
    """The content in ASCII as `json` writes it, digits in either case."""
    written = json.dumps(value)[1:-1]
    return re.sub(r"(?<=\\u)[0-9a-f]{4}", lambda match: rng.choice([match[0], match[0].upper()]), written).encode()


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(["free", *PATTERNS]), text, st.randoms(use_true_random=False))
def test_what_json_writes_in_ascii_is_in_the_image(name: str, value: str, rng: random.Random) -> None:
    plain, image = languages(name)
    raw = json.dumps(value, ensure_ascii=False)[1:-1].encode()
    assert image.accepts(spelled(value, rng)) == plain.accepts(raw)
    assert image.accepts(raw) == (plain.accepts(raw) and value.isascii())


@pytest.mark.parametrize("name", ["free", *PATTERNS])
def test_the_image_is_ascii_and_means_the_same(name: str) -> None:
    plain, image = languages(name)
    rng = random.Random(0)
    for _ in range(100):
        word = random_word(image, rng, rng.randrange(40))
        assert word.isascii()
        value = json.loads(b'"' + word + b'"')
        assert plain.accepts(json.dumps(value, ensure_ascii=False)[1:-1].encode())


@settings(deadline=None)
@given(st.sets(text, max_size=5))
def test_the_image_of_finitely_many_texts_is_all_their_spellings(values: set[str]) -> None:
    contents = (json.dumps(value, ensure_ascii=False)[1:-1].encode() for value in values)
    image = escaped(compile_expression(union(*map(literal, contents))))

    def spellings(value: str) -> set[bytes]:
        found = {b""}
        for character in value:
            written = {json.dumps(character, ensure_ascii=False)[1:-1].encode()} if character.isascii() else set()
            if character >= "\x7f":
                units = character.encode("utf-16-be").hex()
                halves = [units[start : start + 4] for start in range(0, len(units), 4)]
                written |= {"".join(f"\\u{half}" for half in halves).encode()}
            found = {before + after for before in found for after in written}
        return found

    expected = set().union(*map(spellings, values))
    longest = max(map(len, expected), default=0)
    assert {fold(word) for word in image.words(min(longest, 26))} == {
        word for word in expected if len(word) <= min(longest, 26)
    }


def fold(word: bytes) -> bytes:
    return re.sub(rb"(?<=\\u)[0-9a-fA-F]{4}", lambda match: match[0].lower(), word)


def test_half_a_surrogate_pair_is_spelled_alone() -> None:
    words = ["\ud800", "\ud800x", "\U00010001"]
    image = escaped(compile_expression(union(*(literal(word.encode(errors="surrogatepass")) for word in words))))
    for word in words:
        assert image.accepts(json.dumps(word)[1:-1].encode())
    assert not image.accepts(rb"\ud800\udc00")
    assert not image.accepts(rb"\ud801")


def test_strings_that_are_spelled_freely_lose_only_their_other_spellings() -> None:
    for lengths in (((0, None),), ((2, 5),)):
        plain, image = free_strings(lengths), escaped(free_strings(lengths))
        ascii_only = compile_expression(to_expression(parse(r"[\x00-\x7f]*", flags="s")))
        assert image == plain & ascii_only
    value = any_value(1, ANY_SPACE)
    assert escaped(value) == value & ascii_only


def test_ascii_stays_as_it_is() -> None:
    automaton = compile_expression(union(literal(b'{"a":1}'), literal(b"[]")))
    assert escaped(automaton) == automaton
    assert not escaped(canonical_string()).accepts(rb"\u0061")


SCHEMAS: list[Any] = [
    True,
    {"enum": ["é", "中文", "😀", 'a"', {"ü": "é"}, ["ß"]]},
    {"type": "object", "properties": {"größe": {"type": "integer"}, "grün": {"const": "é"}, "g": {"type": "null"}}},
    {"properties": {"é": {"type": "string", "maxLength": 2}}, "patternProperties": {"^[à-ÿ]": {"type": "boolean"}}},
    {"type": "object", "propertyNames": {"pattern": "^[é😀]"}, "additionalProperties": {"minLength": 1}},
    {"type": "string", "not": {"pattern": "[^a-zé]"}, "maxLength": 5},
    {"type": "array", "items": {"anyOf": [{"pattern": "^é"}, {"type": "string", "maxLength": 1}]}},
    {"required": ["\x7f", "😀"], "maxProperties": 2},
]
VALUES: list[Any] = [
    "é", "中文", "😀", 'a"', "aé", "ü", {"ü": "é"}, ["ß"], ["é", "éa", "b", "ü"], ["bb"], {}, {"é": "ab"},
    {"é": True, "ü": False}, {"é": "ß😀!"}, {"é": "é", "ü": 1}, {"größe": 3, "grün": "é", "g": None}, {"grün": "e"},
    {"größe": 1.5}, {"😀é": "x"}, {"é": ""}, {"e": "x"}, {"\x7f": 1, "😀": [{"é": "\uffff"}]}, {"\x7f": 1, "a": 2},
    "\x7f\x80",
]  # fmt: skip


def beyond_ascii(word: str) -> str:
    """The text with its characters beyond ASCII in place of their escapes."""

    def written(match: re.Match[str]) -> str:
        character = json.loads(f'"{match[0]}"')
        return match[0] if character < "\x7f" else character

    return re.sub(r"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u....|\\.", written, word)


@pytest.mark.parametrize("schema", SCHEMAS, ids=str)
def test_documents_in_ascii(schema: Any) -> None:
    spec, rng, is_valid = JsonSchema(schema), random.Random(0), judge(schema)
    image = escaped(spec.automaton)
    for _ in range(50):
        word = random_word(image, rng, rng.randrange(60))
        assert word.isascii()
        plain = beyond_ascii(word.decode())
        assert spec.automaton.accepts(plain.encode())
        assert spec.fault(plain) is not None or is_valid(plain)
    for value in VALUES:
        plain, written = json.dumps(value, ensure_ascii=False), json.dumps(value)
        assert image.accepts(written.encode()) == spec.automaton.accepts(plain.encode()) == is_valid(plain), plain
