"""What `constrain eval` measures and shows."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.progress import Progress

from constrain.errors import SpecError, UnsupportedError

if TYPE_CHECKING:
    from constrain.engine.eval_figures import Figures, Grid, Sample

__all__ = ["register"]

T = TypeVar("T", int, float)

_QUICK_COUNT, _COUNT = 8, 40
_BUDGETS = "1,16"
_SIGMAS = "0,2,4,6"
_WIDTH = 190  # columns of the table where there is no terminal

Names = Annotated[str | None, typer.Option(help="Separated by commas; all by default.")]


def register(app: typer.Typer, load: Callable[..., Any]) -> None:
    """Add the command `eval` to `app`; `load` gives the model of a name, with the options of `from_pretrained`."""

    @app.command("eval")
    def evaluate(
        model: Annotated[str | None, typer.Option(help="Hub name or directory; default: the bundled model.")] = None,
        device_map: Annotated[
            str | None, typer.Option(help="Where the model goes, as transformers takes it: auto, cuda, cpu.")
        ] = None,
        tasks: Names = None,
        splits: Names = None,
        modes: Annotated[
            str | None, typer.Option(help="Separated by commas without a space, since names have some.")
        ] = None,
        budgets: Annotated[str | None, typer.Option(help="Passes per canvas, at most, separated by commas.")] = None,
        sigma: Annotated[
            str | None,
            typer.Option(
                help="Noise on the logits, separated by commas; all but the first at the last budget, on one task."
            ),
        ] = None,
        count: Annotated[int | None, typer.Option(help="Prompts per task and split.")] = None,
        batch: Annotated[int, typer.Option(help="Prompts decoded together.")] = 40,
        seed: Annotated[int, typer.Option(help="Seed of the prompts and of every random choice.")] = 0,
        quick: Annotated[bool, typer.Option("--quick", help="One split, one budget, few prompts.")] = False,
        ablations: Annotated[
            bool, typer.Option("--ablations", help="The default mode with one choice changed at a time.")
        ] = False,
        as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")] = False,
        out: Annotated[Path | None, typer.Option(help="Directory for results.jsonl and plots.")] = None,
    ) -> None:
        """Measure what constraints do to a model: tasks by ways of decoding, validity, accuracy, passes."""
        from constrain.engine.eval_plots import require_matplotlib
        from constrain.engine.eval_report import table

        if out is not None:
            require_matplotlib()
        if device_map is not None and find_spec("accelerate") is None:
            raise UnsupportedError("--device-map needs accelerate", hint="pip install accelerate")
        grid = _grid(modes, budgets, sigma, quick=quick, ablations=ablations, seed=seed, batch=batch)
        if count is None:
            count = _QUICK_COUNT if quick else _COUNT
        plan = _plan(grid, tasks, splits, count, quick=quick, ablations=ablations and modes is None)
        rows: list[Figures] = []
        with _written(out) as write:
            loaded = load(model) if device_map is None else load(model, device_map=device_map)
            for row in _measured(loaded, plan):
                rows.append(row)
                line = json.dumps(asdict(row), ensure_ascii=False)
                write(line)
                if as_json:
                    typer.echo(line)
        if out is not None:
            _plot(loaded, plan, rows, out)
        if not as_json:
            console = Console(highlight=False)
            console.width = console.width if console.is_terminal else _WIDTH
            console.print(table(rows))


def _grid(
    modes: str | None, budgets: str | None, sigma: str | None, *, quick: bool, ablations: bool, seed: int, batch: int
) -> Grid:
    from constrain.engine.eval_figures import Grid
    from constrain.engine.eval_modes import ABLATIONS, MODES, modes_named

    if modes is not None:
        chosen = modes_named(re.split(r",(?! )", modes))
    elif ablations:
        chosen = [MODES[0], *ABLATIONS]
    else:
        chosen = [mode for mode in MODES if not quick or mode.emission == "map" or mode.name == "joint, sampled"]
    short = quick or ablations
    return Grid(
        tuple(chosen),
        _numbers("budgets", budgets or ("8" if short else _BUDGETS), int),
        _numbers("sigma", sigma or ("0" if short else _SIGMAS), float),
        seed=seed,
        batch=batch,
    )


def _numbers(name: str, text: str, kind: Callable[[str], T]) -> tuple[T, ...]:
    try:
        return tuple(kind(part) for part in text.split(","))
    except ValueError as error:
        raise SpecError(f"--{name} is {text!r}", keyword=name, hint="give numbers, separated by commas") from error


def _plan(
    grid: Grid, tasks: str | None, splits: str | None, count: int, *, quick: bool, ablations: bool
) -> list[tuple[Sample, Grid]]:
    """Every task and split, followed by the same with the shape of the answer alone where it has one.

    More noise than the first is put on the first split of the first task alone.
    """
    from dataclasses import replace

    from constrain.engine import tasks as data
    from constrain.engine.eval_figures import sample_of, shaped
    from constrain.engine.eval_modes import MODES, SHAPE_ABLATIONS

    if count < 1:
        raise SpecError(f"--count is {count}", keyword="count", hint="1 is the least")
    wanted = _chosen("splits", splits or ("values" if quick else "values,patterns,names"), data.SPLITS)
    plan: list[tuple[Sample, Grid]] = []
    for task in _chosen("tasks", tasks, data.TASKS):
        for split in (split for split in data.splits(task) if split in wanted):
            own = replace(grid, sigmas=grid.sigmas[:1]) if plan else grid
            examples = data.examples(task, split, count, grid.seed)
            plan.append((sample_of(task, split, examples), own))
            shape = shaped(task, split, examples)
            if shape is not None:
                plan.append((shape, replace(own, modes=(MODES[0], *SHAPE_ABLATIONS)) if ablations else own))
    if not plan:
        raise SpecError(f"no task has the split {splits}", keyword="splits", hint="leave --tasks or --splits out")
    return plan


def _chosen(name: str, given: str | None, known: Sequence[str]) -> list[str]:
    if given is None:
        return list(known)
    for each in given.split(","):
        if each not in known:
            raise SpecError(f"--{name} has {each!r}", keyword=name, hint="use " + ", ".join(known))
    return given.split(",")


def _measured(model: Any, plan: Sequence[tuple[Sample, Grid]]) -> Iterator[Figures]:
    """The figures; on a terminal, standard error shows how far it is."""
    from constrain.engine.eval_figures import cells, measure

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("decoding", total=sum(len(cells(model, sample, grid)) for sample, grid in plan))
        for row in measure(model, plan):
            progress.update(bar, advance=1, description=f"{row.task}: {row.mode}")
            yield row


@contextmanager
def _written(out: Path | None) -> Iterator[Callable[[str], object]]:
    """What puts a line into `results.jsonl` at once, so that an interrupted run has what it came to."""
    if out is None:
        yield lambda line: None
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
        file = (out / "results.jsonl").open("w", encoding="utf-8")
    except OSError as error:
        raise SpecError(f"cannot write to {out}: {error.strerror}", keyword="out") from error
    with file:
        yield lambda line: print(line, file=file, flush=True)


def _plot(model: Any, plan: Sequence[tuple[Sample, Grid]], rows: Sequence[Figures], out: Path) -> None:
    """The plots. The heat map is that of the case that takes the model the most passes, in the last split of the first
    task.
    """
    from constrain.engine.eval_modes import MODES
    from constrain.engine.eval_plots import accuracy_plot, entropy_plot, robustness_plot
    from constrain.engine.eval_run import answers, entropies

    accuracy_plot(rows, out / "accuracy.png")
    if len({row.sigma for row in rows}) > 1:
        robustness_plot(rows, out / "robustness.png")
    sample, grid = next(each for each in reversed(plan) if each[0].task == plan[0][0].task)
    budget, seed = grid.budgets[-1], grid.seed
    written = answers(model, MODES[0], sample.cases, budget=budget, seed=seed, batch=grid.batch).results
    case = max(zip(sample.cases, written, strict=True), key=lambda pair: pair[1].passes)[0]
    shown = {
        name: entropies(model, case, constrained=constrained, budget=budget, seed=seed)
        for name, constrained in (("unconstrained", False), ("joint", True))
    }
    entropy_plot(shown, out / "entropy.png")
