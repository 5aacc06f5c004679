"""Bytes that were taken, and bytes that only seemed to be."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Literal

import pytest
import trustme

from pipeline.alert.stream import hand_over
from pipeline.alert.wire import Away, Tls, Wire
from tests.alert.test_wire import LOOPBACK, certified, written

DATA = b"x" * 3_000_000
Ending = Literal["well", "abrupt", "early", "never", "chatty"]


async def given(ending: Ending, wire: Wire, tls: ssl.SSLContext | None, *, confirm: bool = True) -> bytes:
    """What a server got that ends so."""
    got, over = bytearray(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if ending == "chatty":
                writer.write(b"welcome\n" * 1000)
            if ending == "early":
                await reader.read(10)
                writer.transport.abort()
            while piece := await reader.read(65536):
                got.extend(piece)
            if ending == "never":
                await over.wait()
            if ending == "abrupt":
                writer.transport.abort()
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    try:
        await hand_over(wire, "127.0.0.1", port, DATA, tls=tls is not None, confirm=confirm)
    finally:
        over.set()
        await asyncio.sleep(0.1)
        server.close()
    return bytes(got)


@pytest.fixture
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trust(ca: trustme.CA, tmp_path: Path) -> Wire:
    return Wire(timeout=2.0, tls=Tls(ca=written(tmp_path / "ca.pem", ca.cert_pem)), allowed=LOOPBACK)


@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize("ending", ["well", "chatty"])
def test_all_is_read_when_it_is_said_to_be(ca: trustme.CA, trust: Wire, ending: Ending, sealed: bool) -> None:
    assert asyncio.run(given(ending, trust, certified(ca) if sealed else None)) == DATA


@pytest.mark.parametrize("sealed", [True, False])
def test_a_server_that_goes_away_in_between_did_not_take_it(ca: trustme.CA, trust: Wire, sealed: bool) -> None:
    with pytest.raises(Away):
        asyncio.run(given("early", trust, certified(ca) if sealed else None))


def test_without_its_word_the_connection_may_have_been_cut(ca: trustme.CA, trust: Wire) -> None:
    """A server (here: a bare TCP relay) whose end comes without close_notify."""

    async def trial() -> None:
        async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there, back = await asyncio.open_connection("127.0.0.1", port)
            back.write(await reader.read(65536))
            # With that the handshake is over for us.
            writer.write(await there.read(65536))
            await reader.read(65536)
            back.transport.abort()
            writer.close()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await reader.read()
            except OSError:
                pass
            finally:
                writer.transport.abort()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=certified(ca))
        port = server.sockets[0].getsockname()[1]
        relay = await asyncio.start_server(cut, "127.0.0.1", 0)
        with pytest.raises(Away):
            await hand_over(trust, "127.0.0.1", relay.sockets[0].getsockname()[1], b"x", tls=True, confirm=True)
        await asyncio.sleep(0.1)
        relay.close()
        server.close()

    asyncio.run(trial())


def test_a_certificate_that_is_refused_after_the_handshake_is_noticed(ca: trustme.CA, trust: Wire) -> None:
    context = certified(ca)
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    trustme.CA().configure_trust(context)
    with pytest.raises(Away):
        asyncio.run(given("well", trust, context))


@pytest.mark.parametrize("sealed", [True, False])
def test_who_need_not_confirm_is_believed(ca: trustme.CA, trust: Wire, sealed: bool) -> None:
    assert asyncio.run(given("never", trust, certified(ca) if sealed else None, confirm=False)) == DATA
