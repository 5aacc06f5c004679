"""What a producer sends is signed: topic, format, name and bytes become headers.

In:     a key, and who says that it sends
Out:    the headers `format`, `producer` and `signature` (the key's id, a dot, the signature in base64)
Fails:  Invalid for a key that is none

A signature covers topic, format, name and bytes, so none of them can be exchanged. That it can be sent again is
harmless: the same bytes are the same event. Producers sign with Ed25519, so that whoever verifies can make none. The
pipeline's own roles are many and quick, and share a key anyway: HMAC with one that is derived from the hashing key.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid

#: Kafka headers: whose a record says that it is, and the key's id, a dot and the signature.
PRODUCER, SIGNATURE = "producer", "signature"
#: What the pipeline's own roles are called, alone or before a slash.
OWN = "whodid"
_CONTEXT, _PERSON = b"whodid record 1\0", b"whodid producer"
Sign = Callable[[bytes], bytes]
Headers = dict[str, str]


class Key(NamedTuple):
    """One that signs."""

    #: First eight hexadecimal digits of a hash of what verifies it.
    id: str
    sign: Sign


class Signer:
    """Makes headers of the records that one producer sends."""

    def __init__(self, name: str, key: Key) -> None:
        self._name, self._key = name, key

    @classmethod
    def own(cls, settings: Settings, part: str) -> Signer:
        """One of the pipeline's own roles."""
        return cls(f"{OWN}/{part}", own_key(settings))

    def headers(self, topic: str, form: str, value: bytes, by: str = "") -> Headers:
        """Headers of a record, its format among them; `topic` is without prefix, `by` is who it came from."""
        name = f"{self._name}/{by}" if by else self._name
        made = self._key.sign(signed(topic, form.encode(), name.encode(), value))
        return unsigned(form) | {PRODUCER: name, SIGNATURE: f"{self._key.id}.{base64.b64encode(made).decode()}"}


def unsigned(form: str) -> Headers:
    """Headers of a record that nobody signs."""
    return {"format": form} if form else {}


def signer(settings: Settings) -> Signer | None:
    """Of who sends from here (`WHODID_PRODUCER`, `WHODID_PRODUCER_KEY`); None if nobody signs. Raises Invalid."""
    if not settings.producer_key:
        return None
    if not settings.producer:
        raise Invalid("producer (WHODID_PRODUCER)", "the name under which WHODID_PRODUCER_KEY is known")
    return Signer(settings.producer, private_key(settings.producer_key))


def private_key(file: Path) -> Key:
    """The key of a producer (Ed25519, PEM). Raises Invalid."""
    field = "producer_key (WHODID_PRODUCER_KEY)"
    try:
        key = load_pem_private_key(file.read_bytes(), None)
    except OSError as error:
        raise Invalid(field, f"a file that can be read ({error.strerror})", str(file)) from error
    except (ValueError, TypeError) as error:
        raise Invalid(field, "an Ed25519 key in PEM without a password (whodid producers make)", str(file)) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise Invalid(field, "an Ed25519 key (whodid producers make)", type(key).__name__)
    return Key(key_id(raw(key.public_key())), key.sign)


def own_key(settings: Settings) -> Key:
    """That of the pipeline's own roles: whoever has the hashing key is one."""
    secret = hmac.digest(settings.hashing_key, _PERSON, "sha256")
    return Key(key_id(secret), lambda data: hmac.digest(secret, data, "sha256"))


def signed(topic: str, form: bytes, name: bytes, value: bytes) -> bytes:
    """The bytes that a signature is of: each part but the last after its length."""
    parts = (topic.encode(), form, name)
    return b"".join((_CONTEXT, *(len(part).to_bytes(4, "big") + part for part in parts), value))


def raw(key: Ed25519PublicKey) -> bytes:
    """The 32 bytes of a public key."""
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def key_id(verifies: bytes) -> str:
    """Names a key without telling it."""
    return hashlib.sha256(_PERSON + verifies).hexdigest()[:8]
