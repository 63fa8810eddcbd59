"""The command line: extract objects, choose among options, fill a pattern, solve a Sudoku, explain a specification,
watch a canvas, evaluate a model, decode a file.

Results go to standard output, one per line; everything else (progress on a terminal, figures, errors) to standard
error.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from constrain.cli_batch import register as register_batch
from constrain.cli_eval import register
from constrain.cli_watch import register as register_watch
from constrain.errors import ConstrainError, SpecError
from constrain.fields import fields_schema
from constrain.spec import Spec
from constrain.specs import Choice, JsonSchema, Regex, as_spec

if TYPE_CHECKING:
    from constrain.engine.result import Result

__all__ = ["app", "main"]

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Guaranteed structured output for diffusion language models.",
)
_errors = Console(stderr=True, highlight=False)

Prompts = Annotated[list[str], typer.Argument(help="Prompts; '-' reads one per line from standard input.")]
ModelName = Annotated[str | None, typer.Option("--model", help="Hub name or directory; default: the bundled model.")]
Passes = Annotated[int | None, typer.Option(help="Refine passes per canvas, at most.")]
Tokens = Annotated[int | None, typer.Option("--max-new-tokens", help="Tokens of text, at most.")]
Seed = Annotated[int, typer.Option(help="Seed of every random choice.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Print passes, stop reason and log Z of each result.")]
Fields = Annotated[str | None, typer.Option(help="Fields of an object: 'name, age: int, size: small|large, city?'.")]
Schema = Annotated[str | None, typer.Option(help="JSON schema: a file, or the JSON itself.")]
TypeName = Annotated[str | None, typer.Option("--type", help="A Python type, as module:Name.")]


@app.command()
def extract(
    prompts: Prompts,
    fields: Fields = None,
    schema: Schema = None,
    type_name: TypeName = None,
    model: ModelName = None,
    max_passes: Passes = None,
    max_new_tokens: Tokens = None,
    seed: Seed = 0,
    verbose: Verbose = False,
) -> None:
    """Read an object out of each prompt and print it as one line of JSON."""
    spec = _object_spec(fields, schema, type_name)
    for result in _run(prompts, spec, model, max_passes, max_new_tokens, seed, verbose):
        value = json.loads(result.text)
        typer.echo(json.dumps(value, ensure_ascii=False))


@app.command()
def choose(
    prompt: Annotated[str, typer.Argument(help="The prompt.")],
    options: Annotated[list[str], typer.Argument(help="What to choose from.")],
    model: ModelName = None,
    max_passes: Passes = None,
    seed: Seed = 0,
    verbose: Verbose = False,
) -> None:
    """Print the one of the options that the model prefers."""
    for result in _run([prompt], Choice(options), model, max_passes, None, seed, verbose):
        typer.echo(result.text)


@app.command()
def regex(
    pattern: Annotated[str, typer.Argument(help="A regular expression in Python's syntax.")],
    prompts: Prompts,
    flags: Annotated[str, typer.Option(help="Any of the letters a, i, s, x.")] = "",
    model: ModelName = None,
    max_passes: Passes = None,
    max_new_tokens: Tokens = None,
    seed: Seed = 0,
    verbose: Verbose = False,
) -> None:
    """Print, for each prompt, a text that the pattern matches in full."""
    for result in _run(prompts, Regex(pattern, flags), model, max_passes, max_new_tokens, seed, verbose):
        typer.echo(result.text)


@app.command()
def sudoku(
    grid: Annotated[str, typer.Argument(help="The givens, row by row, '.' for blanks; or a file, or '-' for a pipe.")],
    diagonal: Annotated[bool, typer.Option("--diagonal", help="Both diagonals have every number, too.")] = False,
    box: Annotated[str | None, typer.Option(help="Rows and columns of a box, such as 2x3.")] = None,
    model: ModelName = None,
    max_passes: Passes = None,
    seed: Seed = 0,
) -> None:
    """Solve a Sudoku: the rules decide, and where they leave a choice, the model does."""
    from constrain.cli_sudoku import read_box, read_givens, solve
    from constrain.sudoku import Sudoku

    puzzle = Sudoku(read_givens(grid), diagonal=diagonal, box=None if box is None else read_box(box))
    solve(puzzle, lambda: _load_quietly(model), max_passes=max_passes, seed=seed, console=_errors)


@app.command()
def explain(
    fields: Fields = None,
    schema: Schema = None,
    type_name: TypeName = None,
    pattern: Annotated[str | None, typer.Option("--regex", help="A regular expression.")] = None,
    model: Annotated[str | None, typer.Option("--model", help="Also say what this model's tokens make of it.")] = None,
    bundled: Annotated[bool, typer.Option("--bundled", help="The same, for the bundled model.")] = False,
) -> None:
    """Say what a specification is: its automaton, its shortest and longest text, its bounds, and how each keyword of a
    schema is enforced.
    """
    if pattern is not None and (fields or schema or type_name):
        raise SpecError("give one of --fields, --schema, --type and --regex")
    spec = Regex(pattern) if pattern is not None else _object_spec(fields, schema, type_name)
    if model is None and not bundled:
        typer.echo(spec.explain())
    else:
        from constrain.constraint import compile

        typer.echo(compile(spec, _load(model).vocabulary).explain())


def _object_spec(fields: str | None, schema: str | None, type_name: str | None) -> Spec:
    given = [source for source in (fields, schema, type_name) if source is not None]
    if len(given) != 1:
        raise SpecError("give one of --fields, --schema and --type", hint="for example --fields 'name, age: int'")
    if fields is not None:
        return JsonSchema(fields_schema(fields))
    if schema is not None:
        inline = schema.lstrip().startswith(("{", "true", "false"))
        try:
            return JsonSchema(schema if inline else Path(schema).read_text("utf-8"))
        except OSError as error:
            raise SpecError(f"cannot read the schema {schema}: {error.strerror}") from error
    assert type_name is not None
    module, _, name = type_name.partition(":")
    sys.path.insert(0, "")
    try:
        return as_spec(getattr(import_module(module), name))
    except (ImportError, AttributeError, ValueError) as error:
        raise SpecError(f"cannot import {type_name!r}: {error}", hint="write it as module:Name") from error


def _load(model: str | None, **options: Any) -> Any:
    with _errors.status("loading the model"):
        return _load_quietly(model, **options)


def _load_quietly(model: str | None, **options: Any) -> Any:
    from transformers.utils import logging

    from constrain.engine.model import load

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # transformers leaves these two untyped
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        return load(model, **options)
    except OSError as error:
        raise ConstrainError(f"cannot load {model!r}: {str(error).splitlines()[0]}") from error


def _run(
    prompts: list[str],
    spec: Spec,
    model: str | None,
    max_passes: int | None,
    max_new_tokens: int | None,
    seed: int,
    verbose: bool,
) -> Iterator[Result]:
    """Results in the order of the prompts. A prompt that fails is reported, and the exit status is 1 in the end."""
    if prompts == ["-"]:
        prompts = [line.rstrip("\n") for line in sys.stdin]
    loaded = _load(model)
    results: list[Result] = []
    with _watching() as show:
        for results in loaded.stream(prompts, spec, max_passes=max_passes, max_new_tokens=max_new_tokens, seed=seed):
            show(results)
    for prompt, result in zip(prompts, results, strict=True):
        if result.error is not None:
            _errors.print(f"error: {result.error}\n  prompt: {prompt[:80]!r}", style="red", markup=False)
            continue
        yield result
        if verbose:
            _errors.print(
                f"passes {result.passes}  stopped: {result.stop_reason}  log Z {result.log_z:.3f}  "
                f"probability {result.probability:.3f}",
                style="dim",
            )
    if any(result.error is not None for result in results):
        raise typer.Exit(1)


@contextmanager
def _watching(rows: int = 8) -> Iterator[Any]:
    """On a terminal, the first drafts as they sharpen; in a pipe, nothing."""
    if not _errors.is_terminal:
        yield lambda results: None
        return
    with Live(console=_errors, transient=True, refresh_per_second=20) as live:

        def show(results: list[Result]) -> None:
            lines = [
                Text(f"pass {r.passes:>2}  {r.text}", style="bold" if r.stop_reason else "dim", overflow="ellipsis")
                for r in results[:rows]
            ]
            live.update(Group(*lines))

        yield show


register_batch(app, _load)
register(app, _load)
register_watch(app, _load, _object_spec)


def main() -> None:
    """Entry point: errors of ours are messages, not tracebacks."""
    try:
        app()
    except ConstrainError as error:
        _errors.print(f"error: {error}", style="red", markup=False)
        sys.exit(2)
