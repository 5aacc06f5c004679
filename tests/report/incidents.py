"""The bundled incident as a timeline, and what is known of it put together by hand."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

from pipeline.kit.config import Settings
from pipeline.report.frameworks import meaning
from pipeline.run.investigate import Investigation
from pipeline.simulate import incident as told
from pipeline.store import connect
from pipeline.store import findings as stored
from pipeline.store.columns import SELECTED, entry
from schemas.batch import RawRecord
from schemas.entry import Entry
from schemas.finding import Finding
from schemas.incident import (
    Clue,
    Edge,
    Gap,
    Incident,
    Minted,
    Missed,
    Part,
    Reach,
    Root,
    Share,
    Step,
    Strand,
    Touched,
    Transfer,
)

START = 1_769_850_000_000_000
SECOND = 1_000_000
HOUR = START + 3600 * SECOND
TRUTH = told.truth(START)
STOLEN, PAY, AGENT, POD = TRUTH.chain
TACTICS = {
    "secretsmanager": "credential-access", "iam:CreateAccessKey": "persistence", "iam:List": "discovery",
    "sts:GetCaller": "discovery", "bedrock:List": "discovery", "bedrock:Get": "discovery",
    "bedrock:Invoke": "impact", "sts:AssumeRole": "privilege-escalation",
}  # fmt: skip


class Case(NamedTuple):
    """An incident with what it rests on."""

    incident: Incident
    entries: list[Entry]
    records: list[RawRecord]
    findings: list[Finding]


@functools.cache
def timeline() -> tuple[tuple[Entry, ...], tuple[RawRecord, ...], tuple[Finding, ...]]:
    """Entries, raw records and findings of the demonstration's day."""
    with connect(Settings(clickhouse="chdb://memory", hash_key="0123456789abcdef")) as store:
        Investigation(Settings(clickhouse="chdb://memory", hash_key="0123456789abcdef"), store).run(
            record for _, record in told.records(START)
        )
        since = f"time >= fromUnixTimestamp64Micro({START - 60 * SECOND})"
        rows = store.rows(f"SELECT {SELECTED} FROM entries FINAL WHERE {since} ORDER BY time, event_id")
        sql = (
            "SELECT record_id, format, topic, partition, offset, toUnixTimestamp64Micro(time), value "
            f"FROM records FINAL WHERE {since} ORDER BY record_id"
        )
        records = store.rows(sql, {}, ("value",))
        found = stored.findings(store).findings
        return tuple(map(entry, rows)), tuple(RawRecord(*row) for row in records), tuple(found)


def case() -> Case:
    """The bundled incident."""
    everything, records, findings = timeline()
    entries = [one for one in everything if _strand(one)]
    wanted = {one.event.record_id for one in entries}
    kept = [one for one in records if one.record_id in wanted]
    about = [one for one in findings if one.session == TRUTH.session or one.credential == STOLEN]
    return Case(_incident(entries, about), entries, kept, list(about))


def _strand(one: Entry) -> str:
    if one.event.credential in TRUTH.chain:
        return "s-" + str(TRUTH.chain.index(one.event.credential))
    if one.event.issued in TRUTH.chain:
        return "s-" + str(TRUTH.chain.index(one.event.issued))
    return "s-talk" if one.session == TRUTH.session else ""


def _tactic(action: str) -> str:
    return next((tactic for begins, tactic in TACTICS.items() if action.startswith(begins)), "")


def _incident(entries: Sequence[Entry], findings: Sequence[Finding]) -> Incident:
    parts = [
        Part(
            event_id=one.event.event_id, time=one.event.time, strand=_strand(one),
            role="root" if one.event.kind == "prompt" else "cause" if one.event.kind == "tool_call" else "act",
            confidence=0.97 if one.event.credential else 0.9, tactic=_tactic(one.event.action),
            detections=sorted({f.detection for f in findings if one.event.event_id in f.entries}),
        )
        for one in entries
    ]  # fmt: skip
    found = Incident(
        incident_id="inc-7f3a1c9e", clue=Clue("credential", STOLEN), made=START + 3600 * SECOND, cutoff=0.5,
        title="invoice-bot followed a mail, and a key that it made pays for somebody's model calls",
        summary=[
            "invoice-bot, asked by ana@example.com to pay invoices, followed instructions in a mail.",
            f"It made the access key {STOLEN}, which was used from {told.ELSEWHERE} to invoke models.",
        ],
        first=parts[0].time, last=parts[-1].time, detected_after=16.0, dwell=(parts[-1].time - parts[0].time) / 1e6,
        parts=parts, strands=_strands(entries), findings=[one.finding_id for one in findings], alerts=["al-1", "al-2"],
        detections={one.detection: 1 for one in findings}, limits=["Entries before 09:00 were not looked at."],
        missed=[Missed("new-network", "The key had no past to be held against.", [parts[-1].event_id])],
        gaps=[Gap("What the models were asked", "Calls are logged without content.", "Bedrock invocation logging")],
    )  # fmt: skip
    by = {(one.event.action, one.event.phase): one for one in entries}
    found.roots, found.edges, found.story = _roots(by), _edges(by), _story(by, entries)
    found.reach = _reach(by, entries)
    found.frameworks = meaning(found, findings)
    return found


def _strands(entries: Sequence[Entry]) -> list[Strand]:
    names = [
        ("s-talk", "invoice-bot", "agent", "", [], "agent"), ("s-3", "invoice-bot", "agent", POD, [POD], "script"),
        ("s-2", "invoice-bot", "agent", AGENT, [AGENT, POD], "agent"),
        ("s-1", "invoice-bot", "agent", PAY, [PAY, AGENT, POD], "agent"),
        ("s-0", "arn:aws:iam::123456789012:user/backup", "service", STOLEN, list(TRUTH.chain), "script"),
    ]  # fmt: skip
    found = []
    for name, actor, kind, credential, chain, tempo in names:
        own = [one for one in entries if _strand(one) == name]
        if not own:
            continue
        found.append(Strand(
            strand_id=name, belongs=True, confidence=0.95, actor=actor, actor_kind=kind, human=told.ANA,
            session=TRUTH.session if kind == "agent" else "", credential=credential, credential_chain=chain,
            tempo=tempo,
            addresses=sorted({one.event.address for one in own} - {""}), first=own[0].event.time,
            last=own[-1].event.time, events=len(own), of=len(own), why="Its credential was made by the one before it.",
        ))  # fmt: skip
    apart = Strand(
        strand_id="s-ci", belongs=False, confidence=0.04, actor="terraform", actor_kind="ci", first=START, last=START,
        why="Same account and same hour, another credential, another network, no tool call in common.", of=61,
    )  # fmt: skip
    return [*found, apart]


def _roots(by: dict[tuple[str, str], Entry]) -> list[Root]:
    mail = by["read_mail", ""]
    return [Root(
        kind="injection", name="read_mail m-103", confidence=0.92, credential=POD, actor="invoice-bot", human=told.ANA,
        sentence="A mail that invoice-bot read told it to make an access key.", entries=[mail.event.event_id],
    )]  # fmt: skip


def _edges(by: dict[tuple[str, str], Entry]) -> list[Edge]:
    def call(tool: str) -> str:
        return f"call:{by[tool, ''].event.event_id}"

    prompt = next(one for one in by.values() if one.event.kind == "prompt").event.event_id
    tools = [
        ("get_secret", "secretsmanager:GetSecretValue", "s-2"), ("assume_role", "sts:AssumeRole", "s-1"),
        ("create_access_key", "iam:CreateAccessKey", "s-1"),
    ]  # fmt: skip
    found = [
        Edge(f"prompt:{prompt}", "strand:s-talk", "prompted", 0.99, "Ana asked invoice-bot.", [prompt]),
        Edge(f"credential:{POD}", "strand:s-3", "used", 1.0, "The pod's credential was used."),
        Edge("strand:s-3", f"credential:{AGENT}", "issued", 1.0, "The agent's credential was issued to the pod."),
        Edge(f"credential:{AGENT}", "strand:s-2", "used", 1.0, "The agent worked with it."),
        Edge("strand:s-2", f"credential:{PAY}", "issued", 0.98, "It took the role payments-admin."),
        Edge(f"credential:{PAY}", "strand:s-1", "used", 1.0, "It worked with that role."),
        Edge("strand:s-1", f"credential:{STOLEN}", "created", 0.98, "It made an access key for the user backup."),
        Edge(f"credential:{STOLEN}", "strand:s-0", "used", 1.0, "Somebody used the key from elsewhere."),
        Edge("identity:ana@example.com", f"prompt:{prompt}", "acts-for", 0.9, "The session is Ana's."),
    ]
    for tool, action, strand in tools:
        entry_id = by[action, ""].event.event_id
        found += [
            Edge("strand:s-talk", call(tool), "called", 0.95, f"The agent called {tool}.", [call(tool)[5:]]),
            Edge(
                call(tool), f"strand:{strand}", "caused", 0.85, f"{tool} caused {action}.", [call(tool)[5:], entry_id]
            ),
        ]
    return found


def _story(by: dict[tuple[str, str], Entry], entries: Sequence[Entry]) -> list[Step]:
    told_: list[tuple[str, Entry, str]] = [
        ("first sign", by["read_mail", ""], "invoice-bot read mail m-103, which carries instructions."),
        ("escalation", by["secretsmanager:GetSecretValue", ""], "invoice-bot read the secret prod/erp."),
        ("escalation", by["sts:AssumeRole", ""], "invoice-bot took the role payments-admin."),
        ("lateral step", by["iam:CreateAccessKey", ""], f"invoice-bot made the key {STOLEN} for the user backup."),
        ("objective", by["bedrock:InvokeModel", ""], f"Somebody invoked models with {STOLEN} from {told.ELSEWHERE}."),
        ("last sign", entries[-1], "The last call of a model."),
    ]
    return [
        Step(
            stage=stage, time=one.event.time, sentence=sentence, actor=one.actor, human=one.human,
            entries=[one.event.event_id],
            credential=one.event.credential, policy=one.event.policy, tactic=_tactic(one.event.action), tempo="agent",
        )
        for stage, one, sentence in told_
    ]  # fmt: skip


def _reach(by: dict[tuple[str, str], Entry], entries: Sequence[Entry]) -> Reach:
    touched: dict[tuple[str, str], Touched] = {}
    for one in entries:
        how = "created" if "Create" in one.event.action else "read"
        for name in one.event.resources:
            row = touched.setdefault((name, how), Touched(name=name, how=how, account=one.event.account))
            row.events, row.first, row.last = row.events + 1, row.first or one.event.time, one.event.time
            row.entries = [*row.entries, one.event.event_id][:5]
    post, mail = by["http_post", ""], by["read_mail", ""]
    key = by["iam:CreateAccessKey", ""].event
    return Reach(
        resources=list(touched.values()), identities=["invoice-bot", "arn:aws:iam::123456789012:user/backup"],
        altered=["arn:aws:iam::123456789012:user/backup"], sessions=[TRUTH.session], accounts=["123456789012"],
        addresses=[told.AGENT_ADDRESS, told.ELSEWHERE],
        transfers=[Transfer(
            time=post.event.time, origin="result", source="read_mail", target="http_post", argument="url",
            value=post.event.arguments[0].value, entries=[mail.event.event_id, post.event.event_id],
        )],
        credentials=[
            Minted(
                name=STOLEN, kind="key", subject="backup", minted=True, issued=key.time, issuance=key.event_id,
                state="alive", uses=46, last_used=entries[-1].event.time, caveat="Sessions made with it live on.",
                commands=[f"aws iam delete-access-key --user-name backup --access-key-id {STOLEN[4:]}"],
            ),
            Minted(name=PAY, kind="session", minted=True, issued=key.time, expires=HOUR, state="expired", uses=3),
            Minted(name=POD, kind="session", minted=False, expires=HOUR, state="expired", uses=2),
        ],
        shared=[Share("s-ci", "the account 123456789012", "terraform", 61, START, START)],
    )  # fmt: skip
