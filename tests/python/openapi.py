"""Holds openapi/baton.json to OpenAPI 3.0, and every example in it to its schema.

    openapi.py DOCUMENT
"""

import json
import pathlib
import sys

from jsonschema import Draft4Validator, FormatChecker
from jsonschema.exceptions import best_match
from openapi_spec_validator import OpenAPIV30SpecValidator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

ROOT = "urn:openapi"


def plain(node):
    """The document with its schemas as plain JSON Schema: `nullable` is a keyword of OpenAPI 3.0."""
    if isinstance(node, list):
        return [plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {name: plain(member) for name, member in node.items()}
    if node.pop("nullable", False) is True:
        return {"anyOf": [{"type": "null"}, node]}
    return node


def places(document):
    """Every schema that has examples: where it is, a pointer to it, and the examples."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            name, at = operation["operationId"], ("paths", path, method)
            for index, parameter in enumerate(operation.get("parameters", [])):
                where = f"{name} {parameter['name']}"
                pointer = (*at, "parameters", index, "schema")
                yield where, pointer, {"example": parameter["example"]}
            body = operation.get("requestBody", {"content": {}})
            yield from contents(name, (*at, "requestBody"), body)
            for status, response in operation["responses"].items():
                where = f"{name} {status}"
                yield from contents(where, (*at, "responses", status), response)


def contents(where, at, body):
    for media_type, content in body.get("content", {}).items():
        examples = {name: example["value"] for name, example in content["examples"].items()}
        yield where, (*at, "content", media_type, "schema"), examples


def main(file):
    document = json.loads(pathlib.Path(file).read_text())
    errors = [str(error) for error in OpenAPIV30SpecValidator(document).iter_errors()]
    resource = Resource(contents=plain(document), specification=DRAFT4)
    registry = Registry().with_resource(ROOT, resource)
    checked = 0
    for where, pointer, examples in places(document):
        parts = (str(part).replace("~", "~0").replace("/", "~1") for part in pointer)
        # In a URI the braces of a path are written in this way.
        fragment = "/".join(parts).replace("{", "%7B").replace("}", "%7D")
        schema = {"$ref": f"{ROOT}#/{fragment}"}
        validator = Draft4Validator(schema, registry=registry, format_checker=FormatChecker())
        for name, example in examples.items():
            checked += 1
            error = best_match(validator.iter_errors(example))
            if error is not None:
                at = "/".join(map(str, error.absolute_path))
                errors.append(f"{where}: {name}: {at}: {error.message}"[:600])
    print(json.dumps({"examples": checked}))
    for error in errors[:40]:
        print(error, file=sys.stderr)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
