"""Rows become leaves: all that a row says, and of its content (prompts, arguments, bytes) a commitment only.

In:     a row's values as msgpack: what was stated, what was found out, and what is content
Out:    leaf inputs, their hashes, and what has to be shown to open a commitment
Fails:  never

The own part of a row is what never depends on what was found out: SHA-256 of a msgpack array of the stated values and
of SHA-256(salt || content). A leaf input is a msgpack array: what it is of (`entry` or `record`), log, epoch, position,
Kafka offset, the own part, and the values that were found out. So a superseded revision can be checked though its row
is gone, and content can be withheld or erased while all the rest still verifies. The salt is a keyed hash of the id:
the same every time, and without the key a short text cannot be guessed.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b, sha256
from typing import Literal

import msgspec

Kind = Literal["entry", "record"]
ENTRY: Kind = "entry"
RECORD: Kind = "record"
_BIN_32 = b"\xc4\x20"
_encode = msgspec.msgpack.Encoder().encode


def salts(key: bytes) -> Callable[[bytes], bytes]:
    """From an id's bytes to its salt of 16 bytes. `key` is the installation's hashing key."""
    short = key if len(key) <= 64 else sha256(key).digest()
    begun = blake2b(digest_size=16, key=short, person=b"whodid evidence")

    def salt(name: bytes) -> bytes:
        hashed = begun.copy()
        hashed.update(name)
        return hashed.digest()

    return salt


def salt_id(key: bytes) -> str:
    """Names the key of the salts without telling it."""
    return sha256(salts(key)(b"")).hexdigest()[:16]


def commitment(salt: bytes, content: bytes) -> bytes:
    """To content that may be withheld or erased. `content` is a msgpack array without its header."""
    return sha256(salt + content).digest()


def header(count: int) -> bytes:
    """How msgpack begins an array."""
    return bytes([0x90 | count]) if count < 16 else b"\xdc" + count.to_bytes(2, "big")


def own_input(stated: bytes, committed: bytes) -> bytes:
    """The bytes whose SHA-256 is the own part; what was stated begins with the header of an array of one value more."""
    return stated + _BIN_32 + committed


def own_of(stated: bytes, salt: bytes, content: bytes) -> bytes:
    """The own part of a row."""
    return sha256(stated + _BIN_32 + sha256(salt + content).digest()).digest()


def opening(kind: Kind, found: int) -> bytes:
    """What the leaf inputs of rows begin with of which so many values were found out."""
    return header(found + 6) + _encode(kind)


def leaf_input(begins: bytes, own: bytes, found: bytes) -> bytes:
    """The bytes that are hashed: `begins` ends with the offset, `found` is values one after the other."""
    return begins + _BIN_32 + own + found


def hashed(begins: bytes, own: bytes, found: bytes) -> bytes:
    """The leaf's hash."""
    return sha256(b"\x00" + begins + _BIN_32 + own + found).digest()
