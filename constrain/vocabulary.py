"""A tokenizer reduced to what a constraint needs: the bytes of each id, and the ids that end a turn."""

from __future__ import annotations

import binascii
import hashlib
import json
import marshal
import operator
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from constrain.errors import VocabularyError
from constrain.table_cache import kept_trie
from constrain.tokenizer import TURN_ENDERS, read_tokenizer
from constrain.trie import Trie

__all__ = ["Trie", "Vocabulary"]

_LEAST_KEPT: Final = 1 << 14  # ids: a trie of fewer is built in the time that it takes to find a file
_WITHOUT_REFERENCES: Final = 2  # a version of marshal's format: equal values have equal bytes in it
_building = threading.RLock()


@dataclass(frozen=True, eq=False, init=False, repr=False)
class Vocabulary:
    """A map from ids 0 .. size-1 to byte strings: a sequence of ids means the concatenation of their bytes.

    `tokens[i]` is the bytes of id i, or None when id i is never allowed in an output: special and media tokens,
    reserved slots, ids past the tokenizer's length up to the model's `size`, and tokens without bytes (b"" is
    taken as None: it could repeat for ever without saying anything). Several ids may have the same bytes.
    `end_of_turn` are the ids that end the output; they have no bytes. `normalization` names the Unicode forms
    that the tokenizer applies to what it reads ("NFC"); the bytes of the ids are exact regardless.

    `size` is the model's vocabulary size (the width of its logits), by default `len(tokens)`; it may cut off
    ids that are never allowed, no others. Two vocabularies are equal when size, bytes and end-of-turn ids are.

    Raises VocabularyError where a token is not bytes, `size` is too small, or an end-of-turn id is missing, out of
    range or also has bytes, or no id has bytes at all.
    """

    tokens: tuple[bytes | None, ...]
    end_of_turn: tuple[int, ...]
    size: int
    normalization: tuple[str, ...]

    def __init__(
        self,
        tokens: Sequence[bytes | None],
        end_of_turn: Iterable[int],
        size: int | None = None,
        *,
        normalization: Iterable[str] = (),
    ) -> None:
        size = len(tokens) if size is None else size
        for i, token in enumerate(tokens):
            if token is not None and not isinstance(token, bytes):
                raise VocabularyError(f"token {i} is {token!r}, not bytes", hint="give bytes, or None if never allowed")
            if token and i >= size:
                raise VocabularyError(
                    f"the model's vocabulary has {size} ids, but id {i} of the tokenizer means {token!r}",
                    hint="this tokenizer does not belong to this model",
                )
        ends = tuple(sorted({operator.index(i) for i in end_of_turn}))
        if not ends:
            raise VocabularyError(
                "there is no end-of-turn id, so no output could ever end",
                hint="pass end_of_turn=[...], the ids by which the model ends its turn",
            )
        for i in ends:
            if not 0 <= i < size:
                raise VocabularyError(f"end-of-turn id {i} is outside the vocabulary of {size} ids")
            if i < len(tokens) and tokens[i]:
                raise VocabularyError(
                    f"end-of-turn id {i} also has bytes, {tokens[i]!r}", hint="an id that ends the turn must be None"
                )
        if not any(tokens):
            raise VocabularyError("no id has bytes, so nothing could be written", hint="pass tokens=[b'a', b'b', ...]")
        padded = (*(token or None for token in tokens[:size]), *(None,) * (size - len(tokens)))
        object.__setattr__(self, "tokens", padded)
        object.__setattr__(self, "end_of_turn", ends)
        object.__setattr__(self, "size", size)
        object.__setattr__(self, "normalization", tuple(normalization))
        object.__setattr__(self, "_tries", {})

    @classmethod
    def from_tokenizer(
        cls, tokenizer: Any, *, size: int | None = None, end_of_turn: Iterable[int] | None = None
    ) -> Vocabulary:
        """The vocabulary of a transformers fast tokenizer, a `tokenizers.Tokenizer`, or a processor holding one.

        Bytes are read from the tokenizer's own components and then proved: on sample texts the bytes of
        `encode(text)` concatenate to the text. Byte-level BPE and SentencePiece styles (a sentinel for the space,
        byte fallback; BPE and Unigram) are read; others are refused with a VocabularyError that names the component.

        A sentinel is always a space: such a tokenizer strips the first space of a text that it decodes, but a
        canvas continues the prompt, so here the space stays: with the sentinel U+2581, the token `▁a` at the
        start of a canvas writes " a", and only a token without the sentinel writes "a".

        Added tokens that are not special mean their text. The special ones, reserved slots (`<unused7>`), the unknown
        token and media tokens are never allowed.

        `end_of_turn` defaults to the end-of-sequence token and well-known turn enders among the special tokens;
        if given (say a generation config's list), it replaces the default. `size`: the model's vocabulary size.
        """
        reading = read_tokenizer(tokenizer)
        reading.prove()
        ends = set(reading.end_of_turn if end_of_turn is None else end_of_turn)
        tokens = [None if i in ends else token for i, token in enumerate(reading.tokens)]
        return cls(tokens, ends, size, normalization=reading.spelling.normalization)

    @classmethod
    def from_tekken(
        cls, path: str | Path, *, size: int | None = None, end_of_turn: Iterable[int] | None = None
    ) -> Vocabulary:
        """The vocabulary of a tekken file (Mistral): special tokens come first, then the ranks in order.

        `end_of_turn` defaults to the well-known turn enders among the file's special tokens; files that list none
        use the fixed list of that format, in which `</s>` is id 2.
        """
        try:
            file = json.loads(Path(path).read_bytes())
            specials = file["config"]["default_num_special_tokens"]
            ordinary = file["config"]["default_vocab_size"] - specials
            ranks = [(entry["rank"], entry["token_bytes"]) for entry in file["vocab"][:ordinary]]
            names = {entry["token_str"]: entry["rank"] for entry in file.get("special_tokens") or ()}
            spelled = [binascii.a2b_base64(text) for _, text in ranks]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise VocabularyError(
                f"{path} is not a tekken file ({type(error).__name__}: {error})",
                hint="use Vocabulary.from_tokenizer for a tokenizer.json",
            ) from error
        if [rank for rank, _ in ranks] != list(range(ordinary)):
            raise VocabularyError(
                f"{path} does not list the ranks 0 to {ordinary - 1} in order", hint="the file is damaged"
            )
        if end_of_turn is None:
            names = names or {"</s>": 2}
            end_of_turn = [names[name] for name in TURN_ENDERS if name in names]
        return cls([*(None,) * specials, *spelled], end_of_turn, size)

    def check(self, tokenizer: Any, texts: Iterable[str]) -> None:
        """Prove by round trip that `tokenizer` writes these bytes: for each text, decode(encode(text)) = text.

        Equal up to what the tokenizer itself cannot tell apart: its Unicode normalisation, its prefix space, and a
        literal sentinel read as a space. Raises VocabularyError at the first text that fails, with its ids and bytes.
        """
        reading = read_tokenizer(tokenizer)
        for text in texts:
            reading.verify(text, self.decode)

    def decode(self, ids: Iterable[int]) -> bytes:
        """The bytes that `ids` mean: ids that are never allowed and end-of-turn ids contribute nothing."""
        parts: list[bytes] = []
        for i in map(operator.index, ids):
            if not 0 <= i < self.size:
                raise VocabularyError(
                    f"id {i} is outside the vocabulary of {self.size} ids",
                    hint="these ids come from another tokenizer, or size= is not the model's vocabulary size",
                )
            parts.append(self.tokens[i] or b"")
        return b"".join(parts)

    @cached_property
    def allowed(self) -> NDArray[np.int32]:
        """The ids that have bytes, ascending; end-of-turn ids are not among them."""
        ids = np.array([i for i, token in enumerate(self.tokens) if token], np.int32)
        ids.setflags(write=False)
        return ids

    @property
    def trie(self) -> Trie:
        """The byte trie over all the tokens that have bytes. Of large vocabularies it is kept, see `table_cache`."""
        return self._trie("bytes", lambda: self.tokens)

    @property
    def letter_trie(self) -> Trie:
        """The trie over the same tokens in the coarser letters of `constrain.letters`, kept likewise."""
        from constrain.letters import in_letters

        return self._trie("letters", lambda: [token and in_letters(token) for token in self.tokens])

    def _trie(self, alphabet: str, spelled: Callable[[], Sequence[bytes | None]]) -> Trie:
        tries: dict[str, Trie] = vars(self)["_tries"]
        if alphabet not in tries:
            with _building:
                if alphabet not in tries:

                    def build() -> Trie:
                        return Trie.build(spelled())

                    is_small = self.size < _LEAST_KEPT
                    tries[alphabet] = build() if is_small else kept_trie(f"{self.fingerprint}.{alphabet}", build)
        return tries[alphabet]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 in hex over size, end-of-turn ids and the bytes of every id: equal for equal vocabularies."""
        known = (int(self.size), self.end_of_turn, self.tokens)
        return hashlib.sha256(marshal.dumps(known, _WITHOUT_REFERENCES)).hexdigest()

    def __len__(self) -> int:
        return self.size

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Vocabulary):
            return NotImplemented
        return self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __repr__(self) -> str:
        usable = sum(token is not None for token in self.tokens)
        return f"Vocabulary({self.size} ids, {usable} with bytes, end_of_turn={list(self.end_of_turn)})"
