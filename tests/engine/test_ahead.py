"""Prompts are read while specs are compiled, and whatever goes wrong looks as if one had come after the other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from decimal import Decimal, localcontext
from functools import cache
from typing import Any

import pytest

from constrain.constraint import compile
from constrain.engine import ahead
from constrain.engine import model as face
from constrain.engine.ahead import Ahead, meanwhile
from constrain.engine.model import Model, from_transformers
from constrain.errors import SpecError, UnsatisfiableError, UnsupportedError
from constrain.specs import Choice, Regex
from tests.models import tiny_model
from tests.tokenizers import fast, small_tokenizer

PAD, EOS, _, END_OF_TURN = range(4)
DATE = Regex(r"\d{4}-\d{2}-\d{2}")
TIMEOUT = 60.0
FAILED = RuntimeError("the device is out of memory")


@cache
def model() -> Model:
    network = tiny_model(
        vocab_size=400, canvas_length=16, max_denoising_steps=3, eos_token_id=[EOS, END_OF_TURN], pad_token_id=PAD
    )
    return from_transformers(network, fast(small_tokenizer("gpt2")))


class Together:
    """Compiling and reading wait for each other: neither is done before the other has begun. `read` counts prompts."""

    def __init__(self, patch: pytest.MonkeyPatch, *, reading_fails: bool = False) -> None:
        self.compiling, self.reading = threading.Event(), threading.Event()
        self.read: list[int] = []
        self.fails = reading_fails
        patch.setattr(face, "compile", self._compile)
        patch.setattr(model(), "_read", self._read, raising=True)

    def _compile(self, spec: Any, vocabulary: Any) -> Any:
        self.compiling.set()
        assert self.reading.wait(TIMEOUT), "nothing was read while this was compiled"
        return compile(spec, vocabulary)

    def _read(self, rows: Any) -> Any:
        assert self.compiling.wait(TIMEOUT), "nothing was compiled while this was read"
        self.reading.set()
        self.read.append(len(rows))
        if self.fails:
            raise FAILED
        return Model._read(model(), rows)


@pytest.fixture
def together() -> Iterator[Callable[..., Together]]:
    with pytest.MonkeyPatch.context() as patch:
        yield lambda **options: Together(patch, **options)


def test_what_is_read_ahead_is_what_the_rows_are_decoded_with(together: Callable[..., Together]) -> None:
    prompts, specs = ["the name", "a much longer prompt than the other"], [DATE, Choice(["yes", "no"])]
    one, many = model().generate(prompts[0], DATE), model().generate(prompts, specs)
    run = together()
    assert model().generate(prompts[0], DATE).token_ids == one.token_ids
    again = model().generate(prompts, specs)
    assert [row.token_ids for row in again] == [row.token_ids for row in many]
    assert [row.log_z for row in again] == [row.log_z for row in many]
    assert run.read == [1, 2], "once each"


def test_a_bad_row_is_read_ahead_and_left_out(together: Callable[..., Together]) -> None:
    good = ["the name", "the date"]
    expected = model().generate(good, DATE)
    run = together()
    results = model().generate(
        [good[0], "a long prompt that pads the others", good[1], ""], [DATE, {"minLenght": 1}, DATE, DATE]
    )
    assert [type(row.error) for row in results] == [type(None), UnsupportedError, type(None), SpecError]
    assert "minLenght" in str(results[1].error)
    assert [results[0].token_ids, results[2].token_ids] == [row.token_ids for row in expected]
    assert run.read == [3, 2], "all that have a prompt, and those that can run"


@pytest.mark.parametrize("fails", [False, True])
def test_the_error_of_a_spec_comes_first(together: Callable[..., Together], fails: bool) -> None:
    run = together(reading_fails=fails)
    with pytest.raises(UnsatisfiableError, match="budget is 1"):
        model().stream("the name", DATE, max_new_tokens=1)
    assert run.read == [1]


def test_the_error_of_reading_is_raised_when_its_turn_comes(together: Callable[..., Together]) -> None:
    run = together(reading_fails=True)
    drafts = model().stream("the name", DATE)
    assert run.read == [1]
    with pytest.raises(RuntimeError) as caught:
        next(drafts)
    assert caught.value is FAILED


@pytest.mark.parametrize("specs", [[None, DATE], [None, None], "compiled"])
def test_nothing_is_read_ahead_that_may_be_read_apart_or_needs_no_compiling(specs: Any) -> None:
    if specs == "compiled":
        specs = [compile(DATE, model().vocabulary)] * 2
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(face, "meanwhile", lambda *_: pytest.fail("this is read ahead"))
        assert len(model().generate(["a", "b"], specs)) == 2


def test_work_that_is_done_at_once_is_not_accompanied() -> None:
    assert meanwhile(lambda: 1, lambda: pytest.fail("called"), TIMEOUT) == (1, None)
    with pytest.raises(SpecError, match="wrong"):
        meanwhile(wrong, lambda: pytest.fail("called"), TIMEOUT)
    assert meanwhile(lambda: time.sleep(0.1), wrong, 0.0) == (None, None)


def wrong() -> int:
    raise SpecError("wrong")


def test_work_is_done_in_the_context_of_the_caller() -> None:
    variable: ContextVar[int] = ContextVar("variable")
    variable.set(3)
    with localcontext(prec=5):
        assert meanwhile(lambda: (variable.get(), Decimal(1) / 3), lambda: 0)[0] == (3, Decimal("0.33333"))


def test_prompts_read_ahead_are_of_use_for_the_same_alone() -> None:
    denoiser: Any = object()
    found = Ahead([[1, 2], [3]], denoiser)
    assert found.of([[1, 2], [3]]) is denoiser
    assert found.of([[1, 2]]) is found.of([[3], [1, 2]]) is None
    assert 0 < ahead.PATIENCE < 0.1
