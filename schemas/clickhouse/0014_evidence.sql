-- Evidence (docs/evidence.md): what proves that no row was changed, taken out, put in or moved since it was written.
--
-- One row per leaf of a log, in the log's order. A leaf is a row of `entries` or `records` at one revision; `own` is the
-- hash of what the event itself says and `found` what had been found out then (msgpack), so that the leaf of a superseded
-- revision can be computed again though its row is gone. Leaves written twice are the same. What asks by time and id reads few granules, since
-- logs are about in order of time.
CREATE TABLE IF NOT EXISTS leaves
(
    log      LowCardinality(String),
    epoch    UInt32,
    leaf_index UInt64 CODEC(Delta, ZSTD(1)),
    offset   Int64 CODEC(Delta, ZSTD(1)),
    kind     LowCardinality(String),
    time     DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    event_id String CODEC(ZSTD(1)),
    revision UInt64 CODEC(ZSTD(1)),
    hash     FixedString(32) CODEC(NONE),
    own      FixedString(32) CODEC(NONE),
    found    String CODEC(ZSTD(1)),
    INDEX by_time time TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree
ORDER BY (log, epoch, leaf_index)
SETTINGS index_granularity = 1024;

-- Roots of complete subtrees, every eight levels, so that a proof reads a few tiles of 256 hashes and not the log.
CREATE TABLE IF NOT EXISTS tree_nodes
(
    log      LowCardinality(String),
    epoch    UInt32,
    level    UInt8,
    position UInt64,
    hash     FixedString(32) CODEC(NONE)
)
ENGINE = ReplacingMergeTree
ORDER BY (log, epoch, level, position)
SETTINGS index_granularity = 1024;

-- Signed heads: the bytes that were signed, the signature, and the tree's peaks, beside what they are asked by.
CREATE TABLE IF NOT EXISTS tree_heads
(
    log       LowCardinality(String),
    epoch     UInt32,
    number    UInt64,
    size      UInt64,
    time      DateTime64(6, 'UTC'),
    head      String CODEC(ZSTD(3)),
    signature String,
    peaks     Array(String)
)
ENGINE = ReplacingMergeTree
ORDER BY (log, number, head)
SETTINGS index_granularity = 1024;

-- Statements of keys, each signed by the key before.
CREATE TABLE IF NOT EXISTS evidence_keys
(
    key       String,
    time      DateTime64(6, 'UTC'),
    statement String,
    signature String
)
ENGINE = ReplacingMergeTree
ORDER BY (key, statement);

-- Content that was erased on purpose: the commitment stays, so that the rest of the row can still be checked.
CREATE TABLE IF NOT EXISTS erasures
(
    kind       LowCardinality(String),
    event_id   String,
    commitment FixedString(32) CODEC(NONE),
    time       DateTime64(6, 'UTC'),
    by         String,
    reason     String
)
ENGINE = ReplacingMergeTree
ORDER BY (kind, event_id);
