"""Compiling what requests to vLLM state, in threads beside those that serve: within limits, and once for equal ones.

The process that takes requests compiles before it admits one, within `SECONDS`, so that what is wrong is said to the
client. The workers compile the same again, from the same plain data, while they read the prompt.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as LateError
from functools import cache, lru_cache
from typing import Any

from constrain.constraint import Constraint, compile
from constrain.engine.vllm_requests import spec_of
from constrain.errors import LimitError, VocabularyError
from constrain.recent import Recent
from constrain.schema_cache import packed_bytes
from constrain.vocabulary import Vocabulary

__all__ = ["compiled", "refusal_of", "started", "vocabulary_of"]

SECONDS = float(os.environ.get("CONSTRAIN_VLLM_COMPILE_SECONDS", "10"))
_CACHE_BYTES = 256 << 20

_known: Recent[tuple[bytes, str], Constraint] = Recent(_CACHE_BYTES, lambda constraint: constraint.tokens.bytes)


def vocabulary_of(model_config: Any, tokenizer: Any) -> Vocabulary:
    """The vocabulary of a model that vLLM serves; its output ends at the ids where vLLM ends it, and at no others.

    Raises `VocabularyError` for a tokenizer that cannot be read as bytes.
    """
    ends = (model_config.try_get_generation_config() or {}).get("eos_token_id")
    ids = {ends} if isinstance(ends, int) else set(ends or ())
    if tokenizer.eos_token_id is not None:
        ids.add(tokenizer.eos_token_id)
    return _vocabulary(tokenizer, model_config.get_vocab_size(), frozenset(ids))


@lru_cache(maxsize=4)
def _vocabulary(tokenizer: Any, size: int, ends: frozenset[int]) -> Vocabulary:
    return Vocabulary.from_tokenizer(tokenizer, size=size, end_of_turn=ends)


def refusal_of(vocabulary: Vocabulary) -> int:
    """An id that no output has: the text of none, and no end of turn. Raises `VocabularyError` if there is none."""
    ends = set(vocabulary.end_of_turn)
    for token, spelled in enumerate(vocabulary.tokens):
        if not spelled and token not in ends:
            return token
    raise VocabularyError(
        "every id of this vocabulary is text or ends a turn, and one is needed that is neither",
        hint="serve a tokenizer with a padding or unknown token",
    )


def started(stated: Mapping[str, Any], vocabulary: Vocabulary) -> Callable[[], Constraint]:
    """Begin to compile what is stated; what is returned waits for it, and gives it or raises why there is none."""
    return _pool(os.getpid()).submit(_compile, stated, vocabulary).result


def compiled(stated: Mapping[str, Any], vocabulary: Vocabulary, *, seconds: float | None = None) -> Constraint:
    """What is stated, compiled within `seconds` (`SECONDS` by default).

    Raises `LimitError` where that takes longer (it goes on, so that the same may be there the next time), and the
    errors of the specification.
    """
    limit = SECONDS if seconds is None else seconds
    try:
        return _pool(os.getpid()).submit(_compile, stated, vocabulary).result(limit)
    except LateError as error:
        raise LimitError(
            f"a specification may take {limit:g} seconds to compile, and this one takes longer",
            limit=int(limit),
            given=int(limit) + 1,
            hint="state less, bound what repeats or nests, or set CONSTRAIN_VLLM_COMPILE_SECONDS for the server",
        ) from error


@cache
def _pool(process: int) -> ThreadPoolExecutor:
    """The threads of a process: a fork, by which vLLM makes workers, has none of its parent's."""
    return ThreadPoolExecutor(max_workers=2, thread_name_prefix="constrain")


def _compile(stated: Mapping[str, Any], vocabulary: Vocabulary) -> Constraint:
    packed = packed_bytes(dict(stated))
    assert packed is not None, "what is stated is plain data"
    key = packed, vocabulary.fingerprint
    return _known.get(key) or _known.add(key, compile(spec_of(stated), vocabulary))
