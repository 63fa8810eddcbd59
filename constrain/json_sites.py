"""All subschemas that are applied somewhere, below the root or where references lead, each once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any, Final

from constrain.json_keywords import check_keywords
from constrain.json_references import Site

__all__ = ["IN_PLACE", "PARTS", "REFERENCES", "applied", "check", "reachable"]

REFERENCES: Final = frozenset({"$ref", "$dynamicRef", "$recursiveRef"})

IN_PLACE: Final = frozenset({
    "allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas", "dependencies",
})  # fmt: skip
"""Keywords that apply schemas to the value itself."""

PARTS: Final = frozenset({
    "properties", "patternProperties", "additionalProperties", "unevaluatedProperties",
    "items", "prefixItems", "additionalItems", "unevaluatedItems", "contains",
})  # fmt: skip
"""Keywords that apply schemas to items and members. What is left is `propertyNames`."""

_NAMED: Final = frozenset({"properties", "patternProperties", "dependentSchemas", "dependencies"})

Active = Callable[[Site], Mapping[str, Any]]
"""The keywords of a schema that count."""


def applied(site: Site, keyword: str, value: Any) -> Iterator[Site]:
    """The subschemas that a keyword applies. Raises `SpecError` for a reference that leads nowhere."""
    if keyword in REFERENCES:
        yield site.refer(keyword)
    elif keyword not in IN_PLACE | PARTS | {"propertyNames"}:
        return
    elif isinstance(value, list):
        yield from (site.child(keyword, index) for index in range(len(value)))
    elif keyword in _NAMED:
        yield from (site.child(keyword, name) for name, each in value.items() if not isinstance(each, list))
    else:
        yield site.child(keyword)


def reachable(root: Site, active: Active) -> Iterator[Site]:
    """The root and all that is applied inside it, in the order of the document; what is referred to comes last."""
    stack, later = [root], list[Site]()
    seen: set[Hashable] = set()
    while stack or later:
        site = stack.pop() if stack else later.pop(0)
        if (site.pointer, site.key) not in seen:
            seen.add((site.pointer, site.key))
            yield site
            below: list[Site] = []
            for keyword, value in active(site).items():
                (later if keyword in REFERENCES else below).extend(applied(site, keyword, value))
            stack += reversed(below)


def check(root: Site, active: Active) -> None:
    """Raise the error of a keyword that is malformed, no keyword, or a reference to nowhere, wherever it is applied:
    also in what has no values, or adds none.
    """
    for site in reachable(root, active):
        if not isinstance(site.schema, bool):
            check_keywords(site.schema, site.pointer, site.draft)
