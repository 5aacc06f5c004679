"""People who sign in through Okta and go on to AWS, and agents that Okta gives a token to act for a person.

Two logs tell of one login: Okta names its session, AWS the person only. What somebody does in AWS with what a login
gave them happened in that login session, whether or not a log says so: that is its truth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from pipeline.simulate import agents, shapes
from pipeline.simulate.activities import clicks
from pipeline.simulate.truth import Told, Truth
from pipeline.simulate.world import HOUR, OKTA_SAML, SECOND, Doer, World, trail

#: Name of the application, the role that it leads to, and whether it sends the person's name as the source identity.
AWS = (("AWS Production", "production-engineer", True), ("AWS Staging", "staging-engineer", False))
OTHERS = ("Wiki", "Payroll", "Tickets")
_RIGHT, _WRONG = ("SUCCESS", None), ("FAILURE", "INVALID_CREDENTIALS")
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@dataclass
class Source:
    """Who does something at Okta, and from where."""

    actor: dict[str, Any]
    address: str
    session: str = "unknown"
    #: What tokens that it is granted are for.
    scopes: str = "openid"


@dataclass
class Login:
    """A person's session at Okta while it is told."""

    world: World
    person: str
    scenario: str
    session: str
    address: str

    @property
    def party(self) -> dict[str, Any]:
        """The person as Okta shows them."""
        number = self.world.people.index(self.person)
        name = self.person.partition("@")[0].capitalize()
        return _party(f"00u{number:017}", "User", self.person, name)

    def truth(self) -> Truth:
        """The truth of what the person does at Okta in this session."""
        return Truth("", "", self.person, self.person, self.session, scenario=self.scenario)

    def tell(self, time: int, event: str, **more: Any) -> Told:
        """One event of the session."""
        return log(self.world, time, event, self.truth(), Source(self.party, self.address, self.session), **more)


def login(
    world: World, time: int, person: str, scenario: str, name: str = "", address: str = ""
) -> tuple[Login, list[Told], int]:
    """A person signs in with a second factor, which now and then fails; returns the session, its records, its start."""
    chance, at = world.chance, time
    name = name or f"trs{world.ids.hexadecimal(22)}"
    session = Login(world, person, scenario, name, address or world.address(person))
    rule = [_party(f"00p{1:017}", "PolicyEntry", "unknown", "Everybody"),
            _party(f"0pr{1:017}", "PolicyRule", "unknown", "Second factor")]  # fmt: skip
    told = [session.tell(at, "policy.evaluate_sign_on", target=rule, outcome=("CHALLENGE", None))]
    for outcome in (_WRONG, _RIGHT) if chance.random() < 0.1 else (_RIGHT,):
        at += int(chance.uniform(4, 20) * SECOND)
        told.append(session.tell(at, "user.authentication.auth_via_mfa", target=[session.party], outcome=outcome))
    at += SECOND // 5
    told.append(session.tell(at, "user.session.start"))
    return session, told, at


def okta_work(world: World, time: int) -> Iterator[Told]:
    """A person signs in, opens one application after the other, and works in AWS; some sign out when they are done."""
    chance = world.chance
    session, told, at = login(world, time, chance.choice(world.at_okta), "okta")
    yield from told
    for _ in range(chance.randint(1, 3)):
        at += int(chance.uniform(1, 30) * SECOND)
        if chance.random() < 0.3:
            yield _opened(session, at, chance.choice(OTHERS))
            continue
        told, at = _in_aws(session, at)
        yield from told
    if chance.random() < 0.4:
        yield session.tell(at + int(chance.uniform(1, 60) * SECOND), "user.session.end")


def okta_agent(
    world: World, time: int, who: str = "", tools: tuple[agents.Tool, ...] = (), people: list[str] | None = None
) -> Iterator[Told]:
    """A person signs in to an agent, which exchanges that for a token of its own to act for them, and goes to work."""
    run = agents.begin(world, time, who or f"wlp{world.chance.randrange(8):017}", "okta agent", people or world.at_okta)
    session, told, at = login(world, time, run.human, run.scenario)
    yield from told
    app = "Desk agent"
    yield _opened(session, at + SECOND, app, "OPENID_CONNECT")
    proof = world.ids.hexadecimal(22)
    target = [_party(f"0oa{app.replace(' ', ''):0<17}", "AppInstance", app, app),
              _token("id_token", proof, session, at + SECOND + HOUR)]  # fmt: skip
    yield session.tell(at + SECOND, "app.oauth2.token.grant.id_token", target=target, grant="authorization_code")
    # The agent shows the token that its person was given, which the log does not say. It is not in that person's
    # browser, so it is not in their login session either.
    true = Truth("", "", run.agent, run.human, "", [f"okta:{proof}"], scenario=run.scenario)
    agent = Source(_party(run.agent, "AI Agent", "unknown", app), "192.0.2.44")
    at += 2 * SECOND
    for name, grant, lasts in (("id_jag", "token-exchange", HOUR // 12), ("access_token", "jwt-bearer", HOUR)):
        granted = world.ids.hexadecimal(22)
        target = [session.party, _token(name, granted, session, at + lasts, run.agent)]
        yield log(world, at, f"app.oauth2.token.grant.{name}", true, agent, target,
                  grant=f"urn:ietf:params:oauth:grant-type:{grant}")  # fmt: skip
        true = msgspec.structs.replace(true, credential_chain=[f"okta:{granted}", *true.credential_chain])
        at += SECOND // 2
    run.time = at + int(world.chance.uniform(1, 20) * SECOND)
    yield agents.launch(run)
    yield from agents.work(run, world.chance.randint(2, 7), tools)


def _opened(session: Login, time: int, app: str, mode: str = "SAML_2_0") -> Told:
    """A person opens an application."""
    instance = _party(f"0oa{app.replace(' ', ''):0<17}", "AppInstance", app, app, {"signOnModeType": mode})
    user = _party(f"0ua{session.world.people.index(session.person):017}", "AppUser", session.person, session.person)
    return session.tell(time, "user.authentication.sso", target=[instance, user])


def _in_aws(session: Login, at: int) -> tuple[list[Told], int]:
    """A person opens AWS and works there; returns the records and when they are done."""
    world = session.world
    told, doer, at = enter_aws(session, at, world.chance.choice(AWS))
    made, at = clicks(world, at + 3 * SECOND, doer, world.chance.randint(1, 5))
    return told + made, at


def enter_aws(
    session: Login, at: int, entrance: tuple[str, str, bool], key: str = "", seconds: int = 3600
) -> tuple[list[Told], Doer, int]:
    """A person opens AWS and is given a role; returns the records, who they are there, and since when."""
    world, person = session.world, session.person
    app, role, sends = entrance
    told = [_opened(session, at, app)]
    at += int(world.chance.uniform(0.5, 3) * SECOND)
    key = key or world.ids.key("ASIA")
    identity = {
        "type": "SAMLUser", "principalId": f"{OKTA_SAML}:{person}", "userName": person, "identityProvider": OKTA_SAML,
    }  # fmt: skip
    true = session.truth()
    true.actor = identity["principalId"]
    issued = shapes.assume_role(role, person, key, at + seconds * SECOND, seconds)
    issued["requestParameters"] |= {"principalArn": OKTA_SAML, "sAMLAssertionID": f"_{world.ids.uuid()}"}
    acts = shapes.role_identity(role, person, key)
    if sends:
        issued["requestParameters"]["sourceIdentity"] = issued["responseElements"]["sourceIdentity"] = person
        acts["sessionContext"]["sourceIdentity"] = person
    told.append(trail(world, at, "sts", "AssumeRoleWithSAML", Doer(identity, true, session.address), **issued))
    return told, Doer(acts, msgspec.structs.replace(true, credential_chain=[f"aws:{key}"]), session.address), at


def log(
    world: World, time: int, event: str, truth: Truth, source: Source, target: list[dict[str, Any]] | None = None,
    outcome: tuple[str, str | None] = _RIGHT, grant: str = "",
) -> Told:  # fmt: skip
    """One event of Okta's System Log; whoever fetches it asks once a minute."""
    event_id, request = world.ids.uuid(), world.ids.hexadecimal(32)
    issuing = event.startswith(("user.session.", "app.oauth2."))
    kind, topic = ("token_issuance", "token-issuance") if issuing else ("cloud_audit", "cloud-audit")
    actor, person = source.actor, source.actor["type"] == "User"
    value = shapes.encode({
        "uuid": event_id, "published": shapes.iso(time, 3), "version": "0", "severity": "INFO", "eventType": event,
        "displayMessage": event.replace(".", " "), "actor": {**actor, "detailEntry": None},
        "client": {
            "userAgent": {"rawUserAgent": BROWSER if person else "python-httpx/0.28", "os": "Linux"}, "zone": "null",
            "device": "Computer" if person else "Unknown", "id": None if person else actor["id"],
            "ipAddress": source.address,
        },
        "authenticationContext": {"externalSessionId": source.session, "rootSessionId": source.session},
        "outcome": {"result": outcome[0], "reason": outcome[1]}, "target": target,
        "transaction": {"type": "WEB", "id": request, "detail": {}},
        "debugContext": {"debugData": {
            "requestId": request, "dtHash": "-",
            **({"grantType": grant, "grantedScopes": source.scopes} if grant else {}),
        }},
    })  # fmt: skip
    arrives = time + int(world.chance.uniform(1, 60) * SECOND)
    stated = msgspec.structs.replace(truth, event_id=event_id, kind=kind)
    return Told(time, arrives, topic, "okta.system-log", value, [stated])


def _party(
    identifier: str, kind: str, alternate: str, name: str, detail: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {"id": identifier, "type": kind, "alternateId": alternate, "displayName": name, "detailEntry": detail}


def _token(name: str, digest: str, session: Login, expires: int, agent: str = "") -> dict[str, Any]:
    detail = {"expires": shapes.iso(expires, 3), "subject": session.party["id"], "hash": digest}
    shown = {"id_token": "ID Token", "id_jag": "ID-JAG", "access_token": "Access Token"}[name]
    return _party(f"{name}.{digest[:12]}", name, "unknown", shown, {**detail, **({"actor": agent} if agent else {})})
