"""What the normalize role does when whodid itself is at fault."""

from collections import Counter

import pytest

from pipeline.kit.config import Settings
from pipeline.kit.failures import Permanent
from pipeline.kit.metrics import Metrics
from pipeline.normalize.stage import BUG, Normalized, reject
from pipeline.run.normalize import BUGS_IN_A_ROW, NormalizeRole
from schemas.rejected import Record
from tests.events import call
from tests.normalize.common import CONTEXT


def test_bugs_are_counted_turn_health_red_and_too_many_in_a_row_stop_the_role(tmp_path):
    metrics = Metrics()
    role = NormalizeRole(Settings(bootstrap="127.0.0.1:9", data_dir=tmp_path), metrics)
    bug = Normalized(None, [], reject(Record(b"{}"), b"{}", BUG, "bug: ZeroDivisionError", CONTEXT))
    good = Normalized(None, [call(0, "C", "x")])
    counts = Counter()
    for _ in range(3):
        for _ in range(BUGS_IN_A_ROW - 1):
            role._emit(bug, counts)
        role._emit(good, counts)
    assert counts["bugs"] == 3 * (BUGS_IN_A_ROW - 1)
    assert metrics.troubles == {"normalize/bug": "bug: ZeroDivisionError"}
    for _ in range(BUGS_IN_A_ROW - 1):
        role._emit(bug, counts)
    with pytest.raises(Permanent, match="in a row"):
        role._emit(bug, counts)
