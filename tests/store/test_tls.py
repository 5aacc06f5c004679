"""TLS to a server: who is trusted, who one is, and what is said when it does not fit."""

import ssl

import pytest
import trustme

from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid, Permanent, Transient
from pipeline.store import connect, queries
from tests.store.entries import entry
from tests.store.served import Served


class Certificates:
    """An authority, the server's and our own certificate in files, and another authority."""

    def __init__(self, folder):
        authority, other = trustme.CA(), trustme.CA()
        self.ca, self.other = folder / "ca.pem", folder / "other.pem"
        authority.cert_pem.write_to_path(self.ca)
        other.cert_pem.write_to_path(self.other)
        ours = authority.issue_cert("whodid")
        self.certificate, self.key = folder / "ours.pem", folder / "ours.key"
        ours.cert_chain_pems[0].write_to_path(self.certificate)
        ours.private_key_pem.write_to_path(self.key)
        self.strange, self.strange_key = folder / "strange.pem", folder / "strange.key"
        strange = other.issue_cert("whodid")
        strange.cert_chain_pems[0].write_to_path(self.strange)
        strange.private_key_pem.write_to_path(self.strange_key)
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("clickhouse.example.com").configure_cert(self.context)
        authority.configure_trust(self.context)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def server(certificates):
    certificates.context.verify_mode = ssl.CERT_OPTIONAL
    with Served(certificates.context) as serving:
        yield serving


@pytest.fixture
def opened(server, certificates):
    """Opens the store with these settings beside the authority and the server's name."""

    def connected(user="ana:pw@", **given):
        wanted = {"clickhouse_ca": certificates.ca, "clickhouse_server_name": "clickhouse.example.com", **given}
        return connect(Settings(clickhouse=server.url("tls", user, "https"), **wanted), migrated=False)

    return connected


def test_a_server_of_an_authority_that_is_trusted_is_written_to(server, certificates):
    settings = Settings(
        clickhouse=server.url("tls", scheme="https"), clickhouse_ca=certificates.ca,
        clickhouse_server_name="clickhouse.example.com",
    )  # fmt: skip
    with connect(settings) as store:
        store.write_entries([entry("a")])
        assert queries.counts(store).entries == 1


def test_of_another_authority_or_another_name_it_is_refused(opened, certificates):
    with pytest.raises(Permanent, match="do not trust each other: certificate verify failed"):
        opened(clickhouse_ca=certificates.other)
    with pytest.raises(Permanent, match="do not trust each other: certificate verify failed"):
        opened(clickhouse_ca=None)
    with pytest.raises(Permanent, match=r"do not trust each other: .*(match|verify failed)"):
        opened(clickhouse_server_name="other.example.com")
    with pytest.raises(Permanent, match="do not trust each other"):
        opened(clickhouse_server_name="")


def test_a_certificate_says_who_one_is_unless_there_is_a_password(server, opened, certificates):
    own = {"clickhouse_certificate": certificates.certificate, "clickhouse_key": certificates.key}
    opened("store@", **own).close()
    alone = server.requests[-1]
    assert alone.certificate is not None
    assert alone.headers["x-clickhouse-ssl-certificate-auth"] == "on"
    assert alone.headers["x-clickhouse-user"] == "store"
    assert "authorization" not in alone.headers
    opened("store:pw@", **own).close()
    beside = server.requests[-1]
    assert beside.certificate is not None
    assert "x-clickhouse-ssl-certificate-auth" not in beside.headers
    assert beside.headers["authorization"].startswith("Basic ")


def test_with_a_certificate_that_the_server_does_not_trust_no_request_reaches_it(server, opened, certificates):
    began = len(server.requests)
    # In TLS 1.3 the server may hang up before what it says is read: then it is as one that is away.
    with pytest.raises((Permanent, Transient), match="store: "):
        opened(clickhouse_certificate=certificates.strange, clickhouse_key=certificates.strange_key)
    assert len(server.requests) == began


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"clickhouse_ca": "nowhere.pem"}, r"clickhouse_ca \(WHODID_CLICKHOUSE_CA\): expected a file of certificates"),
        ({"clickhouse_certificate": "a.pem"}, r"clickhouse_key \(WHODID_CLICKHOUSE_KEY\): expected both"),
        ({"clickhouse_key": "a.key"}, r"clickhouse_certificate \(.*\): expected both"),
    ],
)
def test_files_that_do_not_fit_are_named(opened, given, said):
    with pytest.raises(Invalid, match=said):
        opened(**given)


def test_a_key_that_is_not_of_the_certificate_is_named(opened, certificates):
    with pytest.raises(Invalid, match=r"clickhouse_key .*: expected the key of that certificate"):
        opened(clickhouse_certificate=certificates.certificate, clickhouse_key=certificates.strange_key)


def test_settings_of_tls_are_refused_without_it(certificates):
    with pytest.raises(Invalid, match=r"clickhouse_ca \(WHODID_CLICKHOUSE_CA\): expected clickhouse to be https"):
        connect(Settings(clickhouse="http://127.0.0.1:1/whodid", clickhouse_ca=certificates.ca))
