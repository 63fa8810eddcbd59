"""The synthetic tasks: what the splits promise, judged on thousands of drawn examples."""

import json
from typing import get_args

import pytest

from constrain.engine.tasks import (
    TEST_WORDS,
    TRAIN_WORDS,
    Contact,
    Event,
    Example,
    Order,
    Split,
    examples,
    patterns,
)

COUNT = 4000
KINDS = (Contact, Order, Event)
OPEN_FIELDS = {"name", "city", "item", "customer", "title", "place"}
OPTIONAL = {"relation", "customer", "place"}


@pytest.fixture(scope="module")
def drawn() -> dict[str, list[Example]]:
    return {split: examples(split, COUNT) for split in get_args(Split)}


def open_values(sample: list[Example]) -> dict[str, set[str]]:
    """The strings that occur in a sample, by pool: names and customers are one pool."""
    pools: dict[str, set[str]] = {}
    for example in sample:
        for field, value in example.target.items():
            if field in OPEN_FIELDS:
                pools.setdefault("name" if field == "customer" else field, set()).add(str(value))
    return pools


@pytest.mark.parametrize("split", get_args(Split))
def test_equal_arguments_give_equal_examples_and_other_seeds_others(split: Split) -> None:
    assert examples(split, 50, seed=7) == examples(split, 50, seed=7)
    assert examples(split, 50, seed=7) != examples(split, 50, seed=8)
    assert examples(split, 20, seed=7) == examples(split, 50, seed=7)[:20]


@pytest.mark.parametrize("split", get_args(Split))
def test_targets_are_what_the_type_makes_of_them(drawn: dict[str, list[Example]], split: Split) -> None:
    for example in drawn[split]:
        assert example.type.model_validate(example.target).model_dump(exclude_none=True) == example.target
        assert json.loads(example.answer) == example.target
        assert list(example.target) == [field for field in example.type.model_fields if field in example.target]
        assert (example.prompt + example.answer).isascii()


@pytest.mark.parametrize("split", get_args(Split))
def test_prompts_contain_every_value_verbatim(drawn: dict[str, list[Example]], split: Split) -> None:
    for example in drawn[split]:
        for field, value in example.target.items():
            if field in OPEN_FIELDS or isinstance(value, int):
                assert str(value) in example.prompt
            else:
                assert str(value) in example.prompt.lower()


@pytest.mark.parametrize("split", get_args(Split))
def test_every_type_is_drawn_with_and_without_its_optional_field(drawn: dict[str, list[Example]], split: Split) -> None:
    for kind in KINDS:
        mentions = [bool(OPTIONAL & set(example.target)) for example in drawn[split] if example.type is kind]
        assert len(mentions) > COUNT / 5
        assert 0.1 < sum(mentions) / len(mentions) < 0.9


@pytest.mark.parametrize("split", ["test", "hard"])
def test_values_of_training_never_return(drawn: dict[str, list[Example]], split: Split) -> None:
    seen, unseen = open_values(drawn["train"]), open_values(drawn[split])
    assert seen.keys() == unseen.keys()
    for pool in seen:
        assert not seen[pool] & unseen[pool], pool


@pytest.mark.parametrize("split", ["test", "hard"])
def test_single_names_of_training_never_return(drawn: dict[str, list[Example]], split: Split) -> None:
    seen = {word for name in open_values(drawn["train"])["name"] for word in name.split()}
    unseen = {word for name in open_values(drawn[split])["name"] for word in name.split()}
    assert not seen & unseen


def test_word_lists_share_no_name() -> None:
    assert not {*TRAIN_WORDS.first, *TRAIN_WORDS.last} & {*TEST_WORDS.first, *TEST_WORDS.last}
    for pool in ("city", "item", "title", "place"):
        assert not set(getattr(TRAIN_WORDS, pool)) & set(getattr(TEST_WORDS, pool))


def test_training_has_thousands_of_values_to_copy(drawn: dict[str, list[Example]]) -> None:
    pools = open_values(drawn["train"])
    assert len(pools["name"]) > 1500
    assert all(len(pools[pool]) > 400 for pool in ("city", "item", "title", "place"))


def test_hard_patterns_are_no_training_patterns() -> None:
    for kind in KINDS:
        assert patterns("test", kind) == patterns("train", kind)
        assert not set(patterns("hard", kind)) & set(patterns("train", kind))


def test_pattern_choices_are_written_out() -> None:
    for kind in KINDS:
        for pattern in (*patterns("train", kind), *patterns("hard", kind)):
            assert not set("[]|") & set(pattern)


def test_flagship_sentences_are_in_distribution() -> None:
    assert "{name}, {age}, lives in {city}." in patterns("test", Contact)
    assert {"Ada", "Nora"} <= set(TEST_WORDS.first)
    assert {"Lovelace", "Quill"} <= set(TEST_WORDS.last)
    assert "London" in TEST_WORDS.city
    assert "Ship {quantity} {size} {item} to {customer}." in patterns("test", Order)
