"""What is left to the residual check is told, and nothing valid is lost by it; the judge is `jsonschema`."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from constrain.json_atoms import CountFrom, Has, LengthFrom, Matches, Unique
from constrain.json_doubt import LIMITS, Doubts, Limits
from constrain.json_formula import TRUE, all_of, any_of, atom
from tests.constrain.json_judge import verdict_of
from tests.constrain.json_meaning import VALUES, holds, read
from tests.constrain.json_schemas import random_schema

UNIQUE: Any = {"uniqueItems": True}


def weakened(schema: Any, limits: Limits = LIMITS[0]) -> tuple[Any, Doubts]:
    """What the formula holds of, and the doubts about it."""
    doubts = Doubts(limits)
    whole = read(schema, weaken=doubts.weaken)
    return (lambda value: holds(whole.formula, value)), doubts


def random_doubtful_schema(rng: Random) -> Any:
    """Something doubtful under and beside other rules; lengths and counts above 1 are."""
    plain = random_schema(rng, draft="draft2020-12", depth=1)
    while '"format"' in json.dumps(plain) or '"$ref"' in json.dumps(plain):
        plain = random_schema(rng, draft="draft2020-12", depth=1)
    plain.pop("$schema", None)
    doubtful = rng.choice([
        UNIQUE,
        {"items": UNIQUE},
        {"maxLength": 2},
        {"properties": {"a": {"minLength": 2}}},
        {"maxItems": 2},
        {"minItems": 3},
        {"maxProperties": 2},
        {"not": {"minProperties": 3}},
        {"contains": {"type": "integer"}, "maxContains": 2},
        {"items": {"maxItems": 2}},
        {"properties": {"a": {"maxItems": 2}}},
        {"pattern": "^.{0,70000}$"},
        {"patternProperties": {"^[^b].{0,70000}$": {"type": "integer"}}},
        {"patternProperties": {"^[^b].{0,70000}$": {}}, "additionalProperties": False},
    ])  # fmt: skip
    return rng.choice([
        plain,
        {"not": {**plain, **doubtful}},
        {"anyOf": [plain, {"not": doubtful}]},
        {"oneOf": [doubtful, plain]},
        {"if": doubtful, "then": plain, "else": {"propertyNames": {"minLength": 2}}},
        {"not": {"propertyNames": {"maxLength": rng.choice([0, 2])}}},
    ])  # fmt: skip


@pytest.mark.parametrize("seed", range(200))
def test_what_is_valid_satisfies_the_weakened_formula(seed: int) -> None:
    schema = random_doubtful_schema(Random(seed))
    is_valid = verdict_of(schema)
    admits, doubts = weakened(schema, limits=Limits(1, 1, 1))
    for value in VALUES:
        if is_valid(value):
            assert admits(value), (schema, value)
        elif not doubts.reasons:
            assert not admits(value), (schema, value)


@pytest.mark.parametrize(
    ("schema", "reasons"),
    [
        ({"type": "array", "items": {"maxLength": 10}, "not": {"items": {"const": 1}}}, []),
        ({"uniqueItems": True}, ["uniqueItems"]),
        ({"not": {"uniqueItems": True}}, ["uniqueItems"]),
        ({"minLength": 2_000}, []),
        ({"maxLength": 1_024}, []),
        ({"maxLength": 1_025}, ["lengths above 1024"]),
        ({"maxLength": 128, "pattern": "a"}, []),
        ({"maxLength": 129, "pattern": "a"}, ["lengths above 128"]),
        ({"multipleOf": 3}, []),
        ({"multipleOf": 0.1}, ["multipleOf 0.1, as floating-point numbers have it"]),
        ({"format": "date"}, []),
        ({"maxItems": 256, "minItems": 2_000}, []),
        ({"maxItems": 257}, ["maxItems above 256"]),
        ({"not": {"minItems": 258}}, ["maxItems above 256"]),
        ({"not": {"maxItems": 2_000}}, []),
        ({"minItems": 1_536, "maxItems": 1_536}, []),
        ({"prefixItems": [True] * 300, "maxItems": 300}, []),
        ({"const": [1] * 300}, []),
        ({"maxProperties": 257, "minProperties": 300}, ["maxProperties above 256"]),
        ({"contains": True, "minContains": 300, "maxContains": 257}, ["maxContains above 256"]),
        ({"pattern": "^.{0,65535}$"}, ["counts of a pattern"]),
        ({"not": {"pattern": "^.{0,65535}$"}}, ["counts of a pattern"]),
        ({"patternProperties": {"^.{0,65535}$": False}}, ["counts of a pattern"]),
    ],
)
def test_the_reasons_are_told(schema: Any, reasons: list[str]) -> None:
    _, doubts = weakened(schema)
    formula = read(schema, weaken=doubts.weaken).formula
    assert [*doubts.reasons] == reasons
    if not reasons:
        assert formula is read(schema).raw or "items" in schema or "const" in schema


def test_what_is_counted_is_known() -> None:
    for schema, most in (
        ({"maxItems": 200}, 200),
        ({"maxItems": 300}, 0),
        ({"not": {"minProperties": 7}}, 6),
        (True, 0),
    ):
        _, doubts = weakened(schema)
        read(schema, weaken=doubts.weaken).formula  # noqa: B018
        assert doubts.counted == most


@pytest.mark.parametrize("sign", [True, False])
def test_doubtful_statements_become_true(sign: bool) -> None:
    doubts = Doubts(Limits(5, 5, 9))
    for literal in (atom(Unique()) if sign else ~atom(Unique()), ~atom(LengthFrom(7))):
        assert doubts.weaken(literal) is TRUE
        assert doubts.weaken(all_of([literal, atom(Has("a"))])) is atom(Has("a"))
        assert doubts.weaken(any_of([literal, atom(Has("a"))])) is TRUE
    known = all_of([atom(LengthFrom(7)), ~atom(Matches("a")), atom(CountFrom(9))])
    assert doubts.weaken(known) is known


@pytest.mark.parametrize(
    ("schema", "admitted", "refused"),
    [
        ({"not": {"properties": {"a": UNIQUE}}}, [{"a": [1]}, {"a": 1}], [{}, {"b": [1, 1]}, 1]),
        ({"not": {"prefixItems": [True, UNIQUE]}}, [[1, [1]], [1, 2, 3]], [[], [[1, 1]], {}]),
        ({"not": {"items": UNIQUE}}, [[1], [[1, 1]]], [[], {}]),
        ({"not": {"additionalProperties": UNIQUE}}, [{"a": 1}, {}], [[], 1]),
        ({"not": {"contains": UNIQUE}}, [[], [1], [[1, 1]]], [1, {}]),
        ({"not": {"properties": {"a": {"properties": {"b": {"items": UNIQUE}}}}}}, [{"a": 1}], [{}]),
        ({"not": {"properties": {"a": {"items": {"const": 1}}}}}, [{"a": [2]}], [{"a": [1]}, {"a": 1}]),
    ],
)
def test_negations_about_doubtful_parts_ask_that_there_is_such_a_part(
    schema: Any, admitted: list[Any], refused: list[Any]
) -> None:
    admits, doubts = weakened(schema)
    assert [value for value in [*admitted, *refused] if admits(value)] == admitted
    assert bool(doubts.reasons) == ("uniqueItems" in json.dumps(schema))


def test_doubt_about_a_schema_that_contains_itself() -> None:
    for inner, told in ((UNIQUE, True), ({"type": "null"}, False)):
        schema = {"$defs": {"node": {"items": {"$ref": "#/$defs/node"}, "properties": {"a": inner}}}}
        _, doubts = weakened({**schema, "not": {"properties": {"b": {"$ref": "#/$defs/node"}}}})
        read({**schema, "not": {"properties": {"b": {"$ref": "#/$defs/node"}}}}, weaken=doubts.weaken).formula  # noqa: B018
        assert bool(doubts.reasons) == told
