-- Names that an analyst says are one identity's (docs/decisions/0009-names-of-one-identity.md). Applied when somebody reads:
-- no row of the timeline is rewritten. The latest row of a name counts; the earlier ones stay, to tell who merged and split
-- what, and when. A name whose identity is itself stands alone: no rule applies to it.
CREATE TABLE IF NOT EXISTS aliases
(
    name       String,
    identity   String,
    reason     String,
    `by`       String,
    at         DateTime64(6, 'UTC'),
    is_deleted UInt8 DEFAULT 0
)
ENGINE = ReplacingMergeTree
ORDER BY (name, at);
