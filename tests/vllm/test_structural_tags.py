"""Structural tags mean here what they mean to xgrammar, which vLLM has beside it."""

from __future__ import annotations

import itertools
import json
from functools import cache
from typing import Any

import pytest
import xgrammar

from constrain.engine.vllm_structural_tags import structural_tag
from tests.engine.test_vllm_requests import FORMS

PIECES = "x", "<a>", "</a>", "<b>", "</b>", ",", "y", "<", "!"
END = 256


@cache
def compiler() -> Any:
    """A tokenizer of all bytes, and an end."""
    tokens = [bytes([byte]) for byte in range(256)] + [b"</s>"]
    info = xgrammar.TokenizerInfo(tokens, vocab_type=xgrammar.VocabType.RAW, stop_token_ids=[END])
    return xgrammar.GrammarCompiler(info)


@pytest.mark.parametrize(("form", "accepted", "refused"), FORMS)
def test_the_same_texts_are_allowed(form: Any, accepted: list[str], refused: list[str]) -> None:
    """The texts of the table, and all of up to three pieces; control characters are refused here alone."""
    tag = {"type": "structural_tag", "format": form}
    spec, grammar = structural_tag(tag), compiler().compile_structural_tag(json.dumps(tag))
    texts = {"".join(parts) for length in range(4) for parts in itertools.product(PIECES, repeat=length)}
    for text in sorted(texts.union(accepted, refused) - {"\x00"}):
        matcher = xgrammar.GrammarMatcher(grammar)
        allowed = matcher.accept_string(text) and matcher.accept_token(END)
        assert spec.accepts(text) == allowed, text
