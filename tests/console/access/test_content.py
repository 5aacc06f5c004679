"""Contents by role: planted words never reach whoever may not read them, and whoever does is recorded."""

import io
import json
import re
import zipfile
from pathlib import Path
from urllib.parse import quote

import pytest
from fastapi.responses import StreamingResponse

from pipeline.console.access import reading
from pipeline.console.access.rights import RIGHTS, Role
from pipeline.console.access.who import LOCAL
from pipeline.console.app import create
from pipeline.kit.failures import Transient
from pipeline.store import access
from tests.console.access.desk import SECRET, Client, text

#: Everything that shows entries, findings, alerts, incidents or what was not understood.
ROUTES = (
    "/v1/timeline?actor=bot", "/v1/timeline?session=s1", "/v1/events/e1", "/v1/findings", "/v1/findings/f1",
    "/v1/alerts", "/v1/alerts/a1", "/v1/reconstruct?clue=e1", "/v1/reconstruct/bundle?clue=e1", "/v1/status",
    "/v1/identities/bot", "/v1/sessions/s1", "/v1/identities", "/v1/search?q=actor:bot", "/v1/search/points",
    "/v1/complete?q=error:", "/v1/tail?q=actor:bot", "/v1/cases/c1", "/v1/cases/c1/export", "/v1/notes/case/c1",
    "/v1/coverage", "/", "/timeline?q=actor:bot", "/timeline?q=actor:bot&event=e1", "/events/e1", "/records/r1",
    "/identities/bot", "/sessions/s1", "/inventory", "/findings", "/findings/f1", "/alerts", "/alerts/a1",
    "/reconstruct?clue=e1", "/cases/c1", "/cases/c1/story", "/pins?event_id=e1", "/status", "/coverage",
)  # fmt: skip
#: Those that only an analyst may ask, whose key may be without the right to contents all the same.
EXPORTS = ("/v1/export", "/v1/export?format=csv", "/v1/export?format=parquet")
#: Those that quote what was withheld, from the first page on.
QUOTING = (
    "/v1/timeline?actor=bot", "/v1/events/e1", "/v1/findings", "/v1/findings/f1", "/v1/alerts", "/v1/alerts/a1",
    "/v1/reconstruct/bundle?clue=e1", "/v1/search?q=actor:bot", "/v1/tail?q=actor:bot", *EXPORTS,
    "/timeline?q=actor:bot&event=e1", "/events/e1", "/sessions/s1", "/findings", "/findings/f1", "/alerts/a1",
    "/reconstruct?clue=e1",
)  # fmt: skip
#: Where a stream broke off that is gone on with: before everything that was written in the last hour.
BROKEN_OFF = {"last-event-id": "1", "x-wait-for": "entry"}


@pytest.fixture(scope="module")
def desk(store, key, settings):
    key("admin")
    return Client(create(store, settings, dict))


@pytest.mark.parametrize("route", [*ROUTES, *EXPORTS])
def test_a_viewer_and_a_key_without_the_right_read_hashes_only(desk, key, store, route):
    before = len(access.reads(store, {}, limit=1000))
    keys = [key("admin", content=False), key("analyst", content=False)]
    if RIGHTS.get("GET " + route.partition("?")[0]) != Role.ANALYST:
        keys.append(key("viewer", content=True))
    for made in keys:
        answer = desk.get(route, made, headers=BROKEN_OFF)
        assert answer.status_code == 200
        assert SECRET[:12] not in text(answer, store)
    assert len(access.reads(store, {}, limit=1000)) == before


@pytest.mark.parametrize("route", QUOTING)
def test_whoever_has_the_right_reads_them_and_is_recorded_once_a_page(desk, key, store, route):
    name = "reader of" + re.sub(r"\W+", ".", route)
    answer = desk.get(route, key("analyst", name=name), headers=BROKEN_OFF)
    assert SECRET in text(answer, store)
    (read,) = access.reads(store, {"name": name})
    assert (read.role, read.via, read.content, read.address) == ("analyst", "key", "masked", "127.0.0.1")
    assert read.route == "GET " + route.partition("?")[0]
    assert read.query == route.partition("?")[2]
    assert "e1" in read.events
    assert "ana@example.com" in read.subjects
    assert read.amount >= 1


ASKING = ("/v1/search", "/v1/search/count", "/v1/search/histogram", "/v1/search/points", "/v1/tail", "/v1/export",
          "/v1/export?format=parquet", "/timeline")  # fmt: skip


@pytest.mark.parametrize("route", ASKING)
def test_whoever_may_not_read_contents_finds_nothing_by_their_words(desk, key, route):
    least = "analyst" if "export" in route else "viewer"
    blind, seeing = key(least, content=False), key("analyst")
    for q in (f"text:{SECRET}", f'error:"no {SECRET}"', f"error:*{SECRET}*", f"-text:{SECRET}"):
        path = f"{route}{'&' if '?' in route else '?'}q={quote(q)}"
        refused = desk.get(path, blind)
        assert refused.status_code == 400
        assert "contents are not yours to see" in refused.text
        assert desk.get(path, seeing).status_code == 200


def test_nor_by_a_word_without_a_field(desk, key):
    amounts = {}
    for role in ("viewer", "analyst"):
        for q in (SECRET, f"-{SECRET}", "send_mail", f'"no {SECRET}"'):
            amounts[role, q] = desk.get(f"/v1/search/count?q={quote(q)}", key(role)).json()["count"]
    assert [amounts["analyst", q] for q in (SECRET, f"-{SECRET}", "send_mail", f'"no {SECRET}"')] == [1, 0, 1, 1]
    assert [amounts["viewer", q] for q in (SECRET, f"-{SECRET}", "send_mail", f'"no {SECRET}"')] == [0, 1, 1, 0]


def test_raw_records_are_for_responders(desk, key, store):
    for role, there in (("analyst", False), ("responder", True), ("admin", True)):
        answer = desk.get("/v1/reconstruct/bundle?clue=e1&role=" + role, key(role))
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            assert any(name.startswith("records/") for name in archive.namelist()) is there


@pytest.mark.parametrize("route", ["/v1/reconstruct", "/v1/reconstruct/bundle", "/reconstruct"])
def test_a_role_may_be_asked_for_that_has_less_never_one_that_has_more(desk, key, route):
    assert desk.get(f"{route}?clue=e1&role=admin", key("analyst")).status_code == 403
    assert desk.get(f"{route}?clue=e1&role=analyst", key("viewer")).status_code == 403
    assert desk.get(f"{route}?clue=e1&role=analyst", key("admin", content=False)).status_code == 403
    lower = desk.get(f"{route}?clue=e1&role=viewer", key("admin"))
    assert lower.status_code == 200
    assert SECRET not in text(lower)


def test_the_form_offers_the_roles_that_may_be_asked_for(desk, key):
    page = desk.get("/reconstruct", key("viewer")).text
    assert "viewer</option>" in page
    assert "analyst</option>" not in page
    assert "admin</option>" not in desk.get("/reconstruct", key("analyst")).text
    assert "admin</option>" in desk.get("/reconstruct", key("admin")).text


def test_bytes_that_nobody_masked_are_for_responders(desk, key):
    assert SECRET in desk.get("/v1/dead-letters/d1", key("responder")).json()["value"]
    for made in (key("analyst"), key("admin", content=False)):
        assert SECRET not in desk.get("/v1/dead-letters/d1", made).json()["value"]
    assert SECRET not in desk.get("/v1/dead-letters/d1", key("admin", content=False)).text
    assert SECRET not in desk.get("/v1/responses", key("admin", content=False)).text


def test_what_cannot_be_recorded_is_not_given(store, settings, key):
    class Lost:
        """A store that takes no more rows."""

        def insert(self, block):
            if block.table == "reads":
                raise Transient("store: away")
            store.insert(block)

        def __getattr__(self, name):
            return getattr(store, name)

    desk = Client(create(Lost(), settings, dict))
    for route in QUOTING:
        if route.startswith("/v1/tail"):
            # It has begun by then, so it breaks off, before the entry.
            with pytest.raises(RuntimeError, match="response already started"):
                desk.get(route, key("admin"), headers=BROKEN_OFF)
            continue
        answer = desk.get(route, key("admin"))
        assert answer.status_code == 503
        assert SECRET not in text(answer)
        assert "nothing is given" in answer.text
    assert desk.get("/v1/timeline?actor=bot", key("viewer")).status_code == 200


def test_a_read_is_an_event_of_the_timeline_too_but_not_on_an_open_desk(client, key, told):
    client.get("/v1/events/e1?", key("analyst", name="ana"))
    event = json.loads(told[-1])
    assert (event["action"], event["actor"]) == ("whodid:content.read", {"id": "ana", "kind": "service"})
    assert event["resources"] == ["e1"]
    assert event["attributes"]["of"] == "ana@example.com"
    assert event["address"] == "127.0.0.1"
    told.clear()
    client.get("/v1/timeline?actor=nobody", key("analyst"))
    client.get("/v1/timeline?actor=bot", key("viewer"))
    assert not told


def test_who_read_what_is_asked_by_reader_subject_and_event(desk, key):
    admin = key("admin")
    desk.get("/v1/events/e1", key("analyst", name="curious"))
    for query in ("name=curious", "name=curious&subject=ana@example.com", "name=curious&event=e1&limit=1"):
        (found,) = desk.get("/v1/reads?" + query, admin).json()["reads"]
        assert found["name"] == "curious"
    assert desk.get("/v1/reads?name=curious&subject=bob", admin).json() == {"reads": [], "next": None}
    assert desk.get("/v1/reads?before=soon", admin).json()["error"]["parameter"] == "before"
    assert desk.get("/v1/reads?who=x", admin).json()["error"]["parameter"] == "who"


def test_parts_of_an_answer_that_streams_are_recorded_before_each(store, settings, key):
    app = create(store, settings, dict)
    seen = []

    def parts():
        for number in range(3):
            shape = {"event_id": f"s{number}", "human": "ana", "actor": "bot", "text": SECRET, "error": "",
                     "arguments": [], "attributes": {}}  # fmt: skip
            given = reading.entry(shape)
            seen.append([one.amount for one in access.reads(store, {"name": "streamer"})])
            yield given["text"]

    RIGHTS["GET /v1/streamed"] = Role.VIEWER
    try:
        app.get("/v1/streamed")(lambda: StreamingResponse(parts()))
        answer = Client(app).get("/v1/streamed", key("analyst", name="streamer"))
    finally:
        del RIGHTS["GET /v1/streamed"]
    assert answer.text == SECRET * 3
    assert seen == [[], [1], [1, 1]]


def test_who_may_ask_for_words_is_who_may_read_them():
    assert [LOCAL._replace(content=one).reads for one in ("hashes", "masked", "full")] == [False, True, True]


def test_outside_of_a_request_nothing_is_hidden_or_noted():
    assert reading.now() is None
    shape = {"text": SECRET}
    assert reading.entry(shape) is shape
    assert reading.lowered("admin", asked=True) == "full"
    with reading.reading(reading.Reading(LOCAL._replace(content="hashes"), b"k" * 16)):
        assert reading.text(SECRET) != SECRET
    assert reading.text(SECRET) == SECRET


def test_only_what_asks_the_request_makes_shapes_of_entries():
    home = Path(reading.__file__).parents[1]
    makers = {
        str(file.relative_to(home))
        for file in home.rglob("*.py")
        if re.search(r"(from pipeline.store.shapes import [^\n]*\bentry\b|import shapes as shaped)", file.read_text())
    }
    # Whoever needs one more imports `pipeline.console.shapes`, which hides and notes; incidents do it themselves.
    assert makers == {"shapes.py", "incidents.py"}
