"""Entry: one timeline row, an Event plus who it is attributed to and how sure that is."""

from __future__ import annotations

from typing import Literal

import msgspec

from schemas.event import Event, packed, unpacked

#: How a link was made, strongest first.
Method = Literal["stated", "credential", "session-name", "trace", "in-flight", "identity", "none"]
Target = Literal["actor", "session", "tool_call", "prompt"]


class Link(msgspec.Struct, array_like=True, gc=False):
    """One attribution of an Entry: what it points to, how that was found, how sure it is."""

    target: str
    method: str
    #: Probability that the link is right, 0 to 1.
    confidence: float
    #: Event ids that the link rests on.
    evidence: list[str] = []
    #: Other values that were possible, best first; empty when there was no ambiguity.
    candidates: list[str] = []


class Attributed(msgspec.Struct, array_like=True, gc=False, kw_only=True):
    """What was found out about an event."""

    revision: int = 0

    actor: str = ""
    actor_kind: str = ""
    actor_name: str = ""
    #: The person at the end of the on-behalf-of chain.
    human: str = ""
    #: RFC 8693 order: the current actor's principal first, the earliest last.
    on_behalf_of: list[str] = []
    #: The credential used, the one that minted it, and so on to the root.
    credential_chain: list[str] = []
    session: str = ""
    parent_session: str = ""
    #: The tool call that caused this event, and the prompt that caused that (event ids of both).
    tool_call: str = ""
    tool_call_event: str = ""
    prompt_event: str = ""
    #: Why no credential or session could be bound; empty when one was.
    unbound: str = ""
    links: list[Link] = []


class Entry(Attributed, array_like=True, gc=False, kw_only=True):
    """One timeline row. The row with the highest revision per event id is the current one."""

    event: Event
    #: When the credential that was used was to expire, as it stood at the time of this event, and since when it was
    #: revoked then: microseconds, 0 = not stated, not revoked. Behind the event, since fields are only ever added at
    #: the end of what travels.
    credential_expires: int = 0
    credential_revoked: int = 0

    def packed(self) -> PackedEntry:
        """As it travels."""
        return PackedEntry(event=packed(self.event), **{name: getattr(self, name) for name in FOUND_FIELDS})


#: What of an Entry is not its event, in the order in which it travels.
FOUND_FIELDS = tuple(name for name in Entry.__struct_fields__ if name != "event")


class PackedEntry(Attributed, array_like=True, gc=False, kw_only=True):
    """An Entry as it travels: the event stays as it was encoded. The encoded form is that of an Entry."""

    event: msgspec.Raw
    #: As in Entry.
    credential_expires: int = 0
    credential_revoked: int = 0

    def unpacked(self, event: Event | None = None) -> Entry:
        """With its event, decoded if it is not given. Raises msgspec.ValidationError when the bytes are no event."""
        found = {name: getattr(self, name) for name in FOUND_FIELDS}
        return Entry(event=unpacked(self.event) if event is None else event, **found)
