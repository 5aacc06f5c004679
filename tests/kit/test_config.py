"""One file, the environment and the command line become the settings; what is wrong is said with key, place and fix."""

import logging
import os

import pytest
from pydantic import ValidationError

from pipeline.kit.config import Settings, faults, place
from pipeline.kit.config.given import Misconfigured, of_file
from pipeline.kit.config.option import hidden, without_password


@pytest.fixture
def written(tmp_path, monkeypatch):
    """A file of settings."""
    path = tmp_path / "whodid.toml"

    def write(text, mode=0o644):
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
        monkeypatch.setenv("WHODID_CONFIG", str(path))
        return path

    return write


def refused(match="WHODID_"):
    return pytest.raises(Misconfigured, match=match)


def test_the_command_line_wins_over_the_environment_that_over_the_file(written, monkeypatch):
    written('[kafka]\nbootstrap = "file:9092"\npartitions = 8\nreplication = 3\n')
    monkeypatch.setenv("WHODID_PARTITIONS", "16")
    monkeypatch.setenv("WHODID_BOOTSTRAP", "variable:9092")
    found = Settings(bootstrap="given:9092")
    assert (found.bootstrap, found.partitions, found.replication, found.port) == ("given:9092", 16, 3, 8470)


def test_each_setting_has_a_place_of_its_own_in_the_file_and_is_read_from_there(written):
    known = Settings.options()
    assert len({one.place for one in known.values()}) == len(known)
    assert all(one.table and one.key and one.meaning for one in known.values())
    values = {"whole number": 7, "number": 0.5, "path": '"x"', "text": '"x"', "true or false": "true"}
    tables: dict[str, list[str]] = {}
    for one in known.values():
        tables.setdefault(one.table, []).append(f"{one.key} = {values[one.type]}")
    path = written("\n".join(f"[{table}]\n" + "\n".join(keys) for table, keys in tables.items()))
    found = of_file(known, os.environ)
    assert (set(found.values), found.faults) == (set(known), [])
    assert found.values["rules"].value == path.parent / "x", "a relative path is one beside the file"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[kafka]\n\nboostrap = 'x'", r"whodid.toml:3 kafka.boostrap: .* did you mean kafka.bootstrap\?"),
        ("[kafka]\ngrace = 1", r"whodid.toml:2 kafka.grace: .* correlation.grace, got it in \[kafka\]"),
        ("bootstrap = 'x'", r"whodid.toml:1 bootstrap: .* kafka.bootstrap, got it in no table"),
        ("[oidc]\noidc_issuer = 'x'", r"oidc.oidc_issuer: .* oidc.issuer"),
        ("[kafka]\npartitions = [1]", "kafka.partitions: expected a whole number"),
        ("[content]\nhash_key = 7", "content.hash_key: expected a text in quotes$"),
        ("[kafka\n", "expected TOML: .*line 1"),
        ("[zzz]\nqqq = 1", "zzz.qqq: .*`whodid config explain` lists all"),
    ],
)
def test_a_key_that_is_none_names_file_line_and_fix(written, text, said):
    written(text)
    with refused(said):
        Settings()


def test_a_wrong_value_names_the_line_where_it_stands_and_no_secret(written, monkeypatch):
    written('[kafka]\npartitions = 0\n[clickhouse]\nurl = "mysql://root:hunter2@db"\n')
    with pytest.raises(ValidationError) as found:
        Settings()
    told = str(faults.misconfigured(found.value, {}))
    assert "setting partitions (" in told
    assert "whodid.toml:2): Input should be greater" in told
    assert "whodid.toml:4): Value error, expected chdb://" in told
    assert "hunter2" not in told


def test_a_variable_that_is_none_is_refused_and_all_faults_are_told_at_once(monkeypatch):
    monkeypatch.setenv("WHODID_BOOTSTRP", "x")
    monkeypatch.setenv("WHODID_HASHKEY_FILE", "x")
    monkeypatch.setenv("WHODID_TEST_SOMETHING", "is for tests")
    with refused() as found:
        Settings()
    assert found.value.faults == [
        "WHODID_BOOTSTRP: expected a variable of a setting: did you mean WHODID_BOOTSTRAP?",
        "WHODID_HASHKEY_FILE: expected a variable of a setting: did you mean WHODID_HASH_KEY_FILE?",
    ]


@pytest.mark.parametrize("mode", [0o664, 0o646])
def test_a_file_that_somebody_else_can_write_to_is_refused(written, mode):
    path = written("[kafka]\nprefix = 'x'", mode)
    with refused(f"nobody else can write to.*chmod go-w.*{mode:04o}"):
        Settings()
    path.chmod(0o644)
    assert Settings().prefix == "x"


def test_the_file_is_the_named_one_or_the_first_of_the_usual_places(tmp_path, monkeypatch):
    usual = tmp_path / "whodid" / "whodid.toml"
    usual.parent.mkdir()
    usual.write_text("[kafka]\nprefix = 'usual-'")
    usual.chmod(0o600)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert Settings().prefix == "", "an empty WHODID_CONFIG is none"
    monkeypatch.delenv("WHODID_CONFIG")
    assert Settings().prefix == "usual-"
    assert place.default_places(os.environ)[1].as_posix() == "/etc/whodid/whodid.toml"
    monkeypatch.setenv("WHODID_CONFIG", str(tmp_path / "none.toml"))
    with refused("WHODID_CONFIG: expected a TOML file that is there"):
        Settings()


def test_a_secret_comes_out_of_a_file_without_the_end_of_its_line(written, tmp_path, monkeypatch, caplog):
    secret = tmp_path / "key"
    secret.write_text("correct horse\n")
    secret.chmod(0o600)
    written('[content]\nhash_key_file = "key"\n')
    monkeypatch.setenv("WHODID_API_KEY_FILE", str(secret))
    found = Settings()
    assert (found.hash_key, found.api_key) == ("correct horse", "correct horse")
    assert not caplog.records
    secret.chmod(0o644)
    with caplog.at_level(logging.WARNING, "whodid"):
        Settings()
    assert "chmod o-r" in caplog.text
    assert "horse" not in caplog.text
    assert "horse" not in repr(found)


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", b"x" * 70_000])
def test_a_file_that_holds_no_secret_is_refused_by_name(tmp_path, monkeypatch, content):
    (tmp_path / "key").write_bytes(content)
    monkeypatch.setenv("WHODID_HASH_KEY_FILE", str(tmp_path / "key"))
    with refused("WHODID_HASH_KEY_FILE: expected a file with"):
        Settings()


def test_a_secret_and_its_file_cannot_both_be_given(written, tmp_path, monkeypatch):
    (tmp_path / "key").write_text("x")
    written('[desk]\napi_key = "y"\napi_key_file = "key"\n')
    monkeypatch.setenv("WHODID_HASH_KEY", "y")
    monkeypatch.setenv("WHODID_HASH_KEY_FILE", str(tmp_path / "key"))
    with refused("WHODID_HASH_KEY_FILE: expected either"):
        Settings()
    monkeypatch.delenv("WHODID_HASH_KEY_FILE")
    with refused("whodid.toml:3 desk.api_key_file: expected either"):
        Settings()


def test_another_process_gets_the_same_settings_whatever_the_file_says(written, tmp_path, monkeypatch):
    (tmp_path / "key").write_text("from a file")
    written('[kafka]\nprefix = "file-"\n[detections]\nrules = "r"\n')
    monkeypatch.setenv("WHODID_HASH_KEY_FILE", str(tmp_path / "key"))
    first = Settings(prefix="", rules=None, port=1)
    for name, value in first.environment().items():
        monkeypatch.setenv(name, value)
    assert Settings().model_dump() == first.model_dump()


def test_what_is_shown_of_a_secret_or_an_address_has_no_password_in_it():
    known = Settings.options()
    assert hidden(known["hash_key"], "x") == "***"
    assert hidden(known["hash_key"], "") == ""
    assert hidden(known["prefix"], "x") == "x"
    assert hidden(known["clickhouse"], "http://u:p@h:1/db") == "http://u:***@h:1/db"
    assert without_password("https://u:p@ss/w?rd@h/db?password=x&a=y") == "https://u:***@h/db?password=***&a=***"
    assert without_password("chdb:///a/b") == "chdb:///a/b"
