"""Who may do what in the database becomes statements for an administrator, or a file of `users.d`.

In:     a role, the name of a database, how many days it may see
Out:    SQL that can be run again, or what a file of `users.d` holds; never a password
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from pipeline.store.parts import PLAIN, RECORD_PLAIN


class Quota(NamedTuple):
    """What somebody may use up in an hour; 0 = as much as they like."""

    queries: int
    read_rows: int
    #: Seconds.
    execution_time: int


class Role(NamedTuple):
    """What one kind of user may do."""

    name: str
    purpose: str
    #: Rights with what they are on; `{db}` stands for the database.
    rights: tuple[str, ...]
    #: Settings that a session begins with.
    settings: tuple[tuple[str, int | str], ...] = ()
    #: As far as a session may raise them.
    most: tuple[tuple[str, int], ...] = ()
    quota: Quota | None = None
    #: Tables of which it may be shown some days only, with the column of their time.
    times: tuple[tuple[str, str], ...] = ()


def _some(table: str, columns: tuple[str, ...]) -> str:
    return f"SELECT({', '.join(columns)}) ON {{db}}.{table}"


_WRITES = (
    "SELECT, INSERT ON {db}.*",
    *(f"ALTER DELETE ON {{db}}.{table}" for table in ("replayed_entries", "replayed", "replay_differences")),
)
_REMOVED = (
    "entries", "pivots", "holders", "steps", "records", "findings", "finding_pivots", "alerts", "responses",
    "deliveries", "behaviours", "dead_letters", "reads", "logins",
)  # fmt: skip
_READS_ONLY: tuple[tuple[str, int | str], ...] = (
    # 2, because who asks may say how long a query may take.
    ("readonly", 2),
    ("max_execution_time", 20),
    ("max_memory_usage", 2_000_000_000),
    ("max_result_rows", 100_000),
    ("result_overflow_mode", "break"),
    # Every row's month follows from its key, so that FINAL need not look in two.
    ("do_not_merge_across_partitions_select_final", 1),
)
_AT_MOST = (("max_execution_time", 60), ("max_memory_usage", 2_000_000_000))
_TIMES = (("entries", "time"), ("findings", "time"), ("alerts", "last"), ("dead_letters", "time"), ("deliveries", "at"))
#: Never a prompt, an argument, a result, an error, a raw record, or the sentence of a finding.
_FINDINGS = (
    "finding_id", "revision", "is_deleted", "detection", "model", "severity", "time", "actor", "p_value", "suppressed",
)  # fmt: skip
_ALERTS = (
    "alert_id", "revision", "state", "verdict", "severity", "actor", "human", "suppressed", "part_of", "detections",
    "first", "last",
)  # fmt: skip
_LETTERS = ("rejected_id", "stage", "reason", "format", "time")
_PANELS = (
    "event_id", "kind", "time", "format", "revision", "is_deleted", "action", "phase", "outcome", "actor", "actor_kind",
    "human", "session", "tool_call_event", "prompt_event", "credential_chain", "unbound", "link", "confidence",
    "credential", "issued", "issued_kind", "issued_expires", "tool", "address", "user_agent", "credential_expires",
    "credential_revoked",
)  # fmt: skip
_SHOWN = (
    _some("findings", _FINDINGS),
    _some("alerts", _ALERTS),
    _some("dead_letters", _LETTERS),
    *(f"SELECT ON {{db}}.{table}" for table in ("deliveries", "behaviours", "tree_heads", "identities", "credentials")),
)

ROLES = {
    one.name: one
    for one in (
        Role(
            "migrator", "makes and changes tables: `whodid store migrate`, `restore`",
            ("SHOW, SELECT, INSERT, ALTER, CREATE, DROP, TRUNCATE, OPTIMIZE ON {db}.*",
             "SELECT ON system.parts", "SELECT ON system.backups",
             "READ ON FILE", "READ ON S3"),
        ),
        Role("writer", "the roles of the pipeline, and desks: adds rows and reads all; changes none", _WRITES),
        Role(
            "remover", "`whodid retention apply`, `erase`: what a writer may, and taking out",
            (*_WRITES, *(f"ALTER UPDATE, ALTER DELETE ON {{db}}.{table}" for table in _REMOVED),
             "OPTIMIZE ON {db}.alerts", "SELECT ON system.parts"),
        ),
        Role(
            "backup", "`whodid store backup`: reads everything",
            ("SELECT, BACKUP ON {db}.*", "SELECT ON system.backups", "READ, WRITE ON FILE", "READ, WRITE ON S3"),
        ),
        Role(
            "analyst", "people with a SQL client: who did what, and nothing that anybody said",
            (_some("entries", (*PLAIN, "is_deleted")), _some("records", RECORD_PLAIN), *_SHOWN,
             *(f"SELECT ON {{db}}.{table}" for table in ("pivots", "holders", "sessions", "finding_evidence"))),
            _READS_ONLY, _AT_MOST, Quota(2_000, 20_000_000_000, 3_600), (*_TIMES, ("records", "time")),
        ),
        Role(
            "dashboard", "Grafana: the columns that panels ask for",
            (_some("entries", _PANELS), *_SHOWN),
            _READS_ONLY, _AT_MOST, Quota(50_000, 500_000_000_000, 14_400), _TIMES,
        ),
    )
}  # fmt: skip


def statements(role: Role, database: str, days: int = 0) -> Iterator[str]:
    """What an administrator runs, again whenever it has changed. With `days` only rows as young are shown."""
    name = f"whodid_{role.name}"
    yield f"CREATE ROLE IF NOT EXISTS {name}"
    yield f"REVOKE ALL ON *.* FROM {name}"
    for right in role.rights:
        yield f"GRANT {right.format(db=database)} TO {name}"
    if role.settings:
        most = dict(role.most)
        said = (f"{key} = {value!r}{f' MAX {most[key]}' if key in most else ''}" for key, value in role.settings)
        yield f"CREATE SETTINGS PROFILE IF NOT EXISTS {name}"
        yield f"ALTER SETTINGS PROFILE {name} SETTINGS {', '.join(said)} TO {name}"
    if role.quota:
        used = ", ".join(f"{key} = {value}" for key, value in role.quota._asdict().items())
        yield f"CREATE QUOTA IF NOT EXISTS {name} KEYED BY user_name"
        yield f"ALTER QUOTA {name} FOR INTERVAL 1 hour MAX {used} TO {name}"
    if days and role.times:
        yield "CREATE ROLE IF NOT EXISTS whodid_analyst, whodid_dashboard"
    for table, column in role.times if days else ():
        # Somebody whom no policy of a table names may see nothing of it once it has one, or all, as the server is set.
        for policy, condition, whom in (
            (name, f"{column} >= now() - INTERVAL {days:d} DAY", name),
            ("whodid_others", "1", "ALL EXCEPT whodid_analyst, whodid_dashboard"),
        ):
            yield f"CREATE ROW POLICY IF NOT EXISTS {policy} ON {database}.{table} USING {condition} TO {whom}"
            yield f"ALTER ROW POLICY {policy} ON {database}.{table} USING {condition} TO {whom}"


def login(role: Role, user: str, digest: str) -> str:
    """The statement that makes a user of a role; `digest` is the SHA-256 of their password, in hexadecimal digits."""
    name = f"whodid_{role.name}"
    return f"CREATE USER IF NOT EXISTS {user} IDENTIFIED WITH sha256_hash BY '{digest}' DEFAULT ROLE {name}"


def users_file(role: Role, database: str, user: str, known: dict[str, Any], days: int = 0) -> dict[str, Any]:
    """The same as a file of `users.d`, which has users and no roles; `known` is the key that says their password."""
    shown: dict[str, Any] = {
        **known,
        "profile": user,
        "quota": user,
        "grants": {"query": [f"GRANT {right.format(db=database)}" for right in role.rights]},
    }
    if days:
        conditions = {table: {"filter": f"{column} >= now() - INTERVAL {days:d} DAY"} for table, column in role.times}
        shown["databases"] = {database: conditions}
    profile: dict[str, Any] = dict(role.settings)
    if role.most:
        profile["constraints"] = {name: {"max": value} for name, value in role.most}
    quota = {"interval": {"duration": 3600, **(role.quota._asdict() if role.quota else {})}}
    return {"profiles": {user: profile}, "quotas": {user: quota}, "users": {user: shown}}
