"""What somebody does first who does not want to be seen: MITRE ATT&CK T1562.008 (disable or modify cloud logs).

Cases: SCARLETEEL (Sysdig, 2023), where trails were switched off; Stratus Red Team has a technique for most of these.
"""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.simulate.attacks.scene import Step, at_work, changes, from_within, play, steps, stolen
from pipeline.simulate.staff.office import Office
from pipeline.simulate.truth import Told
from pipeline.simulate.world import Doer

TRAIL = {"name": "organization-trail"}
NOTHING = {"eventSelectors": [{"readWriteType": "All", "includeManagementEvents": False, "dataResources": []}]}
LOGGING: tuple[Step, ...] = (
    ("cloudtrail:StopLogging", {"requestParameters": TRAIL}),
    ("cloudtrail:UpdateTrail", {"requestParameters": {**TRAIL, "isMultiRegionTrail": False}}),
    ("cloudtrail:PutEventSelectors", {"requestParameters": {**TRAIL, **NOTHING}}),
    ("cloudtrail:DeleteTrail", {"requestParameters": TRAIL}),
    ("ec2:DeleteFlowLogs", {"requestParameters": {"name": "fl-0123456789abcdef0"}}),
    ("s3:PutBucketLifecycle", {"requestParameters": {"bucketName": "example-trail-archive"}}),
)
DETECTION: tuple[Step, ...] = (
    ("guardduty:UpdateDetector", {"requestParameters": {"name": "detector-1", "enable": False}}),
    ("guardduty:DeleteDetector", {"requestParameters": {"name": "detector-1"}}),
    ("guardduty:CreateIPSet", {"requestParameters": {"name": "trusted"}}),
    ("securityhub:DisableSecurityHub", {}),
    ("config:StopConfigurationRecorder", {"requestParameters": {"name": "default"}}),
    ("config:DeleteDeliveryChannel", {"requestParameters": {"name": "default"}}),
    ("access-analyzer:DeleteAnalyzer", {"requestParameters": {"name": "organization"}}),
)


def _administrator(office: Office, time: int, scenario: str) -> tuple[Doer, int]:
    """An administrator's session, taken away or misused where it is."""
    person, session, at = at_work(office, time, "administrator")
    doer = person.doer(office, session)
    return stolen(office, doer, scenario) if office.chance.random() < 0.6 else from_within(doer, scenario), at


def logging_off(office: Office, time: int) -> Iterator[Told]:
    """The trail is looked at, then stopped, narrowed or deleted; what follows would not have been seen."""
    chance = office.chance
    doer, at = _administrator(office, time, "logging disabled")
    order = [
        *steps("cloudtrail:DescribeTrails cloudtrail:GetTrailStatus"),
        *chance.sample(LOGGING, k=chance.randint(1, 4)),
    ]
    yield from play(office, at, doer, order, (1, chance.uniform(3, 30)))


def detection_off(office: Office, time: int) -> Iterator[Told]:
    """Detectors and recorders are switched off or blinded, then something is changed."""
    chance = office.chance
    doer, at = _administrator(office, time, "detection disabled")
    order = [*steps("guardduty:ListDetectors"), *chance.sample(DETECTION, k=chance.randint(1, 4)),
             *changes(office, chance.randint(0, 5), "iam", "ec2")]  # fmt: skip
    yield from play(office, at, doer, order, (1, chance.uniform(3, 30)))
