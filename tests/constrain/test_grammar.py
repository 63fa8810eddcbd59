"""`Grammar` as users meet it: exact where rules are regular, bounded where they nest, errors with their place."""

from __future__ import annotations

import pytest

from constrain.errors import LimitError, SpecError, UnsatisfiableError, UnsupportedError
from constrain.grammar import Grammar
from tests.constrain.grammar_judge import accepts, short_texts


def agrees(text: str, letters: str, length: int) -> None:
    """Every text over the letters is judged as Lark judges it."""
    grammar = Grammar(text)
    for candidate in short_texts(letters, length):
        assert grammar.accepts(candidate) == accepts(text, candidate), candidate


EXACT = {
    "ignored around every terminal": ('start: "a" "b"?\n%ignore " "', "ab ", 5),
    "ignored around nothing": ('start: "a"*\n%ignore " " | "_"', "a _", 4),
    "never inside a terminal": ('start: "ab"+\n%ignore " "', "ab ", 5),
    "operators with two operands": ('start: e\ne: e "+" e | "-" e | e "!" | "a"', "a+-!", 5),
    "operators as a loop": ('start: e\ne: t ("+" e)* | t\nt: "-" t | "a"', "a+-", 6),
    "operators as rules": ('start: e\ne: b | u | "a"\nb: e "+" e\nu: "-" e | e "!"', "a+-!", 5),
    "juxtaposition": ('start: e\ne: e e | "a" | "b" e | e "c"', "abc", 6),
    "left and right in two rules": ('start: e\ne: e "+" t | t\nt: "-" t | "a"', "a+-", 6),
    "right-linear": ('start: s\ns: "a" t | "b" u |\nt: "a" u | "b" s\nu: "a" s | "b" t | "c"', "abc", 6),
    "left-linear": ('start: s\ns: t "a" | u "b" |\nt: u "a" | s "b"\nu: s "a" | t "b" | "c"', "abc", 6),
    "counted rules": ('start: x~2..3 ("c" x)*\nx: "a" | "b" x', "abc", 6),
}
NESTED = {
    "brackets": ('start: e\ne: e "+" t | t\nt: "-" t | "a" | "(" e ")"', "a+-()", 5),
    "pairs through two rules": ('start: a\na: "x" b | "c"\nb: a "y"', "xcy", 7),
    "a loop of groups": ('start: x*\nx: "a" | "(" start ")"', "a()", 7),
    "three operands": ('start: e\ne: f "?" e ":" e | f\nf: "a" | f "[" e "]"', "a?:[]", 6),
    "templates": ('start: _l{"a", ","} | "[" start "]"\n_l{x, y}: [x (y x)*]', "a,[]", 6),
    "optional beginnings": ('start: a | b\na: "x"? a "y" | "z"\nb: a b | "q"', "xyzq", 5),
}


@pytest.mark.parametrize("name", EXACT)
def test_what_is_regular_is_exact(name: str) -> None:
    text, letters, length = EXACT[name]
    agrees(text, letters, length)
    assert Grammar(text).max_depth is None
    assert Grammar(text).bounded == ()


@pytest.mark.parametrize("name", NESTED)
def test_what_nests_is_bounded_and_says_so(name: str) -> None:
    text, letters, length = NESTED[name]
    agrees(text, letters, length)
    depth = Grammar(text).max_depth
    assert depth is not None
    assert depth >= 3
    assert Grammar(text).bounded == (f"rules that contain themselves are nested at most {depth} deep",)


@pytest.mark.parametrize("depth", range(4))
def test_the_depth_that_is_asked_for(depth: int) -> None:
    grammar = Grammar('start: "a" | "(" start ")"', max_depth=depth)
    assert grammar.max_depth == depth
    assert [grammar.accepts("(" * n + "a" + ")" * n) for n in range(5)] == [n <= depth for n in range(5)]


def test_a_depth_that_is_not_needed() -> None:
    assert Grammar('start: start "+" start | "a"', max_depth=3).max_depth is None


PROGRAM = r"""
start: statement*
statement: "let" NAME "=" sum ";" | "while" sum block | "if" sum block ["else" block]
block: "{" statement* "}"
sum: sum ("+" | "<") value | value
value: NAME | /\d+/ | "(" sum ")"
NAME: /[a-z_]\w*/
%import common.WS
%ignore WS
"""


@pytest.mark.parametrize(
    "text",
    [
        "let y = (1 + (x)); if x { let y = (1); } else { }",
        "while (x < 1) { if x { let x = 2; } } let y = x;",
        "while x { let x = 2; } }",
        "if x { let y = 1 }",
    ],
)
def test_large_terminals_leave_room_for_nesting(text: str) -> None:
    grammar = Grammar(PROGRAM)
    assert grammar.max_depth == 2
    assert grammar.accepts(text) == accepts(PROGRAM, text)


def test_another_start_and_unused_rules() -> None:
    grammar = Grammar('start: "a"\nother: "b" unused?\nunused: unused "c" | "d"', start="other")
    assert [grammar.accepts(text) for text in ("a", "b", "bdcc")] == [False, True, True]


def test_values_are_texts() -> None:
    grammar = Grammar('start: "a"+')
    assert grammar.parse("aa") == grammar.dumps("aa") == "aa"
    with pytest.raises(SpecError, match="does not satisfy grammar of 1 rules"):
        grammar.dumps("b")


def test_explain_tells_the_bound() -> None:
    assert "nested at most 2 deep" in Grammar('start: "(" start? ")"', max_depth=2).explain()


def test_imports_overrides_and_extensions() -> None:
    text = """
        start: (N | value)+
        %import common.INT -> N
        %import json (value, NUMBER)
        %override NUMBER: "#"
        %extend value: "?"
    """
    grammar = Grammar(text)
    assert [grammar.accepts(each) for each in ("12", "?", "#", '[?,#]', "-1", "[1]", "[ ]")] == [
        True, True, True, True, False, False, False,
    ]  # fmt: skip


ERRORS = [
    ("start: (", SpecError, "malformed grammar: the end of the definition", (1, 9)),
    ('Start: "a"', SpecError, "malformed grammar: 'tart'", (1, 2)),
    ('start: "a" ? ?', SpecError, "malformed grammar", (1, 14)),
    ("start: a %", SpecError, "malformed grammar: '%'", (1, 10)),
    ("start: a", SpecError, "rule `a` is not defined", (1, 8)),
    ("start: A", SpecError, "terminal `A` is not defined", (1, 8)),
    ('start: "x"\nunused: a', SpecError, "rule `a` is not defined", (2, 9)),
    ("start: x{A}\nA: /a/", SpecError, "rule `x` is not defined", (1, 8)),
    ('start: "a"\nstart: "b"', SpecError, "`start` is defined twice", (2, 1)),
    ("start: a\na: a", SpecError, "`a` is an alternative of itself", (2, 1)),
    ('start: a\na: b | "x"\nb: [a]', SpecError, "`a` is an alternative of itself by way of b", (2, 1)),
    ('start: "x" | a\na: "(" a ")"', SpecError, "rule `a` derives no finite text", (2, 1)),
    ("start: A\nA: B\nB: A", SpecError, "contains itself", (2, 4)),
    ('start: A\nA: b\nb: "x"', SpecError, "`b` is a rule", (2, 4)),
    ('start: A\nA: x{B}\nx{y}: y\nB: "b"', SpecError, "templates make rules", (2, 4)),
    ('start: A\nA: "x" -> y', SpecError, "only alternatives of rules", (2, 4)),
    ("start: A\nA: /a*/", SpecError, "A matches the empty text", (1, 8)),
    ('start: ""', SpecError, "a literal may not be empty", (1, 8)),
    ("start: A\nA: /[^\\s\\S]/", SpecError, "A matches no text", (1, 8)),
    ("start: /a(/", SpecError, "malformed pattern", (1, 10)),
    ("start: /a\nb/", SpecError, "needs the flag x", (1, 8)),
    ('start: "a".."bc"', SpecError, "from one character to another", (1, 8)),
    ('start: "b".."a"', SpecError, "holds no character", (1, 8)),
    ('start: "a"~3..2', SpecError, "repeated 3 to 2 times", (1, 8)),
    ('start: x{"a"}\nx{y, z}: y', SpecError, "takes 2 arguments, and 1 are given", (1, 8)),
    ("start: x\nx{y}: y", SpecError, "needs 1 arguments", (1, 8)),
    ("start: x\nx{y, y}: y", SpecError, "two parameters of the same name", (2, 3)),
    ('start: "a"\n%extend start{x}: "b"', SpecError, "has other parameters", (2, 9)),
    ("start: W\n%import common.W", SpecError, "does not define `W`", (2, 16)),
    ("start: W\n%import comon.WS -> W", SpecError, "no grammar `comon`", (2, 1)),
    ("start: W\n%import WS -> W", SpecError, "names a grammar and a rule", (2, 1)),
    ("start: w\n%import common.WS -> w", SpecError, "in upper case", (2, 22)),
    ("start: W\n%import common.WS -> W\n%import common.LF -> W", SpecError, "imported twice", (3, 22)),
    ("start: A\n%declare A", UnsupportedError, "%declare", (2, 1)),
    ("start: A\n%import .x.A", UnsupportedError, "imports of files", (2, 9)),
    ("start: A\nA: /a\\b/", UnsupportedError, "A looks at the text around it", (1, 8)),
    ("start: /^a/m", UnsupportedError, "looks at the text around it", (1, 8)),
    ("start: /(?<=x)a/", UnsupportedError, "looks at the text around it", (1, 8)),
    ("start: /(a)\\1/", UnsupportedError, "a back-reference", (1, 12)),
    (r"start: /a\Bb/", UnsupportedError, "looks at the text around it", (1, 8)),
    ("start: /a(?=bc)b/", UnsupportedError, "looks at the text around it", (1, 8)),
    ("start: /(?!if\\b)[a-z]+/ /[0-9]/", UnsupportedError, "around it, and '0' may follow it", (1, 8)),
    ('start: "a"\n%ignore /(?!if)[a-z]+/', UnsupportedError, "%ignore looks at the text around it", (2, 9)),
    ('start: "a"\n%ignore /b*/', SpecError, "%ignore matches the empty text", (2, 9)),
    ('start: "a"\n%ignore /".*"/', UnsupportedError, 'before "a", what is ignored may end in', (1, 8)),
    ("start: A\nA: B B\nB: /(?P<b>b)/", SpecError, "redefinition of group name", (2, 4)),
    ("start: /a/l", UnsupportedError, "flag 'l'", (1, 8)),
]


@pytest.mark.parametrize(("text", "kind", "message", "place"), ERRORS)
def test_what_is_wrong_is_said_with_its_place(
    text: str, kind: type[SpecError], message: str, place: tuple[int, int]
) -> None:
    with pytest.raises(kind, match=message) as caught:
        Grammar(text)
    assert (caught.value.line, caught.value.column) == place
    assert "^" in str(caught.value)


@pytest.mark.parametrize(
    "text", ['start: "a"', 'start.2: "a"', '?start: A -> b\nA.3: "a"', "!start: /a/", "start: [/[ab]/] /a/"]
)
def test_what_shapes_the_tree_alone_changes_nothing(text: str) -> None:
    assert Grammar(text).accepts("a")


def test_a_start_that_is_not_there() -> None:
    with pytest.raises(SpecError, match="no rule `start` to start from"):
        Grammar('begin: "a"')


@pytest.mark.parametrize("depth", [-1, 1.5, True, "3"])
def test_depths_are_whole_numbers(depth: object) -> None:
    with pytest.raises(SpecError, match="max_depth is"):
        Grammar('start: "a"', max_depth=depth)  # type: ignore[arg-type]


def test_grammars_are_texts() -> None:
    with pytest.raises(SpecError, match="a grammar is a text"):
        Grammar(b'start: "a"')  # type: ignore[arg-type]


def test_limits_are_named() -> None:
    with pytest.raises(LimitError, match="a depth may be at most 1,000"):
        Grammar('start: "a"', max_depth=1001)
    with pytest.raises(LimitError, match="different arguments"):
        Grammar('start: x{"a"}\nx{y}: "(" x{z{y}} ")" | y\nz{y}: y y')
    with pytest.raises(LimitError, match="groups are nested more than 50 deep"):
        Grammar("start: " + "(" * 60 + '"a"' + ")" * 60)
    with pytest.raises(LimitError, match="a terminal may have at most 100,000 characters"):
        Grammar("start: A9\n" + "".join(f"A{n}: A{n - 1}~3 A{n - 1}~4 A{n - 1}\n" for n in range(1, 10)) + "A0: /ab/")
    with pytest.raises(LimitError, match="at most 1,000,000 characters"):
        Grammar('start: "a"\n' + "// more\n" * 130_000)
    with pytest.raises(LimitError, match=r"nested \d+ deep") as caught:
        Grammar('start: /a{1,3000}/ | "(" start ")" | "[" start "]" start', max_depth=20).accepts("a")
    assert caught.value.limit == 100_000
    with pytest.raises(LimitError, match=r"^the grammar needs more than 100,000"):
        Grammar('start: "a"~1000000').accepts("a")
    with pytest.raises(LimitError, match=r"^WIDE: the pattern needs more than 100,000"):
        Grammar("start: WIDE\nWIDE: /\\w{500}/").accepts("a")


def test_all_texts_nest_too_deep() -> None:
    grammar = Grammar(
        'start: "(" x ")"\nx: "[" y "]"\ny: "<" x ">" | "{" z "}"\nz: "!" y "?" | "." x "." | "w"', max_depth=0
    )
    with pytest.raises(UnsatisfiableError, match="max_depth=0") as caught:
        grammar.accepts("")
    assert "larger max_depth" in str(caught.value)
