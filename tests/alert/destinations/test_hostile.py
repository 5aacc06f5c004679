"""Whatever is in an alert can be said: a failure that is none of ours would end the line of a destination."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.alert.body import told
from pipeline.alert.destinations import chat, pagerduty, secops, syslog, webhook
from pipeline.alert.example import example
from pipeline.alert.notice import Notice
from pipeline.alert.plain import encoded
from pipeline.alert.templates import Compiled
from schemas.alert import Alert, Change

TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=30), st.sampled_from(["x" * 5000, "\ud800" * 3000])
)
NUMBERS = st.integers(-(2**63), 2**63 - 1)
BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXTS, int: NUMBERS, float: st.floats(), bool: st.booleans(), list[str]: st.lists(TEXTS, max_size=3),
    dict[str, int]: st.dictionaries(TEXTS, NUMBERS, max_size=3),
    list[Change]: st.lists(st.builds(Change, what=TEXTS, by=TEXTS, at=NUMBERS, reason=TEXTS), max_size=2),
}  # fmt: skip
ALERTS = st.fixed_dictionaries(
    {}, optional={field.name: BY_TYPE[field.type] for field in msgspec.structs.fields(Alert)}
).map(lambda changes: msgspec.structs.replace(example(), **changes))
NOTICES = st.builds(
    Notice, alert=ALERTS, news=st.sampled_from(["opened", "updated", "acknowledged", "closed"]), key=TEXTS,
    link=st.sampled_from(["", "https://whodid.example.com/alerts/1"]), example=st.booleans(),
)  # fmt: skip
TEMPLATE = Compiled(
    "{{ alert|tojson }}{% for one in alert.unusual %}{{ one|cut(9) }}{% endfor %}{{ alert.risk|round }}"
)


@settings(deadline=None, max_examples=300)
@given(NOTICES)
def test_it_can_be_said_to_everybody(notice: Notice) -> None:
    assert len(syslog.payload(notice)) <= 8192
    assert len(encoded(pagerduty.payload(notice))) < 512 * 1024
    assert len(secops.payload(notice)) < 1024 * 1024
    for text in chat.payload(notice):
        text.encode()
    TEMPLATE.render(told(notice)).encode()
    webhook.payload(notice)
