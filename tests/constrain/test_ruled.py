"""Rules across fields: what they mean, which are refused, and texts repaired so that they hold.

The oracle is plain Python on the values that `json`, pydantic, or the template's own holes give.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections import deque
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, NotRequired

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import AliasChoices, BaseModel, Field, RootModel
from typing_extensions import TypedDict

import constrain
from constrain import AllDifferent, Count, Equal, Filled, Less, Linear, Relation, Sum, Table, Template, as_spec
from constrain.errors import LimitError, SpecError, UnsatisfiableError, UnsupportedError
from constrain.field_paths import find_field, parse_path, path_text
from constrain.relations import InSequence, Rule
from constrain.ruled_domains import gaps
from constrain.ruled_repair import UnknownError
from constrain.ruled_trees import tree_of
from constrain.ruled_variants import variants
from constrain.spec import Spec
from constrain.specs import JsonSchema, Regex


def an_object(required: Sequence[str] | None = None, **properties: Any) -> JsonSchema:
    names = [*properties] if required is None else list(required)
    return JsonSchema(
        {"type": "object", "properties": properties, "required": names, "additionalProperties": False},
        whitespace="compact",
    )


INTEGER = {"type": "integer"}
SMALL = {"type": "integer", "minimum": 0, "maximum": 9}
STRING = {"type": "string"}
DATE = {"type": "string", "format": "date"}


def repaired(spec: Spec, text: str, fixed: int = 0) -> str | None:
    assert spec.rulebook is not None
    return spec.rulebook.repaired(text, fixed, {}, spec.automaton, spec.accepts)


def repaired_if_possible(spec: Spec, text: str, fixed: int = 0) -> str | None:
    try:
        return repaired(spec, text, fixed)
    except (UnsatisfiableError, UnknownError):
        return None


@given(st.lists(st.integers(0, 9), max_size=5), st.integers(0, 45), st.integers(0, 9) | st.none())
@settings(deadline=None)
def test_a_total_is_the_sum_of_what_is_there(parts: list[int], total: int, extra: int | None) -> None:
    spec = an_object(["parts", "total"], parts={"type": "array", "items": SMALL}, extra=SMALL, total=INTEGER).where(
        Sum(["parts.*", "extra"], "==", "total")
    )
    value: dict[str, Any] = {"parts": parts, "total": total}
    if extra is not None:
        value["extra"] = extra
    text = json.dumps(
        {name: value[name] for name in ("parts", "extra", "total") if name in value}, separators=(",", ":")
    )
    holds = sum(parts) + (extra or 0) == total
    assert spec.accepts(text) is holds
    assert spec.accepts(text, residual=False)
    found = repaired(spec, text)
    assert found is not None
    new = json.loads(found)
    assert sum(new["parts"]) + new.get("extra", 0) == new["total"]
    assert len(new["parts"]) == len(parts)
    assert not holds or found == text


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=5))
@settings(deadline=None)
def test_names_are_all_different(names: list[str]) -> None:
    person = {"type": "object", "properties": {"name": STRING}, "required": ["name"], "additionalProperties": False}
    spec = an_object(players={"type": "array", "items": person}).where(AllDifferent("players.*.name"))
    text = json.dumps({"players": [{"name": name} for name in names]}, separators=(",", ":"))
    assert spec.accepts(text) is (len({*names}) == len(names))
    found = repaired(spec, text)
    assert found is not None
    new = [player["name"] for player in json.loads(found)["players"]]
    assert len({*new}) == len(new) == len(names)
    assert sum(a == b for a, b in zip(names, new, strict=True)) == len({*names})  # no more is changed than must be


@given(st.dates(), st.dates())
@settings(deadline=None)
def test_dates_are_compared(start: datetime.date, end: datetime.date) -> None:
    spec = an_object(start=DATE, end=DATE).where(Less("start", "end"))
    text = f'{{"start":"{start}","end":"{end}"}}'
    assert spec.accepts(text) is (start < end)
    found = repaired(spec, text)
    assert found is not None
    new = {name: datetime.date.fromisoformat(day) for name, day in json.loads(found).items()}
    assert new["start"] < new["end"]


@pytest.mark.parametrize(
    ("start", "end", "holds"),
    [
        ("2024-01-01T00:00:00Z", "2024-01-01T00:00:01Z", True),
        ("2024-01-01T00:00:00Z", "2024-01-01T01:00:00+01:00", False),
        ("2024-01-01T00:00:00.25Z", "2024-01-01T00:00:00.5Z", True),
        ("2024-01-01T23:59:59Z", "2024-01-01T22:30:00-02:00", True),
    ],
)
def test_moments_are_compared_whatever_their_time_zone(start: str, end: str, holds: bool) -> None:
    moment = {"type": "string", "format": "date-time"}
    text = json.dumps({"start": start, "end": end}, separators=(",", ":"))
    assert an_object(start=moment, end=moment).where(Less("start", "end")).accepts(text) is holds


@given(st.lists(st.booleans(), min_size=4, max_size=4), st.integers(0, 4), st.integers(0, 4))
@settings(deadline=None, max_examples=40)
def test_filled_is_said_by_the_automaton(there: list[bool], a: int, b: int) -> None:
    low, high = sorted((a, b))
    inner = {
        "type": ["object", "null"],
        "properties": {"d": {"type": ["integer", "null"]}},
        "additionalProperties": False,
    }
    nullable = {"type": ["integer", "null"]}
    spec = an_object([], a=nullable, b=SMALL, c=nullable, inner=inner).where(
        Filled(["a", "b", "c", "inner.d"], low, high)
    )
    value: dict[str, Any] = {"a": 1 if there[0] else None}
    if there[1]:
        value["b"] = 2
    if there[2]:
        value["c"] = 3
    value["inner"] = {"d": 4} if there[3] else None
    holds = low <= sum(there) <= high
    text = json.dumps(value, separators=(",", ":"))
    assert spec.accepts(text, residual=False) is holds
    assert spec.accepts(text) is holds


def test_filled_of_a_form_is_about_its_sections() -> None:
    form = Template(
        "{name}[? <{mail}>?][? ({phone}[?/{desk}?])?]", name=Regex("[a-z]+"), mail=Regex("[a-z]+"), phone=int, desk=int
    ).where(Filled(["mail", "phone"], 1), Filled(["desk", "mail"], 0, 1))
    for text, right in {
        "a <b>": True,
        "a (1)": True,
        "a (1/2)": True,
        "a": False,
        "a <b> (1)": False,
        "a <b> (1/2)": False,
    }.items():
        assert form.accepts(text, residual=False) is right
        assert form.accepts(text) is right


@pytest.mark.parametrize(
    ("rule", "value", "holds"),
    [
        (Less("a", "b"), {"a": 1}, True),
        (Less("a", "b"), {"a": 1, "b": None}, True),
        (Less("a", "b"), {"a": 2, "b": 1}, False),
        (Sum(["a", "b"], "==", "c"), {"a": 1, "c": 1}, True),
        (Sum(["a", "b"], "==", "c"), {"a": 1, "c": 2}, False),
        (Sum(["a", "b"], "==", "c"), {"c": 2}, True),
        (Sum(["a", "b"], "<=", 3), {"a": None}, True),
        (Sum(["a", "b"], "<=", 3), {"a": 4}, False),
        (AllDifferent("a", "b", "c"), {"a": 1, "b": None, "c": None}, True),
        (AllDifferent("a", "b", "c"), {"a": 1, "c": 1}, False),
        (Equal("a", "b", "c"), {"a": 1, "c": 1}, True),
        (Equal("a", "b", "c"), {"a": 1, "c": 2}, False),
        (Count(["a", "b", "c"], 1, 1), {"a": 1, "b": None}, True),
        (Count(["a", "b", "c"], 1, 2), {"a": 1, "b": None}, False),
        (Relation(lambda a, b: (a is None) == (b is None), ["a", "b"]), {"a": 1}, False),
        (Relation(lambda a, b: (a is None) == (b is None), ["a", "b"]), {"b": None}, True),
        (Table(["a", "b"], [(1, 2), (2, 3)]), {"a": 1, "b": 2}, True),
        (Table(["a", "b"], [(1, 2), (2, 3)]), {"a": 1, "b": 3}, False),
        (Table(["a", "b"], [(1, 2), (2, 3)]), {"a": 1}, False),
    ],
)
def test_what_a_missing_field_means(rule: Rule, value: dict[str, int | None], holds: bool) -> None:
    nullable = {"type": ["integer", "null"]}
    spec = an_object([], a=nullable, b=nullable, c=nullable).where(rule)
    text = json.dumps(value, separators=(",", ":"))
    assert spec.accepts(text) is holds
    if not holds:
        found = repaired_if_possible(spec, text)
        assert found is None or (json.loads(found).keys() == value.keys() and spec.accepts(found))


class Line(BaseModel):
    name: str
    amount: Annotated[int, Field(ge=0, alias="cents")]


class Invoice(BaseModel):
    __rules__: ClassVar = [AllDifferent("lines.*.name")]
    lines: list[Line] = []
    shipping: int = 5
    total: Annotated[int, constrain.rule("==", "lines.*.amount", "shipping")]


def pay(invoice: Invoice) -> None: ...


class Account(BaseModel):
    invoices: list[Invoice]
    last: Invoice | None = None


def holds_of(invoice: Invoice) -> bool:
    names = [line.name for line in invoice.lines]
    return invoice.total == invoice.shipping + sum(line.amount for line in invoice.lines) and len(names) == len(
        {*names}
    )


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 3)), max_size=3),
    st.none() | st.integers(0, 6),
    st.integers(0, 12),
    st.booleans(),
)
@settings(deadline=None)
def test_a_model_carries_its_rules_wherever_it_stands(
    lines: list[tuple[str, int]], shipping: int | None, total: int, alone: bool
) -> None:
    invoice: dict[str, Any] = {"lines": [{"name": name, "cents": cents} for name, cents in lines]}
    if shipping is not None:
        invoice["shipping"] = shipping
    invoice["total"] = total
    right = {"total": 5}
    given: Any = invoice if alone else {"invoices": [right, invoice], "last": invoice}
    spec = as_spec(Invoice if alone else Account)
    text = json.dumps(given)
    assert spec.accepts(text) is holds_of(Invoice.model_validate(invoice))
    found = repaired(spec, text)
    assert found is not None
    value = spec.parse(found)
    assert all(map(holds_of, [value] if alone else [*value.invoices, value.last]))


class Payment(BaseModel):
    net: Decimal
    tax: Decimal
    gross: Annotated[Decimal, constrain.rule("==", "net", "tax")]


amounts = st.decimals(-99, 99, places=2)


@given(amounts, amounts, amounts)
@settings(deadline=None)
def test_decimals_are_added_exactly(net: Decimal, tax: Decimal, gross: Decimal) -> None:
    spec = as_spec(Payment)
    for total in (gross, net + tax):
        text = f'{{"net": {net}, "tax": {tax}, "gross": {total}}}'
        value = Payment.model_validate_json(text)
        assert spec.accepts(text) is (value.net + value.tax == value.gross)
        found = repaired(spec, text)
        assert found is not None
        value = spec.parse(found)
        assert value.net + value.tax == value.gross


@pytest.mark.parametrize("number", ["1e999", "1e99999999", "1e-99999999", "-1E+400"])
def test_a_number_that_is_no_double_keeps_no_rule(number: str) -> None:
    spec = JsonSchema({"properties": {"a": INTEGER, "b": {"type": "number", "multipleOf": 1}}, "required": ["a", "b"]})
    assert not spec.where(Sum(["a"], "==", "b")).accepts(f'{{"a": {number}, "b": {number}}}')


def test_what_stands_with_too_many_decimals_is_not_added_to() -> None:
    text = '{"net": 0.12345678, "tax": 0, "gross": 0}'
    with pytest.raises(LimitError, match="net stands with 8 decimals"):
        repaired(as_spec(Payment), text, text.index('"tax"'))


def test_a_number_that_is_not_read_as_it_is_spelled_keeps_no_rule() -> None:
    spec = as_spec(Payment)
    text = '{"net": 0.12345678901234567890123, "tax": 0, "gross": 0.12345678901234567890123}'
    assert spec.accepts(text, residual=False)
    assert not spec.accepts(text)


def test_what_stands_already_is_kept() -> None:
    spec = an_object(a=SMALL, b=SMALL, c={"type": "integer", "minimum": 0, "maximum": 99}).where(
        Sum(["a", "b"], "==", "c")
    )
    text = '{"a":9,"b":9,"c":2}'
    for fixed in range(len(text)):
        found = repaired_if_possible(spec, text, fixed)
        assert found is None or (found.startswith(text[:fixed]) and spec.accepts(found))
    assert repaired(spec, text, text.index('"c"')) == '{"a":9,"b":9,"c":18}'
    assert repaired(spec, text, text.index("2")) == '{"a":9,"b":9,"c":18}'
    with pytest.raises(UnsatisfiableError, match="cannot all hold"):
        repaired(spec, text, text.index("2") + 1)  # 2 or 20 to 29
    assert repaired(spec, text, len(text)) is None


@given(st.text('{}[]",:0123456789abc', max_size=20) | st.integers(0, 60), st.integers(0, 9), st.integers(0, 9))
@settings(deadline=None)
def test_a_beginning_is_at_fault_only_if_nothing_can_follow(cut: str | int, a: int, b: int) -> None:
    spec = an_object(parts={"type": "array", "items": SMALL}, total=SMALL, more=SMALL).where(
        Sum(["parts.*"], "==", "total"), Less("total", "more")
    )
    values = [
        {"parts": parts, "total": total, "more": more}
        for parts in ([a], [a, b], [a, 0, b])
        for total in range(10)
        for more in range(10)
    ]
    texts = [json.dumps(value, separators=(",", ":")) for value in values]
    right = [
        text
        for text, value in zip(texts, values, strict=True)
        if sum(value["parts"]) == value["total"] < value["more"]  # type: ignore[operator, arg-type]
    ]
    for text in texts[:: 7 if isinstance(cut, int) else 300]:
        beginning = text[:cut] if isinstance(cut, int) else cut
        fault = spec.fault(beginning, complete=False)
        if fault is not None:
            assert 0 <= fault[0] <= fault[1] <= len(beginning)
            assert not any(each.startswith(beginning[: fault[1]]) for each in right)
    assert spec.fault('{"parts":[1,2],"total":4,', complete=False) is not None
    assert spec.fault('{"parts":[1,2],"total":4', complete=False) is None


class Node(TypedDict):
    size: int
    children: list[Node]


class Tree(BaseModel):
    __rules__: ClassVar = [Less("size", "bound")]
    size: int
    bound: int
    children: list[Tree] = []


class Stripped(BaseModel):
    first: Annotated[str, Field(max_length=3)]
    second: str
    model_config = {"str_strip_whitespace": True}


class Fresh(BaseModel):
    a: int = Field(default_factory=lambda: 3)
    b: int


class Aliased(BaseModel):
    a: int = Field(validation_alias=AliasChoices("x", "y"))
    b: int


LINES = an_object(lines={"type": "array", "items": an_object(amount=INTEGER).schema}, total=INTEGER)
FORM = Template("{a} {b}[*, {c}*]", a=int, b=float, c=Regex(r"\d+"))
BAD: dict[str, tuple[Any, list[Rule], type[SpecError], str]] = {
    "unknown path": (LINES, [Sum(["lines.*.amout"], "==", "total")], SpecError, "amout"),
    "unknown hole": (FORM, [Less("a", "z")], SpecError, "z"),
    "a repeated hole without a star": (FORM, [AllDifferent("a", "c")], SpecError, "c"),
    "no single value": (LINES, [Equal("lines", "total")], SpecError, "lines"),
    "text in a sum": (an_object(a=STRING, b=INTEGER), [Less("a", "b")], SpecError, "'?a"),
    "text in a sum of a form": (FORM, [Sum(["c.*"], "==", "a")], SpecError, "c"),
    "floats in a sum": (FORM, [Less("a", "b")], UnsupportedError, "floating-point"),
    "floats in a schema": (an_object(a={"type": "number"}), [Sum(["a"], "<", 3)], UnsupportedError, "floating-point"),
    "a star compared with one value": (LINES, [Less("lines.*.amount", "total")], UnsupportedError, "several values"),
    "a star in a table": (LINES, [Table(["lines.*.amount"], [(1,)])], UnsupportedError, "several values"),
    "a star that is to be filled": (LINES, [Filled(["lines.*.amount"], 1)], UnsupportedError, "several values"),
    "dates added": (an_object(a=DATE, b=DATE), [Sum(["a", "b"], "<", 9)], UnsupportedError, "not added"),
    "dates and numbers": (an_object(a=DATE, b=INTEGER), [Less("a", "b")], SpecError, "different types"),
    "text and numbers": (an_object(a=STRING, b=INTEGER), [Equal("a", "b")], SpecError, "different types"),
    "no type": (an_object(a={}, b=INTEGER), [Equal("a", "b")], SpecError, "has no type"),
    "types that mix": (an_object(a={"type": ["boolean", "integer"]}), [Count(["a"], 1, 1)], UnsupportedError, "types"),
    "a rule of another kind": (LINES, [InSequence(["total"], Regex("a"))], UnsupportedError, "InSequence"),
    "no rule at all": (LINES, ["total"], UnsupportedError, "total"),
    "no fields": (Regex("a+"), [Less("a", "b")], UnsupportedError, "regex"),
    "a value that changes": (as_spec(Stripped), [Equal("first", "second")], UnsupportedError, "read as another"),
    "a default of the moment": (as_spec(Fresh), [Less("a", "b")], UnsupportedError, "default"),
    "several names": (as_spec(Aliased), [Less("a", "b")], UnsupportedError, "several names"),
    "an empty path": (LINES, [Less("total", "lines..a")], SpecError, "no path"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_makes_no_sense_is_refused_by_name(name: str) -> None:
    spec, rules, error, message = BAD[name]
    with pytest.raises(error, match=message):
        spec.where(*rules)


def test_so_many_fields_that_may_be_filled_are_too_many() -> None:
    with pytest.raises(LimitError, match="too many answers"):
        an_object([], **{f"a{n}": SMALL for n in range(11)}).where(Filled([f"a{n}" for n in range(11)], 5))
    sections = "".join(f"[?{{a{n}}}?]" for n in range(11))
    with pytest.raises(LimitError, match="too many answers"):
        Template(sections, **{f"a{n}": int for n in range(11)}).where(Filled([f"a{n}" for n in range(11)], 5)).accepts(
            ""
        )


def test_filled_beside_unevaluated_members_is_refused() -> None:
    schema = {"type": "object", "properties": {"a": INTEGER}, "unevaluatedProperties": False}
    with pytest.raises(UnsupportedError, match="unevaluated"):
        JsonSchema(schema).where(Filled(["a"], 1))


@pytest.mark.parametrize(
    "combine",
    [
        lambda spec: spec | Regex("a"),
        lambda spec: spec & Regex(".*"),
        lambda spec: ~spec,
        lambda spec: spec + Regex("a"),
        lambda spec: spec.optional(),
        lambda spec: spec.repeat(1, 2),
        lambda spec: Template("{a}", a=spec),
        lambda spec: Template("{a}", a=Invoice),
        lambda spec: constrain.Tagged("<a>", spec, "</a>"),
        lambda spec: constrain.ToolCalls([pay]),
    ],
)
def test_a_spec_with_rules_is_decoded_on_its_own(combine: Any) -> None:
    with pytest.raises(UnsupportedError):
        combine(as_spec(Invoice))
    with pytest.raises(UnsupportedError):
        combine(an_object(a=SMALL, b=SMALL).where(Less("a", "b"))).where(Less("a", "b"))


@pytest.mark.parametrize(("fields", "counts"), [("ab", (2, 1)), ("ab", (3,)), ("ab", (-1,)), ("a", (0.5,))])
def test_filled_counts_make_sense(fields: str, counts: tuple[Any, ...]) -> None:
    with pytest.raises(SpecError, match="no number of fields"):
        Filled([*fields], *counts)


def test_a_rule_on_a_field_names_others_once() -> None:
    assert Filled("email", 1).variables == ("email",)
    with pytest.raises(SpecError, match="names the fields"):
        constrain.rule("==")
    with pytest.raises(SpecError, match="named twice"):
        constrain.rule("==", "a", "a")
    with pytest.raises(SpecError, match="is no comparison"):
        constrain.rule("=>", "a")  # type: ignore[arg-type]


class Ordered(BaseModel):
    __rules__: ClassVar = [Less("low", "middle")]
    low: Annotated[int, Field(ge=0, le=9)]
    middle: Annotated[int, Field(ge=0, le=9)]


class Longer(Ordered):
    __rules__: ClassVar = Less("middle", "high")
    high: Annotated[int, Field(ge=0, le=9)]


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))
@settings(deadline=None)
def test_a_class_has_the_rules_of_its_bases_and_its_own(low: int, middle: int, high: int) -> None:
    text = f'{{"low":{low},"middle":{middle},"high":{high}}}'
    assert as_spec(Longer).accepts(text) is (low < middle < high)


class Prices(BaseModel):
    lines: list[Annotated[Decimal, Field(ge=0, decimal_places=2)]]
    total: Annotated[Decimal, Field(max_digits=8, decimal_places=2), constrain.rule("==", "lines.*")]


@given(st.lists(st.decimals(0, 999, places=2), max_size=4), st.decimals(0, 3000, places=2))
@settings(deadline=None, max_examples=40)
def test_a_total_of_prices_is_exact(lines: list[Decimal], total: Decimal) -> None:
    spec = as_spec(Prices)
    assert spec.accepts(f'{{"lines":[{",".join(map(str, lines))}],"total":{sum(lines, Decimal("0.00"))}}}')
    text = f'{{"lines":[{",".join(map(str, lines))}],"total":{total}}}'
    assert spec.accepts(text) is (sum(lines) == total)
    found = repaired_if_possible(spec, text)
    assert found is not None
    value = Prices.model_validate_json(found)
    assert sum(value.lines) == value.total


@pytest.mark.parametrize(
    ("limits", "decimals", "expected"),
    [
        ({"ge": -3, "le": 40, "multiple_of": Decimal("0.25")}, 2, range(-300, 4001, 25)),
        ({"max_digits": 3, "decimal_places": 1}, 1, range(-999, 1000)),
        ({"ge": 0, "le": 500, "decimal_places": 2}, 1, range(5001)),
        ({"ge": 0, "le": 500}, 2, range(50001)),
    ],
)
def test_the_values_of_a_number_are_a_scale(limits: dict[str, Any], decimals: int, expected: range) -> None:
    spec = as_spec(Annotated[list[Annotated[Decimal, Field(**limits)]], Field(max_length=1)])
    (gap,) = gaps(spec.automaton, b"[3]", [(1, 2, 0, True)])
    assert gap.scale("number", decimals) == expected


def test_members_are_added_under_other_names() -> None:
    class Budget(BaseModel):
        __rules__: ClassVar = [Sum(["parts.*"], "==", "total")]
        total: Annotated[int, Field(ge=100)]
        parts: dict[Literal["ops", "dev"], Annotated[int, Field(ge=0, le=99)]]

    spec, text = as_spec(Budget), '{"total":150,"parts":{"dev":1}}'
    assert spec.rulebook is not None
    root = tree_of(spec, text)
    assert root is not None
    found = [json.loads(each) for each in variants(spec, spec.rulebook.rules, spec.automaton, text, root, 0)]
    assert {frozenset(each["parts"]) for each in found} >= {frozenset(), frozenset({"dev", "ops"})}


def test_a_list_grows_from_nothing() -> None:
    spec = an_object(parts={"type": "array", "items": SMALL}, total=INTEGER).where(Sum(["parts.*"], "==", "total"))
    text = '{"parts":[],"total":40}'
    assert spec.rulebook is not None
    root = tree_of(spec, text)
    assert root is not None
    found = [json.loads(each) for each in variants(spec, spec.rulebook.rules, spec.automaton, text, root, 0)]
    assert {len(each["parts"]) for each in found} >= set(range(1, 9))


def test_sums_of_long_numbers_are_no_overflow() -> None:
    wide = {"enum": [4 * 10**17 + n for n in range(40)]}
    spec = an_object(a=wide, b=wide, c=INTEGER).where(Linear({"a": 1, "b": -1, "c": -1}, "==", 0), Less("b", "a"))
    text = f'{{"a":{4 * 10**17},"b":{4 * 10**17 + 3},"c":7}}'
    found = repaired(spec, text)
    assert found is not None
    value = json.loads(found)
    assert value["a"] - value["b"] == value["c"] > 0


def test_a_predicate_over_too_many_values_is_not_called_a_contradiction() -> None:
    spec = an_object(**{name: {"type": "integer", "minimum": 0, "maximum": 999} for name in "abcdefgh"}).where(
        Relation(lambda *values: sum(values) == 5000, [*"abcdefgh"], label="they make 5000")
    )
    text = "{" + ",".join(f'"{name}":1' for name in "abcdefgh") + "}"
    with pytest.raises(UnknownError, match="they make 5000: none of the"):
        repaired(spec, text)


def test_explain_says_how_the_rules_of_a_type_are_enforced() -> None:
    class Contact(BaseModel):
        __rules__: ClassVar = [Filled(["mail", "phone"], 1), Equal("mail", "again")]
        mail: str | None = None
        phone: str | None = None
        again: str | None = None

    text = as_spec(Contact).explain()
    assert "exactly 1 of mail, phone are filled (in the automaton)" in text
    assert "mail and again are equal (checked on the text" in text


def test_an_unknown_path_says_what_there_is() -> None:
    with pytest.raises(SpecError) as caught:
        LINES.where(Sum(["lines.*.amout"], "==", "total"))
    assert "there are amount" in str(caught.value.hint)


class Either(BaseModel):
    value: Invoice | Line


class Deep(RootModel[list[Invoice]]):
    pass


class Odd(BaseModel):
    __rules__: ClassVar = ["total"]
    total: int


class Own(BaseModel):
    total: Annotated[int, constrain.rule("==", "total")]


@dataclasses.dataclass
class Span:
    start: int
    end: Annotated[int, constrain.rule(">", "start")]


class Score(NamedTuple):
    home: int
    away: Annotated[int, constrain.rule("<", "home")]


class Renamed(TypedDict):
    first: Annotated[int, Field(alias="from")]
    to: Annotated[int, constrain.rule(">", "first")]


class Left(BaseModel):
    size: Annotated[int, Field(alias="s")]


class Right(BaseModel):
    size: Annotated[int, Field(alias="t")]


class Sides(BaseModel):
    side: Left | Right
    bound: int


def test_a_field_of_several_names_in_alternatives_is_refused() -> None:
    with pytest.raises(UnsupportedError, match=r"side\.size has different names"):
        as_spec(Sides).where(Less("side.size", "bound"))


@pytest.mark.parametrize(
    ("type_", "message"),
    [
        (deque[Span], "container"),
        (Tree, "contains itself"),
        (Either, "alternatives"),
        (Annotated[int, constrain.rule("==", "a")], "belongs to a field"),
        (Odd, "no rule"),
        (Own, "compared with itself"),
    ],
)
def test_rules_of_types_that_are_unclear_are_refused(type_: Any, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        as_spec(type_)


class Options(TypedDict):
    span: NotRequired[Span]
    kind: Literal["a", "b"]


@pytest.mark.parametrize(
    ("type_", "right", "wrong"),
    [
        (Deep, '[{"total":5}]', '[{"total":5},{"total":6}]'),
        (Span, '{"start":1,"end":2}', '{"start":2,"end":2}'),
        (Options, '{"kind":"a"}', '{"span":{"start":2,"end":2},"kind":"a"}'),
        (dict[str, Span], '{"x":{"start":1,"end":2}}', '{"x":{"start":1,"end":2},"y":{"start":1,"end":1}}'),
        (tuple[int, Span], '[1,{"start":1,"end":2}]', '[1,{"start":1,"end":0}]'),
        (Score, "[2,1]", "[1,2]"),
        (Renamed, '{"from":1,"to":2}', '{"from":2,"to":2}'),
    ],
)
def test_types_of_all_kinds_carry_rules(type_: Any, right: str, wrong: str) -> None:
    spec = as_spec(type_)
    assert spec.accepts(right)
    assert spec.accepts(wrong, residual=False)
    assert not spec.accepts(wrong)
    found = repaired(spec, wrong)
    assert found is not None
    assert spec.accepts(found)


def test_rules_add_up() -> None:
    spec = an_object(a=SMALL, b=SMALL).where(Less("a", "b")).where(Sum(["a", "b"], "==", 9))
    assert spec.accepts('{"a":1,"b":8}')
    assert not spec.accepts('{"a":8,"b":1}')
    assert not spec.accepts('{"a":1,"b":2}')
    assert "a is less than b; a + b == 9" in spec.describe()
    assert "rule:           a is less than b" in spec.explain()
    assert spec.dumps({"a": 1, "b": 8}) == '{"a":1,"b":8}'
    assert spec.parse('{"a":1,"b":8}') == {"a": 1, "b": 8}
    with pytest.raises(SpecError, match="does not satisfy"):
        spec.dumps({"a": 8, "b": 1})


def test_rules_that_contradict_each_other_are_named() -> None:
    spec = an_object(a=SMALL, b=SMALL).where(Less("a", "b"), Less("b", "a"))
    with pytest.raises(UnsatisfiableError, match="a is less than b"):
        repaired(spec, '{"a":1,"b":2}')


def test_a_field_that_goes_nowhere_is_no_endless_search() -> None:
    form = Template("{a}, {b}[*; {c}*]", a=Regex("(ab)*"), b=Regex("x|y"), c=Regex("[a-z]+")).where(Equal("b", "a"))
    assert repaired_if_possible(form, "abab, x", 3) is None


def test_a_predicate_that_fails_is_named() -> None:
    spec = an_object([], a=SMALL).where(Relation(lambda a: a > 3, ["a"], label="a is large"))
    with pytest.raises(SpecError, match=r"a is large: the predicate fails for \[None\]"):
        spec.accepts("{}")


def test_paths() -> None:
    assert parse_path(r"lines.*.a\.b\*") == ("lines", None, "a.b*")
    assert path_text(("lines", None, "a.b*")) == r"lines.*.a\.b\*"
    spec = JsonSchema({"properties": {"a.b": SMALL, "*": SMALL}, "required": ["a.b", "*"]}).where(Less(r"a\.b", r"\*"))
    assert spec.accepts('{"a.b": 1, "*": 2}')
    assert not spec.accepts('{"a.b": 2, "*": 2}')
    for path in ("", ".", "a.", ".a", "a..b"):
        with pytest.raises(SpecError, match="no path"):
            parse_path(path)


def test_a_rule_is_judged_as_python_would() -> None:
    schema = {
        "type": "object",
        "properties": {"a": SMALL, "b": {"multipleOf": 0.25, "type": "number", "maximum": 9, "minimum": 0}},
        "required": ["a", "b"],
        "additionalProperties": False,
    }
    spec = JsonSchema(schema).where(Linear({"a": 1, "b": -4}, "==", 1))
    found = repaired(spec, '{"a": 3, "b": 0.25}')
    assert found is not None
    value = json.loads(found)
    assert value["a"] - 4 * value["b"] == 1
    assert Draft202012Validator(schema).is_valid(value)


def test_endless_alternatives_are_refused() -> None:
    schema = {"properties": {"a": {"anyOf": [{"minimum": n} for n in range(1_001)]}}}
    with pytest.raises(UnsupportedError, match="so many alternatives"):
        find_field(schema, ("a",))


def test_fields_are_found_through_references() -> None:
    schema = {
        "$defs": {"n": {"$ref": "#/$defs/m"}, "m": {"type": ["integer", "null"], "default": 3}},
        "properties": {"a": {"allOf": [{"$ref": "#/$defs/n"}]}},
    }
    field = find_field(schema, ("a",))
    assert field is not None
    assert field.kinds == {"integer", "null"}
    assert field.optional
    assert find_field(schema, ("b",)) is None
