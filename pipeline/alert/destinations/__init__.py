"""Ways out, one file each."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.alert.destinations.webhook import Webhook

#: Every kind of destination, told apart by `kind`.
Any_ = Annotated[Webhook, Field(discriminator="kind")]
