"""Harmless things that look like attacks, each by its name; `truth.scenario` says the same; nothing is malicious."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pipeline.simulate.controls import coding, machines, people
from pipeline.simulate.staff.office import Happening

#: Name (what `truth.scenario` says) → what happens.
CONTROLS: Mapping[str, Happening] = MappingProxyType({
    "control: terraform in the pipeline": machines.terraform_in_the_pipeline,
    "control: terraform on a laptop": people.terraform_on_a_laptop,
    "control: deploy storm": machines.deploy_storm,
    "control: batch ten times larger": machines.large_batch,
    "control: autoscaling": machines.autoscaling,
    "control: new version of an agent": machines.new_version,
    "control: key rotation": people.key_rotation,
    "control: first use of models": people.first_models,
    "control: everybody on a new network": people.new_network,
    "control: one person from abroad": people.from_abroad,
    "control: loop in the shell": people.loop,
    "control: coding agent of a person": coding.coding_agent,
    "control: new hire with a new role": people.new_hire,
    "control: incident drill": people.drill,
    "control: break-glass role": people.break_glass,
    "control: logging extended": people.logging_extended,
    "control: exposure that was none": people.alert_of_nothing,
    "control: new laptop": people.new_laptop,
    "control: return after a long leave": people.back_from_leave,
    "control: service moved to new hosts": machines.moved,
})  # fmt: skip
