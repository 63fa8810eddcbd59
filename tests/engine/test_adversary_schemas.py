"""Whatever the schema, what a model that knows nothing writes under it is valid.

    pytest -m slow tests/engine/test_adversary_schemas.py

`python tests/bench/suite.py --adversary 300` does the same under schemas of the official test suite.
"""

from __future__ import annotations

from functools import cache
from itertools import count, islice

import pytest

from tests.suite.adversary import Challenge, faults, from_generator, random_model


@cache
def challenges(number: int) -> tuple[Challenge, ...]:
    """The first satisfiable schemas of the generator that compile, which nearly all do."""
    found = from_generator(count(200_000))
    drawn = list(islice(found, number))
    kept = tuple(each for each in drawn if isinstance(each, Challenge))
    assert len(kept) >= 0.95 * number, [each for each in drawn if isinstance(each, str)]
    return kept


@pytest.mark.parametrize("passes", [1, 2])
def test_outputs_under_some_schemas_are_valid(passes: int) -> None:
    assert not list(faults(challenges(30), random_model(), passes=passes))


@pytest.mark.slow
@pytest.mark.parametrize("sharpness", [1.0, 30.0])
@pytest.mark.parametrize("passes", [1, 2, 8])
def test_outputs_under_300_schemas_are_valid(passes: int, sharpness: float) -> None:
    assert not list(faults(challenges(300), random_model(sharpness=sharpness), passes=passes, seed=passes))
