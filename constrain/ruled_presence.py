"""Which fields are filled, said in the language itself: `Filled` needs no check on the text.

Of a JSON schema, one that says it beside the schema; of a form, the union over what may stand and what may not.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any, Final

from constrain.automaton import Automaton
from constrain.errors import LimitError
from constrain.field_paths import Path, find_field
from constrain.ruled_checks import Filled, Placed
from constrain.template import Form
from constrain.template_syntax import Node, Section, holes, sections

__all__ = ["filled_form", "filled_schema"]

MAX_CHOICES: Final = 1_024


def filled_schema(schema: Any, placed: Placed, *, closed: bool) -> dict[str, Any]:
    """A schema of the values of which a `Filled` rule holds. `closed`: objects have no members that are not listed."""
    rule = placed.rule
    assert isinstance(rule, Filled)
    choices = []
    fields = list(zip(placed.paths, placed.defaults, strict=True))
    for filled in _choices(len(fields), rule):
        parts = [(_is_filled if n in filled else _is_empty)(*field) for n, field in enumerate(fields)]
        choices.append({"allOf": parts})
    said: Any = {"anyOf": choices}
    for depth in range(len(placed.at) - 1, -1, -1):
        step = placed.at[depth]
        around = find_field(schema, placed.at[:depth])
        kinds = frozenset() if around is None else around.kinds
        if step is not None and not (step.isdecimal() and "array" in kinds):
            said = {"properties": {step: said}}
        elif step is not None:
            said = {"prefixItems": [{}] * int(step) + [said]}
        else:
            said = {"items": said} | ({"additionalProperties": said} if "object" in kinds else {})
    return _opened(said) if closed else dict(said)


def _choices(count: int, rule: Filled) -> Iterator[set[int]]:
    if 2**count > MAX_CHOICES:
        raise LimitError(
            f"which of {count} fields are filled has too many answers: {rule.describe()}",
            limit=MAX_CHOICES,
            given=2**count,
            hint="divide the rule into several over fewer fields",
        )
    for number in range(rule.low, min(rule.high, count) + 1):
        yield from map(set, itertools.combinations(range(count), number))


def _is_filled(path: Path, default: Any) -> dict[str, Any]:
    said: dict[str, Any] = {"not": {"type": "null"}}
    for step in reversed(path):
        said = {"properties": {step: said}, **({} if default is not None else {"type": "object", "required": [step]})}
    return said


def _is_empty(path: Path, default: Any) -> dict[str, Any]:
    said: dict[str, Any] = {"type": "null"}
    for step in reversed(path):
        said = {"properties": {step: said}, **({} if default is None else {"type": "object", "required": [step]})}
    return said


def _opened(said: Any) -> Any:
    """The same where objects are closed unless they say otherwise."""
    if isinstance(said, list):
        return [_opened(each) for each in said]
    if not isinstance(said, dict):
        return said
    opened = {
        name: {key: _opened(value) for key, value in part.items()} if name == "properties" else _opened(part)
        for name, part in said.items()
    }
    return {"additionalProperties": True, **opened} if "properties" in opened else opened


def filled_form(form: Form, rules: Sequence[tuple[Filled, Sequence[str]]]) -> Automaton:
    """The texts of `form` in which, of the holes named with each rule, as many are filled as it says."""
    named = {name for _, names in rules for name in names}
    optional = [section for section in sections(form.nodes) if not section.is_repeated]
    standing = [section for section in optional if named & {hole.name for hole in holes(section.nodes)}]
    if 2 ** len(standing) > MAX_CHOICES:
        raise LimitError(
            f"which of {len(standing)} sections stand has too many answers",
            limit=MAX_CHOICES,
            given=2 ** len(standing),
            hint="use fewer optional sections, or rules over fewer fields",
        )
    found = []
    for chosen in itertools.product((True, False), repeat=len(standing)):
        nodes = tuple(_with(form.nodes, dict(zip(map(id, standing), chosen, strict=True))))
        filled = {hole.name for hole in holes(nodes)}
        if all(rule.low <= len(filled & set(names)) <= rule.high for rule, names in rules):
            found.append(Form(nodes, form.specs, form.source).automaton)
    return reduce(Automaton.__or__, found, Automaton.__and__(form.automaton, ~form.automaton))


def _with(nodes: Sequence[Node], chosen: dict[int, bool]) -> Iterator[Node]:
    for node in nodes:
        if isinstance(node, Section) and id(node) in chosen:
            if chosen[id(node)]:
                yield from _with(node.nodes, chosen)
        else:
            yield node
