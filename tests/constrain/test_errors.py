"""Errors carry their data and draw where the fault is."""

from __future__ import annotations

import copy
import pickle

import pytest

from constrain.errors import (
    ConstrainError,
    LimitError,
    SpecError,
    UnsatisfiableError,
    UnsupportedError,
    VocabularyError,
)
from constrain.relations import AllDifferent
from constrain.solving import Conflict


def test_a_fault_in_a_text_is_drawn_with_a_caret() -> None:
    error = SpecError("no such rule", source="one\ntwo thre", position=8, hint="write three")
    assert (error.line, error.column) == (2, 5)
    assert str(error) == "no such rule, line 2, column 5\n  two thre\n      ^\n  hint: write three"


def test_a_fault_in_a_schema_has_a_pointer() -> None:
    assert str(SpecError("bad", pointer="/a/b")) == "bad (at /a/b)"
    assert str(SpecError("bad", pointer="")) == "bad (at the root)"
    assert SpecError("bad").line is None
    assert SpecError("bad").column is None


@pytest.mark.parametrize(
    "error",
    [
        SpecError("bad", source="ab", position=1, pointer="/a", keyword="b", hint="good"),
        UnsatisfiableError("no", needed=3, available=2),
        LimitError("too many", limit=1, given=2, hint="fewer"),
        Conflict((AllDifferent("a", "b"),), minimal=True),
    ],
)
def test_copies_have_the_same_data(error: ConstrainError) -> None:
    for same in (copy.copy(error), copy.deepcopy(error), pickle.loads(pickle.dumps(error))):
        assert type(same) is type(error)
        assert (str(same), same.args, vars(same)) == (str(error), error.args, vars(error))


def test_the_hierarchy() -> None:
    assert issubclass(UnsupportedError, SpecError)
    assert issubclass(SpecError, ValueError)
    for error in (SpecError, UnsatisfiableError, LimitError, VocabularyError):
        assert issubclass(error, ConstrainError)


def test_hints_follow_the_message() -> None:
    assert str(LimitError("too many", limit=1, given=2, hint="fewer")) == "too many\n  hint: fewer"
    assert str(UnsatisfiableError("no", needed=3, available=2)) == "no"
