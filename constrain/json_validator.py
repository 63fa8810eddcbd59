"""The validator of `jsonschema`, with our reading of patterns and errors where they belong.

`jsonschema` looks for patterns with `re`, which cannot read all that ECMA-262 allows and reads some of it otherwise. So
the rules that look for patterns are replaced: `pattern`, `patternProperties`, `additionalProperties` and
`unevaluatedProperties`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, TypeAlias

import jsonschema  # type: ignore[import-untyped]
from jsonschema.exceptions import FormatError, ValidationError  # type: ignore[import-untyped]
from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]
from referencing.jsonschema import lookup_recursive_ref, specification_with

from constrain.json_patterns import finds

__all__ = ["Validator"]

_DIALECTS: Final = {
    "4": "http://json-schema.org/draft-04/schema",
    "6": "http://json-schema.org/draft-06/schema",
    "7": "http://json-schema.org/draft-07/schema",
    "2019-09": "https://json-schema.org/draft/2019-09/schema",
    "2020-12": "https://json-schema.org/draft/2020-12/schema",
}

_DRAFTS: Final = {dialect: draft for draft, dialect in _DIALECTS.items()}

_Find: TypeAlias = Callable[[str, str], bool]
"""Whether a pattern is found in a text."""

_Rule: TypeAlias = Callable[..., Any]


class Validator:
    """What `jsonschema` says of values under `schema`, both as ECMA-262 and as Python read its patterns.

    `draft` is "4", "6", "7", "2019-09" or "2020-12". `documents` are the schemas that may be referred to by absolute
    URI. `format_is_right(name, value)` decides `format`; without it formats assert nothing.
    """

    def __init__(
        self,
        schema: Mapping[str, Any] | bool,
        draft: str,
        documents: Mapping[str, Any],
        format_is_right: Callable[[str, str], bool] | None,
    ) -> None:
        default = specification_with(_DIALECTS[draft])
        resources = []
        for uri, document in documents.items():
            own = document.get("$schema") if isinstance(document, Mapping) else None
            specification = specification_with(own, default=default) if isinstance(own, str) else default
            resources.append((uri, specification.create_resource(document)))
        registry = REGISTRY.with_resources(resources)
        formats = None if format_is_right is None else _Formats(format_is_right)
        self._is_disputed = False
        self._ecma, self._python = (
            _Classes(find)[draft](schema, registry=registry, format_checker=formats)
            for find in (self._as_ecma, _as_python)
        )

    def errors(self, value: Any) -> Iterator[Any]:
        """The errors of `jsonschema` in the value; some may come twice."""
        yield from self._ecma.iter_errors(value)
        if self._is_disputed:
            yield from self._python.iter_errors(value)

    def _as_ecma(self, pattern: str, text: str) -> bool:
        """Notes whether there was ever a text that the two read differently: until then one reading says all."""
        ecma, python = finds(pattern, text)
        self._is_disputed |= ecma != python
        return ecma


def _as_python(pattern: str, text: str) -> bool:
    return finds(pattern, text)[1]


class _Formats:
    """What `jsonschema` calls a format checker."""

    def __init__(self, is_right: Callable[[str, str], bool]) -> None:
        self.is_right = is_right

    def check(self, instance: object, format: str) -> None:  # noqa: A002 # `jsonschema` passes it by position
        if isinstance(instance, str) and not self.is_right(format, instance):
            raise FormatError(f"{instance!r} is not a {format!r}")


class _Classes(dict[str, Any]):
    """The classes of validators by draft. Inside a schema that declares another draft, that one's is used."""

    def __init__(self, find: _Find) -> None:
        self.find = find

    def __missing__(self, draft: str) -> Any:
        base = getattr(jsonschema, f"Draft{draft.replace('-', '')}Validator")
        changed = jsonschema.validators.extend(base, {**_rules(draft), **_pattern_rules(draft, self.find)})

        def evolve(validator: Any, **changes: Any) -> Any:
            schema = changes.get("schema", validator.schema)
            declared = schema.get("$schema") if isinstance(schema, Mapping) else None
            own = _DRAFTS.get(declared.rstrip("#")) if isinstance(declared, str) else None
            return (type(validator) if own is None else self[own])(
                schema,
                registry=validator._registry,
                format_checker=validator.format_checker,
                _resolver=changes.get("_resolver", validator._resolver),
            )

        changed.evolve = evolve  # the inherited one would go back to the classes of `jsonschema`
        self[draft] = changed
        return changed


@lru_cache
def _rules(draft: str) -> Mapping[str, _Rule]:
    """The rules that are changed for other reasons than patterns.

    A rule that depends on other parts of an object or array (`if`, `dependentSchemas`) is at fault as a whole: what one
    of its consequences says of a member is no fault of a text that stops behind that member.
    """
    rules = getattr(jsonschema, f"Draft{draft.replace('-', '')}Validator").VALIDATORS

    def as_a_whole(rule: _Rule) -> _Rule:
        def judge(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
            if context := list(rule(validator, value, instance, schema) or ()):
                yield ValidationError(context[0].message, context=context)

        return judge

    def type_or_null(validator: Any, types: Any, instance: Any, schema: Any) -> Any:
        if instance is None and schema.get("nullable") is True:
            return ()
        return rules["type"](validator, types, instance, schema)

    def multiple(validator: Any, divisor: Any, instance: Any, schema: Any) -> Iterator[Any]:
        try:
            yield from rules["multipleOf"](validator, divisor, instance, schema) or ()
        except OverflowError:  # an integer beyond floats, or infinity
            yield ValidationError(f"{instance!r} is too large to be divided by {divisor!r}")

    changed = {name: as_a_whole(rules[name]) for name in ("if", "dependencies", "dependentSchemas") if name in rules}
    return {**changed, "type": type_or_null, "multipleOf": multiple}


def _pattern_rules(draft: str, find: _Find) -> Mapping[str, _Rule]:
    """The rules that look for patterns, by `find`."""
    specification = specification_with(_DIALECTS[draft])

    def pattern(validator: Any, value: str, instance: Any, schema: Any) -> Iterator[Any]:
        if isinstance(instance, str) and not find(value, instance):
            yield ValidationError(f"{value!r} is not found in {instance!r}")

    def pattern_members(validator: Any, patterns: Mapping[str, Any], instance: Any, schema: Any) -> Iterator[Any]:
        for each, inner in patterns.items() if isinstance(instance, dict) else ():
            for name, value in instance.items():
                if find(each, name):
                    yield from validator.descend(value, inner, path=name, schema_path=each)

    def additional(schema: Mapping[str, Any], instance: Mapping[str, Any]) -> list[str]:
        patterns = schema.get("patternProperties", ())
        others = (name for name in instance if name not in schema.get("properties", ()))
        return [name for name in others if not any(find(each, name) for each in patterns)]

    def additional_members(validator: Any, inner: Any, instance: Any, schema: Any) -> Iterator[Any]:
        for name in additional(schema, instance) if isinstance(instance, dict) else ():
            yield from validator.descend(instance[name], inner, path=name)

    def evaluated(validator: Any, instance: Mapping[str, Any], schema: Any) -> Iterator[str]:
        """The members that the keywords of a schema, of which the object is valid, speak of."""
        if isinstance(schema, bool):
            return
        for resolved in _referred(validator, schema):
            there = validator.evolve(schema=resolved.contents, _resolver=resolved.resolver)
            yield from evaluated(there, instance, resolved.contents)
        yield from schema.get("properties", ())
        yield from (name for each in schema.get("patternProperties", ()) for name in instance if find(each, name))
        if "additionalProperties" in schema:
            yield from additional(schema, instance)
        for below in _in_place(validator, instance, schema):
            resolver = validator._resolver.in_subresource(specification.create_resource(below))
            yield from evaluated(validator.evolve(schema=below, _resolver=resolver), instance, below)
        if "unevaluatedProperties" in schema:
            yield from instance

    def unevaluated_members(validator: Any, inner: Any, instance: Any, schema: Any) -> Iterator[Any]:
        if isinstance(instance, dict):
            others = {keyword: value for keyword, value in schema.items() if keyword != "unevaluatedProperties"}
            known = set(evaluated(validator, instance, others))
            wrong = [name for name in instance if name not in known and not _is_valid(validator, instance[name], inner)]
            if wrong:
                yield ValidationError(f"{', '.join(wrong)}: unevaluated, and wrong")

    rules: dict[str, _Rule] = {
        "pattern": pattern,
        "patternProperties": pattern_members,
        "additionalProperties": additional_members,
    }
    if draft in ("2019-09", "2020-12"):
        rules["unevaluatedProperties"] = unevaluated_members
    return rules


def _referred(validator: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
    """What references beside other keywords lead to."""
    for keyword in ("$ref", "$dynamicRef"):
        if keyword in schema:
            yield validator._resolver.lookup(schema[keyword])
    if "$recursiveRef" in schema:
        yield lookup_recursive_ref(validator._resolver)


def _in_place(validator: Any, instance: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterable[Any]:
    """The subschemas for the object itself that hold of it."""
    holding = [each for keyword in ("allOf", "anyOf", "oneOf") for each in schema.get(keyword, ())]
    holding += [each for name, each in schema.get("dependentSchemas", {}).items() if name in instance]
    if "if" in schema:
        is_so = _is_valid(validator, instance, schema["if"])
        holding += [schema["if"]] if is_so else []
        holding += [schema[keyword] for keyword in ("then" if is_so else "else",) if keyword in schema]
    return (each for each in holding if _is_valid(validator, instance, each))


def _is_valid(validator: Any, value: Any, schema: Any) -> bool:
    return next(iter(validator.descend(value, schema)), None) is None
