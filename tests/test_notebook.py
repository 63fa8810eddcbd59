"""What notebooks show: short tables, without scripts, in which nothing of a model or a user is read as HTML."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from constrain.constraint import compile
from constrain.engine.choosing import Ranking
from constrain.engine.result import Result
from constrain.errors import SpecError
from constrain.notebook import Board, preformatted, table
from constrain.specs import Choice, JsonSchema
from constrain.sudoku import Sudoku
from constrain.vocabulary import Vocabulary

HURTFUL = "</pre><script>alert(1)</script><img src=x onerror=alert(1)>&amp;"
SAFE = {"table", "caption", "tr", "th", "td", "pre", "em", "br"}


class Shown(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == [], "every element is closed"

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attributes}
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


SHOWN = {
    "a result": Result(text=HURTFUL, spec=Choice([HURTFUL]), passes=3, canvases=1, stop_reason="certain", log_z=-0.5),
    "an error": Result(error=SpecError(HURTFUL)),
    "a draft of nothing": Result(),
    "a constraint": compile(Choice(["<script>"]), Vocabulary([b"<", b"s", b"cript>", None], [3])),
    "a board": Board(HURTFUL),
    "a choice": Ranking({HURTFUL: 0.9, "ham": 0.1}),
    "no choice": Ranking(error=SpecError(HURTFUL)),
    "names": table(HURTFUL, [(HURTFUL, preformatted(HURTFUL))]),
}


@pytest.mark.parametrize("name", SHOWN)
def test_there_is_nothing_but_a_table_of_text(name: str) -> None:
    what = SHOWN[name]
    html = what if name == "names" else what._repr_html_()  # type: ignore[attr-defined]  # all the others have it
    assert isinstance(html, str)
    shown = Shown(html)
    assert shown.tags <= SAFE
    assert shown.attributes <= {"style"}
    assert len(html) < 4_000


def test_a_result_tells_its_text_and_its_figures() -> None:
    said = Shown(SHOWN["a result"]._repr_html_()).text  # type: ignore[attr-defined]
    for part in (HURTFUL, "certain", "-0.500", "3 on 1 canvas"):
        assert part in said


def test_a_failed_row_tells_why_and_nothing_else() -> None:
    said = Shown(SHOWN["an error"]._repr_html_()).text  # type: ignore[attr-defined]
    assert HURTFUL in said
    assert "passes" not in said


def test_bounds_are_told() -> None:
    spec = JsonSchema({"$ref": "#/$defs/tree", "$defs": {"tree": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}})
    assert spec.bounded
    assert spec.bounded[0] in Shown(Result(text="[]", spec=spec)._repr_html_()).text


def test_a_solved_puzzle_is_drawn() -> None:
    puzzle = Sudoku("1.3..........4.2")
    result = Result(text=puzzle.dumps("1234432121433412"), spec=puzzle)
    assert isinstance(result.board, Board)
    assert result.board in Shown(result._repr_html_()).text
    assert "|" in result.board


def test_long_texts_are_cut_and_say_so() -> None:
    html = Result(text="x" * 5_000)._repr_html_()
    assert len(html) < 4_000
    assert "3,000 characters more" in Shown(html).text
