"""Addresses: IPv4, IPv6, and mailboxes in ASCII (RFC 5321) and beyond (RFC 6531), as patterns.

The length limits of mailboxes (64 octets before the @, 255 behind) are no syntax, and are not counted.
"""

from __future__ import annotations

from typing import Final

__all__ = ["EMAIL", "IDN_EMAIL", "IDN_EMAIL_WITH_ANY_DOMAIN", "IPV4", "IPV6"]

_OCTET = r"(?:\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])"
_GROUP = r"[0-9A-Fa-f]{1,4}"

IPV4: Final = rf"{_OCTET}(?:\.{_OCTET}){{3}}"


def _ipv6(elided: int) -> str:
    """Eight groups, the last two perhaps as IPv4, one run of at least `elided` of them perhaps as `::`."""
    forms = [rf"(?:{_GROUP}:){{6}}(?:{_GROUP}:{_GROUP}|{IPV4})"]
    for before in range(9 - elided):
        left = rf"{_GROUP}(?::{_GROUP}){{{before - 1}}}" if before else ""
        after = 8 - elided - before
        right = [rf"{_GROUP}(?::{_GROUP}){{0,{after - 1}}}"] if after else []
        if after >= 2:
            right.append(rf"(?:{_GROUP}:){{0,{after - 2}}}{IPV4}")
        forms.append(rf"{left}::(?:{'|'.join(right)})?")
    return rf"(?:{'|'.join(forms)})"


IPV6: Final = _ipv6(1)
"""RFC 4291, section 2.2, without a zone."""

_LITERAL = rf"\[(?:{IPV4}|[Ii][Pp][Vv]6:{_ipv6(2)})\]"
"""RFC 5321, section 4.1.3, wants `::` to stand for two groups at least. No other kind of literal is registered."""

_BEYOND_ASCII = r"\x80-\U0010ffff"
_LETTERS_BEYOND_ASCII = (
    r"\u00a1-\u1fff\u2070-\u2fff\u3004-\ud7ff\uf900-\ufdcf\ufdf0-\ufefe"
    r"\U00010000-\U0001fffd\U00020000-\U0002fffd\U00030000-\U0003fffd"
)
"""Where labels have their letters: no spaces, general punctuation or full stops, no private use, no noncharacters."""


def _mailbox(local: str, domain: str) -> str:
    """RFC 5321, section 4.1.2, with more characters in local parts and domains."""
    atom = rf"[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~{local}-]+"
    quoted = rf'"(?:[ !#-\[\]-~{local}]|\\[ -~])*"'
    label = rf"[A-Za-z0-9{domain}](?:[A-Za-z0-9{domain}-]*[A-Za-z0-9{domain}])?"
    return rf"(?:{atom}(?:\.{atom})*|{quoted})@(?:{label}(?:\.{label})*|{_LITERAL})"


EMAIL: Final = _mailbox("", "")
IDN_EMAIL: Final = _mailbox(_BEYOND_ASCII, _LETTERS_BEYOND_ASCII)
IDN_EMAIL_WITH_ANY_DOMAIN: Final = _mailbox(_BEYOND_ASCII, _BEYOND_ASCII)
"""Mailboxes whose labels may hold whatever is not ASCII: whether they are names (RFC 5890) is not looked at."""
