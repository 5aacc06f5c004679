-- The inventory is no longer filled by every block of the timeline: each block costs its views about 100 ms whatever is in
-- it. Who writes entries writes the same rows here too, several blocks at once (pipeline/store/client.py). Nothing stays.
DROP VIEW IF EXISTS entries_to_arrivals;

CREATE TABLE IF NOT EXISTS noted AS entries ENGINE = Null;

CREATE MATERIALIZED VIEW IF NOT EXISTS noted_to_arrivals TO arrivals AS
SELECT
    event_id, time, revision, is_deleted, kind, action, outcome, actor, actor_kind, actor_name, human, session, parent_session,
    credential, issued, issued_kind, issued_expires, issued_subject, tool, resources, address, attributes
FROM noted;
