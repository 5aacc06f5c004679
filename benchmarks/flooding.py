"""Clients of the HTTP collector that send as if nothing were the matter, and wait as long as they are told to."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from itertools import groupby, islice
from operator import itemgetter
from typing import NamedTuple

import aiohttp

from benchmarks.feeding import Native

#: Events that come into one request's stretch of the load.
STRETCH = 1000
#: Requests of a stretch that are under way or waiting at most: beyond that the clients themselves have no more memory.
MOST = 2000
PATIENCE = 300.0
RESET = 0


class Answers(NamedTuple):
    """What the collector said."""

    #: Requests by status; 0: the connection was reset, and it was sent again.
    statuses: dict[int, int]
    #: The most that Retry-After said, in seconds.
    retry_after: int
    #: Events.
    accepted: int
    sent: int
    seconds: float


async def flood(address: str, messages: Iterator[Native], rate: float) -> Answers:
    """Send so many events a second to their end, each at its time whatever became of those before.

    Each is sent again until it is accepted, after as long as Retry-After says, or a second if the connection was reset.
    Raises SystemExit on any other answer than 200, 429 and 503, and when a request is not accepted in the end.
    """
    statuses: Counter[int] = Counter()
    told = accepted = sent = 0
    loop = asyncio.get_running_loop()

    async def post(client: aiohttp.ClientSession, path: str, body: bytes, events: int) -> None:
        nonlocal told, accepted
        deadline = loop.time() + PATIENCE
        while loop.time() < deadline:
            try:
                status, wait, taken = await ask(client, path, body)
            except aiohttp.ClientConnectionError:
                # The server has closed a connection that was idle just when it was used again.
                status, wait, taken = RESET, 1, 0
            statuses[status] += 1
            accepted += taken
            if status == 200:
                return
            told = max(told, wait)
            await asyncio.sleep(wait)
        raise SystemExit(f"a request of {events} events was not accepted within {PATIENCE:.0f} s")

    began = loop.time()
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    async with (
        aiohttp.ClientSession(address, connector=connector, timeout=timeout) as client,
        asyncio.TaskGroup() as all_,
    ):
        tasks: set[asyncio.Task[None]] = set()
        while stretch := list(islice(messages, STRETCH)):
            while sent > (loop.time() - began) * rate or len(tasks) >= MOST:
                await asyncio.sleep(0.01)
            for path, body, events in requests(stretch):
                task = all_.create_task(post(client, path, body, events))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
                sent += events
            await asyncio.sleep(0)
    return Answers(dict(statuses), told, accepted, sent, loop.time() - began)


async def ask(client: aiohttp.ClientSession, path: str, body: bytes) -> tuple[int, int, int]:
    """Status, Retry-After and number of events accepted. Raises SystemExit on what no waiting would mend."""
    async with client.post(path, data=BytesIO(body), headers={"content-type": "application/x-ndjson"}) as answer:
        if answer.status == 200:
            return 200, 0, (await answer.json())["accepted"]
        if answer.status not in (429, 503):
            raise SystemExit(f"the collector answered {answer.status}: {await answer.text()}")
        return answer.status, int(answer.headers["retry-after"]), 0


def requests(messages: list[Native]) -> Iterator[tuple[str, bytes, int]]:
    """Path, body and number of events of each request: one a topic and format, as JSON lines."""
    kind = itemgetter(0, 1)
    for (topic, name), those in groupby(sorted(messages, key=kind), kind):
        values = [value for _, _, value in those]
        yield f"/v1/events/{topic}?format={name}", b"\n".join(values), len(values)
