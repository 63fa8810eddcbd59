"""JSON Schema as a language: the UTF-8 texts of the documents that a schema admits.

What a schema says is read into formulas (`json_reader`), place by place into automata over items and members
(`json_graph`), and from there into one automaton over bytes (`json_assembly`). Every keyword is enforced exactly by
that automaton, or by it and the residual check on finished text, or refused by name with its JSON pointer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Final

from constrain.automaton import Automaton
from constrain.errors import SpecError
from constrain.expression import compile_expression, literal
from constrain.formats import FORMATS, is_right
from constrain.json_assembly import Assembly
from constrain.json_doubt import Doubts
from constrain.json_dumps import dumps
from constrain.json_formula import TRUE, Formula
from constrain.json_graph import Graph, explore
from constrain.json_keywords import check_size, is_schema
from constrain.json_locations import Location
from constrain.json_numeric import number_language
from constrain.json_reader import Reader
from constrain.json_references import Site, root_site
from constrain.json_residual import Residual
from constrain.json_strings import string_language
from constrain.json_text import ANY_SPACE, NO_SPACE, Json, any_value, free_content
from constrain.regex import parse, to_expression

__all__ = ["Options", "SchemaLanguage", "schema_language"]

MAX_COUNTS: Final = (1_024, 64)
"""Up to which length strings are counted: the larger one unless the automaton grows too large with it."""

MAX_DEPTH: Final = 8
MAX_FREE_DEPTH: Final = 5
COMFORTABLE: Final = 10_000
"""How many states depth may cost beyond what the least depth needs."""

LARGEST: Final = 300_000


@dataclass(frozen=True)
class Options:
    """How a schema is read and spelled; see `constrain.specs.JsonSchema`."""

    whitespace: str = "any"
    additional_properties_default: bool = True
    formats: bool = True
    ensure_ascii: bool = False
    any_order: bool = False
    max_depth: int | None = None
    plain_integers: bool = False


class SchemaLanguage:
    """A schema's language: `automaton`, `bounded` in words, and what is left to the `residual` check.

    All of it is computed when it is first asked for, except that the whole schema has been read once, so that what is
    malformed or refused is known.
    """

    def __init__(self, root: Site, options: Options, documents: Mapping[str, Any] | None) -> None:
        self.root = root
        self.documents = documents
        self.options = options
        self.space = _space(options.whitespace)
        for count in MAX_COUNTS:
            self.doubts = Doubts(count)
            self.reader = Reader(
                formats=options.formats,
                open_objects=options.additional_properties_default,
                plain_integers=options.plain_integers,
                weaken=self.doubts.weaken,
            )
            self.subschema = self.reader.subschema(root)
            self.graph = explore(self.subschema, _scalar, any_order=options.any_order)
            self.depth, self.free_depth, size = self._depths()
            if size <= LARGEST:
                break

    def _depths(self) -> tuple[int, int, int]:
        """How deep recursion and free values go, and about how many states that takes."""
        given = self.options.max_depth
        if given is not None:
            return given, given, _Size(self.graph, given, given).total
        least = _Size(self.graph, 1, 2)
        budget = max(COMFORTABLE, 2 * least.total)
        depth, free = 1, 2
        while self.graph.free and free < MAX_FREE_DEPTH and _Size(self.graph, depth, free + 1).total <= budget:
            free += 1
        while self.graph.recursive and depth < MAX_DEPTH and _Size(self.graph, depth + 1, free).total <= budget:
            depth += 1
        return depth, free, _Size(self.graph, depth, free).total

    @cached_property
    def automaton(self) -> Automaton:
        """The texts."""
        return Assembly(
            self.graph,
            space=self.space,
            any_value=lambda depth: any_value(depth, self.space),
            depth=self.depth,
            free_depth=self.free_depth,
            free_names=free_content(),
        ).automaton()

    def dumps(self, value: Json, separators: tuple[str, str] = (", ", ": ")) -> str | None:
        """The text of a value, members in the order of the schema; None if the schema does not admit it."""
        return dumps(self.graph, value, separators, ensure_ascii=self.options.ensure_ascii)

    @cached_property
    def residual(self) -> Residual | None:
        """The check on finished text; None if the automaton says all."""
        if not self.doubts.reasons and not self.graph.repeats_names:
            return None
        return Residual(
            self.root.schema,
            draft=self.root.draft,
            documents=self.documents,
            format_is_right=(lambda name, text: _is_right(name, text, self.root.draft))
            if self.options.formats
            else None,
            judged=bool(self.doubts.reasons),
        )

    def contradiction(self) -> str:
        return "its rules contradict each other"

    def explain(self) -> list[str]:
        return []

    @cached_property
    def bounded(self) -> tuple[str, ...]:
        notes = []
        if self.graph.free:
            notes.append(f"any JSON value is nested at most {self.free_depth} deep ({_where(self.graph.free)})")
        if self.graph.recursive:
            notes.append(f"recursion goes at most {self.depth} deep ({_where(self.graph.recursive)})")
        return tuple(notes)


def _is_right(name: str, text: str, draft: str) -> bool:
    return name not in FORMATS or is_right(name, text, draft)


def _where(locations: list[Location]) -> str:
    places = dict.fromkeys(
        location.place[0].label if location.place else "additional members" for location in locations
    )
    shown = ", ".join(list(places)[:3])
    return f"at {shown}" + (f" and {len(places) - 3} more" if len(places) > 3 else "")


class _Size:
    """About how many states the automaton of a graph has, with recursion `depth` and free values `free` deep."""

    def __init__(self, graph: Graph, depth: int, free: int) -> None:
        self.graph = graph
        self.depth = depth
        self.free: int = 60 * 2**free
        self.known: dict[tuple[Location, int], int] = {}
        self.total: int = self.of(graph.root, depth)

    def of(self, root: Location, depth: int) -> int:
        start = (root, depth if self.graph.component[root] >= 0 else 0)
        stack = [start]
        while stack:
            location, deep = stack[-1]
            parts = [
                (inner, self.graph.depth_inside(location, inner, deep, self.depth))
                for inner in self.graph.shapes[location].inner
            ]
            waiting = [part for part in parts if part[1] >= 0 and part not in self.known]
            if waiting:
                stack += waiting
                continue
            stack.pop()
            self.known[location, deep] = self._one(location, deep)
        return self.known[start]

    def _one(self, location: Location, deep: int) -> int:
        shape = self.graph.shapes[location]
        if shape.is_free:
            return self.free
        size = sum(text.states for text in shape.scalars)
        if shape.array is not None:
            size += sum(4 + self._options(row, location, deep) for row in shape.array.following)
        if shape.object is not None:
            size += sum(map(len, shape.object.names))
            seen: set[tuple[tuple[Location, int], ...]] = set()
            for state in shape.object.states:
                size += 4 + sum(20 if cell.names is None else cell.names.states for cell, _ in state.others)
                for _, options in (*state.named, *state.others):
                    if tuple(options) not in seen:
                        seen.add(tuple(options))
                        size += 2 + self._options(options, location, deep)
        return size

    def _options(self, options: list[tuple[Location, int]], location: Location, deep: int) -> int:
        depths = ((inner, self.graph.depth_inside(location, inner, deep, self.depth)) for inner, _ in options)
        return sum(self.known[part] for part in depths if part[1] >= 0)


_KEYWORD: Final = {word: compile_expression(literal(word.encode())) for word in ("null", "false", "true")}


def _scalar(kind: str, formula: Formula) -> Automaton | None:
    match kind:
        case "number":
            return number_language(formula)
        case "string":
            return string_language(formula)
    return _KEYWORD[kind] if formula is TRUE else None


def schema_language(
    schema: Mapping[str, Any] | bool, options: Options = Options(), documents: Mapping[str, Any] | None = None
) -> SchemaLanguage:
    """The language `{text(v) : v is valid under schema}`, nothing around the document and white space inside it.

    Raises `SpecError` for what is malformed, `UnsupportedError` for what is not enforced, both with the JSON pointer of
    the keyword; `LimitError` for schemas that are too large, too deep or multiply too far.
    """
    check_size(schema)
    if not is_schema(schema):
        raise SpecError(f"a schema is an object or a boolean, not {schema!r}", pointer="", hint="give a dict")
    if options.max_depth is not None and options.max_depth < 0:
        raise SpecError(f"max_depth must not be negative, and is {options.max_depth}", keyword="max_depth")
    return SchemaLanguage(root_site(schema, documents), options, documents)


@lru_cache(maxsize=32)
def _space(whitespace: str) -> Automaton:
    if whitespace in ("any", "compact"):
        return compile_expression(ANY_SPACE if whitespace == "any" else NO_SPACE)
    automaton = compile_expression(to_expression(parse(whitespace)))
    outside = automaton - compile_expression(ANY_SPACE)
    if automaton.is_empty() or not outside.is_empty():
        raise SpecError(
            f"whitespace={whitespace!r} matches "
            + ("nothing" if automaton.is_empty() else f"{outside.shortest().decode()!r}, which JSON has no place for"),
            keyword="whitespace",
            hint=r'give "any", "compact", or a pattern over space, \t, \n and \r, such as " ?"',
        )
    return automaton
