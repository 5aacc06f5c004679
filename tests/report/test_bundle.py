"""The bundle as a whole: all or nothing, the same bytes each time, and nothing that a role may not have."""

import hashlib
import json
import zipfile
from pathlib import Path

import msgspec
import pytest

from pipeline.kit.failures import Invalid
from pipeline.report.bundle import write
from pipeline.report.content import ROLES
from pipeline.store import shapes
from schemas.event import Argument
from schemas.incident import Incident
from tests.report import hostile
from tests.report.incidents import Case, case

KEY = b"0123456789abcdef"
FILES = {
    "README.txt", "graph.graphml", "incident.json", "manifest.json", "ocsf.jsonl", "parts.jsonl", "report.html",
    "report.md", "timeline.jsonl", "timesketch.csv", "timesketch.jsonl",
}  # fmt: skip


def written(made: Case, target: Path, content="full", **more):
    return write(made.incident, made.entries, made.records, target, content=content, key=KEY, **more)


def contents(folder: Path) -> dict[str, bytes]:
    return {one.relative_to(folder).as_posix(): one.read_bytes() for one in sorted(folder.rglob("*")) if one.is_file()}


@pytest.mark.parametrize("made", [case, hostile.case])
def test_the_manifest_has_every_other_file_with_its_hash_and_size(made, tmp_path):
    found = written(made(), tmp_path / "out")
    files = contents(tmp_path / "out")
    stated = json.loads(files.pop("manifest.json"))
    assert stated == msgspec.to_builtins(found) | {"incident_id": stated["incident_id"]}
    assert stated["files"] == {
        name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)} for name, data in files.items()
    }
    assert set(files) | {"manifest.json"} == FILES | {f"records/{one.record_id}" for one in made().records}
    assert (stated["content"], stated["cutoff"]) == ("full", 0.5)


@pytest.mark.parametrize("made", [case, hostile.case])
def test_two_writings_of_one_incident_are_equal_byte_for_byte(made, tmp_path):
    one = made()
    written(one, tmp_path / "a")
    written(one._replace(entries=one.entries[::-1]), tmp_path / "b")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    written(one, tmp_path / "a.zip")
    written(one, tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_the_archive_has_the_files_of_the_folder(tmp_path):
    written(case(), tmp_path / "a")
    written(case(), tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == contents(tmp_path / "a")
        assert {one.date_time for one in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_timeline_is_what_the_api_shows_and_the_incident_reads_back(tmp_path):
    made = case()
    written(made, tmp_path / "out")
    lines = (tmp_path / "out/timeline.jsonl").read_text().splitlines()
    ordered = sorted(made.entries, key=lambda one: (one.event.time, one.event.event_id))
    assert [json.loads(one) for one in lines] == [shapes.entry(one) for one in ordered]
    assert msgspec.json.decode((tmp_path / "out/incident.json").read_bytes(), type=Incident) == made.incident
    parts = (tmp_path / "out/parts.jsonl").read_text().splitlines()
    assert [json.loads(one) for one in parts] == [msgspec.to_builtins(one) for one in made.incident.parts]


def test_raw_records_are_as_stored(tmp_path):
    made = case()
    written(made, tmp_path / "out")
    for one in made.records:
        assert (tmp_path / "out/records" / one.record_id).read_bytes() == one.value


class Stop(BaseException):
    """As Ctrl-C is none of Exception's."""


@pytest.mark.parametrize("target", ["out", "out.zip"])
@pytest.mark.parametrize("at", ["report.html", "graph.graphml", "proof"])
def test_what_is_interrupted_leaves_nothing(target, at, tmp_path):
    def progress(name, number, of):
        assert 0 < number <= of
        if name == at:
            raise Stop

    def prove(folder):
        assert (folder / "records").is_dir()
        raise Stop

    with pytest.raises(Stop):
        written(case(), tmp_path / target, progress=progress, prove=prove if at == "proof" else None)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_not_overwritten(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there/file").write_text("mine")
    (tmp_path / "there.zip").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name, expected in (
        ("there", "folder"),
        ("there.zip", "a file that is not there yet"),
        ("file", "folder"),
        ("link", ""),
    ):
        with pytest.raises(Invalid, match=f"out: expected .*{expected}"):
            written(case(), tmp_path / name)
    assert (tmp_path / "there/file").read_text() == (tmp_path / "there.zip").read_text() == "mine"
    (tmp_path / "empty").mkdir()
    written(case(), tmp_path / "empty")
    assert (tmp_path / "empty/report.html").exists()


def test_only_its_owner_can_read_it(tmp_path):
    written(case(), tmp_path / "out")
    written(case(), tmp_path / "out.zip")
    assert (tmp_path / "out").stat().st_mode & 0o077 == (tmp_path / "out.zip").stat().st_mode & 0o077 == 0


def test_proofs_are_part_of_the_manifest_and_the_texts_speak_of_them(tmp_path):
    def prove(folder):
        (folder / "evidence").mkdir()
        (folder / "evidence/tree.json").write_text("{}")
        (folder / "verify.py").write_text("print(1)")

    found = written(case(), tmp_path / "out", prove=prove)
    assert {"evidence/tree.json", "verify.py"} <= found.files.keys()
    for name in ("README.txt", "report.html", "report.md"):
        assert "verify" in (tmp_path / "out" / name).read_text(), name
    written(case(), tmp_path / "without")
    for name in ("README.txt", "report.html", "report.md"):
        assert "without proofs" in (tmp_path / "without" / name).read_text(), name


def test_a_record_whose_id_is_no_name_of_a_file_is_refused(tmp_path):
    made = case()
    for name in ("../../evil", "", "a/b", "..", "a" * 200):
        records = [msgspec.structs.replace(made.records[0], record_id=name)]
        with pytest.raises(Invalid, match="record_id"):
            written(made._replace(records=records), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


TEXT, VALUE, SHORT, RAW = "PLANTED-TEXT of the prompt, word for word", "PLANTED-VALUE-7788", "zq17x", "PLANTED-RAW"


def planted() -> Case:
    """The incident with texts that are quoted wherever an incident can quote."""
    made = case()
    at = next(number for number, one in enumerate(made.entries) if one.event.action == "http_post")
    arguments = [Argument("url", VALUE), Argument("pin", SHORT)]
    event = msgspec.structs.replace(
        made.entries[at].event, text=TEXT, arguments=arguments, error="PLANTED-ERROR-1",
        attributes={"note": "PLANTED-NOTE-1"},
    )  # fmt: skip
    made.entries[at] = msgspec.structs.replace(made.entries[at], event=event)
    records = [msgspec.structs.replace(made.records[0], value=RAW.encode()), *made.records[1:]]
    quoting = f'it said "{TEXT[:30]}…" to {VALUE}, with {SHORT}, PLANTED-ERROR-1 and PLANTED-NOTE-1'
    found = made.incident
    found.summary, found.title, found.limits = [quoting], quoting, [quoting]
    found.story[0].sentence = found.roots[0].sentence = found.roots[0].name = found.edges[0].sentence = quoting
    found.gaps[0].what = found.gaps[0].why = found.missed[0].why = found.strands[0].why = quoting
    found.frameworks, found.reach.transfers[0].value = {"ASI01": quoting}, VALUE
    found.reach.credentials[0].caveat = quoting
    return made._replace(records=records)


@pytest.mark.parametrize(
    ("content", "kept"), [("hashes", ()), ("masked", (TEXT, VALUE, SHORT)), ("full", (TEXT, VALUE, RAW))]
)
def test_a_role_finds_what_it_may_have_and_nothing_else_anywhere(content, kept, tmp_path):
    written(planted(), tmp_path / "out", content)
    everything = b"\n".join(contents(tmp_path / "out").values()).decode()
    for text in kept:
        assert text in everything, text
    for text in {TEXT, TEXT[:20], VALUE, SHORT, RAW, "PLANTED"} if content == "hashes" else {RAW} - set(kept):
        assert text not in everything, text
    assert (tmp_path / "out/records").exists() == (content == "full")
    assert json.loads((tmp_path / "out/manifest.json").read_text())["content"] == content


def test_equal_texts_have_equal_hashes_and_names_stay(tmp_path):
    written(planted(), tmp_path / "out", "hashes")
    rows = [json.loads(one) for one in (tmp_path / "out/timeline.jsonl").read_text().splitlines()]
    post = next(one for one in rows if one["action"] == "http_post")
    transfer = json.loads((tmp_path / "out/incident.json").read_text())["reach"]["transfers"][0]
    assert post["text"].startswith("[withheld ")
    assert post["arguments"][0]["value"] == transfer["value"] != post["arguments"][1]["value"]
    assert "prod/erp" in (tmp_path / "out/report.md").read_text(), "a resource, though it is an argument too"
    for name in ("report.html", "report.md", "README.txt"):
        assert "withheld" in (tmp_path / "out" / name).read_text(), name


def test_words_that_a_sentence_has_of_its_own_stay_unless_they_are_quoted(tmp_path):
    made = planted()
    event = made.entries[-1].event
    made.entries[-1] = msgspec.structs.replace(made.entries[-1], event=msgspec.structs.replace(event, text="hunter"))
    made.incident.summary = ["a hunter was there", 'it sent "hunter" away', "It said `hunter`."]
    written(made, tmp_path / "out", "hashes")
    found = json.loads((tmp_path / "out/incident.json").read_text())["summary"]
    assert found == ["a hunter was there", 'it sent "[withheld]" away', "It said `[withheld]`."]


def test_without_a_key_nothing_stands_for_a_text(tmp_path):
    made = planted()
    write(made.incident, made.entries, made.records, tmp_path / "out", content="hashes")
    assert '"text":"[withheld]"' in (tmp_path / "out/timeline.jsonl").read_text()


def test_every_role_of_the_console_has_its_content():
    assert ROLES == {"admin": "full", "responder": "full", "analyst": "masked", "viewer": "hashes"}


@pytest.mark.parametrize("content", ["full", "hashes"])
def test_files_that_people_open_in_terminals_command_none(content, tmp_path):
    written(hostile.case(), tmp_path / "out", content)
    for name in FILES:
        text = (tmp_path / "out" / name).read_bytes().decode()
        assert not {"\x1b", "\u202e", "\u200b", "\x00", "\x7f", "\x9b", "\u2028"} & set(text), name
