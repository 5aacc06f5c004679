"""Settings of the connection that do not fit each other are refused with the name of the setting and what to do."""

import asyncio

import pytest
import trustme
from aiokafka.errors import KafkaConnectionError
from faust.auth import OAuthCredentials, SASLCredentials, SSLCredentials

from pipeline.app import Correlator
from pipeline.cli import processes
from pipeline.kit.config import Settings
from pipeline.kit.connection import check, librdkafka
from pipeline.kit.failures import Invalid
from pipeline.kit.metrics import Metrics
from pipeline.run.chaos import Chaos
from pipeline.run.ordered import Order
from pipeline.transport import credentials
from tests.kafka.identity import CLIENT, SECRET, IdentityProvider

SCRAM = {
    "kafka_protocol": "sasl_ssl", "kafka_mechanism": "SCRAM-SHA-512", "kafka_username": "u", "kafka_password": "p",
}  # fmt: skip
OAUTH = {
    "kafka_protocol": "sasl_ssl", "kafka_mechanism": "OAUTHBEARER", "kafka_client_id": CLIENT,
    "kafka_client_secret": SECRET, "kafka_token_url": "https://id.example.com/token",
}  # fmt: skip


@pytest.fixture
def files(tmp_path):
    authority = trustme.CA()
    issued, other = authority.issue_cert("me.example.com"), authority.issue_cert("other.example.com")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "me.pem")
    issued.private_key_pem.write_to_path(tmp_path / "me.key")
    other.private_key_pem.write_to_path(tmp_path / "other.key")
    (tmp_path / "nonsense").write_text("no certificate")
    return tmp_path


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"kafka_protocol": "sasl_ssl"}, "KAFKA_MECHANISM: expected one of PLAIN"),
        ({"kafka_mechanism": "PLAIN"}, "KAFKA_PROTOCOL: expected sasl_ssl, since WHODID_KAFKA_MECHANISM is set"),
        ({"kafka_password": "p"}, "KAFKA_PROTOCOL: expected sasl_ssl, since WHODID_KAFKA_PASSWORD is set"),
        ({**SCRAM, "kafka_username": ""}, "KAFKA_USERNAME: expected a value"),
        ({**SCRAM, "kafka_password": ""}, "KAFKA_PASSWORD: expected a value"),
        ({**OAUTH, "kafka_client_secret": ""}, "KAFKA_CLIENT_SECRET: expected a value"),
        ({**OAUTH, "kafka_token_url": "http://id.example.com/token"}, "KAFKA_TOKEN_URL: expected https"),
        ({**OAUTH, "kafka_token_url": "https:///token"}, "KAFKA_TOKEN_URL: expected https"),
        (
            {**SCRAM, "kafka_protocol": "sasl_plaintext", "bootstrap": "127.0.0.1:9092,kafka:9092"},
            "KAFKA_PROTOCOL: expected sasl_ssl, since .*kafka:9092 is not on loopback",
        ),
        ({"kafka_ca": "{}/ca.pem"}, "KAFKA_PROTOCOL: expected ssl or sasl_ssl, since WHODID_KAFKA_CA is set"),
        ({"kafka_protocol": "ssl", "kafka_ca": "{}/none.pem"}, "KAFKA_CA: expected a file that is there"),
        ({"kafka_protocol": "ssl", "kafka_ca": "{}/nonsense"}, "KAFKA_CA: expected a file of certificates"),
        ({"kafka_protocol": "ssl", "kafka_certificate": "{}/me.pem"}, "KAFKA_KEY: expected a file, since"),
        ({"kafka_protocol": "ssl", "kafka_key": "{}/me.key"}, "KAFKA_CERTIFICATE: expected a file, since"),
        (
            {"kafka_protocol": "ssl", "kafka_certificate": "{}/me.pem", "kafka_key": "{}/other.key"},
            "KAFKA_KEY: expected the private key .* of .*me.pem",
        ),
    ],
)
def test_what_does_not_fit_is_named_with_the_setting_to_mend(files, given, complaint):
    filled = {name: value.format(files) for name, value in given.items()}
    for use in (check, librdkafka, credentials):
        with pytest.raises(Invalid, match=f"WHODID_{complaint}") as refused:
            use(Settings(**filled))
        assert "'p'" not in str(refused.value)


def test_a_name_and_a_password_in_plain_text_are_taken_on_loopback_only():
    here = {**SCRAM, "kafka_protocol": "sasl_plaintext"}
    for servers in ("127.0.0.1:9092", "localhost:9092,[::1]:9092"):
        check(Settings(**here, bootstrap=servers))
    for servers in ("10.0.0.1:9092", "localhost.example.com:9092", "kafka"):
        with pytest.raises(Invalid, match="sasl_ssl"):
            check(Settings(**here, bootstrap=servers))


def test_nothing_is_told_of_a_plain_connection():
    assert librdkafka(Settings(bootstrap="kafka:9092")) == {"bootstrap.servers": "kafka:9092"}
    assert credentials(Settings()) is None


def test_both_clients_are_told_the_same(files):
    mine = {"kafka_ca": files / "ca.pem", "kafka_certificate": files / "me.pem", "kafka_key": files / "me.key"}
    told = librdkafka(Settings(**SCRAM, **mine))
    assert (told["security.protocol"], told["sasl.mechanism"]) == ("sasl_ssl", "SCRAM-SHA-512")
    assert (told["sasl.username"], told["sasl.password"]) == ("u", "p")
    assert told["ssl.certificate.location"] == str(files / "me.pem")
    faust = credentials(Settings(**SCRAM, **mine))
    assert isinstance(faust, SASLCredentials)
    assert (faust.protocol.value, faust.mechanism.value, faust.username) == ("SASL_SSL", "SCRAM-SHA-512", "u")
    assert len(faust.ssl_context.get_ca_certs()) == 1
    assert isinstance(credentials(Settings(kafka_protocol="ssl", **mine)), SSLCredentials)


def test_tokens_are_asked_for_once_for_both_clients():
    with IdentityProvider() as provider:
        settings = Settings(**{**OAUTH, "kafka_token_url": provider.url})
        told = librdkafka(settings)
        assert isinstance(credentials(settings), OAuthCredentials)
        value, expires = told["oauth_cb"]("")
        assert value.count(".") == 2
        assert expires > 0
        librdkafka(settings)
        assert provider.asked == [{"grant_type": "client_credentials"}]


def test_an_identity_provider_that_is_away_is_to_faust_a_broker_that_is_away():
    with IdentityProvider() as provider:
        settings = Settings(**{**OAUTH, "kafka_token_url": provider.url, "kafka_scope": "away"})
        provider.instead = 503, b""
        with pytest.raises(KafkaConnectionError, match="gave no token but status 503"):
            asyncio.run(credentials(settings).oauth_cb.token())
        provider.instead = None
        assert asyncio.run(credentials(settings).oauth_cb.token()).count(".") == 2


def test_a_broker_that_a_command_starts_for_itself_is_spoken_to_plainly(tmp_path):
    settings = Settings(**SCRAM, replication=3, instance="w1", create_topics=False)

    def of_chaos(broker):
        return Chaos(settings, Order(broker=broker), print, lambda *_: None)._settings_of(tmp_path)

    for own in (processes._embedded(settings), of_chaos("embedded"), of_chaos("kafka")):
        assert (own.kafka_protocol, own.kafka_mechanism, own.kafka_password) == ("plaintext", "", "")
        assert (own.replication, own.instance, own.create_topics) == (1, "", True)
    three = of_chaos("cluster")
    assert (three.kafka_protocol, three.replication, three.min_insync) == ("plaintext", 3, 2)
    other = of_chaos("kafka:9092")
    assert (other.kafka_protocol, other.replication, other.instance) == ("sasl_ssl", 3, "")


def test_faust_takes_a_session_timeout_that_outlasts_a_restart(tmp_path):
    conf = Correlator(Settings(session_timeout=300, instance="w1", data_dir=tmp_path), Metrics()).app.conf
    assert conf.broker_request_timeout > conf.broker_session_timeout == 300
    assert conf.consumer_group_instance_id == "w1"
