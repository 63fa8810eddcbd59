"""What is left out of a schema makes it admit more. The judge is `jsonschema`."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from constrain.json_keywords import active
from constrain.json_references import root_site
from constrain.json_weakening import Unit, at, units, weakened
from tests.constrain.json_judge import verdict_of
from tests.constrain.json_schemas import documents, schemas


def all_units(schema: Any) -> list[Unit]:
    """Those of the root, and of what is inside them, as long as no `unevaluated...` counts on it."""
    found: list[Unit] = []
    queue: list[tuple[str, ...]] = [()]
    for path in queue:
        site = root_site(schema).child(*path)
        if not isinstance(site.schema, bool):
            has = active(site.schema, site.draft)
            is_evaluated = any(keyword.startswith("unevaluated") for keyword in has)
            new = list(units(has, path, is_evaluated=is_evaluated))
            found += new
            queue += [inner for unit in new if not is_evaluated for inner in unit.inner]
    return found


@given(schemas(), st.data())
@settings(max_examples=150, deadline=None)
def test_what_is_left_out_only_admits_more(schema: Any, data: st.DataObject) -> None:
    if "$ref" in str(schema) or "unevaluated" in str(schema):
        return
    listed = all_units(schema)
    left_out = data.draw(st.sets(st.sampled_from(listed))) if listed else set()
    is_valid, is_valid_without = verdict_of(schema), verdict_of(weakened(schema, left_out))
    for document in data.draw(st.lists(documents(), min_size=3, max_size=6)):
        assert is_valid_without(document) or not is_valid(document)


def test_each_keyword_is_left_out_in_its_way() -> None:
    schema = {
        "type": ["string", "array"],
        "minItems": 1,
        "properties": {"a": {"minimum": 1}, "b": False},
        "items": {"maximum": 3},
        "allOf": [{"minLength": 1}, {"maxLength": 3}],
        "dependentRequired": {"a": ["b"], "b": ["a"]},
        "contains": {"type": "null"},
        "minContains": 0,
        "not": {"const": 1},
        "if": {},
        "then": False,
        "$defs": {},
    }
    without = {unit.path: weakened(schema, [unit]) for unit in all_units(schema)}
    assert without["type",] == {keyword: value for keyword, value in schema.items() if keyword != "type"}
    assert without["properties", "b"]["properties"] == {"a": {"minimum": 1}, "b": {}}
    assert without["properties", "a", "minimum"]["properties"] == {"a": {}, "b": False}
    assert without["items",]["items"] == without["items", "maximum"]["items"] == {}
    assert without["allOf", "1"]["allOf"] == [{"minLength": 1}, {}]
    assert without["dependentRequired", "a"]["dependentRequired"] == {"b": ["a"]}
    assert "contains" not in without["contains",]
    assert without["then",]["then"] == {}
    assert not without.keys() & {("minContains",), ("if",), ("$defs",), ("not", "const")}


def test_what_stands_inside_what_is_left_out_goes_with_it() -> None:
    schema = {"allOf": [{"oneOf": [{"minimum": 1}, {"type": "null"}]}], "minimum": 0}
    inner, outer = Unit(("allOf", "0", "oneOf", "0", "minimum")), Unit(("allOf", "0"), opened=True)
    assert weakened(schema, [inner, outer], [("allOf", "0", "oneOf")]) == {"allOf": [{}], "minimum": 0}
    softened = weakened(schema, [inner], [("allOf", "0", "oneOf")])
    assert at(softened, ("allOf", "0", "anyOf")) == [{}, {"type": "null"}]
    assert weakened(schema, [Unit((), opened=True)]) == {}
    assert at(schema, ("allOf", "0", "oneOf", "0", "minimum")) == 1, "the schema itself is not changed"
