"""An Alert becomes what one destination is told of it: masked as that destination is configured."""

from __future__ import annotations

from typing import Literal, NamedTuple, cast, get_args
from urllib.parse import quote

import msgspec

from schemas.alert import Alert

#: What is kept from a destination: nothing, what comes out of prompts and arguments, or all but the sentence.
Mask = Literal["nothing", "content", "details"]
#: What happened to an alert.
News = Literal["opened", "updated", "acknowledged", "closed"]
MASKED = "[masked]"


class Notice(NamedTuple):
    """What a destination is told."""

    alert: Alert
    news: News
    #: The same whenever this revision is told: receivers know a repetition by it.
    key: str
    #: Where the console shows it; empty if nobody said where the console is.
    link: str = ""
    #: A marked example, not something that happened.
    example: bool = False


def notice(alert: Alert, mask: Mask, console: str = "", *, example: bool = False) -> Notice:
    """What is told of an alert. `console`: address of the console."""
    link = f"{console.rstrip('/')}/alerts/{quote(alert.alert_id, safe='')}" if console else ""
    return Notice(masked(alert, mask), news_of(alert), f"{alert.alert_id}.{alert.revision}", link, example)


def news_of(alert: Alert) -> News:
    """What happened to an alert at this revision."""
    if alert.news in get_args(News):
        return cast(News, alert.news)
    if alert.state == "closed":
        return "closed"
    if alert.state == "acknowledged":
        return "acknowledged"
    return "updated" if alert.revision else "opened"


def masked(alert: Alert, mask: Mask) -> Alert:
    """Without what is kept from a destination."""
    if mask == "nothing":
        return alert
    if mask == "details":
        return msgspec.structs.replace(alert, unusual=[], quotes=[], resources=[])
    # The longest first: a part of another must not leave the rest of it behind.
    hidden = sorted(filter(None, alert.quotes), key=len, reverse=True)
    unusual = []
    for text in alert.unusual:
        for one in hidden:
            text = text.replace(one, MASKED)  # noqa: PLW2901
        unusual.append(text)
    return msgspec.structs.replace(alert, unusual=unusual, quotes=[])
