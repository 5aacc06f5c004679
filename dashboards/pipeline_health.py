"""Whether everything arrives, is understood, is linked, is told and is proved.

What Kafka alone knows, how far each stage is behind, is in `whodid status` and `/v1/status`, and not in the store.
"""

from __future__ import annotations

from dashboards.panels import MILLISECONDS, SECONDS, SHARE, Board, series, stat, table

_STATUS = "/v1/status"
_LETTERS = "/v1/dead-letters"
_COVERAGE = "/v1/coverage"
#: Signed heads of the evidence log are made by the writer's clock every ten seconds in which something was written.
_HEADS = "SELECT toString(log) AS log, time, size FROM tree_heads FINAL WHERE $__timeFilter(time)"

BOARD = Board(
    "pipeline-health",
    "whodid / Pipeline health",
    "Whether everything arrives, is understood, is linked, is told and is proved. Consumer lag is at /v1/status.",
    {
        "Now": (
            stat(
                "How old is the newest event?",
                "From the latest event in this time to its end. If it grows, sources are silent or the pipeline is "
                "behind: /v1/status tells which.",
                "SELECT dateDiff('second', max(time), $__toTime) AS age FROM entries WHERE $__timeFilter(time)",
                {"Status": _STATUS},
                unit=SECONDS,
            ),
            stat(
                "How many records could not be processed?",
                "Dead letters that were made in this time; none is lost, each can be replayed.",
                "SELECT count() AS letters FROM dead_letters FINAL WHERE $__timeFilter(time)",
                {"Dead letters": _LETTERS},
            ),
            stat(
                "Which share of rows did later knowledge revise?",
                "Current entries that are not of the first revision: what was late, or linked by what came later.",
                "SELECT countIf(revision > 0) / count() AS share FROM entries FINAL WHERE $__timeFilter(time)",
                {"Status": _STATUS},
                unit=SHARE,
            ),
            stat(
                "How old is the newest signed head?",
                "From the latest head of the evidence log in this time to the end of this time (docs/evidence.md).",
                f"SELECT dateDiff('second', max(time), $__toTime) AS age FROM ({_HEADS})",  # noqa: S608
                {"Heads": "/v1/evidence/heads"},
                unit=SECONDS,
            ),
        ),
        "Heard and linked": (
            series(
                "How much does each source send?",
                "Current events per interval by native format; a line that ends is a source that is silent.",
                """
                SELECT $__timeInterval(time) AS moment, toString(format) AS source, count() AS events
                FROM entries FINAL WHERE $__timeFilter(time)
                GROUP BY moment, source ORDER BY moment, source
                """,
                {"Coverage": _COVERAGE},
            ),
            series(
                "How is the actor of an event known?",
                "Current events per interval by the method of the link that names the actor.",
                """
                SELECT $__timeInterval(time) AS moment, if(link = '', 'none', toString(link)) AS method,
                    count() AS events
                FROM entries FINAL WHERE $__timeFilter(time)
                GROUP BY moment, method ORDER BY moment, method
                """,
                {"Coverage": _COVERAGE},
            ),
            series(
                "Why are events bound to nothing?",
                "Share of all events per interval by the reason why no credential or session could be bound.",
                """
                SELECT moment, why, events / everything AS share FROM
                (
                    SELECT $__timeInterval(time) AS moment, toString(unbound) AS why, count() AS events,
                        sum(count()) OVER (PARTITION BY moment) AS everything
                    FROM entries FINAL WHERE $__timeFilter(time) GROUP BY moment, why
                )
                WHERE why != '' ORDER BY moment, why
                """,
                {"Coverage": _COVERAGE},
                unit=SHARE,
            ),
            table(
                "Which sources are linked worst?",
                "Native formats by the share of their events that is bound to nothing.",
                """
                SELECT toString(format) AS "Source", count() AS "Events", countIf(unbound != '') AS "Not bound",
                    countIf(unbound != '') / count() AS "Share",
                    topKIf(1)(toString(unbound), unbound != '')[1] AS "Mostly",
                    round(avg(confidence), 3) AS "How sure of the actor", max(time) AS "Last event"
                FROM entries FINAL WHERE $__timeFilter(time)
                GROUP BY format ORDER BY "Share" DESC, "Source"
                """,
                {"Source": _COVERAGE},
                units={"Share": SHARE, "How sure of the actor": SHARE},
            ),
        ),
        "Not understood": (
            series(
                "When could records not be processed?",
                "Dead letters per interval by the stage that refused them.",
                """
                SELECT $__timeInterval(time) AS moment, toString(stage) AS which, count() AS letters
                FROM dead_letters FINAL WHERE $__timeFilter(time)
                GROUP BY moment, which ORDER BY moment, which
                """,
                {"Dead letters": _LETTERS},
            ),
            table(
                "Why could records not be processed?",
                "Dead letters by stage, format and reason; `whodid dead-letters replay` sends them again.",
                """
                SELECT toString(stage) AS "Stage", toString(format) AS "Format", reason AS "Reason",
                    count() AS "Records", max(time) AS "Latest", argMax(rejected_id, time) AS "One of them"
                FROM dead_letters FINAL WHERE $__timeFilter(time)
                GROUP BY stage, format, reason ORDER BY "Records" DESC, "Reason" LIMIT 100
                """,
                {"One of them": "/v1/dead-letters/{}"},
            ),
        ),
        "Told and proved": (
            table(
                "Do destinations take what they are told?",
                "Attempts by destination: what came of them, and how long an answer took.",
                """
                SELECT toString(destination) AS "Destination", countIf(outcome = 'delivered') AS "Delivered",
                    countIf(outcome = 'retry') AS "To be retried",
                    countIf(outcome IN ('refused', 'expired')) AS "Given up",
                    quantile(0.5)(latency) AS "Median", quantile(0.99)(latency) AS "99 of 100", max(at) AS "Latest",
                    argMax(alert_id, at) AS "Latest alert"
                FROM deliveries FINAL WHERE $__timeFilter(at)
                GROUP BY destination ORDER BY "Given up" DESC, "To be retried" DESC, "Destination"
                """,
                {"Latest alert": "/alerts/{}"},
                units={"Median": MILLISECONDS, "99 of 100": MILLISECONDS},
                width=24,
            ),
            series(
                "How long does a destination take to answer?",
                "99 of 100 attempts per interval are faster.",
                """
                SELECT $__timeInterval(at) AS moment, toString(destination) AS whom, quantile(0.99)(latency) AS latency
                FROM deliveries FINAL WHERE $__timeFilter(at)
                GROUP BY moment, whom ORDER BY moment, whom
                """,
                {"Attempts": "/v1/deliveries"},
                unit=MILLISECONDS,
            ),
            series(
                "How fast is what arrives written and signed?",
                "Rows and raw records that the evidence log grew by between signed heads, by the writer's clock.",
                f"""
                SELECT $__timeInterval(time) AS moment, log, sum(grown) AS leaves FROM
                (
                    SELECT log, time, size - lagInFrame(size, 1, 0) OVER
                        (PARTITION BY log ORDER BY time ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS grown
                    FROM ({_HEADS})
                )
                GROUP BY moment, log ORDER BY moment, log
                """,  # noqa: S608
                {"Heads": "/v1/evidence/heads"},
            ),
        ),
    },
)
