"""The events that used one credential, for the correlator to attribute again.

What a credential issued is attributed again with it, but does not count: the correlator keeps issuances by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline.store.pivots import MAX_LIMIT, Rows, timeline
from schemas.entry import Entry


def uses(store: Rows, credentials: Sequence[str], span: tuple[int, int] | None = None) -> Iterator[Entry]:
    """The entries of those events and of the issuances made with them, in the order of time, without fingerprints.

    Rows of a credential are scattered over the timeline, so that asking for many costs little more than for one.

    `span`: first and last event time, microseconds; None = all.
    """
    since, until = (span[0], span[1] + 1) if span else (None, None)
    after, known = None, set(credentials)
    while True:
        page = timeline(store, "credential", credentials, since=since, until=until, after=after, limit=MAX_LIMIT)
        for row in page.entries:
            if row.event.credential in known:
                yield row
        if page.next is None:
            return
        after = page.next
