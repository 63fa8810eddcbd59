"""Which states and tokens are possible where on a canvas: the integer half of every guarantee.

For a canvas of L positions with `budget` ordinary tokens still allowed (this canvas included),

    alive[i, q] = q is reachable from the start in i tokens, and can finish within budget - i more.

The second half is a comparison with a distance: a state with a shortest ending of d tokens can always spend one token
on the first step of that ending, so `distance[q] <= budget - i` is exactly "completable", on this canvas or a later
one. On the last canvas a text that leaves room must be closed by an end-of-turn token; one that fills it need not be.

Where tokens are `given` at some positions, both halves go through them: a state is reached, and can finish, only by
ways on which those tokens stand there, in the text or behind its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from constrain.errors import UnsatisfiableError
from constrain.token_automaton import UNREACHABLE, TokenAutomaton

__all__ = ["Lattice"]

_BLOCK = 1 << 22  # booleans per temporary


@dataclass(frozen=True, eq=False)
class Lattice:
    """The alive states of one canvas of `length` tokens, entered in state `start`.

    Raises `UnsatisfiableError` when nothing that fits `budget` can be written from `start` around what is given.
    """

    tokens: TokenAutomaton
    start: int
    length: int
    budget: int
    given: NDArray[np.int64] | None = None
    """int64 `[L]`: the token that stands at each position already, -1 where none does."""

    def __post_init__(self) -> None:
        needed = int(self.tokens.distance[self.start])
        if needed == UNREACHABLE:
            raise UnsatisfiableError(
                "no sequence of this vocabulary's tokens spells an accepted text",
                available=self.budget,
                hint="the vocabulary lacks single-byte tokens that the specification needs",
            )
        if needed > self.budget:
            raise UnsatisfiableError(
                f"shortest match needs {needed} tokens, budget is {self.budget}",
                needed=needed,
                available=self.budget,
                hint=f"raise max_new_tokens to at least {needed}",
            )
        if self.given is not None and not self.alive[0, self.start]:
            raise UnsatisfiableError(
                "nothing valid has the given tokens where they are given",
                available=self.budget,
                hint="give fewer tokens, leave more positions open, or loosen the specification",
            )

    @cached_property
    def given_at(self) -> dict[int, int]:
        """The token given at each position that has one."""
        return {} if self.given is None else {i: token for i, token in enumerate(self.given.tolist()) if token >= 0}

    @cached_property
    def fixed(self) -> dict[int, int]:
        """The class of the token given at each position that has one."""
        return {i: int(self.tokens.class_of[token]) for i, token in self.given_at.items()}

    def _passable(self, position: int, bundle: NDArray[np.int64]) -> NDArray[np.bool_]:
        """bool `[N]`, or `[1]` for all alike: which links, given their bundles, int64 `[N]`, may be taken there."""
        if position not in self.fixed:
            return np.ones(1, np.bool_)
        links = self.tokens.links
        carries = np.zeros(links.bundles, np.bool_)
        carries[links.owner[links.member == self.fixed[position]]] = True
        return carries[bundle]

    @cached_property
    def alive(self) -> NDArray[np.bool_]:
        """bool `[L + 1, S + 1]`."""
        tokens = self.tokens
        source, target, bundle = tokens.links.source, tokens.links.target, tokens.links.bundle
        reach = np.zeros((self.length + 1, tokens.done + 1), np.bool_)
        reach[0, self.start] = True
        open_from = max(self.fixed, default=-1) + 1
        for i in range(self.length):
            reach[i + 1, target[reach[i, source] & self._passable(i, bundle)]] = True
            reach[i + 1, tokens.done] |= reach[i, tokens.done]
            if i >= open_from and (reach[i + 1] == reach[i]).all():  # from a fixed point on, nothing changes
                reach[i + 1 :] = reach[i]
                break
        left = self.budget - np.arange(self.length + 1)
        completable: NDArray[np.bool_] = tokens.distance[None, :] <= np.maximum(left, -1)[:, None]
        for i in reversed(range(open_from)):  # behind the last given token the distance says it all
            goes_on = np.zeros(tokens.done + 1, np.bool_)
            goes_on[source[completable[i + 1, target] & self._passable(i, bundle)]] = True
            goes_on[tokens.done] = True
            completable[i] &= goes_on
        return reach & completable

    @cached_property
    def allowed(self) -> NDArray[np.bool_]:
        """bool `[L, K + 1]`: class k may stand at position i; the last column says that anything may (the tail)."""
        links, alive = self.tokens.links, self.alive
        ever = np.logical_or.reduce(alive)
        used = np.flatnonzero(ever[links.source] & ever[links.target])
        source, target, bundle = links.source[used], links.target[used], links.bundle[used]
        bundles = np.zeros((self.length, links.bundles), np.bool_)
        for i in range(self.length):
            same = i > 0 and not {i - 1, i} & self.fixed.keys()
            if same and (alive[i - 1] == alive[i]).all() and (alive[i] == alive[i + 1]).all():
                bundles[i] = bundles[i - 1]
            else:
                bundles[i, bundle[alive[i, source] & alive[i + 1, target] & self._passable(i, bundle)]] = True
        allowed = np.zeros((self.length, self.tokens.classes + 1), np.bool_)
        step = max(1, _BLOCK // max(len(links.member), 1))
        for i in range(0, self.length, step):
            rows = bundles[i : i + step]
            allowed[i : i + len(rows), :-1] = _any_by(links.member, rows[:, links.owner], self.tokens.classes)
        for i, k in self.fixed.items():
            allowed[i, :-1] &= np.arange(self.tokens.classes) == k
        allowed[:, -1] = self.alive[:-1, self.tokens.done]
        return allowed

    @cached_property
    def options(self) -> NDArray[np.int64]:
        """int64 `[L]`: how many tokens may stand at each position, counting the end of turn once and the tail once."""
        size = np.diff(self.tokens.offsets)
        size[0], size[self.tokens.end_of_turn] = 0, 1
        options: NDArray[np.int64] = self.allowed @ np.append(size, 1)
        options[list(self.fixed)] = 1
        return options

    def masks(self) -> NDArray[np.int32]:
        """The token masks, packed: int32 `[L, ceil(V / 32)]`, token t is bit t % 32 of word t // 32."""
        allowed = self.allowed[:, self.tokens.class_of] | self.allowed[:, -1:]
        padded = np.zeros((self.length, -(-allowed.shape[1] // 32) * 32), np.bool_)
        padded[:, : allowed.shape[1]] = allowed
        for i, token in self.given_at.items():
            padded[i] = np.arange(padded.shape[1]) == token
        return np.packbits(padded, axis=1, bitorder="little").view("<i4").astype(np.int32, copy=False)


def _any_by(group: NDArray[np.int64], values: NDArray[np.bool_], groups: int) -> NDArray[np.bool_]:
    """bool `[N, groups]`: whether any of the `values` `[N, M]` of a group (int64 `[M]`) is true."""
    out = np.zeros((len(values), groups), np.bool_)
    if len(group):
        order = np.argsort(group, kind="stable")
        present, begin = np.unique(group[order], return_index=True)
        out[:, present] = np.logical_or.reduceat(values[:, order], begin, axis=1)
    return out
