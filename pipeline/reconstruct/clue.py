"""What somebody has becomes where to begin: a name or a span becomes strands, with the entries that point at them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, get_args

from pipeline.kit.failures import Invalid
from pipeline.reconstruct.case import Case
from pipeline.reconstruct.sitting import LONG, SHARE
from pipeline.reconstruct.strands import Thread, key_of
from pipeline.reconstruct.suspicion import CLEAR, FAINT, PLAIN, assess
from pipeline.score.profile import EVIDENCE
from pipeline.store import queries
from pipeline.store.alerts import alert, alerts
from pipeline.store.aliases import known
from pipeline.store.findings import finding, findings
from pipeline.store.pivots import Rows
from schemas.incident import Clue, ClueKind

KINDS: tuple[str, ...] = get_args(ClueKind)
#: Kinds by which a name is looked for when none is given, the most particular first.
_ORDER = ("event", "alert", "finding", "credential", "session", "identity", "address", "resource")
#: The pivot of a kind of clue.
_PIVOT = {"credential": "credential", "session": "session", "address": "address", "resource": "resource"}
#: How sure a strand belongs that the clue itself points at, that looks wrong and has to do with it, that only has to.
POINTED, WRONG, TOUCHED = 0.99, 0.95, 0.8
#: How much less of a usual hand is found than of another one.
USUAL = 0.25
#: Of so few strands that touched a resource, those that look right belong so surely, where others look wrong.
FEW, POSSIBLE = 12, 0.55
#: Findings of a span; strands of a clue that are assessed, the latest ones, and of those the most suspicious that are
#: followed.
_MOST, _ASSESSED, _SEEDS = 200, 150, 30


class Seed(NamedTuple):
    """Where a reconstruction begins."""

    thread: Thread
    confidence: float
    why: str
    #: Ids of the entries of it that are pointed at; none where it is the strand as a whole.
    entries: list[str]
    #: Whether only these look wrong among many.
    narrow: bool = False


def recognise(store: Rows, text: str, kind: str = "", since: int | None = None, until: int | None = None) -> Clue:
    """The clue that a text is. Raises Invalid when nothing in the store has that name, or the kind is none."""
    if kind and kind not in KINDS:
        raise Invalid("kind", "one of " + ", ".join(KINDS), kind)
    if kind == "span" or (not text and not kind):
        if since is None or until is None:
            raise Invalid("clue", "a name, or --since and --until", text)
        return Clue("span", "", since, until)
    for one in [kind] if kind else _ORDER:
        found = next((name for name in _spellings(one, text) if _there(store, one, name)), "")
        if found:
            return Clue(one, found, since, until)
    looked = kind or "event, alert, finding, credential, session, identity, address or resource"
    raise Invalid("clue", f"the name of a known {looked}", text)


def seeds(case: Case, clue: Clue) -> list[Seed]:
    """Strands that a clue leads to. Raises Invalid when there is none."""
    if clue.kind in ("event", "finding", "alert"):
        found = _pointed(case, clue)
    elif clue.kind == "span":
        found = _span(case, clue)
    else:
        found = _named(case, clue)
    if not found:
        raise Invalid("clue", "something that entries speak of", clue.value or "that span of time")
    return found


def _spellings(kind: str, text: str) -> list[str]:
    """How a name may be written in the store: access keys are credentials with the name of their kind before them."""
    return [text, f"aws:{text}"] if kind == "credential" and ":" not in text else [text]


def _there(store: Rows, kind: str, name: str) -> bool:
    if kind == "event":
        return queries.event(store, name) is not None
    if kind == "alert":
        return alert(store, name) is not None
    if kind == "finding":
        return finding(store, name) is not None
    case = Case(store)
    if kind == "identity":
        return bool(_of_identity(case, name))
    return bool(case.by(_PIVOT[kind], name))


def _pointed(case: Case, clue: Clue) -> list[Seed]:
    ids, why = [clue.value], "the clue"
    if clue.kind == "finding" and (one := finding(case.store, clue.value)) is not None:
        ids, why = one.entries, f"evidence of the finding {one.detection}"
    if clue.kind == "alert" and (told := alert(case.store, clue.value)) is not None:
        merged = alerts(case.store, {"part_of": [told.alert_id]}, limit=_MOST).alerts if told.storm else []
        evidence = [each for one in told.findings if (each := finding(case.store, one)) is not None]
        ids = [*told.entries, *(name for one in evidence for name in one.entries)]
        ids += [name for one in merged for name in one.entries]
        why = "evidence of the alert"
    return _strands(case, ids, POINTED, why)


def _strands(case: Case, ids: Iterable[str], confidence: float, why: str) -> list[Seed]:
    entries = case.entries(list(ids))
    case.past(entry.actor for entry in entries)
    found: dict[str, Seed] = {}
    for entry in entries:
        thread = case.thread(entry)
        seed = found.setdefault(thread.key.name, Seed(thread, confidence, why, []))
        seed.entries.append(entry.event.event_id)
    for seed in found.values():
        assess(case, seed.thread)
    return list(found.values())


def _named(case: Case, clue: Clue) -> list[Seed]:
    identity = clue.kind == "identity"
    threads = _of_identity(case, clue.value) if identity else case.by(_PIVOT[clue.kind], clue.value)
    if clue.kind == "credential":
        # What issued it is found from what used it.
        threads = [one for one in threads if one.key.credential == clue.value] or threads
    if clue.kind == "session":
        threads = [*threads, *(one for name in case.children(clue.value) for one in case.by("session", name))]
    return _chosen(case, threads, f"it has to do with the {clue.kind} {clue.value}", clue)


def _of_identity(case: Case, name: str) -> list[Thread]:
    names = [name, *(one.name for those in known(case.store, [name]).values() for one in those)]
    found = [one for each in names for by in ("actor", "human") for one in case.by(by, each)]
    return list({one.key: one for one in found}.values())


def _span(case: Case, clue: Clue) -> list[Seed]:
    page = findings(case.store, since=clue.since, until=clue.until, limit=_MOST)
    found = _strands(case, (name for one in page.findings for name in one.entries), WRONG, "found in that span")
    if found:
        return found
    return _chosen(case, case.of_span(clue.since, clue.until), "it was there in that span", clue)


def _chosen(case: Case, threads: list[Thread], why: str, clue: Clue) -> list[Seed]:
    """Those that look wrong; if none does, all of them."""
    if len(threads) > _ASSESSED:
        case.limit(f"the clue leads to {len(threads):,} strands: the latest {_ASSESSED} were looked at")
        threads = sorted(threads, key=lambda one: one.last)[-_ASSESSED:]
    case.past(one.key.actor for one in threads)
    for one in threads:
        assess(case, one)
    least = PLAIN if clue.kind == "identity" and any(one.suspicion >= CLEAR for one in threads) else FAINT
    # Of one credential, a hand that differs at all from what was known is no owner's for sure.
    wrong = [
        one for one in threads if one.suspicion >= least or (clue.kind == "credential" and one.foreign and one.reasons)
    ]
    if len(wrong) > _SEEDS:
        case.limit(f"{len(wrong)} strands of the clue look wrong: the {_SEEDS} that do most were followed")
        wrong = sorted(wrong, key=lambda one: -one.suspicion)[:_SEEDS]
    # What only one hand ever used is that hand's as a whole.
    alone = clue.kind == "credential" and len(threads) == 1
    found = [
        Seed(one, WRONG if one.suspicion >= CLEAR else TOUCHED, f"{why}, and {one.reasons[0]}",
             [] if alone else [*one.findings, *_touching(case, one, clue)], _narrow(one, threads))
        for one in wrong
    ]  # fmt: skip
    if wrong and (clue.kind != "resource" or len(threads) > FEW):
        return found
    if not wrong and clue.kind not in ("credential", "session"):
        case.limit(f"nothing about the {clue.kind} looks wrong by itself: all that has to do with it is shown")
    sure = POSSIBLE if wrong else TOUCHED
    rest = [one for one in threads if one not in wrong]
    if len(rest) > _SEEDS:
        case.limit(f"{len(rest)} strands have to do with the clue: the latest {_SEEDS} were followed")
        rest = sorted(rest, key=lambda one: one.last)[-_SEEDS:]
    return [*found, *(Seed(one, sure, why, _touching(case, one, clue)) for one in rest)]


def _narrow(thread: Thread, threads: list[Thread]) -> bool:
    """Whether what was found in a strand is a small part of much work: of itself, or beside another hand with the same
    credential, in which so much more was found that this one is the usual hand."""
    found = len(thread.findings)
    if thread.events < LONG or not found:
        return False
    if found < min(SHARE * thread.events, EVIDENCE / 2):
        return True
    same = [one for one in threads if one.key.credential == thread.key.credential]
    most = max(len(one.findings) / one.events for one in same)
    return 2 * thread.events >= sum(one.events for one in same) and found / thread.events <= USUAL * most


def _touching(case: Case, thread: Thread, clue: Clue) -> list[str]:
    """Ids of the entries of a strand that have to do with a clue which is not about the strand as a whole."""
    if clue.kind == "span":
        rows = case.rows(thread, clue.since, clue.until)
    elif clue.kind == "resource":
        rows = [one for one in case.of_resource(clue.value) if key_of(one) == thread.key]
    else:
        return []
    return [one.event.event_id for one in rows]
