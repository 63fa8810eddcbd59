"""The official JSON Schema test suite, read from a checkout: groups of instances, each group under one schema.

https://github.com/json-schema-org/JSON-Schema-Test-Suite; the checkout is named by the environment variable
JSON_SCHEMA_TEST_SUITE, or lies beside this repository.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

__all__ = ["DIALECTS", "PARTS", "Group", "checkout", "groups", "remotes"]

Part = Literal["main", "format", "optional"]

DIALECTS = {
    "draft4": "http://json-schema.org/draft-04/schema#",
    "draft6": "http://json-schema.org/draft-06/schema#",
    "draft7": "http://json-schema.org/draft-07/schema#",
    "draft2019-09": "https://json-schema.org/draft/2019-09/schema",
    "draft2020-12": "https://json-schema.org/draft/2020-12/schema",
}
"""The folders of the suite, and the `$schema` of each."""

PARTS: dict[Part, str] = {"main": "*.json", "format": "optional/format/*.json", "optional": "optional/*.json"}
"""What everyone has to get right; the formats, asserted; and what implementations may differ in."""

_WITHOUT_DIALECT = ("draft4", "draft6", "draft7")
_ASSERTING = ("ecmascript-regex.json", "format-assertion.json")
_DEFAULT = Path(__file__).parents[3] / "shared" / "data" / "json-schema-test-suite"


@dataclass(frozen=True)
class Group:
    """One schema with its instances; `tests` are the suite's own (`description`, `data`, `valid`)."""

    draft: str
    part: Part
    file: str
    description: str
    schema: Any
    tests: tuple[Mapping[str, Any], ...]

    @property
    def formats(self) -> Literal["assert", "annotate"]:
        """What `format` means here: a note as by default, except where the suite is about asserting it."""
        return "assert" if self.part == "format" or self.file in _ASSERTING else "annotate"


def checkout(path: Path | None = None) -> Path:
    """The folder of the suite. Raises `FileNotFoundError`, saying how to name it, when it is not there."""
    root = path or Path(os.environ.get("JSON_SCHEMA_TEST_SUITE", _DEFAULT))
    if not (root / "tests" / "draft2020-12").is_dir():
        raise FileNotFoundError(
            f"no JSON Schema test suite in {root}: clone https://github.com/json-schema-org/JSON-Schema-Test-Suite "
            "and set JSON_SCHEMA_TEST_SUITE to its path"
        )
    return root


def groups(root: Path, draft: str, part: Part) -> Iterator[Group]:
    """The groups of one part, in the order of their files.

    Up to draft 7, the suite leaves `$schema` out: it is put into schemas that are objects; a boolean has no place for
    it, and means the same under every draft.
    """
    for path in sorted((root / "tests" / draft).glob(PARTS[part])):
        for group in json.loads(path.read_text(encoding="utf-8")):
            schema = group["schema"]
            if draft in _WITHOUT_DIALECT and isinstance(schema, dict):
                schema = {"$schema": DIALECTS[draft], **schema}
            yield Group(draft, part, path.name, group["description"], schema, tuple(group["tests"]))


@cache
def remotes(root: Path, draft: str) -> Mapping[str, Any]:
    """The documents that the suite serves, by URI: those of `draft`, of the drafts it may refer to, and shared ones."""
    folder = root / "remotes"
    found = {}
    for path in sorted(folder.rglob("*.json")):
        name = path.relative_to(folder)
        home = name.parts[0] if name.parts[0] in DIALECTS else None
        if name.parts[0] not in ("v1", "draft3") and not (home in _WITHOUT_DIALECT and home != draft):
            found[f"http://localhost:1234/{name.as_posix()}"] = json.loads(path.read_text(encoding="utf-8"))
    return found
