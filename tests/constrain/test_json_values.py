"""Sets of JSON values: intersection is intersection, emptiness is emptiness. The judge is membership itself, which
`test_json_schema.py` compares with `jsonschema`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from constrain.errors import SpecError
from constrain.expression import compile_expression
from constrain.json_schema import schema_language
from constrain.json_text import canonical_string
from constrain.json_values import ANY, NOTHING, Array, Fixed, Number, Object, String, ValueSet, any_of, either, exact
from tests.constrain.json_schemas import documents, schemas


@st.composite
def value_sets(draw: st.DrawFn) -> ValueSet:
    try:
        return schema_language(draw(schemas()), max_depth=0).values
    except SpecError:
        assume(False)
        raise


@given(value_sets(), value_sets(), st.lists(documents(), max_size=10))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
def test_algebra(a: ValueSet, b: ValueSet, values: list[Any]) -> None:
    both, one = a & b, any_of([a, b])
    assert a.meets(b) == bool(both)
    for value in values:
        assert (value in both) == (value in a and value in b)
        assert (value in one) == (value in a or value in b)


def test_identities() -> None:
    some = either([Number(whole=True)])
    assert (some & ANY) is some is (ANY & some)
    assert (some & some) is some
    assert any_of([some, ANY]) is ANY
    assert not some & NOTHING
    assert not NOTHING
    assert not some & either([String()])


def test_fixed_values_are_compared_as_json() -> None:
    values = Fixed((1, True, "1", None, [1.0], {"a": [], "b": {}}))
    for member in (1, 1.0, True, "1", None, [1], {"b": {}, "a": []}):
        assert member in values
    for other in (0, False, "True", "None", [True], ["1"], {}, [], {"a": {}, "b": []}, {"a": []}):
        assert other not in values


def test_equal_fixed_values_of_different_spelling_are_kept() -> None:
    assert either([Fixed((1, 1.0, 1)), Fixed((2, 1))]).shapes[0].values == (1, 1.0, 2)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("number", "empty"),
    [
        (Number(), False),
        (Number(low=Decimal(1), high=Decimal(1)), False),
        (Number(low=Decimal(1), high=Decimal(1), low_open=True), True),
        (Number(low=Decimal(2), high=Decimal(1)), True),
        (Number(low=Decimal(1), high=Decimal(2), low_open=True, high_open=True), False),
        (Number(whole=True, low=Decimal(1), high=Decimal(2), low_open=True, high_open=True), True),
        (Number(whole=True, low=Decimal("1.1"), high=Decimal("1.9")), True),
        (Number(whole=True, low=Decimal("1.1"), high=Decimal(2)), False),
    ],
)
def test_empty_intervals(number: Number, empty: bool) -> None:
    assert number.is_empty == empty
    assert bool(either([number])) != empty


def test_bounds_of_any_size_stay_exact() -> None:
    huge = Decimal(2**200 + 1)
    assert Number(whole=True, low=huge, low_open=True).integer_bounds == (2**200 + 2, None)
    assert Number(whole=True, high=-huge, high_open=True).integer_bounds[1] is not None
    assert exact(1e23) == Decimal(int(1e23)) != Decimal("1e23")
    assert exact(0.1) == Decimal("0.1")


@pytest.mark.parametrize("value", [float("inf"), float("nan"), True, "1", None])
def test_what_is_no_number(value: Any) -> None:
    assert value not in Number()


def test_an_impossible_item_shortens_an_array() -> None:
    one = either([Fixed((1,))])
    assert Array(NOTHING, (one, one)).longest == 2
    assert Array(ANY, (one, NOTHING, one)).longest == 1
    assert Array(NOTHING, (one,), low=2).is_empty
    assert not Array(ANY, (one,), low=2).is_empty


def test_an_impossible_required_member_empties_an_object() -> None:
    assert Object({"a": NOTHING}, frozenset("a"), ANY).is_empty
    assert not Object({"a": NOTHING}, frozenset(), ANY).is_empty
    met = either([Object({"a": NOTHING}, frozenset(), ANY)]) & either([Object({"b": ANY}, frozenset("a"), ANY)])
    assert not met


def test_lone_surrogates_match_no_pattern() -> None:
    assert "\ud800" not in String(pattern=compile_expression(canonical_string()))
