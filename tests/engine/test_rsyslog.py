"""Alerts sent to a real rsyslogd over TLS arrive whole, in order and parsed. See `.ci/rsyslog`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from pipeline.alert.destinations.syslog import Syslog
from pipeline.alert.wire import Away
from tests.alert.said import HOSTILE, configured, said

DAEMON = shutil.which("rsyslogd") or shutil.which("rsyslogd", path="/usr/sbin:/sbin")
DRIVERS = [*Path("/usr/lib").glob("*/rsyslog/lmnsd_ossl.so"), *Path("/usr/lib*/rsyslog").glob("lmnsd_ossl.so")]
pytestmark = pytest.mark.skipif(
    DAEMON is None or not DRIVERS, reason="SKIPPED LOUDLY: no rsyslogd with its OpenSSL driver here, run .ci/rsyslog"
)

#: As in docs/siem/syslog.md, but for places, and for JSON without line ends.
CONFIG = """
global(workDirectory="{here}" maxMessageSize="64k" net.enableDNS="off"
       DefaultNetstreamDriverCAFile="{here}/ca.pem"
       DefaultNetstreamDriverCertFile="{here}/server.pem" DefaultNetstreamDriverKeyFile="{here}/server.key")
module(load="imtcp" StreamDriver.Name="ossl" StreamDriver.Mode="1" StreamDriver.AuthMode="{mode}" {peers}
       MaxSessions="50")
template(name="whodid" type="list" option.jsonf="on") {{
  property(outname="pri" name="pri" format="jsonf")
  property(outname="at" name="timereported" dateFormat="rfc3339" format="jsonf")
  property(outname="host" name="hostname" format="jsonf")
  property(outname="app" name="app-name" format="jsonf")
  property(outname="id" name="msgid" format="jsonf")
  property(outname="data" name="structured-data" format="jsonf")
  property(outname="msg" name="msg" format="jsonf")
}}
ruleset(name="whodid") {{ action(type="omfile" file="{here}/alerts.jsonl" template="whodid") }}
input(type="imtcp" address="127.0.0.1" port="{port}" ruleset="whodid")
"""


def _free() -> int:
    """A port that nobody has and nobody else is given: rsyslogd wants a number, and while it starts, other tests ask
    the system for any free port, which are all above these. (rsyslogd goes on without a port that is taken.)"""
    for port in random.sample(range(20_000, 32_000), 100):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("no port is free")


class Rsyslog:
    """rsyslogd as a plain process, with a folder of its own."""

    def __init__(self, here: Path, *, mode: str = "anon") -> None:
        self.here, self.ca, self.ours = here, trustme.CA(), trustme.CA()
        self.ca.cert_pem.write_to_path(str(here / "trust.pem"))
        self.ours.cert_pem.write_to_path(str(here / "ca.pem"))
        cert = self.ca.issue_cert("127.0.0.1", "localhost")
        cert.private_key_pem.write_to_path(str(here / "server.key"))
        for blob in cert.cert_chain_pems:
            blob.write_to_path(str(here / "server.pem"), append=True)
        self.port = _free()
        peers = "" if mode == "anon" else 'PermittedPeer=["whodid.example.com"]'
        (here / "rsyslog.conf").write_text(CONFIG.format(here=here, port=self.port, mode=mode, peers=peers))

    def __enter__(self) -> Rsyslog:
        command = [str(DAEMON), "-n", "-f", str(self.here / "rsyslog.conf"), "-i", str(self.here / "pid")]
        with (self.here / "log").open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                assert self._process.poll() is None, (self.here / "log").read_text()
                time.sleep(0.05)
            else:
                return self
        self.__exit__()
        raise AssertionError((self.here / "log").read_text())

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)

    def there(self, **settings: Any) -> Syslog:
        """The destination that leads here."""
        tls = {"ca": str(self.here / "trust.pem"), **settings.pop("tls", {})}
        return configured(
            Syslog,
            kind="syslog",
            host="localhost",
            port=self.port,
            tls=tls,
            hostname="audit-1",
            timeout=5.0,
            **settings,
        )

    def lines(self, count: int) -> list[dict[str, Any]]:
        """What it wrote, as soon as it is so much."""
        until, file = time.monotonic() + 10, self.here / "alerts.jsonl"
        while time.monotonic() < until:
            found = file.read_text().splitlines() if file.exists() else []
            if len(found) >= count:
                break
            time.sleep(0.05)
        return [json.loads(line) for line in found]


@pytest.fixture
def rsyslog(tmp_path: Path) -> Iterator[Rsyslog]:
    with Rsyslog(tmp_path) as found:
        yield found


def test_alerts_arrive_whole_in_order_and_parsed(rsyslog: Rsyslog) -> None:
    there = rsyslog.there()

    async def trial() -> None:
        wire = there.wire()
        for at in range(30):
            await there.send(said(revision=at, title=f"Title {at}", unusual=["x" * (at * 100)]), wire)

    asyncio.run(trial())
    found = rsyslog.lines(30)
    assert [one["data"].split('key="')[1].split('"')[0] for one in found] == [f"example-0001.{at}" for at in range(30)]
    assert {one["host"] for one in found} == {"audit-1"}
    assert {(one["app"], one["pri"], one["at"]) for one in found} == {("whodid", "131", "2026-01-01T00:00:00.000Z")}
    assert [one["id"] for one in found] == ["alert.opened", *["alert.updated"] * 29]
    for at, one in enumerate(found):
        assert one["msg"].startswith(f"CEF:0|whodid|whodid|1|token-in-two-places|Title {at}|8|externalId=example-0001 ")
        assert one["msg"].endswith("x" * (at * 100)) or at == 0


def test_hostile_and_long_text_arrives_as_it_was_sent(rsyslog: Rsyslog) -> None:
    there = rsyslog.there(most=32768)
    asyncio.run(there.send(said(title="Schlüssel 🦊", actor=HOSTILE, unusual=["é" * 60_000]), there.wire()))
    found = rsyslog.lines(1)[0]
    # rsyslog leaves the byte order mark where it is.
    assert found["msg"].startswith("\ufeffCEF:0|whodid|whodid|1|token-in-two-places|Schlüssel 🦊|8|")
    assert "suser=a|b\\\\c\\=d\\n]" in found["msg"]
    assert found["msg"].endswith("…")
    assert 'cut="yes"' in found["data"]


def test_a_server_of_another_authority_is_told_nothing(rsyslog: Rsyslog, tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    there = rsyslog.there(tls={"ca": str(tmp_path / "other.pem")})
    with pytest.raises(Away, match="its certificate is not trusted"):
        asyncio.run(there.send(said(), there.wire()))
    assert rsyslog.lines(0) == []


def test_a_server_that_wants_to_know_who_we_are_is_shown(tmp_path: Path) -> None:
    with Rsyslog(tmp_path, mode="x509/name") as rsyslog:
        for file, ca in (("us", rsyslog.ours), ("them", trustme.CA())):
            ca.issue_cert("whodid.example.com").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / file))
        us = rsyslog.there(tls={"certificate": str(tmp_path / "us")})
        asyncio.run(us.send(said(), us.wire()))
        for stranger in (rsyslog.there(), rsyslog.there(tls={"certificate": str(tmp_path / "them")})):
            with pytest.raises(Away):
                asyncio.run(stranger.send(said(title="Not this one"), stranger.wire()))
        time.sleep(0.3)
        assert ["Not this one" in one["msg"] for one in rsyslog.lines(1)] == [False]


def test_a_server_that_is_stopped_is_away_and_takes_it_later(tmp_path: Path) -> None:
    rsyslog = Rsyslog(tmp_path)
    there = rsyslog.there()
    with pytest.raises(Away):
        asyncio.run(there.send(said(), there.wire()))
    with rsyslog:
        asyncio.run(there.send(said(), there.wire()))
        assert len(rsyslog.lines(1)) == 1
