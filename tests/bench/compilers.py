"""Compilers of JSON schemas to what a decoder asks, ours and others', behind one call.

Each takes a vocabulary (its tables are built at once, and kept) and gives a function that compiles a schema, or raises
`RefusedError` when the library says that it does not take the schema.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from outlines_core import Index  # type: ignore[import-untyped]  # it ships no types
from outlines_core import Vocabulary as TheirVocabulary
from outlines_core.json_schema import build_regex_from_schema  # type: ignore[import-untyped]

from constrain import formats, number_states
from constrain.constraint import compile
from constrain.errors import ConstrainError
from constrain.json_atoms import HasFormat, Whole
from constrain.json_formula import TRUE, atom
from constrain.json_numeric import number_language
from constrain.json_strings import string_language
from constrain.json_text import any_value
from constrain.recent import Recent
from constrain.vocabulary import Vocabulary

__all__ = ["COLD", "COMPILERS", "WARM", "Compiler", "RefusedError", "clear_caches", "outlines_vocabulary"]

Compiler: TypeAlias = Callable[[Any], Any]


class RefusedError(Exception):
    """The library does not compile this schema, and says so."""


def constrain(vocabulary: Vocabulary) -> Compiler:
    """From the schema to the token automaton and its distances: everything that decoding starts from."""

    def run(schema: Any) -> Any:
        try:
            compiled = compile(schema, vocabulary)
            assert compiled.shortest >= 0
        except ConstrainError as error:
            raise RefusedError(str(error)) from error
        return compiled

    run({"type": "null"})
    return run


def outlines_core(vocabulary: Vocabulary) -> Compiler:
    """From the schema to a regular expression, and to an index of it: transitions of every state by token."""
    theirs = outlines_vocabulary(vocabulary)

    def run(schema: Any) -> Any:
        try:
            return Index(build_regex_from_schema(json.dumps(schema)), theirs)
        except Exception as error:  # a ValueError, or whatever its Rust side raises
            raise RefusedError(str(error)) from error

    return run


def llguidance(vocabulary: Vocabulary) -> Compiler:
    """From the schema to a grammar and the mask of the first token; the rest is worked out lazily, while decoding."""
    from llguidance import LLMatcher, LLTokenizer, TokenizerWrapper

    theirs = LLTokenizer(TokenizerWrapper(Tokens(vocabulary)), n_vocab=vocabulary.size)

    def run(schema: Any) -> Any:
        matcher = LLMatcher(theirs, LLMatcher.grammar_from_json_schema(json.dumps(schema)), log_level=0)
        if not matcher.is_error():
            matcher.compute_bitmask()
        if matcher.is_error():
            raise RefusedError(matcher.get_error())
        return matcher

    return run


class Tokens:
    """A vocabulary as `llguidance` wants it: bytes per id; ids without bytes are special. It never has to encode."""

    bos_token_id = None

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.eos_token_id = vocabulary.end_of_turn[0]
        self.special_token_ids = [i for i, token in enumerate(vocabulary.tokens) if not token]
        self.tokens = [token or b"<special %d>" % i for i, token in enumerate(vocabulary.tokens)]
        self._single = {token: i for i, token in reversed([*enumerate(vocabulary.tokens)]) if token and len(token) == 1}

    def __call__(self, text: bytes) -> list[int]:
        return [self._single[bytes([byte])] for byte in text]


COLD = "constrain (from nothing)"
WARM = "constrain (caches kept)"

COMPILERS: Mapping[str, Callable[[Vocabulary], Compiler]] = {
    "constrain": constrain,
    COLD: constrain,
    WARM: constrain,
    "outlines-core": outlines_core,
    "llguidance": llguidance,
}


def outlines_vocabulary(vocabulary: Vocabulary) -> Any:
    ids: dict[str | bytes, list[int]] = {}
    for i, token in enumerate(vocabulary.tokens):
        if token:
            ids.setdefault(token, []).append(i)
    return TheirVocabulary(vocabulary.end_of_turn[0], ids)


def clear_caches(*, constants: bool = False) -> None:
    """Forget everything that we have compiled of any schema; tables that hang on a vocabulary stay with it.

    What depends on no schema is forgotten only with `constants`: the automata of any JSON value to some depth, any
    string, any integer and JSON's formats, and tables of Unicode (these are what is cached without bounds).
    """
    for name, module in list(sys.modules.items()):
        if name.startswith("constrain"):
            for value in list(vars(module).values()):
                if isinstance(value, Recent):
                    value.clear()
                elif hasattr(value, "cache_clear") and (constants or not is_constant(value)):
                    value.cache_clear()
    number_states._NODES.clear()
    if not constants:
        number_language(atom(Whole(fraction=True)))
        for formula in (TRUE, *(atom(HasFormat(name, "2020-12")) for name in formats.FORMATS)):
            string_language(formula)


def is_constant(cached: Any) -> bool:
    return cached in (any_value, formats._compiled) or cached.cache_parameters()["maxsize"] is None
