"""Specs that say how many tokens an output has, which is no property of its text.

Such a spec is a union of *windows*: the texts of a language, in so many tokens. It becomes one token automaton, the
product of a lifted byte automaton with a counter:

    (q, n) --token--> (q', n + 1),    (q, n) accepting iff q is accepting in a window that n lies in

where n stays at the first number beyond which all counts are alike.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from constrain.automaton import DEFAULT_MAX_STATES, Automaton
from constrain.compressed_rows import Ints, group
from constrain.errors import LimitError, UnsupportedError
from constrain.expression import compile_expression, concat, literal, union
from constrain.graphs import closure
from constrain.spec import Spec
from constrain.token_automaton import Links, TokenAutomaton, lift
from constrain.vocabulary import Vocabulary

__all__ = ["Window", "Windowed", "counted", "lift_windows", "limits_of", "windows_of"]

MAX_PAIRS = 50_000_000  # of a state and a number, useful or not
MAX_LINKS = 8_000_000
MAX_WINDOWS = 8
_MARKS = range(0xFF, 0xFF - MAX_WINDOWS, -1)  # bytes that UTF-8 never uses


@dataclass(frozen=True)
class Window:
    """The texts of `automaton`, spelled in at least `low` and at most `high` (None: any number of) tokens."""

    automaton: Automaton
    low: int
    high: int | None

    def __and__(self, other: Window) -> Window:
        high = self.high if other.high is None else other.high if self.high is None else min(self.high, other.high)
        return Window(self.automaton & other.automaton, max(self.low, other.low), high)

    @property
    def fingerprint(self) -> str:
        """A digest: equal for equal windows."""
        return f"{self.low}-{self.high}:{self.automaton.fingerprint}"

    @property
    def is_empty(self) -> bool:
        return (self.high is not None and self.high < self.low) or self.automaton.is_empty()


class Windowed(Spec):
    """A spec that may limit the number of tokens."""

    @property
    @abstractmethod
    def counts_tokens(self) -> bool:
        """Whether it does."""

    @property
    @abstractmethod
    def windows(self) -> tuple[Window, ...]:
        """What it admits."""


def limits_of(spec: Spec) -> tuple[Window, ...]:
    """The windows of a spec that limits the number of tokens; none for others."""
    return spec.windows if isinstance(spec, Windowed) and spec.counts_tokens else ()


def windows_of(spec: Spec) -> tuple[Window, ...]:
    """The windows of any spec: unless it limits the number of tokens, one that is open."""
    return limits_of(spec) or (Window(spec.automaton, 0, None),)


def lift_windows(windows: Sequence[Window], vocabulary: Vocabulary) -> TokenAutomaton:
    """The token automaton of the union of `windows`.

    Raises `UnsupportedError` for more than `MAX_WINDOWS` different ones, and `LimitError` where the product is large.
    """
    spans = list(dict.fromkeys((window.low, window.high) for window in windows))
    if len(spans) > MAX_WINDOWS:
        raise UnsupportedError(
            f"a specification may have {MAX_WINDOWS} alternatives with different numbers of tokens, not {len(spans)}",
            keyword="tokens",
            hint="give alternatives the same range of tokens",
        )
    marked = compile_expression(
        union(
            *(
                concat(window.automaton, literal(bytes([_MARKS[spans.index((window.low, window.high))]])))
                for window in windows
            )
        )
    )
    columns = [marked.byte_class[mark] for mark in _MARKS[: len(spans)]]
    inside = marked.table[:, columns] >= 0  # [S, spans]: the state is accepting in a window with that span
    table = marked.table.copy()
    table[:, columns] = -1
    automaton = Automaton(table, marked.byte_class, np.logical_or.reduce(inside, axis=1))
    return counted(lift(automaton, vocabulary), spans, inside)


def counted(
    tokens: TokenAutomaton, spans: Sequence[tuple[int, int | None]], inside: NDArray[np.bool_]
) -> TokenAutomaton:
    """The sequences of n ordinary tokens that lead `tokens` to a state q with `inside[q, j]` and n in `spans[j]`.

    `inside` is bool `[S, len(spans)]`; `accepting` of the automaton given must be its union over j.
    """
    longest = tokens.longest
    if longest is not None:  # what none reaches need not be counted
        spans = [(min(low, longest + 1), longest if high is None else min(high, longest)) for low, high in spans]
    is_open = any(high is None for _, high in spans)
    last = max(low if high is None else high + is_open for low, high in spans)
    if (last + 1) * tokens.done > MAX_PAIRS:
        raise _over_budget("pairs of a state and a number", MAX_PAIRS, (last + 1) * tokens.done)
    links = tokens.links
    ordinary = np.flatnonzero(links.target != tokens.done)
    source, target, bundle = links.source[ordinary], links.target[ordinary], links.bundle[ordinary]
    within = np.array([[low <= n and (high is None or n <= high) for low, high in spans] for n in range(last + 1)])
    accepting = (inside.astype(np.int64) @ within.T.astype(np.int64) > 0).T  # [last + 1, S]
    useful = _useful(source, target, accepting, tokens.done, is_open)
    if useful.sum() > DEFAULT_MAX_STATES:
        raise _over_budget("states", DEFAULT_MAX_STATES, int(useful.sum()))
    layers = [
        (n, min(n + 1, last), np.flatnonzero(useful[n, source] & useful[min(n + 1, last), target]))
        for n in range(last + is_open)
    ]
    size = sum(len(layer) for *_, layer in layers)
    if size > MAX_LINKS:
        raise _over_budget("links", MAX_LINKS, size)
    number = np.cumsum(useful).reshape(useful.shape) - 1
    ends_layer, ends = np.nonzero(useful & accepting)
    end_source = number[ends_layer, ends]
    states = max(int(useful.sum()), 1)
    ends_bundle = links.bundle[links.target == tokens.done][:1]
    new_source = np.concatenate([*(number[n, source[layer]] for n, _, layer in layers), end_source])
    new_target = np.concatenate(
        [*(number[m, target[layer]] for _, m, layer in layers), np.full(len(end_source), states)]
    )
    new_bundle = np.concatenate([*(bundle[layer] for *_, layer in layers), np.repeat(ends_bundle, len(end_source))])
    sequence = np.lexsort((new_target, new_source))
    new_accepting = np.zeros(states, np.bool_)
    new_accepting[end_source] = True
    return TokenAutomaton(
        tokens.class_of,
        Links(
            new_source[sequence],
            new_target[sequence],
            new_bundle[sequence],
            links.owner,
            links.member,
            links.bundles,
        ),
        new_accepting,
        tokens.classes,
    )


def _useful(source: Ints, target: Ints, accepting: NDArray[np.bool_], states: int, is_open: bool) -> NDArray[np.bool_]:
    """bool `[N, S]`: (q, n) is reached from (0, 0) and leads to acceptance; the last layer is entered again if open."""
    reached = np.zeros_like(accepting)
    reached[0, 0] = True
    for n in range(len(accepting) - 1):
        reached[n + 1, target[reached[n, source]]] = True
    leads = accepting.copy()
    if is_open:
        reached[-1] = closure(np.flatnonzero(reached[-1]).tolist(), *group(source, target, states))
        leads[-1] = closure(np.flatnonzero(leads[-1]).tolist(), *group(target, source, states))
    for n in range(len(accepting) - 2, -1, -1):
        leads[n, source[leads[n + 1, target]]] = True
    return reached & leads


def _over_budget(what: str, limit: int, given: int) -> LimitError:
    return LimitError(
        f"counting tokens needs {given:,} {what}",
        limit=limit,
        given=given,
        hint="allow fewer tokens, or simplify what is counted: it is multiplied by the number of tokens",
    )
