"""How far all inputs have come."""

from pipeline.correlate.watermark import ENDED, LEVELS, SILENT, Mark, Watermarks


def mark(sender, *levels, wall=1):
    return Mark(sender, list(levels), wall)


def test_the_slowest_sender_counts():
    marks = Watermarks()
    marks.update([mark("n/a/0", 10), mark("n/a/1", 7), mark("n/b/0", ENDED)])
    assert marks.levels[0] == 7


def test_each_level_waits_for_the_level_below_of_all_partitions():
    marks = Watermarks()
    marks.update([mark("n/a/0", 10), mark("p/0", 10, 8, *[6] * 6), mark("p/1", 9, 9, *[3] * 6)])
    assert marks.levels == [10, 9, 8, 3, 3, 3, 3, 3]
    assert marks.settled == 3


def test_two_partitions_that_tell_each_other_reach_the_end_together():
    partitions = [Watermarks(), Watermarks()]
    for wall in range(1, LEVELS + 2):
        told = [mark(f"p/{n}", *one.levels, wall=wall) for n, one in enumerate(partitions)]
        for one in partitions:
            one.update([mark("n/a/0", ENDED, wall=wall), *told])
    assert [one.settled for one in partitions] == [ENDED, ENDED]


def test_a_partition_that_has_not_begun_holds_the_others_back():
    marks = Watermarks()
    marks.update([mark("n/a/0", ENDED), mark("p/0", *[ENDED] * LEVELS), mark("p/1", *[0] * LEVELS)])
    assert marks.settled == 0


def test_a_silent_sender_is_left_behind_but_a_backlog_is_not_silence():
    marks = Watermarks()
    marks.update(
        [mark("n/a/0", 5, wall=0), mark("n/a/1", 9, wall=SILENT + 1), mark("p/0", *[9] * LEVELS, wall=10 * SILENT)]
    )
    assert marks.levels[0] == 9
    late = Watermarks()
    late.update([mark("n/a/0", 5, wall=0), mark("p/0", *[9] * LEVELS, wall=10 * SILENT)])
    assert late.levels[0] == 5


def test_an_older_word_of_a_sender_does_not_replace_a_newer_one():
    marks = Watermarks()
    marks.update([mark("n/a/0", 9, wall=5)])
    marks.update([mark("n/a/0", 3, wall=4)])
    assert marks.levels[0] == 9
