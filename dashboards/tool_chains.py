"""What agents call, what comes of it, and in which order."""

from __future__ import annotations

from dashboards.panels import SHARE, Board, Choice, chosen, series, stat, table

_SESSION = "/sessions/{}"
_AGENT = chosen("agent", "actor")
#: A call that is reported at its start and at its end is one.
_CALLS = f"""
SELECT time, event_id, session, actor, toString(tool) AS tool, outcome
FROM entries FINAL WHERE $__timeFilter(time) AND kind = 'tool_call' AND tool != '' AND phase != 'end' AND {_AGENT}
"""  # noqa: S608

BOARD = Board(
    "tool-chains",
    "whodid / Tool chains",
    "Which tools agents call, in which order, and what that does in clouds.",
    {
        "Calls": (
            stat(
                "How many tool calls were there?",
                "Calls of tools by the agents chosen above; start and end of one call are one.",
                f"SELECT count() AS calls FROM ({_CALLS})",  # noqa: S608
                {"Sessions": "/inventory?of=sessions"},
            ),
            stat(
                "In how many sessions?",
                "Distinct sessions of these calls.",
                f"SELECT uniq(session) AS sessions FROM ({_CALLS}) WHERE session != ''",  # noqa: S608
                {"Sessions": "/inventory?of=sessions"},
            ),
            stat(
                "Which share of agents' cloud calls no tool call explains?",
                "Events of clouds whose actor is an agent and to which no tool call was found: it acted past its "
                "tools, or their log is missing.",
                f"""
                SELECT countIf(tool_call_event = '') / count() AS share FROM entries FINAL
                WHERE $__timeFilter(time) AND kind = 'cloud_audit' AND actor_kind = 'agent' AND {_AGENT}
                """,  # noqa: S608
                {"Findings of it": "/findings?detection=action-without-tool-call"},
                unit=SHARE,
            ),
            stat(
                "Which share of calls no prompt explains?",
                "Tool calls in whose session no prompt was seen before them.",
                f"""
                SELECT countIf(prompt_event = '') / count() AS share FROM entries FINAL
                WHERE $__timeFilter(time) AND kind = 'tool_call' AND {_AGENT}
                """,  # noqa: S608
                {"Sessions": "/inventory?of=sessions"},
                unit=SHARE,
            ),
            series(
                "Which tools are called when?",
                "Calls per interval of the ten tools that are called most.",
                f"""
                WITH called AS ({_CALLS})
                SELECT $__timeInterval(time) AS moment, tool, count() AS calls FROM called
                WHERE tool IN (SELECT tool FROM called GROUP BY tool ORDER BY count() DESC, tool LIMIT 10)
                GROUP BY moment, tool ORDER BY moment, tool
                """,  # noqa: S608
                {"Sessions": "/inventory?of=sessions"},
            ),
            table(
                "Which tools fail?",
                "Calls by tool, and the share whose outcome is `denied` or `failure`.",
                f"""
                SELECT toString(tool) AS "Tool", uniq(event_id) AS "Events", uniq(session) AS "Sessions",
                    uniq(actor) AS "Agents", countIf(outcome IN ('denied', 'failure')) / count() AS "Refused or failed",
                    argMax(session, time) AS "Latest session"
                FROM entries FINAL
                WHERE $__timeFilter(time) AND kind = 'tool_call' AND tool != '' AND {_AGENT}
                GROUP BY tool ORDER BY "Events" DESC, "Tool" LIMIT 100
                """,  # noqa: S608
                {"Latest session": _SESSION},
                units={"Refused or failed": SHARE},
            ),
        ),
        "Chains": (
            table(
                "Which tool follows which?",
                "Neighbouring calls of one session, most frequent first; a rare pair is worth a look.",
                f"""
                SELECT before AS "Tool", tool AS "Then", count() AS "Times", uniq(session) AS "Sessions",
                    argMax(session, time) AS "Latest session"
                FROM
                (
                    SELECT session, tool, time, lagInFrame(tool) OVER (PARTITION BY session ORDER BY time, event_id
                        ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS before
                    FROM ({_CALLS}) WHERE session != ''
                )
                WHERE before != '' GROUP BY before, tool ORDER BY "Times" DESC, "Tool", "Then" LIMIT 100
                """,  # noqa: S608
                {"Latest session": _SESSION},
            ),
            table(
                "What do tools do in clouds?",
                "Events of clouds by the tool whose call caused them; a link less likely than not does not count.",
                f"""
                SELECT tool AS "Tool", toString(action) AS "Cloud action", count() AS "Events",
                    round(avg(confidence), 2) AS "How sure", argMax(session, time) AS "Latest session"
                FROM
                (
                    SELECT time, action, confidence, session, tool_call_event FROM entries FINAL
                    WHERE $__timeFilter(time) AND kind IN ('cloud_audit', 'token_issuance') AND tool_call_event != ''
                      AND {_AGENT}
                ) AS done
                INNER JOIN
                (
                    SELECT event_id, toString(tool) AS tool FROM entries FINAL
                    WHERE $__timeFilter(time) AND kind = 'tool_call'
                ) AS called ON called.event_id = done.tool_call_event
                GROUP BY tool, action ORDER BY "Events" DESC, "Tool", "Cloud action" LIMIT 100
                """,  # noqa: S608
                {"Latest session": _SESSION},
                units={"How sure": SHARE},
            ),
            table(
                "Which sessions called the most tools?",
                "Sessions by calls, with the tools in the order in which they were first called.",
                f"""
                SELECT session AS "Session", any(actor) AS "Agent", count() AS "Calls", uniq(tool) AS "Tools",
                    arrayStringConcat(arraySlice(arrayDistinct(
                        arrayMap(one -> one.2, arraySort(groupArray((time, tool))))), 1, 12), ' → ') AS "Chain",
                    min(time) AS "First call"
                FROM ({_CALLS}) WHERE session != ''
                GROUP BY session ORDER BY "Calls" DESC, "Session" LIMIT 100
                """,  # noqa: S608
                {"Session": _SESSION, "Agent": "/identities/{}"},
                width=24,
            ),
        ),
    },
    (
        Choice(
            "agent",
            "Agent",
            """
            SELECT actor FROM entries FINAL WHERE $__timeFilter(time) AND kind = 'tool_call' AND actor != ''
            GROUP BY actor ORDER BY count() DESC, actor LIMIT 500
            """,
        ),
    ),
)
