"""The judge of judges: what counts as right, and that the official suite is read whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from constrain.errors import LimitError, SpecError, UnsatisfiableError
from constrain.formats import FORMATS
from constrain.json_keywords import ANNOTATIONS, KEYWORDS
from constrain.specs import JsonSchema
from tests.bench import suite
from tests.constrain.json_judge import repeats_a_name, same, spellings, verdict_of
from tests.suite import verdicts
from tests.suite.departures import NOTES, departures
from tests.suite.official import DIALECTS, PARTS, Group, checkout, groups, remotes
from tests.suite.report import support_page
from tests.suite.verdicts import Verdict, judge_group, judge_instance

TESTS = ({"description": "a number", "data": 1, "valid": True}, {"description": "a text", "data": "a", "valid": False})


def group(schema: Any, *tests: Any) -> Group:
    return Group("draft7", "main", "type.json", "some types", schema, tests or TESTS)


def outcome(schema: Any) -> list[Verdict]:
    return [each.verdict for each in judge_group(group(schema), {}, seconds=5)]


def test_each_verdict_is_given_for_its_reason() -> None:
    assert outcome({"type": "number"}) == [Verdict.RIGHT, Verdict.RIGHT]
    assert outcome({"type": ["number", "string"]}) == [Verdict.RIGHT, Verdict.FALSE_ACCEPT]
    assert outcome({"type": "null"}) == [Verdict.FALSE_REJECT, Verdict.RIGHT]
    assert outcome({"type": "no such type"}) == [Verdict.REFUSED, Verdict.REFUSED]
    assert outcome({"type": "null", "enum": [1]}) == [Verdict.FALSE_REJECT, Verdict.RIGHT]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (SpecError("no"), [Verdict.REFUSED] * 2),
        (LimitError("much", limit=1, given=2), [Verdict.LIMIT] * 2),
        (UnsatisfiableError("never"), [Verdict.FALSE_REJECT, Verdict.RIGHT]),
        (TimeoutError("late"), [Verdict.ERROR] * 2),
        (RuntimeError("broken"), [Verdict.ERROR] * 2),
    ],
)
def test_errors_of_compiling_are_told_apart(
    error: Exception, expected: list[Verdict], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(schema: Any, **options: Any) -> JsonSchema:
        raise error

    monkeypatch.setattr(verdicts, "JsonSchema", fail)
    assert outcome({}) == expected


@pytest.mark.parametrize(
    ("written", "accepted", "valid", "expected"),
    [
        ('{"a":1}', True, True, Verdict.RIGHT),
        ('{"a":1}', False, True, Verdict.FALSE_REJECT),
        ('{"a":true}', True, True, Verdict.FALSE_REJECT),
        (None, True, True, Verdict.FALSE_REJECT),
        ('{"a":1}', True, False, Verdict.FALSE_ACCEPT),
        (None, True, False, Verdict.FALSE_ACCEPT),
        (None, False, False, Verdict.RIGHT),
    ],
)
def test_dumps_and_accepts_must_both_be_right(
    written: str | None, accepted: bool, valid: bool, expected: Verdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dumps(spec: JsonSchema, value: Any) -> str:
        if written is None:
            raise SpecError("no")
        return written

    monkeypatch.setattr(JsonSchema, "dumps", dumps)
    monkeypatch.setattr(JsonSchema, "accepts", lambda spec, text: accepted)
    assert judge_instance(JsonSchema(True), {"a": 1}, valid)[0] is expected


def test_spellings_are_all_orders_of_members_and_read_back_as_the_value() -> None:
    value = {"a": 1, "b": [{"é": None, "d": "x"}]}
    texts = list(spellings(value))
    assert len(texts) == len(set(texts)) == 2 * 4 + 1
    assert all(json.loads(text) == value for text in texts)
    assert len(set(spellings(dict.fromkeys("fedcba", 0)))) == 2 * 2


@pytest.mark.parametrize(("one", "other"), [(1, True), (0, False), ([1], [True]), ({"a": 0}, {"a": False}), (1, "1")])
def test_values_that_python_takes_for_equal_differ(one: Any, other: Any) -> None:
    assert not same(one, other)
    assert same(one, one)
    assert same([1, {"a": 2}], [1.0, {"a": 2.0}])


def test_names_that_recur_are_found_at_any_depth() -> None:
    assert repeats_a_name('[{"a": {"b": 1, "b": 1}}]')
    assert not repeats_a_name('[{"a": {"b": 1}, "b": {"a": 1}}]')


def test_the_judge_follows_the_draft_that_a_schema_names() -> None:
    schema = {"exclusiveMinimum": True, "minimum": 1}
    assert not verdict_of({"$schema": DIALECTS["draft4"], **schema})(1)
    assert verdict_of(schema, dialect=DIALECTS["draft4"])(2)
    assert not verdict_of({"$ref": "http://x/y"}, documents={"http://x/y": {"type": "null"}})(1)


def test_a_missing_suite_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="JSON_SCHEMA_TEST_SUITE"):
        checkout(tmp_path)
    app = typer.Typer()
    app.command()(suite.main)
    result = CliRunner().invoke(app, ["--suite", str(tmp_path)])
    assert result.exit_code == 2
    assert "git" in result.output


def made_up(root: Path) -> None:
    """A checkout of one file per part, and a remote schema."""
    folder = root / "tests" / "draft2020-12"
    (folder / "optional" / "format").mkdir(parents=True)
    right: Any = {"description": "numbers", "schema": {"$ref": "http://localhost:1234/n.json"}, "tests": list(TESTS)}
    refused = {"description": "what | is this", "schema": {"type": "no such"}, "tests": list(TESTS)}
    day: Any = {"description": "days", "schema": {"format": "date"}, "tests": [{**TESTS[1], "data": "2023-02-29"}]}
    (folder / "type.json").write_text(json.dumps([right, refused]))
    (folder / "format.json").write_text(json.dumps([{**day, "tests": [{**day["tests"][0], "valid": True}]}]))
    (folder / "optional" / "format" / "date.json").write_text(json.dumps([day]))
    (root / "remotes").mkdir()
    (root / "remotes" / "n.json").write_text('{"type": "number"}')


def test_the_command_counts_details_and_writes_the_page(tmp_path: Path) -> None:
    made_up(tmp_path)
    app = typer.Typer()
    app.command()(suite.main)
    page = tmp_path / "docs" / "page.md"
    arguments = ["--suite", str(tmp_path), "--drafts", "draft2020-12"]
    found = json.loads(CliRunner().invoke(app, [*arguments, "--json", "--write", str(page)]).stdout)
    assert found["counts"] == {"draft2020-12": {"main": {"right": 3, "refused": 2}, "format": {"right": 1}}}
    assert [each["group"] for each in found["wrong"]] == ["what | is this"] * 2
    text = page.read_text()
    assert "| draft2020-12 | main | 5 | 3 | 0 | 0 | 2 | 0 | 0 | 60.0% |" in text
    assert "**2 of 4**: 2 refused" in text
    assert "what \\| is this" in text
    assert "REFUSED: main draft2020-12 / type.json" in CliRunner().invoke(app, [*arguments, "--details"]).stdout
    assert "2" in CliRunner().invoke(app, [*arguments, "--files", "format"]).stdout


def test_the_page_has_every_keyword_and_format() -> None:
    page = "\n".join(departures())
    assert NOTES.keys() <= KEYWORDS.keys()
    assert all(f"| `{keyword}` | " in page for keyword in KEYWORDS)
    assert all(f"`{name}`" in page for name in (*FORMATS, *ANNOTATIONS))


def test_the_page_says_when_all_is_right() -> None:
    assert support_page(judge_group(group({"type": "number"}), {}, seconds=5)).endswith("Nothing.\n")


@pytest.fixture(scope="module")
def root() -> Path:
    try:
        return checkout()
    except FileNotFoundError as error:
        pytest.skip(str(error))


def test_the_official_suite_is_read_whole(root: Path) -> None:
    """Known counts of the suite's 2020-12 part; an older or newer checkout may have others, but not fewer by far."""
    counts = {part: sum(len(each.tests) for each in groups(root, "draft2020-12", part)) for part in PARTS}
    assert counts["main"] >= 1200
    assert counts["format"] >= 700
    for draft in DIALECTS:
        named = remotes(root, draft)
        assert "http://localhost:1234/integer.json" in named
        assert all(isinstance(each.schema, bool) or each.draft == draft for each in groups(root, draft, "main"))


@pytest.mark.slow
@pytest.mark.parametrize("draft", DIALECTS)
def test_the_official_suite_is_satisfied(draft: str, root: Path) -> None:
    """Nothing wrong silently; of what is required, at least 92% right, of 2020-12 all but a handful."""
    chosen = [*groups(root, draft, "main"), *groups(root, draft, "format")]
    outcomes = [each for one in chosen for each in judge_group(one, remotes(root, draft), seconds=60)]
    required = [each for each in outcomes if each.group.part == "main"]
    right = sum(each.verdict is Verdict.RIGHT for each in required)
    assert not [each for each in outcomes if each.verdict is Verdict.FALSE_ACCEPT]
    assert not [each for each in required if each.verdict in (Verdict.FALSE_REJECT, Verdict.ERROR)]
    assert right >= (0.99 if draft == "draft2020-12" else 0.92) * len(required)
