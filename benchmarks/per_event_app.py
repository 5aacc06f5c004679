"""The application of `benchmarks.per_event`: records, agents and tables, as Faust's documentation has them.

In:     the four public topics, native JSON
Out:    rows in the table `rival`, the newest revision of each counts
Fails:  an agent that fails is started again by Faust, which says so in the log
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import faust
from clickhouse_connect.driver import Client

from pipeline.kit.config import Settings
from pipeline.kit.topics import full_name
from pipeline.transport import App

#: Rows of an insert, and seconds after which fewer are inserted.
ROWS, WITHIN = 1000, 0.5
COLUMNS = ["event_id", "revision", "time", "kind", "action", "actor", "credential", "address", "outcome", "resource",
           "session"]  # fmt: skip
STORES = {"memory": "memory://", "rocksdb": "rocksdb://"}


class Act(faust.Record):
    """One event, on its way to being a row."""

    event_id: str
    time: int
    kind: str
    action: str
    actor: str = ""
    credential: str = ""
    address: str = ""
    outcome: str = ""
    resource: str = ""
    session: str = ""
    #: The credential that it made.
    issued: str = ""
    revision: int = 0


class Binding(faust.Record):
    """Who stands behind a credential, and which credential it was made with."""

    credential: str
    actor: str
    parent: str = ""


class Waiting(faust.Record):
    """What a credential did before it was read who stands behind it."""

    acts: list[Act]


class Session(faust.Record):
    """What is known of a conversation."""

    agent: str
    user: str
    began: int
    ended: int
    spans: int = 0


def call_of(record: dict[str, Any]) -> Act:
    """A CloudTrail record as an act."""
    identity, answered = record["userIdentity"], record.get("responseElements") or {}
    resources = record.get("resources") or [{}]
    return Act(
        event_id=record["eventID"],
        time=int(datetime.fromisoformat(record["eventTime"]).timestamp() * 1e6),
        kind="cloud_audit",
        action=f"{record['eventSource']}:{record['eventName']}",
        actor=identity.get("arn", ""),
        credential=identity.get("accessKeyId", ""),
        address=record.get("sourceIPAddress", ""),
        outcome=record.get("errorCode", ""),
        resource=resources[0].get("ARN", ""),
        issued=(answered.get("credentials") or {}).get("accessKeyId", ""),
    )


def span_of(record: dict[str, Any]) -> tuple[Act, str]:
    """An OpenTelemetry span as an act of an agent, and the agent's user."""
    span = record["span"]
    said = {one["key"]: one["value"].get("stringValue", "") for one in span["attributes"]}
    act = Act(
        event_id=span["spanId"],
        time=int(span["startTimeUnixNano"]) // 1000,
        kind="tool_call",
        action=said.get("gen_ai.tool.name", ""),
        actor=said.get("gen_ai.agent.id", ""),
        session=said.get("gen_ai.conversation.id", ""),
    )
    return act, said.get("user.id", "")


@dataclass
class Progress:
    """What has come out so far."""

    began: float = 0.0
    #: Monotonic time at which an agent last did something.
    moved: float = field(default_factory=time.monotonic)
    #: Seconds since 1970 and distinct rows then, for each insert.
    inserted: list[tuple[float, int]] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    #: Rows whose credential is of nobody yet.
    unbound: set[str] = field(default_factory=set)
    revised: int = 0

    def move(self) -> None:
        """Note that a message was read."""
        self.began = self.began or time.time()
        self.moved = time.monotonic()

    def note(self, acts: list[Act]) -> None:
        """Rows are in."""
        for act in acts:
            self.seen.add(act.event_id)
            self.revised += act.revision > 0
            (self.unbound.discard if act.actor else self.unbound.add)(act.event_id)
        self.inserted.append((time.time(), len(self.seen)))


def build(settings: Settings, home: Path, tables: str, client: Client, progress: Progress) -> faust.App:
    """The application."""
    # The embedded broker would keep each of Faust's fetches waiting for 1.5 s: that is not held against it.
    app = App(
        f"{settings.prefix}per-event", broker=f"kafka://{settings.bootstrap}", store=STORES[tables],
        topic_partitions=settings.partitions, consumer_auto_offset_reset="earliest", web_enabled=False,
        datadir=str(home / "faust"), broker_session_timeout=int(settings.session_timeout),
        broker_heartbeat_interval=settings.session_timeout / 4,
    )  # fmt: skip
    rows = app.topic(f"{settings.prefix}rival-rows", value_type=Act)
    _credentials(app, settings, rows, progress)
    _sessions(app, settings, rows, progress)
    _sink(app, rows, client, progress)
    return app


def _credentials(app: faust.App, settings: Settings, rows: faust.TopicT, progress: Progress) -> None:
    acts = app.topic(f"{settings.prefix}rival-acts", key_type=str, value_type=Act)
    bindings = app.topic(f"{settings.prefix}rival-bindings", key_type=str, value_type=Binding)
    audit = [full_name(settings, topic) for topic in ("cloud-audit", "token-issuance", "prompts")]

    async def pass_on(act: Act) -> None:
        if act.issued:
            await bindings.send(key=act.issued, value=Binding(act.issued, act.actor, act.credential))
        await rows.send(key=act.event_id, value=act)

    @app.agent(app.topic(*audit, value_serializer="json"))
    async def calls(stream: faust.StreamT) -> None:
        async for record in stream:
            progress.move()
            act = call_of(record)
            if act.credential:
                await acts.send(key=act.credential, value=act)
            else:
                await pass_on(act)

    _join(app, (acts, bindings, rows), pass_on, progress)


def _join(
    app: faust.App, topics: tuple[faust.TopicT, ...], pass_on: Callable[[Act], Awaitable[None]], progress: Progress
) -> None:
    acts, bindings, rows = topics
    issuances = app.Table("rival-issuances", key_type=str, value_type=Binding)
    waiting = app.Table("rival-waiting", key_type=str, value_type=Waiting)

    @app.agent(acts)
    async def attribute(stream: faust.StreamT) -> None:
        async for act in stream:
            progress.move()
            known = issuances.get(act.credential)
            if known is None:
                before = waiting.get(act.credential)
                waiting[act.credential] = Waiting([*(before.acts if before else ()), act])
                await rows.send(key=act.event_id, value=act.derive(actor=""))
            else:
                await pass_on(act.derive(actor=known.actor))

    @app.agent(bindings)
    async def bind(stream: faust.StreamT) -> None:
        async for binding in stream:
            progress.move()
            issuances[binding.credential] = binding
            held = waiting.pop(binding.credential, None)
            for act in held.acts if held else ():
                await pass_on(act.derive(actor=binding.actor, revision=1))


def _sessions(app: faust.App, settings: Settings, rows: faust.TopicT, progress: Progress) -> None:
    spans = app.topic(f"{settings.prefix}rival-spans", key_type=str, value_serializer="json")
    sessions = app.Table("rival-sessions", key_type=str, value_type=Session)

    @app.agent(app.topic(full_name(settings, "tool-calls"), value_serializer="json"))
    async def steps(stream: faust.StreamT) -> None:
        async for record in stream:
            progress.move()
            act, user = span_of(record)
            await spans.send(key=act.session, value={"act": act.asdict(), "user": user})

    @app.agent(spans)
    async def attend(stream: faust.StreamT) -> None:
        async for said in stream:
            progress.move()
            act = Act(**said["act"])
            known = sessions.get(act.session) or Session(act.actor, said["user"], act.time, act.time)
            sessions[act.session] = known.derive(
                user=known.user or said["user"], began=min(known.began, act.time), ended=max(known.ended, act.time),
                spans=known.spans + 1,
            )  # fmt: skip
            await rows.send(key=act.event_id, value=act.derive(actor=known.user or act.actor))


def _sink(app: faust.App, rows: faust.TopicT, client: Client, progress: Progress) -> None:
    client.command(
        "CREATE TABLE rival (event_id String, revision UInt8, time DateTime64(6), kind LowCardinality(String), "
        "action LowCardinality(String), actor String, credential String, address String, "
        "outcome LowCardinality(String), resource String, session String) "
        "ENGINE = ReplacingMergeTree(revision) ORDER BY event_id"
    )

    @app.agent(rows)
    async def insert(stream: faust.StreamT) -> None:
        async for acts in stream.take(ROWS, within=WITHIN):
            progress.move()
            block = [[getattr(act, name) for name in COLUMNS] for act in acts]
            await asyncio.to_thread(client.insert, "rival", block, column_names=COLUMNS)
            progress.note(acts)
