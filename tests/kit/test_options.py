"""No option without a test: each is set by a test that is named here, to something that is not its default."""

import ast
import asyncio
import json
import time
from pathlib import Path

import pytest

from pipeline.app import Correlator
from pipeline.hop import Partition
from pipeline.kit import admin
from pipeline.kit.clients import consumer_config
from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid
from pipeline.kit.metrics import Metrics
from pipeline.kit.state import PartitionState
from pipeline.normalize.stage import context_of, process
from pipeline.run.normalize import NormalizeRole
from pipeline.score import drift, misuse
from schemas.rejected import Record

ROOT = Path(__file__).parents[2]
#: By file and test: the options that it sets, to look at what comes of it. `*`: fixtures set them for the whole file.
SET_BY: dict[str, dict[str, str]] = {
    "tests/kit/test_config.py": {
        "test_the_command_line_wins_over_the_environment_that_over_the_file": "bootstrap",
        "test_a_secret_comes_out_of_a_file_without_the_end_of_its_line": "api_key",
    },
    "tests/kit/test_small.py": {
        "test_topics_that_nobody_declared_do_not_exist": "prefix",
        "test_each_store_has_heads_of_its_own_and_one_in_memory_has_none": "clickhouse evidence",
        "test_the_hash_key_is_made_once_and_only_the_owner_can_read_it": "data_dir hash_key",
        "test_the_key_that_signs_is_in_the_data_directory_unless_it_is_named": "evidence_key",
    },
    "tests/kit/test_admin.py": {
        "test_another_number_of_partitions_of_a_joined_topic_is_refused_with_the_way_out": "partitions",
    },
    "tests/kit/test_options.py": {
        "test_topics_have_as_many_copies_as_are_wanted": "replication",
        "test_both_clients_are_given_up_after_the_session_timeout": "session_timeout",
        "test_how_long_events_wait_is_told_to_the_stages": "grace late_window late_limit",
        "test_a_silent_partition_holds_others_back_as_long_as_it_may": "idle_after",
        "test_a_checkpoint_is_due_after_its_time": "checkpoint_every",
        "test_budgets_reach_the_stages_that_keep_them": "drift_budget alert_budget",
        "test_a_long_text_is_shortened_and_a_long_message_refused": "text_limit message_limit",
    },
    "tests/cli/test_config.py": {
        "test_check_looks_into_the_files_that_settings_name":
            "drift_model tool_chains rules exceptions baselines alerts",
    },
    "tests/kit/test_producers.py": {
        "*": "producers",
        "test_who_sends_signs_if_told_to": "producer producer_key",
    },
    "tests/run/test_retention_commands.py": {
        "test_what_is_older_than_it_is_kept_goes_and_the_rest_verifies":
            "keep_timeline keep_records keep_findings keep_dead_letters keep_audit",
    },
    "tests/kit/test_logs.py": {
        "test_a_process_logs_everything_in_the_format_of_the_settings": "log_format",
    },
    "tests/flow/test_traces.py": {
        "test_a_batch_is_one_trace_from_its_records_to_its_rows": "traces trace_share",
    },
    "tests/flow/test_observed.py": {
        "test_a_broker_that_is_away_makes_a_process_unready_and_not_dead": "ops_host ops_port",
    },
    "tests/store/test_cluster.py": {
        "test_an_embedded_store_is_on_no_cluster": "clickhouse_cluster",
        "test_a_quorum_is_a_number_or_the_majority": "clickhouse_quorum",
    },
    "tests/flow/test_evidence.py": {
        "*": "head_every",
    },
    "tests/console/access/test_open.py": {
        "*": "host",
    },
    "tests/cli/test_completion.py": {
        "*": "port",
    },
    "tests/console/access/test_served.py": {
        "*": "public_url proxies",
    },
    "tests/console/access/test_doors.py": {
        "test_a_session_lives_as_long_as_it_may": "session_life",
    },
    "tests/console/access/test_limits.py": {
        "*": "request_rate",
    },
    "tests/console/access/test_oidc.py": {
        "believing": "oidc_issuer oidc_client_id oidc_roles",
        "*": "oidc_client_secret",
        "test_scope_and_claim_of_groups_are_those_of_the_settings": "oidc_scope oidc_groups_claim",
    },
    "tests/kafka/secured.py": {
        "*": "kafka_protocol kafka_mechanism kafka_username kafka_password kafka_ca kafka_certificate kafka_key "
             "kafka_key_password kafka_token_url kafka_client_id kafka_client_secret kafka_scope",
    },
    "tests/kafka/test_topics.py": {
        "test_a_topic_that_is_missing_is_fatal_and_settings_that_no_topic_can_have_are_refused": "min_insync",
        "test_a_process_that_may_not_make_topics_says_who_does": "create_topics",
    },
    "tests/kafka/test_members.py": {
        "settings_of": "instance",
    },
    "tests/store/test_starting.py": {
        "test_a_process_that_may_not_migrate_says_who_does": "clickhouse_migrate",
    },
    "tests/store/test_wire.py": {
        "test_the_password_may_stand_apart_from_the_address": "clickhouse_password",
    },
    "tests/store/test_tls.py": {
        "*": "clickhouse_ca clickhouse_certificate clickhouse_key clickhouse_server_name",
    },
    "tests/flow/test_secrets.py": {
        "*": "content",
    },
}  # fmt: skip


TESTS = {
    option: (path, test) for path, tests in SET_BY.items() for test, names in tests.items() for option in names.split()
}


@pytest.mark.parametrize("name", Settings.model_fields)
def test_each_option_is_set_by_the_test_that_is_named(name):
    """Whether that test looks at the right thing is for people to say; that it is there and sets it, for this one."""
    assert name in TESTS, "name the test that sets it to something that is not its default"
    path, test = TESTS[name]
    whole = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    functions = {one.name: one for one in ast.walk(whole) if isinstance(one, ast.FunctionDef)}
    assert name in settings_in(whole if test == "*" else functions[test]), f"{path}::{test} does not set it"


def settings_in(tree):
    """Names given to a call by keyword, or as variables, with something else than the default."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg is not None:
            name = node.arg.removeprefix("WHODID_").lower()
            field = Settings.model_fields.get(name)
            if field and not (isinstance(node.value, ast.Constant) and node.value.value == field.default):
                found.add(name)
            if name == "update" and isinstance(node.value, ast.Dict):
                found |= {one.value for one in node.value.keys if isinstance(one, ast.Constant)}
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("WHODID_"):
            found.add(node.value.removeprefix("WHODID_").removesuffix("_FILE").lower())
    return found


def test_an_option_without_a_test_would_be_found():
    assert settings_in(ast.parse("Settings(port=8470, grace=1.0); f({'WHODID_API_KEY_FILE': 1})")) == {
        "grace", "api_key",
    }  # fmt: skip
    assert set(TESTS) == set(Settings.model_fields), "an option that is gone"


def test_topics_have_as_many_copies_as_are_wanted():
    class Client:
        def create_topics(self, topics, request_timeout):
            self.copies = {one.replication_factor for one in topics}
            return {}

    client = Client()
    admin._create(client, Settings(replication=3), ["entries", "prompts"])
    assert client.copies == {3}


@pytest.fixture
def correlator(tmp_path):
    """A Faust application that is not started, with settings of one's own."""
    return lambda **given: Correlator(Settings(data_dir=tmp_path, **given), Metrics())


def test_both_clients_are_given_up_after_the_session_timeout(correlator):
    settings = Settings(session_timeout=30.0)
    assert consumer_config(settings, "g")["session.timeout.ms"] == 30_000
    assert correlator(session_timeout=30.0).app.conf.broker_session_timeout == 30.0


def test_how_long_events_wait_is_told_to_the_stages(correlator):
    hop = correlator(grace=7.0, late_window=60.0, late_limit=70).first
    stage = hop._make(PartitionState(hop._types))
    assert (stage._parking._grace, stage._late_window, stage.holding._limit) == (7_000_000, 60_000_000, 70)


def test_a_checkpoint_is_due_after_its_time(correlator, monkeypatch):
    async def saved(every):
        hop = correlator(checkpoint_every=every).first
        done = []
        monkeypatch.setattr(hop, "_checkpoint", done.append)
        partition = Partition(0, hop._make(PartitionState(hop._types)), checkpointed=time.monotonic() - 5)
        hop._checkpoint_if_due(partition)
        return len(done)

    assert asyncio.run(saved(4.0)) == 1
    assert asyncio.run(saved(60.0)) == 0


def test_a_silent_partition_holds_others_back_as_long_as_it_may(tmp_path):
    def idle(after):
        role = NormalizeRole(Settings(data_dir=tmp_path, idle_after=after, hash_key="0123456789abcdef"), Metrics())
        reader = role._reader("prompts", 0)
        reader.heard -= 15
        return reader.idle

    assert idle(1.0)
    assert not idle(20.0)


def test_budgets_reach_the_stages_that_keep_them():
    assert drift.scorer(Settings(drift_budget=0.2))(PartitionState(drift.STATE_TYPES))._budget == 0.2
    assert misuse.scorer(Settings(alert_budget=0.02))(PartitionState(misuse.STATE_TYPES))._budget == 0.02


def test_a_long_text_is_shortened_and_a_long_message_refused():
    prompt = {
        "event_id": "e", "kind": "prompt", "time": "2026-01-01T00:00:00Z", "action": "chat", "session": "s",
        "text": "word " * 200,
    }  # fmt: skip
    record = Record(json.dumps(prompt).encode(), "canonical", "prompts", 0, 0)
    (kept,) = process(record, context_of(Settings(text_limit=50, hash_key="0123456789abcdef")))
    assert kept.rejected is None
    assert len(kept.events[0].text) <= 51
    with pytest.raises(Invalid):
        context_of(Settings(content="some", hash_key="0123456789abcdef"))
    (refused,) = process(record, context_of(Settings(message_limit=1024, hash_key="0123456789abcdef")))
    assert refused.rejected is not None
    assert "bytes" in refused.rejected.reason
