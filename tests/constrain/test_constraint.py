"""Compiling: cached, saved and loaded, explained, and refused with named errors."""

from __future__ import annotations

import importlib
import itertools
import json
import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from unittest.mock import Mock

import numpy as np
import pytest

import constrain
from constrain.constraint import Constraint, as_vocabulary, compile
from constrain.errors import SpecError, UnsatisfiableError, VocabularyError
from constrain.recent import Recent
from constrain.specs import Choice, JsonSchema, Regex, as_spec
from constrain.token_automaton import TokenAutomaton, lift
from constrain.vocabulary import Vocabulary
from tests.tokenizers import fast, small_tokenizer

AB = Vocabulary([b"a", b"b", b"ab", None], [3])
BYTES = Vocabulary([*(bytes([byte]) for byte in range(256)), None], [256])
LINKS = ("source", "target", "bundle", "owner", "member")
WORDS = [bytes(word) for length in range(6) for word in itertools.product(b"ab", repeat=length)]
constraint_module = importlib.import_module("constrain.constraint")  # `constrain.compile` is the function


def test_equal_languages_share_one_token_automaton() -> None:
    assert compile(Regex("a|ab"), AB).tokens is compile(Choice(["ab", "a"]), AB).tokens
    assert compile(Regex("a"), AB).tokens is not compile(Regex("a"), Vocabulary([b"a", None], [1])).tokens


def test_equal_schemas_are_compiled_once_however_they_are_given() -> None:
    schema = {"type": "object", "properties": {"a": {"const": 1}, "b": {"const": 2}}}
    text = json.dumps(schema)
    assert as_spec(schema) is as_spec(json.loads(text))
    first = JsonSchema(schema)
    for again in (JsonSchema(json.loads(text)), JsonSchema(text), JsonSchema(json.loads(text), documents={})):
        assert (again.language is first.language) == (again.language.documents is None)
        assert again.automaton == first.automaton


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"const": 1}, {"const": True}),
        ({"const": {"a": 1, "b": 2}}, {"const": {"b": 2, "a": 1}}),
        ({"const": "1"}, {"const": 1}),
    ],
)
def test_schemas_that_differ_in_types_or_in_order_are_different(one: object, other: object) -> None:
    assert as_spec(one).automaton != as_spec(other).automaton


def test_a_schema_that_its_owner_changes_later_is_another_one() -> None:
    schema = {"enum": ["a", "b"]}
    before = JsonSchema(schema)
    schema["enum"].append("c")
    assert not before.accepts('"c"')
    assert JsonSchema(schema).accepts('"c"')
    assert as_spec(schema).accepts('"c"')


def test_a_dict_of_another_class_is_a_schema_too() -> None:
    schema = OrderedDict(const="a")
    assert JsonSchema(schema).accepts('"a"')
    assert as_spec(schema).accepts('"a"')


def test_compiling_again_looks_up_what_was_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constraint_module, "_lifted", Recent(1, lambda tokens: tokens.bytes))
    counted = Mock(wraps=lift)
    monkeypatch.setattr(constraint_module, "lift", counted)
    for pattern in ("a{3}", "a{3}", "a{4}", "a{3}"):
        compile(Regex(pattern), AB)
    assert counted.call_count == 3, "one by one, since one alone is larger than the limit"


def test_threads_that_compile_the_same_share_what_one_of_them_lifts(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Mock(wraps=lift)
    monkeypatch.setattr(constraint_module, "lift", counted)
    monkeypatch.setattr(constraint_module, "_lifted", Recent(1 << 30, lambda tokens: tokens.bytes))
    specs = [{"type": "object", "properties": {f"p{n}": {"type": "integer"}}} for n in range(5)]
    barrier = threading.Barrier(8)

    def run(_: int) -> list[TokenAutomaton]:
        barrier.wait(60)
        return [compile(spec, BYTES).tokens for spec in specs]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(run, range(8)))
    assert counted.call_count == len(specs)
    for n, spec in enumerate(specs):
        assert {id(each[n]) for each in found} == {id(compile(spec, BYTES).tokens)}
        alone = lift(as_spec(spec).automaton, BYTES)
        assert np.array_equal(found[0][n].class_of, alone.class_of)
        assert all(np.array_equal(getattr(found[0][n].links, name), getattr(alone.links, name)) for name in LINKS)


def test_a_cache_too_small_for_all_stays_within_its_limit_and_right_whatever_threads_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = [f"{n}" * (n % 3 + 1) for n in range(9)]
    size = compile(Choice(words[:1]), BYTES).tokens.bytes
    cache: Recent[tuple[str, ...], TokenAutomaton] = Recent(4 * size, lambda tokens: tokens.bytes)
    monkeypatch.setattr(constraint_module, "_lifted", cache)

    def run(seed: int) -> None:
        rng = Random(seed)
        for _ in range(40):
            word = rng.choice(words)
            assert compile(Choice([word]), BYTES).tokens.longest == len(word)
            assert cache.size <= cache.limit

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(run, range(8)))
    assert 1 < len(cache) < len(words)


def test_a_state_is_singular_when_one_text_can_follow() -> None:
    constraint = compile(Regex("a(b{3}|ab)|b(a|b)"), AB)
    automaton = constraint.spec.automaton
    for state in range(automaton.states):
        following = [word for word in WORDS if (end := automaton.step(state, word)) >= 0 and automaton.accepting[end]]
        assert constraint.singular[state] == (len(following) == 1)
    assert constraint.singular[-1]
    assert not compile(Regex("a*"), AB).singular[0]


def test_a_tokenizer_is_read_once() -> None:
    tokenizer = fast(small_tokenizer("gpt2"))
    assert as_vocabulary(tokenizer) is as_vocabulary(tokenizer)


def test_threads_read_a_tokenizer_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Mock(wraps=Vocabulary.from_tokenizer)
    monkeypatch.setattr(Vocabulary, "from_tokenizer", counted)
    tokenizer = fast(small_tokenizer("gpt2"))
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(lambda _: as_vocabulary(tokenizer), range(8)))
    assert counted.call_count == len({id(each) for each in read}) == 1


def test_a_bare_tokenizer_will_do() -> None:
    bare = as_vocabulary(small_tokenizer("gpt2"))
    assert bare.tokens == as_vocabulary(fast(small_tokenizer("gpt2"))).tokens


def test_no_tokenizer_is_an_error() -> None:
    with pytest.raises(VocabularyError, match="needs a tokenizer"):
        compile(Regex("a"), None)


def test_shortest_longest_and_text() -> None:
    constraint = compile(Regex("a(ab){0,2}"), AB)
    assert (constraint.shortest, constraint.longest) == (1, 5)
    assert compile(Regex("a*"), AB).longest is None
    assert constraint.text([0, 2, 3, 0]) == "aab"


def test_what_the_vocabulary_cannot_spell_is_refused() -> None:
    with pytest.raises(UnsatisfiableError, match="cannot spell any text of regex 'c'"):
        compile(Regex("c"), AB)


def test_an_empty_language_is_refused() -> None:
    with pytest.raises(UnsatisfiableError, match="no text satisfies"):
        compile(Regex(r"[^\s\S]"), AB)


def test_states_advance_to_the_end_of_turn_and_stay_there() -> None:
    constraint = compile(Regex("ab?"), AB)
    state = constraint.advance(0, [0])
    assert not constraint.is_complete(state), "a b may follow"
    assert constraint.is_complete(constraint.advance(state, [1]))
    done = constraint.advance(state, [3, 0, 0])
    assert done == constraint.tokens.done
    assert constraint.is_complete(done)


def test_a_saved_constraint_comes_back_the_same(tmp_path: Path) -> None:
    constraint = compile(Regex("(ab|b){1,3}"), AB)
    constraint.save(tmp_path / "c.npz")
    loaded = Constraint.load(tmp_path / "c.npz", Regex("(ab|b){1,3}"), AB)
    assert np.array_equal(loaded.masks(5), constraint.masks(5))
    assert loaded.tokens.classes == constraint.tokens.classes


@pytest.mark.parametrize(
    ("pattern", "vocabulary"), [("(ab|b){1,4}", AB), ("(ab|b){1,3}", Vocabulary([b"ab", b"b", None], [2]))]
)
def test_a_saved_constraint_belongs_to_its_spec_and_vocabulary(
    tmp_path: Path, pattern: str, vocabulary: Vocabulary
) -> None:
    compile(Regex("(ab|b){1,3}"), AB).save(tmp_path / "c.npz")
    with pytest.raises(SpecError, match="another specification or vocabulary"):
        Constraint.load(tmp_path / "c.npz", Regex(pattern), vocabulary)


def test_explain_counts_states_classes_and_tokens() -> None:
    constraint = compile(Regex("a{2,4}"), AB)
    text = constraint.explain()
    assert "regex 'a{2,4}'" in text
    assert f"{constraint.spec.automaton.states} states" in text
    assert "tokens needed:  2 to 4" in text
    assert "unbounded" in compile(Regex("a*"), AB).explain()


def test_the_public_face_has_every_name_it_lists() -> None:
    for name in constrain.__all__:
        assert getattr(constrain, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = constrain.nothing
