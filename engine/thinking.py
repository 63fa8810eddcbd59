"""What a model writes for itself before it answers: a prefix of the output that the adapter knows and no spec mentions.

A turn may begin with a thought between two special tokens, behind a title that says what follows:

    <|channel>thought\n ... <channel|> answer <turn|>

`framed` puts that before what a constraint accepts, as tokens: `(opening title text closing)? answer`, where the first
three and the closing are at most so many tokens. The answer's automaton stays as it is, and its states move up by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constrain.codepoints import utf8
from constrain.compressed_rows import Ints, distinct_rows, group, slices
from constrain.constraint import Constraint
from constrain.errors import SpecError, UnsatisfiableError, UnsupportedError
from constrain.expression import compile_expression, concat, literal, repeat
from constrain.text_lengths import CHARACTERS
from constrain.token_automaton import Links, TokenAutomaton, lift
from constrain.token_lengths import counted
from constrain.vocabulary import Vocabulary

__all__ = ["Channel", "Framed", "framed"]

_OPENING, _CLOSING = b"\xfe", b"\xff"  # bytes that UTF-8 never uses


@dataclass(frozen=True)
class Channel:
    """How a model frames its thoughts: the ids of two special tokens, and the text that follows the first of them."""

    opening: int
    title: str
    closing: int

    @classmethod
    def of(cls, tokenizer: Any, opening: str, title: str, closing: str) -> Channel | None:
        """The channel between two tokens of `tokenizer`, None if it does not have them as special ones."""
        ids = {str(token): i for i, token in tokenizer.added_tokens_decoder.items() if token.special}
        return cls(ids[opening], title, ids[closing]) if {opening, closing} <= ids.keys() else None

    def end(self, ids: Sequence[int]) -> int:
        """How many of `ids`, the first of them inside the channel, are in it, what closes it included."""
        return ids.index(self.closing) + 1 if self.closing in ids else len(ids)

    def read(self, vocabulary: Vocabulary, ids: list[int]) -> tuple[str | None, list[int]]:
        """The thought that `ids` begin with, as far as it is written (None if there is none), and the ids behind it."""
        if ids[:1] != [self.opening]:
            return None, ids
        end = self.end(ids)
        text = vocabulary.decode(ids[1:end]).decode("utf-8", "replace")
        return ("" if self.title.startswith(text) else text.removeprefix(self.title)), ids[end:]


@dataclass(frozen=True, eq=False)
class Framed(Constraint):
    """`answer` behind an optional thought. `spec` and `vocabulary` are those of the answer."""

    answer: Constraint
    channel: Channel

    @property
    def singular(self) -> NDArray[np.bool_]:
        """As in `Constraint`; nothing is singular before the answer begins."""
        known = np.zeros(self.tokens.done + 1, np.bool_)
        known[1 : 1 + self.answer.tokens.done] = self.answer.singular[:-1]
        known[-1] = True
        return known

    def spelled(self, state: int, ids: Sequence[int]) -> list[bytes]:
        """As in `Constraint`: of the answer's text, a thought spells nothing."""
        behind = self.answer.tokens.done < state < self.tokens.done  # in the midst of a thought
        opened = behind or (state == 0 and ids[:1] == [self.channel.opening])
        spelled = super().spelled(state, ids)
        if opened:
            end = self.channel.end(ids)
            spelled[:end] = [b""] * end
        return spelled


def framed(answer: Constraint | None, channel: Channel | None, limit: int | None) -> Framed | None:
    """`answer`, or a thought of at most `limit` tokens, those that frame it included, and then `answer`.

    Where nothing constrains the answer (None), nothing limits the thought. Raises `UnsupportedError` for a model
    without a channel, `SpecError` for a limit that nothing would keep, `UnsatisfiableError` where no thought has so few
    tokens, and `LimitError` where they are too many to count.
    """
    if channel is None:
        raise UnsupportedError(
            "this model's tokenizer has no special tokens that frame a thought",
            hint='leave thinking= out; in a spec, a thought is Tagged("<think>", FreeText(), "</think>") + ...',
        )
    if answer is None and limit is not None:
        raise SpecError(f"without a spec nothing keeps thinking to {limit} tokens", hint="pass thinking=True")
    if answer is None or limit is None:
        return None
    tokens = _prefixed(answer.tokens, _thought(answer.vocabulary, channel, limit))
    return Framed(answer.spec, answer.vocabulary, tokens, answer, channel)


@lru_cache(maxsize=8)
def _thought(vocabulary: Vocabulary, channel: Channel, limit: int) -> TokenAutomaton:
    """The thoughts, with frames, as token sequences; whoever reads one to its end is in an accepting state."""
    tokens: list[bytes | None] = [None if token and max(token) >= _OPENING[0] else token for token in vocabulary.tokens]
    tokens[channel.opening], tokens[channel.closing] = _OPENING, _CLOSING
    text = concat(literal(_OPENING + channel.title.encode()), repeat(utf8(CHARACTERS)), literal(_CLOSING))
    thoughts = lift(compile_expression(text), Vocabulary(tokens, vocabulary.end_of_turn))
    needed = int(thoughts.distance[0])
    if needed > limit:
        raise UnsatisfiableError(
            f"the shortest thought needs {needed} tokens, thinking is limited to {limit}",
            needed=needed,
            available=limit,
            hint=f"pass thinking={needed} or more, or leave it out",
        )
    return counted(thoughts, [(0, limit)], thoughts.accepting[:, None])


@lru_cache(maxsize=8)
def _prefixed(then: TokenAutomaton, first: TokenAutomaton) -> TokenAutomaton:
    """The token automaton of `framed`.

    State 0 is the start, which nothing leads back to; then come the states of the answer, then those of the thought,
    whose accepting ones are not used: where the thought ends, the answer begins. A class is a pair of classes.
    """
    pair = then.class_of.astype(np.int64) * first.classes + first.class_of
    pairs, class_of = np.unique(np.append(pair, 0), return_inverse=True)  # 0: what is never allowed on either side
    done = 1 + then.done + first.done

    answer_place = np.append(np.arange(then.done) + 1, done)
    thought_place = np.append(np.where(first.accepting, 1, np.arange(first.done) + 1 + then.done), done)
    thought_place[0] = 0
    ordinary = np.flatnonzero(first.links.target != first.done)
    again = np.flatnonzero(then.links.source == 0)  # the answer may begin without a thought
    sources = answer_place[then.links.source], np.zeros_like(again), thought_place[first.links.source[ordinary]]
    targets = (
        answer_place[then.links.target],
        answer_place[then.links.target[again]],
        thought_place[first.links.target[ordinary]],
    )
    own = _members(then.links, pairs // first.classes, then.classes)
    others = _members(first.links, pairs % first.classes, first.classes)
    size = np.concatenate([own[0], others[0]])
    member = np.concatenate([own[1], others[1]])
    offsets = np.concatenate([[0], np.cumsum(size)])
    leaders, kind = distinct_rows(offsets, member)
    bundles = then.links.bundle, then.links.bundle[again], first.links.bundle[ordinary] + then.links.bundles
    source, target, bundle = (np.concatenate(each) for each in (sources, targets, bundles))
    sequence = np.lexsort((target, source))
    links = Links(
        source=source[sequence],
        target=target[sequence],
        bundle=kind[bundle[sequence]],
        owner=np.repeat(np.arange(len(leaders)), size[leaders]),
        member=member[slices(offsets, leaders)],
        bundles=len(leaders),
    )
    accepting = np.concatenate([then.accepting[:1], then.accepting, np.zeros(first.done, np.bool_)])
    return TokenAutomaton(class_of[:-1].astype(np.int32), links, accepting, len(pairs))


def _members(links: Links, old_class: Ints, classes: int) -> tuple[Ints, Ints]:
    """The size of every bundle, and the members of one after the other, when new classes are parts of old ones."""
    offsets, parts = group(old_class, np.arange(len(old_class)), classes)
    counts = np.diff(offsets)[links.member]
    member = parts[slices(offsets, links.member)]
    owner = np.repeat(links.owner, counts)
    return np.bincount(owner, minlength=links.bundles), member[np.lexsort((member, owner))]
