"""Times become places: in order, inside the line, with nothing folded but long silences."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.console.pages.scale import LEAST, WIDTH, Scale, lasting

MINUTE, DAY = 60_000_000, 86_400_000_000
#: Places are rounded to a tenth.
ROUNDED = 0.11
TIMES = st.one_of(st.integers(0, 10 * MINUTE), st.integers(0, 30 * DAY), st.integers(-(2**62), 2**62))
SPANS = st.lists(st.tuples(TIMES, TIMES), min_size=1, max_size=60)


@given(SPANS, st.lists(TIMES, max_size=20))
def test_the_order_of_times_is_the_order_of_places(spans, others):
    scale = Scale(spans)
    times = sorted([*others, *(time for span in spans for time in span)])
    places = [scale.place(time) for time in times]
    assert all(before <= after + 1e-6 for before, after in pairwise(places))
    assert all(0 <= place <= WIDTH for place in places)


@given(SPANS, st.lists(st.tuples(TIMES, TIMES), max_size=20))
def test_no_bar_is_outside_of_the_line_or_too_short_to_be_seen(spans, others):
    scale = Scale(spans)
    for begins, ends in [*spans, *others]:
        at, long = scale.bar(begins, ends)
        assert at >= 0
        assert at + long <= WIDTH + ROUNDED
        assert long >= LEAST


@given(SPANS)
def test_only_long_silences_are_folded(spans):
    scale = Scale(spans)
    busy = sorted((min(span), max(span)) if span[0] <= span[1] else (span[0], span[0]) for span in spans)
    silences, until = [], busy[0][1]
    for begins, ends in busy:
        silences.append(begins - until)
        until = max(until, ends)
    assert len(scale.folds) <= 24
    for fold in scale.folds:
        assert fold.lasts >= MINUTE
        assert fold.lasts in silences
        assert 0 <= fold.at <= WIDTH


def test_a_minute_of_acts_is_seen_beside_a_day_of_waiting():
    scale = Scale([(0, MINUTE), (DAY, DAY + MINUTE)])
    assert [fold.lasts for fold in scale.folds] == [DAY - MINUTE]
    assert scale.place(MINUTE) == pytest.approx(WIDTH / 2 - 7)
    assert scale.place(DAY) == pytest.approx(WIDTH / 2 + 7)
    assert scale.place(DAY + MINUTE) == pytest.approx(WIDTH)


def test_what_lasts_is_never_folded_and_a_short_silence_neither():
    assert Scale([(0, DAY)]).folds == []
    assert Scale([(0, 1000), (MINUTE - 1, MINUTE)]).folds == []
    assert Scale([(0, DAY), (DAY + MINUTE, 2 * DAY)]).folds == []


def test_one_moment_is_at_the_beginning():
    scale = Scale([(5, 5)])
    assert (scale.place(5), scale.bar(5, 5)) == (0, (0, LEAST))
    assert scale.place(4) == 0


@pytest.mark.parametrize(
    ("microseconds", "told"),
    [
        (0, "0 ms"), (340_000, "340 ms"), (999_000, "999 ms"), (1_500_000, "1.5 s"), (12_000_000, "12 s"),
        (119_000_000, "119 s"), (300_000_000, "5 min"), (7_200_000_000, "2 h"), (12_240_000_000, "3.4 h"),
        (2 * DAY, "2 d"), (181_440_000_000, "2.1 d"),
    ],
)  # fmt: skip
def test_a_time_is_told_as_people_read_it(microseconds, told):
    assert lasting(microseconds) == told
