"""What is said to break a rule already is judged by trying all ways to go on."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constrain.conflicts import conflict, conflicts
from constrain.relations import AllDifferent, Count, Equal, InSequence, Linear, Problem, Relation, Rule, Table, Value
from constrain.specs import Regex

NAMES = ("a", "b", "c")
DOMAINS: dict[str, Any] = {"a": (1, 2, 3), "b": range(0, 6, 2), "c": (-1, 2, "3")}


def sorts(draw: st.DrawFn) -> list[Rule]:
    numbers = st.integers(-4, 8)
    compare: Any = draw(st.sampled_from(["==", "!=", "<", "<=", ">", ">="]))
    low = draw(st.integers(0, 3))
    rows = list(itertools.product(*DOMAINS.values()))
    return [
        AllDifferent(NAMES),
        Equal(NAMES),
        Linear({name: draw(st.integers(-2, 2)) for name in NAMES}, compare, draw(numbers)),
        Count(NAMES, draw(st.sets(st.sampled_from([1, 2, "3"]))), low, draw(st.integers(low, 4))),
        Table(NAMES, draw(st.sets(st.sampled_from(rows), max_size=3))),
        Relation(lambda a, b, c: a != b or c == 2, NAMES),
        InSequence(NAMES, Regex("1.*|24.*")),
    ]


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    return draw(st.sampled_from(sorts(draw)))


@settings(deadline=None, max_examples=300)
@given(rules(), st.data())
def test_what_breaks_a_rule_leaves_no_way_to_keep_it(rule: Rule, data: st.DataObject) -> None:
    known: dict[str, Value] = {
        name: data.draw(st.sampled_from(list(DOMAINS[name]))) for name in NAMES if data.draw(st.booleans())
    }
    broken = conflict(rule, known, DOMAINS)
    if broken is not None:
        assert broken.items() <= known.items()
        completions = itertools.product(*([broken[n]] if n in broken else DOMAINS[n] for n in NAMES))
        assert not any(rule.holds(values) for values in completions)
    elif len(known) == len(NAMES) or isinstance(rule, Table):
        completions = itertools.product(*([known[n]] if n in known else DOMAINS[n] for n in NAMES))
        assert any(rule.holds(values) for values in completions)


def test_equal_numbers_alone_are_named() -> None:
    problem = Problem(DOMAINS, (AllDifferent(NAMES, label="row 1"), Equal("a", "b")))
    assert [str(each) for each in conflicts(problem, {"a": 2, "b": 2, "c": -1})] == ["row 1: a = 2, b = 2"]
    assert [str(each) for each in conflicts(problem, {"a": 1, "b": 2})] == ["a and b are equal: a = 1, b = 2"]
    assert conflicts(problem, {}) == []


@pytest.mark.parametrize(("known", "is_broken"), [({}, False), ({"a": 2, "b": 4}, False), ({"a": 3, "b": 4}, True)])
def test_a_sum_that_cannot_be_reached_any_more_is_broken(known: dict[str, Value], is_broken: bool) -> None:
    rule = Linear({"a": 1, "b": 1, "c": 1}, "<=", 5)
    assert (conflict(rule, known, DOMAINS) is not None) == is_broken
