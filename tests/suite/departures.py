"""Where the language departs from the standard, keyword by keyword: for the documentation.

The keywords, their drafts, the formats and all limits are those of the code; the words are kept here.
"""

from __future__ import annotations

from collections.abc import Iterator

from constrain import json_keywords, json_members, json_unevaluated
from constrain.formats import FORMATS, INEXACT, NARROWED
from constrain.json_doubt import LIMITS
from constrain.json_keywords import ANNOTATIONS, KEYWORDS, Keyword
from tests.suite.tables import table

__all__ = ["NOTES", "departures"]

GENERAL = f"""\
## Where the language departs from the standard

The standard speaks of values, the language of texts. Every text that is accepted is a valid document (both by the
automaton and, where `spec.residual` is true, by the check on the finished text), and every valid value has a text,
which `dumps` writes, within these bounds:

- **Order.** Members come in the order in which the schema and those applied in its place first name them, then those
  that are only required, then others. `member_order="any"` admits any order, of up to {json_members.MAX_ANY_ORDER}
  members. In large schemas, members whose constants tell alternatives apart come first, and `spec.bounded` says so.
- **Spelling.** Names that are listed, and strings of which more is asked than a length, are spelled without needless
  escapes; other strings in every way that JSON has. Numbers of which something is asked are plain decimals without
  superfluous zeros in front, or scientific with one digit before the point. There is no white space around a document.
- **Depth.** Values of which nothing is said, and recursion, are nested up to a depth that is chosen by what it costs,
  or given as `max_depth`; `spec.bounded` and `explain` tell it. Where definitions multiply, that bounds all arrays and
  objects.
- **Repeated names** among additional members are found by the check on the finished text.
- **Size.** A schema has up to {json_keywords.MAX_VALUES:,} values, {json_keywords.MAX_CHARACTERS:,} characters and
  {json_keywords.MAX_DEPTH} levels. What needs too large an automaton is refused by `LimitError`.
- **Documents** are never fetched: a reference out of those given as `documents` is refused. The metaschemas are known.
"""

SLIPS = """\
Names that are no keywords are notes, as the specification says, but those that differ from a keyword by one letter or
in case are refused: they are slips far more often than notes.
"""

_COUNTED = (
    f"counted up to {LIMITS[0].length:,} ({LIMITS[0].beside_pattern} beside `pattern` or `format`, "
    f"{LIMITS[-1].length} in schemas that grow too large), beyond that checked on the finished text"
)
_ECMA = (
    r"ECMA-262 with the flag `u`; back-references are refused. Where readers disagree (`\d`, `\w`, `\s` beyond ASCII) "
    "only what matches for all of them. Counts too large for an automaton are checked on the finished text"
)
_FEWEST = "refused by `LimitError` where the count is too large for an automaton"
_MOST = (
    f"counted up to {LIMITS[0].items:,} ({LIMITS[1].items} or {LIMITS[2].items} in schemas that grow too large), "
    "beyond that checked on the finished text"
)

_CONDITIONAL = f"refused by `LimitError` where more than {json_unevaluated.MAX_CONDITIONS} conditional {{}} bear on it"

NOTES: dict[str, str] = {
    "$schema": "drafts 4 to 2020-12, and metaschemas given as `documents`; other drafts are refused, and what is no "
    "metaschema of json-schema.org is read as 2020-12, which `explain` says",
    "$ref": "in drafts 4 to 7, what is beside it says nothing; refused if it leads back to itself in one place",
    "$recursiveRef": "refused in 2020-12, which has given it up",
    "dependencies": "refused from 2019-09 on, which has given it up",
    "type": "1.0 is an integer from draft 6 on; in draft 4 only as 1",
    "enum": "values are written as spelled above, members in the order of the schema",
    "const": "as `enum`",
    "minLength": _COUNTED,
    "maxLength": _COUNTED,
    "pattern": _ECMA,
    "patternProperties": _ECMA,
    "format": "see below; names that are no formats are notes",
    "multipleOf": "of divisors with a fraction, checked on the finished text too, as floating-point numbers have it; "
    "refused by `LimitError` with many digits",
    "uniqueItems": "checked on the finished text, unless the automaton can keep count",
    "minItems": _FEWEST,
    "maxItems": _MOST,
    "minContains": _FEWEST,
    "maxContains": _MOST,
    "minProperties": _FEWEST,
    "maxProperties": _MOST,
    "unevaluatedProperties": _CONDITIONAL.format("sets of names"),
    "unevaluatedItems": _CONDITIONAL.format("`contains`"),
    "not": "a negation of what is left to the check on the finished text is left to it as well",
    "if": "as `not`",
    "oneOf": "as `not`; exactly one branch, by automata",
}
"""What is to be said of a keyword, where it is not just enforced by the automaton."""


def departures() -> Iterator[str]:
    """The chapter, line by line."""
    yield GENERAL
    yield from table(
        ["keyword", "drafts", "departure"],
        ([f"`{name}`", drafts(keyword), NOTES.get(name, "none")] for name, keyword in KEYWORDS.items()),
    )
    yield ""
    yield "Notes, by the specification: " + ", ".join(f"`{name}`" for name in sorted(ANNOTATIONS)) + "."
    yield ""
    yield SLIPS
    yield 'Formats, asserted in every draft unless `formats="annotate"`:'
    yield ""
    yield from table(["format", "departure"], ([f"`{name}`", format_note(name)] for name in FORMATS))


def drafts(keyword: Keyword) -> str:
    return keyword.since if keyword.since == keyword.until else f"{keyword.since} to {keyword.until}"


def format_note(name: str) -> str:
    notes = ["some texts are never written (`constrain/formats.py` lists them)"] if name in NARROWED else []
    if name in INEXACT:
        notes.append("checked on the finished text too")
    elif name in NARROWED:
        notes.append("under `not`, checked on the finished text")
    return "; ".join(notes) or "none"
