"""What needs attention now: volumes, failures, alerts, sources."""

from __future__ import annotations

from dashboards.panels import SHARE, SPAN, Board, series, stat, table

_ALERTS = "/alerts?state=open"
_FINDINGS = f"/findings?{SPAN}"

BOARD = Board(
    "overview",
    "whodid / Overview",
    "What happened, what needs somebody, and from whom it was heard.",
    {
        "Now": (
            stat(
                "How many events happened?",
                "Current entries of the timeline within this time; an event that was heard twice is one.",
                "SELECT count() AS events FROM entries FINAL WHERE $__timeFilter(time)",
                {"The timeline": "/"},
            ),
            stat(
                "How many identities acted?",
                "Distinct actors of these events, to about a percent.",
                "SELECT uniq(actor) AS identities FROM entries FINAL WHERE $__timeFilter(time) AND actor != ''",
                {"Identities": "/inventory?of=identities"},
            ),
            stat(
                "How many alerts wait for somebody?",
                "Alerts that are open, were sent to somebody, and have events in this time.",
                """
                SELECT count() AS alerts FROM alerts FINAL
                WHERE last >= $__fromTime AND first <= $__toTime
                  AND state = 'open' AND suppressed = '' AND part_of = ''
                """,
                {"Open alerts": _ALERTS},
            ),
            stat(
                "Which share is bound to nothing?",
                "Events for which neither a credential nor a session could be found; `whodid coverage` says which log "
                "is missing.",
                "SELECT countIf(unbound != '') / count() AS share FROM entries FINAL WHERE $__timeFilter(time)",
                {"Coverage": "/v1/coverage"},
                unit=SHARE,
            ),
        ),
        "Volumes": (
            series(
                "What is happening, by kind of event?",
                "Events per interval: prompts, tool calls, issuances of credentials, calls to clouds.",
                """
                SELECT $__timeInterval(time) AS moment, toString(kind) AS what, count() AS events
                FROM entries FINAL WHERE $__timeFilter(time)
                GROUP BY moment, what ORDER BY moment, what
                """,
                {"The timeline": "/"},
            ),
            series(
                "Is more refused or failing than usual?",
                "Share of all events per interval whose outcome is `denied` or `failure`.",
                """
                SELECT $__timeInterval(time) AS moment, countIf(outcome = 'denied') / count() AS denied,
                    countIf(outcome = 'failure') / count() AS failed
                FROM entries FINAL WHERE $__timeFilter(time)
                GROUP BY moment ORDER BY moment
                """,
                {"Findings": _FINDINGS},
                unit=SHARE,
            ),
        ),
        "Attention": (
            table(
                "Which alerts need somebody?",
                "Open and acknowledged alerts with events in this time, the most severe and the latest first.",
                """
                SELECT alert_id AS "Alert", toString(severity) AS "Severity", toString(state) AS "State",
                    actor AS "Actor", human AS "For whom", arrayStringConcat(detections, ', ') AS "Detections",
                    last AS "Last event"
                FROM alerts FINAL
                WHERE last >= $__fromTime AND first <= $__toTime
                  AND state != 'closed' AND suppressed = '' AND part_of = ''
                ORDER BY indexOf(['critical', 'high', 'medium', 'low'], "Severity"), "Last event" DESC LIMIT 100
                """,
                {"Alert": "/alerts/{}", "Actor": "/identities/{}", "For whom": "/identities/{}"},
                width=24,
            ),
            table(
                "Whose doings were found unusual most often?",
                "Current findings by actor, those that nobody is to be told of left out.",
                """
                SELECT actor AS "Actor", count() AS "Findings", countIf(severity IN ('high', 'critical')) AS "Severe",
                    arrayStringConcat(arraySort(groupUniqArray(toString(detection))), ', ') AS "Detections"
                FROM findings FINAL
                WHERE $__timeFilter(time) AND suppressed = ''
                GROUP BY actor ORDER BY "Severe" DESC, "Findings" DESC, "Actor" LIMIT 50
                """,
                {"Actor": "/findings?actor={}"},
            ),
            table(
                "Which sources were heard, and when last?",
                "Native formats with the number of their events, the share that is bound to nothing, and their latest "
                "event.",
                """
                SELECT toString(format) AS "Source", count() AS "Events",
                    countIf(unbound != '') / count() AS "Not bound", max(time) AS "Last event"
                FROM entries FINAL WHERE $__timeFilter(time)
                GROUP BY format ORDER BY "Events" DESC
                """,
                {"Source": "/v1/coverage"},
                units={"Not bound": SHARE},
            ),
        ),
    },
)
