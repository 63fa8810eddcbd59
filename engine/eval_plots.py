"""The figures of an evaluation as plots, in PNG. They need matplotlib (the extra `eval`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from constrain.engine.eval_figures import Figures
from constrain.errors import UnsupportedError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["accuracy_plot", "entropy_plot", "require_matplotlib", "robustness_plot"]

_COLUMNS = 4
_LEAST_WIDTH = 9.0
"""In inches: titles and legends of four columns have to fit, even over a single panel."""


def require_matplotlib() -> None:
    """Raises `UnsupportedError` where matplotlib is not installed."""
    try:
        import matplotlib  # noqa: F401  # whether it is there, is the question
    except ImportError as error:
        raise UnsupportedError("plots need matplotlib", hint="pip install 'constrain-diffusion[eval]'") from error


def accuracy_plot(rows: Sequence[Figures], path: Path) -> None:
    """Accuracy against mean passes, a line for each mode through its budgets, at the least noise."""
    sigma = min(row.sigma for row in rows)
    _lines(
        [row for row in rows if row.sigma == sigma],
        path,
        title=f"Accuracy against passes, σ = {sigma:g}, 95% intervals",
        across=("mean passes", lambda row: row.passes),
        order=lambda row: row.budget,
    )


def robustness_plot(rows: Sequence[Figures], path: Path) -> None:
    """Accuracy against the noise on the logits, a line for each mode, at the largest budget that has all the noise."""
    most = max(row.sigma for row in rows)
    budget = max(row.budget for row in rows if row.sigma == most)
    noisy = {(row.task, row.split) for row in rows if row.sigma == most}
    _lines(
        [row for row in rows if row.budget == budget and (row.task, row.split) in noisy],
        path,
        title=f"Accuracy under noise on the logits, at most {budget} passes, 95% intervals",
        across=("σ", lambda row: row.sigma),
        order=lambda row: row.sigma,
    )


def entropy_plot(entropies: Mapping[str, NDArray[np.float32]], path: Path) -> None:
    """The entropy `[N, L]` of every position in every pass, a panel for each mode that took any; NaN is left blank."""
    entropies = {mode: each for mode, each in entropies.items() if len(each)}
    figure, axes = _panels(max(len(entropies), 1), columns=1, size=(9.0, 2.6))
    largest = max((float(np.nanmax(each)) for each in entropies.values()), default=0.0)
    for axis, (mode, each) in zip(axes, entropies.items(), strict=False):
        extent = (-0.5, each.shape[1] - 0.5, len(each) + 0.5, 0.5)
        image = axis.imshow(each, aspect="auto", vmin=0, vmax=largest, cmap="magma", extent=extent)
        axis.set(title=mode, xlabel="position on the canvas", ylabel="pass", yticks=range(1, len(each) + 1))
        figure.colorbar(image, ax=axis, label="nats")
    figure.suptitle("Entropy of each position, pass by pass")
    figure.savefig(path, dpi=120)


def _lines(
    rows: Sequence[Figures],
    path: Path,
    *,
    title: str,
    across: tuple[str, Callable[[Figures], float]],
    order: Callable[[Figures], float],
) -> None:
    """A panel for each task and split, in it a line for each mode, through its rows in this order."""
    panels: dict[tuple[str, str], dict[str, list[Figures]]] = {}
    for row in rows:
        panels.setdefault((row.task, row.split), {}).setdefault(row.mode, []).append(row)
    modes = list(dict.fromkeys(row.mode for row in rows))
    figure, axes = _panels(len(panels), columns=_COLUMNS, size=(4.2, 3.2))
    label, value = across
    for axis, ((task, split), lines) in zip(axes, panels.items(), strict=False):
        for mode, line in lines.items():
            points = sorted(line, key=order)
            lower = [max(row.accuracy - row.accuracy_interval[0], 0.0) for row in points]
            upper = [max(row.accuracy_interval[1] - row.accuracy, 0.0) for row in points]
            axis.errorbar(
                [value(row) for row in points],
                [row.accuracy for row in points],
                yerr=[lower, upper],
                label=mode,
                color=f"C{modes.index(mode) % 10}",
                linestyle="--" if "sampled" in mode else "-",
                marker=".",
                elinewidth=0.5,
                capsize=2,
                alpha=0.8,
            )
        axis.set(title=f"{task}: {split}", xlabel=label, ylabel="accuracy", ylim=(-0.03, 1.03))
        axis.set_xlim(left=-0.03 * axis.get_xlim()[1])
    handles: dict[str, Any] = {}
    for axis in axes:
        handles |= {name: handle for handle, name in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4, fontsize="small")
    figure.suptitle(title)
    figure.savefig(path, dpi=120)


def _panels(count: int, *, columns: int, size: tuple[float, float]) -> tuple[Figure, list[Axes]]:
    """A figure with `count` panels of this size in inches, at most `columns` in a row."""
    from matplotlib.figure import Figure  # not pyplot: nothing is shown, and no state is kept

    columns = min(columns, count)
    lines = -(-count // columns)
    figure = Figure(figsize=(max(size[0] * columns, _LEAST_WIDTH), size[1] * lines + 1.0), layout="constrained")
    axes = list(figure.subplots(lines, columns, squeeze=False).flat)
    for axis in axes[count:]:
        axis.remove()
    return figure, axes[:count]
