"""The fuzzer runs, ends by itself, and tells what became of its inputs; `make fuzz` runs it for a million of them."""

import importlib.util
import json
import subprocess
import sys

import pytest


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris has no wheel for this system")
def test_two_thousand_inputs_are_handled_as_all_must_be(tmp_path):
    command = [sys.executable, "-m", "tests.fuzz", "--runs", "2000"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["inputs"] == 2000
    assert min(told["events"], told["rejected"]) > 100
    assert told["microseconds"]["p50"] > 0
