"""The face of the engine on a model that knows nothing: valid answers, drafts, batches, budgets and refusals."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import jsonschema
import pytest
import torch
from pydantic import BaseModel

from constrain.constraint import compile
from constrain.engine.model import Model, from_transformers, load
from constrain.engine.result import Result
from constrain.engine.stopping import StopRule
from constrain.errors import SpecError, UnsatisfiableError, UnsupportedError, VocabularyError
from constrain.specs import JsonSchema, Regex
from tests.engine.families import each_family, family_model, masked_tokenizer
from tests.models import tiny_model
from tests.tokenizers import fast, small_tokenizer

CANVAS = 16
PAD, EOS, _, END_OF_TURN = range(4)
TOKENIZER = masked_tokenizer()
NEVER = StopRule(certain=None, confidence=None)
DATE = Regex(r"\d{4}-\d{2}-\d{2}")


class Person(BaseModel):
    name: str
    age: int
    city: Literal["London", "Paris"] | None = None


def network(**options: Any) -> Any:
    defaults: dict[str, Any] = {"vocab_size": len(TOKENIZER) + 5, "canvas_length": CANVAS, "max_denoising_steps": 3}
    return tiny_model(**defaults | {"eos_token_id": [EOS, END_OF_TURN], "pad_token_id": PAD} | options)


def model(family: str = "diffusion_gemma") -> Model:
    return family_model(family)


@each_family
def test_a_type_gives_an_instance_of_it(family: str) -> None:
    person = model(family)("Ada Lovelace, 36", Person, max_new_tokens=60)
    assert isinstance(person, Person)


@each_family
@pytest.mark.parametrize("seed", range(3))
def test_a_literal_gives_one_of_its_options(family: str, seed: int) -> None:
    assert model(family)("spam?", Literal["spam", "ham"], seed=seed) in ("spam", "ham")


@each_family
def test_no_spec_gives_text(family: str) -> None:
    assert isinstance(model(family)("the"), str)


@each_family
def test_a_batch_gives_a_list_of_values(family: str) -> None:
    first, second = model(family)(["the", "name"], DATE)
    assert re.fullmatch(DATE.pattern, first)
    assert re.fullmatch(DATE.pattern, second)


@each_family
@pytest.mark.parametrize("seed", range(3))
def test_text_beyond_one_canvas_is_complete(family: str, seed: int) -> None:
    result = model(family).generate("the", Regex("(?:[a-f]{3},){20}"), seed=seed, stop=NEVER)
    assert re.fullmatch("(?:[a-f]{3},){20}", result.text)
    assert result.canvases > 1
    assert result.passes == 3 * result.canvases


@each_family
@pytest.mark.parametrize("max_new_tokens", [20, 33, 48])
def test_an_open_ended_object_fits_its_budget(family: str, max_new_tokens: int) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "array"}}, "required": ["a", "b"]}
    for seed in range(3):
        result = model(family).generate("the", JsonSchema(schema), max_new_tokens=max_new_tokens, seed=seed)
        jsonschema.validate(json.loads(result.text), schema)
        assert result.value == json.loads(result.text)
        assert len(result.token_ids) <= max_new_tokens


@each_family
def test_a_result_says_how_it_came_about(family: str) -> None:
    result = model(family).generate("the", DATE, stop=NEVER)
    assert TOKENIZER.decode(result.token_ids) == result.text == result.value
    assert (result.passes, result.canvases, result.stop_reason) == (3, 1, "budget")
    assert result.log_z < 1e-6
    assert 0 < result.probability <= 1
    assert (result.spec, result.bounded, result.error) == (DATE, (), None)


@each_family
def test_a_single_possible_string_is_forced_in_one_pass(family: str) -> None:
    result = model(family).generate("the", Regex("name"))
    assert (result.text, result.stop_reason, result.passes) == ("name", "forced", 1)


@each_family
def test_every_draft_is_valid_and_the_last_is_the_result(family: str) -> None:
    drafts = list(model(family).stream("the", Person, max_passes=4, max_new_tokens=CANVAS, stop=NEVER))
    assert [draft.passes for draft in drafts] == [1, 2, 3, 4]
    assert all(isinstance(draft.value, Person) and draft.complete for draft in drafts)
    assert drafts[-1] == model(family).generate("the", Person, max_passes=4, max_new_tokens=CANVAS, stop=NEVER)


@each_family
def test_drafts_of_early_canvases_are_beginnings(family: str) -> None:
    drafts = list(model(family).stream("the", Regex("[a-f]{80}"), max_passes=1))
    assert len(drafts) > 1
    assert all(later.text.startswith(earlier.text) for earlier, later in pairwise(drafts))
    assert [draft.complete for draft in drafts] == [False] * (len(drafts) - 1) + [True]


@each_family
def test_the_callback_sees_what_a_stream_yields(family: str) -> None:
    seen: list[Result] = []
    model(family).generate("the", DATE, on_pass=seen.append)
    assert seen == list(model(family).stream("the", DATE))


@each_family
def test_the_callback_of_a_batch_sees_lists(family: str) -> None:
    seen: list[list[Result]] = []
    model(family).generate(["the", "name"], DATE, on_pass=seen.append)
    assert seen == list(model(family).stream(["the", "name"], DATE))
    assert {len(drafts) for drafts in seen} == {2}


def test_a_seed_determines_the_result() -> None:
    texts = [model().generate("the", seed=seed).text for seed in (0, 0, 1)]
    assert texts[0] == texts[1] != texts[2]


def test_without_a_seed_results_differ() -> None:
    assert model().generate("the", seed=None).text != model().generate("the", seed=None).text


def test_without_a_spec_the_tokens_are_those_of_generate() -> None:
    bare = network(max_new_tokens=3 * CANVAS)
    ids = torch.tensor([TOKENIZER.encode("the name")])
    for seed in range(4):
        torch.manual_seed(seed)
        written = bare.generate(ids).sequences[0, ids.shape[1] :].tolist()
        end = next((i for i, token in enumerate(written) if token in (EOS, END_OF_TURN)), len(written))
        assert Model(bare, TOKENIZER).generate("the name", seed=seed).token_ids == tuple(written[:end])


@each_family
def test_without_a_spec_the_budget_is_kept_to_the_token(family: str) -> None:
    assert len(model(family).generate("the", max_new_tokens=CANVAS + 3, seed=1).token_ids) <= CANVAS + 3


@each_family
def test_rows_of_a_batch_may_differ_in_spec(family: str) -> None:
    date, free, person = model(family).generate(["a", "the name", "the"], [DATE, None, Person])
    assert re.fullmatch(DATE.pattern, date.text)
    assert (free.spec, free.log_z) == (None, 0.0)
    assert isinstance(person.value, Person)


@each_family
def test_a_complete_row_costs_no_further_passes(family: str) -> None:
    specs = [Regex("name"), Regex("x" * CANVAS), Regex("(?:[a-f]{3},){20}")]
    word, full, long = model(family).generate(["a", "the", "the name"], specs)
    assert (word.text, word.passes, word.canvases) == ("name", 1, 1)
    assert (full.text, full.passes, full.canvases) == ("x" * CANVAS, 1, 1)
    assert re.fullmatch("(?:[a-f]{3},){20}", long.text)
    assert long.canvases > 1


@each_family
def test_a_failed_row_does_not_take_the_others_down(family: str) -> None:
    prompts = ["the", "", "the", "the"]
    specs = [DATE, DATE, Regex("x{900}"), {"type": "string", "minLength": 2, "maxLength": 1}]
    good, empty, long, contradiction = model(family).generate(prompts, specs)
    assert re.fullmatch(DATE.pattern, good.value)
    assert isinstance(empty.error, SpecError)
    assert isinstance(long.error, UnsatisfiableError)
    assert isinstance(contradiction.error, SpecError | UnsatisfiableError)


@each_family
def test_a_batch_in_which_every_row_fails_still_answers(family: str) -> None:
    results = model(family).generate(["", " "])
    assert [type(result.error) for result in results] == [SpecError, SpecError]
    (drafts,) = model(family).stream(["", " "])
    assert [type(draft.error) for draft in drafts] == [SpecError, SpecError]


@each_family
def test_calling_with_a_batch_raises_the_error_of_a_row(family: str) -> None:
    with pytest.raises(SpecError, match="the prompt is empty"):
        model(family)(["the", ""], DATE)


@each_family
def test_an_empty_prompt_is_refused_at_once(family: str) -> None:
    with pytest.raises(SpecError, match="the prompt is empty"):
        model(family).stream("", DATE)


@each_family
def test_a_budget_below_the_shortest_output_is_refused(family: str) -> None:
    with pytest.raises(UnsatisfiableError, match="shortest match needs 40 tokens, budget is 39") as caught:
        model(family)("the", Regex("x{40}"), max_new_tokens=39)
    assert (caught.value.needed, caught.value.available) == (40, 39)
    assert model(family)("the", Regex("x{40}"), max_new_tokens=40) == "x" * 40


@each_family
def test_the_default_budget_ends_after_sixteen_canvases(family: str) -> None:
    assert len(model(family)("the", Regex("x{256}"), max_passes=1)) == 16 * CANVAS
    with pytest.raises(UnsatisfiableError, match="needs 257 tokens, budget is 256"):
        model(family)("the", Regex("x{257}"), max_passes=1)


def test_the_checkpoint_may_allow_more() -> None:
    generous = Model(network(max_new_tokens=300), TOKENIZER)
    assert len(generous("the", Regex("x{257}"), max_passes=1)) == 257


def test_an_open_end_gets_what_the_checkpoint_allows() -> None:
    brief = Model(network(max_new_tokens=2 * CANVAS), TOKENIZER)
    assert all(len(brief.generate("the", Regex("[a-z ]*"), seed=seed).token_ids) <= 2 * CANVAS for seed in range(3))
    assert brief("the", Regex("x{50}x*"), max_passes=1) == "x" * 50
    with pytest.raises(UnsatisfiableError, match="needs 257 tokens, budget is 256"):
        brief("the", Regex("x{257}x*"))


def test_a_maximal_length_of_prompt_and_output_is_kept() -> None:
    short = Model(network(max_length=20), TOKENIZER)
    assert len(TOKENIZER.encode("name")) == 1
    assert short("name", Regex("x{19}"), max_passes=1) == "x" * 19
    with pytest.raises(UnsatisfiableError, match="needs 20 tokens, budget is 19"):
        short("name", Regex("x{20}"), max_passes=1)


@each_family
@pytest.mark.parametrize("option", ["max_passes", "max_new_tokens"])
def test_nothing_can_be_done_in_no_pass_or_no_token(family: str, option: str) -> None:
    with pytest.raises(SpecError, match=f"{option} must be at least 1, got 0"):
        model(family).generate("the", DATE, **{option: 0})  # type: ignore[call-overload]  # a literal key is needed


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(TypeError, match="max_pases"):
        model().generate("the", DATE, max_pases=3)  # type: ignore[call-overload]  # that is the point


@each_family
def test_specs_and_prompts_must_match_in_number(family: str) -> None:
    with pytest.raises(SpecError, match="2 prompts, but 1 specs"):
        model(family).generate(["a", "the"], [DATE])


@each_family
def test_a_compiled_constraint_is_taken_as_it_is(family: str) -> None:
    assert re.fullmatch(DATE.pattern, model(family)("the", compile(DATE, model(family).vocabulary)))


@each_family
def test_a_constraint_for_another_vocabulary_is_refused(family: str) -> None:
    with pytest.raises(VocabularyError, match="compiled for another vocabulary"):
        model(family)("the", compile(DATE, fast(small_tokenizer("gemma"))))


def test_a_tokenizer_with_more_ids_than_the_model_is_refused() -> None:
    with pytest.raises(VocabularyError):
        Model(network(vocab_size=100), TOKENIZER)


def test_a_tokenizer_in_which_the_turn_ends_with_a_word_is_refused() -> None:
    word = TOKENIZER.encode(" the")[0]
    with pytest.raises(VocabularyError, match=f"ends its turn with id {word}"):
        Model(network(eos_token_id=[EOS, word]), TOKENIZER)


def test_another_family_is_refused_by_name() -> None:
    from transformers import BertConfig, BertModel

    tiny = BertConfig(vocab_size=8, hidden_size=4, num_hidden_layers=1, num_attention_heads=1, intermediate_size=4)
    with pytest.raises(UnsupportedError, match="no adapter for models of type 'bert'"):
        from_transformers(BertModel(tiny), TOKENIZER)


def test_a_checkpoint_directory_can_be_loaded(tmp_path: Path) -> None:
    bare = network()
    bare.save_pretrained(tmp_path)
    TOKENIZER.save_pretrained(tmp_path)
    loaded = load(str(tmp_path), dtype=torch.float32).generate("the", DATE)
    expected = model().generate("the", DATE)
    assert loaded.token_ids == expected.token_ids
    assert loaded.log_z == pytest.approx(expected.log_z, abs=1e-4)


def test_a_checkpoint_of_another_family_is_refused_before_its_weights_are_read(tmp_path: Path) -> None:
    from transformers import BertConfig

    BertConfig().save_pretrained(tmp_path)
    with pytest.raises(UnsupportedError, match="'bert'"):
        load(str(tmp_path))
