import contextlib
import itertools
import typing

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.store import columns, queries, timeline
from schemas.batch import RawRecord
from schemas.entry import FOUND_FIELDS, Attributed, Entry, Link, PackedEntry
from schemas.event import MENTIONS, Argument, Event, packed
from tests.store.entries import entry

HOSTILE = (
    "", " ", "'", '"', "\\", "\\N", "\\'", "`", "\t", "\n", "\r\n", "\0", "\x1b[31m", "\x7f", "\u202eevil", "\u2028",
    "é", "\U0001f600", "{value:String}", "%(actor)s", "$1", "'; DROP TABLE entries; --", "<script>", "=1+1", "NULL",
    "[]", "\ufeff",
)  # fmt: skip
text = st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
whole = st.integers(-(2**63), 2**63 - 1)
texts = st.lists(text, max_size=3)


def fields(struct, **special):
    known = {str: text, int: whole, list[str]: texts, dict[str, str]: st.dictionaries(text, text, max_size=3)}
    hints = typing.get_type_hints(struct)
    return {name: special[name] if name in special else known[hints[name]] for name in struct.__struct_fields__}


nothing = st.just([])
arguments = st.lists(st.builds(Argument, **fields(Argument)), max_size=3)
mentioned = st.lists(st.integers(2**62, 2**63 - 1), max_size=MENTIONS)
events = st.builds(
    Event, **fields(Event, tokens=nothing, argument_tokens=nothing, arguments=arguments, mentions=mentioned)
)
links = st.lists(st.builds(Link, **fields(Link, confidence=st.floats(0, 1))), max_size=3)
entries = st.builds(
    Entry, **fields(Entry, event=events, links=links, revision=st.integers(0, 2**64 - 1), actor=st.just("the actor"))
)

numbers = itertools.count()


def test_every_field_of_an_entry_has_a_column():
    plain = {*Event.__struct_fields__} | {*Entry.__struct_fields__} - {"event"}
    stated = {name for name in columns.COLUMNS if name.startswith("stated_")}
    assert {*columns.COLUMNS} - stated == plain | {"link", "confidence"}
    assert {name.removeprefix("stated_") for name in stated} == {*Event.__struct_fields__} & {*Entry.__struct_fields__}


def test_every_column_written_exists_in_the_table(store):
    table = {
        row[0]
        for row in store.rows(
            "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = 'entries'"
        )
    }
    assert table == {*columns.COLUMNS} | {"is_deleted"}


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(entries, min_size=1, max_size=5))
def test_whatever_is_written_is_read_back_unchanged(store, written):
    # The store outlives an example, and hypothesis likes to draw an id twice: that would be a revision of an older row.
    for item in written:
        item.event.event_id = f"event-{next(numbers)}"
    store.write_entries(written)
    for item in written:
        assert queries.event(store, item.event.event_id) == item


@given(entries)
def test_what_the_inventory_is_told_is_what_the_row_says(item):
    row, key = columns.told(columns.Row(item))
    assert values_in(row) == [columns.named(item)[name] for name in columns.TOLD]
    assert values_in(key) == [item.event.time, item.event.event_id]


def values_in(data):
    """MessagePack values without a header around them: one of 16 to 65,535 is put before as many as there are."""
    for amount in range(1, len(data) + 1):
        with contextlib.suppress(msgspec.DecodeError):
            return msgspec.msgpack.decode(b"\xdc" + amount.to_bytes(2, "big") + data)
    raise AssertionError(data)


def test_hostile_text_is_found_by_every_pivot(store):
    items = []
    for number, value in enumerate(filter(None, HOSTILE)):
        items.append(entry(f"e{number}", actor=value, human=value, session=value, credential=value, address=value))
    store.write_entries(items)
    for item in items:
        for pivot in ("actor", "human", "session", "credential", "address"):
            assert timeline(store, pivot, item.actor).entries == [item]


def test_a_path_that_is_no_unicode_does_not_stop_the_block(store):
    store.write_records([RawRecord("id", "mcp", "logs/\udcff.json", 0, 0, 5, b"{}")])
    assert queries.record(store, "id").topic == "logs/?.json"


def test_an_event_of_an_earlier_version_is_taken(store):
    item = entry("a", resources=["r"], attributes={"k": "v"})
    whole = msgspec.msgpack.decode(packed(item.event))
    found = {name: getattr(item, name) for name in FOUND_FIELDS}
    shorter = PackedEntry(event=msgspec.Raw(msgspec.msgpack.encode(whole[:-2])), **found)
    store.write_entries([shorter, entry("b")])
    assert queries.event(store, "a") == item
    assert queries.event(store, "b")
    assert columns.told(columns.Row(shorter)) == columns.told(columns.Row(item))


def test_an_entry_of_an_earlier_version_is_taken_and_says_nothing_of_its_credentials_life(store):
    item = entry("a", credential="k")
    item.credential_expires, item.credential_revoked = 7, 8
    data = msgspec.msgpack.decode(msgspec.msgpack.encode(item))
    assert data[len(Attributed.__struct_fields__)] == msgspec.msgpack.decode(packed(item.event))
    assert data[-2:] == [7, 8]
    earlier = msgspec.msgpack.decode(msgspec.msgpack.encode(data[:-2]), type=PackedEntry)
    store.write_entries([earlier])
    assert queries.event(store, "a") == msgspec.structs.replace(item, credential_expires=0, credential_revoked=0)
    store.write_entries([msgspec.structs.replace(item, revision=1)])
    assert queries.event(store, "a").credential_revoked == 8


def test_a_row_of_before_the_columns_reads_as_not_stated(store):
    store.command("INSERT INTO entries (event_id, time, format, actor) SELECT 'old', now64(6, 'UTC'), 'test', 'bot'")
    read = queries.event(store, "old")
    assert (read.credential_expires, read.credential_revoked) == (0, 0)


def test_fingerprints_are_taken_and_not_kept(store):
    store.write_entries([entry("a", tokens=[2**63 - 1], argument_tokens=[[1], []])])
    assert queries.event(store, "a").event.tokens == []
    columns = store.rows("SELECT name FROM system.columns WHERE table = 'entries' AND default_kind = 'EPHEMERAL'")
    assert {*columns} == {("tokens",), ("argument_tokens",)}


def test_the_actor_link_has_columns_of_its_own(store):
    others = [Link("session", "trace", 0.5), Link("actor", "session-name", 0.75), Link("actor", "identity", 0.3)]
    store.write_entries([msgspec.structs.replace(entry("a"), links=others), entry("b", sure=0)])
    read = store.rows("SELECT event_id, link, confidence FROM entries ORDER BY event_id")
    assert read == [("a", "session-name", 0.75), ("b", "none", 0.0)]


def test_raw_records_keep_their_bytes(store):
    item = RawRecord("id", "aws.cloudtrail", "cloud-audit", 3, 2**40, 5, bytes(range(256)) * 3)
    store.write_records([item, item])
    store.write_records([item])
    assert queries.record(store, "id") == item
    assert queries.record(store, "other") is None
    assert queries.counts(store).records == 1


def test_nothing_to_write_is_no_write(store):
    store.write_entries([])
    store.write_records([])
    store.write_rejected([])
    assert queries.counts(store).entries == 0
