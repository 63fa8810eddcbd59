"""Specs made of specs: union, intersection, complement, sum, option and repetition of their languages.

What a text stands for follows how it is made up:

    a | b                the value of the first part that accepts the text
    a & b                the value of the left one
    ~a                   the text itself: any well-formed text that `a` does not accept
    a + b                the tuple of the values of all parts
    a.optional()         None for the empty text, else the value of `a`
    a.repeat(low, high)  the list of the values

Where a text divides in several ways, the first part is as short as it can be, then the second, and so on (`splits`).
A part that no text satisfies is an `UnsatisfiableError` of its own, even where there are others.
"""

from __future__ import annotations

from typing import Any

from constrain.combined import Both, Complement, Either
from constrain.spec import Spec
from constrain.specs import as_spec
from constrain.sums import Joined, Maybe, Repeated

__all__ = [
    "Both",
    "Complement",
    "Either",
    "Joined",
    "Maybe",
    "Repeated",
    "both",
    "complement",
    "either",
    "joined",
    "maybe",
    "repetition",
]


def either(*specs: Any) -> Spec:
    """`a | b`; each may be anything that `as_spec` takes."""
    parts = [as_spec(spec) for spec in specs]
    return Either(tuple(each for part in parts for each in (part.parts if isinstance(part, Either) else (part,))))


def both(*specs: Any) -> Spec:
    """`a & b`"""
    parts = [as_spec(spec) for spec in specs]
    return Both(tuple(each for part in parts for each in (part.parts if isinstance(part, Both) else (part,))))


def complement(spec: Any) -> Spec:
    """`~a`"""
    return Complement(as_spec(spec))


def joined(*specs: Any) -> Spec:
    """`a + b`; free text does not contain the tags of what is tagged beside it (`replies`)."""
    from constrain.replies import delimited

    parts = [as_spec(spec) for spec in specs]
    flat = [each for part in parts for each in (part.parts if isinstance(part, Joined) else (part,))]
    return Joined(delimited(flat))


def maybe(spec: Any) -> Spec:
    """`a.optional()`"""
    return Maybe(as_spec(spec))


def repetition(spec: Any, low: int = 0, high: int | None = None) -> Spec:
    """`a.repeat(low, high)`; free text at the end of one does not contain the tag of the next (`replies`)."""
    from constrain.replies import recurring

    part = as_spec(spec)
    return Repeated(part if high in (0, 1) else recurring(part), low, high)
