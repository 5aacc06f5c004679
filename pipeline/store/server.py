"""The address of a ClickHouse server becomes clients of the driver: by TLS, of whichever of its hosts answers.

In:     Settings
Out:    Server, whose clients are what `pipeline.store.client` borrows
Fails:  Invalid, which names the setting and what it should be; Permanent when both sides do not trust each other
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

import clickhouse_connect
from clickhouse_connect.driver import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid, Permanent
from pipeline.store.faults import unreached

#: Seconds until a host is given up, and until a statement is.
CONNECT, ANSWER = 5, 60
_SCHEMES = {"http": "http", "https": "https", "clickhouse": "http", "clickhouses": "https"}
_PORTS = {"http": 8123, "https": 8443}
_TLS = ("clickhouse_ca", "clickhouse_certificate", "clickhouse_key", "clickhouse_server_name")
#: No waiting mends what OpenSSL says so.
_DISTRUST = re.compile(
    r"certificate verify failed[^()]*|[a-z0-9 ]*alert [a-z ]+|hostname '[^']*' doesn't match '[^']*'", re.IGNORECASE
)


class Server(NamedTuple):
    """Where it is, and who asks it."""

    scheme: str
    #: Host and port of each replica, in the order in which they are tried.
    hosts: tuple[tuple[str, int], ...]
    #: Empty when the address names none.
    database: str
    username: str
    password: str
    #: What the driver is told of TLS.
    tls: Mapping[str, Any]

    def client(self, database: str | None, settings: Mapping[str, Any], answer: int) -> Client:
        """A client of the first host that answers."""
        *others, last = self.hosts
        for host, port in others:
            try:
                return self._client(host, port, database, settings, answer)
            except DatabaseError as error:
                if not unreached(error):
                    raise
        return self._client(*last, database, settings, answer)

    def _client(self, host: str, port: int, database: str | None, settings: Mapping[str, Any], answer: int) -> Client:
        try:
            return clickhouse_connect.get_client(
                interface=self.scheme,
                host=host,
                port=port,
                username=self.username,
                password=self.password,
                database=database,
                settings=dict(settings),
                connect_timeout=CONNECT,
                send_receive_timeout=answer,
                query_retries=0,
                autogenerate_session_id=False,
                client_name="whodid",
                **self.tls,
            )
        except DatabaseError as error:
            distrust = _DISTRUST.search(str(error)) if self.scheme == "https" else None
            if distrust is None:
                raise
            raise Permanent(
                f"store: {host}:{port} and whodid do not trust each other: {distrust[0].strip()}. See "
                "WHODID_CLICKHOUSE_CA, _CERTIFICATE, _KEY and _SERVER_NAME"
            ) from error


def served(settings: Settings) -> Server:
    """The server that the settings name. Raises Invalid."""
    parts = urlsplit(settings.clickhouse)
    scheme = _SCHEMES[parts.scheme]
    username, _, password = parts.netloc.rpartition("@")[0].partition(":")
    given = unquote(password)
    if given and settings.clickhouse_password:
        raise Invalid("clickhouse_password (WHODID_CLICKHOUSE_PASSWORD)", "one password; the address has one too")
    database = parts.path.strip("/")
    if database and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", database):
        raise Invalid("clickhouse", "a database name of letters, digits and _", database)
    password = given or settings.clickhouse_password
    tls = _tls(settings, scheme, bool(password))
    return Server(scheme, tuple(_hosts(parts, scheme)), database, unquote(username or "default"), password, tls)


def _hosts(parts: SplitResult, scheme: str) -> Iterator[tuple[str, int]]:
    for place in parts.netloc.rpartition("@")[2].split(","):
        try:
            one = urlsplit(f"//{place}")
            yield one.hostname or "localhost", one.port or _PORTS[scheme]
        except ValueError as error:
            raise Invalid("clickhouse", f"host:port, or several with commas ({error})", place) from error


def _tls(settings: Settings, scheme: str, password: bool) -> dict[str, Any]:
    values = {name: getattr(settings, name) for name in _TLS}
    given = [name for name, value in values.items() if value]
    if scheme != "https":
        if given:
            raise Invalid(
                f"{given[0]} (WHODID_{given[0].upper()})", "clickhouse to be https://…: it is of no use without"
            )
        return {}
    if bool(settings.clickhouse_certificate) != bool(settings.clickhouse_key):
        absent = "clickhouse_key" if settings.clickhouse_certificate else "clickhouse_certificate"
        raise Invalid(f"{absent} (WHODID_{absent.upper()})", "both a certificate and its key, or neither")
    _try_files(settings)
    found: dict[str, Any] = {"verify": True}
    if settings.clickhouse_ca:
        found["ca_cert"] = str(settings.clickhouse_ca)
    if settings.clickhouse_certificate:
        # With a password the certificate only opens the connection.
        found |= {
            "client_cert": str(settings.clickhouse_certificate), "client_cert_key": str(settings.clickhouse_key),
            "tls_mode": "strict" if password else "mutual",
        }  # fmt: skip
    if settings.clickhouse_server_name:
        found["server_host_name"] = settings.clickhouse_server_name
    return found


def _try_files(settings: Settings) -> None:
    try:
        context = ssl.create_default_context(cafile=settings.clickhouse_ca)
    except OSError as error:
        name = "clickhouse_ca (WHODID_CLICKHOUSE_CA)"
        raise Invalid(name, f"a file of certificates in PEM ({error})", str(settings.clickhouse_ca)) from error
    if settings.clickhouse_certificate is None or settings.clickhouse_key is None:
        return
    try:
        # Asked for a password, OpenSSL would ask the terminal.
        context.load_cert_chain(settings.clickhouse_certificate, settings.clickhouse_key, password="")
    except OSError as error:
        raise Invalid(
            "clickhouse_key (WHODID_CLICKHOUSE_KEY)",
            f"the key of that certificate, both in PEM, not encrypted ({error})", str(settings.clickhouse_key),
        ) from error  # fmt: skip
