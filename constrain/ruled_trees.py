"""Where the fields of a value stand in its text: JSON documents, forms, and forms with JSON in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from json.scanner import NUMBER_RE
from typing import Any, TypeAlias

from constrain.field_paths import Path
from constrain.json_spans import Node, read
from constrain.plain_text import PlainType
from constrain.spec import Spec
from constrain.specs import JsonSchema
from constrain.sums import Maybe, Repeated
from constrain.template import Form
from constrain.template_syntax import Hole, Section, holes

__all__ = ["Place", "Scalar", "Spot", "spots_at", "tree_of", "unreadable"]

Scalar: TypeAlias = "str | int | bool | Decimal | None"
"""What a single value is: numbers as the decimals that are spelled, integers if they are whole."""


@dataclass(eq=False)
class Place:
    """A value and where its text stands, in characters.

    `known` is where it is certain that the value is this and no other, whatever follows (for a number, behind the
    delimiter), and, of an array or object, has these parts and no others; None if it is not. `quoted` says that it is
    spelled as JSON. `children` are the parts; a single value has none.
    """

    value: Scalar
    begin: int
    end: int
    known: int | None = None
    quoted: bool = True
    inexact: bool = False
    """Whether a reader makes another number of it than the one that is spelled, because it has too many digits."""
    children: dict[str | int, Place] | None = None
    parts: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    """Of a form, by the name of a hole: where each repetition of its section stands."""


@dataclass(frozen=True, eq=False)
class Spot:
    """A place that a path leads to: the names on the way; `place` is None where the value is missing."""

    path: tuple[str | int, ...]
    place: Place | None
    known: int | None

    @property
    def value(self) -> Scalar:
        return None if self.place is None or self.place.children is not None else self.place.value


def spots_at(root: Place, path: Path) -> tuple[list[Spot], int | None]:
    """The places that `path` leads to from `root`, and where in the text it is certain that they are these.

    Where something on the way is missing, all that is behind it is: one spot without a place, or none behind a `*`.
    """
    spots, known = [Spot((), root, root.known)], list[int | None]()
    for step in path:
        found: list[Spot] = []
        for spot in spots:
            children = (spot.place and spot.place.children) or {}
            if step is None:
                known.append(spot.known)
                found += [Spot((*spot.path, name), child, child.known) for name, child in children.items()]
                continue
            key = int(step) if step not in children and step.isdecimal() else step
            child = children.get(key)
            found.append(Spot((*spot.path, key), child, spot.known if child is None else child.known))
        spots = found
    known += [spot.known for spot in spots]
    ends = [end for end in known if end is not None]
    return spots, max(ends, default=0) if len(ends) == len(known) else None


def tree_of(spec: Spec, text: str) -> Place | None:
    """The value of `text` under `spec`, a form or a JSON schema; None if nothing in it can be read yet."""
    if isinstance(spec, Form):
        return _form(spec, text, 0)
    root = read(text).root
    return None if root is None else _json(root, text, 0)


def unreadable(spec: Spec, text: str) -> tuple[int, int] | None:
    """The span of what no reader of JSON reads: a number beyond all doubles, or a name that is there twice."""
    if isinstance(spec, Form):
        return None
    reading = read(text)
    return reading.repeated or reading.unreadable


def _json(node: Node, text: str, shift: int) -> Place:
    begin = node.begin + shift
    known = None if node.end is None else node.end + shift
    if isinstance(node.value, list | dict):
        children = {name: _json(child, text, shift) for name, child in node.children.items()}
        return Place(None, begin, len(text) + shift if known is None else known, known, children=children)
    if isinstance(node.value, bool) or not isinstance(node.value, int | float):
        assert known is not None  # only containers may be open
        return Place(node.value, begin, known, known)
    match = NUMBER_RE.match(text, node.begin)
    assert match is not None  # the reader has read it
    exact = Decimal(match[0])
    inexact = isinstance(node.value, float) and Decimal(repr(node.value)) != exact
    return Place(_number(exact), begin, match.end() + shift, known, inexact=inexact)


def _number(value: Decimal) -> int | Decimal:
    """An integer if it is whole, and not written with a huge exponent."""
    if abs(value.adjusted()) > 400:
        return value
    return int(value) if value == value.to_integral_value() else value


def _form(form: Form, text: str, shift: int) -> Place | None:
    """The fields of a form in `text`, which stands behind `shift` characters; None if it is no text of the form."""
    found = form.divided(text)
    if found is None:
        return None
    texts, words = found
    root = Place(None, shift, shift + len(text), quoted=False, children={})
    _read(form, root, form.nodes, texts, words, shift)
    return root


def _read(form: Form, root: Place, nodes: Any, texts: list[str], words: Mapping[str, str], shift: int) -> None:
    assert root.children is not None
    for node, text in zip(nodes, texts, strict=True):
        match node:
            case Hole(name):
                root.children[name] = _hole(form.specs[name], text, shift)
            case Section("?") if text:
                _read(form, root, node.nodes, form.inside(node, words).texts(text), words, shift)
            case Section() if node.is_repeated:
                _repetitions(form, root, node, text, shift)
        shift += len(text)


def _repetitions(form: Form, root: Place, section: Section, text: str, shift: int) -> None:
    """The fields in a repeated section: by the name of the hole, then by the number of the repetition."""
    assert root.children is not None
    inner = form.section_form(section)
    begins = shift
    each: list[Place] = []
    for one in Repeated(inner, int(section.kind == "+")).texts(text):
        place = _form(inner, one, begins)
        assert place is not None  # the text was divided into texts of the section
        each.append(place)
        begins += len(one)
    for name in dict.fromkeys(hole.name for hole in holes(section.nodes)):
        children: dict[str | int, Place] = {
            n: place.children[name] for n, place in enumerate(each) if place.children and name in place.children
        }
        root.children[name] = Place(None, shift, shift + len(text), quoted=False, children=children)
        root.parts[name] = [(place.begin, place.end) for place in each]


def _hole(spec: Spec, text: str, shift: int) -> Place:
    end = shift + len(text)
    if isinstance(spec, Form):
        place = _form(spec, text, shift)
        assert place is not None  # it was found to be a text of the form
        return place
    if isinstance(spec, Maybe):
        return _hole(spec.part, text, shift) if text else Place(None, shift, end, quoted=False)
    kind = spec._kind if isinstance(spec, PlainType) else "json" if isinstance(spec, JsonSchema) else "string"
    if kind == "number":
        return Place(_number(Decimal(text)), shift, end, quoted=False)
    if kind == "json" and (root := read(text).root) is not None:
        return _json(root, text, shift)
    return Place(text, shift, end, quoted=False)
