"""What counts as a prompt, as a batch, as empty, and what the model gets to read."""

from __future__ import annotations

from typing import Any

import pytest

from constrain.engine.prompts import is_batch, prompt_ids
from constrain.errors import SpecError, VocabularyError
from tests.tokenizers import fast, small_tokenizer

TEMPLATE = "{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}{{ '>' if add_generation_prompt }}"
USER = {"role": "user", "content": "the name"}


def ids(prompt: Any, *, size: int = 10_000, **options: Any) -> list[int]:
    return prompt_ids(fast(small_tokenizer("gpt2"), **options), prompt, size=size)


def text(prompt: Any, **options: Any) -> str:
    return str(small_tokenizer("gpt2").decode(ids(prompt, **options), skip_special_tokens=False))


@pytest.mark.parametrize("prompt", ["text", "", [USER], [USER, USER], [], [USER, "mixed"], 5])
def test_a_string_and_a_chat_are_one_prompt(prompt: Any) -> None:
    assert not is_batch(prompt)


@pytest.mark.parametrize("prompt", [["a"], ["a", ""], [[USER]], [[USER], "a"]])
def test_a_list_of_prompts_is_a_batch(prompt: Any) -> None:
    assert is_batch(prompt)


def test_a_string_is_plain_text_without_a_chat_template() -> None:
    assert text("the name") == "the name"


def test_a_string_is_a_user_message_with_a_chat_template() -> None:
    assert text("the name", chat_template=TEMPLATE) == "[user] the name\n>"


def test_a_chat_goes_through_the_chat_template() -> None:
    chat = [USER, {"role": "assistant", "content": "and"}, USER]
    assert text(chat, chat_template=TEMPLATE) == "[user] the name\n[assistant] and\n[user] the name\n>"


def test_a_chat_needs_a_chat_template() -> None:
    with pytest.raises(SpecError, match="no chat template"):
        ids([USER])


@pytest.mark.parametrize(
    "prompt", ["", " \n\t", [], [{"role": "user", "content": " "}], [{"role": "user", "content": []}]]
)
def test_an_empty_prompt_is_refused(prompt: Any) -> None:
    with pytest.raises(SpecError, match="the prompt is empty"):
        ids(prompt, chat_template=TEMPLATE)


@pytest.mark.parametrize("prompt", [5, None, [USER, "mixed"], [{"role": "user"}]])
def test_what_is_no_prompt_is_refused(prompt: Any) -> None:
    with pytest.raises(SpecError, match="is not a prompt"):
        ids(prompt, chat_template=TEMPLATE)


def test_a_prompt_that_leaves_no_tokens_is_refused() -> None:
    with pytest.raises(SpecError, match="no token for anything in 'é'"):
        prompt_ids(fast(small_tokenizer("ascii_bpe")), "é", size=10_000)


def test_ids_that_the_model_has_not_are_refused() -> None:
    largest = max(ids("the name"))
    assert ids("the name", size=largest + 1)
    with pytest.raises(VocabularyError, match=f"has token {largest}, but the model's vocabulary has {largest} ids"):
        ids("the name", size=largest)
