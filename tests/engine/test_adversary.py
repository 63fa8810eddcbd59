"""Whatever the model prefers, every output is valid and complete.

The models know nothing: their weights are random, or they insist on one token, or their logits are broken. The judges
are `jsonschema`, `re`, pydantic and membership in a list. The whole sweep takes some time:

    pytest -m slow tests/engine/test_adversary.py
"""

from __future__ import annotations

import datetime
import enum
import json
import re
import tomllib
import types
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, NotRequired

import pytest
import torch
from jsonschema import Draft202012Validator
from pydantic import BaseModel, Field, TypeAdapter
from tokenizers import AddedToken
from torch import Tensor
from typing_extensions import TypedDict

from constrain.constraint import compile
from constrain.engine.model import Model, from_transformers
from constrain.engine.result import Result
from constrain.engine.stopping import StopRule
from constrain.spec import Spec
from constrain.specs import Choice, JsonSchema, PythonType, Regex
from tests.models import tiny_model
from tests.tokenizers import KINDS, fast

PAD, EOS, _, END_OF_TURN = range(4)
NEVER = StopRule(certain=None, confidence=None)
TIGHT, ROOM, LONG_ROOM = 59, 100, 470
"""Tokens: little more than the shortest outputs of few(), of short and of long cases; no multiple of a canvas."""

CANVAS = {"gpt2": 24, "gemma": 40}
"""The kinds of vocabulary (byte-level BPE, SentencePiece with byte fallback) and the canvas of the model for each."""

JUNCTIONS = ('{"', '"}', '"},', '","', '": "', '"]', "}, {", "[[", "]]", "null", "-1", "0.", "\\u00", '\\"', "  }")
"""Tokens that span the places where one part of a document ends and another begins."""


class Street(BaseModel):
    name: Annotated[str, Field(min_length=1, max_length=6)]
    number: int | None = None


class Customer(BaseModel):
    name: str
    level: Literal["gold", "silver"]
    streets: Annotated[list[Street], Field(min_length=1, max_length=2)]
    vip: bool = False


@dataclass
class Point:
    x: int
    y: Annotated[float, Field(ge=0, lt=1)] = 0.5


class Film(TypedDict):
    title: str
    year: NotRequired[int]


class Pair(NamedTuple):
    first: int
    second: bool


class Colour(enum.Enum):
    RED = "red"
    GREEN = "grün"


PYTHON_TYPES: dict[str, tuple[Any, type | tuple[type, ...]]] = {
    "model": (Customer, Customer),
    "list of models": (list[Street], list),
    "data class": (Point, Point),
    "typed dictionary": (Film, dict),
    "named tuple": (Pair, Pair),
    "fixed tuple": (tuple[int, str, bool], tuple),
    "dictionary": (dict[str, int], dict),
    "literal": (Literal["spam", "ham", 3, None], (str, int, types.NoneType)),
    "enumeration": (Colour, Colour),
    "decimal": (Decimal, Decimal),
    "optional": (Street | None, (Street, types.NoneType)),
    "union": (int | str, (int, str)),
    "bounded number": (Annotated[float, Field(gt=0, lt=1)], float),
    "moment": (datetime.datetime, datetime.datetime),
    "day": (datetime.date, datetime.date),
    "uuid": (uuid.UUID, uuid.UUID),
    "nothing": (None, types.NoneType),
}
"""Types as users write them, and what the values then are instances of."""


@dataclass(frozen=True)
class Case:
    """A spec and its judge: whether a text, and the value read from it, are what was asked for."""

    name: str
    spec: Spec
    judge: Callable[[str, Any], bool]
    long: bool = False


def declared_names(schema: Any) -> set[str]:
    """All names that the schema mentions for members, wherever."""
    if isinstance(schema, list):
        return set().union(*map(declared_names, schema))
    if not isinstance(schema, Mapping):
        return set()
    here = {*schema.get("properties", ()), *schema.get("required", ())}
    return here.union(*map(declared_names, schema.values()))


def exactly(number: str) -> Decimal | int:
    value = Decimal(number)
    return int(value) if value == value.to_integral_value() else value


def fits_schema(schema: Any, exact: bool, text: str, value: Any) -> bool:
    """Whether `jsonschema` finds `text` valid, whichever of two members with the same free name a reader takes.

    Declared members occur once. With `exact`, the value is what `json` reads, and it is valid as well.
    """
    names = declared_names(schema)

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        declared = [name for name, _ in pairs if name in names]
        assert len(declared) == len(set(declared)), f"members occur twice in {text!r}"
        return dict(pairs)

    readings = [
        json.loads(text, object_pairs_hook=members),
        json.loads(text, object_pairs_hook=lambda pairs: dict(reversed(pairs))),
        json.loads(text, parse_float=exactly),
    ]
    if exact:
        assert value == readings[0]
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return all(map(validator.is_valid, readings))


def fits_type(type_: Any, expected: type | tuple[type, ...], text: str, value: Any) -> bool:
    schema = TypeAdapter(type_).json_schema()
    return isinstance(value, expected) and fits_schema(schema, False, text, value)


def fits_pattern(pattern: re.Pattern[str], text: str, value: Any) -> bool:
    return value == text and pattern.fullmatch(text) is not None


def is_option(options: Sequence[str], text: str, value: Any) -> bool:
    return value == text and text in options


def case_of(entry: Mapping[str, Any]) -> Case:
    spec, name, long = entry["spec"], entry["name"], entry.get("long", False)
    match entry["kind"]:
        case "json_schema":
            judge = partial(fits_schema, json.loads(spec), True)
            return Case(name, JsonSchema(spec, whitespace=entry.get("whitespace", "any")), judge, long)
        case "regex":
            flags = entry.get("flags", "")
            compiled = re.compile(f"(?{flags}){spec}" if flags else spec)
            return Case(name, Regex(spec, flags), partial(fits_pattern, compiled), long)
        case "choice":
            return Case(name, Choice(spec), partial(is_option, spec), long)
    raise AssertionError(f"{name} is of an unknown kind")


@cache
def cases(*, long: bool = False) -> tuple[Case, ...]:
    path = Path(__file__).parents[1] / "cases" / "adversary.toml"
    data = [case_of(entry) for entry in tomllib.loads(path.read_text())["case"]]
    data += [
        Case(f"Python: {name}", PythonType(type_), partial(fits_type, type_, expected))
        for name, (type_, expected) in PYTHON_TYPES.items()
    ]
    return tuple(case for case in data if case.long is long)


@cache
def few() -> tuple[Case, ...]:
    """A case of every sort, cheap enough for many passes."""
    names = {
        "array of objects",
        "tuple",
        "open object",
        "enum of strings, not all ASCII",
        "union of objects",
        "number bounds",
        "nullable in three spellings",
        "counted code points",
        "date",
        "counters in counters",
        "one string over several canvases",
        "lazy and unbounded",
        "sentences",
        "Python: model",
        "Python: moment",
    }
    chosen = tuple(case for case in cases() if case.name in names)
    assert len(chosen) == len(names)
    return chosen


@cache
def tokenizer(kind: str) -> Any:
    bare = KINDS[kind]()
    bare.add_tokens([AddedToken(text, normalized=False) for text in JUNCTIONS])
    return fast(bare)


def model(kind: str, *, sharpness: float = 1.0, **options: Any) -> Model:
    """A random model whose vocabulary goes beyond the tokenizer's. At a sharpness of 30 it copies most of its noise."""
    network = tiny_model(
        vocab_size=len(tokenizer(kind)) + 5,
        canvas_length=CANVAS[kind],
        sharpness=sharpness,
        eos_token_id=[EOS, END_OF_TURN],
        pad_token_id=PAD,
        **options,
    )
    return from_transformers(network, tokenizer(kind))


random_model = cache(model)


def faults(chosen: Sequence[Case], results: Sequence[Result]) -> Iterator[str]:
    """What is wrong with each result that is not the complete and valid output of its case."""
    for case, result in zip(chosen, results, strict=True):
        try:
            assert result.complete
            assert case.judge(result.text, result.value), "the judge says no"
        except Exception as error:  # whatever goes wrong is the finding
            yield f"{case.name}: {result.text!r}: {type(error).__name__}: {error}"


def assert_all_valid(chosen: Sequence[Case], model: Model, **options: Any) -> list[Result]:
    results = model.generate(["the name"] * len(chosen), [case.spec for case in chosen], **options)
    assert not list(faults(chosen, results))
    assert {result.stop_reason for result in results} <= {"forced", "certain", "stable", "budget"}
    return results


def disturbed(kind: str, change: Callable[[Tensor], Tensor], **options: Any) -> Model:
    """A random model with `change` made to its logits `[B, L, V]`."""
    disturbed = model(kind, **options)

    def hook(module: Any, arguments: Any, output: Any) -> Any:
        output.logits = change(output.logits)
        return output

    disturbed.network.register_forward_hook(hook)
    return disturbed


def insisting_on(kind: str, text: str) -> Model:
    """A model for which one token is always all but certain, and the end of turn the least likely of all."""
    (favourite,) = (i for i, token in enumerate(random_model(kind).vocabulary.tokens) if token == text.encode())

    def change(logits: Tensor) -> Tensor:
        logits[..., favourite] += 1e3
        logits[..., [EOS, END_OF_TURN]] -= 1e3
        return logits

    return disturbed(kind, change)


def some(share: float, *shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0)) < share


BREAKS: dict[str, Callable[[Tensor], Tensor]] = {
    "some positions are NaN": lambda logits: logits.masked_fill(some(0.4, *logits.shape[:2], 1), torch.nan),
    "some tokens are NaN": lambda logits: logits.masked_fill(some(0.01, *logits.shape), torch.nan),
    "everything is NaN": lambda logits: torch.full_like(logits, torch.nan),
    "some tokens are infinite": lambda logits: logits.masked_fill(some(0.01, *logits.shape), torch.inf),
    "most tokens are impossible": lambda logits: logits.masked_fill(some(0.9, *logits.shape), -torch.inf),
    "everything is impossible": lambda logits: torch.full_like(logits, -torch.inf),
    "differences overflow": lambda logits: logits.sign() * torch.finfo(logits.dtype).max,
}


def test_the_judge_knows_the_formats() -> None:
    """They come with the test extras; without them `jsonschema` lets every string pass."""
    known = Draft202012Validator.FORMAT_CHECKER.checkers.keys()
    assert {"date", "time", "date-time", "uuid", "email", "ipv4", "ipv6"} <= known


def test_there_are_specs_of_every_kind() -> None:
    everything = cases() + cases(long=True)
    assert len({case.name for case in everything}) == len(everything) >= 30
    assert {type(case.spec) for case in everything} == {JsonSchema, PythonType, Regex, Choice}


@pytest.mark.parametrize(("kind", "passes"), [("gpt2", 1), ("gemma", 2)])
def test_outputs_are_valid_after_few_passes(kind: str, passes: int) -> None:
    results = assert_all_valid(cases(), random_model(kind), max_passes=passes, max_new_tokens=ROOM)
    assert max(result.canvases for result in results) > 2


def test_long_outputs_are_valid_after_one_pass() -> None:
    results = assert_all_valid(cases(long=True), random_model("gpt2"), max_passes=1, max_new_tokens=LONG_ROOM)
    assert min(result.canvases for result in results) > 5


def test_outputs_are_valid_after_many_passes() -> None:
    chosen = [
        case for case in few() if case.name in ("union of objects", "date", "Python: model", "counters in counters")
    ]
    results = assert_all_valid(chosen, random_model("gpt2"), max_passes=48, max_new_tokens=TIGHT)
    assert max(result.passes for result in results) > 48


@pytest.mark.parametrize("favourite", ["9", '"', "\\", " "])
def test_outputs_of_a_model_that_insists_on_one_token_are_valid(favourite: str) -> None:
    results = assert_all_valid(cases(), insisting_on("gpt2", favourite), max_passes=1, max_new_tokens=ROOM)
    assert ROOM - 2 <= max(len(result.token_ids) for result in results) <= ROOM


def test_each_row_of_a_batch_keeps_to_its_own_budget() -> None:
    def change(logits: Tensor) -> Tensor:
        logits[..., [EOS, END_OF_TURN]] -= 1e3
        return logits

    talkative = disturbed("gpt2", change, max_new_tokens=30, max_length=65)
    prompts = ["a", "the name of the " * 4, "a", "a"]
    specs = [Regex("[a-f]*"), Regex("[a-f]*"), Regex("[a-f]{50,}"), Regex("[a-f]{0,52}")]
    results = talkative.generate(prompts, specs, max_passes=1)
    read = [len(talkative.tokenizer.encode(prompt)) for prompt in prompts]
    assert 24 < 65 - read[1] < 30
    for result, budget in zip(results, [30, 65 - read[1], 50, 52], strict=True):
        assert result.complete
        assert len(result.token_ids) <= budget
    assert [result.canvases for result in results] == [2, 2, 3, 3]


@pytest.mark.parametrize("how", BREAKS)
def test_outputs_of_a_broken_model_are_valid(how: str) -> None:
    assert_all_valid(few(), disturbed("gemma", BREAKS[how]), max_passes=3, max_new_tokens=TIGHT, stop=NEVER)


@pytest.mark.parametrize("temperature", [1e-40, 1e-6, 1e6, 1e38])
def test_outputs_are_valid_at_any_temperature(temperature: float) -> None:
    extreme = model("gpt2", t_min=temperature, t_max=temperature)
    assert_all_valid(few(), extreme, max_passes=3, max_new_tokens=TIGHT, seed=1)


@pytest.mark.parametrize("kind", CANVAS)
def test_every_draft_of_a_last_canvas_is_valid(kind: str) -> None:
    some, room = random_model(kind, sharpness=30.0), CANVAS[kind]
    chosen = [case for case in cases() if compile(case.spec, some.vocabulary).shortest <= room]
    assert len(chosen) >= 30
    prompts, specs = ["the"] * len(chosen), [case.spec for case in chosen]
    drafts = list(some.stream(prompts, specs, max_passes=4, max_new_tokens=room, stop=NEVER))
    assert len(drafts) == 4
    assert not [fault for draft in drafts for fault in faults(chosen, draft)]


@pytest.mark.slow
@pytest.mark.parametrize("long", [False, True])
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("passes", [1, 2, 48])
@pytest.mark.parametrize("kind", CANVAS)
def test_sweep(kind: str, passes: int, seed: int, long: bool) -> None:
    chosen, room = cases(long=long), LONG_ROOM if long else ROOM
    some = random_model(kind, sharpness=30.0 if seed % 2 else 1.0)
    assert_all_valid(chosen, some, max_passes=passes, max_new_tokens=room, seed=seed)
