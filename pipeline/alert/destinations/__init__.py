"""Ways out, one file each."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.alert.destinations.chat import Chat
from pipeline.alert.destinations.elastic import Elastic
from pipeline.alert.destinations.ocsf import Ocsf
from pipeline.alert.destinations.pagerduty import PagerDuty
from pipeline.alert.destinations.secops import SecOps
from pipeline.alert.destinations.sentinel import Sentinel
from pipeline.alert.destinations.splunk import Splunk
from pipeline.alert.destinations.syslog import Syslog
from pipeline.alert.destinations.template import Template
from pipeline.alert.destinations.webhook import Webhook

#: Every kind of destination, told apart by `kind`.
Any_ = Annotated[
    Chat
    | Elastic
    | Ocsf
    | PagerDuty
    | SecOps
    | Sentinel
    | Splunk
    | Syslog
    | Template
    | Webhook,
    Field(discriminator="kind"),
]  # fmt: skip
