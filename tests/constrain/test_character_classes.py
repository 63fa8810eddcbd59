"""Named character sets, judged by `str` methods, `unicodedata` and `re` over all of Unicode."""

from __future__ import annotations

import re
import unicodedata

import pytest

from constrain.character_classes import ecma_shorthand, general_category, ignore_case, python_shorthand
from constrain.codepoints import CodePoints

SCALARS = [chr(point) for point in range(0x110000) if not 0xD800 <= point <= 0xDFFF]
CASED = "".join(char for char in SCALARS if char.lower() != char or char.upper() != char)


def members(points: CodePoints) -> set[str]:
    return {chr(point) for lo, hi in points.ranges for point in range(lo, hi + 1)}


def test_python_shorthands_are_the_str_methods() -> None:
    assert members(python_shorthand("d")) == {char for char in SCALARS if char.isdecimal()}
    assert members(python_shorthand("w")) == {char for char in SCALARS if char.isalnum() or char == "_"}
    assert members(python_shorthand("s")) == {char for char in SCALARS if char.isspace()}


@pytest.mark.parametrize("letter", ["d", "w", "s"])
def test_ascii_shorthands_are_those_of_re(letter: str) -> None:
    expected = re.findall(rf"\{letter}", "".join(SCALARS), re.ASCII)
    assert members(python_shorthand(letter, ascii_only=True)) == set(expected)


def test_ecma_shorthands() -> None:
    assert members(ecma_shorthand("d")) == set("0123456789")
    assert members(ecma_shorthand("w")) == set(re.findall(r"\w", "".join(SCALARS), re.ASCII))
    # ECMA-262, WhiteSpace and LineTerminator: named ones, and category Zs
    named = set("\t\v\f\ufeff\n\r\u2028\u2029")
    assert members(ecma_shorthand("s")) == named | {char for char in SCALARS if unicodedata.category(char) == "Zs"}


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("L", "Lu Ll Lt Lm Lo"),
        ("Letter", "Lu Ll Lt Lm Lo"),
        ("LC", "Lu Ll Lt"),
        ("Lu", "Lu"),
        ("digit", "Nd"),
        ("P", "Pc Pd Ps Pe Pi Pf Po"),
        ("Cn", "Cn"),
        ("Cs", ""),
    ],
)
def test_general_categories(name: str, kinds: str) -> None:
    points = general_category(name)
    assert points is not None
    assert members(points) == {char for char in SCALARS if unicodedata.category(char) in kinds.split()}


@pytest.mark.parametrize("name", ["", "l", "letter", "Greek", "Script=Greek", "Lx", "LL"])
def test_what_is_no_category(name: str) -> None:
    assert general_category(name) is None


def test_case_partners_of_every_cased_character_are_those_of_re() -> None:
    for char in CASED:
        expected = set(re.findall(re.escape(char), CASED, re.IGNORECASE))
        assert members(ignore_case(CodePoints.of(char))) == expected, ascii(char)


def test_characters_without_case_have_no_partners() -> None:
    uncased = CodePoints.ANY - CodePoints.of(CASED)
    assert ignore_case(uncased) == uncased
    for char in SCALARS[::997]:
        expected = set(re.findall(re.escape(char), CASED + char, re.IGNORECASE))
        assert members(ignore_case(CodePoints.of(char))) == expected


def test_ascii_case_partners_are_those_of_re() -> None:
    text = "".join(map(chr, range(0x180))) + "\u017f\u212a"
    for char in text:
        expected = set(re.findall(re.escape(char), text, re.IGNORECASE | re.ASCII))
        assert members(ignore_case(CodePoints.of(char), ascii_only=True)) == expected


def test_partners_of_a_set_are_those_of_its_members() -> None:
    points = CodePoints.range("h", "k") | CodePoints.of("ß")
    alone = [ignore_case(CodePoints.of(char)) for char in "hijkß"]
    assert ignore_case(points) == CodePoints.of_ranges(pair for one in alone for pair in one.ranges)
