"""Grammars against `lark` itself: Earley with the complete dynamic lexer, on derived texts and on mutations of them."""

from __future__ import annotations

import lark
import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from constrain.errors import LimitError, SpecError
from constrain.grammar import Grammar
from tests.constrain.grammar_judge import (
    MORE,
    accepts,
    candidates,
    nesting,
    parser,
    shipped_names,
    shipped_text,
    short_texts,
)

TEXTS = {**{name: shipped_text(name) for name in shipped_names()}, **MORE}
BODIES = st.recursive(
    st.sampled_from(['"a"', '"b"', "A", "start", "x", "y"]),
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(" ".join),
        st.lists(inner, min_size=2, max_size=3).map(" | ".join).map("({})".format),
        st.tuples(inner, st.sampled_from(["?", "*", "+", "~2", "~0..2"])).map(lambda pair: f"({pair[0]}){pair[1]}"),
        inner.map("[{}]".format),
    ),
    max_leaves=5,
)
TERMINALS = ["/c/", "/a|ab/", "/b+?c?/", '"ab" | "c"']
IGNORED = ["", "", "%ignore /c+/", '%ignore "c" | "cb"']
UNHURRIED = settings(deadline=None, suppress_health_check=list(HealthCheck))


def agree(name: str, candidate: str) -> None:
    grammar = Grammar(TEXTS[name])
    expected = accepts(TEXTS[name], candidate)
    event("accepted by Lark" if expected else "rejected by Lark")
    if grammar.accepts(candidate) != expected:
        assert expected, f"{candidate!r} is accepted, and not by Lark"
        assert grammar.max_depth is not None, f"{candidate!r} is rejected, and not by Lark"
        assert nesting(candidate) > grammar.max_depth, f"{candidate!r} is rejected, and not by Lark"


@pytest.mark.parametrize("name", TEXTS)
@settings(UNHURRIED, max_examples=12)
@given(data=st.data())
def test_a_few_texts(name: str, data: st.DataObject) -> None:
    agree(name, data.draw(candidates(TEXTS[name], longest=20)))


@pytest.mark.slow
@pytest.mark.parametrize("name", TEXTS)
@settings(UNHURRIED, max_examples=1000)
@given(data=st.data())
def test_many_texts(name: str, data: st.DataObject) -> None:
    agree(name, data.draw(candidates(TEXTS[name])))


def agree_on_short_texts(body: str, x: str, y: str, terminal: str, ignored: str) -> None:
    """All texts of four letters nest less than four deep."""
    text = f'start: {body} | "a"\nx: {x} | "b" start\ny: {y} | A "b"\nA: {terminal}\n{ignored}'
    try:
        parser(text)
        grammar = Grammar(text, max_depth=4)
        grammar.automaton  # noqa: B018 - compiled now, to leave out what is too large
    except (lark.exceptions.LarkError, LimitError):
        assume(False)
    except SpecError as error:  # which Lark would read
        assume("infinitely ambiguous" not in error.message)
        raise
    for candidate in short_texts("abc", 4):
        assert grammar.accepts(candidate) == accepts(text, candidate), candidate


RULES = given(BODIES, BODIES, BODIES, st.sampled_from(TERMINALS), st.sampled_from(IGNORED))


@settings(UNHURRIED, max_examples=12)
@RULES
def test_random_rules(body: str, x: str, y: str, terminal: str, ignored: str) -> None:
    agree_on_short_texts(body, x, y, terminal, ignored)


@pytest.mark.slow
@settings(UNHURRIED, max_examples=1000)
@RULES
def test_many_random_rules(body: str, x: str, y: str, terminal: str, ignored: str) -> None:
    agree_on_short_texts(body, x, y, terminal, ignored)
