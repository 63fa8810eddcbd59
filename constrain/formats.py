"""The `format`s of JSON Schema that are enforced, as the regular languages that their standards define.

Dates and times are those of RFC 3339 that a calendar has: years 0001 to 9999, the lengths of months, leap years. The
leap second (`23:59:60Z`) is left out, as in the readers of Python and most others, which have no value for it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from constrain.automaton import Automaton
from constrain.expression import compile_expression
from constrain.json_text import canonical
from constrain.regex import parse, to_expression

__all__ = ["FORMATS", "UNENFORCED", "format_content"]

_YEAR = r"(?:000[1-9]|00[1-9]\d|0[1-9]\d\d|[1-9]\d{3})"
_FOURTH = r"(?:0[48]|[2468][048]|[13579][26])"
_LEAP_YEAR = rf"(?:\d\d{_FOURTH}|{_FOURTH}00)"
_DATE = (
    rf"(?:{_YEAR}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)"
    rf"|02-(?:0[1-9]|1\d|2[0-8]))|{_LEAP_YEAR}-02-29)"
)
_CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d"
_TIME = rf"{_CLOCK}:[0-5]\d(?:\.\d+)?(?:[Zz]|[+-]{_CLOCK})"

# RFC 5321, sections 4.1.2 and 4.1.3: a mailbox. Its length limits (64 octets before the @, 255 behind) are no syntax.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL = rf'(?:{_ATOM}(?:\.{_ATOM})*|"(?:[ !#-\[\]-~]|\\[ -~])*")'
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_OCTET = r"(?:\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])"
_IPV4 = rf"{_OCTET}(?:\.{_OCTET}){{3}}"
_GROUP = r"[0-9A-Fa-f]{1,4}"


def _ipv6(elided: int) -> str:
    """Eight groups, the last two perhaps as IPv4, one run of at least `elided` of them perhaps as `::`."""
    forms = [rf"(?:{_GROUP}:){{6}}(?:{_GROUP}:{_GROUP}|{_IPV4})"]
    for before in range(9 - elided):
        left = rf"{_GROUP}(?::{_GROUP}){{{before - 1}}}" if before else ""
        after = 8 - elided - before
        right = [rf"{_GROUP}(?::{_GROUP}){{0,{after - 1}}}"] if after else []
        if after >= 2:
            right.append(rf"(?:{_GROUP}:){{0,{after - 2}}}{_IPV4}")
        forms.append(rf"{left}::(?:{'|'.join(right)})?")
    return rf"(?:{'|'.join(forms)})"


FORMATS: Final = {
    "date": _DATE,
    "time": _TIME,
    "date-time": rf"{_DATE}[Tt]{_TIME}",
    "uuid": r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
    "email": rf"{_LOCAL}@(?:{_LABEL}(?:\.{_LABEL})*|\[(?:{_IPV4}|[Ii][Pp][Vv]6:{_ipv6(2)})\])",
    "ipv4": _IPV4,
    "ipv6": _ipv6(1),  # RFC 4291, section 2.2
}
"""Each enforced format as a pattern that the whole string has to match."""

UNENFORCED: Final = frozenset({
    "duration", "hostname", "idn-email", "idn-hostname", "iri", "iri-reference", "json-pointer", "regex",
    "relative-json-pointer", "uri", "uri-reference", "uri-template",
})  # fmt: skip
"""The other formats of draft 2020-12, which are refused by name. Names outside both sets are annotations."""


@lru_cache(maxsize=len(FORMATS))
def format_content(name: str) -> Automaton:
    """The content (without quotes) of a JSON string in this format, canonically spelled."""
    return compile_expression(to_expression(parse(FORMATS[name], flags="a"), canonical))
