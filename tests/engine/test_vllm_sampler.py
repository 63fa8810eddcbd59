"""The sampler for vLLM, on made-up logits in a stand-in for its worker: valid, exact, and alone in its slots."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import jsonschema
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from constrain.constraint import Constraint, compile
from constrain.engine.refine import refine
from constrain.engine.stopping import StopRule
from constrain.engine.token_canvas import TokenConstraints
from constrain.engine.vllm_requests import KEY, spec_of
from constrain.engine.vllm_sampler import ConstrainedSampler
from constrain.engine.vllm_slots import Admitted, Slots
from constrain.errors import ConstrainError, SpecError
from constrain.specs import Regex
from constrain.vocabulary import Vocabulary
from tests.engine.scripted import ScriptedDenoiser
from tests.engine.test_posterior import constraint_of, problems, random_logits
from tests.engine.vllm_stand_in import Params, Sampler, Worker, module
from tests.oracles import BruteForce

TOKENS = [None, None, *(bytes([byte]) for byte in range(0x20, 0x7F)), b'":', b"12", b"ab"]
PAD, END = 0, 1
VOCABULARY = Vocabulary(TOKENS, [END])
SIZE, LENGTH = len(TOKENS), 8
SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer"}, "t": {"enum": ["a", "b"]}},
    "required": ["n", "t"],
    "additionalProperties": False,
}


def compiled(stated: Mapping[str, Any]) -> Callable[[], Constraint]:
    return lambda: compile(spec_of(stated), VOCABULARY)


def worker(*, constrained: bool = True, slots: int = 4, steps: int = 6, **options: Any) -> Worker:
    """A worker, and its sampler with constraints or as it is."""
    functions = module()
    inner = Sampler(functions, slots=slots, length=LENGTH, size=SIZE, steps=steps)
    sampler = ConstrainedSampler(inner, functions, compiled, max_model_len=1000, seed=0) if constrained else inner
    return Worker(sampler, SIZE, LENGTH, **options)


def asking(stated: dict[str, Any], *, max_tokens: int = 100, logprobs: int | None = None, **extra: int) -> Params:
    return Params(max_tokens, {KEY: {"spec": stated, "refusal": PAD}, **extra}, logprobs=logprobs)


def text(ids: list[int]) -> str:
    return VOCABULARY.decode(ids[: ids.index(END)] if END in ids else ids).decode()


@given(st.lists(problems(2, 3), min_size=1, max_size=3), st.integers(0, 2**31))
@settings(max_examples=30, deadline=None)
def test_a_pass_is_that_of_the_projects_own_loop(several: list[BruteForce], seed: int) -> None:
    """Same log Z, best canvas, entropies and shaped logits, for requests of several vocabularies in one call."""
    several = [each for each in several if (each.tokens, each.length) == (several[0].tokens, several[0].length)]
    generator = torch.Generator().manual_seed(seed)
    slots = Slots(device=torch.device("cpu"), stop=StopRule(), generator=generator)
    logits = torch.cat([random_logits(each, seed + n) for n, each in enumerate(several)])
    for n, each in enumerate(several):
        slots.admit(n, Admitted(lambda each=each: constraint_of(each), each.budget, each.length, 9, -1))  # type: ignore[misc]
    found = slots.refine(range(len(several)), logits.clone())
    for n, each in enumerate(several):
        valid = TokenConstraints([constraint_of(each)], budgets=[each.budget]).canvas(each.length, each.budget)
        posterior = valid.posterior(logits[n : n + 1].clone())
        (draft,) = refine(
            ScriptedDenoiser([logits[n : n + 1].clone()]),
            valid,
            max_passes=1,
            stop=StopRule(),
            generator=torch.Generator(),
        )
        if draft.reasons != ("forced",) or draft.passes != (0,):  # the loop makes no pass where one canvas is left
            assert found.log_z[n].item() == pytest.approx(draft.log_z.item(), abs=1e-9)
            torch.testing.assert_close(found.doubt[n], posterior.doubt[0], rtol=0, atol=1e-6)
            assert bool(found.stops[n]) == (draft.reasons[0] != "budget")
        assert found.best[n].tolist() == draft.tokens[0].tolist()
        torch.testing.assert_close(found.shaped[n].softmax(-1), posterior.shape()[0].softmax(-1), rtol=0, atol=1e-6)


def test_draws_are_joint() -> None:
    """{AB, CD}: no draw is AD or CB, and each is as likely as its tokens together."""
    vocabulary = Vocabulary([b"A", b"B", b"C", b"D", None], [4])
    slots = Slots(device=torch.device("cpu"), stop=StopRule(), generator=torch.Generator().manual_seed(0))
    times = 400
    for n in range(times):
        slots.admit(n, Admitted(lambda: compile(Regex("AB|CD"), vocabulary), 2, 2, 9, -1))
    draws = slots.refine(range(times), torch.tensor([[0.0, 0, 1, 0, 0], [0.0, 0, 0, 0, 0]]).repeat(times, 1, 1)).draw
    said = [tuple(row) for row in draws.tolist()]
    assert set(said) == {(0, 1), (2, 3)}
    share = torch.tensor([1.0, 0.0]).softmax(0)[0].item()  # CD has one nat more than AB
    assert abs(said.count((2, 3)) / times - share) < 5 * (share * (1 - share) / times) ** 0.5


@pytest.mark.parametrize("pattern", [r"\d{3,30}", r"(ab|ba)*c", r"[a-c]{20}", r"x|yyyyyyyyyyyyyyyyyyyyyy", r".{0,12}"])
@pytest.mark.parametrize("steps", [1, 2, 7])
def test_what_is_emitted_is_valid_over_any_number_of_passes_and_canvases(pattern: str, steps: int) -> None:
    at = worker(steps=steps, scale=20.0)
    for seed in range(5):
        at.seed = seed
        at.come(0, asking({"regex": pattern}, max_tokens=30))
        ids = at.run(0, until=40)
        assert re.fullmatch(pattern, text(ids[:30])), ids


@pytest.mark.parametrize("schema", [SCHEMA, {"type": "array", "items": {"type": "string"}, "uniqueItems": True}])
def test_json_is_valid_whatever_the_model_says(schema: dict[str, Any]) -> None:
    at = worker(slots=8, scale=10.0)
    for slot in range(8):
        at.come(slot, asking({"json": schema}, max_tokens=60))
    for _ in range(80):
        at.step(*range(8))
    for ids in at.written.values():
        jsonschema.validate(json.loads(text(ids)), schema)


def test_a_request_goes_on_where_its_canvas_ended() -> None:
    """Twenty digits on canvases of eight tokens: none is said twice or left out, as counted by `re`."""
    at = worker()
    at.come(2, asking({"regex": "(01|2345){6}"}))
    ids = at.run(2, until=5 * LENGTH)
    assert re.fullmatch("(01|2345){6}", text(ids))
    assert len(text(ids)) > LENGTH


def test_a_request_that_was_interrupted_goes_on_behind_what_it_had_written() -> None:
    at = worker()
    at.come(0, asking({"regex": r"ab{3}c{12}d"}))
    first = at.run(0, until=LENGTH)
    at.come(3, asking({"regex": r"ab{3}c{12}d"}), written=tuple(first))
    assert text(at.run(3, until=3 * LENGTH)) == "abbb" + "c" * 12 + "d"


def test_neighbours_are_bit_for_bit_what_they_are_without_the_plugin() -> None:
    plain, own = worker(constrained=False, scale=9.0), worker(scale=9.0)
    for each in (plain, own):
        torch.manual_seed(7)
        each.come(0, asking({"json": SCHEMA}, diffusion_max_steps=3))
        each.come(1, Params())
        each.come(2, Params(extra_args={"diffusion_max_steps": 4}))
        for _ in range(12):  # slot 0 settles at its own time, which changes no number that is drawn for the others
            each.step(0, 1, 2)
    for before, after in zip(plain.seen, own.seen, strict=True):
        for name, tensor in before.items():
            assert torch.equal(tensor[1:], after[name][1:]), name
    assert [plain.written[slot] for slot in (1, 2)] == [own.written[slot] for slot in (1, 2)]
    assert plain.written[0] != own.written[0]


def test_ranks_side_by_side_come_to_the_same_canvases() -> None:
    """Under tensor parallelism every rank samples for itself, from the same logits."""
    ranks = worker(), worker()
    for rank in ranks:
        torch.manual_seed(3)
        rank.come(0, asking({"regex": "[a-f]{19}"}))
        rank.come(1, asking({"json": SCHEMA}))
        rank.come(2, Params())
        for _ in range(15):
            rank.step(0, 1, 2)
    for one, other in zip(ranks[0].seen, ranks[1].seen, strict=True):
        assert all(torch.equal(one[name], other[name]) for name in one)
    assert ranks[0].written == ranks[1].written


def test_without_constrained_requests_the_sampler_is_called_as_it_is() -> None:
    at = worker()
    at.come(0, asking({"regex": "a+"}))
    at.come(0, Params())
    logits, original = torch.zeros(LENGTH, SIZE), at.sampler._module._compiled_sample_step
    at.sampler(logits, at._batch([0], [LENGTH]))
    assert at.sampler.inner.logits_seen is logits
    assert at.sampler._module._compiled_sample_step is original


def test_a_settled_canvas_is_what_the_slot_holds_emits_and_drafts() -> None:
    at = worker(steps=9)
    at.come(0, asking({"regex": "abc"}))
    at.come(1, Params())
    at.step(0, 1)
    states = at.sampler.inner.diffusion_states
    said = [TOKENS.index(b"ab"), TOKENS.index(b"c")]
    canvas = states.canvas[0].tolist()
    assert text(canvas) == "abc"
    assert bool(states.is_encoder_phase[0]), "one text is left, so one pass is enough"
    assert states.argmax_canvas[0].tolist() == canvas
    assert at.sampler.inner.req_states.draft_tokens[0].tolist() == canvas
    assert int(states.max_steps[0]) == 9
    assert not bool(states.is_encoder_phase[1])
    assert not states.self_conditioning_embeds[0].any()
    assert canvas[:2] == said or canvas[:3] == [TOKENS.index(each) for each in (b"a", b"b", b"c")]


def test_what_the_next_pass_is_conditioned_on_is_the_posterior() -> None:
    """Brute force: the marginals of [ab]{2} under the logits of the pass, times the embeddings."""
    at = worker(scale=1.0)
    at.come(0, asking({"regex": "[xy]{8}"}))
    logits = at.logits(0, LENGTH)
    at.step(0)
    states = at.sampler.inner.diffusion_states
    temperature = at.sampler.inner.t_max
    expected = torch.full((LENGTH, SIZE), -torch.inf)
    allowed = [TOKENS.index(b"x"), TOKENS.index(b"y")]
    expected[:, allowed] = logits[:, allowed] / temperature
    assert not bool(states.is_encoder_phase[0])
    torch.testing.assert_close(
        states.self_conditioning_embeds[0], expected.softmax(-1) @ at.sampler.inner.embed_weight, rtol=0, atol=1e-5
    )


def test_the_next_pass_reads_the_joint_draw_where_its_doubt_accepts_it() -> None:
    """Everything that is accepted is one text, and what the constraint leaves no choice of always is accepted."""
    at = worker(scale=1.0)
    states, bound = at.sampler.inner.diffusion_states, at.sampler.inner.entropy_bound
    at.sampler.inner.entropy_bound = 1e9
    for seed in range(8):
        at.seed = seed
        at.come(0, asking({"regex": "x((pq){3}|(rs){3})y"}))
        at.step(0)
        assert not bool(states.is_encoder_phase[0])
        assert re.fullmatch("x((pq){3}|(rs){3})y", text(states.canvas[0].tolist()))
    at.sampler.inner.entropy_bound = bound
    for seed in range(8):
        at.seed = seed
        at.come(0, asking({"regex": "xy[pqrs]{6}"}))
        at.step(0)
        assert text(states.canvas[0, :2].tolist()) == "xy"


def test_vllms_own_rule_does_not_stop_a_constrained_canvas() -> None:
    """Its argmax stays and its entropy is small from the second pass on, but not that of the constrained positions."""
    at = worker(steps=5)
    at.come(0, asking({"regex": "[xy]{1}"}))
    states = at.sampler.inner.diffusion_states
    sure = torch.zeros(LENGTH, SIZE)
    sure[:, END] = 60.0
    sure[0] = 0.0
    at.sampler.inner.confidence_threshold = 1.0
    for _ in range(4):
        at.sampler(sure, at._batch([0], [LENGTH]))
        assert not bool(states.is_encoder_phase[0])
    at.sampler(sure, at._batch([0], [LENGTH]))
    assert bool(states.is_encoder_phase[0]), "the limit of passes holds"


def test_a_canvas_cut_short_is_valid_as_far_as_it_is_emitted() -> None:
    at = worker()
    at.come(0, asking({"regex": r"(ab){3,20}"}, max_tokens=60))
    for rows in (LENGTH, 3, 3, 5, 8, 2, 8, 1) * 12:
        at.step(0, rows=rows)
    ids = at.written[0]
    assert re.fullmatch(r"(ab){3,20}", text(ids))


def test_requests_may_have_canvases_of_their_own_width() -> None:
    at = worker()
    at.come(0, asking({"regex": r"\d{11}"}, diffusion_canvas_length=3))
    at.come(1, asking({"regex": r"[a-f]{9}"}))
    for _ in range(60):
        at.step(0, 1)
    assert re.fullmatch(r"\d{11}", text(at.written[0]))
    assert re.fullmatch(r"[a-f]{9}", text(at.written[1]))


def test_log_probabilities_are_told_of_the_canvas_that_is_emitted() -> None:
    at = worker(steps=1, scale=5.0)
    at.come(0, Params())
    at.come(1, asking({"regex": "[a-d]{8}"}, logprobs=1))
    mine = at.logits(1, LENGTH)
    at.step(0, 1)
    inner = at.sampler.inner
    assert inner.logits_seen[LENGTH:].argmax(-1).tolist() == inner.diffusion_states.argmax_canvas[1].tolist()
    assert not torch.equal(inner.logits_seen[LENGTH:], mine)
    at.ages[0] = 0
    assert torch.equal(inner.logits_seen[:LENGTH], at.logits(0, LENGTH))


@pytest.mark.parametrize("stated", [{"regex": "a{50}"}, {"regex": "("}, {"choice": []}])
def test_a_request_that_cannot_go_on_emits_its_refusal_and_the_others_go_on(stated: dict[str, Any]) -> None:
    """Too small a budget for any text, and specifications that do not compile in the worker."""
    at = worker()
    at.come(0, asking(stated, max_tokens=20))
    at.come(1, asking({"regex": r"\d{9}"}))
    for _ in range(30):
        at.step(0, 1)
    assert set(at.written[0]) == {PAD}
    assert isinstance(at.sampler.slots.error(0), ConstrainError)
    assert at.sampler.slots.error(1) is None
    assert re.fullmatch(r"\d{9}", text(at.written[1]))


def test_a_request_without_a_canvas_that_passes_its_check_emits_its_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_of({"json": {"type": "array", "items": {"type": "string"}, "uniqueItems": True}})
    monkeypatch.setattr(type(spec), "fault", lambda self, text, *, complete=True: (0, 1))
    at = worker(steps=2)
    at.sampler._compiled = lambda stated: lambda: compile(spec, VOCABULARY)
    at.come(0, asking({}, max_tokens=40))
    at.run(0, until=LENGTH)
    assert set(at.written[0]) == {PAD}


def test_a_fault_of_ours_ends_its_request_and_not_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    at = worker()
    at.come(0, asking({"regex": "[ab]{20}"}))
    at.come(1, Params())
    at.step(0, 1)
    monkeypatch.setattr(StopRule, "judge", lambda self, *_: 1 // 0)
    for _ in range(9):
        at.step(0, 1)
    assert PAD in at.written[0]
    assert isinstance(at.sampler.slots.error(0), ZeroDivisionError)
    monkeypatch.undo()
    at.come(0, asking({"regex": "[ab]{20}"}))
    assert re.fullmatch("[ab]{20}", text(at.run(0, until=3 * LENGTH)))


def test_a_commit_that_cannot_be_ends_its_request() -> None:
    at = worker()
    at.come(0, asking({"regex": "[ab]{20}"}))
    at.step(0)
    at.sampler.slots.commit(0, [TOKENS.index(b"c")])
    at.sampler.slots.commit(0, [TOKENS.index(b"a")])
    assert isinstance(at.sampler.slots.error(0), AssertionError)


def test_filters_of_draws_are_not_passed_over_in_silence(caplog: pytest.LogCaptureFixture) -> None:
    at = worker()
    at.come(0, asking({"regex": "a"}))
    assert not caplog.records
    for _ in range(2):
        at.come(0, replace(asking({"regex": "a"}), top_p=0.9))
    assert ["top_p" in record.message for record in caplog.records] == [True]


def test_a_slot_forgets_the_request_that_has_left_it() -> None:
    at = worker()
    at.come(0, asking({"regex": "a+"}))
    assert 0 in at.sampler.slots
    at.sampler.free(0)
    assert not at.sampler.slots
    logits = at.logits(0, LENGTH)
    at.step(0)
    assert torch.equal(at.sampler.inner.diffusion_states.argmax_canvas[0], logits.argmax(-1))


def test_the_budget_is_what_the_context_leaves() -> None:
    at = worker()
    at.sampler._max_model_len = 25
    at.come(0, asking({"regex": "a{3}b*c"}, max_tokens=100), prompt=10)
    at.run(0, until=15)
    assert re.fullmatch("a{3}b*c", text(at.written[0][:15]))


def test_a_spec_error_in_the_worker_names_what_is_wrong() -> None:
    at = worker()
    at.come(0, asking({"regex": "("}))
    at.step(0)
    error = at.sampler.slots.error(0)
    assert isinstance(error, SpecError)
    assert error.position is not None
