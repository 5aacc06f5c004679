"""Bodies share a bound: what does not fit is turned away at once, and comes through when sent again."""

import asyncio

import httpx
import pytest
from confluent_kafka import Producer
from fastapi import FastAPI

from benchmarks import flooding
from benchmarks.load import Load
from pipeline.kit.clients import producer_config
from pipeline.sources import body, collector
from pipeline.sources.room import Room
from tests.sources.kafka import messages


def test_shares_are_bounded_together_and_given_back():
    room = Room(100)
    with room.shared() as first, room.shared() as second:
        assert first.reach(60)
        assert not second.reach(41)
        assert room.kept == 60
        assert second.reach(40)
        assert not first.reach(61)
        # What does not fit is not kept at all.
        assert room.kept == 40
        assert first.reach(60)
    assert room.kept == 0


def test_one_that_is_alone_always_has_room():
    room = Room(100)
    with room.shared() as only:
        assert only.reach(1000)
        with room.shared() as other:
            assert not other.reach(1)
    assert room.kept == 0


@pytest.fixture
def client(settings, monkeypatch):
    monkeypatch.setattr(collector, "ROOM", 1000)
    app = FastAPI()
    app.include_router(collector.router(settings, Producer(producer_config(settings))))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test")


JSON = {"content-type": "application/json"}


def test_a_body_for_which_there_is_no_room_is_read_and_told_to_come_again(client, settings):
    begun, go, read = asyncio.Event(), asyncio.Event(), []

    async def slow():
        yield b'{"a": "' + b"x" * 900
        begun.set()
        await go.wait()
        yield b'"}'

    async def further():
        for _ in range(5):
            read.append(1)
            yield b'{"a": "' + b"y" * 200 + b'"}\n'

    async def ask():
        async with client:
            first = asyncio.create_task(client.post("/v1/events/prompts", content=slow(), headers=JSON))
            await begun.wait()
            refused = await client.post("/v1/events/prompts", content=further(), headers=JSON)
            seen = len(read)
            go.set()
            taken = await first
            again = await client.post("/v1/events/prompts", content=further(), headers=JSON)
        return refused, seen, taken, again

    refused, seen, taken, again = asyncio.run(ask())
    assert (refused.status_code, refused.headers["retry-after"], seen) == (429, str(body.AGAIN), 5)
    assert (taken.status_code, again.status_code) == (200, 200)
    assert len(messages(settings, "prompts")) == 6


def test_a_body_that_never_ends_gives_its_room_back(client, monkeypatch):
    monkeypatch.setattr(body, "SLOWEST", 0.2)

    async def endless():
        yield b'{"a": "'
        await asyncio.Event().wait()

    async def ask():
        async with client:
            stuck = await client.post("/v1/events/prompts", content=endless(), headers=JSON)
            return stuck, await client.post("/v1/events/prompts", json={"a": "x" * 950})

    stuck, next_one = asyncio.run(ask())
    assert (stuck.status_code, next_one.status_code) == (429, 200)


@pytest.fixture
def cramped(monkeypatch):
    """There is room for two requests, and clients come again after a second."""
    monkeypatch.setattr(collector, "ROOM", 2 * 20_000)
    monkeypatch.setattr(body, "AGAIN", 1)
    monkeypatch.setattr(flooding, "STRETCH", 10)


def test_clients_that_wait_as_they_are_told_lose_nothing(settings, cramped, address):
    load = Load(100)
    answers = asyncio.run(flooding.flood(address, iter(load), 100_000))
    assert answers.sent == answers.accepted == 100
    assert answers.statuses.keys() == {200, 429}
    assert answers.retry_after == 1
    found = sum(len(messages(settings, topic)) for topic in ("cloud-audit", "token-issuance", "tool-calls"))
    assert found == 100
