"""A store whose rows are logged as the role `store` logs them, without Kafka."""

from pipeline.kit.config import Settings
from pipeline.run.evidence import Deed, Evidence
from pipeline.run.verify import Verification
from pipeline.store import connect
from pipeline.store.columns import Row
from schemas.batch import REVISIONS, RawRecord
from schemas.entry import Entry, Link
from schemas.event import Argument, Event

START = 1_700_000_000_000_000
SECOND = 1_000_000


def entry(name: str, seconds: float = 0, *, revision: int = 0, actor: str = "bot", **more) -> Entry:
    """An entry in which no column is empty."""
    event = Event(
        event_id=name, kind="tool_call", time=START + int(seconds * SECOND), format="test", action="send_mail",
        phase="start", outcome="success", actor="role/x", actor_kind="agent", actor_name="X",
        human="ana@example.com", session="s", parent_session="p", credential="aws:ASIAEXAMPLE", issued="aws:ASIAOTHER",
        issued_kind="session", issued_expires=START, issued_subject="role/y", session_name="n", source_identity="i",
        trace="t", span="sp", parent_span="ps", request="r", tool_call="tc", parent_tool_call="pt", error="none",
        account="123456789012", tool="send_mail", resources=["a", "b"], address="192.0.2.1", user_agent="ua",
        region="eu", policy="allow", text="send it – now", arguments=[Argument("to[0]", "eve@example.com", "result")],
        attributes={"b": "1", "a": "2"}, record_id="0" * 32, mentions=[2**63 + 5, 2**63 + 7], **more,
    )  # fmt: skip
    return Entry(
        event=event, revision=revision, actor=actor, actor_kind="agent", actor_name="Bot", human="ana@example.com",
        on_behalf_of=["x", "y"], credential_chain=["c1", "c2"], session="s", parent_session="p", tool_call="tc",
        tool_call_event="e1", prompt_event="e2", unbound="why", credential_expires=START, credential_revoked=5,
        links=[Link("actor", "credential", 0.9, ["i1"], ["other"]), Link("session", "trace", 1.0)],
    )  # fmt: skip


def record(name: str, seconds: float = 0, value: bytes = b'{"a": "\xff"}', offset: int = 7) -> RawRecord:
    return RawRecord(name, "aws.cloudtrail", "cloud-audit", 2, offset, START + int(seconds * SECOND), value)


class Logged:
    """Writes messages; `verify` tells what was found."""

    def __init__(self, home, store=None, **more):
        self.settings = Settings(
            data_dir=home, clickhouse="chdb://memory", evidence=str(home / "published"), hash_key="k" * 20, **more
        )
        self.sent = []
        self.store = store or connect(self.settings)
        self.again()

    def again(self):
        """As after a crash."""
        self.evidence = Evidence(self.settings, self.store, lambda key, value: self.sent.append((key, value)))
        self.logs = {}

    def log(self, name):
        if name not in self.logs:
            self.logs[name] = self.evidence.open(name)
        return self.logs[name]

    def message(self, offset, entries=(), records=(), log="entries/0"):
        entries = [one.packed() for one in entries]
        leaves = self.evidence.leaves([Deed(self.log(log), offset, list(map(Row, entries)), list(records))])
        self.evidence.write(leaves)
        self.store.write_entries(entries)
        self.store.write_records(list(records))
        return leaves.amount

    def head(self):
        return self.evidence.publish()

    def verify(self, **more):
        self.verification = Verification(self.settings, self.store)
        return self.verification.run(**more)

    def found(self, **more):
        """What does not verify: what and of which id."""
        return [(one.what, one.id) for one in self.verify(**more).problems]


def story(logged):
    """Two heads over five events, one of them revised, and three records."""
    logged.message(0, [entry("a", 1), entry("b", 2)])
    logged.message(0, records=[record("0a", 1), record("7b", 2)], log="records/1")
    logged.head()
    logged.message(1, [entry("c", 3), entry("d", 4), entry("e", 5)])
    logged.message(2, [entry("b", 2, revision=2 * REVISIONS, actor="agent")])
    logged.message(1, records=[record("fc", 3)], log="records/1")
    logged.head()
    return logged
