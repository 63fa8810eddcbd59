"""Lengths of texts, judged by Python: `len`, `str.split` and `str.splitlines`; numbers of tokens, by enumeration."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constrain.algebra import both, either, maybe
from constrain.automaton import Automaton
from constrain.errors import LimitError, SpecError, UnsatisfiableError, UnsupportedError
from constrain.lattice import Lattice
from constrain.spec import Spec
from constrain.specs import Choice, Regex
from constrain.text_lengths import CHARACTERS, LINE_BREAKS, Text
from constrain.token_automaton import TokenAutomaton, lift
from constrain.token_lengths import Window, lift_windows, windows_of
from constrain.vocabulary import Vocabulary

ALPHABET = ["a", "é", " ", "\u00a0", "\n", "\u2028", "\t"]
TEXTS = ["".join(letters) for size in range(5) for letters in itertools.product(ALPHABET, repeat=size)]
SPANS: list[Any] = [0, 1, 2, 3, (0, 1), (0, None), (1, None), (2, None), (1, 3), (0, 2)]
MEASURES: dict[str, Callable[[str], int]] = {
    "chars": len,
    "words": lambda text: len(text.split()),
    "lines": lambda text: len(text.splitlines()),
}


def within(span: Any, number: int) -> bool:
    low, high = span if isinstance(span, tuple) else (span, span)
    return number >= low and (high is None or number <= high)


@pytest.mark.parametrize("span", SPANS, ids=str)
@pytest.mark.parametrize("name", MEASURES)
def test_each_count_is_pythons(name: str, span: Any) -> None:
    spec = Text(**{name: span})
    for text in TEXTS:
        assert spec.accepts(text) == within(span, MEASURES[name](text)), text


@settings(deadline=None, max_examples=100)
@given(
    *(st.none() | st.sampled_from(SPANS) for _ in MEASURES),
    st.lists(
        st.text(st.sampled_from([*ALPHABET, "\u3000", "😀", "\u200b", "\u2029", "\ufeff"]), max_size=8), max_size=30
    ),
)
def test_several_counts_hold_together(chars: Any, words: Any, lines: Any, texts: list[str]) -> None:
    spans = {"chars": chars, "words": words, "lines": lines}
    spec = Text(**spans)
    try:
        _ = spec.automaton
    except UnsatisfiableError:
        assert not any(all(span is None or within(span, MEASURES[n](x)) for n, span in spans.items()) for x in TEXTS)
        return
    for text in texts:
        wanted = all(span is None or within(span, MEASURES[name](text)) for name, span in spans.items())
        assert spec.accepts(text) == wanted, text


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=20))
def test_any_text_without_control_characters_is_a_text(text: str) -> None:
    controls = any((char < " " and char not in "\n\t") or "\x7f" <= char <= "\x9f" for char in text)
    assert Text().accepts(text) == (not controls)
    assert Text(chars=len(text)).accepts(text) == (not controls)


def test_breaks_and_spaces_are_those_of_python() -> None:
    every = [chr(point) for point in range(sys.maxunicode + 1) if not 0xD800 <= point <= 0xDFFF]
    assert {char for char in every if char in LINE_BREAKS} == {x for x in every if len(f"a{x}b".splitlines()) == 2}
    two_words = Text(words=2)
    for char in every:
        if char.isspace() or ord(char) < 0x3100:
            assert two_words.accepts(f"a{char}b") == (len(f"a{char}b".split()) == 2 and char in CHARACTERS)


@pytest.mark.parametrize("length", [1, 5, 32, 140, 280])
def test_counting_characters_takes_few_states(length: int) -> None:
    automaton = Text(chars=length).automaton
    assert automaton.states == 9 * length + 1
    assert len(automaton.shortest()) == length
    assert automaton.longest() == 4 * length


def test_a_pattern_may_have_a_length() -> None:
    spec = both(Regex("[a-z]+( [a-z]+)*"), Text(chars=20, words=4))
    assert spec.accepts("four words of twenty")
    assert not spec.accepts("four words of this")
    assert spec.parse("four words of twenty") == "four words of twenty"


def test_values_are_the_texts() -> None:
    assert Text(chars=2).dumps("né") == Text().parse("né") == "né"
    with pytest.raises(SpecError, match="'a' does not satisfy text of 2 characters"):
        Text(chars=2).dumps("a")
    assert Text(chars=(0, None), tokens=(1, 3), words=(2, None)).describe() == (
        "text of 1 to 3 tokens, any number of characters, at least 2 words"
    )
    assert Text().describe() == "any text"


@pytest.mark.parametrize("count", [-1, 1.5, "3", True, (2, 1), (None, 1), (1, 2, 3), (-1, None), (0, "1"), [1, 2]])
@pytest.mark.parametrize("name", ["tokens", "chars", "words", "lines"])
def test_counts_are_numbers_or_pairs_of_them(name: str, count: Any) -> None:
    with pytest.raises(SpecError, match=f"{name}=") as caught:
        Text(**{name: count})
    assert caught.value.keyword == name


def test_counts_that_contradict_each_other_have_no_text() -> None:
    with pytest.raises(UnsatisfiableError, match="no text satisfies text of 3 characters, 5 words"):
        _ = Text(chars=3, words=5).automaton


def test_characters_and_words_are_counted_together() -> None:
    spec = Text(chars=280, words=50)
    for text, counts in (
        ("é" * 182 + " a" * 49, (280, 50)),
        ("word " * 50 + "\u3000" * 30, (280, 50)),
        ("word " * 50 + "s" * 30, (280, 51)),
        ("word " * 50 + " " * 29, (279, 50)),
    ):
        assert (len(text), len(text.split())) == counts
        assert spec.accepts(text) == (counts == (280, 50))
    narrow = both(Regex("[a-z ]*"), spec)
    assert narrow.accepts("word " * 50 + " " * 30)
    assert not narrow.accepts("é" * 182 + " a" * 49)


def test_counts_have_limits() -> None:
    with pytest.raises(LimitError, match="280 characters, 50 words, 2 lines: combining two automata of") as caught:
        _ = Text(chars=280, words=50, lines=2).automaton
    assert (caught.value.limit, caught.value.given) == (300_000, 300_001)
    with pytest.raises(LimitError, match="counted up to 5,001"):
        _ = Text(chars=5_001).automaton
    with pytest.raises(LimitError, match=r"text of 1,000,000 words: .* needs more than 100,000"):
        _ = Text(words=1_000_000).automaton


TOKENS = [b"a", b"b", b"ab", b"\xc3", b"\xa9", "é".encode(), b"\xff", None, None]
VOCABULARY = Vocabulary(TOKENS, [8])
ORDINARY = [n for n, token in enumerate(TOKENS) if token is not None]
AB = Regex("[ab]*")
RUNS = Vocabulary([*(b"a" * n for n in range(1, 200)), None], [199])


def sequences(longest: int) -> Iterator[tuple[int, ...]]:
    for length in range(longest + 1):
        yield from itertools.product(ORDINARY, repeat=length)


def ends(tokens: TokenAutomaton, ids: tuple[int, ...]) -> int:
    """The state after `ids`, or -1."""
    state = 0
    for token in ids:
        state = tokens.step(state, token) if state >= 0 else -1
    return state


def spelled(ids: tuple[int, ...]) -> bytes:
    return b"".join(TOKENS[n] or b"" for n in ids)


CASES: list[tuple[Spec, Callable[[bytes, int], bool]]] = [
    (Text(tokens=2), lambda data, n: n == 2 and is_text(data)),
    (Text(tokens=0), lambda data, n: n == 0),
    (Text(tokens=(1, 3), chars=2), lambda data, n: 1 <= n <= 3 and is_text(data) and len(data.decode()) == 2),
    (Text(tokens=(2, None)), lambda data, n: n >= 2 and is_text(data)),
    (both(AB, Text(tokens=3)), lambda data, n: n == 3 and data.isascii() and is_text(data)),
    (both(Text(tokens=(1, 3)), Text(tokens=(2, None))), lambda data, n: n in (2, 3) and is_text(data)),
    (
        either(Text(tokens=3), Choice(["abab", "é"])),
        lambda d, n: (n == 3 and is_text(d)) or d in (b"abab", "é".encode()),
    ),
    (maybe(Text(tokens=(2, 2))), lambda data, n: n == 0 or (n == 2 and is_text(data))),
    (
        both(either(Text(tokens=1), Text(tokens=(3, None))), either(AB, Text(tokens=4))),
        lambda data, n: is_text(data) and (n == 4 or (n in (1, 3) and data.isascii()) or (n > 4 and data.isascii())),
    ),
    (
        either(both(Text(tokens=(0, 1)), Choice(["ab", "a"])), Choice(["b"])),
        lambda d, n: (d in (b"ab", b"a") and n < 2) or d == b"b",
    ),
]


def is_text(data: bytes) -> bool:
    return data.decode(errors="replace").encode() == data


@pytest.mark.parametrize(("spec", "holds"), CASES, ids=lambda case: case.describe() if isinstance(case, Spec) else "")
def test_outputs_have_so_many_tokens(spec: Spec, holds: Callable[[bytes, int], bool]) -> None:
    tokens = lift_windows(windows_of(spec), VOCABULARY)
    right = set()
    for ids in sequences(5):
        state = ends(tokens, ids)
        accepted = state >= 0 and bool(tokens.accepting[state])
        assert accepted == holds(spelled(ids), len(ids)), ids
        assert accepted <= spec.accepts(spelled(ids).decode(errors="replace"))
        right |= {ids[:n] for n in range(len(ids) + 1)} if accepted else set()
    for ids in sequences(3):  # a state that is entered leads to acceptance, as far as this can see
        if tokens.longest is not None and tokens.longest <= 5:
            assert (ends(tokens, ids) >= 0) == (ids in right), ids


def test_an_open_window_is_the_lifted_automaton_itself() -> None:
    plain, counted = lift(AB.automaton, VOCABULARY), lift_windows([Window(AB.automaton, 0, None)], VOCABULARY)
    for name in ("source", "target", "bundle", "owner", "member"):
        assert (getattr(plain.links, name) == getattr(counted.links, name)).all()
    assert (plain.accepting == counted.accepting).all()
    assert (plain.distance == counted.distance).all()


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["(a|b)*", "(ab)*", "a*", "b|ab", "é?a", "a?b?"]),
            st.integers(0, 3),
            st.none() | st.integers(0, 4),
        ),
        min_size=1,
        max_size=3,
    )
)
def test_windows_are_united(windows: list[tuple[str, int, int | None]]) -> None:
    spec = [(Regex(pattern).automaton, low, high) for pattern, low, high in windows]
    tokens = lift_windows([Window(*window) for window in spec], VOCABULARY)
    for ids in sequences(4):
        state = ends(tokens, ids)
        wanted = any(
            automaton.accepts(spelled(ids)) and low <= len(ids) and (high is None or len(ids) <= high)
            for automaton, low, high in spec
        )
        assert (state >= 0 and bool(tokens.accepting[state])) == wanted, ids
    assert (tokens.distance[:-1][tokens.accepting] == 0).all()
    links = tokens.links
    assert (np.diff(links.source * (tokens.done + 1) + links.target) > 0).all()


def test_the_lattice_of_an_exact_number_has_no_way_to_another() -> None:
    tokens = lift_windows(windows_of(Text(tokens=3)), VOCABULARY)
    assert (int(tokens.distance[0]), tokens.longest) == (3, 3)
    allowed = Lattice(tokens, 0, 5, 5).allowed
    end = tokens.end_of_turn
    assert allowed[:, end].tolist() == [False, False, False, True, False]
    with pytest.raises(UnsatisfiableError, match="shortest match needs 3 tokens, budget is 2"):
        Lattice(tokens, 0, 5, 2)


def test_numbers_of_tokens_that_contradict_each_other_are_unsatisfiable() -> None:
    with pytest.raises(UnsatisfiableError, match="no text of any number of tokens satisfies"):
        windows_of(both(Text(tokens=1), Text(tokens=2)))
    assert int(lift_windows(windows_of(both(Text(tokens=1), Choice(["bb"]))), VOCABULARY).distance[0]) > 100


def test_counting_tokens_has_limits() -> None:
    assert lift_windows(windows_of(both(Text(tokens=(0, 10**12)), Choice(["ab"]))), VOCABULARY).longest == 2
    with pytest.raises(LimitError, match=r"counting tokens needs .* states"):
        lift_windows(windows_of(Text(tokens=(0, 60_000))), VOCABULARY)
    with pytest.raises(LimitError, match=r"counting tokens needs .* pairs of a state and a number"):
        lift_windows(windows_of(Text(tokens=10**12)), VOCABULARY)
    with pytest.raises(LimitError, match=r"counting tokens needs .* links"):
        lift_windows(windows_of(both(Regex("a{1,900}"), Text(tokens=(0, 99)))), RUNS)
    windows = [Window(Automaton.from_table(*_nothing()), n, n) for n in range(9)]
    with pytest.raises(UnsupportedError, match="8 alternatives with different numbers of tokens, not 9"):
        lift_windows(windows, VOCABULARY)


def _nothing() -> Any:
    return np.zeros((1, 1), np.int32), np.zeros(256, np.uint8), np.ones(1, np.bool_)


@pytest.fixture(scope="module")
def bundled() -> Any:
    from constrain.engine.model import load

    return load()


@pytest.fixture(scope="module")
def ignorant() -> Any:
    """A model with random weights, canvases of 24 tokens, and a vocabulary of bytes."""
    from constrain.engine.model import from_transformers
    from tests.models import tiny_model
    from tests.tokenizers import KINDS, fast

    tokenizer = fast(KINDS["gpt2"]())
    return from_transformers(tiny_model(vocab_size=len(tokenizer), canvas_length=24, eos_token_id=[1]), tokenizer)


class TestOutputs:
    """What is compiled and decoded has the lengths that were asked for."""

    def test_constraints_count_tokens(self) -> None:
        from constrain.constraint import compile

        exact = compile(Text(tokens=3), VOCABULARY)
        assert (exact.shortest, exact.longest) == (3, 3)
        assert compile(Text(tokens=2), VOCABULARY).shortest == 2
        assert compile(Text(), VOCABULARY).shortest == 0
        assert exact.singular.tolist() == [False] * exact.tokens.done + [True]
        assert exact.is_complete(exact.advance(0, [0, 1, 2]))
        assert not exact.is_complete(exact.advance(0, [0, 1]))

    def test_a_saved_constraint_belongs_to_its_number_of_tokens(self, tmp_path: Any) -> None:
        from constrain.constraint import Constraint, compile

        path = tmp_path / "three.npz"
        compile(Text(tokens=3), VOCABULARY).save(path)
        assert Constraint.load(path, Text(tokens=3), VOCABULARY).longest == 3
        for other in (Text(tokens=4), Text()):
            with pytest.raises(SpecError, match="compiled from another specification"):
                Constraint.load(path, other, VOCABULARY)

    @pytest.mark.parametrize("name", ["bundled", "ignorant"])
    def test_lengths_are_hit(self, name: str, request: pytest.FixtureRequest) -> None:
        model = request.getfixturevalue(name)
        counts = [1, 5, 32, 140, 280]
        chars = model.generate(["x"] * 5, [Text(chars=count) for count in counts], max_passes=1)
        assert [len(result.text) for result in chars] == counts
        wide = model.generate("x", both(Regex(r"[^\x00-\x7f]*"), Text(chars=32)), max_passes=1)
        assert len(wide.text) == 32
        assert len(wide.text.encode()) >= 64
        tokens = model.generate(["x"] * 5, [Text(tokens=count) for count in counts], max_passes=1)
        assert [len(result.token_ids) for result in tokens] == counts
        lines = model.generate("x", both(Text(lines=3, words=(3, 17)), Text(tokens=60)), max_passes=2)
        assert len(lines.text.splitlines()) == 3
        assert 3 <= len(lines.text.split()) <= 17
        assert len(lines.token_ids) == 60
        for seed in range(4):
            choice = model.generate("x", either(Text(tokens=9), Text(chars=7)), max_passes=1, seed=seed)
            assert len(choice.token_ids) == 9 or len(choice.text) == 7

    def test_a_number_beyond_the_budget_is_refused(self, bundled: Any) -> None:
        with pytest.raises(UnsatisfiableError, match="shortest match needs 9 tokens, budget is 8"):
            bundled.generate("x", Text(tokens=9), max_new_tokens=8)
        assert len(bundled.generate("x", Text(tokens=(3, 9)), max_new_tokens=8).token_ids) <= 8
