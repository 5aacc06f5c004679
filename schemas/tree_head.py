"""TreeHead: what a log of evidence was at a moment, signed."""

from __future__ import annotations

import msgspec


class TreeHead(msgspec.Struct, kw_only=True, frozen=True):
    """What is signed of a log, as JSON. Hashes are hexadecimal."""

    #: Always `tree-head`, so that no other signed text can be taken for one.
    what: str = "tree-head"
    #: Topic and partition, e.g. `entries/3`.
    log: str
    #: How often the log was begun again: its topic was made anew, or another run.
    epoch: int
    #: How many heads of this log there were before, in all epochs.
    number: int
    size: int
    root: str
    #: When it was signed, microseconds since 1970 UTC, by the clock of the signer.
    time: int
    #: Last Kafka offset whose leaves are in, -1 if there is none.
    offset: int
    #: SHA-256 of the signed bytes of the head before, empty for the first.
    previous: str
    #: Fingerprint of the key that signs.
    key: str
    #: Which hashing key made the salts (`pipeline.evidence.leaf.salt_id`).
    salts: str = ""


class SignedHead(msgspec.Struct, kw_only=True, frozen=True):
    """One message of `tree-heads`, and one published file, as JSON."""

    #: The exact bytes that were signed: a TreeHead as JSON text.
    head: str
    #: Ed25519, hexadecimal.
    signature: str
    #: Roots of the complete subtrees, the largest first: whoever goes on with the log needs no more.
    peaks: list[str] = []
