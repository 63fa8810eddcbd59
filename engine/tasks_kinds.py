"""The kinds of flat records: their schemas, how their values are drawn, and the phrases that tell them."""

from __future__ import annotations

from typing import Any

from constrain.engine import tasks_phrases, tasks_unseen_phrases
from constrain.engine.tasks_example import COUNT, DATE, TEXT
from constrain.engine.tasks_records import Kind
from constrain.engine.tasks_values import Values

__all__ = ["DAYS", "KINDS"]

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
RELATIONS = ("friend", "family", "colleague", "client")
SIZES = ("small", "medium", "large")
SEATS = ("economy", "business")


def _contact(values: Values) -> dict[str, Any]:
    relation = values.rng.choice(RELATIONS)
    return {"name": values.name(), "age": values.integer(1, 99), "city": values.city(), "relation": relation}


def _order(values: Values) -> dict[str, Any]:
    most = 12 if values.rng.random() < 0.5 else 250
    size, customer = values.rng.choice(SIZES), values.name()
    return {"item": values.item(), "quantity": values.integer(1, most), "size": size, "customer": customer}


def _event(values: Values) -> dict[str, Any]:
    day, place = values.rng.choice(DAYS), values.place()
    return {"title": values.title(), "day": day, "hour": values.integer(0, 23), "place": place}


def _invoice(values: Values) -> dict[str, Any]:
    return {"vendor": values.vendor(), "amount": values.amount(), "due": values.date(), "number": values.code()}


def _trip(values: Values) -> dict[str, Any]:
    seat = values.rng.choice(SEATS)
    route = {"origin": values.city(), "destination": values.city()}
    return {"traveler": values.name(), **route, "date": values.date(), "seat": seat}


_CONTACT = Kind(
    name="contact",
    fields={"name": TEXT, "age": COUNT, "city": TEXT, "relation": {"enum": list(RELATIONS)}},
    optional=("relation",),
    draw=_contact,
    seen=tasks_phrases.CONTACT,
    unseen=tasks_unseen_phrases.CONTACT,
)

_ORDER = Kind(
    name="order",
    fields={"item": TEXT, "quantity": COUNT, "size": {"enum": list(SIZES)}, "customer": TEXT},
    optional=("customer",),
    draw=_order,
    seen=tasks_phrases.ORDER,
    unseen=tasks_unseen_phrases.ORDER,
)

_EVENT = Kind(
    name="event",
    fields={
        "title": TEXT,
        "day": {"enum": list(DAYS)},
        "hour": {"type": "integer", "minimum": 0, "maximum": 23},
        "place": TEXT,
    },
    optional=("place",),
    draw=_event,
    seen=tasks_phrases.EVENT,
    unseen=tasks_unseen_phrases.EVENT,
)

_INVOICE = Kind(
    name="invoice",
    fields={
        "vendor": TEXT,
        "amount": {"type": "number"},
        "due": DATE,
        "number": TEXT,
    },
    optional=("number",),
    draw=_invoice,
    seen=tasks_phrases.INVOICE,
    unseen=tasks_unseen_phrases.INVOICE,
)

_TRIP = Kind(
    name="trip",
    fields={
        "traveler": TEXT,
        "origin": TEXT,
        "destination": TEXT,
        "date": DATE,
        "seat": {"enum": list(SEATS)},
    },
    optional=("traveler", "seat"),
    draw=_trip,
    seen=tasks_phrases.TRIP,
    unseen=tasks_unseen_phrases.TRIP,
)

KINDS = (_CONTACT, _ORDER, _EVENT, _INVOICE, _TRIP)
