"""Formats as languages. The judges are the standard library, pydantic, and `jsonschema` with its format extras."""

from __future__ import annotations

import calendar
import datetime
import ipaddress
import json
import random
import uuid
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import AwareDatetime, TypeAdapter

from constrain.formats import FORMATS, UNENFORCED, format_content
from tests.constrain.json_judge import random_word


def accepts(name: str, text: str) -> bool:
    return format_content(name).accepts(json.dumps(text, ensure_ascii=False)[1:-1].encode())


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
def test_every_date_time_is_a_moment(rng: random.Random) -> None:
    word = random_word(format_content("date-time"), rng, rng.randrange(35)).decode()
    assert TypeAdapter(AwareDatetime).validate_strings(word[:19].upper() + word[19:])


@pytest.mark.parametrize(
    "text",
    [
        "12:00:00",
        "24:00:00Z",
        "23:60:00Z",
        "23:59:60Z",
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


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_jsonschema_agrees_with_every_word(name: str) -> None:
    checker = Draft202012Validator.FORMAT_CHECKER
    assert name in checker.checkers, "the test extra installs jsonschema's checkers"
    rng = random.Random(0)
    for _ in range(200):
        word = random_word(format_content(name), rng, rng.randrange(60)).decode()
        assert checker.conforms(json.loads(f'"{word}"'), name), word


def test_every_format_of_the_draft_is_enforced_or_refused() -> None:
    named = set(Draft202012Validator.FORMAT_CHECKER.checkers)
    assert named <= FORMATS.keys() | UNENFORCED
    assert not FORMATS.keys() & UNENFORCED
