"""Rows become leaves: all that a row says, and of its content (prompts, arguments, bytes) a commitment only.

In:     a row's values as msgpack, those that are content apart
Out:    leaf inputs, their hashes, and what has to be shown to open a commitment
Fails:  never

A leaf input is a msgpack array: what it is of (`entry` or `record`), the row's values without content, and
SHA-256(salt || content). Whoever has the salt and the content can check it; whoever has not can check all the rest, and
so can everybody after the content was erased. The salt is a keyed hash of the id: the same every time, and without the
key a short text cannot be guessed.
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


def opening(kind: Kind, values: int) -> bytes:
    """What the leaf inputs of rows with so many values without content begin with."""
    count = values + 2
    header = bytes([0x90 | count]) if count < 16 else b"\xdc" + count.to_bytes(2, "big")
    return header + _encode(kind)


def leaf_input(begins: bytes, plain: bytes, committed: bytes) -> bytes:
    """The bytes that are hashed: `begins` is of `opening`, `plain` the values without content, one after the other."""
    return begins + plain + _BIN_32 + committed


def hashed(begins: bytes, plain: bytes, salt: bytes, content: bytes) -> bytes:
    """The leaf's hash. The whole in one call, since it is made for every row."""
    return sha256(b"\x00" + begins + plain + _BIN_32 + sha256(salt + content).digest()).digest()
