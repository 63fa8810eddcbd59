"""Random JSON documents: of the small world of the random schemas, near a given schema, and with one thing changed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from random import Random
from typing import Any

__all__ = ["CONSTANTS", "FORMATS", "NAMES", "PATTERNS", "mutated", "near", "random_document"]

NAMES = ["a", "b", "c", "ab", 'q"']

CONSTANTS: list[Any] = [
    *(None, True, False, 0, 1, 2, 2.5, -3, 1.0, "", "a", "bb", "é"),
    *([], [1], [1, "a"], {}, {"a": 1}, {"b": "a", "a": 0}, {"a": [1, None]}),
]

PATTERNS = {
    "^a": ["a", "ab", "abc"],
    "b$": ["b", "ab", "bb"],
    "^[a-c]{1,3}$": ["a", "ab", "abc", "bb"],
    "a|^$": ["", "a", "ab"],
    "^[0-9]+$": ["0", "12"],
    "[^a]": ["b", "ab", "é"],
    ".": ["a", "12"],
    "^(?!a)": ["b", "", "é"],
    "^x-": ["x-", "x-1"],
}
"""Patterns that Python and ECMA-262 read alike on strings without line ends, with strings that match."""

FORMATS = {"ipv4": ["1.2.3.4", "0.0.0.0"], "unheard-of": ["a", ""]}
LATER = {"date": ["2024-02-29", "1999-12-31"], "uuid": ["2EB8AA08-aa98-11ea-b4aa-73b441d16380"]}
"""Formats that `jsonschema` decides as their specifications do, with examples: of all drafts, and of later ones."""

STRINGS = ["", "a", "b", "bb", "ab", "abc", "abcd", "é", "é\n", "😀", "12", 'q"', "x-1", "2024-02-29", "1.2.3.4"]
NUMBERS = [0, 1, 2, 3, 4, 5, 6, 9, 10, 100, -1, -3, -4, 0.5, 0.25, 2.5, 1.0, 3.0, -1.25, 0.01, 0.3, 1e22, 12345]


def random_document(rng: Random, depth: int = 2) -> Any:
    """A value that knows of no schema."""
    kind = rng.random()
    if depth and kind < 0.25:
        return [random_document(rng, depth - 1) for _ in range(rng.randint(0, 3))]
    if depth and kind < 0.55:
        return {name: random_document(rng, depth - 1) for name in rng.sample([*NAMES, "z"], rng.randint(0, 3))}
    return rng.choice(CONSTANTS) if kind < 0.7 else rng.choice(STRINGS) if kind < 0.85 else rng.choice(NUMBERS)


def near(schema: Any, rng: Random, *, root: Any = None, depth: int = 3) -> Any:
    """A value made by reading the schema in haste: often valid, never by promise."""
    root = schema if root is None else root
    hints = gathered(schema, rng, root)
    if "const" in hints:
        return hints["const"]
    if "enum" in hints:
        return rng.choice(hints["enum"])
    match type_of(hints, rng):
        case "null":
            return None
        case "boolean":
            return rng.random() < 0.5
        case "integer" | "number" as kind:
            return number_near(hints, rng, integral=kind == "integer")
        case "string":
            return string_near(hints, rng)
        case "array":
            return array_near(hints, rng, root, depth)
        case _:
            return object_near(hints, rng, root, depth)


def gathered(schema: Any, rng: Random, root: Any) -> dict[str, Any]:
    """The keywords of a schema and of what it applies in place: all of `allOf`, one of each other choice."""
    if not isinstance(schema, Mapping):
        return {}
    hints = {**schema}
    applied = [*schema.get("allOf", ())]
    applied += [rng.choice(schema[keyword]) for keyword in ("anyOf", "oneOf") if schema.get(keyword)]
    if "if" in schema:
        branch = rng.choice(["then", "else"])
        applied += [schema.get(branch, True)] + [schema["if"]] * (branch == "then")
    if "$ref" in schema:
        applied.append(resolved(schema["$ref"], root))
    for each in applied:
        more = gathered(each, rng, root)
        for keyword in ("properties", "patternProperties"):
            if keyword in more and keyword in hints:
                more[keyword] = {**hints[keyword], **more[keyword]}
        if "required" in more and isinstance(hints.get("required"), list):
            more["required"] = list(dict.fromkeys([*hints["required"], *more["required"]]))
        hints |= more
    return hints


def resolved(reference: str, root: Any) -> Any:
    """What a reference within the document leads to; anything else is anybody's guess."""
    place = root
    if not reference.startswith("#"):
        return True
    for token in reference[1:].split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        place = place[int(name)] if isinstance(place, list) else place.get(name, True)
    return place


def type_of(hints: Mapping[str, Any], rng: Random) -> str:
    named = hints.get("type")
    if isinstance(named, list):
        return str(rng.choice(named))
    if named is not None:
        return str(named)
    guesses = [
        kind
        for kind, keywords in {
            "object": {"properties", "required", "patternProperties", "additionalProperties", "minProperties"},
            "array": {"items", "prefixItems", "minItems", "contains", "uniqueItems"},
            "number": {"minimum", "maximum", "multipleOf", "exclusiveMinimum", "exclusiveMaximum"},
            "string": {"pattern", "minLength", "maxLength", "format"},
        }.items()
        if keywords & hints.keys()
    ]
    return rng.choice(guesses or ["null", "boolean", "integer", "number", "string", "array", "object"])


def number_near(hints: Mapping[str, Any], rng: Random, *, integral: bool) -> int | float:
    low, high = (hints.get(bound) for bound in ("minimum", "maximum"))
    step = hints.get("multipleOf", 1 if integral else rng.choice([1, 0.5]))
    middle = low if low is not None else high - 3 * step if high is not None else 0
    found = middle + step * rng.randint(0, 4)
    found = step * round(found / step) if rng.random() < 0.8 else found
    whole = integral or rng.random() < 0.3
    return int(found) if whole and abs(found) < 1e15 and rng.random() < 0.8 else found


def string_near(hints: Mapping[str, Any], rng: Random) -> str:
    known = (FORMATS | LATER).get(hints.get("format", ""), []) + PATTERNS.get(hints.get("pattern", ""), [])
    if known and rng.random() < 0.8:
        return rng.choice(known)
    least = hints.get("minLength", 0)
    most = max(least, min(hints.get("maxLength", least + 3), least + 3))
    fitting = [text for text in STRINGS if least <= len(text) <= most]
    return rng.choice(fitting) if fitting and least < 6 else "a" * rng.randint(least, most)


def array_near(hints: Mapping[str, Any], rng: Random, root: Any, depth: int) -> list[Any]:
    if not depth:
        return []
    items = hints.get("items", True)
    first = hints.get("prefixItems", items if isinstance(items, list) else [])
    rest = hints.get("additionalItems", True) if isinstance(items, list) else items
    least = max(hints.get("minItems", 0), int("contains" in hints))
    most = max(least, min(hints.get("maxItems", least + 3), least + 3)) if rest is not False else max(least, len(first))
    chosen = [first[i] if i < len(first) else rest for i in range(rng.randint(least, most))]
    if "contains" in hints and chosen:
        chosen[rng.randrange(len(chosen))] = hints["contains"]
    return [near(item, rng, root=root, depth=depth - 1) for item in chosen]


def object_near(hints: Mapping[str, Any], rng: Random, root: Any, depth: int) -> dict[str, Any]:
    named, rest = dict(hints.get("properties", {})), hints.get("additionalProperties", True)
    required = list(hints["required"]) if isinstance(hints.get("required"), list) else []
    share = 0.6 if depth else 0.1
    chosen = {name: named[name] for name in named if name in required or rng.random() < share}
    chosen |= {name: named.get(name, rest) for name in required}
    for pattern, schema in hints.get("patternProperties", {}).items():
        if rng.random() < share / 2 and pattern in PATTERNS:
            chosen[rng.choice(PATTERNS[pattern])] = schema
    spare = [name for name in [*NAMES, "z"] if name not in chosen]
    rng.shuffle(spare)
    while spare and (len(chosen) < hints.get("minProperties", 0) or (rest is not False and rng.random() < 0.15)):
        chosen[spare.pop()] = rest
    if rng.random() < 0.5:
        chosen = dict(sorted(chosen.items(), key=lambda _: rng.random()))
    return {name: near(schema, rng, root=root, depth=max(0, depth - 1)) for name, schema in chosen.items()}


def mutated(document: Any, rng: Random) -> Any:
    """The document with one thing changed at one place: a member or item lost, added, or another, a value beside it."""
    if isinstance(document, dict | list) and document and rng.random() < 0.65:
        copy = document.copy()
        key = rng.choice([*copy] if isinstance(copy, dict) else range(len(copy)))
        if rng.random() < 0.35:
            del copy[key]
        else:
            copy[key] = mutated(copy[key], rng)
        return copy
    match document:
        case dict():
            return {**document, rng.choice([*NAMES, "z", "another"]): random_document(rng, 1)}
        case list():
            return [*document, rng.choice(document) if document and rng.random() < 0.5 else random_document(rng, 1)]
        case bool() | None:
            return random_document(rng, 1)
        case int() | float() if rng.random() < 0.8:
            return rng.choice([document + 1, document - 1, -document, document * 10, document + 0.5, float(document)])
        case str() if rng.random() < 0.8:
            return rng.choice(
                [document + "a", document[1:], document.upper(), document + "é", re.sub("[0-9]", "x", document)]
            )
    return random_document(rng, 1)
