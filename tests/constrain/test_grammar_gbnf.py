"""GBNF: read like the Lark grammar of the same language, and refused with a place where it is none."""

from __future__ import annotations

from itertools import product

import pytest

from constrain.errors import LimitError, SpecError, UnsupportedError
from constrain.grammar import Grammar
from tests.constrain.grammar_judge import accepts

JSON = r"""
# a comment
root   ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") ws

object ::=
  "{" ws (
            string ":" ws value
    ("," ws string ":" ws value)*
  )? "}" ws

array  ::= "[" ws ( value ("," ws value)* )? "]" ws

string ::= "\"" ( [^"\\\x7F\x00-\x1F] | "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}) )* "\"" ws
number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9]+)? ws
ws     ::= | " " | "\n" [ \t]{0,3}
"""

TWINS = {
    "operators": ('root ::= root "+" root | [ab]', 'start: start "+" start | /[ab]/', "ab+c", 5),
    "counts": ('root ::= "a"{2} [^a\\n]{1,} "b"?', 'start: "aa" /[^a\\n]/~1..9 "b"?', "ab\n", 6),
    "at most": ('root ::= "a"{0,2} ("b" | "")', 'start: "a"~0..2 "b"?', "ab", 5),
    "classes": ('root ::= [a-c\\x64-]+ | .', 'start: /[a-cd-]+/ | /./s', "ad-\n", 3),
    "groups over lines": ('root ::= (\n "a" # one\n | b-1 )*\nb-1 ::= "b"\n', 'start: ("a" | "b")*', "ab\n", 4),
    "alternatives over lines": ('root ::= "a" |\n "b" |\n\n  "c"', 'start: "a" | "b" | "c"', "abc", 2),
}  # fmt: skip


@pytest.mark.parametrize("name", TWINS)
def test_the_same_language_as_in_lark(name: str) -> None:
    gbnf, twin, letters, length = TWINS[name]
    grammar = Grammar.from_gbnf(gbnf)
    for size in range(length + 1):
        for candidate in map("".join, product(letters, repeat=size)):
            assert grammar.accepts(candidate) == accepts(twin, candidate), candidate


def test_json_as_llama_cpp_users_write_it() -> None:
    grammar = Grammar.from_gbnf(JSON)
    assert grammar.max_depth is not None
    assert grammar.max_depth >= 3
    assert grammar.accepts('{"a": [1, -2.5e3, {"b": null}], "c\\u00e9": {}}')
    assert not grammar.accepts("[]")
    assert not grammar.accepts('{"a":  1}')


def test_names_with_underscores_as_vllm_users_write_them() -> None:
    grammar = Grammar.from_gbnf("""
        root ::= select_statement

        select_statement ::= "SELECT " column_name " FROM " table_name
        column_name ::= "a" | "b"
        table_name ::= "t_" [0-9]+
    """)
    assert grammar.accepts("SELECT b FROM t_12")
    assert not grammar.accepts("SELECT c FROM t_12")


def test_another_root() -> None:
    grammar = Grammar.from_gbnf('root ::= "a"\nother ::= "b" root', root="other", max_depth=2)
    assert grammar.accepts("ba")
    assert grammar.describe() == "grammar of 2 rules"


ERRORS = [
    ("root ::= x", SpecError, "rule `x` is not defined", (1, 10)),
    ('root := "a"', SpecError, "`::=` is expected after `root`", (1, 6)),
    ('root ::= "a', SpecError, "not closed on its line", (1, 10)),
    ("root ::= [a\n]", SpecError, "not closed on its line", (1, 10)),
    ('root ::= ("a"', SpecError, "parenthesis is not closed", (1, 10)),
    ('root ::= "a" )', SpecError, "what can stand here", (1, 14)),
    ('root ::= "a" @', SpecError, "what can stand here", (1, 14)),
    ('"a"', SpecError, "begins with its name", (1, 1)),
    ('root ::= "\\q"', SpecError, "escape is not known", (1, 11)),
    ("root ::= [z-a]", SpecError, "range z-a is empty", (1, 14)),
    ('root ::= "a"{3,2}', SpecError, "repeated 3 to 2 times", (1, 13)),
    ('root ::= root | "a"', SpecError, "an alternative of itself", (1, 1)),
    ('root ::= "a"\nroot ::= "b"', SpecError, "defined twice", (2, 1)),
    ('root ::= "(" root ")"', SpecError, "derives no finite text", (1, 1)),
    ("root ::= <think>", UnsupportedError, "references to tokens", (1, 10)),
    ("root ::= !<[12]>", UnsupportedError, "references to tokens", (1, 10)),
]


@pytest.mark.parametrize(("text", "kind", "message", "place"), ERRORS)
def test_what_is_wrong_is_said_with_its_place(
    text: str, kind: type[SpecError], message: str, place: tuple[int, int]
) -> None:
    with pytest.raises(kind, match=message) as caught:
        Grammar.from_gbnf(text)
    assert (caught.value.line, caught.value.column) == place


def test_no_root_and_too_many_groups() -> None:
    with pytest.raises(SpecError, match="no rule `root`"):
        Grammar.from_gbnf('start ::= "a"')
    with pytest.raises(LimitError, match="more than 50 deep"):
        Grammar.from_gbnf("root ::= " + "(" * 60 + '"a"' + ")" * 60)
