"""The benchmarks run, on sizes at which their numbers mean nothing."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]  # it ships no types
import pytest
import typer
from typer.testing import CliRunner, Result

from constrain.grammar import Grammar
from constrain.vocabulary import Vocabulary
from tests.bench import compile, grammars, head, large, speed, step
from tests.bench.corpus import corpus
from tests.bench.schemas import ANSWERS, DOCUMENTS, SCHEMAS, resized
from tests.bench.varied import summary, varied_schemas
from tests.bench.worker import LostError, Worker
from tests.constrain.json_judge import verdict_of


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


def test_step_prints_one_ratio_per_case_as_json_and_parts_as_a_table() -> None:
    small = ("--cases", "optional,random-50", "--length", "48", "--size", "1500", "--repeats", "1", "--threads", "1")
    result = json.loads(run(step.main, *small, "--json").stdout)
    assert list(result["cases"]) == ["optional", "random-50"]
    for row in result["cases"].values():
        assert row["ratio"] == max(row["peaked"]["ratio"], row["random"]["ratio"]) > 0
        parts = row["random"]["parts"]
        assert set(parts) == set(step.PARTS.values())
        assert 0 < sum(parts.values()) <= row["random"]["ours"] * 1.01
        assert row["random"]["theirs memory"] >= 0 <= row["random"]["ours memory"]
    assert result["cases"]["random-50"]["states"] == 50
    assert "joint sample" in run(step.main, *small, "--cpu").stdout


def test_head_compares_every_case_with_the_whole_head() -> None:
    rows = json.loads(run(head.main, "--json", "--hidden", "16", "--size", "2000", "--passes", "1").stdout)["runs"]
    assert len(rows) == len(head.CASES)
    assert all(row["needed"] > 0 and row["all"] > 0 for row in rows)


def test_what_fails_its_tests_is_not_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "test_right.py").write_text("def test_right(): pass")
    (tmp_path / "test_wrong.py").write_text("def test_wrong(): assert False")
    right, wrong = ((str(tmp_path / f"test_{name}.py"),) for name in ("right", "wrong"))
    timed = speed.Timing("kernels", "kernels.py", (), right)
    monkeypatch.setattr(speed, "TABLES", {"right": timed, "wrong": replace(timed, tests=wrong)})
    app = typer.Typer()
    app.command()(speed.main)
    result = CliRunner().invoke(app, ["--json", "--only", "right,wrong"], catch_exceptions=False)
    assert result.exit_code == 1
    first, second = map(json.loads, result.stdout.splitlines())
    assert (first["table"], "failed" in first) == ("right", False)
    assert "device" in first
    assert second == {"table": "wrong", "tests": second["tests"], "failed": second["failed"]}
    assert "1 failed" in second["failed"]


def test_compile_compares_both_sides_in_speed_size_and_verdicts() -> None:
    small = ("--schemas", "optional", "--size", "1500", "--repeats", "1", "--varied", "0")
    result = json.loads(run(compile.main, *small, "--json").stdout)
    assert result["vocabulary"]["size"] == 1500
    assert all(seconds > 0 for seconds in result["vocabulary"]["constrain"].values())
    row = result["schemas"]["optional"]
    assert row["ratio"] == pytest.approx(row["constrain"]["total"] / row["outlines-core"]["total"])
    assert row["constrain"]["token edges"] > row["constrain"]["class edges"] > row["constrain"]["states"] > 0
    assert row["outlines-core"]["token edges"] > row["outlines-core"]["states"] > 0
    assert row["verdicts"]["constrain"] == row["verdicts"]["of"] == len(DOCUMENTS["optional"])


def test_compile_compares_the_sides_over_varied_schemas() -> None:
    small = ("--schemas", "", "--size", "1500", "--varied", "2")
    rows = json.loads(run(compile.main, *small, "--json").stdout)["varied"]
    assert rows.keys() == {
        "constrain",
        "constrain (from nothing)",
        "constrain (caches kept)",
        "outlines-core",
        "llguidance",
    }
    for row in rows.values():
        assert row["schemas"] == 2
        assert row["crashed"] == row["stopped"] == 0
        assert 0 < row["first"]["p50"] <= row["first"]["p99"] <= row["first"]["max"]
    assert rows["constrain"]["refused"] == 0
    assert rows["constrain"]["second"]["p50"] < rows["constrain"]["first"]["p50"]
    assert "the same again" in run(compile.main, *small, "--sides", "constrain").stdout


def test_what_is_stopped_counts_as_all_its_time_and_what_fails_counts_apart() -> None:
    row = summary([[0.5], [20.0], ("refused", "no"), ("crashed", "oh")], 20.0)
    assert (row["refused"], row["crashed"], row["stopped"], row["first"]["max"]) == (1, 1, 1, 20.0)
    assert row["reasons"] == ["no", "oh"]


def test_varied_schemas_are_many_and_mean_something() -> None:
    schemas = varied_schemas()
    assert len(schemas) >= 200
    for schema in schemas:
        validator = jsonschema.validators.validator_for(schema, jsonschema.Draft202012Validator)
        validator.check_schema(schema)


def test_the_corpus_has_documents_on_both_sides() -> None:
    for entry in corpus().values():
        is_valid = verdict_of(entry.schema, documents=entry.documents)
        assert all(map(is_valid, entry.valid)), entry.name
        if entry.name != "no_parameters":  # which any object satisfies
            assert not all(map(is_valid, entry.candidates(40))), entry.name


def test_large_reports_time_memory_and_disagreements() -> None:
    small = ("--only", "classify,no_parameters_strict", "--size", "1500")
    result = json.loads(run(large.main, *small, "--json").stdout)
    assert (result["within"], result["of"]) == (2, 2)
    for row in result["schemas"].values():
        assert row["states"] > 0
        assert 0 < row["GiB"] < 2
        assert row["documents"]["wrong"] == []
        assert 0 < row["documents"]["valid"] < row["documents"]["of"]
    assert "2 of 2 (100.0%) within" in run(large.main, *small).stdout


def test_grammars_reports_depth_size_time_and_memory() -> None:
    small = ("--only", "csv,s_expression", "--size", "1500", "--repeats", "1")
    result = json.loads(run(grammars.main, *small, "--json").stdout)
    assert (result["within"], result["of"]) == (2, 2)
    for name, row in result["grammars"].items():
        grammar = Grammar.named(name)
        assert (row["depth"], row["states"]) == (grammar.max_depth, grammar.automaton.states)
        assert row["class edges"] > row["classes"] > 1
        assert 0 < row["bytes"] < row["seconds"]
        assert row["peak MiB"] > 0
    assert "2 of 2 within" in run(grammars.main, *small).stdout


def test_a_grammar_that_takes_too_long_is_stopped_and_not_within() -> None:
    small = ("--only", "s_expression", "--size", "1500", "--patience", "0.001")
    result = json.loads(run(grammars.main, *small, "--json").stdout)
    assert (result["within"], result["of"]) == (0, 1)
    assert result["grammars"]["s_expression"] == {"failed": "over 0.001 s"}
    assert "over 0.001 s" in run(grammars.main, *small).stdout


def test_a_worker_survives_what_it_is_asked() -> None:
    def work(item: object) -> object:
        match item:
            case "wait":
                time.sleep(30)
            case "die":
                os._exit(1)
            case "raise":
                raise ValueError("bad")
        return item

    with Worker(lambda: work) as worker:
        assert worker.ask(1, 5) == 1
        with pytest.raises(LostError, match=r"over 0\.1 s"):
            worker.ask("wait", 0.1)
        with pytest.raises(LostError, match="died"):
            worker.ask("die", 5)
        with pytest.raises(RuntimeError, match="ValueError: bad"):
            worker.ask("raise", 5)
        assert worker.ask(2, 5) == 2
