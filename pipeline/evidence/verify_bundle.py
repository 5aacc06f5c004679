#!/usr/bin/env python3
"""A folder or ZIP of evidence becomes a yes or a no, with nothing but Python 3.9 or later and `cryptography`.

    python verify.py [FOLDER|FILE.zip] [--key FINGERPRINT]

Checked is: that the files are those of manifest.json and no others; that each line of timeline.jsonl and each file of
records/ is what its leaf says; that each leaf is in a tree whose root was signed; that the trees of a log continue each
other; that the signatures hold under keys of which each vouches for the next. The first key's fingerprint is printed:
compare it with one that you were told in another way, or give that one with --key. Ends with 0 if all holds, else 1.
"""

from __future__ import annotations

import argparse
import base64
import json
import struct
import sys
import zipfile
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

#: Values of an entry, in order: what the source stated, then (from `revision` on) what was found out.
ENTRY = [
    "event_id", "kind", "time", "format", "action", "phase", "outcome", "stated_actor", "stated_actor_kind",
    "stated_actor_name", "stated_human", "stated_session", "stated_parent_session", "credential", "issued",
    "issued_kind", "issued_expires", "issued_subject", "session_name", "source_identity", "trace", "span",
    "parent_span", "request", "stated_tool_call", "parent_tool_call", "account", "tool", "resources",
    "address", "user_agent", "region", "policy", "record_id", "producer", "revision", "actor", "actor_kind",
    "actor_name", "human", "on_behalf_of", "credential_chain", "session", "parent_session", "tool_call",
    "tool_call_event", "prompt_event", "unbound", "links", "credential_expires", "credential_revoked", "link",
    "confidence",
]  # fmt: skip
RECORD = ["record_id", "format", "topic", "partition", "offset", "time"]
CONTENT = ["error", "text", "arguments", "attributes", "mentions"]
LINK, ARGUMENT = ["target", "method", "confidence", "evidence", "candidates"], ["path", "value", "origin"]


class Wrong(Exception):
    """Something does not hold."""


def unpack(data: bytes) -> list[Any]:
    """Values that stand one after the other in msgpack."""
    at, found = 0, []
    while at < len(data):
        value, at = value_at(data, at)
        found.append(value)
    return found


def value_at(data: bytes, at: int) -> tuple[Any, int]:
    """One value of msgpack, and where the next begins."""
    first, at = data[at], at + 1
    if first < 0x80 or first >= 0xE0:
        return (first if first < 0x80 else first - 256), at
    if first in NUMBERS:
        form = NUMBERS[first]
        return struct.unpack_from(form, data, at)[0], at + struct.calcsize(form)
    size, kind, at = size_at(data, first, at)
    if kind in "sb":
        raw = data[at : at + size]
        return (raw.decode() if kind == "s" else raw), at + size
    items = []
    for _ in range(size * (2 if kind == "m" else 1)):
        item, at = value_at(data, at)
        items.append(item)
    return (items if kind == "a" else dict(zip(items[::2], items[1::2]))), at  # noqa: B905  (Python 3.9)


NUMBERS = {0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q", 0xD0: ">b", 0xD1: ">h", 0xD2: ">i",
           0xD3: ">q"}  # fmt: skip
SIZES = {0xC4: ("b", 1), 0xC5: ("b", 2), 0xC6: ("b", 4), 0xD9: ("s", 1), 0xDA: ("s", 2), 0xDB: ("s", 4),
         0xDC: ("a", 2), 0xDD: ("a", 4), 0xDE: ("m", 2), 0xDF: ("m", 4)}  # fmt: skip


def size_at(data: bytes, first: int, at: int) -> tuple[int, str, int]:
    """Size and kind (string, bytes, array, map) of a value, and where its content begins."""
    if first in SIZES:
        kind, width = SIZES[first]
        return int.from_bytes(data[at : at + width], "big"), kind, at + width
    if first >= 0xA0 and first < 0xC0:
        return first & 0x1F, "s", at
    if first < 0xA0:
        return first & 0x0F, "m" if first < 0x90 else "a", at
    raise Wrong(f"a leaf holds a value of an unknown kind: {first:#x}")


def binary(data: bytes) -> bytes:
    """Bytes as msgpack."""
    size = len(data)
    width = 1 if size < 1 << 8 else 2 if size < 1 << 16 else 4
    return bytes([{1: 0xC4, 2: 0xC5, 4: 0xC6}[width]]) + size.to_bytes(width, "big") + data


def root_of(leaf: bytes, index: int, size: int, proof: list[bytes]) -> bytes:
    """The root that an inclusion proof leads to (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        raise Wrong(f"leaf {index} cannot be in a tree of {size}")
    last = size - 1
    for other in proof:
        if last == 0:
            raise Wrong("an inclusion proof is too long")
        if index & 1 or index == last:
            leaf = node(other, leaf)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            leaf = node(leaf, other)
        index, last = index >> 1, last >> 1
    if last:
        raise Wrong("an inclusion proof is too short")
    return leaf


def roots_of(before: int, size: int, old: bytes, proof: list[bytes]) -> tuple[bytes, bytes]:
    """Both roots that a consistency proof leads to (RFC 9162, 2.1.4.2)."""
    path = [old, *proof] if before & (before - 1) == 0 else proof
    index, last = before - 1, size - 1
    while index & 1:
        index, last = index >> 1, last >> 1
    if not path or not 0 < before < size:
        raise Wrong("a consistency proof is of no two trees")
    left = right = path[0]
    for other in path[1:]:
        if last == 0:
            raise Wrong("a consistency proof is too long")
        if index & 1 or index == last:
            left, right = node(other, left), node(other, right)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            right = node(right, other)
        index, last = index >> 1, last >> 1
    if last:
        raise Wrong("a consistency proof is too short")
    return left, right


def node(left: bytes, right: bytes) -> bytes:
    """The hash of two nodes side by side."""
    return sha256(b"\x01" + left + right).digest()


def iso(time: int) -> str:
    """Microseconds since 1970 as the timeline shows them."""
    try:
        moment = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=time)  # noqa: UP017  (Python 3.9)
    except OverflowError:
        return f"1970-01-01T00:00:00Z{time:+d}us"
    return moment.isoformat().replace("+00:00", "Z")


class Bundle:
    """One bundle; each check says what it checked or raises Wrong."""

    def __init__(self, place: Path, trusted: str) -> None:
        self.trusted = trusted
        if place.is_dir():
            names = [path.relative_to(place).as_posix() for path in sorted(place.rglob("*")) if not path.is_dir()]
            self.read: Callable[[str], bytes] = lambda name: (place / name).read_bytes()
        else:
            archive = zipfile.ZipFile(place)
            names = [name for name in archive.namelist() if not name.endswith("/")]
            self.read = archive.read
        if len(names) != len(set(names)):
            raise Wrong("a name is in the archive twice")
        self.names = names
        self.leaves: list[dict[str, Any]] = []
        self.heads: dict[tuple[str, int], dict[str, Any]] = {}

    def lines(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.read(name).splitlines()] if name in self.names else []

    def files(self) -> str:
        """The files are those that the manifest lists."""
        listed = json.loads(self.read("manifest.json"))["files"]
        there = {name for name in self.names if name != "manifest.json"}
        for what, names in (("missing", set(listed) - there), ("not in the manifest", there - set(listed))):
            if names:
                raise Wrong(f"{what}: {', '.join(sorted(names)[:5])}")
        for name, said in listed.items():
            data = self.read(name)
            if len(data) != said["bytes"] or sha256(data).hexdigest() != said["sha256"]:
                raise Wrong(f"{name} is not the file that the manifest lists")
        return f"{len(listed)} files are those of the manifest, and there are no others"

    def signatures(self) -> str:
        """Every key is vouched for, every head is signed."""
        keys: dict[str, Ed25519PublicKey] = {}
        first = self.trusted
        for item in sorted(self.lines("evidence/keys.jsonl"), key=lambda one: json.loads(one["statement"])["time"]):
            said = json.loads(item["statement"])
            public = bytes.fromhex(said["public"])
            if said["what"] != "evidence-key" or sha256(public).hexdigest() != said["key"]:
                raise Wrong(f"the statement of key {said['key']} is not of it")
            key = Ed25519PublicKey.from_public_bytes(public)
            first = first or said["key"]
            if said["key"] != first:
                if said["by"] not in keys:
                    continue
                signed(keys[said["by"]], item["statement"], item["signature"], f"the statement of key {said['key']}")
            keys[said["key"]] = key
        for item in self.lines("evidence/heads.jsonl"):
            head = json.loads(item["head"])
            if head["what"] != "tree-head" or head["key"] not in keys:
                raise Wrong(f"head {head['number']} of {head['log']}: no trusted key signed it: {head['key']}")
            signed(keys[head["key"]], item["head"], item["signature"], f"head {head['number']} of {head['log']}")
            self.heads[head["log"], head["number"]] = head
        how = "as you gave it" if self.trusted else "compare it with what you were told, or give that with --key"
        return f"{len(self.heads)} heads are signed; first key {first} ({how})"

    def trees(self) -> str:
        """Every leaf is in a signed tree, and the trees of a log continue each other."""
        self.leaves = self.lines("evidence/leaves.jsonl")
        for leaf in self.leaves:
            name = f"leaf {leaf['index']} of {leaf['log']}"
            data = base64.b64decode(leaf["input"])
            values = value_at(data, 0)[0]
            own = base64.b64decode(leaf["own"] or "")
            stated = value_at(own, 0)[0] if own else [leaf["id"], None]
            # Who vouches for an event is its last value, and is left out when nobody does.
            nobody = [""] if leaf["of"] == "entry" and len(stated) == ENTRY.index("revision") else []
            leaf["values"], leaf["commitment"] = stated[:-1] + nobody + values[6:], stated[-1]
            if values[:4] != [leaf["of"], leaf["log"], leaf["epoch"], leaf["index"]] or stated[0] != leaf["id"]:
                raise Wrong(f"{name} is not the one that it says it is")
            if (own and sha256(own).digest() != values[5]) or (leaf["current"] and not own):
                raise Wrong(f"{name} ({leaf['of']} {leaf['id']}): its own part is not what was signed")
            head = self.heads.get((leaf["log"], leaf["head"]))
            proof = [bytes.fromhex(one) for one in leaf["proof"]]
            if head is None or head["epoch"] != leaf["epoch"]:
                raise Wrong(f"{name}: its head is missing")
            found = root_of(sha256(b"\x00" + data).digest(), leaf["index"], head["size"], proof)
            if found.hex() != head["root"]:
                raise Wrong(f"{name} ({leaf['of']} {leaf['id']}) is not in the tree that was signed")
        proofs = {(one["log"], one["from"], one["to"]): one for one in self.lines("evidence/consistency.jsonl")}
        chains: dict[tuple[str, int], list[dict[str, Any]]] = {}
        for head in sorted(self.heads.values(), key=lambda one: one["number"]):
            chains.setdefault((head["log"], head["epoch"]), []).append(head)
        for (log, _), heads in chains.items():
            for before, after in zip(heads, heads[1:]):  # noqa: B905, RUF007  (Python 3.9)
                continued(log, before, after, proofs.get((log, before["number"], after["number"])))
        return f"{len(self.leaves)} leaves are in signed trees, which continue each other"

    def timeline(self) -> str:
        """Every line of the timeline is what its leaf says."""
        current = {leaf["id"]: leaf for leaf in self.leaves if leaf["of"] == "entry" and leaf["current"]}
        rows, hidden = self.lines("timeline.jsonl"), 0
        for row in rows:
            leaf = current.get(row.get("event_id", ""))
            if leaf is None:
                raise Wrong(f"timeline.jsonl: event {row.get('event_id')} has no leaf")
            expected = shape(dict(zip(ENTRY, leaf["values"])))  # noqa: B905  (Python 3.9)
            for name in sorted(set(row) - set(expected) - set(CONTENT)):
                raise Wrong(f"timeline.jsonl: event {row['event_id']}: the leaf knows no {name}")
            for name, value in expected.items():
                if name not in row or row[name] != value:
                    raise Wrong(f"timeline.jsonl: event {row['event_id']}: {name} is not what was signed")
            hidden += self.content(row, leaf)
        return f"{len(rows)} lines of the timeline are what was signed ({hidden} with content withheld)"

    def content(self, row: dict[str, Any], leaf: dict[str, Any]) -> bool:
        """Whether content is withheld; what is shown is what the leaf commits to."""
        shown = [name for name in CONTENT if row.get(name) is not None]
        if not shown:
            return True
        if leaf["content"] is None or leaf["salt"] is None:
            raise Wrong(f"timeline.jsonl: event {row['event_id']}: {shown[0]} is shown, and nothing proves it")
        data = base64.b64decode(leaf["content"])
        if sha256(bytes.fromhex(leaf["salt"]) + data).digest() != leaf["commitment"]:
            raise Wrong(f"event {row['event_id']}: its content is not what was signed")
        error, text, arguments, attributes, mentions = unpack(data)
        named = [dict(zip(ARGUMENT, one)) for one in arguments]  # noqa: B905  (Python 3.9)
        for name, value in zip(CONTENT, (error, text, named, attributes, mentions)):  # noqa: B905  (Python 3.9)
            if name in shown and row[name] != value:
                raise Wrong(f"timeline.jsonl: event {row['event_id']}: {name} is not what was signed")
        return len(shown) < len(CONTENT)

    def records(self) -> str:
        """Every file of records/ is what its leaf says."""
        leaves: dict[str, list[dict[str, Any]]] = {}
        for leaf in self.leaves:
            if leaf["of"] == "record":
                leaves.setdefault(leaf["id"], []).append(leaf)
        files = [name for name in self.names if name.startswith("records/")]
        for name in files:
            known, content = leaves.get(Path(name).name.partition(".")[0], []), binary(self.read(name))
            if not any(
                leaf["salt"] and sha256(bytes.fromhex(leaf["salt"]) + content).digest() == leaf["commitment"]
                for leaf in known
            ):
                raise Wrong(f"{name} is not the record that was signed")
        return f"{len(files)} raw records are what was signed"


def shape(values: dict[str, Any]) -> dict[str, Any]:
    """The line of the timeline that a leaf makes, without content."""
    row = {name: values[name] for name in ENTRY}
    row["time"] = iso(row["time"])
    for name in ("issued_expires", "credential_expires", "credential_revoked"):
        row[name] = iso(row[name]) if row[name] else None
    if row["kind"] in ("cloud_audit", "token_issuance"):
        row["policy"] = row["policy"] or "not stated by the source"
    row["links"] = [dict(zip(LINK, one)) for one in row["links"]]  # noqa: B905  (Python 3.9)
    return row


def continued(log: str, before: dict[str, Any], after: dict[str, Any], proof: dict[str, Any] | None) -> None:
    """The tree of the second head begins with that of the first."""
    name = f"head {after['number']} of {log}"
    if before["size"] == after["size"] or proof is None:
        if before["size"] != after["size"] or before["root"] != after["root"]:
            raise Wrong(f"{name}: nothing proves that it continues head {before['number']}")
        return
    path = [bytes.fromhex(one) for one in proof["proof"]]
    found = roots_of(before["size"], after["size"], bytes.fromhex(before["root"]), path)
    if [one.hex() for one in found] != [before["root"], after["root"]]:
        raise Wrong(f"{name} does not continue head {before['number']}")


def signed(key: Ed25519PublicKey, text: str, signature: str, what: str) -> None:
    """The key signed this."""
    try:
        key.verify(bytes.fromhex(signature), text.encode())
    except (InvalidSignature, ValueError):
        raise Wrong(f"{what}: its signature does not hold") from None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("place", nargs="?", type=Path, default=Path(__file__).parent, help="folder or ZIP")
    parser.add_argument("--key", default="", help="fingerprint of the key that you trust")
    given = parser.parse_args()
    try:
        bundle = Bundle(given.place, given.key)
        for check in (bundle.files, bundle.signatures, bundle.trees, bundle.timeline, bundle.records):
            print("ok   ", check())
    except (Wrong, ArithmeticError, LookupError, OSError, TypeError, ValueError, zipfile.BadZipFile) as error:
        print("WRONG", error if isinstance(error, Wrong) else f"not a bundle of whodid: {error!r}")
        return 1
    print("All of it verifies.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
