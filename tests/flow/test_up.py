"""`whodid up` and `whodid demo` as a person runs them: they end when told to, and leave nothing behind."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from pipeline.kit.broker import free_port
from tests.flow.harness import wait_until


def processes(marker):
    """Command lines of all live processes whose environment or arguments hold the marker."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            try:
                with open(f"/proc/{name}/environ", "rb") as environ, open(f"/proc/{name}/cmdline", "rb") as line:
                    text, command = environ.read(), line.read()
            except OSError:
                continue
            if marker.encode() in text and command:
                found.append(command.replace(b"\0", b" ").decode())
    return found


def start(tmp_path, *arguments):
    environment = {**os.environ, "WHODID_DATA_DIR": str(tmp_path), "WHODID_PORT": str(free_port())}
    child = subprocess.Popen(
        [sys.executable, "-m", "pipeline", *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    return child, f"http://127.0.0.1:{environment['WHODID_PORT']}"


@pytest.fixture
def nothing_left(tmp_path):
    yield
    wait_until(lambda: not processes(str(tmp_path)), 20)


@pytest.mark.long
@pytest.mark.usefixtures("nothing_left")
def test_the_demo_ends_by_itself_and_tells_the_whole_story_each_time(tmp_path):
    for _ in range(2):
        child, _ = start(tmp_path, "demo", "--exit")
        out, err = child.communicate(timeout=120)
        assert child.returncode == 0, err
        for part in ("342 native records sent to four topics", "Chain of credentials", "bedrock:ListFoundationModels",
                     "ana@example.com", "user was in a tool result", "tool-chain-drift"):  # fmt: skip
            assert part in out, out


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_up_answers_and_ends_cleanly_when_told_to(tmp_path, how):
    child, address = start(tmp_path, "up")
    for _ in range(4):
        child.stdout.readline()
    with urllib.request.urlopen(address + "/healthz", timeout=5) as answer:
        assert answer.status == 200
    child.send_signal(how)
    _, err = child.communicate(timeout=30)
    assert child.returncode == 0, err


@pytest.mark.usefixtures("nothing_left")
def test_a_killed_parent_takes_everything_with_it(tmp_path):
    child, _ = start(tmp_path, "up")
    for _ in range(4):
        child.stdout.readline()
    assert len(processes(str(tmp_path))) >= 3
    child.kill()
    child.communicate()


@pytest.mark.usefixtures("nothing_left")
def test_a_port_in_use_is_told_in_one_line(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        environment = {**os.environ, "WHODID_DATA_DIR": str(tmp_path), "WHODID_PORT": str(taken.getsockname()[1])}
        done = subprocess.run(
            [sys.executable, "-m", "pipeline", "up"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )  # fmt: skip
    assert done.returncode == 3
    assert "Choose another with --port" in done.stderr
    assert "Traceback" not in done.stderr
