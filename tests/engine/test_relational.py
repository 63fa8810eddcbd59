"""Puzzles in the engine: masks, best grids and draws equal an enumeration of all grids, whatever the model prefers.

On a model that knows nothing, `tests.puzzles` judges, which shares no code with the package. The whole sweep:

    pytest -m slow tests/engine/test_relational.py
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from constrain.constraint import compile
from constrain.engine.masked_head import MaskedHead
from constrain.engine.model import Model, from_transformers
from constrain.engine.narrowing import Narrowed, Rules, narrow
from constrain.engine.relational import RelationalConstraints, RelationalPosterior
from constrain.engine.result import Result
from constrain.engine.windows import PuzzleConstraint
from constrain.errors import LimitError, SpecError, UnsatisfiableError, UnsupportedError
from constrain.puzzle import Puzzle
from constrain.relations import AllDifferent, Less, NotEqual, Problem, Sum, Value
from constrain.solving import Solution, Solver
from constrain.specs import Regex
from constrain.sudoku import Sudoku
from constrain.vocabulary import Vocabulary
from tests.engine.families import each_family, family_model
from tests.models import tiny_model
from tests.puzzles import Made, counter_of, faults, large, nine, variant
from tests.tokenizers import fast, small_tokenizer

HARD = "8..........36......7..9.2...5...7.......457.....1...3...1....68..85...1..9....4.."
SIGNS = "\n 0123456789"
VOCABULARY = Vocabulary([None, *(sign.encode() for sign in SIGNS), None, b"zz"], [0, 13])
ENDS = (0, 13)
"""One character is one token, so that a text says which tokens it has."""


@cache
def grids() -> list[tuple[int, ...]]:
    """All 288 grids of 4x4, in no clever way."""
    rows = list(itertools.permutations((1, 2, 3, 4)))
    pairs = [(a, b) for a in rows for b in rows if len({*a[:2], *b[:2]}) == 4]  # then the boxes on the right hold, too
    halves = itertools.product(pairs, repeat=2)
    return [
        a + b + c + d for (a, b), (c, d) in halves if all(len(set(four)) == 4 for four in zip(a, b, c, d, strict=True))
    ]


def test_there_are_288_grids() -> None:
    assert len(grids()) == 288


@dataclass(frozen=True)
class Case:
    """A puzzle, and the text of every solution."""

    puzzle: Puzzle
    texts: Sequence[str] = field(repr=False)

    def ids(self) -> list[list[int]]:
        return [[1 + SIGNS.index(sign) for sign in text] for text in self.texts]


def four_by_four(givens: Mapping[int, int], *, wide: bool) -> Case:
    """The Sudoku of these givens by cell; `wide`: with values of two tokens and a space between."""
    solutions = [grid for grid in grids() if all(grid[cell] == value for cell, value in givens.items())]
    if not wide:
        rows = [[givens.get(4 * r + c) for c in range(4)] for r in range(4)]
        texts = ["\n".join("".join(map(str, grid[r : r + 4])) for r in (0, 4, 8, 12)) for grid in solutions]
        return Case(Sudoku(rows), texts)
    names = Puzzle.cells(4, 4)
    flat = [name for row in names for name in row]
    rules = [AllDifferent(row) for row in names] + [AllDifferent(column) for column in zip(*names, strict=True)]
    rules += [AllDifferent(*(names[r + i][c + j] for i in (0, 1) for j in (0, 1))) for r in (0, 2) for c in (0, 2)]
    layout = "\n".join(" ".join(f"{{{name}}}" for name in row) for row in names)
    values = {1: "07", 2: "01", 3: "10", 4: "17"}
    puzzle = Puzzle(layout, dict.fromkeys(flat, values), rules, {flat[cell]: value for cell, value in givens.items()})
    texts = ["\n".join(" ".join(values[v] for v in grid[r : r + 4]) for r in (0, 4, 8, 12)) for grid in solutions]
    return Case(puzzle, texts)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    grid = draw(st.sampled_from(grids()))
    cells = draw(st.sets(st.integers(0, 15), min_size=2, max_size=7))
    return four_by_four({cell: grid[cell] for cell in cells}, wide=draw(st.booleans()))


def constraints_of(*puzzles: Puzzle, time_limit: float = 10.0) -> RelationalConstraints:
    constraints = [PuzzleConstraint.of(puzzle, VOCABULARY) for puzzle in puzzles]
    left = RelationalConstraints.start(constraints, time_limit=time_limit)
    started = [each for each in left if isinstance(each, Narrowed)]
    assert len(started) == len(puzzles)
    return RelationalConstraints(constraints, started, time_limit=time_limit)


def random_logits(rows: int, length: int, seed: int, scale: float = 3.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn((rows, length, VOCABULARY.size), generator=generator)


def judged(case: Case, begin: int, posterior: RelationalPosterior, prefix: list[int], *, exact: bool) -> list[int]:
    """Assert what must be true of one row on the canvas from `begin`, behind `prefix`; the canvas that is emitted."""
    log_p = posterior.logits[0].double().log_softmax(-1)
    length = len(log_p)
    candidates = [ids for ids in case.ids() if ids[:begin] == prefix]
    size = len(candidates[0])
    allowed = [set(row.tolist()) - {-1} for row in posterior.canvas.allowed[0]]
    for position in range(length):
        place = begin + position
        if place < size:
            supports = {ids[place] for ids in candidates}
            assert allowed[position] == supports if exact else allowed[position] >= supports
        else:
            assert allowed[position] == (set(ENDS) if place == size else set())

    def weight(ids: Sequence[int]) -> float:
        return sum(float(log_p[position, token]) for position, token in enumerate(ids[begin : begin + length]))

    emitted: list[int] = posterior.map()[0].tolist()
    best = max(weight(ids) for ids in candidates)
    starts = {tuple(ids[begin : begin + length]) for ids in candidates}
    written = tuple(emitted[: size - begin])
    assert written in starts
    assert weight([*prefix, *written]) == pytest.approx(best, abs=1e-4)
    assert set(emitted[len(written) :]) <= set(ENDS)

    mass = [math.log(sum(math.exp(log_p[p, token]) for token in some)) for p, some in enumerate(allowed) if some]
    assert float(posterior.log_z[0]) == pytest.approx(sum(mass), abs=1e-4)
    masked = {p: log_p[p, sorted(some)] for p, some in enumerate(allowed) if some}
    for p, row in masked.items():
        share = row.softmax(0)
        assert float(posterior.entropy[0, p]) == pytest.approx(float(-(share * share.log()).sum()), abs=1e-4)
        shaped = posterior.shape()[0, p]
        assert torch.allclose(shaped.softmax(0)[sorted(allowed[p])].double(), share, atol=1e-5)
        assert int((shaped > -torch.inf).sum()) == len(row)
    ended = max(float(log_p[size - begin, end]) for end in ENDS) if len(masked) > len(written) else 0.0
    assert float(posterior.probability()[0]) == pytest.approx(math.exp(best + ended - sum(mass)), abs=1e-4)
    assert bool(posterior.forced[0]) == (len(starts) == 1)
    return emitted


@settings(max_examples=20)
@given(cases(), st.integers(3, 60), st.integers(0, 2**32))
def test_masks_and_the_best_grid_are_those_of_all_grids(case: Case, length: int, seed: int) -> None:
    """Canvas by canvas, which may end inside of a value."""
    constraints = constraints_of(case.puzzle)
    prefix: list[int] = []
    complete = False
    for begin in range(0, len(case.texts[0]) + 1, length):
        assert complete is False
        canvas = constraints.canvas(length, 999)
        posterior = canvas.posterior(random_logits(1, length, seed + begin))
        emitted = judged(case, begin, posterior, prefix, exact=True)
        rest = len(case.texts[0]) - begin
        if canvas.known is not None:
            assert canvas.known[0, :rest].tolist() == emitted[:rest]
        prefix += emitted[:rest]
        complete = bool(constraints.commit(posterior.map())[0])
        if complete:
            break
    assert complete
    assert prefix in case.ids()
    assert case.puzzle.accepts(VOCABULARY.decode(prefix).decode())
    assert constraints.canvas(length, 999).known is not None, "nothing is left to choose"


def test_a_canvas_is_forced_where_what_is_open_differs_behind_it() -> None:
    puzzle = Puzzle("{a} {b}", {"a": {1: "10", 2: "17"}, "b": {1: "20", 2: "27"}}, [NotEqual("a", "b")])
    constraints = constraints_of(puzzle)
    first = constraints.canvas(1, 999)
    assert first.known is not None
    assert VOCABULARY.decode(first.known[0].tolist()) == b"1"
    assert not bool(constraints.commit(first.known)[0])
    assert constraints.canvas(1, 999).known is None


@pytest.mark.parametrize("wide", [False, True])
def test_masks_that_time_cut_short_leave_more_and_the_best_grid_is_the_same(
    wide: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Solver, "supports", lambda self, *, time_limit: (self.domains, False))
    case = four_by_four({0: 1, 1: 2, 15: 1}, wide=wide)
    constraints = constraints_of(case.puzzle)
    length = len(case.texts[0])
    for seed in range(5):
        canvas = constraints.canvas(length, 999)
        judged(case, 0, canvas.posterior(random_logits(1, length, seed)), [], exact=False)
    solved = constraints.solved(0, [])
    assert not solved.complete_masks
    assert solved.unique is False


def test_one_solution_is_found_out_without_masks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Solver, "supports", lambda self, *, time_limit: (self.domains, False))
    solved = constraints_of(Sudoku(HARD)).solved(0, [])
    assert solved.by_search == solved.variables - solved.given > 0
    assert solved.unique
    assert solved.complete_masks
    monkeypatch.setattr(Solver, "another", out_of_time)
    case = four_by_four({0: 1}, wide=False)
    assert constraints_of(case.puzzle).solved(0, []).unique is None


def out_of_time(*_: Any, **__: Any) -> Any:
    raise LimitError("time is up", limit=1, given=1)


def test_draws_are_solutions_and_every_solution_is_drawn() -> None:
    case = four_by_four({0: 1, 1: 2, 7: 1, 10: 1}, wide=False)
    assert 2 <= len(case.texts) <= 8
    constraints = constraints_of(case.puzzle)
    canvas = constraints.canvas(22, 999)
    posterior = canvas.posterior(random_logits(1, 22, 0, scale=0.3))
    generator = torch.Generator().manual_seed(0)
    drawn = [posterior.sample(generator)[0].tolist() for _ in range(150)]
    assert {tuple(ids[:19]) for ids in drawn} == {tuple(ids) for ids in case.ids()}
    assert {ids[19] for ids in drawn} == set(ENDS)
    assert len({tuple(ids[20:]) for ids in drawn}) > 50, "behind the end of turn anything may stand"
    again = torch.Generator().manual_seed(0)
    assert [posterior.sample(again)[0].tolist() for _ in range(3)] == drawn[:3]


def test_where_time_is_up_the_best_grid_known_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    case = four_by_four({0: 1, 1: 2}, wide=False)
    constraints = constraints_of(case.puzzle)
    logits = random_logits(1, 19, 3)
    canvas = constraints.canvas(19, 999)
    best = canvas.posterior(logits)
    (optimal,) = best.solutions
    assert optimal is not None
    assert optimal.optimal
    monkeypatch.setattr(Solver, "best", out_of_time)
    posterior = canvas.posterior(logits)
    assert torch.equal(posterior.map(), best.map()), "of the pass before"
    other = constraints.canvas(19, 999).posterior(logits)
    (solution,) = other.solutions
    assert solution is not None
    assert not solution.optimal
    assert solution.score <= optimal.score <= solution.bound
    assert other.map()[0].tolist() in case.ids()
    assert other.sample(torch.Generator())[0].tolist() in case.ids()
    assert constraints.commit(other.map()).tolist() == [True]
    assert not constraints.solved(0, [solution]).optimal


@pytest.mark.parametrize("poison", [math.nan, math.inf, -math.inf])
def test_broken_logits_still_give_a_solution(poison: float) -> None:
    case = four_by_four({0: 1, 1: 2}, wide=False)
    constraints = constraints_of(case.puzzle)
    logits = random_logits(1, 24, 0)
    logits[0, 3] = poison
    logits[0, 5, 4] = poison
    logits[0, 22] = poison
    posterior = constraints.canvas(24, 999).posterior(logits)
    for tokens in (posterior.map(), posterior.sample(torch.Generator())):
        assert tokens[0, :19].tolist() in case.ids()
    for figure in (posterior.log_z, posterior.probability(), posterior.entropy):
        assert torch.isfinite(figure).all()


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Of a few variables with values in different orders, some of them far apart."""
    names = "abcd"[: draw(st.integers(1, 4))]
    pool: list[Value] = list(draw(st.sampled_from([range(5), (1, "1", "x", 7), range(70, 140, 13)])))
    domains = {name: tuple(draw(st.lists(st.sampled_from(pool), min_size=1, unique=True))) for name in names}
    rules: list[Any] = []
    for _ in range(draw(st.integers(0, 3))):
        some = draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
        rules.append(AllDifferent(some))
    if "x" not in pool and len(names) > 1:
        rules.append(draw(st.sampled_from([Less("a", "b"), Sum(["a", "b"], "==", 7), Sum(["a", "b"], ">=", 200)])))
    return Problem(domains, tuple(rules))


@settings(max_examples=80)
@given(st.lists(problems(), min_size=1, max_size=4))
def test_what_is_left_of_each_problem_of_a_batch_is_what_solutions_have(batch: list[Problem]) -> None:
    start = [tuple((1 << len(domain)) - 1 for domain in problem.domains.values()) for problem in batch]
    found = narrow([Rules(problem) for problem in batch], start)
    for problem, left in zip(batch, found, strict=True):
        solutions = [
            values
            for values in itertools.product(*problem.domains.values())
            if all(rule.holds([values["abcd".index(name)] for name in rule.variables]) for rule in problem.rules)
        ]
        if not solutions:
            assert isinstance(left, UnsatisfiableError)
            continue
        assert isinstance(left, Narrowed)
        assert left.complete
        assert left.unique == (len(solutions) == 1)
        assert tuple(left.solution.values()) in solutions
        kept = [set(values) for values in left.candidates.values()]
        assert kept == [{values[n] for values in solutions} for n in range(len(kept))]
        assert all(a & b == b for a, b in zip(left.propagated, left.domains, strict=True))


def test_a_puzzle_without_variables_has_one_solution() -> None:
    (left,) = narrow([Rules(Problem({}))], [()])
    assert isinstance(left, Narrowed)
    assert left.unique


PAD, EOS, _, END_OF_TURN = range(4)
IMPOSSIBLE = "12345678." + "." * 17 + "9" + "." * 54
TOKENIZER = fast(small_tokenizer("gpt2"))
EASY = "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79"
OPEN = EASY.replace("7", ".")


@cache
def model(seed: int = 0, sharpness: float = 1.0) -> Model:
    options = {"eos_token_id": [EOS, END_OF_TURN], "pad_token_id": PAD, "max_denoising_steps": 3}
    network = tiny_model(vocab_size=len(TOKENIZER) + 5, canvas_length=16, seed=seed, sharpness=sharpness, **options)
    return from_transformers(network, TOKENIZER)


def given_rows(text: str) -> tuple[tuple[int, ...], ...]:
    size = math.isqrt(len(text))
    cells = [0 if sign == "." else int(sign) for sign in text]
    return tuple(tuple(cells[begin : begin + size]) for begin in range(0, len(cells), size))


def correct(result: Result, made: Made) -> None:
    """The judge, on the text as on the value."""
    assert faults(result.value, made) == set()
    read = [[int(cell) for cell in (line.split() if " " in line else line)] for line in result.text.split("\n")]
    assert read == result.value
    assert result.relations is not None
    counts = result.relations
    assert counts.given == made.count
    assert counts.given + counts.by_propagation + counts.by_search + counts.by_model == counts.variables


@pytest.mark.parametrize("passes", [1, 2, 48])
@pytest.mark.parametrize("sharpness", [1.0, 30.0])
def test_whatever_a_model_prefers_the_grid_is_a_solution(passes: int, sharpness: float) -> None:
    made = Made(given_rows(OPEN), ())
    small = Made(given_rows("1" + "." * 15), ())
    for each in (made, small):
        result = model(1, sharpness).generate("solve", Sudoku(each.text), max_passes=passes)
        correct(result, each)
        assert result.passes <= passes * result.canvases
        assert result.relations is not None
        assert result.relations.unique is False
        assert result.relations.by_model > 0
        assert result.relations.optimal
        assert result.relations.score == pytest.approx(result.relations.bound)
        assert result.log_z < 0


@each_family
def test_after_every_pass_the_draft_can_be_completed(family: str) -> None:
    made = Made(given_rows(OPEN), ())
    solutions = list(counter_of(9, {}).solutions(counter_of(9, {}).start([c for row in made.givens for c in row])))
    texts = ["\n".join("".join(map(str, grid[r : r + 9])) for r in range(0, 81, 9)) for grid in solutions]
    assert len(texts) > 1
    drafts = list(family_model(family).stream("solve", Sudoku(made.text), max_passes=2))
    assert len(drafts) > 2
    for draft in drafts:
        assert any(text.startswith(draft.text) for text in texts)
        assert draft.relations is not None
        for name, values in draft.relations.candidates.items():
            row, column = int(name[1]) - 1, int(name[3]) - 1
            possible = {grid[9 * row + column] for grid in solutions}
            assert set(values) <= possible
    assert drafts[-1].text in texts


@pytest.mark.parametrize("text", [EASY, "".join(str(cell) for row in nine(22, Random(0)).givens for cell in row)])
def test_a_puzzle_with_one_solution_takes_no_pass(text: str) -> None:
    made = Made(given_rows(text.replace("0", ".")), ())
    forwards: list[Any] = []
    hook = model().network.model.decoder.register_forward_hook(lambda *_: forwards.append(_))
    *_, result = model().stream("solve", Sudoku(text))
    hook.remove()
    correct(result, made)
    assert forwards == []
    assert (result.passes, result.stop_reason, result.probability) == (0, "forced", 1.0)
    assert math.isnan(result.log_z)
    assert result.relations is not None
    assert result.relations.unique is True
    assert result.relations.by_model == 0
    assert all(len(values) == 1 for values in result.relations.candidates.values())
    assert result.board.replace(" ", "").splitlines()[0].replace("|", "") == result.text.split("\n")[0]


@each_family
def test_rows_of_a_batch_do_not_touch_each_other(family: str) -> None:
    wide = [[(4 * (r % 4) + r // 4 + c) % 16 + 1 if (r + c) % 3 else 0 for c in range(16)] for r in range(16)]
    specs: list[Any] = [
        Sudoku(EASY),
        Regex("[ab]{20}"),
        Sudoku(IMPOSSIBLE),
        None,
        Sudoku(OPEN),
        Sudoku("1" + "." * 15),
        Sudoku(wide),
    ]
    results = family_model(family).generate(["p"] * len(specs), specs, max_passes=1)
    assert isinstance(results[2].error, UnsatisfiableError)
    assert "row 1; column 9\n" in str(results[2].error)
    for place, text in ((0, EASY), (4, OPEN), (5, "1" + "." * 15)):
        correct(results[place], Made(given_rows(text), ()))
    correct(results[6], Made(tuple(map(tuple, wide)), ()))
    assert set(results[1].value) <= {"a", "b"}
    assert results[1].relations is None
    assert isinstance(results[3].value, str)
    with pytest.raises(SpecError, match="only a puzzle has a board"):
        _ = results[1].board


def test_a_puzzle_without_solution_is_refused_before_decoding() -> None:
    with pytest.raises(UnsatisfiableError, match="row 1; column 9"):
        model().stream("solve", Sudoku(IMPOSSIBLE))


def test_without_time_there_is_no_answer() -> None:
    with pytest.raises(LimitError):
        model()("solve", Sudoku(HARD), solver_time=1e-9)
    first, second = model().generate(["a", "b"], [Sudoku(HARD), Sudoku(EASY)], solver_time=1e-9)
    assert isinstance(first.error, LimitError)
    assert second.complete
    with pytest.raises(SpecError, match="solver_time"):
        model()("solve", Sudoku(EASY), solver_time=0)


def test_where_no_solver_is_installed_propagation_still_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "constrain.sat_encoding", None)
    assert model().generate("solve", Sudoku(EASY)).complete
    with pytest.raises(UnsupportedError, match="OR-Tools"):
        model()("solve", Sudoku(OPEN))
    with pytest.raises(UnsatisfiableError, match="row 1; column 9"):
        model()("solve", Sudoku(IMPOSSIBLE))


def test_a_puzzle_may_come_compiled_and_needs_its_tokens() -> None:
    puzzle = Sudoku("1" + "." * 15)
    assert model().generate("solve", compile(puzzle, model().vocabulary)).relations is not None
    with pytest.raises(UnsatisfiableError, match="needs 19 tokens"):
        model()("solve", puzzle, max_new_tokens=18)
    assert model().generate("solve", puzzle, max_new_tokens=500, max_passes=1).canvases == 2


def test_a_puzzle_has_no_room_for_thoughts() -> None:
    with pytest.raises(UnsupportedError, match="thought"):
        model()("solve", Sudoku(EASY), thinking=True)


def test_solutions_of_all_canvases_count(monkeypatch: pytest.MonkeyPatch) -> None:
    best = Solver.best
    told: list[Solution] = []

    def flagged(self: Solver, scores: Any, **options: Any) -> Solution:
        found = best(self, scores, **options)
        told.append(found)
        return found

    monkeypatch.setattr(Solver, "best", flagged)
    monkeypatch.setattr(MaskedHead, "fits", lambda network: False)  # then all that the solver is told is relative to V
    result = model().generate("solve", Sudoku("1" + "." * 15), max_passes=1)
    assert result.relations is not None
    # Asked at the start for any solution; then, per canvas, for the draw and for the best.
    assert result.relations.score == pytest.approx(sum(solution.score for solution in told[2::2]) / 1e6)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_puzzles_of_all_kinds_are_solved(seed: int) -> None:
    rng = Random(seed)
    made = [nine(rng.randint(17, 30), rng) for _ in range(20)] + [large(rng)]
    made += [variant(name, rng, 6) for name in ("diagonal", "killer", "jigsaw", "even/odd", "thermometer")]
    specs = [Sudoku([list(row) for row in each.givens], **each.options) for each in made]
    for passes in (1, 2, 48):
        results = model(seed, 30.0).generate(["p"] * len(specs), specs, max_passes=passes)
        for each, result in zip(made, results, strict=True):
            correct(result, each)
            assert tuple(map(tuple, result.value)) == each.solution
            assert result.passes == 0
