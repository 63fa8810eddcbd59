"""Where the subschemas of a JSON schema stand, under which draft, and where references lead (drafts 4 to 2020-12).

The *dynamic scope* of a site is what its path from the root has entered. Only this much of it matters: for each dynamic
name, the first resource on the path that declares it. `$dynamicRef` (2020-12, section 8.2.3.2) leads there if it would
otherwise lead to a dynamic anchor of that name; `$recursiveRef` (2019-09, section 8.2.4.2) is the same for one nameless
anchor, `$recursiveAnchor` at the top of a resource.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from constrain.errors import SpecError
from constrain.json_dialects import DRAFTS
from constrain.json_keywords import is_schema, join
from constrain.json_resources import Documents, Frame, Link, Place, Scope

__all__ = ["DRAFTS", "Site", "root_site"]


@dataclass(frozen=True, eq=False)
class Site:
    """One subschema where it stands: `schema`, and the JSON pointer to it from the root document.

    In another document the pointer is `uri#/pointer`. Schemas are trees of `dict` and `list` that do not change, nested
    no deeper than Python's `repr` can follow.
    """

    schema: bool | Mapping[str, Any]
    pointer: str
    _frame: Frame = field(repr=False)
    _scope: Scope = field(repr=False)
    _documents: Documents = field(repr=False)

    @property
    def draft(self) -> str:
        """What the nearest `$schema` around says, or the default."""
        return self._frame.draft

    @property
    def vocabularies(self) -> frozenset[str] | None:
        """What a custom metaschema selects, by the last word of each URI; None for what the draft's own selects.

        In 2019-09 `applicator` brings "unevaluated", and `format` is "format-assertion" if required, else
        "format-annotation".
        """
        return self._frame.vocabularies

    @cached_property
    def key(self) -> Hashable:
        """Equal for sites that mean the same: schemas of the same content, in one resource and one dynamic scope.

        The scope is empty unless a resource on the path declares dynamic anchors, and counts only where the schema
        holds references.
        """
        if isinstance(self.schema, bool):
            return self.schema
        dynamic = self._scope and self._documents.has_references(self.schema)
        content = self._documents.contents.number(self.schema)
        said = ("object", id(self.schema)) if content is None else ("content", content)
        return said, self._frame, self._scope if dynamic else None

    def pointer_to(self, *tokens: str | int) -> str:
        """The pointer to what is below this schema."""
        return join(self.pointer, *tokens)

    def child(self, *tokens: str | int) -> Site:
        """The subschema at a path of keywords, names and indices from here. Raises `SpecError` if there is none."""
        place, scope = Place(self.schema, self.pointer, self._frame), self._scope
        for token in tokens:
            place = self._documents.step(place, token) or Place(None, self.pointer_to(*tokens), self._frame)
            scope = self._documents.entered(scope, place.frame)
        if not is_schema(place.value):
            raise SpecError(
                f"a schema is an object or a boolean, not {place.value!r:.80}",
                pointer=place.pointer,
                keyword=str(tokens[0]),
            )
        return Site(place.value, place.pointer, place.frame, scope, self._documents)

    def refer(self, keyword: str) -> Site:
        """Where `$ref`, `$dynamicRef` or `$recursiveRef` of this schema leads.

        Raises `SpecError` if that is no schema, or more than one; `UnsupportedError` if the document is not known.
        """
        reference = self.schema.get(keyword) if isinstance(self.schema, Mapping) else None
        link = Link(keyword, reference, self.pointer_to(keyword))
        place = self._documents.find(self._frame.resource, link)
        if keyword != "$ref":
            name = link.fragment if keyword == "$dynamicRef" else None
            outermost = [resource for entered, resource in self._scope if entered == name]
            if outermost and name in place.frame.resource.dynamic:
                place = link.only(outermost[0].names[name])
        scope = self._documents.entered(self._scope, place.frame)
        return Site(place.value, place.pointer, place.frame, scope, self._documents)


def root_site(
    schema: bool | Mapping[str, Any],
    documents: Mapping[str, Any] | None = None,
    *,
    default_draft: str = "2020-12",
) -> Site:
    """The site of a whole schema. `documents` are the others that it may refer to, by URI; nothing is ever fetched.

    A document without `$schema` is read under the root's draft. Raises `SpecError` for malformed identifiers,
    `UnsupportedError` for a `$schema` that is neither a draft nor a metaschema in `documents`, both with the place.
    """
    if default_draft not in DRAFTS:
        raise SpecError(
            f"default_draft must be one of {', '.join(DRAFTS)}, and is {default_draft!r}", keyword="default_draft"
        )
    for uri, document in [("", schema), *(documents or {}).items()]:
        if not isinstance(uri, str):
            raise SpecError(f"a document is named by a URI, not {uri!r}", keyword="documents")
        if not is_schema(document):
            raise SpecError(
                f"a schema is an object or a boolean, not {document!r:.80}",
                pointer=uri and f"{uri}#",
                hint="give a dict",
            )
    known = Documents(documents or {}, (default_draft, None))
    place = known.read("", schema)
    known.dialect = (place.frame.draft, place.frame.vocabularies)
    known.unread = {uri: document for uri, document in known.unread.items() if uri not in known.resources}
    return Site(schema, "", place.frame, known.entered(frozenset(), place.frame), known)
