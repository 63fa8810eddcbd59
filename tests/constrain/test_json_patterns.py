"""The `pattern` keyword. The judge is `re.search` on patterns that mean the same in ECMA-262."""

from __future__ import annotations

import json
import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constrain.errors import SpecError, UnsupportedError
from constrain.json_patterns import pattern_content
from tests.constrain.json_judge import random_word

PATTERNS = [
    "a",
    "^a",
    "a$",
    "^(a|bc)*$",
    "a.c",
    "^[^a]{2,3}$",
    "",
    "^$",
    "b|^c",
    r"\\",
    '"',
    r"^[\s\S]$",
    r"\S\s",
    r"\D\W",
]


@settings(deadline=None)
@given(st.sampled_from(PATTERNS), st.text('abc"\\\t é\x1d\u0660\ufeff', max_size=4))
def test_strings_with_a_match(pattern: str, text: str) -> None:
    content = json.dumps(text, ensure_ascii=False)[1:-1].encode()
    if pattern_content(pattern).accepts(content):
        assert re.search(pattern, text)
    elif text.isascii() and text.isprintable():
        assert not re.search(pattern, text)


@pytest.mark.parametrize("pattern", [*PATTERNS, r"^\W+$", r"^[^\d]+$", r"^\S+$", r"^\s+$", r"[\W\d]", r"^[^\]\d]$"])
def test_python_finds_every_match_too(pattern: str) -> None:
    rng = random.Random(0)
    for length in range(100):
        word = random_word(pattern_content(pattern), rng, length % 20)
        assert re.search(pattern, json.loads(b'"%b"' % word)), word


def test_errors_of_patterns() -> None:
    with pytest.raises(SpecError):
        pattern_content("(")
    with pytest.raises(UnsupportedError):
        pattern_content(r"\bword\b")
