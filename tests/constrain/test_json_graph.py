"""The graph of a schema's locations against brute-force reachability: what is recursive, and what cuts every cycle."""

from __future__ import annotations

from collections.abc import Collection
from random import Random
from typing import Any

import pytest

from constrain import json_graph
from constrain.automaton import Automaton
from constrain.errors import LimitError
from constrain.expression import compile_expression, literal
from constrain.json_formula import TRUE, Formula
from constrain.json_graph import Graph, explore
from constrain.json_locations import Location
from tests.constrain.json_meaning import read
from tests.constrain.json_schemas import random_schema

TEXT = compile_expression(literal(b"0"))


def scalars(kind: str, formula: Formula) -> Automaton | None:
    return TEXT


def graph_of(schema: Any, **options: Any) -> Graph:
    return explore(read(schema), scalars, **options)


def random_recursive_schema(rng: Random) -> dict[str, Any]:
    """Definitions of arrays and objects that contain one another at random."""
    names = [f"d{n}" for n in range(rng.randint(1, 7))]

    def part() -> Any:
        return {"$ref": f"#/$defs/{rng.choice(names)}"} if rng.random() < 0.75 else rng.choice([{}, {"type": "null"}])

    def definition() -> Any:
        if rng.random() < 0.3:
            return {"type": "array", rng.choice(["items", "contains"]): part()}
        return {
            "type": ["object", rng.choice(["null", "string"])],
            "properties": {name: part() for name in rng.sample("abc", rng.randint(0, 3))},
            "additionalProperties": rng.choice([False, False, part()]),
        }

    return {"$ref": "#/$defs/d0", "$defs": {name: definition() for name in names}}


SCHEMAS = [
    *(random_recursive_schema(Random(seed)) for seed in range(60)),
    *(random_schema(Random(seed), draft="draft2020-12") for seed in range(40)),
]


def reachable(graph: Graph, start: Location, without: Collection[Location] = ()) -> set[Location]:
    """What the location contains, at any depth, along locations that are not left out; itself only by a cycle."""
    seen: set[Location] = set()
    queue = [start]
    for location in queue:
        fresh = [inner for inner in graph.shapes[location].inner if inner not in seen and inner not in without]
        seen |= {*fresh}
        queue += dict.fromkeys(fresh)
    return seen


@pytest.mark.parametrize("number", range(len(SCHEMAS)))
def test_components_and_heads(number: int) -> None:
    graph = graph_of(SCHEMAS[number])
    inside = {location: reachable(graph, location) for location in graph.shapes}
    assert set(graph.shapes) == {graph.root} | inside[graph.root]
    assert set(graph.component) == set(graph.shapes)
    assert set(graph.recursive) == {location for location in graph.shapes if location in inside[location]}
    for one in graph.recursive:
        for other in graph.recursive:
            together = one in inside[other] and other in inside[one]
            assert (graph.component[one] == graph.component[other]) == together
    assert graph.heads <= set(graph.recursive)
    for location in set(graph.shapes) - graph.heads:
        assert location not in reachable(graph, location, without=graph.heads), "a cycle without a head"


@pytest.mark.parametrize("number", range(60))
def test_depths_run_out_exactly_in_cycles(number: int) -> None:
    """From one location to the next inside it, the depth never grows within a component, and falls at each head."""
    graph = graph_of(SCHEMAS[number])
    for outer, shape in graph.shapes.items():
        for inner in shape.inner:
            depth = graph.depth_inside(outer, inner, 3, 7)
            if inner not in graph.recursive:
                assert depth == 0
            elif outer in graph.recursive and graph.component[outer] == graph.component[inner]:
                assert depth == (2 if inner in graph.heads else 3)
            else:
                assert depth == 7


def test_a_list_has_one_head() -> None:
    node = {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}}
    graph = graph_of({**node, "additionalProperties": False})
    assert [location.place[0].label for location in graph.heads] == ["/properties/next"]
    assert graph.recursive == [*graph.heads]


def test_the_head_of_a_cycle_is_where_it_is_entered() -> None:
    """So that what is nested once in the schema is nested once in the language before any depth is used up."""
    following = {"a": "b", "b": "c", "c": "a"}
    definitions = {
        name: {"type": ["array", "null"], "items": {"$ref": f"#/$defs/{other}"}} for name, other in following.items()
    }
    graph = graph_of({"$ref": "#/$defs/a", "$defs": definitions})
    assert graph.heads == {*graph.shapes[graph.root].inner}
    assert [location.place[0].label for location in graph.heads] == ["/$defs/b"]
    assert len(graph.recursive) == 3


def test_a_place_without_rules_is_free() -> None:
    graph = graph_of({"type": "array", "prefixItems": [{}, {"type": "object"}], "items": {"type": "null"}})
    assert {location.formula for location in graph.free} == {TRUE}
    assert all(graph.shapes[location].is_free and not graph.shapes[location].inner for location in graph.free)


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "array", "items": {"type": "string"}}, False),
        ({"type": "object", "properties": {"a": {"type": "null"}}, "additionalProperties": False}, False),
        ({"type": "object", "properties": {"a": {"type": "null"}}}, True),
        ({"type": "array", "items": {"type": "object"}}, True),
        ({"type": "array"}, True),
        ({"type": "array", "maxItems": 0}, False),
        ({"type": "object", "maxProperties": 0}, False),
    ],
)
def test_names_may_repeat_where_members_are_not_listed(schema: Any, expected: bool) -> None:
    assert graph_of(schema).repeats_names == expected


def test_texts_of_scalars_are_asked_for_by_kind_and_left_out_if_there_are_none() -> None:
    asked: list[tuple[str, Formula]] = []

    def texts(kind: str, formula: Formula) -> Automaton | None:
        asked.append((kind, formula))
        return {"null": TEXT, "number": TEXT - TEXT}.get(kind)

    graph = explore(read({"type": ["null", "number", "string"]}), texts)
    assert asked == [(kind, TRUE) for kind in ("null", "number", "string")]
    assert graph.shapes[graph.root].scalars == (TEXT,)


def test_any_order_is_that_of_every_object() -> None:
    schema = {"type": "array", "items": {"type": "object", "properties": {name: {} for name in "abcdefghi"}}}
    assert graph_of(schema)
    with pytest.raises(LimitError, match="any order"):
        graph_of(schema, order="any")


def test_too_many_locations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_graph, "MAX_LOCATIONS", 20)
    nested: Any = {"type": "null"}
    for level in range(30):
        if level == 19:
            assert len(graph_of(nested).shapes) == 20
        nested = {"type": "array", "items": nested}
    with pytest.raises(LimitError, match="more than 20 different places") as caught:
        graph_of(nested)
    assert (caught.value.limit, caught.value.given) == (20, 21)
    assert caught.value.hint
