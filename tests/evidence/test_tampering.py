"""Somebody with every right in the database changes one thing, whatever it is: it is found and named."""

import json
import shutil

import msgspec
import pytest

from pipeline.evidence.head import signed
from pipeline.evidence.keys import Key, KeyFile
from pipeline.evidence.leaf import commitment
from pipeline.evidence.publish import Directory, Published
from pipeline.kit.failures import Permanent
from pipeline.run.adopt import adopt
from pipeline.run.verify import trusted_keys
from pipeline.store import evidence
from pipeline.store.columns import Row
from pipeline.store.parts import CONTENT, PLAIN, RECORD_CONTENT, RECORD_PLAIN, of_entry
from schemas.batch import REVISIONS
from schemas.tree_head import TreeHead
from tests.evidence.logged import START, Logged, entry, record, story

#: What a column is changed to, where it is not a text.
OTHERS = {
    "time": "time + 1", "revision": "revision + 1", "confidence": "0.5", "resources": "['z']", "on_behalf_of": "['z']",
    "credential_chain": "['z']", "arguments": "[('a', 'b', 'c')]", "attributes": "map('a', '2', 'b', '1')",
    "mentions": "[1]", "links": "[]", "issued_expires": "7", "credential_expires": "7", "credential_revoked": "7",
    "partition": "9", "offset": "9",
}  # fmt: skip


@pytest.fixture
def logged(engine, tmp_path):
    made = story(Logged(tmp_path))
    yield made
    made.store.close()


def replace(store, table, key, name, **columns):
    """Take a row out and put it in again with other values; a mutation could not change a column of the sort key."""
    kept = [row[0] for row in store.rows(
        f"SELECT name FROM system.columns WHERE database = currentDatabase() AND table = '{table}'"
        " AND default_kind != 'EPHEMERAL'"
    )]  # fmt: skip
    where, names = f"{key} = '{name}'", ", ".join(kept)
    store.command(f"CREATE TABLE held AS {table} ENGINE = Memory")
    store.command(f"INSERT INTO held ({names}) SELECT {names} FROM {table} FINAL WHERE {where}")
    store.command(f"DELETE FROM {table} WHERE {where}")
    changed = ", ".join(columns.get(one, one) for one in kept)
    store.command(f"INSERT INTO {table} ({names}) SELECT {changed} FROM held")
    store.command("DROP TABLE held SYNC")


def test_what_nobody_touched_verifies(logged):
    report = logged.verify()
    assert report.problems == []
    assert (report.rows, report.leaves, report.heads, report.published, report.logs) == (8, 9, 4, 4, 2)
    assert (report.revisions, report.pending, report.trust) == (1, 0, "the key file of this machine")


@pytest.mark.parametrize("column", [*PLAIN, *CONTENT])
def test_any_column_of_an_entry(logged, column):
    replace(logged.store, "entries", "event_id", "c", **{column: OTHERS.get(column, "'changed'")})
    report = logged.verify()
    if column == "event_id":
        assert [(one.what, one.id) for one in report.problems] == [("back-dated", "changed"), ("deleted", "c")]
    else:
        assert [(one.what, one.id, one.log, one.index) for one in report.problems] == [("altered", "c", "entries/0", 2)]
        heads = evidence.heads(logged.store, "entries/0")
        assert report.problems[0].after == json.loads(heads[1].head)["time"]
    assert not report.holds


@pytest.mark.parametrize("column", [*RECORD_PLAIN, *RECORD_CONTENT])
def test_any_column_of_a_record(logged, column):
    replace(logged.store, "records", "record_id", "7b", **{column: OTHERS.get(column, "'changed'")})
    found = logged.found()
    if column == "record_id":
        assert found == [("back-dated", "changed"), ("deleted", "7b")]
    else:
        assert found == [("altered", "7b")]


@pytest.mark.parametrize(("table", "key", "name"), [("entries", "event_id", "d"), ("records", "record_id", "0a")])
def test_a_deleted_row(logged, table, key, name):
    logged.store.command(f"DELETE FROM {table} WHERE {key} = '{name}'")
    assert logged.found() == [("deleted", name)]


def test_a_row_that_is_marked_as_deleted(logged):
    replace(logged.store, "entries", "event_id", "d", is_deleted="1")
    assert logged.found() == [("deleted", "d")]


def test_an_inserted_row(logged):
    future = 3_000_000_000
    logged.store.write_timeline([Row(entry("forged", future))])
    logged.store.write_records([record("aa", future)])
    assert logged.found() == [("inserted", "forged"), ("inserted", "aa")]


def test_a_row_inserted_with_an_old_time(logged):
    logged.store.write_timeline([Row(entry("forged", 2.5))])
    problem = logged.verify().problems[0]
    assert (problem.what, problem.id) == ("back-dated", "forged")
    assert "no head up to now has it" in problem.sentence


def test_a_row_inserted_together_with_a_leaf(logged):
    """Without the hashing key nobody can make a leaf that fits, and with it no root that was signed."""
    logged.store.write_timeline([Row(entry("forged", 2.5))])
    logged.store.command(
        f"INSERT INTO leaves SELECT log, epoch, 6, 3, kind, fromUnixTimestamp64Micro({START + 2_500_000}), 'forged', 0,"
        " hash, own, found FROM leaves WHERE event_id = 'c'"
    )
    assert logged.found() == [("leaf-altered", "forged"), ("altered", "forged")]


def test_an_insertion_as_a_revision(logged):
    logged.store.write_timeline([Row(entry("c", 3, revision=999_999, actor="somebody else"))])
    problem = logged.verify().problems[0]
    assert (problem.what, problem.id, problem.index) == ("altered", "c", 2)
    assert "revision 999999 is shown, 0 was logged" in problem.says


def test_a_row_put_back_to_an_older_revision(logged):
    logged.store.command("DELETE FROM entries WHERE event_id = 'b'")
    logged.store.write_timeline([Row(entry("b", 2))])
    assert logged.found() == [("rolled-back", "b")]


def test_two_leaves_in_each_others_place(logged):
    for index, other in ((2, 100), (3, 2), (100, 3)):
        replace(logged.store, "leaves", "log = 'entries/0' AND toString(leaf_index)", index, leaf_index=str(other))
    report = logged.verify()
    found = [(one.what, one.id, one.index) for one in report.problems]
    assert found == [("reordered", "c", 3), ("reordered", "d", 2), ("leaf-altered", "", 2)]
    assert "those at 2, 3" in report.problems[-1].sentence


@pytest.mark.parametrize("change", ["hash", "found", "offset", "revision", "time", "kind", "event_id"])
def test_any_column_of_a_leaf(logged, change):
    others = {"hash": "unhex(repeat('ab', 32))", "found": "'x'", "kind": "'record'"}
    replace(logged.store, "leaves", "event_id", "c", **{change: others.get(change) or OTHERS.get(change, "'zz'")})
    report = logged.verify()
    assert not report.holds
    assert "c" in {one.id for one in report.problems}


def test_a_deleted_leaf(logged):
    logged.store.command("DELETE FROM leaves WHERE event_id = 'd'")
    assert logged.found() == [("leaf-deleted", ""), ("back-dated", "d"), ("leaf-altered", "")]


def test_what_a_superseded_revision_said(logged):
    forged = entry("b", 2, actor="somebody else")
    value = of_entry(Row(forged)).found.hex()
    replace(logged.store, "leaves", "event_id = 'b' AND toString(revision)", 0, found=f"unhex('{value}')")
    report = logged.verify()
    assert [(one.what, one.id, one.says) for one in report.problems] == [("revision-altered", "b", "revision 0")]


def test_leaves_and_heads_rewritten_without_the_key(logged):
    """All of it made anew and consistently, by somebody who has the hashing key even: only the signature is missing."""
    for table in ("leaves", "tree_nodes", "tree_heads", "evidence_keys"):
        logged.store.command(f"TRUNCATE TABLE {table}")
    story(Logged(logged.settings.data_dir / "elsewhere", logged.store))
    found = {what for what, _ in logged.found()}
    assert found == {"key-forged", "head-forged", "head-deleted"}


def test_the_newest_heads_and_their_leaves_deleted(logged):
    logged.store.command("DELETE FROM tree_heads WHERE number > 0")
    logged.store.command("DELETE FROM leaves WHERE leaf_index >= 2")
    logged.store.command("DELETE FROM entries WHERE event_id IN ('c', 'd', 'e')")
    logged.store.command("DELETE FROM records WHERE record_id = 'fc'")
    report = logged.verify()
    found = [(one.what, one.log, one.index) for one in report.problems]
    assert ("head-deleted", "entries/0", 1) in found
    assert ("leaf-deleted", "entries/0", 2) in found
    assert ("leaf-deleted", "records/1", 2) in found


def test_an_older_backup_restored(tmp_path):
    logged = Logged(tmp_path)
    logged.message(0, [entry("a", 1)])
    logged.head()
    backup = {table: logged.store.rows(f"SELECT * FROM {table}") for table in ("leaves", "tree_heads")}
    logged.message(1, [entry("z", 2)])
    logged.head()
    for table, rows in backup.items():
        logged.store.command(
            f"DELETE FROM {table} WHERE {'leaf_index' if table == 'leaves' else 'number'} >= {len(rows)}"
        )
    logged.store.command("DELETE FROM entries WHERE event_id = 'z'")
    found = [(one.what, one.index) for one in logged.verify().problems]
    assert found == [("head-deleted", 1), ("leaf-deleted", 1), ("leaf-altered", 1)]
    # The writer goes on from what was published, and the loss stays visible.
    logged.again()
    logged.message(2, [entry("y", 3)])
    logged.head()
    assert [one.what for one in logged.verify().problems] == ["leaf-deleted", "leaf-altered"]
    logged.store.close()


def test_a_head_that_was_published_is_deleted(logged):
    path = logged.settings.data_dir / "published" / "heads" / "entries!0" / "000000" / "0000000000.json"
    path.unlink()
    problem = logged.verify().problems[0]
    assert (problem.what, problem.log, problem.index) == ("head-unpublished", "entries/0", 0)


@pytest.mark.parametrize("field", ["head", "signature", "peaks"])
def test_any_part_of_a_head(logged, field):
    to = {"head": "replace(head, '\"size\":6', '\"size\":5')", "signature": "repeat('ab', 64)", "peaks": "['ab']"}[
        field
    ]
    replace(logged.store, "tree_heads", "log = 'entries/0' AND toString(number)", 1, **{field: to})
    found = [(one.what, one.log, one.index) for one in logged.verify().problems]
    assert ("head-forged", "entries/0", 1) in found


def test_the_key_replaced_with_everything_that_it_signed(logged, tmp_path):
    """The forger has the database and the place where heads are published, but not what the reader was told."""
    first = KeyFile(logged.settings.evidence_key_file).key().fingerprint
    told = tmp_path / "told"
    told.write_text(f"# read out on the phone\n{first}\n")
    forger = Key.made()
    shutil.rmtree(tmp_path / "published")
    published = Published(Directory(tmp_path / "published"))
    rows = evidence.heads(logged.store)
    logged.store.command("TRUNCATE TABLE tree_heads")
    logged.store.command("TRUNCATE TABLE evidence_keys")
    previous, heads = {}, []
    for row in rows:
        head = msgspec.json.decode(row.head, type=TreeHead)
        head = msgspec.structs.replace(head, key=forger.fingerprint, previous=previous.get(head.log, ""))
        item = signed(head, [bytes.fromhex(peak) for peak in row.peaks], forger)
        previous[head.log] = item.hash
        heads.append((head.log, head.epoch, head.number, head.size, head.time, item.head, item.signature, item.peaks))
        published.head(item)
    logged.store.insert(evidence.heads_block(heads))
    published.statement(forger.stated())
    found = {what for what, _ in logged.found(keys=trusted_keys(told))}
    assert {"key-forged", "head-forged"} <= found
    # Whoever trusts the published keys and nothing else is deceived: this is what fingerprints are told for.
    (tmp_path / "evidence.key.public").unlink()
    report = logged.verify()
    assert report.holds
    assert "compare its fingerprint" in report.trust


def test_the_key_file_of_this_machine_replaced(logged):
    logged.settings.evidence_key_file.unlink()
    logged.settings.evidence_key_file.with_name("evidence.key.public").unlink()
    KeyFile(logged.settings.evidence_key_file).key()
    found = {what for what, _ in logged.found()}
    assert {"key-forged", "head-forged"} <= found


def test_a_value_that_no_row_of_ours_holds(logged):
    replace(logged.store, "entries", "event_id", "c", action="unhex('ff00fe')")
    assert ("altered", "c") in logged.found()


def test_content_that_somebody_erased_who_had_no_key_to_sign_for_it(logged):
    content = of_entry(Row(entry("c", 3))).content
    committed = commitment(logged.evidence.hasher.salt("c"), content)
    logged.store.insert(evidence.erasures_block([("entry", "c", committed, START, "eve", "request 17", "made-up")]))
    empty = {"error": "''", "text": "''", "arguments": "[]", "attributes": "map()", "mentions": "[]"}
    replace(logged.store, "entries", "event_id", "c", **empty)
    assert logged.found() == [("removal-forged", "made-up"), ("altered", "c")]


def test_what_no_head_covers_yet_is_no_tampering(logged):
    logged.message(3, [entry("late", 6)])
    report = logged.verify()
    assert (report.problems, report.pending) == ([], 1)


def test_from_a_checkpoint_only_what_came_since_is_checked(logged):
    logged.verify()
    checkpoint = logged.verification.checkpoint()
    logged.message(3, [entry("late", 6), entry("a", 1, revision=2 * REVISIONS, actor="agent")])
    logged.message(2, records=[record("55", 6)], log="records/1")
    logged.head()
    report = logged.verify(since=checkpoint)
    assert (report.problems, report.leaves, report.rows) == ([], 3, 3)
    replace(logged.store, "entries", "event_id", "late", actor="'changed'")
    assert logged.found(since=checkpoint) == [("altered", "late")]
    replace(logged.store, "entries", "event_id", "late", actor="'bot'")
    logged.store.command("DELETE FROM leaves WHERE event_id = '55'")
    assert ("leaf-deleted", "") in logged.found(since=checkpoint)


def test_a_checkpoint_of_which_the_head_is_gone_is_not_believed(logged):
    logged.verify()
    checkpoint = logged.verification.checkpoint()
    shutil.rmtree(logged.settings.data_dir / "published" / "heads")
    logged.store.command("TRUNCATE TABLE tree_heads")
    report = logged.verify(since=checkpoint)
    assert not report.holds
    assert "head-forged" in {one.what for one in report.problems}


def test_one_id_at_two_times_is_two_rows(logged):
    logged.message(3, [entry("a", 1.5), entry("a", 700)], [record("0a", 5_000_000), record("7b", 2.5)])
    logged.message(2, records=[record("0a", 5_000_000), record("7b", 2.5)], log="records/1")
    logged.head()
    assert logged.found() == []


def test_rows_from_before_are_taken_in_once(logged):
    logged.store.write_entries([entry("old", -9), entry("older", -8)])
    logged.store.write_records([record("01", -9)])
    assert len(logged.found()) == 3
    assert adopt(logged.settings, logged.store) == 3
    assert logged.found() == []
    assert adopt(logged.settings, logged.store) == 0
    replace(logged.store, "entries", "event_id", "old", actor="'somebody else'")
    assert logged.found() == [("altered", "old")]


def test_another_hashing_key_is_told_and_not_taken_for_tampering(logged):
    logged.settings.hash_key = "another key of twenty"
    del logged.settings.__dict__["hashing_key"]
    with pytest.raises(Permanent, match="WHODID_HASH_KEY"):
        logged.verify()
