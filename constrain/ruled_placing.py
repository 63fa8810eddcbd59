"""Whether rules can speak of the fields that they name: at once, with the rule and the path of what cannot be."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from constrain.errors import SpecError, UnsupportedError
from constrain.field_paths import Field, Path, find_field, is_many, names_at, parse_path, path_text
from constrain.plain_text import PlainType
from constrain.relations import AllDifferent, Count, Equal, Greater, Less, Linear, Relation, Rule, Table
from constrain.ruled_checks import Filled, Placed
from constrain.ruled_trees import Scalar
from constrain.ruled_values import coding_of
from constrain.spec import Spec
from constrain.specs import JsonSchema, PythonType
from constrain.template import Form

__all__ = ["placed"]

_KNOWN = (AllDifferent, Count, Equal, Filled, Linear, Relation, Table)
_TEMPORAL = ("date", "date-time", "time")


def placed(spec: Spec, at: Path, rule: Rule) -> Placed:
    """`rule` at every value that `at` leads to, in the texts of `spec`, a form or a JSON schema.

    Raises `SpecError` for a path that no value has and fields of another type than the rule needs, `UnsupportedError`
    for what cannot be enforced.
    """
    if not isinstance(rule, _KNOWN):
        name = rule.describe() if isinstance(rule, Rule) else repr(rule)
        raise UnsupportedError(
            f"{name}: {type(rule).__name__} cannot be enforced across fields",
            keyword=type(rule).__name__,
            hint=f"there are {', '.join(kind.__name__ for kind in _KNOWN)}, Sum, Less, Greater and NotEqual",
        )
    paths, codings, defaults = [], [], []
    for name in rule.variables:
        field, path = _field(spec, rule, at, parse_path(name))
        _check_kind(rule, name, field)
        paths.append(path)
        codings.append(coding_of(field.kinds))
        defaults.append(_default(spec, rule, name, field))
    _check_rule(rule, [parse_path(name) for name in rule.variables], codings)
    if isinstance(spec, PythonType):
        from constrain.ruled_models import json_path

        at = json_path(spec.type, at)
    return Placed(rule, at, tuple(paths), tuple(codings), tuple(defaults))


def _field(spec: Spec, rule: Rule, at: Path, path: Path) -> tuple[Field, Path]:
    """What is known of a field, and its path in the text's own names."""
    whole = (*at, *path)
    if isinstance(spec, PythonType):
        from constrain.ruled_models import field_schema, json_path

        whole = json_path(spec.type, whole)
        field = find_field(field_schema(spec.adapter), whole)
    else:
        field = _form_field(spec, whole) if isinstance(spec, Form) else find_field(_schema_of(spec), whole)
    if field is None:
        names = list(spec.specs) if isinstance(spec, Form) else names_at(_schema_of(spec), whole)
        there = f"there are {', '.join(names[:9])}" if names else "list it in the schema"
        raise SpecError(
            f"{rule.describe()}: no value of {spec.describe()} has a field {path_text((*at, *path))}",
            keyword=path_text(path),
            hint=f"{there}; * is every item of an array or of a repeated section, as in lines.*.amount",
        )
    if isinstance(spec, JsonSchema) and not spec.options.formats:
        field = Field(frozenset("string" if kind in _TEMPORAL else kind for kind in field.kinds), field.optional)
    return field, whole[len(at) :]


def _schema_of(spec: Spec) -> Any:
    return spec.schema if isinstance(spec, JsonSchema) else {}


def _form_field(form: Form, path: Path) -> Field | None:
    """What stands in a hole; inside repeated sections a `*` or a number follows the name for each of them."""
    name, rest = path[0], path[1:]
    if name is None or name not in form.specs:
        return None
    for section in form.sections_around(name):
        if section.is_repeated:
            if not rest or not (rest[0] is None or rest[0].isdecimal()):
                return None
            rest = rest[1:]
    spec = form.specs[name]
    if isinstance(spec, PlainType):
        spec = spec.json
    if isinstance(spec, Form):
        return _form_field(spec, rest) if rest else Field(frozenset({"object"}))
    if isinstance(spec, PythonType):
        from constrain.ruled_models import field_schema

        return find_field(field_schema(spec.adapter), rest)
    return find_field(_schema_of(spec), rest) if isinstance(spec, JsonSchema) else Field(frozenset({"string"}))


def _check_kind(rule: Rule, name: str, field: Field) -> None:
    """Whether a rule can speak of fields of such kinds."""
    from constrain.ruled_models import CHANGED, MADE

    if MADE in field.notes and field.optional and not field.kinds & {"array", "object"}:
        raise UnsupportedError(
            f"{rule.describe()}: {name} has a default that is made when the value is read, which no rule knows",
            keyword=name,
            hint="give it a default, or none",
        )
    if isinstance(rule, Filled):
        return
    kinds = field.kinds - {"null"}
    if CHANGED in field.notes:
        raise UnsupportedError(
            f"{rule.describe()}: {name} is read as another text than is written (stripped, or in another case)",
            keyword=name,
        )
    if "float" in kinds:
        raise UnsupportedError(
            f"{rule.describe()}: {name} may be any floating-point number, and sums of these are not exact",
            keyword=name,
            hint="use integers, Decimal, or a multipleOf such as 0.01",
        )
    if not kinds or kinds & {"array", "object"}:
        what = "is no single value" if kinds else "has no type in the schema, or none that can be compared"
        raise SpecError(
            f"{rule.describe()}: {name} {what}", keyword=name, hint="name a number, a text, or what is inside it"
        )
    if isinstance(rule, Linear) and kinds & {"string", "boolean"}:
        raise SpecError(f"{rule.describe()}: {name} is no number and no date", keyword=name, hint="it has another type")
    if len(kinds) > 1 and ("number" in kinds or "boolean" in kinds) and kinds != {"integer", "number"}:
        raise UnsupportedError(
            f"{rule.describe()}: {name} may be of the types {', '.join(sorted(kinds))}, which are compared differently",
            keyword=name,
            hint="give it one type",
        )


def _check_rule(rule: Rule, paths: Sequence[Path], codings: Sequence[str]) -> None:
    if isinstance(rule, Linear | AllDifferent | Equal) and len(set(codings)) > 1:
        raise SpecError(
            f"{rule.describe()}: these fields are of different types ({', '.join(sorted(set(codings)))})",
            keyword=rule.variables[0],
        )
    if isinstance(rule, Linear) and "raw" in codings:
        raise SpecError(f"{rule.describe()}: these are not all numbers, or all dates", keyword=rule.variables[0])
    if isinstance(rule, Linear) and codings[0] != "number" and sorted(f for _, f in rule.terms) != [-1, 1]:
        raise UnsupportedError(
            f"{rule.describe()}: dates and times can be compared, but not added", keyword=rule.variables[0]
        )
    if not any(map(is_many, paths)):
        return
    names = [name for name, path in zip(rule.variables, paths, strict=True) if is_many(path)]
    if isinstance(rule, Linear) and rule.label in _orders(*rule.variables):
        raise UnsupportedError(
            f"{rule.describe()}: {names[0]} are several values",
            keyword=names[0],
            hint=f'Sum(["{names[0]}"], "<", ...) compares their sum',
        )
    if isinstance(rule, Table | Filled) or (isinstance(rule, Linear) and codings[0] != "number"):
        raise UnsupportedError(f"{rule.describe()}: {names[0]} are several values", keyword=names[0])


def _orders(*names: str) -> set[str]:
    """What `Less` and `Greater` over two names call themselves, which sums do not."""
    if len(names) != 2:
        return set()
    return {each.describe() for pair in (names, names[::-1]) for each in (Less(*pair), Greater(*pair))}


def _default(spec: Spec, rule: Rule, name: str, field: Field) -> Scalar:
    """What a missing field of a Python type is read as. In a schema, a default is a note."""
    if not isinstance(spec, PythonType) or not field.optional or isinstance(field.default, list | dict):
        return None
    if "number" in field.kinds and isinstance(field.default, str | float):
        return Decimal(str(field.default))
    return field.default  # type: ignore[no-any-return]  # what JSON has
