"""The documents that a JSON schema may refer to: their resources, the names in them, and what a URI leads to.

A *resource* is a document, or a subschema with an identifier (`$id`; `id` in draft 4): a URI, and the names (anchors)
in it. A reference is a URI, resolved against that of the resource around it, and a fragment: nothing for the resource
itself, a JSON pointer from there, or a name. Identifiers count only where the draft has a schema: not in `enum`,
`const` or unknown keywords, into which pointers may lead all the same.

The library `referencing` tells no places, fails on ill-typed keywords, follows a plain `$ref` to a dynamic anchor
dynamically, and resolves from a dynamic target with the wrong base; so only the metaschemas are taken from there.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple, TypeAlias
from urllib.parse import unquote, urljoin, urlsplit, uses_relative

from constrain.errors import SpecError, UnsupportedError
from constrain.json_contents import Contents
from constrain.json_dialects import LEGACY, Dialect, dialect_of, metaschema, subschemas
from constrain.json_keywords import is_schema, join

__all__ = ["Documents", "Frame", "Link", "Place", "Scope"]

_REFERENCES: Final = frozenset({"$ref", "$dynamicRef", "$recursiveRef"})

Scope: TypeAlias = "frozenset[tuple[str | None, Resource]]"
"""For each dynamic name, the first resource on the path that declares it."""


class Place(NamedTuple):
    """A value in a document, schema or not, with its pointer."""

    value: Any
    pointer: str
    frame: Frame


@dataclass(eq=False)
class Resource:
    """A URI, the names in it (None is the nameless one of `$recursiveAnchor`), and which of them are dynamic."""

    uri: str
    top: Place = field(init=False)
    names: dict[str | None, list[Place]] = field(default_factory=dict)
    dynamic: set[str | None] = field(default_factory=set)

    def declare(self, name: str | None, place: Place, *, dynamic: bool = False) -> None:
        self.names.setdefault(name, []).append(place)
        if dynamic:
            self.dynamic.add(name)


@dataclass(frozen=True, eq=False)
class Frame:
    """What a schema takes from those around it. `fault` says why nothing under this `$schema` can be read."""

    resource: Resource
    draft: str
    vocabularies: frozenset[str] | None
    fault: SpecError | None = None


@dataclass(frozen=True)
class Link:
    """A reference that is being followed, and where it stands."""

    keyword: str
    reference: Any
    pointer: str

    @property
    def fragment(self) -> str:
        return unquote(self.reference.partition("#")[2])

    def only(self, places: list[Place]) -> Place:
        """The one place that has a URI or name. Copies of one schema are one (`repr`, which tells 1 from true)."""
        first, *others = places
        for other in others:
            if other.value is not first.value and repr(other.value) != repr(first.value):
                raise self.error(
                    "leads to more than one schema", f"both {first.pointer or 'the root'} and {other.pointer} are that"
                )
        del places[1:]  # no need to compare them again
        return first

    def nowhere(self, token: str, names: Mapping[Any, Any]) -> SpecError:
        few = [name for name in names if isinstance(name, str)] if len(names) <= 1_000 else []  # difflib is slow
        near = difflib.get_close_matches(token, few, 1)
        return self.error("leads to no schema", f"did you mean {near[0]!r}?" if near else "is the name right?")

    def error(self, what: str, hint: str, kind: type[SpecError] = SpecError) -> SpecError:
        return kind(f"{self.keyword} {self.reference!r} {what}", pointer=self.pointer, keyword=self.keyword, hint=hint)


class Documents:
    """The known documents, read when first needed.

    `frames` holds the frame of each schema that opens one, by its identity and the frame around it, since the same
    Python object may stand in several places; `resources` the places that have a URI.
    """

    def __init__(self, given: Mapping[str, Any], dialect: Dialect) -> None:
        self.given = {uri.removesuffix("#"): document for uri, document in given.items()}
        self.unread = dict(self.given)
        self.dialect = dialect
        self.resources: dict[str, list[Place]] = {}
        self.frames: dict[tuple[int, Frame], Frame] = {}
        self.scopes: dict[tuple[Scope, Resource], Scope] = {}
        self.without_references: set[int] = set()
        self.contents = Contents()

    def entered(self, scope: Scope, frame: Frame) -> Scope:
        """The dynamic scope in a frame that is reached from another scope. Raises its fault, if it has one."""
        if frame.fault is not None:
            raise frame.fault.with_traceback(None)
        resource = frame.resource
        if not resource.dynamic:
            return scope
        if (scope, resource) not in self.scopes:
            new = resource.dynamic.difference(name for name, _ in scope)
            self.scopes[scope, resource] = scope | {(name, resource) for name in new}
        return self.scopes[scope, resource]

    def step(self, place: Place, token: str | int) -> Place | None:
        """What is below a value, if anything is."""
        value = place.value
        if isinstance(value, Mapping) and token in value:
            below = value[token]
        elif isinstance(value, list) and re.fullmatch("0|[1-9][0-9]{0,9}", str(token)) and int(token) < len(value):
            below = value[int(token)]
        else:
            return None
        frame = self.frames.get((id(below), place.frame), place.frame)
        return Place(below, join(place.pointer, token), frame)

    def find(self, resource: Resource, link: Link) -> Place:
        """Where a reference in a resource leads, the dynamic scope apart."""
        if not isinstance(link.reference, str):
            raise link.error("is no string", "give a URI reference, such as #/$defs/name")
        if link.keyword == "$recursiveRef" and link.reference != "#":
            raise link.error("is not '#'", "nothing else is allowed here: use $ref")
        address, fragment = link.reference.partition("#")[0], link.fragment
        places = [resource.top]
        if address:
            uri = _resolve(resource.uri, address)
            if uri is None:
                raise link.error("is no URI reference", "the part before # is malformed")
            places = self.resources_at(uri)
            if not places:
                hint = "nothing is fetched: pass it as documents={...}"
                raise link.error("leads out of the known documents", hint, UnsupportedError)
        place = link.only(places)
        if place.frame.fault is not None:  # it has not been read
            raise place.frame.fault.with_traceback(None)
        if fragment.startswith("/"):
            for token in fragment.split("/")[1:]:
                token = token.replace("~1", "/").replace("~0", "~")
                below = self.step(place, token)
                if below is None:
                    raise link.nowhere(token, place.value if isinstance(place.value, Mapping) else {})
                place = below
            if not is_schema(place.value):
                raise link.error("leads to no schema", "a schema is an object or a boolean")
        elif fragment:
            names = place.frame.resource.names
            if fragment not in names:
                raise link.nowhere(fragment, names)
            place = link.only(names[fragment])
        return place

    def resources_at(self, uri: str) -> list[Place]:
        """The places that have a URI: what was given under it first, then metaschemas, then what is inside the rest."""
        if uri in self.unread:
            self.read(uri, self.unread[uri])
        if uri not in self.resources and (known := metaschema(uri)) is not None:
            self.read(uri, known)
        while uri not in self.resources and self.unread:
            self.read(*next(iter(self.unread.items())))
        return self.resources.get(uri, [])

    def read(self, uri: str, document: bool | Mapping[str, Any]) -> Place:
        """Find the resources and names of a document, in one pass over its schemas, the shallowest first."""
        resource = Resource(uri)
        resource.top = Place(document, uri and f"{uri}#", Frame(resource, *self.dialect))
        resource.top = root = self.opened(resource.top)
        queue, seen = [root], set()
        for place in queue:
            for tokens, schema in () if place.frame.fault else subschemas(place.value, place.frame.draft):
                if (id(schema), place.frame) not in seen:
                    seen.add((id(schema), place.frame))
                    queue.append(self.opened(Place(schema, join(place.pointer, *tokens), place.frame)))
        self.resources.setdefault(uri, []).append(root)
        self.unread.pop(uri, None)
        return root

    def opened(self, place: Place) -> Place:
        """A schema, in the frame that its `$schema` and identifier open, if any. Its names are declared there."""
        schema, pointer, frame = place
        if not isinstance(schema, Mapping):
            return place
        if "$schema" in schema:
            try:
                draft, vocabularies = dialect_of(schema["$schema"], self.given, join(pointer, "$schema"))
            except SpecError as fault:
                return self.framed(place, replace(frame, fault=fault))
            if (draft, vocabularies) != (frame.draft, frame.vocabularies):
                frame = replace(frame, draft=draft, vocabularies=vocabularies)
        legacy = frame.draft in LEGACY
        keyword = "id" if frame.draft == "4" else "$id"
        identified = keyword in schema and not (legacy and "$ref" in schema)
        address, _, name = (_text(schema, keyword, pointer) if identified else "").partition("#")
        uri = _resolve(frame.resource.uri, address)
        if uri is None:
            raise SpecError(
                f"{keyword} {address!r} is no URI reference", pointer=join(pointer, keyword), keyword=keyword
            )
        if uri != frame.resource.uri:
            frame = replace(frame, resource=Resource(uri))
            frame.resource.top = self.framed(place, frame)
            self.resources.setdefault(uri, []).append(frame.resource.top)
        place = self.framed(place, frame)
        if name:
            frame.resource.declare(unquote(name), place)
        if not legacy and "$anchor" in schema:
            frame.resource.declare(_text(schema, "$anchor", pointer), place)
        if frame.draft == "2020-12" and "$dynamicAnchor" in schema:
            frame.resource.declare(_text(schema, "$dynamicAnchor", pointer), place, dynamic=True)
        if frame.draft == "2019-09" and schema.get("$recursiveAnchor") is True and frame.resource.top.value is schema:
            frame.resource.declare(None, place, dynamic=True)
        return place

    def framed(self, place: Place, frame: Frame) -> Place:
        if frame is not place.frame:
            self.frames[id(place.value), place.frame] = frame
        return place._replace(frame=frame)

    def has_references(self, schema: Mapping[str, Any]) -> bool:
        """Whether a reference may be followed below a schema."""
        stack: list[Any] = [schema]
        seen: set[int] = set()
        while stack:
            value = stack.pop()
            if id(value) in seen or id(value) in self.without_references:
                continue
            if isinstance(value, Mapping):
                if value.keys() & _REFERENCES:
                    return True
                seen.add(id(value))
                stack += value.values()
            elif isinstance(value, list):
                stack += value
        self.without_references |= seen
        return False


def _text(schema: Mapping[str, Any], keyword: str, pointer: str) -> str:
    value = schema[keyword]
    if not isinstance(value, str):
        raise SpecError(
            f"{keyword} must be a string, not {value!r:.80}", pointer=join(pointer, keyword), keyword=keyword
        )
    return value


def _resolve(base: str, reference: str) -> str | None:
    """RFC 3986, section 5.2, for any scheme with a path (`urljoin` knows some); None if malformed."""
    scheme, _, rest = base.partition(":")
    try:
        if urlsplit(reference).scheme or scheme in uses_relative or not rest.startswith("/"):
            return urljoin(base, reference)
        return scheme + urljoin("http:" + rest, reference).removeprefix("http")
    except ValueError:
        return None
