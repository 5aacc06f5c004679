"""What surrounds a process is looked at from outside; each look becomes lines: well, a warning or a fault, and a fix.

In:     settings; the machine, the broker, the store, files, the desk
Out:    Lines, in an order in which they are to be mended
Fails:  never: what cannot be looked at is a line
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http import HTTPStatus
from importlib.metadata import version
from pathlib import Path

from confluent_kafka import KafkaException

from pipeline.evidence.keys import KeyFile
from pipeline.kit import admin, codecs
from pipeline.kit.config import Settings
from pipeline.kit.failures import Failure, Transient
from pipeline.kit.fitting import misfits
from pipeline.run import configured, reaching
from pipeline.run.looked import Line, State
from pipeline.run.status import GROUPS, destinations
from pipeline.score import drift, misuse
from pipeline.score.rules.rulebook import Rulebook
from pipeline.store import connect
from pipeline.store.migrations import standing

#: Share of a disk that should be free, and must be; seconds that clocks may differ by; messages that a group may be
#: behind; seconds that a model may be old, and a head.
FREE, FULL, SKEW, BEHIND, OLD, HEAD = 0.1, 0.02, 2.0, 1000, 90 * 86400, 120
TIMEOUT = 5.0


Look = Callable[[Settings], Iterator[Line]]


def examined() -> Iterator[Line]:
    """Everything, one line after the other. Wrong settings end it: nothing else could be believed."""
    faults = configured.all_faults()
    yield from (Line("settings", "fail", fault, "whodid config check") for fault in faults)
    if faults:
        return
    settings = Settings()
    yield Line("settings", "ok", f"{len(settings.model_fields_set)} are given")
    away: set[str] = set()
    for part, look in LOOKS.items():
        # A broker that does not answer is waited for once.
        if part == "lag" and "broker" in away:
            continue
        for line in _guarded(part, look, settings):
            away |= {line.part} if line.away else set()
            yield line


def _guarded(part: str, look: Look, settings: Settings) -> Iterator[Line]:
    try:
        yield from look(settings)
    except (Failure, KafkaException, OSError) as error:
        yield Line(part, "fail", str(error), FIXES.get(part, ""), isinstance(error, Transient | KafkaException))


def _software(_: Settings) -> Iterator[Line]:
    codecs.require(faust=True)
    names = ("whodid", "faust-streaming", "confluent-kafka", "clickhouse-connect")
    yield Line(
        "software", "ok", f"Python {platform.python_version()}, " + ", ".join(f"{n} {version(n)}" for n in names)
    )


def _folder(settings: Settings) -> Iterator[Line]:
    folder = settings.data_dir
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not os.access(there, os.W_OK):
        yield Line("data", "fail", f"{there} cannot be written to", "chown it, or set WHODID_DATA_DIR")
    elif folder.exists() and folder.stat().st_mode & 0o022:
        yield Line("data", "warn", f"others may write to {folder}", f"chmod go-w {folder}")
    else:
        yield Line("data", "ok", f"{folder} can be written to")
    for name in ("hash.key", "evidence.key"):
        if (folder / name).exists() and (folder / name).stat().st_mode & 0o077:
            yield Line("data", "fail", f"others may read {folder / name}", f"chmod 600 {folder / name}")
    free = shutil.disk_usage(there).free / max(1, shutil.disk_usage(there).total)
    state: State = "fail" if free < FULL else "warn" if free < FREE else "ok"
    yield Line("disk", state, f"{free:.0%} of the disk of {there} is free", "" if state == "ok" else "make room")


def _broker(settings: Settings) -> Iterator[Line]:
    wrong = misfits(settings, admin.topics(settings))
    yield Line("broker", "ok", f"{settings.bootstrap} answers")
    yield from (Line("topics", "fail" if one.fatal else "warn", str(one), one.fix) for one in wrong)
    if not wrong:
        yield Line("topics", "ok", "all are there and fit")


def _lag(settings: Settings) -> Iterator[Line]:
    groups = {**GROUPS, **destinations(settings)}
    for stage, group in groups.items():
        behind = sum(admin.lag(settings, settings.prefix + group).values())
        fix = "docs/operations/lag-grows.md" if behind > BEHIND else ""
        yield Line("lag", "warn" if fix else "ok", f"{stage} is {behind} messages behind", fix)


def _store(settings: Settings) -> Iterator[Line]:
    if settings.clickhouse.startswith("chdb:"):
        yield Line("store", "ok", "embedded: the desk that has it open is asked below")
        return
    before = time.time()
    with connect(settings, migrated=False) as store:
        number, clock = store.rows("SELECT version(), toUnixTimestamp64Milli(now64(3))")[0]
        skew = max(0.0, abs(clock / 1000 - before) - (time.time() - before))
        yield Line("store", "ok", f"ClickHouse {number} answers")
        missing = [one for one in standing(store) if one.state == "missing"]
        fix = "start a process with the role store, which brings it up to date" if missing else ""
        yield Line("schema", "warn" if missing else "ok", f"{len(missing)} migrations are missing", fix)
        fix = "let both take their time from NTP" if skew > SKEW else ""
        yield Line("clock", "warn" if fix else "ok", f"differs from ClickHouse's by {skew:.1f} s", fix)


def _models(settings: Settings) -> Iterator[Line]:
    for one in (drift.scorer(settings), misuse.scorer(settings)):
        age = time.time() - one.written
        fix = "docs/operations/model-old.md" if one.written and age > OLD else ""
        yield Line("model", "warn" if fix else "ok", f"{one.model}, {max(0.0, age) / 86400:.0f} days old", fix)
    yield Line("rules", "ok", f"{len(Rulebook.load(settings.rules).scripts)} of your own")


def _evidence(settings: Settings) -> Iterator[Line]:
    if not settings.evidence_place:
        yield Line("evidence", "warn", "nothing is logged, so nothing can be proven", "set WHODID_EVIDENCE")
        return
    if settings.evidence_key_file.exists():
        KeyFile(settings.evidence_key_file).load()
    place = Path(settings.evidence_place)
    if "://" not in settings.evidence_place and place.exists() and not os.access(place, os.W_OK):
        yield Line("evidence", "fail", f"{place} cannot be written to", "docs/operations/evidence-head-overdue.md")
    else:
        yield Line("evidence", "ok", f"heads go to {settings.evidence_place}")


def _desk(settings: Settings) -> Iterator[Line]:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
    address = f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"
    headers = {"Authorization": f"Bearer {settings.api_key}"} if settings.api_key else {}
    request = urllib.request.Request(address + "/healthz", headers=headers)  # noqa: S310  (always http)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=TIMEOUT):
            yield Line("desk", "ok", f"{address} is well")
    except urllib.error.HTTPError as error:
        with error:
            yield _ill(address, error)
    except OSError as error:
        yield Line("desk", "fail", f"{address} does not answer: {error}", FIXES["desk"], away=True)


def _ill(address: str, error: urllib.error.HTTPError) -> Line:
    try:
        reasons = json.loads(error.read()).get("reasons", []) if error.code == HTTPStatus.SERVICE_UNAVAILABLE else []
    except ValueError:
        reasons = []
    said = "; ".join(map(str, reasons)) or f"answers {error.code}"
    return Line("desk", "fail", f"{address}: {said}", "docs/operations/trouble.md")


LOOKS: dict[str, Look] = {
    "software": _software, "data": _folder, "broker": _broker, "lag": _lag, "store": _store, "model": _models,
    "destinations": reaching.lines, "evidence": _evidence, "desk": _desk,
}  # fmt: skip
FIXES = {
    "software": "pip install whodid again, with its extras",
    "broker": "is WHODID_BOOTSTRAP the right address, and does a broker run there? docs/kafka.md",
    "store": "is WHODID_CLICKHOUSE the right address, user and password? docs/operations/store-fails.md",
    "destinations": "whodid alerts check",
    "evidence": "docs/operations/evidence-head-overdue.md",
    "desk": "start one (`whodid run store alert console collect`), or say where it is: WHODID_HOST, WHODID_PORT",
}
