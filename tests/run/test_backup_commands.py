"""`whodid store backup` and `restore`, as somebody types them, on an embedded store."""

import json
import shutil
import stat

import pytest
from typer.testing import CliRunner

from pipeline.cli import main
from pipeline.cli.main import app
from pipeline.kit.config import Settings
from pipeline.kit.failures import Invalid, Permanent
from pipeline.store import connect
from tests.evidence.logged import Logged, entry, record

KEY = "k" * 20


def logged(home):
    return Logged(home, connect(Settings(data_dir=home, clickhouse=f"chdb://{home}/store", hash_key=KEY)))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A store with a full backup, and one of what came since."""
    home = tmp_path_factory.mktemp("home")
    written = logged(home)
    written.message(0, [entry("a"), entry("b", 1)])
    written.message(0, records=[record("0a", 1)], log="records/1")
    written.head()
    written.store.close()
    whodid(home, "store", "backup", str(home / "backups"))
    (home / "backups").rename(home / "first")
    shutil.copytree(home / "first", home / "backups")
    written = logged(home)
    written.message(1, [entry("b", 1, revision=2, actor="eve"), entry("c", 40 * 86_400)])
    written.head()
    written.store.close()
    names = {one.name for one in (home / "backups").iterdir()}
    told = json.loads(whodid(home, "store", "backup", str(home / "backups"), "--format", "json"))
    assert {told["base"]} == names
    return home


@pytest.fixture
def home(made, tmp_path):
    """Of one's own: what was published, keys, backups; no store."""
    for name in ("published", "backups", "first"):
        shutil.copytree(made / name, tmp_path / name)
    for file in made.glob("*.key*"):
        shutil.copy(file, tmp_path)
    return tmp_path


def whodid(home, *words, code=0, store="store"):
    main.register()
    env = {"WHODID_HASH_KEY": KEY, "WHODID_EVIDENCE": str(home / "published"), "WHODID_DATA_DIR": str(home)}
    found = CliRunner().invoke(app, [*words, "--store", str(home / store)], env=env)
    if found.exception and not isinstance(found.exception, SystemExit):
        raise found.exception
    assert found.exit_code == code, found.output
    return found.output


def timeline(home):
    found = json.loads(whodid(home, "timeline", "--session", "s", "--format", "json"))
    return [(one["event_id"], one["actor"]) for one in found]


def test_a_restored_store_verifies_and_has_every_row_wherever_backups_were_moved(home):
    (home / "backups").rename(home / "elsewhere")
    told = whodid(home, "store", "restore", str(home / "elsewhere"))
    assert "what came since" in told
    assert "older" not in told
    assert timeline(home) == [("a", "bot"), ("b", "eve"), ("c", "bot")]
    assert "Everything verifies." in whodid(home, "verify")


def test_what_came_since_the_full_backup_takes_less_room_than_everything(home):
    sizes = [
        sum(file.stat().st_size for file in folder.rglob("*.bin")) for folder in sorted((home / "backups").iterdir())
    ]
    assert 0 < sizes[1] < sizes[0]


def test_an_older_backup_says_what_was_published_since_and_verifying_misses_it(home):
    told = whodid(home, "store", "restore", str(home / "first"))
    assert "entries/0: the backup is older than what was published" in told
    assert "covers 2 leaves, the last published one 4" in told
    assert "records/1" not in told
    assert timeline(home) == [("a", "bot"), ("b", "bot")]
    verified = whodid(home, "verify", code=1)
    assert "leaf-deleted" in verified
    assert not any(line.startswith(("altered", "inserted")) for line in verified.splitlines())


def test_a_damaged_backup_is_refused_and_the_next_restore_begins_anew(home):
    last = sorted((home / "backups").iterdir())[-1]
    whole = last / "entries"
    (damaged,) = sorted(whole.rglob("data.bin"))[:1]
    data = damaged.read_bytes()
    damaged.write_bytes(data[:-1])
    with pytest.raises(Permanent, match="entries"):
        whodid(home, "store", "restore", str(home / "backups"))
    damaged.write_bytes(data)
    whodid(home, "store", "restore", str(home / "backups"))
    assert "Everything verifies." in whodid(home, "verify")


def test_one_that_broke_off_is_no_backup(home):
    (full, since) = sorted((home / "backups").iterdir())
    (since / "backup.json").unlink()
    assert "everything" in whodid(home, "store", "restore", str(home / "backups"))
    (full / "backup.json").unlink()
    with pytest.raises(Invalid, match="a backup that was finished"):
        whodid(home, "store", "restore", str(home / "backups"), store="other")


def test_without_the_full_one_the_rest_is_refused(home):
    (full, since) = sorted((home / "backups").iterdir())
    shutil.rmtree(full)
    with pytest.raises(Permanent, match=f"came after {full.name}, which is not in"):
        whodid(home, "store", "restore", str(since))


def test_a_backup_of_a_later_program_is_refused(home):
    (one,) = (home / "first").iterdir()
    manifest = json.loads((one / "backup.json").read_bytes())
    (one / "backup.json").chmod(0o644)
    (one / "backup.json").write_text(json.dumps({**manifest, "migration": 9999}))
    with pytest.raises(Permanent, match="is of migration 9999"):
        whodid(home, "store", "restore", str(one))


def test_only_its_owner_may_look_into_a_backup(home, made):
    assert {stat.S_IMODE(one.stat().st_mode) for one in (made / "backups").iterdir() if one.is_dir()} >= {0o700}


def test_a_store_that_has_anything_is_left_alone_and_what_cannot_be_written_is_told(home):
    whodid(home, "store", "restore", str(home / "first"))
    (home / "file").write_text("x")
    with pytest.raises(Invalid, match="destination: expected a folder that can be written to"):
        whodid(home, "store", "backup", str(home / "file" / "below"))
    with pytest.raises(Permanent, match="the store is not empty"):
        whodid(home, "store", "restore", str(home / "backups"))
    assert timeline(home) == [("a", "bot"), ("b", "bot")]
    with pytest.raises(Invalid, match="without quotes"):
        whodid(home, "store", "backup", str(home / "it's"))


def test_what_was_erased_after_the_backup_is_told(home):
    whodid(home, "store", "restore", str(home / "backups"))
    whodid(home, "erase", "ana@example.com", "--reason", "request 17")
    told = whodid(home, "store", "restore", str(home / "backups"), store="other")
    assert "taken out after the backup, and here again: erasure on" in told
    assert "request 17" in told
