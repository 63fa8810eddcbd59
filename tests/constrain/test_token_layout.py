"""The tokens of puzzles, judged by trying all ways to spell a text."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constrain.errors import SpecError, UnsupportedError
from constrain.puzzle import Puzzle
from constrain.relations import Value
from constrain.sudoku import Sudoku
from constrain.token_layout import TokenLayout
from constrain.vocabulary import Vocabulary
from tests.tokenizers import tekken_path

WORDS = st.text("ab", min_size=1, max_size=4)


def spellings(text: str, tokens: list[bytes | None]) -> list[list[int]]:
    """All sequences of tokens with these bytes, of those with the same bytes only the first."""
    first = {token: n for n, token in reversed(list(enumerate(tokens))) if token}
    found: list[list[int]] = [[]] if not text else []
    for token, n in first.items():
        if token and text.encode().startswith(token):
            found += [[n, *rest] for rest in spellings(text[len(token) :], tokens)]
    return found


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[bytes | None], Puzzle]:
    tokens: list[bytes | None] = [word.encode() for word in draw(st.lists(WORDS, min_size=1, max_size=6))]
    tokens.insert(draw(st.integers(0, len(tokens))), None)
    words = st.lists(WORDS, min_size=1, max_size=3, unique=True)
    domains = {"x": draw(words), "y": draw(words)}
    return tokens, Puzzle(f"{draw(WORDS)}{{y}}|{{x}}".replace("|", draw(st.sampled_from(["||", "|"]))), domains)


@settings(deadline=None, max_examples=300)
@given(cases())
def test_values_are_spelled_in_the_fewest_tokens_that_all_have_in_common(
    case: tuple[list[bytes | None], Puzzle],
) -> None:
    tokens, puzzle = case
    tokens = [*tokens, b"|"]
    vocabulary = Vocabulary([*tokens, None], [len(tokens)])
    ways = {
        name: [spellings(str(value), tokens) for value in domain] for name, domain in puzzle.problem.domains.items()
    }
    common = {name: set.intersection(*({len(way) for way in each} for each in found)) for name, found in ways.items()}
    texts = [part for part in puzzle.layout.parts if isinstance(part, str)]
    if not all(common.values()) or not all(spellings(text, tokens) for text in texts):
        with pytest.raises(UnsupportedError, match=r"spelled in the same number of tokens|no tokens to write"):
            TokenLayout.of(puzzle, vocabulary)
        return
    layout = TokenLayout.of(puzzle, vocabulary)
    for k, (name, found) in enumerate(ways.items()):
        width = min(common[name])
        assert layout.width(k) == width
        for row, each in zip(layout.spelling[k].tolist(), found, strict=True):
            best = max([way for way in each if len(way) == width], key=lambda way: [len(tokens[t] or b"") for t in way])
            assert row == best
    constant = layout.token[layout.token >= 0].tolist()
    assert len(constant) == sum(min(map(len, spellings(text, tokens))) for text in texts)
    for values in itertools.product(*puzzle.problem.domains.values()):
        assignment: dict[str, Value] = dict(zip(puzzle.problem.domains, values, strict=True))
        ids = layout.tokens(assignment)
        assert len(ids) == len(layout)
        assert vocabulary.decode(ids).decode() == puzzle.write(assignment)
        assert layout.read(ids) == assignment
        for k, begin in enumerate(layout.begin.tolist()):
            inside = slice(begin, begin + layout.width(k))
            assert (layout.variable[inside] == k).all()
            assert layout.offset[inside].tolist() == list(range(layout.width(k)))


@pytest.fixture(scope="module")
def tekken() -> Vocabulary:
    return Vocabulary.from_tekken(tekken_path())


def test_cells_of_a_sudoku_have_one_width_in_a_real_vocabulary(tekken: Vocabulary) -> None:
    small = TokenLayout.of(Sudoku("." * 81), tekken)
    assert [small.width(k) for k in range(81)] == [1] * 81
    assert len(small) == 81 + 8
    large = TokenLayout.of(Sudoku("." * 256), tekken)
    assert {large.width(k) for k in range(256)} == {2}
    assert (np.diff(large.begin) > 0).all()


def test_words_of_a_crossword_are_spelled_equally_long(tekken: Vocabulary) -> None:
    puzzle = Puzzle("{a}\n{b}", {"a": ["lamp", "strawberry"], "b": ["of", "to"]})
    layout = TokenLayout.of(puzzle, tekken)
    assert layout.width(0) == len(layout.spelling[0][1]) == 3
    assert layout.width(1) == 1
    assert tekken.decode(layout.tokens({"a": "strawberry", "b": "to"})) == b"strawberry\nto"


def test_the_numbers_of_variables_are_those_of_the_problem() -> None:
    puzzle = Puzzle("{b}{a}", {"a": [1], "b": [2]})
    layout = TokenLayout.of(puzzle, Vocabulary([b"1", b"2", None], [2]))
    assert layout.variable.tolist() == [1, 0]
    assert layout.begin.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (
            [b"1", b"12", b";"],
            "the values of 'a' cannot all be spelled in the same number of tokens: '12' in 1, others in",
        ),
        ([b"1", b";"], "no tokens to write '12' with"),
        ([b"1", b"12"], "no tokens to write ';' with"),
    ],
)
def test_what_has_no_width_is_refused_with_the_values(tokens: list[bytes], message: str) -> None:
    puzzle = Puzzle("{a};", {"a": [111, 12]} if b"12" in tokens and b";" in tokens else {"a": [12]})
    with pytest.raises(UnsupportedError, match=message):
        TokenLayout.of(puzzle, Vocabulary([*tokens, None], [len(tokens)]))


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([0, 2, 1, 0], "4 tokens are given for a puzzle of 3"),
        ([0, 1, 1], "token 1 stands at position 1"),
        ([2, 2, 1], r"the tokens \[2\] spell no value of 'a'"),
    ],
)
def test_other_tokens_are_not_read(ids: Any, message: str) -> None:
    puzzle = Puzzle("{a};{b}", dict.fromkeys("ab", (1, 2)))
    layout = TokenLayout.of(puzzle, Vocabulary([b"1", b"2", b";", None], [3]))
    with pytest.raises(SpecError, match=message):
        layout.read(ids)
