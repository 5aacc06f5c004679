"""A real trail: one access key carries an attack and the work of Terraform."""

import gzip
import json

from pipeline.kit.config import Settings
from pipeline.reconstruct import reconstruct
from pipeline.run.investigate import Investigation
from pipeline.sources.files import read
from pipeline.store import connect
from pipeline.store.queries import events
from schemas.incident import Clue
from tests.normalize.common import shared


def test_an_attack_is_told_apart_from_other_work_with_the_same_key(tmp_path):
    trail = shared("cloudtrail/invictus.jsonl.gz")
    with gzip.open(shared("labels/invictus.jsonl.gz"), "rt") as lines:
        labels = {row["eventID"]: row["label"] for row in map(json.loads, lines)}
    by_label = {label: {name for name, one in labels.items() if one == label} for label in ("attack", "terraform")}
    settings = Settings(data_dir=tmp_path, clickhouse=f"chdb://{tmp_path}/store", hash_key="0123456789abcdef")
    with connect(settings) as store:
        Investigation(settings, store).run(read([trail]))
        keys = {one.event.credential for one in events(store, sorted(by_label["attack"])[:100])}
        key = next(name for name in sorted(keys) if name.startswith("aws:AKIA"))
        incident, _ = reconstruct(store, Clue("credential", key))
    acts = {part.event_id for part in incident.parts if part.role == "act"}
    assert len(acts & by_label["attack"]) >= 0.99 * len(by_label["attack"])
    assert len(acts & by_label["terraform"]) <= 0.05 * len(by_label["terraform"])
    drawn = acts & by_label["terraform"]
    assert all(part.detections for part in incident.parts if part.event_id in drawn)
