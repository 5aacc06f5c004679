"""Event: one audit event in one shape, whatever its source.

This is the record that flows inside the pipeline, so it is a `msgspec.Struct` encoded as a msgpack array. It is encoded
once, where it is made. On its way it stays bytes (`msgspec.Raw`); whoever has to look decodes the Head, which is the
first part of the array, or the whole. The encoded form is also, value by value, the row that ClickHouse takes.

The public contract for producers is `schemas.canonical`, which is pydantic and becomes JSON Schema.

An empty string means that the source did not state the field. No field is ever guessed here: guesses are
links, they are made by `pipeline.correlate`, and each says how sure it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Literal

import msgspec

Kind = Literal["prompt", "tool_call", "token_issuance", "cloud_audit"]
ActorKind = Literal["human", "agent", "service", "workload", "ci", ""]
Outcome = Literal["success", "failure", "denied", ""]
Phase = Literal["", "start", "end"]
Origin = Literal["", "prompt", "result", "both", "agent"]
#: Names that an event keeps of what it mentions.
MENTIONS = 12
#: Attribute that states who acts for whom: a JSON list of names, the current actor first, the earliest last.
DELEGATION = "delegation"
#: Attribute of an event in which a person, out of a login session, signs on to a cloud that issues sessions itself.
SIGNS_ON = "signsOn"
#: Attributes of an event after which a credential is no longer good, is good again, or is good for longer (until
#: `issued_expires`): the credential's id; where there are several, one a line.
REVOKES, RESTORES, RENEWS = "revokes", "restores", "renews"
#: Attribute that names the fields of the record that its format does not know, one a line; each is an attribute too.
UNKNOWN = "unknownFields"


class Argument(msgspec.Struct, array_like=True, gc=False):
    """One argument of a tool call, leaf by leaf, with where its value came from."""

    #: JSON path inside the arguments, e.g. `to[0].address`.
    path: str
    #: The value as text, masked and shortened.
    value: str
    #: Where the value occurred before, decided by `pipeline.correlate`: the user's prompt, an earlier tool
    #: result of the session, both, or neither (`agent`); empty when the session's texts were never seen.
    origin: str = ""


class Head(msgspec.Struct, array_like=True, gc=False, kw_only=True):
    """The fields of an Event that links are made of. Times are microseconds since 1970 UTC."""

    #: The source's own id where it has the vendor's documented shape, else a hash of the canonical bytes.
    event_id: str
    kind: str
    time: int
    #: Native format it came in, e.g. `aws.cloudtrail`.
    format: str

    #: What was done: `s3:GetObject`, a tool's name, `user_message`, `chat`.
    action: str = ""
    #: `start` and `end` where one act is reported twice (tool call and its result), else empty.
    phase: str = ""
    outcome: str = ""

    #: Who acted, as the source names it (ARN, agent id, login), and what kind of actor that is.
    actor: str = ""
    actor_kind: str = ""
    actor_name: str = ""
    #: The person on whose behalf, where the source states one.
    human: str = ""

    #: Agent conversation or login session, as the source names it; and the session that spawned it.
    session: str = ""
    parent_session: str = ""

    #: Credential used for this act (an identifier or a keyed hash, never the secret).
    credential: str = ""
    #: Credential this act issued, with its kind and expiry (0 = not stated).
    issued: str = ""
    issued_kind: str = ""
    issued_expires: int = 0
    #: Identity the issued credential acts as (e.g. the assumed role's ARN).
    issued_subject: str = ""
    #: Names chosen by the requester that travel with the issued credential.
    session_name: str = ""
    source_identity: str = ""

    trace: str = ""
    span: str = ""
    parent_span: str = ""
    request: str = ""

    tool_call: str = ""
    #: The tool call that spawned this event's session (sub-agents).
    parent_tool_call: str = ""


class Event(Head, array_like=True, gc=False, kw_only=True):
    """One audit event."""

    error: str = ""
    #: Cloud account, tenant or organisation.
    account: str = ""
    tool: str = ""

    resources: list[str] = []
    address: str = ""
    user_agent: str = ""
    region: str = ""
    #: Policy that allowed or denied it, where the source says so.
    policy: str = ""

    #: Prompt, answer or tool result, masked and shortened.
    text: str = ""
    arguments: list[Argument] = []
    #: Vendor fields that have no place above, as text.
    attributes: dict[str, str] = {}

    #: BLAKE2b-128 (hex) of the original bytes: finds the raw record in the evidence table.
    record_id: str = ""
    #: Fingerprints (see `pipeline.normalize.origin`) of `text` and of each argument, made before masking and
    #: shortening. They serve correlation only: what leaves the correlator has none.
    tokens: list[int] = []
    argument_tokens: list[list[int]] = []
    #: Fingerprints of what this event names (see `pipeline.normalize.mentions`), at most MENTIONS, each of 63 bits
    #: with the highest one set: a tool call and the API requests that it makes name the same things.
    mentions: list[int] = []
    #: Who vouches for the record (see `pipeline.kit.producers`); empty if nobody does. The same event may come from
    #: several: it is no part of what the event says.
    producer: str = ""


_encode = msgspec.msgpack.Encoder().encode
_event, _head = msgspec.msgpack.Decoder(Event).decode, msgspec.msgpack.Decoder(Head).decode


def packed(event: Event) -> msgspec.Raw:
    """An event as it travels."""
    return msgspec.Raw(_encode(event))


def unpacked(raw: msgspec.Raw) -> Event:
    """The whole event. Raises msgspec.ValidationError when these bytes are none."""
    return _event(raw)


#: What a packed event without fingerprints of texts ends in: a text of 32 characters, two empty lists, a list of
#: MENTIONS numbers at most, of 9 bytes each, and a text. These are the bytes before that list, and where it may begin.
_TAIL, _TAIL_BEGINS, _TAIL_ENDS = 36, b"\xd9\x20", b"\x90\x90"
_HEADER = 3
_LISTS = [(number, -9 * number - 1) for number in range(MENTIONS + 1)]


def content_of(raw: msgspec.Raw) -> int:
    """55 bits of a hash over what the event says; from other JSON, or back from the store, it is the same."""
    data = memoryview(raw)
    end = _end_of_content(data)
    if not end:
        data = memoryview(_encode(msgspec.structs.replace(_event(data), **_NO_TAIL)))
        end = _end_of_content(data)
    # Without the array's header, which counts the fields: a later version may have more of them.
    return int.from_bytes(hashlib.blake2b(data[_HEADER:end], digest_size=7).digest(), "big") >> 1


_NO_TAIL = {"record_id": "0" * 32, "tokens": [], "argument_tokens": [], "mentions": [], "producer": ""}


def _end_of_content(data: memoryview) -> int:
    """Where the record's id begins, counted from the end; 0 if it is not found there."""
    for last in _lasts(data):
        for number, after in _LISTS:
            at = after - last
            begins = at - _TAIL
            if len(data) < -begins:
                break
            listed = data[at] == 0x90 | number and data[at - 2 : at] == _TAIL_ENDS
            if listed and data[begins : begins + 2] == _TAIL_BEGINS:
                return begins
    return 0


def _lasts(data: memoryview) -> Iterator[int]:
    """How many bytes the last text may take; what stands before it says which is right."""
    for length in range(min(32, len(data))):
        if data[-1 - length] == 0xA0 | length:
            yield 1 + length
    for length in range(32, min(256, len(data) - 1)):
        if data[-1 - length] == length and data[-2 - length] == 0xD9:
            yield 2 + length


def head_of(raw: msgspec.Raw) -> Head:
    """Its first part, at half the cost. Raises msgspec.ValidationError when these bytes are no event."""
    return _head(raw)
