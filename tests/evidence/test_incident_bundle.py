"""The bundle of an incident, taken out of a store with evidence, checked by the program in it alone."""

import json
import subprocess
import sys

import pytest

from pipeline.cli.desk import DeskReader
from pipeline.cli.remote import StoreReader
from pipeline.console.app import create
from pipeline.kit.config import Settings
from pipeline.run.bundle import proving
from pipeline.run.investigate import Investigation
from pipeline.simulate import incident
from pipeline.store import connect
from tests.console.browser import Served

START = 1_790_000_000_000_000


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    home = tmp_path_factory.mktemp("evidence")
    return Settings(data_dir=home, clickhouse=f"chdb://{home}/clickhouse", hash_key="0123456789abcdef")


@pytest.fixture(scope="module")
def store(settings):
    with connect(settings) as opened:
        Investigation(settings, opened).run(record for _, record in incident.records(START))
        yield opened


@pytest.fixture(params=["store", "desk"])
def reader(request, store, settings):
    if request.param == "store":
        yield StoreReader(store, settings)
        return
    with Served(create(store, settings, dict, None, lambda: proving(settings, store))) as port:
        yield DeskReader(f"http://127.0.0.1:{port}")


def check(folder):
    return subprocess.run([sys.executable, "verify.py", "."], cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("role", ["viewer", "analyst", "responder"])
def test_every_role_has_a_bundle_that_verifies(reader, role, tmp_path):
    given = {"clue": incident.truth(START).clue, "role": role}
    reader.bundle(given, tmp_path / "bundle", lambda *_: None)
    done = check(tmp_path / "bundle")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All of it verifies." in done.stdout
    whole = b"".join(one.read_bytes() for one in (tmp_path / "bundle").rglob("*") if one.is_file())
    for secret in (b"Please pay the invoices", b"4711", b"max_tokens"):
        assert (secret in whole) == (role != "viewer"), secret
    assert (tmp_path / "bundle" / "records").exists() == (role == "responder")


def test_what_is_changed_in_a_bundle_is_found_even_with_its_hash_in_the_manifest(store, settings, tmp_path):
    given = {"clue": incident.truth(START).clue, "role": "responder"}
    StoreReader(store, settings).bundle(given, tmp_path / "bundle", lambda *_: None)
    path = tmp_path / "bundle" / "timeline.jsonl"
    path.write_text(path.read_text().replace(incident.ELSEWHERE, "198.51.100.1"))
    assert "is not the file that the manifest lists" in check(tmp_path / "bundle").stdout
    manifest = json.loads((tmp_path / "bundle" / "manifest.json").read_text())
    import hashlib  # noqa: PLC0415

    data = path.read_bytes()
    manifest["files"]["timeline.jsonl"] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    (tmp_path / "bundle" / "manifest.json").write_text(json.dumps(manifest))
    done = check(tmp_path / "bundle")
    assert done.returncode == 1
    assert "address is not what was signed" in done.stdout


def test_a_store_without_evidence_has_bundles_that_say_so(store, settings, tmp_path):
    inside = Settings(data_dir=tmp_path, clickhouse="chdb://memory", hash_key="0123456789abcdef")
    assert proving(inside, store) is None
    StoreReader(store, inside).bundle({"clue": incident.truth(START).clue}, tmp_path / "bundle", lambda *_: None)
    assert not (tmp_path / "bundle" / "verify.py").exists()
    assert "without proofs" in (tmp_path / "bundle" / "report.html").read_text()
