"""The project's own decoding inside transformers' `generate`: same call, same arguments, same output, but constrained.

While a model is `constrained`, two of its methods have a stand-in, on that one object. `generate` checks what can be
known before any pass, and then runs as it is: prompts, images, caches, compiled functions, streamers and what is done
with finished canvases are transformers'. In it, `_denoising_step`, one pass over a canvas, is `Call.denoise`.
"""

from __future__ import annotations

import functools
import inspect
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from transformers import DiffusionGemmaForBlockDiffusion, LogitsProcessorList

from constrain.constraint import Constraint
from constrain.engine.drop_in_call import Call
from constrain.engine.drop_in_processor import ConstrainedLogits, ConstrainedLogitsList
from constrain.engine.mixed_batch import (
    MixedBatch,
    RowConstraint,
    RowConstraints,
    check_fit,
    limits,
    per_row,
    row_constraints,
)
from constrain.engine.model import SOLVER_TIME
from constrain.engine.rows import Limits
from constrain.engine.stopping import StopRule
from constrain.errors import UnsupportedError, VocabularyError

__all__ = ["constrained"]


@contextmanager
def constrained(
    model: Any,
    constraint: Constraint | Sequence[Constraint | None] | None,
    *,
    max_redecoded: int | None = None,
    solver_time: float = SOLVER_TIME,
    stop: StopRule | None = None,
) -> Iterator[Any]:
    """In this context, `generate` of `model`, a `DiffusionGemmaForBlockDiffusion`, gives outputs that fit `constraint`.

    `constraint` is compiled (`constrain.compile`) over the model's vocabulary; a list has one for each row, None where
    anything goes. Outputs take at most `max_new_tokens` of the call. `max_redecoded`, `solver_time` and `stop` are as
    in `Model.generate`; without `stop`, the thresholds of the call count, and a probability of 0.999.

    Behind the context, the model is as it was. Contexts nest, and the innermost counts. They are of the thread or task
    that enters them; meanwhile other threads cannot use `generate`, unless they enter one, too (with None: no
    constraint).

    Raises `SpecError` for what is not compiled and `UnsupportedError` for another model. `generate` raises, before any
    pass: `SpecError` for another number of rows, `VocabularyError` for another vocabulary, `UnsatisfiableError` where
    the budget is too small or a puzzle has no solution, `UnsupportedError` where something else may end an output; and
    in a pass, `UnsatisfiableError` where no output is found that passes a check on the text.
    """
    if not isinstance(model, DiffusionGemmaForBlockDiffusion):
        raise UnsupportedError(
            f"this is for generate of a DiffusionGemma, not of {type(model).__name__}",
            hint="pass the transformers.DiffusionGemmaForBlockDiffusion itself",
        )
    use = _Use(model, row_constraints(constraint), limits(max_redecoded, solver_time), stop)
    _install(model)
    token = _uses.set((*_uses.get(), use))
    try:
        yield model
    finally:
        _uninstall(model)
        _uses.reset(token)


@dataclass(frozen=True, eq=False)
class _Use:
    """One context that was entered."""

    model: Any
    rows: RowConstraints
    limits: Limits
    stop: StopRule | None


@dataclass(eq=False)
class _Installed:
    """In how many contexts a model is, and which of its own attributes the stand-ins have replaced."""

    contexts: int
    replaced: dict[str, Any]


_uses: ContextVar[tuple[_Use, ...]] = ContextVar("_uses", default=())
_call: ContextVar[Call | None] = ContextVar("_call", default=None)
_lock = threading.Lock()
_installed: WeakKeyDictionary[Any, _Installed] = WeakKeyDictionary()


def _install(model: Any) -> None:
    with _lock:
        if model in _installed:
            _installed[model].contexts += 1
            return
        own = vars(model)
        _installed[model] = _Installed(1, {name: own[name] for name in _STAND_INS if name in own})
        for name, stand_in in _STAND_INS.items():
            original = getattr(model, name)
            own[name] = functools.wraps(original)(functools.partial(stand_in, model, original))


def _uninstall(model: Any) -> None:
    with _lock:
        installed = _installed[model]
        installed.contexts -= 1
        if installed.contexts == 0:
            for name in _STAND_INS:
                del vars(model)[name]
            vars(model).update(installed.replaced)
            del _installed[model]


def _generate(model: Any, original: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """`generate` in the innermost context."""
    uses = [use for use in _uses.get() if use.model is model]
    if not uses:
        raise UnsupportedError(
            "this model is constrained in another thread, and not in this one",
            hint="enter constrain.constrained in the thread that calls generate, with None for no constraint",
        )
    given = inspect.signature(original).bind(*args, **kwargs).arguments
    extra = given.pop("kwargs", {})
    token = _call.set(_begun(model, uses[-1], given, extra))
    try:
        return original(**given, **extra)
    finally:
        _call.reset(token)


def _begun(model: Any, use: _Use, given: dict[str, Any], extra: dict[str, Any]) -> Call | None:
    """The call with these arguments, of which the processors get a list of their own; None if nothing constrains it."""
    ids = given.get("input_ids")
    if use.rows is None or ids is None:
        return None
    rows = per_row(use.rows, len(ids))
    if all(row is None for row in rows):
        return None
    check_fit(rows, size=model.config.text_config.vocab_size)
    budget = _budget(model, given, extra, rows)
    check_fit(rows, budget=budget)
    if given.get("logits_processor") is not None:
        given["logits_processor"] = _foreign(given["logits_processor"])
    return Call(model, MixedBatch(rows, budget=budget, limits=use.limits, device=ids.device), use.stop)


def _budget(model: Any, given: dict[str, Any], extra: dict[str, Any], rows: Sequence[RowConstraint]) -> int:
    """How many tokens of text the call has room for; raises where something else may end it earlier."""
    if given.get("stopping_criteria"):
        raise UnsupportedError(
            "stopping_criteria may end an output before it is complete",
            hint="leave them out: a constrained output ends by itself",
        )
    config, _ = model._prepare_generation_config(given.get("generation_config"), **extra)
    ends = config.eos_token_id
    for end in () if ends is None else (ends,) if isinstance(ends, int) else ends:
        for row in rows:
            if row is not None and end < len(row.vocabulary.tokens) and row.vocabulary.tokens[end]:
                raise VocabularyError(
                    f"generate ends an output at id {end}, which is text in the vocabulary of the constraint",
                    hint="compile it over constrain.from_transformers(model, tokenizer).vocabulary",
                )
    cached = given.get("past_key_values")
    read = given["input_ids"].shape[1]
    _, allowed = model._prepare_generated_length(config, read + (0 if cached is None else cached.get_seq_length()))
    length = model.config.canvas_length
    canvases = math.ceil(allowed / length)
    if config.max_length is not None:  # that many tokens read end the call, whatever else was said
        canvases = min(canvases, max(math.ceil((config.max_length - read) / length), 1))
    return int(min(allowed, canvases * length))


def _foreign(processors: Any) -> LogitsProcessorList:
    """The caller's own processors in a list of their own: `generate` would append to theirs."""
    if isinstance(processors, ConstrainedLogitsList) or any(
        isinstance(each, ConstrainedLogits | ConstrainedLogitsList) for each in processors
    ):
        raise UnsupportedError(
            "a constrained model takes no second constraint as a logits processor",
            hint="combine the specs, with & say, or leave one of the two out",
        )
    return LogitsProcessorList(processors)


def _denoising_step(model: Any, original: Callable[..., Any], /, **given: Any) -> Any:
    call = _call.get()
    return original(**given) if call is None or call.model is not model else call.denoise(**given)


_STAND_INS = {"generate": _generate, "_denoising_step": _denoising_step}
