-- A page of the timeline reads few rows of every column, from granules that are far apart. A compressed block of 64 KB, as
-- it is unless said otherwise, holds dozens of granules of a narrow column, all of which are decompressed for one. Blocks
-- of a granule or a few: pages of scattered rows take a third of the time, the table grows by 5 %. Parts that are there
-- already become so when they are merged.
ALTER TABLE entries MODIFY SETTING min_compress_block_size = 4096;

-- Ids are hexadecimal digits, which LZ4 cannot make smaller and an entropy coder halves: 22 bytes a row instead of 35, and
-- neither writing nor merging takes longer, since there is less to write (docs/query.md, "What a pivot costs").
ALTER TABLE pivots MODIFY COLUMN IF EXISTS event_id String CODEC(ZSTD(1));
