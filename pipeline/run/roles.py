"""`whodid run ROLE…`: any mix of roles in one process, each in its thread, ended together."""

from __future__ import annotations

import gc
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from confluent_kafka import KafkaException

from pipeline.kit import codecs
from pipeline.kit.admin import ensure_topics
from pipeline.kit.config import Settings
from pipeline.kit.failures import Failure
from pipeline.kit.metrics import Metrics
from pipeline.run.ending import Ending
from pipeline.run.observed import observed
from pipeline.store import Store, connect

ROLES = ("normalize", "correlate", "store", "alert", "console", "collect")
#: A process started by `whodid up` ends when its parent does, however that ends.
PARENT = "WHODID_PARENT"
#: Seconds that an orderly end may take.
ORDERLY = 30.0
log = logging.getLogger("whodid")


def run_roles(
    settings: Settings, roles: Sequence[str], metrics: Metrics, until_idle: float | None = None,
    opened: Callable[[Settings], Store] = connect,
) -> int:  # fmt: skip
    """Run the roles until SIGTERM, Ctrl-C or idleness; returns the exit status (1 if a role failed).

    `opened` opens the store.
    """
    codecs.require(faust="correlate" in roles)
    ensure_topics(settings)
    with observed(settings, roles, metrics):
        return _run(dict(_targets(settings, roles, metrics, opened)), until_idle)


def _run(targets: dict[str, Callable[[Ending], None]], until_idle: float | None) -> int:
    stop = threading.Event()
    # State is millions of long-lived objects without cycles; walking them again and again costs more than all the rest.
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 1000)
    threads: dict[str, threading.Thread] = {}
    failures: list[str] = []

    def ended(name: str) -> Callable[[], bool]:
        before = list(targets)[: list(targets).index(name)]
        return lambda: not any(threads[other].is_alive() for other in before)

    for name, target in targets.items():
        ending = Ending(stop, until_idle, ended(name))
        threads[name] = threading.Thread(target=_guarded, args=(name, target, ending, failures), name=name)
    with _stopping(stop):
        for thread in threads.values():
            thread.start()
        for thread in threads.values():
            while thread.is_alive():
                thread.join(0.2)
    for failure in failures:
        log.error(failure)
    return 1 if failures else 0


def _targets(
    settings: Settings, roles: Sequence[str], metrics: Metrics, opened: Callable[[Settings], Store]
) -> Iterator[tuple[str, Callable[[Ending], None]]]:
    """Each role with what runs it. A process has in memory what its roles need: no web server in a worker."""
    if "normalize" in roles:
        from pipeline.run.normalize import NormalizeRole  # noqa: PLC0415

        yield "normalize", NormalizeRole(settings, metrics).run
    if "correlate" in roles:
        from pipeline.run.correlate import CorrelateRole  # noqa: PLC0415

        yield "correlate", CorrelateRole(settings, metrics).run
    desk = [role for role in roles if role in ("console", "collect")]
    store = None
    if "store" in roles or "console" in roles:
        from pipeline.run.store import StoreRole  # noqa: PLC0415

        store = StoreRole(settings, metrics, opened)
        if "store" in roles:
            yield "store", store.run
    if "alert" in roles:
        from pipeline.run.alert import AlertRole  # noqa: PLC0415

        yield "alert", AlertRole(settings, metrics).run
    if desk:
        from pipeline.run.desk import DeskRole  # noqa: PLC0415

        yield "desk", DeskRole(settings, metrics, store.store if store else None, desk).run


def _guarded(name: str, target: Callable[[Ending], None], ending: Ending, failures: list[str]) -> None:
    try:
        target(ending)
    except (Failure, KafkaException, OSError) as error:
        failures.append(f"{name}: {error}")
        ending.stop.set()
    except BaseException:
        # A bug: nothing more is acknowledged, the process ends, and the trace says where.
        failures.append(f"{name}: stopped by a bug, see the trace above")
        ending.stop.set()
        raise


@contextmanager
def _stopping(stop: threading.Event) -> Iterator[None]:
    """Turn SIGTERM, Ctrl-C and the parent's end into an orderly stop."""
    before = {name: signal.signal(name, lambda *_: stop.set()) for name in (signal.SIGTERM, signal.SIGINT)}
    threading.Thread(target=_watch, args=(os.environ.get(PARENT, ""), stop), daemon=True).start()
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def _watch(parent: str, stop: threading.Event) -> None:
    """End with the parent; and end by force if an orderly end hangs, as it does when the broker is gone for good."""
    patience = ORDERLY
    while not stop.wait(0.5):
        if parent and os.getppid() != int(parent):
            # The broker was its child too, so there is nobody left to say goodbye to.
            patience = 1.0
            stop.set()
    time.sleep(patience)
    log.error("did not end within %.0f s: ending by force, what was not acknowledged is done again", patience)
    os._exit(1)
