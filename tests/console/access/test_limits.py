"""Token buckets and slots, and what somebody is told who asks too much."""

import asyncio
import threading

import httpx
import pytest
from starlette.exceptions import HTTPException

from pipeline.console.access import limits
from pipeline.console.access.limits import Buckets, Slots, neighbourhood
from pipeline.console.access.rights import HEAVY
from pipeline.console.app import create
from pipeline.console.incidents import reconstruct
from tests.console.access.desk import Client


def test_a_bucket_gives_its_burst_then_its_rate():
    now = [0.0]
    buckets = Buckets(2, 3, clock=lambda: now[0])
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert buckets.take("b") == 0
    now[0] = 0.5
    assert [buckets.take("a"), buckets.wait("a")] == [0, 0.5]
    now[0] = 1000
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.5]


def test_buckets_are_bounded(monkeypatch):
    monkeypatch.setattr(limits, "MOST", 100)
    buckets = Buckets(1, 1)
    for number in range(1000):
        buckets.take(str(number))
    assert len(buckets) == 100


def test_slots_are_given_back():
    slots = Slots({"a": 1})
    with slots.taken("a"), slots.taken("b"), pytest.raises(HTTPException) as refused, slots.taken("a"):
        pass
    assert (refused.value.status_code, refused.value.headers["retry-after"]) == (429, "2")
    with slots.taken("a"):
        pass


def test_an_address_of_ipv6_counts_for_its_network():
    assert neighbourhood("2001:db8::1") == neighbourhood("2001:db8::ffff:1") == "2001:db8::/64"
    assert neighbourhood("2001:db8:0:1::1") != neighbourhood("2001:db8::1")
    assert neighbourhood("::ffff:192.0.2.1") == neighbourhood("192.0.2.1") == "192.0.2.1"
    assert neighbourhood("unix") == "unix"


def test_who_asks_too_much_is_told_when_to_come_back(store, settings, key):
    ana, bob = key("viewer", name="ana"), key("viewer", name="bob")
    client = Client(create(store, settings.model_copy(update={"request_rate": 0.5}), dict))
    codes = [client.get("/v1/me", ana).status_code for _ in range(8)]
    assert codes[:2] == [200] * 2
    assert 429 in codes
    answer = client.get("/v1/me", ana)
    assert (answer.status_code, int(answer.headers["retry-after"])) in ((429, 1), (429, 2))
    assert client.get("/v1/me", bob).status_code == 200


def test_whoever_tries_keys_is_slowed_down_and_others_are_not(client, key):
    good = key("viewer")
    assert client.get("/v1/me", good).status_code == 200
    elsewhere = Client(client._app, address="192.0.2.7")
    codes = {elsewhere.get("/v1/me", "whodid_" + "0" * 49).status_code for _ in range(40)}
    assert codes == {401, 429}
    assert elsewhere.get("/v1/me", good).status_code == 429
    assert client.get("/v1/me", good).status_code == 200


def test_logins_are_few(client):
    codes = [client.sign_in("nothing").status_code for _ in range(12)]
    assert codes[:10] == [401] * 10
    assert codes[-1] == 429
    assert Client(client._app, address="192.0.2.8").sign_in("nothing").status_code == 401


def test_what_costs_much_is_answered_so_many_at_once(store, settings, key, monkeypatch):
    made, app = key("analyst"), create(store, settings, dict)
    most, begun, go = HEAVY["GET /v1/reconstruct"], threading.Semaphore(0), threading.Event()

    def slowly(*given):
        begun.release()
        go.wait(20)
        return reconstruct(*given)

    monkeypatch.setattr("pipeline.console.incidents.reconstruct", slowly)

    async def ask():
        transport = httpx.ASGITransport(app)
        headers = {"authorization": f"Bearer {made}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as one:
            tasks = [asyncio.create_task(one.get("/v1/reconstruct?clue=e1")) for _ in range(most)]
            for _ in range(most):
                await asyncio.to_thread(begun.acquire)
            refused = await one.get("/v1/reconstruct?clue=e1")
            other = await one.get("/v1/me")
            go.set()
            return refused, other, [(await task).status_code for task in tasks]

    refused, other, done = asyncio.run(ask())
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "2")
    assert other.status_code == 200
    assert done == [200] * most
