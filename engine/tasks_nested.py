"""Nested records: objects in objects and arrays of objects, told in one or two sentences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from constrain.engine.tasks_example import COUNT, TEXT, object_schema
from constrain.engine.tasks_kinds import DAYS
from constrain.engine.tasks_records import chosen, worn
from constrain.engine.tasks_words import Values

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

_BASKET_LEADS = (
    "{customer} [wants|ordered|needs|bought|takes|gets] {lines}",
    "[Ship|Send|Bring|Take|Mail|Sell] {lines} to {customer}",
    "[Ship|Send|Pack|Get|Buy] {lines} for {customer}",
    "[Order|Basket|List] [for|of|from] {customer}: {lines}",
    "{customer}: {lines}",
    "{lines} for {customer}",
    "{customer} [is waiting for|asks for|would like] {lines}",
    "Customer: {customer}[;|.|,] [lines|items|order]: {lines}",
)
_BASKET_CITIES = (" in {city}", ", {city}", ". City: {city}", ". Ship to {city}", " ({city})")
_UNSEEN_BASKET_LEADS = (
    "Deliver {lines} to {customer}",
    "{customer} put {lines} on the list",
    "We promised {customer} {lines}",
    "New order by {customer}: {lines}",
)
_LINES = (
    "{quantity} {item}",
    "{quantity} x {item}",
    "{item} x {quantity}",
    "{item} ({quantity})",
    "{item}: {quantity}",
    "{quantity} [boxes|bags] of {item}",
)

_MEETING_LEADS = (
    "{title} on {day} with {people}",
    "{title}, {day}: {people}",
    "On {day} {people} meet for {title}",
    "[At|For] {title} on {day} we [expect|have|see] {people}",
    "[Plan|Book|Schedule] {title} for {day} with {people}",
    "{people} [come|go] to {title} on {day}",
    "Event: {title}. Day: {day}. People: {people}",
    "{day}: {title} with {people}",
)
_UNSEEN_MEETING_LEADS = (
    "{title} brings together {people} this {day}",
    "Seats at {title} are for {people}, {day} only",
    "See {people} at {title} next {day}",
)
_PEOPLE = ("{name} ({role})", "{name} as {role}", "{name}, {role}", "{role} {name}", "{name} as the {role}")

_PERSON_LEADS = (
    "{name} [lives|works|stays|is] at {number} {street} in {city}",
    "{name} [lives|works|stays] in {city}, {street} {number}",
    "{name}, {street} {number}, {city}",
    "{name}, {number} {street}, {city}",
    "[Write to|Visit|Meet|Find] {name} at {number} {street}, {city}",
    "In {city}, at {street} {number}, [lives|works] {name}",
    "Name: {name}. [Home|Address]: {number} {street}, {city}",
    "Name: {name}; street: {street}; number: {number}; city: {city}",
    "{name} has a home in {city}. The street is {street}, the number {number}",
)
_UNSEEN_PERSON_LEADS = (
    "Send the letter to {name}, {city}, {number} {street}",
    "You will find {name} in {city}: {street} {number}",
    "{name} moved into {street} {number}, {city}",
    "The house of {name} is {number} {street} over in {city}",
)


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
    lead = _lead(values, _UNSEEN_BASKET_LEADS if unseen else _BASKET_LEADS)
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
    lead = _lead(values, _UNSEEN_MEETING_LEADS if unseen else _MEETING_LEADS)
    target = {"title": values.title(), "day": rng.choice(DAYS), "people": people}
    return lead.format(title=target["title"], day=str(target["day"]).title(), people=said), target, _MEETING


def _person(values: Values, unseen: bool) -> tuple[str, dict[str, Any], dict[str, Any]]:
    rng = values.rng
    street = f"{values.vendor().split()[0]} {rng.choice(('Street', 'Road', 'Lane', 'Square'))}"
    home = {"street": street, "number": values.integer(1, 250), "city": values.city()}
    name = values.name()
    lead = _lead(values, _UNSEEN_PERSON_LEADS if unseen else _PERSON_LEADS)
    return lead.format(name=name, **home), {"name": name, "home": home}, _PERSON


def nested(values: Values, *, unseen: bool) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Sentence, target and schema of a nested record, in a pattern that training has or never sees."""
    make = values.rng.choice((_basket, _basket, _meeting, _meeting, _person))
    text, target, schema = make(values, unseen)
    ending = values.rng.choice((".", ".", ".", "!", ""))
    return text + ending, target, schema
