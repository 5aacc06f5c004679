-- What an event names, as keyed fingerprints (pipeline/normalize/mentions.py). They are kept: an event that comes again
-- because its credential was issued late must find its tool call as it would have at once.
ALTER TABLE entries ADD COLUMN IF NOT EXISTS mentions Array(UInt64) CODEC(ZSTD(1));
