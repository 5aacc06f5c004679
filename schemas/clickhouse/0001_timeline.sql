-- The timeline and its evidence. The same statements run on a ClickHouse server and on chdb.
--
-- Every statement is idempotent, so that two processes that start at once can both run it. Statements end with a
-- semicolon at the end of a line. Once a migration has been applied it never changes: add another file.
--
-- Retention is off: nothing here deletes a row. A TTL would also drop late rows at the moment they are inserted, without
-- an error. Whoever wants retention drops whole months (`ALTER TABLE entries DROP PARTITION 202601`, the same for
-- pivots and records), because a month is a decision that someone takes, and a late event of a kept month is kept.

-- One row per event: an Event plus its attribution (schemas/entry.py, schemas/event.py).
--
-- `time` and `event_id` never change, so the sort key is the same for every revision, and the row with the highest
-- revision replaces the others whoever it is attributed to. No row has to be retracted under the old actor and no crash
-- can leave a row half moved. FINAL merges only within a month, since a key is always in the same one.
-- Granules are small because a timeline reads scattered rows: 1024 rows instead of 8192 per hit.
-- `stated_…` is what the source said, the plain name is what was found out. Fingerprints of texts are not stored.
CREATE TABLE IF NOT EXISTS entries
(
    event_id              String,
    kind                  LowCardinality(String),
    time                  DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    format                LowCardinality(String),
    record_id             String,
    revision              UInt64,
    is_deleted            UInt8 DEFAULT 0,

    action                LowCardinality(String),
    phase                 LowCardinality(String),
    outcome               LowCardinality(String),
    error                 String,

    actor                 String,
    actor_kind            LowCardinality(String),
    actor_name            String,
    human                 String,
    on_behalf_of          Array(String),
    session               String,
    parent_session        String,
    tool_call             String,
    tool_call_event       String,
    prompt_event          String,
    credential_chain      Array(String),
    unbound               LowCardinality(String),
    -- Method and confidence of the link that names the actor, so that they can be filtered and grouped by.
    link                  LowCardinality(String),
    confidence            Float64,
    links                 Array(Tuple(
                              target String, method String, confidence Float64,
                              evidence Array(String), candidates Array(String))),

    stated_actor          String,
    stated_actor_kind     LowCardinality(String),
    stated_actor_name     String,
    stated_human          String,
    stated_session        String,
    stated_parent_session String,
    stated_tool_call      String,
    account               LowCardinality(String),

    credential            String,
    issued                String,
    issued_kind           LowCardinality(String),
    issued_expires        Int64,
    issued_subject        String,
    session_name          String,
    source_identity       String,

    trace                 String,
    span                  String,
    parent_span           String,
    request               String,
    tool                  LowCardinality(String),
    parent_tool_call      String,

    resources             Array(String),
    address               String,
    user_agent            String,
    region                LowCardinality(String),
    policy                String,
    text                  String CODEC(ZSTD(3)),
    arguments             Array(Tuple(path String, value String, origin String)) CODEC(ZSTD(3)),
    attributes            Map(String, String) CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree(revision, is_deleted)
PARTITION BY toYYYYMM(time)
ORDER BY (time, event_id)
SETTINGS index_granularity = 1024;

-- Where the rows of a pivot's value are. A key is sipHash64(pivot, value); pivots are actor, session, credential (used or
-- issued), human and address, and `event`, because the sort key begins with a time that whoever holds an event id does
-- not know. Hashes instead of the values: a third of the size, and filling the table costs next to nothing.
--
-- Filled by the view below, for every revision. A row that a revision has made stale, or a hash that two values share,
-- is harmless: whoever comes here for keys checks the current row's own field. So nothing has to be deleted from here.
CREATE TABLE IF NOT EXISTS pivots
(
    key      UInt64,
    time     DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    event_id String
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (key, time, event_id)
SETTINGS index_granularity = 1024;

CREATE MATERIALIZED VIEW IF NOT EXISTS entries_to_pivots TO pivots AS
SELECT key, time, event_id
FROM entries
ARRAY JOIN arrayFilter(hash -> hash != 0, [
    sipHash64('event', event_id),
    if(actor = '', 0, sipHash64('actor', actor)),
    if(session = '', 0, sipHash64('session', session)),
    if(credential = '', 0, sipHash64('credential', credential)),
    if(issued = '' OR issued = credential, 0, sipHash64('credential', issued)),
    if(human = '', 0, sipHash64('human', human)),
    if(address = '', 0, sipHash64('address', address))
]) AS key;

-- Raw records as received, secrets masked, found by the hash of their bytes.
CREATE TABLE IF NOT EXISTS records
(
    record_id String,
    format    LowCardinality(String),
    topic     LowCardinality(String),
    partition UInt32,
    offset    Int64,
    time      DateTime64(6, 'UTC'),
    value     String CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(time)
ORDER BY record_id
SETTINGS index_granularity = 256;

-- What could not be processed. A replayed rejection has the same id and another time, so the id alone is the key and
-- there are no partitions: the latest replaces the earlier ones.
CREATE TABLE IF NOT EXISTS dead_letters
(
    rejected_id String,
    stage       LowCardinality(String),
    reason      String,
    format      LowCardinality(String),
    topic       LowCardinality(String),
    partition   UInt32,
    offset      Int64,
    time        DateTime64(6, 'UTC'),
    value       String CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree(time)
ORDER BY rejected_id
SETTINGS index_granularity = 1024;
