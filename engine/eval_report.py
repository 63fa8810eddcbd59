"""The figures of an evaluation, as people read them: one table."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from rich.table import Table

from constrain.engine.eval_figures import Figures

__all__ = ["table"]


def table(rows: Sequence[Figures]) -> Table:
    """One line per mode, a section for each task, split, budget and sigma. `ECE` is that of `choose`."""
    out = Table(
        *("task", "split", "passes ≤", "σ", "mode"),
        *("valid", "accuracy", "95% interval", "fields", "passes", "tokens/pass", "ms", "log Z", "ECE", "vs raw"),
    )
    for column in out.columns[5:]:
        column.justify = "right"
        column.no_wrap = True
    for (task, split, budget, sigma, _), group in groupby(rows, key=_setting):
        head = (task, split, str(budget), f"{sigma:g}")
        section = list(group)
        for n, row in enumerate(section):
            out.add_row(
                *(head if n == 0 else ("",) * len(head)),
                row.mode,
                f"{row.valid:.1%}",
                f"{row.accuracy:.1%}",
                "{:.1%} - {:.1%}".format(*row.accuracy_interval),
                f"{row.fields:.1%}",
                f"{row.passes:.2f}",
                _or_nothing(row.tokens_per_pass, ".1f"),
                f"{row.milliseconds:.1f}",
                _or_nothing(row.log_z, ".2f"),
                _or_nothing(row.calibration_error, ".3f"),
                _compared(row),
                style="red" if row.worse else None,
                end_section=n == len(section) - 1,
            )
    counts = sorted({row.count for row in rows})
    out.caption = f"{' or '.join(map(str, counts))} prompts a line; p: exact McNemar test against unconstrained"
    return out


def _setting(row: Figures) -> tuple[str, str, int, float, int]:
    return row.task, row.split, row.budget, row.sigma, row.count


def _or_nothing(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def _compared(row: Figures) -> str:
    if row.p_value is None:
        return ""
    return f"p {row.p_value:.3f}" + (" worse" if row.worse else "")
