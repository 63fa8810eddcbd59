"""Random schemas with every keyword of every draft from 4 on.

One generator, driven by a `random.Random`: seeded for sweeps that can be repeated, or hypothesis's own for tests that
shrink. References lead to a handful of definitions, which may recurse, but never in place (`x` is not `x or ...`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from hypothesis import strategies as st

from tests.constrain.json_documents import CONSTANTS, FORMATS, NAMES, PATTERNS, random_document
from tests.constrain.json_judge import same
from tests.suite.official import DIALECTS

__all__ = ["documents", "random_schema", "schemas"]

TYPES = ["null", "boolean", "integer", "number", "string", "array", "object"]
DRAFTS = ["draft2020-12"] * 6 + ["draft2019-09", "draft7", "draft7", "draft6", "draft4"]
LATER_FORMATS = {"draft7": ["date"], "draft2019-09": ["date", "uuid"], "draft2020-12": ["date", "uuid"]}
MULTIPLES = [1, 2, 3, 5, 0.5, 0.25, 0.1, 0.01]


def schemas(*, draft: str | None = None, depth: int = 2) -> st.SearchStrategy[Any]:
    return st.randoms(use_true_random=False).map(lambda rng: random_schema(rng, draft=draft, depth=depth))


def documents(depth: int = 2) -> st.SearchStrategy[Any]:
    """JSON values that the schemas have a fair chance to admit."""
    return st.randoms(use_true_random=False).map(lambda rng: random_document(rng, depth))


def random_schema(rng: Random, *, draft: str | None = None, depth: int = 2) -> dict[str, Any]:
    """A schema of a draft (one in a folder's name of the official suite; any if None) and its definitions."""
    draft = draft or rng.choice(DRAFTS)
    names = [f"d{i}" for i in range(rng.choice([0, 0, 0, 1, 2, 3]))]
    keyword = "$defs" if draft in ("draft2019-09", "draft2020-12") else "definitions"
    maker = Maker(rng, draft, tuple(f"#/{keyword}/{name}" for name in names))
    schema = maker.plain(depth) if rng.random() < 0.5 else maker.composed(depth)
    if names:
        inner = [replace(maker, in_place=maker.references[:i]).schema(1) for i in range(len(names))]
        schema[keyword] = dict(zip(names, inner, strict=True))
    if draft != "draft2020-12" or rng.random() < 0.2:
        schema = {"$schema": DIALECTS[draft], **schema}
    return schema


@dataclass(frozen=True)
class Maker:
    """Draws schemas. `references` lead to the definitions; those `in_place` (None: all) may be used in this place."""

    rng: Random
    draft: str
    references: tuple[str, ...]
    in_place: tuple[str, ...] | None = None
    within: bool = False

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def inside(self) -> Maker:
        """For members and items: there, any definition may be referred to, and the schema itself."""
        return replace(self, in_place=None, within=True)

    def schema(self, depth: int) -> Any:
        if self.chance(0.06) and self.draft != "draft4":
            return self.rng.choice([True, True, False])
        return self.composed(depth) if self.chance(0.4) else self.plain(depth)

    def some(self, least: int, most: int, depth: int) -> list[Any]:
        return [self.schema(depth) for _ in range(self.rng.randint(least, most))]

    def composed(self, depth: int) -> dict[str, Any]:
        """Keywords that apply schemas in place, often beside others."""
        rng, draft = self.rng, self.draft
        allowed = self.references if self.in_place is None else self.in_place
        kinds = ["enum", "enum", "const", "const"] if draft != "draft4" else ["enum", "enum"]
        kinds += ["ref"] * 4 * bool(allowed) + ["self"] * self.within
        if depth:
            kinds += ["anyOf", "oneOf"] * 4 + ["allOf", "not"] * 2
            kinds += ["if"] * 4 if draft not in ("draft4", "draft6") else []
        base = self.plain(depth) if self.chance(0.5) else {}
        match rng.choice(kinds):
            case "enum":
                return {**base, "enum": unique(rng.choices(CONSTANTS, k=rng.randint(1, 5)))}
            case "const":
                return {**base, "const": rng.choice(CONSTANTS)}
            case "ref":
                return {**base, "$ref": rng.choice(allowed)}
            case "self":
                return {"$recursiveRef" if draft == "draft2019-09" else "$ref": "#"}
            case "if":
                schema = {"if": self.schema(depth - 1)}
                schema |= {branch: self.schema(depth - 1) for branch in ("then", "else") if self.chance(0.7)}
                return {**base, **schema}
            case "not":
                return {**base, "not": self.schema(depth - 1)}
            case keyword:
                return {**base, keyword: self.some(1, 3, depth - 1)}

    def plain(self, depth: int) -> dict[str, Any]:
        """Keywords that each concern one type, with or without `type`."""
        rng = self.rng
        schema: dict[str, Any] = {}
        if self.chance(0.75):
            schema["type"] = rng.choice(TYPES[2:]) if self.chance(0.7) else rng.sample(TYPES, rng.randint(1, 3))
        named = schema.get("type", rng.sample(["string", "array", "object", "number"], 2))
        about: list[tuple[tuple[str, ...], Callable[[int], dict[str, Any]]]] = [
            (("integer", "number"), self.number),
            (("string",), self.string),
            (("array",), self.array),
            (("object",), self.object),
        ]
        for types, make in about:
            if any(each in named for each in types) if isinstance(named, list) else named in types:
                schema |= make(depth)
        return schema

    def number(self, depth: int) -> dict[str, Any]:
        rng = self.rng
        schema: dict[str, Any] = {}
        for keyword, share in (
            ("minimum", 0.3),
            ("maximum", 0.3),
            ("exclusiveMinimum", 0.12),
            ("exclusiveMaximum", 0.12),
        ):
            if self.chance(share):
                schema[keyword] = rng.choice([-4, -3, -1, 0, 0, 1, 2, 3, 5, 6, 10, 0.5, 2.5, -1.25, 3.0])
        if self.draft == "draft4":
            for keyword, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
                schema.pop(keyword, None)
                if bound in schema and self.chance(0.4):
                    schema[keyword] = rng.choice([True, True, False])
        if self.chance(0.25):
            schema["multipleOf"] = rng.choice(MULTIPLES)
        return schema

    def string(self, depth: int) -> dict[str, Any]:
        rng = self.rng
        schema: dict[str, Any] = {}
        if self.chance(0.2):
            schema["minLength"] = rng.randint(0, 3)
        if self.chance(0.3):
            schema["maxLength"] = rng.randint(0, 5)
        if self.chance(0.25):
            schema["pattern"] = rng.choice([*PATTERNS])
        if self.chance(0.1):
            schema["format"] = rng.choice([*FORMATS, *LATER_FORMATS.get(self.draft, [])])
        return schema

    def array(self, depth: int) -> dict[str, Any]:
        rng, inner, new = self.rng, self.inside(), self.draft in ("draft2019-09", "draft2020-12")
        schema: dict[str, Any] = {}
        if self.chance(0.25):
            schema["minItems"] = rng.randint(0, 3)
        if self.chance(0.25):
            schema["maxItems"] = rng.randint(0, 4)
        if self.chance(0.2):
            schema["uniqueItems"] = self.chance(0.9)
        if not depth:
            return schema
        first, rest = ("prefixItems", "items") if self.draft == "draft2020-12" else ("items", "additionalItems")
        if self.chance(0.3):
            schema[first] = inner.some(1, 3, depth - 1)
            if self.chance(0.4):
                schema[rest] = inner.schema(depth - 1) if self.draft != "draft4" else rng.choice([True, False])
        elif self.chance(0.7):
            schema["items"] = inner.schema(depth - 1)
        if self.draft != "draft4" and self.chance(0.25):
            schema["contains"] = inner.schema(depth - 1)
            for keyword in ("minContains", "maxContains"):
                if new and self.chance(0.3):
                    schema[keyword] = rng.randint(0, 2)
        if new and self.chance(0.1):
            schema["unevaluatedItems"] = rng.choice([False, inner.schema(depth - 1)])
        return schema

    def object(self, depth: int) -> dict[str, Any]:
        rng, inner, draft = self.rng, self.inside(), self.draft
        schema: dict[str, Any] = {}
        if self.chance(0.35):
            schema["required"] = rng.sample(NAMES, rng.randint(draft == "draft4", 2))
        for keyword, share in (("minProperties", 0.12), ("maxProperties", 0.12)):
            if self.chance(share):
                schema[keyword] = rng.randint(0, 3)
        if self.chance(0.12):
            pairs = {name: rng.sample(NAMES, rng.randint(1, 2)) for name in rng.sample(NAMES, rng.randint(1, 2))}
            schema["dependentRequired" if draft in ("draft2019-09", "draft2020-12") else "dependencies"] = pairs
        if not depth:
            return schema
        if self.chance(0.85):
            chosen = rng.sample(NAMES, rng.randint(1, 3))
            schema["properties"] = {name: inner.schema(depth - 1) for name in chosen}
        if self.chance(0.2):
            chosen = rng.sample([*PATTERNS], rng.randint(1, 2))
            schema["patternProperties"] = {pattern: inner.schema(depth - 1) for pattern in chosen}
        if self.chance(0.35):
            schema["additionalProperties"] = rng.choice([False, True, inner.schema(depth - 1)])
        if draft != "draft4" and self.chance(0.1):
            schema["propertyNames"] = rng.choice(
                [{"pattern": rng.choice([*PATTERNS])}, {"maxLength": 1}, {"enum": NAMES[:3]}]
            )
        if self.chance(0.1):
            applied = {rng.choice(NAMES): self.schema(depth - 1)}
            schema.setdefault(
                "dependentSchemas" if draft in ("draft2019-09", "draft2020-12") else "dependencies", applied
            )
        if draft in ("draft2019-09", "draft2020-12") and self.chance(0.12):
            schema["unevaluatedProperties"] = rng.choice([False, False, inner.schema(depth - 1)])
        return schema


def unique(values: list[Any]) -> list[Any]:
    """The first of each; 1 and 1.0 are the same, 1 and true are not."""
    kept: list[Any] = []
    for value in values:
        if not any(same(value, other) for other in kept):
            kept.append(value)
    return kept
