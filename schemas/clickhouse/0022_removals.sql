-- What was taken out on purpose (docs/retention.md): statements signed with the evidence key, so that it can be told from
-- what somebody took out.
CREATE TABLE IF NOT EXISTS removals
(
    removal_id String,
    sort       LowCardinality(String),
    time       DateTime64(6, 'UTC'),
    by         String,
    reason     String,
    statement  String CODEC(ZSTD(3)),
    signature  String
)
ENGINE = ReplacingMergeTree
ORDER BY removal_id
SETTINGS index_granularity = 1024;

-- Which of them an erased row belongs to.
ALTER TABLE erasures ADD COLUMN IF NOT EXISTS removal String DEFAULT '';

-- What nothing may be taken out of: a span of event times, of one person (under all names) or of everybody. The row with
-- the highest revision counts.
CREATE TABLE IF NOT EXISTS holds
(
    name     String,
    revision UInt64,
    person   String,
    since    DateTime64(6, 'UTC'),
    until    DateTime64(6, 'UTC'),
    reason   String,
    by       String,
    at       DateTime64(6, 'UTC'),
    released UInt8 DEFAULT 0
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY name
SETTINGS index_granularity = 1024;
