"""Who and what acts, of which kind, and how it works."""

from __future__ import annotations

from dashboards.panels import SHARE, Board, Choice, chosen, series, stat, table
from pipeline.store.kinds import IDENTITY_KIND, IDENTITY_OBSERVED, IDENTITY_REASON

_ACTOR = "/identities/{}"
_WHO = chosen("identity", "actor", "human")
#: Of a name, over all that is known of it; seen within the time that is shown.
_KNOWN = """
SELECT class, name, max(i.kind).4 AS declared, groupBitOr(i.acts) AS acts, max(i.owner).4 AS said_owner,
    min(i.first) AS since, max(i.last) AS at
FROM identities AS i WHERE class = 'actor' GROUP BY class, name
HAVING at >= $__fromTime AND since <= $__toTime
"""

BOARD = Board(
    "identities",
    "whodid / Identities",
    "Who and what acts, of which kind that is and how we know, and how the work of each looks.",
    {
        "Who": (
            stat(
                "How many were seen for the first time?",
                "Identities whose first event of all lies within this time.",
                f"SELECT countIf(since >= $__fromTime) AS fresh FROM ({_KNOWN})",  # noqa: S608
                {"Identities": "/inventory?of=identities"},
            ),
            stat(
                "How many are of no known kind?",
                "Identities of which neither a source nor a rule says what they are.",
                f"SELECT countIf({IDENTITY_KIND} = '') AS unknown FROM ({_KNOWN})",  # noqa: S608
                {"Identities": "/inventory?of=identities"},
            ),
            stat(
                "How many are not what they say?",
                "Identities that a source declares of one kind and that act like another.",
                f"""
                SELECT countIf(declared != '' AND observed != '' AND declared != observed) AS disagreeing
                FROM (SELECT *, {IDENTITY_OBSERVED} AS observed FROM ({_KNOWN}))
                """,  # noqa: S608
                {"Identities": "/inventory?of=identities"},
            ),
            stat(
                "How many people are acted for?",
                "Distinct people on whose behalf somebody or something else acted.",
                """
                SELECT uniq(human) AS people FROM entries FINAL
                WHERE $__timeFilter(time) AND human != '' AND human != actor
                """,
                {"People": "/inventory?of=identities&kind=human"},
            ),
            series(
                "Which kinds of identities act?",
                "Distinct actors per interval by the kind that their events state.",
                """
                SELECT $__timeInterval(time) AS moment, if(actor_kind = '', 'not stated', toString(actor_kind)) AS kind,
                    uniq(actor) AS identities
                FROM entries FINAL WHERE $__timeFilter(time) AND actor != ''
                GROUP BY moment, kind ORDER BY moment, kind
                """,
                {"Identities": "/inventory?of=identities"},
            ),
            series(
                "When does the identity act?",
                "Events per interval of the identity chosen above (as actor, or as the person acted for), by kind.",
                f"""
                SELECT $__timeInterval(time) AS moment, toString(kind) AS what, count() AS events
                FROM entries FINAL WHERE $__timeFilter(time) AND {_WHO}
                GROUP BY moment, what ORDER BY moment, what
                """,  # noqa: S608
                {"Its timeline": "/timeline?q=actor%3A%22${identity:percentencode}%22"},
            ),
        ),
        "What they are and do": (
            table(
                "What is each identity, and how do we know?",
                "Kind by what a source states, else by the first rule that holds; latest first.",
                f"""
                SELECT name AS "Identity", {IDENTITY_KIND} AS "Kind", {IDENTITY_REASON} AS "How we know",
                    said_owner AS "For whom", since AS "First seen", at AS "Last seen"
                FROM ({_KNOWN}) WHERE {chosen("identity", "name")} ORDER BY at DESC LIMIT 200
                """,  # noqa: S608
                {"Identity": _ACTOR, "For whom": "/identities/{}"},
                width=24,
            ),
            table(
                "Who acts most, with how many credentials and from where?",
                "Current events by actor: sessions, credentials and addresses are distinct ones.",
                f"""
                SELECT actor AS "Identity", count() AS "Events", uniqIf(session, session != '') AS "Sessions",
                    uniqIf(credential, credential != '') AS "Credentials",
                    uniqIf(address, address != '') AS "Addresses",
                    countIf(outcome IN ('denied', 'failure')) / count() AS "Refused or failed"
                FROM entries FINAL WHERE $__timeFilter(time) AND actor != '' AND {_WHO}
                GROUP BY actor ORDER BY "Events" DESC, "Identity" LIMIT 100
                """,  # noqa: S608
                {"Identity": _ACTOR},
                units={"Refused or failed": SHARE},
            ),
            table(
                "What does the identity do?",
                "Actions of the identity that is chosen above, most frequent first.",
                f"""
                SELECT toString(action) AS "Action", count() AS "Events", uniq(actor) AS "Identities",
                    max(time) AS "Last", argMax(event_id, time) AS "Latest event"
                FROM entries FINAL WHERE $__timeFilter(time) AND {_WHO}
                GROUP BY action ORDER BY "Events" DESC, "Action" LIMIT 100
                """,  # noqa: S608
                {"Latest event": "/v1/events/{}"},
            ),
            table(
                "Does a person, an agent or a script seem to be at work?",
                "By the shape of its work in time, where that was seen most surely on each day (docs/detections.md).",
                f"""
                SELECT identity AS "Identity", day AS "Day", toString(declared) AS "Declared", human AS "Person",
                    agent AS "Agent", script AS "Script", days AS "Days before"
                FROM behaviours FINAL
                WHERE $__dateFilter(day) AND {chosen("identity", "identity")}
                ORDER BY day DESC, identity LIMIT 200
                """,  # noqa: S608
                {"Identity": _ACTOR},
                units={"Person": SHARE, "Agent": SHARE, "Script": SHARE},
                width=24,
            ),
        ),
    },
    (
        Choice(
            "identity",
            "Identity",
            """
            SELECT actor FROM entries FINAL WHERE $__timeFilter(time) AND actor != ''
            GROUP BY actor ORDER BY count() DESC, actor LIMIT 500
            """,
        ),
    ),
)
