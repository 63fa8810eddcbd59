"""What rules make of the values of fields: numbers and points in time as exact decimals, all else as it is."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final, Literal, TypeAlias

from constrain.ruled_trees import Scalar

__all__ = ["Coding", "coding_of", "encode", "identity", "spell_time"]

Coding: TypeAlias = Literal["number", "date", "date-time", "time", "raw"]
"""How a field counts in comparisons: as a number, as days or seconds on a scale, or not at all."""

_DAY: Final = 86_400
_EPOCH: Final = date(1970, 1, 1).toordinal()
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
_TIME = re.compile(r"(\d\d):(\d\d):(\d\d(?:\.\d+)?)([zZ]|([+-])(\d\d):(\d\d))", re.ASCII)


def coding_of(kinds: Collection[str]) -> Coding:
    """The coding of fields of these kinds (see `field_paths.Field`)."""
    left = {*kinds} - {"null"}
    if left and left <= {"integer", "number"}:
        return "number"
    for coding in ("date", "date-time", "time"):
        if left == {coding}:
            return coding
    return "raw"


def encode(coding: Coding, value: Scalar) -> Decimal | None:
    """The number; the day since 1970 (proleptic Gregorian); the seconds since 1970, or since midnight, in UTC.

    None for what is none. Leap seconds count as the second that follows.
    """
    if coding == "number" and isinstance(value, int | Decimal):
        return Decimal(value)
    if not isinstance(value, str):
        return None
    match coding:
        case "date":
            return _days(value)
        case "time":
            return _seconds(value)
        case "date-time":
            days, seconds = _days(value[:10]), _seconds(value[11:])
            return None if days is None or seconds is None else days * _DAY + seconds
    return None


def _days(text: str) -> Decimal | None:
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    year, month, day = map(int, match.groups())
    cycles = 1 if year == 0 else 0  # Python's calendar begins with year 1, and repeats every 400 years
    try:
        return Decimal(date(year + 400 * cycles, month, day).toordinal() - _EPOCH - 146_097 * cycles)
    except ValueError:
        return None


def _seconds(text: str) -> Decimal | None:
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    hours, minutes, seconds, _, sign, more_hours, more_minutes = match.groups()
    total = Decimal(seconds) + 60 * int(minutes) + 3_600 * int(hours)
    if sign:
        total -= (1 if sign == "+" else -1) * (60 * int(more_minutes) + 3_600 * int(more_hours))
    return total


def spell_time(coding: Coding, ordinal: int) -> str | None:
    """The text of a date, or of a time in UTC; None outside the years 1 to 9999, or of one day."""
    try:
        match coding:
            case "date":
                return date.fromordinal(ordinal + _EPOCH).isoformat()
            case "date-time":
                return (datetime(1970, 1, 1) + timedelta(seconds=ordinal)).isoformat() + "Z"
    except (OverflowError, ValueError):
        return None
    hours, rest = divmod(ordinal, 3_600)
    return f"{hours:02}:{rest // 60:02}:{rest % 60:02}Z" if 0 <= hours < 24 else None


def identity(coding: Coding, value: Scalar) -> object:
    """Equal for values that count as equal: 1 and 1.0, or one moment in two time zones, but not 1 and true."""
    number = encode(coding, value)
    return (isinstance(value, bool), value) if number is None else number
