"""Lark's grammar language as syntax: from text to a tree, with places for everything that can go wrong.

The language is that of the reference in Lark's documentation ("Grammar Reference"), itself written in it below; `lark`
parses it. A newline ends a definition unless `|` follows; comments take the white space before them.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, TypeAlias

from constrain.errors import LimitError, SpecError

if TYPE_CHECKING:
    import lark

    Tree: TypeAlias = lark.Tree[lark.Token]
    Child: TypeAlias = Tree | lark.Token | None

__all__ = ["as_token", "as_tree", "position_of", "syntax_tree"]

MAX_LENGTH = 1_000_000  # characters of a grammar; about 10 s
MAX_NESTING = 50  # groups within groups

_LANGUAGE = r"""
start: (_definition | _NEWLINE)*
_definition: (rule | terminal | ignore | import_ | declare | override | extend) _NEWLINE
rule: [MODIFIERS] RULE ["{" parameters "}"] ["." NUMBER] ":" choice
terminal: TERMINAL ["." NUMBER] ":" choice
ignore: "%ignore" choice
import_: "%import" path ["->" name | "(" names ")"]
declare: "%declare" name+
override: "%override" (rule | terminal)
extend: "%extend" (rule | terminal)
parameters: RULE ("," RULE)*
path: [DOT] name (_DOT name)*
names: name ("," name)*
name: RULE | TERMINAL

choice: _alternative (_OR _alternative)*
_alternative: sequence | alias
alias: sequence "->" name
sequence: _item*
_item: _atom | repeated
repeated: _atom (OPERATOR | "~" NUMBER [".." NUMBER])
_atom: _value | "(" choice ")" | optional
optional: "[" choice "]"
_value: symbol | literal | range | usage
symbol: name
literal: STRING | REGEXP
range: STRING ".." STRING
usage: RULE "{" _value ("," _value)* "}"

MODIFIERS: /[!?]{1,2}(?=[_a-z])/
RULE: /_?[a-z][_a-z0-9]*/
TERMINAL: /_?[A-Z][_A-Z0-9]*/
STRING: /"(\\.|[^"\\\n])*"i?/
REGEXP: /\/(?!\/)(\\.|[^\/\\])*\/[imslux]*/s
NUMBER: /[+-]?[0-9]+/
OPERATOR: /[+*]|\?(?![a-z_])/
DOT: "."
_DOT: "."
_OR.1: /((\r?\n)\s*)*\|/
_NEWLINE: /(\r?\n)+\s*/
COMMENT.2: /\s*(\/\/|#)[^\n]*/

%ignore /[ \t]+/
%ignore /\\ *\n/
%ignore COMMENT
"""


def syntax_tree(source: str) -> Tree:
    """The tree of a grammar as written; `SpecError`, with a caret, where the text is none."""
    from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

    if len(source) > MAX_LENGTH:
        raise LimitError(
            f"a grammar may have at most {MAX_LENGTH:,} characters",
            limit=MAX_LENGTH,
            given=len(source),
            hint="leave out what is not used",
        )
    try:
        tree = _parser().parse(source + "\n")
    except UnexpectedInput as error:
        position = min(error.pos_in_stream or 0, len(source))
        found = "the end of the definition"
        if isinstance(error, UnexpectedToken) and error.token.strip():
            found = f"{str(error.token)!r}"
        elif isinstance(error, UnexpectedCharacters):
            found = f"{source[position : position + 1]!r}"
        raise SpecError(
            f"malformed grammar: {found} is not what can stand here",
            source=source,
            position=position,
            hint="rules are written `name: ...`, terminals `NAME: ...`, in lower and in upper case",
        ) from None
    _check_nesting(tree)
    return tree


def position_of(child: Child) -> int:
    """Where a part of the tree begins in the source."""
    import lark

    if isinstance(child, lark.Token):
        return child.start_pos or 0
    return 0 if child is None else child.meta.start_pos if not child.meta.empty else 0


def as_tree(child: Child) -> Tree:
    """A child that the grammar above makes a tree."""
    assert child is not None, "a tree that has to be there"
    assert not isinstance(child, str), "a tree that has to be there"
    return child


def as_token(child: Child) -> lark.Token:
    """A child that the grammar above makes a token."""
    assert isinstance(child, str), "a token that has to be there"
    return child


@cache
def _parser() -> lark.Lark:
    import lark

    return lark.Lark(_LANGUAGE, parser="lalr", propagate_positions=True, maybe_placeholders=True)


def _check_nesting(tree: Tree) -> None:
    import lark

    level, layer = 0, [tree]
    while layer:
        layer = [child for parent in layer for child in parent.children if isinstance(child, lark.Tree)]
        level += any(child.data == "choice" for child in layer)
        if level > MAX_NESTING:
            raise LimitError(
                f"groups are nested more than {MAX_NESTING} deep",
                limit=MAX_NESTING,
                given=level,
                hint="give the inner groups names of their own",
            )
