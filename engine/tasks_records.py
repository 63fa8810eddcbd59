"""Sentences about records of known kinds (a contact, an order, an event, ...), composed from parts.

A kind has leads, each a clause that mentions some fields, and for every other field ways to say it: in front of the
clause, behind it, or in a sentence of its own. Leads, parts and joints multiply to thousands of patterns per kind. Each
kind has other leads for the patterns that training never sees. `[a|b]` is a choice, `{field}` a value; `{relation}` and
the like are words that a value is said with.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from constrain.engine.tasks_values import Values, invented
from constrain.engine.tasks_wear import continued, worn

__all__ = ["Kind", "Phrases", "chosen", "distracted", "record", "sentence"]


@dataclass(frozen=True)
class Phrases:
    """How one kind of record is talked about: leads, and per field what may stand in front, behind, or on its own."""

    leads: tuple[str, ...]
    front: Mapping[str, tuple[str, ...]]
    behind: Mapping[str, tuple[str, ...]]
    alone: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Kind:
    """A kind of record: its schema by field, in order, how values are drawn, and how it is told."""

    name: str
    fields: Mapping[str, dict[str, Any]]
    optional: tuple[str, ...]
    draw: Callable[[Values], dict[str, Any]]
    seen: Phrases
    unseen: tuple[str, ...]
    """Leads in place of those of `seen`."""


def chosen(template: str, rng: Random) -> str:
    """The template with one way taken of each of its `[a|b]` choices."""
    return re.sub(r"\[([^\]]*)\]", lambda match: rng.choice(match[1].split("|")), template)


_FIELD = re.compile(r"\{(\w+)\}")
_SAID: dict[str, tuple[str, Mapping[str, str] | Callable[[str], str]]] = {
    "relation": (
        "relation",
        {"friend": "a friend", "family": "a family member", "colleague": "a colleague", "client": "a client"},
    ),
    "relation_word": (
        "relation",
        {"friend": "friend", "family": "family member", "colleague": "colleague", "client": "client"},
    ),
    "relation_title": ("relation", str.title),
    "size_title": ("size", str.title),
    "day": ("day", str.title),
}


def _mentioned(template: str) -> set[str]:
    return {_SAID[slot][0] if slot in _SAID else slot for slot in _FIELD.findall(template)}


def _filled(template: str, values: Mapping[str, Any]) -> str:
    def say(match: re.Match[str]) -> str:
        field, said = _SAID.get(match[1], (match[1], str))
        return said(values[field]) if callable(said) else said[values[field]]

    return _FIELD.sub(say, template)


def record(kind: Kind, values: Values, told: tuple[str, ...] = ()) -> dict[str, Any]:
    """A record of the kind in which each optional field is there or not; those of `told` are."""
    drawn = kind.draw(values)
    silent = {name for name in kind.optional if name not in told and values.rng.random() < 0.5}
    return {name: drawn[name] for name in kind.fields if name not in silent}


def sentence(values: Mapping[str, Any], kind: Kind, rng: Random, *, unseen: bool, wear: bool) -> str:
    """One to three sentences that mention exactly the fields of `values`; `worn` if they may be."""
    phrases = kind.seen
    leads = [lead for lead in (kind.unseen if unseen else phrases.leads) if _mentioned(lead) <= values.keys()]
    lead = chosen(rng.choice(leads), rng)
    rest = [field for field in values if field not in _mentioned(lead)]
    rng.shuffle(rest)
    front, extra = "", ""
    for field in rest:
        way = rng.choice((phrases.front, phrases.behind, phrases.behind, phrases.alone))
        if way is phrases.front and front:
            way = phrases.behind
        part = chosen(rng.choice(way[field]), rng)
        if way is phrases.front:
            front = part + chosen("[, |, |: | ]", rng)
        elif way is phrases.alone:
            extra += f" {part}"
        else:
            lead = lead.rstrip(",") + (part if part[0] in ",:;" else chosen("[ | |, ]", rng) + part)
    lead = f"{front}{continued(lead) if front else lead}".rstrip(",")
    pattern = lead + ("." if extra else chosen("[.|.|.|.|!|]", rng)) + extra
    if wear:
        pattern = worn(pattern, rng)
    return _filled(pattern[0].upper() + pattern[1:], values)


def distracted(text: str, remarks: tuple[str, ...], rng: Random) -> str:
    """The text, now and then with a remark before or behind it that says nothing about the record."""
    if rng.random() < 0.85:
        return text
    remark = chosen(rng.choice(remarks), rng).replace("{noise}", invented(rng))
    return f"{remark} {text}" if rng.random() < 0.5 else f"{text if text[-1] in '.!' else text + '.'} {remark}"
