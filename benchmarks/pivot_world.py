"""Slices of a made-up timeline for `benchmarks.pivots`: 100,000 entries in half a day each.

In:     the number of a slice
Out:    its Entries in order of time, attributed as the correlator would
Fails:  never

A session is a prompt, tool calls, and requests with a credential that was issued for it, the last of a chain of one to
three issuances that begins with its agent's standing key. The first issuance names session and person; the requests
name nothing but their credential, which is what a join has to go by. Half of the agents, people and addresses are there
in every slice (busy), the others in that one only (quiet; their names end in ~ and its number). Scheduled jobs come for
two requests a slice (rare): no two of their rows are near each other, which is the worst that a page can have.
"""

from __future__ import annotations

import hashlib
import random
from typing import NamedTuple

from schemas.entry import Entry, Link
from schemas.event import Argument, Event

SLICE, JOBS = 100_000, 100
START = 1_767_225_600_000_000
#: Microseconds of a slice, and between two events of a session.
SPAN, STEP = 43_200_000_000, 20_000_000
DEEPEST, TOOL_CALLS, REQUESTS, DIRECT = 3, 8, 26, 6
#: How many there are in every slice; of the quiet ones there are FEW times as many, and others in every slice.
BUSY = {"agent": 20, "person": 60, "address": 30, "conversation": 10}
FEW = 8
#: Share of the sessions that go on for ever.
STANDING = 0.02
ACTIONS = (
    "s3:GetObject",
    "s3:PutObject",
    "dynamodb:GetItem",
    "kms:Decrypt",
    "ec2:DescribeInstances",
    "sqs:SendMessage",
)
CLIENT = "Boto3/1.34.19 md/Botocore#1.34.19 ua/2.0 os/linux#5.10 md/arch#x86_64 lang/python#3.11.6"


class Cast(NamedTuple):
    """Who acts, for whom, in which session, with which standing key, from where."""

    actor: str
    human: str
    session: str
    key: str
    address: str


def entries(number: int, size: int = SLICE) -> list[Entry]:
    """A slice."""
    return _Slice(number, size).made()


def identifier(text: str) -> str:
    """As long and as random as an id of an event is. The engine makes the same of the same (`lower(hex(MD5(…)))`)."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


class _Slice:
    def __init__(self, number: int, size: int) -> None:
        self._number, self._size = number, size
        self._rng = random.Random(f"slice {number}")
        self._begin, self._names = START + number * SPAN, 0

    def made(self) -> list[Entry]:
        found = [
            self._request(_job(job), self._any_time(), stated=True) for job in range(JOBS) for _ in range(2)
        ][: self._size // 50]  # fmt: skip
        while len(found) < self._size:
            found += self._session()
            found += [self._request(self._cast(""), self._any_time(), stated=True) for _ in range(DIRECT)]
        return sorted(found[: self._size], key=lambda one: (one.event.time, one.event.event_id))

    def _name(self, what: str, share: float = 0.5) -> str:
        if self._rng.random() < share:
            return f"{what}-{self._rng.randrange(BUSY[what])}"
        return f"{what}-{self._rng.randrange(FEW * BUSY[what]) + BUSY[what]}~{self._number}"

    def _unique(self, what: str) -> str:
        self._names += 1
        return identifier(f"{what} {self._names}~{self._number}")

    def _any_time(self) -> int:
        return self._begin + self._rng.randrange(SPAN)

    def _cast(self, session: str) -> Cast:
        agent = self._name("agent")
        human = self._name("person") if session else ""
        return Cast(
            f"arn:aws:iam::123456789012:role/{agent}", human, session, f"aws:AKIA-{agent}", self._name("address")
        )

    def _session(self) -> list[Entry]:
        session = f"conversation-{self._unique('session')[:12]}~{self._number}"
        if self._rng.random() < STANDING:
            session = f"conversation-{self._rng.randrange(BUSY['conversation'])}"
        cast = self._cast(session)
        moment = self._begin + self._rng.randrange(SPAN - 60 * STEP)
        prompt = self._said(cast, moment, "prompt")
        found, calls = [prompt], []
        for _ in range(TOOL_CALLS):
            moment += self._rng.randrange(STEP)
            calls.append(self._said(cast, moment, "tool_call", prompt))
        chain = [cast.key]
        for depth in range(self._rng.randint(1, DEEPEST)):
            moment += self._rng.randrange(STEP)
            issued = f"aws:ASIA{self._unique('key')[:16].upper()}~{self._number}"
            found.append(self._request(cast, moment, chain, stated=not depth, issued=issued, cause=calls[0]))
            chain = [issued, *chain]
        for _ in range(REQUESTS):
            moment += self._rng.randrange(STEP)
            found.append(self._request(cast, moment, chain, cause=self._rng.choice(calls)))
        return found + calls

    def _said(self, cast: Cast, moment: int, kind: str, prompt: Entry | None = None) -> Entry:
        call = self._unique("call")
        event = Event(
            event_id=self._unique(kind), kind=kind, time=moment, format="otel.genai", outcome="success",
            action="send_mail" if prompt else "user_message", actor=cast.actor, actor_kind="agent", human=cast.human,
            session=cast.session, trace=identifier(cast.session), span=call[:16], tool="send_mail" if prompt else "",
            tool_call=call if prompt else "", address=cast.address, text=f"ok, {call}: " + "lorem ipsum dolor " * 6,
            arguments=[Argument(f"to[{n}]", f"{call[n:]}@example.com", "prompt") for n in range(2 if prompt else 0)],
            attributes={"service.name": "agents", "service.version": "1.4.2"}, record_id=self._unique("record"),
        )  # fmt: skip
        return _attributed(event, cast, [], prompt)

    def _request(
        self, cast: Cast, moment: int, chain: list[str] | None = None, *, stated: bool = False, issued: str = "",
        cause: Entry | None = None,
    ) -> Entry:  # fmt: skip
        number, chain = self._unique("request"), chain or [cast.key]
        event = Event(
            event_id=self._unique("event"), kind="token_issuance" if issued else "cloud_audit", time=moment,
            format="aws.cloudtrail", action="sts:AssumeRole" if issued else self._rng.choice(ACTIONS),
            outcome="success", actor=cast.actor if stated else "", human=cast.human if stated else "",
            session=cast.session if stated else "", credential=chain[0], issued=issued,
            issued_kind="session" if issued else "", issued_expires=(moment + 3_600_000_000) if issued else 0,
            session_name=cast.session if issued and stated else "", request=number, account="123456789012",
            resources=[f"arn:aws:s3:::bucket-{number[:2]}/in/2026/01/{number[2:12]}.json"], address=cast.address,
            user_agent=CLIENT, region="eu-central-1", attributes={"readOnly": "true", "tlsVersion": "TLSv1.3"},
            record_id=self._unique("record"),
        )  # fmt: skip
        return _attributed(event, cast, chain, cause)


def _job(number: int) -> Cast:
    return Cast(
        f"job-{number}", f"owner-{number}", f"schedule-{number}", f"aws:AKIA-job-{number}", f"address-job-{number}"
    )


def _attributed(event: Event, cast: Cast, chain: list[str], cause: Entry | None) -> Entry:
    evidence = [cause.event.event_id] if cause else []
    method = "stated" if event.actor else "credential"
    return Entry(
        event=event, revision=1, actor=cast.actor, actor_kind="agent", human=cast.human, session=cast.session,
        on_behalf_of=[cast.actor, cast.human] if cast.human else [cast.actor], credential_chain=chain,
        tool_call=cause.event.tool_call if cause else "", tool_call_event=cause.event.event_id if cause else "",
        links=[Link("actor", method, 1.0, evidence), *([Link("session", method, 0.9, evidence)] if cause else [])],
    )  # fmt: skip
