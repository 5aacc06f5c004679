-- What detections found (schemas/finding.py). A detection's verdict may move in time and to somebody else while it is
-- revised, so nothing but the id stays: it alone is the key, and there are no partitions. The row with the highest revision
-- counts in whatever order they come, and a retracted one (is_deleted) is gone until a higher revision finds it again.
-- Granules are small because a page reads scattered rows.
CREATE TABLE IF NOT EXISTS findings
(
    finding_id String,
    revision   UInt64,
    is_deleted UInt8 DEFAULT 0,
    detection  LowCardinality(String),
    model      LowCardinality(String),
    title      LowCardinality(String),
    severity   LowCardinality(String),
    time       DateTime64(6, 'UTC'),
    actor      String,
    actor_kind LowCardinality(String),
    human      String,
    session    String,
    score      Float64,
    p_value    Float64,
    sentence   String CODEC(ZSTD(3)),
    entries    Array(String) CODEC(ZSTD(3)),
    details    Map(String, String) CODEC(ZSTD(3)),
    frameworks Array(LowCardinality(String))
)
ENGINE = ReplacingMergeTree(revision, is_deleted)
ORDER BY finding_id
SETTINGS index_granularity = 128;

-- Where the findings of a pivot's value are, latest last, as `pivots` does it for entries: a key is sipHash64(pivot, value),
-- and `any` is of all of them. A row that a revision has made stale is harmless: whoever comes here for keys looks at the
-- current finding.
CREATE TABLE IF NOT EXISTS finding_pivots
(
    key        UInt64,
    time       DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    finding_id String
)
ENGINE = ReplacingMergeTree
ORDER BY (key, time, finding_id)
SETTINGS index_granularity = 1024;

CREATE MATERIALIZED VIEW IF NOT EXISTS findings_to_pivots TO finding_pivots AS
SELECT key, time, finding_id
FROM findings
ARRAY JOIN arrayFilter(hash -> hash != 0, [
    sipHash64('any', ''),
    sipHash64('detection', toString(detection)),
    sipHash64('severity', toString(severity)),
    if(session = '', 0, sipHash64('session', session)),
    if(actor = '', 0, sipHash64('actor', actor)),
    if(human = '', 0, sipHash64('human', human))
]) AS key
WHERE NOT is_deleted;
