"""Propagation removes nothing that a solution has, and for one rule everything that no tuple of it has."""

from __future__ import annotations

from contextlib import suppress
from itertools import permutations, product

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from constrain.errors import LimitError
from constrain.filters import MAX_TUPLES
from constrain.matching import distinct_values
from constrain.propagation import Contradiction, Propagator, full, propagate
from constrain.relations import AllDifferent, Comparison, Count, Equal, Less, Linear, Problem, Relation, Rule, Sum
from tests.constrain.problem_oracle import COMPARE, Puzzle, puzzles, restricted, supports

FAST = settings(deadline=None, max_examples=300)


@given(st.data(), puzzles())
@FAST
def test_no_value_of_a_solution_is_removed(data: st.DataObject, puzzle: Puzzle) -> None:
    domains = data.draw(restricted(puzzle.problem))
    expected = supports(puzzle.problem, puzzle.solutions(domains))
    if not any(expected):
        with suppress(Contradiction):
            propagate(puzzle.problem, domains)
        return
    left = propagate(puzzle.problem, domains)
    assert all(kept & ~before == 0 for kept, before in zip(left, domains, strict=True))
    assert all(needed & ~kept == 0 for needed, kept in zip(expected, left, strict=True))
    assert propagate(puzzle.problem, left) == left


@given(st.data(), puzzles(least_rules=1, most_rules=1))
@settings(deadline=None, max_examples=600)
def test_of_one_rule_every_value_left_is_in_a_tuple_that_satisfies_it(data: st.DataObject, puzzle: Puzzle) -> None:
    domains = data.draw(restricted(puzzle.problem))
    expected = supports(puzzle.problem, puzzle.solutions(domains))
    try:
        left = propagate(puzzle.problem, domains)
    except Contradiction:
        left = (0,) * len(domains)
    assert left == expected


def solvable(domains: tuple[int, ...]) -> list[int]:
    """Brute force over which value goes to which variable."""
    width = max(domain.bit_length() for domain in domains)
    found = [0] * len(domains)
    for chosen in permutations(range(width), len(domains)):
        if all(domain >> value & 1 for domain, value in zip(domains, chosen, strict=True)):
            found = [bits | 1 << value for bits, value in zip(found, chosen, strict=True)]
    return found


@given(st.lists(st.integers(1, 127), min_size=1, max_size=5).map(tuple))
@settings(deadline=None, max_examples=300)
def test_different_values_are_found_by_matching(domains: tuple[int, ...]) -> None:
    choices = distinct_values(domains)
    assert (choices or ([0] * len(domains), 0))[0] == solvable(domains)


def test_a_chain_of_values_pushed_on_is_followed_to_its_end() -> None:
    """Variable k has the values k and k + 1: the first one fixed fixes all, and with a value to spare none."""
    length = 300
    chain = [3 << k for k in range(length)]
    assert distinct_values(chain) == (chain, 0)
    fixed = distinct_values([*chain, 1])
    assert fixed == ([2 << k for k in range(length)] + [1], (2 << length) - 1)
    assert distinct_values([*chain, 1, 1 << length]) is None


LONG = 10_000_000


def only(problem: Problem, **values: list[int]) -> tuple[int, ...]:
    return tuple(
        sum(1 << domain.index(value) for value in values[name]) if name in values else everything
        for (name, domain), everything in zip(problem.domains.items(), full(problem), strict=True)
    )


def test_long_ranges_lose_what_others_need() -> None:
    problem = Problem({"a": range(LONG), "b": range(-5, LONG, 5), "c": ("x", 7, 10)}, (AllDifferent("a", "b", "c"),))
    left = propagate(problem, only(problem, c=[10]))
    removed = [before ^ after for before, after in zip(full(problem), left, strict=True)]
    assert removed == [1 << 10, 1 << 3, 0b011]


def test_long_ranges_are_cut_where_a_sum_ends() -> None:
    names = ["a", "b", "total"]
    problem = Problem({name: range(LONG) for name in names}, (Sum(["a", "b"], "==", "total"), Less("a", "b")))
    a, b, total = propagate(problem, only(problem, total=[1000]))
    assert (a, b, total) == ((1 << 1000) - 1, (1 << 1001) - 2, 1 << 1000)


def test_descending_and_stepped_ranges_are_cut_at_the_right_end() -> None:
    problem = Problem({"a": range(LONG, 0, -7), "b": range(3)}, (Linear({"a": -2, "b": 1}, ">=", -100),))
    a, b = propagate(problem, full(problem))
    wanted = [place for place, value in enumerate(problem.domains["a"]) if 2 * value <= 102]
    assert a == sum(1 << place for place in wanted)
    assert b == 7


def test_equations_too_large_for_their_sums_are_cut_at_their_bounds() -> None:
    """No even number is odd, which shows in the sums if there are few enough of them."""
    rule = Linear({"a": 2, "b": 2}, "==", 200_001)
    large = Problem({"a": range(LONG), "b": range(LONG)}, (rule,))
    assert all(left.bit_length() <= 100_001 for left in propagate(large, full(large)))
    small = Problem({"a": range(99_000, LONG), "b": range(LONG)}, (rule,))
    with pytest.raises(Contradiction):
        propagate(small, full(small))


def test_rules_that_cut_long_ranges_one_by_one_stop_somewhere() -> None:
    problem = Problem(dict.fromkeys("ab", range(100_000)), (Less("a", "b"), Less("b", "a")))
    left = propagate(problem, full(problem))
    assert all(0 < kept < everything for kept, everything in zip(left, full(problem), strict=True))


def test_equality_reaches_over_different_domains() -> None:
    problem = Problem({"a": range(LONG), "b": ("7", 7, -1, 12), "c": range(0, 100, 6)}, (Equal("a", "b", "c"),))
    assert propagate(problem, full(problem)) == (1 << 12, 0b1000, 1 << 2)


def test_equality_of_two_long_and_different_ranges_is_left_to_the_solver() -> None:
    problem = Problem({"a": range(LONG), "b": range(1, LONG)}, (Equal("a", "b"),))
    assert propagate(problem, full(problem)) == full(problem)


@given(
    st.lists(
        st.tuples(st.integers(-4, 4), st.sets(st.integers(-9, 9), min_size=1, max_size=4)), min_size=1, max_size=4
    ),
    st.sampled_from(["==", "!=", "<=", ">="]),
    st.data(),
)
@settings(deadline=None, max_examples=300)
def test_of_a_sum_that_can_be_just_the_values_of_right_sums_are_left(
    terms: list[tuple[int, set[int]]], comparison: Comparison, data: st.DataObject
) -> None:
    columns = [data.draw(st.permutations(sorted(values))) for _, values in terms]
    rows = [
        (row, sum(factor * value for (factor, _), value in zip(terms, row, strict=True))) for row in product(*columns)
    ]
    bound = data.draw(st.sampled_from([total for _, total in rows]))
    right = [row for row, total in rows if COMPARE[comparison](total, bound)]
    assume(right)
    problem = Problem(
        {f"v{k}": tuple(column) for k, column in enumerate(columns)},
        (Linear({f"v{k}": factor for k, (factor, _) in enumerate(terms)}, comparison, bound),),
    )
    expected = [{row[k] for row in right} for k in range(len(terms))]
    left = propagate(problem, full(problem))
    assert [{v for k, v in enumerate(c) if bits >> k & 1} for c, bits in zip(columns, left, strict=True)] == expected


@pytest.mark.parametrize(
    ("low", "high", "left"),
    [
        (2, 2, (0b011, 0b011, 0b100)),  # the third cannot be one of them, so the first two have to
        (0, 0, (0b100, 0b100, 0b100)),
        (0, 1, (0b111, 0b111, 0b100)),
        (1, 2, (0b111, 0b111, 0b100)),
    ],
)
def test_counts_decide_those_that_have_to_and_those_that_must_not(low: int, high: int, left: tuple[int, ...]) -> None:
    problem = Problem(dict.fromkeys("abc", ("x", "y", "z")), (Count(["a", "b", "c"], ["x", "y"], low, high),))
    assert propagate(problem, (0b111, 0b111, 0b100)) == left


def test_a_predicate_has_a_limit_of_tuples() -> None:
    problem = Problem({name: range(100) for name in "abc"}, (Relation(lambda a, b, c: a == b == c, ["a", "b", "c"]),))
    with pytest.raises(LimitError, match="1,000,000 tuples") as caught:
        Propagator(problem)
    assert (caught.value.given, caught.value.limit) == (100**3, MAX_TUPLES)


class Ascending(Rule):
    """A rule of the user's own kind."""

    @property
    def variables(self) -> tuple[str, ...]:
        return ("a", "b", "c")

    def holds(self, values: object) -> bool:
        return list(values) == sorted(values)  # type: ignore[call-overload]

    def describe(self) -> str:
        return "a, b, c ascend"


def test_rules_of_other_kinds_are_tried_on_all_tuples() -> None:
    problem = Problem(dict.fromkeys("abc", (1, 2, 3)), (Ascending(),))
    assert propagate(problem, (0b110, 0b111, 0b011)) == (0b010, 0b010, 0b010)


def test_a_contradiction_names_the_rule_and_the_variable() -> None:
    rules = (Less("a", "b"), Less("b", "c"), AllDifferent("d"))
    problem = Problem(dict.fromkeys("abcd", (1, 2)), rules)
    with pytest.raises(Contradiction, match="b is less than c") as caught:
        propagate(problem, full(problem))
    assert caught.value.rule == rules[1]
    assert caught.value.variable in ("b", "c")


def test_an_empty_domain_is_a_contradiction_of_no_rule() -> None:
    problem = Problem(dict.fromkeys("ab", (1, 2)))
    with pytest.raises(Contradiction, match="'b' has no value left") as caught:
        propagate(problem, (3, 0))
    assert (caught.value.rule, caught.value.variable) == (None, "b")
