"""Results: reading a value, or the error that stands in its place."""

from __future__ import annotations

import math
from typing import Literal

import pytest

from constrain.engine.result import Result
from constrain.errors import SpecError
from constrain.specs import JsonSchema, as_spec


def test_the_value_is_what_the_text_stands_for() -> None:
    assert Result(text="[1, 2]", spec=as_spec(list[int])).value == [1, 2]


def test_without_a_spec_the_value_is_the_text() -> None:
    result = Result(text="[1, 2]")
    assert (result.value, result.complete, result.bounded) == ("[1, 2]", True, ())


def test_a_draft_that_goes_on_is_not_complete() -> None:
    spec = as_spec(list[int])
    assert [Result(text=text, spec=spec).complete for text in ("[1", "[1]")] == [False, True]


def test_a_failed_row_raises_its_error_instead_of_a_value() -> None:
    result = Result(error=SpecError("the prompt is empty"))
    assert not result.complete
    assert math.isnan(result.log_z)
    with pytest.raises(SpecError, match="the prompt is empty"):
        _ = result.value


def test_bounds_are_those_of_the_spec() -> None:
    spec = JsonSchema({"type": "boolean"})
    assert Result(text="true", spec=spec).bounded == spec.bounded


def test_literals_come_back_as_they_are() -> None:
    assert Result(text='"ham"', spec=as_spec(Literal["spam", "ham"])).value == "ham"
