"""A bundle verifies with nothing but verify.py; whatever is changed in it afterwards is found."""

import hashlib
import json
import shutil
import subprocess
import sys
import zipfile

import pytest

from pipeline.console import shapes
from pipeline.evidence import verify_bundle
from pipeline.evidence.keys import KeyFile
from pipeline.kit.failures import Invalid
from pipeline.report.content import withheld
from pipeline.run.bundle import export
from pipeline.run.inclusions import Proofs
from pipeline.store import evidence, parts
from pipeline.store.queries import events, record
from tests.evidence.logged import Logged, entry, story
from tests.evidence.logged import record as raw


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """Made once: two events, one of them revised, and a record, with their content; and the same without."""
    home = tmp_path_factory.mktemp("home")
    logged = story(Logged(home))
    KeyFile(logged.settings.evidence_key_file).rotate()
    logged.message(3, [entry("z", 9)])
    logged.head()
    folders = {shown: home / ("shown" if shown else "hidden") for shown in (True, False)}
    for shown, folder in folders.items():
        make(logged, folder, content=shown)
    logged.store.close()
    return folders


def make(logged, folder, *, content):
    folder.mkdir()
    done = export(logged.settings, logged.store, ["b", "c", "z"], ["7b"], folder, content=content)
    assert done == {"leaves": 5, "heads": 5, "keys": 2}
    rows = [shapes.entry(one) for one in events(logged.store, ["b", "c", "z"])]
    rows = rows if content else [withheld(row) for row in rows]
    (folder / "timeline.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    if content:
        (folder / "records").mkdir()
        (folder / "records" / "7b.json").write_bytes(record(logged.store, "7b").value)
    manifest(folder)


def manifest(folder):
    names = [path for path in folder.rglob("*") if path.is_file() and path.name != "manifest.json"]
    listed = {
        path.relative_to(folder).as_posix(): {
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "bytes": path.stat().st_size,
        } for path in names
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps({"files": listed}))


def run(place, *more):
    command = [sys.executable, "-I", str(place / "verify.py" if place.is_dir() else verify_bundle.__file__)]
    command += [*([] if place.is_dir() else [str(place)]), *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("shown", [True, False])
def test_it_verifies_as_a_folder_and_as_a_zip(bundle, tmp_path, shown):
    code, said = run(bundle[shown])
    assert code == 0, said
    assert "All of it verifies." in said
    assert f"({0 if shown else 3} with content withheld)" in said
    with zipfile.ZipFile(tmp_path / "bundle.zip", "w") as archive:
        for path in bundle[shown].rglob("*"):
            archive.write(path, path.relative_to(bundle[shown]))
    assert run(tmp_path / "bundle.zip") == (code, said)


def test_a_fingerprint_that_was_told_is_insisted_on(bundle):
    first = json.loads(json.loads((bundle[True] / "evidence/keys.jsonl").read_text().splitlines()[0])["statement"])
    assert run(bundle[True], "--key", first["key"])[0] == 0
    code, said = run(bundle[True], "--key", "ab" * 32)
    assert code == 1
    assert "no trusted key signed it" in said


def test_each_leaf_has_the_shape_of_ocsf(bundle):
    rows = [json.loads(line) for line in (bundle[True] / "evidence/record_integrity.jsonl").read_text().splitlines()]
    leaves = [json.loads(line) for line in (bundle[True] / "evidence/leaves.jsonl").read_text().splitlines()]
    assert len(rows) == len(leaves) == 5
    for row, leaf in zip(rows, leaves, strict=True):
        attestation = row["attestation_list"][0]
        assert attestation["fingerprint"] == {"algorithm": "SHA-256", "algorithm_id": 3, "value": leaf["hash"]}
        assert attestation["chain_uid"] == f"{leaf['log']}/{leaf['epoch']}"
        assert attestation["signatures"][0]["algorithm_id"] == 99
        assert row["unmapped"]["inclusion_proof"] == leaf["proof"]


def test_without_content_nothing_tells_it(bundle):
    everything = b"".join(path.read_bytes() for path in bundle[False].rglob("*") if path.is_file())
    assert b"send it" not in everything
    assert b"eve@example.com" not in everything
    leaves = [json.loads(line) for line in (bundle[False] / "evidence/leaves.jsonl").read_text().splitlines()]
    assert all(leaf["salt"] is None and leaf["content"] is None for leaf in leaves)


def columns():
    known = shapes.entry(entry("c"))
    return [name for name in known if name != "event_id"]


@pytest.mark.parametrize("name", columns())
def test_any_field_of_the_timeline(bundle, tmp_path, name):
    copy = shutil.copytree(bundle[True], tmp_path / "copy")
    rows = [json.loads(line) for line in (copy / "timeline.jsonl").read_text().splitlines()]
    rows[1][name] = "changed"
    (copy / "timeline.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    manifest(copy)
    code, said = run(copy)
    assert code == 1
    assert f"{name} is not what was signed" in said


def changed(path, old, new):
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))


@pytest.mark.parametrize(("file", "old", "new", "says"), [
    ("records/7b.json", b'"a"', b'"b"', "records/7b.json is not the record that was signed"),
    ("evidence/heads.jsonl", b'size\\":6', b'size\\":7', "its signature does not hold"),
    ("evidence/heads.jsonl", b'"signature": "', b'"signature": "00', "its signature does not hold"),
    ("evidence/keys.jsonl", b'public\\":\\"', b'public\\":\\"00', "WRONG"),
    ("evidence/leaves.jsonl", b'"index": 2', b'"index": 3', "is not the one that it says it is"),
    ("evidence/consistency.jsonl", b'"proof": ["', b'"proof": ["00', "WRONG"),
    ("timeline.jsonl", b'"event_id": "c"', b'"event_id": "d"', "event d has no leaf"),
    ("timeline.jsonl", b'"kind"', b'"more": 1, "kind"', "the leaf knows no more"),
])  # fmt: skip
def test_any_part_of_it(bundle, tmp_path, file, old, new, says):
    copy = shutil.copytree(bundle[True], tmp_path / "copy")
    changed(copy / file, old, new)
    code, said = run(copy)
    assert code == 1
    assert f"{file} is not the file that the manifest lists" in said
    manifest(copy)
    code, said = run(copy)
    assert code == 1
    assert says in said


def test_a_proof_that_is_another_leafs(bundle, tmp_path):
    copy = shutil.copytree(bundle[True], tmp_path / "copy")
    path = copy / "evidence/leaves.jsonl"
    leaves = [json.loads(line) for line in path.read_text().splitlines()]
    leaves[0]["proof"], leaves[1]["proof"] = leaves[1]["proof"], leaves[0]["proof"]
    path.write_text("".join(json.dumps(leaf) + "\n" for leaf in leaves))
    manifest(copy)
    assert run(copy)[0] == 1


def test_files_that_nobody_listed_and_files_that_are_missing(bundle, tmp_path):
    copy = shutil.copytree(bundle[True], tmp_path / "copy")
    (copy / "notes.txt").write_text("x")
    assert "not in the manifest: notes.txt" in run(copy)[1]
    (copy / "notes.txt").unlink()
    (copy / "records" / "7b.json").unlink()
    assert "missing: records/7b.json" in run(copy)[1]


def test_what_is_no_bundle_is_said_to_be_none(tmp_path):
    (tmp_path / "x.zip").write_bytes(b"nonsense")
    assert run(tmp_path / "x.zip") == (1, "WRONG not a bundle of whodid: BadZipFile('File is not a zip file')\n")


def test_its_names_are_those_of_the_leaves():
    assert tuple(verify_bundle.ENTRY) == parts.PLAIN
    assert tuple(verify_bundle.RECORD) == parts.RECORD_PLAIN
    assert tuple(verify_bundle.CONTENT) == parts.CONTENT


def test_proofs_of_a_log_of_many_tiles(tmp_path):
    logged = Logged(tmp_path)
    count = 0
    for offset in range(14):
        logged.message(offset, [entry(f"e{count + n}", count + n) for n in range(100)])
        count += 100
        if offset % 5 == 4:
            logged.head()
    logged.message(0, records=[raw("0a")], log="records/0")
    logged.head()
    proofs = Proofs(logged.store)
    for leaf in evidence.span(logged.store, "entries/0", 0, 0, count)[::37]:
        proof = proofs.of(leaf)
        head = proof.head.fields
        assert head.size in (500, 1000, 1400)
        found = verify_bundle.root_of(
            bytes.fromhex(leaf.hash), leaf.index, head.size, [bytes.fromhex(one) for one in proof.hashes]
        )
        assert found.hex() == head.root
    with pytest.raises(Invalid, match="entry_id"):
        export(logged.settings, logged.store, ["nobody"], [], tmp_path / "none", content=True)
    assert logged.found() == []
    logged.store.close()
