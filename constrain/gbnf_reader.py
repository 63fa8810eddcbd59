"""From the text of a GBNF grammar, the language of llama.cpp, to context-free rules.

There are no terminals by name: strings, character classes and `.` (any character, line feeds too) stand in the rules,
and nothing is ignored. A newline ends a rule, except inside parentheses and where the rule's text has not begun. Names
may have underscores, which XGrammar and so vLLM take, though llama.cpp does not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from constrain.automaton import Automaton
from constrain.codepoints import CodePoints, utf8
from constrain.context_free import Body, Choice, Reference, Repetition, Rules, Sequenced, Terminal
from constrain.errors import LimitError, SpecError, UnsupportedError
from constrain.expression import compile_expression, literal

__all__ = ["read_gbnf"]

MAX_NESTING = 50  # groups within groups

_SPACE = re.compile(r"(?:[ \t]|#[^\r\n]*)*")
_SPACES = re.compile(r"(?:[ \t\r\n]|#[^\r\n]*)*")
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_CHARACTER = re.compile(r'\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([nrt\\"\[\]]))|[^\\\r\n]')
_CONTROL = {"n": "\n", "r": "\r", "t": "\t"}
_COUNTS = re.compile(r"\{[ \t]*([0-9]+)[ \t]*(?:(,)[ \t]*([0-9]+)?[ \t]*)?\}")
_OPERATORS: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}


def read_gbnf(source: str, root: str = "root") -> Rules:
    """The rules of a grammar. Raises `SpecError` for what is malformed or means nothing, with line, column and a caret,
    `UnsupportedError` for references to tokens.
    """
    reader = _Reader(source)
    bodies: dict[str, Body] = {}
    positions: dict[str, int] = {}
    reader.skip(_SPACES)
    while reader.at < len(source):
        at = reader.at
        name, body = reader.rule()
        if name in bodies:
            raise SpecError(f"rule `{name}` is defined twice", source=source, position=at, keyword=name)
        bodies[name], positions[name] = body, at
        reader.skip(_SPACES)
    return Rules(root, bodies, None, source, positions)


@dataclass
class _Reader:
    """Recursive descent over `source`, from `at` on."""

    source: str
    at: int = 0
    depth: int = 0

    def error(self, message: str, hint: str | None = None) -> SpecError:
        return SpecError(message, source=self.source, position=self.at, hint=hint)

    def skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.source, self.at)
        self.at = match.end() if match else self.at

    def take(self, text: str) -> bool:
        taken = self.source.startswith(text, self.at)
        self.at += len(text) if taken else 0
        return taken

    def space(self) -> None:
        """Step over what may stand between parts: newlines only inside parentheses."""
        self.skip(_SPACES if self.depth else _SPACE)

    def rule(self) -> tuple[str, Body]:
        match = _NAME.match(self.source, self.at)
        if match is None:
            raise self.error("a rule begins with its name", "letters, digits, hyphens and underscores")
        self.at = match.end()
        self.skip(_SPACE)
        if not self.take("::="):
            raise self.error(f"`::=` is expected after `{match[0]}`")
        self.skip(_SPACES)
        body = self.choice()
        if self.at < len(self.source) and self.source[self.at] not in "\r\n":
            raise self.error(f"{self.source[self.at]!r} is not what can stand here")
        return match[0], body

    def choice(self) -> Body:
        parts = [self.sequence()]
        while self.take("|"):
            self.skip(_SPACES)
            parts.append(self.sequence())
        return parts[0] if len(parts) == 1 else Choice(tuple(parts))

    def sequence(self) -> Body:
        parts: list[Body] = []
        while (part := self.atom()) is not None:
            parts.append(self.repeated(part))
        return parts[0] if len(parts) == 1 else Sequenced(tuple(parts))

    def atom(self) -> Body | None:
        """The next part, None at the end of a sequence."""
        self.space()
        start = self.at
        if self.at == len(self.source) or self.source[self.at] in "|)\r\n":
            return None
        if self.take('"'):
            return self.string(start)
        if self.take("["):
            return self.characters(start)
        if self.take("."):
            return Terminal(".", _spelled(CodePoints.ANY))
        if self.take("("):
            return self.group(start)
        if re.compile(r"!?<").match(self.source, start):
            raise UnsupportedError(
                "references to tokens are not supported: a grammar is about texts",
                source=self.source,
                position=start,
                keyword="<",
                hint="write the text of the token as a string",
            )
        match = _NAME.match(self.source, start)
        if match is None:
            raise self.error(f"{self.source[start]!r} is not what can stand here")
        self.at = match.end()
        return Reference(match[0], start)

    def group(self, start: int) -> Body:
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise LimitError(
                f"groups are nested more than {MAX_NESTING} deep",
                limit=MAX_NESTING,
                given=self.depth,
                hint="give the inner groups names of their own",
            )
        body = self.choice()
        if not self.take(")"):
            self.at = start
            raise self.error("this parenthesis is not closed")
        self.depth -= 1
        return body

    def repeated(self, part: Body) -> Body:
        """The part with the operators behind it, of which each repeats what is before it."""
        while True:
            self.space()
            match = _COUNTS.match(self.source, self.at)
            if match is not None:
                low = int(match[1])
                high = int(match[3]) if match[3] else None if match[2] else low
                if high is not None and low > high:
                    raise self.error(f"nothing is repeated {low} to {high} times")
                self.at = match.end()
            elif self.source[self.at : self.at + 1] in _OPERATORS:
                low, high = _OPERATORS[self.source[self.at]]
                self.at += 1
            else:
                return part
            part = Repetition(part, low, high)

    def string(self, start: int) -> Body:
        text = ""
        while not self.take('"'):
            text += self.character(start)
        if not text:
            return Sequenced(())
        return Terminal(self.source[start : self.at], compile_expression(literal(text.encode("utf-8", "replace"))))

    def characters(self, start: int) -> Body:
        negated = self.take("^")
        points = CodePoints.NONE
        while not self.take("]"):
            first = self.character(start)
            if self.source.startswith("-", self.at) and not self.source.startswith("-]", self.at):
                self.at += 1
                last = self.character(start)
                if last < first:
                    raise self.error(f"the range {first}-{last} is empty")
                points |= CodePoints.range(first, last)
            else:
                points |= CodePoints.of(first)
        return Terminal(self.source[start : self.at], _spelled(~points if negated else points))

    def character(self, start: int) -> str:
        match = _CHARACTER.match(self.source, self.at)
        if match is None:
            if self.source.startswith("\\", self.at):
                raise self.error("this escape is not known", r"there are \n \r \t \\ \" \[ \] \x \u \U")
            self.at = start
            raise self.error("this is not closed on its line")
        self.at = match.end()
        digits = match[1] or match[2] or match[3]
        if digits:
            return chr(int(digits, 16))
        return _CONTROL.get(match[4], match[4]) if match[4] else match[0]


def _spelled(points: CodePoints) -> Automaton:
    return compile_expression(utf8(points))
