"""Formats as languages. The judges are the standard library, pydantic, and `jsonschema` with its format extras.

Host names are in `test_format_hostnames`, regular expressions in `test_format_regexes`.
"""

from __future__ import annotations

import calendar
import datetime
import ipaddress
import json
import random
import re
import uuid
import warnings
from itertools import combinations, product

import jsonpointer
import jsonschema
import pytest
import uri_template
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import AwareDatetime, TypeAdapter
from rfc3986_validator import validate_rfc3986
from rfc3987_syntax import is_valid_syntax

from constrain.automaton import Automaton
from constrain.formats import FORMATS, INEXACT, NARROWED, format_bound, format_content, is_right
from constrain.specs import JsonSchema
from tests.constrain.json_judge import random_word


def contains(language: Automaton, text: str) -> bool:
    return language.accepts(json.dumps(text, ensure_ascii=False)[1:-1].encode())


def accepts(name: str, text: str) -> bool:
    """Whether the text may be written, and is right: never one of them alone, outside the formats in `INEXACT`."""
    written, right = contains(format_content(name), text), is_right(name, text)
    assert written <= right or name in INEXACT
    assert right <= written or name in NARROWED
    assert right <= contains(format_bound(name), text)
    return written and right


def words(name: str, count: int, longest: int) -> list[str]:
    rng = random.Random(0)
    texts = [random_word(format_content(name), rng, rng.randrange(longest)).decode() for _ in range(count)]
    return [json.loads(f'"{text}"') for text in texts]


def is_date(text: str) -> bool:
    try:
        return datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


@pytest.mark.parametrize("year", [0, 1, 4, 100, 400, 1900, 2000, 2023, 2024, 2100, 9996, 9999])
def test_dates_are_those_of_the_calendar(year: int) -> None:
    for month, day in product(range(14), range(34)):
        text = f"{year:04}-{month:02}-{day:02}"
        assert accepts("date", text) == is_date(text), text


def test_leap_years() -> None:
    for year in range(1, 10_000):
        assert accepts("date", f"{year:04}-02-29") == calendar.isleap(year)


@pytest.mark.parametrize("text", ["2024-1-01", "20240101", "2024-01-01 ", "02024-01-01", "2024-01-0১", "-024-01-01"])
def test_dates_have_one_shape(text: str) -> None:
    assert not accepts("date", text)


@given(
    st.datetimes(timezones=st.timezones() | st.just(datetime.UTC)),
    st.sampled_from("Tt"),
    st.text("0123456789", max_size=9),
)
@settings(deadline=None)
def test_every_moment_has_a_date_time(moment: datetime.datetime, separator: str, fraction: str) -> None:
    offset = moment.utcoffset() or datetime.timedelta()
    if offset.seconds % 60:
        return  # local mean times with seconds, which RFC 3339 cannot write
    text = moment.replace(microsecond=0).isoformat(separator)
    text = text[:19] + (f".{fraction}" if fraction else "") + text[19:]
    assert accepts("date-time", text)
    assert accepts("time", text[11:])
    if not offset:
        assert accepts("date-time", text[:-6] + "Z")
        assert accepts("date-time", text[:-6] + "z")


@given(st.randoms())
@settings(deadline=None)
def test_every_date_time_without_leap_seconds_is_a_moment(rng: random.Random) -> None:
    language = format_content("date-time", leap_seconds=False)
    word = random_word(language, rng, rng.randrange(35)).decode()
    assert TypeAdapter(AwareDatetime).validate_strings(word[:19].upper() + word[19:])


@given(st.times(), st.integers(-1439, 1439), st.sampled_from(["", ".0", ".25"]))
@settings(deadline=None)
def test_a_minute_has_61_seconds_where_the_day_ends_in_utc(time: datetime.time, offset: int, fraction: str) -> None:
    last = datetime.datetime(2016, 12, 31, 23, 59) + datetime.timedelta(minutes=offset)
    zone = f"{'+-'[offset < 0]}{abs(offset) // 60:02}:{abs(offset) % 60:02}"
    for clock in (f"{last:%H:%M}", f"{time:%H:%M}"):
        text = f"{clock}:60{fraction}{zone}"
        for name, start in (("time", ""), ("date-time", f"{last:%Y-%m-%d}T")):
            assert is_right(name, start + text) == (clock == f"{last:%H:%M}")
            assert accepts(name, start + text) == (clock == f"{last:%H:%M}" and offset % 30 == 0)
            assert not contains(format_content(name, leap_seconds=False), start + text)


@pytest.mark.parametrize("name", ["time", "date-time"])
def test_only_leap_seconds_can_be_left_out(name: str) -> None:
    others = format_content(name) - format_content(name, leap_seconds=False)
    assert b":60" in others.shortest()
    assert not contains(format_content(name), "2016-12-31T23:58:60Z"[11 if name == "time" else 0 :])
    assert format_content("uuid", leap_seconds=False) == format_content("uuid")


def test_units_of_a_duration_come_in_order_and_without_gaps() -> None:
    def run(units: str, all_units: str) -> bool:
        return units in all_units

    for date, time in product(*(["".join(c) for n in range(4) for c in combinations(u, n)] for u in ("YMD", "HMS"))):
        text = "P" + "".join(f"10{unit}" for unit in date)
        text += "T" + "".join(f"0{unit}" for unit in time) if time else ""
        assert accepts("duration", text) == (run(date, "YMD") and run(time, "HMS") and bool(date + time)), text


@pytest.mark.parametrize("text", ["P3W", "P0W", "P007D", "PT36H", "P1Y2M3DT4H5M6S", f"P{10**80}Y"])
def test_durations(text: str) -> None:
    assert accepts("duration", text)


@pytest.mark.parametrize(
    "text",
    ["P", "PT", "P1DT", "P1W1D", "P1Y1W", "P1WT1H", "P1.5D", "P-1D", "-P1D", "P1S", "PT1D", "p1d", "P1D ", "1D", "P١D"],
)
def test_not_durations(text: str) -> None:
    assert not accepts("duration", text)


@pytest.mark.parametrize(
    "text",
    [
        "12:00:00",
        "24:00:00Z",
        "23:60:00Z",
        "23:58:60Z",
        "23:59:61Z",
        "1:00:00Z",
        "12:00:00.Z",
        "12:00:00+24:00",
        "12:00:00+0100",
        "12:00:00+01",
        "12:00:00Z+01:00",
        "12:00Z",
        "12:00:00,5Z",
        "12:00:00 Z",
    ],
)
def test_times_have_one_shape(text: str) -> None:
    assert not accepts("time", text)
    assert not accepts("date-time", f"2024-01-01T{text}")


@given(st.uuids(), st.booleans())
def test_uuids(value: uuid.UUID, upper: bool) -> None:
    text = str(value).upper() if upper else str(value)
    assert accepts("uuid", text)
    assert not accepts("uuid", text[:-1])
    assert not accepts("uuid", text.replace("-", ""))
    assert not accepts("uuid", f"{{{text}}}")


@given(st.lists(st.sampled_from(["", ":", "::", ".", "0", "1", "ab", "FFFF", "00001", "127", "255", "256", "1.2.3.4"])))
@settings(max_examples=500, deadline=None)
def test_addresses(pieces: list[str]) -> None:
    text = "".join(pieces)
    for name, address in (("ipv4", ipaddress.IPv4Address), ("ipv6", ipaddress.IPv6Address)):
        try:
            expected = bool(address(text)) or True
        except ValueError:
            expected = False
        assert accepts(name, text) == expected, text


@given(st.ip_addresses(v=6).flatmap(lambda a: st.sampled_from([str(a), a.exploded, str(a).upper()])))
def test_ipv6_addresses_in_every_length(text: str) -> None:
    assert accepts("ipv6", text)
    full = ipaddress.IPv6Address(text).exploded
    assert accepts("email", f"a@[IPv6:{full}]")


@pytest.mark.parametrize(
    "text",
    [
        "joe.bloggs@example.com",
        "te~st@example.com",
        "!#$%&'*+/=?^_`{|}~-@a",
        "a@b-c.d--e.f",
        '"joe bloggs"@example.com',
        '"joe..bloggs"@example.com',
        '"joe@bloggs"@example.com',
        r'"a\"b\\"@c',
        '""@c',
        "a@[127.0.0.1]",
        "a@[IPv6:::1]",
        "a@[ipv6:1:2:3:4:5:6:7:8]",
        "a@[IPv6:::ffff:1.2.3.4]",
        "1@2",
    ],
)
def test_mailboxes(text: str) -> None:
    assert accepts("email", text)


@pytest.mark.parametrize(
    "text",
    [
        "2962",
        "@example.com",
        "joe@",
        ".test@example.com",
        "test.@example.com",
        "te..st@example.com",
        "joe bloggs@a.b",
        "a@b..c",
        "a@.b",
        "a@b.",
        "a@-b",
        "a@b-",
        "a@b_c",
        "joe@invalid=domain.com",
        "a@[127.0.0.300]",
        "a@[1.2.3]",
        "a@b, c@d",
        '"a@b',
        'a"b"@c',
        "a@[IPv6:12345::]",
        "a@[::1]",
        "ä@example.com",
        "a@ä.com",
        '"\n"@a',
        "Joe <a@b.c>",
        "a@[IPv6:1:2:3:4:5:6:7::]",
    ],  # RFC 5321 wants :: to stand for two groups at least
)
def test_not_mailboxes(text: str) -> None:
    assert not accepts("email", text)


@given(st.lists(st.sampled_from(["a", "ß", "실", "@", ".", '"', "\\", " ", "-", "\u3002", "\u0301", "[::1]", "1"])))
@settings(max_examples=500, deadline=None)
def test_mailboxes_beyond_ascii_are_mailboxes_with_letters_beyond_ascii(pieces: list[str]) -> None:
    text = "".join(pieces)
    folded = "".join("a" if character in "ß실\u0301" else character for character in text)
    if "\u3002" not in text:
        assert accepts("idn-email", text) == accepts("email", folded) or "\\" in text  # which stands before ASCII only


@pytest.mark.parametrize("text", ["실례@실례.테스트", '"δοκιμή"@example.com', "\x85@a", "\uffff@a", "a@cafe\u0301.com"])
def test_mailboxes_beyond_ascii(text: str) -> None:
    assert accepts("idn-email", text)


@pytest.mark.parametrize("text", ["2962", "실례", "user＠example.com", "실.@a", "a@실..례", "a@-실", "a@실-", "a b@실"])
def test_not_mailboxes_beyond_ascii(text: str) -> None:
    assert not accepts("idn-email", text)


PIECES = [
    "http",
    "://",
    ":",
    "/",
    "//",
    "?",
    "#",
    "@",
    "a",
    "1",
    "%41",
    "%4",
    "[::1]",
    "[v1.a]",
    "[",
    "]",
    " ",
    ".",
    "é",
    "\\",
]


@given(st.lists(st.sampled_from(PIECES), max_size=8))
@settings(max_examples=500, deadline=None)
def test_uris(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert accepts("uri", text) == bool(validate_rfc3986(text, "URI"))
    assert accepts("uri-reference", text) == bool(validate_rfc3986(text, "URI_reference"))


@given(st.lists(st.sampled_from([*PIECES, "\ue000", "\ufdd0"]), max_size=6))
@settings(max_examples=200, deadline=None)
def test_iris(pieces: list[str]) -> None:
    text = "".join(pieces).replace("[::1]", "[1:2:3:4:5:6:7:8]")  # `::` is not understood by the judge
    assert accepts("iri", text) == is_valid_syntax("iri", text)
    assert accepts("iri-reference", text) == is_valid_syntax("iri_reference", text)


def test_every_uri_is_an_iri() -> None:
    for suffix in ("", "-reference"):
        assert (format_bound(f"uri{suffix}") - format_content(f"iri{suffix}")).is_empty()
    for absolute, reference in (("uri", "uri-reference"), ("iri", "iri-reference")):
        assert (format_content(absolute) - format_content(reference)).is_empty()


@pytest.mark.parametrize(
    "text",
    [
        "http://[2001:db8::7]/c=GB?objectClass?one",
        "http://[::ffff:1.2.3.4]:80",
        "http://[v7.a:b]/",
        "http://-.~_!$&'()*+,;=:%40:80%2f::::::@example.com",
        "http://999.999.999.999/",
        "http://a:",
        "urn:a:b",
        "mailto:a@b",
        "file:///etc",
        "a:",
        "a:?#",
    ],
)
def test_absolute_uris(text: str) -> None:
    assert accepts("uri", text)
    assert accepts("iri", text)


@pytest.mark.parametrize(
    "text",
    [
        "http://a:b/",
        "http://[::1",
        "http://[::1%25eth0]/",
        "http://[::ffff:01.2.3.4]",
        "http://[1:2:3:4:5:6:7:8:9]",
        "http:/[::1]",
        "//a@b@c/",
        "1:b",
        "a b",
        'a"b',
        "a{b}",
        "a^b",
        "a\n",
    ],
)
def test_not_uris(text: str) -> None:
    for name in ("uri", "uri-reference", "iri", "iri-reference"):
        assert not accepts(name, text)


def test_iris_have_characters_of_all_planes() -> None:
    assert accepts("iri", "http://ƒøø.ßår/?∂éœ=πîx#πîüx")
    assert accepts("iri", "http://a/\U00010300?\U000f0000")
    assert not accepts("iri", "http://a/\U000f0000")  # private use is for queries
    assert not accepts("iri", "http://a/\ufdd0")
    assert not accepts("uri", "http://ƒøø.ßår/")


def test_a_capital_v_before_an_unknown_host_is_right_and_not_written_in_uris() -> None:
    for name in ("uri", "uri-reference"):
        assert is_right(name, "http://[V1.fe]")
        assert not accepts(name, "http://[V1.fe]")
    assert accepts("iri", "http://[V1.fe]")


@given(
    st.lists(st.sampled_from(["{", "}", "a", "b", ",", ".", ":", "1", "12", "*", "+", "#", "?", "/", ";"]), max_size=8)
)
@settings(max_examples=500, deadline=None)
def test_uri_templates(pieces: list[str]) -> None:
    text = "".join(pieces)
    if accepts("uri-template", text):  # the judge takes more, such as lists that end in a comma
        assert uri_template.validate(text) or re.search(KNOWN_TO_REFUSE["uri-template"], text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a/{b:1}/{b}",
        "{v:1000}",
        "{%41}",
        "{a.b*,c}",
        "{&a,b}",
        "a'b",
        "a%41b",
        "a\U0001f600b",
        "é\ue000",
        "{a%41_1}",
    ],
)
def test_templates(text: str) -> None:
    assert accepts("uri-template", text)


@pytest.mark.parametrize(
    "text",
    ["{", "}", "{}", "{a,}", "{,a}", "{a,,b}", "{v:0}", "{v:01}", "{v:10000}", "{a..b}", "{.}", "{=a}", "{a=b}",
     "{a-b}", "{a*:1}", "a b", "a%4", "a\x7fb", "<", "^", "`", "|", '"', "\\"],
)  # fmt: skip
def test_not_templates(text: str) -> None:
    assert not accepts("uri-template", text)


@given(st.text('/~01a# \\"\n-é', max_size=8))
@settings(max_examples=500, deadline=None)
def test_json_pointers(text: str) -> None:
    try:
        expected = bool(jsonpointer.JsonPointer(text)) or True
    except jsonpointer.JsonPointerException:
        expected = False
    assert accepts("json-pointer", text) == expected
    if not text[:1].isdigit():
        assert accepts("relative-json-pointer", f"12{text}") == (expected or text == "#")


@pytest.mark.parametrize("text", ["0", "1", "10", "100", "120/a", "0#", "2/0/a~1/~0", "0//"])
def test_relative_json_pointers(text: str) -> None:
    assert accepts("relative-json-pointer", text)


@pytest.mark.parametrize(
    "text", ["", "/a", "-1/a", "+1", "01", "00/a", "0##", "1#/a", "0/~2", "0/a~", "1\n", "١", "0a"]
)
def test_not_relative_json_pointers(text: str) -> None:
    assert not accepts("relative-json-pointer", text)


def test_shifts_of_the_index_are_right_and_not_written() -> None:
    assert is_right("relative-json-pointer", "0-1/a")
    assert is_right("relative-json-pointer", "1+10#")
    assert not is_right("relative-json-pointer", "0+0")
    assert not accepts("relative-json-pointer", "0-1/a")


KNOWN_TO_REFUSE = {
    "time": ":60",
    "date-time": ":60",
    "iri": r"[^\0-\uffff]|\[[^]]*::|\[V",
    "iri-reference": r"[^\0-\uffff]|\[[^]]*::|\[V",
    "uri-template": r":\d{4}|[{,+#./;?&]%",
    "relative-json-pointer": r"^\d*0\d",
    "regex": r"\[\^?\]|\\c|\(\?<",
}
"""What `jsonschema`'s checkers refuse although it is right: leap seconds, planes beyond the first and `::` in hosts of
IRIs, four digits or a leading escape in templates, zeros within numbers, and what `re` has not."""


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_jsonschema_agrees_with_every_word(name: str) -> None:
    checker = Draft202012Validator.FORMAT_CHECKER
    assert name in checker.checkers, "the test extra installs jsonschema's checkers"
    refused = re.compile(KNOWN_TO_REFUSE.get(name, r"(?!)"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of `re`, about sets in sets
        for word in words(name, 100 if name.startswith("iri") else 300, 40 if name.startswith("iri") else 60):
            if is_right(name, word):
                assert checker.conforms(word, name) or refused.search(word), word


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_words_are_right_and_what_is_right_is_within_the_bound(name: str) -> None:
    assert name in NARROWED or format_bound(name) is format_content(name)
    right = [is_right(name, word) for word in words(name, 200, 80)]
    assert all(right) or (name in INEXACT and sum(right) >= 180)
    assert (format_content(name) - format_bound(name)).is_empty()


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_automata_are_small(name: str) -> None:
    limit = {"hostname": 1_200, "idn-hostname": 2_800, "regex": 2_500}.get(name, 600)
    assert format_content(name).states <= limit


def test_texts_with_half_a_surrogate_pair_have_no_format() -> None:
    for name in FORMATS:
        assert not is_right(name, "/\ud800")


def test_other_names_assert_nothing() -> None:
    assert is_right("color", "no color")
    assert is_right("unknown", "")


def test_every_format_that_the_judge_knows_is_enforced() -> None:
    for draft in ("4", "6", "7", "201909", "202012"):
        checkers = set(getattr(jsonschema, f"Draft{draft}Validator").FORMAT_CHECKER.checkers)
        assert checkers <= set(FORMATS)
    assert checkers == set(FORMATS)


@pytest.mark.parametrize("draft", ["draft-04", "draft-06", "draft-07", "draft/2019-09"])
@pytest.mark.parametrize("name", ["date", "uuid", "duration"])
def test_formats_of_later_drafts_are_enforced_under_earlier_ones(draft: str, name: str) -> None:
    spec = JsonSchema({"$schema": f"http://json-schema.org/{draft}/schema#", "format": name, "maxLength": 40})
    for text in [*words(name, 5, 20), "", "2024-02-30", "P1W1D", "123e4567"]:
        right = Draft202012Validator.FORMAT_CHECKER.conforms(text, name)
        assert spec.accepts(json.dumps(text)) == (right and len(text) <= 40), text


def test_names_that_are_no_formats_are_annotations() -> None:
    assert JsonSchema({"format": "color"}).accepts('"no color"')
