"""What a trace records is what brute force finds, and recording changes nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from constrain.constraint import compile
from constrain.engine.refine import decode
from constrain.engine.stopping import StopRule
from constrain.engine.token_canvas import TokenConstraints
from constrain.engine.trace import TOP, Trace, Tracer, Word
from constrain.specs import Choice, Regex
from constrain.sudoku import Sudoku
from constrain.vocabulary import Vocabulary
from tests.engine.families import each_family, family_model
from tests.engine.scripted import ScriptedDenoiser
from tests.engine.test_model import CANVAS, model
from tests.engine.test_posterior import constraint_of, problems, random_logits
from tests.oracles import BruteForce

LONG = Regex("(?:[a-f]{3},){8}")
SUDOKU = Sudoku("1.3..........4.2")


def trace_of(denoiser: Any, constraints: Any, vocabulary: Vocabulary, *, budget: int, passes: int = 1) -> Trace:
    ends = vocabulary.end_of_turn
    tracer = Tracer(constraints, 1, ends, lambda token: Word(repr(token), token in ends))
    never = StopRule(certain=None, confidence=None)
    drafts = decode(denoiser, tracer, max_new_tokens=budget, max_passes=passes, stop=never, generator=torch.Generator())
    for draft in drafts:
        tracer.record(draft)
    return tracer.traces[0]


@given(problems(), st.integers(0, 2**31))
@settings(max_examples=80)
def test_likely_and_allowed_tokens_equal_brute_force(problem: BruteForce, seed: int) -> None:
    constraint = constraint_of(problem)
    if problem.budget < problem.length:
        problem = BruteForce(problem.pattern, problem.tokens, problem.end_of_turn, problem.length, problem.length)
    logits = random_logits(problem, seed)
    log_p = logits[0].double().log_softmax(-1).numpy()
    denoiser = ScriptedDenoiser([logits.clone() for _ in range(problem.budget)])
    canvas_of_all = TokenConstraints([constraint])
    recorded = trace_of(denoiser, canvas_of_all, constraint.vocabulary, budget=problem.budget).passes[0]
    marginals, mask = problem.marginals(log_p), problem.mask()
    tails = [any(len(ids) <= i for ids in problem.outcomes()) for i in range(problem.length)]
    for position in range(len(recorded.tokens)):
        listed = recorded.top[position]
        expected = np.sort(marginals[position])[::-1][:TOP]
        assert recorded.chance[position][: len(expected)] == pytest.approx(expected, abs=1e-5)
        for token, chance, own in zip(listed, recorded.chance[position], recorded.own[position], strict=True):
            if token >= 0:
                assert chance == pytest.approx(marginals[position, token], abs=1e-5)
                assert own == pytest.approx(np.exp(log_p[position, token]), abs=1e-5)
        text = {i for i in map(int, np.flatnonzero(mask[position])) if problem.tokens[i]}
        before = [ids for ids in problem.outcomes() if len(ids) > position]
        here = {ids[position] for ids in before}
        ends = bool(here & set(problem.end_of_turn))
        assert recorded.allowed[position] == len(here & text) + ends + tails[position]


words = st.lists(st.text("ab", max_size=4), min_size=1, max_size=4, unique=True)


@given(words, st.integers(0, 2**31))
@settings(max_examples=80)
def test_forced_is_what_no_other_text_goes_around(options: list[str], seed: int) -> None:
    vocabulary = Vocabulary([b"a", b"b", b"ab", None], [3])
    constraint = compile(Choice(options), vocabulary)
    denoiser = ScriptedDenoiser([3 * torch.randn(1, 6, 4, generator=torch.Generator().manual_seed(seed))])
    recorded = trace_of(denoiser, TokenConstraints([constraint]), vocabulary, budget=6).passes[0]
    text = ""
    for token, forced in zip(recorded.tokens.tolist(), recorded.forced.tolist(), strict=True):
        going_on = {option for option in options if option.startswith(text)}
        piece = (vocabulary.tokens[token] or b"").decode()
        if token == 3:
            assert forced == (going_on == {text})
        else:
            assert forced == all(option.startswith(text + piece) for option in going_on)
        text += piece


@pytest.mark.parametrize("spec", [LONG, Choice(["the name", "in 2024"]), SUDOKU, None], ids=str)
@each_family
def test_recording_changes_nothing(spec: Any, family: str) -> None:
    options: dict[str, Any] = {"max_passes": 4, "seed": 1, "max_new_tokens": 40}
    plain, traced = (family_model(family).generate("the", spec, trace=trace, **options) for trace in (False, True))
    assert plain.trace is None
    assert (traced.text, traced.passes, traced.stop_reason) == (plain.text, plain.passes, plain.stop_reason)
    assert traced.trace is not None
    assert traced.trace.passes[-1].number == traced.passes


def test_every_pass_of_every_canvas_is_recorded() -> None:
    result = model().generate("the", LONG, max_passes=3, trace=True)
    assert result.trace is not None
    passes = result.trace.passes
    assert [each.number for each in passes] == list(range(1, result.passes + 1))
    assert [each.canvas for each in passes] == [n for n in range(1, result.canvases + 1) for _ in range(3)]
    assert all(len(each.tokens) <= CANVAS for each in passes)
    last = {each.canvas: each for each in passes}
    words = [result.trace.words[token] for each in last.values() for token in each.tokens.tolist()]
    assert "".join(word.text for word in words if not word.silent) == result.text
    assert passes[-1].decided.all()
    assert passes[-1].log_z == result.log_z


def test_each_row_of_a_batch_has_its_own_passes() -> None:
    results = model().generate(["the", "", "in", "x"], [LONG, None, Choice(["12"]), SUDOKU], max_passes=3, trace=True)
    traces = [result.trace for result in results]
    assert traces[1] is None, "it never ran"
    for result, trace in zip(results, traces, strict=True):
        if trace is not None:
            assert (trace.passes[-1].number, trace.passes[-1].stop_reason) == (result.passes, result.stop_reason)
            mentioned = {int(token) for each in trace.passes for token in (*each.tokens, *each.top.flat) if token >= 0}
            assert trace.words.keys() == mentioned


def test_a_canvas_that_takes_no_pass_is_recorded_as_certain() -> None:
    result = model().generate("x", Sudoku("1.34341221434321"), trace=True)
    assert result.passes == 0
    assert result.trace is not None
    for recorded in result.trace.passes:
        assert recorded.forced.all()
        assert recorded.chance[:, 0].tolist() == [1.0] * len(recorded.tokens)
        assert np.isnan(recorded.own).all()


def test_a_pass_takes_73_bytes_per_position() -> None:
    result = model().generate("the", LONG, max_passes=3, trace=True)
    assert result.trace is not None
    for each in result.trace.passes:
        arrays = (each.tokens, each.entropy, each.allowed, each.forced, each.top, each.chance, each.own)
        assert sum(array.nbytes for array in arrays) == 73 * len(each.tokens)
        assert all(array.base is None or array.base.nbytes <= 20 * CANVAS for array in arrays), "no view of logits"


def test_logits_that_are_no_numbers_do_no_harm() -> None:
    vocabulary = Vocabulary([b"a", b"b", b"ab", None], [3])
    logits = torch.full((1, 4, 4), torch.nan)
    constraints = TokenConstraints([compile(Choice(["ab", "ba"]), vocabulary)])
    (recorded,) = trace_of(ScriptedDenoiser([logits]), constraints, vocabulary, budget=4).passes
    assert np.isfinite(recorded.chance).all()
