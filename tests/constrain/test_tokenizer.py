from __future__ import annotations

import json
import unicodedata
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from constrain.errors import VocabularyError
from constrain.vocabulary import Vocabulary
from tests.tokenizers import KINDS, LIMITED, SENTINEL, SPECIALS, edited, fast, gemma, gpt2, small_tokenizer

PREFIX_SPACE = {"gpt2_prefix_space", "llama2_legacy", "llama2_metaspace", "unigram"}
NORMALIZES = {"qwen"}
HAS_SENTINEL = {"gemma", "llama2_legacy", "llama2_metaspace", "unigram"}
WITHOUT_DECODER = {"gpt4"}

TEXTS = st.one_of(
    st.text(max_size=40),
    st.text(" \t\r\n0123456789aeht,.\"'-_{}é漢" + SENTINEL, max_size=40),
    st.lists(st.sampled_from([" the", "the", " ", "  ", "\n\n", "2024", "é", "漢字", "\x00", "<h1>"])).map("".join),
).filter(lambda text: not any(special in text for special in SPECIALS))  # which Hypothesis finds in our code


def vocabulary(kind: str) -> Vocabulary:
    return Vocabulary.from_tokenizer(small_tokenizer(kind))


def id_of(tokenizer: Tokenizer, content: str) -> int:
    found = tokenizer.token_to_id(content)
    assert found is not None
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_bytes_of_the_encoding_concatenate_to_the_text(kind: str) -> None:
    tokenizer, v = small_tokenizer(kind), vocabulary(kind)

    @settings(max_examples=100, deadline=None)
    @given(TEXTS)
    def holds(text: str) -> None:
        wanted = unicodedata.normalize("NFC", text) if kind in NORMALIZES else text
        wanted = wanted.replace(SENTINEL, " ") if kind in HAS_SENTINEL else wanted
        got = v.decode(tokenizer.encode(text, add_special_tokens=False).ids).decode()
        assert got == wanted or (kind in PREFIX_SPACE and got == " " + wanted)

    holds()


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - WITHOUT_DECODER))
def test_reads_any_ids_as_the_tokenizers_own_decoder_does(kind: str) -> None:
    tokenizer, v = small_tokenizer(kind), vocabulary(kind)

    @settings(max_examples=100, deadline=None)
    @given(st.lists(st.sampled_from(v.allowed.tolist()), max_size=12))
    def holds(ids: list[int]) -> None:
        try:
            ours = v.decode(ids).decode()
        except UnicodeDecodeError:
            return
        theirs = tokenizer.decode(ids)
        if kind in PREFIX_SPACE:  # whose decoders strip one or more spaces at the start
            ours, theirs = ours.lstrip(" "), theirs.lstrip(" ")
        assert ours == theirs

    holds()


@pytest.mark.parametrize("kind", KINDS)
def test_every_byte_that_utf8_uses_can_be_written(kind: str) -> None:
    single = {token for token in vocabulary(kind).tokens if token and len(token) == 1}
    assert single >= {bytes([byte]) for byte in {*range(0xC0), *range(0xC2, 0xF5)}}


@pytest.mark.parametrize("kind", LIMITED)
def test_a_tokenizer_that_cannot_write_every_text_is_read_all_the_same(kind: str) -> None:
    tokenizer, v = small_tokenizer(kind), vocabulary(kind)
    text = "1234.56789" if kind == "digit_words" else 'the cat and {"a": 12}'
    assert v.decode(tokenizer.encode(text).ids) == text.encode()


def test_specials_and_the_unknown_token_have_no_bytes() -> None:
    for kind in KINDS | LIMITED:
        assert vocabulary(kind).tokens[:4] == (None,) * 4
    bare = Tokenizer(models.BPE({"a": 0, "<unk>": 1, "b": 2}, [], unk_token="<unk>"))  # not even an added token
    assert Vocabulary.from_tokenizer(bare, end_of_turn=[3], size=4).tokens == (b"a", None, b"b", None)


def test_ids_that_no_token_has_are_never_allowed() -> None:
    gaps = Tokenizer(models.BPE({"a": 0, "b": 5}, []))
    assert Vocabulary.from_tokenizer(gaps, end_of_turn=[3]).tokens == (b"a", None, None, None, None, b"b")


def test_added_tokens_that_are_not_special_mean_their_text() -> None:
    tokenizer = gpt2()
    tokenizer.add_tokens([AddedToken("na\u00efve \u2581", normalized=False)])
    assert Vocabulary.from_tokenizer(tokenizer).tokens[-3:] == (b"<tool_call>", b" " * 8, "na\u00efve \u2581".encode())


def test_runs_of_spaces_added_as_sentinels_are_spaces() -> None:
    tokenizer = small_tokenizer("gemma")
    tokens = vocabulary("gemma").tokens
    assert tokens[id_of(tokenizer, SENTINEL * 3)] == b"   "
    assert tokens[id_of(tokenizer, "\n\n\n")] == b"\n\n\n"
    assert tokens[id_of(tokenizer, "<h1>")] == b"<h1>"


def test_reserved_slots_are_never_allowed() -> None:
    assert vocabulary("gemma").tokens[id_of(small_tokenizer("gemma"), "<unused0>")] is None


def test_an_added_token_that_is_also_a_letter_of_the_byte_alphabet_is_never_allowed() -> None:
    tokenizer = gpt2()
    tokenizer.add_tokens(["\u00ff", "a"])  # the first is the model's spelling of the byte FF
    tokens = Vocabulary.from_tokenizer(tokenizer).tokens
    assert tokens[id_of(tokenizer, "\u00ff")] is None
    assert tokens[id_of(tokenizer, "a")] == b"a"


def test_a_byte_level_token_outside_the_alphabet_is_its_text() -> None:
    serialised = json.loads(gpt2().to_str())
    serialised["model"]["vocab"] |= {"two words": 400, "\u6f22": 401}
    tokenizer = Tokenizer.from_str(json.dumps(serialised))
    assert tokenizer.decode([400, 401]) == "two words\u6f22"
    assert Vocabulary.from_tokenizer(tokenizer).tokens[400:402] == (b"two words", "\u6f22".encode())


def test_turn_enders_are_found_among_special_tokens_only() -> None:
    tokenizer = gemma()
    tokenizer.add_tokens([AddedToken("</s>", normalized=False)])  # Gemma has it as the HTML tag
    tokenizer.add_special_tokens(["<|im_end|>"])
    html, im_end = id_of(tokenizer, "</s>"), id_of(tokenizer, "<|im_end|>")
    v = Vocabulary.from_tokenizer(tokenizer)
    assert v.end_of_turn == (3, im_end)
    assert v.tokens[html] == b"</s>"


def test_a_transformers_tokenizer_adds_its_end_of_sequence_and_special_tokens() -> None:
    wrapped = fast(gpt2(), extra_special_tokens=["<tool_call>"])
    v = Vocabulary.from_tokenizer(wrapped)
    assert v.end_of_turn == (1, 3)
    assert v.tokens[wrapped.convert_tokens_to_ids("<tool_call>")] is None
    assert len(v) == len(wrapped)


def test_a_processor_is_opened_and_its_media_tokens_are_never_allowed() -> None:
    inner = fast(gpt2())
    image = inner.convert_tokens_to_ids("<tool_call>")
    v = Vocabulary.from_tokenizer(SimpleNamespace(tokenizer=inner, image_token_id=image, audio_token_id=10**6))
    assert v.tokens[image] is None
    assert v.end_of_turn == (1, 3)


def test_end_of_turn_given_replaces_the_default_and_takes_the_bytes_away() -> None:
    newline = id_of(small_tokenizer("gpt2"), "\u010a")
    v = Vocabulary.from_tokenizer(small_tokenizer("gpt2"), end_of_turn=[1, newline])
    assert v.end_of_turn == (1, newline)
    assert v.tokens[newline] is None
    assert vocabulary("gpt2").tokens[newline] == b"\n"


def test_size_pads_and_may_cut_only_ids_that_are_never_allowed() -> None:
    tokenizer = gemma()
    length = tokenizer.get_vocab_size()
    assert Vocabulary.from_tokenizer(tokenizer, size=512).tokens[length:] == (None,) * (512 - length)
    tokenizer.add_special_tokens(["<image_soft_token>"])
    assert len(Vocabulary.from_tokenizer(tokenizer, size=length)) == length
    with pytest.raises(
        VocabularyError, match=f"has {length - 1} ids, but id {length - 1} of the tokenizer means b'<h1>'"
    ):
        Vocabulary.from_tokenizer(tokenizer, size=length - 1)


def test_truncation_and_padding_set_by_the_caller_neither_matter_nor_change() -> None:
    tokenizer = gpt2()
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=8, pad_id=50, pad_token="a")
    before = (tokenizer.truncation, tokenizer.padding)
    assert None not in before
    assert Vocabulary.from_tokenizer(tokenizer) == vocabulary("gpt2")
    assert (tokenizer.truncation, tokenizer.padding) == before


def test_normalisation_is_named() -> None:
    assert vocabulary("qwen").normalization == ("NFC",)
    assert vocabulary("gpt2").normalization == ()


REFUSED: list[tuple[str, str, Any]] = [
    ("normalizer", "Lowercase", normalizers.Lowercase()),
    ("normalizer", "StripAccents", normalizers.StripAccents()),
    ("normalizer", "BertNormalizer", normalizers.BertNormalizer()),
    ("normalizer", '"Strip"', normalizers.Sequence([normalizers.NFC(), normalizers.Strip()])),
    ("normalizer", '"Regex": " {2,}"', normalizers.Replace(Regex(" {2,}"), "\u2581")),
    ("normalizer", '"String": "a"', normalizers.Replace("a", "b")),
    ("normalizer", "Nmt", normalizers.Nmt()),
    ("pre-tokenizer", "Whitespace", pre_tokenizers.Whitespace()),
    ("pre-tokenizer", "WhitespaceSplit", pre_tokenizers.WhitespaceSplit()),
    ("pre-tokenizer", "BertPreTokenizer", pre_tokenizers.Sequence([pre_tokenizers.BertPreTokenizer()])),
    ("pre-tokenizer", "Split", pre_tokenizers.Split(" ", "removed")),
    ("pre-tokenizer", "Punctuation", pre_tokenizers.Punctuation("removed")),
    ("pre-tokenizer", "CharDelimiterSplit", pre_tokenizers.CharDelimiterSplit(" ")),
    ("decoder", "WordPiece", decoders.WordPiece()),
    ("decoder", "CTC", decoders.CTC()),
    ("decoder", "BPEDecoder", decoders.BPEDecoder()),
    ("decoder", "Strip", decoders.Sequence([decoders.Fuse(), decoders.Strip(" ", 1, 1)])),
    ("decoder", '"Regex": "_+"', decoders.Replace(Regex("_+"), " ")),
]


@pytest.mark.parametrize(("role", "name", "part"), REFUSED, ids=[f"{role} {name}" for role, name, _ in REFUSED])
def test_a_component_that_is_not_understood_is_refused_by_name(role: str, name: str, part: Any) -> None:
    tokenizer = edited(small_tokenizer("ascii_bpe"), **{role.replace("-", "_"): json.loads(part.__getstate__())})
    with pytest.raises(VocabularyError) as caught:
        Vocabulary.from_tokenizer(tokenizer)
    assert f"tokenizer's {role} " in caught.value.message
    assert name in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("WordPiece", models.WordPiece({"[UNK]": 0, "a": 1, "##a": 2}, unk_token="[UNK]")),
        ("</w>", models.BPE({"a": 0, "a</w>": 1}, [], end_of_word_suffix="</w>")),
        ("##", models.BPE({"a": 0, "##a": 1}, [], continuing_subword_prefix="##")),
    ],
)
def test_a_model_that_marks_parts_of_words_is_refused_by_name(name: str, model: Any) -> None:
    with pytest.raises(VocabularyError, match=f"model .*{name}"):
        Vocabulary.from_tokenizer(Tokenizer(model))


def test_two_ways_of_spelling_at_once_are_refused() -> None:
    tokenizer = gpt2()
    tokenizer.normalizer = normalizers.Replace(" ", SENTINEL)
    with pytest.raises(VocabularyError, match=f"ByteLevel.*{SENTINEL}"):
        Vocabulary.from_tokenizer(tokenizer)


def test_what_has_no_fast_tokenizer_inside_is_refused() -> None:
    with pytest.raises(VocabularyError, match="str has no fast tokenizer"):
        Vocabulary.from_tokenizer("gpt2")
    endless = SimpleNamespace()
    endless.tokenizer = endless
    with pytest.raises(VocabularyError, match="SimpleNamespace has no fast tokenizer"):
        Vocabulary.from_tokenizer(endless)


def test_the_proof_catches_a_byte_alphabet_that_encoding_does_not_use() -> None:
    tokenizer = edited(gpt2(), pre_tokenizer=None)
    with pytest.raises(VocabularyError, match="round trip failed: the text '\u00e9' is encoded as"):
        Vocabulary.from_tokenizer(tokenizer)


def test_the_proof_catches_a_split_that_loses_text() -> None:
    tokenizer = small_tokenizer("ascii_bpe")
    words_only = edited(
        tokenizer, pre_tokenizer=json.loads(pre_tokenizers.Split(Regex(r"\w+"), "removed", True).__getstate__())
    )
    with pytest.raises(VocabularyError, match=r"round trip failed: the text 'The quick brown fox"):
        Vocabulary.from_tokenizer(words_only)


def test_the_proof_uses_the_tokens_own_texts_where_no_sample_can_be_written() -> None:
    tokenizer = Tokenizer(models.BPE({"\u00c2": 0, "\u00b5": 1, "\u00c2\u00b5": 2}, [("\u00c2", "\u00b5")]))
    tokenizer.decoder = decoders.ByteLevel()  # reads id 2 as the bytes C2 B5, which is U+00B5, which encodes as id 1
    with pytest.raises(VocabularyError, match="round trip failed: the text '\u00b5' is encoded as \\[1\\]"):
        Vocabulary.from_tokenizer(tokenizer, end_of_turn=[3], size=4)


def test_a_tokenizer_about_which_nothing_can_be_proved_is_refused() -> None:
    with pytest.raises(VocabularyError, match="can encode none of the sample texts"):
        Vocabulary.from_tokenizer(Tokenizer(models.BPE({"ab": 0}, [])), end_of_turn=[1], size=2)


@pytest.mark.parametrize("kind", KINDS)
def test_check_passes_on_the_own_tokenizer(kind: str) -> None:
    vocabulary(kind).check(small_tokenizer(kind), ["", "the 12 \u6f22\u5b57", "e\u0301", SENTINEL, "  a  b\n"])


def test_check_fails_on_another_tokenizer_and_on_what_cannot_be_written() -> None:
    with pytest.raises(VocabularyError, match="round trip failed: the text 'the'"):
        vocabulary("gemma").check(small_tokenizer("llama3"), ["the"])
    with pytest.raises(VocabularyError, match="is outside the vocabulary"):
        vocabulary("llama3").check(small_tokenizer("gemma"), ["the"])
    with pytest.raises(VocabularyError, match="round trip failed: the text 'na\u00efve'"):
        vocabulary("ascii_bpe").check(small_tokenizer("ascii_bpe"), ["naive", "na\u00efve"])
    with pytest.raises(VocabularyError, match="round trip failed: the text '<eos>'"):
        vocabulary("gpt2").check(small_tokenizer("gpt2"), ["<eos>"])
