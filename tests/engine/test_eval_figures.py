"""Rows of figures are sums over what came out, and what they are drawn as."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread
from rich.console import Console

from constrain.engine import eval_figures
from constrain.engine.eval_figures import Figures, Grid, Sample, cells, measure, sample_of, shaped
from constrain.engine.eval_modes import ABLATIONS, MODES, Mode, modes_named
from constrain.engine.eval_plots import accuracy_plot, entropy_plot, require_matplotlib, robustness_plot
from constrain.engine.eval_report import table
from constrain.engine.eval_run import Answers, Case
from constrain.engine.result import Result
from constrain.engine.tasks_example import Example
from constrain.errors import SpecError, UnsupportedError
from constrain.specs import Choice, Regex
from constrain.sudoku import Sudoku
from tests.engine.test_eval_run import model

RIGHT, WRONG, INVALID = "ham", "spam", "eggs"
LABELS = Choice([RIGHT, WRONG])


def written(texts: list[str], **figures: Any) -> Answers:
    return Answers([Result(text=text, token_ids=(1, 2, 3), **figures) for text in texts], seconds=0.5)


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Decoding is replaced: unconstrained, 8 of 10 are right and 9 valid; every other mode is wrong throughout.

    The names of the modes that decode are listed.
    """
    decoded: list[str] = []

    def answers(model: Any, mode: Mode, cases: Any, **options: Any) -> Answers:
        decoded.append(mode.name)
        if mode.constraint == "none":
            return written([RIGHT] * 8 + [WRONG, INVALID], passes=4, log_z=0.0)
        return written([WRONG] * 10, passes=2, log_z=-1.5)

    monkeypatch.setattr(eval_figures, "answers", answers)
    monkeypatch.setattr(eval_figures, "rankings", lambda *_, **__: [(0.95, True), (0.95, False)])
    return decoded


def sample(name: str = "labels") -> Sample:
    return Sample(name, "values", tuple(Case(str(n), LABELS, RIGHT) for n in range(10)))


def grid(*names: str, **figures: Any) -> Grid:
    return Grid(tuple(modes_named(names)), **({"budgets": (8,)} | figures))


def test_figures_are_shares_and_means_and_a_comparison(scripted: list[str]) -> None:
    free, parsed, masks, joint = measure(
        model(),
        [(sample(), grid("unconstrained", "unconstrained, parsed", "masks", "joint"))],
    )
    assert (free.mode, free.count, free.valid, free.accuracy, free.fields) == ("unconstrained", 10, 0.9, 0.8, 0.8)
    assert (free.passes, free.tokens_per_pass, free.milliseconds) == (4.0, 0.75, 50.0)
    assert (free.log_z, free.calibration_error, free.p_value, free.worse) == (None, None, None, None)
    assert free.accuracy_interval == pytest.approx((0.4902, 0.9433), abs=1e-4)  # Wilson, from tables
    assert (parsed.accuracy, parsed.p_value, parsed.worse) == (0.8, 1.0, False)
    assert (masks.accuracy, masks.valid, masks.log_z, masks.calibration_error) == (0.0, 1.0, -1.5, None)
    assert (joint.p_value, joint.worse) == (pytest.approx(2 / 2**8), True)
    assert joint.calibration_error == pytest.approx(0.45)


def test_what_is_unconstrained_is_decoded_once_for_equal_prompts(scripted: list[str]) -> None:
    chosen = grid("unconstrained", "unconstrained, parsed", "joint")
    rows = list(measure(model(), [(sample("a"), chosen), (sample("b"), chosen)]))
    assert [row.task for row in rows] == ["a"] * 3 + ["b"] * 3
    assert scripted.count("unconstrained") == 1
    assert scripted.count("unconstrained, parsed") == 0


def test_nothing_is_compared_where_unconstrained_was_not_run(scripted: list[str]) -> None:
    (row,) = measure(model(), [(sample(), grid("joint"))])
    assert (row.p_value, row.worse) == (None, None)


def test_a_grid_has_all_budgets_without_noise_and_all_noise_at_the_last_budget() -> None:
    chosen = grid("joint", "joint, sampled", budgets=(1, 8), sigmas=(0.0, 4.0))
    done = [(budget, sigma, mode.name) for budget, sigma, mode in cells(model(), sample(), chosen)]
    assert done == [
        (1, 0.0, "joint"),
        (8, 0.0, "joint"),
        (8, 0.0, "joint, sampled"),
        (8, 4.0, "joint"),
        (8, 4.0, "joint, sampled"),
    ]


def test_modes_that_mean_nothing_for_a_spec_are_left_out_and_the_baseline_comes_first() -> None:
    names = [
        mode.name
        for _, _, mode in cells(model(), sample(), grid("joint, compact white space", "joint", "unconstrained"))
    ]
    assert names == ["unconstrained", "joint"]


@pytest.mark.parametrize(
    ("figures", "message"),
    [
        ({"budgets": ()}, "budgets is empty"),
        ({"budgets": (0,)}, "budgets has 0"),
        ({"sigmas": (0.0, -1.0)}, r"sigma has -1\.0"),
        ({"sigmas": (float("nan"),)}, "sigma has nan"),
        ({"batch": 0}, "batch has 0"),
    ],
)
def test_grids_without_meaning_are_refused(figures: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        grid("joint", **figures)


def test_shapes_are_a_sample_of_their_own() -> None:
    solved = "1234\n3412\n2143\n4321"
    puzzle = Example("sudoku4", "1", Sudoku("1...\n....\n...3\n...."), solved, solved, shape=Regex("[1-4\n]{19}"))
    assert sample_of("sudoku4", "values", [puzzle]).cases[0].spec is puzzle.spec
    shape = shaped("sudoku4", "values", [puzzle])
    assert shape is not None
    assert (shape.task, shape.cases[0].spec, shape.cases[0].prompt) == ("sudoku4, shape only", puzzle.shape, "1")
    assert shaped("labels", "values", [Example("labels", "1", LABELS, RIGHT, RIGHT)]) is None


def test_figures_of_a_model_are_in_range() -> None:
    chosen = Grid((*MODES, *ABLATIONS), budgets=(2,), batch=3)
    rows = list(measure(model(), [(Sample("labels", "values", sample().cases[:4]), chosen)]))
    for row in rows:
        assert 0 <= row.accuracy_interval[0] <= row.accuracy <= row.accuracy_interval[1] <= 1
        assert row.valid == 1.0 or not row.mode.startswith("joint")
        assert row.milliseconds > 0
    assert {row.calibration_error is None for row in rows if row.mode == "joint"} == {False}


def figures(mode: str, budget: int, sigma: float, accuracy: float) -> Figures:
    return Figures(
        task="labels",
        split="values",
        mode=mode,
        budget=budget,
        sigma=sigma,
        count=10,
        valid=1.0,
        valid_interval=(0.7, 1.0),
        accuracy=accuracy,
        accuracy_interval=(0.0, 1.0),
        fields=accuracy,
        passes=float(budget),
        tokens_per_pass=None,
        milliseconds=1.0,
        log_z=-0.25,
        calibration_error=None,
        p_value=0.03,
        worse=True,
    )


def test_the_table_has_a_line_for_every_mode_and_says_what_is_worse() -> None:
    console = Console(width=190, record=True, file=open("/dev/null", "w"))  # noqa: SIM115  # the console's to close
    console.print(table([figures("joint", 8, 0.0, 0.5), figures("masks", 8, 0.0, 0.25), figures("joint", 8, 4.0, 0.5)]))
    lines = [line for line in console.export_text().splitlines() if "8" in line or "masks" in line]
    assert sum("joint" in line for line in lines) == 2
    assert all("p 0.030 worse" in line and "-0.25" in line for line in lines if "joint" in line or "masks" in line)


def test_plots_are_png_files(tmp_path: Path) -> None:
    rows = [figures(mode, budget, 0.0, 0.5) for mode in ("joint", "joint, sampled") for budget in (1, 8)]
    rows += [figures(mode, 8, sigma, 0.25) for mode in ("joint", "joint, sampled") for sigma in (2.0, 4.0)]
    accuracy_plot(rows, tmp_path / "a.png")
    robustness_plot(rows, tmp_path / "b.png")
    blank = np.full((1, 8), np.nan, np.float32)
    blank[:, :4] = 0.5
    entropy_plot({"joint": np.random.default_rng(0).random((3, 8), np.float32), "raw": blank}, tmp_path / "c.png")
    entropy_plot({"joint": np.empty((0, 8), np.float32)}, tmp_path / "d.png")
    for name in "abcd":
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG\r\n")


def test_title_and_legend_fit_over_a_single_panel(tmp_path: Path) -> None:
    robustness_plot([figures(mode.name, 8, sigma, 0.5) for mode in MODES for sigma in (0.0, 2.0)], tmp_path / "a.png")
    pixels = imread(tmp_path / "a.png")[..., :3]
    assert pixels.min() == 0.0
    assert (pixels[:, 0] == 1.0).all()
    assert (pixels[:, -1] == 1.0).all()


def test_plots_without_matplotlib_are_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    require_matplotlib()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UnsupportedError, match=r"(?s)need matplotlib.*\[eval\]"):
        require_matplotlib()
