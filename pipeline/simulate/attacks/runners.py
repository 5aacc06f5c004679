"""Pipelines' identities outside of their pipeline.

Cases: role trust policies that take any repository (Tinder Security Labs 2023, Datadog's study of GitHub OIDC roles),
pull requests from forks ("pwn requests"), s1ngularity (2025-08), tj-actions (2025-03): runners that run something else.
"""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.simulate import shapes
from pipeline.simulate.attacks.scene import changes, play, stolen, survey
from pipeline.simulate.staff.office import Office, workload_session
from pipeline.simulate.staff.pipelines import Repository
from pipeline.simulate.truth import Told, Truth
from pipeline.simulate.world import GITHUB, SECOND, Doer


def other_repository(office: Office, time: int) -> Iterator[Told]:
    """A token of another repository, branch or environment takes the role that one repository deploys with."""
    chance, scenario = office.chance, "ci identity outside its pipeline"
    found = office.victim(office.of(Repository, time))
    subject = chance.choice((
        f"repo:example/{chance.choice(('sandbox', 'docs', 'playground'))}:ref:refs/heads/main",
        f"repo:{found.repository}:ref:refs/heads/patch-{chance.randrange(9)}",
        f"repo:{chance.choice(('ex4mple', 'someone-else'))}/{found.name}:ref:refs/heads/main",
        f"repo:{found.repository}:environment:debug",
    ))  # fmt: skip
    web = shapes.web_identity(GITHUB, subject)
    true = Truth("", "", web["principalId"], scenario=scenario, malicious=True)
    start = Doer(web, true, chance.choice(found.runners), found.agent)
    told, doer = workload_session(office, time, web, found.role, f"run-{office.ids.hexadecimal(8)}", true, start)
    yield told
    doer.truth.malicious = True
    order = [*survey(office, chance.randint(2, 6), (1, 4), 0.2), *changes(office, chance.randint(0, 8), "lambda", "s3")]
    yield from play(office, time + 3 * SECOND, doer, order, (0.2, 3))


def other_network(office: Office, time: int) -> Iterator[Told]:
    """The session of a run is used from where no runner is, while the pipeline goes on."""
    chance, scenario = office.chance, "ci session from another network"
    found = office.victim(office.of(Repository, time))
    told, doer = found.enter(office, time)
    yield told
    yield from found.deploy(office, time + 20 * SECOND, doer)
    thief = stolen(office, doer, scenario)
    order = [*survey(office, chance.randint(2, 6), (1, 4), 0.2), *changes(office, chance.randint(0, 8), "ssm", "iam")]
    yield from play(office, time + int(chance.uniform(10, 900) * SECOND), thief, order, (0.2, 4))
