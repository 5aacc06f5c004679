-- A resource is a clue that somebody has, and it has no pivot: every row names several. A filter per granule leaves those
-- granules to be read in which the resource may be. Rows that are there already get it when their parts are merged, or
-- at once by the second statement.
ALTER TABLE entries ADD INDEX IF NOT EXISTS by_resource resources TYPE bloom_filter(0.01) GRANULARITY 1;

ALTER TABLE entries MATERIALIZE INDEX IF EXISTS by_resource;
