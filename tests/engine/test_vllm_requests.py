"""What requests to vLLM state: judged by `re`, `lark`, `jsonschema`, and tables written by hand."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import dataclass
from typing import Any

import jsonschema
import lark
import pytest

from constrain.engine.vllm_requests import LARGEST, spec_of, stated_of
from constrain.engine.vllm_structural_tags import DEEPEST, structural_tag
from constrain.errors import ConstrainError, LimitError, SpecError, UnsupportedError


@dataclass
class Asked:
    """Stands for `StructuredOutputsParams`."""

    json: Any = None
    json_object: Any = None
    regex: Any = None
    choice: Any = None
    grammar: Any = None
    structural_tag: Any = None
    disable_any_whitespace: bool = False
    disable_additional_properties: bool = False
    whitespace_pattern: str | None = None


@dataclass
class Config:
    """Stands for `StructuredOutputsConfig`."""

    disable_any_whitespace: bool = False
    disable_additional_properties: bool = False


def accepts(text: str, *, config: Any = None, **asked: Any) -> bool:
    return spec_of(json.loads(json.dumps(stated_of(Asked(**asked), config or Config())))).accepts(text)


SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
DOCUMENTS = ['{"a": 1}', '{"a":1,"b":2}', '{"a": "1"}', "{}", '{ "a" : 1 }', '{"a": 1', "[]"]


@pytest.mark.parametrize("schema", [SCHEMA, json.dumps(SCHEMA)])
@pytest.mark.parametrize("text", DOCUMENTS)
def test_a_json_schema_means_what_jsonschema_says(schema: Any, text: str) -> None:
    try:
        expected = jsonschema.Draft202012Validator(SCHEMA).is_valid(json.loads(text))
    except ValueError:
        expected = False
    assert accepts(text, json=schema) == expected


@pytest.mark.parametrize(("text", "expected"), [("{}", True), ('{"x": [null]}', True), ("[]", False), ("1", False)])
def test_a_json_object_is_any_object(text: str, expected: bool) -> None:
    assert accepts(text, json_object=True) == expected


@pytest.mark.parametrize("text", ["", "ab", "abab", "aba", "b"])
def test_regexes_choices_and_grammars_of_both_notations(text: str) -> None:
    expected = re.fullmatch("(ab)+", text) is not None
    assert accepts(text, regex="(ab)+") == expected
    assert accepts(text, choice=["ab", "abab"]) == expected
    grammar = 'start: "ab"+'
    try:
        lark.Lark(grammar).parse(text)
        parsed = True
    except lark.LarkError:
        parsed = False
    assert accepts(text, grammar=grammar) == parsed == expected
    assert accepts(text, grammar='root ::= "ab" | "ab" root') == expected


def test_white_space_is_what_the_request_or_the_server_says() -> None:
    spaced, compact, wide = '{"a": 1}', '{"a":1}', '{"a":  1}'
    assert accepts(spaced, json=SCHEMA)
    for given in ({"disable_any_whitespace": True}, {"config": Config(disable_any_whitespace=True)}):
        assert accepts(compact, json=SCHEMA, **given)
        assert not accepts(spaced, json=SCHEMA, **given)
    assert accepts(spaced, json=SCHEMA, whitespace_pattern=" ?")
    assert not accepts(wide, json=SCHEMA, whitespace_pattern=" ?")
    tag = json.dumps({"type": "structural_tag", "format": {"type": "json_schema", "json_schema": SCHEMA}})
    assert not accepts(spaced, structural_tag=tag, disable_any_whitespace=True)


def test_additional_properties_are_closed_where_the_request_or_the_server_says_so() -> None:
    more = '{"a": 1, "b": 2}'
    assert accepts(more, json=SCHEMA)
    assert not accepts(more, json=SCHEMA, disable_additional_properties=True)
    assert not accepts(more, json=SCHEMA, config=Config(disable_additional_properties=True))


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({}, "not none"),
        ({"regex": "a", "choice": ["a"]}, "regex and choice"),
        ({"json": SCHEMA, "whitespace_pattern": " ", "disable_any_whitespace": True}, "whitespace_pattern"),
        ({"json_object": False}, "json_object"),
        ({"json": 7}, "json cannot be 7"),
        ({"json": {object()}}, "no plain data"),
        ({"choice": "ab"}, "choice cannot be"),
        ({"choice": []}, "at least one option"),
        ({"choice": ["a", 1]}, "not 1"),
        ({"regex": 7}, "regex"),
        ({"regex": "a("}, "column 2"),
        ({"grammar": 7}, "grammar cannot be"),
        ({"grammar": " \n"}, "no rules"),
        ({"grammar": "start: x"}, "`x` is not defined, line 1, column 8"),
        ({"json": "{"}, "not JSON"),
        ({"json": {"type": "objekt"}}, "(at /type)"),
        ({"json": {"properties": {"a": {"minimum": "1"}}}}, "/properties/a/minimum"),
        ({"structural_tag": "{"}, "read as JSON"),
        ({"structural_tag": {}}, "read as JSON"),
    ],
)
def test_what_is_broken_is_refused_and_says_where(asked: dict[str, Any], says: str) -> None:
    with pytest.raises(SpecError, match=re.escape(says)):
        spec_of(stated_of(Asked(**asked), Config()))


def test_what_is_too_large_is_refused() -> None:
    with pytest.raises(LimitError) as caught:
        stated_of(Asked(choice=["x" * LARGEST]), Config())
    assert caught.value.limit == LARGEST < caught.value.given


X = {"type": "const_string", "value": "x"}


def tag(begin: Any, end: Any, content: Any = X) -> dict[str, Any]:
    return {"type": "tag", "begin": begin, "content": content, "end": end}


A, B = tag("<a>", "</a>"), tag("<b>", "</b>")
AMONG = {"type": "triggered_tags", "triggers": ["<"], "tags": [A, B]}
LISTED = {"type": "tags_with_separator", "separator": ",", "tags": [A, B]}
ONE, TWO = "<a>x</a>", "<b>x</b>"


FORMS: list[tuple[Any, list[str], list[str]]] = [
    (X, ["x"], ["", "xx"]),
    ({"type": "json_schema", "json_schema": {"enum": [1, 2]}}, ["1", "2"], ["3"]),
    (
        {"type": "json_schema", "json_schema": {"type": "array", "items": {"const": 1}}, "max_whitespace_cnt": 1},
        ["[ 1]", "[1, 1 ]"],
        ["[  1]", "[2]"],
    ),
    (
        {"type": "json_schema", "json_schema": {**SCHEMA, "required": [], "maxProperties": 1}, "any_order": True},
        ['{"a": 1}', "{}"],
        ['{"a": "1"}'],
    ),
    ({"type": "any_text"}, ["", "a b\n"], ["\x00"]),
    ({"type": "any_text", "excludes": ["ab"]}, ["a", "b a"], ["cab"]),
    ({"type": "any_text", "max_chars": 2}, ["", "ab"], ["abc"]),
    ({"type": "regex", "pattern": "a+"}, ["a", "aa"], ["", "b"]),
    ({"type": "grammar", "grammar": 'root ::= "a" root | "b"'}, ["b", "aab"], ["", "a"]),
    ({"type": "sequence", "elements": [X, {"type": "any_text"}]}, ["x", "x y"], ["", "y"]),
    ({"type": "or", "elements": [X, A]}, ["x", ONE], ["", "xx"]),
    (A, [ONE], ["", "x", "<a>y</a>"]),
    (tag("<a>", ["!", "?"], {"type": "any_text"}), ["<a>!", "<a>b?"], ["<a>b", "<a>b?c!"]),
    (tag("<a>", ""), ["<a>x"], ["<a>"]),
    (AMONG, ["", "text", ONE, f"so {ONE} and {TWO}{ONE}."], ["<", "<a>", f"{ONE}<"]),
    ({**AMONG, "at_least_one": True}, [ONE, f"{ONE} {TWO}."], ["", "text", f"text {ONE}"]),
    ({**AMONG, "stop_after_first": True}, ["", "text", f"text{ONE}"], [f"{ONE}text", ONE + TWO]),
    ({**AMONG, "stop_after_first": True, "at_least_one": True}, [ONE, TWO], ["", "text", ONE + TWO]),
    ({**AMONG, "excludes": ["no"]}, ["yes", ONE], ["no", f"{ONE}no"]),
    (LISTED, ["", ONE, f"{ONE},{TWO},{ONE}"], [ONE + TWO, f"{ONE},", "text"]),
    ({**LISTED, "at_least_one": True}, [ONE, f"{TWO},{TWO}"], [""]),
    ({**LISTED, "stop_after_first": True}, ["", ONE], [f"{ONE},{ONE}"]),
    ({**LISTED, "separator": "", "at_least_one": True}, [ONE, ONE + TWO], ["", f"{ONE},{ONE}"]),
    ({"type": "dispatch", "rules": [["<a>", X]]}, ["", "b", "b<a>xc<a>x"], ["<a>", "<a>y"]),
    ({"type": "dispatch", "rules": [["<a>", X]], "loop": False}, ["", "b", "b<a>x"], ["<a>xb"]),
    ({"type": "optional", "content": X}, ["", "x"], ["xx"]),
    ({"type": "star", "content": X}, ["", "x", "xxx"], ["y"]),
    ({"type": "plus", "content": X}, ["x", "xxx"], [""]),
    ({"type": "repeat", "min": 1, "max": 2, "content": X}, ["x", "xx"], ["", "xxx"]),
    ({"type": "repeat", "min": 2, "max": -1, "content": X}, ["xx", "xxxx"], ["x"]),
]
"""Formats, some texts that they allow, and some that they do not."""


@pytest.mark.parametrize(("form", "accepted", "refused"), FORMS)
def test_structural_tags_mean_what_xgrammar_documents(form: Any, accepted: list[str], refused: list[str]) -> None:
    """The same is asked of xgrammar itself in `tests/vllm`, where it is installed."""
    spec = structural_tag({"type": "structural_tag", "format": form})
    assert [text for text in accepted if not spec.accepts(text)] == []
    assert [text for text in refused if spec.accepts(text)] == []


def test_the_older_notation_is_that_of_triggered_tags() -> None:
    older = {"structures": [{"begin": "<a>", "schema": {"const": 1}, "end": "</a>"}], "triggers": ["<"]}
    anything = {"structures": [{"begin": "<a>", "end": "</a>"}], "triggers": ["<a"]}
    for text, one, other in (("so <a>1</a>", True, True), ("<a>2</a>", False, True), ("<b", False, True)):
        assert structural_tag(older).accepts(text) == one
        assert structural_tag(anything).accepts(text) == other


def test_calls_of_tools_as_vllm_states_them_for_hermes() -> None:
    """Forced, required, and left to the model, for two functions."""
    tags = [
        tag(f'<tool_call>\n{{"name": "{name}", "arguments": ', "}\n</tool_call>", {"type": "json_schema", **schema})
        for name, schema in (("f", {"json_schema": SCHEMA}), ("g", {"json_schema": True}))
    ]
    call = '<tool_call>\n{"name": "f", "arguments": {"a": 1}}\n</tool_call>'
    wrong = call.replace("1", '"1"')
    required = {"type": "tags_with_separator", "tags": tags, "separator": "", "at_least_one": True}
    auto = {"type": "triggered_tags", "triggers": ["<tool_call>"], "tags": tags}
    for form, expected in (
        (required, (True, True, False, False)),
        ({**required, "stop_after_first": True}, (True, False, False, False)),
        (auto, (True, True, False, True)),
    ):
        spec = structural_tag({"format": form})
        assert tuple(spec.accepts(text) for text in (call, call + call, wrong, "no call")) == expected


def deep(levels: int) -> dict[str, Any]:
    form: dict[str, Any] = X
    for _ in range(levels):
        form = {"type": "sequence", "elements": [form]}
    return form


@pytest.mark.parametrize(
    ("form", "error", "pointer"),
    [
        ({"type": "token", "token": 7}, UnsupportedError, "/format"),
        ({"type": "any_tokens"}, UnsupportedError, "/format"),
        ({"type": 7}, UnsupportedError, "/format"),
        (7, SpecError, "/format"),
        ({"type": "json_schema", "json_schema": True, "style": "qwen_xml"}, UnsupportedError, "/format/style"),
        ({"type": "json_schema", "json_schema": True, "excludes": ["a"]}, UnsupportedError, "/format/excludes"),
        ({"type": "json_schema", "json_schema": 7}, SpecError, "/format/json_schema"),
        ({"type": "json_schema", "json_schema": {"type": "objekt"}}, SpecError, "/format/json_schema/type"),
        ({"type": "any_text", "max_tokens": 7}, UnsupportedError, "/format/max_tokens"),
        ({"type": "any_text", "excludes": [7]}, SpecError, "/format/excludes/0"),
        ({"type": "regex", "pattern": "("}, SpecError, "/format"),
        ({"type": "sequence", "elements": []}, SpecError, "/format/elements"),
        ({"type": "sequence", "elements": [X, {"type": "regex"}]}, SpecError, "/format/elements/1/pattern"),
        (tag({"type": "token", "token": 1}, "x"), UnsupportedError, "/format/begin"),
        (tag("<a>", 7), SpecError, "/format/end"),
        (tag("<a>", "x", {"type": "regex", "pattern": "("}), SpecError, "/format/content"),
        ({**AMONG, "tags": [7]}, SpecError, "/format/tags/0"),
        ({**AMONG, "triggers": ["<c"]}, SpecError, "/format/tags/0/begin"),
        ({**LISTED, "tags": []}, SpecError, "/format/tags"),
        ({"type": "dispatch", "rules": [["", X]]}, SpecError, "/format/rules/0"),
        ({"type": "dispatch", "rules": [["a", {"type": "x"}]]}, UnsupportedError, "/format/rules/0/1"),
        ({"type": "repeat", "min": "1", "max": 2, "content": X}, SpecError, "/format"),
    ],
)
def test_formats_that_are_not_read_are_refused_by_name_and_place(
    form: Any, error: type[SpecError], pointer: str
) -> None:
    with pytest.raises(SpecError) as caught:
        structural_tag({"type": "structural_tag", "format": form})
    assert type(caught.value) is error
    assert caught.value.pointer == pointer
    assert pointer in str(caught.value)


@pytest.mark.parametrize("broken", [7, {}, {"structures": 7}, {"structures": [7], "triggers": ["<"]}])
def test_what_is_no_structural_tag_is_refused(broken: Any) -> None:
    with pytest.raises(SpecError):
        structural_tag(broken)


def test_formats_nest_so_deep_and_no_deeper() -> None:
    assert structural_tag({"format": deep(DEEPEST)}).accepts("x")
    with pytest.raises(LimitError, match=f"{DEEPEST} deep"):
        structural_tag({"format": deep(DEEPEST + 1)})


def test_whatever_plain_data_a_client_sends_is_read_or_refused_with_an_error_of_ours() -> None:
    values = [None, True, 0, -1, 1.5, "", "x", [], ["x"], [[]], {}, {"type": "x"}, {"type": None}]
    kinds = "json", "json_object", "regex", "choice", "grammar", "structural_tag"
    names = (
        "type",
        "begin",
        "content",
        "end",
        "elements",
        "tags",
        "triggers",
        "min",
        "max_chars",
        "json_schema",
        "rules",
    )
    asked = [{kind: value} for kind, value in itertools.product(kinds, values) if value is not None]
    forms = [
        {"type": kind, name: value}
        for kind in ("any_text", "tag", "json_schema", "triggered_tags", "repeat", "dispatch", "sequence", "or", "star")
        for name, value in itertools.product(names, values)
    ]
    for each in asked + [{"structural_tag": json.dumps({"format": form})} for form in forms]:
        try:
            spec_of(stated_of(Asked(**each), Config()))
        except ConstrainError:
            continue
