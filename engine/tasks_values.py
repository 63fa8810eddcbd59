"""The values that the synthetic tasks are about: listed words, invented ones, numbers and dates, apart by split.

Training values are mostly invented, so that the only way to get them right is to copy them from the prompt: from
syllables, from letters, from the halves of two words, or they are words of patterns, as a name may be made of what
surrounds others. Unseen values are real words, which the generator excludes by name, and numbers and dates that
training leaves out (`is_unseen`).
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from random import Random

from constrain.engine.tasks_patterns import carriers
from constrain.engine.tasks_words import TRAIN_WORDS, UNSEEN_WORDS

__all__ = ["Values", "invented", "is_unseen"]

_ONSETS = (
    "b br c ch cl d dr f fl fr g gr h j k l m n p pl pr qu r s sc sh sl st t th tr v w wh x y z" + 3 * " "
).split(" ")
_VOWELS = (*3 * "ae", *2 * "io", *"uy", "ai", "au", "ea", "ee", "ei", "ia", "ie", "io", "oa", "oo", "ou")
_CODAS = ("n r l s t m d g k ck ld ll lm n nd ng nn nt p rd rg rn rs rt sk ss st th tt v x z" + 24 * " ").split(" ")
_EXCLUDED = UNSEEN_WORDS.all()
_FIRST_DAY = date(2018, 1, 1)


@cache
def _halved() -> tuple[str, ...]:
    """The words whose halves make others: those of patterns and the listed ones of training."""
    return tuple(sorted(word for word in {*_carriers(), *TRAIN_WORDS.all()} if len(word) > 3))


@cache
def _carriers() -> tuple[str, ...]:
    return tuple(word for word in carriers() if len(word) > 3)


def invented(rng: Random) -> str:
    """A lower-case word that no unseen value uses: syllables, two halves of words, a word of patterns, or letters."""
    while True:
        word = rng.choices((_syllables, _halves, _carrier, _letters), (45, 33, 15, 7))[0](rng)
        if 2 <= len(word) <= 10 and word not in _EXCLUDED:
            return word


def _syllables(rng: Random) -> str:
    count = rng.choices((1, 2, 3), (4, 5, 1))[0]
    return "".join(rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS) for _ in range(count))


def _halves(rng: Random) -> str:
    front, back = rng.choice(_halved()), rng.choice(_halved())
    return front[: rng.randint(2, 5)] + back[-rng.randint(2, 5) :]


def _carrier(rng: Random) -> str:
    return rng.choice(_carriers())


def _letters(rng: Random) -> str:
    return "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 7)))


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
        return f"{invented(self.rng)} {noun}" if self.rng.random() < 0.2 else noun

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
