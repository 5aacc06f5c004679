"""Events become Entries: two hops, so that every join is local.

In:    Events, as items of a Batch: `Use` and `Bind` at the first hop (`directory`), `Own` at the second (`sessions`).
Out:   items for the next hop, and Entries with their links, confidence and evidence.
Fails: never on an item's content; a bug is the wiring's to count.

Nothing here knows Kafka, Faust or a clock: time arrives as watermarks inside the batches.
"""
