"""Where references lead. The judges are `referencing`, for single references, and `jsonschema`, for whole verdicts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator, Draft6Validator, Draft7Validator, Draft201909Validator, Draft202012Validator
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT4, DRAFT6, DRAFT7, DRAFT201909, DRAFT202012

from constrain.errors import SpecError, UnsupportedError
from constrain.json_references import DRAFTS, Site, root_site

SPECIFICATIONS = dict(zip(DRAFTS, (DRAFT4, DRAFT6, DRAFT7, DRAFT201909, DRAFT202012), strict=True))
VALIDATORS = dict(
    zip(
        DRAFTS,
        (Draft4Validator, Draft6Validator, Draft7Validator, Draft201909Validator, Draft202012Validator),
        strict=True,
    )
)
URI = {
    "4": "http://json-schema.org/draft-04/schema",
    "6": "http://json-schema.org/draft-06/schema",
    "7": "http://json-schema.org/draft-07/schema",
    "2019-09": "https://json-schema.org/draft/2019-09/schema",
    "2020-12": "https://json-schema.org/draft/2020-12/schema",
}
LEGACY = ("4", "6", "7")


def below(site: Site) -> Iterator[Site]:
    """A site and all that the keywords of this file hold below it."""
    yield site
    if isinstance(site.schema, dict):
        for keyword in ("properties", "definitions", "$defs"):
            for name in site.schema.get(keyword, {}):
                yield from below(site.child(keyword, name))
        for index, _ in enumerate(site.schema.get("allOf", [])):
            yield from below(site.child("allOf", index))


def admits(site: Site, value: Any) -> bool:
    """Validity under the few keywords of this file."""
    schema = site.schema
    if isinstance(schema, bool):
        return schema
    legacy = site.draft in LEGACY and "$ref" in schema
    references = [
        keyword
        for keyword, drafts in (("$ref", DRAFTS), ("$dynamicRef", ["2020-12"]), ("$recursiveRef", ["2019-09"]))
        if keyword in schema and site.draft in drafts
    ]
    return all(admits(site.refer(keyword), value) for keyword in references) and (
        legacy
        or (
            ("enum" not in schema or value in schema["enum"])
            and ("required" not in schema or not isinstance(value, dict) or value.keys() >= set(schema["required"]))
            and all(admits(site.child("allOf", index), value) for index, _ in enumerate(schema.get("allOf", [])))
            and all(
                admits(site.child("properties", name), value[name])
                for name in schema.get("properties", {})
                if isinstance(value, dict) and name in value
            )
        )
    )


def judged(schema: Any, documents: dict[str, Any], draft: str) -> Any:
    resources = [(uri, Resource.from_contents(each, SPECIFICATIONS[draft])) for uri, each in documents.items()]
    registry: Registry[Any] = Registry().with_resources(resources)
    return VALIDATORS[draft](schema, registry=registry)


def at(document: Any, pointer: str) -> Any:
    for token in pointer.split("/")[1:]:
        token = token.replace("~1", "/").replace("~0", "~")
        document = document[int(token) if isinstance(document, list) else token]
    return document


@st.composite
def webs(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A draft, and a schema under it in which everything is named at most once and refers everywhere."""
    draft = draw(st.sampled_from(DRAFTS))
    identifier = "id" if draft == "4" else "$id"
    holder = "definitions" if draft in LEGACY else "$defs"
    identifiers = draw(st.permutations(["a", "b/", "c/d", "/e", "http://y.example/z", "urn:example:f"]))
    anchors = draw(st.permutations(["one", "two", "three"]))
    path = st.sampled_from([holder, "properties", "p", "q~1 /", "allOf", "0", "unknown", "enum"])
    pointers = st.lists(path.map(lambda token: token.replace("~", "~0").replace("/", "~1")), max_size=5).map(
        lambda tokens: "".join(f"/{token}" for token in tokens)
    )
    fragments = pointers.map(lambda pointer: pointer.replace(" ", "%20")) | st.sampled_from(anchors)
    references = st.builds("{}#{}".format, st.sampled_from(["", "", "", *identifiers, "d", "../a"]), fragments)

    def schema(depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        if depth == 3:  # the judge resolves a relative identifier of the root against itself
            made |= {identifier: "http://x.example/c/"} if draw(st.booleans()) else {}
        elif identifiers and draw(st.integers(0, 3)) == 0:
            made[identifier] = identifiers.pop()
        if draw(st.integers(0, 1)):
            made["$ref"] = draw(references)
        elif anchors and draw(st.integers(0, 2)) == 0:
            if draft not in LEGACY:
                made["$anchor"] = anchors.pop()
            elif identifier not in made:
                made[identifier] = f"#{anchors.pop()}"
        if depth:
            for keyword in draw(st.lists(st.sampled_from([holder, "properties"]), max_size=2, unique=True)):
                made[keyword] = {
                    name: schema(depth - 1) for name in draw(st.lists(st.sampled_from(["p", "q~1 /"]), unique=True))
                }
            if draw(st.integers(0, 3)) == 0:
                made["allOf"] = [schema(depth - 1)]
            for decoy in draw(st.lists(st.sampled_from(["unknown", "enum"]), max_size=1)):
                hidden = {identifier: "a", "$anchor": "one", "properties": {"p": {identifier: "a"}}}
                made[decoy] = [hidden] if decoy == "enum" else hidden
        return made

    return draft, schema(3)


@settings(deadline=None, max_examples=120)
@given(webs())
def test_references_lead_where_referencing_says(web: tuple[str, dict[str, Any]]) -> None:
    draft, schema = web
    specification = SPECIFICATIONS[draft]

    def check(site: Site, resolver: Any) -> None:
        for _ in range(4):
            if not isinstance(site.schema, dict) or "$ref" not in site.schema:
                return
            try:
                resolved = resolver.lookup(site.schema["$ref"])
                resolver = resolved.resolver
            except (Unresolvable, ValueError):  # ValueError: a name as the index of an array
                resolved = None
            if resolved is None or not isinstance(resolved.contents, dict):
                with pytest.raises(SpecError) as caught:
                    site.refer("$ref")
                assert at(schema, caught.value.pointer or "") == site.schema["$ref"]
                return
            site = site.refer("$ref")
            assert site.schema is resolved.contents
            assert at(schema, site.pointer) is site.schema

    def walk(site: Site, resolver: Any) -> None:
        resolver = resolver.in_subresource(specification.create_resource(site.schema))
        check(site, resolver)
        for each in ("properties", "definitions", "$defs"):
            for name in site.schema.get(each, {}) if isinstance(site.schema, dict) else ():
                walk(site.child(each, name), resolver)
        for index, _ in enumerate(site.schema.get("allOf", []) if isinstance(site.schema, dict) else ()):
            walk(site.child("allOf", index), resolver)

    walk(root_site(schema, default_draft=draft), Registry().resolver_with_root(specification.create_resource(schema)))


@pytest.mark.parametrize(
    ("name", "token"),
    [("~1", "~01"), ("/", "~1"), ("/", "%7E1"), ("a b", "a%20b"), ("%", "%25"), ("é", "%C3%A9"), ("", ""), ("0", "0")],
)
def test_tokens_are_decoded(name: str, token: str) -> None:
    schema = {"$ref": f"#/$defs/{token}", "$defs": {name: {}}}
    resolver = Registry().resolver_with_root(DRAFT202012.create_resource(schema))
    target = root_site(schema).refer("$ref")
    assert target.schema is resolver.lookup(schema["$ref"]).contents is at(schema, target.pointer)


DOCUMENTS: dict[str, Any] = {
    "http://x.example/integers.json": {"enum": [1, 2], "$defs": {"even": {"enum": [2]}}},
    "http://x.example/folder/relative.json": {"properties": {"a": {"$ref": "../integers.json"}}},
    "http://x.example/bundle.json": {"$defs": {"inner": {"$id": "http://z.example/inner", "enum": ["inner"]}}},
    "http://x.example/old.json": {"$schema": URI["7"], "enum": [1], "definitions": {"a": {"$id": "#a", "enum": ["a"]}}},
    "http://x.example/moved.json": {"$id": "http://y.example/here.json", "$ref": "there.json"},
    "http://y.example/there.json": {"enum": ["there"]},
    "http://x.example/never.json#": False,
}
VALUES: list[Any] = [1, 2, "a", "inner", "there", {"a": 1}, {"a": "x"}, {"a": {"a": 2}}, {"a": {"a": "x"}}]


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "http://x.example/integers.json"},
        {"$ref": "http://x.example/integers.json#/$defs/even"},
        {"$ref": "http://x.example/folder/relative.json"},
        {"$ref": "http://x.example/folder/relative.json#/properties/a"},
        {"$id": "http://x.example/folder/", "$ref": "relative.json"},
        {"$ref": "http://x.example/bundle.json#/$defs/inner"},
        {"$ref": "http://z.example/inner"},
        {"$ref": "http://x.example/old.json#a"},
        {"$ref": "http://x.example/never.json"},
        {"properties": {"a": {"$ref": "#"}}, "enum": [1, {"a": 1}, {"a": {"a": 2}}]},
        {"properties": {"a": {"$ref": "#/x/y"}}, "x": {"y": {"enum": [1]}}},
        {"properties": {"a": {"$ref": "#/allOf/0"}}, "allOf": [{"properties": {"a": {"enum": [1]}}}]},
    ],
    ids=lambda schema: schema.get("$ref"),
)
def test_other_documents(schema: Any) -> None:
    judge, site = judged(schema, DOCUMENTS, "2020-12"), root_site(schema, DOCUMENTS)
    for value in VALUES:
        assert admits(site, value) == judge.is_valid(value), value


@pytest.mark.parametrize("draft", DRAFTS)
def test_identifiers_count_where_the_draft_has_schemas(draft: str) -> None:
    identified = {"id" if draft == "4" else "$id": "a"}
    one = (
        "additionalItems additionalProperties contains contentSchema else if items not propertyNames then "
        "unevaluatedItems unevaluatedProperties const default unknown"
    )
    places: list[dict[str, Any]] = [{keyword: identified} for keyword in one.split()]
    places += [{keyword: [identified]} for keyword in ("allOf", "anyOf", "oneOf", "prefixItems", "enum", "examples")]
    places += [{"items": [identified]}] if draft != "2020-12" else []
    named = "properties patternProperties definitions $defs dependentSchemas"
    places += [{keyword: {"x": identified}} for keyword in named.split()]
    places += [{"dependencies": {"x": identified}}] if draft in LEGACY else []
    for place in places:
        known = "a" in Registry().with_resource("", SPECIFICATIONS[draft].create_resource(place)).crawl()
        site = root_site({"allOf": [{"$ref": "a"}, place]}, default_draft=draft).child("allOf", 0)
        if known:
            assert site.refer("$ref").schema is identified, place
        else:
            with pytest.raises(UnsupportedError):
                site.refer("$ref")


def test_the_uri_of_the_resource_around_opens_no_other() -> None:
    inner = {"$id": "http://x.example/a", "$ref": "#/$defs/b"}
    site = root_site({"$id": "http://x.example/a", "not": inner, "$defs": {"b": {}}})
    assert site.child("not").refer("$ref").pointer == "/$defs/b"


def test_identifiers_beside_references_say_nothing_in_old_drafts() -> None:
    schema = {
        "$id": "http://x.example/a/",
        "definitions": {
            "near": {"$id": "leaf", "enum": ["near"]},
            "far": {"$id": "http://y.example/b/leaf", "enum": ["far"]},
        },
        "properties": {"a": {"$id": "http://y.example/b/", "$ref": "leaf"}},
    }
    for draft, expected in (("6", "near"), ("7", "near"), ("2019-09", "far"), ("2020-12", "far")):
        site = root_site(schema, default_draft=draft)
        assert site.child("properties", "a").refer("$ref").schema["enum"] == [expected]  # type: ignore[index]
        assert judged(schema, {}, draft).is_valid({"a": expected})


def test_documents_that_say_where_they_belong() -> None:
    """2020-12, section 9.1.1: the base is the `$id`, wherever the document was found."""
    site = root_site({"$ref": "http://x.example/moved.json"}, DOCUMENTS).refer("$ref")
    assert (site.pointer, site.refer("$ref").pointer) == (
        "http://x.example/moved.json#",
        "http://y.example/there.json#",
    )
    for schema in ({"$id": "http://x.example/never.json"}, {"$defs": {"a": {"$id": "http://x.example/never.json"}}}):
        schema["not"] = {"$ref": "http://x.example/never.json"}
        assert root_site(schema, DOCUMENTS).child("not").refer("$ref").pointer in ("", "/$defs/a")


def test_places_in_other_documents_begin_with_their_uri() -> None:
    site = root_site({"properties": {"a/b": {"$ref": "http://x.example/bundle.json"}}}, DOCUMENTS)
    site = site.child("properties", "a/b")
    assert (site.pointer, site.pointer_to("$ref")) == ("/properties/a~1b", "/properties/a~1b/$ref")
    assert site.refer("$ref").pointer == "http://x.example/bundle.json#"
    assert site.refer("$ref").child("$defs", "inner").pointer == "http://x.example/bundle.json#/$defs/inner"


@pytest.mark.parametrize("draft", DRAFTS)
@pytest.mark.parametrize("end", ["", "#"])
@pytest.mark.parametrize("scheme", ["http:", "https:"])
def test_metaschemas_are_known(draft: str, end: str, scheme: str) -> None:
    uri = scheme + URI[draft].partition(":")[2]
    site = root_site({"$ref": uri + end, "$schema": uri + end})
    target = site.refer("$ref")
    assert target.schema == VALIDATORS[draft].META_SCHEMA
    assert (site.draft, target.draft, target.pointer) == (draft, draft, f"{uri}#")


@pytest.mark.parametrize(
    ("uri", "draft"),
    [
        ("http://json-schema.org/schema#", "2020-12"),
        ("http://json-schema.org/schema", "2020-12"),
        ("https://json-schema.org/schema", "2020-12"),
        ("http://json-schema.org/draft/2019-09/schema#", "2019-09"),
        ("http://json-schema.org/draft-07/schema#/", "7"),
        ("http://json-schema.org/draft-07/schema/", "7"),
        ("https://www.json-schema.org/draft-06/schema", "6"),
        ("json-schema.org/draft-06/schema#", "6"),
        ("http://json-schema.org/draft-04/schema.json", "4"),
        ("http://json-schema.org/draft-04/hyper-schema#", "4"),
        ("https://json-schema.org/draft/2019-09/hyper-schema", "2019-09"),
        ("http://json-schema.org/draft-05/schema#", "4"),
    ],
)
def test_dialects_are_told_by_what_people_write_for_them(uri: str, draft: str) -> None:
    assert root_site({"$schema": uri, "$id": "http://x.example"}, default_draft="2019-09").draft == draft
    inner = root_site({"$defs": {"a": {"$id": "http://x.example/a", "$schema": uri}}}).child("$defs", "a")
    assert inner.draft == draft


def test_a_reference_to_the_latest_metaschema_leads_to_it() -> None:
    target = root_site({"$ref": "http://json-schema.org/schema#"}).refer("$ref")
    assert target.schema == VALIDATORS["2020-12"].META_SCHEMA


@pytest.mark.parametrize(("draft", "keyword"), [("2019-09", "$recursiveRef"), ("2020-12", "$dynamicRef")])
def test_the_parts_of_a_metaschema_refer_back_to_the_whole(draft: str, keyword: str) -> None:
    whole = root_site({"$ref": URI[draft]}).refer("$ref")
    part = whole.child("allOf", 1).refer("$ref")
    assert part.pointer == URI[draft].removesuffix("schema") + "meta/applicator#"
    back = part.child("properties", "not").refer(keyword)
    assert (back.schema, back.pointer, back.key) == (whole.schema, whole.pointer, whole.key)


def test_schemes_that_urllib_does_not_know() -> None:
    schema = {"$id": "app://h/a/b", "allOf": [{"$ref": "c"}, {"$ref": "http://x.example/integers.json"}]}
    site = root_site(schema, {"app://h/a/c": {"title": "c"}, **DOCUMENTS})
    assert site.child("allOf", 0).refer("$ref").pointer == "app://h/a/c#"
    assert site.child("allOf", 1).refer("$ref").pointer == "http://x.example/integers.json#"


def test_the_nearest_schema_keyword_says_the_draft() -> None:
    schema = {
        "$schema": URI["7"] + "#",
        "properties": {"a": {"$schema": URI["2020-12"], "properties": {"b": True}}, "c": {}},
    }
    site = root_site(schema, {"http://x.example/bare": {}}, default_draft="4")
    drafts = {each.pointer: each.draft for each in below(site)}
    assert drafts == {
        "": "7",
        "/properties/a": "2020-12",
        "/properties/a/properties/b": "2020-12",
        "/properties/c": "7",
    }
    assert root_site({"$ref": "http://x.example/bare"}, {"http://x.example/bare": {}}).refer("$ref").draft == "2020-12"
    assert root_site({}, default_draft="4").draft == "4"
    assert root_site({"$schema": URI["7"], "$ref": "http://b"}, {"http://b": {}}).refer("$ref").draft == "7"


def custom(draft: str, vocabularies: dict[str, bool]) -> dict[str, Any]:
    base = f"https://json-schema.org/draft/{draft}/vocab/"
    names = {name if ":" in name else base + name: required for name, required in vocabularies.items()}
    return {"http://m.example/meta": {"$schema": URI[draft], "$vocabulary": names}}


ALL_2019 = dict.fromkeys(["core", "applicator", "validation", "meta-data", "content"], True) | {"format": False}
ALL_2020 = dict.fromkeys(
    ["core", "applicator", "unevaluated", "validation", "meta-data", "format-annotation", "content"], True
)


@pytest.mark.parametrize(
    ("draft", "vocabularies", "expected"),
    [
        ("2019-09", ALL_2019, None),
        ("2020-12", ALL_2020, None),
        ("2020-12", ALL_2020 | {"http://x.example/unknown": False}, None),
        ("2019-09", {"core": True, "applicator": True}, {"core", "applicator", "unevaluated"}),
        ("2019-09", {"core": True, "format": True}, {"core", "format-assertion"}),
        ("2019-09", {"core": True, "format": False}, {"core", "format-annotation"}),
        ("2020-12", {"core": True, "applicator": True}, {"core", "applicator"}),
        ("2020-12", ALL_2020 | {"format-assertion": False}, {*ALL_2020, "format-assertion"}),
    ],
)
def test_custom_metaschemas_select_vocabularies(
    draft: str, vocabularies: dict[str, bool], expected: set[str] | None
) -> None:
    schema = {"$schema": "http://m.example/meta", "properties": {"a": {}}, "$defs": {"b": {"$schema": URI[draft]}}}
    site = root_site(schema, custom(draft, vocabularies), default_draft="4")
    assert site.draft == site.child("properties", "a").draft == draft
    assert site.vocabularies == site.child("properties", "a").vocabularies == expected
    assert site.child("$defs", "b").vocabularies is None


def test_metaschemas_without_vocabularies_mean_all() -> None:
    documents = {"http://m.example/a": {"$schema": "http://m.example/b#"}, "http://m.example/b": {"$schema": URI["7"]}}
    site = root_site({"$schema": "http://m.example/a"}, documents)
    assert (site.draft, site.vocabularies) == ("7", None)


def test_unknown_required_vocabularies_are_refused() -> None:
    other = custom("2020-12", {"https://json-schema.org/draft/2019-09/vocab/core": True})
    with pytest.raises(UnsupportedError, match="2019-09/vocab/core"):
        root_site({"$schema": "http://m.example/meta"}, other)
    documents = custom("2020-12", {"core": True, "http://x.example/~": True})
    with pytest.raises(UnsupportedError, match=r"http://x\.example/~") as caught:
        root_site({"$schema": "http://m.example/meta"}, documents)
    assert caught.value.pointer == "http://m.example/meta#/$vocabulary/http:~1~1x.example~1~0"
    documents["http://m.example/meta"]["$vocabulary"] = ["core"]
    with pytest.raises(SpecError, match="object of booleans") as malformed:
        root_site({"$schema": "http://m.example/meta"}, documents)
    assert malformed.value.pointer == "http://m.example/meta#/$vocabulary"


@pytest.mark.parametrize(
    "dialect",
    [
        5,
        "",
        [],
        None,
        "http://m.example/loop",
        "http://json-schema.org/draft-03/schema#",
        "http://json-schema.org/draft/2018-01/schema",
        "http://json-schema.org/draft-07/schemas",
        "not a URI",
    ],
)
def test_unknown_dialects_are_refused_where_they_are_reached(dialect: Any) -> None:
    documents = {"http://m.example/loop": {"$schema": "http://m.example/loop"}}
    for schema, pointer in (
        ({"$schema": dialect}, "/$schema"),
        ({"$ref": "http://x.example/odd"}, "http://x.example/odd#/$schema"),
        ({"$ref": "http://x.example/odd#name"}, "http://x.example/odd#/$schema"),
        ({"$ref": "http://x.example/odd#/properties/a"}, "http://x.example/odd#/$schema"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"$schema": dialect}}}, "/$defs/a/$schema"),
    ):
        odd = {"http://x.example/odd": {"$schema": dialect, "properties": {"a": {"$id": 5}}}}
        with pytest.raises(UnsupportedError) as caught:
            root_site(schema, documents | odd).refer("$ref")
        assert (caught.value.pointer, caught.value.keyword) == (pointer, "$schema")
        assert repr(dialect) in caught.value.message


@pytest.mark.parametrize("dialect", ["vscode://schemas/settings", "http://json-schema.org.example/schema"])
def test_metaschemas_of_others_are_read_as_the_latest_draft(dialect: str) -> None:
    assert root_site({"$schema": dialect}).draft == "2020-12"


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_dynamic_references_lead_to_the_outermost_anchor(data: st.DataObject) -> None:
    """A chain of resources, each with some of the names; what the last one means by a name depends on the path."""
    count = data.draw(st.integers(2, 5))
    order = data.draw(st.permutations(range(count)))
    name = data.draw(st.sampled_from(["m", "n"]))
    resources = {}
    for index in range(count):
        kinds = data.draw(
            st.fixed_dictionaries({each: st.sampled_from(["", "$anchor", "$dynamicAnchor"]) for each in "mn"})
        )
        held = {each: {kind: each, "enum": [index]} for each, kind in kinds.items() if kind}
        resources[f"r{index}"] = {"$id": f"http://x.example/r{index}", "$defs": held}
    for here, there in pairwise(order):
        resources[f"r{here}"]["$ref"] = f"http://x.example/r{there}"
    resources[f"r{order[-1]}"]["$dynamicRef"] = f"#{name}"
    schema = {"$ref": f"http://x.example/r{order[0]}", "$defs": resources}
    site, judge = root_site(schema), judged(schema, {}, "2020-12")
    last = resources[f"r{order[-1]}"]["$defs"]
    if name not in last:
        with pytest.raises(SpecError, match="leads to no schema"):
            admits(site, 0)
        return
    for value in range(count):
        assert admits(site, value) == judge.is_valid(value)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.booleans(), min_size=1, max_size=5))
def test_recursive_references_lead_to_the_outermost_recursive_resource(recursive: list[bool]) -> None:
    """2019-09, section 8.2.4.2: of all resources on the path, if the last one has `$recursiveAnchor` too."""
    documents: dict[str, Any] = {
        f"http://x.example/{index}": {"$schema": URI["2019-09"], "$ref": f"{index + 1}", "$recursiveAnchor": each}
        for index, each in enumerate(recursive)
    }
    last = len(recursive) - 1
    del documents[f"http://x.example/{last}"]["$ref"]
    documents[f"http://x.example/{last}"]["properties"] = {"a": {"$recursiveRef": "#", "$recursiveAnchor": True}}
    site = root_site({"$ref": "http://x.example/0"}, documents).refer("$ref")
    for _ in range(last):
        site = site.refer("$ref")
    expected = recursive.index(True) if recursive[-1] else last
    assert site.child("properties", "a").refer("$recursiveRef").pointer == f"http://x.example/{expected}#"


TREE = {
    "$id": "http://x.example/tree",
    "$dynamicAnchor": "node",
    "properties": {"a": {"allOf": [{"$dynamicRef": "#node"}]}, "leaf": {"enum": [1]}},
}
STRICT = {"$id": "http://x.example/strict", "$dynamicAnchor": "node", "$ref": "tree", "required": ["leaf"]}


def test_a_tree_is_as_strict_as_what_extends_it() -> None:
    for schema in (STRICT, {"$ref": "http://x.example/strict"}, {"$ref": "http://x.example/tree"}):
        documents = {"http://x.example/tree": TREE, "http://x.example/strict": STRICT}
        site, judge = root_site(schema, documents), judged(schema, documents, "2020-12")
        for value in ({"leaf": 1}, {"a": {}}, {"a": {}, "leaf": 1}, {"a": {"leaf": 1}, "leaf": 1}, {"leaf": 2}):
            assert admits(site, value) == judge.is_valid(value)


def test_plain_references_are_never_dynamic() -> None:
    """2020-12, section 8.2.2: a dynamic anchor is a name like any other for `$ref`."""
    other = {"$id": "other", "$dynamicAnchor": "node"}
    schema = {"$id": "http://x.example/", "$dynamicAnchor": "node", "$defs": {"other": other}, "$ref": "other#node"}
    assert root_site(schema).refer("$ref").schema is other


def test_dynamic_targets_keep_their_own_base() -> None:
    held = {"$dynamicAnchor": "item", "$ref": "leaf"}
    schema = {
        "$id": "http://x.example/root",
        "$ref": "http://y.example/list",
        "$defs": {
            "held": held,
            "leaf": {"$id": "leaf"},
            "list": {
                "$id": "http://y.example/list",
                "not": {"$dynamicRef": "#item"},
                "$defs": {"": {"$dynamicAnchor": "item"}},
            },
        },
    }
    target = root_site(schema).refer("$ref").child("not").refer("$dynamicRef")
    assert target.schema is held
    assert target.refer("$ref").pointer == "/$defs/leaf"


def test_embedded_resources_are_entered_on_the_way_down() -> None:
    inner = {"$id": "inner", "$dynamicAnchor": "node", "not": {"$dynamicRef": "#node"}}
    root = root_site({"$id": "http://x.example/", "$dynamicAnchor": "node", "properties": {"a": inner}})
    assert root.child("properties", "a", "not").refer("$dynamicRef").key == root.key
    assert root_site({"properties": {"a": inner}}).child("properties", "a", "not").refer("$dynamicRef").schema is inner


def test_keys_do_not_depend_on_the_path() -> None:
    schema = {
        "$id": "http://x.example/",
        "properties": {"a": {"$ref": "#/$defs/a"}, "b": {"$ref": "a"}, "c": {"$ref": "#/$defs/a/not"}},
        "$defs": {"a": {"$id": "a", "not": {"$anchor": "here"}, "if": {"$ref": "#here"}}},
    }
    root = root_site(schema)
    a, b, c = (root.child("properties", name).refer("$ref") for name in "abc")
    assert a.key == b.key == root.child("$defs", "a").key != c.key
    assert c.key == a.child("not").key == a.child("if").refer("$ref").key
    assert len({each.key for each in below(root)}) == 5
    assert root_site(schema).key != root.key


def test_keys_tell_dynamic_scopes_apart_where_references_follow() -> None:
    documents = {"http://x.example/tree": TREE, "http://x.example/strict": STRICT}
    schema = {"allOf": [{"$ref": "http://x.example/tree"}, {"$ref": "http://x.example/strict"}]}
    root = root_site(schema, documents)
    loose = root.child("allOf", 0).refer("$ref")
    strict = root.child("allOf", 1).refer("$ref").refer("$ref")
    assert loose.schema is strict.schema
    assert loose.key != strict.key
    assert loose.child("properties", "a").key != strict.child("properties", "a").key
    assert loose.child("properties", "leaf").key == strict.child("properties", "leaf").key
    assert loose.child("properties", "a", "allOf", 0).refer("$dynamicRef").key == loose.key


def test_one_object_in_two_resources_is_two_schemas() -> None:
    shared = {"$ref": "#/$defs/b"}
    schema = {"not": shared, "$defs": {"b": {"enum": [1]}, "a": {"$id": "a", "not": shared, "$defs": {"b": {}}}}}
    root = root_site(schema)
    here, there = root.child("not"), root.child("$defs", "a").child("not")
    assert here.key != there.key
    assert (here.refer("$ref").pointer, there.refer("$ref").pointer) == ("/$defs/b", "/$defs/a/$defs/b")
    assert root_site({"allOf": [True, True, False]}).child("allOf", 0).key is True


@pytest.mark.parametrize(
    ("reference", "hint"),
    [
        ("#/$defs/Persn", "did you mean 'Person'?"),
        ("#/$def/Person", "did you mean '$defs'?"),
        ("#/properties/x/y", "is the name right?"),
        ("#persn", "did you mean 'person'?"),
        ("#zzz", "is the name right?"),
        ("#/allOf/1", "is the name right?"),
        ("#/allOf/-1", "is the name right?"),
        ("#/allOf/٠", "is the name right?"),
        ("#/allOf", "a schema is an object or a boolean"),
        ("http://x.example/never.json#/a", "is the name right?"),
    ],
)
def test_references_into_nothing(reference: str, hint: str) -> None:
    schema = {
        "$defs": {"Person": {"$anchor": "person"}, "x": {"$id": "http://x.example/x", "$anchor": "other"}},
        "allOf": [{"$ref": reference}],
    }
    with pytest.raises(SpecError, match="leads to no schema") as caught:
        root_site(schema, DOCUMENTS).child("allOf", 0).refer("$ref")
    assert not isinstance(caught.value, UnsupportedError)
    assert (caught.value.pointer, caught.value.keyword, caught.value.hint) == ("/allOf/0/$ref", "$ref", hint)


@pytest.mark.parametrize("reference", ["http://nowhere.example/x", "Person", "urn:x:y#z", "https://json-schema.org/x"])
def test_nothing_is_fetched(reference: str) -> None:
    with pytest.raises(UnsupportedError, match="leads out of the known documents") as caught:
        root_site({"not": {"$ref": reference}}, DOCUMENTS).child("not").refer("$ref")
    assert (caught.value.pointer, caught.value.keyword) == ("/not/$ref", "$ref")
    assert "documents={...}" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("schema", "keyword", "message"),
    [
        ({"$ref": 5}, "$ref", "is no string"),
        ({"$ref": {}}, "$ref", "is no string"),
        ({"$ref": "http://[x"}, "$ref", "is no URI reference"),
        ({"$dynamicRef": None}, "$dynamicRef", "is no string"),
        ({"$recursiveRef": "#a"}, "$recursiveRef", "is not '#'"),
        (True, "$ref", "is no string"),
    ],
)
def test_malformed_references(schema: Any, keyword: str, message: str) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        root_site({"not": schema}).child("not").refer(keyword)
    assert (caught.value.pointer, caught.value.keyword) == (f"/not/{keyword}", keyword)


@pytest.mark.parametrize(
    ("draft", "keyword", "value"),
    [
        *((draft, "id" if draft == "4" else "$id", value) for draft in DRAFTS for value in (5, None, [], "http://[x")),
        ("2019-09", "$anchor", 5),
        ("2020-12", "$anchor", {}),
        ("2020-12", "$dynamicAnchor", True),
    ],
)
def test_malformed_identifiers(draft: str, keyword: str, value: Any) -> None:
    document = {"properties": {"a~b": {keyword: value}}}
    for schema, place in ((document, ""), ({"$ref": "http://x.example/d"}, "http://x.example/d#")):
        with pytest.raises(SpecError, match=r"must be a string|is no URI reference") as caught:
            root_site(schema, {"http://x.example/d": document}, default_draft=draft).refer("$ref")
        assert (caught.value.pointer, caught.value.keyword) == (f"{place}/properties/a~0b/{keyword}", keyword)


def test_documents_are_read_when_something_leads_there() -> None:
    documents = {"http://x.example/a": {}, "http://x.example/wrong": {"$id": 5}}
    site = root_site({"$ref": "http://x.example/a", "not": {"$ref": "http://x.example/b"}}, documents)
    site.refer("$ref")
    for _ in range(2):
        with pytest.raises(SpecError, match="must be a string"):
            site.child("not").refer("$ref")


def test_two_schemas_of_one_name() -> None:
    for first, second in (({"$id": "a"}, {"$id": "a", "not": {}}), ({"$anchor": "a"}, {"$anchor": "a", "const": 1})):
        reference = "a" if "$id" in first else "#a"
        with pytest.raises(SpecError, match="more than one schema") as caught:
            root_site({"$ref": reference, "$defs": {"x": first, "y": second}}).refer("$ref")
        assert (caught.value.pointer, caught.value.keyword) == ("/$ref", "$ref")
        assert caught.value.hint == "both /$defs/x and /$defs/y are that"
        same = root_site({"$ref": reference, "$defs": {"x": first, "y": dict(first)}})
        assert same.refer("$ref").schema is first


@pytest.mark.parametrize("value", [5, "x", [], None])
def test_what_is_no_schema(value: Any) -> None:
    for make, pointer in (
        (lambda: root_site(value), ""),
        (lambda: root_site({}, {"http://x.example/a": value}), "http://x.example/a#"),
        (lambda: root_site({"properties": {"a": value}}).child("properties", "a"), "/properties/a"),
    ):
        with pytest.raises(SpecError, match="a schema is an object or a boolean") as caught:
            make()
        assert caught.value.pointer == pointer
    with pytest.raises(SpecError) as missing:
        root_site({"properties": {}}).child("properties", "a")
    assert (missing.value.pointer, missing.value.keyword) == ("/properties/a", "properties")


def test_malformed_options() -> None:
    with pytest.raises(SpecError, match="default_draft must be one of 4, 6, 7") as caught:
        root_site({}, default_draft="3")
    assert caught.value.keyword == "default_draft"
    with pytest.raises(SpecError, match="named by a URI") as unnamed:
        root_site({}, {5: {}})  # type: ignore[dict-item]
    assert unnamed.value.keyword == "documents"


TEXTS = ["", "#", "#a", "a", "/", "http://[", "%zz", "#/~2", "#/not", URI["7"], URI["2019-09"]]
NAMES = [
    "$id", "id", "$ref", "$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveAnchor", "$recursiveRef", "$schema",
    "$vocabulary", "properties", "allOf", "items", "not", "$defs", "dependencies", "x",
]  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(TEXTS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=20,
)
SCHEMAS = st.booleans() | st.dictionaries(st.sampled_from(NAMES), JSON, max_size=4)


@settings(deadline=None, max_examples=200)
@given(SCHEMAS, SCHEMAS, st.sampled_from(DRAFTS))
def test_no_schema_does_worse_than_a_spec_error(schema: Any, document: Any, draft: str) -> None:
    def visit(site: Site, fuel: int) -> None:
        assert hash(site.key) == hash(site.key)
        for keyword, value in site.schema.items() if isinstance(site.schema, dict) and fuel else ():
            for path in [(keyword,), *((keyword, each) for each in (value if isinstance(value, dict) else ()))]:
                try:
                    visit(site.refer(keyword) if keyword.endswith("ef") else site.child(*path), fuel - 1)
                except SpecError as error:
                    assert error.pointer is not None  # noqa: PT017 - what is not raised is fine too

    try:
        visit(root_site(schema, {"a": document, "http://x.example/": document}, default_draft=draft), 5)
    except SpecError as error:
        assert error.pointer is not None  # noqa: PT017


def test_nothing_is_imported_before_it_is_needed() -> None:
    code = "import sys, constrain, constrain.json_references; sys.exit('referencing' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
