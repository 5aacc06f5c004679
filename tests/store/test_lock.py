from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.kit.failures import Transient
from pipeline.store import lock
from pipeline.store.lock import Bid, held

_REVISION = "SELECT max(revision) FROM migration_lock"


@pytest.fixture
def locked(store):
    """A store whose lock can be bid for."""
    store.command(lock.TABLE)
    return store


def test_who_holds_it_is_named_to_who_waits_in_vain(locked):
    first, second = Bid(locked), Bid(locked)
    first.take(0)
    with pytest.raises(Transient, match=r"process \d+ on .+ has been changing its tables for 0 s"):
        second.take(0)
    first.check()
    first.release()
    second.take(0)
    with pytest.raises(Transient, match="lost the lock"):
        first.check()


def test_one_that_is_killed_loses_it_when_its_bid_ends(locked):
    killed, next_one = Bid(locked, lease=0), Bid(locked)
    killed.take(0)
    next_one.take(0)
    next_one.check()
    with pytest.raises(Transient, match="lost the lock"):
        killed.extend()
    with pytest.raises(Transient, match="lost the lock"):
        killed.check()


def test_only_one_has_it_at_a_time(locked):
    inside, most = [], []

    def work(number):
        with held(locked, patience=120) as check:
            inside.append(number)
            check()
            most.append(len(inside))
            inside.remove(number)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, range(3)))
    assert most == [1] * 3


def test_it_is_extended_as_long_as_it_is_held(locked):
    with held(locked, every=0.05) as check:
        while locked.rows(_REVISION)[0][0] < 3:
            # The test's own time limit ends it when nobody extends the lock.
            check()
    assert locked.rows("SELECT count() FROM migration_lock FINAL WHERE NOT released") == [(0,)]
