"""Formulas agree with truth tables, and are one object when they are built alike."""

from __future__ import annotations

import gc
import itertools
import weakref
from collections.abc import Callable, Hashable, Iterator, Mapping
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constrain.json_formula import FALSE, TRUE, Formula, all_of, any_of, atom, atoms, exactly_one, rewrite
from tests.constrain.json_meaning import evaluate

NAMES = "abcd"
Truths = Mapping[str, bool]
Meaning = Callable[[Truths], bool]
Case = tuple[Formula, Meaning]
ASSIGNMENTS: list[Truths] = [
    dict(zip(NAMES, values, strict=True)) for values in itertools.product((True, False), repeat=len(NAMES))
]


def literal(name: str) -> Case:
    return atom(name), lambda truths: truths[name]


def grow(inner: st.SearchStrategy[Case]) -> st.SearchStrategy[Case]:
    several = st.lists(inner, max_size=4)
    return st.one_of(
        several.map(lambda s: (all_of(f for f, _ in s), lambda truths: all(m(truths) for _, m in s))),
        several.map(lambda s: (any_of(f for f, _ in s), lambda truths: any(m(truths) for _, m in s))),
        several.map(lambda s: (exactly_one(f for f, _ in s), lambda truths: sum(m(truths) for _, m in s) == 1)),
        inner.map(lambda s: (~s[0], lambda truths: not s[1](truths))),
        st.tuples(inner, inner).map(lambda s: (s[0][0] & s[1][0], lambda truths: s[0][1](truths) and s[1][1](truths))),
        st.tuples(inner, inner).map(lambda s: (s[0][0] | s[1][0], lambda truths: s[0][1](truths) or s[1][1](truths))),
    )


leaves: st.SearchStrategy[Case] = st.sampled_from(NAMES).map(literal) | st.sampled_from(
    [(TRUE, lambda _: True), (FALSE, lambda _: False)]
)
cases = st.recursive(leaves, grow, max_leaves=10)


def nodes(formula: Formula) -> Iterator[Formula]:
    seen, queue = {id(formula)}, [formula]
    for part in queue:
        yield part
        fresh = [each for each in part.parts if id(each) not in seen]
        seen |= set(map(id, fresh))
        queue += fresh


def table(formula: Formula) -> list[bool]:
    return [evaluate(formula, truths.__getitem__) for truths in ASSIGNMENTS]


@given(cases)
def test_a_formula_has_the_truth_table_of_its_construction(case: Case) -> None:
    assert table(case[0]) == [case[1](truths) for truths in ASSIGNMENTS]


@given(cases)
def test_formulas_are_flat_and_hold_constants_only_at_the_top(case: Case) -> None:
    for node in nodes(case[0]):
        if node.kind != "atom" and node is not TRUE and node is not FALSE:
            assert len({id(part) for part in node.parts}) == len(node.parts) > 1
            assert not any(part.kind == node.kind or part is TRUE or part is FALSE for part in node.parts)


@given(cases, cases)
def test_what_is_built_alike_is_one_object(one: Case, other: Case) -> None:
    a, b = one[0], other[0]
    assert a & b is b & a
    assert a | b is b | a
    assert ~~a is a
    assert ~(a & b) is ~a | ~b
    assert a & a is a | a is a
    assert a & TRUE is a | FALSE is a
    assert a & FALSE is FALSE
    assert a | TRUE is TRUE
    assert rewrite(a, lambda each, sign: None) is a


@given(cases)
def test_a_literal_and_its_negation_are_never_together(case: Case) -> None:
    assert all_of([case[0], atom("a"), ~atom("a")]) is FALSE
    assert any_of([case[0], ~atom("a"), atom("a")]) is TRUE
    for node in nodes(case[0]):
        literals = [part.atom for part in node.parts if part.kind == "atom"]
        assert len(set(literals)) == len(literals)


@given(cases, st.dictionaries(st.sampled_from(NAMES), cases))
def test_rewriting_substitutes(case: Case, replacements: dict[str, Case]) -> None:
    def change(each: Hashable, positive: bool) -> Formula | None:
        found = replacements.get(str(each))
        return None if found is None else found[0] if positive else ~found[0]

    def substituted(truths: Truths) -> Truths:
        return {name: replacements[name][1](truths) if name in replacements else truths[name] for name in NAMES}

    assert table(rewrite(case[0], change)) == [case[1](substituted(truths)) for truths in ASSIGNMENTS]


@given(cases)
def test_atoms_are_listed_once_and_include_all_that_matter(case: Case) -> None:
    found = [*atoms(case[0])]
    assert len(set(found)) == len(found)
    for name in set(NAMES) - {*found}:
        assert all(case[1]({**truths, name: True}) == case[1]({**truths, name: False}) for truths in ASSIGNMENTS)


def test_atoms_are_listed_in_the_order_in_which_they_stand() -> None:
    """Unless a formula that is built alike is still known: then it is that one."""
    one, two, three, four = (atom(f"in order {n}") for n in range(4))
    assert [*atoms((three | ~one) & (two | three) & four)] == [f"in order {n}" for n in (2, 0, 1, 3)]


def test_nothing_to_combine() -> None:
    assert (all_of([]), any_of([]), exactly_one([])) == (TRUE, FALSE, FALSE)


@pytest.mark.parametrize("count", [10, 1000])
def test_exactly_one_of_many_is_small_and_shallow(count: int) -> None:
    formula = exactly_one(map(atom, range(count)))
    assert len([*nodes(formula)]) < 8 * count
    depth: dict[int, int] = {}
    for node in reversed([*nodes(formula)]):
        depth[id(node)] = 1 + max((depth.get(id(part), 0) for part in node.parts), default=0)
    assert max(depth.values()) < 2 * count.bit_length() + 4
    for true in ([], [3], [3, 7]):
        assert rewrite(formula, lambda each, sign: TRUE if (each in true) == sign else FALSE) is (  # noqa: B023
            TRUE if len(true) == 1 else FALSE
        )


def test_shared_parts_are_rewritten_once() -> None:
    """The parity of 40 atoms is a formula of some 160 nodes, and has 2^39 paths."""
    parity = reduce(lambda f, g: (f & ~g) | (~f & g), map(atom, range(40)))
    asked: list[tuple[Hashable, bool]] = []

    def change(each: Hashable, positive: bool) -> Formula:
        asked.append((each, positive))
        return TRUE if positive else FALSE

    assert rewrite(parity, change) is FALSE
    assert len(asked) == len(set(asked)) == 80
    assert len([*atoms(parity)]) == 40


def test_formulas_that_nobody_holds_are_forgotten() -> None:
    formula = atom("held by nobody") & ~atom("else")
    known = weakref.ref(formula)
    assert ~~formula is known()
    del formula
    gc.collect()
    assert known() is None


def test_a_formula_shows_its_structure() -> None:
    assert repr(atom("a") & (atom("b") | ~atom("c"))) == "all('a', any('b', ~'c'))"
