"""What requests to vLLM ask of their output, as specifications.

vLLM reduces `response_format`, `structured_outputs` and the tools of a forced choice to `StructuredOutputsParams`, of
which one of `json`, `json_object`, `regex`, `choice`, `grammar` and `structural_tag` is set. That, with what is said of
white space and additional properties, is *stated* as plain data, which goes with the request to the workers: every
process makes the same specification of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from constrain.engine.vllm_structural_tags import structural_tag
from constrain.errors import LimitError, SpecError
from constrain.grammar import Grammar
from constrain.schema_cache import packed_bytes
from constrain.spec import Spec
from constrain.specs import Choice, JsonSchema, Regex

__all__ = ["KEY", "LARGEST", "spec_of", "stated_of"]

KEY = "constrain"
"""Where `extra_args` of an admitted request have what it states: `{"spec": ..., "refusal": <id>}`, see `vllm_slots`."""
KINDS = "json", "json_object", "regex", "choice", "grammar", "structural_tag"
LARGEST = 1 << 18  # bytes of what a request states


def stated_of(asked: Any, config: Any) -> dict[str, Any]:
    """What a `StructuredOutputsParams` states, given the server's `StructuredOutputsConfig`; `spec_of` reads it.

    Raises `SpecError` for what cannot be meant, and `LimitError` for what is too large.
    """
    given = {kind: getattr(asked, kind) for kind in KINDS if getattr(asked, kind) is not None}
    if len(given) != 1:
        raise SpecError(
            f"structured outputs are one of {', '.join(KINDS)}, not {' and '.join(given) or 'none'}",
            hint="combine what is meant in one grammar, or in one schema with allOf",
        )
    compact = bool(asked.disable_any_whitespace or getattr(config, "disable_any_whitespace", False))
    closed = bool(asked.disable_additional_properties or getattr(config, "disable_additional_properties", False))
    if asked.whitespace_pattern is not None:
        if compact:
            raise SpecError(
                "whitespace_pattern says what white space is, and disable_any_whitespace that there is none",
                keyword="whitespace_pattern",
                hint="leave one of them out",
            )
        given["whitespace"] = asked.whitespace_pattern
    elif compact:
        given["whitespace"] = "compact"
    if closed:
        given["closed"] = True
    packed = packed_bytes(given)
    if packed is None:
        raise SpecError(f"what {next(iter(given))} states is no plain data", hint="give text, or JSON as a dict")
    if len(packed) > LARGEST:
        raise LimitError(
            f"what {next(iter(given))} states may have {LARGEST:,} bytes, and this has {len(packed):,}",
            limit=LARGEST,
            given=len(packed),
            hint="state less, or share parts of a schema with $defs and $ref",
        )
    return given


def spec_of(stated: Mapping[str, Any]) -> Spec:
    """The specification that is stated. Raises `SpecError`, `UnsupportedError` and `LimitError` with the place."""
    match stated:
        case {"json": dict() | bool() | str() as schema}:
            return _json(json.dumps(schema) if not isinstance(schema, str) else schema, stated)
        case {"json_object": True}:
            return _json('{"type": "object"}', stated)
        case {"json_object": False}:
            raise SpecError("json_object is true or left out", keyword="json_object", hint="leave it out for any text")
        case {"regex": pattern}:
            return Regex(pattern)
        case {"choice": list() | tuple() as options}:
            return Choice(options)
        case {"grammar": str() as text}:
            return _grammar(text)
        case {"structural_tag": text}:
            return structural_tag(_read(text), whitespace=stated.get("whitespace", "any"))
    kind = next(iter(stated), "nothing")
    raise SpecError(f"{kind} cannot be {stated.get(kind)!r}", keyword=kind)


def _json(schema: str, stated: Mapping[str, Any]) -> Spec:
    return JsonSchema(
        schema,
        whitespace=stated.get("whitespace", "any"),
        additional_properties_default=not stated.get("closed", False),
    )


def _grammar(text: str) -> Spec:
    """In GBNF if it defines rules with `::=`, as vLLM tells, else in Lark's language."""
    if not text.strip():
        raise SpecError("this grammar has no rules", keyword="grammar", hint="write `start: ...`, or `root ::= ...`")
    return Grammar.from_gbnf(text) if "::=" in text else Grammar(text)


def _read(text: Any) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise SpecError(f"this structural tag cannot be read as JSON: {error}", keyword="structural_tag") from error
