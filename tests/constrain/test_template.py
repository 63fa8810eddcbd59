"""Forms: their language is judged by `re`, with lazy groups and back-references; values by what a form is."""

from __future__ import annotations

import datetime
import enum
import itertools
import re
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, TypeAdapter

from constrain.errors import LimitError, SpecError, UnsatisfiableError, UnsupportedError
from constrain.plain_text import PlainType
from constrain.spec import Spec
from constrain.specs import Choice, Regex
from constrain.template import Template
from constrain.template_syntax import parse_template
from constrain.text_lengths import Text
from tests.constrain.spec_oracle import CheckedText

ALPHABET = "ab-"
TEXTS = ["".join(letters) for size in range(7) for letters in itertools.product(ALPHABET, repeat=size)]
PATTERNS = {"x": "a|ab", "y": "[ab]?", "z": "-?", "v": "b|bb"}  # short, for `re` tries all ways to repeat them


def sources(depth: int = 2) -> st.SearchStrategy[list[Any]]:
    """Nodes: literal text, the name of a pattern for a new hole, `s` for a hole of all places, or a section."""
    leaf = st.sampled_from(["a", "-", "b-", *PATTERNS, "s"]).map(lambda word: ("leaf", word))
    nodes = st.one_of(leaf, leaf, st.tuples(st.sampled_from("?*+"), sources(depth - 1))) if depth else leaf
    return st.lists(nodes, min_size=1, max_size=3)


def written(nodes: list[Any], names: Iterator[int], repeated: bool, used: set[str]) -> tuple[str, str, dict[str, str]]:
    """The template, the regular expression with a group for every hole, and the patterns of the holes."""
    source = pattern = ""
    holes: dict[str, str] = {}
    for kind, inner in nodes:
        if kind == "leaf" and inner in PATTERNS:
            name = f"{inner}{next(names)}"
            source += f"{{{name}}}"
            pattern += f"(?P<{name}>{PATTERNS[inner]})"
            holes[name] = PATTERNS[inner]
        elif kind == "leaf" and inner == "s":
            if not repeated and "s" in used:
                source += "{s}"
                pattern += "(?P=s)"
        elif kind == "leaf":
            source += inner
            pattern += re.escape(inner)
        else:
            more = written(inner, names, repeated or kind != "?", used)
            source += f"[{kind}{more[0]}{kind}]"
            pattern += f"(?:{more[1]}){kind}"
            holes |= more[2]
    return source, pattern, holes


@settings(deadline=None, max_examples=30)
@given(sources())
def test_a_form_is_the_regular_expression_of_its_nodes(nodes: list[Any]) -> None:
    source, pattern, holes = written(nodes, itertools.count(), False, {"s"})
    source, pattern, holes = "{s}" + source, "(?P<s>a|bb)" + pattern, holes | {"s": "a|bb"}
    template = Template(source, **{name: Regex(each) for name, each in holes.items()})
    compiled = re.compile(pattern)
    for text in TEXTS[: sum(3**size for size in range(6))]:
        accepted = template.accepts(text)
        assert accepted == (compiled.fullmatch(text) is not None), (source, text)
        if accepted and len(text) < 5:
            assert template.parse(text).keys() == holes.keys()


@settings(deadline=None, max_examples=80)
@given(st.lists(st.sampled_from([*"ab-", *PATTERNS]), min_size=1, max_size=5), st.sampled_from(TEXTS))
def test_the_first_hole_is_as_short_as_it_can_be(nodes: list[str], text: str) -> None:
    names = [f"{node}{n}" if node in PATTERNS else None for n, node in enumerate(nodes)]
    source = "".join(node if name is None else f"{{{name}}}" for node, name in zip(nodes, names, strict=True))
    template = Template(source, **{name: Regex(PATTERNS[name[0]]) for name in names if name})
    patterns = [re.escape(node) if name is None else PATTERNS[node] for node, name in zip(nodes, names, strict=True)]
    found = [
        pieces
        for cuts in itertools.combinations_with_replacement(range(len(text) + 1), len(nodes) - 1)
        for pieces in [[text[i:j] for i, j in itertools.pairwise([0, *cuts, len(text)])]]
        if all(re.fullmatch(pattern, piece) for pattern, piece in zip(patterns, pieces, strict=True))
    ]
    assert template.accepts(text) == bool(found)
    if found:
        first = min(found, key=lambda pieces: [len(piece) for piece in pieces])
        value = {name: piece for name, piece in zip(names, first, strict=True) if name}
        assert template.parse(text) == value
        assert template.parse(template.dumps(value)) == value


LETTER = Template("Dear {name}, your total is {total}.", name=str, total=Decimal)


class Size(enum.Enum):
    SMALL = "small"
    LARGE = 'so "large"'


class Point(BaseModel):
    x: int


def test_a_form_is_filled_in_and_read() -> None:
    text = "Dear Ada, your total is 3.50."
    assert LETTER.parse(text) == {"name": "Ada", "total": Decimal("3.50")}
    assert LETTER.dumps({"name": "Ada", "total": Decimal("3.50")}) == text
    for wrong in ("Dear , your total is 3.", "Dear Ada, your total is x.", "Dear Ada\n, your total is 3.", "Dear Ada"):
        assert not LETTER.accepts(wrong)
        with pytest.raises(SpecError, match="does not satisfy form 'Dear"):
            LETTER.parse(wrong)


@pytest.mark.parametrize(
    ("type_", "value", "text"),
    [
        (str, 'a "b" \\ é😀', 'a "b" \\ é😀'),
        (int, -12, "-12"),
        (float, 1e-7, "0.0000001"),
        (float, 1e22, "10000000000000000000000"),
        (float, 2.5, "2.5"),
        (Decimal, Decimal("12345678901234567890.10"), "12345678901234567890.10"),
        (Decimal, Decimal("1E+3"), "1000"),
        (bool, True, "true"),
        (datetime.date, datetime.date(2024, 2, 29), "2024-02-29"),
        (uuid.UUID, uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (Size, Size.LARGE, 'so "large"'),
        (Literal["a", ""], "", ""),
        (Literal["one\nline", "b"], "one\nline", "one\nline"),
        (Literal["a", 3], "a", '"a"'),
        (Annotated[int, Field(ge=1, le=31)], 31, "31"),
        (Annotated[str, Field(pattern=r'^"\d"$')], '"5"', '"5"'),
        (Annotated[str, Field(max_length=3)], "", ""),
        (int | None, None, "null"),
        (list[int], [1, 2], "[1, 2]"),
        (Point, Point(x=1), '{"x": 1}'),
    ],
    ids=str,
)
def test_types_are_written_plainly(type_: Any, value: Any, text: str) -> None:
    spec = PlainType(type_)
    assert spec.dumps(value) == text
    assert spec.accepts(text)
    found = spec.parse(text)
    assert found == value
    assert type(found) is type(value)


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=6))
def test_a_plain_string_is_one_line(text: str) -> None:
    controls = any(char < " " or "\x7f" <= char <= "\x9f" or char in "\u2028\u2029" for char in text)
    assert PlainType(str).accepts(text) == (bool(text) and not controls)
    assert PlainType(Annotated[str, Field(min_length=2)]).accepts(text) == (len(text) >= 2 and not controls)


@settings(deadline=None, max_examples=200)
@given(st.text('ab"\\/\t\n', max_size=4))
def test_plain_strings_are_the_strings_that_pydantic_takes(text: str) -> None:
    type_ = Annotated[str, Field(pattern=r'^[ab"]*[\\\t/]?$', max_length=3)]
    try:
        TypeAdapter(type_).validate_python(text)
        valid = "\t" not in text and "\n" not in text
    except ValueError:
        valid = False
    assert PlainType(type_).accepts(text) == valid


@pytest.mark.parametrize("text", ["1e5", "1.", "+1", "01", "--1", "", "1 ", "NaN"])
def test_plain_numbers_are_decimals(text: str) -> None:
    for type_ in (float, Decimal, int):
        assert not PlainType(type_).accepts(text)
    with pytest.raises(SpecError, match="nan cannot be written as plain text of Python type 'float'"):
        PlainType(float).dumps(float("nan"))


def test_checks_on_the_text_are_those_of_the_type() -> None:
    spec = PlainType(Annotated[str, Field(json_schema_extra={"format": "hostname"})])
    assert spec.residual
    assert spec.accepts("example.org")
    wrong = "xn--a.org"
    assert spec.accepts(wrong, residual=False)
    assert not spec.accepts(wrong)
    form = Template("<{host}>", host=spec)
    assert form.residual
    assert form.accepts("<example.org>")
    assert not form.accepts(f"<{wrong}>")
    assert not PlainType(dict[str, int]).accepts('{"a": 1, "a": 2}')
    assert not PlainType(int).residual


def test_sections_are_optional_or_repeated() -> None:
    form = Template(
        "{title}[? ({year})?]:\n[+- {item}[? x{count}?]\n+][*\n{name}: [*{tag};*]*]",
        title=str,
        year=int,
        item=Regex("[a-z]+"),
        count=int,
        name=Regex("[A-Z]"),
        tag=Regex("[a-z]"),
    )
    text = "List (2024):\n- nut x3\n- bolt\n\nA: a;b;\nB: \nC: c;"
    value = {
        "title": "List",
        "year": 2024,
        "item": ["nut", "bolt"],
        "count": [3, None],
        "name": ["A", "B", "C"],
        "tag": [["a", "b"], [], ["c"]],
    }
    assert form.parse(text) == value
    assert form.dumps(value) == text
    short = {"title": "List", "item": ["nut"]}
    assert form.dumps(short) == "List:\n- nut\n"
    assert form.parse("List:\n- nut\n") == short | {"year": None, "count": [None], "name": [], "tag": []}
    assert not form.accepts("List:\n")


def test_sections_without_holes_say_nothing() -> None:
    form = Template("a[?b?][*c*][+d+]")
    assert form.parse("abccdd") == {}
    assert form.dumps({}) == "ad"


def test_braces_and_brackets_can_be_written() -> None:
    form = Template('{{{x}}} [{x_1}] {"[?"}{"?]"}{"{y}"} * + ?', x=int, x_1=Choice(["a"]))
    assert form.parse("{5} [a] [??]{y} * + ?") == {"x": 5, "x_1": "a"}


def test_holes_take_any_spec() -> None:
    inner = Template("{a}/{b}", a=int, b=int)
    form = Template("{x} {y} {z}", x=inner, y={"type": "string"}, z=Text(chars=2))
    value = {"x": {"a": 1, "b": 2}, "y": "s", "z": "no"}
    assert form.dumps(value) == '1/2 "s" no'
    assert form.parse('1/2 "s" no') == value
    assert not form.bounded
    assert "nested at most" in Template("{x}", x=True).bounded[0]


def test_a_hole_in_several_places_has_one_text() -> None:
    form = Template("{code}: {text}[? see {code}?] ({n}-{n})", code=Regex("[A-Z]{2}"), text=str, n=bool)
    text = "AB: CD see AB (true-true)"
    assert form.parse(text) == {"code": "AB", "text": "CD", "n": True}
    assert form.dumps({"code": "AB", "text": "CD", "n": False}) == "AB: CD see AB (false-false)"
    assert not form.accepts("AB: CD (true-false)")
    assert form.accepts("AB: CD see CD (true-true)")  # as text
    only = Template("[?{a}?]-[?{a}?]", a=Choice(["x", "y"]))
    assert [only.accepts(text) for text in ("-", "x-x", "x-", "-y", "x-y")] == [True, True, True, True, False]
    assert only.parse("-y") == {"a": "y"}
    each = Template("[*{a}={a};*]", a=Choice(["x", "y"]))
    assert each.accepts("x=x;y=y;")
    assert not each.accepts("x=y;")
    assert each.parse("x=x;y=y;") == {"a": ["x", "y"]}


@pytest.mark.parametrize(
    ("source", "position", "message"),
    [
        ("ab {", 3, "a lone {"),
        ("ab }", 3, "a lone }"),
        ("{first name}", 0, "a lone {"),
        ("{0}", 0, "a lone {"),
        ("a[?b", 1, "[? opens a section that is not closed"),
        ("a[?b[*c*]", 1, "[? opens a section that is not closed"),
        ("ab*]", 2, "*] closes no section"),
        ("[?b*]", 3, "*] closes no section"),
        ("x {unknown}", 2, "the hole 'unknown' has no specification"),
        ("[*\n{unknown}*]", 3, "the hole 'unknown' has no specification"),
        ("no hole", 7, "there is no hole 'x'"),
    ],
)
def test_what_is_malformed_is_shown(source: str, position: int, message: str) -> None:
    with pytest.raises(SpecError, match=re.escape(message)) as caught:
        Template(source, x=str)
    assert caught.value.position == position
    assert "^" in str(caught.value)


@pytest.mark.parametrize(
    ("source", "position", "message"),
    [
        ("{a} {a}", 4, "any number of texts"),
        ("{b} - {b}", 6, "more than 4,096 texts"),
        ("{c} {c} {d} {d}", 12, "more than 4,096 texts"),
        ("{c} [*{c}*]", 6, "once and again in a repeated section"),
        ("[*{c}*]{c}", 7, "once and again in a repeated section"),
        ("[*{c}*][+{c}+]", 9, "once and again in a repeated section"),
        ("{c}{e}{c}", 6, "parts of the form are checked on the text"),
    ],
)
def test_what_cannot_be_made_to_agree_is_refused(source: str, position: int, message: str) -> None:
    specs: dict[str, Any] = {
        "a": str,
        "b": datetime.date,
        "c": Regex("[a-z]{2}"),
        "d": Regex("[a-z]{2}"),
        "e": CheckedText("even"),
    }
    used = {name: spec for name, spec in specs.items() if f"{{{name}}}" in source}
    with pytest.raises(UnsupportedError, match=message) as caught:
        Template(source, **used)
    assert caught.value.position == position
    assert caught.value.keyword in used


def test_forms_have_limits() -> None:
    assert Template("-" * 5_000 + "{x}{x}" + "-" * 5_000, x=Regex("[a-z]{2}")).automaton.states < 20_000
    with pytest.raises(LimitError):
        _ = Template("{x}" + "-" * 5_000 + "{x}", x=Regex("[a-z]{2}")).automaton


@pytest.mark.parametrize(
    ("source", "spec", "value", "text"),
    [
        ("<{x}>", int | None, None, "<null>"),
        ("<{x}>", int | None, 3, "<3>"),
        ("<{x}>", Choice(["a"]).optional(), None, "<>"),
        ("<[? {x}?]>", int | None, None, "<>"),
        ("[*<{x}>*]", int | None, [1, None], "<1><null>"),
        ("[*<[?{x}?]>*]", int | None, [1, None], "<1><>"),
    ],
)
def test_none_is_written_where_it_is_a_value(source: str, spec: Any, value: Any, text: str) -> None:
    form = Template(source, x=spec)
    assert form.dumps({"x": value}) == text
    assert form.parse(text) == {"x": value}


def test_no_text_of_strings_stands_for_none() -> None:
    with pytest.raises(SpecError, match="no value is given for the hole 'x'"):
        Template("<{x}>", x=Regex("[A-Za-z]+")).dumps({"x": None})


def test_sections_nest_so_deep_and_no_deeper() -> None:
    assert Template("[?" * 50 + "{x}" + "?]" * 50, x=int).parse("1") == {"x": 1}
    with pytest.raises(LimitError, match="nested more than 50 deep"):
        Template("[?" * 51 + "{x}" + "?]" * 51, x=int)


def test_what_does_not_fit_is_not_written() -> None:
    form = Template("{a}[? {b}{c}?][*,{d}{e}*]", a=int, b=int, c=Choice(["!"]), d=int, e=Choice(["?"]))
    good = {"a": 1, "b": 2, "c": "!", "d": [3, 4], "e": ["?", "?"]}
    assert form.dumps(good) == "1 2!,3?,4?"
    for change, message in [
        ({"f": 1}, "there is no hole 'f'"),
        ({"a": None}, "no value is given for the hole 'a'"),
        ({"b": None}, "no value is given for the hole 'b'"),
        ({"d": 3}, "a list of values is needed for a repeated section, not 3"),
        ({"d": [3]}, r"different lengths \(d: 1, e: 2\)"),
    ]:
        with pytest.raises(SpecError, match=message):
            form.dumps(good | change)
    with pytest.raises(SpecError, match="a mapping of the holes to their values is needed"):
        form.dumps([1])
    with pytest.raises(SpecError, match="is read as"):
        Template("{x}, {y}", x=str, y=str).dumps({"x": "a, b", "y": "c"})
    with pytest.raises(SpecError, match="it would be 'a'"):
        Template("[+{x}+]a", x=int).dumps({"x": []})


def test_a_template_is_a_text_with_specs() -> None:
    with pytest.raises(SpecError, match="a template is a string, not 3"):
        Template(3)  # type: ignore[arg-type]  # what a user may do
    with pytest.raises(SpecError, match="'str' is not a specification"):
        Template("{x}", x="str")
    with pytest.raises(UnsatisfiableError):
        _ = Template("{x}", x=Text(chars=1, words=3)).automaton
    with pytest.raises(UnsupportedError, match="tokens are counted of whole outputs"):
        Template("{x}", x=Text(tokens=3))
    assert Template("{self}{source}", self=int, source=Choice([";"])).parse("5;") == {"self": 5, "source": ";"}


def test_descriptions_are_short() -> None:
    assert LETTER.describe() == "form 'Dear {name}, your total is {total}.'"
    assert len(Template("a" * 500).describe()) < 80
    assert isinstance(LETTER, Spec)


def test_nodes_know_where_they_are() -> None:
    nodes = parse_template("ab{x}[?{y}?]")
    assert [getattr(node, "position", None) for node in nodes] == [None, 2, 5]
