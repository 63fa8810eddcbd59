"""`Grammar`: texts that a context-free grammar derives, written in Lark's language or in llama.cpp's."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Any, Literal

from constrain.automaton import Automaton
from constrain.context_free import Rules
from constrain.errors import LimitError, SpecError, UnsatisfiableError
from constrain.gbnf_reader import read_gbnf
from constrain.lark_reader import read_lark, shipped_text
from constrain.spec import Spec
from constrain.unrolling import Unrolled, unroll

__all__ = ["Grammar"]

DEEPEST = 1_000  # a larger `max_depth` is a mistake


class Grammar(Spec):
    """The texts that the rule `start` of a grammar in Lark's language derives; a value is the text itself.

    These are the texts that `lark.Lark(text, parser="earley", lexer="dynamic_complete")` parses. A terminal is the set
    of the texts that `re.match` takes to their end: of `/a|ab/`, as in Lark, `ab` is none. Before each terminal, and
    before the end, texts of `%ignore` are skipped, any number of them, each as long as possible.

    Recursion at the beginnings and ends of rules is exact, as are operators with operands on both
    sides. Rules that nest, as brackets do, may lie within each other `max_depth` times; the default is as deep as 4,000
    states allow, or 16,000 up to a depth of 2. `bounded` reports it, as does `max_depth` once the grammar is compiled
    (None: nothing is left out).

    `%import` knows the grammars that ship, among them `common`. Refused by name, with line and column, are `%declare`,
    imports of files, terminals that depend on the text around them (look-aheads that except keywords may see what
    follows as long as that decides nothing), and `%ignore` where more than the next terminal decides what is skipped.
    """

    def __init__(self, text: str, start: str = "start", max_depth: int | None = None) -> None:
        self._prepare("lark", text, start, max_depth)

    @classmethod
    def named(cls, name: str, max_depth: int | None = None) -> Grammar:
        """A grammar that ships with the package: `json`, `sql`, ..., all of which begin with the rule `start`."""
        grammar = cls(shipped_text(name), max_depth=max_depth)
        grammar.name = name
        return grammar

    @classmethod
    def from_gbnf(cls, text: str, root: str = "root", max_depth: int | None = None) -> Grammar:
        """A grammar in the language of llama.cpp, GBNF."""
        grammar = cls.__new__(cls)
        grammar._prepare("gbnf", text, root, max_depth)
        return grammar

    def _prepare(self, language: Literal["lark", "gbnf"], text: str, start: str, max_depth: int | None) -> None:
        if not isinstance(text, str):
            raise SpecError(f"a grammar is a text, not {text!r}", hint="for one in a file, read the file")
        if max_depth is not None and (isinstance(max_depth, bool) or not isinstance(max_depth, int) or max_depth < 0):
            raise SpecError(f"max_depth is {max_depth!r}, and a depth is a whole number from 0", keyword="max_depth")
        if max_depth is not None and max_depth > DEEPEST:
            raise LimitError(
                f"a depth may be at most {DEEPEST:,}", limit=DEEPEST, given=max_depth, hint="give none: it is chosen"
            )
        self.text = text
        self.start = start
        self.name: str | None = None
        self._depth = max_depth
        self._source = language, text, start
        self.rules  # noqa: B018 - read now, so that errors are raised here

    @property
    def rules(self) -> Rules:
        """The grammar as rules, whatever language it was written in."""
        return _rules(*self._source)

    @cached_property
    def _unrolled(self) -> Unrolled:
        return _unrolled(*self._source, self._depth)

    def _language(self) -> Automaton:
        return self._unrolled.automaton

    def _unsatisfiable(self) -> UnsatisfiableError:
        return UnsatisfiableError(
            f"all texts of {self.describe()} nest deeper than max_depth={self._unrolled.depth}",
            hint="give a larger max_depth, or none",
        )

    @property
    def max_depth(self) -> int | None:
        """How often rules that nest may lie within each other; None if there is no bound."""
        return self._unrolled.depth

    @property
    def bounded(self) -> tuple[str, ...]:
        depth = self.max_depth
        return () if depth is None else (f"rules that contain themselves are nested at most {depth} deep",)

    def parse(self, text: str) -> str:
        return text

    def dumps(self, value: Any) -> str:
        return self._checked(value, str(value))

    def describe(self) -> str:
        return f"grammar {self.name!r}" if self.name else f"grammar of {len(self.rules.reachable)} rules"


@lru_cache(maxsize=64)
def _rules(language: str, text: str, start: str) -> Rules:
    return read_lark(text, start) if language == "lark" else read_gbnf(text, start)


@lru_cache(maxsize=64)
def _unrolled(language: str, text: str, start: str, max_depth: int | None) -> Unrolled:
    return unroll(_rules(language, text, start), max_depth)
