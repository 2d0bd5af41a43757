"""Verifies an export of Baton (JSON lines), offline: written from docs/audit.md alone.

    verify_export.py FILE [KEY]

Without KEY the one in the file is taken. Prints what does not hold and ends with 0 only when
everything holds. Needs nothing but Python and the package `cryptography`.
"""

import base64
import hashlib
import json
import re
import struct
import sys
import uuid
from datetime import datetime, timezone

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

HEAD = ["position", "account_seq", "account_id", "stream_kind", "stream_id", "version", "event_id",
        "event_type", "schema_version", "actor", "correlation_id", "causation_id", "recorded_at",
        "content_hash"]
MANIFEST = ["manifest", "account_id", "filter", "events", "first", "last", "range", "omitted",
            "tree_size", "root", "checkpoint", "key"]
FILTER = ["from", "to", "actor", "project_id", "task_id"]
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Fault(Exception):
    """Something that does not hold."""


def need(holds, what):
    if not holds:
        raise Fault(what)


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def read_hash(text):
    hash_ = base64.b64decode(text, validate=True)
    need(len(hash_) == 32 and base64.b64encode(hash_).decode() == text, "a hash is none")
    return hash_


def members(pairs):
    need(not any(isinstance(value, (bool, float)) for _, value in pairs), "a number is none")
    return dict(pairs)


def parsed(text, names):
    """A JSON object with these members in this order and in the one spelling of its values."""
    document = json.loads(text, object_pairs_hook=members)
    need(list(document) == names, "other members")
    again = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    need(again == text, "not spelled as an export spells it")
    return document


class Tree:
    """The part of a tree that is covered: (level, hash) of complete subtrees, the largest first."""

    def __init__(self):
        self.size, self.nodes = 0, []

    def push(self, level, hash_):
        self.size += 1 << level
        while self.nodes and self.nodes[-1][0] == level:
            hash_, level = sha256(b"\x01", self.nodes.pop()[1], hash_), level + 1
        self.nodes.append((level, hash_))

    def push_omitted(self, end, hashes):
        hashes = list(hashes)
        while self.size < end:
            need(hashes, f"events before number {end + 1} are missing")
            level = (end - self.size).bit_length() - 1
            while self.size % (1 << level):
                level -= 1
            self.push(level, read_hash(hashes.pop(0)))
        need(self.size == end and not hashes, "events are not in their order")

    def root(self):
        root = self.nodes[-1][1] if self.nodes else sha256()
        for _, left in reversed(self.nodes[:-1]):
            root = sha256(b"\x01", left, root)
        return root


def content_hash(event, data):
    def field(value):
        return struct.pack(">I", len(value)) + value

    def text(name):
        return field(event[name].encode())

    def id_(name):
        return field(uuid.UUID(event[name]).bytes)

    return sha256(
        field(b"baton.event.v1"), text("account_id"), text("stream_kind"), text("stream_id"),
        field(struct.pack(">q", event["version"])), id_("event_id"), text("event_type"),
        field(struct.pack(">h", event["schema_version"])), text("actor"), id_("correlation_id"),
        b"\xff" * 4 if event["causation_id"] is None else id_("causation_id"), field(data))


def read_event(text):
    """The event of a line, and its leaf, all hashes computed anew."""
    head, mark, rest = text.partition(',"data":')
    need(mark and rest.endswith("}"), "no data")
    event = parsed(head + "}", HEAD + ["omitted"] * (',"omitted":["' in head))
    for name in ("event_id", "correlation_id", "causation_id"):
        if event[name] is not None or name != "causation_id":
            need(str(uuid.UUID(event[name])) == event[name], "an id is none")
    need(re.fullmatch(TIME, event["recorded_at"], re.ASCII), "recorded_at is no time")
    at = datetime.fromisoformat(event["recorded_at"].replace("Z", "+00:00")) - EPOCH
    event["at"] = (at.days * 86_400 + at.seconds) * 1_000_000 + at.microseconds
    hash_ = content_hash(event, rest[:-1].encode())
    need(hash_ == read_hash(event["content_hash"]), "the event's content hash is another")
    numbers = struct.pack(">qqq", event["position"], event["account_seq"], event["at"])
    return event, sha256(b"\x00", numbers, hash_)


def read_key(text):
    """Name, key id and public key of NAME+ID+KEY."""
    name, id_, key = text.split("+", 2)
    key = base64.b64decode(key, validate=True)
    key_id = sha256(name.encode(), b"\n", key)[:4]
    need(len(key) == 33 and key[0] == 1 and key_id.hex() == id_, "a key is none")
    return name, key_id, key[1:]


def opened(note, name, key_id, key):
    """Size and root of the note, which this key has signed in the name of its origin."""
    body, mark, signatures = note.partition("\n\n")
    lines = body.split("\n")
    need(mark and len(lines) == 3 and lines[0] == name, "the checkpoint is none of this account")
    for line in signatures.splitlines():
        dash, signer, signature = line.split(" ")
        signature = base64.b64decode(signature, validate=True)
        if dash == "\u2014" and signer == name and signature[:4] == key_id:
            Ed25519PublicKey.from_public_bytes(key).verify(signature[4:], (body + "\n").encode())
            return int(lines[1]), read_hash(lines[2])
    raise Fault("the checkpoint is not signed by the key")


def verify(lines, trusted):
    tree, first, last, count, has_gaps = Tree(), None, None, 0, False
    for number, line in enumerate(lines, 1):
        need(line.endswith("\n"), f"line {number} is cut off")
        if line.startswith('{"manifest":'):
            break
        try:
            event, leaf = read_event(line[:-1])
            if last:
                need(event["account_id"] == last["account_id"], "the event of another account")
                need(event["position"] > last["position"], "events are not in their order")
                need(event["at"] >= last["at"], "recorded before the event before it")
                has_gaps |= "omitted" in event
            tree.push_omitted(event["account_seq"] - 1, event.get("omitted", []))
            tree.push(0, leaf)
        except (Fault, ArithmeticError, LookupError, TypeError, ValueError, AttributeError,
                struct.error) as fault:
            raise Fault(f"line {number}: {fault}") from fault
        first, last, count = first or event, event, count + 1
    else:
        raise Fault("no manifest: the file is cut off")
    need(next(lines, None) is None, "something stands behind the manifest")
    manifest = parsed(line[:-1], MANIFEST)
    need(manifest["manifest"] == "baton.export.v1", "another form")
    need(list(manifest["filter"]) == FILTER, "another filter")
    need(manifest["events"] == count, "another number of events than the manifest says")
    ends = [event and {name: event[name] for name in HEAD[:2]} for event in (first, last)]
    need([manifest["first"], manifest["last"]] == ends, "another end than the manifest says")
    if manifest["range"] is not None:
        seqs = {"from_seq": first["account_seq"], "to_seq": last["account_seq"]}
        need(manifest["range"] == seqs and not has_gaps, "another range than the manifest says")
    tree.push_omitted(manifest["tree_size"], manifest["omitted"])
    name, key_id, key = read_key(manifest["key"])
    need(trusted in (None, key), "the manifest's key is not the one that is trusted")
    size, root = opened(manifest["checkpoint"], name, key_id, key)
    account = manifest["account_id"]
    need(name.split("/", 2)[2] == account, "the checkpoint is of another account")
    need(last is None or last["account_id"] == account, "the events are of another account")
    need(size == manifest["tree_size"], "another number of events was signed")
    need(read_hash(manifest["root"]) == root == tree.root(), "not the events that were signed")


if __name__ == "__main__":
    try:
        with open(sys.argv[1], encoding="utf-8", newline="\n") as file:
            verify(iter(file), read_key(sys.argv[2])[2] if len(sys.argv) > 2 else None)
    except (Fault, ArithmeticError, LookupError, TypeError, ValueError, AttributeError,
            InvalidSignature) as found:
        sys.exit(f"fault: {found or type(found).__name__}")
    print("verified")
