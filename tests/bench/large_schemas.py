"""Schemas that stress one thing each: width, depth, choice, recursion, or the meta-schemas themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]  # it ships no types

__all__ = ["large_schemas"]

Large: TypeAlias = tuple[str, Any, tuple[Any, ...], Mapping[str, Any]]
"""Name, schema, valid documents, and the documents that the schema refers to."""

SCALARS: list[tuple[dict[str, Any], Any]] = [
    ({"type": "string"}, "text"),
    ({"type": "integer"}, 7),
    ({"type": "boolean"}, True),
    ({"type": "number", "minimum": 0}, 1.5),
    ({"type": ["string", "null"], "maxLength": 40}, None),
    ({"enum": ["red", "green", "blue"]}, "green"),
    ({"type": "array", "items": {"type": "string"}, "maxItems": 10}, ["a", "b"]),
    ({"type": "string", "format": "date"}, "2024-02-29"),
]


def large_schemas() -> Iterator[Large]:
    for required in (0, 250):
        for additional in (False, True):
            yield many_properties(500, required, additional)
    yield many_values(5_000)
    yield many_consts(2_000)
    for size in (12, 40):
        yield web_of_references(size)
    yield discriminated(200)
    yield told_apart_by_required(200)
    yield told_apart_by_nothing(60)
    yield nested(24)
    yield mixins(30)
    yield conditions(25)
    yield patterns(40)
    yield tree()
    yield json_in_json()
    yield from meta_schemas()


def many_properties(count: int, required: int, additional: bool) -> Large:
    properties = {f"property_{i:03}": SCALARS[i % len(SCALARS)][0] for i in range(count)}
    values = {name: SCALARS[i % len(SCALARS)][1] for i, name in enumerate(properties)}
    needed = [*properties][:: count // required][:required] if required else []
    schema: dict[str, Any] = {"type": "object", "properties": properties, "required": needed}
    if not additional:
        schema["additionalProperties"] = False
    least = {name: values[name] for name in needed}
    some = {name: value for i, (name, value) in enumerate(values.items()) if name in least or i % 7 == 0}
    openness = "open" if additional else "closed"
    return f"{count} properties, {required} required, {openness}", schema, (least, some, values), {}


def many_values(count: int) -> Large:
    codes = [f"{'ABCDEFGHJK'[i % 10]}{i * 7919 % 100_003:05}-{'XYZ'[i % 3]}" for i in range(count)]
    schema = {"type": "object", "properties": {"code": {"enum": codes}, "next": {"enum": codes}}, "required": ["code"]}
    return f"{count} values", schema, ({"code": codes[0]}, {"code": codes[-1], "next": codes[count // 2]}), {}


def many_consts(count: int) -> Large:
    """As code generators write enumerations: a choice of constants, each with a title."""
    options = [{"const": f"option-{i}", "title": f"Option {i}"} for i in range(count)]
    schema = {"type": "object", "properties": {"chosen": {"oneOf": options}}, "required": ["chosen"]}
    return f"{count} constants", schema, ({"chosen": "option-0"}, {"chosen": f"option-{count - 1}"}), {}


def web_of_references(size: int) -> Large:
    """Each definition refers to five others, everything recurs."""
    definitions = {
        f"node{i}": {
            "type": "object",
            "properties": {
                "id": {"type": "integer"},
                **{f"to{step}": {"$ref": f"#/$defs/node{(i * 3 + step) % size}"} for step in range(4)},
                "all": {"type": "array", "items": {"$ref": f"#/$defs/node{(i + 5) % size}"}},
            },
            "required": ["id"],
            "additionalProperties": False,
        }
        for i in range(size)
    }
    valid = ({"id": 1}, {"id": 1, "to0": {"id": 2}}, {"id": 1, "to3": {"id": 4}, "all": [{"id": 5}]})
    return f"web of {size} definitions", {"$ref": "#/$defs/node0", "$defs": definitions}, valid, {}


def discriminated(count: int) -> Large:
    def branch(i: int) -> dict[str, Any]:
        body, _ = SCALARS[i % len(SCALARS)]
        properties = {"kind": {"const": f"event.{i}"}, "id": {"type": "integer"}, f"value_{i}": body}
        return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}

    valid = [{"kind": f"event.{i}", "id": i, f"value_{i}": SCALARS[i % len(SCALARS)][1]} for i in (0, 101, count - 1)]
    return f"oneOf of {count}, by a constant", {"oneOf": [branch(i) for i in range(count)]}, tuple(valid), {}


def told_apart_by_required(count: int) -> Large:
    """Open branches of which each needs a member of its own: exactly one of those members may be there, in a way."""

    def branch(i: int) -> dict[str, Any]:
        return {"type": "object", "properties": {f"k{i}": {"type": "integer"}}, "required": [f"k{i}"]}

    valid = ({"k0": 1}, {"k7": 0, "name": "x"}, {f"k{count - 1}": -3})
    schema = {"type": "object", "properties": {"name": {"type": "string"}}, "oneOf": [branch(i) for i in range(count)]}
    return f"oneOf of {count}, by required members", schema, valid, {}


def told_apart_by_nothing(count: int) -> Large:
    """Closed branches that share most of their optional members, so that many documents fit several: anyOf."""

    def branch(i: int) -> dict[str, Any]:
        names = [f"p{(i + j) % count}" for j in range(12)]
        properties = {name: {"type": "integer"} for name in names}
        return {"type": "object", "properties": properties, "additionalProperties": False, "required": names[:1]}

    return (
        f"anyOf of {count} that overlap",
        {"anyOf": [branch(i) for i in range(count)]},
        ({"p0": 1}, {"p5": 1, "p6": 2}),
        {},
    )


def nested(depth: int) -> Large:
    schema: dict[str, Any] = {"type": "object", "properties": {"leaf": {"type": "string"}}, "required": ["leaf"]}
    document: dict[str, Any] = {"leaf": "end"}
    for level in range(depth):
        properties = {
            f"name_{level}": {"type": "string"},
            "child": schema,
            "tags": {"type": "array", "items": {"type": "string"}},
        }
        schema = {"type": "object", "properties": properties, "required": ["child"]}
        document = {f"name_{level}": "x", "child": document}
    return f"{depth} levels", schema, (document,), {}


def mixins(count: int) -> Large:
    """allOf of many partial objects, closed by unevaluatedProperties."""
    parts = {
        f"part{i}": {
            "properties": {f"a{i}": SCALARS[i % 8][0], f"b{i}": {"type": "integer"}},
            "required": [f"a{i}"] if i % 3 == 0 else [],
        }
        for i in range(count)
    }
    schema = {
        "type": "object",
        "allOf": [{"$ref": f"#/$defs/{name}"} for name in parts],
        "unevaluatedProperties": False,
        "$defs": parts,
    }
    least = {f"a{i}": SCALARS[i % 8][1] for i in range(0, count, 3)}
    return f"allOf of {count} parts, nothing else", schema, (least, least | {"b0": 1, "b7": 2}), {}


def conditions(count: int) -> Large:
    """A constant decides, by if/then, which other members are needed and what they hold."""
    rules = [
        {
            "if": {"properties": {"type": {"const": f"t{i}"}}, "required": ["type"]},
            "then": {
                "properties": {"value": SCALARS[i % 8][0], f"extra{i % 5}": {"type": "integer"}},
                "required": ["value"],
            },
        }
        for i in range(count)
    ]
    schema = {
        "type": "object",
        "properties": {"type": {"enum": [f"t{i}" for i in range(count)]}, "value": {}, "note": {"type": "string"}},
        "required": ["type"],
        "allOf": rules,
    }
    valid = [{"type": f"t{i}", "value": SCALARS[i % 8][1], "note": "n"} for i in (0, 5, count - 1)]
    return f"{count} conditions", schema, tuple(valid), {}


def patterns(count: int) -> Large:
    """Names by pattern, several of which match one name."""
    schema = {
        "type": "object",
        "patternProperties": {
            **{f"^x{i:02}-": {"type": "string"} for i in range(count)},
            "-size$": {"pattern": "^[0-9]+(px|em|%)$"},
            "^data-[a-z]+$": {"type": ["string", "number", "boolean"]},
        },
        "additionalProperties": False,
    }
    return (
        f"{count} patterns of names",
        schema,
        ({"x00-a": "b", "data-y": 1}, {"x01-size": "10px", "x-size": "2em"}),
        {},
    )


def tree() -> Large:
    expression = {
        "oneOf": [
            {"type": "number"},
            {"type": "string", "pattern": "^[a-z_][a-z0-9_]*$"},
            {
                "type": "object",
                "properties": {
                    "op": {"enum": ["+", "-", "*", "/", "and", "or", "not"]},
                    "args": {"type": "array", "items": {"$ref": "#/$defs/expression"}, "minItems": 1, "maxItems": 3},
                },
                "required": ["op", "args"],
                "additionalProperties": False,
            },
        ]
    }
    valid = (1, "x_1", {"op": "+", "args": [1, "y"]}, {"op": "not", "args": [{"op": "and", "args": ["a", "b"]}]})
    return "expression tree", {"$ref": "#/$defs/expression", "$defs": {"expression": expression}}, valid, {}


def json_in_json() -> Large:
    schema = {"type": "object", "properties": {"payload": True, "meta": {"type": "object"}}, "required": ["payload"]}
    return "any value inside", schema, ({"payload": [1, {"a": None}]}, {"payload": "x", "meta": {"k": [1.5e3]}}), {}


def meta_schemas() -> Iterator[Large]:
    """Schemas of schemas: valid documents are small schemas."""
    valid = (
        {"type": "object", "properties": {"a": {"type": "string", "minLength": 1}}, "required": ["a"]},
        True,
        {"items": {"enum": [1, "a", None]}, "title": "list"},
    )
    old = REGISTRY.contents("http://json-schema.org/draft-07/schema#")
    yield "meta-schema of draft 7", old, valid, {}
    home = "https://json-schema.org/draft/2020-12/"
    parts = ("core", "applicator", "unevaluated", "validation", "meta-data", "format-annotation", "content")
    documents = {f"{home}meta/{part}": REGISTRY.contents(f"{home}meta/{part}") for part in parts}
    yield "meta-schema of 2020-12", REGISTRY.contents(f"{home}schema"), valid, documents
