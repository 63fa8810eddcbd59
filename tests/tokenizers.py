"""Small tokenizers of every kind that Constrain reads, built in memory, and the path of a real one.

Import as `tests.tokenizers`: a script run from inside `tests/` would take this file for the package `tokenizers`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

__all__ = ["KINDS", "fast", "small_tokenizer", "tekken_path"]

SPECIALS = ("<pad>", "<eos>", "<unk>", "<turn|>")
"""The special tokens of every kind; they have the ids 0 to 3."""

WORDS = ("the", " the", " and", "er", "in", "name", '":', ' "', "true", "00", "12", "2024", "  ", "    ", "\n\n")
ACCENTED = ("é", " naïve", "Straße", "漢字", "한", "😀", "👩‍💻", "é")
PRINTABLE = tuple(map(chr, range(0x20, 0x7F)))
SENTINEL = "\u2581"

BYTE_LEVEL_PATTERN = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)


def _bpe(alphabet: Iterable[str], words: Iterable[str], **options: Any) -> models.BPE:
    """A BPE model in which every word is a token, merged from the left; the ids of SPECIALS come first."""
    pieces = dict.fromkeys([*SPECIALS, *alphabet])
    merges: dict[tuple[str, str], None] = {}
    for word in words:
        for end in range(2, len(word) + 1):
            merges[word[: end - 1], word[end - 1]] = None
            pieces[word[:end]] = None
        pieces |= dict.fromkeys(word)
    return models.BPE({piece: i for i, piece in enumerate(pieces)}, list(merges), **options)


def _byte_level_bpe(**options: Any) -> models.BPE:
    spell = normalizers.ByteLevel().normalize_str
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    return _bpe(alphabet, map(spell, (*WORDS, *ACCENTED)), **options)


def _byte_tokens() -> list[str]:
    return [f"<0x{byte:02X}>" for byte in range(256)]


def _sentinel(words: Iterable[str]) -> list[str]:
    return [word.replace(" ", SENTINEL) for word in words]


def _fallback_bpe() -> models.BPE:
    words = _sentinel((*WORDS, *ACCENTED))
    return _bpe([*_byte_tokens(), *_sentinel(PRINTABLE)], words, unk_token="<unk>", fuse_unk=True, byte_fallback=True)


def _unigram(pieces: Iterable[str], *, byte_fallback: bool) -> models.Unigram:
    scores = {piece: -float(len(piece) < 2) - 10.0 for piece in dict.fromkeys([*SPECIALS, *pieces])}
    return models.Unigram(list(scores.items()), SPECIALS.index("<unk>"), byte_fallback=byte_fallback)


def _tokenizer(model: Any, *, normalizer: Any = None, pre_tokenizer: Any = None, decoder: Any = None) -> Tokenizer:
    tokenizer = Tokenizer(model)
    for role, part in (("normalizer", normalizer), ("pre_tokenizer", pre_tokenizer), ("decoder", decoder)):
        if part is not None:
            setattr(tokenizer, role, part)
    tokenizer.add_special_tokens(list(SPECIALS))
    return tokenizer


def _split(pattern: str, behavior: str = "isolated", *, invert: bool = False) -> Any:
    return pre_tokenizers.Split(Regex(pattern), behavior, invert)


def gpt2() -> Tokenizer:
    """Byte-level BPE with the pattern inside ByteLevel; plain-text added tokens, as GPT-NeoX and Qwen have."""
    tokenizer = _tokenizer(
        _byte_level_bpe(),
        pre_tokenizer=pre_tokenizers.ByteLevel(add_prefix_space=False),
        decoder=decoders.ByteLevel(),
    )
    tokenizer.add_tokens([AddedToken("<tool_call>", normalized=False), AddedToken("        ", normalized=False)])
    return tokenizer


def gpt2_prefix_space() -> Tokenizer:
    """As GPT-2, putting a space before every text."""
    return _tokenizer(
        _byte_level_bpe(),
        pre_tokenizer=pre_tokenizers.ByteLevel(add_prefix_space=True),
        decoder=decoders.ByteLevel(),
    )


def llama3() -> Tokenizer:
    """Byte-level BPE with an own pattern before ByteLevel, nested sequences, whole words looked up first."""
    inner = pre_tokenizers.Sequence([_split(LLAMA3_PATTERN), pre_tokenizers.ByteLevel(False, use_regex=False)])
    return _tokenizer(
        _byte_level_bpe(ignore_merges=True),
        pre_tokenizer=pre_tokenizers.Sequence([inner]),
        decoder=decoders.Sequence([decoders.ByteLevel()]),
    )


def qwen() -> Tokenizer:
    """Byte-level BPE behind NFC, each digit on its own."""
    return _tokenizer(
        _byte_level_bpe(),
        normalizer=normalizers.NFC(),
        pre_tokenizer=pre_tokenizers.Sequence(
            [_split(r"\p{N}"), pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(False)]
        ),
        decoder=decoders.ByteLevel(),
    )


def gpt4() -> Tokenizer:
    """Byte-level BPE whose split keeps the matches of an inverted pattern; no decoder."""
    split = _split(BYTE_LEVEL_PATTERN, "removed", invert=True)
    return _tokenizer(
        _byte_level_bpe(),
        pre_tokenizer=pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(False, use_regex=False)]),
    )


def byte_level_normalizer() -> Tokenizer:
    """The byte alphabet applied by the normalizer, no pre-tokenizer at all."""
    return _tokenizer(_byte_level_bpe(), normalizer=normalizers.ByteLevel(), decoder=decoders.ByteLevel())


def gemma() -> Tokenizer:
    """BPE with byte fallback, a sentinel for the space, no prefix space; runs as added tokens."""
    tokenizer = _tokenizer(
        _fallback_bpe(),
        normalizer=normalizers.Replace(" ", SENTINEL),
        pre_tokenizer=pre_tokenizers.Split(" ", "merged_with_previous"),
        decoder=decoders.Sequence([decoders.Replace(SENTINEL, " "), decoders.ByteFallback(), decoders.Fuse()]),
    )
    runs = ["\n\n", "\n\n\n", SENTINEL * 2, SENTINEL * 3, "<unused0>", "<h1>"]
    tokenizer.add_tokens([AddedToken(run, normalized=False) for run in runs])
    return tokenizer


def llama2_legacy() -> Tokenizer:
    """BPE with byte fallback; the normalizer prepends the sentinel, the decoder strips the space."""
    return _tokenizer(
        _fallback_bpe(),
        normalizer=normalizers.Sequence([normalizers.Prepend(SENTINEL), normalizers.Replace(" ", SENTINEL)]),
        decoder=decoders.Sequence(
            [decoders.Replace(SENTINEL, " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
        ),
    )


def llama2_metaspace() -> Tokenizer:
    """BPE with byte fallback behind Metaspace, which prepends once; digits split."""
    return _tokenizer(
        _fallback_bpe(),
        pre_tokenizer=pre_tokenizers.Sequence(
            [pre_tokenizers.Metaspace(SENTINEL, "first", split=False), pre_tokenizers.Digits(True)]
        ),
        decoder=decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(SENTINEL, "first", split=False)]),
    )


def unigram() -> Tokenizer:
    """Unigram with byte fallback behind Metaspace, which always prepends."""
    pieces = [*_byte_tokens(), *_sentinel((*PRINTABLE, *WORDS, *ACCENTED))]
    return _tokenizer(
        _unigram(pieces, byte_fallback=True),
        pre_tokenizer=pre_tokenizers.Metaspace(SENTINEL, "always", split=True),
        decoder=decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(SENTINEL, "always")]),
    )


KINDS: dict[str, Callable[[], Tokenizer]] = {
    kind.__name__: kind
    for kind in (
        gpt2,
        gpt2_prefix_space,
        llama3,
        qwen,
        gpt4,
        byte_level_normalizer,
        gemma,
        llama2_legacy,
        llama2_metaspace,
        unigram,
    )
}
"""Tokenizers that can write every text."""


def ascii_unigram() -> Tokenizer:
    """Unigram without byte fallback: printable ASCII only, anything else is unknown."""
    return _tokenizer(
        _unigram(_sentinel((*PRINTABLE, "the", " the", "12")), byte_fallback=False),
        pre_tokenizer=pre_tokenizers.Metaspace(SENTINEL, "never"),
        decoder=decoders.Metaspace(SENTINEL, "never"),
    )


def ascii_bpe() -> Tokenizer:
    """BPE on raw printable ASCII without components: other characters vanish without a trace."""
    return _tokenizer(_bpe(PRINTABLE, ["the", " and", "12"]), decoder=decoders.Fuse())


def digit_words() -> Tokenizer:
    """A whole-word model over single digits, as a puzzle would use."""
    pieces = {piece: i for i, piece in enumerate([*SPECIALS, *"123456789."])}
    return _tokenizer(models.WordLevel(pieces, unk_token="<unk>"), pre_tokenizer=_split(r"[1-9.]"))


LIMITED: dict[str, Callable[[], Tokenizer]] = {kind.__name__: kind for kind in (ascii_unigram, ascii_bpe, digit_words)}
"""Tokenizers that can write only some characters."""


@cache
def small_tokenizer(kind: str) -> Tokenizer:
    """The tokenizer of a name in KINDS or LIMITED, built once. Do not change it; call `KINDS[kind]()` for your own."""
    return (KINDS | LIMITED)[kind]()


def fast(tokenizer: Tokenizer, **options: Any) -> Any:
    """The transformers tokenizer around it, with `<eos>` and `<pad>` in their roles."""
    from transformers import PreTrainedTokenizerFast

    build: Any = PreTrainedTokenizerFast  # its constructor is not annotated
    return build(tokenizer_object=tokenizer, **{"eos_token": "<eos>", "pad_token": "<pad>"} | options)


def edited(tokenizer: Tokenizer, **parts: Any) -> Tokenizer:
    """A copy with some of its serialised components replaced."""
    return Tokenizer.from_str(json.dumps(json.loads(tokenizer.to_str()) | parts))


def tekken_path() -> Path:
    """A real vocabulary of 131,072 ids that comes with the package mistral-common (a test extra)."""
    import mistral_common

    return Path(mistral_common.__path__[0]) / "data" / "tekken_240911.json"
