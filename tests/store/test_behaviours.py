"""How identities behaved, day by day, in the store."""

from pipeline.store.behaviours import behaviours
from schemas.behaviour import Behaviour


def one(identity="bot", day=20_500, time=1, **more):
    return Behaviour(identity=identity, day=day, time=time, declared="agent", agent=0.75, human=0.25, **more)


def test_the_latest_of_a_day_counts_in_whatever_order_they_come(store):
    store.write_behaviours([one(time=5, script=0.5), one(time=2), one(identity="other"), one(day=20_501, days=3)])
    store.write_behaviours([one(time=4)])
    assert behaviours(store, "bot") == [one(day=20_501, days=3), one(time=5, script=0.5)]
    assert behaviours(store, "bot", 1) == [one(day=20_501, days=3)]
    assert behaviours(store, "nobody") == []


def test_any_name_is_taken(store):
    name = "a'b\n\0" + "é" * 300
    store.write_behaviours([one(identity=name)])
    assert [found.identity for found in behaviours(store, name)] == [name]
