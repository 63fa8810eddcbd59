"""What the schema of a Python type admits, pydantic reads; what no schema can say is refused. pydantic is the judge."""

from __future__ import annotations

import datetime
import enum
import ipaddress
import random
import re
import uuid
from collections import OrderedDict, deque
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, Literal

import pydantic
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, WithJsonSchema

from constrain.errors import UnsatisfiableError, UnsupportedError
from constrain.json_atoms import Decimals
from constrain.number_decimals import decimals
from constrain.python_types import plain_value, type_schema
from constrain.specs import PythonType
from tests.constrain.json_judge import random_word


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)
    day: datetime.date
    pair: tuple[int, int]
    level: Level
    amount: Decimal


class Renamed(BaseModel):
    format: Literal["color"] = Field(alias="pattern")
    properties: dict[str, int] = Field(default={}, examples=[{"format": "ipv4network"}])


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    known: int


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    name: str


READ: list[Any] = [
    Strict,
    Renamed,
    Open,
    Annotated[Cat | Dog, Field(discriminator="kind")],
    pydantic.UUID4,
    pydantic.UUID1,
    pydantic.FiniteFloat,
    Annotated[float, Field(gt=-1, allow_inf_nan=False)],
    pydantic.PositiveInt,
    pydantic.AwareDatetime,
    datetime.datetime | datetime.date,
    datetime.time,
    ipaddress.IPv4Address,
    ipaddress.IPv6Address,
    pydantic.SecretStr,
    bytes,
    Decimal,
    Annotated[Decimal, Field(gt=Decimal("0.1"), le=10)],
    Annotated[str, StringConstraints(to_upper=True, max_length=3)],
    deque[int],
    OrderedDict[str, bool],
    tuple[int, ...],
    dict[Any, int],
    int | float,
    Literal[1, True, "1"],
    Annotated[datetime.timedelta, WithJsonSchema({"const": "P1D"})],
    Annotated[dict[int, bool], WithJsonSchema({"const": {"12": True}})],
]


@pytest.mark.parametrize("type_", READ, ids=str)
def test_pydantic_reads_whatever_the_schema_admits(type_: Any) -> None:
    spec, rng = PythonType(type_), random.Random(0)
    adapter: TypeAdapter[Any] = TypeAdapter(type_)
    words = [spec.automaton.shortest()] + [random_word(spec.automaton, rng, rng.randrange(60)) for _ in range(40)]
    for word in words:
        adapter.validate_json(word)


@pytest.mark.parametrize(
    ("type_", "day"),
    [(datetime.datetime, "2016-12-31T"), (pydantic.AwareDatetime, "2016-12-31T"), (datetime.time, "")],
    ids=str,
)
def test_times_of_python_have_no_leap_seconds(type_: Any, day: str) -> None:
    spec = PythonType(type_)
    for time, right in (("23:59:59Z", True), ("23:59:60Z", False), ("00:29:60+00:30", False)):
        assert spec.accepts(f'"{day}{time}"') == right
    keys = PythonType(dict[Annotated[str, Field(json_schema_extra={"format": "date-time"})], int])
    assert keys.accepts('{"2016-12-31T23:59:59Z": 1}')
    assert not keys.accepts('{"2016-12-31T23:59:60Z": 1}')


DIGITS = st.fixed_dictionaries(
    {},
    optional={
        "max_digits": st.integers(0, 20),
        "decimal_places": st.integers(0, 16),
        "multiple_of": st.sampled_from(
            [Decimal("0.01"), Decimal("0.05"), Decimal("0.3"), Decimal("1.2"), 0.25, 7, 1000]
        ),
        "ge": st.sampled_from([-5, 0, Decimal("0.01")]),
    },
).filter(lambda limits: limits.keys() - {"ge"})
SHORT = st.from_regex(r"\A-?(0|[1-9][0-9]{0,6})(\.[0-9]{1,5})?\Z")


@given(DIGITS, st.lists(SHORT, max_size=20))
@settings(deadline=None, max_examples=60)
def test_decimals_are_what_pydantic_reads(limits: dict[str, Any], texts: list[str]) -> None:
    """Nothing that it refuses is accepted, and of what it takes, all is that is spelled without superfluous zeros."""
    spec, adapter = PythonType(Annotated[Decimal, Field(**limits)]), TypeAdapter(Annotated[Decimal, Field(**limits)])
    whole = [str(Decimal(text).quantize(Decimal("0.01"))) for text in texts]
    try:
        rng = random.Random(len(texts))
        words = [random_word(spec.automaton, rng, rng.randrange(30)).decode() for _ in range(20)]
    except UnsatisfiableError:
        words = []
    for text in [*texts, *whole, *words]:
        try:
            value = adapter.validate_json(text)
        except pydantic.ValidationError:
            assert not words or not spec.accepts(text)
            continue
        plain = "." not in text or not text.endswith("0")
        assert words
        assert spec.accepts(text) or not plain
        assert not spec.accepts(text) or value == Decimal(text)


@given(DIGITS, st.lists(SHORT, min_size=1))
@settings(deadline=None, max_examples=40)
def test_limits_of_decimals_and_their_negation_are_disjoint(limits: dict[str, Any], texts: list[str]) -> None:
    adapter = TypeAdapter(Annotated[Decimal, Field(**limits)])
    step = limits.get("multiple_of")
    rule = Decimals(
        limits.get("max_digits"), limits.get("decimal_places"), None if step is None else Decimal(str(step))
    )
    assume(step != 1000)
    others = decimals(rule, negated=True)
    assert (decimals(rule) & others).is_empty()
    for text in texts:
        if others.accepts(text.encode()) and Decimal(text) >= limits.get("ge", -(10**9)):
            with pytest.raises(pydantic.ValidationError):
                adapter.validate_json(text)


def test_explain_says_that_limits_of_decimals_are_enforced() -> None:
    text = PythonType(Annotated[Decimal, Field(decimal_places=2)]).explain()
    assert re.search(r"x-decimal.*automaton", text)


REFUSED: list[tuple[Any, str]] = [
    (dict[int, str], "not of the type integer"),
    (list[OrderedDict[float, str]], "not of the type number"),
    (dict[tuple[int, int], str], "not of the type array"),
    (Annotated[Decimal, Field(multiple_of=Decimal("9.99"))], "multiples of 9.99"),
    (Annotated[datetime.date, Field(gt=datetime.date(2024, 1, 1))], "gt of the type date"),
    (pydantic.PastDate, "now_op"),
    (pydantic.NaiveDatetime, "tz_constraint"),
    (Annotated[bytes, Field(max_length=3)], "max_length of the type bytes"),
    (Annotated[str, StringConstraints(strip_whitespace=True, min_length=2)], "strip_whitespace"),
    (Literal[b"a"], "bytes of the type literal"),
    (complex, "the type complex"),
    (pydantic.Json[int], "the type json"),
    (type[int], "the type is-subclass"),
    (ipaddress.IPv4Network, "format 'ipv4network'"),
    (list[pydantic.Base64Bytes], "format 'base64'"),
    (Fraction, "fraction"),
]


@pytest.mark.parametrize(("type_", "what"), REFUSED, ids=str)
def test_what_no_schema_can_say_is_refused(type_: Any, what: str) -> None:
    with pytest.raises(UnsupportedError, match=what) as caught:
        PythonType(type_).automaton  # noqa: B018  # some are refused when numbers are compiled
    assert caught.value.hint


def test_a_refused_format_has_a_pointer() -> None:
    with pytest.raises(UnsupportedError) as caught:
        type_schema(TypeAdapter(list[pydantic.FilePath]))
    assert caught.value.pointer == "/items/format"


def test_values_become_plain_json() -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(list[Decimal | uuid.UUID])
    assert plain_value(adapter, [Decimal("0.5"), Decimal(4), uuid.UUID(int=1)]) == [0.5, 4, str(uuid.UUID(int=1))]
