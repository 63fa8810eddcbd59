"""The benchmarks run, on sizes at which their numbers mean nothing."""

from __future__ import annotations

import json

import jsonschema  # type: ignore[import-untyped]  # it ships no types
import pytest
import typer
from typer.testing import CliRunner, Result

from constrain.vocabulary import Vocabulary
from tests.bench import accuracy, compile, step
from tests.bench.schemas import ANSWERS, DOCUMENTS, SCHEMAS, resized


def run(main: object, *arguments: str) -> Result:
    app = typer.Typer()
    app.command()(main)  # type: ignore[type-var]  # any function is a command
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return result


@pytest.mark.parametrize("name", SCHEMAS)
def test_answers_fit_their_schemas_and_documents_are_of_both_kinds(name: str) -> None:
    check = jsonschema.Draft202012Validator(SCHEMAS[name], format_checker=jsonschema.FormatChecker())
    check.validate(ANSWERS[name])
    assert {check.is_valid(json.loads(text)) for text in DOCUMENTS[name]} == {True, False}


def test_a_vocabulary_grows_by_distinct_tokens_and_shrinks_from_the_end() -> None:
    vocabulary = Vocabulary([b"a", b"b", None], [2])
    assert resized(vocabulary, 3) == vocabulary
    larger = resized(vocabulary, 7)
    assert larger.tokens[:3] == vocabulary.tokens
    assert set(larger.tokens[3:]) == {b"aa", b"ab", b"ba", b"bb"}
    assert resized(larger, 4).tokens == larger.tokens[:4]


def test_step_prints_one_ratio_as_json_and_parts_as_a_table() -> None:
    small = ("--schema", "optional", "--length", "48", "--size", "1500", "--repeats", "1", "--threads", "1")
    result = json.loads(run(step.main, *small, "--json").stdout)
    assert result["ratio"] == max(result["peaked"]["ratio"], result["random"]["ratio"]) > 0
    parts = result["random"]["parts"]
    assert set(parts) == set(step.PARTS.values())
    assert 0 < sum(parts.values()) <= result["random"]["ours"] * 1.01
    assert "joint sample" in run(step.main, *small, "--cpu").stdout


def test_compile_compares_both_sides_in_speed_size_and_verdicts() -> None:
    small = ("--schemas", "optional", "--size", "1500", "--repeats", "1")
    row = json.loads(run(compile.main, *small, "--json").stdout)["schemas"]["optional"]
    assert row["ratio"] == pytest.approx(row["constrain"]["total"] / row["outlines-core"]["total"])
    assert row["constrain"]["token edges"] > row["constrain"]["class edges"] > row["constrain"]["states"] > 0
    assert row["outlines-core"]["token edges"] > row["outlines-core"]["states"] > 0
    assert row["verdicts"]["constrain"] == row["verdicts"]["of"] == len(DOCUMENTS["optional"])


def test_accuracy_scores_both_sides_on_both_splits() -> None:
    small = ("--count", "4", "--budgets", "1,2", "--batch", "2", "--threads", "1")
    rows = json.loads(run(accuracy.main, *small, "--json").stdout)["scores"]
    assert [(row["split"], row["budget"], row["constrained"]) for row in rows] == [
        (split, budget, side) for split in ("test", "hard") for budget in (1, 2) for side in (True, False)
    ]
    assert all(row["valid"] == row["count"] == 4 for row in rows if row["constrained"])
    assert all(row["correct"] <= row["valid"] and row["mean_passes"] <= row["budget"] for row in rows)
    assert "95%" in run(accuracy.main, "--count", "1", "--budgets", "1", "--threads", "1").stdout


@pytest.mark.parametrize(("hits", "low", "high"), [(0, 0.0, 0.0370), (50, 0.4038, 0.5962), (100, 0.9630, 1.0)])
def test_wilson_intervals_of_100_are_the_published_ones(hits: int, low: float, high: float) -> None:
    assert accuracy.wilson(hits, 100) == pytest.approx((low, high), abs=1e-4)
