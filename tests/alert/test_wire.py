"""Requests that whoever writes the configuration, or answers for a name, would like to turn inwards."""

from __future__ import annotations

import asyncio
import gzip
import ipaddress
import socket
import ssl
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
import trustme
from aiohttp.abc import AbstractResolver, ResolveResult

from pipeline.alert.stream import hand_over
from pipeline.alert.wire import ANSWER, LONGEST, Away, Refused, Reply, Tls, Wire, retry_after
from tests.alert.raw import OK, Raw, answer

LOOPBACK = [ipaddress.ip_network("127.0.0.0/8")]


class Names(AbstractResolver):
    """Answers what it was told, one answer after the other; the last one again and again."""

    asked: list[str] = []

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.asked = []

    def __call__(self) -> Names:
        return self

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> list[ResolveResult]:
        self.asked.append(host)
        found = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [
            ResolveResult(
                hostname=host, host=one, port=port, proto=0, flags=0,
                family=socket.AF_INET6 if ":" in one else socket.AF_INET,
            )
            for one in found
        ]  # fmt: skip

    async def close(self) -> None:
        pass


async def ask(url: str, **given: object) -> Reply:
    wire = Wire(**{"timeout": 2.0, "allowed": LOOPBACK, **given})  # type: ignore[arg-type]
    try:
        return await wire.request("POST", url, b"{}")
    finally:
        await wire.close()


@pytest.mark.parametrize("host", [
    "169.254.169.254", "[::ffff:10.0.0.1]", "[64:ff9b::a00:1]", "[64:ff9b:1::a00:1]", "[fd00::1]", "0.0.0.0", "[::]",
    "[::1]", "10.1.2.3", "100.64.0.1", "[fe80::1]", "[fec0::1]", "[::10.0.0.1]", "[2002:a00:1::]", "224.0.0.1",
    "[ff02::1]", "2130706433", "0x7f.1", "0x7f000001", "127.1", "017700000001", "0177.0.0.1", "localhost",
    "169.254.169.254.", "[::ffff:a9fe:a9fe]", "127。0。0。1",
])  # fmt: skip
@pytest.mark.parametrize("connect", [False, True])
def test_what_is_not_public_is_not_reached_however_it_is_written(host: str, connect: bool) -> None:
    async def trial() -> None:
        wire = Wire(timeout=2.0)
        try:
            if connect:
                await wire.connect(host.strip("[]"), 80)
            else:
                await wire.request("GET", f"http://{host}/latest/meta-data/")
        finally:
            await wire.close()

    before = time.monotonic()
    with pytest.raises((Away, Refused)) as caught:
        asyncio.run(trial())
    assert time.monotonic() - before < 1.5, caught.value
    if not connect:
        assert "not a" in str(caught.value) or "resolved" in str(caught.value), caught.value


def test_no_form_of_an_allowed_address_opens_others() -> None:
    async def trial() -> None:
        async with Raw() as raw:
            assert (await ask(raw.url)).status == 200
            for host in ("2130706433", "0x7f.1", "127.1"):
                with pytest.raises((Away, Refused)):
                    await ask(f"http://{host}:{raw.port}/", allowed=[ipaddress.ip_network("10.0.0.0/8")])
            assert len(raw.asked) == 1

    asyncio.run(trial())


@pytest.mark.parametrize("found", [["10.0.0.1"], ["fd00::1"], ["169.254.169.254", "::1"], ["::ffff:127.0.0.1"]])
def test_a_name_that_means_a_private_address_is_not_connected_to(found: list[str]) -> None:
    async def trial() -> None:
        with pytest.raises(Away, match="is not a public address"):
            await ask("http://innocent.example.com/", allowed=[], resolver=Names(found))
        with pytest.raises(Away, match="is not a public address"):
            await Wire(resolver=Names(found)).connect("innocent.example.com", 80)
        with pytest.raises(Away, match="is not a public address"):
            await Wire(resolver=Names(found)).reachable("innocent.example.com")

    asyncio.run(trial())


def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    """A name that is harmless when it is looked up and private a moment later (rebinding)."""

    async def trial() -> None:
        async with Raw() as raw:
            names = Names(["127.0.0.1"], ["10.0.0.1"])
            url = f"http://innocent.example.com:{raw.port}/"
            assert (await ask(url, resolver=names)).status == 200
            assert names.asked == ["innocent.example.com"]
            with pytest.raises(Away, match=r"10\.0\.0\.1 is not a public address"):
                await ask(url, resolver=names)

    asyncio.run(trial())


def test_of_several_addresses_only_those_that_may_be_are_used() -> None:
    async def trial() -> None:
        async with Raw() as raw:
            names = Names(["10.0.0.1", "127.0.0.1"])
            assert (await ask(f"http://two.example.com:{raw.port}/", resolver=names)).status == 200
            _, writer = await Wire(resolver=names, allowed=LOOPBACK).connect("two.example.com", raw.port)
            assert writer.get_extra_info("peername")[0] == "127.0.0.1"
            writer.close()

    asyncio.run(trial())


@pytest.mark.parametrize("to", ["http://169.254.169.254/latest/", "/elsewhere", "https://example.com/"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(to: str, status: int) -> None:
    async def trial() -> None:
        async with Raw(answer(status, Location=to)) as raw:
            with pytest.raises(Away, match="redirects are not followed"):
                await ask(raw.url)
            assert len(raw.asked) == 1

    asyncio.run(trial())


def test_of_a_huge_answer_only_the_beginning_is_read() -> None:
    async def trial() -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n"
        async with Raw([head, *[b"x" * 65536] * 64]) as raw:
            assert len((await ask(raw.url)).body) == ANSWER

    asyncio.run(trial())


def test_an_answer_that_comes_in_pieces_is_read_whole() -> None:
    async def trial() -> None:
        pieces = [b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nab", 0.05, b"cd", 0.05, b"ef"]
        async with Raw(pieces) as raw:
            assert (await ask(raw.url)).body == b"abcdef"

    asyncio.run(trial())


def test_nothing_is_inflated() -> None:
    async def trial() -> None:
        bomb = gzip.compress(b"\0" * 50_000_000)
        async with Raw(answer(200, bomb, Content_Encoding="gzip")) as raw:
            reply = await ask(raw.url)
            assert raw.asked[0].headers["accept-encoding"] == "identity"
        assert reply.body == bomb[:ANSWER]

    asyncio.run(trial())


@pytest.mark.parametrize("pieces", [
    [5.0, OK],
    [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", *[b"x", 0.1] * 50],
    [*[b"HTTP/1.1 200 OK\r\n"], *[b"X-A: b\r\n", 0.1] * 50],
])  # fmt: skip
def test_a_slow_answer_is_not_waited_for(pieces: list[bytes | float]) -> None:
    async def trial() -> None:
        async with Raw(pieces) as raw:
            before = time.monotonic()
            with pytest.raises(Away, match=r"no answer within 0\.5 s"):
                await ask(raw.url, timeout=0.5)
            assert time.monotonic() - before < 2

    asyncio.run(trial())


@pytest.mark.parametrize(("status", "failure"), [
    (400, Refused), (413, Refused), (422, Refused), (401, Away), (403, Away), (404, Away), (408, Away), (429, Away),
    (500, Away), (503, Away),
])  # fmt: skip
def test_a_status_is_about_the_alert_or_about_the_destination(status: int, failure: type[Exception]) -> None:
    async def trial() -> None:
        async with Raw(answer(status, b"why")) as raw:
            with pytest.raises(failure, match=f"HTTP {status}: why"):
                await ask(raw.url)

    asyncio.run(trial())


@pytest.mark.parametrize(("text", "seconds"), [
    ("7", 7.0), ("0.5", 0.5), ("-3", 0.0), ("", 0.0), ("soon", 0.0), ("nan", 0.0), ("inf", LONGEST), ("1e9", LONGEST),
    (format_datetime(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=30), usegmt=True), 30.0),
    (format_datetime(datetime(2025, 1, 1, tzinfo=UTC), usegmt=True), 0.0),
    ("Fri, 99 Foo 2026 00:00:00 GMT", 0.0), ("Thu, 01 Jan 2026 00:00:30", 30.0),
])  # fmt: skip
def test_retry_after_is_seconds_or_a_date_or_nothing(text: str, seconds: float) -> None:
    assert retry_after(text, lambda: datetime(2026, 1, 1, tzinfo=UTC).timestamp()) == seconds


def test_retry_after_of_an_answer_is_told() -> None:
    async def trial() -> None:
        async with Raw(answer(429, Retry_After="11")) as raw:
            with pytest.raises(Away) as caught:
                await ask(raw.url)
            assert (caught.value.status, caught.value.retry_after) == (429, 11.0)

    asyncio.run(trial())


def certified(ca: trustme.CA, *names: str, expired: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    until = datetime.now(UTC) - timedelta(days=1) if expired else None
    ca.issue_cert(*(names or ("127.0.0.1",)), not_after=until).configure_cert(context)
    return context


def written(path: Path, blob: trustme.Blob) -> Path:
    blob.write_to_path(str(path))
    return path


def test_a_certificate_has_to_be_of_an_authority_of_the_name_and_of_today(tmp_path: Path) -> None:
    ca = trustme.CA()
    tls = Tls(ca=written(tmp_path / "ca.pem", ca.cert_pem))

    async def trial() -> None:
        async with Raw(tls=certified(ca)) as raw:
            assert (await ask(raw.url, tls=tls)).status == 200
        for context in (certified(trustme.CA()), certified(ca, "other.example.com"), certified(ca, expired=True)):
            async with Raw(tls=context) as raw:
                with pytest.raises(Away, match="its certificate is not trusted"):
                    await ask(raw.url, tls=tls)
                wire = Wire(tls=tls, allowed=LOOPBACK)
                with pytest.raises(Away, match="its certificate is not trusted"):
                    await hand_over(wire, "127.0.0.1", raw.port, b"", tls=True, confirm=True)
                assert raw.asked == []

    asyncio.run(trial())


def test_who_asks_for_our_certificate_is_shown_it(tmp_path: Path) -> None:
    ca, ours = trustme.CA(), trustme.CA()
    context = certified(ca)
    context.verify_mode = ssl.CERT_REQUIRED
    ours.configure_trust(context)
    mine = ours.issue_cert("whodid.example.com")
    trust = written(tmp_path / "ca.pem", ca.cert_pem)
    both = written(tmp_path / "us.pem", mine.private_key_and_cert_chain_pem)

    async def trial() -> None:
        async with Raw(tls=context) as raw:
            assert (await ask(raw.url, tls=Tls(ca=trust, certificate=both))).status == 200
            with pytest.raises(Away):
                await ask(raw.url, tls=Tls(ca=trust))
            assert len(raw.asked) == 1

    asyncio.run(trial())


def test_a_certificate_that_cannot_be_read_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(Away, match="a certificate cannot be read"):
        asyncio.run(ask("https://127.0.0.1:1/", tls=Tls(ca=tmp_path / "absent.pem")))


def test_a_proxy_is_asked_for_names_that_we_do_not_know() -> None:
    async def trial() -> None:
        async with Raw() as raw:
            proxy = f"http://127.0.0.1:{raw.port}"
            assert (await ask("http://siem.example.com/hook", proxy=proxy, resolver=Names([]))).status == 200
            assert raw.asked[0].line == "POST http://siem.example.com/hook HTTP/1.1"

    asyncio.run(trial())


def test_through_a_proxy_tls_is_with_the_destination(tmp_path: Path) -> None:
    ca = trustme.CA()
    trust = written(tmp_path / "ca.pem", ca.cert_pem)
    lines: list[bytes] = []

    async def trial() -> None:
        async with Raw(tls=certified(ca, "siem.example.com")) as raw:

            async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                lines.append((await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0])
                there, back = await asyncio.open_connection("127.0.0.1", raw.port)
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await asyncio.gather(_copy(reader, back), _copy(there, writer))

            proxy = await asyncio.start_server(tunnel, "127.0.0.1", 0)
            at = f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
            given = {"proxy": at, "resolver": Names([])}
            assert (await ask("https://siem.example.com/hook", tls=Tls(ca=trust), **given)).status == 200
            with pytest.raises(Away):
                await ask("https://other.example.com/hook", tls=Tls(ca=trust), **given)
            assert len(raw.asked) == 1
            proxy.close()

    asyncio.run(trial())
    assert lines[0] == b"CONNECT siem.example.com:443 HTTP/1.1"


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
    except OSError:
        pass
    finally:
        writer.transport.abort()


@pytest.mark.parametrize("url", ["ftp://example.com/", "http:///x", "http://[::1", "file:///etc/passwd", "nonsense"])
def test_what_is_no_url_of_http_is_refused(url: str) -> None:
    with pytest.raises(Refused):
        asyncio.run(ask(url))


def test_whoever_asks_while_connections_are_made_anew_is_answered():
    async def main() -> list[int]:
        async with Raw() as raw:
            wire = Wire(allowed=LOOPBACK)

            async def ask() -> int:
                return (await wire.request("POST", raw.url, b"{}")).status

            found = []
            for _ in range(20):
                await ask()
                found += await asyncio.gather(wire.close(), ask(), ask())
            await wire.close()
            return [one for one in found if one is not None]

    assert set(asyncio.run(main())) == {200}
