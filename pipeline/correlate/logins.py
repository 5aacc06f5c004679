"""Which login session a person's cloud session came out of: two logs that name the person, and nothing else in common.

A person signs on to the cloud at the identity provider, and the cloud issues a session in that person's name. The first
log names its login session, the second does not. Each signing on is one assertion and is taken for one issuance: the
latest before it that is still free.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from pipeline.correlate.bindings import by_identity
from pipeline.correlate.held import Held
from pipeline.correlate.inflight import RESOLUTION
from pipeline.correlate.keys import LOGIN
from pipeline.correlate.station import hash_of
from schemas.batch import Attribution, Bind
from schemas.entry import Link
from schemas.event import Event, Head

#: An assertion is good for five minutes (SAML 2.0, as Okta and AWS use it); clocks differ (microseconds).
LASTS, SLACK = 300_000_000, 5_000_000
#: Logins of one person that are remembered: the latest.
REMEMBERED = 256
CONFIDENCE = 0.9
#: Logins of one person so close in time could each be an issuance's.
BESIDE = 10_000_000


#: IAM Identity Center issues with a provider of this name. It has let the person in for hours, once for many sessions.
_CENTER = ":saml-provider/AWSSSO_"


def is_issued_on(event: Event) -> bool:
    """Whether an event issues a session for a signing on. A person's role session is named by the e-mail address."""
    named = event.kind == "token_issuance" and "@" in event.session_name
    return named and not event.session and not event.credential and _CENTER not in event.actor


def sign_on(event: Event) -> Bind:
    """What a person's signing on says of the session that is issued in that person's name a moment later."""
    attribution = Attribution(human=event.human, session=event.session, parent_session=event.parent_session)
    return Bind(LOGIN + (event.human or event.actor).casefold(), attribution, event.event_id, event.time)


def remember(logins: dict[str, Bind], login: Bind) -> bool:
    """Note a login; False if it is known already."""
    if logins.get(login.event_id) == login:
        return False
    logins[login.event_id] = login
    if len(logins) > REMEMBERED:
        del logins[min(logins, key=lambda name: (logins[name].time, name))]
    return True


def forget(logins: dict[str, Bind], issued: int) -> None:
    """Forget the logins before an issuance that is no longer kept: one of them was that one's."""
    for name in [name for name, login in logins.items() if login.time <= issued + SLACK]:
        del logins[name]


class Pair(msgspec.Struct, array_like=True, gc=False):
    """The login that an issuance came out of, and sessions of the same person that it may have come out of as well."""

    login: Bind
    rivals: list[str] = []


def pair(logins: Iterable[Bind], issuances: Mapping[str, Held]) -> dict[str, Pair]:
    """By event id, for issuances of which a login is known. No order of arrival matters."""
    free = sorted(logins, key=lambda login: (login.time, login.event_id))
    # Which of two logins at once an issuance came out of, nobody knows: both stay possible for the next one.
    possible = list(free)
    found: dict[str, Pair] = {}
    for event_id, held in sorted(issuances.items(), key=lambda one: (one[1].time, one[0])):
        login = _latest(free, held.time)
        if login is None:
            continue
        free.remove(login)
        beside = {
            one.attribution.session
            for one in possible
            if abs(one.time - login.time) <= BESIDE and one.time < held.time + RESOLUTION
        }
        found[event_id] = Pair(login, sorted(beside - {login.attribution.session}))
        if not found[event_id].rivals:
            possible.remove(login)
    return found


def _latest(free: list[Bind], issued: int) -> Bind | None:
    """The login before an issuance; by clocks that differ it may be after it, if there is none before."""
    before = [login for login in free if login.time < issued + RESOLUTION and issued <= login.time + LASTS]
    after = [login for login in free if issued + RESOLUTION <= login.time <= issued + SLACK]
    return before[-1] if before else after[0] if after else None


def news(logins: Iterable[Bind], issuances: Mapping[str, Held]) -> dict[str, tuple[Held, Pair | None, int]]:
    """Issuances that were not sent on yet or whose login is another one now, with that login and its fingerprint."""
    pairs = pair(logins, issuances)
    shown = {event_id: hash_of(pairs[event_id]) if event_id in pairs else 0 for event_id in issuances}
    return {
        event_id: (held, pairs.get(event_id), shown[event_id])
        for event_id, held in issuances.items()
        if not held.emitted or held.shown != shown[event_id]
    }


def attribute(event: Head, before: Attribution, pair: Pair | None) -> Attribution:
    """Attribution of an event that issued a session in a person's name."""
    known = by_identity(event, before)
    if pair is None:
        return known
    of = pair.login.attribution
    human = known.human or of.human
    if pair.rivals:
        # What is less likely than not is no claim.
        doubt = Link("session", "login", round(CONFIDENCE / (1 + len(pair.rivals)), 4), [pair.login.event_id],
                     [of.session, *pair.rivals])  # fmt: skip
        return msgspec.structs.replace(known, human=human, links=[*known.links, doubt])
    link = Link("session", "login", CONFIDENCE, [pair.login.event_id])
    return msgspec.structs.replace(
        known, human=human, on_behalf_of=list(dict.fromkeys([*known.on_behalf_of, human])), unbound="",
        session=of.session, parent_session=of.parent_session, links=[*known.links, link],
    )  # fmt: skip
