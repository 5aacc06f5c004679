-- A row begins with the event as it was packed in the pipeline, value by value (pipeline/store/columns.py), so the table
-- takes an event's fingerprints too. They serve correlation only: EPHEMERAL columns are accepted and not kept.
ALTER TABLE entries ADD COLUMN IF NOT EXISTS tokens Array(UInt64) EPHEMERAL;
ALTER TABLE entries ADD COLUMN IF NOT EXISTS argument_tokens Array(Array(UInt64)) EPHEMERAL;
