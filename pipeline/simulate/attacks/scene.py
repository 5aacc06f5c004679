"""What attacks have in common: whose credential it is, from where it is used, with what, and how fast.

Truth names the identity whose credential was used, as the logs can prove, and says malicious of the attacker's own
events only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec.structs import replace

from pipeline.simulate.staff.assistants import Assistant
from pipeline.simulate.staff.catalog import HOME, READS, WRITES, Call, asked, refused
from pipeline.simulate.staff.office import MINUTE, Office
from pipeline.simulate.staff.people import Person, Session, provider_address
from pipeline.simulate.truth import Told
from pipeline.simulate.world import HOUR, SECOND, Doer, World, trail

#: What attackers' programs say that they are.
AGENTS = (
    "python-requests/2.32.3", "Boto3/1.34.51 md/Botocore#1.34.51 ua/2.0 os/linux#6.6.9-amd64 lang/python#3.11.8",
    "aws-cli/2.9.19 Python/3.11.2 Linux/6.1.0-kali9-amd64 source/x86_64.kali.2023", "Go-http-client/1.1",
    "aws-sdk-go/1.44.314 (go1.20.4; windows; amd64)", "S3 Browser/11.6.7", "okhttp/4.12.0",
    "Boto3/1.40.1 md/Botocore#1.40.1 lang/python#3.13", "aws-cli/2.27.41 md/awscrt#0.26.1 os/linux lang/python#3.13.4",
)  # fmt: skip
#: What an agent on a laptop uses.
TOOLS = ("aws-cli/2.27.41 md/awscrt#0.26.1 os/macos#24.5.0", "Boto3/1.40.1 lang/python#3.13", "aws-sdk-js/3.812.0")
#: One step: `service:Action`, and what else its record says.
Step = tuple[str, dict[str, Any]]
#: Longest search for somebody who is at work (hours): over a weekend.
_PATIENCE = 24 * 3


def stolen(office: Office, doer: Doer, scenario: str, address: str = "", agent: str = "") -> Doer:
    """The same credential in other hands: another address and program, unless they are told."""
    return Doer(
        doer.identity, replace(doer.truth, scenario=scenario, malicious=True),
        address or provider_address(office.chance), agent or office.chance.choice(AGENTS), "",
    )  # fmt: skip


def from_within(doer: Doer, scenario: str, agent: str = "") -> Doer:
    """The same credential misused where it belongs."""
    truth = replace(doer.truth, scenario=scenario, malicious=True)
    return Doer(doer.identity, truth, doer.address, agent or doer.agent, doer.region)


def at_work(office: Office, time: int, *jobs: str) -> tuple[Person, Session, int]:
    """Somebody with a session of their own (of one of these jobs, if any are given), and the time at which they have
    it: this one, or the next at which somebody does."""
    at = time
    people: list[Person] = []
    while at < min(time + _PATIENCE * HOUR, office.end):
        people = [one for one in office.of(Person, at) if one.way != "key" and (not jobs or one.job in jobs)]
        found = {one.name: session for one in people if (session := one.session(office, at)) is not None}
        # Those who have been signed in for hours are asked last: what is done with it must not outlive it.
        found = {name: one for name, one in found.items() if one.expires - at > 2 * HOUR} or found
        if found:
            person = office.victim([one for one in people if one.name in found])
            session = found[person.name]
            # They may be where they usually are not.
            session.address = person.doer(office, session, False, at).address
            return person, session, at
        at += HOUR
    # All of them are on leave, or the days are over before they work again: one of them signs in for it.
    person = office.victim(people or [one for one in office.of(Person) if one.way != "key"])
    ids = office.ids
    session = Session(time, time + 8 * HOUR, ids.key("ASIA"), f"trs{ids.hexadecimal(22)}", person.home)
    office.besides.extend(person.login(session, office, time))
    return person, session, time + 2 * MINUTE


def agent_at(office: Office, time: int, way: str = "own") -> Assistant:
    """An agent of this kind that is there."""
    known = [one for one in office.of(Assistant) if one.way == way] or office.of(Assistant)
    return office.victim([one for one in known if one.there(office.day_of(time))] or known)


def committer(office: Office, time: int) -> Person:
    """Somebody who works with repositories."""
    known = [one for one in office.of(Person) if one.git] or office.of(Person)
    return office.victim([one for one in known if one.there(office.day_of(time))] or known)


def play(
    world: World, at: int, doer: Doer, steps: Iterable[Step], pace: tuple[float, float], **more: Any
) -> Iterator[Told]:
    """Steps one after the other, with so many seconds in between; `more` is in every record."""
    for name, said in steps:
        service, _, action = name.partition(":")
        yield trail(world, at, service, action, doer, **{**more, **said})
        at += int(world.chance.uniform(*pace) * SECOND)


def steps(text: str) -> list[Step]:
    """Steps that say nothing but their names, in this order."""
    return [(word, {}) for word in text.split()]


def survey(office: Office, services: int, calls: tuple[int, int], denied: float) -> Iterator[Step]:
    """Looks at what there is in so many services, some of which is not permitted."""
    chance = office.chance
    for service in chance.sample([name for name, known in READS.items() if known], k=services):
        known = [call for call in READS[service] if call.action.startswith(("List", "Describe", "Get"))]
        for call in chance.choices(known or READS[service], k=chance.randint(*calls)):
            yield step(office, call, chance.random() < denied)


def changes(office: Office, number: int, *services: str) -> Iterator[Step]:
    """Changes something in these services, so many times."""
    known = [call for service in services for call in WRITES[service]]
    for _ in range(number):
        yield step(office, office.chance.choice(known))


def step(office: Office, call: Call, wrong: bool = False) -> Step:
    """A call on anything."""
    parameters = asked(office.chance, call, office.chance.randrange(96)) if call.parameter else None
    return f"{call.service}:{call.action}", {"requestParameters": parameters, **(refused(call) if wrong else {})}


def elsewhere(office: Office) -> str:
    """A region that attackers like because nobody looks there."""
    return office.chance.choice(("us-east-1", "us-west-2", "ap-northeast-1", "sa-east-1", HOME))
