"""What the drafts of JSON Schema differ in, as far as finding subschemas goes, and what `$schema` may say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

from constrain.errors import SpecError, UnsupportedError
from constrain.json_keywords import join

__all__ = ["DRAFTS", "LEGACY", "MANY", "NAMED", "ONE", "Dialect", "dialect_of", "metaschema", "subschemas"]

DRAFTS: Final = ("4", "6", "7", "2019-09", "2020-12")

LEGACY: Final = frozenset({"4", "6", "7"})
"""Here an identifier beside `$ref` says nothing, and one that is only a fragment is a name."""

_DIALECT: Final = re.compile(
    r"(?:https?://)?(?:www\.)?json-schema\.org/(?:(?:draft-0(\d)|draft/([\d-]+))/)?(?:hyper-)?schema(?:\.json)?/?#?/?"
)
"""What people write for the URIs of the metaschemas: either scheme or none, with the fragment or without. Hyper-schemas
only add annotations.
"""

_SAME: Final[Mapping[str | None, str]] = {None: DRAFTS[-1], "5": "4"}
"""A `$schema` without a draft means the latest one; draft 5 is draft 4 in other words, and has its metaschema."""

_VOCABULARY: Final = re.compile(r"https://json-schema\.org/draft/(2019-09|2020-12)/vocab/([a-z-]+)")
_VOCABULARIES: Final = frozenset({
    "core", "applicator", "unevaluated", "validation", "meta-data", "format-annotation", "format-assertion", "content",
})  # fmt: skip

ONE: Final = frozenset({
    "additionalItems", "additionalProperties", "items", "not", "contains", "propertyNames", "if", "then", "else",
    "contentSchema", "unevaluatedItems", "unevaluatedProperties",
})  # fmt: skip
MANY: Final = frozenset({"allOf", "anyOf", "oneOf", "items", "prefixItems"})
NAMED: Final = frozenset({
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
    draft: (ONE | MANY | NAMED).difference(
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
            if keyword in ONE:
                yield (keyword,), value
            elif keyword in NAMED:
                yield from (((keyword, name), each) for name, each in value.items() if isinstance(each, Mapping))
        elif isinstance(value, list) and keyword in MANY:
            yield from (((keyword, index), each) for index, each in enumerate(value) if isinstance(each, Mapping))


def dialect_of(uri: Any, given: Mapping[str, Any], pointer: str) -> Dialect:
    """What a `$schema` says: a draft, or a given metaschema that is itself written in one, and may select less.

    Other metaschemas are not known (editors and clouds have their own): what they describe is read as the latest draft.
    """
    trail = [uri]
    while isinstance(trail[-1], str):
        if match := _DIALECT.fullmatch(trail[-1]):
            named = match[1] or match[2]
            draft = _SAME.get(named, named)
            if draft not in DRAFTS:
                break
            return draft, None if len(trail) == 1 else _vocabularies(uri.removesuffix("#"), given, draft)
        document = given.get(trail[-1].removesuffix("#"))
        if document is None and _is_of_others(trail[-1]):
            return DRAFTS[-1], None
        following = document.get("$schema") if isinstance(document, Mapping) else None
        trail.append(None if following in trail else following)
    raise UnsupportedError(
        f"the dialect {uri!r} is not supported",
        pointer=pointer,
        keyword="$schema",
        hint="use one of the drafts 4 to 2020-12, or pass its metaschema as documents={...}",
    )


def _is_of_others(uri: str) -> bool:
    try:
        address = urlsplit(uri)
    except ValueError:
        return False
    return bool(address.scheme) and address.hostname not in ("json-schema.org", "www.json-schema.org")


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
    """The metaschema that has a URI, by `http` or `https`, or the latest one; None if there is none."""
    scheme, _, rest = uri.partition("://")
    if scheme not in ("http", "https") or not rest.startswith("json-schema.org/"):
        return None
    if rest == "json-schema.org/schema":
        rest = f"json-schema.org/draft/{DRAFTS[-1]}/schema"
    from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]  # here: it reads twenty files

    return next((REGISTRY[name].contents for name in (f"http://{rest}", f"https://{rest}") if name in REGISTRY), None)
