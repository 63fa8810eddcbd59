"""Thoughts before the answer: as sequences of tokens, by enumeration, and as a model writes them."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any

import jsonschema
import pytest

from constrain.constraint import compile
from constrain.engine.model import Model, from_transformers
from constrain.engine.thinking import Channel, framed
from constrain.errors import LimitError, SpecError, UnsatisfiableError, UnsupportedError
from constrain.lattice import Lattice
from constrain.spec import Spec
from constrain.specs import Choice, JsonSchema, Regex
from constrain.text_lengths import Text
from constrain.vocabulary import Vocabulary
from tests.models import tiny_model
from tests.tokenizers import KINDS, fast

TOKENS = [b"a", b"ab", b"t", b"\n", b"t\na", b"\xc3", b"\xa9", b"\xfe", None, None, None]
OPENING, CLOSING, END = 8, 9, 10
VOCABULARY = Vocabulary(TOKENS, [END])
CHANNEL = Channel(OPENING, "t\n", CLOSING)
LIMIT = 5

ANSWERS: dict[str, tuple[Spec, Callable[[str, int], bool]]] = {
    "loops to its start": (Regex("(a|b)*"), lambda text, n: set(text) <= set("ab")),
    "one word": (Choice(["ab"]), lambda text, n: text == "ab"),
    "nothing, or what a thought has": (Regex("(t\na)?"), lambda text, n: text in ("", "t\na")),
    "so many tokens": (Text(tokens=2), lambda text, n: n == 2),
    "characters of two bytes": (Regex("é+"), lambda text, n: text != "" and set(text) == {"é"}),
}


def spelled(ids: tuple[int, ...]) -> str | None:
    """The text of ordinary tokens, None where they are none, or not UTF-8."""
    parts = [TOKENS[n] for n in ids]
    try:
        return None if None in parts else b"".join(part or b"" for part in parts).decode()
    except UnicodeDecodeError:
        return None


def is_wanted(ids: tuple[int, ...], holds: Callable[[str, int], bool]) -> bool:
    if ids[:1] == (OPENING,):
        end = ids.index(CLOSING) if CLOSING in ids else LIMIT
        thought = spelled(ids[1:end])
        if end >= LIMIT or thought is None or not thought.startswith("t\n"):
            return False
        ids = ids[end + 1 :]
    answer = spelled(ids)
    return answer is not None and holds(answer, len(ids))


@pytest.mark.parametrize("name", ANSWERS)
def test_outputs_are_those_of_the_answer_with_a_thought_before_or_without(name: str) -> None:
    spec, holds = ANSWERS[name]
    answer = compile(spec, VOCABULARY)
    constraint = framed(answer, CHANNEL, LIMIT)
    assert constraint is not None
    tokens, found = constraint.tokens, set()
    layer: list[tuple[tuple[int, ...], int]] = [((), 0)]
    for _ in range(8):
        found |= {ids for ids, state in layer if state != tokens.done and tokens.accepting[state]}
        layer = [
            ((*ids, n), after)
            for ids, state in layer
            for n in range(len(TOKENS) - 1)
            if (after := tokens.step(state, n)) >= 0 and tokens.distance[after] <= 7
        ]
    short = [ids for size in range(6) for ids in itertools.product(range(len(TOKENS) - 1), repeat=size)]
    assert {ids for ids in found if len(ids) <= 5} == {ids for ids in short if is_wanted(ids, holds)}
    assert all(is_wanted(ids, holds) for ids in found)
    assert any(CLOSING in ids for ids in found)
    links = tokens.links
    order = links.source * (tokens.done + 1) + links.target
    assert (order[1:] > order[:-1]).all()
    assert constraint.shortest == answer.shortest
    assert constraint.longest == (None if answer.longest is None else answer.longest + LIMIT)
    allowed = Lattice(tokens, 0, 3, 9).allowed[0]
    assert allowed[tokens.class_of[OPENING]]
    assert not allowed[0]


def test_what_is_forced_is_what_was_forced_in_the_answer() -> None:
    constraint = framed(compile(Choice(["ab", "t"]), VOCABULARY), CHANNEL, LIMIT)
    assert constraint is not None
    written: list[list[int]] = [[], [OPENING], [OPENING, 4, CLOSING], [1], [OPENING, 4, CLOSING, 2], [2, END]]
    states = [constraint.advance(0, ids) for ids in written]
    assert constraint.singular[states].tolist() == [False, False, False, True, True, True]
    only = framed(compile(Choice(["ab"]), VOCABULARY), CHANNEL, LIMIT)
    assert only is not None
    assert only.singular[[only.advance(0, ids) for ids in written[:3]]].tolist() == [False, False, True]


def test_a_thought_spells_nothing_of_the_answer() -> None:
    constraint = framed(compile(Regex("(a|b)*"), VOCABULARY), CHANNEL, 9)
    assert constraint is not None
    assert constraint.spelled(0, [OPENING, 4, 0, CLOSING, 0, 1]) == [b"", b"", b"", b"", b"a", b"ab"]
    midst = constraint.advance(0, [OPENING, 4])
    assert constraint.spelled(midst, [0, 0, CLOSING, 1, END]) == [b"", b"", b"", b"ab", b""]
    assert constraint.spelled(midst, [0, 0]) == [b"", b""]
    assert constraint.spelled(constraint.advance(0, [0]), [0, 1]) == [b"a", b"ab"]


def test_limits_that_make_no_sense_are_refused() -> None:
    answer = compile(Regex("a*"), VOCABULARY)
    with pytest.raises(UnsatisfiableError, match="shortest thought needs 3 tokens, thinking is limited to 2") as caught:
        framed(answer, CHANNEL, 2)
    assert (caught.value.needed, caught.value.available) == (3, 2)
    with pytest.raises(LimitError, match="counting tokens needs"):
        framed(answer, CHANNEL, 10**8)
    with pytest.raises(SpecError, match="without a spec nothing keeps thinking to 9 tokens"):
        framed(None, CHANNEL, 9)
    with pytest.raises(UnsupportedError, match="no special tokens that frame a thought"):
        framed(answer, None, 9)


TEMPLATE = "{% if enable_thinking %}<think>{% endif %}{% for m in messages %}{{ m.content }}{% endfor %}"
PAD, EOS = 0, 1


@cache
def tokenizer() -> Any:
    bare = KINDS["gemma"]()
    bare.add_special_tokens(["<|channel>", "<channel|>"])
    return fast(bare, chat_template=TEMPLATE)


def thinker(eagerness: float) -> Model:
    """A model with random weights and canvases of 16 tokens that opens its channel more often the more eager it is."""
    network = tiny_model(vocab_size=len(tokenizer()), canvas_length=16, eos_token_id=[EOS], pad_token_id=PAD)
    opening = tokenizer().convert_tokens_to_ids("<|channel>")

    def hook(module: Any, arguments: Any, output: Any) -> Any:
        output.logits[:, 0, opening] += eagerness
        output.logits[..., EOS] -= 9.0
        return output

    network.register_forward_hook(hook)
    return from_transformers(network, tokenizer())


STRINGS = {"type": "array", "items": {"type": "string", "maxLength": 2}, "minItems": 2, "maxItems": 3}
UNIQUE = {**STRINGS, "uniqueItems": True}
"""A rule that no automaton keeps: it is checked on the text, in which the thought has no place."""


@pytest.mark.parametrize("passes", [1, 2, 48])
def test_what_a_model_thinks_is_apart_from_what_it_answers(passes: int) -> None:
    specs = [Regex("[a-f]{20}|é{3}"), JsonSchema(UNIQUE), Text(tokens=9), Choice(["yes", "no"])]
    for eagerness in (-1e3, 1e3):
        results = thinker(eagerness).generate(["x"] * 4, specs, thinking=30, max_passes=passes)
        assert [result.thinking is not None for result in results] == [eagerness > 0] * 4
        pattern, array, exact, choice = results
        assert re.fullmatch("[a-f]{20}|é{3}", pattern.value)
        jsonschema.validate(json.loads(array.text), UNIQUE)
        assert array.value == json.loads(array.text)
        assert len(exact.token_ids) == 9
        assert choice.value in ("yes", "no")
        assert all(result.complete for result in results)
        for result in results:
            assert not set(result.token_ids) & set(tokenizer().all_special_ids)
            assert result.thinking is None or not result.thinking.startswith("thought")
        assert eagerness < 0 or max(len(result.thinking or "") for result in results) > 5
        assert eagerness < 0 or max(result.canvases for result in results) > 1


def test_a_thought_may_go_over_several_canvases_and_drafts_show_it() -> None:
    drafts = list(thinker(1e3).stream("x", Choice(["yes", "no"]), thinking=40, max_passes=2))
    assert drafts[-1].canvases > 1
    assert any(draft.thinking and not draft.text for draft in drafts)
    assert drafts[-1].value in ("yes", "no")
    assert {draft.text for draft in drafts} <= {"", "yes", "no"}


def test_thinking_is_only_allowed_when_it_is_asked_for() -> None:
    eager = thinker(1e3)
    assert eager.generate("x", Choice(["yes", "no"]), max_passes=1).thinking is None
    assert eager.generate("x", Choice(["yes", "no"]), max_passes=1, thinking=0).thinking is None
    short = eager.generate("x", Regex("a{30}"), max_passes=1, thinking=True, max_new_tokens=30)
    assert (short.text, short.thinking) == ("a" * 30, None)  # no room for more


def test_without_a_spec_the_thought_is_read_as_well() -> None:
    opening, closing = tokenizer().convert_tokens_to_ids(["<|channel>", "<channel|>"])
    vocabulary = thinker(0.0).vocabulary
    channel = Channel.of(tokenizer(), "<|channel>", "thought\n", "<channel|>")
    assert channel == Channel(opening, "thought\n", closing)
    ids = [opening, *tokenizer().encode("thought\nWell."), closing, *tokenizer().encode("Yes")]
    assert channel.read(vocabulary, ids) == ("Well.", tokenizer().encode("Yes"))
    assert channel.read(vocabulary, ids[:2]) == ("", [])
    assert channel.read(vocabulary, ids[-1:]) == (None, ids[-1:])
    assert thinker(1e3).generate("x", thinking=True, max_passes=1, max_new_tokens=16).thinking is not None


def test_the_chat_template_is_told() -> None:
    model = thinker(0.0)
    for thinking in (False, True):
        row = model._row(model._ids("the name", thinking), Choice(["yes"]), None, thinking)
        assert tokenizer().decode(row.ids).count("<think>") == int(thinking)
        assert row.budget == len("yes") + 256 * thinking


def test_bad_requests_are_refused_by_name() -> None:
    model = thinker(0.0)
    with pytest.raises(SpecError, match="thinking must be at least 1, got -1"):
        model.generate("x", Choice(["yes"]), thinking=-1)
    with pytest.raises(SpecError, match="without a spec nothing keeps thinking to 7 tokens"):
        model.generate("x", thinking=7)
    assert isinstance(model.generate(["x"], [Choice(["yes"])], thinking=2)[0].error, UnsatisfiableError)
    plain = from_transformers(
        tiny_model(vocab_size=len(tokenizer()), canvas_length=8, eos_token_id=[EOS]), fast(KINDS["gemma"]())
    )
    with pytest.raises(UnsupportedError, match="no special tokens that frame a thought"):
        plain.generate("x", Choice(["yes"]), thinking=True)
