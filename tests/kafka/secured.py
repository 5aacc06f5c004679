"""Apache Kafka with a listener for each way to connect securely, and what a client needs for each."""

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme
from confluent_kafka.admin import AdminClient, ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from pipeline.kit.broker import ApacheKafka, Extras, free_ports
from tests.kafka.identity import AUDIENCE, CLIENT, ISSUER, SECRET, IdentityProvider

USER, PASSWORD, KEY_PASSWORD = "whodid", "scram-secret", "key-secret"
LOGIN = "org.apache.kafka.common.security"
LISTENERS = {"SCRAM": "SASL_SSL", "OAUTH": "SASL_SSL", "MTLS": "SSL", "STRANGE": "SASL_SSL", "OPEN": "SASL_PLAINTEXT"}
MECHANISMS = (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512)


@dataclass
class Secured:
    """The broker, its ports, and the files and the identity provider that clients need."""

    broker: ApacheKafka
    ports: dict
    folder: Path
    provider: IdentityProvider

    def tls(self, listener):
        """Of one that says nothing of itself."""
        return dict(bootstrap=f"127.0.0.1:{self.ports[listener]}", kafka_ca=self.folder / "ca.pem")

    def scram(self, mechanism="SCRAM-SHA-512", user=USER, password=PASSWORD, listener="SCRAM"):
        """Settings of a client that says who it is by name and password."""
        return dict(
            self.tls(listener), kafka_protocol="sasl_ssl", kafka_mechanism=mechanism, kafka_username=user,
            kafka_password=password,
        )  # fmt: skip

    def mtls(self):
        """Of one with a certificate and an encrypted key."""
        return dict(
            self.tls("MTLS"), kafka_protocol="ssl", kafka_certificate=self.folder / "client.pem",
            kafka_key=self.folder / "client.key", kafka_key_password=KEY_PASSWORD,
        )  # fmt: skip

    def oauth(self, secret=SECRET):
        """Of one with tokens of the identity provider."""
        return dict(
            self.tls("OAUTH"), kafka_protocol="sasl_ssl", kafka_mechanism="OAUTHBEARER", kafka_scope="kafka",
            kafka_token_url=self.provider.url, kafka_client_id=CLIENT, kafka_client_secret=secret,
        )  # fmt: skip

    def loopback(self):
        """Of one on the same machine, without TLS."""
        return dict(self.scram(listener="OPEN"), kafka_protocol="sasl_plaintext", kafka_ca=None)

    def ways(self):
        """Every way of connecting by its name."""
        return {
            "plain": self.scram("PLAIN"), "scram-256": self.scram("SCRAM-SHA-256"), "scram-512": self.scram(),
            "mtls": self.mtls(), "oauth": self.oauth(), "loopback": self.loopback(),
        }  # fmt: skip

    def admin(self):
        """A client that may do everything."""
        return AdminClient({"bootstrap.servers": self.broker.bootstrap, "log_level": 0})

    def user(self, name, password):
        """Make a SCRAM user."""
        admin = self.admin()
        for mechanism in MECHANISMS:
            credential = UserScramCredentialUpsertion(name, ScramCredentialInfo(mechanism, 4096), password.encode())
            for future in admin.alter_user_scram_credentials([credential]).values():
                future.result()


@contextmanager
def secured(folder):
    """Started, and stopped at the end."""
    with IdentityProvider() as provider:
        _certificates(folder)
        (folder / "jwks.json").write_text(provider.jwks())
        ports = dict(zip(LISTENERS, free_ports(len(LISTENERS)), strict=True))
        jwks = f"file://{folder}/jwks.json"
        options = f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={jwks}"
        with ApacheKafka.start(Extras(ports, _properties(folder, jwks), options)) as broker:
            made = Secured(broker, ports, folder, provider)
            made.user(USER, PASSWORD)
            yield made


def _certificates(folder):
    authority, stranger = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    stranger.cert_pem.write_to_path(folder / "stranger.pem")
    for name, host in (("server", "127.0.0.1"), ("strange", "kafka.example.com")):
        issued = authority.issue_cert(host)
        chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
        (folder / f"{name}.pem").write_bytes(chain + _key(issued, NoEncryption()))
    client = authority.issue_cert("worker.example.com")
    (folder / "client.pem").write_bytes(b"".join(blob.bytes() for blob in client.cert_chain_pems))
    (folder / "client.key").write_bytes(_key(client, BestAvailableEncryption(KEY_PASSWORD.encode())))


def _key(issued, encryption):
    key = load_pem_private_key(issued.private_key_pem.bytes(), None)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def _properties(folder, jwks):
    """Whoever is `whodid`, and whoever comes by the plain listener, may do everything; others what ACLs give them."""
    protocols = {"PLAINTEXT": "PLAINTEXT", "CONTROLLER": "PLAINTEXT", **LISTENERS}
    users = f'username="broker" password="none" user_{USER}="{PASSWORD}"'
    scram = f"{LOGIN}.scram.ScramLoginModule required;"
    properties = {
        "listener.security.protocol.map": ",".join(f"{name}:{protocol}" for name, protocol in protocols.items()),
        "ssl.keystore.type": "PEM", "ssl.keystore.location": f"{folder}/server.pem",
        "ssl.truststore.type": "PEM", "ssl.truststore.location": f"{folder}/ca.pem",
        "listener.name.strange.ssl.keystore.type": "PEM",
        "listener.name.strange.ssl.keystore.location": f"{folder}/strange.pem",
        "listener.name.mtls.ssl.client.auth": "required",
        "ssl.principal.mapping.rules": f"RULE:^.*$/{USER}/",
        "listener.name.oauth.sasl.enabled.mechanisms": "OAUTHBEARER",
        "listener.name.oauth.oauthbearer.sasl.jaas.config": f"{LOGIN}.oauthbearer.OAuthBearerLoginModule required;",
        "listener.name.oauth.oauthbearer.sasl.server.callback.handler.class":
            f"{LOGIN}.oauthbearer.OAuthBearerValidatorCallbackHandler",
        "listener.name.oauth.sasl.oauthbearer.jwks.endpoint.url": jwks,
        "listener.name.oauth.sasl.oauthbearer.expected.audience": AUDIENCE,
        "listener.name.oauth.sasl.oauthbearer.expected.issuer": ISSUER,
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "false",
        "super.users": f"User:ANONYMOUS;User:{USER}",
    }  # fmt: skip
    for listener in ("scram", "strange", "open"):
        name = f"listener.name.{listener}"
        properties |= {
            f"{name}.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
            f"{name}.plain.sasl.jaas.config": f"{LOGIN}.plain.PlainLoginModule required {users};",
            f"{name}.scram-sha-256.sasl.jaas.config": scram,
            f"{name}.scram-sha-512.sasl.jaas.config": scram,
        }
    return properties
