"""Every family takes the same tests, and whatever a masked model prefers, its outputs are valid and complete.

The judges are those of the other adversaries: `jsonschema`, `re`, pydantic and membership in a list. The sweep goes
over blocks, remasking rules, ways of reading and numbers of passes:

    pytest -m slow tests/engine/test_families.py
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from importlib import import_module
from itertools import product
from math import prod
from typing import Any

import pytest

from constrain.constraint import compile
from constrain.engine.infilling import Infill
from constrain.engine.model import Model
from constrain.engine.stopping import StopRule
from constrain.specs import Regex
from tests.engine.families import EOS, FAMILIES, MASK, each_family, family_model, masked_model
from tests.engine.test_adversary import BREAKS, Case, assert_all_valid, cases, few

NEVER = StopRule(certain=None, confidence=None)
MASKED = FAMILIES[1:]
LENGTH, ROOM = 24, 100
CONFORMANCE = ("model", "choose", "residual", "relational", "families")
"""The test files in which something is said of every family."""

BLOCKS = (None, 1, 8)
RULES = ("confidence", "margin", "entropy")


def taken() -> Counter[str]:
    """How many tests each family takes, of all that name one."""
    counts: Counter[str] = Counter()
    for name in CONFORMANCE:
        for test in vars(import_module(f"tests.engine.test_{name}")).values():
            marks = [mark.args for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]
            families = [values for names, values in marks if names == "family" and len(values) == len(FAMILIES)]
            times = prod(len(values) for names, values in marks if names != "family")
            for values in families:
                counts.update(dict.fromkeys(values, times))
    return counts


def test_every_family_takes_the_same_tests() -> None:
    counts = taken()
    print(", ".join(f"{family}: {count}" for family, count in counts.items()))
    assert set(counts) == set(FAMILIES)
    assert len(set(counts.values())) == 1
    assert counts["llada"] > 60


@each_family
def test_outputs_are_valid_after_one_pass_and_after_some(family: str) -> None:
    model = family_model(family, length=LENGTH)
    assert_all_valid(few()[::2], model, max_passes=1, max_new_tokens=ROOM)
    assert_all_valid(few()[1::4], model, max_passes=5, max_new_tokens=59, stop=NEVER)


@each_family
def test_every_draft_of_a_last_canvas_is_valid(family: str) -> None:
    model = family_model(family, length=40)
    chosen = [case for case in few() if compile(case.spec, model.vocabulary).shortest <= 40]
    assert len(chosen) > 7
    specs = [case.spec for case in chosen]
    for drafts in model.stream(["the"] * len(chosen), specs, max_passes=4, max_new_tokens=40, stop=NEVER):
        for case, draft in zip(chosen, drafts, strict=True):
            assert draft.complete
            assert case.judge(draft.text, draft.value)


@each_family
@pytest.mark.parametrize("how", BREAKS)
def test_outputs_of_a_broken_model_are_valid(family: str, how: str) -> None:
    model = broken(family, how)
    assert_all_valid(few()[::5], model, max_passes=3, max_new_tokens=59, stop=NEVER)


@cache
def broken(family: str, how: str) -> Model:
    """The model of a family with what `BREAKS` makes of its logits, float32."""
    fresh = family_model.__wrapped__(family, length=LENGTH)

    def hook(module: Any, arguments: Any, output: Any) -> Any:
        output.logits = BREAKS[how](output.logits.float())
        return output

    fresh.network.register_forward_hook(hook)
    return fresh


@pytest.mark.parametrize("family", MASKED)
def test_given_text_is_untouched_whatever_the_model_prefers(family: str) -> None:
    for how in ("everything is NaN", "most tokens are impossible"):
        assert_untouched(broken(family, how))


def assert_untouched(model: Model, **options: Any) -> None:
    """Texts with gaps in every other place, or nearly everywhere, alone and under a pattern."""
    vocabulary = model.vocabulary
    texts = [f"a{MASK}" * 5, f"{MASK * 4}bc{MASK * 7}", f"{MASK}true{MASK * 3}12"]
    specs = [Infill(text, spec) for text in texts for spec in (None, Regex("[a-z0-9]*"))]
    drafts = list(model.stream(["the"] * len(specs), specs, stop=NEVER, **options))
    for results in drafts:
        for spec, result in zip(specs, results, strict=True):
            given = spec.tokens(model.tokenizer, vocabulary, mask=mask_of(model), length=model.length)
            assert len(result.token_ids) == len(given)
            assert all(token in (-1, said) for token, said in zip(given, result.token_ids, strict=True))
            assert result.complete


def mask_of(model: Model) -> int | None:
    return None if model.family.masked is None else model.family.masked.mask


def test_a_model_that_would_end_at_once_leaves_given_text_in_the_text() -> None:
    model = masked_model("llada", length=LENGTH)

    def hook(module: Any, arguments: Any, output: Any) -> Any:
        output.logits[..., EOS] += 1e3
        return output

    model.network.register_forward_hook(hook)
    assert_untouched(model, max_passes=3)


def thirty() -> list[Case]:
    """Thirty cases of every sort, those that are cheap to compile."""
    chosen = [*few(), *(case for case in cases() if case not in few())][:30]
    assert len({case.name for case in chosen}) == 30
    return chosen


@pytest.mark.slow
@pytest.mark.parametrize("passes", [1, 4, None])
@pytest.mark.parametrize(("block", "remasking"), list(product(BLOCKS, RULES)))
@pytest.mark.parametrize("family", MASKED)
def test_sweep(family: str, block: int | None, remasking: str, passes: int | None) -> None:
    """None: as many passes as a canvas has tokens, for half of the cases. Some models draw, some write what is best."""
    if block is None and family == "llada2":
        block = LENGTH
    rule = {"block_length": block, "remasking": remasking, "temperature": float(RULES.index(remasking) % 2)}
    sharpness = 30.0 if block == 8 else 1.0
    model = masked_model(family, length=LENGTH, sharpness=sharpness, **rule)
    assert_all_valid(few() if passes is None else thirty(), model, max_passes=passes, max_new_tokens=ROOM)
    assert_untouched(model, max_passes=passes)
