"""The synthetic tasks: what the splits promise, judged on drawn examples by json, jsonschema and brute force."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import product
from random import Random
from typing import Any

import jsonschema
import pytest

from constrain.engine import tasks_unseen_phrases
from constrain.engine.tasks import LABELS, SPLITS, TASKS, UNSEEN_NAMES, Example, example, examples, splits
from constrain.engine.tasks_kinds import KINDS
from constrain.engine.tasks_labels import CUES
from constrain.engine.tasks_patterns import FILES, patterns
from constrain.engine.tasks_records import Kind, chosen
from constrain.engine.tasks_sudoku import BOXES, solutions
from constrain.engine.tasks_values import Values, invented, is_unseen
from constrain.engine.tasks_wear import worn
from constrain.engine.tasks_words import TRAIN_WORDS, UNSEEN_WORDS
from constrain.specs import as_spec

COUNT = 200
PAIRS = [(task, split) for task in TASKS for split in splits(task)]
OBJECTS = ("extract", "nested", "fields")
EXTRA_SLOTS = {"contact": {"relation_word", "relation_title"}, "order": {"size_title"}}
SUDOKU = {"sudoku4": 4, "sudoku6": 6, "sudoku9": 9}


@pytest.fixture(scope="module")
def drawn() -> dict[tuple[str, str], list[Example]]:
    return {pair: examples(*pair, 30 if pair[0] == "sudoku9" else COUNT, seed=5) for pair in PAIRS}


def leaves(value: Any) -> Iterator[Any]:
    """The values of an object, those of objects and arrays inside it included."""
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, dict | list):
            yield from leaves(inner)
        else:
            yield inner


def test_every_task_has_training_and_unseen_values() -> None:
    assert {split for _, split in PAIRS} == set(SPLITS)
    assert all({"train", "values"} <= set(splits(task)) for task in TASKS)


def test_a_split_that_a_task_has_not_is_refused() -> None:
    with pytest.raises(ValueError, match=r"sudoku4 has no split 'names', but train, values"):
        example("sudoku4", "names", Random(0))


@pytest.mark.parametrize("task", TASKS)
def test_equal_arguments_give_equal_examples_and_others_others(task: str) -> None:
    first = [(each.prompt, each.answer) for each in examples(task, "train", 20, seed=7)]
    assert first == [(each.prompt, each.answer) for each in examples(task, "train", 20, seed=7)]
    assert first[:5] == [(each.prompt, each.answer) for each in examples(task, "train", 5, seed=7)]
    assert first != [(each.prompt, each.answer) for each in examples(task, "train", 20, seed=8)]
    assert first != [(each.prompt, each.answer) for each in examples(task, "values", 20, seed=7)]


@pytest.mark.parametrize("pair", [pair for pair in PAIRS if pair[0] in OBJECTS], ids="-".join)
def test_answers_are_canonical_json_of_targets_that_follow_their_schema(
    drawn: dict[tuple[str, str], list[Example]], pair: tuple[str, str]
) -> None:
    for each in drawn[pair]:
        assert each.answer == json.dumps(each.target)
        jsonschema.validate(each.target, each.spec, format_checker=jsonschema.FormatChecker())
        assert (each.prompt + each.answer).isascii()


@pytest.mark.parametrize("pair", [pair for pair in PAIRS if pair[0] in (*OBJECTS, "form")], ids="-".join)
def test_prompts_hold_every_value_as_the_answer_spells_it(
    drawn: dict[tuple[str, str], list[Example]], pair: tuple[str, str]
) -> None:
    said = {True: r"\b(yes|true)\b", False: r"\b(no|false)\b"}
    for each in drawn[pair]:
        for value in leaves(each.target):
            if isinstance(value, bool):
                assert re.search(said[value], each.prompt)
            elif value in LABELS:
                assert value in each.prompt.lower()
            else:
                assert str(value) in each.prompt


@pytest.mark.parametrize("pair", [pair for pair in PAIRS if pair[0] in ("fields", "form")], ids="-".join)
def test_prompts_name_every_field_in_order(drawn: dict[tuple[str, str], list[Example]], pair: tuple[str, str]) -> None:
    for each in drawn[pair]:
        names = ".*".join(re.escape(name.replace("_", " ")) for name in each.target)
        times = 2 if pair[0] == "form" else 1  # in the text, and in the form
        assert re.search(".*".join([names] * times), each.prompt.lower(), re.DOTALL)


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_specs_accept_the_answers_and_read_the_targets_from_them(
    drawn: dict[tuple[str, str], list[Example]], pair: tuple[str, str]
) -> None:
    for each in drawn[pair][:10]:
        spec = as_spec(each.spec)
        assert spec.accepts(each.answer)
        if pair[0] not in SUDOKU:
            assert spec.parse(each.answer) == each.target
        if each.shape is not None:
            assert as_spec(each.shape).accepts(each.answer)


def test_optional_fields_are_there_and_are_missing(drawn: dict[tuple[str, str], list[Example]]) -> None:
    for split in splits("extract"):
        for kind in KINDS:
            mine = [each for each in drawn["extract", split] if set(each.spec["properties"]) == set(kind.fields)]
            for name in kind.optional:
                there = sum(name in each.target for each in mine)
                assert 0 < there < len(mine)


def numbers(sample: list[Example]) -> set[int]:
    found = (value for each in sample for value in leaves(each.target))
    return {round(100 * n) if isinstance(n, float) else n for n in found if type(n) in (int, float) and n >= 10}


def words(sample: list[Example]) -> set[str]:
    found = (value for each in sample for value in leaves(each.target) if isinstance(value, str))
    shared = {*LABELS, "host", "speaker", "guest", "yes", "no", "true", "false"}
    return {
        value for value in found if value not in shared and not (set(value) <= set("0123456789.") and float(value) < 10)
    }


@pytest.mark.parametrize("task", [*OBJECTS, "form"])
def test_values_of_training_never_return(drawn: dict[tuple[str, str], list[Example]], task: str) -> None:
    seen = drawn[task, "train"]
    for split in splits(task)[1:]:
        unseen = drawn[task, split]
        assert not words(seen) & words(unseen)
        assert not numbers(seen) & numbers(unseen)
        assert len(words(unseen)) > COUNT / 2


def test_training_draws_no_held_out_number_and_the_others_only_such() -> None:
    seen, unseen = Values(Random(0), unseen=False), Values(Random(0), unseen=True)
    assert not any(is_unseen(seen.integer(0, 999)) for _ in range(500))
    assert all(n < 10 or is_unseen(n) for n in (unseen.integer(0, 999) for _ in range(500)))
    assert not {seen.date() for _ in range(500)} & {unseen.date() for _ in range(500)}


def test_word_lists_share_no_word_and_inventions_are_in_none() -> None:
    assert not {*TRAIN_WORDS.first, *TRAIN_WORDS.last} & {*UNSEEN_WORDS.first, *UNSEEN_WORDS.last}
    for pool in ("city", "item", "title", "place", "plain"):
        assert not set(getattr(TRAIN_WORDS, pool)) & set(getattr(UNSEEN_WORDS, pool))
    rng = Random(1)
    assert not {invented(rng) for _ in range(20_000)} & UNSEEN_WORDS.all()


def test_field_names_of_training_never_return(drawn: dict[tuple[str, str], list[Example]]) -> None:
    for task in ("fields", "form"):
        seen = {
            name for split in ("train", "values", "patterns") for each in drawn[task, split] for name in each.target
        }
        unseen = {name for each in drawn[task, "names"] for name in each.target}
        assert unseen <= set(UNSEEN_NAMES)
        assert not seen & unseen
        assert len(seen) > COUNT


def written_out(template: str) -> list[str]:
    parts = [part.split("|") for part in re.split(r"[\[\]]", template)]
    return ["".join(choice) for choice in product(*parts)]


def worded(template: str) -> list[list[str]]:
    return [re.findall(r"\{\w+\}|[\w']+", written.lower()) for written in written_out(template)]


FUNCTION_WORDS = set(
    re.findall(r"\w+", "a an and are at be by do for from has i in into is it of on one out that the this to us we")
)


@pytest.mark.parametrize("name", [*FILES, "clauses"])
def test_no_pattern_of_training_says_what_a_held_out_one_says(name: str) -> None:
    """None has all the telling words of one; if it has but one such word, none has that at the same place."""
    seen = [(set(words), " ".join(words), words) for line in patterns(name) for words in worded(line)]
    for held_out in getattr(tasks_unseen_phrases, name.upper()):
        for words in worded(held_out):
            telling = [word for word in words if word[0] != "{" and word not in FUNCTION_WORDS]
            placed = [word for word in words if word[0] == "{" or word in telling]
            for others, text, other in seen:
                assert len(telling) < 2 or not set(telling) <= others, (held_out, text)
                assert not telling or not is_subsequence(placed, other), (held_out, text)
                assert " ".join(words) not in text, (held_out, text)


SLOTS = {
    **{kind.name: {*kind.fields, *EXTRA_SLOTS.get(kind.name, ())} for kind in KINDS},
    "basket": {"customer", "lines"},
    "meeting": {"title", "day", "people"},
    "person": {"name", "number", "street", "city"},
    "clauses": {"n", "v"},
    "pairs": {"n", "s", "v"},
}


@pytest.mark.parametrize("name", SLOTS)
def test_patterns_have_slots_that_are_filled_each_once(name: str) -> None:
    whole = SLOTS[name] if name in ("basket", "meeting", "person", "clauses") else set()
    for line in patterns(name):
        assert re.fullmatch(r"(?:[^\[\]{}]|\{\w+\}|\[[^\[\]{}]*(?:\{\w+\}[^\[\]{}]*)*\])+", line), line
        for words in worded(line):
            slots = [word[1:-1] for word in words if word[0] == "{"]
            assert whole <= set(slots) <= SLOTS[name], line
            assert len(slots) == len(set(slots)) or name == "pairs", line


def test_worn_patterns_keep_their_slots_and_what_tells_two_cities_apart() -> None:
    rng, changed = Random(3), 0
    for name in FILES:
        for line in patterns(name):
            before = chosen(line, rng)
            after = worn(before, rng)
            changed += before != after
            assert re.findall(r"\{\w+\}", after) == re.findall(r"\{\w+\}", before)
            if name == "trip":
                assert is_subsequence(before.lower().split(), after.lower().split())
    assert changed > 80


def is_subsequence(few: list[str], many: list[str]) -> bool:
    rest = iter(many)
    return all(word in rest for word in few)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_lead_exists_for_every_set_of_fields(kind: Kind) -> None:
    required = set(kind.fields) - set(kind.optional)
    for leads in (kind.seen.leads, kind.unseen):
        assert any(set(re.findall(r"\{(\w+)\}", lead)) <= required for lead in leads)


def test_choices_are_taken_once_each() -> None:
    assert {chosen("[a|b] {x}[|!]", Random(seed)) for seed in range(40)} == {"a {x}", "b {x}", "a {x}!", "b {x}!"}


def test_flagship_sentences_can_be_drawn_in_training_patterns() -> None:
    contact, order = KINDS[0].seen.leads, KINDS[1].seen.leads
    assert any("{name}, {age}, lives in {city}" in written_out(lead) for lead in contact)
    assert any("Ship {quantity} {size} {item} to {customer}" in written_out(lead) for lead in order)
    assert {"Ada", "Nora"} <= set(UNSEEN_WORDS.first)
    assert {"Lovelace", "Quill"} <= set(UNSEEN_WORDS.last)
    assert "London" in UNSEEN_WORDS.city


@pytest.mark.parametrize("split", splits("classify"))
def test_labels_are_named_in_the_prompt_and_topics_have_cues_there(
    drawn: dict[tuple[str, str], list[Example]], split: str
) -> None:
    honest = 0
    topics = [each for each in drawn["classify", split] if each.target in CUES]
    for each in drawn["classify", split]:
        assert each.target in each.options
        assert all(option in each.prompt for option in each.options)
    for each in topics:
        cues = {label: sum(cue in re.findall(r"\w+", each.prompt) for cue in CUES[label]) for label in each.options}
        honest += cues[each.target] == max(cues.values())
    assert 0.75 < honest / len(topics) < 1  # some messages mislead, so that certainty would be wrong


@pytest.mark.parametrize("task", SUDOKU)
def test_sudokus_are_solved_by_their_answer_alone(drawn: dict[tuple[str, str], list[Example]], task: str) -> None:
    size = SUDOKU[task]
    rows, columns = BOXES[size]
    for split in splits(task):
        for each in drawn[task, split]:
            given = each.prompt.split("\n")[1:]
            solved = each.answer.split("\n")
            assert all(
                g in (".", s) for line, full in zip(given, solved, strict=True) for g, s in zip(line, full, strict=True)
            )
            boxes = [
                "".join(solved[top + r][left : left + columns] for r in range(rows))
                for top in range(0, size, rows)
                for left in range(0, size, columns)
            ]
            for unit in (*solved, *map("".join, zip(*solved, strict=True)), *boxes):
                assert sorted(unit) == [str(digit) for digit in range(1, size + 1)]


def test_small_sudokus_have_one_solution_by_brute_force(drawn: dict[tuple[str, str], list[Example]]) -> None:
    lines = ["".join(line) for line in product("1234", repeat=4) if len(set(line)) == 4]
    for each in drawn["sudoku4", "values"][:5]:
        given = each.prompt.split("\n")[1:]
        fitting = [
            [line for line in lines if all(g in (".", c) for g, c in zip(row, line, strict=True))] for row in given
        ]
        found = [grid for grid in product(*fitting) if is_sudoku(grid)]
        assert ["\n".join(grid) for grid in found] == [each.answer]


def is_sudoku(grid: tuple[str, ...]) -> bool:
    columns = ["".join(column) for column in zip(*grid, strict=True)]
    boxes = [grid[r][c : c + 2] + grid[r + 1][c : c + 2] for r in (0, 2) for c in (0, 2)]
    return all(len(set(unit)) == 4 for unit in (*columns, *boxes))


def test_solutions_are_counted_up_to_the_limit() -> None:
    assert solutions([[0] * 4 for _ in range(4)], limit=300) == 288  # all 4x4 Sudokus there are
    assert solutions([[0] * 4 for _ in range(4)]) == 2
    assert solutions([[1, 1, 0, 0], [0] * 4, [0] * 4, [2, 0, 0, 3]], limit=2) == 0


@pytest.mark.parametrize("task", SUDOKU)
def test_solved_grids_of_training_never_return(drawn: dict[tuple[str, str], list[Example]], task: str) -> None:
    seen, unseen = ({each.answer for each in drawn[task, split]} for split in ("train", "values"))
    assert not seen & unseen
