"""Which keywords are known in which draft, and what their values may be. The judges are the drafts' metaschemas."""

from __future__ import annotations

import copy
import json
from types import MappingProxyType
from typing import Any

import pytest
from jsonschema.validators import validator_for  # type: ignore[import-untyped]  # it ships no types

from constrain.errors import LimitError, SpecError, UnsupportedError
from constrain.json_dialects import DRAFTS
from constrain.json_keywords import ANNOTATIONS, KEYWORDS, active, check_keywords, check_size, join
from tests.suite.official import DIALECTS

COUNTS = [
    *("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties", "minContains", "maxContains"),
]
BOUNDS = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]
LISTS = ["anyOf", "oneOf", "allOf", "prefixItems"]
NAMED = ["$defs", "definitions", "properties", "patternProperties", "dependentSchemas"]
SINGLE = [
    *(
        "not",
        "if",
        "then",
        "else",
        "additionalProperties",
        "propertyNames",
        "unevaluatedProperties",
        "unevaluatedItems",
    ),
    *("items", "contains"),
]
RIGHT: dict[str, list[Any]] = {
    "$schema": ["https://json-schema.org/draft/2020-12/schema"],
    "$id": ["https://example.org"],
    "$ref": ["#/a"],
    "$anchor": ["a"],
    "$dynamicRef": ["#a"],
    "$dynamicAnchor": ["a"],
    "type": ["string", ["null"], ["integer", "null"]],
    "enum": [[1], [1, "a", None], []],
    "const": [None, 1, {}],
    "required": [[], ["a", "b"]],
    "dependentRequired": [{}, {"a": ["b"], "c": []}],
    "uniqueItems": [True, False],
    "pattern": ["a"],
    "format": ["date", "unknown"],
    "multipleOf": [1, 0.5],
    **{keyword: [{}, {"a": True, "b": {}}] for keyword in NAMED},
    **{keyword: [[True], [{}, False]] for keyword in LISTS},
    **{keyword: [True, False, {}] for keyword in SINGLE},
    **{keyword: [0, 3, 2.0] for keyword in COUNTS},
    **{keyword: [0, -1, 2.5] for keyword in BOUNDS},
}
WRONG: dict[str, list[Any]] = {
    "$schema": [3],
    "$id": [3],
    "$ref": [{}],
    "$anchor": [3],
    "$dynamicRef": [3],
    "$dynamicAnchor": [3],
    "type": ["strnig", 3, ["string", "strnig"], [], None],
    "enum": [3, {}],
    "required": ["a", [1], True],
    "dependentRequired": [[], {"a": "b"}, {"a": [1]}],
    "uniqueItems": ["yes", 1],
    "pattern": [3, None],
    "format": [3],
    "multipleOf": [0, -1, "1"],
    **{keyword: [[], {"a": 3}, None] for keyword in NAMED},
    **{keyword: [[], {}, [3], "a", True] for keyword in LISTS},
    **{keyword: ["a", None, 3] for keyword in SINGLE},
    **{keyword: [-1, 1.5, "x", None] for keyword in COUNTS},
    **{keyword: ["3", None, [], {}] for keyword in BOUNDS},
}
OLDER: list[tuple[str, str, Any, bool]] = [
    ("4", "exclusiveMinimum", True, True),
    ("4", "exclusiveMinimum", 3, False),
    ("6", "exclusiveMinimum", True, False),
    ("4", "additionalItems", True, True),
    ("4", "additionalItems", 3, False),
    ("4", "id", 3, False),
    ("7", "items", [{}, {}], True),
    ("7", "items", [3], False),
    ("2019-09", "items", [True], True),
    ("7", "dependencies", {"a": ["b"], "c": {}}, True),
    ("7", "dependencies", {"a": "b"}, False),
    ("2019-09", "$recursiveRef", "#", True),
    ("2019-09", "$recursiveRef", 3, False),
    ("2019-09", "$recursiveAnchor", "yes", False),
]


def is_schema(value: Any, draft: str = "2020-12") -> bool:
    kind = validator_for({"$schema": DIALECTS[f"draft{draft}"]})
    return bool(kind(kind.META_SCHEMA).is_valid(value))


def is_accepted(schema: dict[str, Any], draft: str) -> bool:
    try:
        check_keywords(schema, "", draft)
    except SpecError:
        return False
    return True


@pytest.mark.parametrize(("keyword", "value"), [(keyword, value) for keyword in WRONG for value in WRONG[keyword]])
def test_malformed_values(keyword: str, value: Any) -> None:
    assert not is_schema({keyword: value})
    with pytest.raises(SpecError) as caught:
        check_keywords({"title": "t", keyword: value}, "/properties/a", "2020-12")
    assert (caught.value.pointer, caught.value.keyword) == (f"/properties/a/{keyword}", keyword)
    assert not isinstance(caught.value, UnsupportedError)


def test_well_formed_values() -> None:
    of_older_drafts = {"id", "dependencies", "additionalItems", "$recursiveRef", "$recursiveAnchor"}
    assert RIGHT.keys() | of_older_drafts == KEYWORDS.keys()
    for keyword, values in RIGHT.items():
        for value in values:
            assert is_schema({keyword: value}), (keyword, value)
            check_keywords({keyword: value}, "", "2020-12")


@pytest.mark.parametrize(("draft", "keyword", "value", "is_right"), OLDER)
def test_values_in_older_drafts(draft: str, keyword: str, value: Any, is_right: bool) -> None:
    around = {"minimum": 1} if keyword == "exclusiveMinimum" else {}
    assert is_schema({**around, keyword: value}, draft) == is_right
    assert is_accepted({**around, keyword: value}, draft) == is_right


@pytest.mark.parametrize(
    ("keyword", "value"),
    [("minLength", True), ("minimum", False), ("multipleOf", True)],
)
def test_malformed_values_that_the_metaschema_lets_pass_or_does_not_know(keyword: str, value: Any) -> None:
    with pytest.raises(SpecError) as caught:
        check_keywords({keyword: value, "type": "string"}, "", "2020-12")
    assert (caught.value.pointer, caught.value.keyword) == (f"/{keyword}", keyword)


@pytest.mark.parametrize("schema", [{"required": ["a", "a"]}, {"type": ["null", "null"]}, {"enum": [1, 1]}])
def test_repetitions_say_nothing_new(schema: dict[str, Any]) -> None:
    check_keywords(schema, "", "2020-12")


@pytest.mark.parametrize("draft", DRAFTS)
def test_every_keyword_of_a_draft_is_known(draft: str) -> None:
    kind = validator_for({"$schema": DIALECTS[f"draft{draft}"]})
    names = set(kind.META_SCHEMA["properties"])
    for vocabulary in kind.META_SCHEMA.get("allOf", ()):
        resolver = kind(kind.META_SCHEMA)._resolver
        base = DIALECTS[f"draft{draft}"].rsplit("/", 1)[0]
        names |= set(resolver.lookup(f"{base}/{vocabulary['$ref']}").contents["properties"])
    assert len(names) > 30
    for name in names:
        known = KEYWORDS.get(name)
        assert name in ANNOTATIONS or (
            known is not None
            and (known.is_known(draft) or name in ("dependencies", "$recursiveRef", "$recursiveAnchor"))
        ), name


def test_keywords_count_from_their_draft_on_and_in_their_vocabulary() -> None:
    schema = {"const": 1, "if": {}, "minContains": 1, "prefixItems": [{}], "minimum": 3, "$ref": "#", "x": 1}
    assert active(schema, "4").keys() == {"minimum", "$ref"}
    assert active(schema, "6").keys() == {"minimum", "$ref", "const"}
    assert active(schema, "7").keys() == {"minimum", "$ref", "const", "if"}
    assert active(schema, "2020-12").keys() == schema.keys() - {"x"}
    assert active(schema, "2020-12", frozenset({"applicator"})).keys() == {"$ref", "if", "prefixItems"}
    assert active({"format": "date"}, "2020-12", frozenset({"format-annotation"})).keys() == {"format"}


@pytest.mark.parametrize(
    ("keyword", "meant"),
    [
        ("maxLenght", "maxLength"),
        ("maxlength", "maxLength"),
        ("additionalproperties", "additionalProperties"),
        ("anyof", "anyOf"),
        ("requird", "required"),
        ("uniqueItem", "uniqueItems"),
    ],
)
def test_slips_are_refused(keyword: str, meant: str) -> None:
    with pytest.raises(UnsupportedError, match="no keyword of JSON Schema") as caught:
        check_keywords({keyword: RIGHT[meant][0]}, "/a", "2020-12")
    assert (caught.value.pointer, caught.value.keyword) == (f"/a/{keyword}", keyword)
    assert f"{meant!r}" in str(caught.value.hint)


@pytest.mark.parametrize(
    "keyword",
    [
        *("x-note", "zzz", "markdownDescription", "units", "tip", "ids"),
        *("cost", "Type", "Properties", "item", "requires", "patterns"),
    ],
)
def test_other_unknown_keywords_are_notes(keyword: str) -> None:
    for value in ({"anything": 1}, "word", ["a"], True, 3):
        check_keywords({keyword: value}, "", "2020-12")


def test_a_slip_has_a_value_that_the_keyword_may_have() -> None:
    check_keywords({"maxlength": "at most 30"}, "", "2020-12")


@pytest.mark.parametrize(
    ("keyword", "value", "hint"),
    [
        ("type", "strnig", "'string'"),
        ("items", [{}], "prefixItems"),
        ("exclusiveMinimum", True, "since draft 6"),
        ("required", True, "beside properties"),
    ],
)
def test_hints(keyword: str, value: Any, hint: str) -> None:
    with pytest.raises(SpecError) as caught:
        check_keywords({keyword: value}, "", "2020-12")
    assert hint in str(caught.value.hint)


@pytest.mark.parametrize(
    ("schema", "keyword", "message"),
    [
        ({"dependencies": {"a": ["b"]}}, "dependencies", "no meaning in draft 2020-12"),
        ({"$recursiveRef": "#"}, "$recursiveRef", "no meaning in draft 2020-12"),
    ],
)
def test_what_has_no_meaning_here_is_refused(schema: dict[str, Any], keyword: str, message: str) -> None:
    with pytest.raises(UnsupportedError, match=message) as caught:
        check_keywords(schema, "/items", "2020-12")
    assert (caught.value.pointer, caught.value.keyword) == (f"/items/{keyword}", keyword)
    assert caught.value.hint


def test_pointers() -> None:
    assert join("", "a/b", 0, "~c", "") == "/a~1b/0/~0c/"


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        ({"a": [1, {1, 2}]}, "/a/1"),
        ({"a": {"b/c": float("nan")}}, "/a/b~1c"),
        ({"maximum": float("inf")}, "/maximum"),
        ({"a": [{"b": 1, 2: 3}]}, "/a/0"),
        ({"const": "\ud800"}, "/const"),
        ({"a": {"\udfff": 1}}, "/a"),
        ({"a": (1, 2)}, "/a"),
        ({"a": MappingProxyType({})}, "/a"),
    ],
)
def test_what_json_cannot_hold(value: Any, pointer: str) -> None:
    with pytest.raises(SpecError, match="no place in a schema") as caught:
        check_size(value)
    assert caught.value.pointer == pointer


def test_ordinary_schemas_pass() -> None:
    check_size(json.loads(json.dumps({"a": [1, 2.5, "x", None, True, {"b": {}}]})))


def cyclic() -> Any:
    schema: dict[str, Any] = {"type": "array"}
    schema["items"] = schema
    return schema


@pytest.mark.parametrize(
    ("schema", "limit"),
    [
        ({"description": "x" * 5_000_000}, 1_000_000),
        ({"enum": ["y" * 100] * 20_000}, 1_000_000),
        ({"enum": list(range(100_001))}, 100_000),
        ({"properties": {f"p{i}": {"type": "string"} for i in range(60_000)}}, 100_000),
        (json.loads("[" * 300 + "]" * 300), 256),
        (cyclic(), 256),
        ({"const": 2**5_000}, 4_096),
    ],
    ids=["text", "strings", "values", "members", "depth", "cycle", "integer"],
)
def test_sizes(schema: Any, limit: int) -> None:
    with pytest.raises(LimitError, match="a schema may have") as caught:
        check_size(schema)
    assert caught.value.limit == limit < caught.value.given
    assert caught.value.hint


def test_nothing_is_changed() -> None:
    schema = {"type": "object", "properties": {"a": {"enum": [1, {"b": []}]}}}
    before = copy.deepcopy(schema)
    check_size(schema)
    check_keywords(schema, "", "2020-12")
    assert schema == before
