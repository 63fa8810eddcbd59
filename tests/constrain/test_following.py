"""Which bytes follow a terminal, against texts that are derived."""

from __future__ import annotations

from itertools import pairwise

import pytest

from constrain.context_free import Choice, Reference, Repetition, Rules, Sequenced
from constrain.following import following
from tests.constrain.test_context_free import all_texts, letter, random_rules

A, B, C = map(letter, "abc")


@pytest.mark.parametrize("seed", range(200))
def test_all_that_is_seen_to_follow_is_known(seed: int) -> None:
    rules = random_rules(seed)
    known = following(rules)
    for text in all_texts(rules):
        for one, after in pairwise(text):
            assert ord(after) in known[one]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (Sequenced((A, Repetition(B, 0, 1), C)), {"a": "bc", "b": "c", "c": "_"}),
        (Repetition(Sequenced((A, B)), 1, None), {"a": "b", "b": "a_"}),
        (Repetition(Choice((A, B)), 0, 1), {"a": "_", "b": "_"}),
        (Sequenced((A, Repetition(B, 0, 0), C)), {"a": "c", "c": "_"}),
        (Choice((Sequenced((A, Reference("X"), B)), C)), {"a": "ac", "b": "b_", "c": "b_"}),
    ],
)
def test_no_more_than_that(body: Sequenced | Choice | Repetition, expected: dict[str, str]) -> None:
    rules = Rules("X", {"X": body}, letter("_").automaton)
    assert following(rules) == {label: frozenset(found.encode()) for label, found in expected.items()}
