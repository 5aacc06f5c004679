"""Tokens for Kafka are renewed before they expire, and a refusal says who refused whom."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.kit.failures import Permanent, Transient
from pipeline.kit.tokens import Tokens
from tests.kafka.identity import CLIENT, SECRET, IdentityProvider


@pytest.fixture
def provider():
    with IdentityProvider() as started:
        yield started


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def test_a_token_is_kept_until_a_quarter_of_its_life_is_left(provider):
    clock = Clock()
    tokens = Tokens(provider.url, (CLIENT, SECRET), "kafka", clock=clock)
    first = tokens.get()
    assert first.expires == 1000 + provider.life
    clock.now += 0.74 * provider.life
    assert tokens.get() == first
    clock.now += 0.02 * provider.life
    assert tokens.get().expires == clock.now + provider.life
    assert provider.asked == [{"grant_type": "client_credentials", "scope": "kafka"}] * 2


def test_many_threads_wait_for_one_token(provider):
    tokens = Tokens(provider.url, (CLIENT, SECRET))
    with ThreadPoolExecutor(8) as pool:
        assert len({token.value for token in pool.map(lambda _: tokens.get(), range(8))}) == 1
    assert len(provider.asked) == 1


def test_a_wrong_secret_is_refused_with_the_endpoints_own_words_and_without_the_secret(provider):
    with pytest.raises(
        Permanent, match=r"refuses the client 'whodid' with status 401 \(invalid_client no such"
    ) as error:
        Tokens(provider.url, (CLIENT, "wrong-secret")).get()
    assert "wrong-secret" not in str(error.value)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>"), (200, b"[]"), (200, b'{"access_token": "a b"}'), (200, b'{"access_token": "a\\u0001auth=x"}'),
        (200, b'{"access_token": "a", "expires_in": -1}'), (302, b""), (503, b'{"error": "\\u001b[31mbusy"}'),
    ],
)  # fmt: skip
def test_an_answer_without_a_token_is_told_in_one_line(provider, status, body):
    provider.instead = status, body
    with pytest.raises(Transient, match=f"gave no token but status {status}") as error:
        Tokens(provider.url, (CLIENT, SECRET)).get()
    assert str(error.value).isprintable()


def test_an_endpoint_that_is_away_is_named():
    with pytest.raises(Transient, match=r"127\.0\.0\.1:9/token does not answer"):
        Tokens("http://127.0.0.1:9/token", (CLIENT, SECRET)).get()


def test_a_token_whose_life_is_not_told_counts_for_five_minutes(provider):
    provider.instead = 200, b'{"access_token": "opaque"}'
    assert Tokens(provider.url, (CLIENT, SECRET), clock=Clock()).get().expires == 1300
