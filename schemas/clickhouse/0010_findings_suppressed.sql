-- Why nobody is to be told of a finding (schemas/finding.py); it is kept, and shown to who asks for it.
ALTER TABLE findings ADD COLUMN IF NOT EXISTS suppressed String DEFAULT '' CODEC(ZSTD(3));
