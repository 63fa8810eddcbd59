"""Nested records: objects in objects and arrays of objects, told in one or two sentences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from constrain.engine import tasks_unseen_phrases
from constrain.engine.tasks_example import COUNT, TEXT, object_schema
from constrain.engine.tasks_kinds import DAYS
from constrain.engine.tasks_patterns import patterns
from constrain.engine.tasks_records import chosen
from constrain.engine.tasks_values import Values
from constrain.engine.tasks_wear import worn

__all__ = ["nested"]

ROLES = ("host", "speaker", "guest")


def _array(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item, "minItems": 1, "maxItems": 4}


_BASKET = object_schema(
    {"customer": TEXT, "lines": _array(object_schema({"item": TEXT, "quantity": COUNT})), "city": TEXT}, ("city",)
)
_MEETING = object_schema(
    {
        "title": TEXT,
        "day": {"enum": list(DAYS)},
        "people": _array(object_schema({"name": TEXT, "role": {"enum": list(ROLES)}})),
    }
)
_PERSON = object_schema({"name": TEXT, "home": object_schema({"street": TEXT, "number": COUNT, "city": TEXT})})

_BASKET_CITIES = (" in {city}", ", {city}", ". City: {city}", ". Ship to {city}", " ({city})")
_LINES = (
    "{quantity} {item}",
    "{quantity} x {item}",
    "{item} x {quantity}",
    "{item} ({quantity})",
    "{item}: {quantity}",
    "{quantity} [boxes|bags] of {item}",
)

_PEOPLE = ("{name} ({role})", "{name} as {role}", "{name}, {role}", "{role} {name}", "{name} as the {role}")


def _lead(values: Values, leads: tuple[str, ...]) -> str:
    lead = chosen(values.rng.choice(leads), values.rng)
    return lead if values.unseen else worn(lead, values.rng)


def _series(parts: list[str], rng_joint: Callable[[], str]) -> str:
    if len(parts) == 1:
        return parts[0]
    return ", ".join(parts[:-1]) + rng_joint() + parts[-1]


def _basket(values: Values, unseen: bool) -> tuple[str, dict[str, Any], dict[str, Any]]:
    rng = values.rng
    lines = [
        {"item": values.item(), "quantity": values.integer(1, 12 if rng.random() < 0.7 else 250)}
        for _ in range(rng.choice((1, 1, 2, 2, 3)))
    ]
    pattern = chosen(rng.choice(_LINES), rng)
    said = _series([pattern.format(**line) for line in lines], lambda: rng.choice((" and ", ", ", " and ")))
    lead = _lead(values, tasks_unseen_phrases.BASKET if unseen else patterns("basket"))
    target: dict[str, Any] = {"customer": values.name(), "lines": lines}
    if rng.random() < 0.35:
        target["city"] = values.city()
        lead += rng.choice(_BASKET_CITIES)
    return lead.format(**target | {"lines": said}), target, _BASKET


def _meeting(values: Values, unseen: bool) -> tuple[str, dict[str, Any], dict[str, Any]]:
    rng = values.rng
    people = [
        {"name": rng.choice((values.name, values.first))(), "role": rng.choice(ROLES)}
        for _ in range(rng.choice((1, 1, 2, 2, 3)))
    ]
    pattern = rng.choice(_PEOPLE)
    said = _series([pattern.format(**person) for person in people], lambda: rng.choice((" and ", ", ", " and ")))
    lead = _lead(values, tasks_unseen_phrases.MEETING if unseen else patterns("meeting"))
    target = {"title": values.title(), "day": rng.choice(DAYS), "people": people}
    return lead.format(title=target["title"], day=str(target["day"]).title(), people=said), target, _MEETING


def _person(values: Values, unseen: bool) -> tuple[str, dict[str, Any], dict[str, Any]]:
    rng = values.rng
    street = f"{values.vendor().split()[0]} {rng.choice(('Street', 'Road', 'Lane', 'Square'))}"
    home = {"street": street, "number": values.integer(1, 250), "city": values.city()}
    name = values.name()
    lead = _lead(values, tasks_unseen_phrases.PERSON if unseen else patterns("person"))
    return lead.format(name=name, **home), {"name": name, "home": home}, _PERSON


def nested(values: Values, *, unseen: bool) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Sentence, target and schema of a nested record, in a pattern that training has or never sees."""
    make = values.rng.choice((_basket, _basket, _meeting, _meeting, _person))
    text, target, schema = make(values, unseen)
    ending = values.rng.choice((".", ".", ".", "!", ""))
    return text + ending, target, schema
