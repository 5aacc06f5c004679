"""`whodid chaos`: a pipeline of real processes is disturbed while it works, and its timeline compared with the truth.

The truth is what `whodid investigate` makes of the same records, in order, in one process, undisturbed. What the
disturbed pipeline made of them, shuffled and doubled, must be the same row for row (`pipeline.run.proof`).
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from pipeline.kit.admin import ensure_topics, positions
from pipeline.kit.broker import ApacheKafka, Broker, EmbeddedBroker
from pipeline.kit.cluster import NODES, Cluster
from pipeline.kit.config import Settings
from pipeline.kit.connection import OWN, librdkafka
from pipeline.kit.failures import Invalid, Transient
from pipeline.kit.topics import PUBLIC, catalogue, full_name
from pipeline.normalize.stage import context_of
from pipeline.run import proof
from pipeline.run.disturb import (
    CREW,
    STAGES,
    Crew,
    Disturbance,
    Groups,
    environment,
    left_behind,
    marker_of,
    plan,
)
from pipeline.run.feed import Feed, arrivals, story
from pipeline.run.investigate import Investigation
from pipeline.run.ordered import BROKERS, CLUSTER, EMBEDDED, KAFKA, Order, Outcome, Progress, can_only, copies, possible
from pipeline.run.receiver import Receiver
from pipeline.simulate import organisation
from pipeline.simulate.faults import Faults
from pipeline.store import connect
from schemas.rejected import Record

#: Seconds of silence after which what is left to do is done, and without progress after which a stage is stuck.
IDLE, STUCK = 3.0, 90.0
#: Seconds that working off what is left may take.
PATIENCE = 300.0
#: Seconds that a process may take to vanish from the list of processes after its end.
GONE = 5.0


class Interrupted(Exception):
    """Ctrl-C: everything that was started is ended."""


class Chaos:
    """One run."""

    def __init__(
        self, settings: Settings, order: Order, say: Callable[[str], None], progress: Progress,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:  # fmt: skip
        self._order = order
        self._say = say
        self._progress = progress
        self._stopped = stopped
        self._settings = settings
        self._outcome = Outcome(order.seed)
        self._receiver = Receiver()

    def run(self) -> Outcome:
        """Blocks. Raises Interrupted, and Transient or Permanent when the run itself cannot be done."""
        order, outcome = self._order, self._outcome
        home = (order.home or Path(tempfile.mkdtemp(prefix="whodid-chaos-"))).resolve()
        outcome.home = str(home)
        (home / "log").mkdir(parents=True, exist_ok=True)
        try:
            with self._receiver:
                self._run(home)
        except BaseException:
            if order.home is None and self._stopped():
                shutil.rmtree(home, ignore_errors=True)
            raise
        if outcome.holds and order.home is None:
            shutil.rmtree(home, ignore_errors=True)
            outcome.home = ""
        return outcome

    def _run(self, home: Path) -> None:
        order, outcome = self._order, self._outcome
        story = self._story(home)
        sequence = arrivals(story, order.seed)
        outcome.records, outcome.sent = len(story), len(sequence)
        settings = self._settings_of(home)
        wanted = proof.expected(sequence, context_of(settings))
        outcome.events = len(wanted.events)
        with self._timed("undisturbed"):
            undisturbed = self._undisturbed(settings, home, sequence)
        with ExitStack() as stack:
            broker = self._broker(stack, home)
            settings = settings.model_copy(update={"bootstrap": broker.bootstrap if broker else order.broker})
            ensure_topics(settings)
            if broker is None:
                stack.callback(_delete_topics, settings)
            crew = Crew(
                settings, home / "log", self._say,
                broker.nodes if isinstance(broker, Cluster) else [broker] if isinstance(broker, ApacheKafka) else [],
                Groups(settings) if isinstance(broker, EmbeddedBroker) else None,
            )  # fmt: skip
            self._disturb(crew, sequence, self._plan())
            self._drain(crew)
            if crew.groups is not None:
                outcome.groups_deleted = crew.groups.deleted
            arrival, state = proof.arrival(settings, len(sequence)), proof.state(settings)
        with self._timed("checking"):
            self._prove(settings, home, wanted, undisturbed)
        outcome.checks += [arrival, state, self._processes(crew)]

    def _story(self, home: Path) -> list[Record]:
        """The records in the order in which they happened, as far as files of their own can tell."""
        folder = self._order.given
        if folder is None:
            folder = home / "organisation"
            done = 0.0

            def told(events: int) -> None:
                nonlocal done
                done += events
                self._progress("telling", done, self._order.events)

            organisation.write(folder, self._order.events, self._order.seed, Faults(), told)
        records = story(folder)
        if not records:
            raise Invalid("--input", f"a directory that `whodid simulate` wrote, with {PUBLIC[0]}.jsonl", str(folder))
        return records

    def _settings_of(self, home: Path) -> Settings:
        values = {
            "prefix": f"chaos-{home.name}-", "data_dir": home, "clickhouse": f"chdb://{home}/store",
            "hash_key": f"{self._order.seed:032d}", "alerts": self._receiver.file(home),
            # Several of its processes have the same role.
            "instance": "",
        }  # fmt: skip
        if self._order.broker in BROKERS:
            values |= OWN | copies(self._order.broker)
        if self._order.broker in BROKERS and "session_timeout" not in self._settings.model_fields_set:
            # As `whodid up`: the embedded broker keeps a group waiting for half of it.
            values["session_timeout"] = 2.0
        return self._settings.model_copy(update=values)

    def _undisturbed(self, settings: Settings, home: Path, sequence: list[Record]) -> proof.Found:
        """What investigating the records makes of them, once each and in the order in which they happened."""
        once = list({(record.topic, record.value): record for record in sequence}.values())
        once.sort(key=lambda record: record.offset)
        self._progress("investigating, undisturbed", 0, None)
        with connect(settings.model_copy(update={"clickhouse": f"chdb://{home}/undisturbed"})) as store:
            Investigation(settings, store).run(once)
            return proof.found(store)

    def _broker(self, stack: ExitStack, home: Path) -> Broker | None:
        self._progress("starting the broker", 0, None)
        if self._order.broker == EMBEDDED:
            return stack.enter_context(EmbeddedBroker.start(log=home / "log" / "broker.log"))
        kinds: dict[str, type[ApacheKafka | Cluster]] = {KAFKA: ApacheKafka, CLUSTER: Cluster}
        kind = kinds.get(self._order.broker)
        return stack.enter_context(kind.start()) if kind else None

    def _plan(self) -> list[Disturbance]:
        order = self._order
        can = possible(order.broker)
        for kind in order.kinds or ():
            if kind not in can:
                raise Invalid(f"--faults {kind}", can_only(kind))
        kinds = order.kinds if order.kinds is not None else can
        return plan(order.seed, kinds, order.disturbances, order.seconds, NODES if order.broker == CLUSTER else 1)

    def _disturb(self, crew: Crew, sequence: list[Record], planned: list[Disturbance]) -> None:
        """Send, disturb, mend, and let the crew catch up by itself; then it is told to end."""
        self._say(f"seed {self._order.seed}: {len(sequence):,} records in {self._order.seconds:.0f} s, "
                  f"{len(planned)} disturbances, logs in {crew.log}")  # fmt: skip
        try:
            for name in CREW:
                crew.start(name)
            with self._timed("streaming"):
                self._stream(crew, sequence, planned)
            with self._timed("catching_up"):
                self._catch_up(crew)
        finally:
            crew.close()
            self._outcome.ended_by_themselves = crew.unasked

    def _stream(self, crew: Crew, sequence: list[Record], planned: list[Disturbance]) -> None:
        feed = Feed(crew.settings, sequence, self._order.seed)
        actions = sorted(
            [(one.at, True, one) for one in planned] + [(one.at + one.lasts, False, one) for one in planned],
            key=lambda action: action[0],
        )
        began = time.monotonic()
        while actions or feed.left:
            self._look()
            passed = time.monotonic() - began
            while actions and actions[0][0] <= passed:
                _, begins, what = actions.pop(0)
                if begins:
                    crew.begin(what)
                    self._say(str(what))
                    self._outcome.disturbances.append({**asdict(what), "began": round(passed, 2)})
                else:
                    crew.end(what)
            feed.send(passed / self._order.seconds)
            crew.watch()
            self._progress("streaming, disturbed", feed.done, len(sequence))
            time.sleep(0.02)
        feed.close()

    def _catch_up(self, crew: Crew) -> None:
        """The disturbed processes themselves must work off what there is: each group comes to where its topics end."""
        for stage, (group, topics) in STAGES.items():
            started = time.monotonic()
            ends: dict[tuple[str, int], int] | None = None
            left = whole = -1
            while left:
                self._look()
                crew.watch()
                with contextlib.suppress(Transient):
                    now = positions(crew.settings, crew.settings.prefix + group, topics)
                    ends = ends or {key: at.end for key, at in now.items()}
                    behind = sum(max(0, ends[key] - at.committed) for key, at in now.items() if key in ends)
                    if ends and behind != left:
                        left, started = behind, time.monotonic()
                        whole = max(left, whole)
                        self._progress(f"{stage} catches up", whole - left, whole)
                if time.monotonic() - started > STUCK:
                    raise Transient(
                        f"{stage} did not come any further for {STUCK:.0f} s, {left:,} messages before the end: "
                        f"see the logs in {crew.log}"
                    )
                time.sleep(0.2)
            self._say(f"{stage} has caught up")

    def _drain(self, crew: Crew) -> None:
        """Fresh processes work off what the others left, until nothing comes any more."""
        command = [sys.executable, "-m", "pipeline", "run", "normalize", "correlate", "store", "alert",
                   "--until-idle", str(IDLE), "--summary", "json"]  # fmt: skip
        log = crew.logfile("drain")
        self._progress("until idle", 0, None)
        self._say("all were told to end; working off what is left until idle")
        with self._timed("until_idle"), log.open("wb") as said:
            child = subprocess.Popen(
                command, env=environment(crew.settings), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said,
                start_new_session=True,
            )  # fmt: skip
            try:
                out = self._result(crew, child)
            finally:
                child.kill()
                child.wait()
        if child.returncode:
            crew.unclean.append(f"working off what was left ended with status {child.returncode}, see {log}")
            return
        counts = json.loads(out.splitlines()[-1])["counts"]
        if lost := counts.get("lost_batches", 0):
            crew.unclean.append(f"{lost:,} batches had expired before they were read, see {log}")

    def _result(self, crew: Crew, child: subprocess.Popen[bytes]) -> bytes:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            self._look()
            crew.watch()
            with contextlib.suppress(subprocess.TimeoutExpired):
                return child.communicate(timeout=0.2)[0]
        raise Transient(f"what was left was not worked off within {PATIENCE:.0f} s")

    def _prove(self, settings: Settings, home: Path, wanted: proof.Expected, undisturbed: proof.Found) -> None:
        outcome = self._outcome
        self._progress("comparing", 0, None)
        with connect(settings) as store:
            got = proof.found(store, settings.prefix)
            outcome.checks.append(self._receiver.check(store))
            outcome.told = self._receiver.told
            outcome.checks += proof.conservation(wanted, got)
            check, differing = proof.timeline(undisturbed, got)
            outcome.checks.append(check)
            rows = proof.rows(store, differing[: proof.SHOWN])
        if rows:
            with connect(settings.model_copy(update={"clickhouse": f"chdb://{home}/undisturbed"})) as store:
                truth = proof.rows(store, list(rows))
            outcome.differing = {name: proof.differences(truth[name], row) for name, row in rows.items()}

    def _processes(self, crew: Crew) -> proof.Check:
        deadline = time.monotonic() + GONE
        while (left := left_behind(marker_of(crew.settings.data_dir))) and time.monotonic() < deadline:
            time.sleep(0.1)
        faults = [*crew.unclean, *(f"left behind: {line}" for line in left), *(f"a bug, see {f}" for f in crew.bugs())]
        started = f"{len(self._outcome.ended_by_themselves)} ended by themselves and were started again"
        return proof.Check("every process ended as it should", not faults, "; ".join([started, *faults]))

    def _look(self) -> None:
        if self._stopped():
            raise Interrupted

    @contextlib.contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self._outcome.seconds[what] = round(time.monotonic() - began, 1)


def _delete_topics(settings: Settings) -> None:
    """Leave nothing behind on a broker that is not ours."""
    client = AdminClient({**librdkafka(settings), "log_level": 2})
    for future in client.delete_topics([full_name(settings, name) for name in catalogue()]).values():
        with contextlib.suppress(KafkaException):
            future.result()
