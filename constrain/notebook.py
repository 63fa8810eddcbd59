"""What notebooks show of results, constraints and boards: short tables, without scripts, and everything escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

__all__ = ["Board", "preformatted", "table"]

_LONGEST = 2_000  # characters of a text


class Board(str):
    """A drawn board; notebooks show it as it is drawn."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return preformatted(self)


def table(title: str, rows: Iterable[tuple[str, str]]) -> str:
    """Names, and beside each a piece of HTML."""
    cells = "".join(
        f'<tr><th style="text-align:left;vertical-align:top">{escape(name)}</th>'
        f'<td style="text-align:left">{html}</td></tr>'
        for name, html in rows
    )
    return f'<table><caption style="text-align:left">{preformatted(title)}</caption>{cells}</table>'


def preformatted(text: str) -> str:
    """`text` as it stands; of a long one the beginning, and how much is missing."""
    missing = len(text) - _LONGEST
    shown = escape(text[:_LONGEST])
    more = f"<br><em>and {missing:,} characters more</em>" if missing > 0 else ""
    return f'<pre style="margin:0;white-space:pre-wrap;text-align:left">{shown}</pre>{more}'
