"""The organisation's fixed parts, its dice, and who acts in it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pipeline.simulate import shapes
from pipeline.simulate.truth import Told, Truth

SECOND = 1_000_000
HOUR = 3600 * SECOND
PROVIDER = "oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLE"
GITHUB = "token.actions.githubusercontent.com"
SAML = "arn:aws:iam::123456789012:saml-provider/corp"
OKTA_SAML = "arn:aws:iam::123456789012:saml-provider/okta"

Activity = Callable[["World", int], Iterator[Told]]


@dataclass
class World:
    """The organisation's fixed parts and its dice."""

    chance: random.Random
    start: int
    #: Largest error of an agent host's clock (microseconds).
    skew: int = 0
    ids: shapes.Ids = field(init=False)
    people: list[str] = field(init=False)
    #: Where a person signs in: a third of them at Okta, the others at a provider that keeps its log to itself.
    at_okta: list[str] = field(init=False)
    elsewhere: list[str] = field(init=False)
    #: Access keys of service accounts: name → key.
    standing: dict[str, str] = field(init=False)
    shared_key: str = field(init=False)
    clocks: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ids = shapes.Ids(self.chance.getrandbits(64))
        self.people = [f"person{number:02}@example.com" for number in range(60)]
        self.at_okta, self.elsewhere = self.people[:20], self.people[20:]
        self.standing = {f"svc-{number:02}": self.ids.key("AKIA") for number in range(12)}
        self.shared_key = self.ids.key("AKIA")

    def offset(self, host: str) -> int:
        """Error of one host's clock, the same for the whole run."""
        if host not in self.clocks:
            self.clocks[host] = int(random.Random(host).uniform(-self.skew, self.skew))
        return self.clocks[host]

    def address(self, of: str) -> str:
        """Where somebody usually comes from."""
        return f"198.51.{100 + hash_of(of) % 3}.{hash_of(of) // 7 % 250 + 1}"


def hash_of(text: str) -> int:
    """A number for a name, the same in every process."""
    return sum((at + 1) * ord(char) for at, char in enumerate(text))


@dataclass
class Doer:
    """Who acts with which credential: what every CloudTrail record of an activity has in common."""

    identity: dict[str, Any]
    truth: Truth
    address: str
    #: User agent and region of its calls, where they are not the usual ones.
    agent: str = ""
    region: str = ""

    def stated(self) -> dict[str, str]:
        """What its records state besides, as fields of CloudTrail."""
        return {name: text for name, text in (("userAgent", self.agent), ("awsRegion", self.region)) if text}


#: Calls that issue credentials beside those of the AssumeRole family.
_ISSUING = ("CreateAccessKey", "CreateServiceSpecificCredential")


def trail(
    world: World, time: int, service: str, action: str, doer: Doer, truth: Truth | None = None, **more: Any
) -> Told:
    """One CloudTrail record. The log is written some minutes later."""
    event_id = world.ids.uuid()
    issuing = action.startswith("AssumeRole") or action in _ISSUING
    true = truth or doer.truth
    value = shapes.cloudtrail(event_id, time, service, action, doer.identity, doer.address, **(doer.stated() | more))
    stated = Truth(
        event_id, "token_issuance" if issuing else "cloud_audit", true.actor, true.human, true.session,
        true.credential_chain, true.tool_call, true.prompt, true.scenario, true.malicious,
    )  # fmt: skip
    delay = int(world.chance.uniform(60, 300) * SECOND)
    topic = "token-issuance" if issuing else "cloud-audit"
    return Told(time, time + delay, topic, "aws.cloudtrail", value, [stated])
