"""What was published stays: files are written once, in a directory and in a bucket alike."""

import stat
import sys

import msgspec
import pytest

from pipeline.evidence.head import encoded
from pipeline.evidence.keys import Key
from pipeline.evidence.publish import Directory, Published, Taken, place_of
from pipeline.kit.failures import Invalid, Permanent, Transient
from tests.evidence.logged import Logged, entry
from tests.evidence.test_keys import head


@pytest.fixture(params=["directory", "bucket"])
def place(request, tmp_path):
    if request.param == "directory":
        yield Directory(tmp_path / "published")
        return
    boto3, moto = pytest.importorskip("boto3"), pytest.importorskip("moto")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        with moto.mock_aws():
            boto3.client("s3").create_bucket(Bucket="heads")
            yield place_of("s3://heads/some/prefix")


def test_a_name_is_given_once(place):
    place.put("heads/a!0/000000/0000000000.json", b"one")
    place.put("heads/a!0/000000/0000000000.json", b"one")
    with pytest.raises(Taken, match="says something else"):
        place.put("heads/a!0/000000/0000000000.json", b"two")
    assert place.get("heads/a!0/000000/0000000000.json") == b"one"
    assert place.get("heads/a!0/000000/0000000001.json") is None
    assert place.folders("heads") == ["a!0"]
    assert place.names("heads/a!0") == ["heads/a!0/000000/0000000000.json"]


def test_heads_come_back_in_order_of_their_numbers(place):
    published, key = Published(place), Key.made()
    items = [head(key, number + 1, number=number) for number in (0, 1, 2, 9_999, 10_000, 10_001)]
    for item in reversed(items):
        published.head(item)
    published.statement(key.stated())
    assert published.logs() == ["entries/0"]
    assert list(published.heads("entries/0")) == items
    assert list(published.heads("entries/0", 9_999)) == items[3:]
    assert published.last("entries/0") == items[-1]
    assert published.at("entries/0", 2) == items[2]
    assert published.last("entries/1") is None
    assert [one.fields.key for one in published.statements()] == [key.fingerprint]


def test_files_cannot_be_written_to(tmp_path):
    place = Directory(tmp_path)
    place.put("keys/a.json", b"x")
    assert stat.S_IMODE((tmp_path / "keys/a.json").stat().st_mode) == 0o444
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["a.json"]


def test_what_is_no_head_is_told_as_a_failure(tmp_path):
    place = Directory(tmp_path)
    place.put("heads/entries!0/000000/0000000000.json", b"nonsense")
    found = list(Published(place).heads("entries/0"))
    assert isinstance(found[0], Permanent)
    assert "0000000000.json" in str(found[0])


def test_a_directory_that_cannot_be_written_to_is_waited_for(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(Transient, match="cannot publish"):
        Directory(tmp_path / "file" / "below").put("keys/a.json", b"x")


def test_a_bucket_without_boto3_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(Invalid, match=r"whodid\[s3\]"):
        place_of("s3://bucket/prefix")


def test_a_head_that_was_published_before_a_crash_is_taken_over(tmp_path):
    """It was published, and the store has not got it: the next one follows from it."""
    logged = Logged(tmp_path)
    logged.message(0, [entry("a", 1)])
    logged.head()
    logged.store.command("TRUNCATE TABLE tree_heads")
    logged.again()
    assert logged.log("entries/0").number == 1
    assert logged.found() == []
    logged.message(0, [entry("a", 1)])
    assert not logged.log("entries/0").grown
    logged.store.close()


def test_two_writers_of_one_log_make_one_chain(tmp_path):
    """The old reader of a partition does not know yet that it has lost it: its leaves and heads fit."""
    first = Logged(tmp_path)
    first.message(0, [entry("a", 1)])
    first.head()
    second = Logged(tmp_path, first.store)
    for one in (first, second):
        one.message(1, [entry("b", 2)])
    second.message(2, [entry("c", 3)])
    assert second.head() == 1
    assert first.head() == 0
    first.message(2, [entry("c", 3)])
    first.message(3, [entry("d", 4)])
    first.head()
    assert first.found() == []
    assert first.verification.report.heads == 3
    first.store.close()


def test_a_head_in_the_topic_is_the_one_in_the_store(tmp_path):
    logged = Logged(tmp_path)
    logged.message(0, [entry("a", 1)])
    logged.head()
    key, value = logged.sent[0]
    assert key == "entries/0"
    stored = logged.store.rows("SELECT head, signature FROM tree_heads")[0]
    assert msgspec.json.decode(value)["head"] == stored[0]
    assert encoded(Published(Directory(tmp_path / "published")).at("entries/0", 0)) == value
    logged.store.close()
