"""What the bundled model was trained on: one or two English sentences in, one small object out, and two kinds of tests.

- `test`: values (names, cities, items, titles, places) that training did not use, in sentence patterns that it did;
- `hard`: the same values in sentence patterns that it did not use either.

Every string of the answer stands verbatim in the prompt (weekdays there begin with a capital letter).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from random import Random
from string import Formatter
from typing import Literal, get_args

from pydantic import BaseModel, Field

from constrain.engine.tasks_words import UNSEEN_WORDS

Split = Literal["test", "hard"]
Day = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Relation = Literal["friend", "family", "colleague", "client"]
Size = Literal["small", "medium", "large"]


class Contact(BaseModel):
    """A person, as one would note them in an address book."""

    name: str
    age: int
    city: str
    relation: Relation | None = None


class Order(BaseModel):
    """So many of one thing in one size, perhaps for somebody."""

    item: str
    quantity: int
    size: Size
    customer: str | None = None


class Event(BaseModel):
    """A calendar entry at a full hour, perhaps with a place."""

    title: str
    day: Day
    hour: int = Field(ge=0, le=23)
    place: str | None = None


@dataclass(frozen=True)
class Example:
    """`type.model_validate(target)` is the right answer to `prompt`; fields the prompt is silent on are absent."""

    prompt: str
    type: type[BaseModel]
    target: dict[str, str | int]

    @property
    def answer(self) -> str:
        """The canonical JSON text of `target`, which is what models are trained to write."""
        return json.dumps(self.target)


TRAIN_TEMPLATES: dict[type[BaseModel], tuple[str, ...]] = {
    Contact: (
        "{name}, {age}, [lives in|is from|works in|moved to] {city}.",
        "{name} [is {age} and|is {age} years old and] [lives in|comes from|works in] {city}.",
        "{name} from {city} is {age}[| years old].",
        "{name} ({age}) [lives in|is from|is based in] {city}.",
        "[Meet|This is|Please add] {name} from {city}, [age|aged] {age}.",
        "[Meet|This is|Please add] {name}, {age}, from {city}.",
        "At {age}, {name} [lives in|moved to] {city}.",
        "{age}-year-old {name} [lives in|comes from] {city}.",
        "In {city} lives {name}, [aged {age}|{age}|who is {age}].",
        "Name: {name}. [Age: {age}. City: {city}.|City: {city}. Age: {age}.]",
        "{name} lives in {city}. [They are|She is|He is] {age}[| years old].",
        "I met {name} in {city}. [She is|He is] {age}.",
        "[My|Our] {relation_word} {name}, {age}, [lives in|is from|works in] {city}.",
        "[My|Our] {relation_word} {name} from {city} is {age}.",
        "{name}, {relation}, is {age} and [lives in|comes from] {city}.",
        "{name} is {relation} from {city}, aged {age}.",
        "{name}, {age}, [lives in|is from] {city} and is {relation}.",
        "{name} is {age} and lives in {city}. [She is|He is] {relation}.",
        "[She|He] is {relation}: {name}, {age}, from {city}.",
        "{relation_title}: {name}, {age}, {city}.",
        "{name} ({relation_word}) is {age} and works in {city}.",
        "I know {name} from {city}, {relation}, aged {age}.",
    ),
    Order: (
        "[Ship|Send] {quantity} {size} {item} to {customer}.",
        "[Ship|Send|Order|Buy|Add] {quantity} {size} {item}[|, please].",
        "{customer} [wants|ordered|needs|bought] {quantity} {size} {item}.",
        "{customer} would like {quantity} {item} in {size}.",
        "{quantity} {size} {item} for {customer}[|, please].",
        "[Please order|We need|I want|I need] {quantity} {size} {item}[| for {customer}].",
        "[Please order|We need|I want] {quantity} {item} in {size}[| for {customer}].",
        "{quantity} {item}, {size}[|, for {customer}].",
        "Order for {customer}: {quantity} {size} {item}.",
        "Order: {item}, size {size}, quantity {quantity}.",
        "{customer} is waiting for {quantity} {size} {item}.",
        "Pack {item} in size {size}, {quantity} pieces[|, for {customer}].",
        "[The {item} should be {size}. We need {quantity}.|We need {quantity} {item}. They should be {size}.]",
        "{customer} called. [She|He] wants {quantity} {size} {item}.",
        "Can I have {quantity} {size} {item}?",
        "Can you send {customer} {quantity} {size} {item}?",
        "{size_title} {item}, {quantity} of them[|, for {customer}].",
    ),
    Event: (
        "{title} [on|this|next] {day} at {hour}[|:00][| in {place}].",
        "{title} is on {day} at {hour}[|:00][| in {place}].",
        "On {day} at {hour}[|:00] [we have|there is] {title}[| in {place}].",
        "{day}, {hour}:00: {title}[|, {place}].",
        "{day} at {hour}[|:00]: {title}[| in {place}].",
        "[Join us for|Come to|Do not miss] {title} on {day} at {hour}[|:00].",
        "[Join us for|Come to] {title} in {place} on {day} at {hour}[|:00].",
        "In {place} on {day} at {hour}: {title}.",
        "[Schedule|Plan|Book] {title} for {day} at {hour}[|:00][| in {place}].",
        "{title} takes place in {place} on {day} at {hour}[|:00].",
        "{title} starts at {hour}[|:00] on {day}[| in {place}].",
        "At {hour}[|:00] on {day}, {title} [begins|starts][| in {place}].",
        "{title} is in {place}. It [starts|begins] on {day} at {hour}.",
        "Remind me of {title} on {day} at {hour}[|:00].",
        "We meet in {place} for {title}, {day} at {hour}[|:00].",
        "Event: {title}. Day: {day}. Hour: {hour}.[| Place: {place}.]",
    ),
}

HARD_TEMPLATES: dict[type[BaseModel], tuple[str, ...]] = {
    Contact: (
        "{name} just turned {age} and still lives in {city}.",
        "Say hello to {name}, {age}, who comes from {city}.",
        "Our new contact is {name} from {city}, {age} years old.",
        "{name} has lived in {city} for years and is {age}.",
        "I would like to add {name}. Age {age}, city {city}.",
        "{city} is home to {name}, who is {age}.",
        "Please note: {name} is {relation}, {age}, and works in {city}.",
        "{name}, aged {age} and {relation}, is from {city}.",
        "My {relation_word} from {city} is {name}, who is {age}.",
    ),
    Order: (
        "{customer} asked us for {quantity} {size} {item}.",
        "Put {quantity} {size} {item} in the box for {customer}.",
        "Could we get {quantity} {size} {item}?",
        "Deliver {quantity} {size} {item} to {customer} today.",
        "New order: {quantity} {size} {item}.",
        "{customer} is buying {item}: {quantity} pieces, all {size}.",
        "We are out of {item}. Send {quantity} in {size}.",
        "I am {customer} and I want {quantity} {size} {item}.",
    ),
    Event: (
        "{title} will be held on {day} at {hour}:00 in {place}.",
        "See you at {title} this {day}, {hour}:00.",
        "The next {title} is {day} at {hour}.",
        "Please book {place} for {title} on {day} at {hour}.",
        "Note that {title} begins at {hour} on {day}.",
        "There will be {title} in {place}, {day} at {hour}:00.",
        "{title}: {place}, {day}, {hour}:00.",
        "Do you want to come to {title} on {day} at {hour}?",
    ),
}

_ARTICLE = {"friend": "a friend", "family": "a family member", "colleague": "a colleague", "client": "a client"}
_MEMBER = {"friend": "friend", "family": "family member", "colleague": "colleague", "client": "client"}
_RENDER: dict[str, tuple[str, Callable[[str], str]]] = {
    "relation": ("relation", _ARTICLE.__getitem__),
    "relation_word": ("relation", _MEMBER.__getitem__),
    "relation_title": ("relation", str.title),
    "size_title": ("size", str.title),
    "day": ("day", str.title),
}


def patterns(split: Split, kind: type[BaseModel]) -> tuple[str, ...]:
    """All sentence patterns of a split for one type: its templates with every `[a|b]` choice written out."""
    templates = HARD_TEMPLATES if split == "hard" else TRAIN_TEMPLATES
    return _PATTERNS[templates is HARD_TEMPLATES][kind]


def _expand(template: str) -> list[str]:
    parts = [part.split("|") for part in re.split(r"[\[\]]", template)]
    return ["".join(choice) for choice in product(*parts)]


_PATTERNS = tuple(
    {kind: tuple(p for template in templates for p in _expand(template)) for kind, templates in source.items()}
    for source in (TRAIN_TEMPLATES, HARD_TEMPLATES)
)


class _Values:
    """Draws field values; all randomness comes from `rng`."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng

    def name(self) -> str:
        first = self.rng.choice(UNSEEN_WORDS.first)
        return first if self.rng.random() < 0.15 else f"{first} {self.rng.choice(UNSEEN_WORDS.last)}"

    customer = name

    def city(self) -> str:
        return self.rng.choice(UNSEEN_WORDS.city)

    def item(self) -> str:
        return self.rng.choice(UNSEEN_WORDS.item)

    def title(self) -> str:
        return self.rng.choice(UNSEEN_WORDS.title)

    def place(self) -> str:
        return self.rng.choice(UNSEEN_WORDS.place)

    def age(self) -> int:
        return self.rng.randint(1, 99)

    def quantity(self) -> int:
        return self.rng.randint(1, 12) if self.rng.random() < 0.5 else self.rng.randint(1, 250)

    def hour(self) -> int:
        return self.rng.randint(0, 23)

    def day(self) -> str:
        return str(self.rng.choice(get_args(Day)))

    def relation(self) -> str:
        return str(self.rng.choice(get_args(Relation)))

    def size(self) -> str:
        return str(self.rng.choice(get_args(Size)))


def _example(split: Split, rng: Random) -> Example:
    kind = rng.choice((Contact, Order, Event))
    pattern = rng.choice(patterns(split, kind))
    slots = [name for _, name, _, _ in Formatter().parse(pattern) if name]
    mentioned = {_RENDER[slot][0] if slot in _RENDER else slot for slot in slots}
    values = _Values(rng)
    drawn = {field: getattr(values, field)() for field in kind.model_fields if field in mentioned}
    rendered = {slot: _RENDER[slot][1](drawn[_RENDER[slot][0]]) if slot in _RENDER else drawn[slot] for slot in slots}
    target = kind.model_validate(drawn).model_dump(exclude_none=True)
    return Example(prompt=pattern.format(**rendered), type=kind, target=target)


def examples(split: Split, count: int, seed: int = 0) -> list[Example]:
    """`count` examples of a split; equal arguments give equal examples."""
    rng = Random(f"{split}-{seed}")
    return [_example(split, rng) for _ in range(count)]
