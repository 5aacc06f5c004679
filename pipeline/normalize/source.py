"""What a format says of itself: what to switch on at the vendor, which fields link, what its log cannot tell.

`docs/sources/` is written from it, `whodid coverage` holds it against what was heard, `whodid send` guesses topics by
it, and the fields that it does not know are counted: vendors add and rename them.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

#: What ties an event to others: fields of an Event, with what they mean to whoever connects a source.
LINKS: Final = {
    "actor": "who acted",
    "human": "the person for whom",
    "session": "the login session or conversation",
    "credential": "the credential used",
    "issued": "the credential issued",
    "request": "the request's id at the service",
    "trace": "the trace",
    "tool_call": "the tool call",
    "policy": "the policy that allowed or denied",
    "address": "the network address",
}
Group = Literal["Cloud audit", "Token issuance", "Prompts and tool calls", "Policy decisions", "Anything else"]
Topic = Literal["prompts", "tool-calls", "token-issuance", "cloud-audit"]


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One native format, for whoever connects it. Texts are Markdown; names of fields are the vendor's."""

    #: As in the header `format`.
    name: str
    title: str
    group: Group
    #: The vendor's documents that this rests on, by title.
    documents: tuple[str, ...]
    #: What to switch on, and how the log gets here.
    enable: str
    #: By name of LINKS: the fields that state it.
    links: dict[str, str]
    #: By name of LINKS: what has to be so at the vendor that the log states it, although it could.
    needs: dict[str, str] = {}
    #: By name of LINKS: why this log never states it.
    never: dict[str, str] = {}
    #: What else is lost.
    lost: tuple[str, ...] = ()
    #: Which events say that a credential is no longer good, good again, or good for longer.
    ends: str = ""
    #: What a record of this format is that gives no event.
    ignores: str = ""
    #: Dotted paths of the fields that are known, read or not, down to where anything may stand; None: no telling.
    known: frozenset[str] | None = None
    #: Names of fields in places where anything may stand, that are read: known for the sake of their spelling.
    inner: tuple[str, ...] = ()
    #: The topic that a record goes to unless it issues a credential.
    topic: Topic = "cloud-audit"
    #: Regular expressions (RE2, on the beginning of a record; on all of it): what such a record is known by, and what
    #: of them are issuances of credentials. Empty: not guessed; no record is one.
    mark: bytes = b""
    issuing: bytes = b""

    def __post_init__(self) -> None:
        """Each link is told of once: stated, or never. Raises ValueError."""
        said = [*self.links, *self.never]
        if sorted(said) != sorted(LINKS) or not self.needs.keys() <= self.links.keys():
            raise ValueError(f"{self.name}: links and never: expected each of {', '.join(LINKS)} once, got {said}")


def fields(record: type[msgspec.Struct], unread: str = "") -> frozenset[str]:
    """Dotted paths of what a decoded type reads, and of what is documented but not read (words, dotted too).

    Where a type says Any, or holds a list or a dict, whatever lies below is known; what is read of a list's elements is
    behind `[]`, for the sake of its spelling.
    """
    return frozenset([*_fields(record), *unread.split()])


def _fields(record: type[msgspec.Struct], before: str = "") -> Iterator[str]:
    types = get_type_hints(record)
    for name, encoded in zip(record.__struct_fields__, record.__struct_encode_fields__, strict=True):
        inner, element = _struct(types[name]), _element(types[name])
        if inner is None:
            yield before + encoded
        else:
            yield from _fields(inner, f"{before}{encoded}.")
        if element is not None:
            yield from _fields(element, f"{before}{encoded}[].")


def _element(type_: Any) -> type[msgspec.Struct] | None:
    """The type of a list's elements, if that is what a field holds."""
    for part in (type_, *get_args(type_)):
        if get_origin(part) is list:
            return _struct(get_args(part)[0])
    return None


def _struct(type_: Any) -> type[msgspec.Struct] | None:
    parts = get_args(type_) if get_origin(type_) in (Union, UnionType) else (type_,)
    found = [part for part in parts if isinstance(part, type) and issubclass(part, msgspec.Struct)]
    return found[0] if len(found) == 1 else None
