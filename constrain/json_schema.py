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
from constrain.errors import LimitError, SpecError
from constrain.expression import compile_expression, literal
from constrain.formats import FORMATS, is_right
from constrain.json_ascii import escaped
from constrain.json_assembly import Assembly
from constrain.json_depths import Plan, plans_of, size_of
from constrain.json_doubt import LIMITS, Doubts, Limits
from constrain.json_dumps import dumps
from constrain.json_formula import TRUE, Formula
from constrain.json_graph import Graph, explore
from constrain.json_keywords import check_size, is_schema
from constrain.json_locations import Location
from constrain.json_members import Order, is_reordered
from constrain.json_numeric import number_language
from constrain.json_reader import Reader
from constrain.json_references import Site, root_site
from constrain.json_residual import Residual
from constrain.json_sites import check
from constrain.json_strings import string_language
from constrain.json_text import ANY_SPACE, NO_SPACE, Json, any_value, free_content
from constrain.regex import parse, to_expression

__all__ = ["Options", "SchemaLanguage", "schema_language"]

COMFORTABLE: Final = 30_000
"""About how many states a schema may need before less is counted, or members are put in another order."""


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
        check(root, self._reader(Doubts(LIMITS[0])).active)
        self.doubts, self.reader, self.graph, self.order = self._explored()

    def _reader(self, doubts: Doubts) -> Reader:
        return Reader(
            formats=self.options.formats,
            open_objects=self.options.additional_properties_default,
            plain_integers=self.options.plain_integers,
            weaken=doubts.weaken,
        )

    def _explored(self) -> tuple[Doubts, Reader, Graph, Order]:
        """The graph of locations. Where it is large, less is counted exactly, and members whose constants tell
        alternatives apart come first, if that makes it much smaller.
        """
        order: Order = "any" if self.options.any_order else "schema"
        attempts: list[tuple[Limits, Order]] = [(limits, order) for limits in LIMITS]
        if order == "schema":
            attempts.append((LIMITS[-1], "telling first"))
        found: tuple[Doubts, Reader, Graph, Order] | None = None
        least, refusal, counts_matter = 0, None, True
        for limits, order in attempts:
            if order == "telling first":
                if found is not None and not is_reordered(found[2].shapes):
                    continue
            elif not counts_matter:
                continue
            doubts = Doubts(limits)
            reader = self._reader(doubts)
            try:
                graph = explore(reader.subschema(self.root), _scalar, order=order)
            except LimitError as error:
                refusal = refusal or error
                continue
            size = size_of(graph, 0, 0)
            counts_matter = size != least
            if found is None or 3 * size < 2 * least:
                found, least = (doubts, reader, graph, order), size
            if size <= COMFORTABLE:
                break
        if found is None:
            assert refusal is not None
            raise refusal
        return found

    @cached_property
    def _built(self) -> tuple[Automaton, Plan]:
        """The automaton, as deep as it can be, and how deep that is.

        What cannot be built at the estimated size is built shallower. Where no depth of recursion is small enough, what
        is nested is bounded as a whole.
        """
        given = self.options.max_depth
        refusal: LimitError | None = None
        for plan in plans_of(self.graph) if given is None else [Plan(self.graph, given, given)]:
            try:
                automaton = self._automaton(plan)
            except LimitError as error:
                refusal = refusal or error
            else:
                if refusal is None or not automaton.is_empty():
                    return automaton, plan
        assert refusal is not None
        raise refusal

    def _automaton(self, plan: Plan) -> Automaton:
        plan.check()
        texts = Assembly(
            plan.graph,
            space=self.space,
            any_value=any_value(plan.free, self.space),
            depth=plan.depth,
            free_names=free_content(),
        ).automaton()
        return escaped(texts) if self.options.ensure_ascii else texts

    @property
    def automaton(self) -> Automaton:
        """The texts."""
        return self._built[0]

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

    @cached_property
    def bounded(self) -> tuple[str, ...]:
        notes = []
        _, plan = self._built
        if self.graph.free:
            notes.append(f"any JSON value is nested at most {plan.free} deep ({_where(self.graph.free)})")
        if plan.is_levelled:
            notes.append(f"arrays and objects of which the schema says something are nested at most {plan.depth} deep")
        elif self.graph.recursive:
            notes.append(f"recursion goes at most {plan.depth} deep ({_where(self.graph.recursive)})")
        if self.order == "telling first":
            notes.append("members whose constants tell alternatives apart come first, whatever the order of the schema")
        return tuple(notes)


def _is_right(name: str, text: str, draft: str) -> bool:
    return name not in FORMATS or is_right(name, text, draft)


def _where(locations: list[Location]) -> str:
    places = dict.fromkeys(
        location.place[0].label if location.place else "additional members" for location in locations
    )
    shown = ", ".join(list(places)[:3])
    return f"at {shown}" + (f" and {len(places) - 3} more" if len(places) > 3 else "")


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


_SPACE: Final = {"any": compile_expression(ANY_SPACE), "compact": compile_expression(NO_SPACE)}


@lru_cache(maxsize=32)
def _space(whitespace: str) -> Automaton:
    if whitespace in _SPACE:
        return _SPACE[whitespace]
    automaton = compile_expression(to_expression(parse(whitespace)))
    outside = automaton - _SPACE["any"]
    if automaton.is_empty() or not outside.is_empty():
        raise SpecError(
            f"whitespace={whitespace!r} matches "
            + ("nothing" if automaton.is_empty() else f"{outside.shortest().decode()!r}, which JSON has no place for"),
            keyword="whitespace",
            hint=r'give "any", "compact", or a pattern over space, \t, \n and \r, such as " ?"',
        )
    return automaton
