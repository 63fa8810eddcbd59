"""The format `regex`: regular expressions of ECMA-262 (section 22.2.1, with the `u` flag).

Groups nest, so that no automaton knows all of them. `regexes` is an exact part: groups of up to three levels,
look-around outside groups and without groups in it, counts below 1,000 with at most two digits before a comma, ranges
of characters between two digits or two letters of one case, one named group at the beginning. Back-references,
properties, `\\u{...}` and `\\0` are left out; `constrain.ecma_syntax` knows them all.
"""

from __future__ import annotations

from typing import Final

from constrain.automaton import Automaton
from constrain.expression import NOTHING, Expression, compile_expression, concat, optional, repeat, union
from constrain.json_text import canonical
from constrain.regex import parse, to_expression

__all__ = ["MAYBE_REGEX", "regexes"]

MAX_GROUPS = 3  # within one another; each level takes 600 states

MAYBE_REGEX: Final = r"(?:[^*+?)].*)?"
"""What does not begin with something that cannot begin a regular expression."""

_ALPHABETS = ("0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
_SHARED_ESCAPES = r"[dDwWsStnvfr^$\\.*+?()[\]{}|/]|c[A-Za-z]|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}"


def _expression(pattern: str) -> Expression:
    return to_expression(parse(f"(?s:{pattern})", flags="a"), canonical)


def _character_class() -> str:
    ranges = "|".join(f"{low}-[{low}-{alphabet[-1]}]" for alphabet in _ALPHABETS for low in alphabet)
    return rf"\[\^?-?(?:{ranges}|[^\\\]-]|\\(?:{_SHARED_ESCAPES}|[b-]))*-?\]"


def _quantifier() -> str:
    """Counts go up: `{m,n}` has m <= n."""
    ascending = [rf"{m},(?:[{m}-9]|[1-9]\d{{1,2}})" for m in range(10)]
    for tens, ones in (divmod(m, 10) for m in range(10, 100)):
        higher = f"|[{tens + 1}-9]\\d" if tens < 9 else ""
        ascending.append(rf"{tens}{ones},(?:{tens}[{ones}-9]{higher}|[1-9]\d\d)")
    return rf"(?:[*+?]|\{{(?:(?:\d|[1-9]\d{{1,2}}),?|{'|'.join(ascending)})\}})\??"


def regexes() -> Automaton:
    quantifier = compile_expression(_expression(_quantifier()))
    quantified = optional(quantifier)
    character = _expression(rf"[^\\^$.*+?()\[\]{{}}|]|\.|\\(?:{_SHARED_ESCAPES})")
    atom = compile_expression(union(character, _expression(_character_class())))
    parts = union(_expression(r"[|^$]|\\[bB]"), concat(atom, quantified))
    flat = repeat(parts)
    group: Expression = NOTHING
    for _ in range(MAX_GROUPS):
        group = concat(_expression(r"\((?:\?:)?"), repeat(union(parts, group)), _expression(r"\)"), quantified)
    look_around = concat(_expression(r"\(\?<?[=!]"), flat, _expression(r"\)"))
    named = concat(_expression(r"\(\?<[A-Za-z_$][A-Za-z0-9_$]*>"), flat, _expression(r"\)"), quantified)
    return compile_expression(concat(optional(named), repeat(union(parts, group, look_around))))
