"""Free text and tags, judged by `str.find`; tool calls, judged by `json` and `jsonschema`."""

from __future__ import annotations

import functools
import itertools
import json
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel, Field

from constrain.algebra import both, either, joined, maybe, repetition
from constrain.errors import SpecError, UnsupportedError
from constrain.replies import FreeText, Tagged
from constrain.specs import Choice, Regex
from constrain.sums import Joined
from constrain.text_lengths import Text
from constrain.tool_calls import ToolCall, ToolCalls
from tests.constrain.spec_oracle import CheckedText

TEXTS = ["".join(letters) for size in range(8) for letters in itertools.product("<a>", repeat=size)]


@pytest.mark.parametrize(
    "tags", [[], ["<a>"], ["aa"], ["<"], ["<a<"], ["a<a<aa"], ["<a", "a>"], ["<<>", "><"]], ids=str
)
def test_free_text_is_free_of_its_tags(tags: list[str]) -> None:
    spec = FreeText(tags)
    for text in TEXTS:
        assert spec.accepts(text) == all((text + tag).find(tag) == len(text) for tag in tags), text


@settings(deadline=None, max_examples=200)
@given(st.text(st.sampled_from([*"<é>", "\u00a9", "\n", "\x00"]), max_size=8))
def test_tags_may_be_of_any_characters(text: str) -> None:
    assert FreeText("é>é").accepts(text) == ("\x00" not in text and (text + "é>é").find("é>é") == len(text))


REPLY = joined(
    FreeText(),
    Tagged("<think>", FreeText(), "</think>"),
    Tagged("<call>", {"type": "object", "properties": {"x": {"type": "integer"}}}, "</call>"),
    FreeText(),
)


def test_a_reply_has_one_reading() -> None:
    text = 'Hm. <think>a < b, "</call>"</think><call>{"x": 1}</call> Done: <call> </think>'
    assert REPLY.accepts(text)
    assert REPLY.parse(text) == ("Hm. ", 'a < b, "</call>"', {"x": 1}, " Done: <call> </think>")
    assert REPLY.dumps(REPLY.parse(text)) == text
    for wrong in (
        'a <think b <call>{"x": 1}</call>',
        "<think>a</think> </think><call>{}</call>",
        '<think>a</think> <call>{"x": 1}</call>',
        '<think>a</think><call>{"x": "1"}</call>',
        "no structure at all",
    ):
        assert not REPLY.accepts(wrong)
        with pytest.raises(SpecError, match="does not satisfy"):
            REPLY.parse(wrong)


def test_a_value_may_contain_what_ends_it_where_that_is_plain() -> None:
    spec = joined(Tagged("<s>", str, "</s>"), FreeText())
    assert spec.parse('<s>"</s>"</s></s>') == ("</s>", "</s>")


NESTED = Joined((Tagged("<a>", joined(FreeText(), Tagged("<b>", FreeText(), ">"), FreeText()), "/"), FreeText()))


@pytest.mark.parametrize(
    ("spec", "text", "accepted"),
    [
        (joined(FreeText(), maybe(Tagged("<a>", FreeText(), "</a>"))), "<a>x", False),
        (joined(FreeText(), maybe(Tagged("<a>", FreeText(), "</a>"))), "x<a>y</a>", True),
        (joined(FreeText(), maybe(Choice(["!"])), Tagged("<a>", int, ";")), "<a>!<a>1;", False),
        (joined(FreeText(), either(Tagged("<a>", int, ";"), Tagged("<b>", int, ";"))), "<a><b>1;", False),
        (joined(FreeText(), either(Tagged("<a>", int, ";"), Tagged("<b>", int, ";"))), "<c><b>1;", True),
        (joined(FreeText(), joined(maybe(int), Tagged("<a>", int, ";"))), "<a>5<a>1;", False),
        (joined(FreeText(), repetition(Tagged("<a>", int, ";"))), "x<a>1;<a>2;", True),
        (joined(FreeText(), repetition(Tagged("<a>", int, ";"))), "x<a>1;<a>;", False),
        (joined(both(FreeText(), Text(chars=(0, 3))), Tagged("<", int, ">")), "<1<1>", False),
        (joined(both(FreeText(), Text(chars=(0, 3))), Tagged("<", int, ">")), "abc<1>", True),
        (Tagged("<", joined(int, maybe(FreeText())), ">"), "<1>>", False),
        (Tagged("<", joined(int, maybe(FreeText())), ">"), "<1a>", True),
        (NESTED, "<a>x/<b>y>z/", True),
        (NESTED, "<a><b>/>x//", True),
        (Tagged("<a>", NESTED.parts[0], ";"), "<a><a><b>>/;", True),
        (joined(FreeText("x"), Tagged("<", int, ">")), "x<1>", False),
        (joined(maybe(Tagged("<a>", int, ";")), FreeText()), "<a>", False),
        (joined(maybe(Tagged("<a>", int, ";")), FreeText()), "<a>1;x<b>", True),
        (joined(maybe(Tagged("<a>", int, ";")), maybe(Choice(["x"])), FreeText()), "x<a>", False),
        (joined(repetition(Tagged("<a>", int, ";"), 2, 2), FreeText()), "<a>1;<a>2;<a>", True),
        (joined(maybe(either(Tagged("<a>", int, ";"), Tagged("<b>", int, ";"))), FreeText()), "<b>", False),
        (joined(either(Tagged("<a>", int, ";"), Choice([""])), FreeText()), "<a>", False),
        (joined(repetition(joined(FreeText(), Tagged("<a>", int, ";"))), FreeText()), "x<a>1;y<a>", False),
        (joined(repetition(joined(Choice(["x"]), Tagged("<a>", int, ";"))), FreeText()), "x<a>1;x<a>", False),
        (joined(maybe(joined(Choice(["x"]), maybe(Tagged("<a>", int, ";")))), FreeText()), "xy<a>", False),
        (joined(maybe(Tagged("<a>", int, ";")), Tagged("<b>", int, ";"), FreeText()), "<b>1;<a>", True),
        (joined(maybe(Tagged("<a>", int, ";")), both(FreeText(), Text(chars=4))), "<a>1", False),
        (joined(maybe(Tagged("<a>", int, ";")), repetition(joined(FreeText(), Choice(["!"])))), "x!<a>!", False),
        (joined(joined(maybe(Tagged("<a>", int, ";")), Choice(["!"])), FreeText()), "!<a>", True),
        (repetition(joined(Tagged("<a>", int, ";"), FreeText())), "<a>1;x<a>2;y", True),
        (repetition(joined(Tagged("<a>", int, ";"), FreeText())), "<a>1;x<a>y", False),
        (joined(Regex(".*"), Tagged("<", int, ">")), "<<1>", True),
    ],
)  # fmt: skip
def test_free_text_stops_where_a_tag_may_begin(spec: Any, text: str, accepted: bool) -> None:
    assert spec.accepts(text) == accepted


THOUGHT, CALL = Tagged("<think>", FreeText(), "</think>"), Tagged("<call>", int, "</call>")


@pytest.mark.parametrize(
    ("spec", "value"),
    [
        (joined(maybe(THOUGHT), FreeText()), ("so", "yes")),
        (joined(maybe(THOUGHT), FreeText()), (None, "yes")),
        (joined(maybe(THOUGHT), FreeText(), maybe(CALL), FreeText()), ("so", "yes", 1, "")),
        (joined(FreeText(), repetition(CALL, 1), FreeText()), ("a", [1, 2], "b")),
        (joined(maybe(THOUGHT), repetition(joined(FreeText(), CALL)), FreeText()), ("so", [("a", 1), ("", 2)], "b")),
        (repetition(joined(CALL, FreeText())), [(1, "a"), (2, ""), (3, "b")]),
    ],
    ids=str,
)
def test_tags_that_may_be_missing_or_recur_are_read_wherever_they_stand(spec: Any, value: Any) -> None:
    assert spec.parse(spec.dumps(value)) == value


def test_checks_on_the_text_are_those_of_what_is_tagged() -> None:
    spec = Tagged("<", CheckedText("even"), ">")
    assert spec.residual
    assert spec.accepts("<ab>")
    assert not spec.accepts("<a>")
    assert spec.accepts("<a>", residual=False)
    assert Tagged("<", {}, ">").bounded


def test_tags_are_texts() -> None:
    assert FreeText("x").describe() == "free text without 'x'"
    assert FreeText(["x", "y", "x"]) == FreeText(("x", "y"))
    assert Tagged("<", int, ">").describe() == "'<' Python type 'int' '>'"
    assert Tagged("<", int, ">").dumps(3) == "<3>"
    assert FreeText().dumps("é") == "é"
    with pytest.raises(SpecError, match="does not satisfy free text without 'x'"):
        FreeText("x").dumps("x")
    with pytest.raises(SpecError, match="5 are no tags"):
        FreeText(5)  # type: ignore[arg-type]
    for make in (lambda: FreeText([""]), lambda: Tagged("", int, "x"), lambda: Tagged("x", int, None)):
        with pytest.raises(SpecError, match="a tag is a text of at least one character"):
            make()
    with pytest.raises(UnsupportedError, match="tokens are counted of whole outputs"):
        Tagged("<", Text(tokens=3), ">")


class Place(BaseModel):
    city: str
    country: str | None = None


def weather(place: Place, days: Annotated[int, Field(ge=1, le=14)] = 1, *, unit: Literal["C", "F"] = "C") -> str:
    """The weather in some place."""
    return f"{place.city} {days} {unit}"


def stop() -> None:
    pass


SEARCH: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "search the web",
        "description": "Search.",
        "parameters": {
            "type": "object",
            "properties": {"query": {"$ref": "#/$defs/text"}, "limit": {"type": "integer", "maximum": 9}},
            "required": ["query"],
            "additionalProperties": False,
            "$defs": {"text": {"type": "string", "minLength": 1}},
        },
    },
}
PING = {"type": "function", "name": "ping"}
TOOLS = ToolCalls([weather, stop, SEARCH, PING])


@pytest.mark.parametrize(
    ("text", "call"),
    [
        (
            '{"name": "weather", "arguments": {"place": {"city": "Oslo"}, "unit": "F"}}',
            ToolCall("weather", {"place": Place(city="Oslo"), "unit": "F"}),
        ),
        ('{"name": "stop", "arguments": {}}', ToolCall("stop", {})),
        ('{"name": "search the web", "arguments": {"query": "x"}}', ToolCall("search the web", {"query": "x"})),
        ('{"name": "ping", "arguments": {}}', ToolCall("ping", {})),
    ],
)
def test_calls_are_read_and_written(text: str, call: ToolCall) -> None:
    assert TOOLS.accepts(text)
    assert TOOLS.parse(text) == call
    assert TOOLS.dumps(call) == TOOLS.dumps(tuple(call)) == text
    assert TOOLS.parse(json.dumps(json.loads(text), indent=2)) == call


def test_arguments_fit_the_function() -> None:
    name, arguments = TOOLS.parse('{"name": "weather", "arguments": {"place": {"city": "Rome"}, "days": 3}}')
    assert name == "weather"
    assert weather(**arguments) == "Rome 3 C"


CALLS = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["weather", "stop", "search the web", "ping", "other"]),
        "arguments": st.dictionaries(
            st.sampled_from(["place", "days", "unit", "query", "limit"]),
            st.sampled_from([0, 1, 9, 10, 14, 15, "C", "", "x", {"city": "x"}, {"town": "x"}, None]),
            max_size=3,
        ),
    }
)
ARGUMENTS: dict[str, Any] = {
    "weather": {
        "properties": {
            "place": {
                "type": "object",
                "properties": {"city": {"type": "string"}, "country": {"type": ["string", "null"]}},
                "required": ["city"],
                "additionalProperties": False,
            },
            "days": {"type": "integer", "minimum": 1, "maximum": 14},
            "unit": {"enum": ["C", "F"]},
        },
        "required": ["place"],
        "additionalProperties": False,
    },
    "stop": {"maxProperties": 0},
    "search the web": SEARCH["function"]["parameters"],
    "ping": {"maxProperties": 0},
}
ORDER = ["place", "days", "unit", "query", "limit"]


@settings(deadline=None, max_examples=400)
@given(CALLS)
def test_calls_are_valid_under_the_schema_of_their_function(call: dict[str, Any]) -> None:
    arguments = {name: call["arguments"][name] for name in ORDER if name in call["arguments"]}
    call = {"name": call["name"], "arguments": arguments}
    schema = ARGUMENTS.get(call["name"])
    valid = schema is not None and Draft202012Validator(schema).is_valid(call["arguments"])
    assert TOOLS.accepts(json.dumps(call)) == valid


def test_definitions_mean_what_json_schema_means() -> None:
    open_ = {"type": "function", "name": "f", "parameters": {"type": "object"}}
    assert ToolCalls([open_]).accepts('{"name": "f", "arguments": {"anything": [1]}}')
    assert ToolCalls([open_]).bounded
    assert ToolCalls([open_]).residual  # members must not be there twice
    assert not ToolCalls([open_]).accepts('{"name": "f", "arguments": {"a": 1, "a": 2}}')
    assert not TOOLS.accepts('{"name": "ping", "arguments": {"a": 1}}')


def test_a_call_is_told_from_its_beginning() -> None:
    spec = ToolCalls([{"type": "function", "name": "f", "parameters": {"type": "object"}}, stop])
    assert spec.fault('{"name": "f", "argu', complete=False) is None
    begin, end = spec.fault('{"name": "f", "arguments": {"a": 1, "a": 2, ', complete=False) or (0, 0)
    assert 0 < begin < end
    assert spec.fault('{"name": "stop", "arguments": {}}') is None


def test_white_space_is_an_option() -> None:
    compact = ToolCalls([weather, SEARCH], whitespace="compact")
    assert (
        compact.dumps(("search the web", {"query": "a b"})) == '{"name":"search the web","arguments":{"query":"a b"}}'
    )
    assert not compact.accepts('{"name": "search the web", "arguments": {"query": "a b"}}')
    assert ToolCalls([stop], whitespace=" ?").accepts('{"name": "stop","arguments":{ } }')
    assert not ToolCalls([stop], whitespace=" ?").accepts('{"name":  "stop","arguments":{}}')
    with pytest.raises(SpecError, match="does not satisfy"):
        ToolCalls([stop], whitespace="\t").dumps(("stop", {}))


def test_names_of_arguments_may_be_any() -> None:
    def f(copy: int, schema: str, model_config: bool, _x: int = 0) -> None: ...

    text = '{"name": "f", "arguments": {"copy": 1, "schema": "s", "model_config": true, "_x": 2}}'
    assert ToolCalls([f]).parse(text).arguments == {"copy": 1, "schema": "s", "model_config": True, "_x": 2}


def test_methods_are_functions() -> None:
    class Desk:
        def ring(self, times: int) -> None: ...

    assert ToolCalls([Desk().ring]).parse('{"name": "ring", "arguments": {"times": 2}}') == ("ring", {"times": 2})


def no_annotation(x: int, y) -> None:  # type: ignore[no-untyped-def]  # what is refused
    ...


def undefined(x: "Nowhere") -> None:  # type: ignore[name-defined]  # noqa: F821, UP037  # what is refused
    ...


def variadic(*numbers: int) -> None: ...
def keywords(**options: int) -> None: ...
def by_position(x: int, /) -> None: ...


@pytest.mark.parametrize(
    ("tools", "message"),
    [
        (stop, "a list of tools is needed, not <function stop"),
        (SEARCH, "a list of tools is needed, not {"),
        ([], "a tool call needs at least one tool"),
        ([lambda x: x], "<lambda> is a function without a name"),
        ([no_annotation], "the parameter 'y' of 'no_annotation' is not annotated"),
        ([undefined], "the parameters of 'undefined' cannot be read: name 'Nowhere' is not defined"),
        ([variadic], "the parameter [*]numbers: .* of 'variadic' cannot be given by name"),
        ([keywords], "the parameter [*][*]options: .* of 'keywords' cannot be given by name"),
        ([by_position], "the parameter x: .* of 'by_position' cannot be given by name"),
        ([stop, stop], "two tools have the name 'stop'"),
        ([Place], "neither a function nor a definition"),
        (["stop"], "neither a function nor a definition"),
        ([functools.partial(weather, days=1)], "neither a function nor a definition"),
        ([{"name": "f", "parameters": {"type": "object"}}], "not the definition of a function"),
        ([{"type": "function", "function": "f"}], "not the definition of a function"),
        ([{"type": "function", "function": {}}], "the definition of a function has no name"),
        ([{"type": "function", "name": "f", "parameters": {}}], "the parameters of 'f' are not of the type object"),
        (
            [{"type": "function", "name": "f", "parameters": {"type": "object", "minProperties": -1}}],
            "in the parameters of 'f'",
        ),
        ([{"type": "function", "name": "f", "parameters": True}], "the parameters of 'f' are not of the type object"),
    ],
)
def test_what_is_no_tool_is_refused_by_name(tools: list[Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        ToolCalls(tools)


@pytest.mark.parametrize("value", [None, ("nobody", {}), ToolCall("nobody", {}), {"name": "stop"}, ("stop",)])
def test_what_is_no_call_is_not_written(value: Any) -> None:
    with pytest.raises(SpecError, match="is no call of weather, stop, search the web, ping"):
        TOOLS.dumps(value)


def test_calls_outside_the_language_have_no_value() -> None:
    with pytest.raises(SpecError, match="does not satisfy call of weather, stop"):
        TOOLS.parse('{"name": "nobody", "arguments": {}}')
    with pytest.raises(SpecError, match="does not satisfy"):
        TOOLS.parse('{"name": "stop", "arguments": {"x": 1}}')
    with pytest.raises(SpecError):
        TOOLS.dumps(("search the web", {"query": ""}))
