"""`constrain watch`: a canvas while it is refined, from blur to clear."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.style import Style
from rich.table import Table
from rich.text import Text

from constrain.errors import SpecError
from constrain.spec import Spec
from constrain.specs import Choice, Regex

if TYPE_CHECKING:
    from constrain.engine.result import Result
    from constrain.engine.trace import Pass, Trace

__all__ = ["frame", "line", "register"]

_CLEAR, _OPEN = (70, 170, 130), (235, 120, 40)  # red, green and blue of no entropy, and of much
_BARS = "▁▂▃▄▅▆▇█"
_SIDE = 30  # columns
_VISIBLE = {n: chr(0x2400 + n) for n in range(32)} | dict.fromkeys(range(127, 160), "␡") | {ord("\n"): "↵"}
"""Pictures of control characters, which a terminal would obey."""


def register(
    app: typer.Typer,
    load: Callable[[str | None], Any],
    object_spec: Callable[[str | None, str | None, str | None], Spec],
) -> None:
    """Add the command to `app`; `load` takes what `--model` is given, `object_spec` fields, a schema, or a type."""

    @app.command()
    def watch(
        prompt: Annotated[str, typer.Argument(help="The prompt.")],
        fields: Annotated[str | None, typer.Option(help="Fields of an object, as of extract.")] = None,
        schema: Annotated[str | None, typer.Option(help="JSON schema: a file, or the JSON itself.")] = None,
        type_name: Annotated[str | None, typer.Option("--type", help="A Python type, as module:Name.")] = None,
        pattern: Annotated[str | None, typer.Option("--regex", help="A regular expression.")] = None,
        flags: Annotated[str, typer.Option(help="Any of the letters a, i, s, x, for --regex.")] = "",
        choice: Annotated[list[str] | None, typer.Option(help="An option to choose; give several.")] = None,
        model: Annotated[str | None, typer.Option("--model", help="Hub name or directory.")] = None,
        max_passes: Annotated[int | None, typer.Option(help="Refine passes per canvas, at most.")] = None,
        max_new_tokens: Annotated[int | None, typer.Option(help="Tokens of text, at most.")] = None,
        seed: Annotated[int, typer.Option(help="Seed of every random choice.")] = 0,
        delay: Annotated[float, typer.Option(min=0, help="Seconds that each pass is shown, on a terminal.")] = 0.3,
        html: Annotated[Path | None, typer.Option(help="Also write a page that replays the passes.")] = None,
    ) -> None:
        """Watch a canvas being refined: colour is entropy, what the constraint forces is underlined.

        Without a specification, any text. What is no terminal gets a line for each pass.
        """
        if flags and pattern is None:
            raise SpecError("--flags are those of --regex", keyword="flags", hint="give --regex, too")
        objects = fields, schema, type_name
        given = [each for each in (*objects, pattern, choice or None) if each is not None]
        if len(given) > 1:
            raise SpecError("give one of --fields, --schema, --type, --regex and --choice")
        spec: Spec | None = None
        if pattern is not None:
            spec = Regex(pattern, flags)
        elif choice:
            spec = Choice(choice)
        elif given:
            spec = object_spec(*objects)
        drafts = load(model).stream(
            prompt, spec, max_passes=max_passes, max_new_tokens=max_new_tokens, seed=seed, trace=True
        )
        result = _shown(drafts, Console(highlight=False), delay)
        if html is not None:
            try:
                html.write_text(result.to_html(title=prompt), "utf-8")
            except OSError as error:
                raise SpecError(f"cannot write {html}: {error.strerror}", keyword="html") from error


def _shown(drafts: Iterator[Result], console: Console, delay: float) -> Result:
    """The last draft. All are shown: on a terminal in place of each other, else line by line."""
    if not console.is_terminal:
        for draft in drafts:
            typer.echo(line(draft))
        return draft
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        for draft in drafts:
            live.update(frame(draft), refresh=True)
            time.sleep(delay)
    return draft


def line(draft: Result) -> str:
    """A draft in one line."""
    last = _trace(draft).passes[-1]
    return (
        f"pass {last.number:>2}  canvas {last.canvas}  log Z {last.log_z:9.3f}  probability {last.probability:.3f}  "
        f"decided {last.decided.sum():>3}/{len(last.tokens)}  stopped: {last.stop_reason or '-':<7}  "
        f"{draft.text.translate(_VISIBLE)}"
    )


def frame(draft: Result) -> RenderableType:
    """A draft with its figures beside it."""
    trace = _trace(draft)
    grid = Table.grid(expand=True)
    grid.add_column(ratio=1)
    grid.add_column(width=_SIDE)
    title = Text(draft.described.translate(_VISIBLE))
    grid.add_row(Panel(_canvas(trace), title=title, title_align="left"), Panel(_figures(trace)))
    return grid


def _trace(draft: Result) -> Trace:
    assert draft.trace is not None, "the command asked for it"
    return draft.trace


def _canvas(trace: Trace) -> Text:
    """Every token of the last pass, behind the text of the canvases before."""
    last = trace.passes[-1]
    text = Text(overflow="fold")
    before = {each.canvas: each for each in trace.passes if each.canvas < last.canvas}  # the last pass of each
    for each in before.values():
        for token in each.tokens.tolist():
            text.append(_readable(trace.words[token].text), "dim")
    for position, token in enumerate(last.tokens.tolist()):
        word = trace.words[token]
        text.append(_readable(word.text), _style(last, position, silent=word.silent))
    return text


def _readable(text: str) -> str:
    return text.translate(_VISIBLE).replace("↵", "↵\n")


def _style(each: Pass, position: int, *, silent: bool) -> Style:
    heat = 1 - math.exp(-2 * float(each.entropy[position]))
    colour = [round(low + (high - low) * heat) for low, high in zip(_CLEAR, _OPEN, strict=True)]
    decided = bool(each.decided[position])
    return Style(
        color="#" + "".join(f"{part:02x}" for part in colour),
        dim=silent or not decided,
        italic=not decided,
        underline=bool(each.forced[position]),
    )


def _figures(trace: Trace) -> Table:
    last = trace.passes[-1]
    here = [float(each.entropy.mean()) for each in trace.passes]
    table = Table.grid(padding=(0, 1))
    table.add_column(style="dim")
    table.add_column(justify="right")
    for name, value in (
        ("pass", str(last.number)),
        ("canvas", str(last.canvas)),
        ("log Z", f"{last.log_z:.3f}"),
        ("probability", f"{last.probability:.3f}"),
        ("mean entropy", f"{here[-1]:.3f}"),
        ("decided", f"{last.decided.sum()}/{len(last.tokens)}"),
        ("stopped", last.stop_reason or "not yet"),
        ("entropy", _bars(here[-(_SIDE - 16) :])),
    ):
        table.add_row(name, value)
    return table


def _bars(values: Sequence[float]) -> str:
    """A bar for each value, relative to the largest."""
    most = max(*values, 1e-3)
    return "".join(_BARS[round((len(_BARS) - 1) * value / most)] for value in values)
