"""Text with slots: how an assignment of one text to every slot is written, and read back."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from constrain.errors import SpecError

__all__ = ["Layout", "Placed", "Slot"]


@dataclass(frozen=True)
class Slot:
    """The place of a variable: one of `texts`, which are all different and none of them empty."""

    name: str
    texts: tuple[str, ...]

    @cached_property
    def index(self) -> dict[str, int]:
        return {text: n for n, text in enumerate(self.texts)}

    @cached_property
    def lengths(self) -> list[int]:
        return sorted({len(text) for text in self.texts})

    @cached_property
    def ordered(self) -> list[str]:
        return sorted(self.texts)

    def at(self, text: str, begin: int) -> Iterator[tuple[int, int]]:
        """The texts that stand in `text` from `begin` on: which, and where they end."""
        for length in self.lengths:
            end = begin + length
            n = self.index.get(text[begin:end])
            if n is not None and end <= len(text):
                yield n, end

    def continuing(self, prefix: str) -> Iterator[str]:
        """The texts that begin with `prefix`."""
        place = bisect_left(self.ordered, prefix)
        while place < len(self.ordered) and self.ordered[place].startswith(prefix):
            yield self.ordered[place]
            place += 1

    def beginning(self, text: str) -> Iterator[str]:
        """The texts that `text` begins with."""
        return (self.texts[n] for n, _ in self.at(text, 0))


@dataclass(frozen=True)
class Placed:
    """In the slot `name` stands its n-th text, at the characters `begin` to `end`."""

    name: str
    n: int
    begin: int
    end: int


@dataclass(frozen=True)
class Layout:
    """The concatenation of `parts`, literal text and slots: a text for every choice of one text per slot."""

    parts: tuple[str | Slot, ...]

    def write(self, texts: Mapping[str, str]) -> str:
        """The text with these texts in the slots, whether they are among the slots' own or not."""
        return "".join(part if isinstance(part, str) else texts[part.name] for part in self.parts)

    def ambiguity(self) -> str | None:
        """The first slot whose text does not follow from the whole text; None if all choices can be told apart.

        Two different readings of one text agree up to some slot. From there on one of them is ahead of the other by a
        string; it is enough to follow which strings that can be, part by part (Sardinas and Patterson, 1953). They are
        two readings of one text where it is empty.
        """
        ahead: dict[str, str] = {}
        for part in self.parts:
            found: dict[str, str] = {}
            for lead, name in ahead.items():
                for after in _leads(part, lead):
                    found.setdefault(after, name)
            if isinstance(part, Slot):
                for text in part.texts:
                    for start in part.beginning(text):
                        if start != text:
                            found.setdefault(text[len(start) :], part.name)
            if "" in found:
                return found[""]
            ahead = found
        return None

    def read(self, text: str) -> tuple[Placed, ...]:
        """What stands in the slots. Raises `SpecError` at the first character that fits nowhere."""
        reached = self._reached(text)
        if len(reached) > len(self.parts) and len(text) in reached[-1]:
            return self._path(reached, len(self.parts), len(text))
        furthest = max(place for places in reached for place in places)
        level = max(n for n, places in enumerate(reached) if furthest in places)
        expected = self.parts[level] if level < len(self.parts) else None
        match expected:
            case None:
                what = "nothing more may stand here"
            case str():
                while furthest < len(text) and text.startswith(expected[0], furthest):
                    furthest, expected = furthest + 1, expected[1:]
                what = f"{expected!r} has to stand here"
            case Slot():
                what = f"no value of {expected.name} stands here"
        raise SpecError(f"the text is of another form: {what}", source=text, position=furthest)

    def known(self, text: str) -> tuple[Placed, ...]:
        """What stands in slots in all texts that begin with `text`, as far as it reaches."""
        reached = self._reached(text)
        paths = []
        for level, places in enumerate(reached):
            for place in places:
                is_last = level == len(self.parts)
                if place == len(text) if is_last else _goes_beyond(self.parts[level], text[place:]):
                    paths.append(self._path(reached, level, place))
        shared = set(paths[0]).intersection(*paths[1:]) if paths else set()
        return tuple(placed for placed in (paths[0] if paths else ()) if placed in shared)

    def _reached(self, text: str) -> list[dict[int, Placed | int | None]]:
        """Per number of parts, the places in `text` that so many can end at, each with its last step.

        Where no two readings have the same text, a place is reached in one way.
        """
        reached: list[dict[int, Placed | int | None]] = [{0: None}]
        for part in self.parts:
            ends: dict[int, Placed | int | None] = {}
            for place in reached[-1]:
                if isinstance(part, Slot):
                    for n, end in part.at(text, place):
                        ends[end] = Placed(part.name, n, place, end)
                elif text.startswith(part, place):
                    ends[place + len(part)] = place
            if not ends:
                break
            reached.append(ends)
        return reached

    def _path(self, reached: list[dict[int, Placed | int | None]], level: int, place: int) -> tuple[Placed, ...]:
        path: list[Placed] = []
        for places in reached[level:0:-1]:
            step = places[place]
            if isinstance(step, Placed):
                path.append(step)
                place = step.begin
            else:
                assert step is not None
                place = step
        return tuple(reversed(path))


def _leads(part: str | Slot, lead: str) -> Iterator[str]:
    """By what one reading is ahead after `part`, if one was ahead by `lead` before; which one it is does not matter."""
    if isinstance(part, str):
        if (lead + part).startswith(part):
            yield (lead + part)[len(part) :]
        return
    for text in part.beginning(lead):  # the one behind catches up in part
        for other in part.texts:
            yield lead[len(text) :] + other
    for text in part.continuing(lead):  # or gets ahead of where the other one was
        rest = text[len(lead) :]
        for other in part.beginning(rest):
            yield rest[len(other) :]
        for other in part.continuing(rest):
            yield other[len(rest) :]


def _goes_beyond(part: str | Slot, text: str) -> bool:
    """Whether some text of `part` begins with `text` and is longer."""
    texts = [part] if isinstance(part, str) else part.continuing(text)
    return any(each.startswith(text) and each != text for each in texts)
