# SPDX-License-Identifier: MIT
"""docs/openapi.yaml and docs/openapi-client.yaml, and whether an answer is one that they describe."""

import datetime
import pathlib
import re

import yaml

DOCS = pathlib.Path(__file__).parents[3] / "docs"
DOCUMENT = yaml.safe_load((DOCS / "openapi.yaml").read_text())
CLIENT = yaml.safe_load((DOCS / "openapi-client.yaml").read_text())
TYPES = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "object": dict, "array": list, "null": type(None)}


def resolve(thing, document):
    while "$ref" in thing:
        part = document
        for name in thing["$ref"].removeprefix("#/").split("/"):
            part = part[name]
        thing = part
    return thing


def is_type(value, name):
    return isinstance(value, TYPES[name]) and not (name == "integer" and isinstance(value, bool))


def fits(value, schema, document):
    try:
        check(value, schema, document)
    except AssertionError:
        return False
    return True


def check(value, schema, document, at="answer"):
    """As much of JSON Schema as the document uses; an assertion names the place that is wrong."""
    schema = resolve(schema, document)
    unknown = schema.keys() - {"type", "properties", "required", "additionalProperties", "items", "enum", "const",
                               "pattern", "format", "minimum", "maximum", "minLength", "maxLength", "maxItems",
                               "anyOf", "description", "examples", "default"}
    assert not unknown, "the check does not know %s" % unknown
    if "anyOf" in schema:
        assert any(fits(value, one, document) for one in schema["anyOf"]), "%s: %r is none of them" % (at, value)
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    assert not types or any(is_type(value, t) for t in types), "%s: %r is no %s" % (at, value, types)
    assert "enum" not in schema or value in schema["enum"], "%s: %r" % (at, value)
    assert "const" not in schema or value == schema["const"], "%s: %r" % (at, value)
    if isinstance(value, str):
        assert len(value) >= schema.get("minLength", 0) and len(value) <= schema.get("maxLength", len(value)), at
        assert re.search(schema.get("pattern", ""), value), "%s: %r" % (at, value)
        if schema.get("format") == "date-time":
            datetime.datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%f%z")
    elif is_type(value, "integer"):
        assert schema.get("minimum", value) <= value <= schema.get("maximum", value), "%s: %r" % (at, value)
    elif isinstance(value, list):
        assert len(value) <= schema.get("maxItems", len(value)), at
        for i, item in enumerate(value):
            check(item, schema.get("items", {}), document, "%s[%d]" % (at, i))
    elif isinstance(value, dict):
        properties = schema.get("properties", {})
        missing = set(schema.get("required", [])) - value.keys()
        assert not missing, "%s has no %s" % (at, missing)
        for name, item in value.items():
            more = schema.get("additionalProperties", True)
            assert name in properties or more is not False, "%s has %s, which no schema has" % (at, name)
            check(item, properties.get(name, more if isinstance(more, dict) else {}), document, at + "." + name)


def operation_of(method, target, document=DOCUMENT):
    """(its path as the document writes it, the operation)"""
    path = target.split("?")[0]
    for template, item in document["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path) and method.lower() in item:
            return template, item[method.lower()]
    raise AssertionError("%s %s is not in the document" % (method, target))


def check_answer(method, target, answer, document=DOCUMENT):
    """Of harness.admin.ask(). The path and the status that it was an answer of."""
    template, operation = operation_of(method, target, document)
    responses = operation["responses"]
    response = resolve(responses.get(str(answer.status), responses.get("default", {})), document)
    content = answer.fields["content-type"].split(";")[0]
    assert content in response["content"], "%s %s: %s" % (method, target, content)
    if content.endswith("json"):
        check(answer.json, response["content"][content]["schema"], document)
    for name, header in response.get("headers", {}).items():
        assert name.lower() in answer.fields, "%s %s has no %s" % (method, target, name)
        check(answer.fields[name.lower()], resolve(header, document)["schema"], document, name)
    return template, answer.status
