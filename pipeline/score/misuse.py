"""The stage that finds machine-speed abuse and misuse of tokens: one partition of identities.

In:     Entries, keyed by who acts, in about the order of time
Out:    Findings; one per identity, day and detection, revised while it goes on
Fails:  never; an entry whose event cannot be read says nothing

State:  per identity what it usually does (`p/`), per credential and session what is going on (`c/`, `s/`), the
        latest decisions (`w/`), all identities (`g/`), scores of identity-days (`t/`), and of
        rules what they found and correlate (`o/`, `r/`)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import NamedTuple
from zlib import crc32

import msgspec

from pipeline.kit.config import Settings
from pipeline.kit.failures import Permanent
from pipeline.kit.state import PartitionState, V
from pipeline.score import baseline, detections, frame, modelfile, past, telling, verdicts
from pipeline.score.act import UNKNOWN, Act
from pipeline.score.baseline import Baselines
from pipeline.score.detections import Detection
from pipeline.score.modelfile import Scorer
from pipeline.score.own import Own, Told
from pipeline.score.past import DAY, Past
from pipeline.score.profile import EVIDENCE, GROWTH, Found, Population, Prior, Profile, Session, Token
from pipeline.score.rules.exceptions import Exceptions
from pipeline.score.rules.rulebook import STATE, Rulebook
from pipeline.score.suspicion import ANY, Suspicion, sort_of
from pipeline.score.tempo import LATEST, WHOLE_EVERY, Stream, measure
from schemas.alert import Feedback
from schemas.behaviour import Behaviour
from schemas.entry import Entry, PackedEntry
from schemas.finding import Finding

#: What is found is so many times rarer than the budget, for `critical`, `high` and `medium`.
RARER = {"critical": 0.04, "high": 0.2, "medium": 1.0}
_ORDER = ("low", "medium", "high", "critical")
#: Networks and programs of one credential, and tools of one identity, that are remembered.
PLACES, TOOLS = 16, 500

_NONE = Prior()
#: After how many days without use what is known of an identity, a credential, a session, a stream of acts, and of what
#: rules found, is forgotten.
FORGOTTEN: tuple[tuple[str, type[Profile | Token | Session | Stream | Told], int], ...] = (
    ("p/", Profile, 180), ("c/", Token, 60), ("s/", Session, 7), ("w/", Stream, 2), ("o/", Told, 2),
)  # fmt: skip

STATE_TYPES: dict[str, type[msgspec.Struct]] = {
    **STATE,
    "g": Population, "p": Profile, "c": Token, "s": Session, "w": Stream, "t": frame.Tally, "o": Told,
}  # fmt: skip


class Day(NamedTuple):
    """An identity's day that is over, for calibration."""

    group: str
    #: Highest score by detection, as far as it exceeds those of earlier days.
    best: dict[str, float]


class Misuse:
    """`apply` is a pure function of the state and the entries."""

    def __init__(
        self, state: PartitionState, baselines: Baselines, budget: float, rules: Rulebook | None = None,
        exceptions: Exceptions | None = None,
    ) -> None:  # fmt: skip
        """`budget`: false alarms per identity-day and detection; rules of one's own are not held to it."""
        self.state = state
        self.rules, self._exceptions = rules or Rulebook(None), exceptions or Exceptions(None)
        self._own = Own(state, self.rules, self._exceptions)
        self._baselines, self._budget = baselines, budget
        self._priors = {**baselines.priors, UNKNOWN: past.any_of(baselines.priors.values())}
        self._frame = frame.Frame(state, baselines.days, baselines.scores)
        self._model = baselines.version
        self._detections: dict[str, Detection] = {}
        #: Of the rules that are in use, and whether there are any.
        self._scripts: object = None
        self._has_rules = False
        #: How identities behave, where that has changed, since the caller took it away.
        self.behaviours: list[Behaviour] = []
        self._by_sort: dict[int, list[tuple[str, Detection]]] = {}
        #: Days that are over, since the caller took them away; kept only if there is a list.
        self.days: list[Day] | None = None

    def apply(self, entries: Iterable[PackedEntry]) -> list[Finding]:
        """Take in some entries; returns new Findings and revisions of earlier ones."""
        found: list[Finding] = []
        self._refresh()
        for entry in entries:
            try:
                act = Act(entry)
            except msgspec.MsgspecError:
                continue
            if self._has_rules:
                found += self._own.apply(act)
            if act.actor and not act.told_elsewhere:
                self._take(act, found)
        return found

    def hear(self, feedback: Iterable[Feedback]) -> None:
        """What analysts say of what was found."""
        for said in feedback:
            profile = self.state.get("p/" + said.key, Profile)
            if profile is not None:
                verdicts.correct(profile, said, self._priors.get(profile.kind, _NONE), self._frame)
                self.state.put("p/" + said.key, profile)

    @property
    def trouble(self) -> str:
        """What is wrong with the files of rules and exceptions; empty if nothing is. The last good ones count."""
        return "; ".join(filter(None, (self.rules.trouble, self._exceptions.trouble)))

    def _refresh(self) -> None:
        """Take rules and exceptions as their files are now."""
        self.rules.refresh()
        self._exceptions.refresh()
        if self._scripts is self.rules.scripts:
            return
        self._scripts, self._has_rules, self._by_sort = self.rules.scripts, bool(self.rules.definitions), {}
        self.rules.sweep(self.state)
        own = {name: Detection(one.definition, one.score, one.definition.parameters, ANY)
               for name, one in self.rules.scripts.items()}  # fmt: skip
        self._detections = detections.load() | own

    def _take(self, act: Act, found: list[Finding]) -> None:
        if self._may_be_bound(act):
            return
        key, population = "p/" + act.identity, self._population(act.time)
        profile = self.state.get(key, Profile)
        prior = self._priors.get(profile.kind if profile is not None else act.kind, _NONE)
        is_stranger = profile is None
        if profile is None:
            profile = past.stranger(act.kind, act.time, prior)
        name, recent = crc32(act.event_id.encode()), profile.recent
        if act.entry.revision and name in recent:
            # It was taken in: a revision is no further act.
            return
        self._begin(profile, act, prior)
        now = Past(act, profile, prior, population)
        now.raised = past.note(profile, act)
        self._context(now, act)
        for detection_name, detection in self._concerned(act, now):
            suspicion = detection.score(act, now, detection.parameters)
            if suspicion is not None and suspicion.score > 0:
                finding = self._judge(profile, act, now, detection_name, suspicion)
                if finding is not None:
                    found.append(finding)
        _remember(now, act)
        past.remember(recent, name)
        profile.last = max(profile.last, act.time)
        self.state.put(key, profile)
        if is_stranger or now.first_use:
            population.fresh[profile.kind] = population.fresh.get(profile.kind, 0.0) + is_stranger
            self.state.put("g/", population)

    def _population(self, time: int) -> Population:
        """All identities together, on this day; once a day, what was not used for long is forgotten."""
        population = self.state.get("g/", Population) or Population(0, fresh={})
        if population.begin(time // DAY):
            self.state.put("g/", population)
            self._forget(time)
        return population

    def _forget(self, now: int) -> None:
        for prefix, kind, days in FORGOTTEN:
            for key in self.state.keys(prefix):
                value = self.state.get(key, kind)
                if value is not None and value.last < now - days * DAY:
                    self.state.delete(key)

    def _may_be_bound(self, act: Act) -> bool:
        """Whether who acts may become known any moment: a credential's first event is shown before its issuance is."""
        name = "c/" + act.credential
        if not act.credential or not act.entry.unbound or act.key == "standing" or self.state.peek(name) is not None:
            return False
        self.state.put(name, _token(act.time))
        return True

    def _concerned(self, act: Act, now: Past) -> list[tuple[str, Detection]]:
        """The detections that an act of this sort may matter to."""
        sort = sort_of(act, now)
        known = self._by_sort.get(sort)
        if known is None:
            known = self._by_sort[sort] = [one for one in self._detections.items() if one[1].on & sort]
        return known

    def _begin(self, profile: Profile, act: Act, prior: Prior) -> None:
        """A new day, a kind that is known now, a declared change."""
        if act.time // DAY > profile.day:
            self._close(profile, act.time)
            past.begin_day(profile, act.time, prior)
        if act.kind != profile.kind and profile.kind == UNKNOWN:
            profile.kind = act.kind
        for change in self._exceptions.said.changes:
            if profile.changed < change.since <= act.time and change.concerns(act.identity):
                past.change(profile, prior)
                profile.changed = change.since
        if act.agentic and (version := act.event.attributes.get("gen_ai.agent.version", profile.version)):
            if profile.version and version != profile.version:
                past.change(profile, prior)
            profile.version = version

    def _close(self, profile: Profile, time: int) -> None:
        if self.days is not None:
            best = {name: score for name, score in profile.best.items() if not frame.own_share(profile, name, score)}
            self.days.append(Day(frame.group_of(profile.kind, profile.active), best))
        self._frame.close(profile, time)

    def _context(self, now: Past, act: Act) -> None:
        """What is known of the act's credential and session, and the shape of what goes on there."""
        if act.credential:
            now.token = token = self._get("c/" + act.credential, Token, lambda: _token(act.time))
            now.first_use, token.used = not token.used, True
        if act.session:
            now.session = session = self._get("s/" + act.session, Session, lambda: Session(act.time))
            session.last = max(session.last, act.time)
            if act.agentic:
                session.said = max(session.said, act.time)
        if act.credential or act.agentic:
            new = now.observe()
            stream = self._get(f"w/{act.identity}/{act.session or act.credential}", Stream, lambda: Stream([]))
            looks = stream.add(act)
            if stream.day != now.profile.day:
                stream.day, stream.novel = now.profile.day, 0.0
            stream.novel += new
            now.novel = stream.novel
            if looks:
                whole = now.shape = self._baselines.shapes.probabilities(measure(stream.decisions[-LATEST:]))
                if stream.looks % WHOLE_EVERY == 0:
                    whole = self._baselines.shapes.probabilities(measure(stream.decisions))
                if past.note_shape(now.profile, whole):
                    self.behaviours.append(telling.behaviour(now.profile, act, self._model))
        else:
            now.observe()

    def _get(self, key: str, kind: type[V], new: Callable[[], V]) -> V:
        """A value that is about to be changed."""
        found = self.state.get(key, kind)
        if found is None:
            found = new()
        self.state.put(key, found)
        return found

    def _judge(self, profile: Profile, act: Act, now: Past, name: str, suspicion: Suspicion) -> Finding | None:
        """A Finding where a score is rarer than the budget; None also while it says nothing new."""
        known = profile.found.get(name)
        if suspicion.score > profile.best.get(name, 0.0):
            profile.best[name] = suspicion.score
        elif known is None:
            return None
        group = frame.group_of(profile.kind, profile.active)
        p_value = max(
            self._frame.p_value(name, group, suspicion.score), frame.own_share(profile, name, suspicion.score)
        )
        if p_value > self._budget:
            return None
        severity = self._severity(name, p_value)
        if known is None:
            known = profile.found[name] = Found(0, suspicion.score, [act.event_id], 1, severity, act.actor, act.session)
        else:
            known.entries = list(dict.fromkeys([*known.entries, act.event_id]))[:EVIDENCE]
            worse = _ORDER.index(severity) > _ORDER.index(known.severity)
            if not worse and len(known.entries) < known.told * GROWTH:
                return None
            known.revision, known.told = known.revision + 1, len(known.entries)
            known.score = max(known.score, suspicion.score)
            known.severity = max(known.severity, severity, key=_ORDER.index)
        definition = self._detections[name].definition
        judged = p_value, self._model
        found = telling.of_detection(act, profile, name, definition, suspicion.says, known, judged)
        return self._exceptions.apply(found, act.full)

    def _severity(self, name: str, p_value: float) -> str:
        """By how much rarer than the budget it is, at most what the detection may have."""
        rare = next((level for level, part in RARER.items() if p_value <= self._budget * part), "low")
        return min(rare, self._detections[name].definition.severity, key=_ORDER.index)


def _token(time: int) -> Token:
    return Token(time, networks={}, programs={}, survey=[])


def _remember(now: Past, act: Act) -> None:
    """What detections asked of the credential, the population and the tools, as it is after this act."""
    token, population = now.token, now.population
    if token is not None:
        token.last = max(token.last, act.time)
        for known, value in ((token.networks, act.network), (token.programs, act.agent)):
            if value and (value in known or len(known) < PLACES):
                known[value] = act.time
        if now.first_use and act.key == "temporary":
            population.unseen += bool(act.entry.unbound)
            population.issued += not act.entry.unbound
    if act.action == "tools/list":
        for name, value in act.event.attributes.items():
            if name.startswith("definition.") and len(now.profile.tools) < TOOLS:
                now.profile.tools[f"{act.server} {name[11:]}"] = value


def scorer(
    settings: Settings, *, clock: Callable[[], float] = time.monotonic, now: Callable[[], float] = time.time
) -> Scorer[Misuse]:
    """Makes the stage of a partition. Raises Permanent when a configured file is not there or not as it must be.

    `clock` says when files are looked at again, `now` which exceptions are over.
    """
    try:
        known = baseline.load(settings.baselines)
    except OSError as error:
        raise Permanent(f"settings baselines: {error.filename}: {error.strerror}") from error
    rules, exceptions = (
        Rulebook.load(settings.rules, clock=clock),
        Exceptions.load(settings.exceptions, clock=clock, now=now),
    )
    return Scorer(
        lambda state: Misuse(state, known, settings.alert_budget, rules, exceptions), known.version,
        modelfile.written(baseline.NAME, settings.baselines),
    )  # fmt: skip


def finder(settings: Settings) -> Callable[[str, list[Entry]], bool | None]:
    """Whether a detection finds anything on the last day of some entries, those before being the past.

    None: it is found elsewhere. Raises as `scorer` does.
    """
    make = scorer(settings)

    def finds(name: str, entries: list[Entry]) -> bool | None:
        stage = make(PartitionState(STATE_TYPES))
        found = stage.apply([entry.packed() for entry in entries])
        today = entries[-1].event.time // DAY
        known = name in detections.load() or name in stage.rules.scripts
        return any(one.detection == name and one.time // DAY == today for one in found) if known else None

    return finds
