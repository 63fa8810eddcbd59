"""Forms: literal text with named holes, each a text of some spec, and sections that are optional or repeated."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from constrain.automaton import Automaton
from constrain.combined import Combined
from constrain.errors import SpecError, UnsupportedError
from constrain.expression import Expression, compile_expression, concat, literal, optional, repeat, union
from constrain.plain_text import PlainType, null_text
from constrain.spec import Spec
from constrain.specs import Choice, as_spec
from constrain.splits import sequence
from constrain.sums import Joined, Maybe, Repeated
from constrain.template_syntax import Constant, Hole, Node, Section, holes, parse_template, sections

__all__ = ["Form", "Template"]

MAX_ASSIGNMENTS = 4_096

Field: TypeAlias = "str | list[Field] | None"
"""What stands in a hole: its text, None in a section that is missing, a list in one that is repeated."""

Words: TypeAlias = Mapping[str, str]
"""Chosen texts for the holes that stand in more than one place."""


@dataclass(frozen=True, eq=False)
class Form(Combined):
    """A text of each of the `nodes`, one after the other; its value is the mapping of the values in the holes.

    A hole that stands in several places stands for the same text in all of them: the language is the union over its
    texts. Repetitions of a section are forms of their own. `source` is where the positions of nodes lie.
    """

    nodes: tuple[Node, ...]
    specs: Mapping[str, Spec]
    source: str

    def __post_init__(self) -> None:
        super().__post_init__()
        own = set(self._own)
        scope: dict[str, set[Hole]] = {}
        for holes_together in (own, *(set(holes(section.nodes)) for section in self._repeated())):
            for hole in holes_together:
                if scope.setdefault(hole.name, holes_together) is not holes_together:
                    raise self._unsupported(
                        max(hole, *(other for other in scope[hole.name] if other.name == hole.name), key=_position),
                        "is filled once and again in a repeated section",
                        "give the holes different names",
                    )
        _ = self._plain, self._alternatives, self._forms

    @property
    def parts(self) -> tuple[Spec, ...]:  # type: ignore[override]  # what the holes are filled with
        return tuple(self.specs[name] for name in dict.fromkeys(hole.name for hole in holes(self.nodes)))

    @cached_property
    def _own(self) -> tuple[Hole, ...]:
        return tuple(holes(self.nodes, inside_repeated=False))

    def _repeated(self) -> Iterator[Section]:
        return (node for node in sections(self.nodes) if node.is_repeated)

    @cached_property
    def _alternatives(self) -> dict[str, list[str]]:
        """The texts of every hole that stands in several places."""
        count = Counter(hole.name for hole in self._own)
        found: dict[str, list[str]] = {}
        total = 1.0
        for hole in self._own:
            if count[hole.name] == 1 or hole.name in found:
                continue
            second = [other for other in self._own if other.name == hole.name][1]
            if self.residual:
                raise self._unsupported(
                    second, "stands in two places, and parts of the form are checked on the text", "fill it in once"
                )
            automaton = self.specs[hole.name].automaton
            total *= _size(automaton)
            if total > MAX_ASSIGNMENTS:
                raise self._unsupported(
                    second,
                    f"stands in two places and has {_amount(automaton)} texts, which cannot be made to agree",
                    f"use a specification with few texts: {MAX_ASSIGNMENTS:,} for all such holes together",
                )
            found[hole.name] = [word.decode() for word in automaton.words(automaton.longest() or 0)]
        return found

    def _unsupported(self, hole: Hole, what: str, hint: str) -> UnsupportedError:
        return UnsupportedError(
            f"the hole {hole.name!r} {what}",
            source=self.source,
            position=hole.position,
            keyword=hole.name,
            hint=hint,
        )

    def _assignments(self, text: str | None = None) -> Iterator[Words]:
        """All choices of texts for the holes in several places; given a `text`, those that can be found in it."""
        obligatory = {node.name for node in self.nodes if isinstance(node, Hole)}
        choices = []
        for name, words in self._alternatives.items():
            here = [word for word in words if text is None or word in text]
            choices.append(here if here or name in obligatory else words[:1])
        for chosen in itertools.product(*choices):
            yield dict(zip(self._alternatives, chosen, strict=True))

    def _language(self) -> Automaton:
        """Only what stands between the first and the last hole with several places is there once for each choice."""
        chosen = [n for n, node in enumerate(self.nodes) if self._alternatives.keys() & _names((node,))] or [0]
        begin, end = chosen[0], chosen[-1] + 1
        between = (self._expression(self.nodes[begin:end], words) for words in self._assignments())
        before, after = (self._expression(nodes, {}) for nodes in (self.nodes[:begin], self.nodes[end:]))
        return compile_expression(concat(before, union(*between), after))

    def _expression(self, nodes: tuple[Node, ...], words: Words) -> Expression:
        return concat(*(self._expression_of(node, words) for node in nodes))

    def _expression_of(self, node: Node, words: Words) -> Expression:
        match node:
            case Constant(text):
                return literal(text.encode())
            case Hole(name):
                return literal(words[name].encode()) if name in words else self.specs[name].automaton
            case Section("?"):
                return optional(self._expression(node.nodes, words))
        return repeat(self.section_form(node).automaton, int(node.kind == "+"))

    def section_form(self, section: Section) -> Form:
        """One repetition of a repeated section."""
        return self._forms[section]

    @cached_property
    def _forms(self) -> dict[Section, Form]:
        return {section: Form(section.nodes, self.specs, self.source) for section in self._repeated()}

    @cached_property
    def _plain(self) -> Joined:
        return self._sum({})

    def _sum(self, words: Words) -> Joined:
        return Joined(tuple(self.spec_of(node, words) for node in self.nodes))

    def spec_of(self, node: Node, words: Words) -> Spec:
        """What may stand at a node, given the texts of the holes in several places."""
        match node:
            case Constant(text):
                return Choice((text,))
            case Hole(name):
                return Choice((words[name],)) if name in words else self.specs[name]
            case Section("?"):
                return Maybe(self.inside(node, words))
        return Repeated(self.section_form(node), int(node.kind == "+"))

    def inside(self, section: Section, words: Words) -> Joined:
        """What stands in an optional section that is there."""
        if words:
            return Joined(tuple(self.spec_of(node, words) for node in section.nodes))
        return self._inside.setdefault(section, Joined(tuple(self.spec_of(node, {}) for node in section.nodes)))

    @cached_property
    def _inside(self) -> dict[Section, Joined]:
        return {}

    def fault(self, text: str, *, complete: bool = True) -> tuple[int, int] | None:
        return self._plain.fault(text, complete=complete)

    def divided(self, text: str) -> tuple[list[str], Words] | None:
        """The texts of the nodes, and those chosen for holes in several places; None if it is no text of the form.

        Where it could be read otherwise, the first node is as short as can be, then the second.
        """
        found: list[tuple[list[int], list[str], Words]] = []
        for words in self._assignments(text):
            form = self._sum(words) if words else self._plain
            texts = sequence(form.parts, text).texts
            if texts is not None:
                found.append(([len(each) for each in texts], texts, words))
        return min(found, key=lambda each: each[0])[1:] if found else None

    def fields(self, text: str) -> dict[str, Field]:
        """The texts in the holes, as `divided`."""
        found = self.divided(text)
        if found is None:
            raise SpecError(f"{text!r} does not satisfy {self.describe()}")
        return self._read(self.nodes, *found)

    def _read(self, nodes: tuple[Node, ...], texts: list[str], words: Words) -> dict[str, Field]:
        fields: dict[str, Field] = {}
        for node, text in zip(nodes, texts, strict=True):
            match node:
                case Hole(name):
                    fields[name] = text
                case Section("?") if text:
                    inner = self.inside(node, words).texts(text)
                    fields |= self._read(node.nodes, inner, words)
                case Section("?"):
                    fields = {hole.name: None for hole in holes(node.nodes)} | fields
                case Section():
                    form = self.section_form(node)
                    each = [form.fields(one) for one in Repeated(form, int(node.kind == "+")).texts(text)]
                    fields |= {hole.name: [one[hole.name] for one in each] for hole in holes(node.nodes)}
        return fields

    def parse(self, text: str) -> dict[str, Any]:
        return {name: _parsed(self.specs[name], field) for name, field in self.fields(text).items()}

    def dumps(self, value: Any) -> str:
        """The form, filled in; what is missing is None. Optional sections are left out if all their holes are None."""
        if not isinstance(value, Mapping):
            raise SpecError(f"a mapping of the holes to their values is needed, not {value!r}")
        names = dict.fromkeys(hole.name for hole in holes(self.nodes))
        for name in value:
            if name not in names:
                raise SpecError(f"there is no hole {name!r}", keyword=str(name), hint=f"there are {', '.join(names)}")
        fields = {name: _written(self.specs[name], value.get(name), self._depth(name)) for name in names}
        text = self._spell(self.nodes, fields)
        if not self.accepts(text):
            raise SpecError(f"{value!r} does not satisfy {self.describe()}: it would be {text!r}")
        found = self.fields(text)
        if not all(_agree(fields[name], found[name], null_text(self.specs[name])) for name in names):
            raise SpecError(f"no text stands for {value!r}: {text!r} is read as {self.parse(text)!r}")
        return text

    def sections_around(self, name: str) -> Iterator[Section]:
        """The sections that the hole is in, outermost first."""
        nodes = self.nodes
        while section := next((s for s in nodes if isinstance(s, Section) and name in _all_names(s.nodes)), None):
            yield section
            nodes = section.nodes

    def _depth(self, name: str) -> int:
        """In how many repeated sections a hole is."""
        for section in self._repeated():
            if any(hole.name == name for hole in holes(section.nodes)):
                return 1 + self.section_form(section)._depth(name)
        return 0

    def _spell(self, nodes: tuple[Node, ...], fields: Mapping[str, Field]) -> str:
        text = ""
        for node in nodes:
            match node:
                case Constant(constant):
                    text += constant
                case Hole(name):
                    field = null_text(self.specs[name]) if fields[name] is None else fields[name]
                    if not isinstance(field, str):
                        raise SpecError(f"no value is given for the hole {name!r}", keyword=name)
                    text += field
                case Section("?"):
                    if any(fields[hole.name] not in (None, []) for hole in holes(node.nodes)):
                        text += self._spell(node.nodes, fields)
                case Section():
                    text += "".join(
                        self.section_form(node)._spell(node.nodes, each) for each in _transposed(node, fields)
                    )
        return text

    def describe(self) -> str:
        return f"form {self.source!r}" if len(self.source) <= 60 else f"form {self.source[:59]!r}…"


class Template(Form):
    """Text with holes: `Template("Dear {name}, your total is {total}.", name=str, total=Decimal)`.

    `{name}` is a hole, filled with a text of the spec that is given for it: any `Spec` or JSON schema, or a Python
    type, which is written as plain text (`PlainType`); `str` is a line that is not empty. `[? ... ?]` is a section that
    may be missing, `[* ... *]` one that is there any number of times, `[+ ... +]` at least once. `{{` and `}}` are
    braces, `{"..."}` these characters as they stand.

    The value is a mapping from the names to the values: None for holes of a section that is missing, lists for those of
    one that is repeated. A hole that stands in several places has the same text in all of them; it has to have finitely
    many, 4,096 at most, and is refused by name otherwise.
    """

    def __init__(self, source: str, /, **specs: Any) -> None:
        if not isinstance(source, str):
            raise SpecError(f"a template is a string, not {source!r}")
        nodes = parse_template(source)
        for hole in holes(nodes):
            if hole.name not in specs:
                raise SpecError(
                    f"the hole {hole.name!r} has no specification",
                    source=source,
                    position=hole.position,
                    keyword=hole.name,
                    hint=f"give one as {hole.name}=...",
                )
        names = dict.fromkeys(hole.name for hole in holes(nodes))
        for name in specs:
            if name not in names:
                raise SpecError(
                    f"there is no hole {name!r}",
                    source=source,
                    position=len(source),
                    keyword=name,
                    hint=f"there are {', '.join(names)}" if names else f"write {{{name}}} where it belongs",
                )
        super().__init__(nodes, {name: _filling(spec) for name, spec in specs.items()}, source)


def _filling(spec: Any) -> Spec:
    if spec is None or isinstance(spec, Spec | bool | Mapping | str | bytes | int | float):
        return as_spec(spec)
    return PlainType(spec)


def _names(nodes: tuple[Node, ...]) -> set[str]:
    return {hole.name for hole in holes(nodes, inside_repeated=False)}


def _all_names(nodes: tuple[Node, ...]) -> set[str]:
    return {hole.name for hole in holes(nodes)}


def _position(hole: Hole) -> int:
    return hole.position


def _parsed(spec: Spec, field: Field) -> Any:
    match field:
        case None:
            return None
        case str(text):
            return spec.parse(text)
    return [_parsed(spec, each) for each in field]


def _written(spec: Spec, value: Any, depth: int) -> Field:
    if value is None:
        return None
    if not depth:
        return spec.dumps(value)
    if not isinstance(value, list | tuple):
        raise SpecError(f"a list of values is needed for a repeated section, not {value!r}")
    return [_written(spec, each, depth - 1) for each in value]


def _transposed(section: Section, fields: Mapping[str, Field]) -> list[dict[str, Field]]:
    """The fields of each repetition."""
    names = list(dict.fromkeys(hole.name for hole in holes(section.nodes)))
    given = {name: field for name in names if isinstance(field := fields[name], list)}
    if len(set(map(len, given.values()))) > 1:
        lengths = ", ".join(f"{name}: {len(column)}" for name, column in given.items())
        raise SpecError(f"the lists for a repeated section have different lengths ({lengths})", keyword=names[0])
    count = len(next(iter(given.values()))) if given else int(section.kind == "+" and not names)
    return [{name: given[name][n] if name in given else None for name in names} for n in range(count)]


def _agree(given: Field, found: Field, null: str | None) -> bool:
    """Whether what was read is what was given; nothing is given where nothing stands, or `null`, however often."""
    if isinstance(found, list):
        each = [None] * len(found) if given is None else given
        return len(each) == len(found) and all(_agree(*pair, null) for pair in zip(each, found, strict=True))
    return given == found or (given is None and found == null)


def _size(automaton: Automaton) -> float:
    """How many texts there are; infinite where they are as good as infinitely many."""
    longest = automaton.longest()
    if longest is None:
        return float("inf")
    width = np.bincount(automaton.byte_class, minlength=automaton.table.shape[1])
    ways = np.append(automaton.accepting.astype(np.float64), 0.0)
    total = ways[0]
    for _ in range(longest):
        ways[:-1] = (ways[automaton.table] * width).sum(axis=1)
        total += ways[0]
        if total > MAX_ASSIGNMENTS:
            break
    return float(total)


def _amount(automaton: Automaton) -> str:
    return "any number of" if automaton.longest() is None else f"more than {MAX_ASSIGNMENTS:,}"
