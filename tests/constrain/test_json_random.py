"""Random schemas of every draft against `jsonschema`: documents near them, and random words of their automata.

    pytest -m slow tests/constrain/test_json_random.py -s

A valid document has a text, which is accepted and reads back as the document; an invalid one has none, whatever the
order of its members. Every accepted word is valid and repeats no name. A document nested deeper than the language is
bounded to does not count; that is three levels, or fewer where the automaton would grow too large.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

import pytest

from constrain.errors import LimitError, SpecError, UnsatisfiableError
from constrain.specs import JsonSchema
from tests.constrain.json_documents import mutated, near, random_document
from tests.constrain.json_judge import random_word, repeats_a_name, verdict_of
from tests.constrain.json_schemas import random_schema
from tests.constrain.json_shrink import shrunk
from tests.suite.verdicts import Verdict, judge_instance, time_limit

PAIRS, WORDS, DEPTH, SECONDS = 5, 6, 3, 30.0


@dataclass
class Report:
    """What was tried, what was refused and why, and what went wrong, in words that can be pasted."""

    pairs: int = 0
    words: int = 0
    valid: int = 0
    schemas: int = 0
    refused: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def nesting(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(nesting, inner), default=0)


def documents_for(schema: Any, rng: Random) -> Iterator[Any]:
    """Three near the schema, one of them with something changed, and one without any thought of it."""
    made = [
        near(schema, rng),
        near(schema, rng),
        near(schema, rng),
        mutated(near(schema, rng), rng),
        random_document(rng),
    ]
    yield from (document if nesting(document) <= DEPTH else random_document(rng, 1) for document in made)


def compiled(schema: Any) -> tuple[JsonSchema | None, int]:
    """The spec, or None if no document satisfies it, and how deep it goes."""
    for depth in range(DEPTH, 0, -1):
        with suppress(LimitError):
            return bounded(schema, depth), depth
    return bounded(schema, 0), 0


def bounded(schema: Any, depth: int) -> JsonSchema | None:
    try:
        with time_limit(SECONDS):
            spec = JsonSchema(schema, max_depth=depth)
            assert spec.automaton
            return spec
    except UnsatisfiableError:
        return None


def fault_of(spec: JsonSchema | None, document: Any, valid: bool) -> str | None:
    """How the spec and the judge disagree about the document, if they do."""
    if spec is None:
        return "valid, but the schema is said to be unsatisfiable" if valid else None
    with time_limit(SECONDS):
        verdict, text, message = judge_instance(spec, document, valid)
    return None if verdict is Verdict.RIGHT else f"{verdict}: {text} {message}"


def fault_of_word(spec: JsonSchema, is_valid: Callable[[Any], bool], rng: Random) -> str | None:
    """What is wrong with a random word of the automaton, if it is accepted and anything is."""
    with time_limit(SECONDS):
        text = random_word(spec.automaton, rng, rng.choice([0, 5, 20, 40])).decode()
        if not spec.accepts(text):
            return None
    if repeats_a_name(text):
        return f"a word repeats a name: {text}"
    return None if is_valid(json.loads(text)) else f"an invalid word: {text}"


def is_faulty(schema: Any, document: Any) -> bool:
    try:
        spec, depth = compiled(schema)
        if not isinstance(schema, dict) or nesting(document) > depth:
            return False
        return fault_of(spec, document, verdict_of(schema)(document)) is not None
    except Exception:  # a smaller schema may have no meaning, to either side
        return False


def examine(seed: int, report: Report) -> None:
    """One schema, `PAIRS` documents and `WORDS` words."""
    rng = Random(seed)
    schema = random_schema(rng)
    report.schemas += 1
    documents = list(documents_for(schema, rng))
    try:
        spec, depth = compiled(schema)
    except (SpecError, LimitError) as error:
        report.refused.append(f"{seed}: {str(error).splitlines()[0]}")
        return
    documents = [document for document in documents if nesting(document) <= depth]
    report.pairs += len(documents)
    is_valid = verdict_of(schema)
    for document in documents:
        valid = is_valid(document)
        report.valid += valid
        fault = fault_of(spec, document, valid)
        if fault is not None:
            smaller = shrunk(schema, partial(is_faulty, document=document))
            small = shrunk(document, partial(is_faulty, smaller))
            shown = json.dumps(smaller), json.dumps(small)
            report.faults.append(f"{seed}: {fault}\n  schema:   {shown[0]}\n  document: {shown[1]}")
    for _ in range(WORDS if spec is not None else 0):
        assert spec is not None
        report.words += 1
        fault = fault_of_word(spec, is_valid, rng)
        if fault is not None:
            report.faults.append(f"{seed}: {fault}\n  schema:   {json.dumps(schema)}")


def assert_agreement(seeds: range) -> None:
    report = Report()
    for seed in seeds:
        try:
            examine(seed, report)
        except Exception as error:
            report.faults.append(f"{seed}: {type(error).__name__}: {error}")
    print(
        f"\n{report.schemas} schemas, {report.pairs} documents ({report.valid} valid), {report.words} words; "
        f"{len(report.refused)} schemas refused"
    )
    print(*report.refused, *report.faults, sep="\n")
    assert not report.faults, "\n".join(report.faults)
    assert report.valid > report.pairs / 4
    assert len(report.refused) <= max(1, 0.03 * report.schemas), "\n".join(report.refused)


@pytest.mark.parametrize("part", range(4))
def test_no_disagreement(part: int) -> None:
    assert_agreement(range(100_000 + 25 * part, 100_000 + 25 * (part + 1)))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(20))
def test_sweep(part: int) -> None:
    """5,000 pairs in all, even with 3% of the schemas refused."""
    assert_agreement(range(52 * part, 52 * (part + 1)))


@pytest.mark.parametrize("seed", range(5))
def test_what_is_shrunk_is_still_at_fault(seed: int) -> None:
    schema = random_schema(Random(seed))
    found = shrunk({"extra": schema, "inner": [1, {"q": 96}]}, lambda value: "96" in json.dumps(value))
    assert found == {"q": 96}


def test_limits_in_time_are_errors() -> None:
    with pytest.raises(TimeoutError, match="more than 0"), time_limit(0.01):
        time.sleep(5)
