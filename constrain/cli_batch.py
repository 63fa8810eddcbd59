"""`constrain batch`: a file of prompts becomes a file of values, and goes on where it was interrupted."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from constrain.errors import SpecError, UnsupportedError
from constrain.fields import fields_schema

if TYPE_CHECKING:
    from constrain.engine.batch_decoding import Job
    from constrain.engine.batch_files import BatchRow, Outcome

__all__ = ["register"]


def register(app: typer.Typer, load: Callable[..., Any]) -> None:
    """Add the command `batch` to `app`; `load` gives the model of a name, with the options of `from_pretrained`."""

    @app.command()
    def batch(
        source: Annotated[Path, typer.Argument(help="JSON lines with id, prompt and maybe schema.", metavar="IN")],
        out: Annotated[Path, typer.Argument(help="JSON lines with id and value; what is there is not done again.")],
        fields: Annotated[str | None, typer.Option(help="Fields of an object, as of extract.")] = None,
        schema: Annotated[str | None, typer.Option(help="JSON schema: a file, or the JSON itself.")] = None,
        pattern: Annotated[str | None, typer.Option("--regex", help="A regular expression.")] = None,
        grammar: Annotated[str | None, typer.Option(help="The name of a shipped grammar, or a file in Lark.")] = None,
        model: Annotated[str | None, typer.Option(help="Hub name or directory; default: the bundled model.")] = None,
        device_map: Annotated[
            str | None, typer.Option(help="Where the model goes, as transformers takes it: auto, cuda, cpu.")
        ] = None,
        batch_size: Annotated[int, typer.Option(min=1, help="Rows decoded together.")] = 16,
        max_passes: Annotated[int | None, typer.Option(min=1, help="Refine passes per canvas, at most.")] = None,
        max_new_tokens: Annotated[int | None, typer.Option(min=1, help="Tokens of text, at most.")] = None,
        seed: Annotated[int, typer.Option(help="Seed; that of each batch is made of it and the ids of its rows.")] = 0,
        ray: Annotated[bool, typer.Option("--ray", help="Decode on the Ray cluster of RAY_ADDRESS, or here.")] = False,
        workers: Annotated[int | None, typer.Option(min=1, help="With --ray: how many hold the model. [1]")] = None,
        worker_gpus: Annotated[float | None, typer.Option(min=0, help="With --ray: GPUs of each. [0]")] = None,
    ) -> None:
        """Decode a file of prompts. Run again, it goes on; each row is written once, failures to OUT.errors.

        The exit status is 0, or 1 if rows failed, 2 if the job cannot be done, 130 or 143 if a signal stopped it.
        """
        from constrain.engine.batch_decoding import Job

        if not ray and not (workers is None and worker_gpus is None):
            raise SpecError("--workers and --worker-gpus are those of --ray", hint="give --ray, too")
        if device_map is not None and find_spec("accelerate") is None:
            raise UnsupportedError("--device-map needs accelerate", hint="pip install accelerate")
        kind, text = _specification(fields, schema, pattern, grammar)
        job = Job(model, kind, text, batch_size, seed, max_passes, max_new_tokens)
        options = {} if device_map is None else {"device_map": device_map}

        def decode(batches: list[tuple[BatchRow, ...]]) -> Iterator[list[Outcome]]:
            if ray:
                from constrain.engine.batch_ray import decoded_on_ray

                return decoded_on_ray(job, batches, workers=workers or 1, gpus=worker_gpus or 0, options=options)
            return _decoded_here(load, options, job, batches)

        status = _run(source, out, job, decode, _ready_for(ray))
        if status:
            raise typer.Exit(status)


def _specification(fields: str | None, schema: str | None, pattern: str | None, grammar: str | None) -> tuple[Any, Any]:
    """Its kind and its text, as `Job` has them."""
    given = [each for each in (fields, schema, pattern, grammar) if each is not None]
    if len(given) > 1:
        raise SpecError("give one of --fields, --schema, --regex and --grammar")
    if fields is not None:
        return "schema", json.dumps(fields_schema(fields))
    if schema is not None:
        inline = schema.lstrip().startswith(("{", "true", "false"))
        return "schema", schema if inline else _text_of(schema, "schema")
    if grammar is not None:
        return "grammar", _grammar_text(grammar)
    return (None, None) if pattern is None else ("regex", pattern)


def _grammar_text(name: str) -> str:
    if Path(name).is_file():
        return _text_of(name, "grammar")
    from constrain.grammar import Grammar

    return Grammar.named(name).text


def _text_of(path: str, what: str) -> str:
    try:
        return Path(path).read_text("utf-8")
    except OSError as error:
        raise SpecError(f"cannot read the {what} {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SpecError(f"{path} is no text in UTF-8") from error


def _ready_for(ray: bool) -> Callable[[], None]:
    """What has to be done before signals are caught: Ray catches some itself, from then on."""
    if not ray:
        return lambda: None
    from constrain.engine.batch_ray import connect

    return connect


def _decoded_here(
    load: Callable[..., Any], options: dict[str, Any], job: Job, batches: list[tuple[BatchRow, ...]]
) -> Iterator[list[Outcome]]:
    from constrain.engine.batch_decoding import decoded

    spec = job.spec()
    model = load(job.model, **options)
    for rows in batches:
        yield decoded(model, job, spec, rows)


def _run(
    source: Path,
    out: Path,
    job: Job,
    decode: Callable[[list[tuple[BatchRow, ...]]], Iterator[list[Outcome]]],
    connect: Callable[[], None],
) -> int:
    """Settle all rows that are not, with a bar on a terminal; in the end, one line that says how it went."""
    from tqdm.auto import tqdm  # type: ignore[import-untyped]

    from constrain.engine.batch_files import Input, Ledger, LineError

    spec = job.spec()
    rows = Input.read(source)
    for row in rows.rows:
        if spec is None and row.schema is None:
            raise LineError(
                source, row.number, "no schema", hint="give the row one, or all of them one, as by --schema"
            )
    with Ledger(out, rows, job.settings()) as ledger:
        before, total = len(ledger.settled), len(rows.rows)
        batches = [
            batch for batch in rows.batches(job.batch_size) if any(row.id not in ledger.settled for row in batch)
        ]
        if batches:
            connect()
        with _signals() as caught, tqdm(total=total, initial=before, unit="row", disable=None) as bar:
            began = time.monotonic()
            for outcomes in decode(batches) if batches else ():
                ledger.settle(outcomes)
                bar.update(len(ledger.settled) - bar.n)
                bar.set_postfix(failed=ledger.failed, refresh=False)
                if caught:
                    break
            seconds = time.monotonic() - began
        done = len(ledger.settled)
        said = f"{done} of {total} rows, {ledger.failed} of them failed; {before} were there before"
        if done > before:
            said += f"; {(done - before) / seconds:.2f} rows/s"
        if caught and done < total:
            name = signal.Signals(caught[0]).name
            typer.echo(f"stopped by {name}: {said}. The same command goes on.", err=True)
            return 128 + caught[0]
        typer.echo(said if not ledger.failed else f"{said}. See {ledger.errors}", err=True)
        return 1 if ledger.failed else 0


@contextmanager
def _signals() -> Iterator[list[int]]:
    """SIGINT and SIGTERM as they come, for a job that ends where it can go on. The second one ends it at once."""
    caught: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        caught.append(number)
        for each in before:
            signal.signal(each, signal.SIG_DFL)

    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    for each in before:
        signal.signal(each, note)
    try:
        yield caught
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
