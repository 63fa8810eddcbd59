from __future__ import annotations

import json
import pickle
import subprocess
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from constrain.errors import VocabularyError
from constrain.vocabulary import Vocabulary
from tests.tokenizers import tekken_path


def test_what_it_holds() -> None:
    v = Vocabulary(tokens=[b"a", None, b"", b"bc", b"a"], end_of_turn=[5, 1, 5], size=7)
    assert v.tokens == (b"a", None, None, b"bc", b"a", None, None)
    assert v.end_of_turn == (1, 5)
    assert v.size == len(v) == 7
    assert v.allowed.tolist() == [0, 3, 4]
    assert v.trie.sequence.tolist() == [0, 4, 3]
    assert repr(v) == "Vocabulary(7 ids, 3 with bytes, end_of_turn=[1, 5])"


def test_size_defaults_to_the_tokens_and_may_cut_off_those_without_bytes() -> None:
    assert Vocabulary([b"a", None], [1]).size == 2
    assert Vocabulary([b"a", None, None], [1], size=2).tokens == (b"a", None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tokens": [b"a", "b"], "end_of_turn": [2], "size": 3}, "token 1 is 'b', not bytes"),
        ({"tokens": [b"a", b"b"], "end_of_turn": [0], "size": 1}, "has 1 ids, but id 1 of the tokenizer means b'b'"),
        ({"tokens": [b"a", None], "end_of_turn": []}, "no end-of-turn id"),
        ({"tokens": [b"a", None], "end_of_turn": [2]}, "end-of-turn id 2 is outside the vocabulary of 2 ids"),
        ({"tokens": [b"a", None], "end_of_turn": [-1]}, "end-of-turn id -1 is outside"),
        ({"tokens": [b"a", b"b"], "end_of_turn": [1]}, "end-of-turn id 1 also has bytes, b'b'"),
        ({"tokens": [None, b""], "end_of_turn": [1]}, "no id has bytes"),
        ({"tokens": [], "end_of_turn": [1], "size": 3}, "no id has bytes"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(VocabularyError, match=message):
        Vocabulary(**arguments)


def test_decode_concatenates_and_leaves_out_what_has_no_bytes() -> None:
    v = Vocabulary([b"a", None, b"\xc3", b"\xa9"], end_of_turn=[1], size=6)
    assert v.decode([0, 1, 2, 5, 3, 1]) == "a\u00e9".encode()
    assert v.decode(np.array([0, 0])) == b"aa"
    assert v.decode([]) == b""


@pytest.mark.parametrize("i", [-1, 3])
def test_decode_refuses_ids_outside(i: int) -> None:
    with pytest.raises(VocabularyError, match=f"id {i} is outside the vocabulary of 3 ids"):
        Vocabulary([b"a", None, b"b"], [1]).decode([0, i])


def test_equal_content_is_equal_and_has_the_same_fingerprint() -> None:
    v = Vocabulary([b"a", None, b"bc"], [1])
    same = Vocabulary((b"a", b"", b"bc"), {1})
    assert v == same
    assert hash(v) == hash(same)
    assert v.fingerprint == same.fingerprint
    assert len(v.fingerprint) == 64
    assert v != (b"a", None, b"bc")
    assert pickle.loads(pickle.dumps(v)) == v


def test_any_difference_changes_the_fingerprint() -> None:
    variants = [
        Vocabulary([b"a", b"bc", None, None], [2]),
        Vocabulary([b"ab", b"c", None, None], [2]),
        Vocabulary([b"a", b"bc", None, None], [3]),
        Vocabulary([b"a", b"bc", None, None], [2, 3]),
        Vocabulary([b"a", b"bc", None], [2]),
        Vocabulary([b"a", None, None, b"bc"], [2]),
    ]
    assert len({v.fingerprint for v in variants}) == len(variants)


def test_fields_cannot_be_assigned() -> None:
    with pytest.raises(AttributeError):
        Vocabulary([b"a", None], [1]).size = 3  # type: ignore[misc]


def test_import_needs_neither_torch_nor_transformers_nor_tokenizers() -> None:
    code = (
        "import sys, constrain.vocabulary; print(sorted({'torch', 'transformers', 'tokenizers'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.fixture(scope="module")
def tekken() -> tuple[Vocabulary, Any]:
    from mistral_common.tokens.tokenizers.tekken import Tekkenizer

    return Vocabulary.from_tekken(tekken_path()), Tekkenizer.from_file(tekken_path())


def test_tekken_bytes_of_the_encoding_concatenate_to_the_text(tekken: tuple[Vocabulary, Any]) -> None:
    vocabulary, tokenizer = tekken

    @settings(max_examples=150, deadline=None)
    @given(st.text(max_size=60) | st.text(" \t\n0123456789abcdefgh,.\"'{}:\u00e9\u6f22", max_size=60))
    def holds(text: str) -> None:
        assert vocabulary.decode(tokenizer.encode(text, bos=False, eos=False)) == text.encode()

    holds()


def test_tekken_ids_are_those_of_the_real_tokenizer(tekken: tuple[Vocabulary, Any]) -> None:
    vocabulary, tokenizer = tekken
    assert len(vocabulary) == tokenizer.n_words == 131_072
    assert vocabulary.end_of_turn == (tokenizer.eos_id,)
    assert vocabulary.tokens[: tokenizer.num_special_tokens] == (None,) * 1000
    ids = range(1000, 131_072, 97)
    assert [vocabulary.tokens[i] for i in ids] == [tokenizer.id_to_byte_piece(i) for i in ids]
    assert len(vocabulary.allowed) == 130_072


def test_tekken_rewritten_as_a_fast_byte_level_tokenizer_reads_the_same(tekken: tuple[Vocabulary, Any]) -> None:
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    build: Any = bytes_to_unicode  # it is not annotated
    character = build()
    specials = ["<unk>", "<s>", "</s>", *(f"<SPECIAL_{i}>" for i in range(3, 1000))]
    spelled = ["".join(map(character.__getitem__, token)) for token in tekken[0].tokens if token]
    pieces = {piece: i for i, piece in enumerate(specials + spelled)}
    tokenizer = Tokenizer(models.BPE(pieces, [], ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(specials)
    assert Vocabulary.from_tokenizer(tokenizer) == tekken[0]


def tekken_file(path: Path, **changes: Any) -> Path:
    """A tekken file of 10 specials and the 256 bytes, plus two ranks past the configured size."""
    pieces = [bytes([byte]) for byte in range(256)] + [b"past", b"the end"]
    file = {
        "config": {"default_vocab_size": 266, "default_num_special_tokens": 10, "pattern": ".", "version": "v7"},
        "vocab": [{"rank": rank, "token_bytes": b64encode(piece).decode()} for rank, piece in enumerate(pieces)],
        "special_tokens": [{"rank": 4, "token_str": "</s>", "is_control": True}],
    }
    target = path / "tekken.json"
    target.write_text(json.dumps(file | changes))
    return target


def test_tekken_special_tokens_are_those_that_the_file_lists(tmp_path: Path) -> None:
    v = Vocabulary.from_tekken(tekken_file(tmp_path), size=300)
    assert v.end_of_turn == (4,)
    assert v.tokens == (*(None,) * 10, *(bytes([byte]) for byte in range(256)), *(None,) * 34)
    assert Vocabulary.from_tekken(tekken_file(tmp_path), end_of_turn=[7, 8]).end_of_turn == (7, 8)
    assert Vocabulary.from_tekken(tekken_file(tmp_path, special_tokens=None)).end_of_turn == (2,)


@pytest.mark.parametrize(
    "changes",
    [
        {"config": {}},
        {"config": None},
        {"vocab": [{"rank": 0}]},
        {"vocab": [{"rank": 0, "token_bytes": "A"}]},
        {"special_tokens": ["</s>"]},
    ],
)
def test_a_file_that_is_not_tekken_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(VocabularyError, match="is not a tekken file"):
        Vocabulary.from_tekken(tekken_file(tmp_path, **changes))


def test_a_file_that_is_not_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tekken.json").write_bytes(b"\xff\xfe")
    with pytest.raises(VocabularyError, match="is not a tekken file"):
        Vocabulary.from_tekken(tmp_path / "tekken.json")


def test_a_tekken_file_with_missing_ranks_is_refused(tmp_path: Path) -> None:
    ranks = [{"rank": rank, "token_bytes": "YQ=="} for rank in range(1, 257)]
    with pytest.raises(VocabularyError, match="does not list the ranks 0 to 255 in order"):
        Vocabulary.from_tekken(tekken_file(tmp_path, vocab=ranks))
