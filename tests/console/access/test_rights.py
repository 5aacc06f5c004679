"""Every role and every route: who may, who may not, and that whoever may not has done nothing."""

import asyncio
import zlib
from ipaddress import IPv4Address

import pytest
from fastapi import APIRouter, FastAPI
from starlette.staticfiles import StaticFiles

from pipeline.console.access.rights import HEAVY, MOUNTS, OPEN, RIGHTS, Right, Table, check, names
from pipeline.console.access.who import Role
from pipeline.console.app import create
from pipeline.kit.failures import Permanent
from pipeline.kit.metrics import Metrics
from pipeline.run import evidence_api, ops_api
from pipeline.sources import collector
from pipeline.store import access, casework
from tests.console.access.desk import SECRET, Client, text

#: What is asked for where a path has a place.
PLACES = {
    "{event_id:path}": "e1", "{finding_id:path}": "f1", "{alert_id}": "a1", "{name:path}": "bot", "{key_id}": "nope",
    "{rejected_id:path}": "d1", "{kind}": "alerts", "{about}": "a1", "{topic}": "prompts", "{case_id}": "c1",
    "{name}": "a1", "{note_id}": "n1",
}  # fmt: skip
#: Routes of which a place is something else.
_CASE = {f"{method} /cases/{{name}}{rest}": {"{name}": "c1"} for method, rest in (
    ("GET", ""), ("GET", "/story"), ("POST", "/change"), ("POST", "/notes"), ("POST", "/notes/{note_id}/remove"),
)}  # fmt: skip
_NOTED = {f"{method} /v1/notes/{{about}}/{rest}{{name:path}}": {"{about}": "identity"} for method, rest in (
    ("GET", ""), ("POST", ""), ("DELETE", "{note_id}/"),
)}  # fmt: skip
OTHERWISE = {
    **_CASE, **_NOTED, "POST /notes/{about}/{name:path}": {"{about}": "identity"},
    "GET /sessions/{name:path}": {"{name:path}": "s1"}, "GET /v1/sessions/{name:path}": {"{name:path}": "s1"},
    "GET /events/{name:path}": {"{name:path}": "e1"}, "GET /records/{name:path}": {"{name:path}": "r1"},
    "GET /findings/{name:path}": {"{name:path}": "f1"}, "GET /alerts/{name:path}": {"{name:path}": "a1"},
    "GET /dead-letters/{name:path}": {"{name:path}": "d1"},
}  # fmt: skip
QUERIES = {
    "GET /v1/timeline": "?actor=bot",
    "GET /v1/reconstruct": "?clue=e1",
    "GET /v1/reconstruct/bundle": "?clue=e1",
}
BODIES = {
    "POST /v1/{kind}/{about}/decisions": {"what": "acknowledge"},
    "POST /v1/keys": {"name": "made by a test", "role": "viewer"},
    "POST /v1/evidence/verify": {},
    "POST /v1/cases": {"title": "odd"},
    "PATCH /v1/cases/{case_id}": {"revision": 1, "state": "contained"},
    "POST /v1/notes/{about}/{name:path}": {"text": "seen"},
    "POST /v1/views": {"name": "errors", "query": "has:error"},
    "POST /v1/firehose/{topic}": {"requestId": "r1", "timestamp": 1, "records": [{"data": "e30="}]},
    "POST /v1/pubsub/{topic}": {"message": {"data": "e30="}, "subscription": "s1"},
}  # fmt: skip
FORMS = {
    "POST /alerts/{name}/decide": {"what": "acknowledge"}, "POST /cases": {"title": "odd"},
    "POST /cases/{name}/change": {"revision": "1", "state": "contained"}, "POST /cases/{name}/notes": {"text": "seen"},
    "POST /cases/{name}/notes/{note_id}/remove": {}, "POST /notes/{about}/{name:path}": {"text": "seen"},
    "POST /pins": {"case_id": "c1", "event_id": "e1"}, "POST /views": {"name": "errors", "query": "has:error"},
    "POST /views/drop": {"name": "errors"}, "POST /login": {"key": "whodid_x"}, "POST /logout": {},
}  # fmt: skip
#: Somebody, and what they may: a role and scopes, or nothing.
CALLERS = {
    "stranger": None, "expired": None, "revoked": None, "unknown": None,
    "viewer": (Role.VIEWER, {"read", "write"}), "analyst": (Role.ANALYST, {"read", "write"}),
    "responder": (Role.RESPONDER, {"read", "write"}), "admin": (Role.ADMIN, {"read", "write"}),
    "reader": (Role.ADMIN, {"read"}), "writer": (Role.ADMIN, {"write"}), "collector": (Role.ADMIN, {"collect"}),
}  # fmt: skip


class Sent:
    """What a producer gave to the broker."""

    def __init__(self) -> None:
        self.messages, self.waiting = [], []

    def produce(self, topic, value, key, headers, on_delivery) -> None:
        self.messages.append(value)
        self.waiting.append(on_delivery)

    def poll(self, _) -> None:
        class Message:
            def topic(self):
                return "t"

        while self.waiting:
            self.waiting.pop()(None, Message())

    def __len__(self) -> int:
        return 0


@pytest.fixture(scope="module")
def callers(key):
    """A key for each."""
    found = {"stranger": "", "unknown": "whodid_" + "0" * 49}
    found["expired"] = key("admin", scopes=("read", "write", "collect"), expires=1)
    found["revoked"] = key("admin", scopes=("read", "write", "collect"), revoked=1)
    for name, may in CALLERS.items():
        if may is not None:
            found[name] = key(may[0].title, scopes=tuple(may[1]))
    return found


@pytest.fixture(scope="module")
def effects():
    return {"decided": [], "sent": Sent()}


@pytest.fixture(scope="module")
def whole(store, settings, callers, effects) -> FastAPI:
    """A desk with every router that there is."""
    app = create(store, settings, dict, effects["decided"].append)
    app.include_router(evidence_api.router(settings, store))
    app.include_router(ops_api.router(Metrics()))
    app.include_router(collector.router(settings, effects["sent"]))
    return app


def test_every_route_has_a_line_and_every_line_a_route(whole):
    check(whole.routes)
    assert set(BODIES) | set(FORMS) | set(OTHERWISE) <= set(RIGHTS)
    assert set(names(whole.routes)) - set(MOUNTS) == set(RIGHTS)
    assert set(HEAVY) <= set(RIGHTS)


def test_a_route_without_a_line_does_not_start(whole):
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    more = APIRouter()
    more.get("/v1/new")(lambda: {})
    app.include_router(more)
    with pytest.raises(Permanent, match="no line for GET /v1/new: add one to RIGHTS"):
        check(app.routes)
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.mount("/files", StaticFiles(directory="."))
    with pytest.raises(Permanent, match="/files"):
        check(app.routes)


def test_a_route_without_a_line_answers_nobody(store, settings, key):
    app = create(store, settings, dict)
    app.get("/v1/new")(lambda: {"secret": 1})
    for found in (Client(app).get("/v1/new"), Client(app).get("/v1/new", key("admin"))):
        assert found.status_code in (401, 404)
        assert "secret" not in found.text


@pytest.mark.parametrize("route", RIGHTS)
def test_whoever_may_not_is_turned_away_and_has_done_nothing(route, whole, callers, effects, store):
    right = RIGHTS[route]
    if isinstance(right, Role):
        right = Right(right, "read" if route.startswith("GET") else "write")
    before, answers = _state(store, effects), {}
    refused = [caller for caller in CALLERS if not _may(right, caller)]
    for caller in refused:
        answers[caller] = _asked(_from_elsewhere(whole, route, caller), route, callers[caller])
        expected = 403 if CALLERS[caller] else 401
        assert answers[caller].status_code == expected, caller
    assert _state(store, effects) == before
    for caller in set(refused).intersection(name for name, may in CALLERS.items() if may):
        named = "role:" if CALLERS[caller][0] < right.role else "scope:"
        assert answers[caller].json()["error"]["message"].startswith(named)
    for caller in set(CALLERS) - set(refused):
        # Whoever may drop it finds it there.
        casework.kept(store, "errors", "has:error", "ana")
        answer = _asked(_from_elsewhere(whole, route, caller), route, callers[caller])
        if caller == "viewer":
            assert SECRET not in text(answer)
        # Some ask for what is not there, or cannot be answered here; nobody is told that they may not.
        fine = (
            (200, 201, 202, 303, 404, 409, 503)
            if route in ("GET /healthz", "GET /readyz")
            else (200, 201, 202, 303, 404, 409)
        )
        assert answer.status_code in (*fine, 401, 403) if right == OPEN else answer.status_code in fine, answer.text


def _may(right, caller):
    may = CALLERS[caller]
    if right == OPEN:
        # A key that is no good is refused wherever it is shown: whoever sends it should know.
        return caller == "stranger" or may is not None
    return may is not None and may[0] >= right.role and right.scope in may[1]


def _from_elsewhere(whole, route, caller):
    """Each from an address of its own: whoever tries many keys from one is slowed down."""
    return Client(whole, address=str(IPv4Address(zlib.crc32(f"{route} {caller}".encode()))))


def test_what_has_something_done_to_a_credential_takes_a_responder(whole, callers, effects):
    client = Client(whole)
    for what, least in (
        ("request", "responder"),
        ("approve", "responder"),
        ("reject", "responder"),
        ("note", "analyst"),
    ):
        about = "p1" if what in ("approve", "reject") else "a1"
        given = {"what": what, "reason": "because", "hook": "revoke"}
        for caller in ("analyst", "responder"):
            before = len(effects["decided"])
            # The kind in the path decides nothing.
            answer = client.post(f"/v1/alerts/{about}/decisions", callers[caller], json=given)
            may = caller == "responder" or least == "analyst"
            assert answer.status_code == (202 if may else 403)
            assert len(effects["decided"]) == before + may
            form = client.post("/alerts/a1/decide", callers[caller], data={**given, "about": about})
            assert form.status_code == (303 if may else 403)


def test_who_decides_is_who_signed_in_whatever_is_said(whole, callers, effects):
    given = {"what": "acknowledge", "by": "somebody.else@example.com"}
    Client(whole).post("/v1/alerts/a1/decisions", callers["analyst"], json=given)
    assert effects["decided"][-1].by == "a analyst"
    Client(whole).post("/alerts/a1/decide", callers["admin"], data=given)
    assert effects["decided"][-1].by == "a admin"


def test_what_is_not_there_is_told_to_those_who_may_ask(whole, callers):
    client = Client(whole)
    assert client.get("/v1/nope").status_code == client.get("/nope").status_code == 401
    assert client.get("/v1/nope", callers["viewer"]).status_code == 404
    answer = client.send("PATCH", "/v1/keys", callers["viewer"])
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


@pytest.mark.parametrize(
    "path", ["//v1/keys", "/v1//keys", "/v1/keys/", "/v1/Keys", "/%76%31/keys", "/v1/./keys", "/v1/keys%00"]
)
def test_another_way_to_write_a_path_is_no_way_around(path, whole, callers):
    for caller in ("stranger", "viewer"):
        answer = Client(whole).get(path, callers[caller])
        assert answer.status_code in (401, 403, 404, 405)
        assert "keys" not in answer.json()


def test_a_socket_is_closed_whoever_asks(store, settings, callers):
    app = create(store, settings, dict)

    @app.websocket("/v1/socket")
    async def socket(given):
        raise AssertionError("it must not come so far")

    told = []
    scope = {"type": "websocket", "path": "/v1/socket", "headers": [(b"host", b"127.0.0.1"), (
        b"authorization", f"Bearer {callers['admin']}".encode())], "query_string": b"", "subprotocols": []}  # fmt: skip

    async def send(message):
        told.append(message)

    asyncio.run(app(scope, lambda: None, send))
    assert told == [{"type": "websocket.close", "code": 1008}]


def test_every_line_that_fits_has_to_allow_it():
    table = Table({"GET /v1/{any:path}": Role.VIEWER, "GET /v1/keys": Role.ADMIN})
    assert [right.role for right in table.rights("GET", "/v1/keys")] == [Role.VIEWER, Role.ADMIN]
    assert table.rights("HEAD", "/v1/keys") == table.rights("GET", "/v1/keys")
    assert table.rights("POST", "/v1/keys") == []


def _state(store, effects):
    keys = access.keys(store)
    noted = [casework.notes(store, about, name) for about, name in (("case", "c1"), ("identity", "bot"))]
    said = [casework.cases(store), noted, casework.views(store)]
    return [keys, said, len(effects["decided"]), len(effects["sent"].messages)]


def _asked(client, route, key):
    method, _, path = route.partition(" ")
    for place, value in (PLACES | OTHERWISE.get(route, {})).items():
        path = path.replace(place, value)
    more = {}
    if route in BODIES:
        more["json"] = BODIES[route]
    elif route in FORMS:
        more["data"] = FORMS[route]
    elif method == "POST" and path.startswith("/v1/"):
        more = {"content": b"{}", "headers": {"content-type": "application/json"}}
    return client.send(method, path + QUERIES.get(route, ""), key, **more)
