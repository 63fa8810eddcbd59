"""The alternatives of one place tell all values apart, and leave of a formula what is left of it.

The judge of what satisfies a subschema is `jsonschema`.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Mapping, Sequence
from functools import cache
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constrain import json_locations
from constrain.errors import LimitError
from constrain.json_atoms import KINDS, Subschema, TextAmong, Whole, of_kind
from constrain.json_formula import FALSE, TRUE, Formula, all_of, any_of, atom, exactly_one, rewrite
from constrain.json_locations import Location, alternatives, check_states, item_place, member_place, names_at
from tests.constrain.json_judge import verdict_of
from tests.constrain.json_meaning import VALUES, evaluate, holds, kind_of, read
from tests.constrain.json_schemas import random_schema

SCHEMAS: list[Any] = [
    *({"const": 1}, {"const": "a"}, {"enum": ["a", "bb", 1]}, {"enum": [1, 2, "ab"]}, {"const": [1]}),
    *({"type": "integer"}, {"type": ["string", "null"]}, {"minimum": 2, "type": "number"}, {"maxLength": 1}, True),
    *({"required": ["a"]}, {"items": {"type": "integer"}}, {"not": {"const": "a"}}, {"minItems": 1}, {"const": 1.0}),
]
LATER = ("later", "still later")
Known = tuple[Subschema, tuple[bool, ...]]


@cache
def known(index: int) -> Known:
    """The subschema, and which of the values `jsonschema` finds valid under it."""
    schema = SCHEMAS[index]
    return read(schema), tuple(map(verdict_of(schema), VALUES))


def decide(formula: Formula, truths: Mapping[Subschema, bool]) -> Formula:
    """A formula's atoms are subschemas here, and what comes later."""

    def change(each: Hashable, positive: bool) -> Formula | None:
        if not isinstance(each, Subschema) or each not in truths:
            return None
        return TRUE if truths[each] == positive else FALSE

    return rewrite(formula, change)


def random_formula(rng: Random, leaves: Sequence[Hashable], depth: int = 3) -> Formula:
    if not depth or rng.random() < 0.2:
        literal = atom(rng.choice(leaves))
        return literal if rng.random() < 0.6 else ~literal
    parts = [random_formula(rng, leaves, depth - 1) for _ in range(rng.randint(1, 3))]
    return rng.choice([all_of, any_of, exactly_one])(parts)


@given(st.sets(st.integers(0, len(SCHEMAS) - 1), min_size=1, max_size=6), st.randoms(use_true_random=False))
@settings(max_examples=150)
def test_every_value_has_one_location_which_leaves_what_it_decides(chosen: set[int], rng: Random) -> None:
    schemas = [known(index) for index in sorted(chosen)]
    asked = [schema for schema, _ in schemas]
    formula = random_formula(rng, [*asked, *LATER])
    found = alternatives(formula, asked, decide, ())
    for number, value in enumerate(VALUES):
        expected = decide(formula, {schema: verdicts[number] for schema, verdicts in schemas})
        rests = [rest for location, rest in found if holds(location.formula, value)]
        assert len(rests) <= 1, (value, found)
        rest = rests[0] if rests else FALSE
        for truths in itertools.product((True, False), repeat=len(LATER)):
            later = dict(zip(LATER, truths, strict=True))
            assert evaluate(rest, later.__getitem__) == evaluate(expected, later.__getitem__), (value, formula)


def test_alternatives_with_the_same_rest_are_one_location() -> None:
    schemas = [read({"type": kind}) for kind in ("null", "string", "array")]
    found = alternatives(any_of(map(atom, schemas)), schemas, decide, ())
    assert [rest for _, rest in found] == [TRUE]
    values: list[Any] = [None, "a", [], 1, {}]
    assert [value for value in values if holds(found[0][0].formula, value)] == values[:3]


@pytest.mark.parametrize("constants", [[*range(300)], [f"kind {n}" for n in range(300)]])
def test_constants_are_decided_by_the_value(constants: list[Any]) -> None:
    """`n` constants that lead on differently make `n + 1` locations, and a number of decisions in proportion."""
    schemas = [read({"const": value}) for value in constants]
    decisions = 0

    def counting(formula: Formula, truths: Mapping[Subschema, bool]) -> Formula:
        nonlocal decisions
        decisions += 1
        return decide(formula, truths)

    formula = any_of(atom(schema) & atom(number) for number, schema in enumerate(schemas)) | atom("none of them")
    found = alternatives(formula, schemas, counting, ())
    assert len(found) == len(constants) + 1
    assert decisions <= 2 * len(constants)
    for number in (0, 7, 299):
        rests = [rest for location, rest in found if holds(location.formula, constants[number])]
        assert rests == [atom(number) | atom("none of them")]


def test_what_makes_no_difference_is_not_told_apart() -> None:
    schemas = [read({"required": [f"p{number}"]}) for number in range(30)]
    ((location, rest),) = alternatives(atom("later"), schemas, decide, ())
    assert (location.formula, rest) == (TRUE, atom("later"))
    found = alternatives(atom(schemas[7]) | atom("later"), schemas, decide, ())
    assert [rest for _, rest in found] == [TRUE, atom("later")]


def test_schemas_that_say_the_same_hold_together() -> None:
    schemas = [read({"minLength": 1}), read({"minLength": 1, "title": "the same"})]
    formula = (atom(schemas[0]) | atom("a")) & (atom(schemas[1]) | atom("b"))
    found = alternatives(formula, schemas, decide, ())
    assert {rest for _, rest in found} == {TRUE, atom("a") & atom("b")}


def test_too_many_combinations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_locations, "MAX_CASES", 500)
    schemas = [read({"required": [f"p{number}"]}) for number in range(12)]
    formula = all_of(atom(schema) | atom(number) for number, schema in enumerate(schemas))
    with pytest.raises(LimitError, match="more than 500 combinations") as caught:
        alternatives(formula, schemas, decide, ())
    assert (caught.value.limit, caught.value.given) == (500, 501)
    assert caught.value.hint


@pytest.mark.parametrize("seed", range(30))
def test_what_is_said_of_a_kind_is_what_is_said_of_its_values(seed: int) -> None:
    schema = random_schema(Random(seed), draft="draft2020-12", depth=1)
    schema.pop("format", None)
    formula = read(schema).formula
    for value in VALUES:
        assert holds(of_kind(kind_of(value), formula), value) == holds(formula, value)


def test_a_kind_without_values() -> None:
    formula = read({"type": ["string", "integer"]}).formula
    left = {kind: of_kind(kind, formula) for kind in KINDS}
    assert left.pop("string") is TRUE
    assert left.pop("number") is atom(Whole())
    assert set(left.values()) == {FALSE}
    listed = of_kind("string", read({"enum": ["a", "b", 1], "not": {"const": "b"}}).formula)
    assert listed is atom(TextAmong(frozenset("a")))


def test_places_collect_all_that_is_said_of_a_part() -> None:
    place = (
        read({
            "properties": {"b": {"const": 1}, "a": {"const": 2}},
            "patternProperties": {"^a": {"const": 3}},
            "additionalProperties": {"const": 4},
            "anyOf": [{"properties": {"c": {"const": 5}}}, {"not": {"properties": {"a": {"const": 6}}}}],
        }),
        read({"required": ["z"]}),
    )  # fmt: skip
    said = {name: {str(each) for each in member_place(place, name)} for name in ("a", "ab", "c", "d")}
    assert said["a"] == {"</properties/a>", "</patternProperties/^a>", "</anyOf/1/not/properties/a>"}
    assert said["ab"] == {"</patternProperties/^a>"}
    assert said["c"] == {"</anyOf/0/properties/c>", "</additionalProperties>"}
    assert said["d"] == {"</additionalProperties>"}
    assert names_at(place) == ("b", "a", "c", "z")
    items = (read({"prefixItems": [{"const": 1}], "items": {"const": 2}, "contains": {"const": 3}}),)
    assert [{str(each) for each in item_place(items, index)} for index in (0, 1, 5)] == [
        {"</prefixItems/0>", "</contains>"},
        {"</items>", "</contains>"},
        {"</items>", "</contains>"},
    ]


def test_locations_are_equal_when_they_ask_the_same_in_one_place() -> None:
    schema = read({"type": "null"})
    assert Location(schema.formula, (schema,)) == Location(read({"type": "null"}).formula, (schema,))
    assert Location(schema.formula, (schema,)) != Location(schema.formula, ())


@pytest.mark.parametrize("what", ["array", "object"])
def test_too_many_states(what: str) -> None:
    check_states(20_000, what)
    with pytest.raises(LimitError, match=f"what an {what} may contain needs more than 20,000 states") as caught:
        check_states(20_001, what)
    assert (caught.value.limit, caught.value.given) == (20_000, 20_001)
