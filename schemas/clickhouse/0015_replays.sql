-- What the scoring stage was told of prompts and tool calls (schemas/step.py, msgpack): how the values of a call came about,
-- as numbers and keyed hashes. Texts and their fingerprints are not kept, so a replay could not find it out again.
CREATE TABLE IF NOT EXISTS steps
(
    event_id String,
    time     DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    revision UInt64,
    step     String CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree(revision)
PARTITION BY toYYYYMM(time)
ORDER BY (time, event_id)
SETTINGS index_granularity = 1024;

-- Replays: history, or a part of it, taken through the stages again (schemas/replay.py). A replay that does not finish keeps
-- the state in which it was left. Everything below is of replays alone, and goes when a replay is dropped.
CREATE TABLE IF NOT EXISTS replays
(
    replay_id  String,
    revision   UInt64,
    is_deleted UInt8 DEFAULT 0,
    began      DateTime64(6, 'UTC'),
    replay     String CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree(revision, is_deleted)
ORDER BY replay_id
SETTINGS index_granularity = 1024;

-- What replayed events are attributed to, while a replay runs: it is held against `entries` at the end.
CREATE TABLE IF NOT EXISTS replayed_entries
(
    replay_id         String,
    time              DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    event_id          String,
    revision          UInt64,
    actor             String,
    human             String,
    on_behalf_of      Array(String),
    credential_chain  Array(String),
    session           String,
    parent_session    String,
    tool_call         String,
    tool_call_event   String,
    prompt_event      String,
    unbound           LowCardinality(String),
    links             Array(Tuple(
                          target String, method String, confidence Float64,
                          evidence Array(String), candidates Array(String)))
)
ENGINE = ReplacingMergeTree(revision)
PARTITION BY replay_id
ORDER BY (time, event_id)
SETTINGS index_granularity = 1024;

-- Replayed findings and alerts, whole as JSON. `variant` is `asked` (with the options of the replay) or `unchanged`.
CREATE TABLE IF NOT EXISTS replayed
(
    replay_id String,
    variant   LowCardinality(String),
    sort      LowCardinality(String),
    name      String,
    revision  UInt64,
    time      DateTime64(6, 'UTC'),
    body      String CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree(revision)
PARTITION BY replay_id
ORDER BY (variant, sort, name)
SETTINGS index_granularity = 256;

-- What would have been different.
CREATE TABLE IF NOT EXISTS replay_differences
(
    replay_id  String,
    sort       LowCardinality(String),
    verdict    LowCardinality(String),
    because    LowCardinality(String),
    subject    LowCardinality(String),
    time       DateTime64(6, 'UTC'),
    name       String,
    difference String CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree
PARTITION BY replay_id
ORDER BY (sort, verdict, subject, name)
SETTINGS index_granularity = 256;
