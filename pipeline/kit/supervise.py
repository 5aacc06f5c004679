"""A command becomes one that cannot outlive whoever started it: `python supervise.py SECONDS COMMAND…`.

The starter holds the write end of this process's standard input. However it ends, SIGKILL included, the kernel
closes that end, and the command is asked to end; after SECONDS it is killed. Only the standard library is imported,
so that this starts in no time.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys

#: Seconds between two looks at the command.
LOOK = 0.1
PR_SET_PDEATHSIG = 1


def main(patience: float, command: list[str]) -> int:
    """Run the command until it ends, standard input is closed, or SIGTERM comes; returns its exit status."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    starter = os.getppid()
    # This process has one thread, so running code between fork and exec is safe.
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=_die_with_parent)  # noqa: PLW1509
    try:
        while child.poll() is None:
            readable, _, _ = select.select([0], [], [], LOOK)
            if (readable and not os.read(0, 1024)) or os.getppid() != starter:
                break
    finally:
        end(child, patience)
    return child.returncode


def end(child: subprocess.Popen[bytes], patience: float) -> None:
    """Ask a process to end, and after `patience` seconds make it."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(patience)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _die_with_parent() -> None:
    """Linux: the command gets SIGKILL when this process is killed before it could end the command."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
