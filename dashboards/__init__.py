"""Grafana dashboards over the store, as code. `python -m dashboards` writes `generated/*.json`; see README.md."""
