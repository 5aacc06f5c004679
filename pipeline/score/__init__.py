"""Scoring: Steps of agents' sessions become Findings. Pure: (state, Steps) → (state, Findings)."""
