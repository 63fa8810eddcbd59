"""A model that knows nothing writes documents under many schemas; `jsonschema` reads them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from tokenizers import AddedToken

from constrain.constraint import compile
from constrain.engine.model import Model, from_transformers
from constrain.errors import ConstrainError
from constrain.specs import JsonSchema
from tests.constrain.json_documents import near
from tests.constrain.json_judge import repeats_a_name, verdict_of
from tests.constrain.json_schemas import random_schema
from tests.models import tiny_model
from tests.suite.official import DIALECTS, Group, groups, remotes
from tests.suite.verdicts import time_limit
from tests.tokenizers import KINDS, fast

__all__ = ["Challenge", "faults", "from_generator", "from_official_suite", "random_model"]

EOS, END_OF_TURN = 1, 3
CANVAS, ROOM, BATCH, SECONDS = 40, 120, 20, 30.0
JUNCTIONS = ('{"', '"}', '"},', '","', '": "', '": ', '"]', "}, {", "[[", "]]", "null", "-1", "0.", '"a', '"b"', "  }")
"""Tokens that span the places where one part of a document ends and another begins."""


@dataclass(frozen=True)
class Challenge:
    """A schema that some document satisfies, compiled, and its judge."""

    name: str
    schema: Any
    spec: JsonSchema
    is_valid: Callable[[Any], bool]


@cache
def random_model(kind: str = "gemma", sharpness: float = 1.0) -> Model:
    bare = KINDS[kind]()
    bare.add_tokens([AddedToken(text, normalized=False) for text in JUNCTIONS])
    tokenizer = fast(bare)
    network = tiny_model(
        vocab_size=len(tokenizer) + 5,
        canvas_length=CANVAS,
        sharpness=sharpness,
        eos_token_id=[EOS, END_OF_TURN],
        pad_token_id=0,
    )
    return from_transformers(network, tokenizer)


def from_generator(seeds: Iterable[int]) -> Iterator[Challenge | str]:
    """Random schemas for which a valid document turned up; of those that do not compile, why."""
    for seed in seeds:
        rng = Random(seed)
        schema = random_schema(rng)
        is_valid = verdict_of(schema)
        if any(is_valid(near(schema, rng)) for _ in range(10)):
            yield challenge(f"seed {seed}", schema, is_valid)


def from_official_suite(root: Path, count: int, seed: int = 0) -> Iterator[Challenge | str]:
    """Schemas of what the suite requires that have a valid instance, of all drafts; of those refused, why.

    Only those on which `jsonschema` gives the verdicts of the suite, since it is the judge.
    """
    satisfiable = [
        group
        for draft in DIALECTS
        for group in groups(root, draft, "main")
        if any(test["valid"] for test in group.tests)
    ]
    Random(seed).shuffle(satisfiable)
    drawn = 0
    for group in satisfiable:
        documents = remotes(root, group.draft)
        judge = verdict_of(group.schema, formats=False, documents=documents, dialect=DIALECTS[group.draft])
        if drawn < count and is_fit(judge, group):
            drawn += 1
            name = f"{group.draft}/{group.file}: {group.description}"
            yield challenge(name, group.schema, judge, formats="annotate", documents=documents)


def is_fit(judge: Callable[[Any], bool], group: Group) -> bool:
    """Whether the judge agrees with the suite: `jsonschema` knows no `\\p{Letter}`, for one."""
    try:
        return all(judge(test["data"]) == test["valid"] for test in group.tests)
    except Exception:  # whatever the judge stumbles over, it cannot judge
        return False


def challenge(name: str, schema: Any, is_valid: Callable[[Any], bool], **options: Any) -> Challenge | str:
    try:
        with time_limit(SECONDS):
            spec = JsonSchema(schema, **options)
            assert spec.automaton
    except (ConstrainError, TimeoutError) as error:
        return f"{name}: {type(error).__name__}: {error}".splitlines()[0]
    return Challenge(name, schema, spec, is_valid)


def faults(challenges: Sequence[Challenge], model: Model, *, passes: int, seed: int = 0) -> Iterator[str]:
    """What is wrong with the outputs after as many passes: each must be complete, valid, and repeat no name."""
    room = {each.name: max(ROOM, compile(each.spec, model.vocabulary).shortest + CANVAS) for each in challenges}
    ordered = sorted(challenges, key=lambda each: room[each.name])
    for chosen in (ordered[i : i + BATCH] for i in range(0, len(ordered), BATCH)):
        specs, tokens = [each.spec for each in chosen], max(room[each.name] for each in chosen)
        results = model.generate(["a"] * len(chosen), specs, max_passes=passes, max_new_tokens=tokens, seed=seed)
        for each, result in zip(chosen, results, strict=True):
            if result.error is not None:
                yield f"{each.name}: {type(result.error).__name__}: {result.error}\n  {json.dumps(each.schema)}"
            elif not result.complete:
                yield f"{each.name}: incomplete: {result.text}\n  {json.dumps(each.schema)}"
            elif repeats_a_name(result.text):
                yield f"{each.name}: a name is repeated: {result.text}\n  {json.dumps(each.schema)}"
            elif not each.is_valid(json.loads(result.text)):
                yield f"{each.name}: invalid: {result.text}\n  {json.dumps(each.schema)}"
