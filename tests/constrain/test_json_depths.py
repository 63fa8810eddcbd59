"""Depths grow step by step, as far as the budget goes, and sizes foretell the automata."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from constrain.json_depths import depths_of, size_of
from constrain.json_schema import Options, SchemaLanguage, schema_language

BUDGET = 300_000
"""What the first step of recursion, and of free values, may cost; all that is deeper has to be smaller."""

LIST: Any = {
    "type": "object",
    "properties": {"value": {"type": "integer"}, "next": {"$ref": "#"}},
    "additionalProperties": False,
}
TREE: Any = {"type": "array", "prefixItems": [{"$ref": "#"}, {"$ref": "#"}], "items": False}
BOTH: Any = {
    "type": "object",
    "properties": {"below": {"type": "array", "items": {"$ref": "#"}}, "data": {}},
    "additionalProperties": False,
}
FREE: Any = {"type": "array", "items": True}
FINITE: Any = {"type": "array", "items": {"type": "string", "maxLength": 50}, "maxItems": 20}
WIDE: Any = {"type": "object", "properties": {f"property {n}": {"type": "integer"} for n in range(200)}}
LISTS: Any = {
    "$defs": {
        name: {"type": "array", "items": {"anyOf": [{"const": name}, {"$ref": f"#/$defs/{name}"}]}, "minItems": 3}
        for name in "abcdefgh"
    },
    "type": "array",
    "prefixItems": [{"$ref": f"#/$defs/{name}"} for name in "abcdefgh"],
    "items": {"type": "string", "maxLength": 1_000},
}
SCHEMAS = {"list": LIST, "tree": TREE, "both": BOTH, "free": FREE, "finite": FINITE, "wide": WIDE, "lists": LISTS}


def language(name: str, depth: int | None = None) -> SchemaLanguage:
    return schema_language(SCHEMAS[name], Options(max_depth=depth))


@pytest.mark.parametrize("name", SCHEMAS)
def test_depths_are_cheaper_first_and_within_the_budget(name: str) -> None:
    graph = language(name).graph
    found = depths_of(graph)
    sizes = [size_of(graph, *depths) for depths in found]
    assert found[0] == (0, 0)
    assert all(size <= BUDGET for size in sizes[1:])
    for (depth, free), (deeper, freer) in pairwise(found):
        assert (deeper - depth, freer - free) in ((1, 0), (0, 1))
    assert sizes == sorted(sizes)


@pytest.mark.parametrize(
    ("name", "recursive", "free"),
    [
        ("list", True, False),
        ("both", True, True),
        ("free", False, True),
        ("finite", False, False),
        ("wide", False, True),
    ],
)
def test_only_what_there_is_becomes_deeper(name: str, recursive: bool, free: bool) -> None:
    depths = depths_of(language(name).graph)
    assert (depths[-1][0] > 0, depths[-1][1] > 0) == (recursive, free)
    assert len(depths) == 1 + sum(depths[-1])


def test_what_is_small_goes_deeper() -> None:
    recursion = [depths_of(language(name).graph)[-1][0] for name in ("list", "tree", "lists")]
    assert recursion[0] >= recursion[1] >= 3
    assert recursion[0] > recursion[2] >= 1


@pytest.mark.parametrize("name", SCHEMAS)
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_sizes_are_those_of_the_automata(name: str, depth: int) -> None:
    """Within a factor: parts that coincide are merged, and white space is only estimated."""
    built = language(name, depth)
    expected, states = size_of(built.graph, depth, depth), built.automaton.states
    assert states / 1.5 <= expected <= 4 * states + 100, (expected, states)


@pytest.mark.parametrize("name", SCHEMAS)
def test_sizes_never_fall_with_the_depth(name: str) -> None:
    graph = language(name).graph
    for depth in range(4):
        assert size_of(graph, depth, 1) <= size_of(graph, depth + 1, 1)
        assert size_of(graph, 1, depth) <= size_of(graph, 1, depth + 1)


def test_free_values_double_with_each_level() -> None:
    graph = language("free").graph
    sizes = [size_of(graph, 0, free) for free in range(8)]
    assert all(1.6 < larger / smaller < 5 for smaller, larger in pairwise(sizes[2:]))


def test_the_size_of_a_deep_schema_is_found_without_recursion() -> None:
    schema: Any = {"type": "null"}
    for _ in range(150):
        schema = {"type": "array", "items": schema}
    graph = schema_language(schema, Options()).graph
    assert depths_of(graph) == [(0, 0)]
    assert 150 < size_of(graph, 0, 0) < 150 * 10
