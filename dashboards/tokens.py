"""Credentials: how they came to be, how they are used, and which ought to be dead."""

from __future__ import annotations

from dashboards.panels import SECONDS, SHARE, Board, Choice, chosen, series, stat, table
from pipeline.store.kinds import CREDENTIAL_KIND

_CREDENTIAL = "/credentials/{}"
#: Of a credential, over all that is known of it; seen within the time that is shown.
_KNOWN = f"""
SELECT *, {CREDENTIAL_KIND} AS kind, expires > 0 AND fromUnixTimestamp64Micro(expires, 'UTC') < $__toTime AS expired,
    revoked IS NOT NULL AND revoked <= $__toTime AS dead FROM
(
    SELECT name, max(i.issued_kind).4 AS issued_kind, max(i.expires) AS expires, min(i.issued_at) AS issued,
        max(i.issuer).4 AS issued_by, max(i.actor).4 AS used_by, max(i.owner).4 AS used_for, uniqMerge(i.uses) AS used,
        uniqCombined64Merge(14)(i.address_set) AS from_addresses, min(i.revoked_at) AS revoked, min(i.first) AS since,
        max(i.last) AS at
    FROM credentials AS i GROUP BY name HAVING at >= $__fromTime AND since <= $__toTime
)
"""  # noqa: S608
_STATE = "multiIf(dead, 'revoked', expired, 'expired', kind = 'standing', 'standing', 'alive')"

BOARD = Board(
    "tokens",
    "whodid / Tokens",
    "Credentials: issued by whom, used by whom and from where, expired, revoked, and used all the same.",
    {
        "Now": (
            stat(
                "How many credentials were in use?",
                "Credentials with an event within this time; an issuance and a revocation are events, too.",
                f"SELECT count() AS credentials FROM ({_KNOWN})",  # noqa: S608
                {"Credentials": "/inventory?of=credentials"},
            ),
            stat(
                "How many of them never expire?",
                "Standing keys: of long life by the way in which they were issued, or by their name.",
                f"SELECT countIf(kind = 'standing') AS standing FROM ({_KNOWN})",  # noqa: S608
                {"Standing keys": "/inventory?of=credentials&kind=standing"},
            ),
            stat(
                "Which share was never seen issued?",
                "Credentials that were used, and of whose issuance no log tells.",
                f"SELECT countIf(issued IS NULL AND used > 0) / countIf(used > 0) AS share FROM ({_KNOWN})",  # noqa: S608
                {"Coverage": "/v1/coverage"},
                unit=SHARE,
            ),
            stat(
                "How often was a dead credential used?",
                "Events with a credential that had expired, or was revoked, by then.",
                """
                SELECT countIf((credential_expires > 0 AND toUnixTimestamp64Micro(time) > credential_expires)
                    OR (credential_revoked > 0 AND toUnixTimestamp64Micro(time) > credential_revoked)) AS uses
                FROM entries FINAL WHERE $__timeFilter(time)
                """,
                {"Findings of it": "/findings?detection=token-after-expiry"},
            ),
        ),
        "Issuance and use": (
            series(
                "How many credentials are issued, of which sort?",
                "Successful issuances per interval.",
                """
                SELECT $__timeInterval(time) AS moment,
                    if(issued_kind = '', 'not stated', toString(issued_kind)) AS sort,
                    count() AS issuances
                FROM entries FINAL WHERE $__timeFilter(time) AND issued != '' AND outcome NOT IN ('failure', 'denied')
                GROUP BY moment, sort ORDER BY moment, sort
                """,
                {"Credentials": "/inventory?of=credentials"},
            ),
            table(
                "For how long are credentials issued?",
                "Lives from issuance to stated expiry, by sort: median, 95 of 100, longest.",
                """
                SELECT if(issued_kind = '', 'not stated', toString(issued_kind)) AS "Sort", count() AS "Issued",
                    quantile(0.5)(life) AS "Median", quantile(0.95)(life) AS "95 of 100", max(life) AS "Longest",
                    argMax(issued, life) AS "Longest lived"
                FROM
                (
                    SELECT issued_kind, issued, (issued_expires - toUnixTimestamp64Micro(time)) / 1e6 AS life
                    FROM entries FINAL WHERE $__timeFilter(time) AND issued != '' AND issued_expires > 0
                )
                GROUP BY issued_kind ORDER BY "Issued" DESC
                """,
                {"Longest lived": _CREDENTIAL},
                units={"Median": SECONDS, "95 of 100": SECONDS, "Longest": SECONDS},
            ),
            table(
                "What became of each credential?",
                "Credentials with events in this time, latest first; `alive` means that no log says otherwise.",
                f"""
                SELECT name AS "Credential", kind AS "Kind", {_STATE} AS "State", issued_by AS "Issued by",
                    used_by AS "Used by", used_for AS "For whom", used AS "Uses", from_addresses AS "Addresses",
                    issued AS "Issued", revoked AS "Revoked", at AS "Last seen"
                FROM ({_KNOWN}) WHERE {chosen("kind", "kind")} ORDER BY at DESC, name LIMIT 200
                """,  # noqa: S608
                {
                    "Credential": _CREDENTIAL,
                    "Issued by": "/identities/{}",
                    "Used by": "/identities/{}",
                    "For whom": "/identities/{}",
                },
                width=24,
            ),
            table(
                "Which credentials are used from the most addresses?",
                "Uses within this time; a key in many places is shared or stolen.",
                """
                SELECT credential AS "Credential", uniq(address) AS "Addresses", uniq(actor) AS "Identities",
                    uniq(user_agent) AS "Programs", count() AS "Uses", argMax(address, time) AS "Latest address"
                FROM entries FINAL WHERE $__timeFilter(time) AND credential != '' AND address != ''
                GROUP BY credential ORDER BY "Addresses" DESC, "Uses" DESC, "Credential" LIMIT 100
                """,
                {"Credential": _CREDENTIAL, "Latest address": "/timeline?q=address%3A{}"},
            ),
            table(
                "Which chains of credentials are longest?",
                "Events by the length of the chain that their credential came from; a new depth is a new way in.",
                """
                SELECT length(credential_chain) AS "Links", count() AS "Events", uniq(credential) AS "Credentials",
                    uniq(actor) AS "Identities", argMax(credential, time) AS "Latest credential"
                FROM entries FINAL WHERE $__timeFilter(time) AND credential != ''
                GROUP BY "Links" ORDER BY "Links" DESC
                """,
                {"Latest credential": "/reconstruct?kind=credential&clue={}"},
            ),
        ),
    },
    (
        Choice(
            "kind",
            "Kind of credential",
            f"SELECT DISTINCT kind FROM ({_KNOWN}) WHERE kind != '' ORDER BY kind",  # noqa: S608
        ),
    ),
)
