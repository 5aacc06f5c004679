"""A server that answers with the bytes it was given, byte by byte if it has to, and keeps what it was asked."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Sequence
from typing import Any, NamedTuple

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Asked(NamedTuple):
    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def answer(status: int, body: bytes = b"", **headers: str) -> bytes:
    named = {"Content-Length": str(len(body)), **{key.replace("_", "-"): value for key, value in headers.items()}}
    lines = "".join(f"{key}: {value}\r\n" for key, value in named.items())
    return f"HTTP/1.1 {status} said\r\n{lines}\r\n".encode() + body


class Raw:
    """Each request gets the next answer, the last one again and again. A number in an answer is a pause."""

    def __init__(self, *answers: bytes | Sequence[bytes | float], tls: ssl.SSLContext | None = None) -> None:
        self._answers, self._tls = list(answers or [OK]), tls
        self.asked: list[Asked] = []
        self.peers: list[str] = []

    async def __aenter__(self) -> Raw:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}/hook"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.peers.append(writer.get_extra_info("peername")[0])
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                pairs = (line.partition(": ") for line in head[1:] if line)
                headers = {name.lower(): value for name, _, value in pairs}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                self.asked.append(Asked(head[0], headers, body))
                said = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
                for piece in [said] if isinstance(said, bytes) else said:
                    if isinstance(piece, bytes):
                        writer.write(piece)
                        await writer.drain()
                    else:
                        await asyncio.sleep(piece)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.transport.abort()
