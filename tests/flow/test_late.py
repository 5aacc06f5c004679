"""Truth that comes after the workers were stopped, and long after the grace: the store gives the events back."""

import pytest

from pipeline.simulate.shapes import Ids, assume_role, cloudtrail, encode, role_identity, web_identity
from pipeline.store import connect
from tests.flow.harness import drain, send, settings_for, timeline
from tests.flow.test_stream import START, investigated

SECOND = 1_000_000
CALLS = 300


def trail(ids, seconds, source, name, identity, **more):
    topic = "token-issuance" if source == "sts" else "cloud-audit"
    value = cloudtrail(ids.uuid(), START + seconds * SECOND, source, name, identity, "192.0.2.7", **more)
    return topic, "aws.cloudtrail", value


@pytest.fixture
def story():
    """A chain of two roles and what was done with the second: the calls first, the root and the prompt last."""
    ids = Ids(5)
    first, second = ids.key("ASIA"), ids.key("ASIA")
    later = START + 4 * 3600 * SECOND
    root = trail(ids, 0, "sts", "AssumeRoleWithWebIdentity", web_identity("idp.example", "deployer"),
                 **assume_role("entry", "build-7", first, later))  # fmt: skip
    chained = trail(ids, 60, "sts", "AssumeRole", role_identity("entry", "build-7", first),
                    **assume_role("worker", "conv-1", second, later))  # fmt: skip
    identity = role_identity("worker", "conv-1", second)
    calls = [trail(ids, 70 + n, "s3", "GetObject", identity) for n in range(CALLS)]
    prompt = ("prompts", "canonical", encode({
        "kind": "prompt", "event_id": "prompt-1", "time": "2026-01-01T00:00:30Z", "action": "user_message",
        "actor": {"id": "invoice-bot", "kind": "agent"}, "human": "ana@example.com", "session": "conv-1",
        "text": "Look after the invoices.",
    }))  # fmt: skip
    return calls, [chained], [root], [prompt]


def actors(settings):
    with connect(settings) as store:
        return dict(store.rows("SELECT actor, count() FROM entries FINAL WHERE action = 's3:GetObject' GROUP BY actor"))


def test_late_truth_reattributes_everything_it_concerns_across_restarts(embedded, tmp_path, story):
    settings = settings_for(embedded, tmp_path)
    seen = []
    for part in story:
        send(settings, part)
        drain(settings)
        seen.append(actors(settings))
    role = "arn:aws:sts::123456789012:assumed-role/worker/conv-1"
    assert seen[0] == {role: CALLS}
    assert len(seen[1]) == 1
    assert seen[1] != seen[0]
    assert "deployer" in next(iter(seen[2]))
    assert seen[3] == {"invoice-bot": CALLS}
    assert timeline(settings) == investigated(settings, [message for part in story for message in part])
