"""The bar that counts the finished rows of a batch."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from constrain.engine.progress import counted
from constrain.engine.refine import Draft
from constrain.specs import Choice, Regex
from tests.engine.test_model import model

EOS, LENGTH = 1, 2


class Bar:
    """Writes down what it is set to."""

    disable = False

    def __init__(self) -> None:
        self.n = 0
        self.seen: list[int] = []

    def set_postfix(self, **said: Any) -> None:
        self.seen.append(self.n)

    def refresh(self) -> None:
        self.seen.append(self.n)


def draft(tokens: list[list[int]], reasons: list[Any], canvases: list[int]) -> Draft:
    rows = len(tokens)
    one = torch.ones(rows, dtype=torch.float64)
    rest: Any = (tuple(reasons), (1,) * rows, tuple(canvases), (0,) * rows, (None,) * rows, ((),) * rows)
    return Draft(torch.tensor(tokens), one, one, torch.zeros(rows, LENGTH), *rest)


def counts(*drafts: Draft, budgets: list[int]) -> list[int]:
    bar = Bar()
    assert list(counted(iter(drafts), bar, budgets, [EOS])) == list(drafts)
    return bar.seen


def test_a_row_counts_when_it_has_stopped_and_no_canvas_follows() -> None:
    ended, going_on, full = [5, EOS], [5, 6], [7, 8]
    first = draft([ended, going_on, full], [None, None, None], [1, 1, 1])
    second = draft([ended, going_on, full], ["certain", "certain", "budget"], [1, 1, 1])
    third = draft([[*ended, 0, 0], [*going_on, 9, EOS], [*full, 0, 0]], ["certain", None, "budget"], [1, 2, 1])
    assert counts(first, second, third, budgets=[8, 8, LENGTH]) == [0, 2, 2, 3]


def test_in_the_end_all_rows_count() -> None:
    assert counts(draft([[5, 6]], ["certain"], [1]), budgets=[8]) == [0, 1]


@pytest.mark.parametrize("shown", [True, False])
def test_the_bar_is_shown_if_asked_for(shown: bool, capsys: pytest.CaptureFixture[str]) -> None:
    specs = [Choice(["12", "20"]), None, Regex("(?:[a-f]{3},){8}"), "not a spec"]
    results = model().generate(["the", "in", "x", "the"], specs, max_passes=2, progress=shown)
    err = capsys.readouterr().err
    assert ("4/4" in err) == shown
    assert "row" in err or not shown
    plain = model().generate(["the", "in", "x", "the"], specs, max_passes=2)
    assert [result.text for result in results] == [result.text for result in plain]
