"""A desk that is open, as long as that is so; and one that others could reach, which does not start."""

import pytest

from pipeline.console.access import keys
from pipeline.console.app import create
from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid
from pipeline.kit.metrics import Metrics
from pipeline.run.desk import DeskRole
from pipeline.store import access, connect
from tests.console.access.desk import Client


@pytest.fixture(scope="module")
def opened():
    with connect(Settings(clickhouse="chdb://memory")) as store:
        yield store


@pytest.fixture
def empty(opened):
    opened.command("TRUNCATE TABLE access_keys")
    return opened


def test_an_open_desk_is_everybodys_until_there_is_a_key(empty, settings):
    client = Client(create(empty, settings, dict))
    assert client.get("/v1/me").json() == {
        "name": "local", "role": "admin", "content": "full", "scopes": ["collect", "read", "write"], "via": "open",
        "key": "",
    }  # fmt: skip
    assert client.get("/v1/status").json()["access"] == {
        "open": True,
        "name": "local",
        "role": "admin",
        "content": "full",
    }
    assert client.get("/healthz").json()["login"] is False
    made = client.post("/v1/keys", json={"name": "x", "role": "admin", "scopes": ["read", "write"]}).json()
    assert client.get("/v1/me").status_code == 401
    assert client.get("/healthz").json() == {"service": "whodid", "healthy": True, "login": True}
    assert client.get("/healthz", made["key"]).json()["embedded_store"] == "chdb://memory"
    # And not again when that one is gone.
    client.send("DELETE", f"/v1/keys/{made['key_id']}", made["key"])
    assert client.get("/v1/me").status_code == 401
    assert Client(create(empty, settings, dict)).get("/v1/me").status_code == 401


@pytest.mark.parametrize(
    "given", [{"host": "0.0.0.0"}, {"host": "192.0.2.1"}, {"public_url": "https://desk.example.com"}]
)
def test_beyond_loopback_somebody_has_to_be_asked_who_they_are(empty, given, tmp_path):
    settings = Settings(clickhouse="chdb://memory", data_dir=tmp_path, **given)
    with pytest.raises(Invalid, match="whodid keys create NAME --role admin"):
        create(empty, settings, dict)
    access.write_key(empty, keys.new("x", "admin", ["read"], content=True, life="1h", by="x")[1])
    assert Client(create(empty, settings, dict), "https://desk.example.com").get("/v1/me").status_code == 401


def test_an_open_desk_does_nothing_for_other_sites(empty, settings):
    client = Client(create(empty, settings, dict))
    given = {"name": "x", "role": "admin"}
    for headers in ({"origin": "https://attacker.example.com"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}):
        assert client.post("/v1/keys", headers=headers, json=given).status_code == 403
        assert client.post("/login", headers=headers, data={"key": "x"}).status_code == 403
    assert access.keys(empty) == []
    for host in ("attacker.example.com", "127.0.0.1.attacker.example.com"):
        assert Client(create(empty, settings, dict), f"http://{host}").get("/v1/me").status_code == 421


@pytest.mark.parametrize("roles", [["console"], ["collect"]])
def test_beyond_loopback_nothing_starts_that_would_be_open(empty, tmp_path, roles):
    settings = Settings(clickhouse="chdb://memory", data_dir=tmp_path, host="0.0.0.0", port=0)
    with pytest.raises(Invalid, match=r"host \(WHODID_HOST\): expected loopback while nobody has to sign in"):
        DeskRole(settings, Metrics(), empty if "console" in roles else None, roles)
