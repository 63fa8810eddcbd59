"""What `%ignore` allows between terminals, as Lark's dynamic lexer skips it.

At the beginning, and wherever a terminal has ended, it may skip one ignored text after another before a terminal or the
end. Each is as long as possible: a text w of `%ignore` is skipped before x only if no w y is one, for a prefix y of x.
With `%ignore /#[^\\n]*/`, say, comments reach to the end of their lines. While x is read, the automaton of the ignored
text reads along from where w ended, and may not accept again; usually a character of x shows that it cannot.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np

from constrain.automaton import Automaton
from constrain.errors import LimitError

__all__ = ["Ignored"]

MAX_STATES = 10_000  # before a text of a terminal, or while more than it is read; about 3 s

Reader: TypeAlias = tuple[int, int]  # the number of an automaton, and its state
Config: TypeAlias = tuple[Reader | None, frozenset[Reader]]  # what reads, None between texts, and what reads along


@dataclass(frozen=True)
class Ignored:
    """Texts that may be skipped, none of them empty."""

    automata: tuple[Automaton, ...]

    def before(self, terminal: Automaton) -> Automaton | None:
        """Texts of the terminal with what is skipped before them; None where more than a text of the terminal decides
        whether what is skipped is as long as possible.
        """
        return _Skipping(self.automata, terminal).automaton() if self.automata else terminal

    @cached_property
    def trailing(self) -> Automaton:
        """What is skipped before the end."""
        found = _Skipping(self.automata, None).automaton()
        assert found is not None, "the end decides"
        return found


class _Skipping:
    """Ignored texts and then one of the terminal, or the end if that is None: a subset construction, in which the
    terminal keeps its states where nothing reads along with it.
    """

    def __init__(self, ignored: tuple[Automaton, ...], terminal: Automaton | None) -> None:
        automata = ignored if terminal is None else (*ignored, terminal)
        columns = np.stack([automaton.byte_class for automaton in automata])
        first, joint = np.unique(columns, axis=1, return_index=True, return_inverse=True)[1:]
        self.byte_class = joint.reshape(-1).astype(np.uint8)
        self.rows = [automaton.table[:, automaton.byte_class[first]].tolist() for automaton in automata]
        self.ends = [automaton.accepting.tolist() for automaton in automata]
        self.symbols = range(len(first))
        self.terminal = None if terminal is None else len(ignored)

    def automaton(self) -> Automaton | None:
        """All texts, or None if some end before it is known whether they are right."""
        number: dict[frozenset[Config], int] = {}
        table: list[list[int]] = []
        accepting: list[bool] = []
        if self.terminal is not None:
            table += self.rows[self.terminal]
            accepting += self.ends[self.terminal]
            number = {frozenset({((self.terminal, state), frozenset[Reader]())}): state for state in range(len(table))}
        start: frozenset[Config] = frozenset({(None, frozenset[Reader]())})
        own = number[start] = len(table)
        queue = [start]
        for subset in queue:
            row = []
            for symbol in self.symbols:
                after = frozenset(new for config in subset for new in self._after(config, symbol))
                row.append(number.setdefault(after, own + len(queue)) if after else -1)
                if row[-1] == own + len(queue):
                    queue.append(after)
            if len(queue) > MAX_STATES:
                raise LimitError(
                    f"what is ignored needs more than {MAX_STATES:,} automaton states",
                    limit=MAX_STATES,
                    given=len(queue),
                    hint="let the texts of %ignore end with a certain character",
                )
            ended = [along for reader, along in subset if self._may_end(reader)]
            if self.terminal is not None and any(ended):
                return None
            table.append(row)
            accepting.append(bool(ended))
        return Automaton.from_table(np.array(table, np.int32), self.byte_class, np.array(accepting, np.bool_), own)

    def _may_end(self, reader: Reader | None) -> bool:
        if self.terminal is None or reader is None:
            return self.terminal is None and reader is None
        return reader[0] == self.terminal and bool(self.ends[reader[0]][reader[1]])

    def _after(self, config: Config, symbol: int) -> Iterator[Config]:
        """What can be after one more byte; nothing where a skipped text could have been longer."""
        reader, along = config
        moved = {(number, self.rows[number][state][symbol]) for number, state in along}
        if any(state >= 0 and self.ends[number][state] for number, state in moved):
            return
        going = frozenset((number, state) for number, state in moved if state >= 0)
        for number, state in [(number, 0) for number in range(len(self.rows))] if reader is None else [reader]:
            target = self.rows[number][state][symbol]
            if target >= 0:
                yield (number, target), going
                if number != self.terminal and self.ends[number][target]:
                    yield None, going | {(number, target)}
