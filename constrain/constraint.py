"""A specification compiled for a vocabulary: what the engine decodes with."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary, WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from constrain.compressed_rows import group
from constrain.errors import SpecError, UnsatisfiableError, VocabularyError
from constrain.graphs import closure
from constrain.lattice import Lattice
from constrain.notebook import preformatted, table
from constrain.recent import Recent
from constrain.spec import Spec
from constrain.specs import as_spec
from constrain.token_automaton import UNREACHABLE, Links, TokenAutomaton, lift
from constrain.token_lengths import lift_windows, limits_of
from constrain.vocabulary import Vocabulary

__all__ = ["Constraint", "as_vocabulary", "compile"]

_CACHE_BYTES = 512 << 20  # a constraint of a few fields has 2 MB on a vocabulary of 131,072, one of 200,000 states 30
_LINKS = ("source", "target", "bundle", "owner", "member")


@dataclass(frozen=True, eq=False)
class Constraint:
    """`spec` over `vocabulary`: the token automaton and everything that follows from it alone."""

    spec: Spec
    vocabulary: Vocabulary
    tokens: TokenAutomaton

    @property
    def shortest(self) -> int:
        """The fewest tokens (the end of turn not counted) that an output needs."""
        return int(self.tokens.distance[0])

    @property
    def longest(self) -> int | None:
        """The most tokens that an output can have, or None when unbounded."""
        return self.tokens.longest

    @cached_property
    def singular(self) -> NDArray[np.bool_]:
        """bool `[S + 1]`: only one text can follow from this state (*done* included: the empty one).

        Where tokens are counted, states are not those of the text, and of *done* alone this is known.
        """
        if limits_of(self.spec):
            only_done: NDArray[np.bool_] = np.arange(self.tokens.done + 1) == self.tokens.done
            return only_done
        automaton = self.spec.automaton
        width = np.bincount(automaton.byte_class, minlength=automaton.table.shape[1])
        ways = (automaton.table >= 0) @ width
        successor = automaton.table.max(axis=1)
        chain = np.flatnonzero(~automaton.accepting & (ways == 1))
        before = group(successor[chain], chain, automaton.states)
        return np.append(closure(np.flatnonzero(automaton.accepting & (ways == 0)).tolist(), *before), True)

    def advance(self, state: int, ids: list[int]) -> int:
        """The state after `ids` from `state`; *done* from the first end-of-turn token on."""
        tokens = self.tokens
        for token in ids:
            if state == tokens.done:
                break
            state = tokens.step(state, token)
            assert state >= 0, "the engine chose a token that the lattice forbids"
        return state

    def is_complete(self, state: int) -> bool:
        """Whether nothing may follow `state` but the end of turn."""
        if state == self.tokens.done:
            return True
        leaving = self.tokens.outgoing(state)
        return bool(self.tokens.accepting[state]) and leaving.stop - leaving.start == 1

    def spelled(self, state: int, ids: Sequence[int]) -> list[bytes]:
        """What each of `ids`, written from `state` on, adds to the text; ids that end the turn add nothing."""
        return [self.vocabulary.tokens[token] or b"" for token in ids]

    def text(self, ids: list[int]) -> str:
        """The text that `ids` spell, up to the first end-of-turn token."""
        stop = next((i for i, token in enumerate(ids) if token in self.vocabulary.end_of_turn), len(ids))
        return self.vocabulary.decode(ids[:stop]).decode("utf-8", "replace")

    def masks(self, length: int, *, budget: int | None = None) -> NDArray[np.int32]:
        """Packed token masks of a first canvas of `length` positions, see `Lattice.masks`."""
        return Lattice(self.tokens, 0, length, length if budget is None else budget).masks()

    def explain(self) -> str:
        """`Spec.explain`, and what the vocabulary makes of it."""
        tokens = self.tokens
        longest = "unbounded" if self.longest is None else f"{self.longest:,}"
        lines = [
            self.spec.explain(),
            f"  token classes:  {tokens.classes:,} of {len(tokens.class_of):,} tokens",
            f"  class edges:    {tokens.edges:,}",
            f"  tokens needed:  {self.shortest:,} to {longest}",
        ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        tokens, longest = self.tokens, self.longest
        rows = [
            ("tokens needed", f"{self.shortest:,} to {'unbounded' if longest is None else f'{longest:,}'}"),
            ("states", f"{tokens.done:,}"),
            ("token classes", f"{tokens.classes:,} of {len(tokens.class_of):,} tokens"),
            *(("bounded", preformatted(note)) for note in self.spec.bounded),
        ]
        return table(self.spec.describe(), rows)

    def save(self, path: str | Path) -> None:
        """Write the token automaton as an `.npz` archive, to be read back by `load` beside its spec."""
        tokens = self.tokens
        arrays: dict[str, Any] = {name: getattr(tokens.links, name).astype(np.int32) for name in _LINKS}
        arrays |= {"class_of": tokens.class_of, "accepting": tokens.accepting}
        arrays |= {"classes": tokens.classes, "bundles": tokens.links.bundles}
        with Path(path).open("wb") as file:
            np.savez_compressed(file, fingerprint=np.array(self._fingerprint), **arrays)

    @classmethod
    def load(cls, path: str | Path, spec: Any, tokenizer: Any) -> Constraint:
        """The constraint that `save` wrote. `spec` and `tokenizer` must be those it was compiled from."""
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name].astype(np.int64) for name in _LINKS}
            links = Links(bundles=int(archive["bundles"]), **arrays)
            tokens = TokenAutomaton(archive["class_of"], links, archive["accepting"], int(archive["classes"]))
            constraint = cls(as_spec(spec), as_vocabulary(tokenizer), tokens)
            if str(archive["fingerprint"]) != constraint._fingerprint:
                raise SpecError(
                    f"{path} was compiled from another specification or vocabulary", hint="compile and save it again"
                )
        return constraint

    @property
    def _fingerprint(self) -> str:
        return ":".join((*_language(self.spec), self.vocabulary.fingerprint))


def _language(spec: Spec) -> tuple[str, ...]:
    """What tells the sets of outputs of two specs apart, over the same vocabulary."""
    return spec.automaton.fingerprint, *(limit.fingerprint for limit in limits_of(spec))


_lifted: Recent[tuple[str, ...], TokenAutomaton] = Recent(_CACHE_BYTES, lambda tokens: tokens.bytes)
_lifting: WeakValueDictionary[tuple[str, ...], threading.Lock] = WeakValueDictionary()
_vocabularies: WeakKeyDictionary[Any, Vocabulary] = WeakKeyDictionary()
_lock = threading.Lock()  # of `_lifting`
_reading = threading.Lock()  # of tokenizers, one after the other


def compile(spec: Any, tokenizer: Any) -> Constraint:
    """`spec` (anything `as_spec` takes) over the vocabulary of `tokenizer` (or a `Vocabulary`), cached.

    Safe in threads. Those that ask for one language over one vocabulary at once get one token automaton, for which they
    wait, and the byte automaton of a spec that none of them has read before may be computed by each.

    Raises `UnsatisfiableError` when no text satisfies the spec or the vocabulary cannot spell one, and the errors of
    the spec and of `Vocabulary.from_tokenizer`.
    """
    spec, vocabulary = as_spec(spec), as_vocabulary(tokenizer)
    tokens = _token_automaton(spec, vocabulary)
    if int(tokens.distance[0]) == UNREACHABLE:
        raise UnsatisfiableError(
            f"this vocabulary's tokens cannot spell any text of {spec.describe()}",
            hint="it lacks tokens for bytes that every text needs",
        )
    return Constraint(spec, vocabulary, tokens)


def _token_automaton(spec: Spec, vocabulary: Vocabulary) -> TokenAutomaton:
    key = (*_language(spec), vocabulary.fingerprint)
    tokens = _lifted.get(key)
    if tokens is not None:
        return tokens
    with _lock:
        turn = _lifting.setdefault(key, threading.Lock())
    with turn:
        tokens = _lifted.get(key)
        if tokens is None:
            limits = limits_of(spec)
            tokens = lift_windows(limits, vocabulary) if limits else lift(spec.automaton, vocabulary)
            tokens = _lifted.add(key, tokens)
    return tokens


def as_vocabulary(tokenizer: Any) -> Vocabulary:
    """The vocabulary of a tokenizer (computed once per tokenizer object), or the vocabulary given."""
    if isinstance(tokenizer, Vocabulary):
        return tokenizer
    if tokenizer is None:
        raise VocabularyError("compiling needs a tokenizer or a Vocabulary", hint="pass model.tokenizer")
    try:
        known = _vocabularies.get(tokenizer)
    except TypeError:  # a bare `tokenizers.Tokenizer` takes no weak references, so it is read each time
        return Vocabulary.from_tokenizer(tokenizer)
    if known is None:
        with _reading:
            known = _vocabularies.get(tokenizer)
            if known is None:
                known = _vocabularies[tokenizer] = Vocabulary.from_tokenizer(tokenizer)
    return known
