"""The automaton of an object admits the objects that `jsonschema` finds valid, members in the order of the place."""

from __future__ import annotations

import itertools
import json
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constrain import json_locations
from constrain.automaton import Automaton
from constrain.errors import LimitError
from constrain.json_atoms import of_kind
from constrain.json_formula import FALSE, TRUE
from constrain.json_locations import Location
from constrain.json_members import Members, members_of
from tests.constrain.json_judge import verdict_of
from tests.constrain.json_meaning import OBJECTS, STRINGS, holds, read

INNER: list[Any] = [
    *(True, False, {"type": "integer"}, {"type": "string"}, {"const": 1}, {"enum": ["a", 1]}, {"maxLength": 1}),
    *({"required": ["a"]}, {"minItems": 1}, {"not": {"type": "integer"}}, {"type": ["null", "boolean"]}),
]
NAMES = ["a", "b", "ab", "z"]
PATTERNS = ["^a", "b$", "z", "^.?$"]


def random_object_schema(rng: Random, depth: int = 2) -> dict[str, Any]:
    """Every keyword about members that an automaton can decide."""
    schema: dict[str, Any] = {}
    if rng.random() < 0.7:
        schema["properties"] = {name: rng.choice(INNER) for name in rng.sample(NAMES, rng.randint(1, 3))}
    if rng.random() < 0.3:
        schema["patternProperties"] = {rng.choice(PATTERNS): rng.choice(INNER)}
    if rng.random() < 0.3:
        schema["additionalProperties"] = rng.choice(INNER)
    if rng.random() < 0.2:
        schema["propertyNames"] = rng.choice([{"maxLength": 1}, {"pattern": "^a"}, {"enum": ["a", "b", "z"]}])
    if rng.random() < 0.3:
        schema["required"] = rng.sample(NAMES, rng.randint(0, 2))
    if rng.random() < 0.2:
        schema["dependentRequired"] = {rng.choice(NAMES): rng.sample(NAMES, 1)}
    schema |= {keyword: rng.randint(0, 3) for keyword in ("minProperties", "maxProperties") if rng.random() < 0.15}
    if rng.random() < 0.15:
        schema["unevaluatedProperties"] = rng.choice(INNER)
    if depth and rng.random() < 0.6:
        inner = [random_object_schema(rng, depth - 1) for _ in range(3)]
        applied: dict[str, Any] = {"if": inner[0], "then": inner[1], "else": inner[2], "not": inner[0]}
        applied |= {keyword: inner[: rng.randint(1, 3)] for keyword in ("anyOf", "oneOf", "allOf")}
        applied["dependentSchemas"] = {rng.choice(NAMES): inner[0]}
        chosen = rng.choice([["if", "then", "else"], ["not"], ["oneOf"], ["anyOf"], ["allOf"], ["dependentSchemas"]])
        schema |= {keyword: applied[keyword] for keyword in chosen}
    return schema


def members(schema: Any, *, any_order: bool = False) -> Members | None:
    """The automaton, None if the schema is seen at once to have no objects."""
    whole = read(schema)
    formula = of_kind("object", whole.formula)
    return None if formula is FALSE else members_of(formula, (whole,), order="any" if any_order else "schema")


def way(options: list[tuple[Location, int]], value: Any) -> int:
    """Where a value leads, of which at most one location may hold; -1 if nowhere."""
    targets = [target for location, target in options if holds(location.formula, value)]
    assert len(targets) <= 1, value
    return targets[0] if targets else -1


def follow(automaton: Members, state: int, name: str, value: Any) -> int:
    """The state behind one more member, -1 if it may not come."""
    while state >= 0:
        waiting = automaton.states[state]
        named = [options for known, options in waiting.named if known == name]
        if named:
            return way(named[0], value)
        content = json.dumps(name, ensure_ascii=False).encode()[1:-1]
        cells = [options for cell, options in waiting.others if cell.names is None or cell.names.accepts(content)]
        assert len(cells) <= 1, name
        if cells:
            return way(cells[0], value)
        state = waiting.otherwise
    return -1


def admits(automaton: Members, pairs: Any) -> bool:
    state = 0
    for name, value in pairs:
        state = follow(automaton, state, name, value)
        if state < 0:
            return False
    return automaton.states[state].accepting


@pytest.mark.parametrize("any_order", [False, True])
@pytest.mark.parametrize("seed", range(60))
def test_objects_are_admitted_exactly_when_valid(seed: int, any_order: bool) -> None:
    """In some order of their members; in every order if asked for, up to those that are not listed, which come last."""
    schema = random_object_schema(Random(seed))
    automaton, is_valid = members(schema, any_order=any_order), verdict_of(schema)
    for value in OBJECTS:
        orders = list(itertools.permutations(value.items()))
        admitted = [automaton is not None and admits(automaton, pairs) for pairs in orders]
        assert any(admitted) == is_valid(value), (schema, value)
        if any_order and automaton is not None and set(value) <= set(automaton.names):
            assert all(admitted) == any(admitted)


def test_listed_members_come_once_and_in_order() -> None:
    automaton = members({"properties": {"b": True, "a": True}, "required": ["c"]})
    assert automaton is not None
    assert automaton.names == ("b", "a", "c")
    for names in ("c", "bc", "ac", "bac", "bacz", "bacyz", "baczy"):
        assert admits(automaton, [(name, 1) for name in names])
    for names in ("", "abc", "cb", "bacb", "bz", "zc", "bbc"):
        assert not admits(automaton, [(name, 1) for name in names])


@pytest.mark.parametrize("name", STRINGS)
def test_the_names_of_other_members_are_told_apart_as_far_as_needed(name: str) -> None:
    automaton = members({"properties": {"a": True}, "patternProperties": {"^a": {"const": 1}, "b": {"type": "number"}}})
    assert automaton is not None
    last = automaton.states[automaton.states[0].otherwise]
    content = json.dumps(name, ensure_ascii=False).encode()[1:-1]
    assert [cell.names is not None for cell, _ in last.others] == [True] * 4
    assert sum(cell.names.accepts(content) for cell, _ in last.others if cell.names is not None) == (name != "a")


def test_a_name_on_which_readers_of_patterns_disagree_does_not_come() -> None:
    """To ECMA-262 é is no word character, to Python it is."""
    automaton = members({"properties": {"é": True, "-": True}, "patternProperties": {r"^\W$": {"const": 1}}})
    assert automaton is not None
    assert follow(automaton, 0, "é", 1) == -1
    assert follow(automaton, 0, "-", 1) >= 0
    assert follow(automaton, 0, "-", 2) == -1


def test_an_object_of_which_nothing_is_said_holds_anything() -> None:
    automaton = members_of(TRUE, ())
    ((cell, options),) = automaton.states[0].others
    assert cell.names is None
    assert [(location.formula, target) for location, target in options] == [(TRUE, 0)]
    assert automaton.states[0].accepting


def branch(number: int, *, closed: bool) -> dict[str, Any]:
    """An object of kind `number` with ten members of its own."""
    own = {f"p{number}-{m}": {"const": m} for m in range(10)}
    schema: dict[str, Any] = {"properties": {"kind": {"const": number}, **own}, "required": ["kind"]}
    return {**schema, "additionalProperties": False} if closed else schema


def test_branches_with_members_of_their_own_do_not_multiply() -> None:
    """Of 12 branches with 10 members each, one state per member, not a chain of all 120 for each branch."""
    automaton = members({"oneOf": [branch(n, closed=True) for n in range(12)]})
    assert automaton is not None
    assert len(automaton.states) < 12 * 10 * 3
    for n in (0, 5, 11):
        own = [("kind", n), *((f"p{n}-{m}", m) for m in range(10))]
        assert admits(automaton, own)
        assert admits(automaton, own[:1] + own[3:5])
        assert not admits(automaton, [*own, (f"p{(n + 1) % 12}-3", 3)])
        assert not admits(automaton, own[1:])


@pytest.mark.parametrize("seed", range(40))
def test_members_of_other_branches_may_still_come(seed: int) -> None:
    """Among 80 names, those of branches that have been ruled out come with the members that are not listed."""
    rng = Random(seed)
    schema = {"anyOf": [branch(n, closed=rng.random() < 0.3) for n in range(8)], "maxProperties": 4}
    if rng.random() < 0.5:
        schema["patternProperties"] = {"^p[1-4]-[5-9]$": {"maximum": 6}}
    automaton, is_valid = members(schema), verdict_of(schema)
    assert automaton is not None
    for _ in range(20):
        kind = rng.randrange(9)
        value = {"kind": kind} if rng.random() < 0.9 else {}
        for _ in range(rng.randint(0, 3)):
            of, number = rng.choice([kind, rng.randrange(8)]), rng.randrange(10)
            value[f"p{of}-{number}"] = rng.choice([number, number, 99])
        admitted = any(admits(automaton, pairs) for pairs in itertools.permutations(value.items()))
        assert admitted == is_valid(value), (schema, value)


def test_too_many_members_in_any_order() -> None:
    with pytest.raises(LimitError, match="9 members that may come in any order") as caught:
        members({"required": [f"p{n}" for n in range(9)]}, any_order=True)
    assert (caught.value.limit, caught.value.given) == (8, 9)
    assert caught.value.hint


def test_too_many_states(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_locations, "MAX_STATES", 30)
    assert members({"maxProperties": 29}) is not None
    with pytest.raises(LimitError, match="what an object may contain") as caught:
        members({"maxProperties": 30})
    assert (caught.value.limit, caught.value.given) == (30, 31)


@given(st.sets(st.text('ab_é€"\\\n', max_size=4), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_other_names_are_all_but_the_listed_ones_in_as_few_states_as_there_are(listed: set[str]) -> None:
    found = members({"properties": dict.fromkeys(listed, True), "additionalProperties": {"type": "integer"}})
    assert found is not None
    ((cell, _),) = found.states[-1].others
    assert cell.names is not None
    for text in (
        *listed,
        *(name + more for name in listed for more in "ab"),
        *(name[:-1] for name in listed),
        "c",
        "aé",
    ):
        assert cell.names.accepts(json.dumps(text, ensure_ascii=False).encode()[1:-1]) == (text not in listed)
    assert cell.names == Automaton.from_table(cell.names.table, cell.names.byte_class, cell.names.accepting)
