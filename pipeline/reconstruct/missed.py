"""Facts become the detections that should have fired: those whose business is seen in it, and that found none of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipeline.reconstruct.facts import Facts
from pipeline.reconstruct.spread import Chosen
from pipeline.score.deeds import BLIND, MINT, MODEL, RUN, SECRET, SHARE, SURVEY, deed_of
from schemas.entry import Entry
from schemas.incident import Missed

#: Entries that are named; how many secrets and model calls are the business of a detection.
SHOWN, SECRETS, MODELS = 5, 5, 20
Sees = Callable[[Entry], bool]


def _done(entry: Entry) -> bool:
    return entry.event.outcome not in ("failure", "denied")


def _flag(bits: int) -> Sees:
    return lambda entry: bool(deed_of(entry.event.action).flags & bits) and _done(entry)


#: Detection, what of an entry is its business, how many such entries are enough, and in words.
_EXPECTED: tuple[tuple[str, Sees, int, str], ...] = (
    ("logging-disabled", _flag(BLIND), 1, "a log or a detection was switched off"),
    ("access-kept", _flag(MINT), 1, "a credential that lasts was made"),
    ("shared-outside", _flag(SHARE), 1, "data was given to another account"),
    ("command-run", _flag(RUN), 1, "something was run on a machine"),
    ("secrets-harvested", _flag(SECRET), SECRETS, "secrets were read one after the other"),
    ("model-cost-burn", _flag(MODEL), MODELS, "models were asked again and again"),
    ("llmjacking", _flag(SURVEY), 2, "models were looked at before use"),
    ("token-after-expiry", lambda one: 0 < one.credential_expires < one.event.time, 1,
     "a credential was used after it expired"),
    ("token-after-revocation", lambda one: 0 < one.credential_revoked < one.event.time, 1,
     "a credential was used after it was revoked"),
)  # fmt: skip
#: Detections of which one is enough where another hand than the usual one used a credential.
_ELSEWHERE = ("used-elsewhere", "credential-in-two-places", "ci-outside-pipeline", "person-with-service-account",
              "session-replay", "dormant-awake")  # fmt: skip


def missed(facts: Facts) -> list[Missed]:
    """Detections whose business is in the incident, and which found none of it."""
    fired = {finding.detection for finding in facts.findings.values()}
    found: list[Missed] = []
    for name, sees, least, words in _EXPECTED:
        acts = [one for one in facts.acts if one.entry.event.kind not in ("prompt", "tool_call") and sees(one.entry)]
        if len(acts) >= least and name not in fired:
            found.append(Missed(name, f"{words} ({_many(len(acts))})", _ids(acts)))
    strange = [one for key, acts in facts.by_strand.items() if facts.spread.threads[key].foreign for one in acts]
    if strange and not fired.intersection(_ELSEWHERE):
        found.append(
            Missed("used-elsewhere", "a credential was used from elsewhere, or with another program", _ids(strange))
        )
    return found


def _many(number: int) -> str:
    return "one entry" if number == 1 else f"{number} entries"


def _ids(acts: Sequence[Chosen]) -> list[str]:
    return [one.entry.event.event_id for one in acts[:SHOWN]]
