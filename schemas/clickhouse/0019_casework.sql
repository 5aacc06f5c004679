-- What people make of the timeline: cases that they work on, notes and pinned entries, views that they keep
-- (pipeline/store/casework.py). Every change is a row and stays: of several rows of one id the one with the highest revision counts.

CREATE TABLE IF NOT EXISTS cases
(
    case_id  String,
    revision UInt64,
    title    String,
    clue     String,
    kind     LowCardinality(String),
    state    LowCardinality(String),
    owner    String,
    `by`     String,
    at       DateTime64(6, 'UTC'),
    opened   DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (case_id, revision)
SETTINGS index_granularity = 256;

-- A note is about something (`case`, `identity`, `credential`, `session`, and its name). With an event it is a pin.
CREATE TABLE IF NOT EXISTS notes
(
    about    LowCardinality(String),
    name     String,
    note_id  String,
    revision UInt64,
    removed  UInt8,
    event_id String,
    text     String CODEC(ZSTD(3)),
    `by`     String,
    at       DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (about, name, note_id, revision)
SETTINGS index_granularity = 256;

CREATE TABLE IF NOT EXISTS views
(
    name     String,
    revision UInt64,
    removed  UInt8,
    query    String,
    `by`     String,
    at       DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (name, revision)
SETTINGS index_granularity = 256;
