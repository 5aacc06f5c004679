"""A syslog server (RFC 5424) over TLS (RFC 5425) or TCP (RFC 6587), told in CEF.

In:     Notice
Out:    one message, framed by counting its octets
Fails:  as `pipeline.alert.wire`

Syslog acknowledges nothing. What comes nearest: each message has a connection of its own, which we end when it is
written, and `delivered` means that the server ended it too, with no failure before: it has read all there was. What it
does with it then, nobody says.
"""

from __future__ import annotations

import re
import socket
from typing import Literal

from pydantic import Field, field_validator, model_validator

from pipeline.alert.body import iso
from pipeline.alert.destination import Destination
from pipeline.alert.destinations import cef
from pipeline.alert.notice import Notice
from pipeline.alert.plain import clean
from pipeline.alert.stream import hand_over
from pipeline.alert.wire import Reply, Tls, Wire

#: Severities of RFC 5424: critical, error, warning, notice.
SEVERITY = {"critical": 2, "high": 3, "medium": 4, "low": 5}
_HOST = re.compile(r"[A-Za-z0-9_.:-]{1,255}")
_VISIBLE = re.compile(r"[^!-~]")
_BOM = b"\xef\xbb\xbf"


class Syslog(Destination):
    """`tls` of every destination says who is trusted and who we are; without a certificate we are nobody."""

    kind: Literal["syslog"]
    host: str
    port: int = Field(6514, ge=1, le=65535)
    #: Without TLS, whoever is on the way reads alerts and changes them.
    encrypted: bool = True
    #: Of RFC 5424; 16 is local0.
    facility: int = Field(16, ge=0, le=23)
    #: What the server is told where this comes from; else what this machine is called.
    hostname: str | None = None
    #: Private enterprise number of the structured data. 32473 is the one of documentation (RFC 5612): put yours here.
    enterprise: int = Field(32473, ge=1)
    #: Bytes of a message. Servers have limits too, and cut without saying so: rsyslog at 8192 unless told otherwise.
    most: int = Field(8192, ge=2048, le=1_048_576)
    #: Whether a byte order mark stands before what is not ASCII, as RFC 5424 wants it; some parsers of CEF do not.
    bom: bool = True
    #: Whether to wait until the server has ended the connection. Some never do; then it counts what TCP has taken.
    confirm: bool = True

    @field_validator("host", "hostname")
    @classmethod
    def _host(cls, given: str | None) -> str | None:
        if given is not None and not _HOST.fullmatch(given):
            raise ValueError("expected a name or an address, e.g. syslog.example.com")
        return given

    @model_validator(mode="after")
    def _can(self) -> Syslog:
        if self.proxy is not None:
            raise ValueError("expected no proxy: proxies are for HTTP")
        if not self.encrypted and self.tls != Tls():
            raise ValueError("expected no tls where encrypted is false")
        return self

    async def send(self, notice: Notice, wire: Wire) -> Reply:
        """See Destination."""
        body = payload(
            notice, facility=self.facility, hostname=self.hostname or socket.gethostname(),
            enterprise=self.enterprise, most=self.most, bom=self.bom,
        )  # fmt: skip
        await hand_over(wire, self.host, self.port, framed(body), tls=self.encrypted, confirm=self.confirm)
        return Reply(0, {}, b"")


def payload(
    notice: Notice,
    *,
    facility: int = 16,
    hostname: str = "-",
    enterprise: int = 32473,
    most: int = 8192,
    bom: bool = True,
) -> bytes:
    """One message of at most `most` bytes, without its frame."""
    alert = notice.alert
    priority = facility * 8 + SEVERITY.get(alert.severity, 4)
    at = iso(alert.at) if alert.at > 0 else None
    head = f"<{priority}>1 {at or '-'} {name(hostname, 255)} whodid - {name(f'alert.{notice.news}', 32)} "
    data = {"key": notice.key, "alert": alert.alert_id, "revision": str(alert.revision), "news": notice.news}
    if notice.example:
        data["example"] = "yes"
    # Room for the BOM, and for `cut="yes"`, which is only known afterwards.
    room = most - len((head + element(enterprise, {**data, "cut": "yes"}) + " ").encode()) - len(_BOM)
    text, cut = cef.line(notice, room)
    if cut:
        data["cut"] = "yes"
    mark = _BOM if bom and not text.isascii() else b""
    return (head + element(enterprise, data) + " ").encode() + mark + text.encode()


def framed(message: bytes) -> bytes:
    """Its length in octets, a blank, and the message (RFC 5425, 4.3; RFC 6587, 3.4.1)."""
    return b"%d " % len(message) + message


def element(enterprise: int, data: dict[str, str]) -> str:
    """Structured data of one element."""
    return f"[whodid@{enterprise}" + "".join(f' {key}="{parameter(value)}"' for key, value in data.items()) + "]"


def parameter(value: str) -> str:
    r"""A PARAM-VALUE: `"`, `\` and `]` are escaped (RFC 5424, 6.3.3)."""
    return re.sub(r'(["\\\]])', r"\\\1", clean(value, 200))


def name(text: str, most: int) -> str:
    """A field of the header: visible ASCII, or `-` for nothing."""
    return _VISIBLE.sub("_", text)[:most] or "-"
