"""An outside opinion on JSON documents, and texts to ask it about."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from itertools import islice, permutations, product
from typing import Any

from jsonschema import Draft201909Validator, Draft202012Validator  # type: ignore[import-untyped]  # it ships no types
from jsonschema.validators import extend, validator_for  # type: ignore[import-untyped]
from referencing import Registry, Resource
from referencing.jsonschema import specification_with

from constrain.automaton import Automaton

__all__ = ["judge", "random_word", "repeats_a_name", "same", "spellings", "verdict_of"]

MAX_ARRANGEMENTS = 120
DIALECT = "https://json-schema.org/draft/2020-12/schema"

_UNEVALUATED = {"unevaluatedProperties": Draft202012Validator.VALIDATORS["unevaluatedProperties"]}
"""That of 2019-09 takes the keywords in `additionalProperties` for names of members (jsonschema 4.26)."""


def verdict_of(
    schema: Any, *, formats: bool = True, documents: Mapping[str, Any] | None = None, dialect: str = DIALECT
) -> Callable[[Any], bool]:
    """Whether `jsonschema` finds a value valid, under the draft that `$schema` names, `dialect` if it names none."""
    kind = validator_for(schema, default=validator_for({"$schema": dialect}))
    if kind is Draft201909Validator and isinstance(schema, dict):
        kind = extend(kind, _UNEVALUATED)
        schema = {keyword: value for keyword, value in schema.items() if keyword != "$schema"}
    default = specification_with(dialect)
    resources = {uri: Resource.from_contents(each, default) for uri, each in (documents or {}).items()}
    registry: Registry[Any] = Registry().with_resources(resources.items())
    checker = kind.FORMAT_CHECKER if formats else None
    return kind(schema, format_checker=checker, registry=registry).is_valid  # type: ignore[no-any-return]


def judge(schema: Any) -> Callable[[str], bool]:
    """Whether `jsonschema` finds a text valid, with formats asserted; it must be JSON at all."""
    is_valid = verdict_of(schema)
    return lambda text: is_valid(json.loads(text))


def repeats_a_name(text: str) -> bool:
    """Whether some object of a JSON text has two members of one name."""
    repeated = False

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal repeated
        repeated |= len(dict(pairs)) < len(pairs)
        return dict(pairs)

    json.loads(text, object_pairs_hook=members)
    return repeated


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal, true not being 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    return bool(one == other)


def arrangements(value: Any) -> Iterator[Any]:
    """The value with the members of its objects in every order; beyond 4 members, as they are, reversed and sorted."""
    match value:
        case list():
            yield from map(list, product(*map(some_arrangements, value)))
        case dict():
            orders = permutations(value) if len(value) <= 4 else iter([[*value], [*value][::-1], sorted(value)])
            for names in orders:
                for items in product(*(some_arrangements(value[name]) for name in names)):
                    yield dict(zip(names, items, strict=True))
        case _:
            yield value


def some_arrangements(value: Any) -> list[Any]:
    return list(islice(arrangements(value), MAX_ARRANGEMENTS))


def spellings(value: Any) -> Iterator[str]:
    """Texts of a JSON value: members in many orders, with and without white space, and once with escapes."""
    for arranged in some_arrangements(value):
        yield json.dumps(arranged, ensure_ascii=False)
        yield json.dumps(arranged, ensure_ascii=False, separators=(",", ":"))
    yield json.dumps(value)


def random_word(automaton: Automaton, rng: random.Random, length: int = 40) -> bytes:
    """An accepted string: `length` random steps (any byte that is allowed, edge first), then the shortest way out."""
    state, word = 0, bytearray()
    while True:
        if automaton.accepting[state] and (len(word) >= length or rng.random() < 0.1):
            return bytes(word)
        edges = automaton.edges[state]
        if len(word) >= length:
            edges = [edge for edge in edges if automaton.distance[edge[1]] < automaton.distance[state]]
        if not edges:
            return bytes(word)
        mask, state = rng.choice(edges)
        word.append(rng.choice([byte for byte in range(256) if mask >> byte & 1]))
