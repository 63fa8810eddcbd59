"""Schemas that have been read before: equal ones, however they come, have one language."""

from __future__ import annotations

import json
import marshal
from typing import TYPE_CHECKING, Any, Final

from constrain.errors import LimitError, SpecError
from constrain.json_keywords import MAX_DEPTH
from constrain.recent import Recent

if TYPE_CHECKING:
    from constrain.json_schema import Options, SchemaLanguage

__all__ = ["CACHE_BYTES", "LEAST_BYTES", "known_language", "known_text", "language_bytes", "packed_bytes"]

CACHE_BYTES: Final = 256 << 20
"""Of each cache."""

LEAST_BYTES: Final = 1 << 20
"""What a language is counted as at least: it has formulas, and automata of its strings and numbers."""


def packed_bytes(value: Any) -> bytes | None:
    """Bytes that are equal for equal values of equal types, members in equal order; None of what is not plain data.

    Ten times faster than JSON. (Version 2 of the format has no references to objects met before, which depend on more
    than values.)
    """
    try:
        return marshal.dumps(value, 2)
    except ValueError:
        return None


def language_bytes(language: SchemaLanguage) -> int:
    """Roughly the memory that a language takes so far; its automaton is built when first asked for."""
    return max(language.automaton.table.nbytes, LEAST_BYTES) if "_built" in vars(language) else LEAST_BYTES


_texts: Recent[str, bytes] = Recent(CACHE_BYTES, len)
_languages: Recent[tuple[bytes, Options, bytes], tuple[Any, SchemaLanguage]] = Recent(
    CACHE_BYTES, lambda known: language_bytes(known[1])
)


def known_text(text: str) -> bytes | None:
    """The packed schema that a JSON text is. Raises `SpecError` and `LimitError` for what cannot be read."""
    packed = _texts.get(text)
    if packed is None and (read := packed_bytes(_read(text))) is not None:
        packed = _texts.add(text, read)
    return packed


def known_language(packed: bytes, options: Options, documents: bytes) -> tuple[Any, SchemaLanguage]:
    """A schema and its language, apart from the caller's objects, which may change."""
    from constrain.json_schema import schema_language

    key = (packed, options, documents)
    known = _languages.get(key)
    if known is None:
        schema = marshal.loads(packed)
        known = _languages.add(key, (schema, schema_language(schema, options, marshal.loads(documents))))
    return known


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise SpecError(f"the schema is not JSON: {error.msg}", source=error.doc, position=error.pos) from error
    except ValueError as error:
        raise SpecError(f"the schema cannot be read: {error}", hint="round its numbers") from error
    except RecursionError as error:
        raise LimitError(
            f"a schema may have {MAX_DEPTH:,} levels of nesting, and this one has more",
            limit=MAX_DEPTH,
            given=MAX_DEPTH + 1,
            hint="flatten the document",
        ) from error
