"""The texts of a schema are exactly those of its values: all short ones are spelled out and judged by `jsonschema`."""

from __future__ import annotations

import json
import re
from functools import cache
from random import Random
from typing import Any

import pytest

from constrain import json_assembly
from constrain.automaton import Automaton
from constrain.errors import LimitError
from constrain.expression import NOTHING, compile_expression, literal, repeat, union
from constrain.json_assembly import Assembly
from constrain.json_formula import Formula
from constrain.json_graph import explore
from constrain.json_text import ANY_SPACE, NO_SPACE, any_value, free_content
from tests.constrain.json_judge import repeats_a_name, verdict_of
from tests.constrain.json_meaning import holds, read

LENGTH = 13
DEPTH = LENGTH // 2
NAMES = ["", "a", "b", "z", "ab"]
TOKENS = [*"0[]{},", *(f'"{name}":' for name in NAMES)]
SMALL = compile_expression(repeat(union(*(literal(token.encode()) for token in TOKENS))))
ZERO = compile_expression(literal(b"0"))


@cache
def values(length: int) -> list[str]:
    """All compact texts of this length of zeros, arrays and objects with a few names."""
    lists = [f"[{inner}]" for inner in sequences(length - 2, named=False)]
    objects = [f"{{{inner}}}" for inner in sequences(length - 2, named=True)]
    return ["0"] * (length == 1) + lists + objects


@cache
def sequences(length: int, *, named: bool) -> list[str]:
    """All items, or members, with commas between them."""
    if length <= 0:
        return [""] * (length == 0)
    found = parts(length, named=named)
    for first in range(1, length - 1):
        rest = sequences(length - first - 1, named=named)
        found += [f"{part},{others}" for part in parts(first, named=named) for others in rest]
    return found


def parts(length: int, *, named: bool) -> list[str]:
    if not named:
        return [*values(length)]
    return [f'"{name}":{value}' for name in NAMES for value in values(length - len(name) - 3)]


TEXTS = [text for length in range(1, LENGTH + 1) for text in values(length)]


def number_of_words(automaton: Automaton) -> int:
    """How many short texts over the tokens are accepted, JSON or not."""
    small = automaton & SMALL
    counts, found = {0: 1}, 0
    for _ in range(LENGTH + 1):
        found += sum(count for state, count in counts.items() if small.accepting[state])
        following: dict[int, int] = {}
        for state, count in counts.items():
            for mask, target in small.edges[state]:
                following[target] = following.get(target, 0) + count * mask.bit_count()
        counts = following
    return found


def scalars(kind: str, formula: Formula) -> Automaton | None:
    return ZERO if kind == "number" and holds(formula, 0) else None


def automaton_of(schema: Any, depth: int = DEPTH, *, spaced: bool = False, any_order: bool = False) -> Automaton:
    """The texts of a schema, recursion and free values being `depth` deep."""
    space = compile_expression(ANY_SPACE if spaced else NO_SPACE)
    graph = explore(read(schema), scalars, order="any" if any_order else "schema")
    free = any_value(depth, space)
    return Assembly(graph, space=space, any_value=free, depth=depth, free_names=free_content()).automaton()


def is_in_order(text: str, names: str) -> bool:
    """Whether members of these names come first and in this order, in the outermost object."""
    value = json.loads(text)
    listed = [*names, *(value if isinstance(value, dict) else ())]
    return not isinstance(value, dict) or [*value] == sorted(
        value, key=lambda name: min(listed.index(name), len(names))
    )


NESTED: Any = {"type": "array", "items": {"$ref": "#"}}
SCHEMAS: list[tuple[Any, str]] = [
    (True, ""),
    ({"type": "array"}, ""),
    ({"type": "array", "items": {"type": "array", "maxItems": 1}}, ""),
    ({"type": "array", "prefixItems": [{"const": 0}, {"type": "object"}], "items": False}, ""),
    ({"type": "array", "contains": {"type": "array"}, "maxItems": 3}, ""),
    ({"type": "array", "anyOf": [{"items": {"type": "array"}}, {"items": {"type": "number"}}]}, ""),
    ({"type": "array", "prefixItems": [{"oneOf": [{"minItems": 1}, {"required": ["a"]}]}]}, ""),
    ({"type": "object"}, ""),
    ({"type": "object", "properties": {"b": True, "a": True}}, "ba"),
    ({"type": "object", "properties": {"b": True, "a": {"const": 0}}, "required": ["a"]}, "ba"),
    ({"type": "object", "properties": {"a": True, "b": True}, "additionalProperties": False}, "ab"),
    ({"type": "object", "properties": {"z": {"type": "array"}}, "additionalProperties": {"const": 0}}, "z"),
    ({"type": "object", "patternProperties": {"^a": {"const": 0}, "b": {"type": "array"}}}, ""),
    ({"type": "object", "propertyNames": {"pattern": "^(ab|z)*$"}}, ""),
    ({"type": "object", "minProperties": 2, "properties": {"a": True}}, "a"),
    ({"oneOf": [{"required": ["a"]}, {"required": ["b"]}]}, "ab"),
    ({"if": {"properties": {"a": {"const": 0}}, "required": ["a"]}, "then": {"required": ["b"]}}, "ab"),
    ({"anyOf": [{"const": {"a": 0}}, {"const": {"b": 0}}, {"enum": [[0], [[0]], 0]}]}, "ab"),
    ({"not": {"type": ["array", "number"]}, "dependentRequired": {"a": ["b"]}}, "ab"),
    (NESTED, ""),
    ({"type": ["object", "number"], "additionalProperties": {"$ref": "#"}}, ""),
    ({"type": ["array", "object"], "items": {"$ref": "#"}, "additionalProperties": {"type": "array"}}, ""),
]


@pytest.mark.parametrize(("schema", "names"), SCHEMAS)
def test_the_short_texts_are_those_of_the_valid_values(schema: Any, names: str) -> None:
    """Of texts in which no name repeats; where one does, that is not the automaton's business."""
    is_valid, automaton = verdict_of(schema), automaton_of(schema)
    accepted = [text for text in TEXTS if automaton.accepts(text.encode())]
    expected = {text for text in TEXTS if is_in_order(text, names) and is_valid(json.loads(text))}
    assert expected
    assert {text for text in accepted if not repeats_a_name(text)} == {
        text for text in expected if not repeats_a_name(text)
    }
    assert len(accepted) == number_of_words(automaton), "nothing else is accepted"


@pytest.mark.parametrize("any_order", [False, True])
def test_members_that_are_listed_come_in_order_unless_any_is_right(any_order: bool) -> None:
    schema = {"properties": {"b": {}, "a": {}}, "additionalProperties": False, "type": "object"}
    automaton = automaton_of(schema, any_order=any_order)
    assert automaton.accepts(b'{"b":0,"a":0}')
    assert automaton.accepts(b'{"a":0,"b":0}') == any_order
    assert not automaton.accepts(b'{"b":0,"b":0}')


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_recursion_goes_as_deep_as_it_may(depth: int) -> None:
    automaton = automaton_of(NESTED, depth)
    assert automaton.accepts(b"[" * (depth + 1) + b"]" * (depth + 1))
    assert not automaton.accepts(b"[" * (depth + 2) + b"]" * (depth + 2))
    assert automaton.accepts(b"[" + b",".join([b"[]"] * 5 * (depth > 0)) + b"]")


@pytest.mark.parametrize(("schema", "names"), SCHEMAS[1:])
def test_white_space_may_stand_between_tokens_and_nowhere_else(schema: Any, names: str) -> None:
    rng = Random(names)
    compact, spaced = automaton_of(schema, 2), automaton_of(schema, 2, spaced=True)
    accepted = [text for text in TEXTS if compact.accepts(text.encode())]
    for text in rng.sample(accepted, min(40, len(accepted))):
        tokens = re.findall(r'"\w*"|.', text)
        wide = tokens[0] + "".join(rng.choice(["", " ", "\n\t", " \r "]) + token for token in tokens[1:])
        assert spaced.accepts(text.encode())
        assert spaced.accepts(wide.encode()), wide
        assert compact.accepts(wide.encode()) == (wide == text)
        assert not spaced.accepts(f" {text}".encode())
        assert not spaced.accepts(f"{text} ".encode())


@pytest.mark.parametrize(
    "schema",
    [
        False,
        {"type": "array", "minItems": 1, "items": False},
        {"type": "object", "required": ["a"], "additionalProperties": False},
        {"type": "array", "items": {"$ref": "#"}, "minItems": 1},
        {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
    ],
)
def test_what_has_no_values_has_no_texts(schema: Any) -> None:
    assert automaton_of(schema) == compile_expression(NOTHING)


def test_large_parts_are_the_same_wherever_they_stand() -> None:
    part: Any = {"type": "array", "items": {"type": "number"}, "minItems": 600, "maxItems": 601}
    wholes = [part, {"type": "object", "properties": {"a": part}, "required": ["a"], "additionalProperties": False}]
    inner, outer = map(automaton_of, wholes)
    for count in (599, 600, 601, 602):
        text = f"[{','.join('0' * count)}]".encode()
        assert inner.accepts(text) == outer.accepts(b'{"a":' + text + b"}") == (count in (600, 601))


def test_too_many_states_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    items = [{"type": "array", "maxItems": n, "items": {"const": 0}} for n in range(12)]
    schema = {"type": "array", "prefixItems": items, "items": False}
    assert automaton_of(schema)
    monkeypatch.setattr(json_assembly, "MAX_BUILT", 100)
    with pytest.raises(LimitError, match="more than 100 automaton states") as caught:
        automaton_of(schema)
    assert caught.value.limit == 100 < caught.value.given < 200
    assert caught.value.hint
