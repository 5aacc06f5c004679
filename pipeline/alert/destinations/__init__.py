"""Ways out, one file each."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.alert.destinations.syslog import Syslog
from pipeline.alert.destinations.webhook import Webhook

#: Every kind of destination, told apart by `kind`.
Any_ = Annotated[
    Syslog
    | Webhook,
    Field(discriminator="kind"),
]  # fmt: skip
