"""Logins at an identity provider: a real one in a process of this machine, and answers that nobody should believe."""

import asyncio
import os
import subprocess
import sys
import time
import zlib
from ipaddress import IPv4Address
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from pipeline.console.access import keys
from pipeline.console.access.oidc import Provider, roles
from pipeline.console.access.who import Role
from pipeline.console.app import create
from pipeline.kit.broker import free_port
from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid, Transient
from pipeline.store import access, connect
from tests.console.access.desk import ORIGIN, Client

USERS = {
    "ana": {"email": "ana@example.com", "groups": ["soc", "staff"]},
    "eve": {"email": "eve@example.com", "groups": ["staff"]},
    "max": {"email": "max@example.com", "groups": ["soc", "soc-leads"]},
    "liar": {"email": "ana@example.com", "email_verified": False, "groups": "soc"},
}  # fmt: skip

KEYS = [RSAKey.generate_key(2048, {"kid": "1"}) for _ in range(2)]


@pytest.fixture(scope="module")
def provider():
    """Runs oidc-provider-mock, which stands for a real identity provider; with users of ours."""
    port = free_port()
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port), "--require-nonce"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ})
    base = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                httpx.get(base, timeout=1)
                break
            except httpx.HTTPError:
                assert process.poll() is None
                assert time.monotonic() < deadline
        for name, claims in USERS.items():
            assert httpx.put(f"{base}/users/{name}", json=claims).is_success
        yield base
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module")
def store():
    with connect(Settings(clickhouse="chdb://memory")) as opened:
        yield opened


@pytest.fixture(scope="module")
def settings(provider, tmp_path_factory):
    return Settings(
        clickhouse="chdb://memory", data_dir=tmp_path_factory.mktemp("data"), oidc_issuer=provider,
        oidc_client_id="whodid", oidc_client_secret="s3cret", oidc_roles="soc=analyst; soc-leads=admin",
    )  # fmt: skip


@pytest.fixture(scope="module")
def app(store, settings):
    return create(store, settings, dict)


@pytest.fixture
def desk(app, request):
    # Each test from an address of its own: of one only few logins are taken.
    return Client(app, address=str(IPv4Address(zlib.crc32(request.node.name.encode()))))


def begun(desk, next="/"):
    answer = desk.get("/login/oidc", params={"next": next})
    return answer.headers["location"], dict(answer.cookies), answer


def back(url, user):
    """What the provider sends the browser back to after this user signed in."""
    answer = httpx.post(url, data={"sub": user})
    assert answer.status_code == 302, answer.text
    target = urlsplit(answer.headers["location"])
    return f"{target.path}?{target.query}"


def signed_in(desk, user, next="/"):
    url, kept, _ = begun(desk, next)
    return desk.get(back(url, user), cookies=kept)


def test_somebody_signs_in_with_a_role_by_their_groups_and_out_again(desk, store):
    answer = signed_in(desk, "ana", "/alerts?state=open")
    assert (answer.status_code, answer.headers["location"]) == (303, "/alerts?state=open")
    session = {"whodid": answer.cookies["whodid"]}
    assert desk.get("/v1/me", cookies=session).json() == {
        "name": "ana@example.com", "role": "analyst", "content": "masked", "scopes": ["read", "write"], "via": "oidc",
        "key": "",
    }  # fmt: skip
    desk.post("/logout", cookies=session, headers=ORIGIN)
    assert desk.get("/v1/me", cookies=session).status_code == 401
    assert [one.what for one in access.logins(store) if one.name == "ana@example.com"] == ["logout", "login"]
    leader = signed_in(desk, "max")
    assert desk.get("/v1/me", cookies={"whodid": leader.cookies["whodid"]}).json()["role"] == "admin"


def test_the_flow_has_state_nonce_and_pkce_and_keeps_them_from_scripts(desk):
    url, _, answer = begun(desk)
    query = parse_qs(urlsplit(url).query)
    assert query["response_type"] == ["code"]
    assert query["code_challenge_method"] == ["S256"]
    assert query["redirect_uri"] == ["http://127.0.0.1:8470/login/callback"]
    assert len(query["state"][0]) > 20
    assert len(query["nonce"][0]) > 20
    assert query["state"] != query["nonce"]
    flags = answer.headers["set-cookie"]
    assert "HttpOnly" in flags
    assert "Path=/login" in flags
    assert "SameSite=lax" in flags


@pytest.mark.parametrize("user", ["eve", "stranger"])
def test_whoever_has_no_group_with_a_role_stays_outside(desk, store, user):
    answer = signed_in(desk, user)
    assert answer.status_code == 403
    assert "groups" in answer.text
    assert "whodid" not in answer.cookies
    assert access.logins(store)[0].outcome == "failure"


def test_an_address_that_nobody_verified_is_no_name(desk):
    session = {"whodid": signed_in(desk, "liar").cookies["whodid"]}
    assert desk.get("/v1/me", cookies=session).json()["name"] == "liar"


def test_a_login_that_this_browser_did_not_begin_is_refused(desk):
    url, kept, _ = begun(desk)
    target = back(url, "ana")
    _, others, _ = begun(desk)
    for cookies in ({}, others, {"whodid-login": "made.up.here"}):
        answer = desk.get(target, cookies=cookies)
        assert answer.status_code == 403
        assert "whodid" not in answer.cookies
    for wrong in ("/login/callback", "/login/callback?state=&code=x", target.replace("state=", "state=x")):
        assert desk.get(wrong, cookies=kept).status_code == 403


def test_a_code_is_good_once_and_only_with_its_verifier(desk):
    url, kept, _ = begun(desk)
    target = back(url, "ana")
    other_url, other, _ = begun(desk)
    code = parse_qs(urlsplit(target).query)["code"][0]
    state = parse_qs(urlsplit(other_url).query)["state"][0]
    # Somebody else's code in a login of one's own: its verifier does not fit.
    assert desk.get(f"/login/callback?state={state}&code={code}", cookies=other).status_code == 403
    url, kept, _ = begun(desk)
    target = back(url, "ana")
    assert desk.get(target, cookies=kept).status_code == 303
    assert desk.get(target, cookies=kept).status_code == 403


def test_a_refusal_of_the_provider_is_told_as_text(desk):
    url, kept, _ = begun(desk)
    state = parse_qs(urlsplit(url).query)["state"][0]
    answer = desk.get("/login/callback", params={"state": state, "error": "<script>x</script>"}, cookies=kept)
    assert answer.status_code == 403
    assert "<script>" not in answer.text


def test_the_way_on_is_within_this_desk(desk):
    for wrong in ("https://attacker.example.com", "//attacker.example.com", "/\\attacker.example.com", "/x\r\nA: b"):
        assert signed_in(desk, "ana", wrong).headers["location"] == "/"


def test_while_the_provider_is_away_a_key_still_opens(store, settings):
    text, key = keys.new("x", "viewer", ["read"], content=False, life="1h", by="x")
    access.write_key(store, key)
    away = settings.model_copy(update={"oidc_issuer": f"http://127.0.0.1:{free_port()}"})
    desk = Client(create(store, away, dict))
    answer = desk.get("/login/oidc")
    assert answer.status_code == 503
    assert "identity provider" in answer.text
    assert desk.sign_in(text).status_code == 303


class Answers:
    """A provider whose token endpoint says what a test wants, signed with a key of its own."""

    def __init__(self, monkeypatch, issuer) -> None:
        self.key, self.other = KEYS
        self.issuer, self.changes, self.signed = issuer, {}, self.key
        self.ends = {}
        self.header = {"alg": "RS256", "kid": "1"}
        monkeypatch.setattr("pipeline.console.access.oidc._get", self.get)
        monkeypatch.setattr("pipeline.console.access.oidc.AsyncOAuth2Client.fetch_token", self.fetch)

    async def get(self, url):
        if url.endswith("jwks"):
            return {"keys": [self.key.as_dict(private=False)]}
        ends = {name: f"{self.issuer}/{name}" for name in ("authorization_endpoint", "token_endpoint")}
        return {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/jwks", **ends, **self.ends}

    async def fetch(self, *_, **given):
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": "whodid", "sub": "ana", "iat": now, "exp": now + 60, "groups": ["soc"],
                  "nonce": self.nonce, **self.changes}  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        return {"id_token": jwt.encode(self.header, claims, self.signed, algorithms=["RS256", "HS256"])}

    def finish(self, provider):
        async def both():
            _, kept = await provider.begin("https://desk.example.com/login/callback")
            self.nonce = kept["nonce"]
            return await provider.finish({"state": kept["state"], "code": "c"}, kept)

        return asyncio.run(both())


@pytest.fixture
def answers(monkeypatch):
    return Answers(monkeypatch, "https://idp.example.com")


@pytest.fixture
def believing(answers):
    return Provider(Settings(oidc_issuer=answers.issuer, oidc_client_id="whodid", oidc_roles="soc=analyst"))


def test_a_good_token_is_believed(answers, believing):
    assert answers.finish(believing)[:2] == ("ana", Role.ANALYST)


@pytest.mark.parametrize(("subject", "comes_in"), [("ana", True), ("somebody-else", False)])
def test_groups_that_the_token_does_not_have_are_asked_for(answers, believing, monkeypatch, subject, comes_in):
    class Info:
        def raise_for_status(self):
            return self

        def json(self):
            return {"sub": subject, "groups": ["soc"], "email": "ana@example.com", "iss": "ignored"}

    async def get(_, url):
        assert url == "https://idp.example.com/userinfo"
        return Info()

    monkeypatch.setattr("pipeline.console.access.oidc.AsyncOAuth2Client.get", get)
    answers.changes, answers.ends = {"groups": None}, {"userinfo_endpoint": "https://idp.example.com/userinfo"}
    if comes_in:
        assert answers.finish(believing)[:2] == ("ana@example.com", Role.ANALYST)
    else:
        with pytest.raises(Invalid, match="same subject"):
            answers.finish(believing)


def test_a_provider_that_sends_elsewhere_in_the_clear_is_not_followed(answers, believing):
    answers.ends = {"token_endpoint": "http://idp.example.com/token"}
    with pytest.raises(Invalid, match="token_endpoint: expected an https address"):
        answers.finish(believing)
    answers.ends = {"issuer": "https://other.example.com"}
    with pytest.raises(Invalid, match="oidc_issuer"):
        answers.finish(believing)


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "another"}, {"iss": "https://other.example.com"}, {"exp": 1}, {"nonce": "another"}, {"nonce": None},
        {"exp": None}, {"aud": None}, {"iat": 2**40}, {"sub": None}, {"groups": None}, {"groups": []},
        {"groups": {"soc": 1}}, {"groups": [["soc"]]}, {"groups": "SOC"}, {"aud": ["whodid", "other"], "azp": "other"},
    ],
)  # fmt: skip
def test_a_token_that_is_not_for_this_login_is_not(answers, believing, changes):
    answers.changes = changes
    with pytest.raises((Invalid, Transient)):
        answers.finish(believing)


def test_a_token_that_the_provider_did_not_sign_is_not(answers, believing):
    answers.signed = answers.other
    with pytest.raises(Invalid, match="signed"):
        answers.finish(believing)


def test_a_token_signed_with_a_secret_that_is_shared_is_not(answers, believing):
    answers.header, answers.signed = (
        {"alg": "HS256", "kid": "1"},
        OctKey.import_key(b"s3cret of both, 32 bytes or more."),
    )
    with pytest.raises(Invalid, match="signed"):
        answers.finish(believing)


def test_keys_that_the_provider_has_changed_are_asked_for_again(answers, believing):
    answers.finish(believing)
    answers.key = answers.signed = answers.other
    assert answers.finish(believing).name == "ana"


@pytest.mark.parametrize(
    "wrong",
    [{"oidc_client_id": ""}, {"oidc_roles": ""}, {"oidc_roles": "soc=root"}, {"oidc_roles": "=admin"}],
)  # fmt: skip
def test_settings_that_let_nobody_in_do_not_start(wrong):
    given = {"oidc_issuer": "https://idp.example.com", "oidc_client_id": "x", "oidc_roles": "soc=analyst", **wrong}
    with pytest.raises(Invalid, match="WHODID_OIDC"):
        Provider(Settings(**given))


def test_a_group_may_have_equals_signs_of_its_own():
    assert roles("CN=soc,OU=it=viewer; b=admin;") == {"CN=soc,OU=it": Role.VIEWER, "b": Role.ADMIN}


@pytest.mark.parametrize("url", ["http://idp.example.com", "ftp://x", "idp.example.com", "javascript:alert(1)"])
def test_a_provider_is_asked_over_https_only(url):
    with pytest.raises(ValueError, match="https"):
        Settings(oidc_issuer=url)


def test_scope_and_claim_of_groups_are_those_of_the_settings(answers):
    settings = Settings(
        oidc_issuer=answers.issuer, oidc_client_id="whodid", oidc_roles="soc=analyst", oidc_scope="openid teams",
        oidc_groups_claim="teams",
    )  # fmt: skip
    answers.changes = {"groups": None, "teams": ["soc"]}
    url, _ = asyncio.run(Provider(settings).begin("https://desk.example.com/login/callback"))
    assert "scope=openid+teams" in url
    assert answers.finish(Provider(settings))[1] == Role.ANALYST
