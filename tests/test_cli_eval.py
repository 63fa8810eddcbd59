"""`constrain eval`: one line per task and mode, joint ones always valid, and faults as messages."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from constrain import cli_eval
from constrain.engine.tasks import TASKS
from tests.test_cli import Run, run

__all__ = ["run"]  # a fixture


def test_quick_prints_one_object_per_task_and_mode(run: Run) -> None:
    status, out, err = run("eval", "--quick", "--json", "--count", "1", "--budgets", "2")
    assert status == 0, err
    rows = [json.loads(line) for line in out.splitlines()]
    pairs = [(row["task"], row["mode"]) for row in rows]
    assert len(set(pairs)) == len(pairs)
    tasks = {row["task"] for row in rows}
    assert set(TASKS) <= tasks
    assert "sudoku4, shape only" in tasks
    for task in tasks:
        assert {"unconstrained", "unconstrained, parsed", "masks", "joint"} <= {
            mode for of, mode in pairs if of == task
        }
    for row in rows:
        assert all(0 <= row[name] <= 1 for name in ("valid", "accuracy", "fields"))
        assert row["passes"] >= 0
        assert row["valid"] == 1.0 or not row["mode"].startswith("joint")


def test_what_is_asked_for_is_what_is_measured_and_written(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "er"
    arguments = ("--tasks", "classify,extract", "--modes", "unconstrained,joint, sampled,joint", "--budgets", "1,2")
    chosen = ("--splits", "values", "--sigma", "0,3", "--count", "2", "--seed", "4")
    status, text, err = run("eval", *arguments, *chosen, "--out", str(out))
    assert status == 0, err
    rows = [json.loads(line) for line in (out / "results.jsonl").read_text("utf-8").splitlines()]
    measured = [(row["task"], row["budget"], row["sigma"], row["mode"]) for row in rows]
    expected = [
        (task, budget, sigma, mode)
        for task in ("classify", "extract")
        for budget, sigma in ((1, 0.0), (2, 0.0), (2, 3.0))
        for mode in ("unconstrained", "joint, sampled", "joint")
        if (mode != "joint, sampled" or budget == 2) and (task == "classify" or not sigma)
    ]
    assert measured == expected
    assert {row["count"] for row in rows} == {2}
    assert "joint, sampled" in text
    assert {path.name for path in out.glob("*.png")} == {"accuracy.png", "robustness.png", "entropy.png"}


def test_ablations_have_modes_of_their_own_for_shapes(run: Run) -> None:
    status, out, err = run(
        "eval", "--ablations", "--json", "--tasks", "sudoku4", "--budgets", "1", "--count", "1", "--splits", "values"
    )
    assert status == 0, err
    rows = [json.loads(line) for line in out.splitlines()]
    modes = {task: {row["mode"] for row in rows if row["task"] == task} for task in {row["task"] for row in rows}}
    assert "joint, forced header" in modes["sudoku4, shape only"] - modes["sudoku4"]
    assert "joint, certain at 0.9" in modes["sudoku4"] - modes["sudoku4, shape only"]
    assert all("unconstrained" in each for each in modes.values())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--tasks", "chess"), "--tasks has 'chess'"),
        (("--splits", "hard"), "--splits has 'hard'"),
        (("--modes", "jointly"), "there is no mode 'jointly'"),
        (("--budgets", "few"), "--budgets is 'few'"),
        (("--budgets", "0"), "budgets has 0"),
        (("--sigma", "loud"), "--sigma is 'loud'"),
        (("--count", "0"), "--count is 0"),
        (("--tasks", "sudoku4", "--splits", "names"), "no task has the split"),
        (("--quick", "--out", "/dev/null/x"), "cannot write to /dev/null/x"),
        (("--quick", "--model", "/no/such/model"), "cannot load '/no/such/model'"),
    ],
)
def test_faults_are_messages_not_tracebacks(run: Run, arguments: tuple[str, ...], message: str) -> None:
    status, out, err = run("eval", *arguments)
    assert status == 2
    assert out == ""
    assert message in err
    assert "Traceback" not in err


def test_plots_without_matplotlib_are_refused_before_anything_runs(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    status, out, err = run("eval", "--quick", "--out", str(tmp_path))
    assert (status, out) == (2, "")
    assert "plots need matplotlib" in err


def test_placing_a_model_without_accelerate_is_refused_before_anything_runs(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli_eval, "find_spec", lambda name: None)
    status, out, err = run("eval", "--quick", "--device-map", "auto")
    assert (status, out) == (2, "")
    assert "--device-map needs accelerate" in err
