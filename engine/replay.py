"""A page that replays the passes of a trace: `replay.html`, with the trace in it as JSON.

Whatever a model, a prompt or a spec has a say in reaches the page as data, which its script puts into text nodes only.
The page forbids itself to load anything (its content security policy).
"""

from __future__ import annotations

import json
import math
import re
from base64 import b64encode
from html import escape
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constrain.engine.trace import Pass, Trace

__all__ = ["page", "script_safe"]

_PARTS = 10_000
"""Probabilities are whole numbers of so many parts; packed, they take a third of the room that digits would."""

_NONE = -1
"""No token, or a probability that nobody knows. It is all ones in the unsigned numbers of the page."""


def page(trace: Trace, title: str) -> str:
    """The page, in HTML.

    Entropies are rounded to thousandths of a nat and probabilities to hundredths of a per cent. Of the likely tokens of
    a position, those that round to nothing are left out, but for the first.
    """
    template = (files("constrain") / "engine" / "replay.html").read_text("utf-8")
    parts = {"title": escape(title), "data": script_safe(_data(trace))}
    return re.sub(r"\{\{(title|data)\}\}", lambda found: parts[found[1]], template)


def script_safe(data: Any) -> str:
    """JSON that can stand inside a script element: nothing in it ends the element or begins a comment."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _data(trace: Trace) -> dict[str, Any]:
    """What the script reads: words and passes, in which tokens are numbers of words."""
    ids = np.array(sorted(trace.words))
    words = [trace.words[token] for token in ids.tolist()]
    wide = len(words) > np.iinfo(np.uint16).max
    return {
        "wide": wide,
        "words": [[word.text, int(word.silent)] for word in words],
        "passes": [_pass(each, ids, "<u4" if wide else "<u2") for each in trace.passes],
    }


def _pass(each: Pass, ids: NDArray[np.int64], kind: str) -> dict[str, Any]:
    chance = np.rint(each.chance * _PARTS)
    own = np.where(np.isnan(each.own), _NONE, np.rint(np.nan_to_num(each.own) * _PARTS))
    top = np.where(each.top >= 0, np.searchsorted(ids, each.top), _NONE)
    top[:, 1:][chance[:, 1:] == 0] = _NONE
    return {
        "n": each.number,
        "c": each.canvas,
        "z": _finite(each.log_z),
        "p": _finite(each.probability),
        "r": each.stop_reason,
        "d": int(each.decided.sum()),
        "t": np.searchsorted(ids, each.tokens).tolist(),
        "a": each.allowed.tolist(),
        "f": each.forced.astype(int).tolist(),
        "e": np.rint(each.entropy * 1000).astype(int).tolist(),
        "top": _packed(top, kind),
        "chance": _packed(chance, "<u2"),
        "own": _packed(own, "<u2"),
    }


def _packed(values: NDArray[Any], kind: str) -> str:
    return b64encode(values.astype(np.int64).astype(kind).tobytes()).decode()


def _finite(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None
