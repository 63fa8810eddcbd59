"""Modes on a randomly initialised model: joint ones are always valid, and what users run is what is measured."""

from __future__ import annotations

import json
import math
import re
from functools import cache
from itertools import product
from typing import Any, Literal, NamedTuple

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from constrain.engine.eval_modes import ABLATIONS, MODES, SHAPE_ABLATIONS, Mode, modes_named
from constrain.engine.eval_run import Case, answers, applies, entropies, rankings, verdicts
from constrain.engine.model import Model, from_transformers
from constrain.engine.result import Result
from constrain.errors import SpecError
from constrain.puzzle import Puzzle
from constrain.relations import AllDifferent
from constrain.spec import Spec
from constrain.specs import Choice, JsonSchema, PythonType, Regex
from tests.engine.families import family_model
from tests.models import tiny_model
from tests.tokenizers import fast, small_tokenizer

PAD, EOS, _, END_OF_TURN = range(4)


class Pair(NamedTuple):
    """An array, as JSON."""

    first: bool
    second: Literal["ab", "c"]


SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"n": {"enum": [7, 12]}, "tags": {"type": "array", "items": {"enum": ["a", "bc"]}, "maxItems": 3}},
    "required": ["n", "tags"],
    "additionalProperties": False,
}
UNIQUE: dict[str, Any] = {
    "type": "array",
    "items": {"type": "string", "maxLength": 1},
    "minItems": 2,
    "maxItems": 3,
    "uniqueItems": True,
}
GRID = "([1-4]{4}\n){3}[1-4]{4}"
LATIN = Puzzle(
    "{a}{b}{c}\n{d}{e}{f}",
    dict.fromkeys("abcdef", range(1, 4)),
    [AllDifferent(list(names)) for names in ("abc", "def", "ad", "be", "cf")],
)
JOINT = [mode for mode in dict.fromkeys((*MODES, *ABLATIONS, *SHAPE_ABLATIONS)) if mode.constraint == "joint"]


@cache
def model(canvas_length: int = 24) -> Model:
    network = tiny_model(
        vocab_size=400,
        canvas_length=canvas_length,
        sharpness=30.0,
        max_denoising_steps=4,
        max_new_tokens=48,
        eos_token_id=[EOS, END_OF_TURN],
        pad_token_id=PAD,
    )
    return from_transformers(network, fast(small_tokenizer("gpt2")))


def mode(name: str) -> Mode:
    return modes_named([name])[0]


def cases(spec: Spec, target: Any, count: int = 3) -> list[Case]:
    return [Case("abcdef"[n], spec, target) for n in range(count)]


def texts(results: list[Result]) -> list[str]:
    return [result.text for result in results]


@pytest.mark.parametrize("chosen", JOINT, ids=lambda each: each.name)
def test_joint_modes_are_always_valid(chosen: Mode) -> None:
    """Judged by `jsonschema`, `re` and a set; canvases of 24 tokens, so that some outputs take several."""
    for spec, schema in ((JsonSchema(SCHEMA), SCHEMA), (JsonSchema(UNIQUE), UNIQUE)):
        for sigma in (0.0, 4.0):
            given = answers(model(), chosen, cases(spec, None), budget=2, sigma=sigma)
            documents = [json.loads(text.removeprefix(chosen.header)) for text in texts(given.results)]
            assert all(Draft202012Validator(schema).is_valid(document) for document in documents)
    if applies(chosen, model(), Regex(GRID)):
        given = answers(model(), chosen, cases(Regex(GRID), ""), budget=2)
        assert all(re.fullmatch(GRID, text.removeprefix(chosen.header)) for text in texts(given.results))
    if applies(chosen, model(), LATIN):
        for text in texts(answers(model(4), chosen, cases(LATIN, ""), budget=2, sigma=2.0).results):
            rows = text.split("\n")
            assert [sorted(row) for row in rows] == [["1", "2", "3"]] * 2
            assert all(len(set(column)) == 2 for column in zip(*rows, strict=True))


def test_masks_alone_are_not() -> None:
    """Neither in an automaton nor in a puzzle, where what is written on the first canvas may have no solution."""
    given = answers(model(), mode("masks"), cases(JsonSchema(SCHEMA), None, 6), budget=2, sigma=4.0)
    judged = verdicts(mode("masks"), cases(JsonSchema(SCHEMA), {"n": 7, "tags": []}, 6), given.results)
    assert not all(verdict.valid for verdict in judged)
    for canvas in (4, 24):
        puzzles = answers(model(canvas), mode("masks"), cases(LATIN, None, 6), budget=1, sigma=4.0)
        assert any(len(set(row)) < len(row) for text in texts(puzzles.results) for row in text.split("\n"))


@pytest.mark.parametrize("name", ["unconstrained", "joint"])
def test_the_ends_of_the_scale_are_what_users_run(name: str) -> None:
    for spec in (JsonSchema(SCHEMA), LATIN):
        given = answers(model(), mode(name), cases(spec, None), budget=3, seed=5).results
        usual = model().generate(["a", "b", "c"], spec if name == "joint" else None, max_passes=3, seed=5)
        figures = [(one.text, one.token_ids, one.passes, one.stop_reason, one.log_z) for one in given]
        assert str(figures) == str([(one.text, one.token_ids, one.passes, one.stop_reason, one.log_z) for one in usual])


@pytest.mark.parametrize("family", ["dream", "llada2"])
def test_models_of_masked_diffusion_take_the_same_modes(family: str) -> None:
    """They keep what they accepted: under masks, and where draws are the raw model's, it need not be valid."""
    masked = family_model(family)
    chosen = [each for each in dict.fromkeys((*MODES, *ABLATIONS)) if applies(each, masked, Regex("a"))]
    assert {"unconstrained", "masks", "joint at emission", "joint"} <= {each.name for each in chosen}
    for left_out in ("joint, noise of allowed tokens", "joint, constrained entropy", "joint, stable by entropy alone"):
        assert left_out not in {each.name for each in chosen}
    for each, sigma in product(chosen, (0.0, 4.0)):
        given = answers(masked, each, cases(Regex("(ab|ba){9}"), ""), budget=3, sigma=sigma)
        if each.constraint == "joint":
            assert all(re.fullmatch("(ab|ba){9}", text) for text in texts(given.results))
    usual = masked.generate(["a", "b", "c"], Regex("(ab|ba){9}"), max_passes=3)
    assert texts(answers(masked, mode("joint"), cases(Regex("(ab|ba){9}"), ""), budget=3).results) == texts(usual)
    longer = answers(masked, mode("joint, canvas twice as long"), cases(Regex("[ab]{20}"), ""), budget=2).results
    assert [result.canvases for result in longer] == [1, 1, 1]


def test_what_is_unconstrained_may_be_as_long_as_what_is_not() -> None:
    """The checkpoint allows 48 tokens by default."""
    short, long = (answers(model(), mode("unconstrained"), cases(Regex(f"a{{{n}}}"), ""), budget=1) for n in (5, 90))
    assert {result.canvases for result in short.results} <= {1, 2}
    assert max(len(result.token_ids) for result in long.results) > 48


def test_batches_are_one_after_the_other_and_repeat() -> None:
    five = cases(JsonSchema(SCHEMA), None, 5)
    given = answers(model(), mode("joint"), five, budget=2, seed=3, batch=2)
    assert len(given.results) == 5
    assert given.seconds > 0
    second = model().generate(["c", "d"], JsonSchema(SCHEMA), max_passes=2, seed=5)
    assert texts(given.results[2:4]) == texts(second)
    assert texts(answers(model(), mode("joint"), five, budget=2, seed=3, batch=2).results) == texts(given.results)


def test_noise_is_that_of_the_prompts_and_the_seed() -> None:
    def noisy(prompts: str, seed: int) -> list[str]:
        rows = [Case(prompt, JsonSchema(SCHEMA), None) for prompt in prompts]
        return texts(answers(model(), mode("unconstrained"), rows, budget=1, sigma=6.0, seed=seed).results)

    assert noisy("ab", 0) == noisy("ab", 0)
    assert noisy("ab", 0) != noisy("ab", 1)
    assert noisy("ab", 0) != noisy("cd", 0)
    assert noisy("ab", 0) != texts(model().generate(["a", "b"], max_passes=1))


def test_a_canvas_has_its_length_back_even_after_an_error() -> None:
    half = answers(model(), mode("joint, canvas half as long"), cases(Regex("[ab]{20}"), None), budget=1).results
    assert [result.canvases for result in half] == [2, 2, 2]
    with pytest.raises(SpecError, match="max_passes"):
        answers(model(), mode("joint, canvas twice as long"), cases(Regex("[ab]"), None), budget=0)
    assert (model().length, model().network.config.canvas_length) == (24, 24)


def test_white_space_is_as_the_mode_says() -> None:
    for spec in (JsonSchema(SCHEMA), PythonType(Pair)):
        compact = answers(model(), mode("joint, compact white space"), cases(spec, None), budget=2).results
        assert not any(re.search(r"\s", text) for text in texts(compact))
    spaced = answers(model(), mode("joint, at most one space"), cases(JsonSchema(SCHEMA), None), budget=2).results
    assert not any(re.search(r"\s\s|[\n\r\t]", text) for text in texts(spaced))


def test_other_choices_about_json_survive_a_change_of_white_space() -> None:
    schema = {"type": "object", "properties": {"é": {"const": 1}}, "required": ["é"]}
    spec = JsonSchema(schema, additional_properties_default=False, ensure_ascii=True)
    (text,) = texts(answers(model(), mode("joint, compact white space"), cases(spec, None, 1), budget=1).results)
    assert text == '{"\\u00e9":1}'


def test_headers_are_written_and_taken_off() -> None:
    headed = mode("joint, forced header")
    rows = cases(Regex(GRID), "1111\n1111\n1111\n1111")
    given = answers(model(), headed, rows, budget=1).results
    assert all(text.startswith("The solution is:\n") for text in texts(given))
    assert all(verdict.valid for verdict in verdicts(headed, rows, given))


def test_what_a_mode_does_not_apply_to() -> None:
    assert not applies(mode("joint, compact white space"), model(), Regex("a"))
    assert not applies(mode("joint, forced header"), model(), LATIN)
    assert applies(mode("joint"), model(), LATIN)


def test_unconstrained_texts_may_be_parsed() -> None:
    results = [Result(text='Here: {"n": 7, "tags": []}.'), Result(text="none")]
    rows = cases(JsonSchema(SCHEMA), {"n": 7, "tags": []}, 2)
    assert [each.correct for each in verdicts(mode("unconstrained"), rows, results)] == [False, False]
    assert [each.correct for each in verdicts(mode("unconstrained, parsed"), rows, results)] == [True, False]


def test_modes_stop_by_their_thresholds() -> None:
    rows = cases(Choice(["ab", "ba"]), "ab")
    assert [each.passes for each in answers(model(), mode("joint, all passes"), rows, budget=6).results] == [6, 6, 6]
    rule = mode("joint, certain at 0.9").stop(model().settings)
    assert (rule.certain, rule.confidence) == (0.9, model().settings.confidence)
    assert mode("unconstrained").stop(model().settings) == model().settings.stop_rule()


def test_rankings_are_those_of_choose_by_the_options_of_each_case() -> None:
    rows = [Case("a", Choice(["x", "y"]), "x"), Case("b", Choice(["u", "v"]), "u"), Case("c", Regex("x"), "x")]
    stated = rankings(model(), rows, budget=1, seed=4)
    chosen = [model().choose([row.prompt], row.spec, seed=4)[0] for row in rows[:2]]
    assert stated == [(each[each.best], each.best in "xu") for each in chosen]
    refused = [Case("", Choice(["x", "y"]), "x")]
    assert rankings(model(), refused, budget=1) == []


def test_entropies_are_those_of_every_pass_over_the_last_canvas() -> None:
    """Six positions of the second canvas have two tokens to choose from, then the turn ends."""
    case = Case("a", Regex("[ab]{30}"), None)
    seen = entropies(model(), case, constrained=True, budget=3)
    assert seen.shape[1] == 24
    assert 1 <= len(seen) <= 3
    assert ((seen[:, :6] >= 0) & (seen[:, :6] < math.log(2) + 1e-6)).all()
    assert np.isnan(seen[:, 8:]).all()
    free = entropies(model(), case, constrained=False, budget=1)
    assert free.shape == (1, 24)
    assert (free[:, :1] >= 0).all()
