"""Keys, sessions, and whoever tries to come in without."""

import asyncio
import re
import time

import httpx
import pytest

from pipeline.console.access import keys
from pipeline.console.access.doors import Doors
from pipeline.console.access.login import onward
from pipeline.console.access.who import Role, Who
from pipeline.kit.failures import Invalid, Transient
from pipeline.store import access
from tests.console.access.desk import ORIGIN, Client


def cookie(answer) -> dict[str, str]:
    return dict(answer.cookies)


def test_a_key_is_found_by_scanners_and_kept_as_a_hash_only(store, key):
    text = key("analyst")
    assert re.fullmatch(r"whodid_[0-9A-Za-z]{49}", text)
    kept = access.keys(store)[-1]
    assert text not in repr(kept)
    assert kept.digest == keys.digest(text)
    assert len({keys.made() for _ in range(100)}) == 100
    assert keys.plausible(text)
    for wrong in (text[:-1], text + "0", text[:20] + ("0" if text[20] != "0" else "1") + text[21:], "", "whodid_ü"):
        assert not keys.plausible(wrong)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": ""}, "name"), ({"name": "x\r\ny"}, "name"), ({"name": 1}, "name"), ({"name": "x" * 200}, "name"),
        ({"role": "root"}, "role"), ({"scopes": []}, "scopes"), ({"scopes": ["all"]}, "scopes"),
        ({"scopes": "read"}, "scopes"), ({"content": "yes"}, "content"), ({"expires": "never"}, "expires"),
        ({"expires": "0d"}, "expires"), ({"expires": "9999d"}, "expires"), ({"life": "1d"}, "life"),
    ],
)  # fmt: skip
def test_a_wrong_field_of_a_key_is_named(client, key, given, field):
    answer = client.post("/v1/keys", key("admin"), json={"name": "x", "role": "viewer", **given})
    assert answer.status_code == 400
    assert answer.json()["error"]["parameter"] == field


def test_a_key_is_made_listed_used_and_revoked(client, key):
    admin = key("admin")
    made = client.post("/v1/keys", admin, json={"name": "siem", "role": "viewer", "expires": "1d"}).json()
    assert client.get("/v1/me", made["key"]).json() == {
        "name": "siem", "role": "viewer", "content": "hashes", "scopes": ["read"], "via": "key",
        "key": made["key_id"],
    }  # fmt: skip
    (listed,) = [one for one in client.get("/v1/keys", admin).json()["keys"] if one["key_id"] == made["key_id"]]
    assert "key" not in listed
    assert (listed["state"], listed["made_by"], listed["last_address"]) == ("live", "a admin", "127.0.0.1")
    assert client.send("DELETE", f"/v1/keys/{made['key_id']}", admin).json()["state"] == "revoked"
    # At once, where it was revoked.
    answer = client.get("/v1/me", made["key"])
    assert (answer.status_code, "revoked" in answer.json()["error"]["message"]) == (401, True)
    assert client.send("DELETE", "/v1/keys/nope", admin).status_code == 404


def test_nobody_makes_a_key_that_reads_more_than_they_may(client, key, store):
    before = len(access.keys(store))
    blind = key("admin", content=False)
    answer = client.post("/v1/keys", blind, json={"name": "x", "role": "admin", "content": True})
    assert (answer.status_code, answer.json()["error"]["parameter"]) == (403, "content")
    assert len(access.keys(store)) == before + 1
    assert client.post("/v1/keys", blind, json={"name": "x", "role": "admin"}).json()["content"] is False
    assert client.post("/v1/keys", key("admin"), json={"name": "x", "role": "admin", "content": True}).is_success


def test_a_key_that_another_desk_revoked_is_good_for_some_seconds_at_most(store, settings, key):
    now = [0.0]
    doors = Doors(store, settings, any_key=True, clock=lambda: now[0])
    text = key("viewer")
    kept = access.key_of(store, keys.digest(text))
    assert doors.by_key(text, "").name == "a viewer"
    Doors(store, settings, any_key=True).revoke(kept.key_id, "ana")
    now[0] = 2.5
    with pytest.raises(Invalid, match="revoked"):
        doors.by_key(text, "")


def test_while_the_store_is_away_a_key_that_was_good_is_for_an_hour(store, settings, key):
    class Away:
        gone = False

        def rows(self, *given):
            if self.gone:
                raise Transient("store: away")
            return store.rows(*given)

        def insert(self, block):
            if self.gone:
                raise Transient("store: away")
            store.insert(block)

    now, text, away = [0.0], key("viewer", scopes=("collect",), life="1d"), Away()
    doors = Doors(away, settings, any_key=True, clock=lambda: now[0])
    doors.by_key(text, "")
    away.gone, now[0] = True, 3000.0
    assert doors.by_key(text, "").scopes == {"collect"}
    with pytest.raises(Transient):
        doors.by_key(key("viewer"), "")
    now[0] = 4000.0
    with pytest.raises(Transient):
        doors.by_key(text, "")


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer " + "x" * 100_000, "Bearer whodid_" + "0" * 49, "whodid_x",
     "Bearer \x7f", "Bearer whodid_é" + "0" * 48],
)  # fmt: skip
def test_what_is_no_key_opens_nothing(client, header):
    answer = client.get("/v1/timeline?actor=bot", headers={"authorization": header.encode("latin-1")})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_two_keys_at_once_are_none(client, key):
    given = [("authorization", f"Bearer {key('admin')}"), ("authorization", f"Bearer {key('viewer')}")]

    async def ask():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(client._app), base_url=client._base) as one:
            return await one.get("/v1/me", headers=given)

    assert asyncio.run(ask()).status_code == 401


def test_the_header_of_firehose_is_a_key_where_there_is_no_other(client, key):
    """Amazon Data Firehose can send no other; it opens no more than the same key as a bearer does."""
    firehose = {"x-amz-firehose-access-key": key("viewer")}
    assert client.get("/v1/me", headers=firehose).status_code == 200
    assert client.get("/v1/keys", headers=firehose).status_code == 403
    for wrong in ("", "Bearer " + key("viewer"), "whodid_" + "0" * 49):
        assert client.get("/v1/me", headers={"x-amz-firehose-access-key": wrong}).status_code == 401
    assert client.get("/v1/me", headers=firehose | {"authorization": "Bearer x"}).status_code == 401


def test_digests_are_compared_in_constant_time(store, settings, key, monkeypatch):
    compared = []
    monkeypatch.setattr("secrets.compare_digest", lambda one, two: compared.append((one, two)) or one == two)
    text = key("viewer")
    Doors(store, settings, any_key=True).by_key(text, "")
    assert (keys.digest(text), keys.digest(text)) in compared


def test_strangers_with_a_browser_are_shown_where_to_sign_in(client):
    answer = client.get("/alerts/a1?x=1", headers={"accept": "text/html,*/*"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2Falerts%2Fa1%3Fx%3D1")
    assert client.get("/v1/me", headers={"accept": "text/html"}).status_code == 401
    page = client.get("/login?next=" + "%22%3E%3Cscript%3E")
    assert "<script>" not in page.text


def test_a_key_becomes_a_session_and_ends_with_it(client, key, store):
    text = key("analyst", name="ana")
    answer = client.sign_in(text, "/alerts?state=open")
    assert (answer.status_code, answer.headers["location"]) == (303, "/alerts?state=open")
    flags = answer.headers["set-cookie"]
    assert "HttpOnly" in flags
    assert "SameSite=lax" in flags
    assert "Path=/" in flags
    assert "Domain" not in flags
    assert "Secure" not in flags
    assert text not in flags
    session = cookie(answer)
    me = client.get("/v1/me", cookies=session).json()
    assert (me["name"], me["via"], me["role"]) == ("ana", "key", "analyst")
    assert client.post("/logout", cookies=session, headers=ORIGIN).headers["location"] == "/login"
    # The cookie itself, kept by somebody, opens nothing any more.
    assert client.get("/v1/me", cookies=session).status_code == 401
    assert [one.what for one in access.logins(store) if one.name == "ana"] == ["logout", "login"]


def test_a_session_ends_with_its_key_and_with_its_time(client, key, store, monkeypatch):
    admin, text = key("admin"), key("analyst", name="short", life="1m")
    session = cookie(client.sign_in(text))
    kept = access.key_of(store, keys.digest(text))
    client.send("DELETE", f"/v1/keys/{kept.key_id}", admin)
    assert client.get("/v1/me", cookies=session).status_code == 401
    session = cookie(client.sign_in(key("analyst", life="1m")))
    assert client.get("/v1/me", cookies=session).status_code == 200
    later = time.time_ns() + 61 * 10**9
    monkeypatch.setattr("pipeline.console.access.doors.time.time_ns", lambda: later)
    assert client.get("/v1/me", cookies=session).status_code == 401


def test_over_https_a_cookie_is_secure_and_of_this_host(app, key):
    client = Client(app, "https://127.0.0.1")
    answer = client.post("/login", data={"key": key("viewer")}, headers={"origin": "https://127.0.0.1"})
    flags = answer.headers["set-cookie"]
    assert flags.startswith("__Host-whodid=")
    assert "Secure" in flags
    assert "max-age=31536000" in answer.headers["strict-transport-security"]
    # Of plain http nothing is taken there, which anybody on the way could have set.
    plain = cookie(Client(app).sign_in(key("viewer")))
    assert client.get("/v1/me", cookies=plain).status_code == 401


def test_a_session_that_was_there_before_is_not_gone_on_with(client, key):
    old = cookie(client.sign_in(key("viewer")))
    answer = client.sign_in(key("admin"), cookies=old)
    assert cookie(answer) != old
    assert client.get("/v1/me", cookies=old).status_code == 401
    made_up = {"whodid": "chosen-by-somebody-else"}
    fresh = cookie(client.sign_in(key("admin"), cookies=made_up))
    assert fresh["whodid"] != made_up["whodid"]
    assert client.get("/v1/me", cookies=made_up).status_code == 401


def test_a_cookie_that_was_changed_is_none(client, key):
    value = cookie(client.sign_in(key("admin")))["whodid"]
    for wrong in (value[:-1], value + "A", value.partition(".")[0], "x" * 5000, value.swapcase()):
        assert client.get("/v1/me", cookies={"whodid": wrong}).status_code == 401


def test_whoever_has_a_cookie_changes_things_from_our_pages_only(client, key, decided):
    session = cookie(client.sign_in(key("responder")))
    given = {"what": "acknowledge"}
    for headers in (
        {}, {"origin": "https://attacker.example.com"}, {"origin": "null"}, {"origin": "http://["},
        {**ORIGIN, "sec-fetch-site": "cross-site"}, {**ORIGIN, "sec-fetch-site": "same-site"},
        {"referer": "http://127.0.0.1:8470/"},
    ):  # fmt: skip
        form = client.post("/alerts/a1/decide", cookies=session, headers=headers, data=given)
        api = client.post("/v1/alerts/a1/decisions", cookies=session, headers=headers, json=given)
        out = client.post("/logout", cookies=session, headers=headers)
        assert (form.status_code, api.status_code, out.status_code) == (403, 403, 403)
    assert not decided
    assert client.post("/alerts/a1/decide", cookies=session, headers=ORIGIN, data=given).status_code == 303
    assert client.post("/v1/alerts/a1/decisions", cookies=session, headers=ORIGIN, json=given).status_code == 202
    assert len(decided) == 2


def test_nobody_is_sent_elsewhere_after_a_login():
    fine = ("/", "/alerts", "/?pivot=actor&value=a%20b", "/alerts/a1#x")
    assert [onward(one) for one in fine] == list(fine)
    for wrong in (
        "//attacker.example.com", "/\\attacker.example.com", "https://attacker.example.com", "javascript:alert(1)",
        "/x\r\nSet-Cookie: a=b", "/x\nLocation: y", "\t//a", "/\t/a", "", "alerts", "/ä", "/a b", "http:/a", "/login",
        "/login/callback?x", "/" + "a" * 5000, "/a\\b", "////a",
    ):  # fmt: skip
        assert onward(wrong) == "/"


def test_a_header_cannot_be_smuggled_into_the_redirect(client, key):
    for wrong in ("/x\r\nSet-Cookie: evil=1", "//attacker.example.com", "/\\attacker.example.com"):
        answer = client.sign_in(key("viewer"), wrong)
        assert answer.headers["location"] == "/"
        assert "evil" not in str(answer.headers)


def test_logins_that_fail_are_recorded_and_told(client, store, told):
    answer = client.sign_in("whodid_wrong")
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    found = access.logins(store)[0]
    assert (found.what, found.outcome, found.via, found.address) == ("login", "failure", "key", "127.0.0.1")
    assert b"whodid:login" in told[-1]
    assert b'"failure"' in told[-1]
    assert b"whodid_wrong" not in told[-1]
    assert "whodid_wrong" not in found.reason


def test_a_key_of_a_program_opens_no_session(client, key):
    assert client.sign_in(key("admin", scopes=("collect",))).status_code == 401
    assert "cookie" not in client.sign_in(key("admin", scopes=("write",))).headers


def test_a_login_takes_little(client):
    assert client.post("/login", headers=ORIGIN, content=b"key=" + b"x" * 100_000).status_code == 400
    assert client.post("/login", headers=ORIGIN, content=b"&".join([b"a=b"] * 100)).status_code == 400


def test_the_page_to_sign_in_runs_only_what_comes_from_here(client):
    page = client.get("/login")
    assert "script-src 'self'; style-src 'self';" in page.headers["content-security-policy"]
    assert not re.search(r"<style|<img|<iframe|\son\w+=|style=|<script(?! src=)", page.text)
    loaded = re.findall(r'(?:src|href)="([^"]*)"', page.text)
    assert len(loaded) == 3
    for address in loaded:
        assert address.startswith("/static/")
        assert client.get(address).status_code == 200


def test_every_answer_has_the_headers_that_make_a_browser_careful(client, key):
    session = key("viewer")
    for answer in (
        client.get("/login"), client.get("/v1/me"), client.get("/v1/me", session), client.get("/", session),
        client.get("/nope", session), client.sign_in("x"), client.get("/", headers={"accept": "text/html"}),
    ):  # fmt: skip
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert "camera=()" in answer.headers["permissions-policy"]
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "strict-transport-security" not in answer.headers


def test_a_session_lives_as_long_as_it_may(store, settings):
    person = Who("ana@example.com", Role.ANALYST, "masked", frozenset(("read",)), "oidc")
    lives = [
        Doors(store, settings.model_copy(update={"session_life": life}), any_key=True).begin(person)[1]
        for life in (60.0, 3600.0)
    ]
    assert lives == [60, 3600]
