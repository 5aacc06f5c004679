"""Requests that the document allows, and some that it does not, made up by Schemathesis.

None is a fault of the desk, and every answer is as the document says: on an open desk, and on one that asks for a key.
"""

import json

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)  # fmt: skip
from schemathesis.python import asgi

from pipeline.console.access import keys
from pipeline.console.app import create
from pipeline.kit.config import Settings
from pipeline.run import evidence_api, openapi
from pipeline.sources import collector
from pipeline.store import access, connect
from tests.console.access.desk import SECRET, Leaving, filled
from tests.console.access.test_rights import Sent

DOCUMENT = json.loads(openapi.FILE.read_text(encoding="utf-8"))
OPERATIONS = [(method.upper(), path) for path, both in DOCUMENT["paths"].items() for method in both]
CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance,
    response_headers_conformance,
]  # fmt: skip
#: Requests for each operation, of those that are allowed and of those that are not.
EXAMPLES = 3


class Desk:
    """One that is asked, and the key that it asks for."""

    def __init__(self, app, key: str) -> None:
        self.schema = schemathesis.openapi.from_dict(DOCUMENT)
        self.schema.app = app
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}


@pytest.fixture(scope="module", params=["open", "keyed"])
def desk(request, tmp_path_factory):
    chosen = Settings(clickhouse="chdb://memory", data_dir=tmp_path_factory.mktemp("data"), request_rate=1e6)
    with connect(chosen) as store:
        filled(store, SECRET)
        key = ""
        if request.param == "keyed":
            scopes = ("read", "write", "collect")
            key, kept = keys.new("x", "admin", scopes, content=True, life="1h", by="x")
            access.write_key(store, kept)
        app = create(store, chosen, dict, lambda _: None)
        app.include_router(evidence_api.router(chosen, store))
        app.include_router(collector.router(chosen, Sent()))
        with asgi.get_client(Leaving(app)) as client:
            yield Desk(app, key), client


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_answer_is_as_the_document_says(desk, method, path):
    one, client = desk
    operation = one.schema[path][method]
    modes = [GenerationMode.POSITIVE]
    if method in ("POST", "PATCH") or any(
        part["in"] == "query" for part in DOCUMENT["paths"][path][method.lower()]["parameters"]
    ):
        modes.append(GenerationMode.NEGATIVE)
    for mode in modes:
        if (path, mode, one.headers) == ("/v1/keys", GenerationMode.POSITIVE, {}) and method == "POST":
            # It would close a desk that is open.
            continue

        @settings(
            max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case):
            answer = case.call(session=client, headers=one.headers, base_url="http://127.0.0.1")
            case.validate_response(answer, checks=CHECKS)

        ask()


@pytest.mark.parametrize(("method", "path"), [one for one in OPERATIONS if one[0] == "GET"])
def test_answers_with_rows_are_as_the_document_says(desk, method, path):
    one, client = desk
    places = {"event_id": "e1", "finding_id": "f1", "alert_id": "a1", "name": "bot", "rejected_id": "d1"}
    places |= {"case_id": "c1", "about": "session"}
    places |= {"name": "s1"} if "sessions" in path or "notes" in path else {}
    query = {"/v1/timeline": {"actor": "bot"}, "/v1/reconstruct": {"clue": "e1"}}.get(path.removesuffix("/bundle"), {})
    case = one.schema[path][method].Case(path_parameters=places, query=query)
    answer = case.call(session=client, headers=one.headers, base_url="http://127.0.0.1")
    case.validate_response(answer, checks=CHECKS)
    # There is no credential in this store, and no head.
    there = 404 if "credentials/" in path or "proof" in path else 409 if path.endswith("verify") else 200
    assert answer.status_code == there


def test_a_desk_that_asks_for_a_key_gives_nothing_without(desk):
    one, client = desk
    if not one.headers:
        return
    for method, path in OPERATIONS:
        answer = client.request(method, "http://127.0.0.1" + path.replace("{kind}", "alerts"))
        assert answer.status_code == (401 if path != "/healthz" else 200)
