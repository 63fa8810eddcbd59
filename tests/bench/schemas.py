"""The three JSON schemas that the benchmarks share, and the vocabularies they are compiled for."""

from __future__ import annotations

from itertools import islice
from typing import Any

from constrain.vocabulary import Vocabulary

__all__ = ["SCHEMAS", "enlarged"]

_PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 60},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "city": {"type": "string", "maxLength": 60},
        "email": {"type": "string", "maxLength": 60},
        "active": {"type": "boolean"},
    },
    "required": ["name", "age", "city"],
    "additionalProperties": False,
}

_ITEM = {
    "type": "object",
    "properties": {
        "sku": {"type": "string", "minLength": 1, "maxLength": 20},
        "quantity": {"type": "integer", "minimum": 1, "maximum": 9999},
        "price": {"type": "number"},
    },
    "required": ["sku", "quantity", "price"],
    "additionalProperties": False,
}

_ORDER = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "created": {"type": "string", "format": "date-time"},
        "status": {"enum": ["pending", "paid", "shipped", "delivered", "cancelled"]},
        "items": {"type": "array", "items": _ITEM, "minItems": 1, "maxItems": 5},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 20}, "maxItems": 5},
    },
    "required": ["id", "created", "status", "items"],
    "additionalProperties": False,
}

_OPTIONAL = {
    "type": "object",
    "properties": {
        name: {"type": "string"}
        for name in ("title", "author", "publisher", "language", "series", "edition", "genre", "summary")
    },
    "additionalProperties": False,
}

SCHEMAS: dict[str, dict[str, Any]] = {"person": _PERSON, "order": _ORDER, "optional": _OPTIONAL}
"""A flat person; an order with a UUID, a date-time, an enum, items and tags; eight optional strings."""
