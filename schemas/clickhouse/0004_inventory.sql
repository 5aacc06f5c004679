-- The inventory: identities, credentials and sessions as the stream discovers them (docs/decisions/0007-inventory.md).
--
-- Everything kept here is an idempotent aggregate (minimum, maximum, set, sketch of a set, value of the highest revision), so
-- that a row written twice, in whatever order, changes nothing. What cannot be taken back from such an aggregate is an
-- event that a revision moved elsewhere. Therefore `acted`, `served` and `events` are sets of (event, revision), and
-- `superseded` holds those of them that a higher revision has replaced: a fact that stays true. Their difference is what
-- a name has now; a name without a difference is superseded.
--
-- Sets of events are exact up to 65,536; how many credentials, sessions or tools there are is exact up to some hundred.
--
-- Reading a page of it reads these tables only. Nothing here is partitioned, since a name has no month. Granules are small,
-- because a page reads scattered names with wide sets.

CREATE TABLE IF NOT EXISTS identities
(
    -- actor (also a person who is acted for), mcp-server or tool.
    class       LowCardinality(String),
    name        String,
    first       SimpleAggregateFunction(min, DateTime64(6, 'UTC')),
    last        SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
    -- What it did itself, and what others did for it. Of tools and servers: the events that name them.
    acted       AggregateFunction(uniq, UInt64),
    served      AggregateFunction(uniq, UInt64),
    -- What it was seen to do, one bit each: see the column of `arrivals`.
    acts        SimpleAggregateFunction(groupBitOr, UInt32),
    -- (stated at all, revision, time, value): the greatest is what the highest revision says.
    kind        SimpleAggregateFunction(max, Tuple(UInt8, UInt64, DateTime64(6, 'UTC'), String)),
    title       SimpleAggregateFunction(max, Tuple(UInt8, UInt64, DateTime64(6, 'UTC'), String)),
    owner       SimpleAggregateFunction(max, Tuple(UInt8, UInt64, DateTime64(6, 'UTC'), String)),
    kinds       SimpleAggregateFunction(groupUniqArrayArray(16), Array(String)),
    users       SimpleAggregateFunction(groupUniqArrayArray(16), Array(String)),
    credentials AggregateFunction(uniqCombined64(14), String),
    sessions    AggregateFunction(uniqCombined64(14), String),
    addresses   AggregateFunction(uniqCombined64(14), String)
)
ENGINE = AggregatingMergeTree
ORDER BY (class, name)
SETTINGS index_granularity = 128;

CREATE TABLE IF NOT EXISTS credentials
(
    name         String,
    first        SimpleAggregateFunction(min, DateTime64(6, 'UTC')),
    last         SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
    -- Use. What a credential was used for is stated by the source, so no revision takes it away.
    first_used   SimpleAggregateFunction(min, Nullable(DateTime64(6, 'UTC'))),
    last_used    SimpleAggregateFunction(max, Nullable(DateTime64(6, 'UTC'))),
    uses         AggregateFunction(uniq, UInt64),
    actor        SimpleAggregateFunction(max, Tuple(UInt8, UInt64, DateTime64(6, 'UTC'), String)),
    owner        SimpleAggregateFunction(max, Tuple(UInt8, UInt64, DateTime64(6, 'UTC'), String)),
    addresses    SimpleAggregateFunction(groupUniqArrayArray(16), Array(String)),
    address_set  AggregateFunction(uniqCombined64(14), String),
    sessions     AggregateFunction(uniqCombined64(14), String),
    -- Issuance.
    issued_at    SimpleAggregateFunction(min, Nullable(DateTime64(6, 'UTC'))),
    issuances    SimpleAggregateFunction(groupUniqArrayArray(8), Array(String)),
    issuer       SimpleAggregateFunction(max, Tuple(UInt8, UInt64, DateTime64(6, 'UTC'), String)),
    issuer_human SimpleAggregateFunction(max, Tuple(UInt8, UInt64, DateTime64(6, 'UTC'), String)),
    parents      SimpleAggregateFunction(groupUniqArrayArray(8), Array(String)),
    issued_kind  SimpleAggregateFunction(max, Tuple(UInt8, UInt64, DateTime64(6, 'UTC'), String)),
    subject      SimpleAggregateFunction(max, Tuple(UInt8, UInt64, DateTime64(6, 'UTC'), String)),
    expires      SimpleAggregateFunction(max, Int64),
    -- Revocation.
    revoked_at   SimpleAggregateFunction(min, Nullable(DateTime64(6, 'UTC'))),
    revocations  SimpleAggregateFunction(groupUniqArrayArray(8), Array(String)),
    revoker      SimpleAggregateFunction(max, Tuple(UInt8, UInt64, DateTime64(6, 'UTC'), String))
)
ENGINE = AggregatingMergeTree
ORDER BY name
SETTINGS index_granularity = 128;

CREATE TABLE IF NOT EXISTS sessions
(
    name           String,
    first          SimpleAggregateFunction(min, DateTime64(6, 'UTC')),
    last           SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
    events         AggregateFunction(uniq, UInt64),
    parent         SimpleAggregateFunction(max, Tuple(UInt8, UInt64, DateTime64(6, 'UTC'), String)),
    actor          SimpleAggregateFunction(max, Tuple(UInt8, UInt64, DateTime64(6, 'UTC'), String)),
    kind           SimpleAggregateFunction(max, Tuple(UInt8, UInt64, DateTime64(6, 'UTC'), String)),
    owner          SimpleAggregateFunction(max, Tuple(UInt8, UInt64, DateTime64(6, 'UTC'), String)),
    actors         SimpleAggregateFunction(groupUniqArrayArray(16), Array(String)),
    humans         SimpleAggregateFunction(groupUniqArrayArray(16), Array(String)),
    tools          SimpleAggregateFunction(groupUniqArrayArray(64), Array(String)),
    resources      SimpleAggregateFunction(groupUniqArrayArray(64), Array(String)),
    credentials    SimpleAggregateFunction(groupUniqArrayArray(64), Array(String)),
    actor_set      AggregateFunction(uniqCombined64(14), String),
    human_set      AggregateFunction(uniqCombined64(14), String),
    tool_set       AggregateFunction(uniqCombined64(14), String),
    resource_set   AggregateFunction(uniqCombined64Array(14), Array(String)),
    credential_set AggregateFunction(uniqCombined64Array(14), Array(String))
)
ENGINE = AggregatingMergeTree
ORDER BY name
SETTINGS index_granularity = 128;

-- Who held an event as of which revision. Not replaced by higher revisions, unlike the row in `entries`: it is what
-- tells whom a revision took the event from, also when that revision is written again after a crash.
CREATE TABLE IF NOT EXISTS holders
(
    time     DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    event    UInt64,
    revision UInt64 CODEC(ZSTD(1)),
    actor    String CODEC(ZSTD(1)),
    human    String CODEC(ZSTD(1)),
    session  String CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (time, event, revision)
SETTINGS index_granularity = 1024;

-- What names have lost: class is actor, human or session.
CREATE TABLE IF NOT EXISTS superseded
(
    class LowCardinality(String),
    name  String,
    lost  AggregateFunction(uniq, UInt64)
)
ENGINE = AggregatingMergeTree
ORDER BY (class, name)
SETTINGS index_granularity = 128;

-- Rows of `entries` on their way into the inventory; nothing stays here.
CREATE TABLE IF NOT EXISTS arrivals
(
    event_id       String,
    time           DateTime64(6, 'UTC'),
    revision       UInt64,
    is_deleted     UInt8,
    kind           LowCardinality(String),
    action         LowCardinality(String),
    outcome        LowCardinality(String),
    actor          String,
    actor_kind     LowCardinality(String),
    actor_name     String,
    human          String,
    session        String,
    parent_session String,
    credential     String,
    issued         String,
    issued_kind    LowCardinality(String),
    issued_expires Int64,
    issued_subject String,
    tool           LowCardinality(String),
    resources      Array(String),
    address        String,
    attributes     Map(String, String),

    event          UInt64 DEFAULT sipHash64(event_id),
    pair           UInt64 DEFAULT sipHash64(event, revision),
    -- Who somebody else acted for.
    served         String DEFAULT if(human = actor, '', human),
    -- 1 called a tool, 2 answered as a model, 4 signed in at a console, 8 proved a second factor, 16 is a cloud service;
    -- in `identities` also 32, somebody acted for it.
    acts           UInt32 DEFAULT bitOr(bitOr(if(kind = 'tool_call', 1, 0), if(kind = 'prompt' AND action != 'user_message', 2, 0)),
                       bitOr(bitOr(if(action = 'signin:ConsoleLogin', 4, 0), if(attributes['mfa'] = 'true', 8, 0)),
                             if(attributes['identityType'] = 'AWSService', 16, 0))),
    servers        Array(String) DEFAULT arrayFilter(server -> server != '' AND kind = 'tool_call', arrayDistinct(arrayPushBack(
                       arrayFilter(resource -> startsWith(resource, 'mcp:'), resources),
                       if(startsWith(tool, 'mcp__'), concat('mcp:', splitByString('__', toString(tool))[2]), '')))),
    granted        String DEFAULT if(outcome IN ('failure', 'denied'), '', issued),
    -- Credentials that the event says are no longer valid. A canonical event says so with the attribute `revoked`.
    revoked        Array(String) DEFAULT if(outcome IN ('failure', 'denied'), [], arrayFilter(one -> one != '', arrayPushBack(arrayPushBack(
                       arrayMap(key -> concat('aws:', key), arrayFilter(one -> action = 'iam:DeleteAccessKey' AND startsWith(one, 'A')
                                AND match(one, '^A[A-Z0-9]{15,127}$'), resources)),
                       if(action = 'okta:system.api_token.revoke',
                          replaceOne(arrayFirst(one -> startsWith(one, 'Token/'), resources), 'Token/', 'okta:'), '')),
                       attributes['revoked'])))
)
ENGINE = Null;

-- Events whose rows are in, to be looked at once more: have they taken something from somebody? Nothing stays here.
CREATE TABLE IF NOT EXISTS settled
(
    time     DateTime64(6, 'UTC'),
    event_id String
)
ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS arrivals_to_holders TO holders AS
SELECT time, event, revision,
    if(is_deleted, '', actor) AS actor, if(is_deleted, '', served) AS human, if(is_deleted, '', session) AS session
FROM arrivals;

CREATE MATERIALIZED VIEW IF NOT EXISTS arrivals_to_identities TO identities AS
SELECT
    if(role = 'human', 'actor', role) AS class,
    named AS name,
    min(a.time) AS first,
    max(a.time) AS last,
    uniqStateIf(if(acting, a.pair, a.event), role != 'human') AS acted,
    uniqStateIf(a.pair, role = 'human') AS served,
    groupBitOr(toUInt32(multiIf(acting, a.acts, role = 'human', 32, 0))) AS acts,
    max((toUInt8(toString(a.actor_kind) != '' AND acting), a.revision, a.time, if(acting, toString(a.actor_kind), ''))) AS kind,
    max((toUInt8(a.actor_name != '' AND acting), a.revision, a.time, if(acting, a.actor_name, ''))) AS title,
    max((toUInt8(a.human != '' AND acting), a.revision, a.time, if(acting, a.human, ''))) AS owner,
    groupUniqArrayArray(16)(if(acting AND a.actor_kind != '', [toString(a.actor_kind)], [])) AS kinds,
    groupUniqArrayArray(16)(if(acting OR a.actor = '', [], [a.actor])) AS users,
    uniqCombined64StateIf(14)(a.credential, acting AND a.credential != '') AS credentials,
    uniqCombined64StateIf(14)(a.session, a.session != '') AS sessions,
    uniqCombined64StateIf(14)(a.address, acting AND a.address != '') AS addresses
FROM
(
    SELECT *, part.1 AS role, part.2 AS named, role = 'actor' AS acting, arrayJoin(arrayFilter(one -> one.2 != '', arrayConcat(
        [('actor', actor), ('human', arrivals.served), ('tool', toString(tool))],
        arrayMap(server -> ('mcp-server', server), servers)))) AS part
    FROM arrivals
    WHERE NOT is_deleted
) AS a
GROUP BY class, name;

CREATE MATERIALIZED VIEW IF NOT EXISTS arrivals_to_credentials TO credentials AS
SELECT
    named AS name,
    min(a.time) AS first,
    max(a.time) AS last,
    min(if(using, a.time, NULL)) AS first_used,
    max(if(using, a.time, NULL)) AS last_used,
    uniqStateIf(a.event, using) AS uses,
    max((toUInt8(a.actor != '' AND using), a.revision, a.time, if(using, a.actor, ''))) AS actor,
    max((toUInt8(a.human != '' AND using), a.revision, a.time, if(using, a.human, ''))) AS owner,
    groupUniqArrayArray(16)(if(using AND a.address != '', [a.address], [])) AS addresses,
    uniqCombined64StateIf(14)(a.address, using AND a.address != '') AS address_set,
    uniqCombined64StateIf(14)(a.session, using AND a.session != '') AS sessions,
    min(if(issuing, a.time, NULL)) AS issued_at,
    groupUniqArrayArray(8)(if(issuing, [a.event_id], [])) AS issuances,
    max((toUInt8(a.actor != '' AND issuing), a.revision, a.time, if(issuing, a.actor, ''))) AS issuer,
    max((toUInt8(a.human != '' AND issuing), a.revision, a.time, if(issuing, a.human, ''))) AS issuer_human,
    groupUniqArrayArray(8)(if(issuing AND a.credential NOT IN ('', named), [a.credential], [])) AS parents,
    max((toUInt8(toString(a.issued_kind) != '' AND issuing), a.revision, a.time, if(issuing, toString(a.issued_kind), ''))) AS issued_kind,
    max((toUInt8(a.issued_subject != '' AND issuing), a.revision, a.time, if(issuing, a.issued_subject, ''))) AS subject,
    max(if(issuing, a.issued_expires, 0)) AS expires,
    min(if(revoking, a.time, NULL)) AS revoked_at,
    groupUniqArrayArray(8)(if(revoking, [a.event_id], [])) AS revocations,
    max((toUInt8(a.actor != '' AND revoking), a.revision, a.time, if(revoking, a.actor, ''))) AS revoker
FROM
(
    SELECT *, part.1 = 'use' AS using, part.1 = 'issue' AS issuing, part.1 = 'revoke' AS revoking, part.2 AS named,
        arrayJoin(arrayFilter(one -> one.2 != '', arrayConcat(
            [('use', credential), ('issue', granted)], arrayMap(one -> ('revoke', one), revoked)))) AS part
    FROM arrivals
    WHERE NOT is_deleted
) AS a
GROUP BY name;

CREATE MATERIALIZED VIEW IF NOT EXISTS arrivals_to_sessions TO sessions AS
SELECT
    a.session AS name,
    min(a.time) AS first,
    max(a.time) AS last,
    uniqState(a.pair) AS events,
    max((toUInt8(a.parent_session != ''), a.revision, a.time, a.parent_session)) AS parent,
    max((toUInt8(a.actor != ''), a.revision, a.time, a.actor)) AS actor,
    max((toUInt8(toString(a.actor_kind) != ''), a.revision, a.time, toString(a.actor_kind))) AS kind,
    max((toUInt8(a.human != ''), a.revision, a.time, a.human)) AS owner,
    groupUniqArrayArray(16)(if(a.actor = '', [], [a.actor])) AS actors,
    groupUniqArrayArray(16)(if(a.human = '', [], [a.human])) AS humans,
    groupUniqArrayArray(64)(if(a.tool = '', [], [toString(a.tool)])) AS tools,
    groupUniqArrayArray(64)(a.resources) AS resources,
    groupUniqArrayArray(64)(a.keys) AS credentials,
    uniqCombined64StateIf(14)(a.actor, a.actor != '') AS actor_set,
    uniqCombined64StateIf(14)(a.human, a.human != '') AS human_set,
    uniqCombined64StateIf(14)(toString(a.tool), a.tool != '') AS tool_set,
    uniqCombined64ArrayState(14)(a.resources) AS resource_set,
    uniqCombined64ArrayState(14)(a.keys) AS credential_set
FROM
(
    SELECT *, arrayFilter(one -> one != '', [credential, granted]) AS keys
    FROM arrivals
    WHERE session != '' AND NOT is_deleted
) AS a
GROUP BY name;

-- Looked up when the rows are visible: of two writers with a revision of the same event each, the later one sees both.
CREATE MATERIALIZED VIEW IF NOT EXISTS settled_to_superseded TO superseded AS
SELECT part.1 AS class, part.2 AS name, uniqState(sipHash64(event, revision)) AS lost
FROM (SELECT DISTINCT time, sipHash64(event_id) AS event FROM settled) AS new
INNER JOIN
(
    SELECT time, event, revision, actor, human, session
    FROM
    (
        SELECT time, event, revision, actor, human, session, max(revision) OVER (PARTITION BY time, event) AS newest
        FROM holders
        WHERE (time, event) IN (SELECT time, sipHash64(event_id) FROM settled)
    )
    WHERE revision < newest
) AS old USING (time, event)
ARRAY JOIN arrayFilter(one -> one.2 != '', [('actor', actor), ('human', human), ('session', session)]) AS part
GROUP BY class, name;

CREATE MATERIALIZED VIEW IF NOT EXISTS entries_to_arrivals TO arrivals AS
SELECT
    event_id, time, revision, is_deleted, kind, action, outcome, actor, actor_kind, actor_name, human, session, parent_session,
    credential, issued, issued_kind, issued_expires, issued_subject, tool, resources, address, attributes
FROM entries;

-- What was there before. Sets take what they have already without a change, so this can run twice and beside writers.
INSERT INTO arrivals
(
    event_id, time, revision, is_deleted, kind, action, outcome, actor, actor_kind, actor_name, human, session, parent_session,
    credential, issued, issued_kind, issued_expires, issued_subject, tool, resources, address, attributes
)
SELECT
    event_id, time, revision, is_deleted, kind, action, outcome, actor, actor_kind, actor_name, human, session, parent_session,
    credential, issued, issued_kind, issued_expires, issued_subject, tool, resources, address, attributes
FROM entries
SETTINGS max_insert_threads = 1, min_insert_block_size_rows = 100000, max_partitions_per_insert_block = 0;

INSERT INTO settled (time, event_id)
SELECT time, event_id FROM entries SETTINGS max_insert_threads = 1, min_insert_block_size_rows = 100000, max_partitions_per_insert_block = 0;
