"""Rules given directly, against a naive judge that derives all short texts."""

from __future__ import annotations

import random

import pytest

from constrain.context_free import Body, Choice, Reference, Repetition, Rules, Sequenced, Terminal, components
from constrain.errors import LimitError, SpecError
from constrain.expression import compile_expression, literal
from constrain.unrolling import unroll

LENGTH = 5


def letter(char: str) -> Terminal:
    return Terminal(char, compile_expression(literal(char.encode())))


def derived(body: Body, known: dict[str, frozenset[str]]) -> frozenset[str]:
    """The texts of at most `LENGTH` letters that a body derives, given such texts of the rules."""
    match body:
        case Terminal(label, _):
            return frozenset({label})
        case Reference(rule):
            return known[rule]
        case Choice(parts):
            return frozenset().union(*(derived(part, known) for part in parts))
        case Sequenced(parts):
            found = frozenset({""})
            for part in parts:
                found = frozenset(a + b for a in found for b in derived(part, known) if len(a + b) <= LENGTH)
            return found
        case Repetition(part, low, high):
            once, layer, found = derived(part, known), frozenset({""}), frozenset[str]()
            for count in range(LENGTH + low + 1 if high is None else high + 1):
                found |= layer if count >= low else frozenset()
                layer = frozenset(a + b for a in layer for b in once if len(a + b) <= LENGTH)
            return found


def all_texts(rules: Rules) -> frozenset[str]:
    known = dict.fromkeys(rules.bodies, frozenset[str]())
    while True:
        more = {name: derived(body, known) for name, body in rules.bodies.items()}
        if more == known:
            return known[rules.start]
        known = more


def random_body(rng: random.Random, size: int) -> Body:
    if size <= 1:
        return Reference(rng.choice("XYZ")) if rng.random() < 0.5 else letter(rng.choice("abc"))
    kind, cut = rng.random(), rng.randint(1, size - 1)
    if kind < 0.15:
        return Repetition(random_body(rng, size - 1), rng.randint(0, 1), rng.choice([1, 2, None]))
    pair = random_body(rng, cut), random_body(rng, size - cut)
    return Sequenced(pair) if kind < 0.75 else Choice(pair)


LISTS = {
    "a list": {"X": "Y (c Y)*", "Y": "a|b"},
    "of two": {"X": "Y a (b Y a)*", "Y": "a|c"},
    "after the same": {"X": "Y Y (c Y)*", "Y": "a|b"},
    "with nothing between": {"X": "Y (Y)*", "Y": "a b|c"},
    "of lists": {"X": "Z (c Z)*", "Z": "Y (b Y)*", "Y": "a|b X c"},
    "of itself, inside": {"X": "a X (b X)* c|a"},
    "of itself, at the ends": {"X": "X (b X)*|a|c X a"},
    "of itself, at one end": {"X": "a (b X)*|c Y (b Y)* X", "Y": "a X c|b"},
    "that can be empty": {"X": "Y (c Y)* b", "Y": "a*"},
    "beside a list": {"X": "Y (a Y)* (a Y)*", "Y": "b|c"},
    "that only looks like one": {"X": "Y (c Z)*", "Y": "a", "Z": "b|a"},
}


def body_of(text: str) -> Body:
    """`a b (c X)* | X`, with neither groups in groups nor alternatives in them."""
    choices: list[Body] = []
    for alternative in text.split("|"):
        parts: list[Body] = []
        group: list[Body] | None = None
        for char in alternative.replace(" ", ""):
            target = parts if group is None else group
            match char:
                case "(":
                    group = []
                case ")":
                    parts.append(Sequenced(tuple(group or ())))
                    group = None
                case "*":
                    target[-1] = Repetition(target[-1], 0, None)
                case _:
                    target.append(Reference(char) if char.isupper() else letter(char))
        choices.append(Sequenced(tuple(parts)))
    return Choice(tuple(choices))


def random_rules(seed: int) -> Rules:
    """A grammar of three rules; those that mean nothing are drawn again."""
    rng = random.Random(seed)
    while True:
        bodies: dict[str, Body] = {
            name: Choice((random_body(rng, rng.randint(1, 4)), random_body(rng, rng.randint(1, 2)))) for name in "XYZ"
        }
        try:
            return Rules("X", bodies)
        except SpecError:
            continue


@pytest.mark.parametrize("seed", range(60))
def test_random_rules(seed: int) -> None:
    """No depth adds a text that is not derived; where a depth is said to be exact, none is missing."""
    rules = random_rules(seed)
    expected = all_texts(rules)
    for depth in range(3):
        try:
            found = unroll(rules, max_depth=depth)
        except LimitError:  # such rules may double and double again
            return
        words = {word.decode() for word in found.automaton.words(LENGTH)}
        assert words <= expected
        if found.depth is None:
            assert words == expected
            return
    assert {word for word in expected if len(word) < 2} <= words


@pytest.mark.parametrize("name", LISTS)
def test_lists_with_separators(name: str) -> None:
    rules = Rules("X", {rule: body_of(text) for rule, text in LISTS[name].items()})
    expected = all_texts(rules)
    for depth in (0, 1, 2, None):
        found = unroll(rules, max_depth=depth)
        words = {word.decode() for word in found.automaton.words(LENGTH)}
        assert words <= expected
    assert words == expected


def test_terminals_of_one_label_may_differ() -> None:
    again = Sequenced((letter("c"), Terminal("a", letter("b").automaton)))
    rules = Rules("X", {"X": Sequenced((letter("a"), Repetition(again, 0, None)))})
    assert {word.decode() for word in unroll(rules).automaton.words(LENGTH)} == {"a", "acb", "acbcb"}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1600))
def test_many_random_rules(seed: int) -> None:
    test_random_rules(seed)


def test_what_trails_stands_behind_the_start_alone() -> None:
    rules = Rules("X", {"X": Sequenced((letter("a"), Repetition(Reference("X"), 0, 1)))}, letter("_").automaton)
    assert {word.decode() for word in unroll(rules).automaton.words(4)} == {"a_", "aa_", "aaa_"}


def test_rules_that_refer_to_nothing_or_derive_nothing() -> None:
    with pytest.raises(SpecError, match="rule `Y` is not defined"):
        Rules("X", {"X": Reference("Y")})
    with pytest.raises(SpecError, match="no rule `Y` to start from"):
        Rules("Y", {"X": letter("a")})
    with pytest.raises(SpecError, match="rule `X` derives no finite text"):
        Rules("X", {"X": Sequenced((letter("a"), Reference("X")))})
    with pytest.raises(SpecError, match="alternative of itself by way of Y"):
        Rules("X", {"X": Choice((Reference("Y"), letter("a"))), "Y": Reference("X")})


def test_components_come_after_what_they_lead_to() -> None:
    assert components({1: [2], 2: [1, 3], 3: [3], 4: [2]}) == [[3], [1, 2], [4]]
