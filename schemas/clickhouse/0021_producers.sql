-- Who vouches for an event: the producer that signed its record, or the one that the broker lets write to its topic; empty
-- when nobody does (docs/producers.md).
ALTER TABLE entries ADD COLUMN IF NOT EXISTS producer LowCardinality(String);
