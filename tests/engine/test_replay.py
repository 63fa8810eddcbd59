"""The page that replays the passes: one file, small, safe whatever it shows, and it works in a browser."""

from __future__ import annotations

import base64
import json
import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from constrain.engine.replay import page, script_safe
from constrain.engine.result import Result
from constrain.engine.trace import TOP, Pass, Trace, Word
from constrain.errors import SpecError
from constrain.specs import Choice, Regex
from tests.browser import BROWSERS, opened
from tests.engine.test_model import model

NASTY = ["</script><script>window.hurt = 1</script>", "<!--<script>", "<img src=x onerror='window.hurt = 1'>&lt;"]
MENTIONS = re.compile(r"\b(?:https?:)?//[a-z]")
NAMESPACE = "http://www.w3.org/2000/svg"


class Elements(HTMLParser):
    """The elements of a page, with the texts of its scripts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.title = ""
        self._inside = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))
        self._inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside == "title":
            self.title += data


@cache
def nasty(which: int) -> Result:
    return model().generate("the", Choice([NASTY[which]]) + Regex("[ab]{2}"), max_passes=3, trace=True)


@cache
def long() -> Result:
    return model().generate("the", Regex("(?:[a-f]{3},){8}"), max_passes=3, trace=True)


def synthetic(length: int, passes: int, words: int) -> Trace:
    """A trace in which nothing can be left out: every number is as long as it gets."""
    random = np.random.default_rng(0)
    vocabulary = {1000 * token: Word(f"token{token}", silent=False) for token in range(words)}
    ids = np.array(list(vocabulary), np.int32)

    def one(number: int) -> Pass:
        return Pass(
            number,
            1,
            tokens=random.choice(ids, length),
            entropy=random.uniform(1, 9, length).astype(np.float32),
            allowed=np.full(length, 262_144, np.int32),
            forced=np.zeros(length, np.bool_),
            top=random.choice(ids, (length, TOP)),
            chance=random.uniform(0.1, 0.9, (length, TOP)).astype(np.float32),
            own=random.uniform(0.1, 0.9, (length, TOP)).astype(np.float32),
            log_z=-123.456789,
            probability=0.123456,
            stop_reason=None,
        )

    return Trace(tuple(one(number) for number in range(1, passes + 1)), vocabulary)


def data_of(html: str) -> Any:
    return json.loads(Elements(html).scripts[0])


def unpacked(text: str) -> Any:
    return np.frombuffer(base64.b64decode(text), "<u2")


def test_without_a_trace_there_is_nothing_to_replay() -> None:
    with pytest.raises(SpecError, match="pass trace=True"):
        model().generate("the", Choice(["a"])).to_html()


def test_the_page_holds_what_was_recorded() -> None:
    result = long()
    assert result.trace is not None
    data = data_of(result.to_html())
    assert len(data["passes"]) == len(result.trace.passes)
    for shown, recorded in zip(data["passes"], result.trace.passes, strict=True):
        words = [data["words"][n] for n in shown["t"]]
        assert [text for text, _ in words] == [result.trace.words[token].text for token in recorded.tokens.tolist()]
        assert np.allclose(np.array(shown["e"]) / 1000, recorded.entropy, atol=6e-4)
        assert (shown["n"], shown["c"], shown["r"]) == (recorded.number, recorded.canvas, recorded.stop_reason)
        assert shown["a"] == recorded.allowed.tolist()
        top, chance, own = (unpacked(shown[name]).reshape(-1, TOP) for name in ("top", "chance", "own"))
        assert np.allclose(chance / 1e4, recorded.chance, atol=6e-5)
        assert np.allclose(own / 1e4, recorded.own, atol=6e-5)
        for word, token, likely in zip(top.flat, recorded.top.flat, recorded.chance.flat, strict=True):
            assert likely < 6e-5 if word == 0xFFFF else data["words"][word][0] == result.trace.words[int(token)].text


@pytest.mark.parametrize("which", range(len(NASTY)))
def test_what_was_written_cannot_leave_its_place(which: int) -> None:
    result = nasty(which)
    assert NASTY[which] in result.text
    found = Elements(result.to_html(title=NASTY[which]))
    assert [tag for tag, _ in found.elements].count("script") == 2
    assert "img" not in [tag for tag, _ in found.elements]
    assert found.title == NASTY[which]
    data = json.loads(found.scripts[0])
    last = {each["c"]: each for each in data["passes"]}  # of each canvas
    assert NASTY[which] in "".join(data["words"][n][0] for each in last.values() for n in each["t"])


def test_json_in_a_script_has_nothing_that_html_reads() -> None:
    data = {"<": ["</script>", "<!--", "]]>", "&amp;", "\u2028", "\ud800", "é"]}
    assert not set(script_safe(data)) & set("<>&\u2028é")
    assert json.loads(script_safe(data)) == data


def test_the_page_refers_to_nothing_outside() -> None:
    html = long().to_html()
    found = Elements(html)
    for _, attributes in found.elements:
        assert not attributes.keys() & {"src", "href", "srcset", "action", "data", "poster"}
    assert not MENTIONS.search(html.replace(NAMESPACE, ""))
    assert "@import" not in html
    assert "url(" not in html
    (policy,) = (a["content"] for _, a in found.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'")


def test_a_full_canvas_of_a_large_vocabulary_stays_under_a_megabyte() -> None:
    html = page(synthetic(length=256, passes=48, words=5000), "full")
    assert len(data_of(html)["passes"]) == 48
    assert len(html.encode()) < 1_000_000


# In a browser

TEXT = "document.getElementById('canvas').textContent"
FACTS = "document.getElementById('facts').innerText"
TIP = "document.getElementById('tip')"
SCHEME = "getComputedStyle(document.body).backgroundColor"


def place(position: int) -> str:
    box = f"document.querySelector('[data-position=\"{position}\"]').getBoundingClientRect()"
    return f"(() => {{ const box = {box}; return [box.x + box.width / 2, box.y + box.height / 2]; }})()"


def saved(path: Path, html: str) -> Path:
    path.write_text(html, "utf-8")
    return path


@pytest.mark.parametrize("browser", BROWSERS)
def test_arrows_step_through_the_passes_and_pointing_tells_what_could_stand_there(browser: str, tmp_path: Path) -> None:
    result = long()
    assert result.trace is not None
    file = saved(tmp_path / "replay.html", result.to_html())
    with opened(browser, file) as shown:

        def written() -> str:
            return str(shown.value(TEXT)).replace("<turn|>", "").replace("<eos>", "")

        assert "1 of" in shown.value(FACTS)
        for recorded in result.trace.passes[1:]:
            shown.press("ArrowRight")
            assert f"{recorded.number} of" in shown.value(FACTS)
        assert written() == result.text
        shown.press("ArrowRight")
        assert written() == result.text, "there is no pass behind the last"
        shown.press("Home")
        first = result.trace.passes[0]
        expected = "".join(
            result.trace.words[t].text for t in first.tokens.tolist() if not result.trace.words[t].silent
        )
        assert written() == expected
        shown.point(*shown.value(place(0)))
        assert not shown.value(f"{TIP}.hidden")
        said = shown.value(f"{TIP}.innerText")
        assert f"{first.allowed[0]} tokens allowed" in said
        assert len(said.splitlines()) == 2 + (first.chance[0] > 5e-5).sum()
        shown.press("ArrowDown")
        assert "position 1:" in shown.value(f"{TIP}.innerText")
        shown.press("Escape")
        assert shown.value(f"{TIP}.hidden")
        assert shown.requests == [file.as_uri()]
        assert shown.errors == []


@pytest.mark.parametrize("browser", BROWSERS)
@pytest.mark.parametrize("which", range(len(NASTY)))
def test_what_was_written_is_shown_and_not_run(browser: str, which: int, tmp_path: Path) -> None:
    result = nasty(which)
    with opened(browser, saved(tmp_path / "replay.html", result.to_html(title=NASTY[which]))) as shown:
        shown.press("End")
        assert shown.value(TEXT).startswith(result.text)
        assert shown.value("document.querySelector('h1').textContent") == NASTY[which]
        assert shown.value("window.hurt") is None
        assert shown.errors == []


@pytest.mark.parametrize("browser", BROWSERS)
def test_the_page_is_dark_or_light_as_its_reader_wants(browser: str, tmp_path: Path) -> None:
    file = saved(tmp_path / "replay.html", long().to_html())
    colours = []
    for dark in (False, True):
        with opened(browser, file, dark=dark) as shown:
            colours.append(shown.value(SCHEME))
            shown.value("document.getElementById('theme').click()")
            colours.append(shown.value(SCHEME))
    assert colours[0] != colours[1]
    assert colours[0] == colours[3]
    assert colours[1] == colours[2]
