r"""The properties of `\p{...}`, judged by `unicodedata`, `str` methods and character names."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable

import pytest

from constrain.character_classes import general_category
from constrain.codepoints import CodePoints
from constrain.regex_properties import unicode_property

CHANGES = 40  # characters that gained or lost a property since the Unicode version of the Python that runs this
NAMED = [chr(point) for point in range(0x110000) if unicodedata.name(chr(point), "")]


def named(expression: str) -> set[str]:
    points = unicode_property(expression)
    assert points is not None
    return {char for char in NAMED if char in points}


@pytest.mark.parametrize("expression", ["Lu", "Uppercase_Letter", "gc=Lu", "General_Category=Uppercase_Letter"])
def test_general_categories_have_four_names(expression: str) -> None:
    assert unicode_property(expression) == general_category("Lu")


def test_properties_of_the_standard_itself() -> None:
    assert unicode_property("Any") == CodePoints.ANY
    assert unicode_property("ASCII") == CodePoints.range(0, 127)
    assert named("Assigned") == set(NAMED)


@pytest.mark.parametrize(("expression", "method"), [("Lowercase", str.islower), ("Upper", str.isupper)])
def test_cases_are_those_of_str(expression: str, method: Callable[[str], bool]) -> None:
    expected = {char for char in NAMED if method(char)}
    assert len(named(expression) ^ expected) < CHANGES


def test_identifiers_are_those_of_str() -> None:
    for expression, prefix in (("XID_Start", ""), ("XIDC", "a")):
        expected = {char for char in NAMED if (prefix + char).isidentifier()}
        assert len(named(expression) ^ expected) < CHANGES


def test_alphabetic_characters_hold_the_letters() -> None:
    assert named("Alphabetic") == named("Alpha") >= {char for char in NAMED if char.isalpha()}


@pytest.mark.parametrize(
    ("script", "short"), [("Greek", "Grek"), ("Cyrillic", "Cyrl"), ("Hebrew", "Hebr"), ("Hangul", "Hang")]
)
def test_scripts_hold_the_letters_named_after_them(script: str, short: str) -> None:
    letters = {char for char in NAMED if unicodedata.name(char).startswith(script.upper() + " LETTER ")}
    assert letters <= named(f"Script={script}") == named(f"sc={short}")
    assert named(f"Script={script}") <= named(f"Script_Extensions={script}") == named(f"scx={short}")
    assert not named(f"Script={script}") & set("aé1 -")


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "lu",
        "Greek",
        "Script=",
        "Script=greek",
        "sc=Elvish",
        "gc=Elvish",
        "alphabetic",
        "RGI_Emoji",
        "Block=Latin",
        "L}",
    ],
)
def test_what_is_no_property(expression: str) -> None:
    assert unicode_property(expression) is None


def test_without_its_tables_a_script_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "regex", None)
    unicode_property.cache_clear()
    assert unicode_property("Script=Greek") is None
    assert unicode_property("Alphabetic") is None
    assert unicode_property("Lu") is not None
    unicode_property.cache_clear()
