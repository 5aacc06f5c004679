"""Rules that others use against the same abuse, as baselines: on the same acts, each flags events.

From their published descriptions (docs/detections.md has the sources), not from their code: Prowler's ratio of
LLMjacking actions, Elastic's thresholds for Bedrock, and a plain limit of requests.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable

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


def prowler(acts: Iterable[Act]) -> set[str]:
    """Events of identities while they are over the ratio."""
    flagged: set[str] = set()
    used: dict[str, dict[str, int]] = defaultdict(dict)
    for act in acts:
        name = act.action.partition(":")[2]
        if name in LLMJACKING:
            mine = used[act.identity]
            mine[name] = act.time
            if sum(time > act.time - A_DAY for time in mine.values()) > RATIO * len(LLMJACKING):
                flagged.add(act.event_id)
    return flagged


def elastic(acts: Iterable[Act]) -> set[str]:
    """Events that one of the three thresholds flags."""
    flagged: set[str] = set()
    looked: dict[str, int] = {}
    calls: dict[tuple[str, int], int] = defaultdict(int)
    for act in acts:
        name = act.action.partition(":")[2]
        if name in OPENING:
            flagged.add(act.event_id)
        elif name in RECON and act.service == "bedrock":
            looked[act.credential] = act.time
        elif name.startswith("InvokeModel"):
            calls[act.identity, act.time // A_DAY] += 1
            soon = act.key == "standing" and act.time - looked.get(act.credential, -SOON) <= SOON
            if soon or calls[act.identity, act.time // A_DAY] > CALLS:
                flagged.add(act.event_id)
    return flagged


def rate_limit(acts: Iterable[Act]) -> set[str]:
    """Events beyond the limit."""
    flagged: set[str] = set()
    latest: dict[str, deque[int]] = defaultdict(deque)
    for act in acts:
        mine = latest[act.identity]
        mine.append(act.time)
        while mine[0] <= act.time - WITHIN:
            mine.popleft()
        if len(mine) > REQUESTS:
            flagged.add(act.event_id)
    return flagged


RIVALS: dict[str, Callable[[Iterable[Act]], set[str]]] = {
    "prowler_ratio": prowler, "elastic_thresholds": elastic, "rate_limit": rate_limit,
}  # fmt: skip
