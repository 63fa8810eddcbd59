"""What Lark says about a text, and texts to ask it about."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import lark
from hypothesis import strategies as st
from hypothesis.extra.lark import from_lark

SHIPPED = Path(__file__).parents[2] / "grammars"

MORE = {
    "ambiguous operators": """
        start: e
        e: e ("+" | "*") e | "-" e | e "!" | /[ab]/ | "(" e ")"
    """,
    "operators as rules": """
        start: expr
        expr: binary | unary | "(" expr ")" | N
        binary: expr OP expr
        unary: "-" expr
        OP: "+" | "=="
        N: /[0-9]+/
        %ignore " "
    """,
    "lists by a template": """
        start: _list{item}
        _list{x}: "[" _separated{x, ","} "]"
        _separated{x, y}: [x (y x)*]
        item: NAME | start
        %import common.CNAME -> NAME
        %import common.WS
        %ignore WS
    """,
    "left-linear": """
        start: start "a" | other "b" | "c"
        other: start "c" | other "d" | "e"
    """,
    "right-linear": """
        start: "a" start | "b" other | "c"
        other: "c" start | "d" other | "e" |
    """,
    "two pairs": """
        start: "<" start ">" | "(" pair ")" | "x"~1..2
        pair: start "," start
    """,
    "a tag with a text": """
        start: element
        element: "<" TAG ">" content "</" TAG ">"
        content: (TEXT | element)*
        TAG: /[ab]/
        TEXT: /[^<>]/+
    """,
    "statements": """
        start: statement+
        statement: "if" e "{" statement* "}" ["else" "{" statement* "}"]
                 | NAME "=" e ";"
        e: e "+" NAME | NAME
        NAME: /[a-c]/
        %ignore /[ \\n]+/
    """,
    "flags and escapes": r"""
        start: (WORD | ESC | "\"" | "\\" | RANGE)+
        WORD: "ab"i /C d/x
        ESC: /\x41\u0042\t./s
        RANGE: "0".."4" | /[^\W\d_]/ "é"
    """,
    "empty everywhere": """
        start: a? b [c] "."
        a: | "a" a
        b: ("b" | a)~0..2
        c: "c"* start?
    """,
    "members that call each other": """
        start: pair | "n"
        pair: "(" rest
        rest: start ")" | start rest
    """,
}


def shipped_names() -> list[str]:
    return sorted(path.stem for path in SHIPPED.glob("*.lark") if path.stem != "common")


def shipped_text(name: str) -> str:
    return (SHIPPED / f"{name}.lark").read_text(encoding="utf-8")


@cache
def parser(text: str, start: str = "start") -> lark.Lark:
    return lark.Lark(text, parser="earley", lexer="dynamic_complete", start=start)


def accepts(text: str, candidate: str) -> bool:
    """Whether Lark parses `candidate` by the grammar `text`."""
    try:
        parser(text).parse(candidate)
    except lark.exceptions.UnexpectedInput:
        return False
    return True


def nesting(candidate: str) -> int:
    """How deep brackets are nested at most, whatever they stand for."""
    level = deepest = 0
    for char in candidate:
        level += (char in "([{<") - (char in ")]}>")
        deepest = max(deepest, level)
    return deepest


@st.composite
def candidates(draw: Any, text: str) -> str:
    """A text that the grammar derives, as hypothesis does it, with up to three letters changed."""
    derived: str = draw(from_lark(parser(text)))[:60]
    letters = st.sampled_from(sorted(set(derived) | set("a1 (),\"'")))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(derived)))
        drop, insert = draw(st.sampled_from([(0, 1), (1, 0), (1, 1)]))
        derived = derived[:at] + (draw(letters) if insert else "") + derived[at + drop :]
    return derived
