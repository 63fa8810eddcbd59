"""Random token automata of any size, for what a schema would be too small or too regular."""

from __future__ import annotations

import numpy as np

from constrain.token_automaton import Links, TokenAutomaton

__all__ = ["random_automaton"]


def random_automaton(states: int, *, edges: int = 10, classes: int = 300, size: int = 262_144) -> TokenAutomaton:
    """A deterministic automaton of `states` states, with `edges` class edges from each to that many other states.

    Targets and classes are random, so that links have one class each and nothing is shared. From every state one edge
    leads to a smaller one, and state 0 accepts, so all can finish. The `size` ids of the vocabulary are in `classes`
    classes of skewed sizes: the largest holds about a quarter of all, most only some hundred.
    """
    rng = np.random.default_rng(states)
    source = np.repeat(np.arange(states), edges)
    steps = np.argsort(rng.random((states, min(states - 1, 4 * edges))), axis=1)[:, :edges]
    steps = 1 + steps + rng.integers(0, max(states - 4 * edges, 1), (states, 1))
    steps[1:, 0] = rng.integers(1, np.arange(1, states) + 1)
    for other in range(1, edges):  # no two edges of a state to the same target
        while (same := (steps[:, :other] == steps[:, other : other + 1]).any(1)).any():
            steps[same, other] = rng.integers(1, states, int(same.sum()))
    target = (np.arange(states)[:, None] - steps) % states
    label = np.argsort(rng.random((states, classes - 2)), axis=1)[:, :edges] + 1
    accepting = np.arange(states) % 50 == 0
    ends = np.flatnonzero(accepting)
    source = np.append(source, ends)
    target = np.append(target.ravel(), np.full(len(ends), states))
    label = np.append(label.ravel(), np.full(len(ends), classes - 1))
    order = np.lexsort((target, source))
    class_ = np.arange(1, classes)
    links = Links(source[order], target[order], label[order] - 1, class_ - 1, class_, classes - 1)

    share = 1.0 / np.arange(1, classes - 1) ** 1.1
    class_of = 1 + np.searchsorted(np.cumsum(share) / share.sum(), rng.random(size)).clip(max=classes - 3)
    special = rng.permutation(size)[: classes + 1]
    class_of[special] = np.append(np.arange(1, classes), [0, 0])  # every class has a token
    return TokenAutomaton(class_of.astype(np.int32), links, accepting, classes)
