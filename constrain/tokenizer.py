"""What a tokenizer's tokens mean in bytes, read from its own serialised components and proved by round trip.

A fast tokenizer is a chain `text -> normalizer -> pre-tokenizer -> model -> ids`, with a decoder for the way back.
Whether its model spells bytes in GPT-2's alphabet, or spaces as a sentinel such as U+2581, or unknown characters as
`<0xE2>`, is written in those components and nowhere else. Every component is either understood here or refused by
name, and the reading is then proved: `bytes(encode(text)) == text` on sample texts and on the tokens' own texts.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from constrain.errors import VocabularyError

__all__ = ["TURN_ENDERS", "TokenizerReading", "read_tokenizer"]

TURN_ENDERS = ("<turn|>", "<end_of_turn>", "<|im_end|>", "<|eot_id|>", "</s>", "<|endoftext|>")
"""Special tokens by which model families end a turn, besides the tokenizer's own end-of-sequence token."""

SAMPLE_TEXTS = (
    "The quick brown fox jumps over 13 lazy dogs.",
    ' {"name": "Ada Lovelace", "age": 36, "tags": ["a_b", "c-d"], "ok": true}',
    "0123456789 3.14159 2024-02-29T23:59:60Z 1,000,000",
    "tabs\tand\nnewlines\r\n\n  two,   three,    four spaces  ",
    "d\u00e9j\u00e0 vu, na\u00efve, Stra\u00dfe, \u0141\u00f3d\u017a, \u00a1\u00bfqu\u00e9?",
    "e\u0301 \u0395\u03bb\u03bb\u03b7\u03bd\u03b9\u03ba\u03ac \u0440\u0443\u0441\u0441\u043a\u0438\u0439 \u05e2\u05d1",
    "\u6f22\u5b57\u304b\u306a \ud55c\uad6d\uc5b4 \uff21\uff22",
    "\U0001f600\U0001f469\u200d\U0001f4bb \U0001d538 \u2200x\u2208\u211d \u201cq\u201d",
    "a",
    " a",
    "\n",
)
OWN_TEXTS = 256  # tokens whose own text joins the proof, evenly spaced over the ids; costs about 3 ms
RESERVED_SLOT = re.compile(r"[<\[]unused_?\d+[>\]]")  # Gemma lists these as added tokens that are not special
MEDIA_IDS = ("image_token_id", "audio_token_id", "video_token_id")  # attributes of transformers' wrappers


class Backend(Protocol):
    """The part of `tokenizers.Tokenizer` that is used."""

    normalizer: Any
    pre_tokenizer: Any

    def to_str(self) -> str: ...
    def encode(self, sequence: str, *, add_special_tokens: bool) -> Any: ...


@dataclass(frozen=True)
class Spelling:
    """How the model's token strings spell bytes, and what the tokenizer does to a text before it encodes it.

    `byte_level`: each character of GPT-2's alphabet is one byte. Otherwise a token is UTF-8 after `replacements`
    (sentinel to space), except that with `byte_fallback` the token `<0xE2>` is the byte E2. `prefix_space`: encoding
    may put a space in front. `normalization`: Unicode forms that encoding applies; they change what the tokenizer
    reads, never what its tokens mean.
    """

    byte_level: bool
    replacements: tuple[tuple[str, str], ...]
    byte_fallback: bool
    prefix_space: bool
    normalization: tuple[Literal["NFC", "NFD", "NFKC", "NFKD"], ...]

    def spell(self, token: str) -> bytes:
        """The bytes of a token of the model."""
        if self.byte_level:
            try:
                return token.translate(BYTE_OF_CHARACTER).encode("latin-1")
            except UnicodeEncodeError:  # not in the alphabet: the ByteLevel decoder keeps such a token as it is
                return token.encode()
        if self.byte_fallback and BYTE_TOKEN.fullmatch(token):
            return bytes([int(token[3:5], 16)])
        return self.replace(token).encode()

    def replace(self, text: str) -> str:
        for sentinel, meaning in self.replacements:
            text = text.replace(sentinel, meaning)
        return text

    def as_read(self, text: str) -> str:
        """`text` as far as the tokenizer can tell: normalised, and with a sentinel read as what it stands for."""
        for form in self.normalization:
            text = unicodedata.normalize(form, text)
        return self.replace(text)


@dataclass(frozen=True, eq=False)
class TokenizerReading:
    """What was read. `tokens[i]`: the bytes of id i, None where it is special, reserved, unknown or unused.

    `end_of_turn`: the end-of-sequence id and the ids of `TURN_ENDERS` that are special here. `unknown`: the id for what
    the model cannot write, if it has one. `pieces`: the model's own token strings. `whole_words`: the model looks up
    whole pre-tokens only.
    """

    backend: Backend
    spelling: Spelling
    tokens: tuple[bytes | None, ...]
    end_of_turn: frozenset[int]
    unknown: int | None
    pieces: frozenset[str]
    whole_words: bool

    def encode(self, text: str) -> list[int]:
        ids: list[int] = self.backend.encode(text, add_special_tokens=False).ids
        return ids

    def decode(self, ids: Iterable[int]) -> bytes:
        return b"".join(self.tokens[i] or b"" for i in ids)

    def verify(self, text: str, decode: Callable[[Sequence[int]], bytes]) -> None:
        """Require decode(encode(text)) = text in UTF-8, up to the tokenizer's own normalisation and prefix space."""
        ids = self.encode(text)
        got = decode(ids)
        wanted = self.spelling.as_read(text).encode()
        if got == wanted or (self.spelling.prefix_space and got == b" " + wanted):
            return
        shown = f"{ids[:20]}"[:-1] + (", ...]" if len(ids) > 20 else "]")
        raise VocabularyError(
            f"round trip failed: the text {text!r} is encoded as {shown}, and those ids read {got!r}",
            hint="the tokenizer drops or changes text, cannot write it, or spells bytes in a way that is not known "
            "here; use the tokenizer of the model, or pass Vocabulary(tokens=...) the bytes of every id yourself",
        )

    def prove(self) -> None:
        """Verify the sample texts and some 256 tokens' own texts, leaving out what the model has no pieces for."""
        proved = 0
        for text in (*SAMPLE_TEXTS, *self._own_texts()):
            if self._is_writable(text) and self.unknown not in self.encode(text):
                self.verify(text, self.decode)
                proved += 1
        if not proved:
            raise VocabularyError(
                "the tokenizer can encode none of the sample texts and none of its own tokens",
                hint="pass Vocabulary(tokens=...) the bytes of every id yourself",
            )

    def _own_texts(self) -> Iterator[str]:
        usable = [token for token in self.tokens if token]
        for token in usable[:: max(1, len(usable) // OWN_TEXTS)]:
            try:
                yield token.decode()
            except UnicodeDecodeError:  # a part of a character
                continue

    def _is_writable(self, text: str) -> bool:
        """Whether each character that reaches the model is a piece of it: a BPE model drops the others in silence."""
        if self.whole_words:
            return True  # the unknown token tells
        if self.spelling.byte_fallback and all(f"<0x{byte:02X}>" in self.pieces for byte in range(256)):
            return True
        if self.backend.normalizer is not None:
            text = self.backend.normalizer.normalize_str(text)
        if self.backend.pre_tokenizer is None:
            return self.pieces.issuperset(text)
        return all(self.pieces.issuperset(piece) for piece, _ in self.backend.pre_tokenizer.pre_tokenize_str(text))


def read_tokenizer(tokenizer: Any) -> TokenizerReading:
    """Read a `tokenizers.Tokenizer`, a transformers fast tokenizer, or a processor with a `.tokenizer`.

    Raises VocabularyError naming the component that cannot be read as bytes. Does not run the proof.
    """
    layers = _open(tokenizer)
    backend = layers[-1]
    serialised = json.loads(backend.to_str())
    model, added = serialised["model"], serialised["added_tokens"]
    spelling = _spelling(serialised)
    unigram = model["type"] == "Unigram"
    ids: dict[str, int] = {piece: i for i, (piece, _) in enumerate(model["vocab"])} if unigram else model["vocab"]
    unknown: int | None = model["unk_id"] if unigram else ids.get(model["unk_token"])

    tokens: list[bytes | None] = [None] * (1 + max([-1, *ids.values(), *(token["id"] for token in added)]))
    for piece, at in ids.items():
        tokens[at] = spelling.spell(piece)
    specials = {token["content"]: token["id"] for token in added if token["special"]}
    never = {unknown, *specials.values(), *_attributes(layers, *MEDIA_IDS)}
    never.update(i for layer in layers for i in getattr(layer, "all_special_ids", ()))
    for token in added:
        at, content = token["id"], token["content"]
        if RESERVED_SLOT.fullmatch(content):
            never.add(at)
        elif not spelling.byte_level:
            tokens[at] = spelling.spell(content)
        elif content in ids and tokens[at] != content.encode():
            never.add(at)  # stands both for its literal text and for what it spells in the byte alphabet
        else:
            tokens[at] = content.encode()

    if serialised["truncation"] or serialised["padding"]:  # leave the caller's settings alone, and do without them
        backend = type(backend).from_str(json.dumps(serialised | {"truncation": None, "padding": None}))
    return TokenizerReading(
        backend=backend,
        spelling=spelling,
        tokens=tuple(None if i in never else token for i, token in enumerate(tokens)),
        end_of_turn=frozenset(
            [*(specials[name] for name in TURN_ENDERS if name in specials), *_attributes(layers, "eos_token_id")]
        ),
        unknown=unknown,
        pieces=frozenset(ids),
        whole_words=model["type"] == "WordLevel",
    )


def _open(tokenizer: Any) -> list[Any]:
    """`tokenizer` and what it wraps, down to the `tokenizers.Tokenizer`."""
    layers = [tokenizer]
    while not hasattr(layers[-1], "to_str"):
        inner = getattr(layers[-1], "backend_tokenizer", None) or getattr(layers[-1], "tokenizer", None)
        if inner is None or len(layers) == 4:
            raise VocabularyError(
                f"{type(tokenizer).__name__} has no fast tokenizer inside",
                hint="load it with AutoTokenizer (the `tokenizers` backend); for a tekken file use "
                "Vocabulary.from_tekken; otherwise pass Vocabulary(tokens=...) the bytes of every id",
            )
        layers.append(inner)
    return layers


def _attributes(layers: list[Any], *names: str) -> Iterator[int]:
    """The attributes of those names that are ids."""
    for layer in layers:
        for name in names:
            if isinstance(value := getattr(layer, name, None), int):
                yield value


def _spelling(serialised: dict[str, Any]) -> Spelling:
    """Read normalizer, pre-tokenizer, model and decoder, or refuse the first that is not understood."""
    byte_level = byte_fallback = prefix_space = False
    replacements: dict[str, str] = {}
    normalization: list[Any] = []

    for part in _flatten(serialised["normalizer"]):
        match part:
            case {"type": "NFC" | "NFD" | "NFKC" | "NFKD" as form}:
                normalization.append(form)
            case {"type": "ByteLevel"}:
                byte_level = True
            case {"type": "Replace", "pattern": {"String": " "}, "content": str(sentinel)} if sentinel:
                replacements[sentinel] = " "
            case {"type": "Prepend"}:
                prefix_space = True
            case _:
                raise _refusal("normalizer", part, "changes the text in a way that its tokens cannot give back")
    for part in _flatten(serialised["pre_tokenizer"]):
        match part:
            case {"type": "ByteLevel"}:
                byte_level = True
                prefix_space |= part["add_prefix_space"]
            case {"type": "Metaspace"}:
                replacements[part["replacement"]] = " "
                prefix_space |= part["prepend_scheme"] != "never"
            case {"type": "Split" | "Punctuation", "behavior": "Removed"} if not part.get("invert"):
                raise _refusal("pre-tokenizer", part, "drops what it splits on")
            case {"type": "Split" | "Punctuation" | "Digits" | "UnicodeScripts" | "FixedLength"}:
                pass
            case _:
                raise _refusal("pre-tokenizer", part, "drops whitespace, or is not known here")
    for part in _flatten(serialised["decoder"]):
        match part:
            case {"type": "ByteLevel"}:
                byte_level = True
            case {"type": "Metaspace"}:
                replacements[part["replacement"]] = " "
            case {"type": "Replace", "pattern": {"String": str(sentinel)}, "content": str(meaning)}:
                replacements[sentinel] = meaning
            case {"type": "ByteFallback"}:
                byte_fallback = True
            case {"type": "Fuse"} | {"type": "Strip", "content": " ", "start": 0 | 1, "stop": 0}:
                pass  # the one space that Strip takes off is the prefix space; the canvas continues a text, so keep it
            case _:
                raise _refusal("decoder", part, "does not read each token as a string of bytes")
    match serialised["model"]:
        case {"type": "BPE", "continuing_subword_prefix": None | "", "end_of_word_suffix": None | ""} as model:
            byte_fallback |= model["byte_fallback"]
        case {"type": "Unigram"} as model:
            byte_fallback |= model["byte_fallback"]
        case {"type": "WordLevel"}:
            pass
        case {"type": kind} as model:
            shown = {key: value for key, value in model.items() if key not in ("vocab", "merges")}
            raise _refusal("model", shown, f"marks the parts of a word ({kind}), so a token is not a string of bytes")

    if byte_level and replacements:
        raise VocabularyError(
            f"the tokenizer both spells bytes in GPT-2's alphabet (ByteLevel) and replaces {sorted(replacements)}",
            hint="pass Vocabulary(tokens=...) the bytes of every id yourself",
        )
    return Spelling(
        byte_level=byte_level,
        replacements=tuple(replacements.items()),
        byte_fallback=byte_fallback and not byte_level,
        prefix_space=prefix_space,
        normalization=tuple(normalization),
    )


def _flatten(part: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
    """The components of a chain in order, nested sequences opened."""
    if part is None:
        return
    if part["type"] != "Sequence":
        yield part
        return
    for key in ("normalizers", "pretokenizers", "decoders"):
        for inner in part.get(key, ()):
            yield from _flatten(inner)


def _refusal(role: str, part: dict[str, Any], why: str) -> VocabularyError:
    return VocabularyError(
        f"the tokenizer's {role} {json.dumps(part, ensure_ascii=False)[:200]} {why}",
        hint="byte-level BPE and SentencePiece-style tokenizers can be read; for any other pass "
        "Vocabulary(tokens=...) the bytes of every id yourself",
    )


class _ByteOfCharacter(dict[int, int]):
    """GPT-2's alphabet for `str.translate`: the byte a character stands for; no byte for any other character."""

    def __missing__(self, character: int) -> int:
        return 0xFFFF  # beyond latin-1, so that encoding notices


def _byte_alphabet() -> _ByteOfCharacter:
    """Printable latin-1 characters stand for themselves, the other 68 bytes for U+0100, U+0101, ... in order."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(256) if byte not in printable]
    return _ByteOfCharacter({byte: byte for byte in printable} | {256 + n: byte for n, byte in enumerate(others)})


BYTE_OF_CHARACTER = _byte_alphabet()
BYTE_TOKEN = re.compile(r"<0x[0-9A-Fa-f]{2}>")
