"""Facts become the blast radius: what was touched, what went where, which credentials live on, who shares a clue."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.reconstruct.deeds import how_of
from pipeline.reconstruct.facts import Facts
from pipeline.reconstruct.revoke import ending
from pipeline.reconstruct.spread import Chosen
from pipeline.score.deeds import MINT, POWER, deed_of
from pipeline.store.inventory import named
from pipeline.store.seen import Credential
from schemas.entry import Entry
from schemas.incident import Minted, Reach, Share, Touched, Transfer

#: Entries that are named beside a resource, and resources, transfers and shares that are told.
SHOWN, RESOURCES, TRANSFERS, SHARES = 5, 2_000, 500, 200
#: Characters of a value that are told.
VALUE = 200


def reach(facts: Facts, now: int) -> Reach:
    """The blast radius; `now` is the time (microseconds) at which credentials are alive or not."""
    acts = facts.acts
    return Reach(
        resources=_resources(facts),
        transfers=_transfers(facts),
        credentials=_credentials(facts, now),
        identities=_distinct(name for one in acts for name in (one.entry.actor, one.entry.human)),
        altered=_altered(acts),
        sessions=_distinct(one.entry.session for one in acts),
        accounts=_distinct(one.entry.event.account for one in acts),
        addresses=_distinct(one.entry.event.address for one in acts),
        shared=_shared(facts),
    )


def _distinct(names: Iterable[str]) -> list[str]:
    return sorted({name for name in names if name})


def _resources(facts: Facts) -> list[Touched]:
    found: dict[tuple[str, str], Touched] = {}
    for one in facts.acts:
        event = one.entry.event
        if event.kind not in ("cloud_audit", "token_issuance"):
            continue
        for name in event.resources:
            touched = found.setdefault(
                (name, how_of(one.entry)),
                Touched(name=name, how=how_of(one.entry), account=event.account, first=event.time),
            )
            touched.events, touched.last = touched.events + 1, event.time
            if len(touched.entries) < SHOWN:
                touched.entries.append(event.event_id)
    if len(found) > RESOURCES:
        facts.case.limit(f"resources: the {RESOURCES:,} most touched of {len(found):,} are told")
    most = sorted(found.values(), key=lambda one: (-one.events, one.first, one.name))[:RESOURCES]
    return sorted(most, key=lambda one: (one.first, one.name, one.how))


def _transfers(facts: Facts) -> list[Transfer]:
    """Arguments whose value came out of a prompt or an earlier result."""
    found: list[Transfer] = []
    for one in facts.acts:
        event = one.entry.event
        if event.kind != "tool_call" or event.phase == "end":
            continue
        for argument in event.arguments:
            if argument.origin in ("prompt", "result", "both"):
                found.append(Transfer(
                    time=event.time, origin=argument.origin, source=_origin(argument.origin, one.entry),
                    target=event.tool or event.action, argument=argument.path, value=argument.value[:VALUE],
                    entries=[event.event_id],
                ))  # fmt: skip
    if len(found) > TRANSFERS:
        facts.case.limit(f"transfers: the first {TRANSFERS} of {len(found):,} are told")
    return found[:TRANSFERS]


def _origin(origin: str, entry: Entry) -> str:
    asked = f"the prompt of {entry.human}" if entry.human else "the prompt"
    return {"prompt": asked, "result": "the result of an earlier tool call"}.get(
        origin, f"{asked} and an earlier result"
    )


def _credentials(facts: Facts, now: int) -> list[Minted]:
    """Those that acted in it, and those that it minted, whether they were used or not."""
    minted = {
        one.entry.event.issued: one.entry for one in facts.acts
        if one.entry.event.issued and one.entry.event.outcome not in ("failure", "denied")
    }  # fmt: skip
    used: dict[str, list[Chosen]] = {}
    for one in facts.acts:
        if one.entry.event.credential and one.entry.event.kind in ("cloud_audit", "token_issuance"):
            used.setdefault(one.entry.event.credential, []).append(one)
    names = dict.fromkeys([*minted, *used])
    found = [_credential(facts, name, minted.get(name), used.get(name, []), now) for name in names]
    return sorted(found, key=lambda one: (one.state not in ("alive", "unknown"), not one.minted, one.issued, one.name))


def _credential(facts: Facts, name: str, made: Entry | None, used: list[Chosen], now: int) -> Minted:
    known = next((one for one in named(facts.case.store, "credentials", name) if isinstance(one, Credential)), None)
    issued = made or facts.case.issuing(name)
    subject = issued.event.issued_subject if issued else (used[0].entry.event.actor if used else "")
    expires = max(known.expires if known else 0, issued.event.issued_expires if issued else 0)
    revoked = (known.revoked or 0) if known else 0
    revoked = revoked or max((one.entry.credential_revoked for one in used), default=0)
    told = ending(name, subject, now)
    return Minted(
        name=name, kind=issued.event.issued_kind if issued else "", subject=subject, minted=made is not None,
        issued=issued.event.time if issued else 0, issuance=issued.event.event_id if issued else "",
        expires=expires, revoked=revoked, state=_state(expires, revoked, now), uses=len(used),
        last_used=max((one.entry.event.time for one in used), default=0), commands=told.commands, caveat=told.caveat,
    )  # fmt: skip


def _state(expires: int, revoked: int, now: int) -> str:
    """Whether it is alive: what no event ends is; what says when it ends is by the clock."""
    if revoked and revoked <= now:
        return "revoked"
    return "expired" if expires and expires <= now else "alive"


def _altered(acts: list[Chosen]) -> list[str]:
    """Whose rights were changed, and who was made."""
    return _distinct(
        name for event in (one.entry.event for one in acts)
        if deed_of(event.action).flags & (MINT | POWER) and event.outcome not in ("failure", "denied")
        for name in ([event.issued_subject] if event.issued_subject else event.resources[:1])
    )  # fmt: skip


def _shared(facts: Facts) -> list[Share]:
    """Strands that were looked at and do not belong, with what they have in common with what does."""
    found: list[Share] = []
    for key, (_, why) in sorted(facts.spread.apart.items(), key=lambda pair: pair[0]):
        if key not in facts.spread.belongs and key not in facts.spread.beside:
            thread = facts.spread.threads[key]
            found.append(Share(key.name, why, key.actor, thread.events, thread.first, thread.last))
    if len(found) > SHARES:
        facts.case.limit(f"what shares a clue: {SHARES} of {len(found):,} are told")
    return found[:SHARES]
