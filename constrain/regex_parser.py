"""Regular expression patterns as trees: the syntax half of the regex front end.

Two dialects share one recursive-descent parser: Python's `re`, and ECMA-262 with its `u` flag (what JSON Schema's
`pattern` means). In the Python dialect `re.compile` is asked first, so that malformed patterns get its message and
position, and the parser below only ever sees well-formed ones.

The ECMA dialect also takes what has one plain meaning without the `u` flag: `]`, `{` and `}` standing alone, escaped
punctuation such as `\\-` or `\\@`, ranges such as `[\\w-.]`, quantified look-aheads. A group name may be given twice.
"""

from __future__ import annotations

import re
import warnings

from constrain.codepoints import CodePoints
from constrain.errors import LimitError, SpecError, UnsupportedError
from constrain.regex_escapes import Cursor, Dialect
from constrain.regex_tree import Alternate, Anchor, Chars, Concat, Look, Node, Repeat

__all__ = ["Dialect", "parse"]

MAX_LENGTH = 100_000  # characters of a pattern, each of which takes a state at least; about 0.5 s
MAX_NESTING = 50  # groups within groups
MAX_COUNT = 10**9  # in {m,n}; the state budget is what limits real patterns, long before this

_FLAGS = {"python": frozenset("aimsux"), "ecma": frozenset("msu")}

_QUANTIFIER = {
    "python": re.compile(r"[*+?]|\{(?!\})(?P<low>[0-9]*)(?:(?P<comma>,)(?P<high>[0-9]*))?\}"),
    "ecma": re.compile(r"[*+?]|\{(?P<low>[0-9]+)(?:(?P<comma>,)(?P<high>[0-9]*))?\}"),
}
_COMMENT = re.compile(r"(?:\(\?#(?:\\.|[^)\\])*\))+", re.DOTALL)  # backslashes go in pairs, in comments too
_VERBOSE = re.compile(r"(?:\(\?#(?:\\.|[^)\\])*\)|#(?:\\.|[^\n\\])*(?:\n|\Z)|[ \t\n\r\f\v])+", re.DOTALL)
_GROUP = {
    "python": re.compile(r"\((?!\?)|\(\?(?:P<[^>]*>|(?P<look><?[=!])|(?P<on>[aimsux]*)(?:-(?P<off>[imsx]+))?:)"),
    "ecma": re.compile(r"\((?!\?)|\(\?(?::|(?P<look><?[=!])|<[A-Za-z_$][\w$]*>)"),
}
_ECMA_ASSERTION = re.compile(r"[\^$]|\\[bB]|\(\?<[=!]")  # all of one; look-aheads may be repeated
_NO_QUANTIFIER = re.compile(r"\{,[0-9]+\}")
_GLOBAL_FLAGS = re.compile(r"\(\?([aimsux]+)\)")
_REFUSED_GROUP = re.compile(r"\(\?(?:P=|>|\()")
_GROUP_NAMES = {"(?P=": "a back-reference", "(?>": "an atomic group", "(?(": "a conditional group"}


def parse(pattern: str, *, flags: str = "", dialect: Dialect = "python") -> Node:
    """The tree that `pattern` denotes, with anchors still in place.

    `flags` are the letters of the dialect: any of `aimsux` in Python, `msu` in ECMA-262 (where `u` is always on).

    Raises `SpecError` for a malformed pattern, `UnsupportedError` for what is no regular language or is not
    supported, both with the position; `LimitError` for groups nested deeper than 50 and counts from 10**9.
    """
    if dialect not in _FLAGS:
        raise SpecError(f"unknown dialect {dialect!r}", keyword=dialect, hint="write 'python' or 'ecma'")
    for flag in flags:
        if flag not in _FLAGS[dialect]:
            raise UnsupportedError(
                f"flag {flag!r} is not supported",
                keyword=flag,
                hint=f"the {dialect} dialect has {' '.join(sorted(_FLAGS[dialect]))}",
            )
    if len(pattern) > MAX_LENGTH:
        raise LimitError(
            f"a pattern may have at most {MAX_LENGTH:,} characters",
            limit=MAX_LENGTH,
            given=len(pattern),
            hint="write the values as an enumeration",
        )
    if dialect == "python":
        _check(pattern, flags)
    return _Parser(pattern, dialect).whole(frozenset(flags))


def _check(pattern: str, flags: str) -> None:
    """Let Python find what is malformed."""
    bits = re.RegexFlag(0)
    for flag in flags:
        bits |= re.RegexFlag[flag.upper()]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # set notation and the like: read literally, as `re` does
            re.compile(pattern, bits)
    except re.error as error:
        raise SpecError(f"malformed pattern: {error.msg}", source=pattern, position=error.pos) from None
    except OverflowError:
        raise _count_limit() from None
    except RecursionError:
        raise _nesting_limit(pattern.count("(")) from None
    except ValueError as error:  # flags that exclude each other
        raise SpecError(f"malformed pattern: {error}", source=pattern) from None


def _count_limit() -> LimitError:
    return LimitError(
        f"a repetition count must be below {MAX_COUNT:,}", limit=MAX_COUNT - 1, given=MAX_COUNT, hint="leave it open"
    )


def _nesting_limit(given: int) -> LimitError:
    return LimitError(
        f"groups are nested more than {MAX_NESTING} deep",
        limit=MAX_NESTING,
        given=given,
        hint="remove groups that change nothing",
    )


class _Parser(Cursor):
    """Recursive descent: alternations of sequences of quantified atoms."""

    def __init__(self, source: str, dialect: Dialect) -> None:
        super().__init__(source, dialect)
        self.depth = 0
        ends = CodePoints.of("\n" if self.python else "\n\r\u2028\u2029")
        self.line_ends = ends, ~ends

    def whole(self, flags: frozenset[str]) -> Node:
        if self.python:
            self.skip(flags)
            while match := _GLOBAL_FLAGS.match(self.source, self.at):
                self.at = match.end()
                flags |= frozenset(match[1])
                self.skip(flags)
        node = self.alternation(flags)
        if self.at < len(self.source):
            raise self.error("unbalanced parenthesis", self.at)
        return node

    def skip(self, flags: frozenset[str]) -> None:
        """Step over comments, and over white space under flag x."""
        ignored = _VERBOSE if "x" in flags else _COMMENT
        if self.python and (match := ignored.match(self.source, self.at)):
            self.at = match.end()

    def alternation(self, flags: frozenset[str]) -> Node:
        branches = [self.sequence(flags)]
        while self.take("|"):
            branches.append(self.sequence(flags))
        return branches[0] if len(branches) == 1 else Alternate(tuple(branches))

    def sequence(self, flags: frozenset[str]) -> Node:
        parts: list[Node] = []
        while True:
            self.skip(flags)
            if self.at == len(self.source) or self.source[self.at] in "|)":
                return parts[0] if len(parts) == 1 else Concat(tuple(parts))
            assertion = not self.python and _ECMA_ASSERTION.match(self.source, self.at)
            atom = self.atom(flags)
            self.skip(flags)
            parts.append(atom if assertion else self.quantified(atom))

    def quantified(self, atom: Node) -> Node:
        match = _QUANTIFIER[self.dialect].match(self.source, self.at)
        if match is None:
            return atom
        self.at = match.end()
        if self.python and self.take("+"):
            self.refuse("a possessive quantifier", match[0] + "+", match.start())
        lazy = self.take("?")
        if match[0] in "*+?":
            return Repeat(atom, int(match[0] == "+"), 1 if match[0] == "?" else None, lazy)
        counts = {name: match[name].lstrip("0") or "0" for name in ("low", "high") if match[name]}
        if any(len(count) > len(str(MAX_COUNT - 1)) for count in counts.values()):
            raise _count_limit()
        low = int(counts.get("low", "0"))
        high = int(counts["high"]) if "high" in counts else None if match["comma"] else low
        if high is not None and high < low:
            raise self.error("min repeat greater than max repeat", match.start())
        return Repeat(atom, low, high, lazy)

    def atom(self, flags: frozenset[str]) -> Node:
        start, char = self.at, self.source[self.at]
        if char == "(":
            return self.group(flags)
        if char == "[":
            return Chars(self.char_class(flags))
        if char == "\\":
            meaning = self.escape(flags, in_class=False)
            return self.literal(meaning, flags) if isinstance(meaning, int) else meaning
        if _QUANTIFIER[self.dialect].match(self.source, start):
            raise self.error("nothing to repeat", start)
        if _NO_QUANTIFIER.match(self.source, start):
            raise self.error("{,n} is no quantifier in ECMA-262", start, "write {0,n}")
        self.at += 1
        if char in "^$":
            return self.line_anchor(char, flags)
        if char == ".":
            return Chars(CodePoints.ANY if "s" in flags else self.line_ends[1])
        return self.literal(ord(char), flags)

    def line_anchor(self, char: str, flags: frozenset[str]) -> Node:
        start = char == "^"
        if "m" in flags:
            line_end = Look(Chars(self.line_ends[0]), ahead=not start)
            return Alternate((Anchor.START if start else Anchor.END, line_end))
        return Anchor.START if start else Anchor.LAST_LINE_END if self.python else Anchor.END

    def group(self, flags: frozenset[str]) -> Node:
        start = self.at
        if match := _REFUSED_GROUP.match(self.source, start):
            self.refuse(_GROUP_NAMES[match[0]], match[0], start)
        match = _GROUP[self.dialect].match(self.source, start)
        if match is None:
            raise self.error("unknown extension " + self.source[start + 1 : start + 3], start + 1)
        changed = match.groupdict()
        on, off = frozenset(changed.get("on") or ""), frozenset(changed.get("off") or "")
        self.at = match.end()
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise _nesting_limit(self.depth)
        kept = flags - {"a"} if on & {"a", "u"} else flags
        node = self.alternation((kept | on) - off)
        if not self.take(")"):
            raise self.error("missing ), unterminated subpattern", start)
        self.depth -= 1
        if look := changed.get("look"):
            return Look(node, ahead="<" not in look, negative="!" in look)
        return node
