"""Lifting a byte automaton over a vocabulary: the automaton whose letters are token classes.

Every token acts on the byte automaton's states as a partial map (where does each state end up after the token's
bytes?). Tokens with the same map are one *class*; nothing later in the pipeline tells them apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from constrain.automaton import Automaton
from constrain.vocabulary import Vocabulary

__all__ = ["UNREACHABLE", "Links", "TokenAutomaton", "lift"]

UNREACHABLE = np.iinfo(np.int32).max
_UNKNOWN = -1


@dataclass(frozen=True, eq=False)
class Links:
    """The edges of a token automaton, those between the same two states put together.

    Link n leads from `source[n]` to `target[n]` on every class of the *bundle* `bundle[n]`; links are sorted by source,
    then target. Bundle `owner[m]` contains the class `member[m]`, sorted by owner; there are `bundles` of them. All
    arrays are int64. Sums over paths need no finer view, and bundles repeat, since counters act alike at every count:
    an order schema with 284,904 edges on 725 classes has 51,477 links with 583 bundles, which contain 2,429 classes.
    """

    source: NDArray[np.int64]
    target: NDArray[np.int64]
    bundle: NDArray[np.int64]
    owner: NDArray[np.int64]
    member: NDArray[np.int64]
    bundles: int


@dataclass(frozen=True, eq=False)
class TokenAutomaton:
    """A deterministic automaton over token classes.

    States 0..S-1 are those of the byte automaton (start 0); state S is *done*, entered by an end-of-turn token from
    any accepting state. `class_of` is int32 `[V]`: class 0 holds the tokens that are never allowed, class
    `end_of_turn` (the last) the end-of-turn tokens. `source`, `label`, `target` are int32 `[E]`, sorted by source then
    label. Edges out of *done* are not stored: whatever follows the end of turn is accepted.
    """

    class_of: NDArray[np.int32]
    source: NDArray[np.int32]
    label: NDArray[np.int32]
    target: NDArray[np.int32]
    accepting: NDArray[np.bool_]
    classes: int

    @property
    def done(self) -> int:
        return len(self.accepting)

    @property
    def end_of_turn(self) -> int:
        return self.classes - 1

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """int64 `[V]`: all token ids, class after class; class k is `order[offsets[k] : offsets[k + 1]]`."""
        return np.argsort(self.class_of, kind="stable")

    @cached_property
    def offsets(self) -> NDArray[np.int64]:
        """int64 `[classes + 1]`: where each class begins in `order`."""
        return np.concatenate([[0], np.cumsum(np.bincount(self.class_of, minlength=self.classes))])

    @cached_property
    def links(self) -> Links:
        """The edges, bundled by source and target."""
        width = self.done + 1
        pair = self.source.astype(np.int64) * width + self.target
        order = np.argsort(pair, kind="stable")
        distinct, begin = np.unique(pair[order], return_index=True)
        label = self.label[order].astype(np.int64)
        number: dict[bytes, int] = {}
        sets = (label[i:j].tobytes() for i, j in pairwise([*begin.tolist(), len(label)]))
        bundle = np.fromiter((number.setdefault(each, len(number)) for each in sets), np.int64, len(distinct))
        members = [np.frombuffer(each, np.int64) for each in number]
        return Links(
            source=distinct // width,
            target=distinct % width,
            bundle=bundle,
            owner=np.repeat(np.arange(len(members)), [len(each) for each in members]),
            member=np.concatenate([*members, label[:0]]),
            bundles=len(members),
        )

    @cached_property
    def distance(self) -> NDArray[np.int32]:
        """int32 `[S + 1]`: the fewest ordinary tokens from a state to an accepting one; -1 for *done*.

        `UNREACHABLE` marks states from which the vocabulary cannot spell any accepted ending.
        """
        distance = np.full(self.done + 1, UNREACHABLE, np.int32)
        distance[:-1][self.accepting] = 0
        distance[-1] = -1
        source, target = self.links.source, self.links.target
        source, target = source[target != self.done], target[target != self.done]
        frontier, steps = self.accepting.nonzero()[0], 0
        while len(frontier):
            steps += 1
            hit = np.zeros(self.done + 1, np.bool_)
            hit[frontier] = True
            reached = np.unique(source[hit[target]])
            frontier = reached[distance[reached] > steps]
            distance[frontier] = steps
        return distance

    @cached_property
    def longest(self) -> int | None:
        """The most ordinary tokens that an output can have; None when there is no bound."""
        if int(self.distance[0]) == UNREACHABLE:
            return None
        source, target = self.links.source, self.links.target
        useful = (self.distance[source] < UNREACHABLE) & (target != self.done) & (self.distance[target] < UNREACHABLE)
        source, target = source[useful], target[useful]
        layer = np.zeros(self.done + 1, np.bool_)
        layer[0] = True
        for length in range(self.done + 1):
            following = np.zeros(self.done + 1, np.bool_)
            following[target[layer[source]]] = True
            if not following.any():
                return length
            layer = following
        return None  # a walk longer than the number of states repeats one: there is a cycle


def lift(automaton: Automaton, vocabulary: Vocabulary) -> TokenAutomaton:
    """The token automaton of `automaton` over `vocabulary`.

    A walk down the vocabulary's byte trie, level by level, that carries for every node the *number* of its map from
    states to states. Composition with a byte is memoised per (map, byte class), so the state table is read once per
    distinct map instead of once per trie node and state: the maps that occur are few (hundreds for tens of thousands
    of trie nodes), because most strings act alike.
    """
    trie = vocabulary.trie
    classes = automaton.table.shape[1]
    states = automaton.states
    steps = np.hstack([automaton.table.T, np.full((classes, 1), -1, np.int32)])  # column -1: dead stays dead
    # maps[0] leads nowhere, maps[1] is the identity; composed[m * classes + c] is the number of "m, then c"
    maps = [np.full(states, -1, np.int32), np.arange(states, dtype=np.int32)]
    number = {maps[0].tobytes(): 0, maps[1].tobytes(): 1}
    composed = np.full(2 * classes, _UNKNOWN, np.int64)
    composed[:classes] = 0
    node_map = np.zeros(len(trie.parent), np.int64)
    node_map[0] = 1
    letter = automaton.byte_class[trie.byte].astype(np.int64)
    for begin, end in zip(trie.level[1:-1].tolist(), trie.level[2:].tolist(), strict=True):
        key = node_map[trie.parent[begin:end]] * classes + letter[begin:end]
        for unknown in np.unique(key[composed[key] == _UNKNOWN]).tolist():
            result = steps[unknown % classes][maps[unknown // classes]]
            found = number.setdefault(result.tobytes(), len(maps))
            if found == len(maps):
                maps.append(result)
                if len(maps) * classes > len(composed):
                    composed = np.concatenate([composed, np.full(len(composed), _UNKNOWN, np.int64)])
            composed[unknown] = found
        node_map[begin:end] = composed[key]
    token_map = np.where(trie.node_of_token >= 0, node_map[trie.node_of_token], 0)
    is_used = np.bincount(token_map, minlength=len(maps)) > 0
    is_used[0] = True  # class 0 is the dead one, even where no token is
    class_of = (np.cumsum(is_used) - 1)[token_map].astype(np.int32)
    end_of_turn = int(is_used.sum())
    class_of[np.array(vocabulary.end_of_turn)] = end_of_turn
    table = np.array([maps[index] for index in np.flatnonzero(is_used)]).T  # [S, classes]
    ends = np.where(automaton.accepting, states, -1).astype(np.int32)
    table = np.hstack([table, ends[:, None]])
    source, label = np.nonzero(table >= 0)
    return TokenAutomaton(
        class_of=class_of,
        source=source.astype(np.int32),
        label=label.astype(np.int32),
        target=np.ascontiguousarray(table[source, label]),
        accepting=automaton.accepting,
        classes=end_of_turn + 1,
    )
