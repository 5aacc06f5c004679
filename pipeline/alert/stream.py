"""Bytes are handed over to a server that answers nothing, over TCP or TLS, and both sides say that it is the end.

In:     bytes
Out:    nothing, when the server has read all of them, or, unless it is to confirm that, when TCP has taken them
Fails:  Away

TLS is spoken here rather than by asyncio, which takes an end without `close_notify` for one that was meant: a server
that refuses our certificate after the handshake (as TLS 1.3 has it) would seem to have taken everything.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from typing import TypeVar

from pipeline.alert.wire import Away, Wire

#: Seconds until a server that need not confirm is left.
LINGER = 0.5
Result = TypeVar("Result")


async def hand_over(wire: Wire, host: str, port: int, data: bytes, *, tls: bool, confirm: bool) -> None:
    """Over a connection of its own. Raises Away."""
    reader, writer = await wire.connect(host, port)
    try:
        async with asyncio.timeout(wire.timeout):
            # So that `drain` waits until TCP has taken all of it.
            writer.transport.set_write_buffer_limits(0)
            if tls:
                await _Sealed(reader, writer, wire.context(), host).hand_over(data, confirm=confirm)
            else:
                await _plain(reader, writer, data, confirm=confirm)
        if not confirm:
            await _lingered(reader)
    except TimeoutError as error:
        hint = "; `confirm: false` if the server never ends a connection" if confirm else ""
        raise Away(f"not taken within {wire.timeout:g} s{hint}") from error
    except ssl.SSLCertVerificationError as error:
        raise Away(f"its certificate is not trusted: {error.verify_message}") from error
    except OSError as error:
        raise Away(f"{type(error).__name__}: {error}"[:500]) from error
    finally:
        writer.transport.abort()


async def _plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes, *, confirm: bool) -> None:
    writer.write(data)
    await writer.drain()
    writer.write_eof()
    while confirm and await reader.read(4096):
        pass


async def _lingered(reader: asyncio.StreamReader) -> None:
    """Reads what is there: a connection that is closed over bytes nobody read is reset, with all that we sent."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LINGER):
            while await reader.read(65536):
                pass


class _Sealed:
    """TLS on a connection."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, context: ssl.SSLContext, host: str
    ) -> None:
        self._reader, self._writer = reader, writer
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_hostname=host)

    async def hand_over(self, data: bytes, *, confirm: bool) -> None:
        await self._do(self._tls.do_handshake)
        await self._do(lambda: self._tls.write(data))
        try:
            self._tls.unwrap()
        except ssl.SSLWantReadError:
            # Our close_notify is made; theirs is owed to us (RFC 5425, 4.4).
            await self._flush()
        if confirm:
            await self._closed()
        else:
            self._writer.write_eof()

    async def _closed(self) -> None:
        """Reads up to their close_notify. `unwrap` would take an alert that refuses us for one."""
        try:
            while await self._do(lambda: self._tls.read(4096)):
                pass
        except ssl.SSLZeroReturnError:
            return

    async def _do(self, step: Callable[[], Result]) -> Result:
        """One step, with all the bytes that have to go back and forth for it."""
        while True:
            try:
                found = step()
            except ssl.SSLWantReadError:
                await self._flush()
                if not (got := await self._reader.read(65536)):
                    raise ConnectionResetError("the server ended the connection without a word of TLS") from None
                self._in.write(got)
            else:
                await self._flush()
                return found

    async def _flush(self) -> None:
        if self._out.pending:
            self._writer.write(self._out.read())
            await self._writer.drain()
