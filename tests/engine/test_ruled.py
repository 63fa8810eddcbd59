"""Rules across fields: whatever the model prefers, every output keeps them.

The models are those of the adversary: their weights are random. The judges are plain Python on the values, and
`jsonschema` on the documents.
"""

from __future__ import annotations

import datetime
import itertools
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, ClassVar, Literal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel, Field, TypeAdapter

import constrain
from constrain import AllDifferent, Count, Equal, Filled, Less, Linear, Relation, Sum, Table, Template
from constrain.engine.model import Model
from constrain.engine.result import Result
from constrain.engine.search import Effort
from constrain.engine.token_canvas import TokenConstraints
from constrain.errors import UnsatisfiableError
from constrain.spec import Spec
from constrain.specs import JsonSchema, as_spec
from constrain.vocabulary import Vocabulary
from tests.engine.test_adversary import BREAKS, CANVAS, disturbed, insisting_on, random_model
from tests.engine.test_thinking import thinker

Cents = Annotated[int, Field(ge=1, le=5_000)]


class Line(BaseModel):
    name: Annotated[str, Field(pattern="^[a-z]{1,8}$")]
    amount: Cents


class Invoice(BaseModel):
    __rules__: ClassVar = [AllDifferent("lines.*.name")]
    lines: Annotated[list[Line], Field(min_length=1, max_length=4)]
    shipping: int = 5
    total: Annotated[int, constrain.rule("==", "lines.*.amount", "shipping")]


class Stay(BaseModel):
    __rules__: ClassVar = [Less("arrival", "departure")]
    guest: Annotated[str, Field(max_length=6)]
    arrival: datetime.date
    departure: datetime.date


class Trip(BaseModel):
    stays: Annotated[list[Stay], Field(min_length=2, max_length=3)]
    nights: Annotated[int, Field(ge=0, le=9)]


class Contact(BaseModel):
    __rules__: ClassVar = [Filled(["email", "phone", "post"], 1)]
    name: Annotated[str, Field(max_length=5)]
    email: str | None = None
    phone: Annotated[str, Field(pattern=r"^\d{3}$")] | None = None
    post: Annotated[str, Field(max_length=5)] | None = None


class Money(BaseModel):
    net: Annotated[Decimal, Field(ge=0, le=900)]
    tax: Annotated[Decimal, Field(ge=0, le=90)]
    gross: Annotated[Decimal, constrain.rule("==", "net", "tax")]


class Seat(BaseModel):
    guest: Literal["Ada", "Bob", "Cyd", "Dan"]
    side: Literal["left", "right"]


def sides_differ(first: str, second: str) -> bool:
    return first != second


class Table4(BaseModel):
    __rules__: ClassVar = [AllDifferent("seats.*.guest"), Count(["seats.*.side"], "left", 2)]
    seats: Annotated[list[Seat], Field(min_length=3, max_length=4)]


BUDGET = {
    "type": "object",
    "properties": {
        "parts": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 99}, "minItems": 2},
        "limit": {"type": "integer", "minimum": 150, "maximum": 160},
        "unit": {"enum": ["EUR", "USD"]},
        "again": {"type": "string"},
    },
    "required": ["parts", "limit", "unit", "again"],
    "additionalProperties": False,
}

CAR = {
    "type": "object",
    "properties": {
        "make": {"enum": ["Fiat", "Ford", "Opel"]},
        "model": {"enum": ["Panda", "Focus", "Corsa", "Astra"]},
        "doors": {"enum": [3, 5]},
    },
    "required": ["make", "model", "doors"],
}


def fits(row: str, doors: int) -> bool:
    return (row in ("Panda", "Corsa")) == (doors == 3)


@dataclass(frozen=True)
class Case:
    """A spec and its judge, on the value; `room` is little more than the shortest output."""

    name: str
    spec: Spec
    judge: Callable[[Any], bool]
    room: int
    type: Any = None
    schema: Any = None


def from_template(source: str, *rules: Any, **holes: Any) -> Spec:
    return Template(source, **holes).where(*rules)


@cache
def cases() -> tuple[Case, ...]:
    made = [
        Case(
            "invoice form",
            from_template(
                "Invoice of {day}\n[+- {item}: {amount}\n+]Total {total}, due {due}.[? {note}?]",
                Sum(["amount.*"], "==", "total"),
                Less("day", "due"),
                AllDifferent("item.*"),
                day=datetime.date,
                item=constrain.Regex("[a-z]{1,9}"),
                amount=Cents,
                total=int,
                due=datetime.date,
                note=constrain.Regex("[a-z]+"),
            ),
            lambda v: sum(v["amount"]) == v["total"] and v["day"] < v["due"] and len({*v["item"]}) == len(v["item"]),
            70,
        ),
        Case(
            "form with one of two",
            from_template(
                "{name}:[? mail {mail}?][? call {phone}?]",
                Filled(["mail", "phone"], 1),
                name=constrain.Regex("[A-Z][a-z]*"),
                mail=constrain.Regex("[a-z]+@[a-z]+"),
                phone=constrain.Regex(r"\d{3}"),
            ),
            lambda v: (v["mail"] is None) != (v["phone"] is None),
            16,
        ),
        Case(
            "model with a list",
            as_spec(Invoice),
            lambda v: (
                v.total == v.shipping + sum(line.amount for line in v.lines)
                and len({line.name for line in v.lines}) == len(v.lines)
            ),
            60,
            Invoice,
        ),
        Case(
            "dates in a list",
            as_spec(Trip),
            lambda v: all(stay.arrival < stay.departure for stay in v.stays),
            125,
            Trip,
        ),
        Case(
            "exactly one way",
            as_spec(Contact),
            lambda v: [v.email, v.phone, v.post].count(None) == 2,
            40,
            Contact,
        ),
        Case("decimals", as_spec(Money), lambda v: v.net + v.tax == v.gross, 40, Money),
        Case(
            "seats",
            as_spec(Table4),
            lambda v: (
                len({seat.guest for seat in v.seats}) == len(v.seats)
                and sum(seat.side == "left" for seat in v.seats) == 2
            ),
            90,
            Table4,
        ),
        Case(
            "JSON schema",
            JsonSchema(BUDGET).where(Sum(["parts.*"], "==", "limit"), Equal("unit", "again")),
            lambda v: sum(v["parts"]) == v["limit"] and v["unit"] == v["again"],
            70,
            schema=BUDGET,
        ),
        Case(
            "rows and a predicate",
            JsonSchema(CAR, additional_properties_default=False).where(
                Table(
                    ["make", "model"],
                    [("Fiat", "Panda"), ("Ford", "Focus"), ("Opel", "Corsa"), ("Opel", "Astra")],
                ),
                Relation(fits, ["model", "doors"]),
            ),
            lambda v: (
                (v["make"], v["model"]) in {("Fiat", "Panda"), ("Ford", "Focus"), ("Opel", "Corsa"), ("Opel", "Astra")}
                and fits(v["model"], v["doors"])
            ),
            40,
            schema=CAR,
        ),
        Case(
            "list of models",
            as_spec(Annotated[list[Money], Field(min_length=2, max_length=2)]),
            lambda v: len(v) == 2 and all(each.net + each.tax == each.gross for each in v),
            75,
            list[Money],
        ),
        Case(
            "weights",
            JsonSchema(
                {
                    "type": "object",
                    "properties": {name: {"type": "integer", "minimum": 0, "maximum": 50} for name in "abcd"},
                    "required": [*"abcd"],
                    "additionalProperties": False,
                }
            ).where(
                Linear({"a": 3, "b": -2, "c": 1}, "==", 17), AllDifferent("a", "b", "c", "d"), Sum([*"abcd"], ">=", 90)
            ),
            lambda v: 3 * v["a"] - 2 * v["b"] + v["c"] == 17 and len({*v.values()}) == 4 and sum(v.values()) >= 90,
            45,
        ),
        Case(
            "times",
            JsonSchema(
                {
                    "type": "object",
                    "properties": {name: {"type": "string", "format": "date-time"} for name in ("start", "end")},
                    "required": ["start", "end"],
                    "additionalProperties": False,
                }
            ).where(Less("start", "end")),
            lambda v: moment(v["start"]) < moment(v["end"]),
            80,
        ),
    ]
    assert len({case.name for case in made}) == len(made)
    return tuple(made)


def moment(text: str) -> datetime.timedelta:
    """RFC 3339 with any number of digits, leap seconds and year 0: time since 0000-03-01, in UTC."""
    year, month, day, hour, minute = map(int, re.findall(r"\d+", text)[:5])
    second = Decimal(re.findall(r"[\d.]+", text[17:])[0])
    days = (datetime.date(2000 + year % 400, month, day) - datetime.date(2000, 3, 1)).days + 146_097 * (year // 400)
    shift = re.search(r"([+-])(\d\d):(\d\d)$", text)
    offset = (int(shift[2]) * 60 + int(shift[3])) * (1 if shift[1] == "+" else -1) if shift else 0
    whole = int(second)
    return datetime.timedelta(
        days=days, hours=hour, minutes=minute - offset, seconds=whole, microseconds=int((second - whole) * 10**6)
    )


def assert_right(case: Case, result: Result) -> None:
    assert result.error is None, (case.name, result.error)
    assert result.complete, (case.name, result.text)
    assert case.judge(result.value), (case.name, result.text)
    if case.type is not None:
        assert Draft202012Validator(TypeAdapter(case.type).json_schema()).is_valid(json.loads(result.text))
    if case.schema is not None:
        assert Draft202012Validator(case.schema).is_valid(json.loads(result.text))


def run(model: Model, *, more: int = 0, **options: Any) -> list[Result]:
    results = []
    for case in cases():
        (result,) = model.generate(["the"], [case.spec], max_new_tokens=case.room + more, **options)
        assert_right(case, result)
        results.append(result)
    return results


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_outputs_of_a_random_model_keep_the_rules(case: Case) -> None:
    (result,) = random_model("gpt2").generate(["the"], [case.spec], max_passes=1, max_new_tokens=case.room)
    assert_right(case, result)


def test_rules_are_kept_over_several_canvases() -> None:
    (case,) = (case for case in cases() if case.name == "dates in a list")
    (result,) = insisting_on("gpt2", " ").generate(["the"], [case.spec], max_passes=1, max_new_tokens=case.room)
    assert_right(case, result)
    assert result.canvases >= 4


def test_a_thought_before_the_answer_changes_nothing() -> None:
    for case in cases():
        if case.name in ("model with a list", "weights", "form with one of two"):
            (result,) = thinker(1e3).generate(["x"], [case.spec], thinking=30, max_passes=1, max_new_tokens=200)
            assert_right(case, result)
            assert result.thinking


def test_a_batch_with_rules_and_without() -> None:
    chosen = [case for case in cases() if case.name in ("weights", "decimals", "exactly one way")]
    impossible = JsonSchema(BUDGET).where(Sum(["parts.*"], "<", 3), Sum(["parts.*"], "==", "limit"))
    specs = [*(case.spec for case in chosen), impossible, constrain.Regex("[a-z]+")]
    results = random_model("gemma").generate(["the"] * len(specs), specs, max_passes=2, max_new_tokens=45)
    for case, result in zip(chosen, results, strict=False):
        assert_right(case, result)
    assert isinstance(results[-2].error, UnsatisfiableError)
    assert results[-1].complete


@pytest.mark.parametrize("kind", CANVAS)
def test_rules_that_contradict_each_other_are_named(kind: str) -> None:
    small = {"type": "integer", "minimum": 0, "maximum": 9}
    schema = {"type": "object", "properties": {"a": small, "b": small}, "required": ["a", "b"]}
    spec = JsonSchema(schema, additional_properties_default=False).where(Less("a", "b"), Less("b", "a"))
    with pytest.raises(UnsatisfiableError, match=r"a is less than b.*b is less than a"):
        random_model(kind)("the", spec, max_passes=1, max_new_tokens=CANVAS[kind])


def test_a_budget_that_holds_the_form_but_not_its_values_is_named() -> None:
    digits = {"type": "integer", "minimum": 0}
    schema = {"type": "object", "properties": {"a": digits}, "required": ["a"], "additionalProperties": False}
    spec = JsonSchema(schema, whitespace="compact").where(Sum(["a"], ">=", 10**8))
    room = constrain.compile(spec, random_model("gpt2").vocabulary).shortest
    with pytest.raises(UnsatisfiableError, match="a >= 100000000"):
        random_model("gpt2")("the", spec, max_passes=1, max_new_tokens=room)


DIGITS = {"type": "integer", "minimum": 0, "maximum": 4}
TWO = JsonSchema(
    {"type": "object", "properties": {"a": DIGITS, "b": DIGITS, "c": DIGITS}, "required": [*"abc"]},
    whitespace="compact",
    additional_properties_default=False,
)
BYTES = Vocabulary([bytes([byte]) for byte in range(128)] + [None], [128])


@given(st.integers(0, 2**31), st.sampled_from([Effort(), Effort(exact=1, total=1)]))
@settings(deadline=None, max_examples=30)
def test_the_first_candidates_are_exact_and_what_is_made_is_right(seed: int, effort: Effort) -> None:
    spec = TWO.where(Sum(["a", "b"], "==", "c"), AllDifferent("a", "b"))
    values = [(a, b, c) for a, b, c in itertools.product(range(5), repeat=3) if a + b == c and a != b]
    texts = [f'{{"a":{a},"b":{b},"c":{c}}}' for a, b, c in values]
    length = len(texts[0])
    logits = 3 * torch.randn((1, length, 129), generator=torch.Generator().manual_seed(seed))
    scores = logits[0].log_softmax(-1)
    weights = {text: float(sum(scores[n, ord(letter)] for n, letter in enumerate(text))) for text in texts}
    canvas = TokenConstraints([constrain.compile(spec, BYTES)], effort=effort).canvas(length, length)
    posterior = canvas.posterior(logits)
    text = bytes(token for token in posterior.map()[0].tolist() if token < 128).decode()
    assert posterior.errors == [None]
    assert text in weights
    assert math.log(posterior.probability().item()) + posterior.log_z.item() == pytest.approx(weights[text])
    if posterior.redecoded[0] < effort.exact:
        assert weights[text] == pytest.approx(max(weights.values()))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("passes", [1, 2, 8])
@pytest.mark.parametrize("kind", CANVAS)
def test_sweep(kind: str, passes: int, seed: int) -> None:
    some = random_model(kind, sharpness=30.0 if (seed + passes) % 2 else 1.0)
    for more in (0, 40):
        run(some, more=more, max_passes=passes, seed=seed)


@pytest.mark.slow
@pytest.mark.parametrize("favourite", ["9", '"', "\\", " ", "0"])
def test_sweep_of_models_that_insist_on_one_token(favourite: str) -> None:
    run(insisting_on("gpt2", favourite), max_passes=1)


@pytest.mark.slow
@pytest.mark.parametrize("broken", BREAKS)
def test_sweep_of_broken_logits(broken: str) -> None:
    run(disturbed("gpt2", BREAKS[broken]), max_passes=1)
