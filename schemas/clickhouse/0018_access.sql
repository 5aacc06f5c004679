-- Who may use the desk (docs/access.md). A key itself is nowhere: what is kept is its SHA-256. Of several rows of one key or
-- session the one with the highest revision counts.
CREATE TABLE IF NOT EXISTS access_keys
(
    key_id     String,
    revision   UInt64,
    digest     String,
    name       String,
    role       LowCardinality(String),
    scopes     Array(LowCardinality(String)),
    content    UInt8,
    made       DateTime64(6, 'UTC'),
    made_by    String,
    expires    DateTime64(6, 'UTC'),
    revoked    DateTime64(6, 'UTC'),
    revoked_by String
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY key_id
SETTINGS index_granularity = 256;

-- When a key was used last, a row a minute at most, and from where.
CREATE TABLE IF NOT EXISTS access_uses
(
    key_id  String,
    at      DateTime64(6, 'UTC'),
    address String
)
ENGINE = ReplacingMergeTree(at)
ORDER BY key_id
SETTINGS index_granularity = 256;

-- Sessions of browsers. One that has ended, by logout or by its time, opens nothing.
CREATE TABLE IF NOT EXISTS access_sessions
(
    session_id String,
    revision   UInt64,
    name       String,
    role       LowCardinality(String),
    scopes     Array(LowCardinality(String)),
    content    UInt8,
    via        LowCardinality(String),
    key_id     String,
    made       DateTime64(6, 'UTC'),
    expires    DateTime64(6, 'UTC'),
    ended      UInt8
)
ENGINE = ReplacingMergeTree(revision)
ORDER BY session_id
SETTINGS index_granularity = 256;

-- Who came in, who did not and why, who left, and which keys were made and revoked.
CREATE TABLE IF NOT EXISTS logins
(
    login_id String,
    at       DateTime64(6, 'UTC'),
    what     LowCardinality(String),
    outcome  LowCardinality(String),
    name     String,
    via      LowCardinality(String),
    address  String,
    about    String,
    reason   String
)
ENGINE = ReplacingMergeTree
ORDER BY (at, login_id)
SETTINGS index_granularity = 1024;

-- Who read whose prompts, arguments, results, errors or raw records. An answer that has any is not given before its row is
-- here; a page is one row.
CREATE TABLE IF NOT EXISTS reads
(
    read_id  String,
    at       DateTime64(6, 'UTC'),
    name     String,
    role     LowCardinality(String),
    via      LowCardinality(String),
    key_id   String,
    session  String,
    address  String,
    route    LowCardinality(String),
    query    String CODEC(ZSTD(3)),
    content  LowCardinality(String),
    amount   UInt64,
    events   Array(String) CODEC(ZSTD(3)),
    subjects Array(String) CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree
ORDER BY (at, read_id)
SETTINGS index_granularity = 256;
