"""Files of every packing become the same records."""

import gzip
import json

import pytest

from pipeline.kit.failures import Permanent
from pipeline.sources.detect import topic_of
from pipeline.sources.files import read
from tests.normalize import test_azure_monitor as azure
from tests.normalize import test_gcp_audit as gcp
from tests.normalize import test_github_audit as github
from tests.normalize import test_kubernetes_audit as kubernetes
from tests.normalize import test_okta_system_log as okta
from tests.normalize import test_policy_decisions as decisions
from tests.normalize import test_vault_audit as vault
from tests.normalize.test_agents import TOOL, line, span
from tests.normalize.test_aws_cloudtrail import ASSUME, CALL

EVENTS = [{"n": n, "text": "ü" * n} for n in range(5)]
LINES = b"\n".join(json.dumps(event).encode() for event in EVENTS) + b"\n"
PACKINGS = {
    "lines.jsonl": LINES,
    "blank.jsonl": b"\n\n" + LINES.replace(b"\n", b"\r\n\r\n"),
    "unended.jsonl": LINES.rstrip(),
    "array.json": json.dumps(EVENTS).encode(),
    "pretty.json": json.dumps(EVENTS, indent=2).encode(),
    "lines.jsonl.gz": gzip.compress(LINES),
    "joined.gz": gzip.compress(LINES[: len(LINES) // 2]) + gzip.compress(LINES[len(LINES) // 2 :]),
    "records.json": json.dumps({"Records": EVENTS}).encode(),
}


def events(records):
    found = []
    for record in records:
        value = json.loads(record.value)
        found += value["Records"] if isinstance(value, dict) and "Records" in value else [value]
    return found


@pytest.mark.parametrize("name", PACKINGS)
def test_the_packing_makes_no_difference(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(PACKINGS[name])
    assert events(read([path])) == EVENTS


def test_a_directory_is_read_whole_in_order_and_numbers_start_anew(tmp_path):
    for name in ("b", "a/x", "a/y"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(LINES)
    records = list(read([tmp_path]))
    assert len(records) == 15
    assert [record.offset for record in records] == [0, 1, 2, 3, 4] * 3
    assert sorted({record.topic for record in records}) == [str(tmp_path / name) for name in ("a/x", "a/y", "b")]


def test_a_line_that_is_no_json_is_still_a_record(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b'{"a": 1}\nnope\n{"a": 2}\n')
    assert [record.value for record in read([path])] == [b'{"a": 1}', b"nope", b'{"a": 2}']


def test_what_a_truncated_gzip_holds_is_read_and_the_fault_is_told(tmp_path):
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(LINES * 2000)[:-20])
    faults = []
    count = sum(1 for _ in read([path], faults=faults))
    assert count > 0
    assert len(faults) == 1
    assert str(path) in faults[0]


def test_a_path_that_does_not_exist_is_told_before_anything_is_read(tmp_path):
    with pytest.raises(Permanent, match="no such file or directory"):
        list(read([tmp_path / "nothing"]))


@pytest.mark.parametrize(
    ("event", "topic"),
    [
        (CALL, "cloud-audit"), (ASSUME, "token-issuance"), (span(TOOL), "tool-calls"), (line("user", "x"), "prompts"),
        (line("assistant", [{"type": "tool_use", "id": "t", "name": "B", "input": {}}]), "tool-calls"),
        ({"jsonrpc": "2.0", "id": 1}, "tool-calls"), ({"kind": "token_issuance"}, "token-issuance"),
        (kubernetes.REQUEST, "cloud-audit"), (kubernetes.ISSUE, "token-issuance"),
        (kubernetes.AZURE, "token-issuance"), (vault.READ, "cloud-audit"), (vault.LOGIN, "token-issuance"),
        (github.CLONE, "cloud-audit"), ({"action": "oauth_access.create"}, "token-issuance"),
        (gcp.GET, "cloud-audit"), (gcp.NEW_KEY, "token-issuance"), (gcp.GENERATE, "token-issuance"),
        (decisions.OPA, "cloud-audit"), (decisions.CEDAR, "cloud-audit"),
        (azure.ACTIVITY, "cloud-audit"), (azure.SIGN_IN, "token-issuance"), (azure.ADDED, "token-issuance"),
        (okta.POLICY, "cloud-audit"), (okta.GRANT, "token-issuance"), (okta.HOOK, "token-issuance"),
    ],
)  # fmt: skip
def test_the_topic_is_seen_at_a_glance(event, topic):
    assert topic_of(json.dumps(event).encode()) == topic
