"""URIs (RFC 3986), IRIs (RFC 3987), URI templates (RFC 6570) and JSON pointers (RFC 6901), as patterns."""

from __future__ import annotations

from typing import Final, NamedTuple

from constrain.format_addresses import IPV6

__all__ = [
    "IRI",
    "JSON_POINTER",
    "RELATIVE_JSON_POINTER",
    "RELATIVE_JSON_POINTER_WITH_SHIFT",
    "URI",
    "URI_TEMPLATE",
    "URI_WITH_ANY_CASE",
]

_PLANES = "".join(rf"\U000{plane:x}0000-\U000{plane:x}fffd" for plane in range(1, 14))
_UCSCHAR = r"\u00a0-\ud7ff\uf900-\ufdcf\ufdf0-\uffef" + _PLANES + r"\U000e1000-\U000efffd"
_IPRIVATE = r"\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd"
_ESCAPED = r"%[0-9A-Fa-f]{2}"


class Identifiers(NamedTuple):
    """The patterns of two formats that share their grammar."""

    absolute: str
    reference: str


def _identifiers(other: str, private: str, version: str) -> Identifiers:
    """Appendix A of RFC 3986, where `other` and (in queries) `private` characters may stand for themselves.

    Hosts that are IPv4 addresses are registered names as well. `version` is the letter before an unknown kind of host.
    """
    plain = rf"A-Za-z0-9._~!$&'()*+,;={other}-"

    def characters(more: str) -> str:
        return rf"(?:[{more}{plain}]|{_ESCAPED})"

    segment = characters(":@")
    host = rf"(?:\[(?:{IPV6}|[{version}][0-9A-Fa-f]+\.[A-Za-z0-9._~!$&'()*+,;=:-]+)\]|{characters('')}*)"
    path = rf"(?:/{segment}*)*"
    network = rf"//(?:{characters(':')}*@)?{host}(?::\d*)?{path}"
    rooted = rf"/(?:{segment}+{path})?"
    tail = rf"(?:\?{characters(f':@/?{private}')}*)?(?:#{characters(':@/?')}*)?"
    absolute = rf"[A-Za-z][A-Za-z0-9+.-]*:(?:{network}|{rooted}|{segment}+{path})?{tail}"
    relative = rf"(?:{network}|{rooted}|{characters('@')}+{path})?{tail}"
    return Identifiers(absolute, rf"(?:{absolute}|{relative})")


URI: Final = _identifiers("", "", "v")
URI_WITH_ANY_CASE: Final = _identifiers("", "", "Vv")
"""With the `V` of `[V1.x]`, which the grammar has and some readers refuse; nobody uses either."""
IRI: Final = _identifiers(_UCSCHAR, _IPRIVATE, "Vv")

_NAME = rf"(?:[A-Za-z0-9_]|{_ESCAPED})"
_VARIABLE = rf"{_NAME}(?:\.?{_NAME})*(?:\*|:[1-9]\d{{0,3}})?"
URI_TEMPLATE: Final = (
    rf"(?:[!#$&-;=?-\[\]_a-z~{_UCSCHAR}{_IPRIVATE}]|{_ESCAPED}|\{{[+#./;?&]?{_VARIABLE}(?:,{_VARIABLE})*\}})*"
)
"""Literals have the apostrophe of erratum 6937. Operators that are reserved for extensions are left out."""

JSON_POINTER: Final = r"(?:/(?:[^~/]|~[01])*)*"
_UPWARDS = r"(?:0|[1-9]\d*)"
RELATIVE_JSON_POINTER: Final = rf"{_UPWARDS}(?:#|{JSON_POINTER})"
RELATIVE_JSON_POINTER_WITH_SHIFT: Final = rf"{_UPWARDS}(?:[+-][1-9]\d*)?(?:#|{JSON_POINTER})"
"""Later drafts have a shift of the index (`0-1/a`), which readers have not taken up."""
