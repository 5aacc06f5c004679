"""What analysts say of findings corrects the baselines that found them.

An attack (`true`) is taken out of what is usual, for its identity and for its peers: what was new on its day is new
again, its scores say nothing about harmless days, and if the day goes on, nothing of it is learned. What was nothing,
or was allowed (`false`, `benign`), counts as usual for that identity at once, not only when the day is over.
"""

from __future__ import annotations

import math

from pipeline.score import frame
from pipeline.score.history import Agent, drop_score, note_score
from pipeline.score.past import DAY, take_back
from pipeline.score.profile import Prior, Profile
from schemas.alert import Feedback

#: A score in nats that nothing goes beyond: a Finding says 1.0 of it.
MOST = 24.0
ATTACK = "true"


def correct(profile: Profile, said: Feedback, prior: Prior, peers: frame.Frame) -> None:
    """Correct what is usual for an identity; of an attack, for its peers too."""
    day = said.time // DAY
    if said.verdict == ATTACK:
        if day == profile.day:
            profile.barred = day
        take_back(profile, day, prior)
        peers.take_back(profile, day)
        return
    if profile.barred == day:
        profile.barred = -1
    own, score = profile.own.get(said.detection, []), nats(said.score)
    if all(one[1] != day or one[0] < score for one in own):
        profile.own[said.detection] = sorted([*own, (score, day)], key=lambda one: one[1])[-frame.OWN :]


def correct_agent(agent: Agent, said: Feedback) -> None:
    """Correct the scores of an agent's harmless sessions."""
    if said.verdict == ATTACK:
        drop_score(agent, said.score)
    elif all(round(score, 4) != said.score for score, _ in agent.scores):
        note_score(agent, said.score, said.time)


def nats(score: float) -> float:
    """A Finding's score (0 to 1, rounded to 4 digits) as the suspicion it was made of, at most."""
    most = score + 0.00005
    return min(MOST, -math.log2(1.0 - most)) if most < 1.0 else MOST
