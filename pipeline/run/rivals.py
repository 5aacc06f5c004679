"""Rules that others use against the same abuse, as baselines: on the same acts, each flags events.

From their published descriptions (docs/detections.md has the sources), not from their code: Prowler's ratio of
LLMjacking actions, Elastic's thresholds for Bedrock, and a plain limit of requests.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from typing import Protocol

from pipeline.score.act import Act

MINUTE = 60_000_000
#: Prowler: an identity that used more than this share of these actions within a day.
RATIO, A_DAY = 0.4, 1440 * MINUTE
LLMJACKING = frozenset((
    "PutUseCaseForModelAccess", "PutFoundationModelEntitlement", "PutModelInvocationLoggingConfiguration",
    "CreateFoundationModelAgreement", "InvokeModel", "InvokeModelWithResponseStream", "GetUseCaseForModelAccess",
    "GetModelInvocationLoggingConfiguration", "GetFoundationModelAvailability",
    "ListFoundationModelAgreementOffers", "ListFoundationModels", "ListProvisionedModelThroughputs",
    "SearchAgreements", "AcceptAgreementRequest",
))  # fmt: skip
#: Elastic: a standing key that looks around among models and uses one within so long; calls of one identity a day; and
#: calls that open models.
SOON, CALLS = 15 * MINUTE, 500
RECON = frozenset(name for name in LLMJACKING if name.startswith(("Get", "List")))
OPENING = frozenset({"PutUseCaseForModelAccess", "PutFoundationModelEntitlement", "CreateFoundationModelAgreement"})
#: A plain limit: requests of one identity within so long.
REQUESTS, WITHIN = 30, MINUTE // 6


class Prowler:
    """Events of identities while they are over the ratio."""

    def __init__(self) -> None:
        self._used: dict[str, dict[str, int]] = defaultdict(dict)

    def flags(self, act: Act) -> bool:
        """Whether this event is one."""
        name = act.action.partition(":")[2]
        if name not in LLMJACKING:
            return False
        mine = self._used[act.identity]
        mine[name] = act.time
        return sum(time > act.time - A_DAY for time in mine.values()) > RATIO * len(LLMJACKING)


class Elastic:
    """Events that one of the three thresholds flags."""

    def __init__(self) -> None:
        self._looked: dict[str, int] = {}
        self._calls: dict[tuple[str, int], int] = defaultdict(int)

    def flags(self, act: Act) -> bool:
        """Whether this event is one."""
        name = act.action.partition(":")[2]
        if name in OPENING:
            return True
        if name in RECON and act.service == "bedrock":
            self._looked[act.credential] = act.time
        if not name.startswith("InvokeModel"):
            return False
        today = act.identity, act.time // A_DAY
        self._calls[today] += 1
        soon = act.key == "standing" and act.time - self._looked.get(act.credential, -SOON) <= SOON
        return soon or self._calls[today] > CALLS


class RateLimit:
    """Events beyond the limit."""

    def __init__(self) -> None:
        self._latest: dict[str, deque[int]] = defaultdict(deque)

    def flags(self, act: Act) -> bool:
        """Whether this event is one."""
        mine = self._latest[act.identity]
        mine.append(act.time)
        while mine[0] <= act.time - WITHIN:
            mine.popleft()
        return len(mine) > REQUESTS


class Rival(Protocol):
    """A rule of others, which sees acts in the order of time."""

    def flags(self, act: Act) -> bool:
        """Whether it flags this event."""


RIVALS: dict[str, Callable[[], Rival]] = {
    "prowler_ratio": Prowler, "elastic_thresholds": Elastic, "rate_limit": RateLimit,
}  # fmt: skip
