"""Synthetic extraction tasks: one or two English sentences in, one small object out.

An example is a prompt, the pydantic model that describes the answer and the answer itself. Three splits
differ in what a model may have seen before:

- `train`: training values in training sentence patterns;
- `test`: values (names, cities, items, titles, places) that training never uses, in training patterns;
- `hard`: the same unseen values in sentence patterns that training never uses.

Most training words are generated from syllables or single letters, so that the only way to get them right
is to copy them from the prompt. Test words are real ones and are excluded from the generator by name.
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

Split = Literal["train", "test", "hard"]
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


@dataclass(frozen=True)
class Words:
    """The word lists of one split; values are composed of them."""

    first: tuple[str, ...]
    last: tuple[str, ...]
    city: tuple[str, ...]
    item: tuple[str, ...]
    title: tuple[str, ...]
    place: tuple[str, ...]

    def all(self) -> frozenset[str]:
        """Every single word in the lists, in lower case."""
        lists = (self.first, self.last, self.city, self.item, self.title, self.place)
        return frozenset(word.lower() for words in lists for value in words for word in value.split())


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(","))


TRAIN_WORDS = Words(
    first=_words(
        "Alice, Bruno, Carmen, David, Elena, Felix, Grace, Hassan, Irene, James, Keiko, Liam, Maria, Nadia, Oscar,"
        "Priya, Quentin, Rosa, Simon, Tara, Umar, Victor, Wendy, Xenia, Yusuf, Zara, Anton, Bella, Cyrus, Doris, Erik,"
        "Fiona, George, Helen, Igor, Julia, Kevin, Laura, Martin, Olga, Paul, Ruth, Stefan, Thomas, Ursula,"
        "Walter, Yvonne"
    ),
    last=_words(
        "Adams, Baker, Carter, Diaz, Evans, Fischer, Garcia, Hughes, Ivanov, Jensen, Keller, Lopez, Miller, Nguyen,"
        "Okafor, Patel, Quinn, Rossi, Smith, Tanaka, Ueda, Vargas, Wagner, Xu, Young, Zhang, Allen, Brown, Clark, Dunn,"
        "Foster, Green, Harris, Jones, King, Lewis, Moore, Parker, Reed, Scott, Taylor, Walker, White, Wright"
    ),
    city=_words(
        "Berlin, Cairo, Dublin, Geneva, Hamburg, Istanbul, Jakarta, Kyoto, Lima, Madrid, Naples, Oslo, Paris, Quito,"
        "Rome, Seoul, Tokyo, Utrecht, Vienna, Warsaw, York, Zurich, Athens, Boston, Chicago, Dallas, Denver, Leeds,"
        "Milan, Munich, Porto, Prague, Sydney, Turin, New Haven, San Pedro, Port Louis, Los Gatos"
    ),
    item=_words(
        "apples, books, boxes, cables, chairs, clocks, cups, desks, doors, drums, forks, frames, gloves, hats, jars,"
        "keys, ladders, maps, nails, ovens, pens, plates, pots, ropes, rugs, shelves, shirts, shoes, spoons, stools,"
        "tables, tents, tiles, tools, towels, trays, vases, wheels, blue bags, paper bowls, metal hooks, red flags"
    ),
    title=_words(
        "Board Meeting, Budget Review, Chess Club, Code Review, Dance Class, Design Sprint, Exam, Interview, Lunch,"
        "Music Lesson, Project Call, Release Party, Sales Training, Staff Lunch, Team Meeting, Yoga Class, Brunch"
    ),
    place=_words(
        "Room Seven, Main Hall, the Library, the Office, Studio North, the Gym, Cafe Rio, City Park, the Lobby,"
        "Hall West, the Museum, Room Blue, the Theatre, Hotel Astor, School Yard, Tower Five"
    ),
)

TEST_WORDS = Words(
    first=_words(
        "Ada, Nora, Alan, Grete, Edsger, Barbara, Donald, Katherine, Linus, Margaret, Niklaus, Radia, Sophie, Tony,"
        "Emmy, Carl, Blaise, Sofia, Henri, Marie, Isaac, Rachel, Robin, Ines, Pablo, Clara, Hugo, Mira, Otto, Lucy,"
        "Samir, Ingrid, Mateo, Freya, Dmitri, Amara, Kofi, Leila, Rohan, Sven, Astrid, Chloe, Diego, Esther, Gavin"
    ),
    last=_words(
        "Lovelace, Quill, Turing, Hopper, Dijkstra, Liskov, Knuth, Johnson, Hamilton, Wirth, Perlman, Wilson, Hoare,"
        "Noether, Gauss, Pascal, Kovalev, Curie, Newton, Carson, Hood, Moreno, Casal, Schumann, Brandt, Lang, Holm,"
        "Haddad, Berg, Silva, Larsen, Volkov, Diallo, Mensah, Farahani, Gupta, Nilsson, Lund, Bennett, Castro, Stone"
    ),
    city=_words(
        "London, Lisbon, Bergen, Toronto, Nairobi, Havana, Mumbai, Delhi, Lagos, Cologne, Dresden, Ghent, Bruges,"
        "Florence, Palermo, Seville, Malaga, Krakow, Riga, Tallinn, Helsinki, Aarhus, Glasgow, Cardiff, Bristol,"
        "Austin, Seattle, Portland, Phoenix, Houston, Perth, Osaka, Hanoi, Manila, Lyon, Nantes, New Orleans,"
        "San Marino"
    ),
    item=_words(
        "lamps, mugs, candles, bikes, pillows, notebooks, umbrellas, blankets, mirrors, carpets, bottles, hammers,"
        "kettles, jackets, scarves, baskets, puzzles, guitars, cameras, speakers, pencils, stamps, helmets, buckets,"
        "brushes, curtains, benches, barrels, lanterns, magnets, green sofas, wooden spades, silver rings"
    ),
    title=_words(
        "Garden Tour, Piano Recital, Book Fair, Product Demo, Press Briefing, Town Council, Wine Tasting, Science Fair,"
        "Choir Rehearsal, Picnic, Webinar, Workshop, Seminar, Graduation, Film Night, Pottery Course, Kickoff, Auction"
    ),
    place=_words(
        "Cafe Luna, Room Birch, the Chapel, the Stadium, Hotel Regent, the Cellar, Pavilion Nine, Room Cedar,"
        "the Harbour, Villa Flora, the Arcade, Gallery Ten, the Orchard, Cafe Fado, Barn Hill, the Terrace"
    ),
)

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
_ONSETS = (
    "b br c ch cl d dr f fl fr g gr h j k l m n p pl pr qu r s sc sh sl st t th tr v w wh x y z" + 3 * " "
).split(" ")
_VOWELS = _words("a, a, a, e, e, e, i, i, o, o, u, y, ai, au, ea, ee, ei, ia, ie, io, oa, oo, ou")
_CODAS = ("n r l s t m d g k ck ld ll lm n nd ng nn nt p rd rg rn rs rt sk ss st th tt v x z" + 24 * " ").split(" ")


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
_EXCLUDED = TEST_WORDS.all()


def _invented(rng: Random) -> str:
    """A lower-case word of one to three syllables, or now and then of arbitrary letters, that no test value uses."""
    while True:
        if rng.random() < 0.15:
            word = "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 7)))
        else:
            syllables = rng.choices((1, 2, 3), (3, 5, 2))[0]
            word = "".join(rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS) for _ in range(syllables))
        if 2 <= len(word) <= 9 and word not in _EXCLUDED:
            return word


class _Values:
    """Draws field values of one split; all randomness comes from `rng`."""

    def __init__(self, split: Split, rng: Random) -> None:
        self.rng = rng
        self.words = TRAIN_WORDS if split == "train" else TEST_WORDS
        self.invent = 0.8 if split == "train" else 0.0

    def _word(self, listed: tuple[str, ...]) -> str:
        return _invented(self.rng).title() if self.rng.random() < self.invent else self.rng.choice(listed)

    def name(self) -> str:
        first = self._word(self.words.first)
        return first if self.rng.random() < 0.15 else f"{first} {self._word(self.words.last)}"

    customer = name

    def city(self) -> str:
        city = self._word(self.words.city)
        prefixed = self.rng.random() < 0.1 * self.invent and " " not in city
        return f"{self.rng.choice(('New', 'San', 'Port', 'Los', 'East'))} {city}" if prefixed else city

    def item(self) -> str:
        if self.rng.random() >= self.invent:
            return self.rng.choice(self.words.item)
        noun = _invented(self.rng) + self.rng.choice(("s", "s", "s", "es", ""))
        if noun in _EXCLUDED:
            return self.item()
        return f"{_invented(self.rng)} {noun}" if self.rng.random() < 0.15 else noun

    def title(self) -> str:
        if self.rng.random() >= self.invent:
            return self.rng.choice(self.words.title)
        word = _invented(self.rng).title()
        ending = self.rng.random()
        if ending < 0.35:
            return word
        return f"{word} {_invented(self.rng).title()}" if ending < 0.7 else f"{word} {self._title_head()}"

    def _title_head(self) -> str:
        return self.rng.choice(self.words.title).split()[-1]

    def place(self) -> str:
        if self.rng.random() >= self.invent:
            return self.rng.choice(self.words.place)
        word = _invented(self.rng).title()
        shape = self.rng.choice(
            ("the {}", "the {}", "Room {}", "Cafe {}", "Hall {}", "Hotel {}", "{} Park", "{other} {}")
        )
        return shape.format(word, other=_invented(self.rng).title())

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
    values = _Values(split, rng)
    drawn = {field: getattr(values, field)() for field in kind.model_fields if field in mentioned}
    rendered = {slot: _RENDER[slot][1](drawn[_RENDER[slot][0]]) if slot in _RENDER else drawn[slot] for slot in slots}
    target = kind.model_validate(drawn).model_dump(exclude_none=True)
    return Example(prompt=pattern.format(**rendered), type=kind, target=target)


def examples(split: Split, count: int, seed: int = 0) -> list[Example]:
    """`count` examples of a split; equal arguments give equal examples."""
    rng = Random(f"{split}-{seed}")
    return [_example(split, rng) for _ in range(count)]
