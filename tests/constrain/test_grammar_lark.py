"""Grammars against `lark` itself: Earley with the complete dynamic lexer, on derived texts and on mutations of them."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from constrain.grammar import Grammar
from tests.constrain.grammar_judge import MORE, accepts, candidates, nesting, shipped_names, shipped_text

TEXTS = {**{name: shipped_text(name) for name in shipped_names()}, **MORE}
UNHURRIED = settings(deadline=None, suppress_health_check=list(HealthCheck))


def agree(name: str, data: st.DataObject) -> None:
    grammar = Grammar(TEXTS[name])
    candidate = data.draw(candidates(TEXTS[name]))
    expected = accepts(TEXTS[name], candidate)
    if grammar.accepts(candidate) != expected:
        assert expected, f"{candidate!r} is accepted, and not by Lark"
        assert grammar.max_depth is not None, f"{candidate!r} is rejected, and not by Lark"
        assert nesting(candidate) > grammar.max_depth, f"{candidate!r} is rejected, and not by Lark"


@pytest.mark.parametrize("name", TEXTS)
@settings(UNHURRIED, max_examples=12)
@given(data=st.data())
def test_a_few_texts(name: str, data: st.DataObject) -> None:
    agree(name, data)


@pytest.mark.slow
@pytest.mark.parametrize("name", TEXTS)
@settings(UNHURRIED, max_examples=1000)
@given(data=st.data())
def test_many_texts(name: str, data: st.DataObject) -> None:
    agree(name, data)
