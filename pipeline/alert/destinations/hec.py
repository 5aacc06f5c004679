"""What Splunk's HTTP Event Collector (HEC) answers, and what it means.

HEC says what is wrong by a number in its answer, not by the status: 400 is about the event (no data) as well as about
the token (no such channel, an index that the token may not write to). An answer without a number is not of HEC.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import NoReturn

import msgspec

from pipeline.alert.plain import encoded
from pipeline.alert.wire import Away, Refused, Reply, Wire

#: Codes that are about the event: no data, invalid format, no event, a blank event, indexed fields.
#: 7, an index that the token may not write to, is not: we write to one index, and what is mended is the token.
ABOUT_THIS = {5, 6, 12, 13, 15}
#: Seconds between questions whether an event is indexed: the first, the longest.
FIRST, LONGEST = 0.2, 5.0
_CODE = re.compile(r'"code"\s*:\s*(\d{1,4})\b')


class Said(msgspec.Struct):
    """The answer to an event."""

    code: int
    ackId: int | None = None


class _Acks(msgspec.Struct):
    acks: dict[str, bool]


def said(reply: Reply) -> Said:
    """Raises Away unless it is a success of HEC's."""
    try:
        found = msgspec.json.decode(reply.body, type=Said)
    except msgspec.MsgspecError as error:
        raise Away("its answer is not of an HTTP Event Collector: is the URL?", reply.status) from error
    if found.code:
        raise Away(f"code {found.code}", reply.status)
    return found


def judged(failure: Refused | Away, token: str) -> NoReturn:
    """Raises Refused if a failure is about the event; else Away."""
    text = str(failure).replace(token, "<token>")
    code = _CODE.search(text)
    if failure.status == 413 or (failure.status == 400 and code and int(code[1]) in ABOUT_THIS):
        raise Refused(text, failure.status) from failure
    raise Away(text, failure.status, getattr(failure, "retry_after", 0.0)) from failure


async def indexed(wire: Wire, url: str, headers: Mapping[str, str], ack: int, within: float) -> None:
    """Asks until an event is indexed. Raises Away if it is not in time."""
    reason, wait = "not yet", FIRST
    try:
        async with asyncio.timeout(within):
            while True:
                try:
                    if _acknowledged(await wire.request("POST", url, encoded({"acks": [ack]}), headers), ack):
                        return
                    reason = "not yet"
                except (Refused, Away) as failure:
                    # The event may be there all the same: to ask again is better than to send it twice.
                    reason = str(failure).replace(headers["Authorization"].partition(" ")[2], "<token>")
                await asyncio.sleep(wait)
                wait = min(wait * 2, LONGEST)
    except TimeoutError as error:
        raise Away(f"not indexed within {within:g} s: {reason}") from error


def _acknowledged(reply: Reply, ack: int) -> bool:
    try:
        return msgspec.json.decode(reply.body, type=_Acks).acks.get(str(ack), False)
    except msgspec.MsgspecError as error:
        raise Away("its answer says nothing of acknowledgements", reply.status) from error
