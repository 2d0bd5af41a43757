"""Holds openapi/asyncapi.yaml to what Baton records and publishes.

    asyncapi.py ASYNCAPI GOLDEN_DIRECTORY MESSAGES

MESSAGES has one JSON document a line, {"subject", "headers", "body"}, as read from the stream.
"""

import json
import pathlib
import sys

import yaml
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import best_match
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

# What stays inside when an event of an account is published.
WITHHELD = {"key_hash", "token_hash", "key_prefix"}
ROOT = "urn:asyncapi"


def validator(registry, pointer):
    schema = {"$ref": f"{ROOT}#{pointer}"}
    return Draft202012Validator(schema, registry=registry, format_checker=FormatChecker())


def wrong(found, what, value):
    # Of the branches that all do not fit, the one that comes closest says best what is wrong.
    error = best_match(found.iter_errors(value))
    if error is None:
        return []
    return [f"{what}: {'/'.join(map(str, error.absolute_path))}: {error.message}"[:600]]


def without_withheld(value):
    if isinstance(value, dict):
        return {k: without_withheld(v) for k, v in value.items() if k not in WITHHELD}
    return value


def payload_schema(name):
    place = "payload/allOf/1/properties/data/allOf/1/properties/event"
    return f"/components/messages/{name}/{place}"


def main(document, golden, messages):
    document = yaml.safe_load(pathlib.Path(document).read_text())
    resource = Resource(contents=document, specification=DRAFT202012)
    registry = Registry().with_resource(ROOT, resource)
    described = set(document["components"]["messages"])
    errors = []
    if set(document["channels"]["events"]["messages"]) != described:
        errors.append("the channel does not have all messages that are described")

    recorded = set()
    for path in sorted(pathlib.Path(golden).glob("*.json")):
        event = json.loads(path.read_text())
        name = event["event_type"]
        recorded.add(name)
        if name in described:
            payload = event["payload"]
            if not name.startswith(("recurrence.", "task.", "webhook.")):
                payload = without_withheld(payload)
            found = validator(registry, payload_schema(name))
            errors += wrong(found, path.name, payload)
    errors += [f"{name} is recorded and not described" for name in sorted(recorded - described)]
    errors += [f"{name} is described and never recorded" for name in sorted(described - recorded)]

    headers = "/components/messageTraits/event/headers"
    published = set()
    for line in pathlib.Path(messages).read_text().splitlines():
        message = json.loads(line)
        name = message["body"]["type"]
        published.add(name)
        if name not in described:
            continue
        body = validator(registry, f"/components/messages/{name}/payload")
        errors += wrong(body, f"{name} published", message["body"])
        errors += wrong(validator(registry, headers), f"{name} headers", message["headers"])
        kind, event = name.split(".")
        account = message["body"]["source"].removeprefix("/accounts/")
        subject_id = message["body"]["subject"].split("/")[1]
        address = document["channels"]["events"]["address"]
        expected = address.format(account=account, kind=kind, event=event, id=subject_id)
        if message["subject"] != expected:
            errors.append(f"{name} was published on {message['subject']}, not on {expected}")

    print(json.dumps({"described": sorted(described), "published": sorted(published)}))
    for error in errors[:40]:
        print(error, file=sys.stderr)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
