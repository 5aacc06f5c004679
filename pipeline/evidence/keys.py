"""A key file becomes signatures; statements become the keys that may have signed.

In:     a private key in PEM (Ed25519), statements of keys
Out:    Key, which signs; Ring, which checks
Fails:  Permanent for a key file that is none, or that others can read

A key is stated by a text that the key before it has signed; the first one signs its own. So whoever trusts one
fingerprint can follow every rotation from there.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization as pem
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from pipeline.kit.failures import Permanent


class Stated(msgspec.Struct, kw_only=True, frozen=True):
    """What is signed of a key."""

    #: Always `evidence-key`.
    what: str = "evidence-key"
    #: The public key's 32 bytes, and their SHA-256.
    public: str
    key: str
    #: When it was made, microseconds since 1970 UTC.
    time: int
    #: Fingerprint of the key that signs this: the one before, or the key itself if it is the first.
    by: str


class Statement(msgspec.Struct, kw_only=True, frozen=True):
    """A Stated and its signature."""

    statement: str
    signature: str

    @property
    def fields(self) -> Stated:
        """What it says. Raises msgspec.ValidationError."""
        return msgspec.json.decode(self.statement, type=Stated)


def fingerprint(public: bytes) -> str:
    """Of a public key: SHA-256 of its 32 bytes, hexadecimal."""
    return sha256(public).hexdigest()


class Key:
    """A private key."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = private.public_key().public_bytes_raw()
        self.fingerprint = fingerprint(self.public)

    @classmethod
    def made(cls) -> Key:
        """A new one."""
        return cls(Ed25519PrivateKey.generate())

    def sign(self, data: bytes) -> bytes:
        """64 bytes."""
        return self._private.sign(data)

    def stated(self, other: Key | None = None) -> Statement:
        """That the key `other` (default: this one) signs from now on."""
        new = other or self
        now = time.time_ns() // 1000
        text = msgspec.json.encode(Stated(public=new.public.hex(), key=new.fingerprint, time=now, by=self.fingerprint))
        return Statement(statement=text.decode(), signature=self.sign(text).hex())

    def pem(self) -> bytes:
        """PKCS 8, as openssl reads it."""
        return self._private.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption())


class Ring:
    """Keys that may have signed: those that are trusted, and those that they vouch for."""

    def __init__(self, trusted: Iterable[str] = (), statements: Iterable[Statement] = ()) -> None:
        """`trusted` are fingerprints; without any, nothing is trusted."""
        self._trusted = set(trusted)
        self._keys: dict[str, tuple[Stated, Ed25519PublicKey]] = {}
        waiting = list(statements)
        # Each may wait for the one that vouches for it.
        while found := [one for one in waiting if self._admit(one)]:
            waiting = [one for one in waiting if one not in found]
        #: Statements that nobody trusted has signed.
        self.refused = waiting

    @property
    def keys(self) -> list[Stated]:
        """What may have signed, the oldest first."""
        return sorted((stated for stated, _ in self._keys.values()), key=lambda stated: stated.time)

    def __contains__(self, name: object) -> bool:
        return name in self._keys

    def verified(self, name: str, data: bytes, signature: bytes) -> bool:
        """Whether the key of this fingerprint is in the ring and signed these bytes."""
        known = self._keys.get(name)
        return known is not None and _signed(known[1], data, signature)

    def _admit(self, item: Statement) -> bool:
        try:
            stated, signature = item.fields, bytes.fromhex(item.signature)
            raw = bytes.fromhex(stated.public)
            public = Ed25519PublicKey.from_public_bytes(raw)
        except (msgspec.MsgspecError, ValueError):
            return False
        if stated.what != "evidence-key" or fingerprint(raw) != stated.key:
            return False
        by = self._keys.get(stated.by)
        vouched = by is not None and _signed(by[1], item.statement.encode(), signature)
        if vouched or stated.key in self._trusted:
            self._keys[stated.key] = (stated, public)
            return True
        return False


def _signed(public: Ed25519PublicKey, data: bytes, signature: bytes) -> bool:
    try:
        public.verify(signature, data)
    except InvalidSignature:
        return False
    return True


class KeyFile:
    """A private key on disk, mode 0600, made when it is first asked for; beside it the statements of all keys."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._statements = path.with_name(path.name + ".public")

    def key(self) -> Key:
        """The key that signs now. Raises Permanent."""
        if not self.path.exists():
            self._make()
        found = self.load()
        if found.fingerprint not in {one.fields.key for one in self.statements()}:
            # Put here by somebody, or the statement was lost with a crash.
            self._append(found.stated())
        return found

    def load(self) -> Key:
        """The key that is in the file; nothing is written. Raises Permanent; OSError."""
        if self.path.stat().st_mode & 0o077:
            raise Permanent(f"evidence key: {self.path} can be read by others: chmod 600 {self.path}")
        try:
            private = pem.load_pem_private_key(self.path.read_bytes(), None)
        except (ValueError, TypeError) as error:
            raise Permanent(f"evidence key: {self.path} is no private key in PEM without a password") from error
        if not isinstance(private, Ed25519PrivateKey):
            raise Permanent(f"evidence key: {self.path} is no Ed25519 key: openssl genpkey -algorithm ed25519")
        return Key(private)

    def statements(self) -> list[Statement]:
        """Of every key there was, in order."""
        if not self._statements.exists():
            return []
        return [msgspec.json.decode(line, type=Statement) for line in self._statements.read_bytes().splitlines()]

    def rotate(self) -> Key:
        """Replace the key by a new one for which the old one vouches. The old private key is gone afterwards."""
        old, new = self.key(), Key.made()
        self._append(old.stated(new))
        fresh = self.path.with_name(self.path.name + ".new")
        fresh.unlink(missing_ok=True)
        _create(fresh, new.pem())
        fresh.replace(self.path)
        return new

    def _make(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            _create(self.path, Key.made().pem())
        except FileExistsError:
            return

    def _append(self, item: Statement) -> None:
        with self._statements.open("ab") as file:
            file.write(msgspec.json.encode(item) + b"\n")
            file.flush()
            os.fsync(file.fileno())


def _create(path: Path, data: bytes) -> None:
    """A new file that only its owner reads, written whole before it has its name."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    try:
        # Unlike a rename, a link never replaces what another process has made.
        os.link(draft, path)
    finally:
        draft.unlink()
