"""What the settings say of the connection to Kafka becomes what librdkafka and Faust's aiokafka are told, the same.

Fails: Invalid, when settings do not fit each other; it names the variable and what to set.
"""

from __future__ import annotations

import ipaddress
import re
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from confluent_kafka import KafkaError

from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid
from pipeline.kit.tokens import tokens_of

OAUTH = "OAUTHBEARER"
#: What counts, whatever is set, for a broker that a command starts on this machine for itself.
OWN: dict[str, Any] = {
    name: field.default
    for name, field in Settings.model_fields.items()
    if name.startswith("kafka_") or name in ("replication", "min_insync", "create_topics", "instance")
}
PREFIX = "WHODID_KAFKA_"
#: Settings that only TLS has a use for.
TLS_FILES = ("kafka_ca", "kafka_certificate", "kafka_key")
#: What each way of saying who one is needs.
NEEDS = {
    "PLAIN": ("kafka_username", "kafka_password"),
    "SCRAM-SHA-256": ("kafka_username", "kafka_password"),
    "SCRAM-SHA-512": ("kafka_username", "kafka_password"),
    OAUTH: ("kafka_token_url", "kafka_client_id", "kafka_client_secret"),
}
#: What librdkafka says when it and a broker cannot come to trust each other: no waiting helps.
_REFUSED = re.compile("certificate|alert", re.IGNORECASE)

_UNVERIFIED = (
    "the broker's certificate is not of an authority in WHODID_KAFKA_CA, or not of the host that was asked for"
)


class Reasons:
    """Why a client of librdkafka is not connected, as its brokers' connections say; given to it as `error_cb`."""

    def __init__(self) -> None:
        #: The last reason, in librdkafka's words; empty while there is none.
        self.last = ""
        #: Whether it is one that only other settings, here or at the broker, can mend.
        self.refused = False

    def __call__(self, error: KafkaError) -> None:
        """Take in what the client met. That all brokers are down is known, and says less."""
        if error.code() == KafkaError._ALL_BROKERS_DOWN or self.refused:
            return
        said = re.sub(r"^\S+/(bootstrap|\d+): | \(after .*\)$", "", error.str())
        self.last = _UNVERIFIED if "certificate verify failed" in said else said
        self.refused = error.code() == KafkaError._AUTHENTICATION or (
            error.code() in (KafkaError._SSL, KafkaError._TRANSPORT) and bool(_REFUSED.search(self.last))
        )


def refused_token(settings: Settings) -> str:
    """What it may mean that no connection lasts and nobody says why; empty without tokens.

    librdkafka takes the refusal of a token for a success after which the broker hangs up.
    """
    if settings.kafka_mechanism != OAUTH:
        return ""
    return (
        f"it closes every connection: it may refuse the token of {settings.kafka_token_url} (its time, issuer, "
        "audience or signature); its own log says why"
    )


def librdkafka(settings: Settings) -> dict[str, Any]:
    """What every client of librdkafka is told of the connection. Raises Invalid."""
    check(settings)
    told: dict[str, Any] = {"bootstrap.servers": settings.bootstrap}
    if settings.kafka_protocol == "plaintext":
        return told
    told["security.protocol"] = settings.kafka_protocol
    files = {
        "ssl.ca.location": settings.kafka_ca,
        "ssl.certificate.location": settings.kafka_certificate,
        "ssl.key.location": settings.kafka_key,
    }
    told |= {name: str(file) for name, file in files.items() if file is not None}
    if settings.kafka_key_password:
        told["ssl.key.password"] = settings.kafka_key_password
    if settings.kafka_mechanism:
        told["sasl.mechanism"] = settings.kafka_mechanism
    if settings.kafka_mechanism == OAUTH:
        tokens = tokens_of(settings)
        # Once here, so that a refusal is told at once and by whom; the client would wait for ten seconds.
        tokens.get()
        told["oauth_cb"] = lambda _config: tokens.get()[:2]
    elif settings.kafka_mechanism:
        told |= {"sasl.username": settings.kafka_username, "sasl.password": settings.kafka_password}
    return told


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """What Python's TLS is told; None without TLS. Raises Invalid for a file that is none of what it should be."""
    if not settings.kafka_protocol.endswith("ssl"):
        return None
    try:
        context = ssl.create_default_context(cafile=settings.kafka_ca)
    except (ssl.SSLError, OSError) as error:
        raise Invalid(f"{PREFIX}CA", f"a file of certificates in PEM ({error})", str(settings.kafka_ca)) from error
    if settings.kafka_certificate is not None:
        try:
            # A callable: without one, Python would ask the terminal for the password of an encrypted key.
            context.load_cert_chain(settings.kafka_certificate, settings.kafka_key, settings.kafka_key_password.encode)
        except (ssl.SSLError, OSError, ValueError) as error:
            raise Invalid(
                f"{PREFIX}KEY", f"the private key (PEM) of {settings.kafka_certificate}, and {PREFIX}KEY_PASSWORD if "
                f"it is encrypted ({error})", str(settings.kafka_key),
            ) from error  # fmt: skip
    return context


def check(settings: Settings) -> None:
    """Raise Invalid for settings that do not fit each other."""
    _check_mechanism(settings)
    _check_files(settings)
    if settings.kafka_protocol == "sasl_plaintext" and not all(map(_local, settings.bootstrap.split(","))):
        raise Invalid(
            f"{PREFIX}PROTOCOL", f"sasl_ssl, since {settings.bootstrap} is not on loopback and everybody on the way "
            "could read and change what is said", settings.kafka_protocol,
        )  # fmt: skip
    tls_context(settings)


def _check_mechanism(settings: Settings) -> None:
    mechanism, sasl = settings.kafka_mechanism, settings.kafka_protocol.startswith("sasl_")
    if sasl and not mechanism:
        raise Invalid(f"{PREFIX}MECHANISM", f"one of {', '.join(NEEDS)} for {PREFIX}PROTOCOL={settings.kafka_protocol}")
    needless = [name for name in {one for names in NEEDS.values() for one in names} if getattr(settings, name)]
    if not sasl and (mechanism or needless):
        given = "kafka_mechanism" if mechanism else min(needless)
        raise Invalid(f"{PREFIX}PROTOCOL", f"sasl_ssl, since WHODID_{given.upper()} is set", settings.kafka_protocol)
    for name in NEEDS.get(mechanism, ()):
        if not getattr(settings, name):
            raise Invalid(f"WHODID_{name.upper()}", f"a value, since {PREFIX}MECHANISM={mechanism}")
    if mechanism == OAUTH:
        url = urlsplit(settings.kafka_token_url)
        if not (url.scheme == "https" or (url.scheme == "http" and _local(url.netloc))) or not url.netloc:
            expected = "https://… (http only on loopback: a client secret is sent)"
            raise Invalid(f"{PREFIX}TOKEN_URL", expected, settings.kafka_token_url)


def _check_files(settings: Settings) -> None:
    for name in TLS_FILES:
        file: Path | None = getattr(settings, name)
        if file is None:
            continue
        if not settings.kafka_protocol.endswith("ssl"):
            expected = f"ssl or sasl_ssl, since WHODID_{name.upper()} is set"
            raise Invalid(f"{PREFIX}PROTOCOL", expected, settings.kafka_protocol)
        if not file.is_file():
            raise Invalid(f"WHODID_{name.upper()}", "a file that is there", str(file))
    if (settings.kafka_certificate is None) != (settings.kafka_key is None):
        given, missing = ("CERTIFICATE", "KEY") if settings.kafka_certificate else ("KEY", "CERTIFICATE")
        raise Invalid(f"{PREFIX}{missing}", f"a file, since {PREFIX}{given} is set")


def _local(server: str) -> bool:
    """Whether `host:port` is on this machine."""
    host = urlsplit(f"//{server.strip()}").hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
