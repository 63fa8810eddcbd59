"""From what a user passes as a prompt to the token ids that the model reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from constrain.errors import SpecError, VocabularyError

__all__ = ["Batch", "Message", "Prompt", "is_batch", "prompt_ids"]

Message = Mapping[str, Any]
"""A chat message: `{"role": "user", "content": "..."}`."""

Prompt = str | Sequence[Message]
"""One user's message, or a whole chat."""

Batch = list[str] | list[list[Message]]
"""Several prompts."""


def is_batch(prompt: Prompt | Batch) -> TypeGuard[Batch]:
    """Whether `prompt` is a list of prompts. A list that holds a message is a chat; so is the empty list."""
    if isinstance(prompt, str) or not isinstance(prompt, Sequence) or not prompt:
        return False
    return not any(isinstance(item, Mapping) for item in prompt)


def prompt_ids(tokenizer: Any, prompt: Prompt, *, size: int, thinking: bool = False) -> list[int]:
    """The ids of a prompt, up to where the model's turn begins; all below `size`, the model's vocabulary size.

    A string is the user's message if the tokenizer has a chat template, and plain text otherwise. With `thinking` the
    template is told to ask for it. Raises `SpecError` for a prompt that says nothing or is no prompt, `VocabularyError`
    for ids that the model has not.
    """
    messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else _messages(prompt)
    if not any(_says_something(message["content"]) for message in messages):
        raise SpecError("the prompt is empty", hint="say what the model should answer to")
    if any(_has_lone_surrogate(message["content"]) for message in messages):
        raise SpecError("the prompt has a lone surrogate, which no text holds", hint="decode it from bytes again")
    if tokenizer.chat_template is not None:
        asked = {"enable_thinking": True} if thinking else {}  # what templates that know of thinking call it
        ids: list[int] = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False, **asked)
    elif isinstance(prompt, str):
        ids = tokenizer.encode(prompt)
    else:
        raise SpecError("this tokenizer has no chat template for chat messages", hint="pass the prompt as a string")
    if not ids:
        raise SpecError(f"this tokenizer has no token for anything in {prompt!r}", hint="is it the model's own?")
    if max(ids) >= size:
        raise VocabularyError(
            f"the prompt has token {max(ids)}, but the model's vocabulary has {size} ids",
            hint="load the tokenizer that belongs to the model",
        )
    return ids


def _messages(prompt: Any) -> list[dict[str, Any]]:
    valid = isinstance(prompt, Sequence) and all(
        isinstance(message, Mapping) and {"role", "content"} <= message.keys() for message in prompt
    )
    if not valid:
        raise SpecError(
            f"{prompt!r} is not a prompt",
            hint='a prompt is a string or a list of messages {"role": "user", "content": "..."}',
        )
    return [dict(message) for message in prompt]


def _has_lone_surrogate(content: Any) -> bool:
    return isinstance(content, str) and any("\ud800" <= character <= "\udfff" for character in content)


def _says_something(content: Any) -> bool:
    return bool(content.strip() if isinstance(content, str) else content)
