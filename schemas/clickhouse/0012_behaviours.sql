-- How identities worked, day by day (schemas/behaviour.py). A day is written several times while it goes on; the row with the
-- latest time counts.
CREATE TABLE IF NOT EXISTS behaviours
(
    identity      String,
    day           Date32,
    time          UInt64,
    declared      LowCardinality(String),
    human         Float64,
    agent         Float64,
    script        Float64,
    before_human  Float64,
    before_agent  Float64,
    before_script Float64,
    days          UInt32,
    model         LowCardinality(String)
)
ENGINE = ReplacingMergeTree(time)
ORDER BY (identity, day)
SETTINGS index_granularity = 1024;
