"""Specs read and write values; what they mean is decided by `re`, `jsonschema` and pydantic elsewhere."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import uuid
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from pydantic import AfterValidator, BaseModel, Field
from typing_extensions import TypedDict

from constrain.automaton import Automaton
from constrain.errors import LimitError, SpecError, UnsatisfiableError, UnsupportedError
from constrain.spec import Spec
from constrain.specs import Choice, JsonSchema, PythonType, Regex, as_spec


class Address(BaseModel):
    street: str
    zip_code: Annotated[str, Field(pattern=r"^\d{5}$")]


class Person(BaseModel):
    name: str
    age: Annotated[int, Field(ge=0, le=130)]
    address: Address | None = None
    tags: Annotated[list[str], Field(max_length=3)] = []


@dataclasses.dataclass
class Point:
    x: float
    y: float = 0.0


class Move(TypedDict):
    piece: Literal["king", "queen"]
    to: str


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


VALUES: list[tuple[Any, Any]] = [
    (Person, Person(name='A "b"\n', age=7, address=Address(street="é", zip_code="01234"), tags=["x"])),
    (Person, Person(name="A", age=0)),
    (Point, Point(1.5, -2.0)),
    (Move, {"piece": "king", "to": "e4"}),
    (Color, Color.BLUE),
    (Literal["spam", "ham"], "ham"),
    (int, -12),
    (bool, True),
    (str, "a\\b/é\u2028😀"),
    (float, 2.5),
    (Decimal, Decimal("3.25")),
    (list[Decimal], [Decimal("0.5"), Decimal(4)]),
    (Annotated[Decimal, Field(ge=Decimal("0.5"), lt=10)], Decimal("9.75")),
    (dict[str, int], {"a": 1, "b": 2}),
    (tuple[int, str], (1, "a")),
    (int | None, None),
    (list[int | str], [1, "a"]),
    (datetime.date, datetime.date(2024, 2, 29)),
    (uuid.UUID, uuid.UUID(int=5)),
]


@pytest.mark.parametrize(("type_", "value"), VALUES, ids=lambda x: str(x)[:40])
def test_a_value_survives_being_written_and_read(type_: Any, value: Any) -> None:
    spec = as_spec(type_)
    text = spec.dumps(value)
    assert spec.accepts(text)
    found = spec.parse(text)
    assert found == value
    assert type(found) is type(value)


def test_a_spec_of_a_type_is_made_once() -> None:
    assert as_spec(Person) is as_spec(Person)
    assert as_spec({"type": "integer"}) is as_spec({"type": "integer"})
    regex = Regex("a")
    assert as_spec(regex) is regex


def test_unhashable_types_work_too() -> None:
    assert as_spec(Annotated[int, Field(json_schema_extra={"examples": [1]})]).accepts("1")


@pytest.mark.parametrize("spec", [None, 42, "name: str", 1.5, b"x"])
def test_what_is_no_specification_is_refused(spec: Any) -> None:
    with pytest.raises(SpecError, match="is not a specification"):
        as_spec(spec)


def test_a_type_without_a_schema_is_refused() -> None:
    with pytest.raises(SpecError, match="has no JSON schema"):
        as_spec(Automaton)


def test_models_have_no_members_but_their_own() -> None:
    spec = as_spec(Point)
    assert spec.accepts('{"x": 1}')
    assert not spec.accepts('{"x": 1, "z": 2}')
    assert JsonSchema({"properties": {"x": {"type": "integer"}}, "type": "object"}).accepts('{"x": 1, "z": 2}')


def test_python_validators_are_heard_when_the_value_is_read() -> None:
    def even(value: int) -> int:
        if value % 2:
            raise ValueError("odd")
        return value

    spec = PythonType(Annotated[int, AfterValidator(even)])
    assert spec.parse("2") == 2
    with pytest.raises(SpecError, match="'3' fits the schema, but"):
        spec.parse("3")


def test_choices_are_bare_strings() -> None:
    spec = Choice(["spam", "ham", "spam and eggs"])
    assert spec.accepts("ham")
    assert not spec.accepts('"ham"')
    assert spec.parse("ham") == "ham"
    assert spec.dumps("spam") == "spam"
    assert "'spam'" in spec.describe()
    assert "and 2 more" in Choice("abcdefg").describe()


def test_choices_need_strings() -> None:
    with pytest.raises(SpecError, match="at least one option"):
        Choice([])
    with pytest.raises(SpecError, match="among strings, not 3"):
        Choice(["a", 3])  # type: ignore[list-item]  # what a user may do


def test_patterns_and_choices_are_texts() -> None:
    with pytest.raises(SpecError, match="a regex is a string, not b'a'"):
        Regex(b"a")  # type: ignore[arg-type]  # what a user may do
    with pytest.raises(SpecError, match="lone surrogate"):
        Choice(["a", "caf\udce9"])


def test_a_value_outside_the_language_is_not_written() -> None:
    for spec, value in [(Regex("a+"), "b"), (Choice(["a"]), "b"), (as_spec({"type": "integer"}), "x")]:
        with pytest.raises(SpecError):
            spec.dumps(value)


def test_regexes_are_checked_at_once_and_take_flags() -> None:
    assert Regex("ab", "i").accepts("aB")
    assert Regex("a").dumps("a") == Regex("a").parse("a") == "a"
    assert Regex("a", "i").describe() == "regex 'a' with flags 'i'"
    with pytest.raises(UnsupportedError):
        Regex(r"(a)\1")
    with pytest.raises(SpecError):
        Regex("a(")


def test_a_schema_may_be_given_as_text() -> None:
    assert JsonSchema('{"type": "null"}').accepts("null")
    with pytest.raises(SpecError, match="the schema is not JSON") as caught:
        JsonSchema('{"type": }')
    assert caught.value.position == 9
    assert "^" in str(caught.value)


def test_a_schema_text_that_python_cannot_read_is_refused() -> None:
    with pytest.raises(SpecError, match=r"the schema cannot be read: .*4300 digits"):
        JsonSchema('{"const": ' + "1" * 5_000 + "}")
    with pytest.raises(LimitError, match="256 levels of nesting") as caught:
        JsonSchema('{"items": ' * 100_000 + "{}" + "}" * 100_000)
    assert caught.value.given > caught.value.limit == 256


def test_a_mapping_is_checked_before_anything_recurses_into_it() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"items": deep}
    with pytest.raises(LimitError, match="levels of nesting"):
        as_spec(deep)
    with pytest.raises(SpecError, match="has no place in a schema"):
        as_spec({"enum": [object()]})


def test_whitespace_is_an_option() -> None:
    schema = {"type": "array", "items": {"type": "integer"}}
    assert JsonSchema(schema).accepts("[ 1,\n2]")
    compact = JsonSchema(schema, whitespace="compact")
    assert not compact.accepts("[1, 2]")
    assert compact.dumps([1, 2]) == "[1,2]"


def test_an_empty_language_says_where() -> None:
    with pytest.raises((UnsatisfiableError, SpecError)):
        _ = as_spec({"type": "integer", "enum": ["a"]}).automaton


def test_explain_names_bounds_and_extremes() -> None:
    text = as_spec({}).explain()
    assert "bounded:" in text
    assert "unbounded" in text
    assert "longest text:   4 bytes" in Regex("a{1,4}").explain()


def test_surrogates_are_no_text() -> None:
    spec: Spec = Regex(".*")
    assert not spec.accepts("\ud800")


def test_an_integer_that_python_does_not_print_has_no_text() -> None:
    for value in (10**5000, [10**5000], {"a": 10**5000}):
        with pytest.raises(SpecError, match="an integer of too many digits is not a value that the schema allows"):
            JsonSchema(True).dumps(value)
