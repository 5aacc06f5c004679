-- What a finding says of the entry at which it was found, so that an alert can be made of it alone (schemas/finding.py).
ALTER TABLE findings
    ADD COLUMN IF NOT EXISTS family     LowCardinality(String) DEFAULT '',
    ADD COLUMN IF NOT EXISTS tactic     LowCardinality(String) DEFAULT '',
    ADD COLUMN IF NOT EXISTS runbook    Array(String) DEFAULT [] CODEC(ZSTD(3)),
    ADD COLUMN IF NOT EXISTS action     String DEFAULT '',
    ADD COLUMN IF NOT EXISTS credential String DEFAULT '',
    ADD COLUMN IF NOT EXISTS policy     String DEFAULT '',
    ADD COLUMN IF NOT EXISTS account    LowCardinality(String) DEFAULT '',
    ADD COLUMN IF NOT EXISTS address    String DEFAULT '',
    ADD COLUMN IF NOT EXISTS resources  Array(String) DEFAULT [],
    ADD COLUMN IF NOT EXISTS quotes     Array(String) DEFAULT [] CODEC(ZSTD(3)),
    ADD COLUMN IF NOT EXISTS key        String DEFAULT '';

-- Alerts (schemas/alert.py): of several rows of one id the one with the highest revision counts. Few and read by few, so
-- the whole is kept as one JSON text beside what it is asked by; the id alone is the key, since all else may change.
CREATE TABLE IF NOT EXISTS alerts
(
    alert_id   String,
    revision   UInt64,
    state      LowCardinality(String),
    verdict    LowCardinality(String),
    severity   LowCardinality(String),
    family     LowCardinality(String),
    actor      String,
    human      String,
    session    String,
    suppressed String,
    part_of    String,
    fingerprint String,
    detections Array(LowCardinality(String)),
    first      DateTime64(6, 'UTC'),
    last       DateTime64(6, 'UTC'),
    at         DateTime64(6, 'UTC'),
    alert      String CODEC(ZSTD(3)),
    INDEX by_last last TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY alert_id
SETTINGS index_granularity = 256;

-- What is to be done about an alert, in the same way.
CREATE TABLE IF NOT EXISTS responses
(
    response_id String,
    revision    UInt64,
    alert_id    String,
    hook        LowCardinality(String),
    state       LowCardinality(String),
    at          DateTime64(6, 'UTC'),
    response    String CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY response_id
SETTINGS index_granularity = 256;

-- Every attempt to tell somebody of an alert. A row written twice is one.
CREATE TABLE IF NOT EXISTS deliveries
(
    destination LowCardinality(String),
    alert_id    String,
    revision    UInt64,
    key         String,
    attempt     UInt32,
    at          DateTime64(6, 'UTC'),
    outcome     LowCardinality(String),
    status      UInt16,
    latency     Float64,
    reason      String CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree
ORDER BY (alert_id, destination, at, attempt)
SETTINGS index_granularity = 1024;
