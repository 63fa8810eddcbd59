"""Layouts: what they tell apart and how they are read is judged by writing out all their texts."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constrain.errors import SpecError
from constrain.layout import Layout, Placed, Slot

WORDS = st.text("ab", min_size=1, max_size=3)


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    parts: list[str | Slot] = []
    for n in range(draw(st.integers(1, 5))):
        if draw(st.booleans()):
            parts.append(draw(WORDS))
        else:
            parts.append(Slot(f"v{n}", tuple(draw(st.lists(WORDS, min_size=1, max_size=4, unique=True)))))
    return Layout(tuple(parts))


def all_readings(layout: Layout) -> list[tuple[str, tuple[Placed, ...]]]:
    """Every text, with what stands where."""
    found = []
    slots = [part for part in layout.parts if isinstance(part, Slot)]
    for chosen in itertools.product(*(range(len(slot.texts)) for slot in slots)):
        numbers = iter(chosen)
        text = ""
        placed = []
        for part in layout.parts:
            if isinstance(part, str):
                text += part
            else:
                n = next(numbers)
                placed.append(Placed(part.name, n, len(text), len(text) + len(part.texts[n])))
                text += part.texts[n]
        found.append((text, tuple(placed)))
    return found


@settings(deadline=None, max_examples=300)
@given(layouts())
def test_a_layout_is_ambiguous_iff_two_choices_have_one_text(layout: Layout) -> None:
    texts = [text for text, _ in all_readings(layout)]
    name = layout.ambiguity()
    assert (name is None) == (len(set(texts)) == len(texts))
    if name is not None:
        readings = {text: [placed for other, placed in all_readings(layout) if other == text] for text in texts}
        differing = [
            next(one.name for one, other in zip(*pair, strict=True) if one != other)
            for found in readings.values()
            for pair in itertools.combinations(found, 2)
        ]
        assert name in differing


@settings(deadline=None, max_examples=200)
@given(layouts().filter(lambda layout: layout.ambiguity() is None), st.text("ab", max_size=12))
def test_a_text_is_read_as_it_was_written(layout: Layout, other: str) -> None:
    readings = dict(all_readings(layout))
    for text, placed in readings.items():
        assert layout.read(text) == placed
        slots = {part.name: part for part in layout.parts if isinstance(part, Slot)}
        assert layout.write({each.name: slots[each.name].texts[each.n] for each in placed}) == text
    if other not in readings:
        with pytest.raises(SpecError, match="of another form") as caught:
            layout.read(other)
        begins = [n for n in range(len(other) + 1) if any(text.startswith(other[:n]) for text in readings)]
        assert caught.value.position is not None
        assert caught.value.position <= max(begins)


@settings(deadline=None, max_examples=200)
@given(layouts().filter(lambda layout: layout.ambiguity() is None), st.text("ab", max_size=8))
def test_what_is_known_of_a_text_that_goes_on_is_what_all_such_texts_share(layout: Layout, prefix: str) -> None:
    going_on = [
        {each for each in placed if each.end <= len(prefix)}
        for text, placed in all_readings(layout)
        if text.startswith(prefix)
    ]
    expected = set.intersection(*going_on) if going_on else set()
    assert set(layout.known(prefix)) == expected


@pytest.mark.parametrize(
    ("text", "says", "position"),
    [
        ("x=3;", "no value of x stands here", 2),
        ("x=12;", "';' has to stand here", 3),
        ("y=1;", "'x=' has to stand here", 0),
        ("xy", "'=' has to stand here", 1),
        ("x=1;;", "nothing more may stand here", 4),
        ("x=", "no value of x stands here", 2),
        ("", "'x=' has to stand here", 0),
    ],
)
def test_a_text_of_another_form_is_refused_where_it_departs(text: str, says: str, position: int) -> None:
    with pytest.raises(SpecError, match=says) as caught:
        Layout(("x=", Slot("x", ("1", "2")), ";")).read(text)
    assert caught.value.position == position
