"""What a schema applies, and where: found without reading what it says."""

from __future__ import annotations

from typing import Any

import pytest

from constrain.errors import SpecError
from constrain.json_reader import Reader
from constrain.json_references import root_site
from constrain.json_sites import check, reachable

ACTIVE = Reader().active


def pointers(schema: Any) -> list[str]:
    return [site.pointer for site in reachable(root_site(schema), ACTIVE)]


def test_every_subschema_is_reached_once_in_the_order_of_the_document() -> None:
    schema = {
        "properties": {"a": {"items": {}}, "b": True},
        "allOf": [{"not": {}}, False],
        "additionalProperties": {"$ref": "#/$defs/x"},
        "dependentSchemas": {"a/b": {"$ref": "#/$defs/x"}},
        "propertyNames": {"if": {}},
        "$defs": {"x": {"contains": {"$ref": "#"}}, "unused": {"not": {}}},
        "enum": [{"not": 3}],
    }
    assert pointers(schema) == [
        "",
        "/properties/a",
        "/properties/a/items",
        "/properties/b",
        "/allOf/0",
        "/allOf/0/not",
        "/allOf/1",
        "/additionalProperties",
        "/dependentSchemas/a~1b",
        "/propertyNames",
        "/propertyNames/if",
        "/$defs/x",
        "/$defs/x/contains",
    ]


def test_what_an_older_draft_does_not_apply_is_not_reached() -> None:
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "items": [{}, {}],
        "additionalItems": {},
        "prefixItems": [{}],
        "dependencies": {"a": {}, "b": ["c"]},
        "not": {"$ref": "#", "properties": {"a": {}}},
    }
    assert pointers(schema) == ["", "/items/0", "/items/1", "/additionalItems", "/dependencies/a", "/not"]


def test_equal_schemas_are_reached_wherever_they_stand() -> None:
    assert pointers({"properties": {"a": {"type": "null"}, "b": {"type": "null"}}})[1:] == [
        "/properties/a",
        "/properties/b",
    ]


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [
        ({"type": "string", "properties": {"a": {"minLenght": 1}}}, "/properties/a/minLenght"),
        ({"anyOf": [True, {"type": "strnig"}]}, "/anyOf/1/type"),
        ({"anyOf": [True, {"$ref": "#/nowhere"}]}, "/anyOf/1/$ref"),
        ({"allOf": [False, {"items": {"minimum": "1"}}]}, "/allOf/1/items/minimum"),
    ],
)
def test_what_is_malformed_is_found_where_nothing_depends_on_it(schema: Any, pointer: str) -> None:
    with pytest.raises(SpecError) as caught:
        check(root_site(schema), ACTIVE)
    assert caught.value.pointer == pointer


def test_definitions_that_nothing_leads_to_are_not_looked_at() -> None:
    check(root_site({"$defs": {"a": {"type": "strnig"}}}), ACTIVE)
