"""Who vouches for a record on a public topic: its headers become the name of a producer, or a refusal.

In:     a message's headers, topic and bytes; the file of producers (`WHODID_PRODUCERS`); the hashing key
Out:    the producer's name; empty for a record that nobody vouches for
Fails:  Invalid for a record that claims a producer whose it is not, and for one of nobody where the file refuses those

    unsigned: mark                          # or: refuse; or by topic: {cloud-audit: refuse}
    broker:                                 # topics to which the broker lets one principal write, and nobody else
      token-issuance: idp-bridge
    producers:
      - name: okta-bridge
        ed25519: 3yX…=                      # its public key: `whodid producers make okta-bridge -o okta-bridge.pem`
        topics: [token-issuance, cloud-audit]
        formats: ["okta.*"]

The pipeline's own roles are called `whodid`, and need no line; the collector adds who sent to it:
`whodid/collect/NAME`.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import Field, field_validator, model_validator

from pipeline.kit.checked import Strict, checked
from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid
from pipeline.kit.selecting import Texts, listed, pattern
from pipeline.kit.signing import OWN, PRODUCER, SIGNATURE, Key, key_id, own_key, raw, signed
from pipeline.kit.watched import WatchedFile

#: Stage of a dead letter that was refused here.
AUTHENTICATE = "authenticate"
Topic = Literal["prompts", "tool-calls", "token-issuance", "cloud-audit"]
Unsigned = Literal["mark", "refuse"]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}$")]


class Producer(Strict):
    """Somebody who signs what it sends."""

    name: Name
    ed25519: str
    topics: list[Topic] = ["prompts", "tool-calls", "token-issuance", "cloud-audit"]
    formats: Texts = "*"

    @field_validator("ed25519")
    @classmethod
    def _a_key(cls, given: str) -> str:
        try:
            Ed25519PublicKey.from_public_bytes(base64.b64decode(given, validate=True))
        except (binascii.Error, ValueError) as error:
            raise ValueError("expected a public key of 32 bytes in base64 (whodid producers make)") from error
        return given

    @field_validator("name")
    @classmethod
    def _not_ours(cls, given: str) -> str:
        if given == OWN:
            raise ValueError(f"expected another name: {OWN} is what the pipeline's own roles are called")
        return given

    @cached_property
    def public(self) -> Ed25519PublicKey:
        """Its key."""
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(self.ed25519))

    @cached_property
    def _formats(self) -> Any:  # noqa: ANN401  (re2 has no types)
        return pattern(listed(self.formats))

    def signed(self, data: bytes, signature: bytes) -> bool:
        """Whether a signature is its own, of these bytes."""
        try:
            self.public.verify(signature, data)
        except InvalidSignature:
            return False
        return True

    def may(self, name: str, topic: str, form: str) -> bool:
        """Whether it may call itself so, and send this format to this topic. Empty: the record names no format."""
        return name == self.name and topic in self.topics and bool(self._formats.fullmatch(form))


class File(Strict):
    """The file."""

    #: Of all topics, or of some: those that are not named are marked.
    unsigned: Unsigned | dict[Topic, Unsigned] = "mark"
    broker: dict[Topic, Name] = {}
    producers: Annotated[list[Producer], Field(max_length=1000)] = []

    def refuses(self, topic: str) -> bool:
        """Whether records of nobody are refused there."""
        said = self.unsigned if isinstance(self.unsigned, str) else self.unsigned.get(topic, "mark")  # type: ignore[call-overload]
        return bool(said == "refuse")

    @model_validator(mode="after")
    def _told_apart(self) -> File:
        for what in ("name", "ed25519"):
            given = [getattr(one, what) for one in self.producers]
            twice = sorted({one for one in given if given.count(one) > 1})
            if twice:
                raise ValueError(f"expected each {what} once, got {twice[0]} twice")
        return self


class Known(NamedTuple):
    """A key that is known."""

    signed: Callable[[bytes, bytes], bool]
    may: Callable[[str, str, str], bool]


class Trust(WatchedFile):
    """Whom a record is believed to be from."""

    def __init__(self, settings: Settings) -> None:
        """Raises Invalid for a file that cannot be understood."""
        super().__init__(settings.producers, "WHODID_PRODUCERS")
        self._own = own_key(settings)
        self.said = File()
        self._known = self._keys()
        self.reload()

    def read(self, given: Any, name: str) -> None:  # noqa: ANN401  (what YAML may be)
        """Take what is in the file of this name. Raises Invalid."""
        self.said = checked(File, given, name)
        self._known = self._keys()

    def producer(self, headers: Mapping[str, bytes], topic: str, value: bytes) -> str:
        """Who vouches for a record; empty if nobody does. `topic` is without prefix.

        A key that is not known vouches for nothing. Raises Invalid for a signature of a known key that does not hold,
        or with which it may not send this.
        """
        found = self._signer(headers, topic, value) or self.said.broker.get(topic, "")  # type: ignore[call-overload]
        if not found and self.said.refuses(topic):
            raise Invalid("signature", "one by a known producer, since unsigned records are refused (WHODID_PRODUCERS)")
        return str(found)

    def _signer(self, headers: Mapping[str, bytes], topic: str, value: bytes) -> str:
        key, _, signature = headers.get(SIGNATURE, b"").partition(b".")
        known = self._known.get(key)
        if known is None:
            return ""
        name, form = headers.get(PRODUCER, b""), headers.get("format", b"")
        try:
            holds = known.signed(signed(topic, form, name, value), base64.b64decode(signature, validate=True))
        except (binascii.Error, ValueError):
            holds = False
        if not holds:
            raise Invalid("signature", "one by the key that it names, of these bytes, topic, format and producer")
        said = name.decode(errors="replace")
        if not known.may(said, topic, form.decode(errors="replace")):
            raise Invalid("producer", f"one that may send this format to {topic} (WHODID_PRODUCERS)", said)
        return said

    def _keys(self) -> dict[bytes, Known]:
        keys = {self._own.id.encode(): Known(_holder(self._own), _ours)}
        for one in self.said.producers:
            keys[key_id(raw(one.public)).encode()] = Known(one.signed, one.may)
        return keys


def _holder(key: Key) -> Callable[[bytes, bytes], bool]:
    return lambda data, signature: hmac.compare_digest(key.sign(data), signature)


def _ours(name: str, _topic: str, _form: str) -> bool:
    return name.partition("/")[0] == OWN
