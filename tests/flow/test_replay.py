"""History that was streamed is replayed: it is attributed alike, and an option changes what it speaks of."""

import random

from pipeline.store import connect
from tests.flow.harness import drain, send, settings_for
from tests.flow.test_stream import story  # noqa: F401  (a fixture)
from tests.run.replaying import RULE, replayed


def test_streamed_history_is_attributed_alike_and_a_rule_changes_what_it_changes(embedded, tmp_path, story):  # noqa: F811
    shuffled = list(story)
    random.Random(5).shuffle(shuffled)
    settings = settings_for(embedded, tmp_path)
    send(settings, shuffled)
    drain(settings)
    with connect(settings) as store:
        kinds = store.rows("SELECT uniqExact(event_id) FROM steps FINAL")[0][0]
        assert 0 < kinds <= store.rows("SELECT count() FROM entries FINAL WHERE kind IN ('prompt', 'tool_call')")[0][0]
    (rules := tmp_path / "rules").mkdir()
    (rules / "models-called.yml").write_text(RULE)
    made, found = replayed(settings, rules=rules)
    assert made.compared > 0
    assert not [one for one in found if one.sort == "attribution"]
    because = {one.subject for one in found if one.because == "options" and one.sort == "finding"}
    assert because <= {"models-called"}
