-- What a search needs (docs/query.md, docs/decisions/0018-query-language.md).

-- Which findings have an entry as evidence. As in `pivots`, a row that a revision has made stale is harmless: whoever comes
-- here looks at the current finding, which may be retracted, suppressed, or have other evidence by now.
CREATE TABLE IF NOT EXISTS finding_evidence
(
    event_id   String CODEC(ZSTD(1)),
    finding_id String CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY (event_id, finding_id)
SETTINGS index_granularity = 1024;

CREATE MATERIALIZED VIEW IF NOT EXISTS findings_to_evidence TO finding_evidence AS
SELECT arrayJoin(arrayDistinct(entries)) AS event_id, finding_id
FROM findings
WHERE NOT is_deleted;

INSERT INTO finding_evidence (event_id, finding_id)
SELECT arrayJoin(arrayDistinct(entries)) AS event_id, finding_id FROM findings WHERE NOT is_deleted;

-- What was written lately, for those that follow it (`whodid tail`). An hour is kept: who was away for longer searches.
CREATE TABLE IF NOT EXISTS recent
(
    written  DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    time     DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    event_id String CODEC(ZSTD(1)),
    revision UInt64 CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toStartOfHour(written)
ORDER BY (written, event_id)
TTL toDateTime(written) + INTERVAL 1 HOUR
SETTINGS index_granularity = 1024, ttl_only_drop_parts = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS entries_to_recent TO recent AS
SELECT time, event_id, revision FROM entries;

-- Filters per granule for what is asked by its very value and has no pivot, as `by_resource` is.
ALTER TABLE entries
    ADD INDEX IF NOT EXISTS by_chain credential_chain TYPE bloom_filter(0.01) GRANULARITY 1,
    ADD INDEX IF NOT EXISTS by_principal on_behalf_of TYPE bloom_filter(0.01) GRANULARITY 1,
    ADD INDEX IF NOT EXISTS by_cause (tool_call, tool_call_event, prompt_event) TYPE bloom_filter(0.01) GRANULARITY 1,
    ADD INDEX IF NOT EXISTS by_trace (trace, request) TYPE bloom_filter(0.01) GRANULARITY 1;

ALTER TABLE entries
    MATERIALIZE INDEX IF EXISTS by_chain,
    MATERIALIZE INDEX IF EXISTS by_principal,
    MATERIALIZE INDEX IF EXISTS by_cause,
    MATERIALIZE INDEX IF EXISTS by_trace;
