"""What an example of a task is, and the schemas that its answers follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["COUNT", "DATE", "SPLITS", "TEXT", "Example", "Split", "object_schema"]

TEXT: dict[str, Any] = {"type": "string"}
COUNT: dict[str, Any] = {"type": "integer"}
DATE: dict[str, Any] = {**TEXT, "format": "date"}

Split = Literal["train", "values", "patterns", "names"]
SPLITS: tuple[Split, ...] = ("train", "values", "patterns", "names")


@dataclass(frozen=True)
class Example:
    """A prompt, what its answer has to be like, and the right one."""

    task: str
    prompt: str
    """Everything the model is told."""
    spec: Any
    """What `Model.generate` takes to hold the answer to its form."""
    target: Any
    """The right value, as `Result.value` of a JSON schema or a template compares; a text where the answer is one."""
    answer: str
    """The canonical text of `target`, which is what models are trained to write."""
    shape: Any = None
    """A spec that knows the layout of the answer but not its rules, where there is one."""
    options: tuple[str, ...] = ()
    """The labels to choose from, where the answer is one of them."""


def object_schema(properties: dict[str, Any], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    """The JSON schema of an object with these members and no others, all but the optional ones required."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
