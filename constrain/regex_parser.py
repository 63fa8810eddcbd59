"""Regular expression patterns as trees: the syntax half of the regex front end.

Two dialects share one recursive-descent parser: Python's `re`, and ECMA-262 with its `u` flag (what JSON Schema's
`pattern` means). In the Python dialect `re.compile` is asked first, so that malformed patterns get its message and
position, and the parser below only ever sees well-formed ones.

The ECMA dialect also takes what every engine reads alike without the `u` flag: `]`, `{` and `}` standing alone, and
escaped punctuation such as `\\-` or `\\@` outside classes. A group name may be given twice.
"""

from __future__ import annotations

import re
import unicodedata
import warnings
from typing import Literal, NoReturn, TypeAlias

from constrain.character_classes import ecma_shorthand, general_category, ignore_case, python_shorthand
from constrain.codepoints import CodePoints
from constrain.errors import LimitError, SpecError, UnsupportedError
from constrain.regex_tree import Alternate, Anchor, Chars, Concat, Node, Repeat

__all__ = ["Dialect", "parse"]

MAX_NESTING = 50  # groups within groups
MAX_COUNT = 10**9  # in {m,n}; the state budget is what limits real patterns, long before this


Dialect: TypeAlias = Literal["python", "ecma"]

_FLAGS = {"python": frozenset("aimsux"), "ecma": frozenset("msu")}

_QUANTIFIER = {
    "python": re.compile(r"[*+?]|\{(?!\})(?P<low>[0-9]*)(?:(?P<comma>,)(?P<high>[0-9]*))?\}"),
    "ecma": re.compile(r"[*+?]|\{(?P<low>[0-9]+)(?:(?P<comma>,)(?P<high>[0-9]*))?\}"),
}

_ESCAPE = {
    "python": re.compile(
        r"\\(?:x(?P<x>[0-9a-fA-F]{2})|u(?P<u>[0-9a-fA-F]{4})|U(?P<U>[0-9a-fA-F]{8})|N\{(?P<name>[^}]+)\}"
        r"|(?P<octal>[0-7]{3}|0[0-7]?)|(?P<char>.))",
        re.DOTALL,
    ),
    "ecma": re.compile(
        r"\\(?:x(?P<x>[0-9a-fA-F]{2})|u(?P<lead>[dD][89abAB][0-9a-fA-F]{2})\\u(?P<trail>[dD][c-fC-F][0-9a-fA-F]{2})"
        r"|u(?P<u>[0-9a-fA-F]{4})|u\{(?P<braced>[0-9a-fA-F]+)\}|(?P<octal>0)(?![0-9])|c(?P<control>[A-Za-z])"
        r"|(?P<property>[pP])\{(?P<value>[^}]*)\}|(?P<char>.))",
        re.DOTALL,
    ),
}
_CLASS_OCTAL = re.compile(r"\\(?P<octal>[0-7]{1,3})")  # inside a Python class a digit is never a back-reference

_CONTROL = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v"}

_COMMENT = re.compile(r"(?:\(\?#(?:\\.|[^)\\])*\))+", re.DOTALL)  # backslashes go in pairs, in comments too
_VERBOSE = re.compile(r"(?:\(\?#(?:\\.|[^)\\])*\)|#(?:\\.|[^\n\\])*(?:\n|\Z)|[ \t\n\r\f\v])+", re.DOTALL)
_GROUP = {
    "python": re.compile(r"\((?!\?)|\(\?(?:P<[^>]*>|(?P<on>[aimsux]*)(?:-(?P<off>[imsx]+))?:)"),
    "ecma": re.compile(r"\((?!\?)|\(\?(?::|<[A-Za-z_$][\w$]*>)"),
}
_NO_QUANTIFIER = re.compile(r"\{,[0-9]+\}")
_GLOBAL_FLAGS = re.compile(r"\(\?([aimsux]+)\)")
_REFUSED_GROUP = re.compile(r"\(\?(?:<?[=!]|P=|>|\()")
_GROUP_NAMES = {
    "(?=": "look-ahead",
    "(?!": "negative look-ahead",
    "(?<=": "look-behind",
    "(?<!": "negative look-behind",
    "(?P=": "a back-reference",
    "(?>": "an atomic group",
    "(?(": "a conditional group",
}
_HINTS = {
    "a back-reference": "a repeated value is not a regular language; enumerate the values instead",
    "an atomic group": "an ordinary group (?:...) has no hidden cuts",
    "a possessive quantifier": "the plain quantifier has no hidden cuts",
}


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


class _Parser:
    """A cursor over `source`. Flags are an argument, since groups change them for their contents only."""

    def __init__(self, source: str, dialect: Dialect) -> None:
        self.source = source
        self.dialect = dialect
        self.python = dialect == "python"
        self.at = 0
        self.depth = 0

    def error(self, message: str, position: int, hint: str | None = None) -> SpecError:
        return SpecError(f"malformed pattern: {message}", source=self.source, position=position, hint=hint)

    def refuse(self, what: str, keyword: str, position: int, hint: str | None = None) -> NoReturn:
        raise UnsupportedError(
            f"{what} {keyword} is not supported",
            source=self.source,
            position=position,
            keyword=keyword,
            hint=hint or _HINTS.get(what),
        )

    def take(self, text: str) -> bool:
        found = self.source.startswith(text, self.at)
        self.at += len(text) if found else 0
        return found

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
            atom = self.atom(flags)
            self.skip(flags)
            parts.append(self.quantified(atom))

    def quantified(self, atom: Node) -> Node:
        match = _QUANTIFIER[self.dialect].match(self.source, self.at)
        if match is None or isinstance(atom, Anchor):
            return atom
        self.at = match.end()
        if self.python and self.take("+"):
            self.refuse("a possessive quantifier", match[0] + "+", match.start())
        self.take("?")  # a lazy quantifier prefers other matches, but the language is the same
        if match[0] in "*+?":
            return Repeat(atom, int(match[0] == "+"), 1 if match[0] == "?" else None)
        counts = {name: match[name].lstrip("0") or "0" for name in ("low", "high") if match[name]}
        if any(len(count) > len(str(MAX_COUNT - 1)) for count in counts.values()):
            raise _count_limit()
        low = int(counts.get("low", "0"))
        high = int(counts["high"]) if "high" in counts else None if match["comma"] else low
        if high is not None and high < low:
            raise self.error("min repeat greater than max repeat", match.start())
        return Repeat(atom, low, high)

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
            if "m" in flags:
                self.refuse("under flag m,", char, start, r"drop flag m and spell line ends out, as in (?:.*\n)*")
            return Anchor.START if char == "^" else Anchor.LAST_LINE_END if self.python else Anchor.END
        if char == ".":
            ends = "" if "s" in flags else "\n" if self.python else "\n\r\u2028\u2029"
            return Chars(~CodePoints.of(ends))
        return self.literal(ord(char), flags)

    def literal(self, point: int, flags: frozenset[str]) -> Node:
        return Chars(self.cased(CodePoints.range(point, point), flags))

    def cased(self, points: CodePoints, flags: frozenset[str]) -> CodePoints:
        return ignore_case(points, ascii_only="a" in flags) if "i" in flags else points

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
        return Concat((node,)) if isinstance(node, Anchor) else node  # (?:^) may be repeated, ^ may not

    def char_class(self, flags: frozenset[str]) -> CodePoints:
        start = self.at
        self.at += 1
        negated = self.take("^")
        first = self.at
        explicit: list[tuple[int, int]] = []
        named: list[tuple[int, int]] = []  # shorthands do not take part in case folding
        while not (self.source.startswith("]", self.at) and (self.at > first or not self.python)):
            here = self.at
            low = self.class_item(flags, start)
            if self.source.startswith("-", self.at) and not self.source.startswith("-]", self.at):
                self.at += 1
                high = self.class_item(flags, start)
                if not isinstance(low, int) or not isinstance(high, int) or low > high:
                    raise self.error(f"bad character range {self.source[here : self.at]}", here)
                explicit.append((low, high))
            elif isinstance(low, int):
                explicit.append((low, low))
            else:
                named += low.ranges
        self.at += 1
        points = self.cased(CodePoints.of_ranges(explicit), flags) | CodePoints.of_ranges(named)
        return ~points if negated else points

    def class_item(self, flags: frozenset[str], start: int) -> int | CodePoints:
        if self.at == len(self.source):
            raise self.error("unterminated character set", start)
        if self.source[self.at] != "\\":
            self.at += 1
            return ord(self.source[self.at - 1])
        meaning = self.escape(flags, in_class=True)
        assert not isinstance(meaning, Anchor)
        return meaning.points if isinstance(meaning, Chars) else meaning

    def escape(self, flags: frozenset[str], *, in_class: bool) -> int | Chars | Anchor:
        """One escape: a code point, a set of them, or an anchor."""
        start = self.at
        match = (_CLASS_OCTAL.match(self.source, start) if self.python and in_class else None) or _ESCAPE[
            self.dialect
        ].match(self.source, start)
        if match is None:
            raise self.error("bad escape (end of pattern)", start)
        self.at = match.end()
        found = {name: text for name, text in match.groupdict().items() if text is not None}
        match found:
            case {"x": digits} | {"u": digits} | {"U": digits} | {"braced": digits} if int(digits, 16) <= 0x10FFFF:
                return int(digits, 16)
            case {"lead": lead, "trail": trail}:
                return 0x10000 + ((int(lead, 16) - 0xD800) << 10) + int(trail, 16) - 0xDC00
            case {"octal": digits}:
                return int(digits, 8)
            case {"name": name}:
                return ord(unicodedata.lookup(name))
            case {"control": letter}:
                return ord(letter) % 32
            case {"property": letter, "value": value}:
                points = general_category(re.sub(r"^(?:General_Category|gc)=", "", value))
                if points is None:
                    self.refuse("the property", match[0], start, r"general categories such as \p{L} are supported")
                return Chars(points if letter == "p" else ~points)
            case {"char": char}:
                return self.simple_escape(char, start, flags, in_class=in_class)
        raise self.error(f"bad escape {match[0]}", start)

    def simple_escape(self, char: str, start: int, flags: frozenset[str], *, in_class: bool) -> int | Chars | Anchor:
        """A backslash and one character."""
        letter = char.lower()
        if letter in "dws" and char.isascii():
            points = python_shorthand(letter, ascii_only="a" in flags) if self.python else ecma_shorthand(letter)
            return Chars(points if char == letter else ~points)
        if char in _CONTROL:
            return ord(_CONTROL[char])
        if char == "b" and in_class:
            return ord("\b")
        if char == "a" and self.python:
            return ord("\a")
        if not char.isascii() or not char.isalnum():
            return ord(char)
        if not in_class:
            if char in "123456789" or (char == "k" and not self.python):
                self.refuse("a back-reference", "\\" + char, start)
            if char in "bB":
                self.refuse("a word boundary", "\\" + char, start, "spell out the characters that may come there")
            if char in "AZz" and self.python:
                return Anchor.START if char == "A" else Anchor.END
        hint = "ECMA-262 has ^ and $ for the ends of the text" if char in "AZz" else None
        raise self.error(f"bad escape \\{char}", start, hint)
