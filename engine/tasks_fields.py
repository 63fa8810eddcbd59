"""Ad-hoc records: fields of any name and type, stated in the text behind their names.

Training has invented and listed names; the names of the split `names` are others. A statement is in one of several
styles (key-value lists, bullets, sentences); those of unseen patterns are none of training's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from constrain.engine import tasks_unseen_phrases
from constrain.engine.tasks_example import COUNT, DATE, TEXT
from constrain.engine.tasks_patterns import patterns
from constrain.engine.tasks_records import chosen
from constrain.engine.tasks_values import Values, invented

__all__ = ["UNSEEN_NAMES", "Field", "ad_hoc", "members", "stated"]

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

_JOINTS = ("; ", ", ", ". ", "\n", " | ", "\n- ", " / ", "\n* ", "! ", "\n# ", " {s} ")
_SIGNS = tuple("~%$^;!*=-:#@>|?")
"""`{s}` in training stands for one of these, or two; never for what unseen patterns have."""
_UNSEEN_PAIRS = ("{n} -> {v}", "{n} := {v}", "[{n}] {v}", "<{n}> {v}")
_UNSEEN_JOINTS = (" // ", "\n+ ", " & ")


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
    match rng.choices(list(_TYPES), list(_TYPES.values()))[0]:
        case "plain":
            value = values.plain()
            return TEXT, value, value
        case "integer":
            number = values.integer(0, rng.choice((9, 99, 999, 9_999)))
            return COUNT, number, str(number)
        case "amount":
            amount = values.amount()
            return {"type": "number"}, amount, str(amount)
        case "date":
            value = values.date()
            return DATE, value, value
        case "bool":
            truth = rng.random() < 0.5
            return {"type": "boolean"}, truth, rng.choice((("no", "false"), ("yes", "true"))[truth])
        case "code":
            value = values.code()
            return TEXT, value, value
        case "enum":
            options = [*{values.plain(): None, values.plain(): None, values.plain(): None}]
            value = rng.choice(options)
            return {"enum": sorted(options)}, value, value
        case _:
            value = rng.choice((values.name, values.city, values.item, values.title, values.vendor, values.first))()
            return TEXT, value, value


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


def stated(fields: Sequence[Field], rng: Random, *, unseen: bool) -> str:
    """A text that says the value of every field, in order."""
    if rng.random() < 0.5:
        pair = _signed(rng.choice(_UNSEEN_PAIRS if unseen else patterns("pairs")), rng)
        joint = _signed(rng.choice(_UNSEEN_JOINTS if unseen else _JOINTS), rng)
        title = rng.random() < 0.3
        parts = [_said(pair, name.title() if title else name, text) for name, _, _, text in fields]
        bullet = joint.lstrip("\n") if joint.startswith("\n") else ""
        return bullet + joint.join(parts)
    said, joint = "", ". "
    for name, _, _, text in fields:
        clause = chosen(rng.choice(tasks_unseen_phrases.CLAUSES if unseen else patterns("clauses")), rng).strip()
        begins = clause[0].upper() + clause[1:] if joint == ". " else clause
        said += (joint if said else "") + _said(begins, name, text)
        joint = chosen("[, | and |, and |. |. |; ]", rng)
    return said + "."


def _signed(pattern: str, rng: Random) -> str:
    """The pattern with the same sign for every `{s}`."""
    while (sign := "".join(rng.choices(_SIGNS, k=rng.randint(1, 2)))) in ("->", ":="):
        pass
    return pattern.replace("{s}", sign)


def _said(pattern: str, name: str, text: str) -> str:
    """A clause about one field; a value stands there as it is, whatever begins the sentence."""
    return pattern.replace("{n}", name.replace("_", " ")).replace("{v}", text)


def members(fields: Sequence[Field]) -> Mapping[str, Any]:
    """From name to value."""
    return {name: value for name, _, value, _ in fields}
