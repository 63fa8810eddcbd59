"""Regular expressions over bytes, as cheap immutable trees that are determinised once, as a whole.

Front ends build trees with `literal`, `byte_range`, `concat`, `union` and `repeat`; `compile_expression` turns a tree
into the minimal `Automaton`. An `Automaton` may itself be a leaf, which is how intersections and complements enter.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from constrain.automaton import DEFAULT_MAX_STATES, Automaton
from constrain.subsets import Nfa, determinize, over_budget

__all__ = [
    "EMPTY",
    "NOTHING",
    "ByteSet",
    "Concat",
    "Expression",
    "Literal",
    "Repeat",
    "Separated",
    "Union",
    "byte_range",
    "byte_set",
    "compile_expression",
    "concat",
    "literal",
    "optional",
    "repeat",
    "separated",
    "union",
]

_POSITIONS_PER_STATE = 16  # NFA positions allowed per allowed DFA state, so that hopeless inputs fail before expansion


@dataclass(frozen=True)
class Literal:
    """Exactly these bytes."""

    data: bytes


@dataclass(frozen=True)
class ByteSet:
    """One byte b with bit b set in the 256-bit `mask`."""

    mask: int


@dataclass(frozen=True)
class Concat:
    parts: tuple[Expression, ...]


@dataclass(frozen=True)
class Union:
    parts: tuple[Expression, ...]


@dataclass(frozen=True)
class Repeat:
    """Between `low` and `high` concatenated copies of `part`; `high` None means no upper bound."""

    part: Expression
    low: int
    high: int | None


@dataclass(frozen=True)
class Separated:
    """One or more copies of `part`, with a `separator` between any two."""

    part: Expression
    separator: Expression


Expression: TypeAlias = Literal | ByteSet | Concat | Union | Repeat | Separated | Automaton

EMPTY = Literal(b"")
NOTHING = Union(())


def literal(data: bytes) -> Expression:
    return Literal(data)


def byte_range(low: int, high: int) -> Expression:
    """One byte between `low` and `high`, both included."""
    return Literal(bytes([low])) if low == high else ByteSet((1 << (high + 1)) - (1 << low))


def byte_set(members: Iterable[int]) -> Expression:
    distinct = set(members)
    return Literal(bytes(distinct)) if len(distinct) == 1 else ByteSet(sum(1 << byte for byte in distinct))


def concat(*parts: Expression) -> Expression:
    flat: list[Expression] = []
    for part in parts:
        for piece in part.parts if isinstance(part, Concat) else (part,):
            if isinstance(piece, Literal) and flat and isinstance(flat[-1], Literal):
                flat[-1] = Literal(flat[-1].data + piece.data)
            elif piece != EMPTY:
                flat.append(piece)
    return flat[0] if len(flat) == 1 else Concat(tuple(flat)) if flat else EMPTY


def union(*parts: Expression) -> Expression:
    flat: list[Expression] = []
    for part in parts:
        flat += part.parts if isinstance(part, Union) else [part]
    return flat[0] if len(flat) == 1 else Union(tuple(flat))


def repeat(part: Expression, low: int = 0, high: int | None = None) -> Expression:
    """Between `low` and `high` copies of `part` (None: no limit); no string at all if that is impossible."""
    if high is not None and low > high:
        return NOTHING
    return part if (low, high) == (1, 1) else EMPTY if high == 0 else Repeat(part, low, high)


def separated(part: Expression, separator: Expression) -> Expression:
    """`part (separator part)*`, which takes no second copy of `part`."""
    return Separated(part, separator)


def optional(part: Expression) -> Expression:
    return union(EMPTY, part)


def compile_expression(expression: Expression, *, max_states: int = DEFAULT_MAX_STATES) -> Automaton:
    """The minimal automaton of the language that `expression` denotes.

    Raises `LimitError` when the subset construction passes `max_states`, or when the tree is so large that it must;
    the latter is decided by arithmetic, before anything is expanded.
    """
    if isinstance(expression, Automaton):
        return expression
    budget = max_states * _POSITIONS_PER_STATE
    size = _size(expression)
    if size > budget:
        raise over_budget(max_states, size // _POSITIONS_PER_STATE)
    thompson = _Thompson(max_states)
    final = thompson.add(expression, thompson.nfa.state())
    return determinize(thompson.nfa, final, max_states)


def _size(expression: Expression) -> int:
    """How many NFA positions the expanded tree has, at most."""
    match expression:
        case Literal(data):
            return len(data)
        case ByteSet():
            return 1
        case Concat(parts) | Union(parts):
            return 1 + sum(_size(part) for part in parts)
        case Repeat(part, low, high):
            return 1 + max(low, high or 0, 1) * (1 + _size(part))
        case Separated(part, separator):
            return 1 + _size(part) + _size(separator)
        case Automaton():
            return expression.states


def _nullable(expression: Expression) -> bool:
    match expression:
        case Literal(data):
            return not data
        case ByteSet():
            return False
        case Concat(parts):
            return all(_nullable(part) for part in parts)
        case Union(parts):
            return any(_nullable(part) for part in parts)
        case Repeat(part, low, _):
            return low == 0 or _nullable(part)
        case Separated(part, _):
            return _nullable(part)
        case Automaton():
            return bool(expression.accepting[0])


class _Thompson:
    """Thompson's construction. `add(expression, start)` gives `start` new outgoing edges, never incoming ones, so
    alternatives may share their start; it returns the state in which the expression has been read.
    """

    def __init__(self, max_states: int) -> None:
        self.max_states = max_states
        self.nfa = Nfa()

    def add(self, expression: Expression, start: int) -> int:
        nfa = self.nfa
        match expression:
            case Literal(data):
                for byte in data:
                    end = nfa.state()
                    nfa.edges[start].append((1 << byte, end))
                    start = end
                return start
            case ByteSet(mask):
                end = nfa.state()
                if mask:
                    nfa.edges[start].append((mask, end))
                return end
            case Concat(parts):
                for part in parts:
                    start = self.add(part, start)
                return start
            case Union(parts):
                words = [part.data for part in parts if isinstance(part, Literal)]
                others = [part for part in parts if not isinstance(part, Literal)]
                return nfa.join([*self.add_words(words, start), *(self.add(part, start) for part in others)])
            case Repeat(part, low, high):
                return self.add_repeat(part, low, high, start)
            case Separated(part, separator):
                loop = nfa.join([start])
                end = nfa.join([self.add(part, loop)])
                nfa.link(self.add(separator, end), loop)
                return end
            case Automaton():
                return nfa.embed(expression, start)

    def add_words(self, words: list[bytes], start: int) -> list[int]:
        """The ends of all words, which share their beginnings: a trie."""
        child: dict[tuple[int, int], int] = {}
        ends = []
        for word in words:
            state = start
            for byte in word:
                following = child.get((state, byte))
                if following is None:
                    following = child[state, byte] = self.nfa.state()
                    self.nfa.edges[state].append((1 << byte, following))
                state = following
            ends.append(state)
        return ends

    def add_repeat(self, part: Expression, low: int, high: int | None, start: int) -> int:
        if high is not None and high > 1 and _nullable(part):
            # (e | empty){l, h} = (e - empty){0, h}: without this every copy could be skipped in h ways
            part = compile_expression(part, max_states=self.max_states) - compile_expression(EMPTY)
            low = 0
        for _ in range(low if high is not None else low - 1):
            start = self.add(part, start)
        if high is None:
            end = self.add(Separated(part, EMPTY), start)
            return end if low else self.nfa.join([start, end])
        exits = [start]
        for _ in range(high - low):
            start = self.add(part, start)
            exits.append(start)
        return self.nfa.join(exits)
