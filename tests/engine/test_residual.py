"""Decoding under a check on the text: the best canvas that passes, against brute force; bounds, batches, canvases."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import jsonschema
import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from constrain.automaton import Automaton
from constrain.constraint import Constraint, compile
from constrain.engine.model import Model, from_transformers
from constrain.engine.refine import decode
from constrain.engine.search import Effort
from constrain.engine.stopping import StopRule
from constrain.engine.token_canvas import TokenConstraints
from constrain.errors import SpecError, UnsatisfiableError
from constrain.json_residual import Residual
from constrain.lattice import Lattice
from constrain.spec import Spec
from constrain.specs import Regex
from constrain.vocabulary import Vocabulary
from tests.engine.families import each_family, family_model
from tests.engine.scripted import ScriptedConstraints, ScriptedDenoiser
from tests.engine.test_posterior import VOCABULARIES, outcome, patterns, random_logits
from tests.models import tiny_model
from tests.oracles import BruteForce

EXACT = Effort(exact=100_000, total=100_000)
BY_PLACE = Effort(exact=1, patience=2, total=100_000)
NEVER = StopRule(certain=None, confidence=None)

Fault = Callable[[str, bool], tuple[int, int] | None]


class Ruled(Spec):
    """A regular expression, and a rule on the text."""

    def __init__(self, pattern: str, rule: Fault) -> None:
        self.pattern = pattern
        self.rule = rule
        self.asked = 0

    def _language(self) -> Automaton:
        return Regex(self.pattern).automaton

    @property
    def residual(self) -> bool:
        return True

    def fault(self, text: str, *, complete: bool = True) -> tuple[int, int] | None:
        self.asked += 1
        return self.rule(text, complete)

    def parse(self, text: str) -> Any:
        return text

    def dumps(self, value: Any) -> str:
        return self._checked(value, str(value))

    def describe(self) -> str:
        return f"ruled {self.pattern!r}"


def whims(seed: int, share: float) -> Fault:
    """Some prefixes are wrong whatever follows, and some texts are wrong as a whole, for no reason."""

    def hits(text: str, kind: int) -> bool:
        return zlib.crc32(f"{kind}{text}".encode(), seed) < share * 2**32

    def rule(text: str, complete: bool) -> tuple[int, int] | None:
        for end in range(1, len(text) + 1):
            if hits(text[:end], 0):
                return (seed + end) % end, end
        return (0, len(text)) if complete and hits(text, 1) else None

    return rule


@st.composite
def problems(draw: st.DrawFn) -> tuple[BruteForce, Fault]:
    tokens, ends = draw(st.sampled_from(VOCABULARIES))
    length = draw(st.integers(1, 4))
    brute = BruteForce(draw(patterns), tokens, ends, length, draw(st.integers(0, length + 2)))
    return brute, whims(draw(st.integers(0, 999)), draw(st.sampled_from([0.05, 0.2, 0.5])))


def constraint_of(problem: BruteForce, rule: Fault) -> Constraint:
    try:
        constraint = compile(Ruled(problem.pattern, rule), Vocabulary(problem.tokens, problem.end_of_turn))
        Lattice(constraint.tokens, 0, problem.length, problem.budget)
    except UnsatisfiableError:
        assume(False)
        raise
    return constraint


def is_right(problem: BruteForce, constraint: Constraint, rule: Fault, ids: tuple[int, ...]) -> bool:
    complete = problem.budget <= problem.length or constraint.is_complete(constraint.advance(0, list(ids)))
    return rule(constraint.text(list(ids)), complete) is None


@given(problems(), st.integers(0, 2**31))
@settings(max_examples=300, deadline=None)
def test_the_best_canvas_is_the_most_probable_that_is_right(problem: tuple[BruteForce, Fault], seed: int) -> None:
    brute, rule = problem
    constraint = constraint_of(brute, rule)
    logits = random_logits(brute, seed)
    weights = brute.weights(logits[0].double().log_softmax(-1).numpy())
    right = {ids: weight for ids, weight in weights.items() if is_right(brute, constraint, rule, ids)}
    canvas = TokenConstraints([constraint], effort=EXACT).canvas(brute.length, brute.budget)
    posterior = canvas.posterior(logits)
    if not right:
        assert isinstance(posterior.errors[0], UnsatisfiableError)
        assert "break a rule that is checked on the text" in str(posterior.errors[0])
        assert posterior.probability().item() == 0
        return
    best = outcome(brute, posterior.map()[0].tolist())
    assert right[best] == pytest.approx(max(right.values()), rel=1e-5)
    assert posterior.errors == [None]
    assert posterior.probability().item() == pytest.approx(right[best] / sum(weights.values()), rel=1e-3)
    assert (posterior.redecoded == [0]) == (weights[best] == pytest.approx(max(weights.values()), rel=1e-5))


@given(problems(), st.integers(0, 2**31))
@settings(max_examples=300, deadline=None)
def test_the_search_by_place_finds_what_is_right_if_anything_is(problem: tuple[BruteForce, Fault], seed: int) -> None:
    brute, rule = problem
    constraint = constraint_of(brute, rule)
    right = {ids for ids in brute.outcomes() if is_right(brute, constraint, rule, ids)}
    canvas = TokenConstraints([constraint], effort=BY_PLACE).canvas(brute.length, brute.budget)
    posterior = canvas.posterior(random_logits(brute, seed))
    assert (posterior.errors[0] is None) == bool(right)
    assert not right or outcome(brute, posterior.map()[0].tolist()) in right


@pytest.mark.parametrize("poison", [float("-inf"), float("nan"), float("inf"), 1e38, -1e38])
@given(problem=problems(), seed=st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_the_best_canvas_is_right_whatever_the_floats(
    poison: float, problem: tuple[BruteForce, Fault], seed: int
) -> None:
    brute, rule = problem
    constraint = constraint_of(brute, rule)
    logits = random_logits(brute, seed)
    logits[torch.rand(logits.shape, generator=torch.Generator().manual_seed(seed)) < 0.6] = poison
    right = {ids for ids in brute.outcomes() if is_right(brute, constraint, rule, ids)}
    posterior = TokenConstraints([constraint], effort=EXACT).canvas(brute.length, brute.budget).posterior(logits)
    assert (posterior.errors[0] is None) == bool(right)
    assert not right or outcome(brute, posterior.map()[0].tolist()) in right


LETTERS = Vocabulary([b"a", b"b", b"c", b"ab", b"\xc3", b"\xa9", None], [6])


def without(*words: str) -> Fault:
    """The texts in which none of `words` occurs."""

    def rule(text: str, complete: bool) -> tuple[int, int] | None:
        found = min((m for word in words if (m := re.search(word, text))), key=lambda m: m.end(), default=None)
        return None if found is None else found.span()

    return rule


def logits_of(text: str, length: int, certainty: float = 4.0, rows: int = 1) -> torch.Tensor:
    """A model that would say `text`, one letter per token, and then end its turn."""
    ids = [LETTERS.tokens.index(letter.encode()) for letter in text]
    ids += [6] * (length - len(ids))
    return certainty * torch.eye(7)[torch.tensor(ids)].expand(rows, -1, -1).clone()


def decoded(constraints: TokenConstraints, logits: torch.Tensor, canvases: int) -> tuple[list[str], list[int]]:
    """What each row says, canvas after canvas, and how many candidates were refused."""
    length, rows = logits.shape[1], len(constraints.constraints)
    ids: list[list[int]] = [[] for _ in range(rows)]
    refused = [0] * rows
    for n in range(canvases):
        posterior = constraints.canvas(length, length * (canvases - n)).posterior(logits)
        assert posterior.errors == [None] * rows
        best = posterior.map()
        for row in range(rows):
            ids[row] += best[row].tolist()
            refused[row] += posterior.redecoded[row]
        constraints.commit(best)
    return [c.text(each) for c, each in zip(constraints.constraints, ids, strict=True)], refused


def test_a_fault_across_canvases_is_seen() -> None:
    constraint = compile(Ruled("[abc]{9}", without("bca")), LETTERS)
    (text,), (refused,) = decoded(TokenConstraints([constraint]), logits_of("abc", 3), 3)
    assert text[:3] == "abc"
    assert len(text) == 9
    assert "bca" not in text
    assert refused > 0


def test_a_character_across_canvases_is_read_when_it_is_whole() -> None:
    constraint = compile(Ruled("[aé]{4}", without("éa")), LETTERS)
    logits = torch.zeros(1, 3, 7)
    logits[0, :, [0, 4]] = torch.tensor([[0.0, 3.0], [3.0, 0.0], [0.0, 3.0]])
    (text,), _ = decoded(TokenConstraints([constraint]), logits, 3)
    assert "éa" not in text
    assert re.fullmatch("[aé]{4}", text)


def test_what_is_not_yet_wrong_on_one_canvas_is_decided_on_the_next() -> None:
    def even(text: str, complete: bool) -> tuple[int, int] | None:
        return (0, len(text)) if complete and len(text) % 2 else None

    constraint = compile(Ruled("a*", even), LETTERS)
    (text,), (refused,) = decoded(TokenConstraints([constraint]), logits_of("aaa", 3, certainty=9.0), 3)
    assert (text, refused) == ("a" * 6, 1)


def test_rows_of_a_batch_are_searched_each_by_itself() -> None:
    specs: list[Spec] = [
        Ruled("[abc]{3}", without("aa")),
        Regex("[abc]{3}"),
        Ruled("[abc]{3}", without("c")),
        Ruled("[abc]{3}", without("a", "b", "c")),
    ]
    constraints = [compile(spec, LETTERS) for spec in specs]
    logits = logits_of("aaa", 4, rows=4)
    logits[:, 1, 1] += 1.0
    posterior = TokenConstraints(constraints).canvas(4, 4).posterior(logits)
    texts = [c.text(ids) for c, ids in zip(constraints, posterior.map().tolist(), strict=True)]
    assert texts[:3] == ["aba", "aaa", "aaa"]
    assert posterior.redecoded[:3] == [1, 0, 0]
    assert [error is None for error in posterior.errors] == [True, True, True, False]


def test_a_canvas_that_passes_at_once_costs_one_question() -> None:
    spec = Ruled("[abc]*", without("z"))
    canvas = TokenConstraints([compile(spec, LETTERS)]).canvas(3, 3)
    for _ in range(3):
        posterior = canvas.posterior(logits_of("abc", 3))
        assert (posterior.redecoded, spec.asked) == ([0], 1)
        assert posterior.map()[0].tolist() == [0, 1, 2]


def test_the_bound_is_kept_and_named() -> None:
    constraint = compile(Ruled("[abc]{6}", without("[abc]{5}")), LETTERS)
    posterior = TokenConstraints([constraint], effort=Effort(total=20)).canvas(8, 8).posterior(logits_of("abcabc", 8))
    error = posterior.errors[0]
    assert isinstance(error, UnsatisfiableError)
    assert "the 20 outputs tried that fit ruled" in str(error)
    assert "'abcab'" in str(error)


def test_a_pass_that_finds_nothing_keeps_what_an_earlier_one_found() -> None:
    constraint = compile(Ruled("[abc]{5}", without("^(?!bbbbb).{5}")), LETTERS)
    canvas = TokenConstraints([constraint], effort=Effort(total=5)).canvas(5, 5)
    first, second = (canvas.posterior(logits_of(text, 5)) for text in ("bbbbb", "aaaaa"))
    assert [constraint.text(posterior.map()[0].tolist()) for posterior in (first, second)] == ["bbbbb", "bbbbb"]
    assert (first.errors, second.errors, second.redecoded) == ([None], [None], [5])
    assert 0 < second.probability().item() < 0.01 < first.probability().item()


def test_a_single_text_that_is_wrong_is_not_forced() -> None:
    for rule, forced in [(without("ab"), False), (without("c"), True)]:
        canvas = TokenConstraints([compile(Ruled("ab", rule), LETTERS)]).canvas(3, 3)
        assert canvas.posterior(logits_of("ab", 3)).forced.tolist() == [forced]


@pytest.mark.parametrize("length", [60, 200])
def test_a_sure_model_that_repeats_itself_is_led_out_of_it(length: int) -> None:
    """Every change costs the same, and most of the many cheap ones leave the fault where it is."""
    vocabulary = Vocabulary([*(bytes([byte]) for byte in b'[]", ab'), None], [7])
    says = '["a", "a", "a", "a", "a", "a"]'
    ids = [b'[]", ab'.index(letter) for letter in says.encode()] + [7] * (length - len(says))
    residual = Residual({"uniqueItems": True})
    spec = Ruled(r'\[ *"[ab]+"( *, *"[ab]+"){5} *\]', lambda text, done: residual.fault(text, complete=done))
    posterior = (
        TokenConstraints([compile(spec, vocabulary)])
        .canvas(length, length)
        .posterior(12 * torch.eye(8)[torch.tensor(ids)][None])
    )
    text = compile(spec, vocabulary).text(posterior.map()[0].tolist())
    assert len(set(json.loads(text))) == len(json.loads(text)) == 6
    assert 0 < posterior.redecoded[0] < 256


class Unique(Ruled):
    """Arrays of different items, but the automaton lets items be equal: JSON with a check, as `JsonSchema` has it."""

    schema: dict[str, Any] = {  # noqa: RUF012 # read only
        "type": "array",
        "uniqueItems": True,
        "minItems": 3,
        "items": {"anyOf": [{"type": "integer"}, {"type": "array", "uniqueItems": True, "items": {"type": "string"}}]},
    }

    def __init__(self) -> None:
        string, space = r'"([a-z ]|\\u00[67][0-9])*"', "[ \n]*"
        item = rf"(-?(0|[1-9][0-9]*)|\[({space}{string}({space},{space}{string})*)?{space}\])"
        residual = Residual(self.schema)
        super().__init__(
            rf"\[{space}{item}({space},{space}{item}){{2,}}{space}\]",
            lambda text, complete: residual.fault(text, complete=complete),
        )

    def parse(self, text: str) -> Any:
        return json.loads(text)


def model(family: str = "diffusion_gemma") -> Model:
    return family_model(family, length=24)


def insisting(*words: str) -> Model:
    """A model that would say the same words over and over."""
    tokenizer = model().tokenizer
    network = tiny_model(
        vocab_size=len(tokenizer) + 5, canvas_length=24, max_denoising_steps=3, eos_token_id=[1, 3], pad_token_id=0
    )
    ids = [i for word in words for i in tokenizer.encode(word, add_special_tokens=False)]
    forward = network.forward

    def stubborn(*arguments: Any, **options: Any) -> Any:
        output = forward(*arguments, **options)
        output.logits[..., ids] += 30.0
        return output

    network.forward = stubborn
    return from_transformers(network, tokenizer)


@each_family
@pytest.mark.parametrize("tokens", [24, 40, 72])
def test_a_model_that_knows_nothing_writes_different_items(family: str, tokens: int) -> None:
    spec = Unique()
    for seed in range(4):
        drafts = list(model(family).stream("the", spec, max_new_tokens=tokens, seed=seed, stop=NEVER))
        assert all(spec.fault(draft.text, complete=draft.complete) is None for draft in drafts)
        jsonschema.validate(drafts[-1].value, Unique.schema)
        assert len(drafts[-1].token_ids) <= tokens


@pytest.mark.parametrize("words", [("[1, 1]",), ('["a", "a"]',), ("1,",), ("[", "]", ",")])
def test_a_model_that_repeats_itself_writes_different_items(words: Sequence[str]) -> None:
    stubborn = insisting(*words)
    results = [stubborn.generate("the", Unique(), max_new_tokens=48, seed=seed) for seed in range(2)]
    for result in results:
        jsonschema.validate(result.value, Unique.schema)
    assert any(result.redecoded > 0 for result in results)


def test_a_seed_determines_the_result_also_where_candidates_are_refused() -> None:
    stubborn = insisting("[1, 1]")
    first, second = (stubborn.generate("the", spec, max_new_tokens=48) for spec in (Unique(), Unique()))
    assert (first.text, first.redecoded) == (second.text, second.redecoded)
    assert first.redecoded > 0


@each_family
def test_without_refusals_the_result_says_none(family: str) -> None:
    spec = Ruled("[a-f]{5}", without("z"))
    assert model(family).generate("the", spec) == model(family).generate("the", spec)
    checked, free = model(family).generate("the", spec), model(family).generate("the", Regex("[a-f]{5}"))
    assert (checked.text, checked.redecoded) == (free.text, 0)
    assert (checked.probability, checked.stop_reason) == (free.probability, free.stop_reason)


@each_family
def test_a_row_that_finds_nothing_does_not_take_the_others_down(family: str) -> None:
    hopeless = Ruled("[a-f]{40}", without("[a-f]{3}"))
    specs = [Ruled("[a-f]{5}", without("zz")), hopeless, None, Regex("[a-f]{30}")]
    good, bad, free, long = model(family).generate(["the"] * 4, specs, max_redecoded=10)
    assert re.fullmatch("[a-f]{5}", good.value)
    assert isinstance(bad.error, UnsatisfiableError)
    assert not bad.complete
    assert (bad.canvases, bad.redecoded) == (1, 0)
    assert isinstance(free.value, str)
    assert re.fullmatch("[a-f]{30}", long.value)
    with pytest.raises(UnsatisfiableError, match="the 10 outputs tried"):
        _ = bad.value


@each_family
def test_a_single_row_that_finds_nothing_raises(family: str) -> None:
    hopeless = Ruled("[a-f]{9}", without("[a-f]{3}"))
    with pytest.raises(UnsatisfiableError, match="break a rule that is checked on the text"):
        model(family).generate("the", hopeless, max_redecoded=10)
    with pytest.raises(UnsatisfiableError):
        model(family)("the", hopeless, max_redecoded=10)
    drafts = []
    with pytest.raises(UnsatisfiableError):
        drafts += model(family).stream("the", hopeless, max_redecoded=10, max_passes=2)


@each_family
def test_an_error_of_the_check_is_that_of_its_row(family: str) -> None:
    def refuse(text: str, complete: bool) -> tuple[int, int] | None:
        raise SpecError("this cannot be judged")

    bad, good = model(family).generate(["the", "the"], [Ruled("[a-f]{5}", refuse), Regex("[a-f]{5}")])
    assert isinstance(bad.error, SpecError)
    assert len(good.value) == 5


def test_a_row_without_a_valid_canvas_stops_for_no_reason_but_the_budget() -> None:
    error = UnsatisfiableError("nothing passes")
    logits = [torch.eye(9)[torch.tensor([[n], [n]])].expand(-1, 4, -1) for n in range(1, 7)]
    constraints = ScriptedConstraints(
        [[True, True]] * 6, complete=[[False, False], [False, True]], errors=[[error, None]] * 2 + [[None, None]] * 4
    )
    generator = torch.Generator()
    drafts = list(
        decode(ScriptedDenoiser(logits), constraints, max_new_tokens=8, max_passes=2, stop=NEVER, generator=generator)
    )
    assert [draft.reasons for draft in drafts] == [(None, "forced"), ("budget", "forced"), ("budget", "forced")]
    assert [draft.errors for draft in drafts] == [(error, None)] * 3
    assert [draft.canvases for draft in drafts] == [(1, 1), (1, 1), (1, 2)]


def test_a_row_may_recover_in_a_later_pass() -> None:
    error = UnsatisfiableError("nothing passes")
    logits = [torch.eye(9)[torch.tensor([[n]])].expand(-1, 4, -1) for n in range(1, 4)]
    constraints = ScriptedConstraints([[True]] * 3, complete=[[True]], errors=[[error], [None], [error]])
    *_, last = decode(
        ScriptedDenoiser(logits), constraints, max_new_tokens=4, max_passes=3, stop=NEVER, generator=torch.Generator()
    )
    assert (last.errors, last.reasons, last.passes) == ((None,), ("forced",), (2,))


def test_no_refusals_at_all_is_no_bound() -> None:
    with pytest.raises(SpecError, match="max_redecoded must be at least 1, got 0"):
        model().generate("the", Unique(), max_redecoded=0)


def test_acceptance_includes_the_check_unless_told_otherwise() -> None:
    spec = Ruled("[ab]*", without("aa"))
    assert [spec.accepts(text) for text in ("aba", "baa", "c")] == [True, False, False]
    assert [spec.accepts(text, residual=False) for text in ("aba", "baa", "c")] == [True, True, False]
    assert [spec.objection(text) for text in ("aba", "baab")] == [None, 3]
    assert Regex("a").objection("a") is None
    with pytest.raises(SpecError):
        spec.dumps("aa")
    assert np.isfinite(model().generate("the", spec, max_new_tokens=5).log_z)
