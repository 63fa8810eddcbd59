"""What Lark says about a text, and texts to ask it about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import count, product
from pathlib import Path
from typing import Any

import lark
from hypothesis import strategies as st

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
    "comments are ignored": r"""
        start: (name "=" value ";")*
        ?value: INT | STRING -> text | "[" [value ("," value)*] "]"
        !name: CNAME
        STRING: /".*?"/ | /'.*?'/
        %import common (INT, CNAME, WS, C_COMMENT)
        %ignore WS
        %ignore C_COMMENT
        %ignore /\/\/[^\n]*/
    """,
    "names and keywords": r"""
        start: statement (";" statement)*
        statement: "if"i _SPACE NAME [_SPACE "else"i _SPACE NAME] | NAME OPERATOR NAME
        NAME.2: /(?!(if|else)\b)[a-z]\w{0,7}/i
        OPERATOR: "<" | "<=" | "<<" | "=" | "=="
        _SPACE: " "+
    """,
    "the first alternative": r"""
        start: (A | B | C | D)+ ["." start]
        A: "a" | "ab" "c"?
        B: /b|bc/ "d"
        C: ("c" | /c+?d/ | "cc")~1..2
        D: /d*(da)?/ "e"
        %extend A: /x|xy/ | "xyz"
    """,
    "escapes as Lark reads them": r"""
        start: TEXT ("," TEXT)*
        _INNER: /.*?/
        _ESCAPED: _INNER /(?<!\\)(\\\\)*?/
        TEXT: "\"" _ESCAPED "\"" | "'" _INNER "'"
        %ignore / +/
    """,
    "numbers of all kinds": r"""
        start: _list{number, ";"}
        _list{item, mark}: item (mark item)*
        number: SIGNED_NUMBER | "0x" HEXDIGIT~1..4 -> hexadecimal | "#" DECIMAL UNIT?
        UNIT: ("k" | "m"i | "km" | "mm") "/s"?
        %import common (SIGNED_NUMBER, HEXDIGIT, DECIMAL, WS_INLINE, NEWLINE)
        %ignore WS_INLINE
        %ignore NEWLINE
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
    except RuntimeError as error:  # Lark found several ways to ignore what comes last, and takes that for a bug
        if "multiple start symbol items" not in str(error):
            raise
    return True


def short_texts(letters: str, length: int) -> Iterator[str]:
    """All texts over the letters of at most `length` of them, shortest first."""
    for size in range(length + 1):
        yield from map("".join, product(letters, repeat=size))


def nesting(candidate: str) -> int:
    """How deep brackets are nested at most, whatever they stand for."""
    level = deepest = 0
    for char in candidate:
        level += (char in "([{<") - (char in ")]}>")
        deepest = max(deepest, level)
    return deepest


@dataclass(frozen=True)
class Derivation:
    """A grammar as Lark compiles it, to derive texts from, without recursion past what still fits."""

    alternatives: dict[str, list[list[str]]]
    terminals: dict[str, st.SearchStrategy[str]]
    ignored: list[str]
    least: dict[str, int]  # the fewest terminals of a symbol

    @staticmethod
    @cache
    def of(text: str) -> Derivation:
        compiled = parser(text)
        alternatives: dict[str, list[list[str]]] = {}
        for rule in compiled.rules:
            alternatives.setdefault(rule.origin.name, []).append([symbol.name for symbol in rule.expansion])
        patterns = {each.name: each.pattern.to_regexp() for each in compiled.terminals}
        terminals = {name: st.from_regex(pattern, fullmatch=True) for name, pattern in patterns.items()}
        least = dict.fromkeys(patterns, 1)
        while more := {
            name: fewest
            for name, bodies in alternatives.items()
            for body in bodies
            if all(symbol in least for symbol in body)
            if (fewest := sum(least[symbol] for symbol in body)) < least.get(name, 1_000)
        }:
            least |= more
        return Derivation(alternatives, terminals, compiled.ignore_tokens, least)

    def text(self, draw: Any, most: int) -> str:
        """A text that is derived by at most `most` terminals, unless more are needed."""
        found, stack = "", ["start"]
        for step in count():
            if not stack:
                return found
            symbol = stack.pop()
            if symbol in self.terminals:
                skipped = draw(st.sampled_from([[], [], [], *([name] for name in self.ignored)]))
                found += "".join(draw(self.terminals[name]) for name in [*skipped, symbol])
                most -= 1
            else:
                room = most - sum(self.least[other] for other in stack)
                bodies = self.alternatives[symbol]
                sizes = [sum(self.least[other] for other in body) for body in bodies]
                fitting = [body for body, size in zip(bodies, sizes, strict=True) if size <= room and step < 300]
                stack += reversed(draw(st.sampled_from(fitting or [bodies[sizes.index(min(sizes))]])))
        raise AssertionError("the stack is empty once")


@st.composite
def candidates(draw: Any, text: str, longest: int = 60) -> str:
    """A text that the grammar derives, cut after `longest` characters, with up to three changed, dropped or put in."""
    derived = Derivation.of(text).text(draw, draw(st.integers(1, longest)))[:longest]
    letters = st.sampled_from(sorted(set(derived) | set("a1 (),\"'")))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(derived)))
        drop, insert = draw(st.sampled_from([(0, 1), (1, 0), (1, 1)]))
        derived = derived[:at] + (draw(letters) if insert else "") + derived[at + drop :]
    return derived
