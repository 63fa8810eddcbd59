"""What is a regular expression of ECMA-262 (section 22.2.1, with the `u` flag), whether or not it can be compiled here.

Like `constrain.regex`, this also takes what every engine reads alike without the `u` flag: `]`, `{` and `}` standing
alone, and escaped punctuation. Names of Unicode properties are not looked up.
"""

from __future__ import annotations

import re

__all__ = ["is_regex"]

_NAME = r"<(?P<{}>(?:[^\W\d]|\$)[\w$]*)>"
_POINT = (
    r"\\(?:[tnvfr]|0(?![0-9])|c[A-Za-z]|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}"
    r"|u\{0*(?:10|[0-9A-Fa-f])?[0-9A-Fa-f]{1,4}\}|[^A-Za-z0-9_])"
)
_SET = r"\\(?:[dDwWsS]|[pP]\{\w+(?:=\w+)?\})"

_TOKEN = re.compile(
    rf"{_POINT}|{_SET}|\\k{_NAME.format('same_as')}|\\(?P<number>[1-9][0-9]*)"
    r"|\[\^?(?P<members>(?:[^\\\]]|\\.)*)\]"
    rf"|(?P<open>\((?:(?P<capturing>(?!\?)|\?{_NAME.format('name')})|\?:|(?P<look>\?<?[=!])))|(?P<close>\))"
    r"|(?P<quantifier>(?:[*+?]|\{(?P<low>[0-9]+)(?:,(?P<high>[0-9]*))?\})\??)|(?P<empty>[|^$]|\\[bB])"
    r"|(?!\{,[0-9]+\})[^\\(\[]",
    re.DOTALL,
)
_MEMBER = re.compile(rf"(?P<set>{_SET})|{_POINT}|\\b|[^\\]", re.DOTALL)


def is_regex(text: str) -> bool:
    """Whether `text` is one: tokens that nest, whose quantifiers and references have something to refer to."""
    tokens = _split(_TOKEN, text)
    if tokens is None or not _nest(tokens):
        return False
    names = [token["name"] for token in tokens if token["name"]]
    groups = sum(token["capturing"] is not None for token in tokens)
    return (
        len(names) == len(set(names))
        and all(token["same_as"] in names for token in tokens if token["same_as"])
        and all(int(token["number"]) <= groups for token in tokens if token["number"])
        and all(_is_class(token["members"]) for token in tokens if token["members"])
    )


def _split(token: re.Pattern[str], text: str) -> list[re.Match[str]] | None:
    found, at = [], 0
    while at < len(text):
        match = token.match(text, at)
        if match is None:
            return None
        found.append(match)
        at = match.end()
    return found


def _nest(tokens: list[re.Match[str]]) -> bool:
    """Whether groups close as they open, and quantifiers follow what can be repeated: no assertion, no quantifier."""
    open_groups: list[bool] = []  # whether each can be repeated
    repeatable = False
    for token in tokens:
        if token["close"]:
            if not open_groups:
                return False
            repeatable = open_groups.pop()
        elif token["quantifier"]:
            if not repeatable or (token["high"] and int(token["low"]) > int(token["high"])):
                return False
            repeatable = False
        elif token["open"]:
            open_groups.append(not token["look"])
            repeatable = False
        else:
            repeatable = not token["empty"]
    return not open_groups


def _is_class(members: str) -> bool:
    """Whether these are members of a character class, whose ranges go up."""
    found = _split(_MEMBER, members)
    if found is None:
        return False
    at = 0
    while at + 2 < len(found):
        low, dash, high = found[at : at + 3]
        if dash[0] != "-":
            at += 1
            continue
        if low["set"] or high["set"] or _code_point(low[0]) > _code_point(high[0]):
            return False
        at += 3
    return True


_CONTROL = {"\\t": 9, "\\n": 10, "\\v": 11, "\\f": 12, "\\r": 13, "\\b": 8, "\\0": 0}


def _code_point(member: str) -> int:
    if member[0] != "\\":
        return ord(member)
    if member in _CONTROL:
        return _CONTROL[member]
    digits = re.sub(r"\W", "", member[2:])
    return int(digits, 16) if member[1] in "xu" else ord(digits) % 32 if member[1] == "c" else ord(member[1])
