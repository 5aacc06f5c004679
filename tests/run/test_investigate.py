"""Log files straight into a timeline, with real data where it is at hand."""

import gzip
import itertools
import json
import uuid
from collections import Counter

import msgspec
import pytest

from pipeline.kit.config import Settings
from pipeline.run.investigate import Investigation
from pipeline.sources.files import read
from pipeline.store import connect
from schemas.rejected import Record
from tests.normalize import test_azure_monitor as azure
from tests.normalize import test_gcp_audit as gcp
from tests.normalize import test_kubernetes_audit as kubernetes
from tests.normalize import test_vault_audit as vault
from tests.normalize.common import shared
from tests.normalize.test_aws_cloudtrail import ASSUME, CALL


@pytest.fixture
def settings(tmp_path):
    return Settings(data_dir=tmp_path, clickhouse=f"chdb://{tmp_path}/store", hash_key="0123456789abcdef")


def investigate(settings, records, sql="SELECT 1"):
    with connect(settings) as store:
        summary = Investigation(settings, store).run(records)
        return summary, store.rows(sql)


def test_every_record_has_events_or_a_reason_and_every_event_is_an_entry_or_a_duplicate(settings):
    values = [CALL, ASSUME, ASSUME, {"eventTime": "never"}]
    records = [Record(json.dumps(value).encode(), "aws.cloudtrail", "f", 0, n) for n, value in enumerate(values)]
    summary, rows = investigate(settings, records, "SELECT count() FROM entries FINAL")
    assert (summary.records, summary.rejected, summary.events) == (4, 1, 3)
    assert (summary.entries, summary.duplicates) == (2, 1)
    assert summary.bound + summary.unbound.total() == summary.entries == rows[0][0]


def test_a_second_run_over_the_same_files_changes_nothing(settings):
    records = [
        Record(json.dumps(value).encode(), "aws.cloudtrail", "f", 0, n) for n, value in enumerate([CALL, ASSUME])
    ]
    _, first = investigate(settings, records, "SELECT * EXCEPT revision FROM entries FINAL ORDER BY event_id")
    _, again = investigate(settings, records, "SELECT * EXCEPT revision FROM entries FINAL ORDER BY event_id")
    assert first == again


def test_chains_cross_the_logs_of_different_vendors(settings):
    used = {**CALL, "eventTime": "2026-01-31T09:00:09Z"}
    key = {**gcp.NEW_KEY, "timestamp": "2026-01-31T09:00:01Z", "trace": None}
    told = [
        used,
        vault.AWS,
        vault.LOGIN,
        kubernetes.REQUEST,
        kubernetes.ISSUE,
        gcp.GET,
        key,
        azure.ACTIVITY,
        azure.SIGN_IN,
    ]
    records = [Record(json.dumps(value).encode(), "", "f", 0, number) for number, value in enumerate(told)]
    sql = "SELECT action, actor, credential_chain FROM entries FINAL"
    found = {action: (actor, chain) for action, actor, chain in investigate(settings, records, sql)[1]}
    agent, token = vault.AUTH["entity_id"], "vault:hmac-sha256:bb01"
    assert found["s3:GetObject"] == (agent, [f"aws:{CALL['userIdentity']['accessKeyId']}", token])
    pod = f"kubernetes:JTI={kubernetes.TOKEN}"
    assert found["kubernetes:get secrets"] == ("system:serviceaccount:agent:pay", [pod, "kubernetes:X509SHA256=ab12"])
    assert found["storage:storage.objects.get"] == (gcp.SA, [f"gcp:key/{gcp.KEY}"])
    assert found["azure:Microsoft.KeyVault/vaults/write"] == ("ana@example.com", ["entra:Uti_One1"])


@pytest.mark.parametrize("order", [1, -1])
def test_a_use_after_expiry_and_revocation_says_so_whatever_came_first(settings, order):
    asked, token = vault.READ["request"], vault.READ["request"]["client_token_accessor"]
    revoking = {
        **asked, "id": str(uuid.UUID(int=1)), "operation": "update", "path": "auth/token/revoke-accessor",
        "client_token_accessor": vault.HASH + "bb09", "data": {"accessor": token},
    }  # fmt: skip
    late = {**asked, "id": str(uuid.UUID(int=2)), "path": "kv/late"}
    told = [
        vault.READ,
        {**vault.READ, "time": "2026-01-31T10:00:01Z", "request": late},
        {**vault.READ, "time": "2026-01-31T09:30:00Z", "request": revoking, "response": None},
        vault.LOGIN,
    ]
    records = [Record(json.dumps(value).encode(), "", "f", 0, n) for n, value in enumerate(told[::order])]
    sql = "SELECT resources[1], credential_expires, credential_revoked FROM entries FINAL WHERE credential LIKE '%bb01'"
    nine = 1_769_850_000_000_000
    assert sorted(investigate(settings, records, sql)[1]) == [
        ("kv/late", nine + 3_600_000_000, nine + 1_800_000_000),
        ("secret/data/db", nine + 3_600_000_000, 0),
    ]


def test_on_invictus_every_event_whose_key_was_issued_in_the_file_is_bound_to_its_issuance(settings):
    path = shared("cloudtrail/invictus.jsonl.gz")
    with gzip.open(path) as lines:
        events = [json.loads(line) for line in lines]
    issued = {}
    for event in events:
        key = ((event.get("responseElements") or {}).get("credentials") or {}).get("accessKeyId")
        key = key or ((event.get("responseElements") or {}).get("accessKey") or {}).get("accessKeyId")
        if key:
            issued.setdefault("aws:" + key, set()).add(event["eventID"])
    summary, rows = investigate(
        settings, read([path]),
        "SELECT credential, credential_chain, links.method, links.evidence, unbound FROM entries FINAL",
    )  # fmt: skip
    assert (summary.records, summary.rejected, summary.entries) == (2900, 0, 2900)
    bound = 0
    for credential, chain, methods, evidence, unbound in rows:
        if credential in issued:
            bound += 1
            assert not unbound
            assert methods[0] == "credential"
            assert set(evidence[0]) <= issued[credential]
            for child, parent in itertools.pairwise(chain):
                assert child in issued, f"{parent} is said to have minted {child}, which was never issued here"
        elif credential:
            assert unbound.startswith("credential never seen issued")
    assert bound == summary.bound == 70


def test_all_of_stratus_is_taken_in(settings):
    summary, _ = investigate(settings, read([shared("cloudtrail/stratus.jsonl.gz")]))
    assert (summary.records, summary.rejected, summary.entries) == (202, 0, 202)


def test_in_real_transcripts_every_tool_call_has_prompt_and_session_and_sub_agents_hang_under_parents(settings):
    folder = shared("agent-sessions/claude-code")
    summary, rows = investigate(
        settings, read([folder]),
        "SELECT event_id, kind, action, phase, session, parent_session, prompt_event, tool_call_event, tool "
        "FROM entries FINAL",
    )  # fmt: skip
    assert summary.rejected == 0
    known = {row[0] for row in rows}
    kinds, spawned = Counter(), set()
    for event_id, kind, action, phase, session, parent, prompt, call, tool in rows:
        if kind == "tool_call":
            kinds[phase] += 1
            assert session, event_id
            assert prompt in known, event_id
            assert tool, "a result names the tool of its call"
            if phase == "end":
                assert call in known
        if "/" in session:
            assert parent == session.split("/")[0]
        if action == "spawn":
            spawned.add(session)
            assert call in known, "a sub-agent names the call that spawned it"
    assert kinds["start"] == kinds["end"] > 400
    assert len(spawned) == 3


def test_langfuse_traces_of_many_frameworks_are_taken_in(settings):
    summary, rows = investigate(
        settings, read([shared("agent-sessions/langfuse-traces.jsonl.gz")]), "SELECT session FROM entries FINAL"
    )
    assert (summary.records, summary.rejected) == (14, 0)
    assert all(session for (session,) in rows)


def test_partial_vendor_records_are_rejected_only_with_the_field_they_lack(settings, tmp_path):
    rows = gzip.decompress(shared("adapters/vendor-events.jsonl.gz").read_bytes()).splitlines()
    events = [row["event"] for row in map(json.loads, rows) if row["log_type"] == "AWS.CloudTrail"]
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"\n".join(msgspec.json.encode(event) for event in events))
    summary, found = investigate(settings, read([path], "aws.cloudtrail"), "SELECT count() FROM entries FINAL")
    assert summary.records == len(events) == 278
    assert {reason.split(":")[0] for reason in summary.reasons} == {"eventTime", "eventName", "event_id"}
    assert summary.records == summary.rejected + summary.entries + summary.duplicates
    assert summary.conflicts > 0, "its authors gave one eventID to several different events"
    # Seen only where they meet: two of those ids were used with different keys, so they are rows of their own.
    assert found[0][0] >= summary.entries
