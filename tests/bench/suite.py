"""How `JsonSchema` fares on the official JSON Schema test suite.

    python tests/bench/suite.py [--details] [--json] [--drafts draft7,...] [--write docs/json_schema.md]
    python tests/bench/suite.py --adversary 300

The suite is a checkout of https://github.com/json-schema-org/JSON-Schema-Test-Suite, named by `--suite` or by the
environment variable JSON_SCHEMA_TEST_SUITE. Each test is an instance under a schema: it is *right* when a valid
instance is written by `dumps` and accepted, and an invalid one is refused by `dumps` and in all spellings tried
(members in any order, with and without white space and escapes). A schema refused counts against each of its instances.
The suite's remote schemas are given as `documents`; formats are notes, but asserted where the suite is about them.

With `--adversary`, a model with random weights writes documents under schemas of the suite instead, and `jsonschema`
judges them.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

sys.path.append(str(Path(__file__).parents[2]))  # for `tests`, where this runs as a script

from tests.suite.official import DIALECTS, PARTS, Group, checkout, groups, remotes
from tests.suite.report import support_page
from tests.suite.verdicts import Outcome, Verdict, judge_group

__all__ = ["main"]

LABELS = {"main": "all that is required", "format": "optional/format", "optional": "other optional"}


def measure(root: Path, drafts: list[str], files: set[str], seconds: float, console: Console) -> list[Outcome]:
    chosen: list[Group] = [
        group
        for draft in drafts
        for part in PARTS
        for group in groups(root, draft, part)
        if not files or group.file.removesuffix(".json") in files
    ]
    progress = track(chosen, "Judging", console=console, disable=not console.is_terminal, transient=True)
    return [outcome for group in progress for outcome in judge_group(group, remotes(root, group.draft), seconds)]


def show(outcomes: Iterable[Outcome]) -> Table:
    counts: dict[tuple[str, str], Counter[Verdict]] = {}
    for outcome in outcomes:
        counts.setdefault((outcome.group.draft, outcome.group.part), Counter())[outcome.verdict] += 1
    table = Table("draft", "part", "tests", *Verdict, "share right")
    for column in table.columns[2:]:
        column.justify = "right"
    for (draft, part), count in counts.items():
        cells = [f"{count[verdict]:,}" for verdict in Verdict]
        share = f"{count[Verdict.RIGHT] / count.total():.1%}"
        table.add_row(draft, LABELS[part], f"{count.total():,}", *cells, share, end_section=part == "optional")
    return table


def as_record(outcome: Outcome) -> dict[str, Any]:
    group = outcome.group
    return {
        "draft": group.draft,
        "part": group.part,
        "file": group.file,
        "group": group.description,
        "test": outcome.test,
        "verdict": outcome.verdict,
        "schema": group.schema,
        "instance": outcome.instance,
        "text": outcome.text,
        "message": outcome.message,
    }


def details(outcomes: Iterable[Outcome]) -> Iterable[str]:
    for outcome in outcomes:
        if outcome.verdict is not Verdict.RIGHT:
            record = as_record(outcome)
            place = " / ".join(record[name] for name in ("draft", "file", "group", "test"))
            yield f"{outcome.verdict.upper()}: {outcome.group.part} {place}"
            for name in ("schema", "instance"):
                yield f"  {name + ':':10}{json.dumps(record[name], ensure_ascii=True)}"
            yield from (f"  {name + ':':10}{record[name]}" for name in ("text", "message") if record[name])


def challenge(root: Path, count: int) -> int:
    """A random model writes under `count` schemas of the suite, in 1, 2 and 8 passes; how many outputs are at fault."""
    from tests.suite.adversary import Challenge, faults, from_official_suite, random_model  # imports torch

    drawn = list(from_official_suite(root, count))
    compiled = [each for each in drawn if isinstance(each, Challenge)]
    refused = [each for each in drawn if isinstance(each, str)]
    print(*refused, sep="\n")
    found = {passes: list(faults(compiled, random_model(), passes=passes)) for passes in (1, 2, 8)}
    for passes, wrong in found.items():
        print(f"{passes} passes: {len(compiled) - len(wrong)} of {len(compiled)} outputs valid", *wrong, sep="\n")
    print(f"{len(drawn)} schemas drawn, {len(refused)} of them refused")
    return min(1, sum(map(len, found.values())))


def main(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object: counts, and all that is not right.")
    ] = False,
    show_details: Annotated[bool, typer.Option("--details", help="List what is not right.")] = False,
    suite: Annotated[Path | None, typer.Option(help="The checkout of the suite.")] = None,
    drafts: Annotated[str, typer.Option(help="Folders, separated by commas.")] = ",".join(DIALECTS),
    files: Annotated[str, typer.Option(help="Only these files (as `not,format`).")] = "",
    seconds: Annotated[float, typer.Option(help="Time limit per schema, and per instance.")] = 20.0,
    adversary: Annotated[int, typer.Option(help="Let a random model write under so many schemas instead.")] = 0,
    write: Annotated[Path | None, typer.Option(help="Where to write the support table, as Markdown.")] = None,
) -> None:
    """Right, false and refused, per draft of the official JSON Schema test suite."""
    try:
        root = checkout(suite)
    except FileNotFoundError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    folders = drafts.split(",")
    if unknown := [folder for folder in folders if folder not in DIALECTS]:
        raise typer.BadParameter(f"{', '.join(unknown)}: the folders are {', '.join(DIALECTS)}", param_hint="--drafts")
    if adversary:
        raise typer.Exit(challenge(root, adversary))
    outcomes = measure(root, folders, set(files.split(",")) - {""}, seconds, Console(stderr=True))
    if write is not None:
        write.parent.mkdir(parents=True, exist_ok=True)
        write.write_text(support_page(outcomes), encoding="utf-8")
    if as_json:
        counts: dict[str, dict[str, Counter[str]]] = {}
        for outcome in outcomes:
            part = counts.setdefault(outcome.group.draft, {}).setdefault(outcome.group.part, Counter())
            part[outcome.verdict] += 1
        wrong = [as_record(outcome) for outcome in outcomes if outcome.verdict is not Verdict.RIGHT]
        print(json.dumps({"counts": counts, "wrong": wrong}))
        return
    if show_details:
        for line in details(outcomes):
            print(line)
    Console(width=None if sys.stdout.isatty() else 130).print(show(outcomes))


if __name__ == "__main__":
    typer.run(main)
