"""Dates, times and durations (RFC 3339), as patterns.

A calendar has years 0001 to 9999, the lengths of months, and leap years. A leap second is the last second of a day in
UTC: `23:59:60Z` is also `01:29:60+01:30`. What a time of day and an offset make of each other has to be remembered from
the one to the other, so that all 1,440 offsets would take some 6,000 states; the patterns have those of full and half
hours, which take 400.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["ANY_LEAP_SECOND", "DATE", "DURATION", "TIME", "TIME_WITHOUT_LEAP_SECONDS", "is_leap_second_right"]

_YEAR = r"(?:000[1-9]|00[1-9]\d|0[1-9]\d\d|[1-9]\d{3})"
_FOURTH = r"(?:0[48]|[2468][048]|[13579][26])"
_LEAP_YEAR = rf"(?:\d\d{_FOURTH}|{_FOURTH}00)"
DATE: Final = (
    rf"(?:{_YEAR}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)"
    rf"|02-(?:0[1-9]|1\d|2[0-8]))|{_LEAP_YEAR}-02-29)"
)

_CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d"
_FRACTION = r"(?:\.\d+)?"
_OFFSET = rf"(?:[Zz]|[+-]{_CLOCK})"
_LEAP_SECOND = re.compile(r"(\d\d):(\d\d):60[.\d]*(?:[Zz]|([+-])(\d\d):(\d\d))$")
_DAY = 24 * 60
_LAST_MINUTE = _DAY - 1


def _clock(minutes: int) -> str:
    return f"{minutes // 60 % 24:02}:{minutes % 60:02}"


def _leap_seconds() -> str:
    """The last second of a day in UTC, on the clocks that are full and half hours before and behind."""
    offsets = [(sign, minutes) for minutes in range(0, _DAY, 30) for sign in (1, -1)]
    local = [
        rf"{_clock(_LAST_MINUTE + sign * minutes)}:60{_FRACTION}[{'+' if sign > 0 else '-'}]{_clock(minutes)}"
        for sign, minutes in offsets
    ]
    return "|".join([rf"23:59:60{_FRACTION}[Zz]", *local])


TIME_WITHOUT_LEAP_SECONDS: Final = rf"(?:{_CLOCK}:[0-5]\d{_FRACTION}{_OFFSET})"
TIME: Final = rf"(?:{TIME_WITHOUT_LEAP_SECONDS}|{_leap_seconds()})"
ANY_LEAP_SECOND: Final = rf"(?:{_CLOCK}:(?:[0-5]\d|60){_FRACTION}{_OFFSET})"
"""Times in which any minute may have 61 seconds; `is_leap_second_right` knows which may."""


def is_leap_second_right(time: str) -> bool:
    """Whether a `time` (or what ends in one) that is an `ANY_LEAP_SECOND` has 61 seconds only where UTC may."""
    found = _LEAP_SECOND.search(time)
    if not found:
        return True
    hour, minute, sign, hours, minutes = found.groups("0")
    offset = 60 * int(hours) + int(minutes)
    return (60 * int(hour) + int(minute) + (offset if sign == "-" else -offset)) % _DAY == _LAST_MINUTE


_TIME_OF_DURATION = r"T(?:\d+H(?:\d+M(?:\d+S)?)?|\d+M(?:\d+S)?|\d+S)"
DURATION: Final = (
    rf"P(?:(?:\d+Y(?:\d+M(?:\d+D)?)?|\d+M(?:\d+D)?|\d+D)(?:{_TIME_OF_DURATION})?|{_TIME_OF_DURATION}|\d+W)"
)
"""Appendix A: weeks stand alone, and no unit is left out between two others."""
