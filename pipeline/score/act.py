"""An Entry as detections look at it: who, from where, with what, and what that does."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

from pipeline.score.deeds import CHANGE, LOOK, SECRET, deed_of
from schemas.entry import Entry, PackedEntry
from schemas.event import unpacked

#: Kinds of identities whose past is told apart; what no source states is `unknown`.
KINDS = ("human", "agent", "service", "workload", "ci", "unknown")
UNKNOWN = "unknown"
#: Addresses and programs that are remembered; characters of a resource that count.
REMEMBERED, RESOURCE = 65_536, 120
#: A fourth of a day (microseconds).
_QUARTER = 21_600_000_000
#: Bits of a network that belongs to one place, IPv4 and IPv6.
_PLACE = {4: 24, 6: 48}
#: What stands for every browser, and what an agent's name ends at.
_BROWSER, _PROGRAM = re.compile("mozilla/", re.IGNORECASE), re.compile(r"[A-Za-z][\w.+-]*")
_NUMBERS = re.compile(r"\d[\da-fA-F-]*")
#: How identities are named by whoever issues them (the inventory's rules are those of `pipeline.store.kinds`).
_NAMED = (
    ("ci", re.compile(r":oidc-provider/(token\.actions\.githubusercontent\.com|gitlab|.*circleci|.*buildkite)|^repo:")),
    ("ci", re.compile(r"\[bot\]$")),
    ("workload", re.compile("system:serviceaccount:|system:node:|^spiffe://")),
    ("service", re.compile(r"\.gserviceaccount\.com$|^[a-z0-9.-]+\.amazonaws\.com$|:assumed-role/AWSServiceRoleFor")),
    ("human", re.compile(r":saml-provider/|^[^@/:\s]+@[^@/:\s]+$")),
)
#: How long a credential lasts, by how its id begins.
_LASTS = {"aws:AKIA": "standing", "aws:ASIA": "temporary"}


class Act:
    """One entry of an identity."""

    __slots__ = (
        "action", "actor", "agent", "agentic", "changes", "credential", "denied", "entry", "event", "event_id",
        "expires", "failed", "flags", "identity", "key", "kind", "looks", "network", "policy", "resource",
        "revoked", "server", "service", "session", "target", "time",
    )  # fmt: skip

    def __init__(self, entry: PackedEntry) -> None:
        """Raises msgspec.ValidationError when its event is none."""
        event = unpacked(entry.event)
        self.entry, self.event = entry, event
        self.event_id, self.time, self.action = event.event_id, event.time, event.action
        self.actor = entry.actor or event.actor
        self.identity = identity_of(self.actor)
        stated = entry.actor_kind or event.actor_kind
        if stated not in KINDS:
            stated = "human" if entry.human and entry.human == self.actor else kind_of(self.identity)
        self.kind = stated
        #: Whether it was reported by the agent itself: a prompt or a tool call.
        self.agentic = event.kind in ("prompt", "tool_call")
        self.credential = event.credential if not self.agentic else ""
        self.session = entry.session
        self.expires, self.revoked = entry.credential_expires, entry.credential_revoked
        #: `standing` or `temporary`, as far as the credential's id shows it; the server of an agent's tools.
        self.key = _LASTS.get(self.credential[:8], "")
        self.server = next((name for name in event.resources if name.startswith("mcp:")), "") if self.agentic else ""
        self.flags, self.service = deed_of(event.action) if not self.agentic else (0, "")
        if self.service == "ssm" and event.attributes.get("requestParameters.withDecryption") != "true":
            self.flags &= ~SECRET
        self.looks, self.changes = bool(self.flags & LOOK), bool(self.flags & CHANGE)
        self.denied, self.failed = event.outcome == "denied", event.outcome == "failure"
        #: Where it came from (a network of /24 or /48), and with which program; empty if not stated.
        self.network = network_of(event.address)
        self.agent = program_of(event.user_agent)
        #: What it was done to, first of all, and that without the numbers in its name.
        self.target = event.resources[0] if event.resources and not self.agentic else ""
        self.resource = shape_of(self.target) if self.target else ""
        self.policy = shape_of(event.policy) if event.policy else ""

    @property
    def full(self) -> Entry:
        """The whole entry, for rules."""
        return self.entry.unpacked(self.event)

    @property
    def hours(self) -> str:
        """When of the week it was, in UTC: a fourth of a working day or of one of a weekend."""
        return _hours(self.time // _QUARTER)

    @property
    def told_elsewhere(self) -> bool:
        """An act of two records is taken in once: an agent's call when it begins, another when its outcome is known."""
        return self.event.phase == ("end" if self.agentic else "start")


def identity_of(actor: str) -> str:
    """Whose past an actor's acts belong to: sessions of one role are one identity, where nobody knows who took it."""
    before, role, after = actor.partition(":assumed-role/")
    return f"{before}{role}{after.partition('/')[0]}" if role else actor


@lru_cache(maxsize=4096)
def _hours(quarters: int) -> str:
    day, quarter = divmod(quarters, 4)
    # 1970-01-01 was a Thursday.
    return f"{'weekend' if (day + 3) % 7 > 4 else 'weekday'} {quarter * 6:02} h"


@lru_cache(maxsize=REMEMBERED)
def kind_of(identity: str) -> str:
    """What an identity's name says that it is, where no source states it."""
    return next((kind for kind, form in _NAMED if form.search(identity)), UNKNOWN)


@lru_cache(maxsize=REMEMBERED)
def network_of(address: str) -> str:
    """The network of an address; empty for what is none: a cloud service that calls by itself."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return ""
    return str(ipaddress.ip_network((found, _PLACE[found.version]), strict=False))


@lru_cache(maxsize=REMEMBERED)
def program_of(user_agent: str) -> str:
    """The program that a user agent names first, without its version: `Boto3`, `aws-cli`, `browser`."""
    if _BROWSER.match(user_agent):
        return "browser"
    named = _PROGRAM.search(user_agent)
    return named.group().casefold() if named and "amazonaws.com" not in user_agent else ""


@lru_cache(maxsize=REMEMBERED)
def shape_of(resource: str) -> str:
    """A resource without the numbers and ids in its name, so that `log-2026-03-02` and `log-2026-03-03` are one."""
    return _NUMBERS.sub("#", resource[:RESOURCE])
