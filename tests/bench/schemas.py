"""The JSON schemas that the benchmarks share, and the vocabularies they are compiled for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from random import Random
from typing import Any

from constrain.vocabulary import Vocabulary

__all__ = ["ANSWERS", "DOCUMENTS", "SCHEMAS", "resized"]

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

_TICKET = {
    "type": "object",
    "properties": {
        "id": {"type": "integer", "minimum": 1},
        "title": {"type": "string"},
        "description": {"type": "string"},
        "status": {"enum": ["open", "in progress", "blocked", "closed"]},
        "priority": {"enum": ["low", "medium", "high"]},
        "labels": {"type": "array", "items": {"type": "string"}},
        "assignee": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "team": {"type": "string"}, "on_call": {"type": "boolean"}},
            "required": ["name"],
            "additionalProperties": False,
        },
        "due": {"type": "string", "format": "date"},
        "estimate_hours": {"type": "number"},
        "resolved": {"type": "boolean"},
    },
    "required": ["id", "title", "status", "priority"],
    "additionalProperties": False,
}

SCHEMAS: dict[str, dict[str, Any]] = {"person": _PERSON, "order": _ORDER, "optional": _OPTIONAL, "ticket": _TICKET}
"""A flat person; an order with a UUID, a date-time, an enum, items and tags; eight optional strings;
a ticket, whose texts have no length limits: some 500 states."""


ANSWERS: dict[str, Any] = {
    "person": {"name": "Ada Lovelace", "age": 36, "city": "London", "email": "ada@example.org", "active": True},
    "order": {
        "id": "1b4e28ba-2fa1-11d2-883f-0016d3cca427",
        "created": "2024-05-06T07:08:09Z",
        "status": "paid",
        "items": [{"sku": "LAMP-20", "quantity": 2, "price": 19.5}, {"sku": "MUG-7", "quantity": 12, "price": 4.25}],
        "tags": ["gift", "express"],
    },
    "optional": {"title": "Notes on the Engine", "author": "Ada Lovelace", "language": "English"},
    "ticket": {
        "id": 1843,
        "title": "Printer jams on cards",
        "description": "Cards from the second tray stop halfway.\nIt began on Monday.",
        "status": "in progress",
        "priority": "high",
        "labels": ["hardware", "tray 2"],
        "assignee": {"name": "Charles Babbage", "team": "Mill", "on_call": False},
        "due": "2024-06-30",
        "estimate_hours": 2.5,
        "resolved": False,
    },
}
"""A valid value of each schema."""

_PAID = ANSWERS["order"]
_LAMP = _PAID["items"][0]
_JAM = ANSWERS["ticket"]

DOCUMENTS: dict[str, tuple[str, ...]] = {
    "person": (
        json.dumps(ANSWERS["person"]),
        json.dumps(ANSWERS["person"], indent=2),
        r'{"name": "Zo\u00eb", "age": 0, "city": "\ud83d\ude80"}',
        json.dumps({"name": "Ada", "age": 151, "city": "London"}),
        json.dumps({"name": "A" * 61, "age": 36, "city": "London"}),
        json.dumps({"name": "Ada", "age": 36, "city": "London", "spouse": "William"}),
        json.dumps({"name": "Ada", "city": "London"}),
    ),
    "order": (
        json.dumps(_PAID),
        json.dumps(_PAID, separators=(",", ":")),
        json.dumps(_PAID | {"created": "2024-02-29T23:59:59.123456+02:00"}),
        json.dumps(_PAID | {"items": [_LAMP | {"price": 1e-7}]}),
        json.dumps(_PAID | {"created": "2023-02-29T00:00:00Z"}),
        json.dumps(_PAID | {"items": [_LAMP | {"quantity": 0}]}),
        json.dumps(_PAID | {"items": [_LAMP] * 6}),
        json.dumps(_PAID | {"status": "lost"}),
    ),
    "optional": (
        json.dumps({}),
        json.dumps(ANSWERS["optional"]),
        json.dumps({"genre": "science", "summary": "a\nb"}),
        json.dumps({"title": 1}),
        json.dumps({"title": "Notes", "pages": "66"}),
    ),
    "ticket": (
        json.dumps(_JAM),
        json.dumps(_JAM, indent=2),
        json.dumps({"id": 1, "title": "", "status": "open", "priority": "low"}),
        json.dumps(_JAM | {"assignee": {"name": "Zo\u00eb"}, "estimate_hours": 1e-3}),
        json.dumps(_JAM | {"id": 0}),
        json.dumps(_JAM | {"status": "lost"}),
        json.dumps(_JAM | {"due": "2023-02-29"}),
        json.dumps(_JAM | {"assignee": {"team": "Mill"}}),
        json.dumps({"id": 1, "title": "No status", "priority": "low"}),
    ),
}
"""Texts that a compiled schema should judge as `jsonschema` judges them; members stand in the schema's order."""


def resized(vocabulary: Vocabulary, size: int) -> Vocabulary:
    """The first `size` ids of `vocabulary`; or all of them and, behind them, made-up tokens up to `size` ids.

    The made-up ones are distinct concatenations of two real ones of at most 5 bytes each: a stand-in for vocabularies
    of DiffusionGemma's size, which no test package ships.
    """
    known = set(vocabulary.tokens)
    short = [token for token in vocabulary.tokens if token and len(token) <= 5]
    rng = Random(0)

    def made_up() -> Iterator[bytes]:
        while True:
            token = rng.choice(short) + rng.choice(short)
            if token not in known:
                known.add(token)
                yield token

    more = islice(made_up(), max(0, size - vocabulary.size))
    return Vocabulary([*vocabulary.tokens[:size], *more], vocabulary.end_of_turn)
