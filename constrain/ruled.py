"""Rules across the fields of a form, of a JSON document, or of a Python type: `spec.where(...)`.

What the rules mean is said in `ruled_checks`, what paths are in `field_paths`. `Filled` is in the language itself
(`ruled_presence`); all others are checked on the text, and where the most probable texts break them, the values of the
fields are chosen anew, together (`ruled_repair`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any

from constrain.automaton import Automaton
from constrain.errors import UnsupportedError
from constrain.field_paths import Path
from constrain.relations import Rule
from constrain.ruled_checks import Filled, bounds_in, fault_in
from constrain.ruled_placing import placed
from constrain.ruled_presence import filled_form, filled_schema
from constrain.ruled_trees import Scalar, tree_of, unreadable
from constrain.spec import Spec
from constrain.specs import JsonSchema, PythonType
from constrain.template import Form

__all__ = ["Rulebook", "Ruled"]


class Rulebook:
    """Rules over the texts of `spec`, a form or a JSON schema, each with the path of the values that it is about.

    Raises `SpecError` for a path that no value has, or a field of another type than the rule needs, and
    `UnsupportedError` for what cannot be enforced, both with the rule and the path.
    """

    def __init__(self, spec: Spec, rules: Iterable[tuple[Path, Rule]]) -> None:
        self.spec = spec
        self.rules = tuple(placed(spec, at, rule) for at, rule in rules)

    @cached_property
    def names(self) -> str:
        return "; ".join(each.describe() for each in self.rules)

    def explained(self) -> list[str]:
        """A line for each rule: what it says, and how it is enforced."""
        how = {True: "in the automaton", False: "checked on the text, its fields solved for"}
        return [f"  rule:           {each.describe()} ({how[isinstance(each.rule, Filled)]})" for each in self.rules]

    def fault(self, text: str, *, complete: bool) -> tuple[int, int] | None:
        """As `Spec.fault`. Of the beginning of a form nothing is known."""
        if isinstance(self.spec, Form) and not complete:
            return None
        if (span := unreadable(self.spec, text)) is not None:
            return span
        root = tree_of(self.spec, text)
        return None if root is None else fault_in(self.rules, root, len(text), complete=complete)

    def with_presence(self, schema: Mapping[str, Any], *, closed: bool) -> Mapping[str, Any]:
        """A schema that also says which fields are filled."""
        said = [filled_schema(schema, each, closed=closed) for each in self.rules if isinstance(each.rule, Filled)]
        if not said:
            return schema
        if "unevaluated" in repr(schema) or "$ref" in schema:
            raise UnsupportedError(
                "which fields are filled cannot be said beside unevaluatedProperties, unevaluatedItems, or a reference"
                " at the root",
                keyword="Filled",
                hint="state it in the schema, with anyOf and required",
            )
        return {**schema, "allOf": [*schema.get("allOf", ()), *said]}

    def presence(self) -> Automaton:
        """The texts of a form in which as many fields are filled as the rules say."""
        assert isinstance(self.spec, Form)
        rules = [(each.rule, [str(path[0]) for path in each.paths]) for each in self.rules]
        filled = [(rule, names) for rule, names in rules if isinstance(rule, Filled)]
        return filled_form(self.spec, filled) if filled else self.spec.automaton

    def repaired(
        self,
        text: str,
        fixed: int,
        seen: Mapping[tuple[str | int, ...], Mapping[Scalar, float]],
        automaton: Automaton,
        accepts: Callable[[str], bool],
        *,
        short: bool = False,
    ) -> str | None:
        """`text`, which `automaton` accepts, with values in the ruled fields of which all rules hold; see `Repair`.

        The first `fixed` characters stay. None if there are no such values, or none are found.
        """
        from constrain.ruled_repair import Repair

        root = tree_of(self.spec, text)
        if root is None:
            return None
        bounds = list(bounds_in(self.rules, root))
        if all(bound.holds() for bound in bounds) and accepts(text):
            return text
        if any(bound.is_settled(fixed) and not bound.holds() for bound in bounds):
            return None
        return Repair(automaton, text, fixed, bounds, seen, short=short).solved(accepts)


class Ruled(Spec):
    """The texts of `inner` whose values keep `rules`, the variables of which are paths to fields.

    `inner` is a form, a JSON schema or a Python type. The value is that of `inner`.
    """

    def __init__(self, inner: Spec, rules: Iterable[Rule]) -> None:
        own: list[tuple[Path, Rule]] = [((), rule) for rule in rules]
        if isinstance(inner, Ruled):
            own = [*inner.own, *own]
            inner = inner.given
        if not isinstance(inner, Form | JsonSchema):
            raise UnsupportedError(
                f"rules over {inner.describe()} are not supported",
                hint="they are about the fields of a Template, a JSON schema or a Python type",
            )
        self.given: Form | JsonSchema = inner
        self.own: list[tuple[Path, Rule]] = own
        self._book = Rulebook(inner, [*_carried(inner), *own])
        self.inner: Form | JsonSchema = inner
        if isinstance(inner, JsonSchema):
            schema = self._book.with_presence(inner.schema, closed=not inner.options.additional_properties_default)
            if schema is not inner.schema:
                self.inner = inner.with_schema(schema)

    @property
    def rulebook(self) -> Rulebook:
        return self._book

    def _language(self) -> Automaton:
        return self._book.presence() if isinstance(self.inner, Form) else self.inner.automaton

    @property
    def bounded(self) -> tuple[str, ...]:
        return self.inner.bounded

    @property
    def residual(self) -> bool:
        return True

    @property
    def whole(self) -> bool:
        return True

    def fault(self, text: str, *, complete: bool = True) -> tuple[int, int] | None:
        faults = [self._book.fault(text, complete=complete)]
        if self.inner.residual:
            faults.append(self.inner.fault(text, complete=complete))
        return min((fault for fault in faults if fault is not None), key=lambda fault: fault[1], default=None)

    def parse(self, text: str) -> Any:
        return self.inner.parse(text)

    def dumps(self, value: Any) -> str:
        return self._checked(value, self.inner.dumps(value))

    def describe(self) -> str:
        return f"{self.inner.describe()} where {self._book.names}"

    def explain(self) -> str:
        """The same, and each rule, with how it is enforced."""
        return "\n".join([super().explain(), *self._book.explained()])


def _carried(spec: Spec) -> list[tuple[Path, Rule]]:
    """The rules of a Python type itself."""
    return list(spec.carried) if isinstance(spec, PythonType) else []
