"""The values that the synthetic tasks are about: listed words, invented ones, numbers and dates, apart by split.

Training values are mostly invented from syllables or letters, so that the only way to get them right is to copy them
from the prompt. Unseen values are real words, which the generator excludes by name, and numbers and dates that
training leaves out (`is_unseen`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

__all__ = ["TRAIN_WORDS", "UNSEEN_WORDS", "Values", "Words", "invented", "is_unseen"]


@dataclass(frozen=True)
class Words:
    """The word lists of one side; values are composed of them."""

    first: tuple[str, ...]
    last: tuple[str, ...]
    city: tuple[str, ...]
    item: tuple[str, ...]
    title: tuple[str, ...]
    place: tuple[str, ...]
    plain: tuple[str, ...]

    def all(self) -> frozenset[str]:
        """Every single word in the lists, in lower case."""
        lists = (self.first, self.last, self.city, self.item, self.title, self.place, self.plain)
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
    plain=_words(
        "amber, bronze, copper, cotton, crimson, daily, fast, fresh, frozen, golden, indigo, local, maple, north,"
        "olive, paper, pending, purple, quiet, ready, rough, round, salty, silver, slow, smooth, spare, steel, velvet,"
        "weekly, yellow, closed, sent, early, broken, cold, dark, empty, flat"
    ),
)

UNSEEN_WORDS = Words(
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
    plain=_words(
        "azure, bamboo, ceramic, cobalt, coral, delayed, dusty, express, fragile, ginger, hourly, ivory, jade, linen,"
        "lunar, marble, minty, monthly, muddy, narrow, orange, plastic, polar, rapid, rusty, shiny, solar, spicy,"
        "stormy, sturdy, tidy, urgent, vivid, wicker, yearly, zesty"
    ),
)

_ONSETS = (
    "b br c ch cl d dr f fl fr g gr h j k l m n p pl pr qu r s sc sh sl st t th tr v w wh x y z" + 3 * " "
).split(" ")
_VOWELS = _words("a, a, a, e, e, e, i, i, o, o, u, y, ai, au, ea, ee, ei, ia, ie, io, oa, oo, ou")
_CODAS = ("n r l s t m d g k ck ld ll lm n nd ng nn nt p rd rg rn rs rt sk ss st th tt v x z" + 24 * " ").split(" ")
_EXCLUDED = UNSEEN_WORDS.all()
_FIRST_DAY = date(2018, 1, 1)


def invented(rng: Random) -> str:
    """A lower-case word of one to three syllables, or now and then of arbitrary letters, that no unseen value uses."""
    while True:
        if rng.random() < 0.05:
            word = "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 7)))
        else:
            syllables = rng.choices((1, 2, 3), (4, 5, 1))[0]
            word = "".join(rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS) for _ in range(syllables))
        if 2 <= len(word) <= 9 and word not in _EXCLUDED:
            return word


def is_unseen(number: int) -> bool:
    """Whether training leaves this number out: one in seven, from 10 on. Dates count in days, amounts in hundredths."""
    return number >= 10 and number % 7 == 3


class Values:
    """Draws values of one side, seen in training or not; all randomness comes from `rng`."""

    def __init__(self, rng: Random, *, unseen: bool) -> None:
        self.rng = rng
        self.unseen = unseen
        self.words = UNSEEN_WORDS if unseen else TRAIN_WORDS
        self.invent = 0.0 if unseen else 0.8

    def _word(self, listed: tuple[str, ...]) -> str:
        return invented(self.rng).title() if self.rng.random() < self.invent else self.rng.choice(listed)

    def plain(self) -> str:
        """One word in lower case."""
        return invented(self.rng) if self.rng.random() < self.invent else self.rng.choice(self.words.plain)

    def name(self) -> str:
        first = self._word(self.words.first)
        return first if self.rng.random() < 0.15 else f"{first} {self._word(self.words.last)}"

    def first(self) -> str:
        return self._word(self.words.first)

    def city(self) -> str:
        city = self._word(self.words.city)
        prefixed = self.rng.random() < 0.1 * self.invent and " " not in city
        return f"{self.rng.choice(('New', 'San', 'Port', 'Los', 'East'))} {city}" if prefixed else city

    def vendor(self) -> str:
        name = self._word(self.words.last)
        return (
            f"{name} {self.rng.choice(('Ltd', 'Inc', 'Works', 'Foods', 'Labs'))}" if self.rng.random() < 0.4 else name
        )

    def item(self) -> str:
        if self.rng.random() >= self.invent:
            return self.rng.choice(self.words.item)
        noun = invented(self.rng) + self.rng.choice(("s", "s", "s", "es", ""))
        if noun in _EXCLUDED:
            return self.item()
        return f"{invented(self.rng)} {noun}" if self.rng.random() < 0.15 else noun

    def title(self) -> str:
        if self.rng.random() >= self.invent:
            return self.rng.choice(self.words.title)
        word = invented(self.rng).title()
        ending = self.rng.random()
        if ending < 0.35:
            return word
        last = invented(self.rng).title() if ending < 0.7 else self.rng.choice(self.words.title).split()[-1]
        return f"{word} {last}"

    def place(self) -> str:
        if self.rng.random() >= self.invent:
            return self.rng.choice(self.words.place)
        word = invented(self.rng).title()
        shape = self.rng.choice(
            ("the {}", "the {}", "Room {}", "Cafe {}", "Hall {}", "Hotel {}", "{} Park", "{other} {}")
        )
        return shape.format(word, other=invented(self.rng).title())

    def code(self) -> str:
        """Letters and digits, as in `KT-407`."""
        letters = "".join(self.rng.choices("ABCDEFGHJKLMNPQRSTUVWXYZ", k=2))
        return f"{letters}-{self.integer(100, 999)}"

    def integer(self, low: int, high: int) -> int:
        while True:
            number = self.rng.randint(low, high)
            if number < 10 or is_unseen(number) == self.unseen:
                return number

    def amount(self) -> float:
        """A number with one or two decimals, spelled as Python and JSON do."""
        while True:
            hundredths = self.integer(101, self.rng.choice((999, 9_999, 99_999)))
            if hundredths % 100:
                return hundredths / 100

    def date(self) -> str:
        """As ISO 8601 writes it."""
        return (_FIRST_DAY + timedelta(days=self.integer(10, 4_000))).isoformat()
