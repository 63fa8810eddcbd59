"""The probabilities of a choice equal brute force over all canvases; what cannot be compared is refused by name."""

from __future__ import annotations

import enum
import math
import re
from typing import Any, Literal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from constrain.constraint import compile
from constrain.engine.choosing import Alternatives, Ranking, rank
from constrain.engine.model import Model
from constrain.engine.stopping import StopRule
from constrain.engine.token_canvas import TokenConstraints
from constrain.errors import ConstrainError, SpecError, UnsatisfiableError
from constrain.specs import Choice
from constrain.vocabulary import Vocabulary
from tests.engine.families import each_family, family_model
from tests.engine.scripted import ScriptedDenoiser
from tests.oracles import BruteForce

VOCABULARIES = [
    ([b"a", b"b", None], [2]),
    ([b"a", b"ab", None, b"b", None], [4]),
    ([None, b"ba", b"a", b"b", None, b"a"], [0, 4]),
    ([b"aa", b"b", b"a", None, b"bb"], [3]),
]


class Size(enum.Enum):
    SMALL = "small"
    LARGE = 1


def model(family: str = "diffusion_gemma") -> Model:
    return family_model(family, passes=2)


def brute_force(options: list[str], problem: BruteForce, log_p: np.ndarray[Any, np.dtype[np.float64]]) -> list[float]:
    """The probability of each option, summed over all its canvases."""
    total = dict.fromkeys(options, 0.0)
    for ids, weight in problem.weights(log_p).items():
        total[b"".join(problem.tokens[i] or b"" for i in ids).decode()] += weight
    return [total[option] / sum(total.values()) for option in options]


@st.composite
def choices(draw: st.DrawFn) -> tuple[list[str], BruteForce]:
    """Options that overlap as texts of two letters do, one of them perhaps empty, and a canvas with room for all."""
    options = draw(st.lists(st.text("ab", max_size=4), min_size=1, max_size=4, unique=True))
    tokens, ends = draw(st.sampled_from(VOCABULARIES))
    shortest = max(compile(Choice([option]), Vocabulary(tokens, ends)).shortest for option in options)
    length = draw(st.integers(max(shortest, 1), 5))
    return options, BruteForce("|".join(options), tokens, ends, length, length)


@given(choices(), st.integers(0, 2**31))
@settings(max_examples=100, deadline=None)
def test_probabilities_equal_brute_force(choice: tuple[list[str], BruteForce], seed: int) -> None:
    options, problem = choice
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn((1, problem.length, len(problem.tokens)), generator=generator)
    alternatives = Alternatives.of(options, Vocabulary(problem.tokens, problem.end_of_turn))
    (ranking,) = rank(
        ScriptedDenoiser([logits]),
        alternatives,
        [problem.length],
        max_passes=1,
        stop=StopRule(),
        generator=generator,
    )
    expected = brute_force(options, problem, logits[0].double().log_softmax(-1).numpy())
    assert [ranking[option] for option in options] == pytest.approx(expected, abs=1e-5)
    whole = TokenConstraints([alternatives.whole]).canvas(problem.length, problem.length).posterior(logits)
    assert ranking.log_z == pytest.approx(whole.log_z.item(), abs=1e-4)


def test_spellings_of_an_option_add_up() -> None:
    """`ab` as one token or as two; `b` as one: with uniform tokens, 1/V^2 + 1/V^3 against 1/V^2."""
    alternatives = Alternatives.of(["ab", "b"], Vocabulary([b"a", b"b", b"ab", None], [3]))
    mass = alternatives.masses(torch.zeros(5, 4), 5)
    assert mass.exp().tolist() == pytest.approx([1 / 16 + 1 / 64, 1 / 16])


def test_spellings_that_do_not_fit_do_not_count() -> None:
    alternatives = Alternatives.of(["ab", "b"], Vocabulary([b"a", b"b", b"ab", None], [3]))
    assert alternatives.masses(torch.zeros(1, 4), 1).exp().tolist() == pytest.approx([1 / 4, 1 / 4])
    assert alternatives.masses(torch.zeros(5, 4), 1).exp().tolist() == pytest.approx([1 / 16, 1 / 16])


@given(st.integers(0, 1000), st.sampled_from([float("-inf"), float("nan"), float("inf"), 1e38]))
@settings(max_examples=25, deadline=None)
def test_probabilities_are_probabilities_whatever_the_floats(seed: int, poison: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn((5, 4), generator=generator)
    logits[torch.rand(logits.shape, generator=generator) < 0.5] = poison
    alternatives = Alternatives.of(["ab", "b", ""], Vocabulary([b"a", b"b", b"ab", None], [3]))
    probability = alternatives.masses(logits, 5).softmax(0)
    assert probability.isfinite().all()
    assert probability.sum().item() == pytest.approx(1)


def test_each_row_ranks_in_the_pass_in_which_it_stops() -> None:
    """The first row is certain of `a` at once, the second undecided until its passes end."""
    certain, open_ = torch.tensor([[20.0, 0, 0], [0, 0, 20]]), torch.tensor([[1.0, 0, 0], [0, 0, 1]])
    script = [torch.stack([certain, open_]), torch.stack([-certain, -open_])]
    alternatives = Alternatives.of(["a", "b"], Vocabulary([b"a", b"b", None], [2]))
    first, second = rank(
        ScriptedDenoiser(script),
        alternatives,
        [2, 2],
        max_passes=2,
        stop=StopRule(certain=0.99, confidence=None),
        generator=torch.Generator(),
    )
    assert (first.best, first.passes) == ("a", 1)
    assert (second.best, second.passes) == ("b", 2)
    assert second["a"] == pytest.approx(1 / (1 + math.e))


@each_family
def test_the_most_probable_option_comes_first_and_all_add_up_to_one(family: str) -> None:
    ranking = model(family).choose("the name", ["name", "the", "no"])
    assert isinstance(ranking, Ranking)
    assert set(ranking) == {"name", "the", "no"}
    assert list(ranking.values()) == sorted(ranking.values(), reverse=True)
    assert sum(ranking.values()) == pytest.approx(1)
    assert ranking.best == next(iter(ranking))
    assert (ranking.passes, ranking.log_z < 0) == (1, True)


@each_family
def test_a_choice_is_about_the_same_pass_as_generate(family: str) -> None:
    """The model's mass on all options is the same, and an option is no less probable than one of its canvases."""
    options = ["x", "y", "z"]
    for seed in range(5):
        result = model(family).generate("the name", Choice(options), max_passes=1, seed=seed)
        ranking = model(family).choose("the name", options, seed=seed)
        assert ranking.log_z == pytest.approx(result.log_z, abs=1e-4)
        assert ranking[result.value] >= result.probability - 1e-5


@each_family
def test_more_passes(family: str) -> None:
    ranking = model(family).choose("the name", ["name", "the"], max_passes=3)
    assert 1 <= ranking.passes <= 3
    assert sum(ranking.values()) == pytest.approx(1)


@each_family
def test_a_choice_is_its_options(family: str) -> None:
    assert model(family).choose("the", Choice(["a", "b"])) == model(family).choose("the", ["a", "b"])


@each_family
def test_literals_and_enumerations_are_keyed_by_their_values(family: str) -> None:
    assert set(model(family).choose("the", Literal["a", 1, None])) == {"a", 1, None}
    assert set(model(family).choose("the", Size)) == {Size.SMALL, Size.LARGE}


@each_family
@pytest.mark.parametrize("options", [Size, Literal["small", 1]])
def test_literals_are_spelled_as_generate_writes_them(family: str, options: Any) -> None:
    result = model(family).generate("the", options, max_passes=1)
    assert model(family).choose("the", options).log_z == pytest.approx(result.log_z, abs=1e-4)


@each_family
def test_a_single_option_is_certain(family: str) -> None:
    assert dict(model(family).choose("the", ["name"])) == {"name": 1.0}


@each_family
def test_a_batch_gives_a_ranking_for_each_prompt_and_an_error_to_a_bad_one(family: str) -> None:
    first, bad, last = model(family).choose(["the name", " ", "12"], ["a", "b"])
    assert sum(first.values()) == pytest.approx(1)
    assert sum(last.values()) == pytest.approx(1)
    assert isinstance(bad.error, SpecError)
    for read in (lambda: bad.best, lambda: bad["a"], lambda: len(bad)):
        with pytest.raises(SpecError, match="the prompt is empty"):
            read()


@each_family
def test_a_batch_of_bad_prompts_only(family: str) -> None:
    (bad,) = model(family).choose([" "], ["a", "b"])
    assert bad.error is not None


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ([], SpecError, "at least one option"),
        (enum.Enum("Nothing", []), SpecError, "lists no options"),
        ("ab", SpecError, "'ab' lists no options"),
        (int, SpecError, "lists no options"),
        (["a", "b", "a"], SpecError, "the options 'a' and 'a' cannot be told apart"),
        (Choice(["a", "a"]), SpecError, "cannot be told apart"),
        (Literal[1, True], SpecError, "the options 1 and True cannot be told apart"),
        ([1, 2], SpecError, "among strings"),
    ],
)
def test_options_that_mean_nothing_are_refused(options: Any, error: type[ConstrainError], words: str) -> None:
    with pytest.raises(error, match=re.escape(words)):
        model().choose("the", options)


@each_family
def test_an_option_that_does_not_fit_a_canvas_is_named(family: str) -> None:
    with pytest.raises(UnsatisfiableError, match="the option 'qqqqqqqqqqqqqqqqqqqq' needs 20 tokens") as caught:
        model(family).choose("the", ["name", "q" * 20])
    assert (caught.value.needed, caught.value.available) == (20, 16)
    (row,) = model(family).choose(["the"], ["name", "q" * 20])
    assert str(row.error) == str(caught.value)


def test_an_option_that_the_vocabulary_cannot_spell_is_named() -> None:
    with pytest.raises(UnsatisfiableError, match="choice of 'c'"):
        Alternatives.of(["a", "c"], Vocabulary([b"a", None], [1]))


def test_passes_are_counted_from_one() -> None:
    with pytest.raises(SpecError, match="max_passes must be at least 1"):
        model().choose("the", ["a", "b"], max_passes=0)
