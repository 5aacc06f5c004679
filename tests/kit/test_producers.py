"""Whose a record is believed to be: signatures, who may send what, and what becomes of records of nobody."""

import base64
import os

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid
from pipeline.kit.producers import Trust
from pipeline.kit.signing import Signer, private_key, raw, signer

VALUE = b'{"eventID": "1"}'


class Bridge:
    """A producer with a key of its own, and the file that knows it."""

    def __init__(self, folder, more="topics: [token-issuance]\n    formats: ['okta.*']", above=""):
        self.key = Ed25519PrivateKey.generate()
        self.pem, self.file = folder / "bridge.pem", folder / "producers.yaml"
        self.pem.write_bytes(self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        public = base64.b64encode(raw(self.key.public_key())).decode()
        self.file.write_text(f"{above}producers:\n  - name: bridge\n    ed25519: {public}\n    {more}\n")
        self.signer = Signer("bridge", private_key(self.pem))

    def trust(self):
        return Trust(Settings(producers=self.file, hash_key="0123456789abcdef"))

    def headers(self, topic="token-issuance", form="okta.system-log", value=VALUE):
        return sent(self.signer.headers(topic, form, value))


@pytest.fixture
def bridge(tmp_path):
    return Bridge(tmp_path)


def sent(headers):
    return {name: value.encode() for name, value in headers.items()}


def test_a_record_is_whose_it_is_signed_by(bridge):
    assert bridge.trust().producer(bridge.headers(), "token-issuance", VALUE) == "bridge"


def test_a_record_that_nobody_signed_is_nobodys(bridge):
    assert bridge.trust().producer({"format": b"okta.system-log"}, "token-issuance", VALUE) == ""


@pytest.mark.parametrize("part", ["value", "topic", "format", "producer", "signature"])
def test_no_part_of_a_signed_record_can_be_exchanged(bridge, part):
    headers, topic, value = bridge.headers(), "token-issuance", VALUE
    if part == "value":
        value += b" "
    elif part == "topic":
        topic = "cloud-audit"
    else:
        headers[part] = {"signature": headers["signature"][:-8] + b"AAAAAAA="}.get(part, headers[part] + b"x")
    with pytest.raises(Invalid, match="signature"):
        bridge.trust().producer(headers, topic, value)


def test_the_lengths_of_parts_are_signed_too(bridge):
    """Else what ends the topic could begin the format."""
    made = sent(bridge.signer.headers("token-issuance", "okta.system-log", VALUE))
    made["format"] = b"okta.system-logbrid"
    made["producer"] = b"ge"
    with pytest.raises(Invalid, match="signature"):
        bridge.trust().producer(made, "token-issuance", VALUE)


def test_a_producer_sends_what_it_may_and_nothing_else(bridge):
    trust = bridge.trust()
    for topic, form in (
        ("cloud-audit", "okta.system-log"),
        ("token-issuance", "aws.cloudtrail"),
        ("token-issuance", ""),
    ):
        with pytest.raises(Invalid, match="producer: expected one that may send this format"):
            trust.producer(bridge.headers(topic, form), topic, VALUE)


def test_a_producer_cannot_call_itself_another(bridge, tmp_path):
    headers = sent(Signer("whodid", private_key(bridge.pem)).headers("token-issuance", "okta.system-log", VALUE))
    with pytest.raises(Invalid, match="producer: "):
        bridge.trust().producer(headers, "token-issuance", VALUE)


def test_a_key_that_nobody_knows_vouches_for_nothing(bridge, tmp_path):
    (tmp_path / "other").mkdir()
    other = Bridge(tmp_path / "other")
    assert bridge.trust().producer(other.headers(), "token-issuance", VALUE) == ""


def test_the_pipelines_own_roles_are_known_by_the_hashing_key(bridge):
    settings = Settings(hash_key="0123456789abcdef")
    made = sent(Signer.own(settings, "collect").headers("prompts", "", VALUE, "ana@example.com"))
    assert bridge.trust().producer(made, "prompts", VALUE) == "whodid/collect/ana@example.com"
    elsewhere = sent(Signer.own(Settings(hash_key="fedcba9876543210"), "collect").headers("prompts", "", VALUE))
    assert bridge.trust().producer(elsewhere, "prompts", VALUE) == ""


def test_where_the_broker_lets_one_write_the_broker_vouches(tmp_path):
    trust = Bridge(tmp_path, above="broker: {cloud-audit: trail}\n").trust()
    assert trust.producer({}, "cloud-audit", VALUE) == "trail"
    assert trust.producer({}, "prompts", VALUE) == ""


@pytest.mark.parametrize(("above", "refused"), [
    ("unsigned: refuse\n", {"cloud-audit", "prompts"}), ("unsigned: {cloud-audit: refuse}\n", {"cloud-audit"}),
])  # fmt: skip
def test_records_of_nobody_are_refused_where_the_file_says_so(tmp_path, above, refused):
    trust = Bridge(tmp_path, above=above).trust()
    for topic in ("cloud-audit", "prompts"):
        if topic in refused:
            with pytest.raises(Invalid, match="unsigned records are refused"):
                trust.producer({}, topic, VALUE)
        else:
            assert trust.producer({}, topic, VALUE) == ""


def test_a_file_that_changes_is_read_again(bridge, monkeypatch):
    trust = bridge.trust()
    headers = bridge.headers()
    assert trust.producer(headers, "token-issuance", VALUE) == "bridge"
    bridge.file.write_text("producers: []\n")
    os.utime(bridge.file, (1, 1))
    trust.reload()
    assert trust.producer(headers, "token-issuance", VALUE) == ""
    bridge.file.write_text("producers: 7\n")
    with pytest.raises(Invalid, match=r"producers.yaml: producers"):
        trust.reload()
    assert trust.producer(headers, "token-issuance", VALUE) == "", "what was good stays"


@pytest.mark.parametrize(("text", "says"), [
    ("producers: [{name: whodid, ed25519: x}]", r"producers\.0\.name: expected another name"),
    ("producers: [{name: a, ed25519: x}]", r"producers\.0\.ed25519: expected a public key"),
    ("unsigned: sometimes", "producers.yaml: unsigned"),
    ("broker: {entries: a}", r"producers.yaml: broker\.entries"),
    ("signed: yes", "producers.yaml: signed: expected no such field; known there: unsigned, broker, producers"),
])  # fmt: skip
def test_what_is_wrong_with_the_file_is_said_with_its_field(tmp_path, text, says):
    file = tmp_path / "producers.yaml"
    file.write_text(text)
    with pytest.raises(Invalid, match=says):
        Trust(Settings(producers=file, hash_key="0123456789abcdef"))


def test_two_producers_cannot_share_a_name_or_a_key(bridge):
    text = bridge.file.read_text()
    bridge.file.write_text(text + text.partition("producers:\n")[2].replace("name: bridge", "name: another"))
    with pytest.raises(Invalid, match="expected each ed25519 once"):
        bridge.trust()


def test_who_sends_signs_if_told_to(bridge):
    assert signer(Settings()) is None
    made = signer(Settings(producer="bridge", producer_key=bridge.pem))
    headers = sent(made.headers("token-issuance", "okta.system-log", VALUE))
    assert bridge.trust().producer(headers, "token-issuance", VALUE) == "bridge"
    with pytest.raises(Invalid, match="WHODID_PRODUCER"):
        signer(Settings(producer_key=bridge.pem))


def test_a_key_that_is_none_is_named(tmp_path):
    with pytest.raises(Invalid, match=r"WHODID_PRODUCER_KEY\): expected a file that can be read"):
        private_key(tmp_path / "absent.pem")
    (tmp_path / "empty.pem").write_text("nothing")
    with pytest.raises(Invalid, match="an Ed25519 key in PEM"):
        private_key(tmp_path / "empty.pem")
    rsa = generate_private_key(65537, 2048)
    (tmp_path / "rsa.pem").write_bytes(rsa.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(Invalid, match="an Ed25519 key"):
        private_key(tmp_path / "rsa.pem")
