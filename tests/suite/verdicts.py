"""What `JsonSchema` makes of schemas whose instances somebody else has judged."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from types import FrameType
from typing import Any

from constrain.errors import ConstrainError, LimitError, SpecError, UnsatisfiableError
from constrain.specs import JsonSchema
from tests.constrain.json_judge import same, spellings
from tests.suite.official import Group

__all__ = ["Outcome", "Verdict", "judge_group", "judge_instance", "time_limit"]


class Verdict(StrEnum):
    """How an instance fared. Only RIGHT is right; of the rest, the two false ones are wrong without saying so."""

    RIGHT = "right"
    FALSE_ACCEPT = "false accept"
    FALSE_REJECT = "false reject"
    REFUSED = "refused"
    LIMIT = "limit"
    ERROR = "error"


@dataclass(frozen=True)
class Outcome:
    """The verdict on `test` of `group`; `text` is what was asked about, `message` what was answered."""

    group: Group
    test: str
    instance: Any
    verdict: Verdict
    text: str = ""
    message: str = ""


def judge_group(group: Group, documents: Any, seconds: float) -> Iterator[Outcome]:
    """The outcome of each test of a group, of which compiling may take as many seconds, and so may each instance."""
    failed: tuple[Verdict, str] | None = None
    spec: JsonSchema | None = None
    try:
        with time_limit(seconds):
            spec = JsonSchema(group.schema, formats=group.formats, documents=documents)
            assert spec.automaton
    except UnsatisfiableError:
        spec = None
    except LimitError as error:
        failed = Verdict.LIMIT, str(error)
    except SpecError as error:
        failed = Verdict.REFUSED, f"{type(error).__name__}: {error}"
    except Exception as error:
        failed = Verdict.ERROR, f"{type(error).__name__}: {error}"
    for test in group.tests:
        if failed is not None:
            (verdict, message), text = failed, ""
        elif spec is None:
            verdict, text = Verdict.FALSE_REJECT if test["valid"] else Verdict.RIGHT, ""
            message = "the schema is said to be unsatisfiable" if test["valid"] else ""
        else:
            try:
                with time_limit(seconds):
                    verdict, text, message = judge_instance(spec, test["data"], test["valid"])
            except Exception as error:
                verdict, text, message = Verdict.ERROR, "", f"{type(error).__name__}: {error}"
        yield Outcome(group, test["description"], test["data"], verdict, text, message)


def judge_instance(spec: JsonSchema, instance: Any, valid: bool) -> tuple[Verdict, str, str]:
    """The verdict on one instance, with the text and the message that it rests on.

    A valid instance must have a text (`dumps`) that is accepted and reads back as the instance. An invalid one must
    have none: neither from `dumps`, nor among its usual spellings in any order of members.
    """
    try:
        text = spec.dumps(instance)
    except ConstrainError as error:
        text, message = "", str(error)
        if valid:
            return Verdict.FALSE_REJECT, json.dumps(instance, ensure_ascii=False), message
        if isinstance(error, LimitError):
            return Verdict.LIMIT, "", message
    else:
        if not valid:
            return Verdict.FALSE_ACCEPT, text, "dumps writes it"
        if not spec.accepts(text):
            return Verdict.FALSE_REJECT, text, "dumps writes what accepts refuses"
        if not same(json.loads(text), instance):
            return Verdict.FALSE_REJECT, text, "dumps writes another value"
        return Verdict.RIGHT, text, ""
    for text in spellings(instance):
        if spec.accepts(text):
            return Verdict.FALSE_ACCEPT, text, "accepted"
    return Verdict.RIGHT, "", ""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `TimeoutError` when the body takes longer; only in the main thread, and not on Windows."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"took more than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
