"""Combined specs mean what their parts mean; the judge tries every division of a text by definition."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from constrain.algebra import both, complement, either, joined, maybe, repetition
from constrain.errors import LimitError, SpecError, UnsatisfiableError, UnsupportedError
from constrain.replies import FreeText
from constrain.spec import Spec
from constrain.specs import Choice, Regex
from constrain.sums import Joined, Repeated
from constrain.text_lengths import Text
from tests.constrain.spec_oracle import TEXTS, CheckedText, Tree, divisions, means, readings, spec_of, trees

EVEN, APART = CheckedText("even"), CheckedText("apart")
AB = Regex("[ab]*")


def inhabited(tree: Tree) -> Spec:
    """The spec of a tree, all parts of which have texts."""
    spec = spec_of(tree)
    try:
        _ = spec.automaton
    except UnsatisfiableError:
        assume(False)
    return spec


@settings(deadline=None, max_examples=60)
@given(trees())
def test_a_text_is_accepted_as_its_parts_accept(tree: Tree) -> None:
    check_language(tree)


@pytest.mark.slow
@settings(deadline=None, max_examples=500)
@given(trees(checked=True) | trees())
def test_sweep(tree: Tree) -> None:
    if "~" not in str(tree):
        check_faults(tree)
    check_language(tree)


def check_language(tree: Tree) -> None:
    spec, known = inhabited(tree), {}
    for text in TEXTS:
        assert spec.accepts(text) == means(tree, text, known), text


@settings(deadline=None, max_examples=60)
@given(trees(checked=True))
def test_checks_on_the_text_are_those_of_the_parts(tree: Tree) -> None:
    """And what they object to is wrong for good."""
    check_faults(tree)


def check_faults(tree: Tree) -> None:
    spec, known = inhabited(tree), {}
    right = [text for text in TEXTS if means(tree, text, known)]
    for text in TEXTS:
        assert spec.accepts(text) == (text in right), text
        for complete in (True, False):
            fault = spec.fault(text, complete=complete)
            if fault is None:
                continue
            begin, end = fault
            assert 0 <= begin <= end <= len(text)
            assert not complete or text not in right
            if end < len(text) or not complete:
                assert not [other for other in right if other.startswith(text[:end])], (text, fault)


@settings(deadline=None, max_examples=70)
@given(st.tuples(st.just("+"), trees(), st.tuples(st.just("+"), trees(), trees())), st.sampled_from(TEXTS))
def test_of_several_divisions_the_first_part_is_shortest(tree: Tree, text: str) -> None:
    spec, first = inhabited(tree), next(readings(tree, text, {}), None)
    assert isinstance(spec, Joined)
    if first is None:
        with pytest.raises(SpecError, match="does not satisfy"):
            spec.texts(text)
    else:
        assert tuple(spec.texts(text)) == first


@settings(deadline=None, max_examples=70)
@given(
    trees(checked=True),
    st.sampled_from([(0, None), (1, None), (2, None), (0, 2), (2, 3), (4, 4)]),
    st.sampled_from(TEXTS),
)
def test_repeated_texts_are_shortest_first_and_empty_ones_come_last(
    tree: Tree, bounds: tuple[int, int | None], text: str
) -> None:
    low, high = bounds
    part, known = inhabited(tree), {}
    spec = Repeated(part, low, high)
    found: list[tuple[str, ...]] = []
    for count in range(len(text) + 1 if high is None else high + 1):
        pieces = [piece for piece in divisions(text, count) if all(piece) and all(means(tree, x, known) for x in piece)]
        if count < low and means(tree, "", known):
            pieces = [(*piece, *[""] * (low - count)) for piece in pieces]
        found += pieces if count >= low or means(tree, "", known) else []
    if found:
        assert spec.texts(text) == list(min(found, key=lambda pieces: [len(piece) for piece in pieces]))
    else:
        with pytest.raises(SpecError, match="does not satisfy"):
            spec.texts(text)


def test_a_division_that_a_check_refuses_is_passed_over() -> None:
    assert joined(AB, EVEN, Choice(["b"])).parse("aaab") == ("a", "aa", "b")
    assert joined(EVEN, AB).parse("abb") == ("", "abb")
    assert joined(APART, Choice(["bb"]), APART).parse("babbab") == ("ba", "bb", "ab")


@pytest.mark.parametrize(
    ("spec", "text", "value"),
    [
        (either(int, Regex(r"\w+")), "12", 12),
        (either(int, Regex(r"\w+")), "x", "x"),
        (either(Regex(r"\w+"), int), "12", "12"),
        (both(int, Regex(".{2}")), "12", 12),
        (complement(Regex("a")), "b", "b"),
        (joined(int, Choice(["-"]), bool), "5-true", (5, "-", True)),
        (joined(joined(Choice(["a"]), int), joined(Choice(["b"]), int)), "a1b2", ("a", 1, "b", 2)),
        (maybe(int), "", None),
        (maybe(int), "7", 7),
        (repetition(either(Choice(["a"]), int), 2), "a1a", ["a", 1, "a"]),
        (repetition(joined(int, Choice([";"])), 0, 2), "", []),
        (joined(maybe(joined(int, Choice(["€"]))), Choice(["é"])), "3€é", ((3, "€"), "é")),
        (repetition(repetition(Choice(["a"]), 1, 2), 1, 2), "aaa", [["a"], ["a", "a"]]),
    ],
)
def test_values_are_those_of_the_parts(spec: Spec, text: str, value: Any) -> None:
    assert spec.accepts(text)
    assert spec.parse(text) == value
    assert spec.dumps(value) == text


class Point(BaseModel):
    x: int


class Short(Regex):
    """Less than what was asked for."""

    @property
    def bounded(self) -> tuple[str, ...]:
        return ("at most three letters",)


def test_a_value_of_an_alternative_is_written_so_that_it_is_read_again() -> None:
    assert either(str, int, Point).dumps(5) == "5"
    assert either(Regex(".*"), int).dumps("5") == "5"
    assert either(Point, Literal["x"]).dumps(Point(x=1)) == '{"x": 1}'
    assert either({"type": "array"}, int).dumps([1]) == "[1]"
    with pytest.raises(SpecError, match=r"no text of .* stands for '1'"):
        either(int, Choice(["1", "2"])).dumps("1")
    with pytest.raises(SpecError, match="stands for 'c'"):
        either(Choice(["a"]), Choice(["b"])).dumps("c")


def test_a_text_outside_the_language_has_no_value() -> None:
    with pytest.raises(SpecError, match=r"'c' does not satisfy choice of 'a' \| choice of 'b'"):
        either(Choice(["a"]), Choice(["b"])).parse("c")


def test_values_that_would_be_read_otherwise_are_not_written() -> None:
    with pytest.raises(SpecError, match=r"'aa' is read as \('', 'aa'\)"):
        joined(Regex("a*"), Regex("a*")).dumps(("a", "a"))
    with pytest.raises(SpecError, match=r"'ab' is read as \['a', 'b'\]"):
        repetition(Regex("a|ab|b")).dumps(["ab"])
    assert repetition(Regex("a|b"), 1, 2).dumps(["a", "b"]) == "ab"
    with pytest.raises(SpecError, match="a tuple of 2 values is needed, not 'ab'"):
        joined(Regex("a"), Regex("b")).dumps("ab")
    with pytest.raises(SpecError, match="a list of values is needed, not 'ab'"):
        repetition(Regex("a")).dumps("ab")
    with pytest.raises(SpecError, match="stands for"):
        repetition(Regex("a"), 0, 1).dumps(["a", "a"])
    with pytest.raises(SpecError, match="stands for ''"):
        maybe(Regex("a*")).dumps("")
    with pytest.raises(SpecError, match="does not satisfy"):
        both(Regex("a*"), Text(chars=2)).dumps("aaa")
    with pytest.raises(SpecError, match="does not satisfy"):
        complement(Regex("a")).dumps("a")


def test_nothing_in_common_is_unsatisfiable() -> None:
    with pytest.raises(UnsatisfiableError, match="no text satisfies regex 'a' & choice of 'b'"):
        _ = both(Regex("a"), Choice(["b"])).automaton
    with pytest.raises(UnsatisfiableError, match="no text satisfies regex 'a' & choice of 'b'"):
        _ = either(Regex("c"), both(Regex("a"), Choice(["b"]))).automaton
    with pytest.raises(UnsatisfiableError, match="no text satisfies ~"):
        _ = complement(Regex("(?s:.*)")).automaton


def test_complements_are_of_texts() -> None:
    spec = complement(Regex("[é-ü]"))
    assert spec.accepts("e")
    assert spec.accepts("éé")
    assert spec.accepts("\x00")
    assert spec.accepts("è")
    assert not spec.accepts("ê")
    assert not spec.accepts("\udcff")
    assert (spec.automaton - Regex("(?s:.*)").automaton).is_empty()
    assert complement(spec).automaton == Regex("[é-ü]").automaton


def test_a_complement_that_would_not_be_exact_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="part of it is checked on the text"):
        complement(EVEN)
    with pytest.raises(UnsupportedError, match="cannot be enforced exactly: at most three letters"):
        complement(Short("a{,3}"))


def test_bounds_and_checks_of_the_parts_are_told() -> None:
    spec = joined({"type": "object"}, either(EVEN, Choice(["x"])))
    assert spec.bounded == either({"type": "object"}, int).bounded
    assert len(spec.bounded) == 1
    assert "checked on text: even text | choice of 'x'" in spec.explain()
    assert "checked on text" not in joined(AB, AB).explain()


def test_sizes_have_limits() -> None:
    with pytest.raises(LimitError):
        _ = repetition(Regex("(a|b)*a(a|b){12}b?"), 3, 9).automaton
    with pytest.raises(LimitError, match="more than 100,000 automaton states"):
        _ = repetition(AB, 10_000_000).automaton
    with pytest.raises(LimitError, match="combining two automata"):
        _ = both(Text(chars=280, lines=2), Text(words=50)).automaton


@pytest.mark.parametrize(("low", "high"), [(-1, None), (2, 1), (0.5, None), (0, "1")])
def test_numbers_of_repetitions_make_sense(low: Any, high: Any) -> None:
    with pytest.raises(SpecError, match="nothing is repeated between"):
        repetition(AB, low, high)


def test_descriptions_nest() -> None:
    spec = maybe(joined(either(Regex("a"), complement(Regex("b"))), repetition(Regex("c"), 1), repetition(AB, 0, 2)))
    assert spec.describe() == (
        "optional ((regex 'a' | (~regex 'b')) + (1 or more times regex 'c') + (0 to 2 times regex '[ab]*'))"
    )
    assert both(Regex("a"), FreeText(), Regex("b")).describe() == "regex 'a' & free text & regex 'b'"


def test_tokens_are_counted_of_whole_outputs_only() -> None:
    ten = Text(tokens=10)
    for combine in (complement, repetition, lambda spec: joined(spec, AB), lambda spec: joined(AB, maybe(spec))):
        with pytest.raises(UnsupportedError, match="tokens are counted of whole outputs"):
            combine(ten)
    with pytest.raises(UnsupportedError, match="a number of tokens as an alternative to what is checked on the text"):
        either(ten, EVEN)


class TestOperators:
    """`|`, `&`, `~`, `+`, `optional` and `repeat` on any spec, with anything that stands for one on either side."""

    a: Any = Regex("a")

    def test_each_is_its_function(self) -> None:
        a, b = self.a, Choice(["b"])
        assert a | b == either(a, b)
        assert a & b == both(a, b)
        assert ~a == complement(a)
        assert a + b == joined(a, b)
        assert a.optional() == maybe(a)
        assert a.repeat(1) == repetition(a, 1)
        assert a.repeat(1, 2) == repetition(a, 1, 2)
        assert a.repeat() == repetition(a)

    def test_types_and_schemas_are_taken_on_either_side(self) -> None:
        assert (int | self.a).parse("1") == 1
        assert (self.a | int).parse("1") == 1
        assert (Point & Regex(".{8}")).parse('{"x": 1}') == Point(x=1)
        assert ({"type": "null"} + self.a).parse("nulla") == (None, "a")
        assert (self.a + {"type": "null"}).parse("anull") == ("a", None)

    def test_sums_and_alternatives_are_flat(self) -> None:
        assert (self.a + (self.a + self.a)).parse("aaa") == ("a", "a", "a")
        assert (self.a | self.a | self.a).describe() == "regex 'a' | regex 'a' | regex 'a'"

    def test_what_is_no_specification_is_refused(self) -> None:
        with pytest.raises(SpecError, match="is not a specification"):
            _ = self.a + "b"
        with pytest.raises(SpecError, match="is not a specification"):
            _ = "b" + self.a
