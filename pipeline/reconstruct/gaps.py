"""Facts become what cannot be known, and which log would have told."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pipeline.reconstruct.facts import Facts
from pipeline.reconstruct.spread import Chosen
from pipeline.reconstruct.times import iso
from pipeline.score.deeds import BLIND, MODEL, SECRET, deed_of
from schemas.incident import Gap

#: Entries and names that a gap shows.
SHOWN, NAMES = 5, 3
_BUCKETS, _OBJECTS = ("s3:ListBucket", "s3:GetBucket", "s3:HeadB"), ("s3:GetObject", "s3:PutObject")
_CLOUD = ("cloud_audit", "token_issuance")


def gaps(facts: Facts) -> list[Gap]:
    """What cannot be known of it."""
    return [gap for look in _LOOKS for gap in look(facts)]


def _gap(what: str, why: str, log: str, acts: Iterable[Chosen]) -> Gap:
    return Gap(what, why, log, [one.entry.event.event_id for one in acts][:SHOWN])


def _some(names: Iterable[str]) -> str:
    known = sorted({name for name in names if name})
    return ", ".join(known[:NAMES]) + (f" and {len(known) - NAMES} others" if len(known) > NAMES else "")


def _issued(facts: Facts) -> list[Gap]:
    never = [one for one in facts.acts if one.entry.unbound.startswith("credential never seen issued")]
    names = _some(one.entry.event.credential for one in never)
    return [_gap(f"who issued {names}, when, and to whom", "no issuance of it is in the logs that were read",
                 "the issuer's log from before the first entry that is stored: of AWS the management events of IAM"
                 " and STS in every region", never)] if never else []  # fmt: skip


def _blinded(facts: Facts) -> list[Gap]:
    return [
        _gap(f"what was done in account {one.entry.event.account or '(not stated)'} after {iso(one.entry.event.time)}",
             f"{one.entry.event.action} switched off {_some(one.entry.event.resources) or 'a log'}",
             "the log that was switched off; an organisation's trail that a member account cannot stop", [one])
        for one in facts.acts
        if deed_of(one.entry.event.action).flags & BLIND and one.entry.event.outcome not in ("failure", "denied")
    ]  # fmt: skip


def _models(facts: Facts) -> list[Gap]:
    asked = [one for one in facts.acts if deed_of(one.entry.event.action).flags & MODEL]
    return [_gap(f"what models were asked and answered ({len(asked)} calls)", "the audit log names the model only",
                 "model invocation logging (Amazon Bedrock), or the gateway's log of prompts", asked)
            ] if asked else []  # fmt: skip


def _secrets(facts: Facts) -> list[Gap]:
    read = [
        one for one in facts.acts
        if deed_of(one.entry.event.action).flags & SECRET and one.entry.event.outcome not in ("failure", "denied")
    ]  # fmt: skip
    names = _some(name for one in read for name in one.entry.event.resources)
    return [_gap(f"whether what {names or 'the secrets'} opens was used", "a secret's use is seen where it is used",
                 "the logs of the services that these secrets open", read)] if read else []  # fmt: skip


def _objects(facts: Facts) -> list[Gap]:
    buckets = [
        one for one in facts.acts if one.entry.event.action.startswith(("s3:ListBucket", "s3:GetBucket", "s3:HeadB"))
    ]
    objects = any(one.entry.event.action.startswith(("s3:GetObject", "s3:PutObject")) for one in facts.acts)
    return [_gap("whether objects in S3 were read", "buckets were looked at, and no entry is of an object",
                 "CloudTrail data events of S3", buckets)] if buckets and not objects else []  # fmt: skip


def _unprompted(facts: Facts) -> list[Gap]:
    calls = [one for one in facts.acts if one.entry.event.kind == "tool_call" and not one.entry.prompt_event]
    return [_gap(f"what {_some(one.entry.actor for one in calls)} was asked", "no prompt of its session was received",
                 "the agent's own traces with its input messages (OpenTelemetry gen_ai, content capture on)", calls)
            ] if calls else []  # fmt: skip


def _unexplained(facts: Facts) -> list[Gap]:
    acts = [
        one for one in facts.acts
        if one.entry.session and one.entry.actor_kind == "agent" and not one.entry.tool_call
        and one.entry.event.kind in _CLOUD
    ]  # fmt: skip
    return [_gap(f"which tool call made {len(acts)} requests of {_some(one.entry.actor for one in acts)}",
                 "none that was received was in flight and names what they name",
                 "the agent's tool log; a request id that the tool passes on", acts)] if acts else []  # fmt: skip


def _ambiguous(facts: Facts) -> list[Gap]:
    acts = [
        one for one in facts.acts
        if any(link.target in ("actor", "session") and len(link.candidates) > 1 for link in one.entry.links)
    ]  # fmt: skip
    return [_gap(f"which of several agents did {len(acts)} of the acts", "they share a credential",
                 "a credential for each agent, or a session name that names it", acts)] if acts else []  # fmt: skip


def _unplaced(facts: Facts) -> list[Gap]:
    acts = [one for one in facts.acts if one.entry.event.kind in _CLOUD and not one.entry.event.address]
    return [_gap(f"where {len(acts)} of the acts came from", "their records name no address",
                 "the audit log of the service, with the caller's address", acts)] if acts else []  # fmt: skip


def _permitted(facts: Facts) -> list[Gap]:
    acts = [one for one in facts.acts if one.entry.event.kind in _CLOUD and not one.entry.event.policy]
    what = f"under which policy {len(acts)} of {len(facts.acts)} acts were allowed"
    return [_gap(what, "the source does not state it",
                 "decision logs (OPA, Cedar), or IAM's policies as they were then: AWS Config history", acts)
            ] if acts else []  # fmt: skip


_LOOKS: tuple[Callable[[Facts], list[Gap]], ...] = (
    _issued, _blinded, _secrets, _objects, _models, _unprompted, _unexplained, _ambiguous, _unplaced, _permitted,
)  # fmt: skip
