"""The `format`s of JSON Schema that are enforced, drafts 4 to 2020-12, as languages.

All that 2020-12 has are enforced under every draft. Older drafts let an implementation know more formats than they
list, and whoever writes `"format": "uuid"` under draft 7, as many generators of schemas do, wants a UUID. (`jsonschema`
asserts only those that the draft lists, and `regex` and `idn-email`.) Other names are annotations.

`format_content` is what may be written: texts that the format's standard has, and that readers take. Where these
differ on a text, it is written only if the official test suite of JSON Schema has its like as valid. `format_bound` is
what may not be said to be wrong. Texts between the two are decided by `is_right`, which follows the standard:

    format_content  is a part of  is_right,  except for the formats in INEXACT
    is_right        is a part of  format_bound

The formats outside `NARROWED` and `INEXACT` are all three at once. The others, and what their contents leave out:

    time, date-time         leap seconds at offsets other than full and half hours
    hostname                labels of more than 32 characters in unlucky places
    idn-hostname            more than four labels; U-labels that are long, or in other scripts
    idn-email               labels with spaces, general punctuation, full-width forms or private use
    uri, uri-reference      hosts like [V1.x], with a capital V
    relative-json-pointer   shifted indices, as in 0-1
    regex                   groups nested more than three deep, back-references, properties

and what the contents of the formats in `INEXACT` have too much: labels that begin with `xn--` and are no A-labels, or
(in idn-hostname) that have `--` as their third and fourth characters or do not fit to those beside them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final, TypeAlias

from constrain import format_addresses, format_hostnames, format_regexes, format_times, format_uris
from constrain.automaton import Automaton
from constrain.ecma_syntax import is_regex
from constrain.expression import compile_expression
from constrain.json_text import canonical
from constrain.regex import parse, to_expression

__all__ = ["FORMATS", "INEXACT", "NARROWED", "format_bound", "format_content", "is_right"]

_Language: TypeAlias = str | Callable[[], Automaton]
"""A pattern that the whole text has to match, or what builds the automaton."""

FORMATS: Final[Mapping[str, _Language]] = MappingProxyType({
    "date": format_times.DATE,
    "time": format_times.TIME,
    "date-time": f"{format_times.DATE}[Tt]{format_times.TIME}",
    "duration": format_times.DURATION,
    "email": format_addresses.EMAIL,
    "idn-email": format_addresses.IDN_EMAIL,
    "hostname": format_hostnames.hostnames,
    "idn-hostname": format_hostnames.IDN_HOSTNAME,
    "ipv4": format_addresses.IPV4,
    "ipv6": format_addresses.IPV6,
    "uri": format_uris.URI.absolute,
    "uri-reference": format_uris.URI.reference,
    "iri": format_uris.IRI.absolute,
    "iri-reference": format_uris.IRI.reference,
    "uuid": r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
    "uri-template": format_uris.URI_TEMPLATE,
    "json-pointer": format_uris.JSON_POINTER,
    "relative-json-pointer": format_uris.RELATIVE_JSON_POINTER,
    "regex": format_regexes.regexes,
})  # fmt: skip
"""Each enforced format with its content. Other names are annotations."""

_BOUNDS: Final[Mapping[str, _Language]] = {
    "time": format_times.ANY_LEAP_SECOND,
    "date-time": f"{format_times.DATE}[Tt]{format_times.ANY_LEAP_SECOND}",
    "hostname": format_hostnames.ANY_HOSTNAME,
    "idn-hostname": format_hostnames.ANY_IDN_HOSTNAME,
    "idn-email": format_addresses.IDN_EMAIL_WITH_ANY_DOMAIN,
    "uri": format_uris.URI_WITH_ANY_CASE.absolute,
    "uri-reference": format_uris.URI_WITH_ANY_CASE.reference,
    "relative-json-pointer": format_uris.RELATIVE_JSON_POINTER_WITH_SHIFT,
    "regex": format_regexes.MAYBE_REGEX,
}

_WITHOUT_LEAP_SECONDS: Final[Mapping[str, _Language]] = {
    "time": format_times.TIME_WITHOUT_LEAP_SECONDS,
    "date-time": f"{format_times.DATE}[Tt]{format_times.TIME_WITHOUT_LEAP_SECONDS}",
}

NARROWED: Final = frozenset(_BOUNDS)
"""Formats whose content is smaller than the format: its complement has texts that are right."""

INEXACT: Final = frozenset({"hostname", "idn-hostname"})
"""Formats whose content has texts that are wrong, on which `is_right` has to be asked."""


def format_content(name: str, draft: str = "2020-12", *, leap_seconds: bool = True) -> Automaton:
    """The content (without quotes, canonically spelled) of the JSON strings that may be written in this format.

    No draft has another language than the others, as far as automata go. Without `leap_seconds` times have none: Python
    and most other readers have no value for them.
    """
    return _compiled(FORMATS[name] if leap_seconds else _WITHOUT_LEAP_SECONDS.get(name, FORMATS[name]))


def format_bound(name: str, draft: str = "2020-12") -> Automaton:
    """The content of all strings that may be in this format: what it leaves out is certainly not."""
    return _compiled(_BOUNDS.get(name, FORMATS[name]))


@lru_cache(maxsize=len(FORMATS) + len(_BOUNDS) + len(_WITHOUT_LEAP_SECONDS))
def _compiled(language: _Language) -> Automaton:
    if callable(language):
        return language()
    return compile_expression(to_expression(parse(f"(?s:{language})", flags="a"), canonical))


def is_right(name: str, text: str, draft: str = "2020-12") -> bool:
    """Whether `text` is in the format `name`, as its standard has it. Names that are no formats assert nothing.

    From draft 7 on, labels of host names that begin with `xn--` have to be A-labels.
    """
    if name not in FORMATS:
        return True
    if not format_bound(name).accepts(json.dumps(text, ensure_ascii=False)[1:-1].encode(errors="surrogatepass")):
        return False
    match name:
        case "time" | "date-time":
            return format_times.is_leap_second_right(text)
        case "hostname":
            return format_hostnames.is_hostname(text, a_labels=draft not in ("4", "6"))
        case "idn-hostname":
            return format_hostnames.is_idn_hostname(text)
        case "regex":
            return is_regex(text)
    return True
