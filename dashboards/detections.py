"""How good detections are, by what people said of their alerts."""

from __future__ import annotations

from dashboards.panels import SHARE, SPAN, Board, Choice, chosen, series, stat, table

_FINDINGS = f"/findings?{SPAN}"
_CLOSED = "/alerts?state=closed"
#: An alert counts for each of its detections. Those of a storm count as the one that stands for them.
_ALERTS = """
SELECT alert_id, toString(arrayJoin(detections)) AS detection, toString(verdict) AS verdict,
    toString(severity) AS severity, actor, last
FROM alerts FINAL
WHERE last >= $__fromTime AND first <= $__toTime AND suppressed = '' AND part_of = ''
"""
_OF = chosen("detection", "detection")
#: `benign` happened as it was told, and was allowed: a true finding that asks for an exception, and no false alarm.
_PRECISION = "countIf(verdict IN ('true', 'benign')) / countIf(verdict != '')"

BOARD = Board(
    "detections",
    "whodid / Detection quality",
    "What detections find, what people said of it, and how that changes.",
    {
        "Verdicts": (
            stat(
                "Which share of the judged alerts was no false alarm?",
                "Alerts with the verdict `true` or `benign` of all that have a verdict.",
                f"SELECT {_PRECISION} AS share FROM (SELECT DISTINCT alert_id, verdict FROM ({_ALERTS}) WHERE {_OF})",  # noqa: S608
                {"Closed alerts": _CLOSED},
                unit=SHARE,
            ),
            stat(
                "How many false alarms were there?",
                "Alerts that were closed with the verdict `false`.",
                f"SELECT uniqExact(alert_id) AS alerts FROM ({_ALERTS}) WHERE {_OF} AND verdict = 'false'",  # noqa: S608
                {"False alarms": "/alerts?state=closed&verdict=false"},
            ),
            stat(
                "How many alerts has nobody judged?",
                "Alerts without a verdict: what is said of precision is said without them.",
                f"SELECT uniqExact(alert_id) AS alerts FROM ({_ALERTS}) WHERE {_OF} AND verdict = ''",  # noqa: S608
                {"Open alerts": "/alerts?state=open"},
            ),
            stat(
                "Which share of the findings is nobody told of?",
                "Findings that an exception suppresses; suppressed too much, a detection is blind.",
                f"""
                SELECT countIf(suppressed != '') / count() AS share FROM findings FINAL
                WHERE $__timeFilter(time) AND {_OF}
                """,  # noqa: S608
                {"Suppressed too": "/findings?suppressed=true"},
                unit=SHARE,
            ),
            table(
                "How precise is each detection?",
                "Findings and alerts of each; precision is the share of judged alerts that were no false alarm.",
                f"""
                SELECT detection AS "Detection", found AS "Findings", silent AS "Suppressed", raised AS "Alerts",
                    yes AS "True", allowed AS "Benign", no AS "False",
                    if(yes + allowed + no = 0, NULL, (yes + allowed) / (yes + allowed + no)) AS "Precision"
                FROM
                (
                    SELECT toString(f.detection) AS detection, count() AS found, countIf(f.suppressed != '') AS silent
                    FROM findings AS f FINAL WHERE $__timeFilter(time) GROUP BY detection
                ) AS findings_of
                FULL JOIN
                (
                    SELECT detection, uniqExact(alert_id) AS raised, uniqExactIf(alert_id, verdict = 'true') AS yes,
                        uniqExactIf(alert_id, verdict = 'benign') AS allowed,
                        uniqExactIf(alert_id, verdict = 'false') AS no
                    FROM ({_ALERTS}) GROUP BY detection
                ) AS alerts_of USING detection
                WHERE {_OF} ORDER BY "Alerts" DESC, "Findings" DESC, "Detection"
                """,  # noqa: S608
                {"Detection": "/findings?detection={}"},
                units={"Precision": SHARE},
                width=24,
            ),
        ),
        "Over time": (
            series(
                "How does the precision of each detection change?",
                "By day of the alert's last event; a detection without a judged alert has no point on that day.",
                f"""
                SELECT toStartOfDay(last) AS moment, detection, {_PRECISION} AS share
                FROM ({_ALERTS}) WHERE {_OF} AND verdict != ''
                GROUP BY moment, detection ORDER BY moment, detection
                """,  # noqa: S608
                {"Closed alerts": _CLOSED},
                unit=SHARE,
            ),
            series(
                "What is found, how severe?",
                "Current findings per interval by severity, suppressed ones left out.",
                f"""
                SELECT $__timeInterval(time) AS moment, toString(severity) AS how, count() AS findings
                FROM findings FINAL WHERE $__timeFilter(time) AND suppressed = '' AND {_OF}
                GROUP BY moment, how ORDER BY moment, how
                """,  # noqa: S608
                {"Findings": _FINDINGS},
            ),
            series(
                "Which detections find more than they did?",
                "Current findings per interval by detection, suppressed ones too.",
                f"""
                SELECT $__timeInterval(time) AS moment, toString(detection) AS which, count() AS findings
                FROM findings FINAL WHERE $__timeFilter(time) AND {_OF}
                GROUP BY moment, which ORDER BY moment, which
                """,  # noqa: S608
                {"Findings": _FINDINGS},
            ),
            table(
                "How rare is what was found?",
                "Least and median p-value by detection: how often as much is seen where nothing is wrong.",
                f"""
                SELECT toString(detection) AS "Detection", count() AS "Findings", min(p_value) AS "Least",
                    quantile(0.5)(p_value) AS "Median", uniq(actor) AS "Identities",
                    argMax(toString(model), time) AS "Model"
                FROM findings FINAL WHERE $__timeFilter(time) AND {_OF}
                GROUP BY detection ORDER BY "Findings" DESC, "Detection"
                """,  # noqa: S608
                {"Detection": "/findings?detection={}"},
                units={"Least": SHARE, "Median": SHARE},
            ),
        ),
        "False alarms": (
            table(
                "Which alerts were false alarms?",
                "Closed as `false`, latest first: what an exception or another threshold would have kept silent.",
                f"""
                SELECT alert_id AS "Alert", any(severity) AS "Severity", any(actor) AS "Actor",
                    arrayStringConcat(arraySort(groupUniqArray(detection)), ', ') AS "Detections",
                    max(last) AS "Last event"
                FROM ({_ALERTS}) WHERE {_OF} AND verdict = 'false'
                GROUP BY alert_id ORDER BY "Last event" DESC, "Alert" LIMIT 100
                """,  # noqa: S608
                {"Alert": "/alerts/{}", "Actor": "/findings?actor={}"},
            ),
            table(
                "What is suppressed, and why?",
                "Findings that nobody is told of, by the reason that was given.",
                f"""
                SELECT suppressed AS "Why", toString(detection) AS "Detection", count() AS "Findings",
                    uniq(actor) AS "Identities", max(time) AS "Latest"
                FROM findings FINAL WHERE $__timeFilter(time) AND suppressed != '' AND {_OF}
                GROUP BY suppressed, detection ORDER BY "Findings" DESC, "Why" LIMIT 100
                """,  # noqa: S608
                {"Detection": "/findings?suppressed=true&detection={}"},
            ),
        ),
    },
    (
        Choice(
            "detection",
            "Detection",
            "SELECT DISTINCT toString(detection) AS name FROM findings FINAL WHERE $__timeFilter(time) ORDER BY name",
        ),
    ),
)
