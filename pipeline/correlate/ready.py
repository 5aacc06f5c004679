"""What a credential's binding says of an event: of most events the same, so it is kept ready."""

from __future__ import annotations

from pipeline.correlate import bindings
from pipeline.correlate.held import Held
from schemas.batch import Attribution, Bind
from schemas.event import Head

#: Bindings whose attribution is kept.
PLAIN = 2_000


class Ready:
    """Attributions of events that state nothing themselves, by their binding's link key. Derived: it is no state."""

    def __init__(self) -> None:
        self._plain: dict[str, tuple[Bind, Attribution]] = {}

    def attribute(self, event: Head, held: Held, bind: Bind | None) -> Attribution:
        """As `bindings.attribute`."""
        stated = event.human or event.tool_call or held.attribution.tool_call or held.attribution.on_behalf_of
        if bind is None or stated or not bind.attribution.actor:
            return bindings.attribute(event, held.attribution, bind)
        known = self._plain.get(bind.key)
        if known is None or known[0] is not bind:
            if len(self._plain) >= PLAIN:
                self._plain.clear()
            known = self._plain[bind.key] = (bind, bindings.attribute(event, held.attribution, bind))
        return known[1]
