"""Lifting a byte automaton over a vocabulary: the automaton whose letters are token classes.

Every token acts on the byte automaton's states as a partial map (where does each state end up after the token's
bytes?). Tokens with the same map are one *class*; nothing later in the pipeline tells them apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constrain import native
from constrain.automaton import Automaton
from constrain.compressed_rows import Ints, distinct, distinct_rows, group, order, slices
from constrain.graphs import closure, longest_walk, steps_from
from constrain.letters import reading
from constrain.token_maps import Maps, token_maps
from constrain.vocabulary import Vocabulary

__all__ = ["UNREACHABLE", "Links", "TokenAutomaton", "lift"]

UNREACHABLE = np.iinfo(np.int32).max

_WHOLE = 10_000  # states up to which one part is best: every part costs about 5 ms, whatever its maps
_PART = 1_000  # the fewest states to be a part of their own
_PARTS = 16


@dataclass(frozen=True, eq=False)
class Links:
    """The edges of a token automaton, those between the same two states put together.

    Link n leads from `source[n]` to `target[n]` on every class of the *bundle* `bundle[n]`; links are sorted by source,
    then target. Bundle `owner[m]` contains the class `member[m]`, sorted by owner, then class; there are `bundles` of
    them, all different. All arrays are int64. Sums over paths need no finer view, and bundles repeat, since counters
    act alike at every count: an order schema with 284,904 edges on 725 classes has 51,477 links with 583 bundles,
    which contain 2,429 classes.
    """

    source: Ints
    target: Ints
    bundle: Ints
    owner: Ints
    member: Ints
    bundles: int

    @cached_property
    def offsets(self) -> Ints:
        """int64 `[bundles + 1]`: where each bundle begins in `member`."""
        return np.searchsorted(self.owner, np.arange(self.bundles + 1))


@dataclass(frozen=True, eq=False)
class TokenAutomaton:
    """A deterministic automaton over token classes.

    States 0..S-1 are those of the byte automaton (start 0); state S is *done*, entered by an end-of-turn token from
    any accepting state. `class_of` is int32 `[V]`: class 0 holds the tokens that are never allowed, class
    `end_of_turn` (the last) the end-of-turn tokens. Links out of *done* are not stored: whatever follows the end of
    turn is accepted.
    """

    class_of: NDArray[np.int32]
    links: Links
    accepting: NDArray[np.bool_]
    classes: int

    @property
    def done(self) -> int:
        return len(self.accepting)

    @property
    def end_of_turn(self) -> int:
        return self.classes - 1

    @property
    def edges(self) -> int:
        """How many edges there are: a link counts once for every class of its bundle."""
        return int(np.diff(self.links.offsets)[self.links.bundle].sum())

    @cached_property
    def bytes(self) -> int:
        """The memory that the arrays take, `order` included."""
        links = self.links
        arrays = (links.source, links.target, links.bundle, links.owner, links.member, self.class_of, self.accepting)
        return sum(array.nbytes for array in arrays) + 2 * self.class_of.nbytes

    @cached_property
    def order(self) -> Ints:
        """int64 `[V]`: all token ids, class after class; class k is `order[offsets[k] : offsets[k + 1]]`."""
        return group(self.class_of, np.arange(len(self.class_of)), self.classes)[1]

    @cached_property
    def offsets(self) -> Ints:
        """int64 `[classes + 1]`: where each class begins in `order`."""
        return np.concatenate([[0], np.cumsum(np.bincount(self.class_of, minlength=self.classes))])

    @cached_property
    def _edges(self) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
        links = self.links
        width = np.diff(links.offsets)[links.bundle]
        label = links.member[slices(links.offsets, links.bundle)]
        sequence = np.lexsort((label, np.repeat(links.source, width)))
        source, target = (np.repeat(ends, width)[sequence].astype(np.int32) for ends in (links.source, links.target))
        return source, label[sequence].astype(np.int32), target

    @property
    def source(self) -> NDArray[np.int32]:
        """int32 `[E]`: the edges one by one, sorted by source, then label; there may be very many of them."""
        return self._edges[0]

    @property
    def label(self) -> NDArray[np.int32]:
        """int32 `[E]`: the class of each edge."""
        return self._edges[1]

    @property
    def target(self) -> NDArray[np.int32]:
        """int32 `[E]`: where each edge leads."""
        return self._edges[2]

    def outgoing(self, state: int) -> slice:
        """The links that leave `state`."""
        begin, end = np.searchsorted(self.links.source, [state, state + 1]).tolist()
        return slice(begin, end)

    def step(self, state: int, token: int) -> int:
        """The state after `token` from `state`, or -1; what follows *done* is not asked."""
        links, leaving = self.links, self.outgoing(state)
        carries = np.zeros(links.bundles, np.bool_)
        carries[links.owner[links.member == self.class_of[token]]] = True
        following = links.target[leaving][carries[links.bundle[leaving]]]
        return int(following[0]) if len(following) else -1

    @cached_property
    def distance(self) -> NDArray[np.int32]:
        """int32 `[S + 1]`: the fewest ordinary tokens from a state to an accepting one; -1 for *done*.

        `UNREACHABLE` marks states from which the vocabulary cannot spell any accepted ending.
        """
        predecessors = group(self.links.target, self.links.source, self.done + 1)
        distance = steps_from(self.accepting.nonzero()[0].tolist(), *predecessors, never=UNREACHABLE).astype(np.int32)
        distance[-1] = -1
        return distance

    @cached_property
    def longest(self) -> int | None:
        """The most ordinary tokens that an output can have; None when there is no bound."""
        if int(self.distance[0]) == UNREACHABLE:
            return None
        source, target = self.links.source, self.links.target
        useful = (target != self.done) & (self.distance[target] < UNREACHABLE)
        useful &= closure([0], *group(source[useful], target[useful], self.done + 1))[source]
        return longest_walk(source[useful], target[useful], self.done + 1)


def lift(automaton: Automaton, vocabulary: Vocabulary) -> TokenAutomaton:
    """The token automaton of `automaton` over `vocabulary`.

    The tokens' maps are found for parts of the states, each by itself; a class is a combination of maps, one of each
    part.
    """
    read = reading(automaton, vocabulary)
    parts = [token_maps(read, states) for states in _parts(automaton)]
    class_of = parts[0].of_token
    map_of_class: list[NDArray[Any]] = [np.arange(parts[0].count)]  # of each part
    for maps in parts[1:]:
        count = len(map_of_class[0]) * maps.count
        first, kind = distinct(class_of * np.int64(maps.count) + maps.of_token, count)
        map_of_class = [*(known[class_of[first]] for known in map_of_class), maps.of_token[first]]
        class_of = kind.astype(np.int32)
    classes = len(map_of_class[0]) + 1  # class 0 leads nowhere, and the ids that end the turn are of it so far
    class_of[np.array(vocabulary.end_of_turn)] = classes - 1
    links = [_links(maps, known, automaton.states) for maps, known in zip(parts, map_of_class, strict=True)]
    return TokenAutomaton(class_of, _joined(links, automaton.accepting, classes), automaton.accepting, classes)


def _parts(automaton: Automaton) -> list[NDArray[np.int32]]:
    """A partition of the states: those that accept the same bytes together, if they are many, and all the rest.

    A class is as fine as the whole automaton, a map only as its part. In a schema of 1,000 string members, 4,200 tokens
    differ somewhere between the names, but only 20 within the values; together their maps have 7.3 million pairs, in
    parts 0.2 million.
    """
    states = np.arange(automaton.states, dtype=np.int32)
    if len(states) <= _WHOLE:
        return [states]
    bits = np.packbits(automaton.table >= 0, axis=1)
    rows = np.arange(len(states) + 1) * bits.shape[1]
    kind = distinct_rows(rows, bits.ravel())[1]
    size = np.bincount(kind)
    large = np.argsort(-size)[: _PARTS - 1]
    large = large[size[large] >= _PART]
    part = np.full(len(size), len(large))
    part[large] = np.arange(len(large))
    part = part[kind]
    return [states[part == n] for n in range(len(large) + 1) if (part == n).any()]


def _links(maps: Maps, map_of_class: NDArray[np.int32], states: int) -> Links:
    """The pairs of all maps that have classes, bundled."""
    source, target, bundle, offsets, members = native.bundled(maps.offsets, maps.pairs, states)
    bundles = len(offsets) - 1
    owner = np.repeat(np.arange(bundles), np.diff(offsets))
    if np.array_equal(map_of_class, np.arange(maps.count)):  # there is one part, and a class is a map
        return Links(source, target, bundle, owner, members, bundles)
    class_offsets, class_ = group(map_of_class, np.arange(len(map_of_class)), maps.count)
    owner = np.repeat(owner, np.diff(class_offsets)[members])
    member = class_[slices(class_offsets, members)]
    by_member = order(member, len(map_of_class))
    owner, member = owner[by_member], member[by_member]
    by_owner = order(owner, bundles)
    return Links(source, target, bundle, owner[by_owner], member[by_owner], bundles)


def _joined(parts: list[Links], accepting: NDArray[np.bool_], classes: int) -> Links:
    """The links of all parts and those of the end of turn."""
    ends, one = np.flatnonzero(accepting), np.zeros(1, np.int64)
    done = np.full(len(ends), len(accepting))
    parts = [*parts, Links(ends, done, np.zeros_like(ends), one, one + classes - 1, 1)]
    shift = np.cumsum([0] + [part.bundles for part in parts]).tolist()
    source = np.concatenate([part.source for part in parts])
    target = np.concatenate([part.target for part in parts])
    bundle = np.concatenate([part.bundle + n for part, n in zip(parts, shift, strict=False)])
    size = np.concatenate([np.diff(part.offsets) for part in parts])
    member = np.concatenate([part.member for part in parts])
    offsets = np.concatenate([[0], np.cumsum(size)])
    first = kind = np.arange(len(size))
    if len(parts) > 2:  # of one part and the end of turn, no two are equal
        first, kind = distinct_rows(offsets, member)
    by_pair = order(source * (len(accepting) + 1) + target, (len(accepting) + 1) ** 2)
    return Links(
        source=source[by_pair],
        target=target[by_pair],
        bundle=kind[bundle[by_pair]],
        owner=np.repeat(np.arange(len(first)), size[first]),
        member=member[slices(offsets, first)],
        bundles=len(first),
    )
