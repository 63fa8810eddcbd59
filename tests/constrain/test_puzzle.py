"""Puzzles: their texts are judged by writing out all assignments, and asking the rules of each."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import constrain
from constrain.errors import LimitError, SpecError, UnsupportedError
from constrain.puzzle import MAX_VALUES, Puzzle
from constrain.relations import AllDifferent, Count, Equal, Less, Linear, Relation, Rule, Sum, Table, Value
from constrain.spec import Spec
from constrain.specs import Choice, Regex
from constrain.template import Template

NAMES = "abc"


@st.composite
def puzzles(draw: st.DrawFn) -> Puzzle | None:
    numbers = st.lists(st.integers(0, 12), min_size=1, max_size=4, unique=True)
    domains = {name: draw(numbers) for name in draw(st.permutations(NAMES))}
    bound = draw(st.integers(0, 20))
    rules: list[Rule] = draw(
        st.lists(
            st.sampled_from(
                [
                    AllDifferent(*NAMES),
                    Less("a", "b"),
                    Linear({"a": 2, "c": -1}, "<=", bound),
                    Equal("b", "c"),
                    Count(list(NAMES), [0, 1, 2], 1, 2),
                    Table(["a", "b"], [(a, b) for a in range(13) for b in range(13) if a * b < bound]),
                    Relation(lambda a, c: (a + c) % 2 == 0, ["a", "c"]),
                ]
            ),
            max_size=3,
            unique_by=id,
        )
    )
    fixed = {"a": domains["a"][0]} if draw(st.booleans()) else {}
    try:
        return Puzzle("<{a},{b}|{c}>", domains, rules, fixed)
    except SpecError:  # what is given breaks a rule already
        return None


def all_texts(puzzle: Puzzle) -> dict[str, dict[str, int]]:
    """Every text of the shape, rules or no rules."""
    found = {}
    for values in itertools.product(*puzzle.problem.domains.values()):
        assignment: dict[str, Any] = dict(zip(puzzle.problem.domains, values, strict=True))
        found["<{a},{b}|{c}>".format(**assignment)] = assignment
    return found


def is_good(puzzle: Puzzle, assignment: dict[str, int]) -> bool:
    kept = all(rule.holds([assignment[name] for name in rule.variables]) for rule in puzzle.problem.rules)
    return kept and all(assignment[name] == value for name, value in puzzle.given.items())


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_a_puzzle_accepts_what_keeps_its_rules_and_givens(data: st.DataObject) -> None:
    puzzle = data.draw(puzzles())
    if puzzle is None:
        return
    texts = all_texts(puzzle)
    good = {text for text, assignment in texts.items() if is_good(puzzle, assignment)}
    for text, assignment in texts.items():
        assert puzzle.accepts(text) == (text in good)
        assert (puzzle.check(text) == []) == (text in good)
        assert puzzle.check(text) == puzzle.check(assignment)
        assert puzzle.write(assignment) == text
        if text in good:
            assert puzzle.parse(text) == assignment
            assert puzzle.dumps(assignment) == text
        else:
            with pytest.raises(SpecError, match="is broken"):
                puzzle.parse(text)
            with pytest.raises(SpecError, match="is broken"):
                puzzle.dumps(assignment)


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_a_beginning_is_at_fault_only_if_nothing_good_begins_so(data: st.DataObject) -> None:
    puzzle = data.draw(puzzles())
    if puzzle is None or not puzzle.residual:
        return
    texts = all_texts(puzzle)
    good = {text for text, assignment in texts.items() if is_good(puzzle, assignment)}
    for text in data.draw(st.lists(st.sampled_from(sorted(texts)), max_size=5)):
        for end in range(len(text) + 1):
            wrong = puzzle.objection(text[:end], complete=False)
            if wrong is not None:
                assert wrong <= end
                assert not any(other.startswith(text[:wrong]) for other in good)


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_givens_are_bits_of_domains(data: st.DataObject) -> None:
    puzzle = data.draw(puzzles())
    if puzzle is None:
        return
    for bits, (name, domain) in zip(puzzle.domains_given, puzzle.problem.domains.items(), strict=True):
        left = {value for k, value in enumerate(domain) if bits >> k & 1}
        assert left == ({puzzle.given[name]} if name in puzzle.given else set(domain))


DIGITS: dict[str, Any] = {"a": [1, 2], "b": [1, 2]}


@pytest.mark.parametrize(
    ("layout", "domains", "rules", "given", "message"),
    [
        (5, {}, [], {}, "a layout is a string"),
        ("{a}", DIGITS, [], {}, "the variable 'b' has no place in the layout"),
        ("{a}{b}{c}", DIGITS, [], {}, "the variable 'c' has no domain"),
        ("{a}{b}{a}", DIGITS, [], {}, "the variable 'a' stands in two places"),
        ("{a}{b", DIGITS, [], {}, "a lone {"),
        ("{a}{b}", DIGITS, [Less("a", "c")], {}, "there is no variable 'c'"),
        ("{a}{b}", DIGITS, ["a < b"], {}, "'a < b' is no rule"),
        ("{a}{b}", DIGITS, [], {"c": 1}, "there is no variable 'c'"),
        ("{a}{b}", DIGITS, [], {"a": 3}, "3 is no value of 'a'"),
        ("{a}{b}", DIGITS, [Less("a", "b")], {"a": 2}, "the givens contradict a rule: a is less than b: a = 2"),
        ("{a}{b}", DIGITS | {"a": []}, [], {}, "the variable 'a' has no values"),
        ("{a}{b}", DIGITS | {"a": [1, 1]}, [], {}, "the variable 'a' has one value twice"),
        ("{a}{b}", DIGITS | {"a": [1, "1"]}, [], {}, "two values of 'a' have the text '1'"),
        ("{a}{b}", DIGITS | {"a": [1.5]}, [], {}, "1.5 is no value"),
        ("{a}{b}", DIGITS | {"a": [True]}, [], {}, "True is no value"),
        ("{a}{b}", DIGITS | {"a": [""]}, [], {}, "'' cannot stand for '', a value of 'a'"),
        ("{a}{b}", DIGITS | {"a": ["\ud800"]}, [], {}, "cannot stand for"),
        ("{a}{b}", DIGITS | {"a": {1: 1}}, [], {}, "1 cannot stand for 1, a value of 'a'"),
        ("{a}{b}", dict.fromkeys("ab", range(12)), [], {}, "the value of 'a' cannot be read back"),
        ("\ud800{a}{b}", DIGITS, [], {}, "has a lone surrogate"),
        ("{a}{b}", [("a", [1])], [], {}, "is no mapping"),
        ("{a}{b}", DIGITS | {"a": 9}, [], {}, "9 are no values of 'a'"),
        ("{a}{b}", DIGITS, Less("a", "b"), {}, "is no iterable"),
        ("{a}{b}", DIGITS, [], [1, 2], "is no mapping"),
        ("{a}{b}", DIGITS, [], {"a": [1]}, "[1] is no value of 'a'"),
    ],
)
def test_what_has_no_meaning_is_refused_by_name(
    layout: Any, domains: dict[str, Any], rules: list[Any], given: dict[str, Value], message: str
) -> None:
    with pytest.raises(SpecError) as caught:
        Puzzle(layout, domains, rules, given)
    assert message in str(caught.value)


@pytest.mark.parametrize("domain", [itertools.count(), range(10**30), range(MAX_VALUES + 1)])
def test_a_variable_with_too_many_values_is_refused(domain: Any) -> None:
    with pytest.raises(LimitError, match="'a' has more than 100,000 values") as caught:
        Puzzle("{a}", {"a": domain})
    assert caught.value.limit == MAX_VALUES
    with pytest.raises(LimitError, match="more than 100,000 values"):
        Puzzle.grid(domain, (1, 1))


def test_layouts_have_no_sections() -> None:
    with pytest.raises(UnsupportedError, match="no sections") as caught:
        Puzzle("{a}[?{b}?]", DIGITS)
    assert caught.value.position == 3
    assert Puzzle('{a}{"[?"}{{{b}', DIGITS).accepts("1[?{2")


def test_values_of_different_lengths_need_something_between() -> None:
    assert Puzzle("{a} {b}", dict.fromkeys("ab", range(12))).parse("11 1") == {"a": 11, "b": 1}
    assert Puzzle("{a}{b}", {"a": ["x", "yz"], "b": ["x", "yz"]}).parse("yzx") == {"a": "yz", "b": "x"}


def test_all_violated_givens_are_told_of() -> None:
    with pytest.raises(SpecError) as caught:
        Puzzle("{a}{b}", DIGITS, [Less("a", "b"), AllDifferent(["a", "b"], label="both")], {"a": 2, "b": 2})
    assert "besides, both: a = 2, b = 2" in str(caught.value)
    puzzle = Puzzle("{a}{b}", DIGITS, [Less("a", "b"), AllDifferent(["a", "b"], label="both")])
    with pytest.raises(SpecError, match="besides, both: a = 2, b = 2") as broken:
        puzzle.parse("22")
    assert "is broken: a is less than b: a = 2, b = 2" in broken.value.message


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1, 2], "a mapping from variables to values"),
        ({"a": 1}, "no value is given for the variable 'b'"),
        ({"a": 1, "b": 2, "c": 3}, "there is no variable 'c'"),
        ({"a": 1, "b": 3}, "3 is no value of 'b'"),
        ("13", "no value of b stands here"),
    ],
)
def test_what_is_no_assignment_is_not_written(value: Any, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        Puzzle("{a}{b}", DIGITS).dumps(value)


def test_assignments_of_some_variables_are_checked_as_far_as_they_go() -> None:
    puzzle = Puzzle("{a}{b}", DIGITS, [AllDifferent(["a", "b"])], {"a": 1})
    assert puzzle.check({}) == []
    assert puzzle.check({"b": 1}) == []
    assert [str(each) for each in puzzle.check({"a": 2})] == ["given a = 1: a = 2"]


def test_a_puzzle_is_drawn_with_what_is_known() -> None:
    puzzle = Puzzle("{a} + {b}", {"a": {1: "one", 2: "two"}, "b": [1, 2]})
    assert puzzle.draw({"a": 2}) == "two + ?"
    assert puzzle.draw(None, {"a": [1, 2], "b": [2]}) == "{one,two} + 2"


def test_explain_names_shape_and_rules() -> None:
    puzzle = Puzzle("{a}{b}", DIGITS, [Less("a", "b")], {"a": 1})
    assert puzzle.describe() == "puzzle of 2 variables, 1 given, and 1 rules"
    assert "shortest text:  '11'" in puzzle.explain()
    assert "rule:           a is less than b" in puzzle.explain()


@pytest.mark.parametrize(
    "build",
    [
        lambda puzzle: puzzle | Regex("a"),
        lambda puzzle: Regex("a") | puzzle,
        lambda puzzle: Regex("a") | Regex("b") | puzzle,
        lambda puzzle: puzzle & Regex("a"),
        lambda puzzle: Regex("a") & puzzle,
        lambda puzzle: ~puzzle,
        lambda puzzle: puzzle + Choice(["a"]),
        lambda puzzle: Choice(["a"]) + puzzle,
        lambda puzzle: puzzle.optional(),
        lambda puzzle: puzzle.repeat(2),
        lambda puzzle: Template("{hole}", hole=puzzle),
        lambda puzzle: constrain.Tagged("<a>", puzzle, "</a>"),
    ],
)
def test_a_puzzle_is_no_part_of_another_specification(build: Callable[[Puzzle], Spec]) -> None:
    with pytest.raises(UnsupportedError, match="cannot be a part of another specification"):
        build(Puzzle("{a}{b}", DIGITS))


@pytest.mark.parametrize("separator", ["{", "}}", "[?", '"', '{"a"}', "+]"])
def test_any_text_may_stand_between_the_cells_of_a_grid(separator: str) -> None:
    grid = Puzzle.grid([1, 2], (1, 2), separator=separator)
    assert grid.parse(f"1{separator}2") == {"r1c1": 1, "r1c2": 2}


@pytest.mark.parametrize("shape", [3, (0, 2), (2, -1), (1, 2, 3), (1.0, 2), None])
def test_a_grid_has_rows_and_columns(shape: Any) -> None:
    with pytest.raises(SpecError, match="is no shape of a grid"):
        Puzzle.grid([1], shape)


def test_a_grid_has_a_line_per_row_and_cells_by_name() -> None:
    assert Puzzle.cells(2, 3) == [["r1c1", "r1c2", "r1c3"], ["r2c1", "r2c2", "r2c3"]]
    grid = Puzzle.grid(range(1, 4), (2, 3), given=[[3, None, None], [None, None, 1]])
    assert grid.given == {"r1c1": 3, "r2c3": 1}
    assert grid.accepts("312\n221")
    assert repr(grid) == "<puzzle of 6 variables, 2 given, and 0 rules>"
    wide = Puzzle.grid([1, 10], (1, 2), given={"r1c1": 10})
    assert wide.parse("10  1") == {"r1c1": 10, "r1c2": 1}
    assert Puzzle.grid({0: ".", 1: "Q"}, (1, 2), separator="{}").accepts("Q{}.")
    with pytest.raises(SpecError, match="rows of 2, 2 cells, not 1 rows of 2"):
        Puzzle.grid([1, 2], (1, 2), given=[[1, None], [None, None]])
    with pytest.raises(SpecError, match="is no grid of givens"):
        Puzzle.grid([1, 2], (1, 2), given=[1, None])
    with pytest.raises(SpecError, match="the variable 'r1c1' has no values"):
        Puzzle.grid([], (1, 2))


def test_everything_is_exported() -> None:
    for name in ("AllDifferent", "Count", "Equal", "Greater", "InSequence", "Less", "Linear", "NotEqual", "Relation"):
        assert getattr(constrain, name).__module__ == "constrain.relations"
    assert constrain.Sum is Sum
    assert constrain.Puzzle is Puzzle
