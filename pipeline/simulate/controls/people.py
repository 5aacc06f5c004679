"""People who do something new, or more of it, for good reasons."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace as other

from msgspec.structs import replace

from pipeline.simulate import shapes
from pipeline.simulate.attacks.defences import TRAIL
from pipeline.simulate.attacks.models import OPENING
from pipeline.simulate.attacks.scene import Step, at_work, committer, play, steps
from pipeline.simulate.controls.machines import call, harmless, terraform
from pipeline.simulate.staff.catalog import MODELS, READS, WRITES
from pipeline.simulate.staff.office import DAY, MINUTE, Change, Office
from pipeline.simulate.staff.people import Person, provider_address
from pipeline.simulate.staff.services import Service
from pipeline.simulate.truth import Told
from pipeline.simulate.world import HOUR, SECOND, Doer


def _at_work(office: Office, time: int, scenario: str, *jobs: str, clicking: bool = False) -> tuple[Person, Doer, int]:
    person, session, at = at_work(office, time, *jobs)
    doer = person.doer(office, session, clicking)
    return person, other(doer, truth=replace(doer.truth, scenario=scenario)), at


def terraform_on_a_laptop(office: Office, time: int) -> Iterator[Told]:
    """An engineer applies a large stack from their laptop, and destroys it when it is not what they wanted."""
    _, doer, at = _at_work(office, time, "control: terraform on a laptop", "operator", "administrator", "developer")
    yield from terraform(office, at, doer, destroy=office.chance.random() < 0.7)


def first_models(office: Office, time: int) -> Iterator[Told]:
    """A person asks for access to models in the console for the first time, fills in the form, and tries them."""
    chance = office.chance
    _, doer, at = _at_work(office, time, "control: first use of models", "developer", "analyst", clicking=True)
    looks = steps("bedrock:ListFoundationModels bedrock:GetFoundationModelAvailability")
    yield from play(office, at, doer, looks, (0.1, 2))
    yield from play(office, at + 40 * SECOND, doer, steps(OPENING), (8, 60))
    at += int(chance.uniform(6, 30) * MINUTE)
    model: Step = ("bedrock:InvokeModel", {"requestParameters": {"modelId": chance.choice(MODELS)}})
    wrong: Step = (model[0], {**model[1], "errorCode": "ValidationException", "errorMessage": "messages: required"})
    yield from play(office, at, doer, [wrong, *[model] * chance.randint(4, 25)], (6, 70))


def key_rotation(office: Office, time: int) -> Iterator[Told]:
    """An administrator gives services new keys, which they use from then on; the old ones are deleted."""
    chance, scenario = office.chance, "control: key rotation"
    _, admin, at = _at_work(office, time, scenario, "administrator")
    for service in chance.sample(office.of(Service, at), k=min(4, len(office.of(Service, at)))):
        key = office.ids.key("AKIA")
        named = {"userName": service.name}
        made = {"accessKey": {"accessKeyId": key, "userName": service.name, "status": "Active"}}
        old = {**named, "accessKeyId": service.doer(at).identity["accessKeyId"]}
        order: list[Step] = [
            ("iam:ListAccessKeys", {"requestParameters": named}),
            ("iam:CreateAccessKey", {"requestParameters": named, "responseElements": made}),
        ]
        yield from play(office, at, admin, order, (2, 15))
        since = at + int(chance.uniform(2, 9) * MINUTE)
        service.later.append((since, [f"aws:{key}", *admin.truth.credential_chain]))
        for job in service.jobs:
            yield from service.run(job, office, since, doer=service.doer(since, scenario))
        ends: list[Step] = [
            ("iam:GetAccessKeyLastUsed", {"requestParameters": old}),
            ("iam:UpdateAccessKey", {"requestParameters": {**old, "status": "Inactive"}}),
            ("iam:DeleteAccessKey", {"requestParameters": old}),
        ]
        # A run that had begun with the old key has ended by then.
        _, later, then = _at_work(office, at + 60 * MINUTE, scenario, "administrator")
        yield from play(office, then, later, ends, (5, 30))
        at += int(chance.uniform(1, 4) * MINUTE)


def _day(office: Office, person: Person, begins: int, scenario: str) -> Iterator[Told]:
    """A day of work of a person, beginning then, wherever their habits say they are."""
    usual = (found for day in range(60) if (found := other(person, first=0, last=60).shift(office, day))[0])
    moments, sessions = next(usual, ([], []))
    later = begins - (moments[0] if moments else begins)
    for session in sessions:
        fresh = other(session, begins=session.begins + later, expires=session.expires + later,
                      key=office.ids.key("ASIA"), login=f"trs{office.ids.hexadecimal(22)}")  # fmt: skip
        yield from harmless(person.login(fresh, office, fresh.begins), scenario)
        mine = [at for at in moments if session.begins <= at < session.expires]
        for at in mine:
            yield from harmless(person.work(fresh, office, at + later + MINUTE), scenario)


def _changed(office: Office, people: list[Person], change: Change) -> Iterator[Told]:
    """Something is otherwise with these people. If all of them are off until it ends, some work a day all the same."""
    until, day, busy = min(change.until, office.end), office.day_of(change.since), False
    for person in people:
        known = office.changes.setdefault(person.name, [])
        # What is so for everybody is not so for whom something else is.
        known.insert(len(known) if len(people) > 1 else 0, change)
        moments = (at for later in range(day - 1, day + 5) for at in person.shift(office, later)[0])
        busy = busy or any(change.since <= at < until for at in moments)
    for person in () if busy else people[:3]:
        yield from _day(office, person, change.since, change.scenario)


def new_network(office: Office, time: int) -> Iterator[Told]:
    """The VPN is another one for a day: everybody comes from an address that nobody ever had, even within a session."""
    people = [one for one in office.of(Person, time) if one.way != "key"]
    where, scenario = provider_address(office.chance), "control: everybody on a new network"
    yield from _changed(office, people, Change(time, time + DAY, scenario, where))


def _somebody(office: Office, time: int) -> Person:
    return office.victim([one for one in office.of(Person, time) if one.way != "key"])


def from_abroad(office: Office, time: int) -> Iterator[Told]:
    """One person works from abroad for some days, as they said they would."""
    change = Change(time, time + 4 * DAY, "control: one person from abroad", provider_address(office.chance))
    yield from _changed(office, [_somebody(office, time)], change)


def loop(office: Office, time: int) -> Iterator[Told]:
    """A person goes through some hundred things with a loop in the shell."""
    person, doer, at = _at_work(office, time, "control: loop in the shell", "developer", "operator", "analyst")
    yield from person.loop(office, at, doer, office.chance.randint(100, 500))


def new_hire(office: Office, time: int) -> Iterator[Told]:
    """Somebody starts, with a role that nobody had: their first day, when they look at everything."""
    person = Person.hired(office, "first.day@example.com", "analyst", "saml", 900)
    hired = other(person, job="operator", rate=14.0, repertoire=other(person.repertoire, novelty=0.25, mistakes=0.06))
    yield from _day(office, hired, time, "control: new hire with a new role")


def drill(office: Office, time: int) -> Iterator[Told]:
    """An incident drill: an administrator reads logs and settings, fast and a lot, of everything."""
    chance = office.chance
    person, doer, at = _at_work(office, time, "control: incident drill", "administrator", "auditor", "operator")
    services = ("cloudtrail", "guardduty", "iam", "config", "logs", "s3", "ec2", "kms")
    for _ in range(chance.randint(80, 300)):
        yield call(office, at, doer, chance.choice(READS[chance.choice(services)]), awsRegion=person.repertoire.region)
        at += int(chance.lognormvariate(0.8, 1.0) * SECOND)


def break_glass(office: Office, time: int) -> Iterator[Told]:
    """In an incident an administrator takes a role that exists for that, looks around, and mends something."""
    chance, scenario = office.chance, "control: break-glass role"
    _, doer, at = _at_work(office, time, scenario, "administrator", "operator")
    key, session = office.ids.key("ASIA"), f"incident-{chance.randrange(900)}"
    taken = shapes.assume_role("break-glass", session, key, at + HOUR)
    yield from play(office, at, doer, [("sts:AssumeRole", taken)], (1, 1))
    true = replace(doer.truth, credential_chain=[f"aws:{key}", *doer.truth.credential_chain])
    inside = other(doer, identity=shapes.role_identity("break-glass", session, key), truth=true)
    for _ in range(chance.randint(10, 60)):
        at += int(chance.lognormvariate(2.5, 0.9) * SECOND)
        known = READS if chance.random() < 0.85 else WRITES
        yield call(office, at, inside, chance.choice(known[chance.choice(("ec2", "rds", "ecs", "ssm", "lambda"))]))


def logging_extended(office: Office, time: int) -> Iterator[Told]:
    """An administrator has a trail log more than before, and turns it off and on for that."""
    _, doer, at = _at_work(office, time, "control: logging extended", "administrator")
    more = {"eventSelectors": [{"readWriteType": "All", "includeManagementEvents": True, "dataResources": ["s3"]}]}
    order: list[Step] = [
        *steps("cloudtrail:DescribeTrails cloudtrail:GetEventSelectors cloudtrail:GetTrailStatus"),
        ("cloudtrail:PutEventSelectors", {"requestParameters": {**TRAIL, **more}}),
        ("cloudtrail:UpdateTrail", {"requestParameters": {**TRAIL, "isMultiRegionTrail": True}}),
        ("cloudtrail:StartLogging", {"requestParameters": TRAIL}),
    ]
    yield from play(office, at, doer, order, (4, 60))


def alert_of_nothing(office: Office, time: int) -> Iterator[Told]:
    """GitHub's secret scanning alerts of a token that is none, and its developer says so; nobody uses anything."""
    chance, person = office.chance, committer(office, time)
    account, repository = person.github(time), chance.choice(person.repositories)
    true = account.truth("control: exposure that was none")
    yield account.act(office, time, "secret_scanning_alert.create", true, repository)
    later = time + int(chance.uniform(5, 300) * MINUTE)
    yield account.act(office, later, "secret_scanning_alert.resolve", true, repository)


def new_laptop(office: Office, time: int) -> Iterator[Told]:
    """A person has a new laptop: what they use says that it is another one, from where they usually are."""
    fresh = office.chance.choice(
        ("aws-cli/2.31.1 md/awscrt#0.27.6 os/macos#25.0.0 md/arch#arm64", "Boto3/1.42.0 os/macos")
    )
    change = Change(time, office.end + DAY, "control: new laptop", agent=fresh)
    yield from _changed(office, [_somebody(office, time)], change)


def back_from_leave(office: Office, time: int) -> Iterator[Told]:
    """A person comes back after weeks without a trace of them, with the access that they had."""
    away = sorted((one for one in office.of(Person) if one.last < office.day_of(time)), key=lambda one: one.last)
    person = office.victim(away[:2] or office.of(Person))
    yield from _day(office, person, time, "control: return after a long leave")
