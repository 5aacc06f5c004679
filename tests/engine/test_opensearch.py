"""Alerts sent to a real OpenSearch, whose bulk API is Elasticsearch's: a document an alert, or a revision.

Jars of Maven Central: 46 MB in tests/engine/opensearch/libs, brought once. The node has 384 MB of heap at most.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline.alert.destinations.elastic import Elastic
from pipeline.alert.notice import Notice
from pipeline.alert.wire import Away, Refused
from pipeline.kit.broker import JARS_TIMEOUT, Supervised
from tests.alert.destinations.notices import SEVERAL
from tests.alert.destinations.pages import in_json
from tests.alert.said import configured, said

RUN = Path(__file__).parent / "opensearch" / "run"
ABSENT = [tool for tool in ("java", "mvn") if shutil.which(tool) is None]
pytestmark = pytest.mark.skipif(
    bool(ABSENT), reason=f"SKIPPED LOUDLY: OpenSearch needs {' and '.join(ABSENT)}: install a JDK 17 and Maven"
)
REVISIONS = [said(revision=number, title=f"t{number}") for number in range(3)]


class Node:
    """Where it is, and what it holds."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def call(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"{self.url}/{path}", None if body is None else json.dumps(body).encode(),
            {"Content-Type": "application/json"}, method=method,
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def template(self, index: str, fields: dict[str, Any] | None = None, **mappings: Any) -> None:
        """That of the page, changed as the page says for OpenSearch, for an index of its own."""
        made = in_json("elastic.md", '"index_patterns"') | {"index_patterns": [index], "priority": 300}
        made["template"]["settings"] = {"number_of_replicas": 0, "number_of_shards": 1}
        made["template"]["mappings"] |= mappings
        made["template"]["mappings"]["properties"] |= {"whodid": {"type": "flat_object"}, **(fields or {})}
        if index.endswith("stream"):
            made["data_stream"] = {}
        self.call("PUT", f"_index_template/{index}", made)

    def held(self, index: str) -> list[dict[str, Any]]:
        self.call("POST", f"{index}/_refresh")
        return [one["_source"] for one in self.call("GET", f"{index}/_search?size=100")["hits"]["hits"]]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    try:
        subprocess.run([RUN, "--jars"], check=True, capture_output=True, timeout=JARS_TIMEOUT)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"SKIPPED LOUDLY: Maven does not bring the jars of OpenSearch: {(error.stdout or b'')[-300:]!r}")
    folder = tmp_path_factory.mktemp("opensearch")
    process = Supervised("OpenSearch", [str(RUN)], folder / "log", {"DATA": str(folder)}, patience=10)
    try:
        yield Node(_port(folder / "log"))
    finally:
        process.stop()


def _port(log: Path) -> int:
    until = time.monotonic() + 90
    while time.monotonic() < until:
        said_so = [line.split()[1] for line in log.read_text().splitlines() if line.startswith("port ")]
        if said_so:
            return int(said_so[0])
        time.sleep(0.1)
    raise AssertionError(log.read_text()[-2000:])


def sent(node: Node, index: str, *notices: Notice, **settings: Any) -> None:
    async def trial() -> None:
        made = configured(Elastic, kind="elastic", url=node.url, index=index, **settings)
        wire = made.wire()
        try:
            for notice in notices:
                await made.send(notice, wire)
        finally:
            await wire.close()

    asyncio.run(trial())


def test_whatever_an_alert_holds_the_template_has_a_field_for_it(node: Node) -> None:
    node.template("whole", dynamic="strict")
    for number, notice in enumerate(SEVERAL.values()):
        given = msgspec.structs.replace(notice.alert, alert_id=f"alert-{number}")
        sent(node, "whole", notice._replace(alert=given))
    assert len(node.held("whole")) == len(SEVERAL)


def test_an_alert_is_one_document_whatever_is_repeated_or_comes_late(node: Node) -> None:
    node.template("now")
    first, second, third = REVISIONS
    sent(node, "now", first, first, third, second, third)
    assert [(one["event"]["sequence"], one["rule"]["description"]) for one in node.held("now")] == [(2, "t2")]


def test_in_a_data_stream_a_revision_is_one_document(node: Node) -> None:
    node.template("a-stream")
    sent(node, "a-stream", *REVISIONS, *REVISIONS, history=True)
    assert sorted(one["event"]["sequence"] for one in node.held("a-stream")) == [0, 1, 2]


def test_what_is_wrong_with_the_index_may_be_mended(node: Node) -> None:
    node.template("b-stream")
    with pytest.raises(Away, match="op_type of create"):
        sent(node, "b-stream", *REVISIONS)
    node.template("piped")
    sent(node, "piped", REVISIONS[0])
    node.call("PUT", "piped/_settings", {"index.default_pipeline": "missing"})
    with pytest.raises(Away, match="does not exist"):
        sent(node, "piped", REVISIONS[1])
    node.template("full")
    sent(node, "full", REVISIONS[0])
    node.call("PUT", "full/_settings", {"index.blocks.read_only_allow_delete": True})
    with pytest.raises(Away, match="flood-stage"):
        sent(node, "full", REVISIONS[1])
    node.template("shut")
    sent(node, "shut", REVISIONS[0])
    node.call("POST", "shut/_close")
    with pytest.raises(Away, match="closed"):
        sent(node, "shut", REVISIONS[1])


def test_an_index_that_is_missing_and_may_not_be_made_is_away(node: Node) -> None:
    node.call("PUT", "_cluster/settings", {"transient": {"action.auto_create_index": "false"}})
    try:
        with pytest.raises(Away, match="index_not_found"):
            sent(node, "missing", REVISIONS[0])
    finally:
        node.call("PUT", "_cluster/settings", {"transient": {"action.auto_create_index": None}})


def test_what_the_mapping_has_no_place_for_is_refused(node: Node) -> None:
    node.template("wrong", {"message": {"type": "long"}})
    with pytest.raises(Refused, match="failed to parse field"):
        sent(node, "wrong", REVISIONS[0])
    node.template("strict", {"user": {"properties": {"name": {"type": "keyword"}}}}, dynamic="strict")
    with pytest.raises(Refused, match="strict_dynamic_mapping_exception"):
        sent(node, "strict", REVISIONS[0])


def test_an_analyst_finds_it_by_network_technique_and_risk(node: Node) -> None:
    node.template("found")
    sent(node, "found", REVISIONS[0])
    node.call("POST", "found/_refresh")
    asked = [
        {"term": {"source.ip": "203.0.113.0/24"}}, {"term": {"threat.technique.subtechnique.id": "T1078.004"}},
        {"range": {"event.risk_score": {"gte": 80}}}, {"match": {"message": "policy"}},
        {"term": {"related.user": "ana@example.com"}}, {"term": {"whodid.session": "s-0001"}},
        {"term": {"whodid.detections.name": "new-key-after-assume"}},
    ]  # fmt: skip
    found = [node.call("POST", "found/_search", {"query": one})["hits"]["total"]["value"] for one in asked]
    assert found == [1] * len(asked)


def test_it_listens_on_loopback_only(node: Node) -> None:
    published = node.call("GET", "_nodes/http,transport,jvm")["nodes"]
    (one,) = published.values()
    for kind in ("http", "transport"):
        assert {address.rpartition(":")[0] for address in one[kind]["bound_address"]} == {"127.0.0.1"}
    assert one["jvm"]["mem"]["heap_max_in_bytes"] <= 512 * 1024 * 1024
