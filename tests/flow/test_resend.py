"""A dead letter, its fault mended, goes through the pipeline again."""

import json

from pipeline.cli.remote import StoreReader
from pipeline.run.resend import resend
from pipeline.store import connect
from tests.flow.harness import drain, send, settings_for, timeline
from tests.normalize.test_aws_cloudtrail import CALL


def test_what_was_sent_as_the_wrong_format_is_sent_again_as_the_right_one(embedded, tmp_path):
    settings = settings_for(embedded, tmp_path)
    send(settings, [("cloud-audit", "mcp", json.dumps(CALL).encode())])
    drain(settings)
    assert timeline(settings) == {}
    with connect(settings) as store:
        reader = StoreReader(store)
        (listed,) = reader.dead_letters()
        letter = reader.dead_letter(listed["rejected_id"])
    assert json.loads(letter["value"]) == CALL
    assert resend(settings, [letter], "prompts", "aws.cloudtrail") == 1
    counts = drain(settings)
    assert counts["entries"] == 1, counts
    assert set(timeline(settings)) == {CALL["eventID"]}
    with connect(settings) as store:
        assert len(StoreReader(store).dead_letters()) == 1, "a letter stays, as evidence of what was rejected"
