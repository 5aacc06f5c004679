-- The inventory is told of the columns that it is made of, by whoever writes entries, straight into `arrivals`: reading a value
-- is what an insert spends most of its time on, and most values of a whole row are of no use here. Texts are read about a
-- tenth faster than LowCardinality; nothing is kept in `arrivals`. The table `noted` stays, unused: of two programs that start
-- at once, one may be at 0006 while the other is here.
DROP VIEW IF EXISTS noted_to_arrivals;

ALTER TABLE arrivals
    MODIFY COLUMN IF EXISTS kind String,
    MODIFY COLUMN IF EXISTS action String,
    MODIFY COLUMN IF EXISTS outcome String,
    MODIFY COLUMN IF EXISTS actor_kind String,
    MODIFY COLUMN IF EXISTS issued_kind String,
    MODIFY COLUMN IF EXISTS tool String;
