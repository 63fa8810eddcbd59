"""From what a schema says of strings, a formula over string atoms, to the language of their spellings."""

from __future__ import annotations

from functools import lru_cache, reduce
from operator import and_, or_

from constrain.automaton import Automaton
from constrain.expression import NOTHING, Expression, compile_expression, union
from constrain.formats import format_content, is_right
from constrain.json_atoms import HasFormat, LengthFrom, Matches, TextAmong
from constrain.json_formula import FALSE, TRUE, Formula, atoms, rewrite
from constrain.json_lengths import between_quotes
from constrain.json_patterns import pattern_content, unmatched_content
from constrain.json_text import canonical_string, canonical_text, content, free_strings, quoted

__all__ = ["contents", "holds_text", "string_language"]


@lru_cache(maxsize=1024)
def string_language(formula: Formula) -> Automaton:
    """The spellings, quotes included, of the strings of which the formula holds.

    Strings of which only the length matters are spelled freely, others canonically (see `json_text`).
    """
    if all(isinstance(each, LengthFrom) for each in atoms(formula)):
        return free_strings(tuple(_lengths(formula)))
    if isinstance(formula.atom, TextAmong) and formula.positive:
        return compile_expression(quoted(_texts(formula.atom.values)))
    return between_quotes(contents(formula))


def _lengths(formula: Formula) -> list[tuple[int, int | None]]:
    """The intervals of lengths at which a formula over lengths holds."""
    steps = sorted({0, *(each.low for each in atoms(formula) if isinstance(each, LengthFrom))})
    intervals: list[tuple[int, int | None]] = []
    for low, following in zip(steps, [*steps[1:], None], strict=True):
        value = _at_length(formula, low)
        high = None if following is None else following - 1
        if value is TRUE and intervals and intervals[-1][1] == low - 1:
            intervals[-1] = (intervals[-1][0], high)
        elif value is TRUE:
            intervals.append((low, high))
    return intervals


def _at_length(formula: Formula, length: int) -> Formula:
    return rewrite(
        formula,
        lambda each, sign: TRUE if (isinstance(each, LengthFrom) and each.low <= length) == sign else FALSE,
    )


@lru_cache(maxsize=1024)
def contents(formula: Formula) -> Automaton:
    """The contents (without quotes, canonically spelled) of the strings of which the formula holds.

    Where the readers of a pattern disagree on a string, neither the pattern nor its negation holds of it.
    """
    if formula.kind == "atom":
        return _literal(formula)
    if not formula.parts:
        return canonical_string() if formula is TRUE else compile_expression(NOTHING)
    return reduce(and_ if formula.kind == "all" else or_, map(contents, formula.parts))


def _literal(formula: Formula) -> Automaton:
    match formula.atom:
        case LengthFrom(low):
            return canonical_string(low) if formula.positive else canonical_string(0, low - 1)
        case Matches(pattern):
            return pattern_content(pattern) if formula.positive else unmatched_content(pattern)
        case HasFormat(name, draft, leap_seconds):
            holding = format_content(name, draft, leap_seconds=leap_seconds)
        case TextAmong(values):
            holding = compile_expression(_texts(values))
        case _:
            raise AssertionError(formula)
    return holding if formula.positive else canonical_string() - holding


def _texts(values: frozenset[str]) -> Expression:
    return union(*(content(value) for value in sorted(values)))


def holds_text(formula: Formula, text: str) -> bool:
    """Whether the formula holds of a string, in every reading of its patterns."""

    def holds(each: Formula) -> bool:
        if each.kind != "atom":
            return (all if each.kind == "all" else any)(map(holds, each.parts))
        match each.atom:
            case LengthFrom(low):
                return (len(text) >= low) == each.positive
            case TextAmong(values):
                return (text in values) == each.positive
            case HasFormat(name, draft, True):
                return is_right(name, text, draft) == each.positive
            case _:
                return contents(each).accepts(canonical_text(text)[1:-1])

    return holds(formula)
