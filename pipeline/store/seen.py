"""Rows of the inventory's tables become Identities, Credentials and Sessions: the nouns and the SQL that fills them.

Times are microseconds since 1970 UTC. Sets are bounded; the number beside one says how many there are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from pipeline.store import kinds


class Identity(NamedTuple):
    """Who or what acts, is acted for, or is used to act."""

    name: str
    #: See `pipeline.store.kinds`; empty when neither a source nor a rule says so.
    kind: str
    kind_from: str
    #: Kinds that sources stated, and the one that the rules conclude whatever the sources say.
    declared: list[str]
    observed: str
    title: str
    #: The person it acts for, by its latest revision.
    owner: str
    first: int
    last: int
    #: What it did (of a tool or MCP server: what was done with it), and what others did for it.
    events: int
    served: int
    #: Rows that revisions have taken from it.
    superseded: int
    credentials: int
    sessions: int
    addresses: int
    #: Who acts for it, or uses it.
    users: list[str]

    @property
    def current(self) -> bool:
        """Whether any event is still attributed to it."""
        return self.events > 0 or self.served > 0

    @property
    def rows(self) -> int:
        """How many rows were ever attributed to it."""
        return self.events + self.served + self.superseded


class Credential(NamedTuple):
    """What was acted with, was issued or was revoked."""

    name: str
    kind: str
    kind_from: str
    first: int
    last: int
    first_used: int | None
    last_used: int | None
    #: Events that used it.
    events: int
    #: Who uses it, and for whom, by the latest revision.
    actor: str
    owner: str
    addresses: list[str]
    address_count: int
    sessions: int
    #: None when its issuance was never seen.
    issued: int | None
    #: Event ids.
    issuances: list[str]
    issuer: str
    issuer_human: str
    #: Credentials that it was issued with.
    parents: list[str]
    issued_kind: str
    subject: str
    #: 0 when not stated.
    expires: int
    #: None when no event says so.
    revoked: int | None
    revocations: list[str]
    revoker: str

    @property
    def current(self) -> bool:
        """What a credential did is stated by its events: no revision takes it away."""
        return True

    @property
    def rows(self) -> int:
        """How many events used it."""
        return self.events


class Session(NamedTuple):
    """An agent's conversation or a login."""

    name: str
    parent: str
    #: By the latest revision.
    actor: str
    kind: str
    owner: str
    first: int
    last: int
    events: int
    superseded: int
    actors: list[str]
    actor_count: int
    humans: list[str]
    human_count: int
    tools: list[str]
    tool_count: int
    resources: list[str]
    resource_count: int
    credentials: list[str]
    credential_count: int
    #: None when no event says so.
    ended: int | None
    #: When the last of its listed credentials expires; None when it has none, or one that no event gives an end.
    expires: int | None

    @property
    def current(self) -> bool:
        """Whether any event still belongs to it."""
        return self.events > 0

    @property
    def rows(self) -> int:
        """How many rows ever belonged to it."""
        return self.events + self.superseded


Item = Identity | Credential | Session


_CLASSED = "concat(class, '/', name)"


class Ledger(NamedTuple):
    """One inventory: how it is paged and how its rows are read."""

    #: Kinds that it can be filtered by.
    kinds: Sequence[str]
    #: Key and last time of the next rows, latest first. A name that is not merged yet has several: its first counts.
    keys: str
    #: The same of names of one kind, which has to be concluded for each.
    keys_of_kind: str
    #: The rows of some names; the first column is the key.
    rows: str
    make: Callable[..., Item]
    #: Pivots of the timeline under which a name's events are.
    pivots: tuple[str, ...]


def _keys(table: str, key: str) -> str:
    # Compared as they are stored: a conversion of every row would take ten times as long.
    return f"""
SELECT {key} AS key, toUnixTimestamp64Micro(last) FROM {table}
WHERE last >= fromUnixTimestamp64Micro({{since:Int64}}, 'UTC') AND {_following("last", key)}
ORDER BY last DESC, {_columns(key)} LIMIT {{window:UInt32}}
"""  # noqa: S608


def _keys_of_kind(table: str, key: str, inner: str, kind: str) -> str:
    return f"""
SELECT {key} AS key, toUnixTimestamp64Micro(at) FROM
(SELECT {_columns(key)}, max(i.last) AS at, {inner} FROM {table} AS i GROUP BY {_columns(key)})
WHERE ({kind}) = {{kind:String}}
  AND at >= fromUnixTimestamp64Micro({{since:Int64}}, 'UTC') AND {_following("at", key)}
ORDER BY at DESC, {_columns(key)} LIMIT {{window:UInt32}}
"""  # noqa: S608


def _columns(key: str) -> str:
    return "class, name" if key == _CLASSED else "name"


def _following(time: str, key: str) -> str:
    after = "({after_class:String}, {after_name:String})" if key == _CLASSED else "({after_name:String})"
    moment = "fromUnixTimestamp64Micro({after_time:Int64}, 'UTC')"
    return f"{time} <= {moment} AND ({time} < {moment} OR ({_columns(key)}) > {after})"


def _lost(*classes: str) -> str:
    columns = ", ".join(f"uniqMergeIf(s.lost, s.class = '{one}') AS lost_{one}" for one in classes)
    return f"(SELECT name, {columns} FROM superseded AS s WHERE name IN {{names:Array(String)}} GROUP BY name)"  # noqa: S608


def _sorted(column: str) -> str:
    most = {"issuances": 8, "parents": 8, "revocations": 8, "tools": 64, "resources": 64, "credentials": 64}
    return f"arraySort(groupUniqArrayArray({most.get(column, 16)})(i.{column}))"


def _many(column: str, of: str = "") -> str:
    return f"uniqCombined64{of}Merge(14)(i.{column})"


def _micros(column: str) -> str:
    return f"toUnixTimestamp64Micro({column})"


_IDENTITY_LIGHT = "max(i.kind).4 AS declared, groupBitOr(i.acts) AS acts"
_IDENTITY = f"""
SELECT concat(class, '/', name) AS key, name, {kinds.IDENTITY_KIND} AS concluded, {kinds.IDENTITY_REASON} AS reason,
    all_declared, {kinds.IDENTITY_OBSERVED} AS observed, said_title, said_owner, {_micros("since")}, {_micros("at")},
    greatest(0, toInt64(all_acted) - if(class = 'actor', toInt64(lost_actor), 0)),
    greatest(0, toInt64(all_served) - if(class = 'actor', toInt64(lost_human), 0)),
    if(class = 'actor', lost_actor + lost_human, 0), keys_used, sessions_in, addresses_from, all_users
FROM
(
    SELECT class, name, max(i.kind).4 AS declared, groupBitOr(i.acts) AS acts, {_sorted("kinds")} AS all_declared,
        max(i.title).4 AS said_title, max(i.owner).4 AS said_owner, min(i.first) AS since, max(i.last) AS at,
        uniqMerge(i.acted) AS all_acted, uniqMerge(i.served) AS all_served, {_many("credentials")} AS keys_used,
        {_many("sessions")} AS sessions_in, {_many("addresses")} AS addresses_from, {_sorted("users")} AS all_users
    FROM identities AS i WHERE class IN ('actor', 'mcp-server', 'tool') AND name IN {{names:Array(String)}}
    GROUP BY class, name
) AS found
LEFT JOIN {_lost("actor", "human")} AS gone USING name
"""  # noqa: S608
_CREDENTIAL = f"""
SELECT name AS key, name, {kinds.CREDENTIAL_KIND} AS concluded, {kinds.CREDENTIAL_REASON} AS reason,
    {_micros("since")}, {_micros("at")}, {_micros("used_from")}, {_micros("used_to")}, used, said_actor, said_owner,
    all_addresses, addresses_from, sessions_in, {_micros("issued_from")}, all_issuances, said_issuer, said_human,
    all_parents, issued_kind, said_subject, expires, {_micros("revoked_from")}, all_revocations, said_revoker
FROM
(
    SELECT name, min(i.first) AS since, max(i.last) AS at, min(i.first_used) AS used_from, max(i.last_used) AS used_to,
        uniqMerge(i.uses) AS used, max(i.actor).4 AS said_actor, max(i.owner).4 AS said_owner,
        {_sorted("addresses")} AS all_addresses, {_many("address_set")} AS addresses_from,
        {_many("sessions")} AS sessions_in, min(i.issued_at) AS issued_from, {_sorted("issuances")} AS all_issuances,
        max(i.issuer).4 AS said_issuer, max(i.issuer_human).4 AS said_human, {_sorted("parents")} AS all_parents,
        max(i.issued_kind).4 AS issued_kind, max(i.subject).4 AS said_subject, max(i.expires) AS expires,
        min(i.revoked_at) AS revoked_from, {_sorted("revocations")} AS all_revocations,
        max(i.revoker).4 AS said_revoker
    FROM credentials AS i WHERE name IN {{names:Array(String)}} GROUP BY name
)
"""  # noqa: S608
_SESSION = f"""
SELECT name AS key, name, said_parent, said_actor, said_kind, said_owner, {_micros("since")}, {_micros("at")},
    greatest(0, toInt64(seen) - toInt64(lost_session)), lost_session, all_actors, many_actors, all_humans, many_humans,
    all_tools, many_tools, all_resources, many_resources, all_credentials, many_credentials, {_micros("ended_at")},
    if(empty(all_credentials) OR has(ends, 0), NULL, arrayMax(ends))
FROM
(
    SELECT found.*, arrayMap(one -> good.2[indexOf(good.1, one)], all_credentials) AS ends
    FROM
    (
        SELECT name, max(i.parent).4 AS said_parent, max(i.actor).4 AS said_actor, max(i.kind).4 AS said_kind,
            max(i.owner).4 AS said_owner, min(i.first) AS since, max(i.last) AS at, max(i.ended) AS ended_at,
            uniqMerge(i.events) AS seen,
            {_sorted("actors")} AS all_actors, {_many("actor_set")} AS many_actors,
            {_sorted("humans")} AS all_humans, {_many("human_set")} AS many_humans,
            {_sorted("tools")} AS all_tools, {_many("tool_set")} AS many_tools,
            {_sorted("resources")} AS all_resources, {_many("resource_set", "Array")} AS many_resources,
            {_sorted("credentials")} AS all_credentials, {_many("credential_set", "Array")} AS many_credentials
        FROM sessions AS i WHERE name IN {{names:Array(String)}} GROUP BY name
    ) AS found
    CROSS JOIN
    (
        SELECT (groupArray(name), groupArray(until)) AS good
        FROM
        (
            SELECT name, max(c.expires) AS until FROM credentials AS c
            WHERE name IN (SELECT arrayJoin(s.credentials) FROM sessions AS s WHERE s.name IN {{names:Array(String)}})
            GROUP BY name
        )
    ) AS keys
) AS found
LEFT JOIN {_lost("session")} AS gone USING name
"""  # noqa: S608

IDENTITIES = Ledger(
    kinds.IDENTITY_KINDS,
    _keys("identities", _CLASSED),
    _keys_of_kind("identities", _CLASSED, _IDENTITY_LIGHT, kinds.IDENTITY_KIND),
    _IDENTITY,
    Identity,
    ("actor", "human"),
)
CREDENTIALS = Ledger(
    kinds.CREDENTIAL_KINDS,
    _keys("credentials", "name"),
    _keys_of_kind(
        "credentials",
        "name",
        "max(i.issued_kind).4 AS issued_kind, max(i.expires) AS expires",
        kinds.CREDENTIAL_KIND,
    ),
    _CREDENTIAL,
    Credential,
    ("credential",),
)
SESSIONS = Ledger(
    kinds.ACTOR_KINDS,
    _keys("sessions", "name"),
    _keys_of_kind("sessions", "name", "max(i.kind).4 AS said_kind", "said_kind"),
    _SESSION,
    Session,
    ("session",),
)


def item(ledger: Ledger, row: Sequence[Any]) -> tuple[str, Item]:
    """The key and the noun of one row of `ledger.rows`."""
    return row[0], ledger.make(*row[1:])
