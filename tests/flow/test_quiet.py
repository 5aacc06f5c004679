"""Where nothing comes any more, nothing is left to commit: also of topics in which no marks keep the time."""

from benchmarks.load import Load
from pipeline.kit.admin import positions
from tests.flow.harness import WHOLE, running, send, settings_for, wait_until

GROUP, TOPICS = "whodid-correlate", ("steps", "entries", "findings")


def test_the_last_messages_of_each_topic_are_committed(embedded, tmp_path):
    settings = settings_for(embedded, tmp_path)
    send(settings, Load(2_000))

    def committed():
        found = positions(settings, settings.prefix + GROUP, TOPICS)
        held = {topic for (topic, _), at in found.items() if at.end > 0}
        return held == set(TOPICS) and all(at.committed >= at.end for at in found.values())

    with running(settings, WHOLE[0]):
        wait_until(committed)
