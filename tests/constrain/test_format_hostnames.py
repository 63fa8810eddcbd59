"""Host names. The judges are `fqdn` for ASCII, and `idna` for what goes beyond."""

from __future__ import annotations

import json
import random

import idna
import pytest
from fqdn import FQDN
from hypothesis import given, settings
from hypothesis import strategies as st

from constrain.formats import format_bound, format_content, is_right
from tests.constrain.json_judge import random_word


def written(name: str, text: str) -> bool:
    return format_content(name).accepts(json.dumps(text, ensure_ascii=False)[1:-1].encode())


def accepts(name: str, text: str) -> bool:
    return written(name, text) and is_right(name, text)


PIECES = ["a", "Z", "0", "-", ".", "_", "é", " ", "ab" * 8, "c" * 31, "d" * 63]


@given(st.lists(st.sampled_from(PIECES), max_size=12))
@settings(max_examples=1000, deadline=None)
def test_host_names(pieces: list[str]) -> None:
    text = "".join(pieces)
    expected = text != "" and not text.endswith(".") and FQDN(text, min_labels=1).is_valid
    assert is_right("hostname", text) == expected
    assert written("hostname", text) <= expected
    if max(map(len, text.split("."))) <= 32:
        assert written("hostname", text) == expected


@given(st.lists(st.integers(1, 63), min_size=1, max_size=130))
@settings(max_examples=300, deadline=None)
def test_labels_and_names_have_a_greatest_length(lengths: list[int]) -> None:
    text = ".".join("a" * length for length in lengths)
    assert is_right("hostname", text) == (len(text) <= 253)
    assert written("hostname", text) <= (len(text) <= 253)
    assert not accepts("hostname", text + "a" * (64 - lengths[-1]))
    if max(lengths) <= 32:
        assert written("hostname", text) == (len(text) <= 253)


def test_a_name_may_begin_with_a_longest_label() -> None:
    assert accepts("hostname", "a" * 63)
    assert accepts("hostname", "a" * 63 + "." + "b" * 63 + ".com")
    assert not accepts("hostname", "a" * 64)


def test_the_longest_name_has_253_characters() -> None:
    assert format_content("hostname").longest() == 253


@pytest.mark.parametrize(
    "text", ["", ".", ".a", "a.", "a..b", "-a", "a-", "a_b", "a\n", "\u212aelvin.a", "a．b", "a b"]
)
def test_not_host_names(text: str) -> None:
    for draft in ("4", "6", "7", "2019-09", "2020-12"):
        assert not is_right("hostname", text, draft)
    assert not written("hostname", text)


U_LABELS = ["실례", "테스트", "ßς་〇", "l·l", "α͵β", "א׳ב", "א״ב", "۽۾", "・ぁ", "・ァ", "・丈", "ب٠ب", "क्\u200dष",
            "क्\u200cष", "بي\u200cبي", "παράδειγμα", "bücher", "почта2"]  # fmt: skip
WRONG_LABELS = ["\u302e실례", "실\u302e례", "\u0903a", "\u0300a", "\u0488a", "ـߺ", "a·l", "l·a", "l·", "α͵S", "α͵",
                "A׳ב", "׳ב", "def・abc", "・", "ب٠۰", "क\u200dष", "\u200dष", "क्\u200cषx\u200cy", "0ا", "aא", "-é", "é-",
                "ab--é", "e\u0301", "ü" * 60]  # fmt: skip


@pytest.mark.parametrize("label", U_LABELS)
def test_labels_beyond_ascii(label: str) -> None:
    assert accepts("idn-hostname", label)
    assert accepts("idn-hostname", f"www.{label}.com")
    coded = idna.encode(label).decode()
    assert accepts("idn-hostname", coded)
    assert accepts("hostname", f"a.{coded}")
    assert accepts("hostname", coded.upper())
    assert not written("hostname", label)


@pytest.mark.parametrize("label", WRONG_LABELS)
def test_not_labels(label: str) -> None:
    assert not accepts("idn-hostname", label)
    coded = "xn--" + label.encode("punycode").decode()
    assert not accepts("idn-hostname", coded)
    assert not accepts("hostname", coded)
    if len(coded) <= 63 and coded[-1] != "-":
        assert is_right("hostname", coded, "4"), "draft 4 knows nothing of labels beyond ASCII"
        assert is_right("hostname", coded, "6")


@pytest.mark.parametrize(
    "text", ["xn--X", "XN--aa---o47jg78q", "xn--example-", "xn---9uc", "xn--", "a.xn--7a", "xn--a\u00e9"]
)
def test_not_a_labels(text: str) -> None:
    assert not accepts("hostname", text)
    assert not accepts("idn-hostname", text)


@pytest.mark.parametrize("dot", list(".\u3002\uff0e\uff61"))
def test_there_are_four_full_stops(dot: str) -> None:
    assert accepts("idn-hostname", f"a{dot}b")
    assert accepts("idn-hostname", f"www{dot}실례.com")
    for wrong in (dot, f"{dot}a", f"a{dot}", f"a{dot}{dot}b"):
        assert not accepts("idn-hostname", wrong)


@pytest.mark.parametrize("text", ["hostname", "host-name", "h0stn4me", "1host", "HOST.Name", "a" * 63])
def test_names_in_ascii_are_among_the_internationalised(text: str) -> None:
    assert accepts("idn-hostname", text)


@pytest.mark.parametrize("text", ["", "a_b", "-a", "a-", "a b", "ab--cd", "a" * 64, "-> $1.00 <--", "a/b", "Bücher"])
def test_not_internationalised_names(text: str) -> None:
    assert not accepts("idn-hostname", text)


def test_one_label_written_leftwards_binds_all() -> None:
    assert accepts("idn-hostname", "a.א")
    assert accepts("idn-hostname", "0a.b")
    assert not accepts("idn-hostname", "0a.א")


def test_labels_that_are_left_out_are_right() -> None:
    long = "παράδειγμα" * 5
    for text in (f"{long}.com", "a.b.c.d.é", "ཀ", "ệ", "۰0"):
        assert is_right("idn-hostname", text)
        assert not written("idn-hostname", text)
        assert format_bound("idn-hostname").accepts(text.encode())


def test_names_are_no_longer_than_253_characters_in_ascii() -> None:
    label = "ü" * 40
    assert len(idna.alabel(label)) == 46
    assert is_right("idn-hostname", ".".join([label] * 5))
    assert not is_right("idn-hostname", ".".join([label] * 6))


def test_idna_takes_nearly_every_word() -> None:
    rng = random.Random(0)
    wrong = 0
    for _ in range(500):
        word = random_word(format_content("idn-hostname"), rng, rng.randrange(150)).decode()
        right = is_right("idn-hostname", word)
        wrong += not right
        if right:
            assert len(idna.encode(word)) <= 253
    assert wrong <= 40
