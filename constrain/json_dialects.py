"""What the drafts of JSON Schema differ in, as far as finding subschemas goes, and what `$schema` may say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from constrain.errors import SpecError, UnsupportedError
from constrain.json_keywords import join

__all__ = ["DRAFTS", "LEGACY", "Dialect", "dialect_of", "metaschema", "subschemas"]

DRAFTS: Final = ("4", "6", "7", "2019-09", "2020-12")

LEGACY: Final = frozenset({"4", "6", "7"})
"""Here an identifier beside `$ref` says nothing, and one that is only a fragment is a name."""

_DIALECT: Final = re.compile(r"https?://json-schema\.org/(?:draft-0([467])|draft/(2019-09|2020-12))/schema#?")
_VOCABULARY: Final = re.compile(r"https://json-schema\.org/draft/(2019-09|2020-12)/vocab/([a-z-]+)")
_VOCABULARIES: Final = frozenset({
    "core", "applicator", "unevaluated", "validation", "meta-data", "format-annotation", "format-assertion", "content",
})  # fmt: skip

_ONE: Final = frozenset({
    "additionalItems", "additionalProperties", "items", "not", "contains", "propertyNames", "if", "then", "else",
    "contentSchema", "unevaluatedItems", "unevaluatedProperties",
})  # fmt: skip
_MANY: Final = frozenset({"allOf", "anyOf", "oneOf", "items", "prefixItems"})
_NAMED: Final = frozenset({
    "properties", "patternProperties", "definitions", "dependencies", "$defs", "dependentSchemas",
})  # fmt: skip
_NEW: Final[Mapping[str, frozenset[str]]] = {
    "4": frozenset(),
    "6": frozenset({"contains", "propertyNames"}),
    "7": frozenset({"if", "then", "else"}),
    "2019-09": frozenset({"$defs", "contentSchema", "dependentSchemas", "unevaluatedItems", "unevaluatedProperties"}),
    "2020-12": frozenset({"prefixItems"}),
}
_KEYWORDS: Final = {
    draft: (_ONE | _MANY | _NAMED).difference(
        *(_NEW[later] for later in DRAFTS[place + 1 :]), ["additionalItems"] if draft == "2020-12" else []
    )
    for place, draft in enumerate(DRAFTS)
}
"""What holds subschemas, and so identifiers, in each draft."""

Dialect: TypeAlias = "tuple[str, frozenset[str] | None]"
"""A draft and the vocabularies selected from it; None for those that the draft's own metaschema selects."""


def subschemas(schema: object, draft: str) -> Iterator[tuple[tuple[str | int, ...], Mapping[str, Any]]]:
    """The schemas directly below one, with their paths; not the boolean ones, in which there is nothing to find."""
    if not isinstance(schema, Mapping):
        return
    known = _KEYWORDS[draft]
    for keyword, value in schema.items():
        if keyword not in known:
            continue
        if isinstance(value, Mapping):
            if keyword in _ONE:
                yield (keyword,), value
            elif keyword in _NAMED:
                yield from (((keyword, name), each) for name, each in value.items() if isinstance(each, Mapping))
        elif isinstance(value, list) and keyword in _MANY:
            yield from (((keyword, index), each) for index, each in enumerate(value) if isinstance(each, Mapping))


def dialect_of(uri: Any, given: Mapping[str, Any], pointer: str) -> Dialect:
    """What a `$schema` says: a draft, or a given metaschema that is itself written in one, and may select less."""
    trail = [uri]
    while isinstance(trail[-1], str):
        if match := _DIALECT.fullmatch(trail[-1]):
            draft = match[1] or match[2]
            return draft, None if len(trail) == 1 else _vocabularies(uri.removesuffix("#"), given, draft)
        document = given.get(trail[-1].removesuffix("#"))
        following = document.get("$schema") if isinstance(document, Mapping) else None
        trail.append(None if following in trail else following)
    raise UnsupportedError(
        f"the dialect {uri!r} is not supported",
        pointer=pointer,
        keyword="$schema",
        hint="use one of the drafts 4 to 2020-12, or pass its metaschema as documents={...}",
    )


def _vocabularies(uri: str, given: Mapping[str, Any], draft: str) -> frozenset[str] | None:
    """What the `$vocabulary` of a given metaschema selects."""
    selected = given[uri].get("$vocabulary")
    if selected is None or draft in LEGACY:
        return None
    at = f"{uri}#/$vocabulary"
    if not isinstance(selected, Mapping):
        raise SpecError("$vocabulary must be an object of booleans", pointer=at, keyword="$vocabulary")
    names = set()
    for vocabulary, required in selected.items():
        match = _VOCABULARY.fullmatch(vocabulary)
        name = match[2] if match and match[1] == draft else ""
        if draft == "2019-09" and name == "format":
            name = "format-assertion" if required else "format-annotation"
        if name in _VOCABULARIES:
            names.add(name)
        elif required:
            raise UnsupportedError(
                f"the vocabulary {vocabulary!r} is not supported",
                pointer=join(at, vocabulary),
                keyword="$vocabulary",
                hint="only those of JSON Schema are; false says that it may be ignored",
            )
    if draft == "2019-09" and "applicator" in names:
        names.add("unevaluated")
    return None if names == _VOCABULARIES - {"format-assertion"} else frozenset(names)


def metaschema(uri: str) -> Any:
    """The metaschema that has a URI, by `http` or `https`; None if there is none."""
    scheme, _, rest = uri.partition("://")
    if scheme not in ("http", "https") or not rest.startswith("json-schema.org/"):
        return None
    from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]  # here: it reads twenty files

    return next((REGISTRY[name].contents for name in (f"http://{rest}", f"https://{rest}") if name in REGISTRY), None)
