"""The shipped grammars: cases as data, and judges of the languages that they are about."""

from __future__ import annotations

import ast
import json
import random
import sqlite3
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from constrain.errors import SpecError
from constrain.grammar import Grammar
from constrain.lark_reader import shipped
from tests.constrain.grammar_judge import accepts, shipped_names, shipped_text

CASES = Path(__file__).parents[1] / "cases" / "grammars"


def texts(name: str, kind: str) -> list[str]:
    found: list[str] = tomllib.loads((CASES / f"{name}.toml").read_text(encoding="utf-8"))[kind]
    return found


@pytest.mark.parametrize("name", shipped_names())
def test_cases(name: str) -> None:
    grammar = Grammar.named(name)
    assert [text for text in texts(name, "accepts") if not grammar.accepts(text)] == []
    assert [text for text in texts(name, "rejects") if grammar.accepts(text)] == []


@pytest.mark.parametrize("name", shipped_names())
def test_lark_says_the_same_of_the_cases(name: str) -> None:
    text = shipped_text(name)
    assert [case for case in texts(name, "accepts") if not accepts(text, case)] == []
    assert [case for case in texts(name, "rejects") if accepts(text, case)] == []


@pytest.mark.parametrize("name", shipped_names())
def test_they_nest_three_deep_at_least_and_are_small(name: str) -> None:
    grammar = Grammar.named(name)
    assert grammar.max_depth is None or grammar.max_depth >= 3
    assert grammar.automaton.states <= 4_000


def test_all_that_ship_have_names() -> None:
    assert shipped() == sorted([*shipped_names(), "common"])
    assert Grammar.named("json").describe() == "grammar 'json'"


def test_a_name_that_none_has() -> None:
    with pytest.raises(SpecError, match="no grammar 'cobol'") as caught:
        Grammar.named("cobol")
    assert "sql" in str(caught.value)


def walks(grammar: Grammar, count: int) -> list[str]:
    """Random texts of the grammar: walks that turn homeward after 25 steps."""
    rng, automaton, found = random.Random(0), grammar.automaton, []
    for _ in range(count):
        state, out = 0, bytearray()
        while not (automaton.accepting[state] and (len(out) > 25 or rng.random() < 0.1)):
            ways = [(byte, target) for byte, target in enumerate(automaton.rows[state]) if target >= 0]
            if len(out) > 25:
                nearest = min(automaton.distance[target] for _, target in ways)
                ways = [way for way in ways if automaton.distance[way[1]] == nearest]
            if not ways:
                break
            byte, state = rng.choice(ways)
            out.append(byte)
        found.append(out.decode())
    return found


def is_sql(text: str) -> object:
    """Parsed by SQLite; what is missing is only noticed afterwards."""
    try:
        return sqlite3.connect(":memory:").execute(text)
    except sqlite3.OperationalError as error:
        if str(error).startswith("no such"):
            return None
        raise


@pytest.mark.parametrize(
    ("name", "judge"), [("json", json.loads), ("python_expression", lambda text: ast.parse(text, mode="eval"))]
)
@pytest.mark.filterwarnings("ignore")
def test_other_judges_read_what_they_derive(name: str, judge: Callable[[str], object]) -> None:
    for text in walks(Grammar.named(name), 300):
        judge(text)


@pytest.mark.parametrize("text", texts("sql", "accepts"))
def test_sqlite_reads_the_cases(text: str) -> None:
    is_sql(text)
