"""What an entry says of each field of the query language: the same as its row, as the language has it in memory."""

from pipeline.query.tree import ANYWHERE
from tests.store.findings import risk_of


def value_of(entry, findings, names=()):
    """The function that `matches` takes. `findings` are all there are; nothing is resolved by name."""
    event = entry.event
    told = [one for one in findings if event.event_id in one.entries and not one.suppressed and not one.retracted]
    link = next((one for one in entry.links if one.target == "actor"), None)
    says = {
        "actor": [entry.actor], "human": [entry.human], "session": [entry.session],
        "credential": [event.credential, event.issued], "used-token": [event.credential, *entry.credential_chain],
        "chain": [*entry.credential_chain, *entry.on_behalf_of],
        "caused-by": [entry.tool_call, entry.tool_call_event, entry.prompt_event], "action": [event.action],
        "tool": [event.tool], "resource": event.resources, "outcome": [event.outcome], "kind": [event.kind],
        "actor-kind": [entry.actor_kind], "format": [event.format], "account": [event.account],
        "producer": [event.producer],
        "region": [event.region], "address": [event.address], "user-agent": [event.user_agent],
        "policy": [event.policy], "error": [event.error], "link": [link.method if link else "none"],
        "confidence": [link.confidence if link else 0.0], "unbound": [entry.unbound],
        "origin": [one.origin for one in event.arguments], "detection": [one.detection for one in told],
        "severity": [one.severity for one in told], "event": [event.event_id], "trace": [event.trace],
        "risk": [max([risk_of(one.severity, one.score) for one in told], default=0.0)],
        "request": [event.request], "text": [event.text], "since": [event.time],
        ANYWHERE: [
            entry.actor, entry.actor_name, entry.human, entry.session, event.credential, event.action, event.tool,
            event.error, event.address, event.user_agent, event.text, *event.resources,
            *(one.value for one in event.arguments),
        ],
    }  # fmt: skip
    return says.__getitem__
