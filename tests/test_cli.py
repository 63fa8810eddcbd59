"""The command line: results on standard output, everything else on standard error, faults as messages."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel

from constrain import cli


class Pet(BaseModel):
    name: str
    kind: Literal["cat", "dog"]


class Run:
    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.capsys = capsys
        self.monkeypatch = monkeypatch

    def __call__(self, *arguments: str, stdin: str = "") -> tuple[int, str, str]:
        """Exit status, standard output, standard error."""
        self.monkeypatch.setattr(sys, "argv", ["constrain", *arguments])
        self.monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        try:
            cli.main()
            status = 0
        except SystemExit as stopped:
            status = int(stopped.code or 0)
        captured = self.capsys.readouterr()
        return status, captured.out, captured.err


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("COLUMNS", "200")
    return Run(capsys, monkeypatch)


def test_extract_reads_an_object_out_of_a_sentence(run: Run) -> None:
    status, out, _ = run("extract", "Ada Lovelace, 36, lives in London.", "--fields", "name, age: int, city")
    assert status == 0
    assert json.loads(out) == {"name": "Ada Lovelace", "age": 36, "city": "London"}


def test_extract_reads_prompts_from_a_pipe_and_prints_one_line_each(run: Run) -> None:
    status, out, err = run("extract", "-", "--fields", "size: small|large", "--max-passes", "1", stdin="a\nb\nc\n")
    assert status == 0
    assert [json.loads(line)["size"] in ("small", "large") for line in out.splitlines()] == [True] * 3
    assert "pass" not in err, "no progress display in a pipe"


def test_a_bad_prompt_does_not_hurt_its_neighbours(run: Run) -> None:
    status, out, err = run("extract", "Ada", "", "Bob", "--fields", "ok: bool", "--max-passes", "1")
    assert status == 1
    assert len(out.splitlines()) == 2
    assert "the prompt is empty" in err


def test_extract_takes_schemas_as_text_or_file_and_types_by_name(run: Run, tmp_path: Path) -> None:
    schema = json.dumps({"type": "object", "properties": {"n": {"enum": [7]}}, "required": ["n"]})
    (tmp_path / "schema.json").write_text(schema)
    for source in (schema, str(tmp_path / "schema.json")):
        status, out, _ = run("extract", "x", "--schema", source, "--max-passes", "1")
        assert status == 0
        assert json.loads(out)["n"] == 7
    status, out, _ = run("extract", "x", "--type", "tests.test_cli:Pet", "--max-passes", "1")
    assert status == 0
    assert Pet.model_validate_json(out).kind in ("cat", "dog")


def test_choose_and_regex_print_bare_text(run: Run) -> None:
    status, out, err = run("choose", "is this spam?", "spam", "ham", "-v")
    assert status == 0
    assert out.strip() in ("spam", "ham")
    assert "log Z" in err
    status, out, _ = run("regex", "[ab]{4}", "x", "--max-passes", "2")
    assert status == 0
    assert len(out.strip()) == 4
    assert set(out.strip()) <= {"a", "b"}


def test_explain_needs_no_model_unless_asked(run: Run) -> None:
    status, out, _ = run("explain", "--regex", "a{2,5}")
    assert status == 0
    assert "longest text:   5 bytes" in out
    status, out, _ = run("explain", "--fields", "name", "--bundled")
    assert status == 0
    assert "token classes:" in out


def test_explain_lists_the_keywords_of_a_schema(run: Run) -> None:
    schema = {"type": "object", "properties": {"tags": {"type": "array", "uniqueItems": True}}, "title": "Post"}
    status, out, _ = run("explain", "--schema", json.dumps(schema))
    assert status == 0
    said = dict(line.split(maxsplit=1) for line in out.splitlines() if line.startswith("    /"))
    assert said["/properties/tags/type"] == "automaton"
    assert said["/properties/tags/uniqueItems"] == "checked on the finished text: uniqueItems"
    assert said["/title"] == "annotation"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("extract", "x"), "give one of --fields, --schema and --type"),
        (("extract", "x", "--fields", "a: itn"), "unknown type 'itn'"),
        (("extract", "x", "--schema", "/no/such/file.json"), "cannot read the schema"),
        (("extract", "x", "--schema", '{"minLenght": 1}'), "minLenght"),
        (("extract", "x", "--type", "nowhere:Person"), "cannot import 'nowhere:Person'"),
        (("extract", "x", "--type", "tests.test_cli:Nothing"), "cannot import"),
        (("explain", "--regex", "a", "--fields", "b"), "give one of"),
        (("regex", r"(a)\1", "x"), "back-reference"),
        (("regex", "a{9}", "x", "--max-new-tokens", "2"), "shortest match needs"),
        (("choose", "x", "a", "--model", "/no/such/model"), "cannot load '/no/such/model'"),
    ],
)
def test_faults_are_messages_not_tracebacks(run: Run, arguments: tuple[str, ...], message: str) -> None:
    status, out, err = run(*arguments)
    assert status in (1, 2)
    assert out == ""
    assert message in err
    assert "Traceback" not in err
