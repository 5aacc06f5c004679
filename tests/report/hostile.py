"""An incident in which every text was written by somebody who wants to be more than text."""

from __future__ import annotations

from schemas.batch import RawRecord
from schemas.entry import Entry, Link
from schemas.event import Argument, Event
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
from tests.report.incidents import START, Case

EVIL = (
    "=cmd|' /C calc'!A0</script><script>window.pwned=1</script><img src=x onerror=window.pwned=1>\"'`]]>&amp;<!--"
    "[click](javascript:window.pwned=1) ![i](https://evil.example.net/i.png) <https://evil.example.net> "
    "www.evil.example.net # h\n| a | b |\r\n* x\u202eabc\u200b"
    "\x1b[31m\x00\x7f\x9b{{7*7}}{% raw %}${x}\u2028@all __b__ ~~s~~ \ud800"
)  # fmt: skip
HUGE = "A" * 1_000_000
#: What a spreadsheet or pandas would take for something else.
GUESSED = ("007", "1e5", "NA", "null", "nan", "+1", "@SUM(A1)", "-2", "True", "\t=1")


def case() -> Case:
    """The incident."""
    entries = [_entry(EVIL, START, "tool_call", EVIL), _entry("e2", START + 1, "cloud_audit", HUGE)]
    entries += [_entry("e3", 2**61, "prompt", EVIL), _entry("e4", -(2**61), "token_issuance", EVIL)]
    entries += [_entry(f"g{n}", START + 2 + n, "cloud_audit", one, one) for n, one in enumerate(GUESSED)]
    entries += [Entry(event=Event(event_id="nothing", kind="cloud_audit", time=START, format="test", record_id="r0"))]
    return Case(
        _incident(entries), entries, [RawRecord("r1", EVIL, EVIL, 0, 0, START, EVIL.encode("utf-8", "replace"))], []
    )


def _entry(name: str, time: int, kind: str, text: str, account: str = EVIL) -> Entry:
    fields = (
        "format", "action", "phase", "outcome", "actor", "actor_kind", "actor_name", "human", "session",
        "parent_session",
        "credential", "issued", "issued_kind", "issued_subject", "session_name", "source_identity", "trace", "span",
        "parent_span", "request", "tool_call", "parent_tool_call", "error", "tool", "address", "user_agent",
        "region", "policy",
    )  # fmt: skip
    event = Event(
        event_id=name, kind=kind, time=time, record_id="r1", account=account, text=text, resources=[EVIL] * 20,
        arguments=[Argument(EVIL, EVIL, EVIL)], attributes={EVIL: EVIL}, issued_expires=2**61,
        **dict.fromkeys(fields, EVIL),
    )  # fmt: skip
    return Entry(
        event=event, actor=EVIL, actor_kind=EVIL, human=EVIL, session=EVIL, credential_chain=[EVIL, EVIL], unbound=EVIL,
        links=[Link("actor", EVIL, 0.5, [EVIL], [EVIL])], tool_call_event=EVIL, prompt_event=EVIL, on_behalf_of=[EVIL],
    )  # fmt: skip


def _incident(entries: list[Entry]) -> Incident:
    ids = [one.event.event_id for one in entries]
    ends = [f"{kind}:{EVIL}" for kind in ("strand", "credential", "identity", "prompt", "call", "x y")] + [EVIL]
    return Incident(
        incident_id=EVIL, clue=Clue(EVIL, EVIL), made=START, cutoff=0.5, title=EVIL, summary=[EVIL],
        first=START, last=START,
        roots=[Root(kind=EVIL, name=EVIL, sentence=EVIL, confidence=0.5, actor=EVIL, credential=EVIL, entries=ids)],
        parts=[Part(one.event.event_id, one.event.time, EVIL, EVIL, 0.5, EVIL, [EVIL]) for one in entries],
        strands=[_strand(belongs=True), _strand(belongs=False)],
        edges=[Edge(one, other, EVIL, 0.5, EVIL, ids) for one in ends for other in ends],
        story=[Step(stage=EVIL, time=START, sentence=EVIL, actor=EVIL, tactic=EVIL, entries=[*ids, "gone"])],
        reach=Reach(
            resources=[Touched(name=EVIL, how=EVIL, account=EVIL, entries=ids)],
            transfers=[Transfer(time=START, origin=EVIL, source=EVIL, target=EVIL, argument=EVIL, value=EVIL)],
            credentials=[Minted(name=EVIL, kind=EVIL, minted=True, state=EVIL, commands=[EVIL], caveat=EVIL)],
            identities=[EVIL], altered=[EVIL], sessions=[EVIL], accounts=[EVIL], addresses=[EVIL],
            shared=[Share(EVIL, EVIL, EVIL)],
        ),
        gaps=[Gap(EVIL, EVIL, EVIL, ids)], missed=[Missed(EVIL, EVIL, ids)], detections={EVIL: 1}, limits=[EVIL],
        findings=[EVIL], alerts=[EVIL], frameworks={EVIL: EVIL, "ASI01": EVIL, "T1078.004": EVIL},
    )  # fmt: skip


def _strand(*, belongs: bool) -> Strand:
    return Strand(
        strand_id=EVIL if belongs else EVIL + "2", belongs=belongs, confidence=0.5, why=EVIL, actor=EVIL,
        actor_kind=EVIL, session=EVIL, credential=EVIL, credential_chain=[EVIL], addresses=[EVIL], policies=[EVIL],
    )  # fmt: skip
