"""What a user can get wrong when asking a model: a named error that carries its data, at once, and nothing hangs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache, reduce
from typing import Any

import pytest
from pydantic import BaseModel

from constrain.engine.model import Model, from_transformers
from constrain.errors import (
    ConstrainError,
    LimitError,
    SpecError,
    UnsatisfiableError,
    UnsupportedError,
    VocabularyError,
)
from constrain.specs import Choice, JsonSchema, Regex
from tests.models import tiny_model
from tests.tokenizers import fast, small_tokenizer

PAD, EOS, _, END_OF_TURN = range(4)
DATE = Regex(r"\d{4}-\d{2}-\d{2}")


def network(**options: Any) -> Any:
    defaults: dict[str, Any] = {"vocab_size": 400, "canvas_length": 16, "max_denoising_steps": 2}
    return tiny_model(**defaults | {"eos_token_id": [EOS, END_OF_TURN], "pad_token_id": PAD} | options)


@cache
def model() -> Model:
    return from_transformers(network(), fast(small_tokenizer("gpt2")))


def error_of(spec: Any, **options: Any) -> Any:
    """The error that the model raises before anything runs; the same one is a row's in a batch."""
    with pytest.raises(ConstrainError) as caught:
        model().stream("the name", spec, **options)
    (row,) = model().generate(["the name"], [spec], **options)
    assert type(row.error) is caught.type
    assert str(row.error) == str(caught.value)
    return caught.value


def test_an_unknown_keyword() -> None:
    error = error_of({"type": "object", "properties": {"a/b": {"type": "string", "minLenght": 3}}})
    assert isinstance(error, UnsupportedError)
    assert (error.keyword, error.pointer) == ("minLenght", "/properties/a~1b/minLenght")
    assert "minLength" in str(error.hint)


def test_a_keyword_of_an_earlier_draft() -> None:
    error = error_of({"anyOf": [{"type": "object", "dependencies": {"a": ["b"]}}]})
    assert isinstance(error, UnsupportedError)
    assert (error.keyword, error.pointer) == ("dependencies", "/anyOf/0/dependencies")


A = {"type": "object", "required": ["a"]}


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [
        ({"type": "string", "minLength": 5, "maxLength": 4}, ""),
        ({"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 2, "exclusiveMaximum": 2}}, "/items"),
        ({"properties": {"a": {"format": "date", "pattern": "^x", "type": "string"}}, **A}, "/properties/a"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"type": "integer", "enum": ["x"]}}}, "/$defs/a"),
    ],
)
def test_a_contradiction_inside_one_schema(schema: dict[str, Any], pointer: str) -> None:
    error = error_of(schema)
    assert isinstance(error, UnsatisfiableError)
    assert error.pointer == pointer


@pytest.mark.parametrize(
    "spec",
    [
        False,
        {"allOf": [{"type": "string"}, {"type": "integer"}]},
        {"type": "object", "required": ["a"], "properties": {"a": False}},
        Regex("a$b"),
    ],
)
def test_a_specification_that_nothing_satisfies(spec: Any) -> None:
    assert isinstance(error_of(spec), UnsatisfiableError | SpecError)


class Wide(BaseModel):
    first_name_of_the_person: str
    last_name_of_the_person: str


@pytest.mark.parametrize("spec", [Regex("x{40}"), Choice(["x" * 30, "y" * 20]), Wide, {"const": [1] * 15}])
def test_a_budget_below_the_shortest_output(spec: Any) -> None:
    needed = error_of(spec, max_new_tokens=1).needed
    error = error_of(spec, max_new_tokens=needed - 1)
    assert isinstance(error, UnsatisfiableError)
    assert (error.needed, error.available) == (needed, needed - 1)
    assert f"max_new_tokens={needed}" in str(error.hint)
    result = model().generate("the", spec, max_passes=1, max_new_tokens=needed)
    assert result.complete
    assert len(result.token_ids) == needed


@pytest.mark.parametrize("prompt", ["", " \n\t", [], [{"role": "user", "content": ""}]])
def test_an_empty_prompt(prompt: Any) -> None:
    with pytest.raises(SpecError, match="the prompt is empty"):
        model().generate(prompt, DATE)


@pytest.mark.parametrize("prompt", [None, 42, [{"role": "user"}], {"role": "user", "content": "x"}])
def test_what_is_no_prompt(prompt: Any) -> None:
    with pytest.raises(SpecError, match="is not a prompt"):
        model().generate(prompt, DATE)


def test_a_prompt_that_is_no_text() -> None:
    with pytest.raises(SpecError, match="lone surrogate"):
        model().generate("caf\udce9", DATE)


def test_a_tokenizer_with_more_tokens_than_the_model() -> None:
    with pytest.raises(VocabularyError):
        from_transformers(network(vocab_size=100), fast(small_tokenizer("gpt2")))


def test_a_tokenizer_that_ends_the_turn_elsewhere() -> None:
    with pytest.raises(VocabularyError, match="ends its turn with id 350"):
        from_transformers(network(eos_token_id=350), fast(small_tokenizer("gpt2")))


def test_a_tokenizer_that_cannot_spell_the_specification() -> None:
    digits = from_transformers(network(), fast(small_tokenizer("digit_words")))
    with pytest.raises(UnsatisfiableError, match="cannot spell"):
        digits.generate("12", {"type": "object"})


def wide_enum() -> Any:
    return {"enum": [f"value {number:06d} {'x' * 30}" for number in range(120_000)]}


def long_enum() -> Any:
    return {"enum": [f"{number:04d}" + "x" * 5_000 for number in range(1_000)]}


def many_properties() -> Any:
    return {"type": "object", "properties": {f"property {n:07d} {'x' * 24}": {"type": "null"} for n in range(120_000)}}


def long_pattern() -> Any:
    return {"type": "string", "pattern": "ab|cd" * 1_000_000}


def deep_schema() -> Any:
    innermost: dict[str, Any] = {}
    return reduce(lambda inner, _: {"type": "array", "items": inner}, range(170_000), innermost)


def deep_text() -> Any:
    return JsonSchema('{"type": "array", "items": ' * 170_000 + "true" + "}" * 170_000)


def wide_text() -> Any:
    return JsonSchema(json.dumps(wide_enum()))


def many_options() -> Any:
    return Choice([f"value {number:06d} {'x' * 30}" for number in range(120_000)])


@pytest.mark.parametrize(
    "huge",
    [wide_enum, long_enum, many_properties, long_pattern, deep_schema, deep_text, wide_text, many_options],
)
def test_five_megabytes_of_specification(huge: Callable[[], Any]) -> None:
    with pytest.raises(LimitError) as caught:
        model().stream("the", huge())
    assert 0 < caught.value.limit < caught.value.given
    assert caught.value.hint


def quadruple(number: int) -> dict[str, Any]:
    return {"type": "array", "items": False, "minItems": 4, "prefixItems": [{"$ref": f"#/$defs/{number}"}] * 4}


@pytest.mark.parametrize(
    "spec",
    [
        {"type": "string", "minLength": 10**9},
        {"type": "array", "minItems": 10**9, "items": {"type": "null"}},
        {"type": "integer", "minimum": 10**1000},
        {"$ref": "#/$defs/0", "$defs": {str(n): quadruple(n + 1) for n in range(20)} | {"20": {"type": "null"}}},
        Regex("(((a{1000}){1000}){1000}){1000}"),
        Regex("(?:a|b)*a(?:a|b){40}"),
    ],
    ids=lambda spec: str(spec)[:40],
)
def test_a_small_specification_of_something_huge(spec: Any) -> None:
    error = error_of(spec)
    assert isinstance(error, LimitError)
    assert 0 < error.limit < error.given


def test_a_schema_inside_itself() -> None:
    schema: dict[str, Any] = {"type": "array"}
    schema["items"] = schema
    assert isinstance(error_of(schema), LimitError)


def test_a_reference_that_leads_back_without_reading_anything() -> None:
    error = error_of({"type": "array", "items": {"anyOf": [{"type": "null"}, {"$ref": "#/items"}]}})
    assert isinstance(error, SpecError)
    assert error.keyword == "$ref"


@pytest.mark.parametrize(("pattern", "position"), [("a(b", 1), ("[z-a]", 1), ("a{3,2}", 2), ("ab)", 2), ("*a", 0)])
def test_a_malformed_regex(pattern: str, position: int) -> None:
    with pytest.raises(re.error):
        re.compile(pattern)
    with pytest.raises(SpecError) as caught:
        Regex(pattern)
    assert (caught.value.source, caught.value.position) == (pattern, position)
    assert str(caught.value).splitlines()[2] == "  " + " " * position + "^"
    error = error_of({"properties": {"a": {"pattern": pattern}}})
    assert (error.pointer, error.source) == ("/properties/a/pattern", pattern)


@pytest.mark.parametrize(("pattern", "position"), [(r"(a)\1", 3), ("(?>a)b", 0), ("a++", 1)])
def test_a_regex_that_is_not_regular(pattern: str, position: int) -> None:
    with pytest.raises(UnsupportedError) as caught:
        Regex(pattern)
    assert (caught.value.source, caught.value.position) == (pattern, position)


@pytest.mark.parametrize("spec", [42, 1.5, "name: str", b"x", [DATE], (DATE, DATE), {1: "type"}, {"enum": [object()]}])
def test_what_is_no_specification(spec: Any) -> None:
    assert isinstance(error_of(spec), SpecError)


def test_a_bad_row_leaves_its_neighbours_as_they_are_without_it() -> None:
    good = model().generate(["the name", "a"], [DATE, Wide], max_new_tokens=70, seed=3)
    bad: list[tuple[Any, Any, type[ConstrainError]]] = [
        ("", DATE, SpecError),
        (None, DATE, SpecError),
        ("caf\udce9", DATE, SpecError),
        ("the", 42, SpecError),
        ("the", {"minLenght": 3}, UnsupportedError),
        ("the", {"type": "string", "minLength": 2, "maxLength": 1}, UnsatisfiableError),
        ("the", Regex("x{71}"), UnsatisfiableError),
        ("the", wide_enum(), LimitError),
    ]
    for prompt, spec, kind in bad:
        results = model().generate(["the name", prompt, "a"], [DATE, spec, Wide], max_new_tokens=70, seed=3)
        assert [results[0], results[2]] == good
        assert isinstance(results[1].error, kind)
        assert (results[1].text, results[1].passes, results[1].complete) == ("", 0, False)
        with pytest.raises(kind):
            _ = results[1].value


@pytest.mark.parametrize("option", ["max_passes", "max_new_tokens"])
@pytest.mark.parametrize("value", [0, -1])
def test_no_passes_or_no_tokens(option: str, value: int) -> None:
    with pytest.raises(SpecError, match=f"{option} must be at least 1, got {value}"):
        model().generate("the", DATE, **{option: value})  # type: ignore[call-overload]  # a literal key is needed


@pytest.mark.parametrize("specs", [[], [DATE], [DATE] * 3])
def test_another_number_of_specs_than_prompts(specs: list[Any]) -> None:
    with pytest.raises(SpecError, match=f"2 prompts, but {len(specs)} specs"):
        model().generate(["the", "a"], specs)
