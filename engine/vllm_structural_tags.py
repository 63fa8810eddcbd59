"""xgrammar's structural tags, in which vLLM states tool calls and text with tags inside, as specifications.

Read are the formats that speak of texts; those that speak of single tokens, and other notations than JSON for
arguments, are refused by name, with a JSON pointer. Semantics are those of xgrammar 0.2, but for free text, which here
has no control characters other than line feeds and tabs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from constrain.algebra import either, joined
from constrain.errors import LimitError, SpecError, UnsupportedError
from constrain.grammar import Grammar
from constrain.replies import FreeText
from constrain.spec import Spec
from constrain.specs import Choice, JsonSchema, Regex
from constrain.text_lengths import Text

__all__ = ["structural_tag"]

DEEPEST = 32  # formats within each other


def structural_tag(tag: Any, *, whitespace: str = "any") -> Spec:
    """The texts that a structural tag allows: `{"type": "structural_tag", "format": ...}`, or the older notation.

    `whitespace` is as in `JsonSchema`. Raises `SpecError` for what is malformed, `UnsupportedError` for formats that
    are not read, with pointers into `tag`.
    """
    match tag:
        case {"format": form}:
            return _Reader(whitespace).read(form, "/format")
        case {"structures": list() as structures, "triggers": list() as triggers}:
            tags = [
                {"begin": each.get("begin"), "content": _schema(each), "end": each.get("end")}
                if isinstance(each, Mapping)
                else each
                for each in structures
            ]
            return _Reader(whitespace).read({"type": "triggered_tags", "triggers": triggers, "tags": tags}, "")
    raise SpecError(
        "a structural tag has a format, or structures and triggers",
        pointer="",
        keyword="structural_tag",
        hint='write {"type": "structural_tag", "format": {"type": ..., ...}}',
    )


def _schema(structure: Mapping[str, Any]) -> dict[str, Any]:
    schema = structure.get("schema")
    return {"type": "json_schema", "json_schema": True if schema is None else schema}


class _Reader:
    """Reads formats, each with its JSON pointer."""

    def __init__(self, whitespace: str) -> None:
        self.whitespace = whitespace

    def read(self, form: Any, at: str) -> Spec:
        """The texts of `form`; errors of what is inside get its pointer before their own."""
        kind = form.get("type", "tag") if isinstance(form, Mapping) else None
        read = self._readers().get(kind) if isinstance(kind, str) else None
        if read is None:
            kinds = ", ".join(sorted(self._readers()))
            error = SpecError if kind is None else UnsupportedError
            raise error(f"a format of the type {kind!r} is not read", pointer=at, keyword="type", hint=f"use {kinds}")
        if at.count("/content") + at.count("/elements") > DEEPEST:
            raise LimitError(
                f"formats may lie within each other {DEEPEST} deep, and at {at} they go deeper",
                limit=DEEPEST,
                given=DEEPEST + 1,
                hint="flatten them",
            )
        try:
            return read(form, at)
        except SpecError as error:
            if error.pointer is None or not error.pointer.startswith(at):
                error.pointer = at + (error.pointer or "")
            raise

    def _readers(self) -> Mapping[str, Callable[[Mapping[str, Any], str], Spec]]:
        return {
            "const_string": lambda form, at: Choice([_text(form, "value", at)]),
            "json_schema": self._json_schema,
            "any_text": self._any_text,
            "regex": lambda form, at: Regex(_text(form, "pattern", at)),
            "grammar": lambda form, at: Grammar.from_gbnf(_text(form, "grammar", at)),
            "sequence": lambda form, at: joined(*self._elements(form, at)),
            "or": lambda form, at: either(*self._elements(form, at)),
            "tag": self._tag,
            "triggered_tags": self._triggered_tags,
            "dispatch": self._dispatch,
            "tags_with_separator": self._tags_with_separator,
            "optional": lambda form, at: self._content(form, at).optional(),
            "star": lambda form, at: self._content(form, at).repeat(),
            "plus": lambda form, at: self._content(form, at).repeat(1),
            "repeat": self._repeat,
        }

    def _content(self, form: Mapping[str, Any], at: str) -> Spec:
        return self.read(form.get("content"), f"{at}/content")

    def _elements(self, form: Mapping[str, Any], at: str) -> list[Spec]:
        return [self.read(each, f"{at}/elements/{n}") for n, each in enumerate(_list(form, "elements", at, least=1))]

    def _repeat(self, form: Mapping[str, Any], at: str) -> Spec:
        low, high = form.get("min"), form.get("max")
        if not isinstance(low, int) or not isinstance(high, int):
            raise SpecError("min and max are whole numbers", pointer=at, keyword="min", hint="max is -1 for no limit")
        return self._content(form, at).repeat(low, None if high == -1 else high)

    def _json_schema(self, form: Mapping[str, Any], at: str) -> Spec:
        if form.get("style", "json") != "json":
            raise UnsupportedError(
                f"arguments in the notation {form['style']!r} are not read",
                pointer=f"{at}/style",
                keyword="style",
                hint="start vLLM with a --tool-call-parser whose arguments are JSON, such as hermes",
            )
        if form.get("excludes"):
            raise UnsupportedError("excludes are not read of JSON", pointer=f"{at}/excludes", keyword="excludes")
        most = form.get("max_whitespace_cnt")
        whitespace = self.whitespace if most is None else f"[ \\t\\n\\r]{{0,{most}}}"
        schema = form.get("json_schema")
        if not isinstance(schema, Mapping | bool):
            raise SpecError("a JSON schema is an object or a boolean", pointer=f"{at}/json_schema", keyword="schema")
        try:
            order = "any" if form.get("any_order") else "schema"
            return JsonSchema(json.dumps(schema), whitespace=whitespace, member_order=order)  # type: ignore[arg-type]
        except SpecError as error:
            error.pointer = f"{at}/json_schema{error.pointer or ''}"
            raise

    def _any_text(self, form: Mapping[str, Any], at: str) -> Spec:
        if form.get("max_tokens") is not None:
            raise UnsupportedError(
                "text of so many tokens is not read inside of other text",
                pointer=f"{at}/max_tokens",
                keyword="max_tokens",
                hint="use max_chars",
            )
        free = FreeText(_texts(form, "excludes", at))
        most = form.get("max_chars")
        return free if most is None else free & Text(chars=(0, most))

    def _tag(self, form: Mapping[str, Any], at: str) -> Spec:
        begin = _text(form, "begin", at)
        ends = [_text(form, "end", at)] if not isinstance(form.get("end"), list) else _texts(form, "end", at)
        content = self._content(form, at)
        if isinstance(content, FreeText):
            content = FreeText((*content.without, *(end for end in ends if end)))
        return joined(Choice([begin]), content, Choice(ends))

    def _tags(self, form: Mapping[str, Any], at: str) -> Spec:
        return either(*(self._tag(each, where) for each, where in _each_tag(form, at)))

    def _triggered_tags(self, form: Mapping[str, Any], at: str) -> Spec:
        triggers = _texts(form, "triggers", at)
        for each, where in _each_tag(form, at):
            if not any(_text(each, "begin", where).startswith(trigger) for trigger in triggers):
                raise SpecError("no trigger is what this tag begins with", pointer=f"{where}/begin", keyword="begin")
        free = FreeText((*triggers, *_texts(form, "excludes", at)))
        return _among(free, self._tags(form, at), form)

    def _dispatch(self, form: Mapping[str, Any], at: str) -> Spec:
        rules = _list(form, "rules", at, least=1)
        parts = []
        for n, rule in enumerate(rules):
            match rule:
                case [str() as pattern, content] if pattern:
                    parts.append(joined(Choice([pattern]), self.read(content, f"{at}/rules/{n}/1")))
                case _:
                    raise SpecError("a rule is a pattern and a format", pointer=f"{at}/rules/{n}", keyword="rules")
        free = FreeText((*(pattern for pattern, _ in rules), *_texts(form, "excludes", at)))
        return _among(free, either(*parts), {"stop_after_first": not form.get("loop", True)})

    def _tags_with_separator(self, form: Mapping[str, Any], at: str) -> Spec:
        tag, separator = self._tags(form, at), _text(form, "separator", at)
        if form.get("stop_after_first"):
            several = tag
        elif separator:
            several = joined(tag, joined(Choice([separator]), tag).repeat())
        else:
            several = tag.repeat(1)
        return several if form.get("at_least_one") else several.optional()


def _among(free: FreeText, tag: Spec, form: Mapping[str, Any]) -> Spec:
    """`tag` amid free text: any number of times, at most once, at least once, and then at the very beginning."""
    if form.get("stop_after_first"):
        return tag if form.get("at_least_one") else either(free, joined(free, tag))
    more = joined(tag, free)
    return more.repeat(1) if form.get("at_least_one") else joined(free, more.repeat())


def _each_tag(form: Mapping[str, Any], at: str) -> list[tuple[Mapping[str, Any], str]]:
    found = []
    for n, each in enumerate(_list(form, "tags", at, least=1)):
        if not isinstance(each, Mapping):
            raise SpecError("a tag is an object", pointer=f"{at}/tags/{n}", keyword="tags")
        found.append((each, f"{at}/tags/{n}"))
    return found


def _text(form: Mapping[str, Any], name: str, at: str) -> str:
    return _as_text(form.get(name), name, f"{at}/{name}")


def _as_text(value: Any, name: str, at: str) -> str:
    if isinstance(value, Mapping):
        raise UnsupportedError(
            f"{name} is a token, and only texts are read", pointer=at, keyword=name, hint="give the text that it means"
        )
    if not isinstance(value, str):
        raise SpecError(f"{name} is a text", pointer=at, keyword=name)
    return value


def _list(form: Mapping[str, Any], name: str, at: str, *, least: int = 0) -> Sequence[Any]:
    value = form.get(name, [])
    if not isinstance(value, list) or len(value) < least:
        raise SpecError(f"{name} is a list of at least {least}", pointer=f"{at}/{name}", keyword=name)
    return value


def _texts(form: Mapping[str, Any], name: str, at: str) -> list[str]:
    return [_as_text(each, name, f"{at}/{name}/{n}") for n, each in enumerate(_list(form, name, at))]
