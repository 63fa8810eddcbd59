"""Statements about values: what is put together, and what is left at the end, means the same as before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constrain.json_atoms import (
    KINDS,
    AtLeast,
    Containing,
    CountFrom,
    Has,
    IsKind,
    ItemIs,
    ItemsAre,
    LengthFrom,
    Matches,
    MemberIs,
    MembersAre,
    NumberAmong,
    SizeFrom,
    Subschema,
    TextAmong,
    Unique,
    Whole,
    finished,
    of_kind,
    typed,
)
from constrain.json_formula import FALSE, TRUE, Formula, all_of, any_of, atom, exactly_one
from tests.constrain.json_meaning import NUMBERS, STRINGS, VALUES, holds, kind_of, number_of

NOTHING, SOMETHING = Subschema("false", lambda: FALSE), Subschema("null", lambda: atom(IsKind("null")))


def formulas(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Formula]:
    def grow(inner: st.SearchStrategy[Formula]) -> st.SearchStrategy[Formula]:
        several = st.lists(inner, min_size=1, max_size=4)
        return several.map(all_of) | several.map(any_of) | several.map(exactly_one) | inner.map(lambda f: ~f)

    return st.recursive(leaves.map(atom), grow, max_leaves=8)


texts = formulas(
    st.frozensets(st.sampled_from(STRINGS), min_size=1, max_size=4).map(TextAmong)
    | st.sampled_from([LengthFrom(1), LengthFrom(3), Matches("^a")])
)
numbers = formulas(
    st.frozensets(st.sampled_from(NUMBERS).map(number_of), min_size=1, max_size=4).map(NumberAmong)
    | st.sampled_from([AtLeast(Decimal(1)), AtLeast(Decimal(3), strict=True), Whole()])
)
about_items = formulas(
    st.sampled_from([NOTHING, SOMETHING]).flatmap(
        lambda s: st.sampled_from([ItemIs(0, s), ItemIs(2, s), ItemsAre(0, s), ItemsAre(1, s), Containing(s, 1)])
    )
    | st.sampled_from([CountFrom(1), CountFrom(2), Unique()])
)
about_members = formulas(
    st.sampled_from([NOTHING, SOMETHING]).flatmap(
        lambda s: st.sampled_from([MemberIs("a", s), MembersAre(TRUE, s), MembersAre(atom(LengthFrom(2)), s)])
    )
    | st.sampled_from([SizeFrom(1), SizeFrom(3), Has("a"), Has("b")])
)


def nodes(formula: Formula) -> Iterator[Formula]:
    yield formula
    for part in formula.parts:
        yield from nodes(part)


def assert_listed(formula: Formula, values: list[Any]) -> None:
    """Nothing has changed, and no node has two literals that list values."""
    combined = of_kind("string", formula)
    for value in values:
        assert holds(combined, value) == holds(formula, value), value
    for node in nodes(combined):
        assert sum(isinstance(part.atom, TextAmong | NumberAmong) for part in node.parts) <= 1


@given(texts)
def test_listed_strings_are_put_together(formula: Formula) -> None:
    assert_listed(formula, [*STRINGS, "not listed"])


@given(numbers)
def test_listed_numbers_are_put_together(formula: Formula) -> None:
    assert_listed(formula, [*NUMBERS, 77])


@pytest.mark.parametrize(
    ("join", "expected"),
    [
        (any_of, atom(TextAmong(frozenset(map(str, range(2000)))))),
        (all_of, FALSE),
        (exactly_one, atom(TextAmong(frozenset(map(str, range(2000)))))),
    ],
)
def test_many_constants_are_one_set(join: Callable[..., Formula], expected: Formula) -> None:
    assert of_kind("string", join(atom(TextAmong(frozenset([str(n)]))) for n in range(2000))) is expected


def test_listing_every_value_but_one_and_that_one_is_all() -> None:
    one, two = (atom(NumberAmong(frozenset(map(Decimal, values)))) for values in ([1], [1, 2]))
    assert of_kind("string", ~one | two) is TRUE
    assert of_kind("string", one & ~two) is FALSE
    assert of_kind("string", one | ~two) is ~atom(NumberAmong(frozenset([Decimal(2)])))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_said_of_a_kind_means_nothing_for_others(kind: str) -> None:
    for value in VALUES:
        assert holds(typed(kind, FALSE), value) == (kind_of(value) != kind)
        assert holds(typed(kind, TRUE), value)


@given(about_items)
def test_what_is_left_when_no_item_comes_is_said_of_the_empty_array(formula: Formula) -> None:
    assert finished(formula) is (TRUE if holds(formula, []) else FALSE)


@given(about_members)
def test_what_is_left_when_no_member_comes_is_said_of_the_empty_object(formula: Formula) -> None:
    assert finished(formula) is (TRUE if holds(formula, {}) else FALSE)


def test_a_subschema_is_read_once_and_when_it_is_needed() -> None:
    read: list[str] = []

    def raw() -> Formula:
        read.append("raw")
        return atom(LengthFrom(1)) & atom(Unique())

    def names() -> tuple[str, ...]:
        read.append("names")
        return ("a",)

    schema = Subschema("somewhere", raw, names, lambda formula: formula.parts[0])
    assert not read
    assert schema.formula is atom(LengthFrom(1))
    assert schema.raw is atom(LengthFrom(1)) & atom(Unique())
    assert schema.names == schema.names == ("a",)
    assert schema.formula is atom(LengthFrom(1))
    assert read == ["raw", "names"]
    assert repr(schema) == "<somewhere>"


def test_subschemas_are_compared_by_identity() -> None:
    one, other = (Subschema("x", lambda: TRUE) for _ in range(2))
    assert atom(ItemIs(0, one)) is atom(ItemIs(0, one))
    assert atom(ItemIs(0, one)) is not atom(ItemIs(0, other))
