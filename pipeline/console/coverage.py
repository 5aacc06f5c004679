"""What was heard of, and which logs seem to be missing, as the JSON object of the API and of the command line.

* `since`, `until`: the days that it is about; `events`: how many there are
* `sources`, those with the most events first: `format`, `first` and `last` (of all that the store holds), `events`,
  `kinds`, `links` (method of the link that names the actor) and `reasons` (why nothing was bound), each a number of
  events by name; `unbound` and `unbound_share`; `stated`: events that state a link, by name of the link;
  `unknown_fields`: fields that the format does not know; `linking`: of each link its `state` (`stated`, `missing`: the
  source could and did not, `never`: it cannot, `unknown`: nothing is known of this format), its `share` of events, and
  `why`: what has to be so that it is stated, or why it never is
* `gaps`, the widest first: `name` (see `GAPS`), `format` (empty: of all sources), `events` that show it `of` how many
  that could, `share`, `sentence`, and `fix`: which log would close it

Keys may be added; none changes its meaning within `/v1`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, get_args

from fastapi import APIRouter, Request

from pipeline.console import asked
from pipeline.console.shapes import iso
from pipeline.correlate import bindings, links
from pipeline.normalize.formats import FORMATS
from pipeline.store import Store
from pipeline.store.coverage import DAYS, MOST_DAYS, Coverage, Source, coverage
from pipeline.store.pivots import Rows
from schemas.event import Kind

PARAMETERS = ("days",)
#: What may be missing, and which log would close the gap.
GAPS = {
    "source-silent": "see whether it still sends: `whodid status` and docs/sources.md",
    "kind-absent": "connect a source that tells of it: docs/sources.md",
    "issuance": "connect the log of who issues these credentials (STS in CloudTrail, Vault, Okta, Entra), and its past",
    "standing-key": "send the day on which these keys were made (`whodid send`), or replace them by ones that expire",
    "tool-call": "connect traces of these agents (OpenTelemetry GenAI, MCP, Claude Code, Langfuse)",
    "prompt": "let the agents' traces hold their prompts: docs/sources.md",
    "schema-drift": "a vendor has added or renamed fields: what they say is kept as attributes, and is not read",
    "session": "let the agents state a session (`gen_ai.conversation.id`): docs/sources.md",
    "use": "connect the audit logs in which these credentials are used (data events of CloudTrail among them)",
}
#: What may be said of a link of a source.
STATED = ("stated", "missing", "never", "unknown")
_KINDS = {
    "prompt": "prompts", "tool_call": "tool calls", "token_issuance": "issuances of credentials",
    "cloud_audit": "calls to clouds",
}  # fmt: skip
#: By reason of the correlator: the gap, and how its events are called.
_REASONS = {
    bindings.UNSEEN: ("issuance", "used a credential that was never seen issued"),
    bindings.UNSEEN_TEMPORARY: ("issuance", "used a credential that was never seen issued"),
    bindings.UNSEEN_STANDING: ("standing-key", "used a standing key that was never seen issued"),
    bindings.NO_SESSION: ("session", "of agents state no session"),
    links.NO_PROMPT: ("prompt", "are tool calls in whose session no prompt was seen"),
}


class Linking(NamedTuple):
    """One link of one source, and what was seen of it."""

    link: str
    #: `stated`, `missing` (it could be stated), `never` (it cannot), `unknown` (the format is not one of ours).
    state: str
    #: Of the source's events, 0 to 1.
    share: float
    #: What has to be so that it is stated, or the fields that would state it; or why it never is.
    why: str


class Gap(NamedTuple):
    """A log that seems to be missing."""

    name: str
    #: The source whose events show it; empty when it is of all.
    format: str
    #: Events (of `use`: credentials) that show it, of so many that could.
    events: int
    of: int
    sentence: str

    @property
    def share(self) -> float:
        """0 to 1."""
        return self.events / self.of if self.of else 1.0


def router(store: Store) -> APIRouter:
    """The route `/v1/coverage`."""
    routes = APIRouter()

    @routes.get("/v1/coverage")
    def answered(request: Request) -> dict[str, Any]:
        """Which sources were heard over the last `days`, how well they are linked, and which logs are missing."""
        return answer(store, request.query_params)

    return routes


def answer(store: Rows, given: Mapping[str, str]) -> dict[str, Any]:
    """The JSON object. Raises Invalid for a wrong parameter."""
    asked.only(given, PARAMETERS)
    found = coverage(store, asked.number(given, "days", DAYS, 1, MOST_DAYS))
    return {
        "since": iso(found.since),
        "until": iso(found.until),
        "events": found.events,
        "sources": [_source(one) for one in found.sources],
        "gaps": [{**gap._asdict(), "share": round(gap.share, 4), "fix": GAPS[gap.name]} for gap in gaps(found)],
    }


def gaps(found: Coverage) -> list[Gap]:
    """Which logs seem to be missing, the widest gap first: what is silent or absent at all, then by share."""
    seen = [*_silent(found), *_absent(found), *(gap for source in found.sources for gap in _of(source))]
    if found.unused:
        sentence = f"{found.unused:,} of {found.issued:,} credentials that were issued are used in no log"
        seen.append(Gap("use", "", found.unused, found.issued, sentence))
    order = list(GAPS)
    return sorted(seen, key=lambda gap: (gap.name not in order[:2], -gap.share, -gap.events, gap.format, gap.name))


def _source(one: Source) -> dict[str, Any]:
    return {
        **one._asdict(),
        "linking": [link._asdict() for link in linking(one)],
        "first": iso(one.first),
        "last": iso(one.last),
        "unbound": one.unbound,
        "unbound_share": round(one.unbound / one.events, 4) if one.events else 0.0,
    }


def linking(one: Source) -> list[Linking]:
    """Of each link: whether events of these days state it; if not, why, by what the format says of itself."""
    form = FORMATS.get(one.format)
    found = []
    for name, amount in one.stated.items():
        share = round(amount / one.events, 4) if one.events else 0.0
        if amount or form is None:
            found.append(Linking(name, "stated" if amount else "unknown", share, ""))
        elif name in form.source.never:
            found.append(Linking(name, "never", share, _plain(form.source.never[name])))
        else:
            why = form.source.needs.get(name) or form.source.links[name]
            found.append(Linking(name, "missing", share, _plain(why)))
    return found


def _plain(text: str) -> str:
    """Markdown as text: the formats mark names of fields, and nothing else."""
    return text.replace("`", "")


def _silent(found: Coverage) -> Iterator[Gap]:
    for source in found.sources:
        if not source.events:
            yield Gap("source-silent", source.format, 0, 0, f"{source.format} was last heard at {iso(source.last)}")


def _absent(found: Coverage) -> Iterator[Gap]:
    """Kinds of events of which there are none, where there are others."""
    for kind in get_args(Kind):
        if found.events and not found.kinds.get(kind):
            yield Gap("kind-absent", "", 0, 0, f"no source tells of {_KINDS[kind]}")


def _of(source: Source) -> Iterator[Gap]:
    counted: dict[tuple[str, str], int] = {}
    for reason, amount in source.reasons.items():
        if reason in _REASONS:
            counted[_REASONS[reason]] = counted.get(_REASONS[reason], 0) + amount
    for (name, words), amount in counted.items():
        of = source.kinds.get("tool_call", 0) if name == "prompt" else source.events
        yield Gap(name, source.format, amount, of, f"{amount:,} of {of:,} events of {source.format} {words}")
    if source.unknown_fields:
        amount, names = max(source.unknown_fields.values()), ", ".join(list(source.unknown_fields)[:3])
        words = f"{amount:,} of {source.events:,} events of {source.format} have fields that are not known: {names}"
        yield Gap("schema-drift", source.format, amount, source.events, words)
    if source.unexplained_calls:
        amount, of = source.unexplained_calls, source.agent_calls
        words = f"{amount:,} of {of:,} calls of agents in {source.format} have no tool call that caused them"
        yield Gap("tool-call", source.format, amount, of, words)
