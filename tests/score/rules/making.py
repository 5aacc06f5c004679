"""Entries and folders of rules for tests."""

from __future__ import annotations

from pathlib import Path

from pipeline.kit.state import PartitionState
from pipeline.score.definition import Example
from pipeline.score.examples import entries_of
from pipeline.score.rules.rulebook import STATE, Match, Rulebook
from schemas.entry import Entry

OWN = """
title: Changes of identities
why: They last.
severity: high
sentence: "{action} by {actor} from {address}"
when:
  selection: {action|startswith: "iam:", outcome: success}
  filter: {actor: terraform}
  condition: selection and not filter
examples:
  found:
    - name: a user is made
      entries: [{action: "iam:CreateUser", actor: ana, outcome: success}]
  silent:
    - name: by terraform
      entries: [{action: "iam:CreateUser", actor: terraform, outcome: success}]
"""
SIGMA = """
title: Trail stopped
id: 11111111-2222-4333-8444-555555555555
name: stopped
description: Nothing is logged any more.
tags: [attack.defense-evasion, attack.t1562.008]
logsource: {product: aws, service: cloudtrail}
detection:
  selection:
    eventSource: cloudtrail.amazonaws.com
    eventName: [StopLogging, DeleteTrail]
  condition: selection
falsepositives: [maintenance]
level: high
"""


def entry(event_id: str = "e", at: float = 0.0, **given: object) -> Entry:
    """One Entry, `at` seconds after the beginning."""
    made = entries_of(Example(name="x", entries=[{"kind": "cloud_audit", **given}]))[0]
    made.event.event_id, made.event.time = event_id, made.event.time + int(at * 1_000_000)
    return made


def trail(action: str, event_id: str = "e", at: float = 0.0, **given: object) -> Entry:
    """One Entry of CloudTrail."""
    return entry(event_id, at, action=action, format="aws.cloudtrail", **given)


def book(folder: Path, **files: str) -> Rulebook:
    """The rules of these files."""
    for name, text in files.items():
        (folder / f"{name}.yml").write_text(text)
    return Rulebook.load(folder)


def found(rules: Rulebook, *entries: Entry) -> list[Match]:
    """What these entries, one after the other, match."""
    state = PartitionState(STATE)
    return [match for one in entries for match in rules.apply(one, state)]
