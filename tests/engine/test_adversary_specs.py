"""Whatever the model prefers, outputs are in the grammar, fill the form, and have the length that was asked for.

As `test_adversary` for schemas and patterns: the models have random weights, or insist on what is of no use. The judges
are Lark, `jsonschema`, `re` and `len`. The whole sweep takes some time:

    pytest -m slow tests/engine/test_adversary_specs.py
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import pytest
import torch
from torch import Tensor

from constrain.engine.model import Model
from constrain.specs import Regex
from constrain.text_lengths import Text
from tests.engine.test_adversary import CANVAS, disturbed, insisting_on, random_model
from tests.specs_judge import SpecCase, spec_cases

QUICK = tuple(case for case in spec_cases() if case.quick)
COUNTS = (1, 5, 32, 140, 280)


def faults(cases: Sequence[SpecCase], model: Model, **options: Any) -> Iterator[str]:
    """What is wrong with the output under each case, where something is."""
    for room, group in groupby(sorted(cases, key=lambda case: case.room), lambda case: case.room):
        chosen = list(group)
        results = model.generate(
            ["the name"] * len(chosen), [case.spec for case in chosen], max_new_tokens=room, **options
        )
        for case, result in zip(chosen, results, strict=True):
            try:
                assert len(result.token_ids) <= room
                assert case.holds(result.text, result.value, len(result.token_ids)), "the judge says no"
            except Exception as error:  # whatever goes wrong is the finding
                yield f"{case.name}: {result.text!r}: {type(error).__name__}: {error}"


def test_there_are_enough_cases() -> None:
    assert len({case.name for case in spec_cases()}) == len(spec_cases()) >= 40


@pytest.mark.parametrize("case", spec_cases(), ids=lambda case: case.name)
def test_the_judges_refuse_what_is_wrong(case: SpecCase) -> None:
    with pytest.raises((AssertionError, ValueError, TypeError)):
        assert case.holds('\x00 ("', None, 61)


@pytest.mark.parametrize(("kind", "passes"), [("gpt2", 1), ("gemma", 2)])
def test_outputs_are_valid(kind: str, passes: int) -> None:
    assert not list(faults(QUICK, random_model(kind), max_passes=passes))


@pytest.mark.parametrize("favourite", ["(", "9"])
def test_outputs_of_a_model_that_insists_on_one_token_are_valid(favourite: str) -> None:
    assert not list(faults(QUICK, insisting_on("gpt2", favourite), max_passes=1))


def fragments(kind: str) -> Model:
    """A model that always prefers tokens of characters of many bytes, most of which hold but a part of one."""
    tokens = random_model(kind).vocabulary.tokens
    preferred = [n for n, token in enumerate(tokens) if token and min(token) > 127]
    assert len([n for n in preferred if len(tokens[n] or b"") == 1]) == 128 < len(preferred)

    def change(logits: Tensor) -> Tensor:
        logits[..., preferred] += 100.0 + torch.arange(len(preferred)) % 7
        return logits

    return disturbed(kind, change)


@pytest.mark.parametrize("passes", [1, 2])
@pytest.mark.parametrize("kind", CANVAS)
def test_numbers_of_characters_are_hit_by_a_model_that_prefers_many_bytes(kind: str, passes: int) -> None:
    results = fragments(kind).generate(["x"] * 5, [Text(chars=count) for count in COUNTS], max_passes=passes)
    assert [len(result.text) for result in results] == list(COUNTS)
    assert all(len(result.text.encode()) >= 2 * len(result.text) for result in results)
    assert results[-1].canvases > 2


@pytest.mark.parametrize("kind", CANVAS)
def test_numbers_of_characters_are_hit_where_each_must_have_many_bytes(kind: str) -> None:
    wide = Regex(r"[^\x00-\x7f]*")
    results = random_model(kind).generate(["x"] * 5, [wide & Text(chars=count) for count in COUNTS], max_passes=1)
    assert [len(result.text) for result in results] == list(COUNTS)
    assert all(character > "\x7f" for result in results for character in result.text)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("passes", [1, 2, 48])
@pytest.mark.parametrize("kind", CANVAS)
def test_sweep(kind: str, passes: int, seed: int) -> None:
    some = random_model(kind, sharpness=30.0 if seed % 2 else 1.0)
    assert not list(faults(spec_cases(), some, max_passes=passes, seed=seed))
