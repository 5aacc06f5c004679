"""Attacks on an organisation that has a past, each by its name; `truth.scenario` says the same of each of its events.

Those that need somebody at work begin when somebody is. Speed, length, order and victims vary by seed.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pipeline.simulate.attacks import defences, leaks, machines, models, runners, tokens
from pipeline.simulate.staff.office import Happening

#: Name (what `truth.scenario` says) → the attack.
ATTACKS: Mapping[str, Happening] = MappingProxyType({
    "llmjacking: invalid parameters": models.by_invalid_parameters,
    "llmjacking: models opened": models.by_opening_models,
    "llmjacking: logging switched off": models.without_logging,
    "llmjacking: Bedrock API key": models.by_api_key,
    "llmjacking: burn by a known user": models.by_a_known_user,
    "leaked key probed after its exposure": leaks.quarantined_key,
    "leaked token probed after its exposure": leaks.secret_scanning,
    "leaked developer token": leaks.developer_token,
    "enumeration with a stolen session": leaks.enumeration,
    "ci secret theft": leaks.pipeline_secrets,
    "human using a service account": leaks.person_as_service,
    "dormant identity wakes": leaks.asleep,
    "token used after it expired": tokens.after_expiry,
    "used after the end": tokens.after_the_task,
    "replayed token": tokens.replayed,
    "vault token used after revocation": tokens.vault_after_revocation,
    "kubernetes token used after its pod is gone": tokens.kubernetes_after_deletion,
    "github token used after revocation": tokens.github_after_revocation,
    "standing key used after revocation": tokens.key_after_revocation,
    "session of twelve hours": tokens.long_session,
    "vault token of a month": tokens.vault_month,
    "policy never used before": tokens.other_policy,
    "scope never used before": tokens.other_scope,
    "standing key of a workload that has workload identity": tokens.standing_for_workload,
    "temporary credential never seen issued": tokens.never_issued,
    "role chaining into an account never used": tokens.other_account,
    "machine using a human session": machines.script_as_person,
    "agent using a human session": machines.agent_as_person,
    "agent beyond its past": machines.beyond_its_past,
    "agent's credential changes things": machines.deletes,
    "injected agent": machines.injected,
    "privileged act without a tool call": machines.without_cause,
    "shadow agent": machines.shadow_agent,
    "unlisted mcp server": machines.unlisted_server,
    "rogue mcp server": machines.changed_tools,
    "logging disabled": defences.logging_off,
    "detection disabled": defences.detection_off,
    "ci identity outside its pipeline": runners.other_repository,
    "ci session from another network": runners.other_network,
})  # fmt: skip
