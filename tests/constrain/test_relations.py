"""What rules mean, how they are described, and what is refused where they are stated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings

from constrain.errors import SpecError, UnsupportedError
from constrain.relations import (
    AllDifferent,
    Count,
    Equal,
    Greater,
    InSequence,
    Less,
    Linear,
    NotEqual,
    Problem,
    Relation,
    Rule,
    Sum,
    Table,
    Violation,
    number,
)
from constrain.specs import JsonSchema, Regex
from tests.constrain.problem_oracle import Puzzle, puzzles


@given(puzzles())
@settings(deadline=None, max_examples=200)
def test_violations_are_the_rules_that_plain_predicates_deny(puzzle: Puzzle) -> None:
    for assignment in puzzle.assignments()[:50]:
        broken = [
            Violation(rule, {name: assignment[name] for name in rule.variables})
            for rule, judge in zip(puzzle.problem.rules, puzzle.judges, strict=True)
            if not judge(assignment)
        ]
        assert puzzle.problem.violations(assignment) == broken


def test_rules_over_variables_without_a_value_are_not_judged() -> None:
    problem = Problem(dict.fromkeys("abc", (1, 2)), (Less("a", "b"), Less("b", "c"), AllDifferent("a", "b", "c")))
    assert problem.violations({"b": 2, "c": 1}) == [Violation(problem.rules[1], {"b": 2, "c": 1})]


def test_a_violation_says_what_had_to_hold_and_what_was_found() -> None:
    assert str(Violation(Less("a", "b"), {"a": 3, "b": 2})) == "a is less than b: a = 3, b = 2"


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        (AllDifferent("a"), "a are all different"),
        (AllDifferent(["a", "b"], "c"), "a, b and c are all different"),
        (AllDifferent([f"v{k}" for k in range(12)]), "v0, v1, v2, v3, v4, v5, v6, v7, v8 and 3 more are all different"),
        (AllDifferent("a", "b", label="row 1"), "row 1"),
        (NotEqual("a", "b"), "a is not b"),
        (Equal("a", "b"), "a and b are equal"),
        (Equal("a", "b", label="both"), "both"),
        (Less("a", "b"), "a is less than b"),
        (Greater("a", "b"), "a is greater than b"),
        (Less("a", "b", label="start before end"), "start before end"),
        (Sum(["a", "b"], "<=", 7), "a + b <= 7"),
        (Sum(["a", "b"], "==", "c"), "a + b == c"),
        (Sum(["a", "b"], "==", "b"), "a + 0*b == 0"),
        (Linear({"a": 2, "b": -3, "c": 1}, "!=", -1), "2*a + c != 3*b - 1"),
        (Linear({"a": -1, "b": -2}, ">", -4), "-a - 2*b > -4"),
        (Linear({"a": 1, "b": -1}, ">", 4), "a > b + 4"),
        (Count(["a", "b"], ["y", "x"], 1), "exactly 1 of a and b are 'x', 'y'"),
        (Count(["a", "b"], 3, 0, 1), "0 to 1 of a and b are 3"),
        (Table(["a", "b"], [(1, 2)]), "(a, b) is one of 1 rows"),
        (Relation(lambda a: a, ["a"]), "the predicate holds of a"),
        (Relation(max, ["a", "b"]), "max holds of a and b"),
        (InSequence(["a", "b"], Regex("x+")), "a and b spell a text of regex 'x+'"),
    ],
)
def test_a_rule_is_described_in_one_line(rule: Rule, line: str) -> None:
    assert rule.describe() == line


def test_a_count_is_between_its_bounds_of_one_value_or_several() -> None:
    assert [Count(["a", "b"], "ab", 1).holds(values) for values in (("ab", "a"), ("ab", "ab"))] == [True, False]
    assert Count(["a", "b"], ["a", "b"], 1, 2).holds(("a", "b"))


@pytest.mark.parametrize(("value", "counts"), [(7, 7), ("7", 7), ("-12", -12), ("007", 7), ("+3", 3)])
def test_texts_that_spell_integers_count_as_these(value: str | int, counts: int) -> None:
    assert number(value) == counts


@pytest.mark.parametrize("text", ["", "x", "1.0", "1_000", " 1", "１", "--1", "9" * 5000])
def test_other_texts_count_nothing(text: str) -> None:
    with pytest.raises(SpecError, match="is no integer"):
        number(text)


def test_rules_are_values() -> None:
    assert len({AllDifferent("a", "b"), AllDifferent(["a", "b"]), NotEqual("a", "b"), Sum(["a"], "==", 1)}) == 3


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (lambda: AllDifferent(), "at least one variable"),
        (lambda: Linear({}, "==", 0), "at least one variable"),
        (lambda: Equal("a", 3), "named by a string, not 3"),
        (lambda: Table(["a", "b", "a"], []), "'a' is named twice"),
        (lambda: Linear({"a": 1}, "=", 0), "'=' is no comparison"),
        (lambda: Linear({"a": 0.5}, "==", 0), "0.5, for a, is no integer"),
        (lambda: Linear({"a": 1}, "==", True), "True, for the bound, is no integer"),
        (lambda: Count(["a"], 1, 2, 1), "between 2 and 1"),
        (lambda: Count(["a"], 1, -1), "between -1 and -1"),
        (lambda: Count(["a"], 1, 0.5), "between 0.5 and 0.5"),
        (lambda: Count(["a"], [True], 1), "True is no value"),
        (lambda: Table(["a", "b"], [(1, 2, 3)]), r"\(1, 2, 3\) has 3 values for 2 variables"),
        (lambda: Table(["a"], [(None,)]), "None is no value"),
        (lambda: Relation("a < b", ["a", "b"]), "cannot be called"),
        (lambda: InSequence(["a"], "x+"), "is no specification of texts"),
        (lambda: Problem({"a": ()}), "'a' has no values"),
        (lambda: Problem({"a": range(0)}), "'a' has no values"),
        (lambda: Problem({"a": (1, "1", 1)}), "'a' has one value twice"),
        (lambda: Problem({"a": (1, True)}), "True is no value"),
        (lambda: Problem({"a": (0.5,)}), "0.5 is no value"),
        (lambda: Problem({"a": {1, 2}}), "'a' are in no order"),
        (lambda: Problem({"a": (1,)}, ("a",)), "'a' is no rule"),
        (lambda: Problem({"a": (1,)}, (Less("a", "b"),)), "no variable 'b', of which a rule says: a is less than b"),
        (lambda: Problem({}, (Equal("a"),)), "no variable 'a'"),
        (lambda: Problem({"a": (1, "x"), "b": (1,)}, (Less("a", "b"),)), "'x' is no integer"),
    ],
)
def test_what_has_no_meaning_is_refused(state: Callable[[], Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        state()


def test_the_variable_in_question_is_in_the_error() -> None:
    with pytest.raises(SpecError, match="there are a, b and c") as caught:
        Problem(dict.fromkeys("abc", (1,)), (Equal("a", "x"),))
    assert caught.value.keyword == "x"


def test_sequences_need_a_language_that_an_automaton_decides() -> None:
    spec = JsonSchema({"type": "array", "items": {"type": "integer"}, "uniqueItems": True})
    assert spec.residual
    with pytest.raises(UnsupportedError, match="not decided by its automaton alone"):
        InSequence(["a"], spec)


@pytest.mark.parametrize(
    ("predicate", "message"),
    [
        (lambda a, b: a // b, r"ZeroDivisionError\(.*\) for \(1, 0\), when asked whether a is a multiple of b"),
        (lambda a: True, r"TypeError\(.*\) for \(1, 0\)"),
        (lambda a, b: range(a - 2, b)[9], r"IndexError\(.*\) for \(1, 0\)"),
    ],
)
def test_what_a_predicate_raises_is_told_with_the_values(predicate: Callable[..., bool], message: str) -> None:
    rule = Relation(predicate, ["a", "b"], label="a is a multiple of b")
    with pytest.raises(SpecError, match=message) as caught:
        Problem({"a": (0, 1), "b": (0, 1)}, (rule,)).violations({"a": 1, "b": 0})
    assert caught.value.__cause__ is not None
