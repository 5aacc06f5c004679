-- When a session ended, and until when the credentials that it used or was issued are good. An event that ends its session has
-- the attribute `session` = `ended` (pipeline/normalize/okta_system_log.py; canonical events may say so too).
ALTER TABLE sessions ADD COLUMN IF NOT EXISTS ended SimpleAggregateFunction(max, Nullable(DateTime64(6, 'UTC')));

ALTER TABLE arrivals ADD COLUMN IF NOT EXISTS ending UInt8 DEFAULT attributes['session'] = 'ended';

DROP VIEW IF EXISTS arrivals_to_sessions;

CREATE MATERIALIZED VIEW IF NOT EXISTS arrivals_to_sessions TO sessions AS
SELECT
    a.session AS name,
    min(a.time) AS first,
    max(a.time) AS last,
    max(if(a.ending, a.time, NULL)) AS ended,
    uniqState(a.pair) AS events,
    max((toUInt8(a.parent_session != ''), a.revision, a.time, a.parent_session)) AS parent,
    max((toUInt8(a.actor != ''), a.revision, a.time, a.actor)) AS actor,
    max((toUInt8(toString(a.actor_kind) != ''), a.revision, a.time, toString(a.actor_kind))) AS kind,
    max((toUInt8(a.human != ''), a.revision, a.time, a.human)) AS owner,
    groupUniqArrayArray(16)(if(a.actor = '', [], [a.actor])) AS actors,
    groupUniqArrayArray(16)(if(a.human = '', [], [a.human])) AS humans,
    groupUniqArrayArray(64)(if(a.tool = '', [], [toString(a.tool)])) AS tools,
    groupUniqArrayArray(64)(a.resources) AS resources,
    groupUniqArrayArray(64)(a.keys) AS credentials,
    uniqCombined64StateIf(14)(a.actor, a.actor != '') AS actor_set,
    uniqCombined64StateIf(14)(a.human, a.human != '') AS human_set,
    uniqCombined64StateIf(14)(toString(a.tool), a.tool != '') AS tool_set,
    uniqCombined64ArrayState(14)(a.resources) AS resource_set,
    uniqCombined64ArrayState(14)(a.keys) AS credential_set
FROM
(
    SELECT *, arrayFilter(one -> one != '', [credential, granted]) AS keys
    FROM arrivals
    WHERE session != '' AND NOT is_deleted
) AS a
GROUP BY name;
