"""What texts are worth, beside `jsonschema`, pydantic, `re` and counting by hand."""

from __future__ import annotations

import json
import re
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from constrain.engine.eval_judging import found, judged
from constrain.specs import Choice, JsonSchema, PythonType, Regex
from constrain.sudoku import Sudoku
from constrain.template import Template

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "age": {"type": "integer", "minimum": 0},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}
TARGET = {"name": "Ada", "age": 36, "tags": ["a", "b"]}


class Pet(BaseModel):
    name: str
    kind: Literal["cat", "dog"] | None = None


values = st.one_of(st.integers(-1, 3), st.sampled_from(["Ada", "a", "b", True, None]), st.lists(st.sampled_from("abc")))
members = st.dictionaries(st.sampled_from(["name", "age", "tags", "other"]), values)


@given(members, st.randoms(use_true_random=False), st.sampled_from([None, 1]))
@settings(deadline=None, max_examples=200)
def test_json_is_valid_in_any_order_and_spacing_if_its_value_is(
    document: dict[str, Any], rng: Any, indent: Any
) -> None:
    names = list(document)
    rng.shuffle(names)
    text = json.dumps({name: document[name] for name in names}, indent=indent)
    verdict = judged(JsonSchema(SCHEMA), TARGET, text)
    assert verdict.valid == Draft202012Validator(SCHEMA).is_valid(document)
    assert verdict.correct == (verdict.valid and document == TARGET)


@pytest.mark.parametrize(
    "text", ["", "{", '{"name": "Ada"}', "[]", "null", '{"name": "Ada", "age": 36} ok', "[" * 5000]
)
def test_what_is_not_valid_has_no_field_right(text: str) -> None:
    verdict = judged(JsonSchema(SCHEMA), TARGET, text)
    assert (verdict.valid, verdict.correct, verdict.right, verdict.fields) == (False, False, 0, 4)


def test_fields_are_the_leaves_of_both() -> None:
    def fields(value: Any) -> tuple[int, int]:
        verdict = judged(JsonSchema(SCHEMA), TARGET, json.dumps(value))
        return verdict.right, verdict.fields

    assert fields(TARGET) == (4, 4)
    assert fields({"name": "Ada", "age": 35}) == (1, 4)
    assert fields({"name": "Ada", "age": 36, "tags": ["b", "a", "b"]}) == (2, 5)


def test_members_that_are_null_may_be_left_out_of_a_python_type() -> None:
    spec = PythonType(Pet)
    for target in ({"name": "Ada"}, Pet(name="Ada"), Pet(name="Ada", kind=None)):
        assert judged(spec, target, '{"name": "Ada"}').correct
        assert judged(spec, target, '{"kind": null, "name": "Ada"}').correct
        assert not judged(spec, target, '{"name": "Ada", "kind": "cat"}').correct
        assert not judged(spec, target, '{"name": "Ada", "age": 3}').valid


def test_other_texts_are_taken_as_they_are() -> None:
    assert judged(Choice(["spam", "ham"]), "ham", "ham").correct
    assert not judged(Choice(["spam", "ham"]), "ham", "ham.").valid
    form = Template("{name} is {age}.", name=Regex("[A-Z][a-z]+"), age=int)
    verdict = judged(form, {"name": "Ada", "age": 36}, "Ada is 35.")
    assert (verdict.valid, verdict.correct, verdict.right, verdict.fields) == (True, False, 1, 2)


def test_a_sudoku_is_judged_by_its_rules_and_cell_by_cell() -> None:
    solved = "1234\n3412\n2143\n4321"
    verdict = judged(Sudoku("1...\n....\n...3\n...."), solved, solved)
    assert (verdict.valid, verdict.correct, verdict.right, verdict.fields) == (True, True, 16, 16)
    assert not judged(Sudoku("1...\n....\n...3\n...."), solved, solved.replace("4321", "4312")).valid
    shape = judged(Regex("([1-4]{4}\n){3}[1-4]{4}"), solved, solved.replace("4321", "4312"))
    assert (shape.valid, shape.correct, shape.right, shape.fields) == (True, False, 14, 16)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('Sure, 1 object:\n```json\n{"a": [1]}\n```\n{"b": 2}', '{"a": [1]}'),
        ("the answer {is} [1, 2] or so", "[1, 2]"),
        ('the answer is "yes" or 3', '"yes"'),
        ("nothing at all", "nothing at all"),
    ],
)
def test_the_first_json_in_a_text(text: str, expected: str) -> None:
    assert found(JsonSchema(True), text) == expected


@given(st.text("abx. ", max_size=12), st.lists(st.text("ab", min_size=1, max_size=3), min_size=1, unique=True))
@settings(deadline=None, max_examples=300)
def test_the_first_label_in_a_text_is_a_whole_word(text: str, labels: list[str]) -> None:
    longest_first = "|".join(sorted(labels, key=len, reverse=True))
    match = re.search(rf"\b(?:{longest_first})\b", text)
    assert found(Choice(labels), text) == (text if match is None else match[0])


def test_the_first_grid_in_a_text() -> None:
    grid = "12\n21"
    assert found(Regex("[12]{2}\n[12]{2}"), f"The grid 121 is\n{grid}\nas I said.") == grid
    assert found(Regex("[é]+"), "caféé é.") == "é"
