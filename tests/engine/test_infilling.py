"""Texts with gaps: what is given stays token by token, the spec fills the gaps, and what cannot be is refused."""

from __future__ import annotations

import pytest

from constrain.engine.infilling import Infill
from constrain.errors import LimitError, SpecError, UnsatisfiableError, UnsupportedError
from constrain.specs import JsonSchema, Regex
from constrain.sudoku import Sudoku
from tests.engine.families import FAMILIES, MASK, family_model, masked_model

MASKED = FAMILIES[1:]


@pytest.mark.parametrize("family", MASKED)
def test_given_text_stays_and_gaps_are_filled_by_the_spec(family: str) -> None:
    model = family_model(family)
    text = f"a{MASK}b{MASK * 2}c"
    results = [model.generate("the", Infill(text, spec)) for spec in (None, Regex("[a-f]+"))]
    for result in results:
        ids = [model.vocabulary.tokens[token] for token in result.token_ids]
        assert len(ids) == 6
        assert (ids[0], ids[2], ids[5]) == (b"a", b"b", b"c")
    assert set(results[1].text) <= set("abcdef")
    assert results[1].value == results[1].text


def test_given_text_in_some_rows_of_a_batch_alone() -> None:
    model = family_model("llada")
    specs = [Infill(f"{MASK}ame"), Regex("[a-f]{20}"), None, Infill(f"x{MASK}", Regex("[wxyz]*"))]
    first, second, third, last = model.generate(["a", "the name", "the", "in"], specs)
    assert first.text.endswith("ame")
    assert len(first.token_ids) == len(model.tokenizer.encode(f"{MASK}ame"))
    assert set(second.text) <= set("abcdef")
    assert third.error is None
    assert last.text[0] == "x"
    assert last.text[1] in "wxyz"


def test_a_gap_may_be_anywhere_in_a_json_text() -> None:
    model = masked_model("dream", length=24)
    schema = JsonSchema({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]})
    value = model("the", Infill('{"a' + MASK * 4 + "7}", JsonSchema(schema.schema, whitespace="compact")))
    assert value["a"] % 10 == 7


@pytest.mark.parametrize(
    ("spec", "error", "words"),
    [
        (Infill(f"a{MASK}", Regex("b+")), UnsatisfiableError, "nothing valid has the given tokens"),
        (Infill(""), SpecError, "the text is empty"),
        (Infill("a<turn|>b"), SpecError, "which no output can have"),
        (Infill("x" * 17), LimitError, "17 tokens, a canvas has 16"),
        (Infill(f"{MASK}1", Sudoku("1" + "." * 15)), UnsupportedError, "a puzzle takes no given text"),
    ],
)
def test_given_text_that_cannot_be_kept_is_refused(spec: Infill, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        family_model("llada").generate("the", spec)
    (row,) = family_model("llada").generate(["the"], [spec])
    assert isinstance(row.error, error)


def test_a_family_without_masks_takes_no_gaps() -> None:
    with pytest.raises(UnsupportedError, match="no mask token"):
        family_model("diffusion_gemma").generate("the", Infill(f"a{MASK}"))
