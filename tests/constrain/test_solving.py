"""The solver's answers are those of brute force over all assignments."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from itertools import combinations, pairwise
from pathlib import Path
from random import Random
from unittest import mock

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from constrain import sat_encoding
from constrain.errors import LimitError, SpecError, UnsupportedError
from constrain.propagation import Contradiction
from constrain.relations import (
    AllDifferent,
    Count,
    Equal,
    Greater,
    Less,
    Linear,
    NotEqual,
    Problem,
    Sum,
)
from constrain.solving import LARGEST, SCALE, Conflict, Solver
from tests.constrain.problem_oracle import Puzzle, puzzles, restricted, same, supports

FAST = settings(deadline=None, max_examples=100)
ROOT = Path(__file__).parent.parent.parent
SCORES = st.one_of(
    st.floats(-30, 3),
    st.sampled_from([0.0, -1.0, -math.inf, math.nan, -1e9, math.inf, 1e9, 1e-7]),
)


@st.composite
def scores(draw: st.DrawFn, problem: Problem) -> dict[str, dict[str | int, float]]:
    return {
        name: {value: draw(SCORES) for value in values if draw(st.booleans())}
        for name, values in problem.domains.items()
        if draw(st.booleans())
    }


def units(score: float) -> int:
    """The documented rounding, in plain words: not a number is the least, and ends are cut."""
    if math.isnan(score) or score < -LARGEST:
        return -int(LARGEST) * SCALE
    return int(LARGEST) * SCALE if score > LARGEST else round(score * SCALE)


def total(assignment: dict[str, str | int], weights: dict[str, dict[str | int, float]], default: float) -> int:
    found = 0
    for name, value in assignment.items():
        scored = [score for known, score in weights.get(name, {}).items() if same(known, value)]
        found += units(scored[0] if scored else default)
    return found


@given(st.data(), puzzles(), st.sampled_from([0.0, -2.5, -math.inf]))
@FAST
def test_the_best_assignment_has_the_largest_total_of_all(data: st.DataObject, puzzle: Puzzle, default: float) -> None:
    domains = data.draw(restricted(puzzle.problem))
    weights = data.draw(scores(puzzle.problem))
    solutions = puzzle.solutions(domains)
    assume(solutions)
    best = Solver(puzzle.problem, domains).best(weights, default=default)
    assert best.values in solutions
    assert (
        best.score == total(best.values, weights, default) == max(total(each, weights, default) for each in solutions)
    )
    assert (best.bound, best.optimal) == (best.score, True)


@given(st.data(), puzzles())
@FAST
def test_another_assignment_is_found_just_if_there_is_one(data: st.DataObject, puzzle: Puzzle) -> None:
    domains = data.draw(restricted(puzzle.problem))
    solutions = puzzle.solutions(domains)
    known = data.draw(st.sampled_from(solutions + puzzle.assignments()[:20]))
    other = Solver(puzzle.problem, domains).another(known)
    if any(each != known for each in solutions):
        assert other in solutions
        assert other != known
    else:
        assert other is None


@given(st.data(), puzzles())
@FAST
def test_supports_are_the_values_of_all_assignments(data: st.DataObject, puzzle: Puzzle) -> None:
    domains = data.draw(restricted(puzzle.problem))
    solutions = puzzle.solutions(domains)
    assume(solutions)
    assert Solver(puzzle.problem, domains).supports() == (supports(puzzle.problem, solutions), True)


@given(st.data(), puzzles(least_rules=2, most_rules=6))
@settings(deadline=None, max_examples=200)
def test_a_conflict_is_one_and_each_of_its_rules_is_needed(data: st.DataObject, puzzle: Puzzle) -> None:
    domains = data.draw(restricted(puzzle.problem))
    solver = Solver(puzzle.problem, domains)
    if puzzle.solutions(domains):
        assert solver.conflict() == ()
        return
    with pytest.raises(Conflict) as caught:
        solver.best({})
    rules = caught.value.rules
    assert caught.value.minimal
    assert solver.conflict() == rules
    judges = [puzzle.judges[puzzle.problem.rules.index(rule)] for rule in rules]
    everything = puzzle.assignments(domains)
    assert not any(all(judge(each) for judge in judges) for each in everything)
    for fewer in combinations(judges, len(judges) - 1):
        assert any(all(judge(each) for judge in fewer) for each in everything)
    with pytest.raises(Conflict):
        solver.supports()


@given(st.data(), puzzles())
@FAST
def test_variables_that_are_integers_behave_like_all_others(data: st.DataObject, puzzle: Puzzle) -> None:
    """With the limit at one value all ranges become integers."""
    domains = data.draw(restricted(puzzle.problem))
    weights = data.draw(scores(puzzle.problem))
    solutions = puzzle.solutions(domains)
    assume(solutions)
    with mock.patch.object(sat_encoding, "MAX_LITERALS", 1):
        solver = Solver(puzzle.problem, domains)
        best = solver.best(weights, default=-1.0)
        other = solver.another(best.values)
        found, complete = solver.supports()
    assert best.values in solutions
    assert best.score == max(total(each, weights, -1.0) for each in solutions)
    assert other in solutions if len(solutions) > 1 else other is None
    expected = supports(puzzle.problem, solutions)
    integers = solver.encoding.integers
    assert complete == (not integers)
    assert list(found) == [domains[k] if k in integers else bits for k, bits in enumerate(expected)]


INVOICE = ["line 0", "line 1", "total"]


def test_an_invoice_adds_up_whatever_its_amounts_score() -> None:
    problem = Problem({name: range(10_000_000) for name in INVOICE}, (Sum(INVOICE[:2], "==", "total"),))
    weights = {"line 0": {1_200_000: -0.1}, "line 1": {7: -0.2, 34_000: -0.3}, "total": {1_234_000: -0.1, 99: -0.05}}
    best = Solver(problem).best(weights, default=-20.0)
    assert best.values == {"line 0": 1_200_000, "line 1": 34_000, "total": 1_234_000}
    assert (best.score, best.optimal) == (-500_000, True)


@given(st.data(), st.integers(1001, 1100))
@settings(deadline=None, max_examples=8)
def test_long_ranges_have_the_best_sum(data: st.DataObject, size: int) -> None:
    """Brute force over the two lines; the total follows."""
    value = st.integers(0, size - 1)
    weights = {name: data.draw(st.dictionaries(value, st.floats(-5, 0), max_size=4)) for name in INVOICE}
    problem = Problem({name: range(size) for name in INVOICE}, (Sum(INVOICE[:2], "==", "total"),))
    best = Solver(problem).best(weights, default=-4.0)
    scored = [[units(weights[name].get(k, -4.0)) for k in range(size)] for name in INVOICE]
    assert best.score == max(
        scored[0][a] + scored[1][b] + scored[2][a + b] for a in range(size) for b in range(size - a)
    )
    assert best.score == total(best.values, weights, -4.0)
    assert best.values["line 0"] + best.values["line 1"] == best.values["total"]


@given(st.data(), puzzles(), st.sampled_from([0.0, 1e-9, 1e-4]))
@FAST
def test_time_that_is_up_never_makes_an_answer_wrong(data: st.DataObject, puzzle: Puzzle, time_limit: float) -> None:
    weights = data.draw(scores(puzzle.problem))
    solver = Solver(puzzle.problem)
    solutions = puzzle.solutions()
    try:
        best = solver.best(weights, time_limit=time_limit)
    except (LimitError, Conflict) as error:
        assert isinstance(error, LimitError) or not solutions  # noqa: PT017  # which of the two is a matter of time
    else:
        assert best.values in solutions
        assert best.score <= max(total(each, weights, 0.0) for each in solutions) <= best.bound
        assert not best.optimal or best.score == best.bound
    with suppress(LimitError, Conflict):
        found, complete = solver.supports(time_limit=time_limit)
        assert all(a & ~b == 0 for a, b in zip(supports(puzzle.problem, solutions), found, strict=True))
        assert not complete or found == supports(puzzle.problem, solutions)


SMALL = Problem({"a": (1, 2), "b": (1, 2)}, (NotEqual("a", "b"),))


@pytest.mark.parametrize(
    "ask",
    [
        lambda s: s.best({}, time_limit=0),
        lambda s: s.another({"a": 1, "b": 2}, time_limit=0),
        lambda s: s.conflict(time_limit=0),
    ],
)
def test_no_time_at_all_is_a_limit(ask: Callable[[Solver], object]) -> None:
    with pytest.raises(LimitError, match="within 0 seconds") as caught:
        ask(Solver(SMALL))
    assert (caught.value.limit, caught.value.given) == (0, 0)


def test_supports_without_time_are_all_values() -> None:
    assert Solver(SMALL).supports(time_limit=0) == ((3, 3), False)


@pytest.mark.parametrize("time_limit", [-1.0, math.nan])
def test_a_time_limit_is_not_negative(time_limit: float) -> None:
    with pytest.raises(SpecError, match="a time limit of"):
        Solver(SMALL).best({}, time_limit=time_limit)


def latin(size: int) -> Problem:
    rows = [[f"r{r}c{c}" for c in range(size)] for r in range(size)]
    rules = [AllDifferent(row) for row in [*rows, *zip(*rows, strict=True)]]
    return Problem({name: tuple(range(size)) for row in rows for name in row}, tuple(rules))


def test_a_search_cut_short_has_a_bound() -> None:
    problem = latin(12)
    chance = Random(3)
    weights = {name: {value: -10 * chance.random() for value in values} for name, values in problem.domains.items()}
    best = Solver(problem).best(weights, time_limit=1.5)
    assert not best.optimal
    assert best.score < best.bound < 0
    assert problem.violations(best.values) == []


def test_a_score_for_what_is_no_value_or_no_variable_is_refused() -> None:
    with pytest.raises(SpecError, match="'a' has a score for '1', which is none of its values"):
        Solver(SMALL).best({"a": {"1": 0.0}})
    with pytest.raises(SpecError, match="no variable 'c'"):
        Solver(SMALL).best({"c": {1: 0.0}})
    with pytest.raises(SpecError, match="no variable 'c'"):
        Solver(SMALL).another({"c": 1})


def test_values_that_are_not_left_may_have_scores() -> None:
    assert Solver(SMALL, (1, 3)).best({"a": {2: 5.0}}).values == {"a": 1, "b": 2}


def test_an_empty_domain_is_a_contradiction() -> None:
    with pytest.raises(Contradiction, match="'b' has no value left"):
        Solver(SMALL, (1, 0))


def test_sums_beyond_the_solvers_integers_are_refused() -> None:
    problem = Problem({"a": (1, 2), "b": range(10**7)}, (Linear({"a": 1, "b": 10**14}, "<=", 7),))
    with pytest.raises(LimitError, match="too large for the solver") as caught:
        Solver(problem)
    assert caught.value.given > caught.value.limit == 2**60


def test_a_conflict_names_its_rules_and_nothing_else() -> None:
    names = [f"v{k}" for k in range(30)]
    chain = [Less(a, b) for a, b in pairwise(names)]
    rules = (*chain[:10], AllDifferent(names), Greater("v3", "v7"), *chain[10:])
    problem = Problem(dict.fromkeys(names, tuple(range(40))), rules)
    with pytest.raises(Conflict, match="v3 is greater than v7") as caught:
        Solver(problem).best({})
    assert caught.value.rules == (*chain[3:7], rules[11])


def test_a_conflict_without_time_is_not_minimal() -> None:
    solver = Solver(Problem({"a": (1, 2)}, (Count(["a"], 1, 1), Count(["a"], 2, 1), Equal("a"))))
    everything = solver._conflict(0.0)
    assert not everything.minimal
    assert set(solver.problem.rules[:2]) <= set(everything.rules)


def test_a_conflict_of_many_rules_says_how_many() -> None:
    names = [f"v{k}" for k in range(8)]
    rules = tuple(Less(a, b) for a, b in zip(names, names[1:] + names[:1], strict=True))
    with pytest.raises(Conflict, match="and 3 more"):
        Solver(Problem(dict.fromkeys(names, tuple(range(20))), rules)).best({})


def test_without_or_tools_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "constrain.sat_encoding", None)
    with pytest.raises(UnsupportedError, match=r"pip install 'constrain-diffusion\[puzzles\]'"):
        Solver(SMALL)


def test_nothing_imports_or_tools_before_a_solver_is_made() -> None:
    code = "import sys, constrain.solving; sys.exit('ortools' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


AGAIN = """
from constrain.relations import *
from constrain.solving import Solver
cells = [f"r{r}c{c}" for r in range(4) for c in range(4)]
lines = [cells[k : k + 4] for k in range(0, 16, 4)] + [cells[k::4] for k in range(4)]
rules = [AllDifferent(line) for line in lines] + [Count(cells, ["a", "b"], 8), Table(cells[:2], ["ab", "bc", "ca"])]
solver = Solver(Problem(dict.fromkeys(cells, ("a", "b", "c", "d")), tuple(rules)))
best = solver.best({cell: {"a": -0.5, "b": -0.5} for cell in cells})
print(best.values, best.score, solver.another(best.values), solver.supports())
"""


def test_ties_are_decided_alike_in_every_process() -> None:
    found = {
        subprocess.run(
            [sys.executable, "-c", AGAIN],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        ).stdout
        for seed in "123"
    }
    assert len(found) == 1


def test_earlier_questions_do_not_change_an_answer() -> None:
    weights = {name: {0: -1.0} for name in latin(4).domains}
    fresh = Solver(latin(4)).best(weights)
    used = Solver(latin(4))
    used.best({"r0c0": {1: 3.0}})
    used.another(fresh.values)
    used.supports()
    assert used.best(weights).values == fresh.values
