"""Ad-hoc records: fields of any name and type, stated in the text near their names, and named once more in a request.

The names are the only clue to which value goes where, so that they have to be read. Training has invented and listed
names; the names of the split `names` are others. A statement is in one of several styles (key-value lists, bullets,
sentences); those of unseen patterns are none of training's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from constrain.engine.tasks_records import chosen, worn
from constrain.engine.tasks_words import Values, invented

__all__ = ["REQUESTS", "UNSEEN_NAMES", "UNSEEN_REQUESTS", "Field", "ad_hoc", "listed", "request", "stated"]

Field = tuple[str, dict[str, Any], Any, str]
"""Name, JSON schema, value, and the value as the text spells it."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


NAMES = _words(
    "account agent amount author balance batch brand building buyer capacity carrier category channel chapter charge "
    "client code color contact contract cost country course court date deadline delivery depth discount distance "
    "driver duration engine error fee file floor gate grade group guest height holder host invoice key kind language "
    "lead length level limit line link location manager mark material member method model month name network note "
    "number office option order origin owner page parcel part path period phone pilot plan player point port position "
    "price product project rank rate rating reason recipe record reference region result role room route salary score "
    "seller sender series server service sign size source stage start state station status step stock store street "
    "subject supplier table target task team ticket time title total track type unit user value vendor version visit "
    "volume weight width winner worker year zone due_date start_date unit_price order_number first_name"
)
UNSEEN_NAMES = _words(
    "airline altitude artist budget camera campus captain ceiling chef citizen climate coach colony comment company "
    "concert county crew crop currency customer dentist device district doctor editor employee factory farmer fabric "
    "flavor fleet formula founder fuel garden genre harbor horse hotel hunter insurer island issuer journal judge "
    "kitchen lawyer lender library lodge magazine market mayor mentor metal mission museum nation nurse outlet parish "
    "partner patient patron penalty planet poet premium printer prison publisher pupil quota railway reader receipt "
    "refund resort retailer river sailor school shipper singer speaker sponsor storm student surgeon tailor teacher "
    "temple tenant theater tenor trainer treaty tutor valley vessel village visitor voyage warehouse writer "
    "arrival_gate closing_day home_port print_run"
)
_TAKEN = {part for name in UNSEEN_NAMES for part in name.split("_")}

REQUESTS = (
    "[Give|Extract|Return|Get|List|Write|Show|Read|Report][| the| me the] {names}[.|:|]",
    "[Fields|Keys|Wanted|Output|Form]: {names}[.||;]",
    "[I need|We need|I want|Please give|Please extract][| the] {names}[.|:]",
    "What [is|are] the {names}?",
)
UNSEEN_REQUESTS = (
    "[Find|Collect|Pull out|Note down] {names}.",
    "Tell me {names}[.|, please.]",
    "[Columns|Slots] {names}[.|:]",
    "I am looking for {names}.",
)
_PAIRS = (
    *("{n}: {v}", "{n}: {v}", "{n} = {v}", "{n} is {v}", "{n} - {v}", "{n}={v}", "{n} {v}", "{v} ({n})"),
    *("{n} ~ {v}", "{n}::{v}", "{n} >> {v}", "#{n} {v}", "({n}) {v}", "{n}? {v}", "{n}, {v}", "'{n}' {v}"),
)
_JOINTS = ("; ", ", ", ". ", "\n", " | ", "\n- ", " / ", "\n* ", " ~ ", "! ", " - ", "\n# ")
_CLAUSES = (
    "[the|its|our|this|a] {n} [is|was] {v}",
    "{n} {v}",
    "{v} [is|was] the {n}",
    "{v} as [|the ]{n}",
    "[with|has] [|the |a ]{n} {v}",
    "[with|has] [the|a] {n} of {v}",
    "[for|as] {n} [we|I|they] [have|took|chose|got|see] {v}",
    "{v} ([|the ]{n})",
    "[its|the] {n}, {v}",
    "{n} [equals|says|means|shows] {v}",
)
_UNSEEN_PAIRS = ("{n} -> {v}", "{n} := {v}", "[{n}] {v}", "<{n}> {v}")
_UNSEEN_JOINTS = (" // ", "\n+ ", " & ")
_UNSEEN_CLAUSES = (
    "set [|the ]{n} to {v}",
    "{v} was given as [|the ]{n}",
    "[the|their] {n} reads {v}",
    "{n} turned out to be {v}",
    "we know that the {n} is {v}",
    "{v} stands for the {n}",
)


def _name(rng: Random, split: str) -> str:
    if split == "names":
        return rng.choice(UNSEEN_NAMES)
    if rng.random() < 0.5:
        return rng.choice(NAMES)
    while True:
        parts = [invented(rng) if rng.random() < 0.7 else rng.choice(NAMES) for _ in range(rng.choice((1, 1, 2)))]
        if not _TAKEN & set(parts) and "_" not in "".join(parts):
            return "_".join(parts)


_TYPES = {"text": 7, "plain": 2, "integer": 4, "amount": 2, "date": 1, "bool": 1, "code": 1, "enum": 2}
"""How often each type of value is drawn."""


def _value(values: Values) -> tuple[dict[str, Any], Any, str]:
    rng = values.rng
    text = {"type": "string"}
    match rng.choices(list(_TYPES), list(_TYPES.values()))[0]:
        case "plain":
            value = values.plain()
            return text, value, value
        case "integer":
            number = values.integer(0, rng.choice((9, 99, 999, 9_999)))
            return {"type": "integer"}, number, str(number)
        case "amount":
            amount = values.amount()
            return {"type": "number"}, amount, str(amount)
        case "date":
            value = values.date()
            return text | {"format": "date"}, value, value
        case "bool":
            truth = rng.random() < 0.5
            return {"type": "boolean"}, truth, rng.choice((("no", "false"), ("yes", "true"))[truth])
        case "code":
            value = values.code()
            return text, value, value
        case "enum":
            options = [*{values.plain(): None, values.plain(): None, values.plain(): None}]
            value = rng.choice(options)
            return {"enum": sorted(options)}, value, value
        case _:
            value = rng.choice((values.name, values.city, values.item, values.title, values.vendor, values.first))()
            return text, value, value


def ad_hoc(values: Values, split: str, count: int) -> list[Field]:
    """`count` fields of different names, and with different values."""
    fields: dict[str, Field] = {}
    spelled: set[str] = set()
    while len(fields) < count:
        name, (schema, value, text) = _name(values.rng, split), _value(values)
        if name not in fields and text not in spelled:
            fields[name] = (name, schema, value, text)
            spelled.add(text)
    return list(fields.values())


def stated(fields: Sequence[Field], rng: Random, *, unseen: bool, wear: bool) -> str:
    """A text that says the value of every field, in any order; its sentences `worn` if they may be."""
    order = rng.sample(list(fields), len(fields))
    if rng.random() < 0.5:
        pair = rng.choice(_UNSEEN_PAIRS if unseen else _PAIRS)
        joint = rng.choice(_UNSEEN_JOINTS if unseen else _JOINTS)
        title = rng.random() < 0.3
        parts = [_said(pair, name.title() if title else name, text) for name, _, _, text in order]
        bullet = joint.lstrip("\n") if joint.startswith("\n") else ""
        return bullet + joint.join(parts)
    said, joint = "", ". "
    for name, _, _, text in order:
        clause = chosen(rng.choice(_UNSEEN_CLAUSES if unseen else _CLAUSES), rng)
        clause = worn(clause, rng) if wear else clause
        begins = clause[0].upper() + clause[1:] if joint == ". " else clause
        said += (joint if said else "") + _said(begins, name, text)
        joint = chosen("[, | and |, and |. |. |; ]", rng)
    return said + "."


def _said(pattern: str, name: str, text: str) -> str:
    """A clause about one field; a value stands there as it is, whatever begins the sentence."""
    return pattern.replace("{n}", name.replace("_", " ")).replace("{v}", text)


def listed(names: Sequence[str], rng: Random) -> str:
    """The names as a list, with blanks between words."""
    words = [name.replace("_", " ") for name in names]
    if len(words) == 1 or rng.random() < 0.5:
        return ", ".join(words)
    return ", ".join(words[:-1]) + " and " + words[-1]


def request(text: str, names: Sequence[str], rng: Random, *, unseen: bool, wear: bool) -> str:
    """The text, with a request for these fields before or behind it."""
    asked = chosen(rng.choice(UNSEEN_REQUESTS if unseen else REQUESTS), rng)
    asked = (worn(asked, rng) if wear else asked).replace("{names}", listed(names, rng))
    joint = rng.choice(("\n", " "))
    if rng.random() < 0.5:
        return f"{asked}{joint}{text}"
    return f"{text if text[-1] in '.!' else text + '.'}{joint}{asked}"


def members(fields: Sequence[Field]) -> Mapping[str, Any]:
    """From name to value."""
    return {name: value for name, _, value, _ in fields}
