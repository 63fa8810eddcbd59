"""The kernels' benchmark: its cases run and agree with their references, and without a GPU it measures nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from constrain import Regex, Vocabulary, compile
from tests.bench import kernels
from tests.kernels.conftest import Kernel


def test_every_case_agrees_with_its_reference_and_a_wrong_answer_does_not(kernel: Kernel) -> None:
    constraint = compile(Regex("(a|bc)*"), Vocabulary(tokens=[b"a", b"b", b"c", b"bc", None, b"aa"], end_of_turn=[4]))
    names = []
    for case in kernels.cases(constraint, 5, 2, torch.float32, torch.device("cpu")):
        found, _ = kernel(case.small)
        assert kernels.agree(found, case.reference()), case.name
        assert not kernels.agree(spoiled(found), case.reference()), case.name
        assert case.bytes > 0
        names.append(case.name.split(",")[0].split(".")[0])
    assert set(names) == {"accept", "bitmask", "class_reduce", "propagate", "shape_logits", "sweep"}


def spoiled(answer: Any) -> Any:
    """With one number changed."""
    if isinstance(answer, torch.Tensor):
        answer = answer.clone()
        answer.view(-1)[0] = not answer.view(-1)[0] if answer.dtype == torch.bool else 7
        return answer
    first = next(iter(answer.__dataclass_fields__))
    return replace(answer, **{first: spoiled(getattr(answer, first))})


def test_without_a_gpu_it_says_so_and_how_to_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    app = kernels.typer.Typer()
    app.command()(kernels.main)
    done = CliRunner().invoke(app, [])
    assert done.exit_code == 0
    assert "no GPU" in done.output
    assert "python tests/bench/kernels.py" in done.output
