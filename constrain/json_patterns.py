"""The `pattern` keyword: which strings contain a match."""

from __future__ import annotations

import re
from functools import lru_cache

from constrain.automaton import Automaton
from constrain.errors import SpecError
from constrain.expression import compile_expression
from constrain.json_text import canonical
from constrain.regex import parse, search_expression

__all__ = ["pattern_content"]

_DISPUTED = re.compile(r"\\[DWSs]|\[\^(?:\\.|[^\]\\])*?\\[dws]", re.DOTALL)
"""Where ECMA-262 may match a character that Python's `re` does not, e.g. `\\W` an accented letter."""


@lru_cache(maxsize=256)
def pattern_content(pattern: str) -> Automaton:
    """The content (without quotes, canonically spelled) of the strings in which ECMA-262 finds a match.

    Validators written in Python use `re` for what the specification leaves to ECMA-262. A string is in the language
    only if both find a match, so that no validator refuses it; patterns that `re` cannot read are left to ECMA-262.
    """
    automaton = compile_expression(search_expression(parse(pattern, dialect="ecma"), canonical))
    if _DISPUTED.search(pattern):
        try:
            python = parse(pattern)
        except SpecError:
            return automaton
        automaton &= compile_expression(search_expression(python, canonical))
    return automaton
