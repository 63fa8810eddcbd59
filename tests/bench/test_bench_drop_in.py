"""The benchmark of the drop-in runs, on sizes at which its numbers mean nothing."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner

from tests.bench import drop_in


@pytest.mark.parametrize("as_json", [True, False])
def test_drop_in_prints_all_sides_and_one_ratio(as_json: bool) -> None:
    app = typer.Typer()
    app.command()(drop_in.main)
    small = ["--repeats", "1", "--passes", "1", "--size", "1500", "--schema", "optional", *["--json"] * as_json]
    result = CliRunner().invoke(app, small, catch_exceptions=False)
    assert result.exit_code == 0
    if as_json:
        figures = json.loads(result.stdout.splitlines()[-1])
        sides = {"own loop", "constrained", "logits_processor", "no constraint"}
        assert set(figures["bundled"]) == set(figures["random"]) == sides
        ratios = [figures[name]["constrained"] / figures[name]["own loop"] for name in ("bundled", "random")]
        assert figures["ratio"] == max(ratios)
    else:
        assert "logits_processor" in result.stdout
