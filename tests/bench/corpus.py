"""Schemas as real projects write them, and ones that hurt compilers, each with documents that it admits.

All written for this project: `tests/cases/schemas/*.json` after the shape of what their names recall (resources of a
cluster, a workflow, a webhook, configuration files, the description of a service), `tests/cases/function_calls.jsonl`
after the parameters of functions that language models are given, and `large_schemas` by functions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from tests.bench.large_schemas import large_schemas
from tests.constrain.json_documents import mutated

__all__ = ["Entry", "corpus"]

CASES = Path(__file__).parents[1] / "cases"


@dataclass(frozen=True)
class Entry:
    """A schema with `valid` documents; `documents` are the schemas that it refers to, by URI."""

    name: str
    kind: str
    schema: Any
    valid: tuple[Any, ...]
    documents: Mapping[str, Any] = field(default_factory=dict)

    def candidates(self, count: int = 12) -> list[Any]:
        """The valid documents, and `count` made from each by one or two changes: mostly invalid, for a judge to say."""
        rng = Random(self.name)
        changed = [mutated(document, rng) for document in self.valid for _ in range(count)]
        return [*self.valid, *(mutated(each, rng) if rng.random() < 0.3 else each for each in changed)]


@cache
def corpus() -> dict[str, Entry]:
    """Every entry, by name."""
    found = {entry.name: entry for entry in entries()}
    assert len(found) == sum(1 for _ in entries()), "two entries have one name"
    return found


def entries() -> Iterator[Entry]:
    for name, schema, valid, documents in large_schemas():
        yield Entry(name, "large", schema, valid, documents)
    for path in sorted((CASES / "schemas").glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        yield Entry(path.stem, "realistic", record["schema"], tuple(record["valid"]))
    for line in (CASES / "function_calls.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        yield Entry(record["name"], "function call", record["schema"], tuple(record["valid"]))
