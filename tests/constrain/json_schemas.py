"""Random schemas of the supported kind, and random documents near them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

__all__ = ["documents", "schemas"]

NAMES = ["a", "b", "ab", 'q"']
CONSTANTS: list[Any] = [None, True, False, 0, 1, 2.5, -3, "", "a", "bb", "é", [], [1], {}, {"a": 1}, {"b": "a", "a": 0}]
FORMATS = ["date", "time", "date-time", "uuid", "email", "ipv4", "ipv6", "unheard-of"]
PATTERNS = ["^a", "b$", "^[a-c]{1,3}$", "a|^$", r"^\d", r"\S", r"^\W?$", "[^a]", "."]

numbers = st.integers(-4, 6) | st.sampled_from([0.5, 2.5, -1.25, 3.0])
counts = st.integers(0, 3)


def documents(depth: int = 2) -> st.SearchStrategy[Any]:
    """JSON values that the schemas below have a fair chance to admit."""
    scalars = st.sampled_from([*CONSTANTS, "abc", "2024-02-29", "c", "1.2.3.4", "é\n", 3, 5, -1.25, 3.0, 100])
    if not depth:
        return scalars
    inner = documents(depth - 1)
    members = st.lists(st.tuples(st.sampled_from([*NAMES, "z"]), inner), max_size=4).map(dict)
    return scalars | st.lists(inner, max_size=4) | members


@st.composite
def schemas(draw: st.DrawFn, depth: int = 2, definitions: bool = True) -> Any:
    """A schema; its references lead to `#/$defs/x` and `#/$defs/y`, of which y may refer to x."""
    if definitions:
        schema = draw(schemas(depth, definitions=False).filter(lambda each: isinstance(each, dict)))
        return {**schema, "$defs": {"x": draw(plain(1)), "y": draw(schemas(1, definitions=False))}}
    kind = draw(st.sampled_from(["plain"] * 5 + ["any", "all", "one", "enum", "const", "ref", "boolean"]))
    if kind == "boolean" and depth < 2:
        return draw(st.sampled_from([True, True, False]))
    base = draw(plain(depth)) if draw(st.booleans()) else {}
    if depth:
        inner = schemas(depth - 1, definitions=False)
        match kind:
            case "any":
                return {**base, "anyOf": draw(st.lists(inner, min_size=1, max_size=3))}
            case "all":
                return {"allOf": draw(st.lists(inner, min_size=1, max_size=2)), **base}
            case "one":
                return {**base, "oneOf": draw(st.lists(inner, min_size=1, max_size=2))}
    match kind:
        case "enum":
            return {**base, "enum": draw(st.lists(st.sampled_from(CONSTANTS), min_size=1, max_size=5))}
        case "const":
            return {**base, "const": draw(st.sampled_from(CONSTANTS))}
        case "ref" if depth == 2:
            return {**base, "$ref": draw(st.sampled_from(["#/$defs/x", "#/$defs/y"]))}
        case "ref":
            return {"$ref": "#/$defs/x", **base}
    return draw(plain(depth))


@st.composite
def plain(draw: st.DrawFn, depth: int) -> dict[str, Any]:
    """Keywords that each concern one type, with or without `type`."""
    types = st.sampled_from(["null", "boolean", "integer", "number", "string", "array", "object"])
    schema: dict[str, Any] = {}
    if draw(st.integers(0, 4)):
        schema["type"] = draw(types | st.lists(types, min_size=1, max_size=3, unique=True))
    named = schema.get("type", ["string", "array", "object", "number"])

    def maybe(keyword: str, values: st.SearchStrategy[Any], chance: int = 3) -> None:
        if not draw(st.integers(0, chance)):
            schema[keyword] = draw(values)

    if "integer" in named or "number" in named:
        for keyword in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"):
            maybe(keyword, numbers)
    if "string" in named:
        maybe("minLength", counts)
        maybe("maxLength", counts)
        maybe("pattern", st.sampled_from(PATTERNS), 5)
        maybe("format", st.sampled_from(FORMATS), 8)
    if not depth:
        return schema
    inner = schemas(depth - 1, definitions=False)
    if "array" in named:
        maybe("items", inner, 1)
        maybe("prefixItems", st.lists(inner, min_size=1, max_size=3), 4)
        maybe("minItems", counts)
        maybe("maxItems", counts)
    if "object" in named:
        maybe("properties", st.dictionaries(st.sampled_from(NAMES), inner, max_size=3), 0)
        maybe("required", st.lists(st.sampled_from([*NAMES, "z"]), max_size=2, unique=True), 1)
        maybe("additionalProperties", inner, 1)
    return schema
